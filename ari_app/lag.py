"""How long the event loop is held: a sampler that doctor reads (design rule 9: never over 20 ms)."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["LoopLag"]


class LoopLag:
    """Measures by how much a short sleep oversleeps. ``p99_ms`` covers the last ``window`` samples (about five minutes)."""

    def __init__(self, *, every: float = 0.05, window: int = 6000) -> None:
        self._every = every
        self._samples: deque[float] = deque(maxlen=window)

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(self._every)
            self._samples.append(max(0.0, loop.time() - before - self._every))

    def p99_ms(self) -> float:
        """The 99th percentile in milliseconds, 0 before the first sample."""
        if not self._samples:
            return 0.0
        ordered = sorted(self._samples)
        return round(ordered[int(0.99 * (len(ordered) - 1))] * 1000, 2)
