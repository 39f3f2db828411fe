"""A clinic whose PBX, network and service are pulled from under it, and who counts what that cost its callers.

Counted from outside: calls by who called and by the PBX's own Master.csv, texts by the simulated modem's journal; then what the store says.
"""

from __future__ import annotations

import contextlib
import csv
import json
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

from ari_app.control import service_status
from ari_app.errors import TextbackError
from tests.faults.fault import Recorder, record
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Caller, Phone
from tests.lab.sipp import TrunkCall
from tests.lab.stage import Stage, until
from tests.lab.traffic import flood

__all__ = ["PROMPT", "RINGS", "TAKEN", "Clinic", "Cost"]

RINGS, TAKEN = "5145550105", "5145550106"
"""Numbers of the lab: the first phone rings and nobody takes it; the second phone is taken."""
PROMPT = {"delay": "1s", "min_ring": "1ms", "burst": 100000, "daily_limit": 100000}
"""[reply] where little waits and nothing limits."""
_TRUNK = "PJSIP/trunk"
_CHANNEL, _UNIQUEID, _LINKEDID = 5, 16, 19
"""Columns of cdr_csv with newcdrcolumns and loguniqueid (cdr.conf)."""


@dataclass
class Cost:
    """What a fault cost, each by number or id. All empty is what is promised."""

    calls_lost: list[str] = field(default_factory=list)
    """Calls of a caller, or of the PBX's records, that have no row."""
    calls_doubled: list[str] = field(default_factory=list)
    """Callers with more rows than calls."""
    texts_lost: list[str] = field(default_factory=list)
    """Callers owed a text who got none, and texts that are still to go."""
    texts_doubled: list[str] = field(default_factory=list)
    texted_wrongly: list[str] = field(default_factory=list)
    """Callers texted who were served."""


class Clinic:
    """One running service on a lab. Every caller calls through it, so that it knows who is owed what."""

    def __init__(self, lab: Lab, staged: Stage) -> None:
        self.lab = lab
        self.staged = staged
        self._calls: Counter[str] = Counter()
        self._owed: set[str] = set()
        self._served: set[str] = set()
        self._before = self._recorded()

    # -- callers

    async def miss(self, *numbers: str, rings: float = 1.0, rate: float = 50) -> None:
        """Each calls once, ``rate`` a second, hears it ring and gives up; each is owed a text."""
        self._calls.update(numbers)
        self._owed.update(numbers)
        async with self.lab.phones({"101": Phone("ring")}):
            await flood(self.lab, RINGS, numbers, rate=rate, give_up=rings)

    async def serve(self, *numbers: str, talk: float = 1.0) -> None:
        """Each calls once, one after the other, and is taken."""
        self._calls.update(numbers)
        self._served.update(numbers)
        async with self.lab.phones({"102": Phone("answer", after=0.2)}):
            for number in numbers:
                await flood(self.lab, TAKEN, [number], rate=50, give_up=10, talk=talk)

    @asynccontextmanager
    async def ringing(self, number: str, *, owed: bool) -> AsyncIterator[TrunkCall]:
        """A call that rings inside the block. Not ``owed``: nobody can know how it ended, and the caller may get a text or none."""
        self._calls[number] += 1
        if owed:
            self._owed.add(number)
        mark = len(self.lab.listener.heard)
        async with self.lab.phones({"101": Phone("ring")}), self.lab.trunk_call(Caller(number, RINGS)) as call:
            await self.lab.listener.wait(lambda event: event.get("dialstatus") == "RINGING" or None, "ringing", after=mark)
            yield call

    @asynccontextmanager
    async def talking(self, number: str) -> AsyncIterator[TrunkCall]:
        """A call that a phone has taken, and that goes on inside the block."""
        self._calls[number] += 1
        self._served.add(number)
        mark = len(self.lab.listener.heard)
        async with self.lab.phones({"102": Phone("answer", after=0.1)}), self.lab.trunk_call(Caller(number, TAKEN)) as call:
            await self.lab.listener.wait(lambda event: event.get("dialstatus") == "ANSWER" or None, "an answer", after=mark)
            yield call

    # -- the service

    async def connected(self, *, after: int = 0, patience: float = 90.0) -> float:
        """Seconds until the service hears the PBX. ``after``: how many connections it had before, of ``connections()``."""
        began = time.monotonic()

        async def look() -> bool:
            try:
                status = await service_status(self.staged.store)
            except TextbackError:
                return False
            return status.pbx.connected and self.connections() > after

        await until("the service connected to the PBX", look, patience=patience, pause=0.02)
        return time.monotonic() - began

    async def lost(self, patience: float = 60.0) -> None:
        """Wait until the service knows that it does not hear the PBX."""

        async def look() -> bool:
            try:
                return not (await service_status(self.staged.store)).pbx.connected
            except TextbackError:
                return True

        await until("the service seeing that the PBX is away", look, patience=patience, pause=0.02)

    def connections(self) -> int:
        """How often its log says that it connected."""
        return self.log().count('"pbx_connected"')

    def log(self) -> str:
        """What the service wrote so far."""
        return self.staged.log.read_text(encoding="utf-8", errors="replace")

    # -- the count

    async def cost(self, record_property: Recorder, *, recovery_s: float | None = None, patience: float = 60.0) -> Cost:
        """Wait until everything is filed, decided and sent, as far as it will be, and count; the figures are recorded."""
        with contextlib.suppress(LabError):  # what is missing then is what is counted
            await until("every call filed, decided and its text gone", self._settled, patience=patience, pause=0.25)
        cost = self._count()
        record(
            record_property,
            texts_lost=len(cost.texts_lost),
            texts_doubled=len(cost.texts_doubled) + len(cost.texted_wrongly),
            calls_lost=len(cost.calls_lost),
            recovery_s=recovery_s,
        )
        if cost != Cost():
            self._tell()
        self._owed.clear()  # what one test lost is not counted again
        self._calls.clear()
        self._before |= self._recorded()
        return cost

    def _tell(self) -> None:
        """For who reads why a test failed."""
        calls = self._rows("SELECT id, caller, outcome, reached, decision, reason, detail, started, ended, decided FROM call")
        words = ("pbx_", "history", '"error"', '"started"')
        print(*calls, *(line for line in self.log().splitlines() if any(word in line for word in words)), sep="\n")  # noqa: T201

    def _settled(self) -> bool:
        cost = self._count()
        return not (cost.calls_lost or cost.texts_lost) and not self._rows("SELECT 1 FROM call WHERE decision = 'pending'")

    def _count(self) -> Cost:
        calls = self._rows("SELECT id, caller FROM call")
        listed, known = Counter(call["caller"] for call in calls), {call["id"] for call in calls}
        left = Counter(entry["number"] for entry in self._journal() if entry["event"] == "ctrl_z")
        waiting = self._rows(
            "SELECT t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out' AND m.state IN ('queued', 'sending')"
        )
        unlisted = [number for number, count in self._calls.items() if listed["+1" + number] < count]
        return Cost(
            calls_lost=[*unlisted, *sorted(self._recorded() - known - self._before)],
            calls_doubled=[number for number, count in self._calls.items() if listed["+1" + number] > count],
            texts_lost=[*sorted(number for number in self._owed if not left["+1" + number]), *(row["number"] for row in waiting)],
            texts_doubled=[number for number, count in left.items() if count > 1],
            texted_wrongly=sorted(number for number in self._served if left["+1" + number]),
        )

    def _recorded(self) -> set[str]:
        """Inbound calls of the PBX's Master.csv, by the id that they have here."""
        if not self.lab.cdr.exists():
            return set()
        with self.lab.cdr.open(encoding="utf-8", errors="replace", newline="") as file:
            told = [row for row in csv.reader(file) if len(row) > _LINKEDID]
        return {row[_UNIQUEID] for row in told if row[_CHANNEL].startswith(_TRUNK) and row[_UNIQUEID] == row[_LINKEDID]}

    def _journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lab.modem_journal.read_text(encoding="utf-8").splitlines()]

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{self.staged.store}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]
