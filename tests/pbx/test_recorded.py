"""The streams recorded from a real Asterisk 22 and 16, told twice and cut at every event. Their exact rows: tests/lab/test_recorded.py."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from ari_app.model import Call, Outcome
from ari_app.pbx.calls import Tracker, WatchConfig
from ari_app.pbx.events import PASSING, Connected, Disconnected, Event, Snapshot, passes, read_event
from ari_app.pbx.outputs import CallEnded, CallStarted, Output

HERE = Path(__file__).parent / "recorded"
CONFIG = WatchConfig(country="CA", inbound_contexts=("from-trunk*",), machines=("PJSIP/fax*",))
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
RECORDED = sorted(path.relative_to(HERE) for path in HERE.glob("*/*.jsonl"))

each = pytest.mark.parametrize("path", RECORDED, ids=str)


@cache
def stream(path: Path) -> tuple[Event, ...]:
    text = (HERE / path).read_text(encoding="utf-8")
    events = [read_event(json.loads(row), LONG_AGO) for row in text.splitlines()]
    return tuple(event for event in events if event is not None)


def feed(events: tuple[Event, ...] | list[Event], tracker: Tracker | None = None) -> list[Output]:
    tracker = tracker or Tracker(CONFIG)
    return [output for event in events for output in tracker.feed(event)]


def calls(outputs: list[Output]) -> list[Call]:
    return [output.call for output in outputs if isinstance(output, CallEnded)]


def test_both_lines_are_recorded() -> None:
    lines = {line: {path.name for path in RECORDED if path.parts[0] == line} for line in ("22", "16")}
    assert lines["22"] == lines["16"]
    assert len(lines["22"]) > 50


@each
def test_nothing_is_left_behind(path: Path) -> None:
    tracker = Tracker(CONFIG)
    feed(stream(path), tracker)
    assert tracker.live_calls == 0
    assert tracker.live_numbers() == frozenset()
    assert tracker.strange_contexts == set()


@each
def test_each_event_told_twice_changes_nothing(path: Path) -> None:
    events = stream(path)
    assert calls(feed([event for event in events for _ in range(2)])) == calls(feed(events))


@each
def test_steps_of_the_dialplan_that_pass_a_call_on_need_not_be_read(path: Path) -> None:
    rows = (HERE / path).read_text(encoding="utf-8").splitlines()
    read = [row for row in map(json.loads, rows) if row["type"] != "ChannelDialplan" or row["dialplan_app"] not in PASSING]
    events = [event for row in read if (event := read_event(row, LONG_AGO)) is not None]
    assert calls(feed(events)) == calls(feed(stream(path)))


@pytest.mark.parametrize(
    ("message", "skipped"),
    [
        ('{"type":"ChannelDialplan","timestamp":"T","dialplan_app":"GotoIf","channel":{}}', True),
        ('{"type":"ChannelDialplan","timestamp":"T","dialplan_app":"Queue","channel":{}}', False),
        ('{"type":"ChannelDialplan","timestamp":"T","dialplan_app":"Goto","channel":{"dialplan":{"exten":"fax"}}}', False),
        ('{"type":"ChannelDestroyed","timestamp":"T","channel":{"dialplan":{"app_name":"Set"}}}', False),
        ('{"channel":{},"type":"ChannelDialplan","dialplan_app":"Set"}', False),
        ("[" * 1000, False),
    ],
)
def test_a_step_is_told_by_its_text(message: str, skipped: bool) -> None:
    """One that is not told so is read: nothing is lost by it."""
    assert passes(message) is skipped


def test_a_real_asterisk_puts_it_so() -> None:
    """As recorded, byte for byte, in tests/bench/recorded."""
    told = [row for path in (HERE.parents[1] / "bench/recorded").glob("*.ari") for row in path.read_text(encoding="utf-8").splitlines()]
    passed = [json.loads(row)["dialplan_app"] for row in told if passes(row)]
    assert {"NoOp", "Goto", "Gosub", "Set"} <= set(passed)
    assert len(passed) == sum(json.loads(row).get("dialplan_app") in PASSING for row in told)


@each
def test_the_connection_lost_anywhere_ends_every_call_once(path: Path) -> None:
    """Deaf from any event to the end: whoever was there is told once, as answered or unseen; as missed only where the end was seen."""
    events = stream(path)
    whole = {call.id: call for call in calls(feed(events))}
    at = max((call.ended for call in whole.values()), default=LONG_AGO) + timedelta(seconds=1)
    for cut in range(len(events)):
        tracker = Tracker(CONFIG)
        before = feed(events[:cut], tracker)
        after = feed([Disconnected(at, "cut"), Connected(at, Snapshot())], tracker)
        outputs = [*before, *after]
        assert Counter(call.id for call in calls(outputs)) == Counter(said.id for said in outputs if isinstance(said, CallStarted))
        for call in calls(after):
            assert call.outcome is not Outcome.MISSED or call == replace(whole[call.id], voicemail_left=False)
