"""A clinic as commands meet it: a settings file, and a store that the real verbs and the real policy have filled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from ari_app.board import Actor, Face, Role
from ari_app.cli import main
from ari_app.clock import SystemClock
from ari_app.contacts.importing import Door
from ari_app.contacts.sync import Sync
from ari_app.control import ControlServer, NotRunningError, ServiceStatus, service_status, socket_path
from ari_app.desk import Desk
from ari_app.errors import NotFoundError
from ari_app.model import AnsweredBy, Call, Inbound, Outcome, Presentation, Reached, Reaction
from ari_app.policy import Policy
from ari_app.settings import Settings, load
from ari_app.standing import Standing
from ari_app.threads import Store
from modem.pdu import submit
from modem.sim_pdu import encode_deliver, encode_report
from modem.types import NotSent, Refused, SendResult, Sent, Unknown
from tests.threads.world import ALICE, BOB, START, HandClock, a_call, raw

ANNE = Actor(member=None, name="Anne", role=Role.STAFF, face=Face.SHELL)
CAROL, DAVE, ERIN, FRANK = "+15145550103", "+15145550104", "+15145550105", "+15145550106"
PRIVATE = "J'ai mal à la dent du fond depuis hier soir 🙂"

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in Path(__file__).parent.glob("*.schema.json")}
_REGISTRY: Registry[Any] = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items())


def holds(command: str, document: object) -> None:
    """Hold an answer to its schema; what differs is the failure."""
    validator = Draft202012Validator(SCHEMAS[f"{command}.schema.json"], registry=_REGISTRY)
    wrong = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
    assert wrong == [], json.dumps(document, indent=1, ensure_ascii=False)


def write_settings(folder: Path, extra: str = "") -> Path:
    """A settings file for a store in ``folder``, readable by its owner only."""
    path = folder / "textback.toml"
    path.write_text(
        f"""
[clinic]
name = "Clinique"
number = "+15145550199"
[pbx]
ari = "http://127.0.0.1:9"
username = "textback"
password = "p4ssw0rd-of-ari"
[store]
path = "{folder / "textback.db"}"
[[line]]
did = ["5145550210"]
name = "lab"
{extra}
""",
        "utf-8",
    )
    path.chmod(0o600)
    return path


class Day:
    """A day at the clinic, told to the store call by call."""

    def __init__(self, store: Store, settings: Settings, clock: HandClock) -> None:
        self.store = store
        self.policy = Policy(settings)
        self.clock = clock
        self._references = iter(range(256))

    async def call(self, number: str | None = ALICE, *, lasts: float = 20.0, **changes: Any) -> Call:
        """A call that ends now, filed as the service files it."""
        call = a_call(number, ended=self.clock.at, started=self.clock.at - timedelta(seconds=lasts), **changes)
        line = self.policy.line_name(call.did)
        await self.store.record_call(call, lambda filed, known: self.policy.decide(filed, known, self.clock.at), line=line)
        self.clock.move(seconds=40)
        return call

    async def send_all(self, *results: SendResult) -> None:
        """Send what is due, each part with the next result; the last one stays."""
        planned = list(results)
        agenda = await self.store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
        for due in agenda.due:
            claimed = await self.store.claim(due.id, self.policy.decide, submit, live=False)
            for part in claimed.parts if claimed else ():
                result = planned.pop(0) if len(planned) > 1 else planned[0]
                if isinstance(result, NotSent):
                    await self.store.release(due.id, result)
                    break
                attempt = await self.store.begin_attempt(part.id, modem="gsm1")
                assert attempt is not None
                if not await self.store.finish_attempt(attempt, result):
                    break
        self.clock.move(seconds=5)

    async def text(self, number: str, words: str, *, parts: int | None = None) -> None:
        """A text from a caller comes in; of a long one only the first ``parts``."""
        for pdu in encode_deliver(number, words, self.clock.at, reference=next(self._references))[:parts]:
            await self.store.keep(raw(pdu, self.clock.at), self._react)
        self.clock.move(seconds=5)

    async def report(self, number: str, reference: int, status: int) -> None:
        pdu = encode_report(reference, number, self.clock.at, self.clock.at, status)
        await self.store.keep(raw(pdu, self.clock.at), self._react)
        self.clock.move(seconds=5)

    def _react(self, inbound: Inbound) -> Reaction:
        return self.policy.react(inbound, self.clock.at, {})


async def fill(config: Path) -> None:
    """Something of everything a store can hold."""
    settings = load(config)
    clock = HandClock(START)
    store = Store(settings.store.path, clock, country=settings.clinic.country)
    await store.open()
    day = Day(store, settings, clock)
    await day.call(ALICE)
    await day.send_all(Sent(11))
    await day.report(ALICE, 11, 0)
    await day.text(ALICE, PRIVATE)
    await day.call(ALICE)
    await day.call(BOB, reached=Reached.VOICEMAIL, voicemail_left=True)
    await day.send_all(Unknown("the modem was lost"))
    await day.call(CAROL, did="5145550210")
    await day.send_all(Refused("cms_28", "unidentified subscriber", permanent=True, number_at_fault=True))
    await day.call(CAROL)
    await day.call(DAVE)
    await day.send_all(NotSent("no prompt"))
    await day.text(DAVE, "STOP")
    await day.call(DAVE)
    await day.text(ERIN, "Un très long texto " * 20, parts=1)
    clock.move(days=2)
    await store.settle_partials(lambda _: Reaction())
    await day.call(ALICE, outcome=Outcome.ANSWERED, answered_by=AnsweredBy.EXTENSION, rang=4.0, lasts=90)
    await day.call(FRANK, outcome=Outcome.ANSWERED, answered_by=AnsweredBy.OUTSIDE, rang=4.0, lasts=90)
    await day.call(None, presented="anonymous")
    await day.call(ERIN, presentation=Presentation.PROHIBITED)
    await day.call(ERIN, outcome=Outcome.UNSEEN, rang=0.0)
    await day.call(FRANK, rang=1.0, lasts=1)
    await Desk(store, Standing(settings), clock).send(ERIN, "Bonjour, c'est la clinique.\nRappelez-nous.", act="desk-1", by=ANNE)
    await day.call(FRANK)
    await store.close()


def run(config: Path, *args: str, **options: Any) -> Result:
    """A command in this process."""
    # a test runner's own COLUMNS (pytest-xdist's workers have one) is no terminal's
    options["env"] = {"COLUMNS": None, **options.get("env", {})}
    return CliRunner().invoke(main, ["--config", str(config), *args], **options)


def answer(config: Path, command: str, *args: str) -> Any:
    """The document a command prints with --json, held to its schema."""
    result = run(config, command, *args, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    document = json.loads(result.stdout)
    holds(command, document)
    return document


def error(config: Path, *args: str, code: int = 1) -> dict[str, str]:
    """The error a command prints with --json, held to its schema and told as one line without --json."""
    result = run(config, *args, "--json")
    assert result.exit_code == code, result.output
    assert result.stderr == ""
    document = json.loads(result.stdout)
    holds("error", document)
    plain = run(config, *args)
    assert plain.exit_code == code
    assert plain.stdout == ""
    assert "Traceback" not in plain.stderr
    if code == 1:
        assert len(plain.stderr.splitlines()) == 1
        assert document["error"]["fix"]
    found: dict[str, str] = document["error"]
    return found


def program(config: Path | None, *args: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A command as a process of its own."""
    named: Sequence[str] = () if config is None else ("--config", str(config))
    command = [sys.executable, "-m", "ari_app", *named, *args]
    surroundings = {key: value for key, value in os.environ.items() if key not in ("TEXTBACK_CONFIG", "NO_COLOR", "COLUMNS")}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    return subprocess.run(command, env=surroundings | (env or {}), check=False, **options)


async def no_unlock(modem: str) -> str:
    """A service without modems."""
    raise NotFoundError(f"there is no modem {modem}", "plug one in", code="no_modem")


@contextlib.contextmanager
def service(config: Path, status: ServiceStatus) -> Iterator[Store]:
    """The part of the running service that commands meet: store and control socket, on a loop of their own in another thread."""
    settings = load(config)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="service")
    thread.start()
    path = settings.store.path
    store = Store(path, SystemClock(), country=settings.clinic.country)

    async def start() -> asyncio.Task[None]:
        await store.open()
        desk, door = (
            Desk(store, Standing(settings), SystemClock()),
            Door(store.contacts, Sync(settings, store.contacts, SystemClock()), ANNE),
        )
        server = ControlServer(socket_path(path), desk, lambda: status, no_unlock, contacts=door)
        task = asyncio.create_task(server.run())
        async with asyncio.timeout(20):
            while not task.done():
                with contextlib.suppress(NotRunningError):
                    await service_status(path)
                    return task
                await asyncio.sleep(0.005)
        task.result()
        return task

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()
        await loop.shutdown_default_executor()

    def here(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    try:
        task = here(start())
        try:
            yield store
        finally:
            here(stop(task))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
