"""The bars of the whole: fifty at once, fifty from one caller, and kill -9 in the middle. On an Asterisk of their own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.bench.calls import OPEN
from tests.bench.kills import punish
from tests.faults.fault import Recorder, record
from tests.lab.lab import Lab
from tests.lab.scripts import Phone
from tests.lab.stage import Stage, stage, until
from tests.lab.traffic import flood

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.timeout(600)]

RINGS = "5145550105"


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Lab]:
    """Asterisk 22, nobody else on it."""
    lab = await Lab.up("22", "bars")
    try:
        yield lab
    finally:
        await lab.down()


def sent(staged: Stage) -> Counter[str]:
    """How many Ctrl-Z the modem got for each number."""
    lines = staged.lab.modem_journal.read_text(encoding="utf-8").splitlines()
    return Counter(entry["number"] for entry in map(json.loads, lines) if entry["event"] == "ctrl_z")


async def settled(staged: Stage, calls: int) -> list[dict[str, Any]] | None:
    """The calls, once all are listed and none is pending."""
    listed: list[dict[str, Any]] = await staged.look("calls", "--limit", "0")
    return listed if len(listed) == calls and not any(call["decision"] == "pending" for call in listed) else None


async def test_fifty_unanswered_callers_at_once_get_one_text_each_none_two(lab: Lab, tmp_path: Path) -> None:
    numbers = [f"43855{index:05d}" for index in range(50)]
    async with stage(lab, tmp_path, OPEN) as staged, lab.phones({"101": Phone("ring")}):
        await flood(lab, RINGS, numbers, rate=100, give_up=2.0)
        listed = await until("fifty decisions", lambda: settled(staged, 50))
        await until("fifty texts", lambda: len(sent(staged)) == 50)
        assert sent(staged) == Counter({"+1" + number: 1 for number in numbers})
        assert {(call["outcome"], call["decision"], call["reason"]) for call in listed} == {("missed", "reply", "missed")}
        assert len({call["message"] for call in listed}) == 50
        for number in numbers:
            texts = await staged.modem("inbox", number="+1" + number)
            assert len(texts) == 1


async def test_fifty_calls_from_one_caller_get_one_text(lab: Lab, tmp_path: Path) -> None:
    async with stage(lab, tmp_path, OPEN) as staged, lab.phones({"101": Phone("ring")}):
        await flood(lab, RINGS, ["4385550100"] * 50, rate=100, give_up=2.0)
        listed = await until("fifty decisions", lambda: settled(staged, 50))
        assert sent(staged) == Counter({"+14385550100": 1})
        assert Counter((call["decision"], call["reason"]) for call in listed) == Counter(
            {("reply", "missed"): 1, ("silence", "cooldown"): 49}
        )


async def test_thirty_kills_double_nothing_lose_nothing_and_text_nobody_who_was_answered(
    lab: Lab, tmp_path: Path, record_property: Recorder
) -> None:
    outcome = await punish(lab, tmp_path, kills=30, say=print)
    record(
        record_property,
        texts_lost=len(outcome.stuck) + len(outcome.sent_unshown) + len(outcome.untexted),
        texts_doubled=len(outcome.doubled) + len(outcome.answered_texted),
        calls_lost=len(outcome.unlisted),
        recovery_s=outcome.slowest_start_s,
    )
    assert outcome.kills == 30
    assert outcome.texted > 50, "the kills left too few texts to mean anything"
    assert outcome.doubled == []
    assert outcome.answered_texted == []
    assert outcome.unlisted == []
    assert outcome.untexted == []
    assert outcome.stuck == []
    assert outcome.sent_unshown == []
    # a kill between the commit of an attempt and its PDU leaves an unknown that did not go: rare, and only that
    assert outcome.unknown_unsent <= outcome.kills
