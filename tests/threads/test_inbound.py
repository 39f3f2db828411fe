"""What comes in: filed once, joined whole, never lost; reactions and status reports."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

import pytest

from ari_app.board import Box
from ari_app.events import ContactChanged, MessageChanged, Notice, ThreadChanged
from ari_app.model import EMERGENCY, Inbound, Level, Reaction, Reason
from ari_app.policy import Policy
from ari_app.settings import parse
from ari_app.threads import Store
from ari_app.threads.inbound import PARTIAL_AFTER
from modem.pdu import submit
from modem.sim_pdu import encode_deliver, encode_report
from modem.types import Refused, Sent, Unknown
from tests.threads.world import ALICE, BOB, STAFF, START, Clerk, HandClock, a_call, inbound, nothing, raw, silence

LONG = "Bonjour, j'aimerais déplacer mon rendez-vous de mardi à jeudi après 15 h si possible 🙂 " * 3


async def texts(store: Store, number: str = ALICE) -> list[tuple[str, str]]:
    return [(m["state"], m["text"]) for m in (await store.thread(number))["messages"]]


async def test_a_text_stands_in_the_latest_thread_and_waits(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    for line in ("main", "dental"):
        clock.move(minutes=1)
        recorded = await store.record_call(a_call(ended=clock.at), silence(Reason.COOLDOWN), line=line)
        await store.acts.mark_done(recorded.thread, by=STAFF)
    heard.clear()
    await store.keep(raw(inbound(ALICE, "oui, à 15 h"), clock.at), nothing)
    thread = await store.thread(ALICE)
    assert (thread["line"], thread["state"]) == ("dental", "to_answer")
    assert [(m["direction"], m["kind"], m["state"], m["text"]) for m in thread["messages"]] == [("in", "caller", "received", "oui, à 15 h")]
    assert MessageChanged(thread["messages"][0]["id"], thread["id"]) in heard
    assert ThreadChanged(thread["id"]) in heard


async def test_who_never_called_gets_a_thread_of_the_main_line(store: Store) -> None:
    await store.keep(raw(inbound("5145550101", "hello")), nothing)
    thread = await store.thread(ALICE)
    assert (thread["line"], thread["state"], thread["contact"]) == ("main", "to_answer", None)


async def test_short_codes_and_names_are_kept_as_they_are(store: Store) -> None:
    for sender in ("12345", "BANQUE"):
        await store.keep(raw(inbound(sender, "your code is 42")), nothing)
        assert await texts(store, sender) == [("received", "your code is 42")]
        thread = await store.thread(sender)
        assert (thread["number"], thread["contact"]) == (None, sender)


async def test_read_twice_is_filed_once(store: Store, heard: list[Notice]) -> None:
    pdus = encode_deliver(ALICE, LONG, START, reference=7)
    assert len(pdus) > 1
    for pdu in [inbound(ALICE, "ok"), *pdus]:
        await store.keep(raw(pdu), nothing)
    told = len(heard)
    for pdu in [*pdus, inbound(ALICE, "ok")]:
        await store.keep(raw(pdu, START + timedelta(hours=5), modem="gsm2"), nothing)
    assert sorted(await texts(store)) == [("received", LONG), ("received", "ok")]
    assert len(heard) == told


async def test_read_twice_is_filed_once_whatever_brought_it(store: Store) -> None:
    """Another SMS centre, another way to write the sender, another modem: the same text."""
    for sender, centre, modem in ((ALICE, "", "gsm1"), (ALICE, "+15145550000", "gsm1"), ("5145550101", "", "gsm2")):
        await store.keep(raw(inbound(sender, "ok", smsc=centre), modem=modem), nothing)
    assert await texts(store) == [("received", "ok")]


async def test_the_same_words_at_another_second_are_another_text(store: Store) -> None:
    for second in range(2):
        await store.keep(raw(inbound(ALICE, "ok", START + timedelta(seconds=second))), nothing)
    assert len(await texts(store)) == 2


async def test_parts_in_any_order_however_often(store: Store) -> None:
    pdus = encode_deliver(ALICE, LONG, START, reference=9, wide=True, cut=True)
    for number, order in enumerate(itertools.permutations(pdus)):
        sender = f"+1514555{number:04d}"
        theirs = encode_deliver(sender, LONG, START, reference=9, wide=True, cut=True)
        mine = [theirs[pdus.index(pdu)] for pdu in order]
        for pdu in [*mine[:-1], *mine[:-1], mine[-1], *mine]:
            await store.keep(raw(pdu), nothing)
        assert await texts(store, sender) == [("received", LONG)]
        thread = await store.thread(sender)
        assert thread["messages"][0]["parts"] == len(pdus)
    assert (await store.counts())["parts_waiting"] == 0


async def test_texts_of_two_senders_with_one_reference_do_not_mix(store: Store) -> None:
    pairs = zip(encode_deliver(ALICE, LONG, START, reference=3), encode_deliver(BOB, LONG.upper(), START, reference=3), strict=True)
    for pdu in itertools.chain.from_iterable(pairs):
        await store.keep(raw(pdu), nothing)
    assert await texts(store, ALICE) == [("received", LONG)]
    assert await texts(store, BOB) == [("received", LONG.upper())]


async def test_a_reference_that_returns_begins_a_new_text(store: Store) -> None:
    first = encode_deliver(ALICE, LONG, START, reference=3)
    second = encode_deliver(ALICE, LONG.upper(), START + timedelta(hours=1), reference=3)
    assert len(first) > 3
    for pdu in (first[0], second[0], second[1], *first[1:], *second[2:]):
        await store.keep(raw(pdu), nothing)
    assert sorted(await texts(store)) == [("received", LONG.upper()), ("received", LONG)]


async def test_what_stays_incomplete_is_shown_in_part_and_completed_later(store: Store, clock: HandClock) -> None:
    pdus = encode_deliver(ALICE, LONG, START, reference=5)
    seen: list[str] = []

    def see(told: Inbound) -> Reaction:
        seen.append(told.text)
        return Reaction()

    for pdu in pdus[1:]:
        await store.keep(raw(pdu), see)
    clock.move(seconds=PARTIAL_AFTER.total_seconds() - 1)
    assert await store.settle_partials(nothing) == 0
    assert await store.threads() == []
    clock.move(seconds=1)
    assert await store.settle_partials(nothing) == 1
    assert await store.settle_partials(nothing) == 0
    thread = await store.thread(ALICE)
    message = thread["messages"][0]
    assert (message["state"], message["note"]) == ("partial", f"part 1 of {len(pdus)} missing")
    assert "jeudi" in message["text"]
    assert thread["state"] == "to_answer"
    await store.acts.mark_done(thread["id"], by=STAFF)
    await store.keep(raw(pdus[0], clock.at), see)
    assert await texts(store) == [("received", LONG)]
    assert (await store.thread(ALICE))["state"] == "to_answer"
    assert seen == [LONG]
    assert (await store.search("jeudi"))[0]["id"] == message["id"]


async def test_an_emergency_is_one_though_a_part_of_the_text_never_came(store: Store, clock: HandClock) -> None:
    policy = Policy(
        parse({"clinic": {"name": "Clinique", "number": "+15145550100"}, "pbx": {"username": "textback", "password": "secret"}})
    )
    said = (
        "Bonjour, "
        + "je vous écris au sujet de mon père, il est assis ici devant moi. " * 3
        + "Il a une douleur thoracique et ne respire pas bien."
    )
    pdus = encode_deliver(ALICE, said, START, reference=5)
    for pdu in pdus[1:]:
        await store.keep(raw(pdu), lambda told: policy.react(told, clock.at, {}))
    clock.move(seconds=PARTIAL_AFTER.total_seconds())
    assert await store.settle_partials(lambda told: policy.alarm(told, clock.at, {})) == 1
    (row,) = await store.board.rows(Box.TO_ANSWER)
    assert (row.level, row.why) == (Level.URGENT, EMERGENCY)
    answers = [each["text"] for each in (await store.thread(ALICE))["messages"] if each["direction"] == "out"]
    assert len(answers) == 1
    assert "911" in answers[0]
    # two hours later the rest is there: it is whole, and answered already
    clock.move(hours=2)
    await store.keep(raw(pdus[0], clock.at), lambda told: policy.react(told, clock.at, {}))
    texts_now = (await store.thread(ALICE))["messages"]
    assert [each["text"] for each in texts_now if each["direction"] == "out"] == answers
    assert next(each["state"] for each in texts_now if each["direction"] == "in") == "received"


async def test_parts_survive_a_stop(store: Store, clock: HandClock) -> None:
    pdus = encode_deliver(ALICE, LONG, START, reference=5)
    await store.keep(raw(pdus[0]), nothing)
    await store.close()
    again = Store(store.path, clock)
    await again.open()
    for pdu in pdus:
        await again.keep(raw(pdu), nothing)
    assert await texts(again) == [("received", LONG)]
    await again.close()


@pytest.mark.parametrize("pdu", ["", "zz", "00", "07915111", "0791511181290690040B9115145550101F1", "FF" * 200])
async def test_what_nobody_can_read_is_shown_not_raised(store: Store, pdu: str) -> None:
    for _ in range(2):
        await store.keep(raw(pdu), nothing)
    (thread,) = await store.threads(state="to_answer")
    (message,) = (await store.thread_by_id(thread["id"]))["messages"]
    assert message["state"] == "partial"
    assert message["note"].startswith("unreadable: ")
    assert (await store.counts())["partial"] == 1


async def test_what_cannot_be_deleted_is_shown_once(store: Store, clock: HandClock) -> None:
    no_date = inbound(ALICE, "ok").replace("62302051", "00000000")
    for pdu in ("079151", no_date):
        for _ in range(40):
            clock.move(minutes=5)
            await store.keep(raw(pdu, clock.at), nothing)
    assert await texts(store) == [("received", "ok")]
    assert (await store.counts())["partial"] == 1
    clock.move(minutes=11)
    await store.keep(raw(no_date, clock.at), nothing)
    assert await texts(store) == [("received", "ok")] * 2, "said again"


async def test_any_octets_are_kept(store: Store) -> None:
    dice = random.Random(2)  # noqa: S311  (the same octets each time)
    whole = inbound(ALICE, "hello")
    for _ in range(300):
        octets = bytearray(bytes.fromhex(whole))
        for _ in range(dice.randrange(1, 6)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        await store.keep(raw(bytes(octets[: dice.randrange(1, len(octets) + 1)]).hex()), nothing)


async def test_reactions_are_carried_out_with_the_text(store: Store, clock: HandClock, heard: list[Notice]) -> None:
    stop = Reaction(opt=True, notice="Plus de textos.", notice_name="stop", reopens=False, language="fr")
    received = Reaction(notice="We open at 8.", notice_name="received", delay=timedelta(minutes=1))
    await store.keep(raw(inbound(ALICE, "hello"), clock.at), lambda _: received)
    await store.acts.mark_done((await store.thread(ALICE))["id"], by=STAFF)
    clock.move(seconds=5)
    heard.clear()
    await store.keep(raw(inbound(ALICE, "ARRÊT", clock.at), clock.at), lambda _: stop)
    thread = await store.thread(ALICE)
    assert thread["state"] == "done"
    assert thread["opted_out"] == "2026-03-02T15:00:05.000000Z"
    assert ContactChanged(ALICE) in heard
    assert [(m["kind"], m["state"], m["text"]) for m in thread["messages"] if m["kind"] == "notice"] == [
        ("notice", "queued", "Plus de textos."),
        ("notice", "cancelled", "We open at 8."),
    ]
    (due,) = (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=True)).due
    assert await store.claim(due.id, Clerk(), submit, live=False) is not None, "the confirmation itself still goes"
    start = Reaction(opt=False, notice="Welcome back", notice_name="start")
    clock.move(seconds=5)
    await store.keep(raw(inbound(ALICE, "START", clock.at), clock.at), lambda _: start)
    assert (await store.thread(ALICE))["opted_out"] is None


async def test_what_the_policy_is_told(store: Store, clock: HandClock) -> None:
    told: list[Inbound] = []

    def see(one: Inbound) -> Reaction:
        told.append(one)
        return Reaction(notice="We open at 8.", notice_name="received")

    await store.keep(raw(inbound(ALICE, "hello"), clock.at), see)
    clock.move(minutes=1)
    await store.acts.queue_staff(ALICE, "hi", "one", by=STAFF)
    clock.move(minutes=1)
    await store.keep(raw(inbound(ALICE, "thanks", clock.at), clock.at), see)
    assert told[0] == Inbound(number=ALICE, text="hello", received=START, line="main", language=None, opted_out=False)
    assert told[1] == Inbound(
        number=ALICE,
        text="thanks",
        received=START + timedelta(minutes=2),
        line="main",
        language=None,
        opted_out=False,
        notices={"received": START},
        last_staff=START + timedelta(minutes=1),
        auto_recent=1,
        auto_today=1,
        all_today=1,
    )


async def test_an_automatic_reply_marks_a_loop_until_a_person_writes(store: Store, clock: HandClock) -> None:
    async def looping() -> bool:
        contact = await store.contact(ALICE)
        assert contact
        return contact["looping"] is not None

    await store.keep(raw(inbound(ALICE, "I am driving")), lambda _: Reaction(automatic=True, looping=True))
    assert await looping()
    assert (await store.thread(ALICE))["state"] == "to_answer", "a person may have written it"
    clock.move(minutes=1)
    await store.keep(raw(inbound(ALICE, "I am driving", clock.at), clock.at), lambda _: Reaction(automatic=True))
    assert await looping(), "no person wrote"
    clock.move(minutes=1)
    await store.keep(raw(inbound(ALICE, "sorry, here now", clock.at), clock.at), nothing)
    assert not await looping()


async def test_the_policy_is_told_when_our_last_automatic_text_went(store: Store, clock: HandClock) -> None:
    told: list[Inbound] = []

    def see(one: Inbound) -> Reaction:
        told.append(one)
        return Reaction(notice="We open at 8.", notice_name="received")

    await store.keep(raw(inbound(ALICE, "hello"), clock.at), see)
    (due,) = (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due
    clock.move(minutes=1)
    claimed = await store.claim(due.id, Clerk(), submit, live=False)
    assert claimed
    went = clock.at
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt
    await store.finish_attempt(attempt, Sent(7))
    clock.move(minutes=1)
    await store.keep(raw(inbound(ALICE, "I am driving", clock.at), clock.at), see)
    assert [one.last_auto for one in told] == [None, went]


async def test_the_policy_is_told_of_every_automatic_text_of_the_day(store: Store, clock: HandClock) -> None:
    told: list[tuple[int, int]] = []

    def see(one: Inbound) -> Reaction:
        told.append((one.auto_today, one.all_today))
        return Reaction(notice="We open at 8.", notice_name="received")

    async def write(number: str) -> tuple[int, int]:
        clock.move(seconds=1)
        await store.keep(raw(inbound(number, "hello", clock.at), clock.at), see)
        return told[-1]

    async def send(*results: object) -> None:
        for result in results:
            due = (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due[0]
            claimed = await store.claim(due.id, Clerk(), submit, live=False)
            assert claimed
            attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
            assert attempt
            await store.finish_attempt(attempt, result)  # type: ignore[arg-type]

    assert [await write(ALICE), await write(ALICE), await write(BOB)] == [(0, 0), (1, 1), (0, 2)], "queued"
    await send(Sent(1), Unknown("no answer"), Refused("1", "unassigned", permanent=True))
    assert await write(BOB) == (0, 2), "what was refused did not go"
    call = a_call(ended=clock.at)
    await store.record_call(call, Clerk().first(clock.at), line="main")
    assert await write(ALICE) == (2, 3), "a queued automatic text is decided again when it is due"
    clock.move(hours=24)
    await store.expire()
    assert await write(ALICE) == (0, 0)


async def test_notices_end_at_the_daily_limits(store: Store, clock: HandClock) -> None:
    """The policy as it is shipped, a modem that is away: nothing piles up either."""
    document = {
        "clinic": {"name": "Clinique", "number": "+15145550100"},
        "pbx": {"username": "textback", "password": "secret"},
        "hours": {"open": "Sa 08:00-09:00"},
        "reply": {"per_number_limit": 3, "daily_limit": 10},
    }
    policy = Policy(parse(document))

    async def write(number: str, text: str) -> None:
        await store.keep(raw(inbound(number, text, clock.at), clock.at), lambda one: policy.react(one, clock.at, {}))

    async def notices(number: str) -> list[str]:
        thread = await store.thread(number)
        return [m["text"] for m in thread["messages"] if m["kind"] == "notice" and m["state"] == "queued"]

    for _ in range(6):
        clock.move(hours=1)
        await write(ALICE, "help")
    assert len(await notices(ALICE)) == 3
    for number in range(20):
        await write(f"+1514555{number:04d}", "Bonjour, mal de dents")
    assert sum([len(await notices(f"+1514555{number:04d}")) for number in range(20)]) == 7
    await write(BOB, "STOP")
    assert len(await notices(BOB)) == 1, "a STOP is confirmed whatever the limits"
    for text, queued in (("STOP", 1), ("START", 0), ("STOP", 1), ("stop!", 1)):
        clock.move(minutes=1)
        await write(BOB, text)
        assert len(await notices(BOB)) == queued, "at most one, and only what is so"


async def test_stop_and_start_in_turn_end_at_the_daily_limit(store: Store, clock: HandClock) -> None:
    policy = Policy(
        parse({"clinic": {"name": "Clinique", "number": "+15145550100"}, "pbx": {"username": "textback", "password": "secret"}})
    )
    went = 0
    for turn in range(20):
        clock.move(minutes=13)
        text = "START" if turn % 2 else "STOP"
        await store.keep(raw(inbound(ALICE, text, clock.at), clock.at), lambda one: policy.react(one, clock.at, {}))
        for due in (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due:
            claimed = await store.claim(due.id, Clerk(), submit, live=False)
            assert claimed
            attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
            assert attempt
            await store.finish_attempt(attempt, Sent(turn))
            went += 1
    assert went == 3


async def test_a_policy_that_fails_costs_no_text(store: Store) -> None:
    def broken(_: Inbound) -> Reaction:
        raise ZeroDivisionError

    await store.keep(raw(inbound(ALICE, "hello")), broken)
    assert (await texts(store), (await store.thread(ALICE))["state"]) == ([("received", "hello")], "to_answer")


# -- status reports


async def sent(store: Store, clock: HandClock, text: str = "hello", *results: object, number: str = ALICE) -> int:
    """A person's text, its parts ended with ``results`` (None: the attempt stays open)."""
    message = (await store.acts.queue_staff(number, text, f"{clock.at}-{number}-{text[:5]}", by=STAFF)).message
    claimed = await store.claim(message, Clerk(), submit, live=False)
    assert claimed
    for part, result in zip(claimed.parts, results, strict=False):
        attempt = await store.begin_attempt(part.id, modem="gsm1")
        assert attempt
        if result is not None:
            await store.finish_attempt(attempt, result)  # type: ignore[arg-type]
    return message


async def report(store: Store, clock: HandClock, reference: int, status: int = 0, *, number: str = ALICE, modem: str = "gsm1") -> None:
    pdu = encode_report(reference, number, clock.at, clock.at, status)
    await store.keep(raw(pdu, clock.at, modem), nothing)


async def state(store: Store, message: int) -> str:
    return str((await store.message(message))["state"])


async def test_delivered_when_every_part_is(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "x" * 200, Sent(250), Sent(251))
    await report(store, clock, 251)
    assert await state(store, message) == "sent"
    assert (await store.counts())["reports"] == {"gsm1": (2, 1)}
    await report(store, clock, 250, 0x30)
    assert await state(store, message) == "sent"
    await report(store, clock, 250)
    await report(store, clock, 250)
    assert await state(store, message) == "delivered"


async def test_a_report_is_about_modem_reference_recipient_and_a_recent_part(store: Store, clock: HandClock) -> None:
    old = await sent(store, clock, "old", Sent(7))
    clock.move(hours=73)
    message = await sent(store, clock, "new", Sent(9))
    await report(store, clock, 9, modem="gsm2")
    await report(store, clock, 9, number=BOB)
    await report(store, clock, 7)
    assert [await state(store, each) for each in (old, message)] == ["sent", "sent"]
    clock.move(hours=1)
    newer = await sent(store, clock, "newer", Sent(9))
    await report(store, clock, 9, number="5145550101")
    assert [await state(store, each) for each in (message, newer)] == ["sent", "delivered"]


async def test_a_report_settles_its_part_though_the_clock_was_set_back_meanwhile(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "hello", Sent(7))
    clock.move(minutes=-14)
    await report(store, clock, 7)
    assert await state(store, message) == "delivered"


async def test_a_report_is_about_a_part_of_the_past_before_one_of_the_future(store: Store, clock: HandClock) -> None:
    past = await sent(store, clock, "past", Sent(7))
    clock.move(minutes=20)
    ahead = await sent(store, clock, "ahead", Sent(7))
    clock.move(minutes=-10)
    await report(store, clock, 7)
    assert [await state(store, each) for each in (past, ahead)] == ["delivered", "sent"]
    far = await sent(store, clock, "far ahead", Sent(8))
    clock.move(minutes=-16)
    await report(store, clock, 8)
    assert await state(store, far) == "sent", "more than clocks differ"


async def test_a_failed_report_fails_the_text_and_may_mark_the_number(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "hello", Sent(7))
    await report(store, clock, 7, 0x46)
    assert await state(store, message) == "failed"
    assert "0x46" in (await store.message(message))["what"]
    assert (await store.contact(ALICE) or {})["not_textable"] is None
    assert (await store.thread(ALICE))["state"] == "to_answer"
    await sent(store, clock, "again", Sent(8))
    await report(store, clock, 8, 0x41)
    assert (await store.contact(ALICE) or {})["not_textable"] == "status 0x41"
    await sent(store, clock, "third", Sent(9))
    await report(store, clock, 9, 0x00)
    assert (await store.contact(ALICE) or {})["not_textable"] is None


async def test_a_report_settles_an_unknown_part_and_lets_the_rest_go(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "x" * 200, Unknown("no answer"))
    clock.move(seconds=40)
    await report(store, clock, 99)
    assert await state(store, message) == "queued"
    claimed = await store.claim(message, Clerk(), submit, live=False)
    assert claimed
    assert [part.submit.part for part in claimed.parts] == [2]


async def test_a_pending_report_proves_that_an_unknown_part_left(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "hello", Unknown("no answer"))
    await report(store, clock, 99, 0x30)
    assert await state(store, message) == "sent"
    clock.move(hours=20)
    await report(store, clock, 99)
    assert await state(store, message) == "delivered"


async def test_an_unknown_part_is_not_settled_by_another_texts_report(store: Store, clock: HandClock) -> None:
    first = await sent(store, clock, "first", Sent(5))
    second = await sent(store, clock, "second", Unknown("no answer"))
    await report(store, clock, 5)
    assert [await state(store, each) for each in (first, second)] == ["delivered", "unknown"]
    clock.move(hours=1)
    await report(store, clock, 77)
    assert await state(store, second) == "unknown", "too far from its time"


async def test_a_report_on_something_earlier_settles_no_later_part(store: Store, clock: HandClock) -> None:
    early = encode_report(7, ALICE, clock.at, clock.at, 0)
    clock.move(minutes=20)
    lost = await sent(store, clock, "lost", Unknown("no answer"))
    await store.keep(raw(early, clock.at), nothing)
    assert await state(store, lost) == "unknown"


async def test_a_report_before_the_modems_answer_waits_for_it(store: Store, clock: HandClock) -> None:
    message = (await store.acts.queue_staff(ALICE, "hello", "one", by=STAFF)).message
    claimed = await store.claim(message, Clerk(), submit, live=False)
    assert claimed
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt
    await report(store, clock, 7)
    assert await state(store, message) == "sending"
    await store.finish_attempt(attempt, Sent(7))
    assert await state(store, message) == "delivered"


async def test_a_report_before_a_stop_settles_what_the_stop_left_unknown(store: Store, clock: HandClock) -> None:
    message = await sent(store, clock, "hello", None)
    await report(store, clock, 7)
    assert await state(store, message) == "sending"
    await store.close()
    again = Store(store.path, clock)
    await again.open()
    assert await state(again, message) == "delivered"
    await again.close()
