"""Who waits too long, and what time ends: the real policy, a clock that is moved, threads as the store names them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from structlog.testing import capture_logs

from ari_app.errors import StoreError
from ari_app.overdue import Overdue, Reminders, Waiting
from ari_app.policy import Policy
from ari_app.settings import parse
from tests.moved_clock import MovedClock

MONTREAL = ZoneInfo("America/Toronto")
SWITCH = "Custom:DAYNIGHT1"


def local(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=MONTREAL).astimezone(UTC)


def policy(**hours: Any) -> Policy:
    clinic = {"name": "Clinique du Parc", "number": "+15145550100", "timezone": "America/Toronto"}
    lines = [{"did": ["5145550160"], "name": "night", "hours": "24/7"}]
    hours = {"open": "Mo-Fr 08:00-12:00,13:00-17:00", **hours}
    return Policy(parse({"clinic": clinic, "line": lines, "pbx": {"username": "textback", "password": "x"}, "hours": hours}))


class House:
    """What waits, and what was said of it."""

    def __init__(self, wall: str, **hours: Any) -> None:
        self.clock = MovedClock(local(wall))
        self.waits: list[Waiting] = []
        self.changes = 0
        self.told: list[tuple[int, ...]] = []
        self.refusal: StoreError | None = None
        self.looks = 0
        self.overdue = Overdue(
            self.waiting,
            policy(**hours).opening,
            timedelta(minutes=15),
            self.clock,
            on_change=self.changed,
            on_overdue=self.told.append,
        )

    def changed(self) -> None:
        self.changes += 1

    async def waiting(self) -> Sequence[Waiting]:
        self.looks += 1
        if self.refusal is not None:
            raise self.refusal
        return tuple(sorted(self.waits, key=lambda each: each[2]))

    async def after(self, act: Callable[[], object]) -> None:
        """Do it, and wait until it was looked at and all sleeps again."""
        before = self.clock.sleeps
        act()
        async with asyncio.timeout(10):
            while self.clock.sleeps == before:  # noqa: ASYNC110 (a clock that stands still tells nobody)
                await asyncio.sleep(0.002)

    async def add(self, thread: int, since: str, line: str = "main") -> None:
        self.waits.append((thread, line, local(since)))
        await self.after(self.overdue.changed)

    async def go_to(self, when: str) -> None:
        """Let time pass, woken as often as it asked to be."""
        while (left := (local(when) - self.clock.wall).total_seconds()) > 0:
            due = self.clock.due_in()
            if left < due:
                self.clock.move(left)
            else:
                await self.after(lambda due=due: self.clock.move(due))  # type: ignore[misc]


@asynccontextmanager
async def house(wall: str, **hours: Any) -> AsyncIterator[House]:
    there = House(wall, **hours)
    running: list[asyncio.Task[None]] = []
    await there.after(lambda: running.append(asyncio.create_task(there.overdue.run())))
    try:
        yield there
    finally:
        running[0].cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_thread_becomes_overdue_on_the_minute_and_pages_hear_of_it_after_as_long_again() -> None:
    async with house("2026-11-24 10:00") as there:
        await there.add(7, "2026-11-24 10:00")
        await there.go_to("2026-11-24 10:14")
        assert (there.overdue.threads, there.overdue.lines, there.changes) == (frozenset(), frozenset(), 0)
        await there.go_to("2026-11-24 10:15")
        assert (set(there.overdue.threads), set(there.overdue.lines), there.changes) == ({7}, {"main"}, 1)
        await there.go_to("2026-11-24 10:29")
        assert there.told == []
        await there.go_to("2026-11-24 10:30")
        assert there.told == [(7,)]
        await there.go_to("2026-11-24 11:30")
        assert there.told == [(7,)], "once"
        assert there.changes == 1


async def test_answered_it_is_no_longer_overdue_and_a_new_wait_is_told_anew() -> None:
    async with house("2026-11-24 10:00") as there:
        await there.add(7, "2026-11-24 10:00")
        await there.go_to("2026-11-24 10:30")
        there.waits.clear()
        await there.after(there.overdue.changed)
        assert (there.overdue.threads, there.overdue.lines, there.changes) == (frozenset(), frozenset(), 2)
        await there.add(7, "2026-11-24 10:30")
        await there.go_to("2026-11-24 11:00")
        assert there.told == [(7,), (7,)]


async def test_each_line_goes_by_its_own_hours() -> None:
    async with house("2026-11-24 19:00") as there:
        await there.add(1, "2026-11-24 19:00")
        await there.add(2, "2026-11-24 19:00", "night")
        await there.go_to("2026-11-24 20:00")
        assert (set(there.overdue.threads), set(there.overdue.lines)) == ({2}, {"night"})
        await there.go_to("2026-11-25 08:14")
        assert there.overdue.lines == {"night"}
        await there.go_to("2026-11-25 08:15")
        assert (set(there.overdue.threads), set(there.overdue.lines)) == ({1, 2}, {"main", "night"})
        assert there.told == [(2,)]


async def test_a_night_switch_that_is_turned_is_looked_at_at_once() -> None:
    async with house("2026-11-24 10:00", open="24/7", follow=SWITCH) as there:
        await there.after(lambda: there.overdue.turned({SWITCH: "INUSE"}))
        await there.add(1, "2026-11-24 10:00")
        await there.go_to("2026-11-24 12:00")
        assert there.overdue.threads == frozenset()
        await there.after(lambda: there.overdue.turned({SWITCH: "NOT_INUSE"}))
        await there.go_to("2026-11-24 12:15")
        assert there.overdue.threads == {1}


async def test_a_store_that_cannot_be_read_is_asked_again() -> None:
    async with house("2026-11-24 10:00") as there:
        there.refusal = StoreError("the disk is gone", "put it back")
        there.waits.append((1, "main", local("2026-11-24 10:00")))
        with capture_logs() as logs:
            await there.after(there.overdue.changed)
        assert [entry["what"] for entry in logs] == ["the disk is gone"]
        there.refusal = None
        await there.go_to("2026-11-24 10:15")
        assert there.overdue.threads == {1}


class Kept:
    """Claims and snoozes, as the store would end them."""

    def __init__(self, clock: MovedClock) -> None:
        self.clock = clock
        self.snoozed: list[datetime] = []
        self.woken: list[datetime] = []
        self.claims: list[datetime] = []

    async def expire_claims(self, now: datetime) -> int:
        self.claims.append(now)
        return 0

    async def wake(self, now: datetime) -> int:
        over = [each for each in self.snoozed if each <= now]
        self.woken += [now for _ in over]
        self.snoozed = [each for each in self.snoozed if each > now]
        return len(over)

    async def next_wake(self) -> datetime | None:
        return min(self.snoozed, default=None)


async def test_what_was_put_off_comes_back_at_its_time_and_claims_are_looked_at_now_and_then() -> None:
    there = House("2026-11-24 10:00")
    kept = Kept(there.clock)
    reminders = Reminders(kept, there.clock)
    task: list[asyncio.Task[None]] = []
    await there.after(lambda: task.append(asyncio.create_task(reminders.run())))
    try:
        kept.snoozed.append(local("2026-11-24 10:00") + timedelta(seconds=7))
        await there.after(reminders.changed)
        assert there.clock.due_in() == 7.0
        await there.after(lambda: there.clock.move(7))
        assert kept.woken == [local("2026-11-24 10:00") + timedelta(seconds=7)]
        before = len(kept.claims)
        await there.after(lambda: there.clock.move(15))
        assert len(kept.claims) == before + 1
    finally:
        task[0].cancel()
        await asyncio.gather(*task, return_exceptions=True)
