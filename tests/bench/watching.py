"""Topic ``watch``: what watching costs. Recorded calls told to ours and to a peer's listener; a real Asterisk at its highest rate."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench import watching_real, watching_replay
from tests.bench.report import Row

__all__ = ["measure"]


async def measure(say: Callable[[str], None], *, quick: bool = False) -> list[Row]:
    """About four minutes; ``quick``: one. Raises LabError."""
    return [*await watching_replay.measure(say, quick=quick), *await watching_real.measure(say, quick=quick)]
