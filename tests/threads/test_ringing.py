"""Calls to a caller: in their time line with who asked and how long it took; settled only where a person says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ari_app.board import OutgoingEntry, ThreadState
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import Notice, ThreadChanged
from ari_app.model import OutgoingCall, Reason
from ari_app.threads import Store
from tests.threads.crew import a_member, missed, row, texted
from tests.threads.world import ALICE, HandClock, answered, silence


async def rings(
    store: Store, clock: HandClock, call: str = "17.9", *, joined: bool = True, ended: bool = True, number: str = ALICE
) -> None:
    """An outgoing call to Alice: ten seconds of ringing, a minute of talk."""
    begun = clock.now()
    clock.move(seconds=10)
    took = clock.now() if joined else None
    if joined:
        await store.note_outgoing(OutgoingCall(id=call, started=begun, joined=took, ended=None, number=number))
    if ended:
        clock.move(minutes=1)
        await store.note_outgoing(OutgoingCall(id=call, started=begun, joined=took, ended=clock.now(), number=number))


async def outgoing(store: Store, thread: int) -> list[OutgoingEntry]:
    return [entry for entry in (await store.board.thread(thread)).entries if isinstance(entry, OutgoingEntry)]


async def test_a_call_dialled_at_a_phone_stands_in_the_time_line(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    thread, other = await missed(store), await missed(store, line="dental")
    clock.move(minutes=5)
    heard.clear()
    at = clock.now()
    await rings(store, clock)
    assert {notice for notice in heard if isinstance(notice, ThreadChanged)} == {ThreadChanged(thread), ThreadChanged(other)}
    for each in (thread, other):
        (call,) = await outgoing(store, each)
        assert (call.at, call.by, call.talked, call.reached) == (at, None, 60.0, False)
    drawn = await row(store, thread)
    assert drawn.last == call
    assert drawn.state is ThreadState.TO_ANSWER, "a patient's voicemail answers too"
    assert {found.thread for found in await store.board.rows_of((thread, other))} == {thread, other}


async def test_while_it_lasts_and_when_nobody_took_it(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    await rings(store, clock, "17.1", ended=False)
    await rings(store, clock, "17.2", joined=False)
    untaken, lasting = await outgoing(store, thread)
    assert (lasting.joined is not None, lasting.ended, lasting.talked) == (True, None, None)
    assert (untaken.joined, untaken.talked) == (None, None)
    assert untaken.ended is not None


async def test_a_call_back_shows_who_asked_and_becomes_the_pbx_s_call(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    for _ in range(2):
        await store.acts.call_back_begun("back-1", thread, "201", anne)
    (asked,) = await outgoing(store, thread)
    assert (asked.id, asked.by, asked.joined, asked.failed) == ("back-1", "Anne", None, None)
    assert (await row(store, thread)).holder is not None
    await store.acts.call_back_linked("back-1", "17.9")
    (asked,) = await outgoing(store, thread)
    assert asked.id == "back-1", "the leg is not seen yet"
    await rings(store, clock)
    (call,) = await outgoing(store, thread)
    assert (call.id, call.by, call.talked) == ("17.9", "Anne", 60.0)
    await store.acts.call_back_failed("back-1", "not_seen")
    assert (await outgoing(store, thread))[0].failed is None
    assert [(one.act, one.what) for one in await store.board.audit(thread=thread)] == [("call_back", "by extension 201")]


async def test_one_that_was_not_placed_says_why(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await store.acts.call_back_begun("back-1", thread, "201", anne)
    clock.move(seconds=3)
    await store.acts.call_back_failed("back-1", "phone_offline")
    await store.acts.call_back_failed("back-1", "not_seen")
    (asked,) = await outgoing(store, thread)
    assert (asked.failed, asked.ended) == ("phone_offline", clock.now())
    with pytest.raises(RefusedError) as told:
        await store.acts.reached("back-1", anne)
    assert told.value.code == "not_joined"


async def test_a_call_back_takes_the_thread_from_nobody(store: Store) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    await store.acts.claim(thread, anne)
    await store.acts.call_back_begun("back-1", thread, "202", brigitte)
    holder = (await row(store, thread)).holder
    assert holder is not None
    assert holder.member == anne.member


async def test_a_call_without_a_number_cannot_be_called_back(store: Store) -> None:
    thread = await missed(store, None)
    with pytest.raises(RefusedError) as told:
        await store.acts.call_back_begun("back-1", thread, "201", await a_member(store, "anne"))
    assert told.value.code == "no_number"


@pytest.mark.parametrize("named", ["17.9", "back-1"])
async def test_reached_settles_the_thread_it_was_for(store: Store, clock: HandClock, named: str) -> None:
    thread, other = await missed(store), await missed(store, line="dental")
    await texted(store, "please call")
    anne = await a_member(store, "anne")
    clock.move(minutes=1)
    await store.acts.call_back_begun("back-1", thread, "201", anne)
    await store.acts.call_back_linked("back-1", "17.9")
    await rings(store, clock)
    assert await store.acts.reached(named, anne)
    assert not await store.acts.reached(named, anne)
    assert (await outgoing(store, thread))[0].reached
    assert (await row(store, thread)).state is ThreadState.ANSWERED
    assert (await row(store, other)).state is ThreadState.TO_ANSWER, "another line's caller is another line's"
    assert [one.act for one in await store.board.audit(thread=thread)] == ["reached", "call_back"]


async def test_reached_by_a_call_from_a_phone_settles_every_thread_of_the_number(store: Store, clock: HandClock) -> None:
    threads = [await missed(store), await missed(store, line="dental")]
    clock.move(minutes=1)
    await rings(store, clock)
    assert await store.acts.reached("17.9", await a_member(store, "anne"))
    assert [(await row(store, thread)).state for thread in threads] == [ThreadState.ANSWERED] * 2


@pytest.mark.parametrize("what", ["call", "text"])
async def test_what_came_after_they_spoke_still_waits(store: Store, clock: HandClock, what: str) -> None:
    thread = await missed(store)
    clock.move(minutes=1)
    await rings(store, clock)
    clock.move(minutes=1)
    await (missed(store) if what == "call" else texted(store, "one more thing"))
    assert await store.acts.reached("17.9", await a_member(store, "anne"))
    assert (await row(store, thread)).state is ThreadState.TO_ANSWER


async def test_a_done_thread_stays_done(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await rings(store, clock)
    await store.acts.mark_done(thread, anne)
    await store.acts.reached("17.9", anne)
    assert (await row(store, thread)).state is ThreadState.DONE


async def test_only_a_call_that_was_taken_reached_somebody(store: Store, clock: HandClock) -> None:
    await missed(store)
    anne = await a_member(store, "anne")
    await rings(store, clock, joined=False)
    with pytest.raises(RefusedError):
        await store.acts.reached("17.9", anne)
    with pytest.raises(NotFoundError):
        await store.acts.reached("99", anne)


async def test_an_answered_incoming_call_settles_as_before(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    clock.move(minutes=2)
    await store.record_call(answered(ended=clock.now()), silence(Reason.ANSWERED), line="main")
    drawn = await row(store, thread)
    assert (drawn.state, drawn.waits_since) == (ThreadState.ANSWERED, None)
    await texted(store, "thanks")
    clock.move(minutes=2)
    await store.record_call(answered(ended=clock.now()), silence(Reason.ANSWERED), line="main")
    drawn = await row(store, thread)
    assert drawn.state is ThreadState.TO_ANSWER, "a text waits for a text"
    assert drawn.waits_since == clock.now() - timedelta(minutes=2)
