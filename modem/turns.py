"""Whose turn it is: one holder at a time, in order of arrival, the urgent before all others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

__all__ = ["Turns"]


class Turns:
    """An asyncio.Lock with a second, faster queue."""

    def __init__(self) -> None:
        self._held = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._urgent) + len(self._others)

    @asynccontextmanager
    async def take(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Hold the turn. ``urgent``: before all who wait and are not."""
        if self._held:
            await self._wait(self._urgent if urgent else self._others)
        self._held = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, queue: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):
                    queue.remove(turn)
            else:
                self._pass_on()  # it was handed over already
            raise

    def _pass_on(self) -> None:
        """Hand the turn over while it is held, so that nobody who comes now gets between."""
        while queue := self._urgent or self._others:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._held = False
