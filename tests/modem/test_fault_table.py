"""The fault table of ``scripts/bench modem``, once through: every fault at every point of a text's way, all of it real."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from modem.sim_faults import KINDS
from modem.sim_profiles import PROFILES
from tests.bench.fault_cells import POINTS, Cell, Pace, cells
from tests.bench.fault_table import Found, pair
from tests.bench.radio import tally
from tests.faults.fault import Recorder
from tests.faults.modem_found import held
from tests.modem.conftest import QUICK

BRIEF = Pace(unplug=60, silence=400, late=150, too_late=600, result_late=900)
"""As ``QUICK``: a text too late for its prompt (0.4 s) or its result (0.6 s) is soon so."""


def test_every_fault_of_the_simulator_is_in_the_table() -> None:
    table = cells(BRIEF)
    assert {cell.fault["kind"] for cell in table} == set(KINDS)
    assert {cell.point for cell in table} == set(POINTS)
    assert len({(cell.point, cell.name) for cell in table}) == len(table)


async def test_no_fault_loses_or_doubles_a_text(tmp_path: Path, record_property: Recorder) -> None:
    """Each make of modem takes its share of the cells."""
    table, found = cells(BRIEF), Found()

    async def work(serial: int, profile: str, share: list[Cell]) -> None:
        folder = tmp_path / profile
        folder.mkdir()
        async with pair(folder, serial, QUICK, leaps=True, patience=20, profile=profile) as one:
            for cell in share:
                found.add(await one.run(cell))

    makes = list(PROFILES)
    await asyncio.gather(*(work(serial, profile, table[serial :: len(makes)]) for serial, profile in enumerate(makes)))
    assert found.tally.texts == 2 * len(table)
    held(found, record_property, timed=False)


ONE = "+15145550123"


def happened(*events: str) -> list[dict[str, Any]]:
    """Journal entries about one text; a strike is "silence", "reboot" or "unplug"."""
    strikes = {"silence", "reboot", "unplug"}
    about = {"ctrl_z", "accepted", "refused"}
    return [
        {"event": "fault", "kind": event} if event in strikes else {"event": event, **({"number": ONE} if event in about else {})}
        for event in events
    ]


@pytest.mark.parametrize(
    ("events", "state", "counted"),
    [
        (["prompt", "ctrl_z", "accepted"], "sent", ""),
        (["prompt", "ctrl_z", "refused", "prompt", "ctrl_z", "accepted"], "delivered", ""),
        (["prompt", "ctrl_z", "accepted", "prompt", "ctrl_z", "accepted"], "sent", "doubled"),
        (["prompt", "ctrl_z", "unplug", "prompt", "ctrl_z", "accepted"], "sent", "doubled"),
        ([], "sent", "lost"),
        ([], "", "lost"),
        ([], "queued", "waiting"),
        (["prompt", "ctrl_z", "accepted"], "failed", "unshown"),
        (["prompt", "ctrl_z", "accepted"], "expired", "unshown"),
        (["prompt", "escape"], "unknown", "spurious"),
        (["prompt", "unplug"], "unknown", "spurious"),
        (["prompt", "ctrl_z", "silence"], "unknown", ""),
        (["prompt", "reboot", "booted"], "unknown", ""),
    ],
)
def test_what_is_counted(events: list[str], state: str, counted: str) -> None:
    found = tally(happened(*events), {ONE: state} if state else {}, [ONE])
    assert {name for name in ("doubled", "lost", "unshown", "spurious", "waiting") if getattr(found, name)} == {counted} - {""}
    assert found.unheard == ("reboot" in events)
