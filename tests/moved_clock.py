"""A clock for what acts at a time: it stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

__all__ = ["MovedClock"]


class MovedClock:
    """Wall and monotonic time that stand still until moved."""

    def __init__(self, wall: datetime) -> None:
        self.wall = wall
        self.elapsed = 0.0
        self.sleeps = 0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        over = asyncio.Event()
        sleeper = (self.elapsed + seconds, over)
        self._waiting.append(sleeper)
        self.sleeps += 1
        try:
            await over.wait()
        finally:
            self._waiting = [each for each in self._waiting if each is not sleeper]

    def move(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)
        for due, over in self._waiting:
            if due <= self.elapsed:
                over.set()

    def due_in(self) -> float:
        return max(due for due, _ in self._waiting) - self.elapsed
