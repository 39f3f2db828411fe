"""Topic ``modem``: the modem layer against gammu-smsd, smstools, Kannel and python-gsmmodem-new, all through the simulated modem."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import structlog

from ari_app.lag import LoopLag
from tests.bench import modem_faults, modem_kills, modem_speed
from tests.bench.report import Row
from tests.lab.root import LabError

__all__ = ["SECTIONS", "measure"]

Say = Callable[[str], None]
Section = Callable[..., Coroutine[Any, Any, list[Row]]]

SECTIONS: dict[str, Section] = {
    "throughput": modem_speed.throughput,
    "pickup": modem_speed.pickup,
    "unplug": modem_faults.unplug,
    "faults": modem_faults.faults,
    "kills": modem_kills.kills,
    "soak": modem_kills.soak,
}
"""Each gets a folder of its own, ``say`` and ``quick``."""
_ASIDE = "unplug"
"""It waits for ten minutes and needs no quiet: the sections after it run meanwhile."""
_QUIET = ("throughput", "pickup")
"""What they measure is in milliseconds: on a busy machine it is the machine's."""
_TOTALS = {"doubled": ("faults", "kills", "soak"), "lost": ("faults", "kills", "soak"), "unknown_spurious": ("faults", "soak")}


async def measure(say: Say, *, only: Sequence[str] = (), quick: bool = False) -> list[Row]:
    """The sections asked for (all without ``only``). ``quick``: few of everything, to see that it runs."""
    # what runs in this process logs its faults by the thousand
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = [name for name in SECTIONS if name in (only or SECTIONS)]
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory(prefix="textback-modem-") as folder:

        async def run(name: str) -> None:
            say(f"── {name}")
            began = asyncio.get_running_loop().time()
            lag = LoopLag()
            lagging = asyncio.create_task(lag.run())
            found[name] = await SECTIONS[name](Path(folder) / name, say, quick=quick)
            lagging.cancel()
            if name in _QUIET:
                unit = "ms that this machine adds to a wait, p99"
                found[name].append(Row(figure=f"{name}_machine_lag_ms", unit=unit, ours=lag.p99_ms()))
            say(f"   {name}: {asyncio.get_running_loop().time() - began:.0f} s")

        try:
            async with asyncio.TaskGroup() as aside:
                for name in names:
                    if name == _ASIDE:
                        aside.create_task(run(name))
                    else:
                        await run(name)
        except* LabError as group:
            first: BaseException = group
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None
    rows = [row for name in names for row in found[name]]
    return [*rows, *_totals(rows)]


def _totals(rows: Sequence[Row]) -> list[Row]:
    """The figures of the whole run, over the sections that ran."""
    by_name = {row.figure: row.ours for row in rows}
    totals = []
    for figure, sections in _TOTALS.items():
        counts = [by_name[name] for section in sections if (name := f"{section}_{figure}") in by_name]
        if counts:
            totals.append(Row(figure=figure, unit="texts in all", ours=sum(counts), limit=0))
    return totals
