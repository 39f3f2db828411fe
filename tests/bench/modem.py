"""Topic ``modem``: the modem layer against gammu-smsd, smstools, Kannel and python-gsmmodem-new, all through the simulated modem."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from tests.bench import modem_speed
from tests.bench.report import Row

__all__ = ["SECTIONS", "measure"]

Say = Callable[[str], None]
Section = Callable[..., Coroutine[Any, Any, list[Row]]]

SECTIONS: dict[str, Section] = {
    "throughput": modem_speed.throughput,
    "pickup": modem_speed.pickup,
}
"""Each gets a folder of its own, ``say`` and ``quick``."""


async def measure(say: Say, *, only: Sequence[str] = (), quick: bool = False) -> list[Row]:
    """The sections asked for (all without ``only``), one after the other. ``quick``: few of everything, to see that it runs."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="textback-modem-") as folder:
        for name in only or SECTIONS:
            say(f"── {name}")
            began = asyncio.get_running_loop().time()
            rows += await SECTIONS[name](Path(folder) / name, say, quick=quick)
            say(f"   {asyncio.get_running_loop().time() - began:.0f} s")
    return rows
