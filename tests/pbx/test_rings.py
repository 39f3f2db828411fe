"""Which calls wait for a person, and whose phones ring for them."""

from __future__ import annotations

from ari_app.pbx.events import Disconnected
from ari_app.pbx.outputs import RingingChanged, Waiting
from tests.pbx.story import START, Story, local


def waiting(story: Story) -> tuple[Waiting, ...]:
    """What was told last."""
    told = [output for output in story.outputs if isinstance(output, RingingChanged)]
    return told[-1].calls if told else ()


def shown(story: Story) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.id, each.phones) for each in waiting(story)]


def test_a_call_waits_from_the_first_ring_to_the_answer() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    assert shown(story) == []
    story.phone("a1", "c1")
    assert waiting(story) == (Waiting("c1", "+15145551234", "5145550100", START, ("PJSIP/101",)),)
    story.answer("a1", "c1", "b1")
    assert shown(story) == []
    told = [output for output in story.outputs if isinstance(output, RingingChanged)]
    assert len(told) == 2, "told when it changes, not with every event"


def test_phones_that_stop_or_refuse_ring_no_more_and_a_caller_who_hangs_up_waits_no_more() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1", "101")
    story.phone("a2", "c1", "102")
    assert shown(story) == [("c1", ("PJSIP/101", "PJSIP/102"))]
    story.destroy("a1")
    assert shown(story) == [("c1", ("PJSIP/102",))]
    story.hangup_request("c1")
    assert shown(story) == []


def test_a_ring_group_of_locals_rings_phones_of_the_caller() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    _, two = local(story)
    story.phone("a1", two, "103")
    assert shown(story) == [("c1", ("PJSIP/103",))]
    assert story.tracker.call_of(two, story.now) == story.tracker.call_of("c1", story.now)
    assert story.tracker.call_of("a1", story.now) is not None


def test_who_waits_in_a_queue_waits_though_no_phone_rings_and_the_oldest_comes_first() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Queue")
    story.wait(3)
    story.caller("c2", number="5145559999")
    story.app("c2", "Queue")
    assert shown(story) == [("c1", ()), ("c2", ())]
    story.app("c1", "VoiceMail")
    assert shown(story) == [("c2", ())]


def test_a_hidden_number_is_not_shown() -> None:
    story = Story()
    story.caller("c1", pres="prohib_not_screened")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    assert waiting(story)[0].number is None


def test_a_leg_to_the_outside_is_nobodys_phone() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.create("m1", "PJSIP/trunk-m1", context="from-trunk")
    story.dial("c1", "m1", "5145557777@trunk")
    story.state("m1", "Ringing")
    assert shown(story) == []


def test_deaf_nobody_is_shown_and_who_still_rings_is_shown_again() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    story.caller("c2")
    before = len(story.outputs)
    story.reconnect()
    told = [output for output in story.outputs[before:] if isinstance(output, RingingChanged)]
    assert [len(each.calls) for each in told] == [0, 1]
    assert shown(story) == [("c1", ("PJSIP/101",))]


def test_deaf_nobody_waits_in_a_queue_either() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Queue")
    story.feed(Disconnected(story.now, "test"))
    assert shown(story) == []


def test_a_call_as_it_stands_is_missed_until_somebody_is_joined() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    call = story.tracker.call_of("c1", story.now)
    assert call is not None
    assert (call.outcome, call.caller) == ("missed", "+15145551234")
    story.answer("a1", "c1", "b1")
    call = story.tracker.call_of("c1", story.now)
    assert call is not None
    assert call.outcome == "answered"
    assert story.tracker.call_of("nobody", story.now) is None


def test_the_option_chosen_last_is_the_calls() -> None:
    story = Story()
    story.caller("c1")
    story.variable("c1", "TEXTBACK_OPTION", "new")
    story.app("c1", "BackGround")
    story.variable("c1", "TEXTBACK_OPTION", "urgent")
    story.app("c1", "Dial")
    story.variable("c1", "TEXTBACK_OPTION", "")
    assert story.tracker.options is True
    assert story.hang_up("c1").option == "urgent"


def test_events_that_carry_no_option_are_known() -> None:
    story = Story()
    assert story.tracker.options is None
    story.caller("c1")
    assert story.tracker.options is False


def test_who_picks_up_in_the_moment_a_call_is_declined_has_not_answered_it() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    assert story.tracker.phones_of("c1") == ("a1",)
    assert not story.tracker.bridged("c1")
    story.tracker.declined("c1", on=True, now=story.now)
    story.answer("a1", "c1", "b1")
    assert story.tracker.bridged("c1")
    story.leave("b1", "c1")
    call = story.hang_up("c1")
    assert (call.outcome, call.handed_on) == ("missed", False)


def test_a_call_that_could_not_be_sent_away_was_answered_after_all() -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    story.tracker.declined("c1", on=True, now=story.now)
    story.answer("a1", "c1", "b1")
    story.tracker.declined("c1", on=False, now=story.now)
    assert story.hang_up("c1").outcome == "answered"
    story.tracker.declined("c1", on=True, now=story.now)
