"""Each way a call can go, as a hand-written stream: what the tracker makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ari_app.model import AnsweredBy, Call, Outcome, Presentation
from ari_app.model import Reached as Place
from ari_app.pbx.outputs import CallStarted, OutgoingEnded, OutgoingJoined, Reached, StrangeContext
from tests.pbx.story import CONFIG, START, Story, ended, one_call


def row(call: Call) -> tuple[Outcome, AnsweredBy | None, Place]:
    return call.outcome, call.answered_by, call.reached


MISSED = Outcome.MISSED
ANSWERED = Outcome.ANSWERED
EXTENSION = AnsweredBy.EXTENSION
OUTSIDE = AnsweredBy.OUTSIDE


def test_one_phone_rings_out_and_every_field_says_so() -> None:
    story = Story()
    (started,) = story.caller()
    assert isinstance(started, CallStarted)
    assert (started.id, started.number, started.did, started.started) == ("c1", "+15145551234", "5145550100", START)
    assert (started.unseen.outcome, started.unseen.caller, started.unseen.did) == (Outcome.UNSEEN, "+15145551234", "5145550100")
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.wait(20)
    story.dial("c1", "p1", status="NOANSWER")
    story.destroy("p1")
    story.destroy("c1", cause=127)
    assert story.calls == [
        Call(
            id="c1",
            started=START,
            ended=START + timedelta(seconds=20),
            presented="5145551234",
            caller="+15145551234",
            presentation=Presentation.ALLOWED,
            did="5145550100",
            context="from-trunk",
            channel="PJSIP/trunk-c1",
            outcome=MISSED,
            answered_by=None,
            reached=Place.RING,
            rang=20.0,
            caller_hung_up=False,
        )
    ]


def test_answered_by_a_phone_says_so_at_once() -> None:
    story = Story()
    story.talk()
    assert Reached("c1", "+15145551234", START + timedelta(seconds=4)) in story.outputs
    story.wait(60)
    call = story.hang_up("c1")
    assert row(call) == (ANSWERED, EXTENSION, Place.RING)
    assert call.rang == 4.0
    assert call.caller_hung_up


def test_voicemail_is_no_answer() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.wait(15)
    story.dial("c1", "p1", status="NOANSWER")
    story.destroy("p1")
    story.app("c1", "VoiceMail")
    story.state("c1")
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.VOICEMAIL)
    assert not call.voicemail_left


def test_who_ended_it() -> None:
    for destroyed_by_caller in (True, False):
        story = Story()
        story.caller()
        if destroyed_by_caller:
            assert story.hang_up("c1").caller_hung_up
        else:
            story.app("c1", "Hangup")
            story.hangup_request("c1", soft=True)  # what Asterisk says of its own hanging up
            assert not one_call(story.destroy("c1", cause=17)).caller_hung_up


@pytest.mark.parametrize("app", ["Busy", "Congestion"])
def test_a_busy_signal_is_the_pbx_refusing(app: str) -> None:
    story = Story()
    story.caller()
    story.app("c1", app)
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.NONE)
    assert not call.caller_hung_up


def test_a_dial_that_reaches_no_phone_rang_nowhere() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    assert one_call(story.destroy("c1", cause=3)).reached is Place.NONE


@pytest.mark.parametrize(
    ("apps", "place"),
    [
        (["Answer", "Queue"], Place.QUEUE),
        (["Answer", "BackGround", "WaitExten"], Place.MENU),
        (["Answer", "Playback", "Hangup"], Place.MENU),
        (["VoiceMail", "Playback", "Hangup"], Place.VOICEMAIL),
        (["Queue", "Playback"], Place.QUEUE),
        (["BackGround", "Queue", "VoiceMail", "NoOp"], Place.VOICEMAIL),
        (["BridgeWait"], Place.HOLD),
        (["Park"], Place.HOLD),
        (["ReceiveFAX"], Place.FAX),
        (["Answer", "VoiceMailMain"], Place.REMOTE),
        (["DISA"], Place.REMOTE),
        (["Set", "Goto", "Gosub", "Answer", "Wait"], Place.NONE),
    ],
)
def test_where_a_call_ends(apps: list[str], place: Place) -> None:
    story = Story()
    story.caller()
    for app in apps:
        story.app("c1", app)
    story.state("c1")
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, place)
    assert call.machine is (place in (Place.FAX, Place.REMOTE))


def test_a_redirected_call_is_where_the_next_event_shows_it() -> None:
    """Seen on 22: after a redirect ChannelDialplan still has the application of before."""
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.phone("p1", "c1")
    story.app("c1", "Dial", "scenario")
    story.channels["c1"]["dialplan"]["app_name"] = "VoiceMail"
    story.state("c1")
    assert story.hang_up("c1").reached is Place.VOICEMAIL


def test_asterisk_16_empties_the_application_at_the_end() -> None:
    story = Story()
    story.caller()
    story.app("c1", "Queue")
    story.channels["c1"]["dialplan"]["app_name"] = ""
    assert story.hang_up("c1").reached is Place.QUEUE


# voicemail


@pytest.mark.parametrize(("status", "left"), [("SUCCESS", True), ("FAILED", False), ("USEREXIT", False), ("", False)])
def test_a_message_needs_proof(status: str, left: bool) -> None:
    story = Story()
    story.caller()
    story.app("c1", "VoiceMail")
    story.state("c1")
    story.hangup_request("c1")
    story.variable("c1", "VMSTATUS", status)  # Asterisk says it between the caller's hanging up and the end
    call = one_call(story.destroy("c1"))
    assert call.voicemail_left is left


def local(story: Story, caller: str = "c1", name: str = "L") -> tuple[str, str]:
    """A Dial of a Local channel."""
    one, two = f"{name}1", f"{name}2"
    story.create(one, f"Local/600@ext-{name};1")
    story.create(two, f"Local/600@ext-{name};2", state="Ring")
    story.dial(caller, one, "600@ext/n")
    return one, two


def behind_a_local(story: Story, app: str) -> tuple[str, str]:
    story.caller()
    story.app("c1", "Dial")
    one, two = local(story)
    story.app(two, app)
    story.state(two)
    story.state(one)
    story.state("c1")
    story.enter("b1", one, "c1")
    return one, two


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_voicemail_behind_a_local_says_a_moment_later_whether_it_kept_a_message(status: str) -> None:
    story = Story()
    one, two = behind_a_local(story, "VoiceMail")
    story.wait(9)
    story.hangup_request("c1")
    story.leave("b1", "c1", one)
    assert story.destroy("c1") == []
    assert story.tracker.live_numbers() == frozenset()
    story.destroy(one)
    story.wait(2)
    story.variable(two, "VMSTATUS", status)
    call = one_call(story.hangup_request(two, soft=True))
    assert row(call) == (MISSED, None, Place.VOICEMAIL)
    assert call.ended == START + timedelta(seconds=9)
    assert call.voicemail_left is (status == "SUCCESS")
    story.destroy(two)
    assert len(story.calls) == 1


def test_voicemail_behind_a_local_that_never_says_is_settled_with_its_channel_or_at_resync() -> None:
    for resync in (False, True):
        story = Story()
        one, two = behind_a_local(story, "VoiceMail")
        story.hangup_request("c1")
        story.leave("b1", "c1")
        story.destroy("c1")
        call = one_call(story.reconnect() if resync else story.destroy(one) + story.destroy(two))
        assert row(call) == (MISSED, None, Place.VOICEMAIL)
        assert not call.voicemail_left


def test_a_queue_behind_a_local_is_a_queue() -> None:
    story = Story()
    behind_a_local(story, "Queue")
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.QUEUE)


# who is joined to whom


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


# hold, park, transfer


@pytest.mark.parametrize(("seconds", "lost"), [(29.9, False), (30.0, True), (300.0, True)])
def test_a_caller_left_on_hold(seconds: float, lost: bool) -> None:
    story = Story()
    story.talk()
    story.wait(60)
    story.say("ChannelHold", channel=story.channel("p1"), musicclass="default")
    story.wait(seconds)
    call = story.hang_up("c1")
    assert row(call) == ((MISSED, None, Place.HOLD) if lost else (ANSWERED, EXTENSION, Place.RING))
    assert call.handed_on is lost
    assert call.rang == 4.0


def test_a_caller_taken_back_from_hold_is_served() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.wait(90)
    story.say("ChannelUnhold", channel=story.channel("p1"))
    story.wait(1)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_a_caller_who_holds_us_is_served() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("c1"))
    story.wait(90)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_a_phone_that_hangs_up_on_a_held_caller_has_lost_them() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.wait(45)
    story.hangup_request("p1")
    story.leave("b1", "p1")
    story.destroy("p1")
    story.leave("b1", "c1")
    call = one_call(story.destroy("c1"))
    assert row(call) == (MISSED, None, Place.HOLD)
    assert not call.caller_hung_up


def test_alone_in_the_bridge_for_long_is_on_hold() -> None:
    """A transferer who asks somebody first leaves the caller behind with music, and no hold event."""
    story = Story()
    story.talk()
    story.leave("b1", "p1")
    story.enter("b2", "p1")
    story.wait(31)
    assert row(story.hang_up("c1")) == (MISSED, None, Place.HOLD)


def test_alone_in_a_conference_nobody_came_to_is_not_on_hold() -> None:
    story = Story()
    story.caller()
    story.app("c1", "ConfBridge")
    story.state("c1")
    story.enter("conf", "c1")
    story.wait(60)
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.NONE)
    assert not call.handed_on


def test_callers_who_talk_on_after_staff_left_a_conference_are_not_on_hold() -> None:
    story = Story()
    story.talk()
    story.caller("c2", number="4385550001")
    story.state("c2")
    story.enter("b1", "c2")
    story.leave("b1", "p1")
    story.wait(60)
    assert story.hang_up("c1").outcome is ANSWERED


def test_a_hold_told_again_goes_on_from_its_start() -> None:
    story = Story()
    story.talk()
    for _ in range(2):
        story.say("ChannelHold", channel=story.channel("p1"))
        story.wait(20)
    assert row(story.hang_up("c1")) == (MISSED, None, Place.HOLD)


def test_a_short_hold_before_the_dialplan_goes_on_is_past() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.wait(10)
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    story.app("c1", "Wait")
    story.wait(60)
    assert story.hang_up("c1").outcome is ANSWERED


def test_the_h_extension_after_the_callers_hanging_up_is_no_redirection() -> None:
    story = Story()
    story.talk()
    story.hangup_request("c1")
    story.channels["c1"]["dialplan"]["exten"] = "h"
    story.leave("b1", "c1")
    assert row(one_call(story.destroy("c1"))) == (ANSWERED, EXTENSION, Place.RING)


def test_a_conversation_after_which_the_dialplan_goes_on_is_answered() -> None:
    story = Story()
    story.talk()
    story.wait(60)
    story.leave("b1", "p1")
    story.leave("b1", "c1")
    story.destroy("p1")
    story.app("c1", "VoiceMail")
    story.wait(60)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.VOICEMAIL)


def test_a_long_hold_that_ended_in_a_menu_is_past() -> None:
    story = Story()
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.wait(60)
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    story.app("c1", "BackGround")
    story.wait(60)
    assert story.hang_up("c1").outcome is ANSWERED


def blind(story: Story, **more: Any) -> None:
    fields = {"channel": story.channel("p1"), "bridge": story.bridge("b1"), "exten": "102", "context": "from-internal", "result": "Success"}
    story.say("BridgeBlindTransfer", **{**fields, **more})
    story.hangup_request("p1")
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    story.app("c1", "Dial", "from-internal")
    story.phone("p2", "c1", "102")


@pytest.mark.parametrize("told", [True, False], ids=["transferee", "no transferee"])
def test_a_blind_transfer_nobody_takes(told: bool) -> None:
    story = Story()
    story.talk()
    blind(story, **({"transferee": story.channel("c1")} if told else {}))
    story.wait(8)
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.TRANSFER)
    assert call.handed_on


def test_a_blind_transfer_into_voicemail_keeps_the_proof_of_a_message() -> None:
    story = Story()
    story.talk()
    blind(story)
    story.destroy("p2")
    story.app("c1", "VoiceMail")
    story.variable("c1", "VMSTATUS", "SUCCESS")
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.TRANSFER)
    assert (call.handed_on, call.voicemail_left) == (True, True)


def test_a_blind_transfer_somebody_takes() -> None:
    story = Story()
    story.talk()
    blind(story)
    story.answer("p2", "c1", "b2")
    call = story.hang_up("c1")
    assert row(call) == (ANSWERED, EXTENSION, Place.RING)
    assert not call.handed_on
    assert len([output for output in story.outputs if isinstance(output, Reached)]) == 1


def test_a_blind_transfer_to_a_mobile_after_a_talk_inside_was_answered_inside() -> None:
    story = Story()
    story.talk()
    blind(story)
    story.destroy("p2")
    outside(story, "c1", "4505550000@trunk")
    story.answer("o1", "c1", "b2")
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


@pytest.mark.parametrize("late", [False, True], ids=["told first", "told when the phone has left"])
def test_a_caller_whose_own_side_transfers_was_served(late: bool) -> None:
    story = Story()
    story.talk()
    fields = {"channel": story.channel("c1"), "transferee": story.channel("p1"), "bridge": story.bridge("b1"), "result": "Success"}
    if late:
        story.leave("b1", "p1")
    story.say("BridgeBlindTransfer", **fields)
    if not late:
        story.leave("b1", "p1")
    call = story.hang_up("c1")
    assert row(call) == (ANSWERED, EXTENSION, Place.RING)
    assert not call.handed_on


def test_a_machine_that_transfers_hands_nobody_on() -> None:
    story = Story()
    story.caller()
    story.create("f", "PJSIP/fax1-f")
    story.answer("f", "c1", "b1")
    story.say("BridgeBlindTransfer", channel=story.channel("f"), bridge=story.bridge("b1"), result="Success")
    assert not story.hang_up("c1").handed_on


def test_a_blind_transfer_told_after_somebody_took_it() -> None:
    story = Story()
    story.talk()
    fields = {"channel": story.channel("p1"), "transferee": story.channel("c1"), "bridge": story.bridge("b1"), "result": "Success"}
    story.leave("b1", "c1")
    story.phone("p2", "c1", "102")
    story.answer("p2", "c1", "b2")
    story.say("BridgeBlindTransfer", **fields)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_a_blind_transfer_that_failed_leaves_everybody_where_they_were() -> None:
    story = Story()
    story.talk()
    story.say("BridgeBlindTransfer", channel=story.channel("p1"), bridge=story.bridge("b1"), result="Invalid", exten="9", context="x")
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def attended(story: Story, *, first: str = "p1", second: str = "p1b", **more: Any) -> None:
    fields = {
        "transferer_first_leg": story.channel(first),
        "transferer_second_leg": story.channel(second),
        "transferer_first_leg_bridge": story.bridge("b1"),
        "result": "Success",
        "destination_type": "bridge",
    }
    story.say("BridgeAttendedTransfer", **{**fields, **more})


def consultation(story: Story) -> None:
    """p1 talks to the caller, and on a second leg to p2."""
    story.talk()
    story.say("ChannelHold", channel=story.channel("p1"))
    story.create("p1b", "PJSIP/101-p1b", state="Ring", number="101")
    story.state("p1b")
    story.phone("p2", "p1b", "102")
    story.state("p2")
    story.enter("b2", "p1b", "p2")
    story.wait(40)


def test_an_attended_transfer_completed() -> None:
    story = Story()
    consultation(story)
    story.leave("b2", "p2")
    story.leave("b1", "p1")
    story.enter("b1", "p2")
    attended(story)
    story.leave("b2", "p1b")
    story.destroy("p1")
    story.destroy("p1b")
    story.wait(60)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_an_attended_transfer_told_before_it_is_done() -> None:
    story = Story()
    consultation(story)
    attended(story)
    story.leave("b1", "p1")
    story.leave("b2", "p2")
    story.enter("b1", "p2")
    story.wait(60)
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


def test_an_attended_transfer_to_a_phone_that_never_answers() -> None:
    story = Story()
    story.talk()
    story.create("p1b", "PJSIP/101-p1b", state="Ring", number="101")
    story.state("p1b")
    story.phone("p2", "p1b", "102")
    story.create("T1", "Local/x@y-1;1")
    story.create("T2", "Local/x@y-1;2", state="Ring")
    attended(story, destination_type="application", destination_application="Dial")
    story.enter("b1", "T1")
    story.leave("b1", "p1")
    story.destroy("p1")
    story.wait(10)
    call = story.hang_up("c1")
    assert row(call) == (MISSED, None, Place.TRANSFER)
    assert call.handed_on


def test_a_three_way_call_hands_nobody_on() -> None:
    story = Story()
    consultation(story)
    story.say("ChannelUnhold", channel=story.channel("p1"))
    attended(story, destination_type="threeway")
    assert row(story.hang_up("c1")) == (ANSWERED, EXTENSION, Place.RING)


@pytest.mark.parametrize("retrieved", [True, False])
def test_parked(retrieved: bool) -> None:
    story = Story()
    story.talk()
    story.say("BridgeBlindTransfer", channel=story.channel("p1"), bridge=story.bridge("b1"), result="Success", exten="700", context="park")
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    story.enter("lot", "c1", kind="holding")
    story.wait(10)
    if retrieved:
        story.leave("lot", "c1")
        story.create("p2", "PJSIP/102-p2", state="Ring", number="102")
        story.state("p2")
        story.enter("b2", "p2", "c1")
    call = story.hang_up("c1")
    assert row(call) == ((ANSWERED, EXTENSION, Place.HOLD) if retrieved else (MISSED, None, Place.HOLD))
    assert call.handed_on is not retrieved


@pytest.mark.parametrize("taken", [True, False])
def test_redirected_from_an_operators_panel(taken: bool) -> None:
    """Seen on 16 and 22: the caller is moved in the dialplan while it talks; no transfer event, no hang-up of the phone."""
    story = Story()
    story.talk()
    story.wait(20)
    story.channels["c1"]["dialplan"]["exten"] = "102"
    story.app("c1", "Dial", "from-internal")
    story.leave("b1", "c1", "p1")
    story.destroy("p1")
    story.phone("p2", "c1", "102")
    if taken:
        story.answer("p2", "c1", "b2")
    call = story.hang_up("c1")
    assert row(call) == ((ANSWERED, EXTENSION, Place.RING) if taken else (MISSED, None, Place.TRANSFER))
    assert call.handed_on is not taken


def test_a_feature_that_runs_dialplan_in_the_middle_of_a_talk_hands_nobody_on() -> None:
    """One-touch recording runs a macro on the caller's channel, which then is where it was again."""
    story = Story()
    story.talk()
    story.channels["c1"]["dialplan"]["exten"] = "s"
    story.app("c1", "Macro", "one-touch-record")
    story.channels["c1"]["dialplan"]["exten"] = "5145550100"
    story.app("c1", "Dial", "from-trunk")
    story.leave("b1", "p1", "c1")
    story.destroy("p1")
    assert row(one_call(story.destroy("c1"))) == (ANSWERED, EXTENSION, Place.RING)


# who calls


def test_late_caller_id_of_an_analog_line() -> None:
    """DAHDI FXO: the number comes after the first ring, before the dialplan starts; the DID is the port."""
    story = Story()
    (started,) = story.caller(name="DAHDI/4-1", number="", did="s", context="from-analog", pres="unavailable")
    assert isinstance(started, CallStarted)
    assert (started.number, started.did) == (None, "DAHDI/4")
    story.wait(4)
    story.variable("c1", "CALLERID(num-pres)", "allowed_not_screened")
    story.number("c1", "5145551234")
    assert story.tracker.live_numbers() == {"+15145551234"}
    story.app("c1", "Dial")
    call = story.hang_up("c1")
    assert (call.caller, call.presented, call.presentation) == ("+15145551234", "5145551234", Presentation.ALLOWED)
    assert call.did == "DAHDI/4"


def test_late_caller_id_without_channelvars_brings_its_presentation() -> None:
    for octet, presentation in ((0x01, Presentation.ALLOWED), (0x20, Presentation.PROHIBITED), (0x43, Presentation.UNKNOWN)):
        story = Story()
        story.caller(number="", pres=None)
        story.number("c1", "5145551234", octet)
        assert story.hang_up("c1").presentation is presentation


def test_the_first_number_stays_though_the_dialplan_rewrites_it() -> None:
    story = Story()
    story.caller(number="5145551234")
    story.app("c1", "Set")
    story.number("c1", "5145550100")
    call = story.hang_up("c1")
    assert (call.presented, call.caller) == ("5145551234", "+15145551234")


@pytest.mark.parametrize(
    ("presented", "caller"),
    [
        ("5145551234", "+15145551234"),
        ("15145551234", "+15145551234"),
        ("+15145551234", "+15145551234"),
        ("+33142685300", "+33142685300"),
        ("anonymous", None),
        ("Restricted", None),
        ("Unavailable", None),
        ("101", None),
        ("", None),
    ],
)
def test_numbers_as_trunks_write_them(presented: str, caller: str | None) -> None:
    story = Story()
    story.caller(number=presented)
    call = story.hang_up("c1")
    assert (call.presented, call.caller) == (presented, caller)


def test_presentation_is_read_after_creation_and_before_the_dialplan_rewrites_it() -> None:
    """Seen on 16 and 22: PJSIP says "allowed" at creation and reads Privacy just after. FreePBX's dialplan sets it to allowed again."""
    story = Story()
    story.caller(pres="allowed_not_screened")
    story.variable("c1", "CALLERID(num-pres)", "prohib_not_screened")
    story.app("c1", "Set")
    story.variable("c1", "CALLERID(num-pres)", "allowed_not_screened")
    story.app("c1", "Dial")
    assert story.hang_up("c1").presentation is Presentation.PROHIBITED

    story = Story()
    story.caller(pres="allowed_not_screened")
    story.app("c1", "Set")
    story.variable("c1", "CALLERID(num-pres)", "prohib")  # for the trunk the call is forwarded over
    story.app("c1", "Dial")
    assert story.hang_up("c1").presentation is Presentation.ALLOWED


@pytest.mark.parametrize(
    ("did", "name", "shown"), [("s", "PJSIP/voipms-0000001a", "PJSIP/voipms"), ("", "DAHDI/i1/5145551234-3", "DAHDI/i1")]
)
def test_without_a_did_the_trunk_or_port_stands_for_it(did: str, name: str, shown: str) -> None:
    story = Story()
    story.caller(did=did, name=name)
    assert story.hang_up("c1").did == shown


@pytest.mark.parametrize("context", ["from-internal", "from-sip-external", "default"])
def test_other_contexts_are_no_inbound_call(context: str) -> None:
    story = Story()
    assert [output for output in story.caller(context=context) if isinstance(output, CallStarted)] == []
    assert ended(story.destroy("c1")) == []


def test_strange_contexts_are_told_once_and_contexts_of_extensions_never() -> None:
    story = Story()
    assert story.caller("a", context="from-mytrunk") == [StrangeContext("from-mytrunk")]
    assert story.caller("b", context="from-mytrunk") == []
    assert story.caller("c", number="101", context="phones") == []
    assert story.caller("d", number="5145551234", context="phones") == []
    assert story.caller("e", number="anonymous", context="from-sip-external") == []
    assert story.tracker.strange_contexts == {"from-mytrunk"}


def test_what_is_no_call_of_anyone() -> None:
    story = Story()
    story.caller("a", name="Local/5145550100@from-trunk-1;2")
    story.caller("b", name="Message/ast_msg_queue")
    assert story.outputs == []


def test_the_night_switch_is_stamped_as_it_was_at_the_start() -> None:
    story = Story(replace(CONFIG, switches=("Custom:DAYNIGHT1",)))
    device = {"name": "Custom:DAYNIGHT1", "state": "INUSE"}
    story.say("DeviceStateChanged", device_state=device)
    story.say("DeviceStateChanged", device_state={"name": "PJSIP/101", "state": "RINGING"})
    story.caller()
    story.say("DeviceStateChanged", device_state={**device, "state": "NOT_INUSE"})
    assert story.hang_up("c1").switches == {"Custom:DAYNIGHT1": "INUSE"}
    assert story.tracker.switches == {"Custom:DAYNIGHT1": "NOT_INUSE"}


# the outside


def outside(story: Story, caller: str, dialstring: str, leg_number: str = "", identity: str = "o1") -> None:
    story.create(identity, f"PJSIP/trunk-{identity}", context="from-trunk", number=leg_number)
    story.dial(caller, identity, dialstring)


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
