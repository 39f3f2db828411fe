"""The event streams recorded in the lab, fed to the pure tracker: the rows of the scenarios again, without an Asterisk.

``scripts/lab play --record tests/pbx/recorded`` writes them. Analog hardware no lab has: its streams are made from recorded ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ari_app.model import Call, Outcome, OutgoingCall, Presentation, Reached
from ari_app.pbx.calls import Tracker, WatchConfig
from ari_app.pbx.events import Connected, Snapshot, read_event
from ari_app.pbx.outputs import CallEnded, OutgoingEnded
from tests.lab.judging import assert_rows
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of

_RECORDED = Path(__file__).parents[1] / "pbx/recorded"
_CONTEXTS = ("from-trunk*", "from-pstn*", "from-analog*", "from-zaptel*", "from-digital*")


def _fed(lines: Iterable[str]) -> tuple[list[Call], list[OutgoingCall]]:
    tracker = Tracker(WatchConfig(country="CA", inbound_contexts=_CONTEXTS, machines=("PJSIP/fax*",)))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    outputs = tracker.feed(Connected(start, Snapshot((), ())))
    for line in lines:
        event = read_event(json.loads(line), start)
        assert event is not None
        outputs = [*outputs, *tracker.feed(event)]
    assert tracker.live_calls == 0
    ended = [output.call for output in outputs if isinstance(output, CallEnded)]
    return ended, [output.call for output in outputs if isinstance(output, OutgoingEnded)]


@pytest.mark.parametrize("line", ["22", "16"])
@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
def test_recorded(scenario: Scenario, line: str) -> None:
    """Every scenario has its recording, and the tracker reads its rows from it."""
    calls, outgoing = _fed((_RECORDED / line / f"{scenario.name}.jsonl").read_text(encoding="utf-8").splitlines())
    mobile = f"+1{numbers_of(scenario).mobile}"
    assert_rows(scenario, calls, [call for call in outgoing if call.number == mobile])


@pytest.mark.parametrize("line", ["22", "16"])
def test_analog_line_brings_the_number_after_the_first_ring(line: str) -> None:
    """chan_dahdi: the channel is there at the first ring, exten s, without a number; ChannelCallerId brings it after the second."""
    text = (_RECORDED / line / "caller_id_comes_late.jsonl").read_text(encoding="utf-8")
    scenario = next(each for each in TABLE if each.name == "caller_id_comes_late")
    numbers = numbers_of(scenario)
    created = json.loads(text.splitlines()[0])
    assert created["type"] == "ChannelCreated"
    assert created["channel"]["caller"]["number"] == ""
    trunk = created["channel"]["name"]
    text = text.replace(trunk, "DAHDI/4-1").replace('"from-trunk"', '"from-zaptel"').replace(f'"exten":"{numbers.did}"', '"exten":"s"')
    calls, _outgoing = _fed(text.splitlines())
    assert len(calls) == 1
    call = calls[0]
    assert (call.caller, call.presentation) == (numbers.caller_e164, Presentation.ALLOWED)
    assert (call.did, call.context, call.channel) == ("DAHDI/4", "from-zaptel", "DAHDI/4-1")
    assert (call.outcome, call.reached, call.caller_hung_up) == (Outcome.MISSED, Reached.RING, True)


@pytest.mark.parametrize("line", ["22", "16"])
def test_a_transfer_to_parking_is_told_before_or_after_the_caller_is_parked(line: str) -> None:
    """Two threads of Asterisk tell these two events: either may come first."""
    scenario = next(each for each in TABLE if each.name == "parked_and_never_retrieved")
    lines = (_RECORDED / line / f"{scenario.name}.jsonl").read_text(encoding="utf-8").splitlines()
    transfer = next(each for each in lines if '"type":"BridgeBlindTransfer"' in each)
    lines.remove(transfer)
    parked = next(each for each in lines if '"bridge_type":"holding"' in each and '"type":"ChannelEnteredBridge"' in each)
    lines.insert(lines.index(parked) + 1, transfer)
    calls, outgoing = _fed(lines)
    assert_rows(scenario, calls, outgoing)
