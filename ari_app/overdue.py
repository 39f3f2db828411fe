"""What time does to threads: who waits too long, whose claim is idle, whose snooze is over.

A thread is overdue when its caller waited ``portal.overdue`` of the opening hours of its line; after as long again pages are notified.
Every look sleeps until the next thread becomes due, and is woken when something changed, the night switch among it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from ari_app.clock import Clock, breathe, sleep_or
from ari_app.errors import StoreError
from ari_app.policy.hours import Opening
from ari_app.policy.waiting import Turn, as_turned, first_not_late

__all__ = ["Acts", "Overdue", "Reminders", "Waiting"]

log = structlog.get_logger("overdue")

_LONGEST_SLEEP = 60.0
"""Seconds: the wall clock may be set, and the machine may sleep, without the monotonic clock saying so."""
_SHORTEST_SLEEP = 0.02
_CLAIMS = 15.0
"""Seconds between looks for idle claims: nobody notices a claim that is let go of so much later."""
_TURNS = 200
"""Turns of the night switch remembered: of months."""

Waiting = tuple[int, str, datetime]
"""A thread that waits: its id, its line, since when."""


class Overdue:
    """Keeps ``threads`` and ``lines`` right while ``run()`` runs.

    ``waiting``: what is to answer and not put off, oldest first. ``opening``: is a line open at an instant, given the night switches.
    ``on_change`` is called when other threads are overdue; ``on_overdue`` with threads that waited twice as long, once for each wait.
    """

    def __init__(
        self,
        waiting: Callable[[], Awaitable[Sequence[Waiting]]],
        opening: Callable[[str, datetime, Mapping[str, str]], Opening],
        limit: timedelta,
        clock: Clock,
        *,
        on_change: Callable[[], None],
        on_overdue: Callable[[tuple[int, ...]], None],
    ) -> None:
        self._waiting = waiting
        self._opening = opening
        self._limit = limit
        self._clock = clock
        self._on_change = on_change
        self._on_overdue = on_overdue
        self._turns: deque[Turn] = deque(maxlen=_TURNS)
        self._told: dict[int, datetime] = {}
        """Thread → the wait that pages were notified of."""
        self._wake = asyncio.Event()
        self.threads: frozenset[int] = frozenset()
        self.lines: frozenset[str] = frozenset()
        """Lines with a thread that is overdue."""

    def changed(self) -> None:
        """A thread, or the hours, changed."""
        self._wake.set()

    def turned(self, switches: Mapping[str, str]) -> None:
        """The night switches stand so from now on."""
        self._turns.append((self._clock.now(), dict(switches)))
        self._wake.set()

    async def run(self) -> None:
        """Look, sleep until the next thread is due, until cancelled."""
        while True:
            self._wake.clear()
            pause = _LONGEST_SLEEP
            began = self._clock.monotonic()
            try:
                pause = await self._look()
            except StoreError as error:
                log.error("overdue_not_read", what=error.what, fix=error.fix)
            await breathe(self._clock, began)
            await sleep_or(self._clock, pause, self._wake)

    async def _look(self) -> float:
        """Seconds until the next thread is due, at most a minute."""
        waiting = await self._waiting()
        now = self._clock.now()
        # a timetable may take a moment to be laid out: not on the event loop
        late, later, due = await asyncio.to_thread(self._judge, tuple(waiting), tuple(self._turns), now)
        threads, lines = frozenset(thread for thread, _, _ in late), frozenset(line for _, line, _ in late)
        changed, self.threads = threads != self.threads, threads
        if lines != self.lines:
            self.lines = lines
            log.info("overdue", lines=sorted(lines), threads=len(late))
        if changed:
            self._on_change()
        news = tuple(thread for thread, _, since in later if self._told.get(thread) != since)
        self._told = {thread: since for thread, _, since in later}
        if news:
            self._on_overdue(news)
        return _LONGEST_SLEEP if due is None else min(_LONGEST_SLEEP, max((due - now).total_seconds(), _SHORTEST_SLEEP))

    def _judge(
        self, waiting: Sequence[Waiting], turns: Sequence[Turn], now: datetime
    ) -> tuple[list[Waiting], list[Waiting], datetime | None]:
        """Who is overdue, who is twice, and when the next one will be either."""
        lines: dict[str, list[Waiting]] = {}
        for each in waiting:
            lines.setdefault(each[1], []).append(each)
        found: tuple[list[Waiting], list[Waiting]] = ([], [])
        dues: list[datetime] = []
        for line, rows in lines.items():
            opening = as_turned(partial(self._opening, line), turns)
            since = [each[2] for each in rows]
            for times, those in enumerate(found, 1):
                count, due = first_not_late(opening, since, times * self._limit, now)
                those.extend(rows[:count])
                dues += [] if due is None else [due]
        return (*found, min(dues, default=None))


class Acts(Protocol):
    """What is asked of the store."""

    async def expire_claims(self, now: datetime) -> int:
        """Let go of what its holders left idle."""

    async def wake(self, now: datetime) -> int:
        """End the snoozes that are over."""

    async def next_wake(self) -> datetime | None:
        """When the next snooze is over."""


class Reminders:
    """Lets go of idle claims, and brings back what was put off, at its time."""

    def __init__(self, acts: Acts, clock: Clock) -> None:
        self._acts = acts
        self._clock = clock
        self._wake = asyncio.Event()

    def changed(self) -> None:
        """A thread changed: perhaps it was put off."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            pause = _CLAIMS
            try:
                now = self._clock.now()
                await self._acts.expire_claims(now)
                await self._acts.wake(now)
                due = await self._acts.next_wake()
                if due is not None:
                    pause = min(pause, max((due - now).total_seconds(), _SHORTEST_SLEEP))
            except StoreError as error:
                log.error("reminders_failed", what=error.what, fix=error.fix)
            await sleep_or(self._clock, pause, self._wake)
