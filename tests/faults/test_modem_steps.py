"""The modem unplugged, frozen or restarting at each AT step of a text's way out and of one's way in, from its plug to the last command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modem.sim_profiles import PROFILES
from modem.timing import Timing
from tests.bench.fault_cells import STRIKES, Cell, Pace, steps
from tests.bench.fault_table import Found, pair
from tests.faults.fault import Recorder
from tests.faults.modem_found import held
from tests.modem.conftest import QUICK

BRIEF = Pace(unplug=60, silence=400)
"""As ``QUICK``."""
EVERY = {"AT+CPIN?", "AT+CNMI?", "AT+CMGS=", "AT+CMGL=4", "AT+CMGD="}
"""Among the steps, those of every make."""


async def struck(folder: Path, kind: str, make: str, timing: Timing, pace: Pace, *, pairs: int, leaps: bool, patience: float) -> Found:
    """Every step of one make, dealt out to ``pairs`` modems of it side by side."""
    found, todo = Found(), list[Cell]()
    known = asyncio.Event()

    async def work(index: int) -> None:
        place = folder / f"{make}{index}"
        place.mkdir()
        serial = list(PROFILES).index(make) * pairs + index
        async with pair(place, serial, timing, leaps=leaps, patience=patience, profile=make) as one:
            if not index:
                todo.extend(steps(kind, await one.way(), pace))
                assert {cell.fault.get("command") for cell in todo} >= EVERY
                known.set()
            await known.wait()
            while todo:
                found.add(await one.run(todo.pop()))

    async with asyncio.TaskGroup() as group:
        for index in range(pairs):
            group.create_task(work(index))
    return found


@pytest.mark.parametrize(
    ("kind", "waits"),
    [("unplug", "short"), *(pytest.param(kind, "real", marks=[pytest.mark.bench, pytest.mark.timeout(900)]) for kind in STRIKES)],
)
async def test_struck(tmp_path: Path, record_property: Recorder, kind: str, waits: str) -> None:
    """With the waits that a driver has in the field, of every make."""
    found = Found()
    if waits == "short":
        runs = [struck(tmp_path, kind, "generic", QUICK, BRIEF, pairs=3, leaps=True, patience=20)]
    else:
        runs = [struck(tmp_path, kind, make, Timing(), Pace(), pairs=10, leaps=False, patience=180) for make in PROFILES]
    for one in await asyncio.gather(*runs):
        found.add(one)
    held(found, record_property, timed=waits == "real")
