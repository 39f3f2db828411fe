"""Gaps: what the tracker makes of calls it did not see whole, and of streams cut, doubled or mixed up."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.model import AnsweredBy, Outcome
from ari_app.model import Reached as Place
from ari_app.pbx.calls import Tracker
from ari_app.pbx.events import ChannelCreated, ChannelDestroyed, Connected, Disconnected, Event, Origin, Snapshot, read_event
from ari_app.pbx.outputs import CallEnded, CallStarted, OutgoingEnded, OutgoingJoined, Reached, RingingChanged
from tests.pbx.story import CONFIG, START, Document, Story, ended, one_call


def test_a_call_that_lives_across_a_gap_is_unseen() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.reconnect()
    call = story.hang_up("c1")
    assert (call.outcome, call.reached) == (Outcome.UNSEEN, Place.RING)


def test_a_call_that_was_answered_before_a_gap_is_answered() -> None:
    story = Story()
    story.talk()
    story.reconnect()
    assert story.hang_up("c1").outcome is Outcome.ANSWERED


def test_a_call_seen_answered_after_a_gap_is_answered() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.reconnect()
    story.answer("p1", "c1", "b1")
    assert story.hang_up("c1").outcome is Outcome.ANSWERED


def test_a_call_the_snapshot_shows_answered_is_answered() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.feed(Disconnected(story.now, "gone"))
    behind = Story()
    behind.channels, behind.bridges = story.channels, story.bridges
    behind.phone("p1", "c1")
    behind.answer("p1", "c1", "b1")
    (reached,) = story.feed(Connected(story.now, behind.snapshot()))
    assert isinstance(reached, Reached)
    assert story.hang_up("c1").outcome is Outcome.ANSWERED


def test_a_ghost_is_settled_at_resync() -> None:
    story = Story()
    story.talk("c1", "p1", "b1")
    story.caller("c2", number="5145550002")
    story.wait(60)
    story.channels.clear()
    story.bridges.clear()
    calls = {call.id: call for call in ended(story.reconnect())}
    assert calls["c1"].outcome is Outcome.ANSWERED
    assert calls["c2"].outcome is Outcome.UNSEEN
    assert calls["c2"].ended == story.now
    assert story.tracker.live_numbers() == frozenset()


def test_a_call_first_seen_at_resync() -> None:
    """FreePBX has moved it on to another context: its endpoint's context says that it came in on a trunk."""
    there = Story()
    there.caller("c1")
    there.app("c1", "Queue", "ext-queues")
    there.state("c1")
    there.caller("desk", number="101", context="from-internal")
    there.app("desk", "Dial")
    there.wait(90)

    story = Story()
    origins = {"c1": Origin("from-trunk", "5145550100"), "desk": Origin("from-internal", "600")}
    started, ringing = story.feed(Connected(there.now, there.snapshot(origins)))
    assert isinstance(started, CallStarted)
    assert isinstance(ringing, RingingChanged)
    assert [each.id for each in ringing.calls] == ["c1"], "who waits in a queue waits, whoever saw it begin"
    assert (started.id, started.did, started.started) == ("c1", "5145550100", START)
    story.channels, story.bridges, story.now = there.channels, there.bridges, there.now
    call = story.hang_up("c1")
    assert (call.outcome, call.reached, call.context, call.rang) == (Outcome.UNSEEN, Place.QUEUE, "from-trunk", 90.0)


def test_a_call_first_seen_ringing_at_resync_was_ringing() -> None:
    there = Story()
    there.caller("c1")
    there.app("c1", "Dial")
    there.phone("p1", "c1")
    story = Story()
    story.feed(Connected(there.now, there.snapshot()))
    story.channels, story.bridges = there.channels, there.bridges
    assert story.hang_up("c1").reached is Place.RING


def test_a_call_first_seen_answered_at_resync_is_answered() -> None:
    there = Story()
    there.talk()
    story = Story()
    story.feed(Connected(there.now, there.snapshot()))
    story.channels, story.bridges = there.channels, there.bridges
    call = story.hang_up("c1")
    assert (call.outcome, call.answered_by) == (Outcome.ANSWERED, AnsweredBy.EXTENSION)


def test_an_outgoing_leg_first_seen_at_resync_is_no_inbound_call() -> None:
    there = Story()
    there.create("p1", "PJSIP/101-p1", state="Ring", number="101")
    there.create("o1", "PJSIP/trunk-o1", context="from-trunk", number="5145559999")
    there.app("o1", "AppDial")
    there.answer("o1", "p1", "b1")
    story = Story()
    (joined,) = story.feed(Connected(there.now, there.snapshot()))
    assert isinstance(joined, OutgoingJoined)
    assert joined.call.number == "+15145559999"
    (over,) = story.feed(Connected(there.now, Snapshot()))
    assert isinstance(over, OutgoingEnded)


def test_events_of_the_moment_of_connecting_make_a_call_watched() -> None:
    """The snapshot shows a call whose creation waits in the queue behind it: its first event is seen after all."""
    there = Story()
    there.caller("c1")
    there.app("c1", "Dial")
    there.phone("p1", "c1")
    story = Story()
    story.feed(Connected(there.now, there.snapshot()))
    for document in there.documents:
        event = read_event(document, START)
        assert event is not None
        story.feed(event)
    story.channels, story.bridges = there.channels, there.bridges
    assert story.hang_up("c1").outcome is Outcome.MISSED


def test_a_call_that_ended_while_connecting_is_told_whole() -> None:
    there = Story()
    there.caller("c1")
    there.app("c1", "Dial")
    there.phone("p1", "c1")
    there.hang_up("c1")
    story = Story()
    story.feed(Connected(there.now, Snapshot()))
    events = [read_event(document, START) for document in there.documents]
    (call,) = ended(output for event in events if event for output in story.feed(event))
    assert call.outcome is Outcome.MISSED


def test_an_end_told_twice_or_an_event_after_the_end_raises_no_ghost() -> None:
    story = Story()
    story.talk()
    entered = next(document for document in story.documents if document["type"] == "ChannelEnteredBridge")
    story.hang_up("c1")
    for document in [*story.documents, entered]:
        event = read_event(document, START)
        assert event is not None
        assert [output for output in story.feed(event) if isinstance(output, CallStarted | CallEnded)] == []
    assert story.tracker.live_calls == 0


def test_a_channel_whose_creation_never_comes_is_unseen() -> None:
    story = Story()
    story.caller("c1")
    lost = Story()
    lost.channels = story.channels
    assert isinstance(lost.app("c1", "Dial")[0], CallStarted)
    assert lost.hang_up("c1").outcome is Outcome.UNSEEN


def test_a_channel_that_is_the_pbxs_own_ghost_ends_with_the_connection_that_shows_it_gone() -> None:
    story = Story()
    story.caller("c1")
    story.reconnect()
    story.reconnect()
    assert story.calls == []
    story.channels.clear()
    assert one_call(story.reconnect()).outcome is Outcome.UNSEEN


# any stream


def busy_day() -> list[Document]:
    """A stream that has everything in it: bridges, Locals, transfers, hold, voicemail, outgoing legs, a late number."""
    story = Story()
    story.talk("c1", "p1", "b1")
    story.say("ChannelHold", channel=story.channel("p1"))
    story.caller("c2", number="", context="from-analog", name="DAHDI/4-1", did="s")
    story.number("c2", "4385550001")
    story.app("c2", "Dial")
    story.create("L1", "Local/600@x-1;1")
    story.create("L2", "Local/600@x-1;2", state="Ring")
    story.dial("c2", "L1")
    story.app("L2", "VoiceMail")
    story.state("L2")
    story.state("L1")
    story.enter("b2", "L1", "c2")
    story.say("ChannelUnhold", channel=story.channel("p1"))
    story.say("BridgeBlindTransfer", channel=story.channel("p1"), bridge=story.bridge("b1"), result="Success", exten="1", context="x")
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    story.create("o1", "PJSIP/trunk-o1", context="from-trunk")
    story.dial("c1", "o1", "4505550000@trunk")
    story.answer("o1", "c1", "b3")
    story.say("BridgeMerged", bridge=story.bridge("b3"), bridge_from=story.bridge("b2"))
    story.wait(40)
    story.hangup_request("c2")
    story.leave("b2", "c2")
    story.destroy("c2")
    story.variable("L2", "VMSTATUS", "SUCCESS")
    story.hangup_request("L2", soft=True)
    story.destroy("L1")
    story.destroy("L2")
    legs = {"transferer_first_leg": story.channel("o1"), "transferer_second_leg": story.channel("o1")}
    story.say("BridgeAttendedTransfer", **legs, destination_type="bridge", result="Success")
    story.destroy("o1")
    story.say("BridgeDestroyed", bridge=story.bridge("b3"))
    story.hang_up("c1")
    return story.documents


def events_of(documents: list[Document]) -> list[Event]:
    events = [read_event(document, START) for document in documents]
    return [event for event in events if event is not None]


def recorded(name: str) -> list[Event]:
    text = (Path(__file__).parent / "recorded" / name).read_text(encoding="utf-8")
    return events_of([json.loads(line) for line in text.splitlines()])


STREAMS = [
    events_of(busy_day()),
    recorded("22/attended_transfer_left_ringing.jsonl"),
    recorded("22/voicemail_left_behind_a_local.jsonl"),
    recorded("16/follow_me_locals_optimised_away.jsonl"),
    recorded("16/picked_up_by_another_phone.jsonl"),
    recorded("16/parked_and_retrieved.jsonl"),
]


def snapshot_after(events: list[Event], upto: int) -> Snapshot:
    """What REST shows after these events, as far as channels go."""
    alive = {}
    for event in events[:upto]:
        if isinstance(event, ChannelCreated):
            alive[event.channel.id] = event.channel
        elif isinstance(event, ChannelDestroyed):
            alive.pop(event.channel.id, None)
        elif (channel := getattr(event, "channel", None)) is not None and channel.id in alive:
            alive[channel.id] = channel
    return Snapshot(tuple(alive.values()))


def check(fed: list[Event]) -> None:
    """Feed a stream, then a resync that shows an empty PBX: every call that was told as started has ended, exactly once."""
    tracker = Tracker(CONFIG)
    outputs = [output for event in fed for output in tracker.feed(event)]
    outputs += tracker.feed(Connected(START + timedelta(hours=1), Snapshot()))
    started = Counter(output.id for output in outputs if isinstance(output, CallStarted))
    over = Counter(output.call.id for output in outputs if isinstance(output, CallEnded))
    assert over == started
    assert set(over.values()) <= {1}
    legs = Counter(output.call.id for output in outputs if isinstance(output, OutgoingEnded))
    assert set(legs.values()) <= {1}
    for output in outputs:
        if isinstance(output, CallEnded):
            assert output.call.ended >= output.call.started
            assert output.call.rang >= 0
    assert tracker.live_numbers() == frozenset()
    assert tracker.live_calls == 0


stream = st.sampled_from(range(len(STREAMS)))


@given(stream, st.data())
@settings(max_examples=150, deadline=None)
def test_any_prefix(index: int, data: st.DataObject) -> None:
    events = STREAMS[index]
    check(events[: data.draw(st.integers(0, len(events)))])


@given(stream, st.data())
@settings(max_examples=150, deadline=None)
def test_any_stream_with_events_lost_and_doubled(index: int, data: st.DataObject) -> None:
    events = STREAMS[index]
    counts = data.draw(st.lists(st.integers(0, 2), min_size=len(events), max_size=len(events)))
    check([event for event, count in zip(events, counts, strict=True) for _ in range(count)])


@given(stream, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_order(index: int, dice: random.Random) -> None:
    events = list(STREAMS[index])
    dice.shuffle(events)
    check(events)


@given(stream, st.data())
@settings(max_examples=150, deadline=None)
def test_a_resync_anywhere_with_the_events_around_it_told_again(index: int, data: st.DataObject) -> None:
    """Cut, a gap, a snapshot, and the stream goes on from somewhat before the snapshot: what a real reconnect does."""
    events = STREAMS[index]
    cut = data.draw(st.integers(0, len(events)))
    back = data.draw(st.integers(cut, len(events)))
    replay = data.draw(st.integers(cut, back))
    gap: list[Event] = [Disconnected(START, "cut"), Connected(START + timedelta(minutes=1), snapshot_after(events, back))]
    check([*events[:cut], *gap, *events[replay:]])


@given(stream, st.data())
@settings(max_examples=150, deadline=None)
def test_a_watched_call_is_never_changed_by_hearing_its_events_twice(index: int, data: st.DataObject) -> None:
    """Doubling an event right after itself says nothing new."""
    events = STREAMS[index]
    doubled = data.draw(st.sets(st.integers(0, len(events) - 1)))
    once, twice = Tracker(CONFIG), Tracker(CONFIG)
    plain = [output for event in events for output in once.feed(event)]
    again = [
        output for position, event in enumerate(events) for _ in range(2 if position in doubled else 1) for output in twice.feed(event)
    ]
    assert ended(again) == ended(plain)


@pytest.mark.parametrize("upto", range(0, len(STREAMS[0]), 3))
def test_a_restart_of_the_service_lists_every_call_it_can_still_see(upto: int) -> None:
    """A new tracker, a snapshot, the rest of the stream: whoever is alive then is listed, and no one answered is a missed call."""
    events = STREAMS[0]
    tracker = Tracker(CONFIG)
    outputs = tracker.feed(Connected(START, snapshot_after(events, upto)))
    outputs += [output for event in events[upto:] for output in tracker.feed(event)]
    alive = {channel.id for channel in snapshot_after(events, upto).channels}
    calls = {call.id: call for call in ended(outputs)}
    assert {"c1", "c2"} & alive <= set(calls)
    assert all(calls[key].outcome is not Outcome.MISSED for key in alive & set(calls))
