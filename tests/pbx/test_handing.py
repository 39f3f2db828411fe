"""Hold, parking, transfers: a caller who had somebody and lost them, or did not."""

from __future__ import annotations

from typing import Any

import pytest

from ari_app.model import AnsweredBy, Outcome
from ari_app.model import Reached as Place
from ari_app.pbx.outputs import Reached
from tests.pbx.story import Story, one_call, outside, row

MISSED = Outcome.MISSED
ANSWERED = Outcome.ANSWERED
EXTENSION = AnsweredBy.EXTENSION


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
