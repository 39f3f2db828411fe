"""Where a call rings, waits and ends, and what voicemail kept, as hand-written streams."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ari_app.model import AnsweredBy, Call, Outcome, Presentation
from ari_app.model import Reached as Place
from ari_app.pbx.outputs import CallStarted, Reached
from tests.pbx.story import START, Story, behind_a_local, one_call, row

MISSED = Outcome.MISSED
ANSWERED = Outcome.ANSWERED
EXTENSION = AnsweredBy.EXTENSION


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


def test_a_dial_told_after_the_caller_hung_up_was_one() -> None:
    """Channel events and Dial come by different ways inside Asterisk: one who hangs up at once may overtake the other (seen on 22)."""
    story = Story()
    story.caller()
    story.app("c1", "Dial")
    story.hangup_request("c1")
    story.create("p1", "PJSIP/101-00000002", state="Down")
    story.dial("c1", "p1")
    call = story.hang_up("c1")
    assert row(call) == (Outcome.MISSED, None, Place.RING)
