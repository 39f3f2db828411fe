"""What people write: at once, at an hour, again, and not over somebody else's answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ari_app.board import Box, ThreadState
from ari_app.errors import RefusedError
from ari_app.events import MessageChanged, Notice, ThreadChanged
from ari_app.model import Inbound, MessageState, Reaction
from ari_app.threads import Store
from modem.types import NotSent, Refused, SendResult, Unknown
from tests.threads.crew import a_member, missed, row, texted, texts
from tests.threads.world import ALICE, BOB, STAFF, Carrier, Clerk, HandClock, a_call, inbound, raw

READY: dict[str, Any] = {"ready": ["gsm1"], "known_modems": ["gsm1"], "live": [], "held": False}


async def due(store: Store) -> list[int]:
    return [each.id for each in (await store.agenda(**READY)).due]


async def send(store: Store, message: int) -> MessageState:
    """As the outbox does, by a modem that takes it."""
    claimed = await store.claim(message, Clerk(), Carrier().split, live=False)
    for part in claimed.parts if claimed else ():
        attempt = await store.begin_attempt(part.id, modem="gsm1")
        assert attempt is not None
        await store.finish_attempt(attempt, await Carrier().send(part.submit, _yes))
    return MessageState((await store.message(message))["state"])


async def _yes() -> bool:
    return True


REFUSED = Refused("cms_21", "rejected", permanent=True, number_at_fault=False)


async def refuse(store: Store, message: int, result: SendResult = REFUSED) -> None:
    """The network refuses it for good, or ``result``."""
    claimed = await store.claim(message, Clerk(), Carrier().split, live=False)
    assert claimed is not None
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt is not None
    await store.finish_attempt(attempt, result)


async def test_a_reply_claims_settles_and_is_audited(store: Store, heard: list[Notice]) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    heard.clear()
    queued = await store.acts.queue_staff(ALICE, "Bonjour", "one", by=anne)
    assert set(heard) == {MessageChanged(queued.message, thread), ThreadChanged(thread)}
    drawn = await row(store, thread)
    assert (drawn.state, drawn.waits_since, drawn.opened) == (ThreadState.ANSWERED, None, False)
    assert drawn.holder is not None
    assert drawn.holder.member == anne.member
    (text,) = texts((await store.board.thread(thread)).entries)
    assert (text.author, text.text, text.scheduled) == ("Anne", "Bonjour", None)
    again = await store.acts.queue_staff(ALICE, "Bonjour", "one", by=anne)
    assert (again.message, again.new) == (queued.message, False)
    assert [(one.act, one.what) for one in await store.board.audit(thread=thread)] == [("send", f"text {queued.message}")]


async def test_somebody_answered_meanwhile(store: Store) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    seen = (await store.board.thread(thread)).seen
    first = await store.acts.queue_staff(ALICE, "from Anne", "one", seen=seen, by=anne)
    await store.acts.let_go(thread, anne)
    with pytest.raises(RefusedError) as told:
        await store.acts.queue_staff(ALICE, "from Brigitte", "two", seen=seen, by=brigitte)
    assert told.value.code == "answered_meanwhile"
    assert told.value.facts == {"name": "Anne", "seen": first.message, "thread": thread}
    sent = await store.acts.queue_staff(ALICE, "from Brigitte", "two", seen=int(told.value.facts["seen"]), by=brigitte)
    assert sent.new
    assert (await store.acts.queue_staff(ALICE, "more of hers", "three", seen=first.message, by=brigitte)).new, "her own is no news to her"


async def test_who_answered_and_still_holds_it_is_one_refusal(store: Store) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    seen = (await store.board.thread(thread)).seen
    first = await store.acts.queue_staff(ALICE, "from Anne", "one", seen=seen, by=anne)
    with pytest.raises(RefusedError) as told:
        await store.acts.queue_staff(ALICE, "from Brigitte", "two", seen=seen, by=brigitte)
    assert (told.value.code, told.value.facts) == (
        "answered_meanwhile",
        {"name": "Anne", "seen": first.message, "thread": thread, "holder": "Anne"},
    )
    with pytest.raises(RefusedError) as held:
        await store.acts.queue_staff(ALICE, "from Brigitte", "two", seen=first.message, by=brigitte)
    assert held.value.code == "held", "who read the answer alone has not taken the thread over"
    assert (await store.acts.queue_staff(ALICE, "from Brigitte", "two", seen=first.message, takeover=True, by=brigitte)).new


async def test_what_failed_or_was_called_off_is_no_answer_of_somebody_else(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    put_off = await store.acts.queue_staff(ALICE, "later", "one", scheduled=clock.now() + timedelta(hours=1), by=anne)
    await store.acts.call_off(put_off.message, anne)
    await store.acts.let_go(thread, anne)
    assert (await store.acts.queue_staff(ALICE, "now", "two", seen=0, by=brigitte)).new


async def test_the_caller_s_own_words_do_not_hold_a_reply_up(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    seen = (await store.board.thread(thread)).seen
    clock.move(seconds=30)
    await texted(store, "are you there?")
    assert (await store.acts.queue_staff(ALICE, "yes", "one", seen=seen, by=anne)).new


async def test_a_text_for_later_waits_for_its_hour_and_holds_nobody_up(store: Store, clock: HandClock) -> None:
    anne = await a_member(store, "anne")
    at = clock.now() + timedelta(days=2)
    later = await store.acts.queue_staff(ALICE, "your appointment is today", "one", scheduled=at, by=anne)
    soon = await store.acts.queue_staff(ALICE, "hello", "two", by=anne)
    assert await due(store) == [soon.message]
    assert await store.claim(later.message, Clerk(), Carrier().split, live=False) is None
    assert await send(store, soon.message) is MessageState.SENT
    drawn = await row(store, later.thread)
    assert drawn.scheduled == 1
    (text,) = [text for text in texts((await store.board.thread(later.thread)).entries) if text.scheduled]
    assert (text.state, text.scheduled) == (MessageState.QUEUED, at)
    agenda = await store.agenda(**READY)
    assert (agenda.due, agenda.overdue, agenda.next_at) == ((), False, at)
    clock.move(days=2)
    assert await due(store) == [later.message]
    assert await send(store, later.message) is MessageState.SENT
    assert (await row(store, later.thread)).scheduled == 0


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=30)])
async def test_a_clock_set_back_sends_no_text_before_its_hour(store: Store, clock: HandClock, back: timedelta) -> None:
    at = clock.now() + timedelta(hours=3)
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=at, by=STAFF)
    plain = await store.acts.queue_staff(BOB, "now", "two", by=STAFF)
    clock.at -= back
    assert await due(store) == [plain.message], "the plain one goes though its time says otherwise"
    assert await store.claim(later.message, Clerk(), Carrier().split, live=False) is None
    clock.at = at
    assert later.message in await due(store)


async def test_one_that_was_tried_at_its_hour_is_tried_again_after_the_clock_was_set_back(store: Store, clock: HandClock) -> None:
    at = clock.now() + timedelta(hours=1)
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=at, by=STAFF)
    clock.at = at + timedelta(hours=5)
    claimed = await store.claim(later.message, Clerk(), Carrier().split, live=False)
    assert claimed is not None
    await store.release(later.message, NotSent("no prompt"), modem="gsm1")
    clock.at = at + timedelta(minutes=1)
    assert await due(store) == [later.message]


async def test_it_lives_a_day_from_its_hour(store: Store, clock: HandClock) -> None:
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=clock.now() + timedelta(days=2), by=STAFF)
    clock.move(days=3)
    assert await store.expire() == 0
    clock.move(seconds=1)
    assert await store.expire() == 1
    (text,) = texts((await store.board.thread(later.thread)).entries)
    assert (text.state, text.code) == (MessageState.FAILED, "expired")
    drawn = await row(store, later.thread)
    assert (drawn.state, drawn.trouble, drawn.waits_since) == (ThreadState.TO_ANSWER, True, text.scheduled)


async def test_who_opted_out_meanwhile_gets_none(store: Store, clock: HandClock) -> None:
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=clock.now() + timedelta(hours=1), by=STAFF)
    await store.keep(raw(inbound(ALICE, "STOP", clock.now()), clock.now()), _stop)
    clock.move(hours=1)
    assert await store.claim(later.message, Clerk(), Carrier().split, live=False) is None
    (text,) = [each for each in texts((await store.board.thread(later.thread)).entries) if not each.incoming]
    assert (text.state, text.code) == (MessageState.FAILED, "opted_out")
    assert (await row(store, later.thread)).opted_out


def _stop(_: Inbound) -> Reaction:
    return Reaction(opt=True, reopens=False)


@pytest.mark.parametrize(("ahead", "code"), [(timedelta(0), "in_past"), (timedelta(days=-1), "in_past"), (timedelta(days=400), "too_far")])
async def test_hours_that_cannot_be(store: Store, clock: HandClock, ahead: timedelta, code: str) -> None:
    with pytest.raises(RefusedError) as told:
        await store.acts.queue_staff(ALICE, "hello", "one", scheduled=clock.now() + ahead, by=STAFF)
    assert told.value.code == code
    assert await store.board.rows(Box.ALL) == ()


async def test_called_off_in_time_the_caller_waits_again(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    since = (await row(store, thread)).waits_since
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=clock.now() + timedelta(hours=1), by=anne)
    assert (await row(store, thread)).state is ThreadState.ANSWERED
    assert await store.acts.call_off(later.message, anne)
    assert not await store.acts.call_off(later.message, anne)
    drawn = await row(store, thread)
    assert (drawn.state, drawn.waits_since, drawn.opened, drawn.scheduled) == (ThreadState.TO_ANSWER, since, True, 0)
    clock.move(hours=2)
    assert await due(store) == []
    (text,) = texts((await store.board.thread(thread)).entries)
    assert (text.state, text.code, text.again) == (MessageState.CANCELLED, "called_off", True)
    assert [one.act for one in await store.board.audit(thread=thread)] == ["call_off", "schedule"]


async def test_called_off_where_another_answer_went_nobody_waits(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    clock.move(minutes=1)
    later = await store.acts.queue_staff(ALICE, "later", "one", scheduled=clock.now() + timedelta(hours=1), by=STAFF)
    await store.acts.queue_staff(ALICE, "now", "two", by=STAFF)
    await store.acts.call_off(later.message, STAFF)
    assert (await row(store, thread)).state is ThreadState.ANSWERED


async def test_only_what_waits_for_its_hour_is_called_off(store: Store, clock: HandClock) -> None:
    plain = await store.acts.queue_staff(ALICE, "now", "one", by=STAFF)
    later = await store.acts.queue_staff(BOB, "later", "two", scheduled=clock.now() + timedelta(hours=1), by=STAFF)
    clock.move(hours=1)
    assert await send(store, later.message) is MessageState.SENT
    for message, code in ((plain.message, "not_scheduled"), (later.message, "too_late")):
        with pytest.raises(RefusedError) as told:
            await store.acts.call_off(message, STAFF)
        assert told.value.code == code


@pytest.mark.parametrize("how", ["again", "done"])
@pytest.mark.parametrize("result", [REFUSED, Unknown("no answer")])
async def test_a_text_that_failed_or_may_not_have_gone_is_trouble_until_somebody_sees_to_it(
    store: Store, clock: HandClock, result: SendResult, how: str
) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    written = await store.acts.queue_staff(ALICE, "hello", "one", by=anne)
    clock.move(minutes=1)
    await refuse(store, written.message, result)
    drawn = await row(store, thread)
    assert (drawn.state, drawn.trouble) == (ThreadState.TO_ANSWER if result is REFUSED else ThreadState.ANSWERED, True)
    assert drawn.waits_since == (clock.now() - timedelta(minutes=1) if result is REFUSED else None)
    assert [found.thread for found in await store.board.rows(Box.TROUBLE, line="main")] == [thread]
    assert (await store.board.counts()).trouble == (await store.board.counts_by_line())["main"].trouble == 1
    if how == "again":
        again = await store.acts.send_again(written.message, anne)
        assert again.new
        assert [text.again for text in texts((await store.board.thread(thread)).entries)] == [False, False]
        assert not (await store.acts.send_again(written.message, anne)).new
    else:
        assert await store.acts.mark_done(thread, anne)
        assert not await store.acts.mark_done(thread, anne)
    assert await store.board.rows(Box.TROUBLE) == ()
    assert not (await row(store, thread)).trouble
    assert (await store.board.counts()).trouble == 0


async def test_done_ticks_off_an_automatic_text_that_failed_in_a_done_thread(store: Store, clock: HandClock) -> None:
    call = a_call(ended=clock.now())
    call_message = (await store.record_call(call, Clerk().first(clock.now()), line="main")).message
    assert call_message
    clock.move(minutes=1)
    await refuse(store, call_message)
    (trouble,) = await store.board.rows(Box.TROUBLE)
    assert await store.acts.mark_done(trouble.thread, STAFF)
    assert await store.board.rows(Box.TROUBLE) == ()


async def test_done_and_taken_up_again(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await store.acts.urgent(thread, True, anne)
    await store.acts.claim(thread, anne)
    await store.acts.mark_done(thread, anne)
    drawn = await row(store, thread)
    assert (drawn.state, drawn.waits_since, drawn.urgent, drawn.holder) == (ThreadState.DONE, None, False, None)
    assert [found.thread for found in await store.board.rows(Box.DONE)] == [thread]
    clock.move(minutes=9)
    assert await store.acts.reopen(thread, anne)
    drawn = await row(store, thread)
    assert (drawn.state, drawn.waits_since, drawn.opened) == (ThreadState.TO_ANSWER, clock.now(), True)
    assert not await store.acts.reopen(thread, anne)
    assert [one.act for one in await store.board.audit(thread=thread)] == ["reopen", "done", "claim", "urgent"]
