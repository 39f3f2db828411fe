"""The service's way with a text, in a process that SIGKILL ends at one exact step of it."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ari_app.clock import SystemClock
from ari_app.outbox import Outbox
from ari_app.threads import Store
from ari_app.threads.database import Database, Transaction
from modem.at import Dialogue
from modem.driver import SerialModem
from modem.types import RawPdu
from tests.backup.clinic import killed_at
from tests.faults.steps import Step
from tests.lab.stage import CHECKOUT
from tests.modem.conftest import QUICK
from tests.outbox_child import Door
from tests.threads.world import Clerk

__all__ = ["Handsets", "House", "a_house", "a_simulator", "dies_at", "until"]

_EVENT = "textback.step"
_UNHURRIED = replace(QUICK, command=10.0, slow=10.0, store=10.0, sim=10.0, prompt=10.0, result=20.0)
"""On a busy machine nobody answers late here: only a kill may leave a text unknown."""
React = Callable[..., Any]


def dies_at(step: Step, work: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Do ``work`` in a process that is killed at the step. False: it ended without having come there."""
    return killed_at(step.time, frozenset({_EVENT}), lambda: _work(step, work))


def _work(step: Step, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    _watch_store(step)
    _watch_modem(step)
    asyncio.run(work())


def _watch_store(step: Step) -> None:
    done: list[str] = []
    """In the transaction that is under way: writes that wait together share one."""
    connect, write = sqlite3.connect, Database.write

    def meets(acts: Sequence[str], when: str) -> None:
        for act in acts:
            if (act, when) == (step.act, step.when):
                sys.audit(_EVENT)

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, params)
            meets(done, "within")
            cursor = super().execute(sql, params)
            meets(done, "after")
            done.clear()
            return cursor

    async def told(database: Database, work: Callable[[Transaction], Any]) -> Any:
        act = work.__qualname__.split(".<locals>")[0]

        def doing(tx: Transaction) -> Any:
            meets([act], "before")
            done.append(act)
            return work(tx)

        return await write(database, doing)

    Database.write = told  # type: ignore[method-assign, assignment]
    sqlite3.connect = lambda *args, **kwargs: connect(*args, factory=Watched, **kwargs)  # type: ignore[assignment]


def _watch_modem(step: Step) -> None:
    write = Dialogue.write

    async def told(dialogue: Dialogue, data: bytes) -> None:
        if not (data.endswith(b"\x1a") if step.act == "PDU" else data.startswith(step.act.encode())):
            await write(dialogue, data)
            return
        part = {"before": 0, "within": len(data) // 2, "unended": len(data) - 1}.get(step.when, len(data))
        if part:
            await write(dialogue, data[:part])
        sys.audit(_EVENT)
        await write(dialogue, data[part:])

    Dialogue.write = told  # type: ignore[method-assign, assignment]


# -- the modem, a process of its own: whoever is forked inherits nothing of it


class Handsets:
    """A simulated modem with its network, spoken to over its control socket."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "modem"
        self.control = folder / "modem.sock"

    def ask(self, do: str, **arguments: Any) -> Any:
        """Raises AssertionError with what the simulator says."""
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rw", encoding="utf-8") as lines:
            client.connect(str(self.control))
            lines.write(json.dumps({"do": do, **arguments}) + "\n")
            lines.flush()
            answer = json.loads(lines.readline())
        assert answer["ok"], answer
        return answer

    def inbox(self, number: str) -> list[str]:
        return [text["text"] for text in self.ask("inbox", number=number)["result"]]

    def parts_out(self, number: str) -> list[int]:
        """The parts of texts to this number that were ended by Ctrl-Z, as the modem saw them."""
        entries = self.ask("journal", events=["ctrl_z"])["entries"]
        return [entry["part"] for entry in entries if entry.get("number") == number]

    def held(self) -> int:
        """Texts on the SIM and in the modem."""
        entries = self.ask("journal", events=["stored", "deleted"])["entries"]
        return sum(1 if entry["event"] == "stored" else -1 for entry in entries)


@contextmanager
def a_simulator(folder: Path, *options: str) -> Iterator[Handsets]:
    handsets = Handsets(folder)
    command = (sys.executable, "-m", "modem.simulator", "--link", str(handsets.link), "--control", str(handsets.control), *options)
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["ready"]
            yield handsets
        finally:
            process.terminate()


# -- what the service is made of, as far as a text's way goes


@dataclass
class House:
    store: Store
    outbox: Outbox

    async def settled(self, message: int, *states: str) -> str:
        """Wait until a text stands in one of these states."""
        return await until(lambda: self._state(message), *states)

    async def _state(self, message: int) -> str:
        return str((await self.store.message(message))["state"])


async def until(look: Callable[[], Coroutine[Any, Any, str]], *words: str) -> str:
    async with asyncio.timeout(30):
        while (found := await look()) not in words:  # noqa: ASYNC110  (the file tells)
            await asyncio.sleep(0.005)
    return found


@asynccontextmanager
async def a_house(path: Path, link: Path, clerk: Clerk, react: React) -> AsyncIterator[House]:
    clock = SystemClock()
    store = Store(path, clock)
    await store.open()

    class Reacting(Door):
        async def keep(self, raw: RawPdu) -> None:
            await store.keep(raw, react)
            outbox.wake()

    def wake() -> None:
        outbox.wake()

    modem = SerialModem("gsm1", str(link), door=Reacting(store), on_ready=wake, timing=_UNHURRIED)
    outbox = Outbox(store, [modem], clerk, clock, live=frozenset, held=lambda: False)
    tasks = [asyncio.create_task(modem.run()), asyncio.create_task(outbox.run())]
    try:
        yield House(store, outbox)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()
