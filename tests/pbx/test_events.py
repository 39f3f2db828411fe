"""Reading ARI's JSON: what is used is taken, what is strange is nothing, and nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.pbx.calls import Tracker
from ari_app.pbx.events import READ_TYPES, Bridge, BridgeAttendedTransfer, ChannelCreated, Dial, read_bridge, read_channel, read_event
from tests.pbx.story import CONFIG

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CHANNEL: dict[str, Any] = {
    "id": "1795319233.45",
    "name": "PJSIP/trunk-0000001b",
    "state": "Ring",
    "protocol_id": "abc",
    "caller": {"name": "ANNE", "number": "4385551212"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {"context": "from-trunk", "exten": "5145559012", "priority": 1, "app_name": "Dial", "app_data": "PJSIP/101"},
    "creationtime": "2026-11-21T22:47:13.036-0500",
    "language": "en",
    "channelvars": {"CALLERID(num-pres)": "allowed", "VMSTATUS": ""},
}


def test_a_channel_as_asterisk_writes_it() -> None:
    channel = read_channel(CHANNEL)
    assert channel is not None
    assert (channel.id, channel.name, channel.state, channel.number) == ("1795319233.45", "PJSIP/trunk-0000001b", "Ring", "4385551212")
    assert (channel.context, channel.exten, channel.app) == ("from-trunk", "5145559012", "Dial")
    assert channel.created == datetime(2026, 11, 22, 3, 47, 13, 36000, tzinfo=UTC)
    assert channel.variables == {"CALLERID(num-pres)": "allowed", "VMSTATUS": ""}


def test_a_bridge_as_asterisk_writes_it() -> None:
    document = {"id": "b", "technology": "holding_bridge", "bridge_type": "holding", "bridge_class": "base", "channels": ["1", "2"]}
    assert read_bridge(document) == Bridge("b", "holding", ("1", "2"))


@pytest.mark.parametrize("stamp", ["2026-03-02T09:00:00.250-0500", "2026-03-02T14:00:00.250+0000", "2026-03-02T14:00:00.250Z"])
def test_timestamps(stamp: str) -> None:
    event = read_event({"type": "ChannelCreated", "timestamp": stamp, "channel": CHANNEL}, NOW)
    assert isinstance(event, ChannelCreated)
    assert event.at == datetime(2026, 3, 2, 14, 0, 0, 250000, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [None, 5, "", "yesterday", "2026-03-02T14:00:00", "0001-01-01T00:00:00+1400"])
def test_without_a_timestamp_it_happened_when_it_came(stamp: object) -> None:
    event = read_event({"type": "ChannelCreated", "timestamp": stamp, "channel": CHANNEL}, NOW)
    assert isinstance(event, ChannelCreated)
    assert event.at == NOW


def test_a_call_the_pbx_makes_itself_has_no_caller() -> None:
    event = read_event({"type": "Dial", "peer": CHANNEL, "dialstatus": "RINGING"}, NOW)
    assert isinstance(event, Dial)
    assert (event.caller, event.status, event.dialstring) == (None, "RINGING", "")


@pytest.mark.parametrize(
    ("fields", "success"),
    [
        ({"result": "Success", "destination_type": "bridge"}, True),
        ({"result": "Fail"}, False),
        ({"result": "Success", "destination_type": "threeway"}, False),
    ],
)
def test_an_attended_transfer_that_hands_somebody_on(fields: dict[str, str], success: bool) -> None:
    event = read_event({"type": "BridgeAttendedTransfer", "transferer_first_leg": CHANNEL, **fields}, NOW)
    assert isinstance(event, BridgeAttendedTransfer)
    assert event.success is success


leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["Up", "Ring", "Down", "from-trunk", "PJSIP/1-1", "Local/a@b;1"])
)
anything = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8
)
channel_like = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "2", "3"]) | anything,
        "name": st.sampled_from(["PJSIP/trunk-1", "PJSIP/101-2", "Local/x@y-1;1", "Local/x@y-1;2", ";1"]) | anything,
        "state": st.sampled_from(["Ring", "Up", "Down", "Busy"]) | anything,
        "caller": st.fixed_dictionaries({}, optional={"number": st.sampled_from(["5145551234", ""]) | anything}) | anything,
        "dialplan": st.fixed_dictionaries(
            {}, optional={"context": st.just("from-trunk") | anything, "app_name": anything, "exten": anything}
        )
        | anything,
        "creationtime": anything,
        "channelvars": anything,
    },
)
bridge_like = st.fixed_dictionaries(
    {}, optional={"id": st.sampled_from(["a", "b"]) | anything, "bridge_type": anything, "channels": anything}
)
channels = ("channel", "caller", "peer", "transferee", "transferer_first_leg", "transferer_second_leg")
bridges = ("bridge", "bridge_from", "transferer_first_leg_bridge")
others = ("cause", "soft", "dialstring", "dialstatus", "device_state", "result", "caller_presentation", "destination_type")
message = st.fixed_dictionaries(
    {"type": st.sampled_from(READ_TYPES) | anything},
    optional={
        "timestamp": st.just("2026-03-02T14:00:00.000+0000") | anything,
        **dict.fromkeys(channels, channel_like | anything),
        **dict.fromkeys(bridges, bridge_like | anything),
        **dict.fromkeys(others, anything),
    },
)


@given(st.lists(message | anything, max_size=12))
def test_nothing_asterisk_could_ever_write_raises(messages: list[Any]) -> None:
    tracker = Tracker(CONFIG)
    for document in messages:
        event = read_event(document, NOW)
        if event is not None:
            tracker.feed(event)
