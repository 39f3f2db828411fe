"""What comes that is no ordinary text: filed as a line that says what came, and only what a person sent asks for an answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.events import Notice, ThreadChanged
from ari_app.model import Inbound, Reaction, Reason
from ari_app.policy import Policy
from ari_app.settings import parse
from ari_app.threads import Store
from ari_app.threads.came import came
from ari_app.threads.inbound import PARTIAL_AFTER
from modem import made
from modem.pdu import Deliver, decode
from modem.sim_pdu import encode_deliver
from tests.threads.world import ALICE, STAFF, START, Clerk, HandClock, a_call, inbound, nothing, raw, silence

CENTRE = "+15145550900"
"""The carrier's multimedia message centre."""
HOUSE = Policy(parse({"clinic": {"name": "Clinique", "number": "+15145550100"}, "pbx": {"username": "textback", "password": "secret"}}))


def policy_at(clock: HandClock) -> Callable[[Inbound], Reaction]:
    """The policy as it is shipped."""
    return lambda one: HOUSE.react(one, clock.at, {})


# -- MMS notifications, written by hand after WAP-230-WSP 8.2.4.1 and OMA-TS-MMS_ENC 6.2


def announced(sender: str | None = ALICE, *, subject: str = "", where: str = "1", padding: int = 0) -> bytes:
    """The octets of an m-notification-ind in a WSP push."""
    address = b"\x01\x81" if sender is None else b"\x80" + sender.encode() + b"/TYPE=PLMN\0"
    fields = [
        b"\x8c\x82",  # m-notification-ind
        b"\x98" + b"T" * (1 + padding) + b"\0",  # transaction
        b"\x8d\x90",  # MMS 1.0
        b"\x89" + (address if sender is None else bytes([len(address)]) + address),
        b"\x96" + subject.encode() + b"\0" if subject else b"",
        b"\x8a\x80\x8e\x02\x30\x00\x88\x05\x81\x03\x03\xf4\x80",  # personal, 12288 octets, expires in three days
        b"\x83http://mms.example/" + where.encode() + b"\0",
    ]
    return b"\x2a\x06\x22application/vnd.wap.mms-message\0\xaf\x84" + b"".join(fields)


def pushed(data: bytes, at: datetime = START, *, reference: int = 9, carrier: str = CENTRE, port: int = 2948) -> list[str]:
    """The PDUs that carry it: 128 octets each."""
    ports = bytes([5, 4, *divmod(port, 256), 0x23, 0xF0])
    pieces = [data[at : at + 128] for at in range(0, len(data), 128)]
    headers = [ports + (bytes([0, 3, reference, len(pieces), number]) if len(pieces) > 1 else b"") for number in range(1, len(pieces) + 1)]
    return [
        made.deliver_raw(carrier, piece, 0x04, bytes([len(header)]) + header, at) for piece, header in zip(pieces, headers, strict=True)
    ]


async def texts(store: Store, number: str = ALICE) -> list[tuple[str, str, str | None]]:
    return [(m["state"], m["text"], m["note"]) for m in (await store.thread(number))["messages"] if m["direction"] == "in"]


async def notices(store: Store, number: str = ALICE) -> list[str]:
    return [m["text"] for m in (await store.thread(number))["messages"] if m["kind"] == "notice"]


TOLD = "Clinique: nous ne recevons pas d'images. Décrivez cela par texto ou appelez le 514 555-0100. Urgence: 911"


async def test_a_picture_stands_in_its_sender_s_thread_and_the_sender_is_told(store: Store, clock: HandClock) -> None:
    recorded = await store.record_call(a_call(ended=clock.at), silence(Reason.COOLDOWN), line="dental")
    await store.acts.mark_done(recorded.thread, by=STAFF)
    clock.move(minutes=1)
    for pdu in pushed(announced(subject="Ma dent 🦷"), clock.at):
        await store.keep(raw(pdu, clock.at), policy_at(clock))
    thread = await store.thread(ALICE)
    assert (thread["id"], thread["state"]) == (recorded.thread, "to_answer")
    assert await texts(store) == [("received", "Ma dent 🦷", "picture not received")]
    assert await notices(store) == [TOLD]
    assert [t["number"] for t in await store.threads()] == [ALICE], "the carrier has no thread"


async def test_the_network_announces_a_picture_until_it_is_fetched(store: Store, clock: HandClock) -> None:
    for repeat in range(6):
        for pdu in pushed(announced(padding=repeat), clock.at, reference=repeat):
            await store.keep(raw(pdu, clock.at), policy_at(clock))
        if repeat == 0:
            await store.acts.mark_done((await store.thread(ALICE))["id"], by=STAFF)
        clock.move(hours=9)
    assert await texts(store) == [("received", "", "picture not received")]
    assert (await store.thread(ALICE))["state"] == "done"
    assert len(await notices(store)) == 1


async def test_the_sender_of_many_pictures_is_told_once_a_day(store: Store, clock: HandClock) -> None:
    for number in range(5):
        for pdu in pushed(announced(where=str(number)), clock.at, reference=number):
            await store.keep(raw(pdu, clock.at), policy_at(clock))
        clock.move(hours=5)
    assert len(await texts(store)) == 5
    assert len(await notices(store)) == 1
    clock.move(hours=5)
    for pdu in pushed(announced(where="tomorrow"), clock.at):
        await store.keep(raw(pdu, clock.at), policy_at(clock))
    assert len(await notices(store)) == 2
    assert await store.thread(ALICE) is not None


async def test_who_asked_for_no_texts_is_told_nothing(store: Store, clock: HandClock) -> None:
    await store.keep(raw(inbound(ALICE, "ARRET", clock.at), clock.at), policy_at(clock))
    said = await notices(store)
    clock.move(hours=1)
    for pdu in pushed(announced(), clock.at):
        await store.keep(raw(pdu, clock.at), policy_at(clock))
    assert (await store.thread(ALICE))["state"] == "to_answer"
    assert await notices(store) == said


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_picture_s_parts_in_any_order(store: Store, clock: HandClock, order: tuple[int, ...]) -> None:
    pdus = pushed(announced("5145550101", subject="x" * 200))
    assert len(pdus) == 3
    for index in (*order, *order):
        await store.keep(raw(pdus[index]), policy_at(clock))
    assert await texts(store) == [("received", "x" * 200, "picture not received")]


async def test_a_picture_announced_in_part_is_shown_where_its_sender_is_known(store: Store, clock: HandClock) -> None:
    pdus = pushed(announced(subject="ma dent", where="1" * 60))
    await store.keep(raw(pdus[0]), policy_at(clock))
    clock.move(seconds=PARTIAL_AFTER.total_seconds())
    assert await store.settle_partials(nothing) == 1
    assert await texts(store) == [("partial", "ma dent", "picture not received; part 2 of 2 missing")]
    assert (await store.thread(ALICE))["state"] == "to_answer"
    assert await notices(store) == []
    await store.keep(raw(pdus[1], clock.at), policy_at(clock))
    assert await texts(store) == [("received", "ma dent", "picture not received")]
    assert len(await notices(store)) == 1


async def test_a_picture_of_whom_only_the_last_part_is_there_moves_to_its_sender(
    store: Store, clock: HandClock, heard: list[Notice]
) -> None:
    pdus = pushed(announced(subject="ma dent", padding=60))
    await store.keep(raw(pdus[1]), policy_at(clock))
    clock.move(seconds=PARTIAL_AFTER.total_seconds())
    assert await store.settle_partials(nothing) == 1
    carrier = await store.thread(CENTRE)
    assert (carrier["state"], carrier["messages"][0]["note"]) == ("done", "WAP push; part 1 of 2 missing")
    heard.clear()
    await store.keep(raw(pdus[0], clock.at), policy_at(clock))
    assert await texts(store) == [("received", "ma dent", "picture not received")]
    thread = await store.thread(ALICE)
    assert thread["state"] == "to_answer"
    assert (await store.thread(CENTRE))["messages"] == []
    assert {ThreadChanged(carrier["id"]), ThreadChanged(thread["id"])} <= set(heard)


async def test_a_picture_announced_anew_in_part_is_one_picture_in_the_end(store: Store, clock: HandClock) -> None:
    first, again = (pushed(announced(where="1" * 60), START + timedelta(hours=hours), reference=hours) for hours in (0, 1))
    for pdu in (*first, again[0]):
        await store.keep(raw(pdu), policy_at(clock))
    clock.move(seconds=PARTIAL_AFTER.total_seconds())
    assert await store.settle_partials(nothing) == 1
    assert len(await texts(store)) == 2, "nobody knows yet that it is the same"
    await store.keep(raw(again[1], clock.at), policy_at(clock))
    assert await texts(store) == [("received", "", "picture not received")]
    assert len(await notices(store)) == 1


async def test_a_picture_whose_sender_hides_stands_in_the_carriers_thread(store: Store, clock: HandClock) -> None:
    for pdu in pushed(announced(None), carrier="12345"):
        await store.keep(raw(pdu), policy_at(clock))
    assert await texts(store, "12345") == [("received", "", "picture not received")]
    assert (await store.thread("12345"))["state"] == "to_answer"
    assert await notices(store, "12345") == []


async def test_a_picture_from_an_address_stands_in_its_thread(store: Store, clock: HandClock) -> None:
    for pdu in pushed(announced("anne@example.ca")):
        await store.keep(raw(pdu), policy_at(clock))
    thread = await store.thread("anne@example.ca")
    assert (thread["contact"], thread["state"], len(thread["messages"])) == ("anne@example.ca", "to_answer", 1)


async def test_a_picture_is_a_word_of_a_person(store: Store, clock: HandClock) -> None:
    await store.keep(raw(inbound(ALICE, "I am driving", clock.at), clock.at), lambda _: Reaction(automatic=True, looping=True))
    for pdu in pushed(announced(), clock.at):
        await store.keep(raw(pdu, clock.at), policy_at(clock))
    assert await notices(store) == [], "it answered our texts by itself just now"
    assert (await store.contact(ALICE) or {})["looping"] is None
    clerk, call = Clerk(), a_call(ended=clock.at + timedelta(minutes=1))
    await store.record_call(call, clerk.first(clock.at), line="main")
    assert clerk.seen[0].last_person == START
    assert clerk.seen[0].known_contact


# -- reactions


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Liked “We missed you. What can we do for you?”", "reaction"),
        ("A aimé « Nous avons manqué votre appel… »", "reaction"),
        ('\u200a\u200b👍\u200b à "\u200aok\u200a"\u200a', "reaction"),
        ("Removed a like from “ok”", "reaction taken back"),
    ],
)
async def test_a_reaction_is_shown_as_it_came_and_reopens_nothing(store: Store, clock: HandClock, text: str, note: str) -> None:
    await store.acts.queue_staff(ALICE, "ok", "one", by=STAFF)
    thread = (await store.thread(ALICE))["id"]
    for state in ("answered", "done"):
        if state == "done":
            await store.acts.mark_done(thread, STAFF)
        clock.move(minutes=1)
        await store.keep(raw(inbound(ALICE, text, clock.at), clock.at), policy_at(clock))
        found = await store.thread(ALICE)
        assert found["state"] == state
        assert (found["messages"][0]["text"], found["messages"][0]["note"], found["messages"][0]["state"]) == (text, note, "received")
    assert await notices(store) == []


async def test_a_reaction_is_no_conversation_and_marks_no_loop(store: Store, clock: HandClock) -> None:
    await store.keep(raw(inbound(ALICE, "Liked “hello”", clock.at), clock.at), policy_at(clock))
    thread = await store.thread(ALICE)
    assert (thread["state"], (await store.contact(ALICE) or {})["looping"]) == ("done", None)
    clerk, call = Clerk(), a_call(ended=clock.at + timedelta(minutes=1))
    await store.record_call(call, clerk.first(clock.at), line="main")
    assert (clerk.seen[0].last_person, clerk.seen[0].known_contact, clerk.seen[0].looping) == (None, False, False)


# -- the rest


DATA, PORTED = bytes(range(20)), b"\x06\x05\x04\x23\xf4\x00\x00"


class Odd(NamedTuple):
    pdu: str
    sender: str
    text: str
    note: str | None
    asks: bool
    """For an answer."""
    person: bool
    """Sent it."""


ODD = [
    Odd(inbound(ALICE, "Réponds vite", flash=True), ALICE, "Réponds vite", "flash message", True, True),
    Odd(inbound(ALICE, "secret", silent=True), ALICE, "", "silent message (type 0)", False, False),
    Odd(inbound(ALICE, "", silent=True), ALICE, "", "silent message (type 0)", False, False),
    Odd(inbound("BELL", "Nouveau message vocal", coding=0xD8), "BELL", "Nouveau message vocal", "new voicemail waiting", True, False),
    Odd(inbound("BELL", "", coding=0xC0), "BELL", "", "no voicemail waiting", False, False),
    Odd(inbound(ALICE, "Allo", coding=0x0C), ALICE, "Allo", "unknown alphabet, read as GSM-7", True, True),
    Odd(inbound(ALICE, "Allo", coding=0x80), ALICE, "Allo", "unknown alphabet, read as GSM-7", True, True),
    Odd(inbound("USSD", "Votre solde: 12,40 $"), "USSD", "Votre solde: 12,40 $", "from the network (USSD)", False, False),
    Odd(inbound("12345", "Your code is 42"), "12345", "Your code is 42", None, True, True),
    Odd(inbound(ALICE, ""), ALICE, "", None, True, True),
    Odd(made.deliver_raw(ALICE, DATA, 0x04, b"", START), ALICE, "", "data, no text", True, True),
    Odd(made.deliver_raw("12345", DATA, 0x04, b"", START), "12345", "", "data, no text", False, False),
    Odd(made.deliver_raw(ALICE, DATA, 0x04, PORTED, START), ALICE, "", "business card (vCard)", True, True),
    Odd(made.deliver_raw("12345", DATA, 0xF5, PORTED, START), "12345", "", "business card (vCard)", False, False),
    Odd(pushed(b"\x01\x06\x04\x03\xae\x81\xea\x02\x05\x6a\x00", carrier="12345")[0], "12345", "", "WAP push", False, False),
    Odd(pushed(DATA, carrier=CENTRE)[0], CENTRE, "", "WAP push", False, False),
    Odd(made.deliver_raw(ALICE, DATA, 0x20, b"", START), ALICE, "", "unreadable: compressed (3GPP TS 23.042)", True, True),
    Odd(made.deliver_raw("BELL", DATA, 0x24, b"", START), "BELL", "", "unreadable: compressed (3GPP TS 23.042)", False, False),
]


@pytest.mark.parametrize("odd", ODD)
async def test_a_line_that_says_what_came(store: Store, clock: HandClock, odd: Odd) -> None:
    for _ in range(2):
        await store.keep(raw(odd.pdu), policy_at(clock))
    thread = await store.thread(odd.sender)
    (message,) = thread["messages"]
    assert (message["text"], message["note"]) == (odd.text, odd.note)
    assert thread["state"] == ("to_answer" if odd.asks else "done")
    (listed,) = await store.threads()
    assert listed["last_text"] == (odd.text or odd.note or "")


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.sender == ALICE])
async def test_only_what_a_person_sent_is_a_conversation(store: Store, clock: HandClock, odd: Odd) -> None:
    await store.keep(raw(odd.pdu), policy_at(clock))
    clerk, call = Clerk(), a_call(ended=clock.at + timedelta(minutes=1))
    await store.record_call(call, clerk.first(clock.at), line="main")
    assert (clerk.seen[0].last_person is not None, clerk.seen[0].known_contact) == (odd.person, odd.person)


async def test_a_flash_text_is_reacted_to_as_any_text(store: Store, clock: HandClock) -> None:
    await store.keep(raw(inbound(ALICE, "STOP", flash=True)), policy_at(clock))
    assert (await store.thread(ALICE))["opted_out"] is not None
    assert (await texts(store))[0][2] == "flash message"


@pytest.mark.parametrize("odd", [odd for odd in ODD if not odd.asks])
async def test_what_asks_for_no_answer_changes_no_state(store: Store, clock: HandClock, odd: Odd) -> None:
    await store.keep(raw(inbound(odd.sender, "Allo", clock.at - timedelta(hours=1))), nothing)
    await store.keep(raw(odd.pdu), policy_at(clock))
    thread = await store.thread(odd.sender)
    assert (thread["state"], len(thread["messages"])) == ("done" if odd.sender == "USSD" else "to_answer", 2)


@given(st.binary(max_size=130), st.integers(0, 255), st.sampled_from([b"", PORTED, b"\x06\x05\x04\x0b\x84\x23\xf0"]))
def test_whatever_octets_it_is_something(octets: bytes, coding: int, header: bytes) -> None:
    try:
        pdu = made.deliver_raw(ALICE, octets, coding, header, START)
    except ValueError:
        return
    part = decode(pdu)
    if isinstance(part, Deliver):
        found = came([part], "CA")
        assert found.whole
        assert found.text or found.note or part.text == "", "a line says what came"
        assert found.answer or not found.words


def test_a_long_flash_text_is_flash_and_long() -> None:
    parts = [part for pdu in encode_deliver(ALICE, "Vite! " * 40, START, flash=True) if isinstance(part := decode(pdu), Deliver)]
    assert came(parts, "CA").note == "flash message"
    assert came(parts[:1], "CA").note == "flash message; part 2 of 2 missing"
