"""textback itself, on a lab: the service under its supervisor, its command line, and the simulated modem's handsets.

One piece for the demo, the tests of the whole and the benches.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ari_app.control import service_status
from ari_app.errors import TextbackError
from tests.lab.install import install_dialplan
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.supervise import Supervisor

__all__ = ["Stage", "stage", "toml", "until"]

CHECKOUT = Path(__file__).resolve().parents[2]
TEXTBACK = (sys.executable, "-m", "ari_app")


class Stage:
    """A running service and hands to use it. ``folder`` holds its settings, its log and its store."""

    def __init__(self, lab: Lab, settings: Path, supervisor: Supervisor, environ: Mapping[str, str], inside: Sequence[str] = ()) -> None:
        self.lab = lab
        self._inside = tuple(inside)
        self.settings = settings
        self.supervisor = supervisor
        self._environ = dict(environ)
        self._watching: sqlite3.Connection | None = None
        self._looked: dict[tuple[str, ...], tuple[int, Any]] = {}

    @property
    def log(self) -> Path:
        return self.settings.parent / "textback.log"

    @property
    def store(self) -> Path:
        return Path(tomllib.loads(self.settings.read_text(encoding="utf-8"))["store"]["path"])

    async def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """The command line as an administrator uses it: exit status, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *self._inside,
            *TEXTBACK,
            "--config",
            str(self.settings),
            *arguments,
            cwd=CHECKOUT,
            env=self._environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        return process.returncode or 0, out.decode(), err.decode()

    async def ask(self, *arguments: str) -> Any:
        """The command line with --json. Raises LabError when it fails."""
        status, out, err = await self.run(*arguments, "--json")
        if status:
            raise LabError(f"textback {' '.join(arguments)} ended with {status}: {out.strip() or err.strip()}")
        return json.loads(out)

    async def look(self, *arguments: str) -> Any:
        """As ``ask``, of what stands in the store, again and again: it is run anew when the store was written to since the last time."""
        if self._watching is None:
            self._watching = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        (version,) = self._watching.execute("PRAGMA data_version").fetchone()
        if self._looked.get(arguments, (None,))[0] != version:
            self._looked[arguments] = version, await self.ask(*arguments)
        return self._looked[arguments][1]

    def close(self) -> None:
        if self._watching is not None:
            self._watching.close()
            self._watching = None

    async def modem(self, do: str, **arguments: Any) -> Any:
        """A command to the simulated modem. Raises LabError when it refuses."""
        reader, writer = await asyncio.open_unix_connection(self.lab.modem_control, limit=1 << 24)
        try:
            writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            await writer.drain()
            answer = json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
        if not answer.pop("ok"):
            raise LabError(f"the simulated modem: {answer['error']}")
        return answer.get("result", answer)

    async def handset(self, number: str, count: int = 1, patience: float = 30.0) -> list[dict[str, Any]]:
        """What this handset received, once it is at least ``count`` texts. Raises LabError."""
        texts = await self.modem("wait", number=number, count=count, timeout=patience)
        return list(texts)

    async def ready(self, patience: float = 30.0) -> None:
        """Wait until it is what doctor calls ready: on the PBX, with every modem on its network.

        Raises LabError with what doctor says else.
        """
        await self.supervisor.ready(patience)
        try:
            await until("a service that is ready", self._is_ready, patience, 0.05)
        except LabError:
            _, out, err = await self.run("doctor", "--json")
            raise LabError(f"the service is not ready: {out or err}\n{self.supervisor.log_end()}") from None

    async def _is_ready(self) -> bool:
        with contextlib.suppress(TextbackError):
            told = await service_status(self.store)
            return told.pbx.connected and bool(told.modems) and all(each.registered for each in told.modems)
        return False


@asynccontextmanager
async def stage(
    lab: Lab, folder: Path, changes: Mapping[str, Any] | None = None, *, ready: bool = True, inside: Sequence[str] = ()
) -> AsyncIterator[Stage]:
    """The service on a lab until the block ends. ``changes`` are laid over the lab's own settings, table by table; None takes a key away.

    ``inside``: the words before the command, which put it elsewhere (``ip netns exec NAME``).
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 (before anything runs)
    document = tomllib.loads(lab.settings())
    document["store"] = {"path": str(folder / "textback.db")}
    for table, keys in (changes or {}).items():
        if isinstance(keys, Mapping):
            laid = {**document.get(table, {}), **keys}
            document[table] = {key: value for key, value in laid.items() if value is not None}
        else:
            document[table] = keys
    settings = folder / "textback.toml"
    settings.write_text(toml(document), encoding="utf-8")
    await install_dialplan(lab)
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    supervisor = Supervisor(
        [*inside, *TEXTBACK, "--config", str(settings), "run"], log=folder / "textback.log", pause=0.1, folder=CHECKOUT, environ=environ
    )
    async with supervisor:
        with contextlib.closing(Stage(lab, settings, supervisor, environ, inside)) as staged:
            if ready:
                await staged.ready()
            yield staged


def toml(document: Mapping[str, Any]) -> str:
    """A settings document as TOML: tables, arrays of tables, and values whose JSON is TOML too."""
    lines: list[str] = []

    def table(path: str, keys: Mapping[str, Any], head: str) -> None:
        lines.append(head)
        nested = [(key, value) for key, value in keys.items() if isinstance(value, Mapping) or _tables(value)]
        lines.extend(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items() if (key, value) not in nested)
        for key, value in nested:
            inner = f"{path}.{key}" if path else key
            if isinstance(value, Mapping):
                table(inner, value, f"[{inner}]")
            else:
                for each in value:
                    table(inner, each, f"[[{inner}]]")

    table("", document, "")
    return "\n".join(lines) + "\n"


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


async def until(what: str, check: Callable[[], Any], patience: float = 30.0, pause: float = 0.1) -> Any:
    """Poll an async or plain check until it gives something true. Raises LabError saying what was waited for."""
    found: Any = None
    try:
        async with asyncio.timeout(patience):
            while True:
                found = check()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(pause)
    except TimeoutError:
        raise LabError(f"{what} did not happen within {patience:g} s (last: {found!r})") from None
