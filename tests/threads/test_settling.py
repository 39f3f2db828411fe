"""A call whose end was not seen, told by the PBX's records: settled once, whatever became of its thread meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ari_app.events import CallChanged, Notice, ThreadChanged
from ari_app.model import Call, Decision, DecisionKind, Known, Outcome, OutgoingCall, Presentation, Reached, Reason
from ari_app.threads import Store
from ari_app.threads.calls import Recorded
from tests.threads.world import ALICE, BOB, STAFF, START, Clerk, HandClock, a_call, answered, silence

UNSEEN = a_call(id="1772463000.1", outcome=Outcome.UNSEEN, ended=START, started=START - timedelta(minutes=10), reached=Reached.NONE)


async def told(store: Store, call: Call, clock: HandClock, clerk: Clerk | None = None) -> list[Recorded]:
    new = await store.history.new([call])
    return await store.history.file(new.calls, (clerk or Clerk()).first(clock.now()), line_of=lambda _: "main", live=())


def an_end(outcome: Outcome = Outcome.MISSED, **changes: Any) -> Call:
    made = answered(ALICE) if outcome is Outcome.ANSWERED else a_call(ALICE, outcome=outcome)
    how = {"id": UNSEEN.id, "ended": START - timedelta(minutes=9), "started": UNSEEN.started, **changes}
    return replace(made, **how)


async def the_call(store: Store) -> dict[str, object]:
    (call,) = await store.calls(number=ALICE)
    return call


@pytest.mark.parametrize("outcome", [Outcome.MISSED, Outcome.ANSWERED])
async def test_it_is_settled_once(store: Store, clock: HandClock, heard: list[Notice], outcome: Outcome) -> None:
    first = await store.record_call(UNSEEN, silence(Reason.UNSEEN), line="main")
    heard.clear()
    (done,) = await told(store, an_end(outcome), clock)
    missed = outcome is Outcome.MISSED
    assert (done.new, done.thread, done.kind) == (True, first.thread, DecisionKind.PENDING if missed else DecisionKind.SILENCE)
    assert {CallChanged(UNSEEN.id), ThreadChanged(first.thread)} <= set(heard)
    call, thread = await the_call(store), await store.thread(ALICE)
    assert (call["outcome"], call["ended"]) == (outcome.value, "2026-03-02T14:51:00.000000Z")
    assert (thread["state"], len(thread["messages"])) == ("to_answer" if missed else "answered", int(missed))
    other = an_end(Outcome.ANSWERED if missed else Outcome.MISSED)
    assert await told(store, other, clock) == []
    again = await store.record_call(other, silence(Reason.ANSWERED), line="main")
    assert (again.new, (await the_call(store))["outcome"]) == (False, outcome.value)


async def test_records_that_cannot_tell_settle_nothing(store: Store, clock: HandClock) -> None:
    await store.record_call(UNSEEN, silence(Reason.UNSEEN), line="main")
    assert await told(store, an_end(Outcome.UNSEEN), clock) == []


async def test_a_text_that_was_promised_stands(store: Store, clock: HandClock) -> None:
    """Asked for while the call was up: only what became of the call is told."""
    await store.note_asked(UNSEEN.id)
    promised = await store.record_call(UNSEEN, Clerk().first(clock.now()), line="main")
    assert promised.message is not None
    (done,) = await told(store, an_end(), clock)
    assert (done.message, done.kind) == (promised.message, DecisionKind.PENDING)
    assert (await the_call(store))["outcome"] == "missed"
    assert len((await store.thread(ALICE))["messages"]) == 1


async def test_who_called_was_seen_better_live(store: Store) -> None:
    seen = replace(UNSEEN, presentation=Presentation.PROHIBITED, option="2", switches={"Custom:DAY": "INUSE"}, did="5145550210")
    kept: list[Call] = []

    def decide(call: Call, known: Known) -> Decision:
        kept.append(call)
        return silence(Reason.ANONYMOUS)(call, known)

    await store.record_call(seen, decide, line="main")
    await store.history.file([an_end(did="s", presented="", caller=None)], decide, line_of=lambda _: "main", live=())
    assert kept[1] == replace(
        seen, outcome=Outcome.MISSED, ended=START - timedelta(minutes=9), reached=Reached.RING, rang=20.0, caller_hung_up=True
    )


async def test_a_number_that_came_after_the_first_ring_finds_its_thread(store: Store, clock: HandClock) -> None:
    """An analog line: the call was noted before its number was known."""
    nameless = replace(UNSEEN, caller=None, presented="")
    first = await store.record_call(nameless, silence(Reason.UNSEEN), line="main")
    (done,) = await told(store, an_end(), clock)
    thread = await store.thread(ALICE)
    assert (thread["id"], thread["state"], len(thread["calls"])) == (done.thread, "to_answer", 1)
    assert done.thread != first.thread
    assert [each["number"] for each in await store.threads(limit=0)] == [ALICE]


async def test_who_was_dealt_with_since_does_not_wait(store: Store, clock: HandClock) -> None:
    late = an_end(id="late")
    await store.note_reached("other", ALICE, START - timedelta(minutes=3))
    await told(store, late, clock)
    assert (await store.thread(ALICE))["state"] == "answered"
    # a person who wrote to them has answered what came before, and nothing that came after
    await store.acts.queue_staff(BOB, "Rappelez-nous", "form-1", by=STAFF)
    await told(store, a_call(BOB, id="before", ended=START - timedelta(minutes=1)), clock)
    assert (await store.thread(BOB))["state"] == "answered"
    await told(store, a_call(BOB, id="after", ended=START + timedelta(minutes=1)), clock)
    assert (await store.thread(BOB))["state"] == "to_answer"


async def test_a_message_that_was_all_that_was_known_of_a_call(store: Store, clock: HandClock) -> None:
    heard = a_call(
        id="voicemail-m1", outcome=Outcome.UNSEEN, reached=Reached.VOICEMAIL, voicemail_left=True, did="", context="",
        started=START - timedelta(minutes=9, seconds=30), ended=START - timedelta(minutes=9),
    )  # fmt: skip
    await store.record_call(heard, silence(Reason.UNSEEN), line="main")
    (done,) = await told(store, an_end(), clock)
    call = await the_call(store)
    assert (done.call, call["id"], call["outcome"], call["reached"], call["did"]) == (
        heard.id, heard.id, "missed", "voicemail", "5145550199",
    )  # fmt: skip
    assert await told(store, an_end(), clock) == []


async def test_an_outgoing_call_is_one_whichever_channel_tells_it(store: Store) -> None:
    """Call detail records know the telephone's channel, the live watch the trunk's."""
    began, joined, ended = START - timedelta(minutes=5), START - timedelta(minutes=4), START - timedelta(minutes=2)
    record = OutgoingCall(id="17.1", started=began, joined=joined, ended=ended, number=ALICE)
    whole = OutgoingCall(id="17.2", started=began + timedelta(seconds=2), joined=None, ended=ended, number=ALICE)
    await store.note_outgoing(whole)
    assert not await store.history.new((), [record])  # it was watched to its end: nobody took it
    cut = OutgoingCall(id="17.3", started=began + timedelta(seconds=2), joined=None, ended=None, number=BOB)
    await store.note_outgoing(cut)
    await store.acts.settle_calls(set(), set())
    (found,) = (await store.history.new((), [replace(record, number=BOB)])).outgoing
    assert found.id == "17.3"
    await store.history.note((), [found])
    assert (await store.known(BOB, "main")).called_back == joined
    assert not await store.history.new((), [replace(record, number=BOB)])
    assert not await store.history.new((), [replace(record, number=None)])


async def test_what_was_erased_is_not_noted_either(store: Store) -> None:
    await store.record_call(a_call(), silence(Reason.PAUSED), line="main")
    await store.privacy.erase(ALICE, STAFF)
    before = OutgoingCall(id="17.1", started=START, joined=START, ended=START, number=ALICE)
    reached = answered(ALICE, id="17.2")
    assert not await store.history.new([reached, a_call(None, presented="15145550101")], [before])
    await store.history.note([reached], [before])
    assert await store.history.file([reached], silence(Reason.ANSWERED), line_of=lambda _: "main", live=()) == []
    known = await store.known(ALICE, "main")
    assert (known.reached, known.called_back) == (None, None)


async def test_how_far_it_was_read_is_kept(store: Store) -> None:
    assert ((await store.history.marks()).began, (await store.history.marks()).seen) == (START, None)
    await store.history.seen(START - timedelta(minutes=1))
    assert (await store.history.marks()).seen == START - timedelta(minutes=1)
