"""Who is joined to whom: what is an answer and what only looks like one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ari_app.model import AnsweredBy, Outcome
from ari_app.model import Reached as Place
from ari_app.pbx.outputs import OutgoingEnded, OutgoingJoined, Reached
from tests.pbx.story import CONFIG, START, Story, behind_a_local, one_call, outside, row

MISSED = Outcome.MISSED
ANSWERED = Outcome.ANSWERED
EXTENSION = AnsweredBy.EXTENSION
OUTSIDE = AnsweredBy.OUTSIDE


def test_a_path_through_two_bridges_and_a_local_is_an_answer() -> None:
    story = Story()
    one, two = behind_a_local(story, "Dial")
    story.phone("p1", two)
    story.state("p1")
    assert not story.calls
    out = story.enter("b2", two, "p1")
    assert [type(output) for output in out] == [Reached]
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)
    assert one in story.channels


def test_a_local_optimised_away_stays_an_answer_and_is_told_once() -> None:
    story = Story()
    one, two = behind_a_local(story, "Dial")
    story.phone("p1", two)
    story.state("p1")
    story.enter("b2", two, "p1")
    # the phone moves into the caller's bridge, both halves go
    story.leave("b2", "p1")
    story.leave("b1", one)
    story.enter("b1", "p1")
    story.leave("b2", two)
    story.destroy(one)
    story.destroy(two)
    story.wait(30)
    assert len([output for output in story.outputs if isinstance(output, Reached)]) == 1
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_bridges_that_merge_join_their_people() -> None:
    story = Story()
    story.caller()
    story.state("c1")
    story.enter("b1", "c1")
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101")
    story.state("p1")
    story.enter("b2", "p1")
    out = story.say("BridgeMerged", bridge=story.bridge("b1"), bridge_from=story.bridge("b2"))
    assert [type(output) for output in out] == [Reached]


def test_a_phone_up_in_no_bridge_has_not_accepted() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.state("p1")
    story.wait(6)
    story.destroy("p1")
    assert row(one_call(story.destroy("c1"))) == (MISSED, None, Place.RING)


def test_a_phone_that_only_rings_in_the_bridge_is_no_answer() -> None:
    story = Story()
    story.caller()
    story.create("p1", "PJSIP/101-p1")
    story.state("p1", "Ringing")
    story.enter("b1", "c1", "p1")
    assert not [output for output in story.outputs if isinstance(output, Reached)]
    assert [type(output) for output in story.state("p1")] == [Reached]


@pytest.mark.parametrize(
    "name",
    [
        "CBAnn/6000-1;2",
        "CBRec/6000-1;2",
        "Announcer/ARI-1;2",
        "Recorder/ARI-1;2",
        "Snoop/1-2",
        "UnicastRTP/1.2.3.4",
        "AudioSocket/x",
        "MulticastRTP/0x1",
    ],
)
def test_an_announcer_or_recorder_is_nobody(name: str) -> None:
    story = Story()
    story.caller()
    story.state("c1")
    story.create("x", name, state="Up")
    story.enter("b1", "c1", "x")
    assert story.hang_up("c1").outcome is MISSED


def test_two_callers_in_a_conference_are_no_answer_to_each_other() -> None:
    story = Story()
    for identity in ("c1", "c2"):
        story.caller(identity, number=f"51455512{identity[1]}4")
        story.app(identity, "ConfBridge")
        story.state(identity)
        story.enter("conf", identity)
    first = story.hang_up("c1")
    assert row(first) == (MISSED, None, Place.NONE)
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101")
    story.state("p1")
    story.enter("conf", "p1")
    assert row(story.hang_up("c2")) == (ANSWERED, EXTENSION, Place.NONE)


def test_a_holding_bridge_joins_nobody() -> None:
    story = Story()
    story.caller()
    story.state("c1")
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101")
    story.state("p1")
    story.enter("hall", "c1", "p1", kind="holding")
    assert row(story.hang_up("c1")) == (MISSED, None, Place.HOLD)


def test_a_machine_that_answers_is_no_person() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.create("f", "PJSIP/fax1-f")
    story.dial("c1", "f")
    story.answer("f", "c1", "b1")
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.FAX)
    assert call.machine


def test_a_pick_up_changes_the_name_of_the_channel_that_rang() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.create("f", "PJSIP/fax1-f")
    story.dial("c1", "f")
    story.channels["f"]["name"] = "PJSIP/102-9"
    story.answer("f", "c1", "b1")
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_after_the_caller_hung_up_nothing_is_news() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.hangup_request("c1")
    story.app("c1", "VoiceMail")  # the h extension and the like
    story.enter("hall", "c1", kind="holding")
    assert row(one_call(story.destroy("c1"))) == (MISSED, None, Place.RING)


def test_a_caller_who_hangs_up_in_the_moment_of_the_answer_was_answered() -> None:
    """Seen on 16: the request comes between the two that enter the bridge."""
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.state("p1")
    story.enter("b1", "p1")
    story.hangup_request("c1")
    story.enter("b1", "c1")
    story.leave("b1", "c1")
    assert row(one_call(story.destroy("c1"))) == (ANSWERED, EXTENSION, Place.RING)


def test_an_unhold_after_the_caller_hung_up_is_no_coming_back() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.wait(40)
    story.hangup_request("c1")
    story.say("ChannelUnhold", channel=story.channel("p1"))
    story.leave("b1", "c1")
    assert row(one_call(story.destroy("c1"))) == (MISSED, None, Place.HOLD)


def test_a_bridge_left_after_the_next_was_entered_is_the_old_one() -> None:
    story = Story()
    story.talk()
    story.leave("b1", "c1")
    story.enter("b2", "c1", "p1")
    story.leave("b1", "p1")
    story.wait(60)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_two_callers_behind_one_voicemail_are_both_told() -> None:
    story = Story()
    _one, two = behind_a_local(story, "VoiceMail")
    story.caller("c2", number="4385550001")
    story.state("c2")
    story.enter("b1", "c2")
    for identity in ("c1", "c2"):
        story.hangup_request(identity)
        story.leave("b1", identity)
        story.destroy(identity)
    story.destroy(two)
    assert sorted(call.id for call in story.calls) == ["c1", "c2"]


def test_a_message_left_behind_a_local_whose_near_half_is_gone() -> None:
    story = Story()
    one, two = behind_a_local(story, "VoiceMail")
    story.leave("b1", one, "c1")
    story.destroy(one)
    story.variable(two, "VMSTATUS", "SUCCESS")
    story.destroy(two)
    story.app("c1", "Playback")
    assert story.hang_up("c1").voicemail_left


@pytest.mark.parametrize("trust", [False, True])
def test_forwarded_to_a_mobile(trust: bool) -> None:
    story = Story(replace(CONFIG, trust_outside=trust))
    story.caller()
    story.app("c1", "Dial")
    outside(story, "c1", "4505550000@trunk")
    story.answer("o1", "c1", "b1")
    assert any(isinstance(output, Reached) for output in story.outputs) is trust
    assert story.tracker.live_numbers() == {"+15145551234", "+14505550000"}
    assert row(story.hang_up("c1")) == (ANSWERED, OUTSIDE, Place.RING)
    (leg,) = [output.call for output in story.destroy("o1") if isinstance(output, OutgoingEnded)]
    assert leg.joined is None  # an outside leg that talks to an outside caller is nobody calling back


@pytest.mark.parametrize("dialstring", ["4505550000@outtrunk", "outtrunk/sip:14505550000@sip.example.net"])
def test_forwarded_to_a_mobile_over_a_trunk_that_only_goes_out(dialstring: str) -> None:
    story = Story()
    story.caller()
    story.create("o1", "PJSIP/outtrunk-o1", context="default")
    story.dial("c1", "o1", dialstring)
    story.answer("o1", "c1", "b1")
    assert story.tracker.live_numbers() == {"+15145551234", "+14505550000"}
    assert row(story.hang_up("c1")) == (ANSWERED, OUTSIDE, Place.RING)


@pytest.mark.parametrize("dialstring", ["101", "101/sip:101@192.0.2.7:5060", "5145550101/sip:5145550101@192.0.2.7:5060"])
def test_a_telephone_is_an_extension_however_it_is_dialled(dialstring: str) -> None:
    story = Story()
    story.caller()
    story.create("p1", f"PJSIP/{dialstring.partition('/')[0]}-0000001a", context="from-internal")
    story.dial("c1", "p1", dialstring)
    story.answer("p1", "c1", "b1")
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_staff_calling_back_over_a_trunk_that_only_goes_out() -> None:
    story = Story()
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101", exten="5145559999")
    story.create("o1", "PJSIP/outtrunk-o1", context="default")
    story.dial("p1", "o1", "5145559999@outtrunk")
    (joined,) = [output.call for output in story.answer("o1", "p1", "b1") if isinstance(output, OutgoingJoined)]
    assert joined.number == "+15145559999"


def test_a_mobile_first_and_a_phone_later_is_an_extension() -> None:
    story = Story()
    story.caller()
    outside(story, "c1", "4505550000@trunk")
    story.answer("o1", "c1", "b1")
    story.phone("p1", "c1")
    story.state("p1")
    assert Reached in [type(output) for output in story.enter("b1", "p1")]
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


@pytest.mark.parametrize(
    ("dialstring", "leg_number", "number"),
    [
        ("5145559999@trunk", "s", "+15145559999"),
        ("trunk/5145559999", "", "+15145559999"),
        ("trunk/sip:+15145559999@sip.example.net:5060", "", "+15145559999"),
        ("g0/w95145559999", "", "+15145559999"),
        ("user:secret@peer/15145559999", "", "+15145559999"),
        ("trunk/95145559999", "", "+15145559999"),
        ("", "5145559999", "+15145559999"),
        ("trunk/911", "911", None),
        ("", "s", None),
    ],
)
def test_staff_calling_back(dialstring: str, leg_number: str, number: str | None) -> None:
    story = Story()
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101", exten="5145559999")
    story.state("p1")
    outside(story, "p1", dialstring, leg_number)
    story.wait(5)
    (joined,) = [output.call for output in story.answer("o1", "p1", "b1") if isinstance(output, OutgoingJoined)]
    assert (joined.number, joined.joined, joined.ended) == (number, START + timedelta(seconds=5), None)
    story.wait(60)
    story.leave("b1", "o1")
    (over,) = [output.call for output in story.destroy("o1") if isinstance(output, OutgoingEnded)]
    assert over == replace(joined, ended=START + timedelta(seconds=65))
    assert story.calls == []


def test_an_outgoing_call_nobody_takes_was_not_joined() -> None:
    story = Story()
    story.create("p1", "PJSIP/101-p1", state="Ring", number="101")
    outside(story, "p1", "5145559999@trunk")
    (over,) = [output.call for output in story.destroy("o1") if isinstance(output, OutgoingEnded)]
    assert (over.number, over.joined) == ("+15145559999", None)
