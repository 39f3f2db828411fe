"""The clock passed to whatever needs time: wall clock for what is stored, monotonic for what is waited."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "breathe", "sleep_or"]


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
