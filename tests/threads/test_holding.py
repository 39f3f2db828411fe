"""Who answers a thread: claims, races, take-over, idle minutes; who looked, and what is put off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ari_app.board import Box
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import Notice, ThreadChanged
from ari_app.model import Reason
from ari_app.threads import Store
from tests.threads.crew import a_member, missed, row, texted
from tests.threads.world import ALICE, BOB, STAFF, HandClock, answered, silence


async def test_two_members_claim_at_the_same_moment_and_one_has_it(store: Store) -> None:
    thread = await missed(store)
    crew = [await a_member(store, login) for login in ("anne", "brigitte", "carlos")]
    claims = await asyncio.gather(*(store.acts.claim(thread, each) for each in crew), return_exceptions=True)
    held = [claim for claim in claims if not isinstance(claim, BaseException)]
    assert len(held) == 1
    refused = [claim for claim in claims if isinstance(claim, RefusedError)]
    facts = {"name": held[0].name, "until": held[0].until.isoformat(), "thread": thread}
    assert [(claim.code, claim.facts) for claim in refused] == [("held", facts)] * 2
    assert (await row(store, thread)).holder == held[0]


async def test_two_members_reply_at_the_same_moment_and_one_text_leaves(store: Store) -> None:
    thread = await missed(store)
    seen = (await store.board.thread(thread)).seen
    crew = [await a_member(store, login) for login in ("anne", "brigitte")]
    sent = await asyncio.gather(
        *(store.acts.queue_staff(ALICE, f"from {each.name}", each.name, seen=seen, by=each) for each in crew), return_exceptions=True
    )
    assert [type(each) for each in sent].count(RefusedError) == 1
    assert len((await store.thread(ALICE))["messages"]) == 1


async def test_a_holder_goes_on_and_is_let_go_of_when_idle(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    await store.acts.claim(thread, anne)
    clock.move(minutes=4)
    first = await store.acts.claim(thread, anne)
    assert first.until == clock.now() + timedelta(minutes=5)
    clock.move(minutes=4, seconds=59)
    assert await store.acts.expire_claims(clock.now()) == 0
    with pytest.raises(RefusedError):
        await store.acts.claim(thread, brigitte)
    clock.move(seconds=1)
    assert (await row(store, thread)).holder is None, "shown free at once, whoever tidies up when"
    heard.clear()
    assert await store.acts.expire_claims(clock.now()) == 1
    assert heard == [ThreadChanged(thread)]
    assert (await store.acts.claim(thread, brigitte)).name == "Brigitte"
    assert [one.act for one in await store.board.audit(thread=thread)] == ["claim", "claim"]


async def test_a_take_over_is_a_deliberate_act(store: Store) -> None:
    thread = await missed(store)
    anne, brigitte = await a_member(store, "anne"), await a_member(store, "brigitte")
    await store.acts.claim(thread, anne)
    with pytest.raises(RefusedError) as told:
        await store.acts.queue_staff(ALICE, "hello", "one", by=brigitte)
    assert told.value.code == "held"
    assert "Anne" in str(told.value)
    await store.acts.queue_staff(ALICE, "hello", "one", takeover=True, by=brigitte)
    assert (await row(store, thread)).holder.name == "Brigitte"  # type: ignore[union-attr]
    await store.acts.claim(thread, anne, takeover=True)
    assert not await store.acts.let_go(thread, brigitte), "not hers any more"
    assert await store.acts.let_go(thread, anne)
    assert (await row(store, thread)).holder is None
    assert [one.act for one in await store.board.audit(thread=thread)] == ["let_go", "take_over", "send", "claim"]


async def test_the_shell_holds_nothing_and_is_not_held_up(store: Store) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await store.acts.claim(thread, anne)
    await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)
    assert (await row(store, thread)).holder.name == "Anne"  # type: ignore[union-attr]
    with pytest.raises(RefusedError) as told:
        await store.acts.claim(thread, STAFF)
    assert told.value.code == "no_member"


@pytest.mark.parametrize("act", ["claim", "let_go", "opened", "snooze", "note", "urgent", "name"])
async def test_a_thread_that_is_not_there_is_said(store: Store, clock: HandClock, act: str) -> None:
    anne = await a_member(store, "anne")
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "claim": lambda: store.acts.claim(99, anne),
        "let_go": lambda: store.acts.let_go(99, anne),
        "opened": lambda: store.acts.opened(99, anne),
        "snooze": lambda: store.acts.snooze(99, clock.now() + timedelta(hours=1), anne),
        "note": lambda: store.acts.note(99, "hello", anne, "one"),
        "urgent": lambda: store.acts.urgent(99, True, anne),
        "name": lambda: store.acts.name(99, "Marie", anne),
    }
    with pytest.raises(NotFoundError) as told:
        await acts[act]()
    assert told.value.fix
    assert await store.board.audit(thread=99) == ()


async def test_read_is_not_answered_and_every_read_is_audited(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    assert not (await row(store, thread)).opened
    assert (await store.board.counts()).unopened == 1
    for _ in range(2):
        await store.acts.opened(thread, anne)
    assert (await row(store, thread)).opened
    counted = await store.board.counts()
    assert (counted.to_answer, counted.unopened) == (1, 0)
    assert [(one.act, one.who, one.address) for one in await store.board.audit(thread=thread)] == [("read", "Anne", "192.0.2.7")] * 2
    clock.move(minutes=1)
    await texted(store, "are you there?")
    assert not (await row(store, thread)).opened, "something new waits"


async def test_what_is_put_off_comes_back_at_its_hour(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    one, two = await missed(store), await missed(store, BOB)
    anne = await a_member(store, "anne")
    since = (await row(store, one)).waits_since
    until = clock.now() + timedelta(hours=2)
    await store.acts.snooze(one, until, anne)
    assert [found.thread for found in await store.board.rows(Box.TO_ANSWER)] == [two]
    assert [found.snoozed for found in await store.board.rows(Box.SNOOZED)] == [until]
    assert [found[0] for found in await store.board.waiting()] == [two]
    assert (await store.board.counts()).snoozed == 1
    assert await store.acts.next_wake() == until
    clock.move(hours=2)
    assert [found.thread for found in await store.board.rows(Box.TO_ANSWER)] == [two, one], "by the hour itself"
    heard.clear()
    assert await store.acts.wake(clock.now()) == 1
    assert heard == [ThreadChanged(one)]
    assert await store.acts.next_wake() is None
    woken = await row(store, one)
    assert (woken.waits_since, woken.opened, woken.snoozed) == (since, False, None)
    assert [found.thread for found in await store.board.rows(Box.TO_ANSWER)] == [one, two], "it is what is new"


@pytest.mark.parametrize("what", ["call", "text", "answered", "reply", "done", "reopen"])
async def test_what_happens_meanwhile_ends_a_snooze(store: Store, clock: HandClock, what: str) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await store.acts.snooze(thread, clock.now() + timedelta(days=1), anne)
    clock.move(minutes=5)
    match what:
        case "call":
            await missed(store)
        case "text":
            await texted(store, "hello?")
        case "answered":
            await store.record_call(answered(ended=clock.now()), silence(Reason.ANSWERED), line="main")
        case "reply":
            await store.acts.queue_staff(ALICE, "hello", "one", by=anne)
        case "done":
            await store.acts.mark_done(thread, anne)
        case "reopen":
            await store.acts.reopen(thread, anne)
    assert await store.board.rows(Box.SNOOZED) == ()
    assert len(await store.board.rows(Box.TO_ANSWER)) == (what in {"call", "text", "reopen"})


async def test_an_answered_thread_may_be_put_off_as_a_reminder(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    anne = await a_member(store, "anne")
    await store.acts.queue_staff(ALICE, "we look into it", "one", by=anne)
    until = clock.now() + timedelta(days=2)
    await store.acts.snooze(thread, until, anne)
    assert await store.board.rows(Box.TO_ANSWER) == ()
    clock.move(days=2)
    await store.acts.wake(clock.now())
    (found,) = await store.board.rows(Box.TO_ANSWER)
    assert found.waits_since == until
    with pytest.raises(RefusedError) as told:
        await store.acts.snooze(thread, clock.now(), anne)
    assert told.value.code == "in_past"
