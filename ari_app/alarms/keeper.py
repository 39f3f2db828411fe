"""``Alarms``: looks every half minute, raises and ends alarms, and tells them until each way took it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from ari_app.alarms.facts import Facts, gather
from ari_app.alarms.watch import Judged, Ledger, judge
from ari_app.alarms.ways import Way, ways
from ari_app.clock import Clock
from ari_app.errors import StoreError, TextbackError
from ari_app.settings import Settings
from ari_app.status import ServiceStatus
from ari_app.threads import Store
from ari_app.threads.alarms import Alarm, Condition, Due

__all__ = ["EVERY", "FEWEST", "PATIENCE", "Alarms", "wait_of"]

EVERY = 30.0
"""Seconds between looks."""
PATIENCE = timedelta(days=3)
"""How long a way that takes nothing is tried."""
FEWEST = 12
"""And so many times, some two hours, at the least: a machine that slept, or whose clock was set, waited for nothing."""
_FIRST, _LONGEST = 30.0, 900.0
_FAR = 3600.0
"""Seconds: nothing is put off for so long, unless the clock was set back."""
_BEAT = 20.0
"""Seconds a write may take before the store counts as one that cannot be written."""

log = structlog.get_logger("alarms")


def wait_of(tries: int) -> timedelta:
    """How long a way is left alone after so many tries: half a minute, twice as long each time, a quarter of an hour at most."""
    return timedelta(seconds=min(_FIRST * 2 ** min(tries, 10), _LONGEST))


class Alarms:
    """Of one service. ``every``: seconds between looks."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, status: Callable[[], ServiceStatus], *, every: float = EVERY
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._status = status
        self._every = every
        self._ways = ways(settings, clock)
        self._names = tuple(way.name for way in self._ways)
        self._ledger = Ledger(settings.alarm.after)
        self._open: dict[tuple[str, str], Alarm] = {}
        self._unstored: list[Due] = []
        """What is told though the store cannot keep it: a full disk must be heard of too."""
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Look and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._tell())

    async def facts(self) -> Facts:
        """How all stands now."""
        return await gather(self._settings, self._store, self._clock, self._status)

    # -- looking

    async def _look(self) -> None:
        with contextlib.suppress(StoreError):
            await self._store.alarms.forget_ways(self._names)
        while True:
            try:
                await self.turn()
            except Exception:
                log.exception("alarms_failed")  # who watches the others must not fall with one of them
            await self._clock.sleep(self._every)

    async def turn(self) -> None:
        """One look: what holds for long enough is raised, what is over is ended."""
        unwritable = await self._unwritable()
        facts = await self.facts()
        if facts.house is not None:
            kept = {alarm.key: alarm for alarm in facts.house.open}
            loose = {key: alarm for key, alarm in self._open.items() if alarm.id == 0}
            self._open = loose | kept
        judged = judge(facts, self._settings, unwritable=unwritable, open_=self._open)
        await self._follow(judged)

    async def _follow(self, judged: Judged) -> None:
        raised, over = self._ledger.turn(judged, self._open, now=self._clock.now(), monotonic=self._clock.monotonic())
        for condition, since in raised:
            log.warning("alarm_raised", alarm=condition.code, subject=condition.subject)
            await self._raise(condition, since)
        for key in over:
            log.info("alarm_over", alarm=key[0], subject=key[1])
            await self._end(key)
        if raised or over:
            self._wake.set()

    async def _unwritable(self) -> str:
        try:
            async with asyncio.timeout(_BEAT):
                await self._store.alarms.beat()
        except TimeoutError:
            return f"no write was done within {_BEAT:.0f} s"
        except StoreError as error:
            return error.what
        return ""

    async def _raise(self, condition: Condition, since: datetime) -> None:
        alarm = Alarm(id=0, code=condition.code, subject=condition.subject, facts=condition.facts, since=since, over=None)
        try:
            async with asyncio.timeout(_BEAT):
                alarm = replace(alarm, id=await self._store.alarms.raised(condition, since, self._names))
        except (StoreError, TimeoutError):
            self._unstored += self._owed(alarm, "raised")
        self._open[condition.key] = alarm

    async def _end(self, key: tuple[str, str]) -> None:
        alarm = self._open[key]
        if alarm.id == 0:
            self._unstored += self._owed(replace(alarm, over=self._clock.now()), "over")
        else:
            try:
                async with asyncio.timeout(_BEAT):
                    await self._store.alarms.ended(key, self._names)
            except (StoreError, TimeoutError):
                return  # still open there: ended at a later look
        del self._open[key]

    def _owed(self, alarm: Alarm, telling: str) -> Iterable[Due]:
        now = self._clock.now()
        return [
            Due(alarm=alarm, way=name, telling="over" if telling == "over" else "raised", made=now, due=now, tries=0, error="")
            for name in self._names
        ]

    # -- telling

    async def _tell(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause = await self.tell()
            except Exception:
                log.exception("alarms_not_told")
                pause = _LONGEST
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, _LONGEST)):
                    await self._wake.wait()

    async def tell(self) -> float:
        """Tell what is due by every way; seconds until there is more to do."""
        try:
            kept = await self._store.alarms.due()
        except StoreError:
            kept = ()
        owed = [*self._unstored, *kept]
        waits = await asyncio.gather(*(self._tell_by(way, [each for each in owed if each.way == way.name]) for way in self._ways))
        return min((wait for wait in waits if wait is not None), default=_LONGEST)

    async def _tell_by(self, way: Way, owed: list[Due]) -> float | None:
        """In their order; a way that fails is left alone for a while. Seconds until its next one."""
        for each in owed:
            wait = (each.due - self._clock.now()).total_seconds()
            if wait > _FAR:
                wait = 0.0
            if wait > 0:
                if each.tries:
                    return wait
                continue
            try:
                said = await way.tell(each.telling, each.alarm, each.made)
            except TextbackError as error:
                if self._clock.now() - each.made > PATIENCE and each.tries >= FEWEST:
                    log.error("alarm_given_up", way=way.name, alarm=each.alarm.code, what=error.what, fix=error.fix)
                    await self._done(each)
                    continue
                again = wait_of(each.tries)
                log.warning("alarm_not_told", way=way.name, alarm=each.alarm.code, tries=each.tries + 1, what=error.what, fix=error.fix)
                await self._put_off(each, self._clock.now() + again, str(error))
                return again.total_seconds()
            log.info("alarm_told", way=way.name, alarm=each.alarm.code, telling=each.telling, said=said)
            await self._done(each)
        later = [(each.due - self._clock.now()).total_seconds() for each in owed]
        return min((wait for wait in later if wait > 0), default=None)

    async def _done(self, due: Due) -> None:
        if due.alarm.id == 0:
            self._unstored.remove(due)
            return
        with contextlib.suppress(StoreError):  # told again later: once too often, never too seldom
            await self._store.alarms.told(due)

    async def _put_off(self, due: Due, until: datetime, error: str) -> None:
        if due.alarm.id == 0:
            self._unstored[self._unstored.index(due)] = replace(due, due=until, tries=due.tries + 1, error=error)
            return
        with contextlib.suppress(StoreError):
            await self._store.alarms.put_off(due, until, error)
