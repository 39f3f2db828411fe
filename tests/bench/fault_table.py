"""One fault after another at one modem, with the real store, outbox and driver; counted from the simulator's journal against the store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from modem.simulator import Simulator
from modem.timing import Timing
from tests.bench.fault_cells import Cell
from tests.bench.radio import Tally, radio, tally
from tests.bench.wired import LeapClock, Wired, wired
from tests.lab.root import LabError
from tests.threads.world import STAFF

__all__ = ["Found", "Pair", "pair"]


_AWAY_MS = 30
_LAST = "AT+CIMI"
"""What a driver asks last of a modem it has set up, each time."""


@dataclass
class Found:
    """What runs came to."""

    tally: Tally = field(default_factory=Tally)
    wrong: list[str] = field(default_factory=list)
    """Texts that ended otherwise than their cell allows, with what they came to."""
    recovery: list[float] = field(default_factory=list)
    """Seconds from each fault to the next text the network took."""
    inbound_lost: int = 0
    inbound_doubled: int = 0

    def add(self, other: Found) -> None:
        """Count another's as ours."""
        self.tally.add(other.tally)
        self.wrong += other.wrong
        self.recovery += other.recovery
        self.inbound_lost += other.inbound_lost
        self.inbound_doubled += other.inbound_doubled


class Pair:
    """One simulated modem and what sends through it. ``leaps``: a wait for the next try is passed by putting the clock forward."""

    def __init__(
        self, simulator: Simulator, running: Wired, file: sqlite3.Connection, clock: LeapClock, serial: int, *, leaps: bool, patience: float
    ) -> None:
        self.simulator = simulator
        self.running = running
        self._file = file
        self.clock = clock
        self._serial = serial
        self._leaps = leaps
        self._patience = patience
        self._texts = 0

    async def ready(self) -> None:
        """Wait until texts can be sent. Raises LabError."""
        await self._wait("ready", lambda: self.running.modems[0].ready)

    async def run(self, cell: Cell) -> Found:
        """Play one cell: a text and one that comes in meet the fault, a second text follows. Raises LabError when it was not played."""
        # a restart without a word is found out by the watch: what it costs is counted in its own cell
        await self._wait("announcements asked for again", lambda: self.simulator.state()["cnmi"][0] != 0)
        since = self.simulator.journal()["count"]
        first, second = self._number(), self._number()
        came = f"{cell.name} {first}"
        if not cell.answered:
            self.simulator.fault(**cell.fault)
        if cell.anew:
            self.simulator.unplug(_AWAY_MS)
        await self._queue(first, cell.name)
        if cell.answered:
            await self._event("answer", since, lambda entry: str(entry.get("info", "")).startswith("+CMGS"))
            self.simulator.fault(**cell.fault)
        self.simulator.text("+15145559999", came)
        fault = await self._event("fault", since, lambda _entry: True, f"{cell.point}, {cell.name}: the fault")
        await self._queue(second, "next")
        await self._wait(f"{cell.point}, {cell.name}: the next text", lambda: self.state(second) in {"sent", "delivered"})
        await self._wait(f"{cell.point}, {cell.name}: the text", lambda: self.state(first) in {"sent", "delivered", "failed", "unknown"})
        await self._perhaps(lambda: self.state(first) in {cell.ends[0], "delivered"}, self._patience / 4)
        # a modem that forgot to announce is found out by the watch, or the text by the next reading of all stores
        await self._perhaps(lambda: self._received(came) > 0, self._patience)
        await self._perhaps(lambda: self._reported(second, since), 1)  # its report must not meet the next cell's fault
        return self._count(cell, first, second, came, since=since, struck=fault["t"])

    async def way(self) -> list[str]:
        """Unplug the modem and let it come back: every command line from there until what can wait was asked, too. Raises LabError."""
        since = self.simulator.journal()["count"]
        self.simulator.unplug(_AWAY_MS)
        number = self._number()
        await self._queue(number, "the way")
        self.simulator.text("+15145559999", f"the way {number}")
        await self._wait("a text out and one in", lambda: self.state(number) == "delivered" and self._received(f"the way {number}") > 0)
        await self._event("line", since, lambda entry: entry["line"] == _LAST)
        lines = [str(entry["line"]) for entry in self.simulator.journal(since=since, events=["line"])["entries"]]
        return lines[: lines.index(_LAST) + 1]

    def _count(self, cell: Cell, first: str, second: str, came: str, *, since: int, struck: float) -> Found:
        entries = self.simulator.journal(since=since)["entries"]
        states = {one: self.state(one) for one in (first, second)}
        found = Found(tally(entries, states, [first, second]))
        for numbers in (found.tally.doubled, found.tally.lost, found.tally.unshown, found.tally.spurious, found.tally.waiting):
            numbers[:] = [f"{cell.point}, {cell.name}: {one} is {states[one]}" for one in numbers]
        if states[first] not in cell.ends:
            found.wrong.append(f"{cell.point}, {cell.name}: {states[first]}")
        found.recovery.append(next(entry["t"] for entry in entries if entry["event"] == "accepted" and entry["t"] > struck) - struck)
        received = self._received(came)
        found.inbound_lost, found.inbound_doubled = int(received == 0), max(received - 1, 0)
        return found

    def _number(self) -> str:
        self._texts += 1
        return f"+1{514 + self._serial // 100}{230 + self._serial % 100:03d}{self._texts:04d}"

    async def _queue(self, number: str, what: str) -> None:
        await self.running.store.acts.queue_staff(number, f"Bonjour, {what}", number, by=STAFF)

    def _ask(self, sql: str, *values: str) -> list[Any]:
        """Beside the process's own connections, as anybody may."""
        return self._file.execute(sql, values).fetchall()

    def state(self, number: str) -> str:
        """Of the one text to this number, as the file says; "" without one."""
        sql = "SELECT m.state FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out' AND t.number = ?"
        found = self._ask(sql, number)
        return str(found[0][0]) if found else ""

    def _received(self, text: str) -> int:
        return int(self._ask("SELECT count(*) FROM message WHERE direction = 'in' AND text = ?", text)[0][0])

    def _reported(self, number: str, since: int) -> bool:
        """Has the status report left the network, and reached the modem."""
        reports = self.simulator.journal(since=since, events=["report"])["entries"]
        return any(entry["number"] == number for entry in reports) and not self.simulator.state()["network"]["waiting"]

    async def _event(self, event: str, since: int, fits: Callable[[dict[str, Any]], bool], what: str = "") -> dict[str, Any]:
        """The first such entry of the journal."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [entry for entry in self.simulator.journal(since=since, events=[event])["entries"] if fits(entry)]
            return bool(found)

        await self._wait(what or f"a {event} in the journal", there)
        return found[0]

    async def _wait(self, what: str, true: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while not true():
                    if self._leaps:
                        self._leap()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            health = self.running.modems[0].health()
            raise LabError(f"{what}: not within {self._patience:g} s; the modem is {health.code}: {health.what}") from None

    async def _perhaps(self, true: Callable[[], bool], seconds: float) -> None:
        """Wait a moment for what should come; whoever counts then sees whether it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110  (the file tells)
                    await asyncio.sleep(0.02)

    def _leap(self) -> None:
        """A text that waits for its next try has its time now."""
        due = self._ask("SELECT min(due) FROM message WHERE state = 'queued'")[0][0]
        if due is None:
            return
        wait = datetime.fromisoformat(due) - self.clock.now()
        if wait.total_seconds() > 0:
            self.clock.leap(wait)
            self.running.outbox.wake()


@asynccontextmanager
async def pair(
    folder: Path, serial: int, timing: Timing, *, leaps: bool = False, patience: float = 60, **simulator: Any
) -> AsyncIterator[Pair]:
    """A pair, ready to send. ``folder`` must exist."""
    clock = LeapClock()
    async with (
        radio(folder / "modem", serial, **{"report_ms": 50, **simulator}) as modem,
        wired(folder / "textback.db", [str(folder / "modem")], clock, timing=timing) as running,
    ):
        with closing(sqlite3.connect(f"file:{folder}/textback.db?mode=ro", uri=True, timeout=10)) as file:
            one = Pair(modem, running, file, clock, serial, leaps=leaps, patience=patience)
            await one.ready()
            yield one
