"""The clock passed to whatever needs time: wall clock for what is stored, monotonic for what is waited."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "Pace", "SystemClock", "breathe", "sleep_or"]


class Clock(Protocol):
    """Time as the service sees it."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` by the monotonic clock."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Pace:
    """What comes now and then is done at once; what comes thick and fast is best gathered and done together, as each turn costs something.

    Thick and fast: more than ``rate`` a second, the first ``burst`` left out.
    """

    def __init__(self, clock: Clock, rate: float, *, burst: int) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = float(burst)
        self._left = self._burst
        self._at = clock.monotonic()

    def busy(self, count: int = 1) -> bool:
        """So many came now: does it pay to gather what comes next."""
        now = self._clock.monotonic()
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._left, self._at = max(left - count, -self._burst), now
        return self._left < 0


async def sleep_or(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Wait ``seconds`` by the clock, or until the event is set."""
    waits = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(woken.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def breathe(clock: Clock, began: float) -> None:
    """Wait nine times as long as it took since ``began`` (monotonic): looked at again and again, it takes a tenth of the time at most."""
    await clock.sleep(9 * (clock.monotonic() - began))
