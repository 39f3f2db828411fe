"""A stop after any commit: the file as it lay then is opened again and worked off. Nothing leaves twice, nothing is forgotten."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.model import Reason
from ari_app.outbox import Outbox
from ari_app.threads import Store
from modem.types import NotSent, Refused, SendResult, Submit
from tests.threads.world import ALICE, BOB, STAFF, START, Carrier, Clerk, HandClock, a_call, answered, inbound, nothing, raw, silence

CAROL, DAVE = "+15145550103", "+15145550104"
LONG = "Your prescription is ready at the pharmacy next door. " * 6


@dataclass
class Snapshot:
    """The files right after one commit, and every PDU that can have left before the next one began."""

    path: Path
    left: list[Submit]


class Camera:
    """Copies the files after each commit of the writer."""

    def __init__(self, path: Path, album: Path, carrier: Carrier) -> None:
        self._path = path
        self._album = album
        self._carrier = carrier
        self.snapshots: list[Snapshot] = []
        self._changes = 0

    def before(self) -> None:
        if self.snapshots:
            self.snapshots[-1].left = list(self._carrier.left)

    def after(self, changes: int) -> None:
        if changes == self._changes:
            return
        self._changes = changes
        place = self._album / f"{len(self.snapshots):03d}"
        place.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(self._path.with_name(self._path.name + suffix), place / f"textback.db{suffix}")
        self.snapshots.append(Snapshot(place / "textback.db", []))


def fates(part: Submit, tries: Counter[str]) -> SendResult | None:
    """DAVE's text meets a busy network, then no prompt, and goes the third time."""
    tries[part.number] += 1
    if part.number != DAVE or tries[DAVE] > 2:
        return None
    return Refused("42", "congestion", permanent=False) if tries[DAVE] == 1 else NotSent("no prompt")


async def a_morning(store: Store, clock: HandClock, carrier: Carrier, clerk: Clerk) -> None:
    """Calls, answers and texts of a front desk, each worked off."""
    outbox = Outbox(store, [carrier], clerk, clock, live=frozenset, held=lambda: False)
    task = asyncio.create_task(outbox.run())
    for number in (ALICE, BOB, ALICE, DAVE):
        call = a_call(number, ended=clock.at)
        await store.record_call(call, clerk.first(clock.at), line="main")
        clock.move(seconds=1)
    await store.record_call(answered(BOB, started=clock.at, ended=clock.at + timedelta(seconds=9)), silence(Reason.ANSWERED), line="main")
    await store.acts.queue_staff(CAROL, LONG, "form-1", by=STAFF)
    outbox.wake()
    await work_off(store, clock, outbox)
    await store.keep(raw(inbound(CAROL, "thanks", clock.at), clock.at), nothing)
    await store.acts.queue_staff(CAROL, "You are welcome", "form-2", by=STAFF)
    await work_off(store, clock, outbox)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def work_off(store: Store, clock: HandClock, outbox: Outbox) -> None:
    """Let time pass until nothing is queued."""
    async with asyncio.timeout(30):
        while (counts := await store.counts())["queued"] or counts["sending"]:
            if not counts["sending"]:
                clock.move(seconds=5)
            outbox.wake()
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("delay", [0, 20])
async def test_a_stop_after_any_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delay: int) -> None:
    path, album = tmp_path / "textback.db", tmp_path / "album"
    album.mkdir()
    tries: Counter[str] = Counter()
    carrier = Carrier(script=lambda part: fates(part, tries))
    camera = Camera(path, album, carrier)
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, params)
            camera.before()
            cursor = super().execute(sql, params)
            camera.after(self.total_changes)
            return cursor

    clock, clerk = HandClock(), Clerk(delay=timedelta(seconds=delay))
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Watched, **kwargs))
        store = Store(path, clock)
        await store.open()
        await a_morning(store, clock, carrier, clerk)
        await store.close()
    camera.before()
    assert len(camera.snapshots) > 25
    unknown = 0
    for snapshot in camera.snapshots:
        unknown += await goes_on(snapshot, clerk)
    assert unknown, "no stop fell between an attempt and its result"


async def goes_on(snapshot: Snapshot, clerk: Clerk) -> int:
    """Open a snapshot, work it off, and look at all that left before and after. How many texts ended unknown."""
    clock, carrier = HandClock(START + timedelta(minutes=1)), Carrier()
    store = Store(snapshot.path, clock)
    await store.open()
    outbox = Outbox(store, [carrier], clerk, clock, live=frozenset, held=lambda: False)
    task = asyncio.create_task(outbox.run())
    await work_off(store, clock, outbox)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left = Counter([*snapshot.left, *carrier.left])
    left.subtract(await refused(store))
    assert {part: count for part, count in left.items() if count > 1} == {}, snapshot.path.parent.name
    counts = await store.counts()
    assert (counts["failed"], counts["sending"], counts["queued"]) == (0, 0, 0)
    assert sum(count for part, count in left.items() if part.number == ALICE) <= 1, "one text for two calls"
    assert {call["decision"] for call in await store.calls()} <= {"reply", "silence"}
    await store.close()
    return int(counts["unknown"])


async def refused(store: Store) -> list[Submit]:
    """The parts the network refused, once for each time."""
    rows = await store._database.read(
        lambda r: r.all(
            """SELECT t.number AS recipient, p.number, m.parts, p.pdu, p.length FROM attempt a JOIN part p ON p.id = a.part
                JOIN message m ON m.id = p.message JOIN thread t ON t.id = m.thread WHERE a.outcome = 'refused'"""
        )
    )
    return [Submit(*row) for row in rows]
