"""Outgoing texts in the store: claim, attempts, results, what a stop leaves, what is too late."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ari_app.errors import RefusedError
from ari_app.events import CallChanged, MessageChanged, Notice, ThreadChanged
from ari_app.model import Call, Decision, Known, MessageKind, MessageState, Reaction, Reason
from ari_app.threads import Store
from ari_app.threads.sending import Claimed, backoff
from modem.pdu import submit
from modem.sim_pdu import decode_submit, encode_report
from modem.types import NotSent, Refused, SendResult, Sent, Submit, Unknown
from tests.threads.world import ALICE, ANNE, BOB, STAFF, START, Clerk, HandClock, a_call, inbound, nothing, raw, silence

LONG = "We are closed for the long weekend. " * 9
NOW = timedelta(0)


async def due_auto(store: Store, clerk: Clerk | None = None, number: str = ALICE) -> int:
    """An automatic text due at once."""
    clerk = clerk or Clerk(delay=NOW)
    call = a_call(number, ended=store._clock.now())
    recorded = await store.record_call(call, clerk.first(call.ended), line="main")
    assert recorded.message is not None
    return recorded.message


async def claim(store: Store, message: int, clerk: Clerk | None = None, *, live: bool = False) -> Claimed | None:
    return await store.claim(message, clerk or Clerk(delay=NOW), submit, live=live)


async def claimed(store: Store, message: int) -> Claimed:
    found = await claim(store, message)
    assert found is not None
    return found


async def attempt(store: Store, part: int, result: SendResult, modem: str = "gsm1") -> bool:
    begun = await store.begin_attempt(part, modem=modem)
    assert begun is not None
    return await store.finish_attempt(begun, result)


async def state(store: Store, message: int) -> str:
    return str((await store.message(message))["state"])


async def reopened(store: Store, clock: HandClock) -> Store:
    """The store after a stop that settled nothing."""
    await store.close()
    again = Store(store.path, clock)
    await again.open()
    return again


async def test_one_part_from_queued_to_sent(store: Store, heard: list[Notice]) -> None:
    message = await due_auto(store)
    heard.clear()
    part = (await claimed(store, message)).parts[0]
    assert await state(store, message) == "sending"
    assert (await store.calls())[0]["decision"] == "reply"
    assert not await attempt(store, part.id, Sent(17))
    assert await state(store, message) == "sent"
    assert [notice for notice in heard if isinstance(notice, MessageChanged)] == [MessageChanged(message, 1)] * 2
    facts = (await store.why(ALICE))[0]
    assert [(a["part"], a["modem"], a["outcome"]) for a in facts["attempts"]] == [(1, "gsm1", "sent")]
    assert facts["text"]["went"] == facts["attempts"][0]["started"]


async def test_only_the_due_are_claimed_and_only_once(store: Store, clock: HandClock) -> None:
    clerk = Clerk()
    call = a_call()
    message = (await store.record_call(call, clerk.first(START), line="main")).message
    assert message
    assert await claim(store, message, clerk) is None
    assert await state(store, message) == "queued"
    clock.move(seconds=30)
    assert await claim(store, message, clerk) is not None
    assert await claim(store, message, clerk) is None


async def test_decided_again_when_due(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    clerk, call = Clerk(), a_call()
    message = (await store.record_call(call, clerk.first(START), line="main")).message
    assert message
    clock.move(seconds=10)
    await store.note_reached("other", ALICE, clock.at)
    clock.move(seconds=20)
    heard.clear()
    assert await claim(store, message, clerk) is None
    assert await state(store, message) == "cancelled"
    assert [(c["decision"], c["reason"]) for c in await store.calls()] == [("silence", "reached_later")]
    assert set(heard) == {CallChanged(call.id), MessageChanged(message, 1), ThreadChanged(1)}


async def test_put_off_while_the_number_is_live(store: Store, clock: HandClock) -> None:
    message = await due_auto(store)
    assert await claim(store, message, live=True) is None
    assert (await state(store, message), (await store.calls())[0]["decision"]) == ("queued", "pending")
    assert await claim(store, message) is None
    clock.move(seconds=1)
    assert await claim(store, message) is not None


async def test_the_wording_of_the_last_decision_goes_and_then_stays(store: Store, clock: HandClock) -> None:
    message = await due_auto(store)
    first = await store.claim(message, Clerk(delay=NOW, text="Bonjour"), submit, live=False)
    assert first
    assert (await store.message(message))["text"] == "Bonjour"
    await attempt(store, first.parts[0].id, Refused("41", "temporary failure", permanent=False))
    clock.move(minutes=1)
    again = await store.claim(message, Clerk(delay=NOW, text="Hello"), submit, live=False)
    assert again == first


async def test_all_parts_of_every_try_bear_one_reference(store: Store, clock: HandClock) -> None:
    one, two = [await store.acts.queue_staff(number, LONG, number, by=STAFF) for number in (ALICE, BOB)]
    first = await claimed(store, one.message)
    references = {decode_submit(part.submit.pdu, part.submit.length).data.part for part in first.parts}
    assert sorted(part.number for part in references if part) == [1, 2, 3]
    assert len({part.reference for part in references if part}) == 1
    assert await attempt(store, first.parts[0].id, Sent(1))
    assert not await attempt(store, first.parts[1].id, Refused("42", "congestion", permanent=False))
    assert await state(store, one.message) == "queued"
    clock.move(minutes=1)
    rest = await claimed(store, one.message)
    assert rest.parts == first.parts[1:]
    other = await claimed(store, two.message)
    theirs = {decode_submit(part.submit.pdu, part.submit.length).data.part for part in other.parts}
    assert not references & theirs
    assert await attempt(store, rest.parts[0].id, Sent(2))
    assert not await attempt(store, rest.parts[1].id, Sent(3))
    assert await state(store, one.message) == "sent"


async def test_an_unknown_part_stops_the_rest(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, LONG, "one", by=STAFF)).message
    parts = (await claimed(store, message)).parts
    assert not await attempt(store, parts[0].id, Unknown("no answer"))
    assert await state(store, message) == "unknown"
    assert await store.begin_attempt(parts[1].id, modem="gsm1") is None
    clock.move(hours=1)
    assert await claim(store, message) is None
    assert (await store.message(message))["what"] == "no answer"
    assert (await store.counts())["unknown"] == 1


async def test_refused_for_good(store: Store) -> None:
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    part = (await claimed(store, message)).parts[0]
    await attempt(store, part.id, Refused("1", "unassigned number", permanent=True, number_at_fault=True))
    assert await state(store, message) == "failed"
    assert (await store.contact(ALICE) or {})["not_textable"] == "1: unassigned number"
    assert (await store.thread(ALICE))["state"] == "to_answer", "an answer that did not leave is none"
    await store.keep(raw(inbound(ALICE, "I can text")), nothing)
    assert (await store.contact(ALICE) or {})["not_textable"] is None


@pytest.mark.parametrize("result", [Refused("41", "temporary failure", permanent=False), NotSent("the modem went away")])
async def test_tried_again_later_and_later(store: Store, clock: HandClock, result: SendResult) -> None:
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    waits = []
    for _ in range(3):
        part = (await claimed(store, message)).parts[0]
        await attempt(store, part.id, result)
        due = (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).next_at
        assert due is not None
        waits.append((due - clock.at).total_seconds())
        assert await claim(store, message) is None
        clock.at = due
    for number, wait in enumerate(waits):
        assert 2.5 * 2**number <= wait <= 7.5 * 2**number
    assert len({round(wait / 2**number, 6) for number, wait in enumerate(waits)}) > 1, "jitter"
    assert backoff(50) <= timedelta(seconds=450)


async def test_called_off_is_no_try(store: Store) -> None:
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    await claimed(store, message)
    await store.release(message, NotSent("stopping", called_off=True))
    part = (await claimed(store, message)).parts[0]
    assert not await attempt(store, part.id, Sent(1))


async def test_two_texts_to_one_number_go_one_after_the_other_in_order(store: Store, clock: HandClock) -> None:
    first = (await store.acts.queue_staff(ALICE, "first", "one", by=STAFF)).message
    second = (await store.acts.queue_staff(ALICE, "second", "two", line="dental", by=STAFF)).message
    third = (await store.acts.queue_staff(ALICE, "third", "three", by=STAFF)).message
    part = (await claimed(store, first)).parts[0]
    assert await claim(store, second) is None
    assert (await store.agenda(ready=["gsm2"], known_modems=["gsm1", "gsm2"], live=(), held=False)).due == ()
    await attempt(store, part.id, Refused("41", "temporary failure", permanent=False))
    agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
    assert [due.id for due in agenda.due] == [second]
    clock.move(minutes=1)
    agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
    assert {due.id for due in agenda.due} == {first, second}
    assert third > second, "the third waits for the second: same thread, same writer"


async def test_people_first_then_notices_then_callers_and_only_by_modems_that_are_there(store: Store) -> None:
    numbers = [f"+1514555020{n}" for n in range(4)]
    auto = await due_auto(store, Clerk(delay=NOW), numbers[0])
    bound = await due_auto(store, Clerk(delay=NOW, modem="gsm2"), numbers[1])
    gone = await due_auto(store, Clerk(delay=NOW, modem="sold"), numbers[2])
    staff = (await store.acts.queue_staff(numbers[3], "hello", "one", by=STAFF)).message

    async def order(ready: list[str], *, awaited: tuple[str, ...] = (), live: tuple[str, ...] = (), held: bool = False) -> list[int]:
        agenda = await store.agenda(ready=ready, awaited=awaited, known_modems=["gsm1", "gsm2"], live=live, held=held)
        return [due.id for due in agenda.due]

    assert await order(["gsm1"], awaited=("gsm2",)) == [staff, auto, gone]
    assert await order(["gsm1"]) == [staff, auto, bound, gone], "nobody waits for gsm2 any more"
    assert await order(["gsm1", "gsm2"]) == [staff, auto, bound, gone]
    assert await order(["gsm2"], awaited=("gsm1",), live=(numbers[0], numbers[3])) == [staff, bound, gone]
    assert await order(["gsm1"], held=True) == [staff]
    assert await order([]) == []


async def test_texts_queued_while_the_clock_was_ahead_go_at_once(store: Store, clock: HandClock) -> None:
    async def due() -> list[int]:
        agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
        return [each.id for each in agenda.due]

    clock.move(hours=5)
    staff = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    told = Reaction(notice="We open at 8.", notice_name="received")
    await store.keep(raw(inbound(BOB, "hello"), clock.at), lambda _: told)
    notice = (await store.thread(BOB))["messages"][0]["id"]
    clock.move(seconds=-60)
    assert await due() == [], "a minute is no clock set back"
    clock.at = START
    assert await due() == [staff, notice]
    assert await claim(store, notice) is not None
    part = (await claimed(store, staff)).parts[0]
    await attempt(store, part.id, Refused("41", "temporary failure", permanent=False))
    assert await due() == [], "tried, it waits its turn by the true clock"
    assert await claim(store, staff) is None
    clock.move(seconds=8)
    assert await due() == [staff]


async def test_a_try_put_off_while_the_clock_was_ahead_is_made_again(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    clock.move(hours=5)
    part = (await claimed(store, message)).parts[0]
    await attempt(store, part.id, NotSent("the modem went away"))
    assert await claim(store, message) is None
    clock.at = START
    assert await claim(store, message) is not None


async def test_a_stop_while_the_clock_was_ahead_holds_nothing_up(store: Store, clock: HandClock) -> None:
    clock.move(hours=5)
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    clock.move(seconds=2)
    await claimed(store, message)
    clock.at = START
    store = await reopened(store, clock)
    assert await claim(store, message) is not None
    await store.close()


async def test_an_automatic_text_of_a_clock_that_was_set_back_waits_for_its_delay_and_goes(store: Store, clock: HandClock) -> None:
    clerk = Clerk(delay=timedelta(seconds=30))
    clock.move(days=365)
    message = await due_auto(store, clerk)
    clock.at = START
    for _ in range(2):
        assert await claim(store, message, clerk) is None
    (call,) = await store.calls()
    assert datetime.fromisoformat(call["ended"]) == START
    clock.move(seconds=29)
    assert (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due == ()
    clock.move(seconds=1)
    assert await claim(store, message, clerk) is not None


async def test_a_try_of_an_automatic_text_put_off_while_the_clock_was_ahead_is_made_again(store: Store, clock: HandClock) -> None:
    message = await due_auto(store)
    clock.move(minutes=90)
    part = (await claimed(store, message)).parts[0]
    await attempt(store, part.id, NotSent("the modem went away"))
    clock.at = START
    assert await claim(store, message) is None
    assert await claim(store, message) is not None


async def test_too_late(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    auto = await due_auto(store)
    staff = (await store.acts.queue_staff(BOB, "hello", "one", by=STAFF)).message
    clock.move(hours=2)
    assert await store.expire() == 0
    clock.move(seconds=1)
    heard.clear()
    assert (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).overdue
    assert await store.expire() == 1
    assert await state(store, auto) == "expired"
    assert [(c["decision"], c["reason"]) for c in await store.calls()] == [("silence", "stale")]
    assert (await store.thread(ALICE))["state"] == "to_answer"
    assert MessageChanged(auto, 1) in heard
    clock.move(hours=22)
    assert await store.expire() == 1
    assert (await store.message(staff))["what"] == "it could not be sent in time"
    assert await state(store, staff) == "failed"
    assert (await store.thread(BOB))["state"] == "to_answer"


async def test_stale_when_decided_again_is_expired(store: Store) -> None:
    message = await due_auto(store)
    assert await store.claim(message, silence(Reason.STALE), submit, live=False) is None
    assert await state(store, message) == "expired"


async def test_opted_out_before_it_left(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, LONG, "one", by=STAFF)).message
    other = (await store.acts.queue_staff(ALICE, "more", "two", by=STAFF)).message
    parts = (await claimed(store, message)).parts
    assert await attempt(store, parts[0].id, Sent(1))
    stop = Reaction(opt=True, notice="You will get no more texts.", notice_name="stop", reopens=False)
    await store.keep(raw(inbound(ALICE, "STOP")), lambda _: stop)
    assert await store.begin_attempt(parts[1].id, modem="gsm1") is None
    await store.release(message, NotSent("called off", called_off=True))
    for each in (message, other):
        assert await claim(store, each) is None
        assert (await state(store, each), (await store.message(each))["what"]) == ("failed", "the caller asked for no more texts")
    clock.move(minutes=1)
    with pytest.raises(RefusedError, match="no more texts"):
        await store.acts.queue_staff(ALICE, "again", "three", by=STAFF)


async def test_a_text_no_pdu_can_carry_is_put_aside_with_its_reason(store: Store) -> None:
    def refuses(*_: object) -> tuple[Submit, ...]:
        raise ValueError("no alphabet has this")

    message = await due_auto(store)
    assert await store.claim(message, Clerk(delay=NOW), refuses, live=False) is None
    assert (await state(store, message), (await store.message(message))["what"]) == ("failed", "no alphabet has this")


async def test_a_stop_before_the_attempt_queues_again(store: Store, clock: HandClock) -> None:
    message = await due_auto(store)
    first = await claimed(store, message)
    store = await reopened(store, clock)
    assert await state(store, message) == "queued"
    assert await claimed(store, message) == first
    await store.close()


async def test_a_stop_after_the_attempt_is_unknown(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, LONG, "one", by=STAFF)).message
    parts = (await claimed(store, message)).parts
    assert await attempt(store, parts[0].id, Sent(9))
    assert await store.begin_attempt(parts[1].id, modem="gsm1") is not None
    store = await reopened(store, clock)
    assert await state(store, message) == "unknown"
    clock.move(hours=1)
    assert await claim(store, message) is None
    store = await reopened(store, clock)
    assert (await store.message(message))["what"] == "the service stopped before the modem answered"
    await store.close()


async def test_a_stop_while_an_earlier_part_was_reported_failed(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, LONG, "one", by=STAFF)).message
    parts = (await claimed(store, message)).parts
    assert await attempt(store, parts[0].id, Sent(9))
    assert await store.begin_attempt(parts[1].id, modem="gsm1") is not None
    await store.keep(raw(encode_report(9, ALICE, clock.at, clock.at, 0x46)), nothing)
    assert await state(store, message) == "failed"
    store = await reopened(store, clock)
    assert await state(store, message) == "failed"
    assert "0x46" in (await store.message(message))["what"]
    open_attempts = "SELECT count(*) FROM attempt WHERE outcome IS NULL"
    assert await store._database.read(lambda r: r.value(open_attempts)) == 0
    await store.close()


async def test_a_stop_between_two_parts_sends_the_second_only(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, LONG, "one", by=STAFF)).message
    parts = (await claimed(store, message)).parts
    assert await attempt(store, parts[0].id, Sent(9))
    store = await reopened(store, clock)
    assert (await claimed(store, message)).parts == parts[1:]
    await store.close()


async def test_a_text_that_keeps_meeting_stops_waits_longer(store: Store, clock: HandClock) -> None:
    message = await due_auto(store)
    for _ in range(3):
        await claimed(store, message)
        store = await reopened(store, clock)
    assert await claim(store, message) is None
    clock.move(minutes=1)
    assert await claim(store, message) is not None
    await store.close()


async def test_once_gone_it_is_not_decided_again(store: Store, clock: HandClock) -> None:
    message = await due_auto(store, Clerk(delay=NOW, text=LONG))
    found = await store.claim(message, Clerk(delay=NOW, text=LONG), submit, live=False)
    assert found
    assert await attempt(store, found.parts[0].id, Sent(1))
    await attempt(store, found.parts[1].id, Refused("41", "temporary failure", permanent=False))
    clock.move(minutes=1)

    def never(_: Call, __: Known, ___: object) -> Decision:
        raise AssertionError("asked again")

    rest = await store.claim(message, never, submit, live=True)
    assert rest is not None
    assert rest.kind is MessageKind.AUTO
    assert rest.parts == found.parts[1:]


async def test_results_are_written_once(store: Store) -> None:
    message = await due_auto(store)
    part = (await claimed(store, message)).parts[0]
    begun = await store.begin_attempt(part.id, modem="gsm1")
    assert begun
    assert await store.begin_attempt(part.id, modem="gsm2") is None
    await store.finish_attempt(begun, Sent(3))
    with pytest.raises(sqlite3.IntegrityError, match="written once"):
        await store.finish_attempt(begun, Unknown("late"))
    assert await state(store, message) == "sent"


async def test_one_act_is_one_text(store: Store) -> None:
    first = await store.acts.queue_staff("(514) 555-0101", "hello", "form-1", by=ANNE)
    again = await store.acts.queue_staff(ALICE, "hello", "form-1", by=STAFF)
    assert (again.message, again.thread, again.new) == (first.message, first.thread, False)
    assert (first.new, first.state) == (True, MessageState.QUEUED)
    thread = await store.thread(ALICE)
    assert [(m["kind"], m["author"]) for m in thread["messages"]] == [("staff", "anne")]
    assert thread["state"] == "answered"
    with pytest.raises(RefusedError, match="another text"):
        await store.acts.queue_staff(ALICE, "something else", "form-1", by=STAFF)
    await store.acts.queue_staff(
        ALICE, "hello", f"call:{(await store.record_call(a_call(), Clerk().first(START), line='main')).call}", by=STAFF
    )


@pytest.mark.parametrize(
    ("number", "text", "what"),
    [("none", "hello", "no phone number"), (ALICE, " \n", "empty"), (ALICE, "x" * 2449, "17 SMS")],
)
async def test_what_staff_may_not_send(store: Store, heard: list[Notice], number: str, text: str, what: str) -> None:
    with pytest.raises(RefusedError, match=what):
        await store.acts.queue_staff(number, text, "one", by=STAFF)
    assert heard == []
    assert await store.threads() == []


async def test_staff_answer_in_the_latest_thread_or_the_line_named(store: Store, clock: HandClock) -> None:
    for line in ("main", "dental"):
        clock.move(minutes=1)
        await store.record_call(a_call(ended=clock.at), silence(Reason.COOLDOWN), line=line)
    latest = await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)
    named = await store.acts.queue_staff(ALICE, "hello", "two", line="main", by=STAFF)
    assert (await store.thread_by_id(latest.thread))["line"] == "dental"
    assert (await store.thread_by_id(named.thread))["line"] == "main"


async def test_the_file_survives_without_close(tmp_path: Path, clock: HandClock) -> None:
    """Every commit stands by itself: a copy of the files as they lie is the whole store."""
    store = Store(tmp_path / "textback.db", clock)
    await store.open()
    message = await due_auto(store)
    (tmp_path / "copy").mkdir()
    for name in ("textback.db", "textback.db-wal"):
        (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    copy = Store(tmp_path / "copy" / "textback.db", clock)
    await copy.open()
    assert await state(copy, message) == "queued"
    await copy.close()
    await store.close()
