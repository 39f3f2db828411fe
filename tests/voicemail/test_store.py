"""Messages in the store: whose they are, in doubt nobody's, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ari_app.board import Face, VoicemailEntry
from ari_app.errors import NotFoundError
from ari_app.events import CallChanged, Notice, VoicemailChanged
from ari_app.model import Call, Known, Level, Outcome, Presentation, Priority, Reached, Reason
from ari_app.threads import Store
from ari_app.threads.matching import Found, Left, Unmatched
from ari_app.threads.voicemail import Placed
from modem.pdu import submit
from tests.threads.world import ALICE, ANNE, BOB, START, Clerk, HandClock, a_call, answered, silence

INTERNAL = (2, 6)
FLAC = ("audio/flac", b"fLaC and so on")


def a_message(**changes: Any) -> Left:
    """Left in ``a_call``'s last ten seconds."""
    facts: dict[str, Any] = {
        "message": "1772463590-00000001",
        "mailbox": "101",
        "context": "default",
        "folder": "INBOX",
        "at": START - timedelta(seconds=10),
        "seconds": 9.5,
        "channel": "PJSIP/trunk-00000001",
        "presented": "5145550101",
    }
    return Left(**{**facts, **changes})


def hop(**changes: Any) -> Left:
    return a_message(channel="Local/101@from-queue-00000001;2", **changes)


def in_voicemail(number: str | None = ALICE, **changes: Any) -> Call:
    return a_call(number, reached=Reached.VOICEMAIL, **changes)


async def thread_of(store: Store, call: Call) -> int:
    return (await store.record_call(call, silence(Reason.LIMIT), line="main")).thread


def nothing(call: Call, known: Known) -> Priority | None:
    """No rule."""


async def entry_of(store: Store, thread: int) -> VoicemailEntry:
    (entry,) = [each for each in (await store.board.thread(thread)).entries if isinstance(each, VoicemailEntry)]
    return entry


async def filed(store: Store, left: Left | None = None, *, transcribe: bool = False) -> tuple[int, int]:
    """A message in the thread of a call; thread and message."""
    thread = await thread_of(store, in_voicemail())
    found = await store.voicemail.match(left or a_message(), INTERNAL, known_since=None)
    assert isinstance(found, Found)
    voicemail = await store.voicemail.file(left or a_message(), found, FLAC, transcribe=transcribe, priority=nothing)
    assert voicemail is not None
    return thread, voicemail


@pytest.mark.parametrize(
    ("left", "calls", "whose"),
    [
        pytest.param(a_message(), [in_voicemail()], 0, id="its channel"),
        pytest.param(a_message(presented="101"), [in_voicemail()], 0, id="its channel, with a number that the dialplan wrote over"),
        pytest.param(a_message(), [in_voicemail(None)], 0, id="its channel, number withheld"),
        pytest.param(
            a_message(),
            [in_voicemail(ended=START - timedelta(hours=3)), in_voicemail(BOB)],
            1,
            id="a channel's name comes again after Asterisk's restart",
        ),
        pytest.param(hop(), [in_voicemail(), in_voicemail(BOB, channel="PJSIP/trunk-2")], 0, id="behind a Local channel, by caller ID"),
        pytest.param(hop(), [in_voicemail(BOB)], Unmatched.DOUBT, id="behind a Local channel, another's caller ID"),
        pytest.param(hop(presented="Unknown"), [in_voicemail(None)], 0, id="behind a Local channel, the one without a number"),
        pytest.param(
            hop(presented="Unknown"), [in_voicemail(None), in_voicemail(None, channel="PJSIP/trunk-2")], Unmatched.DOUBT, id="two without"
        ),
        pytest.param(hop(presented="Unknown"), [a_call(None)], Unmatched.DOUBT, id="the one without a number was in no voicemail"),
        pytest.param(hop(presented="Unknown"), [in_voicemail()], Unmatched.DOUBT, id="no number, and a caller with one"),
        pytest.param(
            hop(), [in_voicemail(presentation=Presentation.PROHIBITED)], 0, id="a withheld number that the trunk told all the same"
        ),
        pytest.param(a_message(channel="PJSIP/102-00000007", presented="102"), [in_voicemail()], Unmatched.NOBODY, id="from a desk phone"),
        pytest.param(hop(presented="102"), [in_voicemail()], Unmatched.NOBODY, id="from a desk phone behind a Local channel"),
        pytest.param(
            a_message(channel="PJSIP/trunk-9", presented="5145550109"), [in_voicemail()], Unmatched.DOUBT, id="a trunk that is not watched"
        ),
    ],
)
async def test_whose_it_is(store: Store, clock: HandClock, left: Left, calls: list[Call], whose: int | Unmatched) -> None:
    threads = [await thread_of(store, call) for call in calls]
    clock.move(minutes=10)
    found = await store.voicemail.match(left, INTERNAL, known_since=None)
    assert found == (whose if isinstance(whose, Unmatched) else Found(calls[whose].id, threads[whose]))


async def test_before_its_call_is_filed_it_waits(store: Store, clock: HandClock) -> None:
    other = in_voicemail(BOB, ended=START - timedelta(hours=1), channel="PJSIP/trunk-7")
    await thread_of(store, other)
    for left in (a_message(), hop()):
        assert await store.voicemail.match(left, INTERNAL, known_since=START) is Unmatched.WAITS
    # its call goes on, long after the message
    call = in_voicemail(started=START - timedelta(seconds=30), ended=START + timedelta(minutes=30))
    await store.note_started(call)
    clock.move(minutes=20)
    for left in (a_message(), hop()):
        assert await store.voicemail.match(left, INTERNAL, known_since=START + timedelta(minutes=5)) is Unmatched.WAITS
    thread = await thread_of(store, call)
    for left in (a_message(), hop()):
        assert await store.voicemail.match(left, INTERNAL, known_since=START) == Found(call.id, thread)


async def test_a_call_that_nobody_saw_is_told_from_one_that_may_be_known(store: Store, clock: HandClock) -> None:
    left = a_message(at=START)
    clock.move(minutes=10)

    async def match(left: Left, minutes: float | None = 5) -> Found | Unmatched:
        return await store.voicemail.match(left, INTERNAL, known_since=None if minutes is None else START + timedelta(minutes=minutes))

    assert await match(left) is Unmatched.DOUBT, "before the first call there was no textback"
    await thread_of(store, in_voicemail(BOB, ended=START - timedelta(hours=1)))
    assert await match(left) is Unmatched.UNSEEN
    assert await match(left, None) is Unmatched.DOUBT, "calls of before may still be filed"
    assert await match(left, -1) is Unmatched.DOUBT, "it was watched, and there was no such call"
    assert await match(replace(left, channel="Local/101@x-00000001;2")) is Unmatched.DOUBT
    assert await match(replace(left, presented="Unknown")) is Unmatched.DOUBT
    await thread_of(store, in_voicemail(ended=START + timedelta(minutes=1), started=START - timedelta(minutes=1), channel="PJSIP/x"))
    assert await match(left) is Unmatched.DOUBT, "they called then, on another channel"


async def test_a_message_is_in_its_thread_once(store: Store, heard: list[Notice]) -> None:
    thread, voicemail = await filed(store)
    assert VoicemailChanged(voicemail, thread) in heard
    entry = await entry_of(store, thread)
    assert (entry.id, entry.seconds, entry.mailbox, entry.heard, entry.playable, entry.transcription) == (
        voicemail, 9.5, "101", None, True, "off",
    )  # fmt: skip
    (row,) = await store.board.rows_of([thread])
    assert (row.unheard, row.state) == (1, "to_answer")
    assert (await store.calls())[0]["id"] == entry.call
    again = await store.voicemail.match(a_message(), INTERNAL, known_since=None)
    assert isinstance(again, Found)
    assert await store.voicemail.file(a_message(), again, FLAC, transcribe=False, priority=nothing) is None
    assert await store.voicemail.known([a_message().message, "another"]) == {a_message().message}


async def test_it_is_the_proof_by_which_the_text_that_is_due_says_so(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    clerk = Clerk()
    seen: list[Call] = []

    def deciding(call: Call, *rest: Any) -> Any:
        seen.append(call)
        return clerk(call, *rest)

    call = in_voicemail()
    recorded = await store.record_call(call, clerk.first(clock.now()), line="main")
    found = await store.voicemail.match(a_message(), INTERNAL, known_since=None)
    assert isinstance(found, Found)
    await store.voicemail.file(a_message(), found, None, transcribe=True, priority=nothing)
    assert CallChanged(call.id) in heard
    assert (await entry_of(store, recorded.thread)).transcription == "off", "without sound there is nothing to write down"
    clock.move(seconds=31)
    assert recorded.message is not None

    await store.claim(recorded.message, deciding, submit, live=False)
    assert [each.voicemail_left for each in seen] == [True]


async def test_after_a_conversation_a_message_waits_all_the_same(store: Store, clock: HandClock) -> None:
    for minutes, number, waits in ((0, ALICE, "to_answer"), (120, BOB, "answered")):
        call = answered(number, reached=Reached.VOICEMAIL)
        thread = await thread_of(store, call)
        clock.move(minutes=minutes)
        left = a_message(message=f"m{minutes}")
        await store.voicemail.file(left, Found(call.id, thread), FLAC, transcribe=False, priority=nothing)
        (row,) = await store.board.rows_of([thread])
        assert (row.state, row.unheard) == (waits, 1)


async def test_hearing_it_here_is_audited_and_to_be_shown_in_the_spool(store: Store) -> None:
    thread, voicemail = await filed(store)
    assert await store.voicemail.misplaced() == ()
    assert await store.voicemail.listen(voicemail, ANNE) == FLAC
    assert await store.voicemail.listen(voicemail, ANNE) == FLAC
    await store.voicemail.listen(voicemail, replace(ANNE, face=Face.API))
    assert (await entry_of(store, thread)).heard is None, "playing alone marks nothing"
    assert await store.voicemail.heard(voicemail, True, ANNE)
    assert not await store.voicemail.heard(voicemail, True, ANNE)
    assert (await entry_of(store, thread)).heard_by == "anne"
    (misplaced,) = await store.voicemail.misplaced()
    assert (misplaced.folder, misplaced.to) == ("INBOX", "Old")
    await store.voicemail.placed([Placed(misplaced.message, "101", "default", "Old")])
    assert await store.voicemail.misplaced() == ()
    assert (await entry_of(store, thread)).heard_by == "anne"
    assert await store.voicemail.heard(voicemail, False, ANNE)
    (misplaced,) = await store.voicemail.misplaced()
    assert (misplaced.folder, misplaced.to) == ("Old", "INBOX")
    acts = [each.act for each in await store.board.audit(thread=thread)]
    assert acts == ["voicemail_unheard", "voicemail_heard", "voicemail_played", "voicemail_played"], (
        "a player that asks twice is one listener"
    )
    for ask in (store.voicemail.listen(99, ANNE), store.voicemail.heard(99, True, ANNE), store.voicemail.sound(99)):
        with pytest.raises(NotFoundError):
            await ask


def at(folder: str | None, *, listened: bool = False, mailbox: str = "101") -> Callable[[str], Placed]:
    return lambda message: Placed(message, mailbox, "default", folder, listened)


@pytest.mark.parametrize(
    ("moves", "listened", "lies"),
    [
        ([at("Old")], True, "Old"),
        ([at("Work")], True, "Work"),
        ([at("Urgent")], False, "Urgent"),
        ([at(None)], False, None),
        ([at(None, listened=True)], True, None),
        ([at("Old"), at("INBOX")], False, "INBOX"),
        ([at("Old"), at(None)], True, None),
        ([at(None), at("INBOX", mailbox="102")], False, "INBOX"),
        ([at(None), at("Old", mailbox="102")], True, "Old"),
        ([at("INBOX", mailbox="102")], False, "INBOX"),
        ([at(None, mailbox="102", listened=True)], False, "INBOX"),
        ([at("Old", mailbox="102")], True, "INBOX"),
    ],
)
async def test_what_the_phone_did_with_it(store: Store, moves: list[Callable[[str], Placed]], listened: bool, lies: str | None) -> None:
    thread, voicemail = await filed(store)
    for each in moves:
        await store.voicemail.placed([each(a_message().message), each("one that is not known")])
    entry = await entry_of(store, thread)
    assert (entry.heard is not None, entry.heard_by) == (listened, None)
    assert {folder for box in ("101", "102") for folder in (await store.voicemail.in_mailbox(box, "default")).values()} == {lies} - {None}
    assert await store.voicemail.listen(voicemail, ANNE) == FLAC, "whatever becomes of it there, it is kept here"


async def test_found_among_the_old_ones_it_is_heard(store: Store) -> None:
    thread, _ = await filed(store, a_message(folder="Old"))
    assert (await entry_of(store, thread)).heard is not None


async def test_words_of_a_machine(store: Store) -> None:
    thread, voicemail = await filed(store, transcribe=True)
    job = await store.voicemail.next_for_words()
    assert job is not None
    assert (job.id, job.language) == (voicemail, None)
    assert await store.voicemail.sound(voicemail) == FLAC[1]
    await store.voicemail.written_down(voicemail, "rappelez-moi demain", "fr")
    entry = await entry_of(store, thread)
    assert (entry.transcription, entry.transcript) == ("done", "rappelez-moi demain")
    (found,) = await store.board.search("rappelez")
    assert found.row.thread == thread
    assert await store.voicemail.next_for_words() is None
    facts = await store.voicemail.facts()
    assert (set(facts.known), facts.waiting, facts.failed, facts.misplaced) == ({a_message().message}, 0, 0, 0)
    assert facts.since == START - timedelta(seconds=20)


async def test_a_call_in_a_message_alone_is_listed_to_answer(store: Store) -> None:
    call = in_voicemail(outcome=Outcome.UNSEEN, did="", context="", voicemail_left=True)
    thread = await thread_of(store, call)
    (row,) = await store.board.rows_of([thread])
    assert row.state == "to_answer"


async def test_a_rule_about_messages_left_holds_though_the_message_is_found_after_its_call_was_filed(store: Store) -> None:
    asked: list[tuple[bool, str | None, int]] = []

    def rule(call: Call, known: Known) -> Priority | None:
        asked.append((call.voicemail_left, known.number, len(known.calls)))
        return Priority(Level.HIGH, "A message was left", "+15145550190", "Somebody waits.") if call.voicemail_left else None

    thread = await thread_of(store, in_voicemail())
    found = await store.voicemail.match(a_message(), INTERNAL, known_since=None)
    assert isinstance(found, Found)
    assert await store.voicemail.file(a_message(), found, FLAC, transcribe=False, priority=rule) is not None
    row = (await store.board.thread(thread)).row
    assert (row.level, row.why, asked) == (Level.HIGH, "A message was left", [(True, ALICE, 0)])
    assert [each["text"] for each in (await store.thread("+15145550190"))["messages"]] == ["Somebody waits."]


async def test_what_was_known_or_waits_for_nobody_is_raised_no_more(store: Store) -> None:
    rule = lambda *_: Priority(Level.HIGH, "A message was left")  # noqa: E731
    thread = await thread_of(store, in_voicemail(voicemail_left=True))
    found = await store.voicemail.match(a_message(), INTERNAL, known_since=None)
    assert isinstance(found, Found)
    await store.voicemail.file(a_message(), found, FLAC, transcribe=False, priority=rule)
    assert (await store.board.thread(thread)).row.level is Level.NORMAL, "decided when the call was filed"
    other = in_voicemail(BOB, channel="PJSIP/trunk-00000002")
    thread = await thread_of(store, other)
    await store.acts.mark_done(thread, ANNE)
    await store.voicemail.file(a_message(message="2", folder="Old"), Found(other.id, thread), FLAC, transcribe=False, priority=rule)
    assert (await store.board.thread(thread)).row.level is Level.NORMAL
