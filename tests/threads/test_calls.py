"""Recording calls: threads and their states, what is known of a caller, and that nothing is filed twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from ari_app.events import CallChanged, MessageChanged, Notice, ThreadChanged
from ari_app.model import AnsweredBy, Call, Decision, DecisionKind, Inbound, Known, Outcome, OutgoingCall, Presentation, Reaction, Reason
from ari_app.threads import Store
from modem.pdu import submit
from modem.sim_pdu import encode_report
from modem.types import Refused, SendResult, Sent, Unknown
from tests.threads.world import ALICE, BOB, STAFF, START, Clerk, HandClock, a_call, answered, inbound, nothing, raw, silence


async def record(store: Store, clerk: Clerk, call: Call, *, line: str = "main") -> int | None:
    return (await store.record_call(call, clerk.first(call.ended), line=line)).message


async def known(store: Store, number: str | None = ALICE, *, line: str = "main", **changes: object) -> Known:
    """What the store tells about a number when a call of it ends now."""
    seen: list[Known] = []

    def look(_: Call, facts: Known) -> Decision:
        seen.append(facts)
        return silence(Reason.PAUSED)()

    call = a_call(number, ended=store._clock.now(), **changes)
    await store.record_call(call, look, line=line)
    return seen[0]


async def send(store: Store, clerk: Clerk, message: int, result: object = Sent(1)) -> None:
    """Carry one queued text of one part to its result."""
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed is not None
    for part in claimed.parts:
        attempt = await store.begin_attempt(part.id, modem="gsm1")
        assert attempt is not None
        await store.finish_attempt(attempt, result)  # type: ignore[arg-type]


async def test_call_thread_decision_and_text_are_one(store: Store, heard: list[Notice]) -> None:
    clerk, call = Clerk(), a_call()
    recorded = await store.record_call(call, clerk.first(START), line="main")
    assert recorded.new
    assert (recorded.kind, recorded.reason) == (DecisionKind.PENDING, Reason.MISSED)
    assert recorded.due == START + timedelta(seconds=30)
    assert recorded.message is not None
    assert heard == [ThreadChanged(recorded.thread), MessageChanged(recorded.message, recorded.thread), CallChanged(call.id)]
    thread = await store.thread(ALICE)
    assert thread["messages"][0]["state"] == "queued"
    assert thread["calls"][0]["message"] == recorded.message


async def test_recorded_once(store: Store, heard: list[Notice]) -> None:
    clerk, call = Clerk(), a_call()
    first = await store.record_call(call, clerk.first(START), line="main")
    told = len(heard)
    again = await store.record_call(call, silence(Reason.COOLDOWN), line="other")
    assert (again.thread, again.message, again.kind, again.new) == (first.thread, first.message, DecisionKind.PENDING, False)
    assert len(await store.calls()) == 1
    assert len(heard) == told


async def test_an_end_that_records_tell_lies_in_no_future(store: Store, clock: HandClock) -> None:
    """Asterisk's clock is ahead: what was not seen to end is settled as ended now, and its text is due in time."""
    unseen = a_call(ended=clock.now(), outcome=Outcome.UNSEEN)
    await store.record_call(unseen, silence(Reason.UNSEEN), line="main")
    seen: list[datetime] = []

    def decide(filed: Call, _: Known) -> Decision:
        seen.append(filed.ended)
        return silence(Reason.PAUSED)()

    told = a_call(id=unseen.id, ended=clock.now() + timedelta(minutes=10))
    await store.record_call(told, decide, line="main")
    (listed,) = await store.calls()
    assert (seen, datetime.fromisoformat(listed["ended"])) == ([clock.now()], clock.now())


async def test_a_decision_that_fails_files_nothing(store: Store, heard: list[Notice]) -> None:
    def broken(_: Call, __: Known) -> Decision:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.record_call(a_call(), broken, line="main")
    assert (await store.calls(), await store.threads(), heard) == ([], [], [])


async def test_threads_are_keyed_by_line_and_number(store: Store) -> None:
    decide = silence(Reason.PAUSED)
    threads = {
        (await store.record_call(a_call(number), decide, line=line)).thread
        for number in (ALICE, BOB, ALICE)
        for line in ("main", "dental", "main")
    }
    assert len(threads) == 4
    nameless = [(await store.record_call(a_call(None), decide, line="main")).thread for _ in range(2)]
    assert len({*threads, *nameless}) == 6
    assert [t["state"] for t in await store.threads() if t["number"] is None] == ["to_answer", "to_answer"]


async def test_a_withheld_number_is_not_shown_nor_filed_under(store: Store) -> None:
    call = a_call(ALICE, presentation=Presentation.PROHIBITED)
    seen: list[Known] = []

    def look(_: Call, facts: Known) -> Decision:
        seen.append(facts)
        return silence(Reason.ANONYMOUS)()

    await store.record_call(call, look, line="main")
    assert seen[0].number is None
    assert [c["caller"] for c in await store.calls()] == [None]
    assert await store.calls(number=ALICE) == []
    assert (await store.threads())[0]["number"] is None


CASES: list[tuple[str, Callable[[], Call], Callable[..., Decision], str]] = [
    ("missed", a_call, silence(Reason.COOLDOWN), "to_answer"),
    ("unseen", lambda: a_call(outcome=Outcome.UNSEEN), silence(Reason.UNSEEN), "to_answer"),
    ("answered", answered, silence(Reason.ANSWERED), "answered"),
    ("handed on", lambda: answered(handed_on=True), silence(Reason.HANDED_ON), "to_answer"),
    (
        "outside, listed",
        lambda: a_call(outcome=Outcome.ANSWERED, answered_by=AnsweredBy.OUTSIDE),
        silence(Reason.ANSWERED, outside="list"),
        "to_answer",
    ),
    (
        "outside, trusted",
        lambda: a_call(outcome=Outcome.ANSWERED, answered_by=AnsweredBy.OUTSIDE),
        silence(Reason.ANSWERED, outside="trust"),
        "answered",
    ),
    ("internal", a_call, silence(Reason.INTERNAL), "done"),
    ("fax", lambda: a_call(machine=True), silence(Reason.MACHINE), "done"),
]


@pytest.mark.parametrize(("call", "decide", "state"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_who_is_still_to_be_answered(store: Store, call: Callable[[], Call], decide: Callable[..., Decision], state: str) -> None:
    await store.record_call(call(), decide, line="main")
    assert (await store.thread(ALICE))["state"] == state


async def test_a_missed_call_opens_a_thread_again(store: Store, clock: HandClock) -> None:
    recorded = await store.record_call(a_call(), silence(Reason.COOLDOWN), line="main")
    for _ in range(2):
        await store.acts.mark_done(recorded.thread, STAFF)
        assert (await store.thread(ALICE))["state"] == "done"
        clock.move(minutes=5)
        await store.record_call(a_call(ended=clock.at), silence(Reason.COOLDOWN), line="main")
        assert (await store.thread(ALICE))["state"] == "to_answer"


async def test_speaking_with_the_caller_settles_what_was_missed_before(store: Store, clock: HandClock) -> None:
    await store.record_call(a_call(), silence(Reason.COOLDOWN), line="main")
    clock.move(minutes=10)
    await store.record_call(answered(ended=clock.at), silence(Reason.ANSWERED), line="main")
    assert (await store.thread(ALICE))["state"] == "answered"


async def test_speaking_settles_neither_a_waiting_text_nor_what_was_missed_since(store: Store, clock: HandClock) -> None:
    await store.keep(raw(inbound(ALICE, "my prescription please")), nothing)
    clock.move(minutes=10)
    await store.record_call(answered(ended=clock.at), silence(Reason.ANSWERED), line="main")
    assert (await store.thread(ALICE))["state"] == "to_answer"

    missed = a_call(BOB, ended=clock.at - timedelta(minutes=1))
    await store.record_call(missed, silence(Reason.COOLDOWN), line="main")
    talk = answered(BOB, started=clock.at - timedelta(minutes=9), ended=clock.at)
    await store.record_call(talk, silence(Reason.ANSWERED), line="main")
    assert (await store.thread(BOB))["state"] == "to_answer"


async def test_done_and_reopened_by_hand(store: Store, heard: list[Notice]) -> None:
    thread = (await store.record_call(a_call(None), silence(Reason.ANONYMOUS), line="main")).thread
    heard.clear()
    assert await store.acts.mark_done(thread, by=STAFF)
    assert not await store.acts.mark_done(thread, by=STAFF)
    assert await store.acts.reopen(thread, by=STAFF)
    assert heard == [ThreadChanged(thread), ThreadChanged(thread)]
    assert (await store.thread_by_id(thread))["state"] == "to_answer"


async def test_nothing_is_known_of_a_stranger(store: Store) -> None:
    assert await known(store) == Known(number=ALICE)
    assert await known(store, None) == Known(number=None)


async def test_queued_texts_do_not_count_but_for_the_burst(store: Store) -> None:
    clerk = Clerk()
    await record(store, clerk, a_call(BOB))
    await record(store, clerk, a_call(ALICE))
    facts = await known(store)
    assert (facts.burst, facts.all_today, facts.auto_today, facts.last_auto) == (2, 0, 0, None)
    assert facts.later_due is None
    assert not facts.known_contact


async def test_a_text_that_went_counts_from_then(store: Store, clock: HandClock) -> None:
    clerk = Clerk()
    call = a_call()
    message = await record(store, clerk, call)
    assert message
    clock.move(seconds=30)
    await send(store, clerk, message)
    clock.move(minutes=1)
    facts = await known(store)
    assert (facts.last_auto, facts.last_auto_call) == (START + timedelta(seconds=30), call.id)
    assert (facts.burst, facts.all_today, facts.auto_today) == (1, 1, 1)
    other = await known(store, BOB)
    assert (other.last_auto, other.auto_today, other.all_today, other.burst) == (None, 0, 1, 1)
    clock.move(minutes=10)
    assert (await known(store)).burst == 0
    clock.move(hours=24)
    facts = await known(store)
    assert (facts.all_today, facts.auto_today, facts.last_auto_call) == (0, 0, call.id)


async def test_a_claimed_text_counts_before_it_left_and_a_refused_one_does_not(store: Store) -> None:
    clerk = Clerk(delay=timedelta(0))
    message = await record(store, clerk, a_call())
    assert message
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed is not None
    assert (await known(store)).last_auto == START
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt
    await store.finish_attempt(attempt, Refused("41", "temporary failure", permanent=False))
    facts = await known(store)
    assert (facts.last_auto, facts.auto_today, facts.all_today) == (None, 0, 0)


async def result(store: Store, part: int, what: SendResult) -> None:
    attempt = await store.begin_attempt(part, modem="gsm1")
    assert attempt
    await store.finish_attempt(attempt, what)


@pytest.mark.parametrize("first", [Sent(7), Unknown("no answer")])
async def test_a_half_sent_text_that_failed_still_counts(store: Store, clock: HandClock, first: SendResult) -> None:
    clerk = Clerk(delay=timedelta(0), text="We missed your call. What can we do for you? " * 5)
    call = a_call()
    message = await record(store, clerk, call)
    assert message
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed
    await result(store, claimed.parts[0].id, first)
    if isinstance(first, Sent):
        await result(store, claimed.parts[1].id, Refused("69", "not allowed", permanent=True))
    else:
        await store.keep(raw(encode_report(9, ALICE, clock.at, clock.at, 0x46)), nothing)
    assert (await store.message(message))["state"] == "failed"
    facts = await known(store)
    assert (facts.last_auto, facts.last_auto_call, facts.auto_today) == (START, call.id, 1)
    clock.move(minutes=5)
    again = a_call(ended=clock.at)
    assert await record(store, clerk, again) is None, "the caller has a part of the first"
    assert (await store.calls())[0]["reason"] == "cooldown"


async def test_a_text_refused_for_good_before_anything_went_does_not_count(store: Store) -> None:
    clerk = Clerk(delay=timedelta(0))
    message = await record(store, clerk, a_call())
    assert message
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed
    await result(store, claimed.parts[0].id, Refused("69", "not allowed", permanent=True))
    assert (await store.message(message))["state"] == "failed"
    facts = await known(store)
    assert (facts.last_auto, facts.auto_today) == (None, 0)


async def test_staff_words_that_never_left_are_no_conversation(store: Store, clock: HandClock) -> None:
    told: list[Inbound] = []

    def see(one: Inbound) -> Reaction:
        told.append(one)
        return Reaction(automatic=True)

    async def spoken() -> tuple[bool, bool, bool]:
        facts = await known(store)
        clock.move(seconds=1)
        await store.keep(raw(inbound(ALICE, "robot", clock.at), clock.at), see)
        return facts.last_person is not None, facts.known_contact, told[-1].last_staff is not None

    message = (await store.acts.queue_staff(ALICE, "How can we help? " * 15, "one", by=STAFF)).message
    assert await spoken() == (True, True, True), "they still will"
    claimed = await store.claim(message, Clerk(), submit, live=False)
    assert claimed
    await result(store, claimed.parts[0].id, Refused("69", "not allowed", permanent=True))
    assert (await store.message(message))["state"] == "failed"
    assert await spoken() == (False, False, False)
    half = (await store.acts.queue_staff(ALICE, "How can we help? " * 15, "two", by=STAFF)).message
    claimed = await store.claim(half, Clerk(), submit, live=False)
    assert claimed
    await result(store, claimed.parts[0].id, Sent(7))
    await result(store, claimed.parts[1].id, Refused("69", "not allowed", permanent=True))
    assert (await store.message(half))["state"] == "failed"
    assert await spoken() == (True, True, True), "the caller has the first part"


async def test_a_known_persons_text_is_no_burst(store: Store) -> None:
    await store.acts.queue_staff(BOB, "hello", "one", by=STAFF)
    await record(store, Clerk(), a_call(BOB))
    assert (await known(store)).burst == 0
    assert (await known(store, BOB)).known_contact


async def test_a_known_persons_text_that_went_is_no_burst_either(store: Store) -> None:
    clerk = Clerk(delay=timedelta(0))
    await store.keep(raw(inbound(BOB, "hello")), nothing)
    for number in (ALICE, BOB):
        message = await record(store, clerk, a_call(number))
        assert message
        await send(store, clerk, message)
    facts = await known(store)
    assert (facts.burst, facts.all_today) == (1, 2)


async def test_calls_left_open_by_a_stop_are_told(store: Store, clock: HandClock) -> None:
    def unseen(number: str) -> Call:
        return a_call(number, outcome=Outcome.UNSEEN)

    lost, talked, filed = unseen(ALICE), unseen(BOB), unseen("+15145550103")
    for call in (lost, talked, filed, lost):
        await store.note_started(call)
    await store.note_reached(talked.id, BOB, talked.started + timedelta(seconds=4))
    await store.record_call(filed, silence(Reason.PAUSED), line="main")
    await store.note_started(filed)
    await store.close()
    again = Store(store.path, clock)
    await again.open()
    assert {(call.id, call.outcome, call.rang) for call in await again.open_calls()} == {
        (lost.id, Outcome.UNSEEN, 20.0),
        (talked.id, Outcome.ANSWERED, 4.0),
    }
    await again.close()


async def test_who_wrote_when(store: Store, clock: HandClock) -> None:
    await store.record_call(a_call(), silence(Reason.COOLDOWN), line="dental")
    await store.keep(raw(inbound(ALICE, "hello"), START), nothing)
    facts = await known(store, line="dental")
    assert (facts.last_person, facts.known_contact) == (START, True)
    assert (await known(store, line="main")).last_person is None
    clock.move(hours=1)
    await store.acts.queue_staff(ALICE, "hello", "one", line="main", by=STAFF)
    assert (await known(store, line="main")).last_person == clock.at


async def test_reached_and_called_back(store: Store, clock: HandClock) -> None:
    missed = a_call()
    talk = answered(ended=START + timedelta(minutes=5), started=START + timedelta(minutes=1))
    await store.note_reached(talk.id, ALICE, START + timedelta(minutes=1, seconds=5))
    await store.record_call(missed, silence(Reason.PAUSED), line="main")
    facts = await known(store)
    assert (facts.reached, facts.called_back) == (START + timedelta(minutes=1, seconds=5), None)
    own = await known(store, id=talk.id)
    assert own.reached is None
    out = OutgoingCall(id="9.1", started=START, joined=None, ended=START, number=ALICE)
    await store.note_outgoing(out)
    assert (await known(store)).called_back is None
    clock.move(minutes=7)
    joined = clock.at
    await store.note_outgoing(OutgoingCall(id="9.2", started=START, joined=joined, ended=None, number=ALICE))
    await store.note_outgoing(OutgoingCall(id="9.2", started=START, joined=None, ended=joined, number=ALICE))
    assert (await known(store)).called_back == joined


async def test_stamps_of_a_clock_that_was_ahead_do_not_hide_the_true_last_ones(store: Store, clock: HandClock) -> None:
    clerk = Clerk(delay=timedelta(0), cooldown=timedelta(0))
    told: list[Inbound] = []

    def see(one: Inbound) -> Reaction:
        told.append(one)
        return Reaction()

    async def everything() -> None:
        message = await record(store, clerk, a_call(ended=clock.at))
        assert message
        await send(store, clerk, message)
        written = (await store.acts.queue_staff(ALICE, "hello", f"{clock.at}", by=STAFF)).message
        await send(store, clerk, written)
        await store.note_reached(f"r{clock.at}", ALICE, clock.at)
        await store.note_outgoing(OutgoingCall(id=f"o{clock.at}", started=clock.at, joined=clock.at, ended=None, number=ALICE))

    async def last() -> set[datetime | None]:
        facts = await known(store)
        clock.move(seconds=1)
        await store.keep(raw(inbound(BOB, "hello", clock.at), clock.at), nothing)
        return {facts.last_auto, facts.last_person, facts.reached, facts.called_back}

    await everything()
    clock.move(days=400)
    await everything()
    assert await last() == {START + timedelta(days=400)}
    clock.at = START + timedelta(minutes=1)
    assert await last() == {START}
    await store.keep(raw(inbound(ALICE, "hello", clock.at), clock.at), see)
    assert (told[0].last_auto, told[0].last_staff) == (START, START)


async def test_an_answered_call_counts_as_reached_from_the_moment_of_its_join(store: Store) -> None:
    call = answered(started=START, ended=START + timedelta(minutes=3))
    await store.record_call(call, silence(Reason.ANSWERED), line="main")
    assert (await known(store)).reached == START + timedelta(seconds=5)
    await store.record_call(answered(BOB, machine=True), silence(Reason.MACHINE), line="main")
    assert (await known(store, BOB)).reached is None


async def test_the_earlier_call_waits_for_the_later_ones_text(store: Store, clock: HandClock) -> None:
    clerk = Clerk()
    first = await record(store, clerk, a_call(ended=START))
    clock.move(seconds=20)
    second = await record(store, clerk, a_call(ended=clock.at))
    third = await record(store, clerk, a_call(ended=clock.at), line="dental")
    assert first
    assert second
    assert third
    clock.move(seconds=10)
    assert await store.claim(first, clerk, submit, live=False) is None
    waited = [facts.later_due for facts in clerk.seen]
    assert waited[-1] == START + timedelta(seconds=50)
    assert (await store.why(ALICE))[-1]["due"] == "2026-03-02T15:00:50.000000Z"
    clock.move(seconds=20)
    await send(store, clerk, second)
    waited = [facts.later_due for facts in clerk.seen]
    assert waited[-1] is None
    assert await store.claim(first, clerk, submit, live=False) is None
    states = {m["id"]: m["state"] for m in (await store.thread(ALICE, "main"))["messages"]}
    assert states == {first: "cancelled", second: "sent"}
    assert [c["reason"] for c in (await store.thread(ALICE, "main"))["calls"]] == ["missed", "cooldown"]
