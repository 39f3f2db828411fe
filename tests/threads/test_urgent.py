"""What puts a thread before others, and who is told; calls that a text was asked for; what a text tells of its writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ari_app.events import CallChanged, MessageChanged, Notice
from ari_app.model import EMERGENCY, Call, Decision, DecisionKind, Inbound, Known, Level, Outcome, Priority, Reaction, Reason, Trigger
from ari_app.policy import Policy
from ari_app.settings import Settings, parse
from ari_app.threads import Store
from ari_app.threads.urgent import TELL_AGAIN
from modem.pdu import submit
from modem.types import Sent
from tests.threads.crew import a_member, missed, row, texted
from tests.threads.world import ALICE, BOB, STAFF, HandClock, a_call, answered, inbound, raw, silence

ON_CALL = "+15145550190"
HIGH = Priority(Level.HIGH, "Client")
URGENT = Priority(Level.URGENT, "Greffe")
TOLD = replace(URGENT, notify=ON_CALL, notice="Somebody waits.")


def settings(**more: Any) -> Settings:
    return parse({"clinic": {"name": "Clinique Rivard", "number": "+15145550199"}, "pbx": {"username": "u", "password": "p"}, **more})


def silent(priority: Priority | None) -> Callable[[Call, Known], Decision]:
    return lambda *_: Decision(kind=DecisionKind.SILENCE, reason=Reason.COOLDOWN, open=True, line="main", priority=priority)


async def call(store: Store, priority: Priority | None, number: str | None = ALICE) -> int:
    """A missed call with this priority; its thread."""
    now = store._clock.now()
    return (await store.record_call(a_call(number, ended=now), silent(priority), line="main")).thread


async def write(store: Store, react: Callable[[Inbound], Reaction], text: str = "hello", number: str = ALICE) -> None:
    now = store._clock.now()
    await store.keep(raw(inbound(number, text, now), now), react)


async def standing(store: Store, thread: int) -> tuple[Level, str | None]:
    found = await row(store, thread)
    return found.level, found.why


async def told(store: Store) -> list[str]:
    """What who is on call was told."""
    if not await store.threads(number=ON_CALL):
        return []
    return [each["text"] for each in (await store.thread(ON_CALL))["messages"]]


async def sent(store: Store) -> None:
    """What is due to who is on call goes."""
    agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=[], held=False)
    (due,) = [each for each in agenda.due if each.number == ON_CALL]
    claimed = await store.claim(due.id, lambda *_: pytest.fail("a notice is decided once"), submit, live=False)
    assert claimed is not None
    assert claimed.number == ON_CALL
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt is not None
    await store.finish_attempt(attempt, Sent(1))


async def test_a_thread_is_raised_and_never_lowered(store: Store, clock: HandClock) -> None:
    thread = await call(store, None)
    assert await standing(store, thread) == (Level.NORMAL, None)
    for priority, stands in (
        (HIGH, (Level.HIGH, "Client")),
        (Priority(Level.HIGH, "Autre"), (Level.HIGH, "Client")),
        (URGENT, (Level.URGENT, "Greffe")),
        (HIGH, (Level.URGENT, "Greffe")),
        (None, (Level.URGENT, "Greffe")),
        (Priority(Level.URGENT, EMERGENCY), (Level.URGENT, EMERGENCY)),
        (URGENT, (Level.URGENT, EMERGENCY)),
    ):
        clock.move(minutes=1)
        assert await call(store, priority) == thread
        assert await standing(store, thread) == stands


async def test_a_text_raises_as_a_call_does(store: Store) -> None:
    thread = await call(store, HIGH)
    await write(store, lambda _: Reaction(priority=URGENT))
    assert await standing(store, thread) == (Level.URGENT, "Greffe")
    await write(store, lambda _: Reaction(priority=Priority(Level.URGENT, EMERGENCY), reopens=False), "stop", BOB)
    assert [each["number"] for each in await store.threads(state="done")] == [BOB]
    assert await standing(store, (await store.thread(BOB))["id"]) == (Level.NORMAL, None)


async def test_what_a_person_said_is_urgent_stays_theirs(store: Store) -> None:
    thread = await missed(store)
    await store.acts.urgent(thread, True, STAFF)
    await write(store, lambda _: Reaction(priority=Priority(Level.URGENT, EMERGENCY)))
    assert await standing(store, thread) == (Level.URGENT, None)


async def test_what_is_settled_is_no_longer_raised(store: Store, clock: HandClock) -> None:
    thread = await call(store, URGENT)
    clock.move(minutes=1)
    await store.record_call(answered(ended=clock.at), silence(Reason.ANSWERED), line="main")
    assert await standing(store, thread) == (Level.NORMAL, None)


async def test_a_call_that_waits_for_nobody_raises_nothing(store: Store) -> None:
    decide = lambda *_: Decision(  # noqa: E731
        kind=DecisionKind.SILENCE, reason=Reason.ANSWERED, open=True, line="main", priority=TOLD
    )
    thread = (await store.record_call(answered(), decide, line="main")).thread
    assert await standing(store, thread) == (Level.NORMAL, None)
    assert await told(store) == []


async def test_who_is_on_call_is_told_once_in_half_an_hour_of_each_thread(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    await call(store, TOLD)
    assert await told(store) == ["Somebody waits."]
    theirs = await store.thread(ON_CALL)
    (message,) = theirs["messages"]
    assert (theirs["line"], theirs["state"], message["kind"], message["state"]) == ("main", "done", "notice", "queued")
    assert MessageChanged(message["id"], theirs["id"]) in heard
    clock.move(seconds=TELL_AGAIN.total_seconds() - 1)
    await write(store, lambda _: Reaction(priority=TOLD))
    assert len(await told(store)) == 1
    await call(store, TOLD, BOB)
    await call(store, TOLD, None)
    assert len(await told(store)) == 1, "it has not gone yet, and says the same of all three"
    await sent(store)
    await call(store, TOLD, "+15145550103")
    assert len(await told(store)) == 2
    await sent(store)
    clock.move(seconds=1)
    await call(store, TOLD)
    assert len(await told(store)) == 3


async def test_what_waits_for_a_modem_is_not_late_for_a_later_caller(store: Store, clock: HandClock) -> None:
    await call(store, TOLD)
    clock.move(hours=1, minutes=59)
    await call(store, TOLD, BOB)
    clock.move(minutes=2)
    await store.expire()
    assert [each["state"] for each in (await store.thread(ON_CALL))["messages"]] == ["queued"]
    clock.move(hours=2)
    await store.expire()
    assert [each["state"] for each in (await store.thread(ON_CALL))["messages"]] == ["expired"]


async def test_what_who_is_on_call_is_told_takes_nothing_of_the_callers_limits(store: Store, clock: HandClock) -> None:
    await call(store, TOLD)
    seen: list[int] = []

    def look(text: Inbound) -> Reaction:
        seen.append(text.all_today)
        return Reaction()

    await write(store, look)
    await sent(store)
    clock.move(minutes=1)
    await write(store, look, "more")
    assert (seen, (await store.known(BOB, "main")).all_today) == ([0, 0], 0)
    assert (await store.known(ON_CALL, "main")).auto_today == 0


async def test_who_is_on_call_is_not_told_of_their_own_call(store: Store) -> None:
    await call(store, TOLD, ON_CALL)
    assert await told(store) == []


async def test_what_who_is_on_call_is_told_goes_by_a_modem_though_they_said_stop(store: Store) -> None:
    await write(store, lambda _: Reaction(opt=True), "stop", ON_CALL)
    await call(store, TOLD)
    await write(store, lambda _: Reaction(opt=True), "stop again", ON_CALL)
    await sent(store)
    assert [(each["text"], each["state"]) for each in (await store.thread(ON_CALL))["messages"] if each["direction"] == "out"] == [
        ("Somebody waits.", "sent")
    ]


# -- by the clinic's policy


async def test_emergency_words_by_the_policy_itself(store: Store, clock: HandClock) -> None:
    policy = Policy(settings(priority=[{"name": "Garde", "emergency": True, "notify": ON_CALL}]))

    def react(text: Inbound) -> Reaction:
        return policy.react(text, clock.at, {})

    async def answers() -> list[tuple[str, str]]:
        return [(each["text"][:60], each["state"]) for each in (await store.thread(ALICE))["messages"] if each["kind"] == "notice"]

    await write(store, react, "J'ai une douleur thoracique")
    thread = (await store.thread(ALICE))["id"]
    assert await standing(store, thread) == (Level.URGENT, EMERGENCY)
    safety = ("Clinique Rivard (514 555-0199): si c'est une urgence, appele", "queued")
    assert await answers() == [safety]
    assert len(await told(store)) == 1
    await sent(store)
    clock.move(minutes=31)
    await write(store, react, "je respire mal")
    assert await answers() == [safety], "once an hour"
    assert len(await told(store)) == 2
    await write(store, react, "merci, ça va mieux")
    assert await standing(store, thread) == (Level.URGENT, EMERGENCY), "a second text never lowers it"
    clock.move(minutes=30)
    await write(store, react, "ARRET")
    assert safety in await answers(), "STOP does not withdraw it"
    await write(store, react, "j'ai mal à la poitrine")
    assert len([each for each in await answers() if each[0] == safety[0]]) == 2, "also to who opted out"


@pytest.mark.parametrize(
    ("at", "raised"),
    [
        # the day the clocks are set back has 25 hours
        (("2026-11-01T04:05Z", "2026-11-01T04:10Z", "2026-11-02T04:50Z"), True),
        # midnight in Toronto is 05:00 UTC in winter
        (("2026-03-02T04:50Z", "2026-03-02T05:10Z", "2026-03-02T05:20Z"), False),
        (("2026-03-02T05:01Z", "2026-03-02T05:10Z", "2026-03-03T04:58Z"), True),
        (("2026-03-02T05:01Z", "2026-03-02T05:10Z", "2026-03-03T05:01Z"), False),
    ],
)
async def test_called_three_times_today_is_of_the_clinic_s_day(store: Store, clock: HandClock, at: tuple[str, ...], raised: bool) -> None:
    policy = Policy(settings(priority=[{"name": "Insiste", "calls": 3}]))
    threads = []
    for each in at:
        clock.at = datetime.fromisoformat(each)
        about = a_call(started=clock.at, ended=clock.at + timedelta(seconds=20))
        threads.append((await store.record_call(about, lambda call, known: policy.decide(call, known, clock.at), line="main")).thread)
    assert await standing(store, threads[-1]) == ((Level.HIGH, "Insiste") if raised else (Level.NORMAL, None))


async def test_the_safety_text_goes_before_all_others(store: Store) -> None:
    await store.acts.queue_staff(BOB, "see you", "a-1", by=STAFF)
    await write(store, lambda _: Reaction(notice="Noted.", notice_name="stop"), "stop", BOB)
    await write(store, lambda _: Reaction(notice="Call 911.", notice_name="safety"))
    agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=[], held=False)
    assert [each.number for each in agenda.due] == [ALICE, BOB, BOB]


async def test_what_a_text_tells_of_its_writer(store: Store, clock: HandClock) -> None:
    policy = Policy(settings())

    async def known_after(text: str) -> tuple[Any, Any]:
        await write(store, lambda each: policy.react(each, clock.at, {}), text)
        entry = await store.board.thread((await store.thread(ALICE))["id"])
        return (await store.known(ALICE, "main")).wrote, entry.row.offered

    assert await known_after("Hi, this is John Smith, I need an appointment") == ("en", "John Smith")
    assert await known_after("ok") == ("en", "John Smith")
    assert await known_after("Je voudrais un rendez-vous") == ("fr", "John Smith")
    assert await known_after("c'est Marie Tremblay") == ("fr", "Marie Tremblay")


async def test_who_has_a_name_is_offered_none(store: Store, clock: HandClock) -> None:
    policy = Policy(settings())
    thread = await missed(store)
    await store.acts.name(thread, "Anne Roy", STAFF)
    await write(store, lambda each: policy.react(each, clock.at, {}), "c'est Marie Tremblay")
    assert (await row(store, thread)).offered is None
    assert (await store.known(ALICE, "main")).named


# -- what was asked for while the call was up


def asking(call: Call, known: Known) -> Decision:
    """Texts only who asked for it."""
    if not call.asked:
        return silence(Reason.COOLDOWN)()
    return Decision(
        kind=DecisionKind.REPLY,
        reason=Reason.ASKED,
        open=True,
        line="main",
        due=call.ended,
        expires=call.ended + timedelta(hours=1),
        language="fr",
        language_from="clinic",
        trigger=Trigger.ASKED,
        text=f"Continuons par texto ({known.number}).",
    )


async def test_a_call_is_decided_and_kept_as_asked_for(store: Store, heard: list[Notice]) -> None:
    about = a_call()
    assert await store.note_asked(about.id)
    assert heard == []
    recorded = await store.record_call(about, asking, line="main")
    assert (recorded.reason, recorded.due) == (Reason.ASKED, about.ended)
    assert CallChanged(about.id) in heard
    again: list[Call] = []

    def decide(stored: Call, known: Known, now: Any) -> Decision:
        again.append(stored)
        return replace(asking(stored, known), due=now)

    assert recorded.message is not None
    assert await store.claim(recorded.message, decide, submit, live=False) is not None
    assert [each.asked for each in again] == [True], "decided again as it was filed"


async def test_it_is_forgotten_where_it_cannot_be_promised(store: Store) -> None:
    about = a_call()
    asked = await store.note_asked(about.id)
    assert asked is not None
    await store.forget_asked(asked)
    assert (await store.record_call(about, asking, line="main")).reason is Reason.COOLDOWN


async def test_it_is_too_late_once_the_call_is_filed(store: Store) -> None:
    about = a_call()
    await store.record_call(about, asking, line="main")
    assert await store.note_asked(about.id) is None


async def test_what_is_taken_back_takes_back_no_other(store: Store) -> None:
    """A caller pressed 1, or somebody declined the call, and then a decline fails: the promise that was spoken stands."""
    anne, guy = await a_member(store, "anne"), await a_member(store, "guy")
    about = a_call()
    await store.note_asked(about.id, anne.member)
    second = await store.note_asked(about.id, guy.member)
    assert second is not None
    await store.forget_asked(second)
    recorded = await store.record_call(about, asking, line="main")
    held = (await row(store, recorded.thread)).holder
    assert (recorded.reason, held.member if held else None) == (Reason.ASKED, anne.member)


async def test_who_was_promised_a_text_gets_it_though_the_service_was_down_meanwhile(store: Store, clock: HandClock) -> None:
    policy = Policy(settings(reply={"max_age": "2h"}))
    about = a_call(ended=clock.at)
    await store.note_started(about)
    promised = clock.at
    await store.note_asked(about.id)
    clock.move(minutes=3)
    (up,) = await store.open_calls()
    lost = replace(up, outcome=Outcome.UNSEEN, ended=clock.at)
    recorded = await store.record_call(lost, lambda call, known: policy.decide(call, known, clock.at), line="main")
    assert (recorded.reason, recorded.due) == (Reason.ASKED, promised)
    # too late is too late, by when it was promised
    other = a_call(BOB, ended=clock.at, outcome=Outcome.UNSEEN)
    await store.note_asked(other.id)
    clock.move(hours=2, minutes=1)
    late = await store.record_call(replace(other, ended=clock.at), lambda call, known: policy.decide(call, known, clock.at), line="main")
    assert late.reason is Reason.STALE


async def test_the_thread_is_theirs_who_declined_the_call(store: Store, clock: HandClock) -> None:
    anne, guy = await a_member(store, "anne"), await a_member(store, "guy")
    about = a_call(ended=clock.at)
    assert await store.note_asked(about.id, anne.member)
    assert await store.note_asked(about.id), "the caller presses 1 as well: still hers"
    recorded = await store.record_call(about, asking, line="main")
    held = (await row(store, recorded.thread)).holder
    assert held is not None
    assert held.member == anne.member
    # who declines the next call takes it over
    clock.move(minutes=1)
    other = a_call(ended=clock.at)
    await store.note_asked(other.id, guy.member)
    await store.record_call(other, asking, line="main")
    held = (await row(store, recorded.thread)).holder
    assert held is not None
    assert held.member == guy.member


async def test_known_is_what_a_call_would_be_decided_by(store: Store, clock: HandClock) -> None:
    await missed(store)
    clock.move(minutes=1)
    await texted(store, "hello")
    seen: list[Known] = []

    def look(_: Call, known: Known) -> Decision:
        seen.append(known)
        return silence(Reason.PAUSED)()

    asked = await store.known(ALICE, "main")
    await store.record_call(a_call(ended=clock.at), look, line="main")
    assert seen == [asked]
    assert (asked.last_person, len(asked.calls)) == (clock.at, 1)
    assert (await store.known(None, "main")).number is None
