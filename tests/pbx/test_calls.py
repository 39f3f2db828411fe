"""Each way a call can go, as a hand-written stream: what the tracker makes of it."""

from __future__ import annotations

from datetime import timedelta

from ari_app.model import AnsweredBy, Call, Outcome, Presentation
from ari_app.model import Reached as Place
from ari_app.pbx.outputs import CallStarted, Reached
from tests.pbx.story import START, Story


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
