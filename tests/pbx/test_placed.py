"""Calls that were asked for here, as the events of the PBX show them: whose leg is whose, and what came of each."""

from __future__ import annotations

from ari_app.model import NotDialled
from ari_app.pbx.outputs import CallBackEnded, OutgoingDialled, OutgoingEnded, OutgoingJoined, Output
from ari_app.pbx.placed import is_placed, new_id
from tests.pbx.story import Story, outside

NUMBER = "+15145551234"
TRUNK = "5145551234@trunk"


def rings(story: Story, name: str = "PJSIP/101-1", context: str = "from-internal") -> str:
    """The member's phone rings."""
    call_back = new_id()
    story.create(call_back, name, context=context)
    story.dial(None, call_back, "101")
    story.state(call_back, "Ringing")
    story.dial(None, call_back, "101", "RINGING")
    return call_back


def picked_up(story: Story) -> str:
    call_back = rings(story)
    story.wait(2)
    story.state(call_back)
    story.dial(None, call_back, "101", "ANSWER")
    story.app(call_back, "Dial")
    return call_back


def calls(outputs: list[Output]) -> list[tuple[str, str | None]]:
    kinds = {OutgoingDialled: "dialled", OutgoingJoined: "joined", OutgoingEnded: "ended"}
    return [
        (kinds[type(each)], each.call.call_back) for each in outputs if isinstance(each, OutgoingDialled | OutgoingJoined | OutgoingEnded)
    ]


def ends(outputs: list[Output]) -> list[tuple[str, str | None]]:
    return [(each.id, each.why) for each in outputs if isinstance(each, CallBackEnded)]


def test_ids_are_known_by_themselves_and_never_alike() -> None:
    assert len({new_id() for _ in range(100)}) == 100
    assert is_placed(new_id())
    assert not is_placed("1795735160.2")


def test_the_leg_the_pbx_dials_is_the_call_backs_and_its_number_is_held_while_it_lasts() -> None:
    story = Story()
    call_back = picked_up(story)
    outside(story, call_back, TRUNK)
    assert calls(story.outputs) == [("dialled", call_back)]
    assert story.tracker.live_numbers() == {NUMBER}
    story.wait(5)
    story.state("o1")
    story.enter("b1", "o1", call_back)
    story.wait(30)
    story.leave("b1", "o1", call_back)
    story.destroy("o1")
    story.destroy(call_back)
    assert calls(story.outputs) == [("dialled", call_back), ("joined", call_back), ("ended", call_back)]
    assert ends(story.outputs) == [(call_back, None)]
    (ended,) = (each.call for each in story.outputs if isinstance(each, OutgoingEnded))
    assert ended.joined is not None
    assert ended.ended is not None
    assert (ended.ended - ended.joined).total_seconds() == 30
    assert story.tracker.live_numbers() == frozenset()


def test_the_phone_may_be_gone_before_the_leg_is() -> None:
    """As Asterisk 16 tells it."""
    story = Story()
    call_back = picked_up(story)
    outside(story, call_back, TRUNK)
    story.destroy(call_back)
    story.destroy("o1")
    assert ends(story.outputs) == [(call_back, None)]
    assert calls(story.outputs) == [("dialled", call_back), ("ended", call_back)]


def test_a_second_trunk_takes_the_place_of_the_first() -> None:
    story = Story()
    call_back = picked_up(story)
    outside(story, call_back, TRUNK)
    story.destroy("o1", cause=34)
    outside(story, call_back, TRUNK, identity="o2")
    assert [each.call.id for each in story.outputs if isinstance(each, OutgoingDialled)] == ["o1", "o2"]


def test_a_route_through_a_local_channel_is_followed() -> None:
    story = Story()
    call_back = picked_up(story)
    story.create("L1", "Local/5145551234@route-1;1")
    story.create("L2", "Local/5145551234@route-1;2", state="Ring")
    story.dial(call_back, "L1", "5145551234@route")
    outside(story, "L2", TRUNK)
    assert calls(story.outputs) == [("dialled", call_back)]


def test_other_calls_out_are_nobodys() -> None:
    story = Story()
    picked_up(story)
    story.create("d1", "PJSIP/102-1", state="Ring", number="102", exten="5145551234")
    outside(story, "d1", TRUNK)
    story.state("o1")
    story.state("d1")
    story.enter("b1", "d1", "o1")
    assert calls(story.outputs) == [("joined", None)]


def test_what_keeps_the_caller_from_being_dialled_is_said() -> None:
    for cause, why in (
        (127, NotDialled.NOT_PICKED_UP),
        (19, NotDialled.NOT_PICKED_UP),
        (17, NotDialled.BUSY),
        (21, NotDialled.DECLINED),
    ):
        story = Story()
        call_back = rings(story)
        story.wait(30)
        story.destroy(call_back, cause)
        assert ends(story.outputs) == [(call_back, why)]
    story = Story()
    call_back = picked_up(story)
    story.destroy(call_back, 0)
    assert ends(story.outputs) == [(call_back, NotDialled.NOBODY)]


def test_while_we_were_deaf_is_no_failure_made_up() -> None:
    story = Story()
    call_back = rings(story)
    del story.channels[call_back]
    story.reconnect()
    assert ends(story.outputs) == [(call_back, NotDialled.NOT_SEEN)]


def test_one_that_was_up_before_we_listened_is_known_by_who_talks_with_whom() -> None:
    before, story = Story(), Story()
    call_back = picked_up(before)
    outside(before, call_back, TRUNK)
    before.dial(call_back, "o1", TRUNK)
    before.state("o1")
    before.channels["o1"]["dialplan"]["app_name"] = "AppDial"
    before.channels["o1"]["caller"]["number"] = "5145551234"
    before.enter("b1", call_back, "o1")
    story.channels, story.bridges = before.channels, before.bridges
    story.reconnect()
    assert calls(story.outputs) == [("dialled", call_back), ("joined", call_back)]
    assert story.tracker.call_backs == {call_back}
    story.destroy("o1")
    story.destroy(call_back)
    assert ends(story.outputs) == [(call_back, None)]


def test_a_members_phone_behind_a_trunk_is_of_the_house() -> None:
    """A mobile as extension: its own leg is no call to a caller, and who picks it up is a person here."""
    story = Story()
    call_back = rings(story, "PJSIP/trunk-9", context="from-trunk")
    story.state(call_back)
    outside(story, call_back, TRUNK)
    story.state("o1")
    story.enter("b1", call_back, "o1")
    assert calls(story.outputs) == [("dialled", call_back), ("joined", call_back)]
    assert story.calls == []
