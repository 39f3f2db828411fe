"""The service killed two hundred times under traffic: tests/lab/test_bars.py does it thirty times in every run of the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench.kills import punish
from tests.faults.fault import Recorder, record
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.bench, pytest.mark.timeout(7200)]


async def test_two_hundred_kills(tmp_path: Path, record_property: Recorder) -> None:
    lab = await Lab.up("22", f"faults-kills-{os.getpid()}")
    try:
        outcome = await punish(lab, tmp_path, kills=200, say=print)
    finally:
        await lab.down()
    record(
        record_property,
        texts_lost=len(outcome.stuck) + len(outcome.sent_unshown) + len(outcome.untexted),
        texts_doubled=len(outcome.doubled) + len(outcome.answered_texted),
        calls_lost=len(outcome.unlisted),
        recovery_s=outcome.slowest_start_s,
    )
    for name in ("kills", "missed", "answered", "texted", "unknown", "unknown_unsent"):
        record_property(name, getattr(outcome, name))
    assert (outcome.doubled, outcome.answered_texted, outcome.stuck, outcome.sent_unshown) == ([], [], [], [])
    assert (outcome.unlisted, outcome.untexted) == ([], [])
    assert outcome.unknown_unsent <= outcome.kills
