"""Desk phones and who calls, end to end in every dialect: a call declined by one press, a name kept, a message left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_app.desk import SHELL
from ari_app.model import Kind, Level, Priority, Reaction
from ari_app.person import PersonNumber, Record
from tests.lab.deskphone_brands import BRANDS
from tests.left import leave
from tests.portal.phone_world import Phones, phones
from tests.portal.test_phones import row_of
from tests.threads.world import ALICE, BOB, inbound, raw

ALL = sorted(BRANDS)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Phones]:
    async with phones(tmp_path) as opened:
        yield opened


async def says(house: Phones, number: str, words: str, reaction: Reaction) -> int:
    """A text comes in, and what the policy makes of it."""
    at = house.clinic.clock.at
    await house.clinic.store.keep(raw(inbound(number, words, at), at), lambda _: reaction)
    return int((await house.clinic.store.thread(number))["id"])


@pytest.mark.parametrize("brand", ALL)
async def test_one_press_declines_the_call_that_rings(house: Phones, brand: str) -> None:
    exchange, at = house.clinic.exchange, house.clinic.clock.at
    record = Record(external="1", name="Élodie Côté", kind=Kind.CLIENT, numbers=(PersonNumber(number=BOB),))
    await house.clinic.store.contacts.apply([record], "import")
    await exchange.ring(ALICE, "203", at=at)
    mine = await exchange.ring(BOB, "201", "203", at=at)
    anne = await house.member()
    async with await house.phone(anne, brand) as phone:
        inbox = await phone.start()
        assert "Refuser+texto: Élodie" in f"{inbox.items[0].label} {inbox.items[0].more}", "at this member's own phone, not the older one"
        ack = await phone.select(1)
        assert phone.presses == 1
        assert exchange.sent_away == [mine]
        assert ack.title.startswith("Refusé: Élodie")
        assert "Le fil est à vous" in " ".join(ack.text.split())
        again = await phone.again()
        assert (again.title, again.text) == (ack.title, ack.text)
        assert exchange.sent_away == [mine]
    (row,) = await house.clinic.desk.rows((1,))
    assert row.holder is not None
    assert row.holder.member == anne.member


async def test_a_call_at_any_phone_is_offered_and_none_of_a_hidden_number(house: Phones) -> None:
    exchange, at = house.clinic.exchange, house.clinic.clock.at
    await exchange.ring(None, "201", at=at)
    async with await house.phone(await house.member(), "yealink") as phone:
        assert not any("Refuser" in item.label for item in (await phone.start()).items)
        call = await exchange.ring(ALICE, "203", at=at)
        inbox = await phone.start()
        assert "Refuser+texto: (514) 555-0101" in inbox.items[0].label
        exchange.answer(call)
        told = await phone.select(1)
        assert "ne sonne plus" in told.text
        assert exchange.sent_away == []


async def test_two_presses_at_once_are_one(house: Phones) -> None:
    call = await house.clinic.exchange.ring(ALICE, "201", at=house.clinic.clock.at)
    async with await house.phone(await house.member(), "cisco") as phone:
        link = (await phone.start()).items[0].action.to

        async def get() -> str:
            async with house.session.get(link) as answer:
                return await answer.text()

        answers = await asyncio.gather(*(get() for _ in range(6)))
    assert len(set(answers)) == 1
    assert house.clinic.exchange.sent_away == [call]


@pytest.mark.parametrize(("case", "said"), [("no_ami", "voyez l'administrateur"), ("stop", "aucun texto"), ("gone", "ne sonne plus")])
async def test_why_it_is_not_declined(house: Phones, case: str, said: str) -> None:
    exchange = house.clinic.exchange
    if case == "stop":
        await says(house, ALICE, "STOP", Reaction(opt=True, reopens=False))
    call = await exchange.ring(ALICE, "201", at=house.clinic.clock.at)
    async with await house.phone(await house.member(), "snom") as phone:
        await phone.start()
        exchange.can = case != "no_ami"
        if case == "gone":
            exchange.end(call)
        told = await phone.select(1)
    assert said.casefold() in " ".join(told.text.split()).casefold()
    assert exchange.sent_away == []


@pytest.mark.parametrize("brand", ALL)
async def test_the_name_they_gave_is_kept_by_one_key(house: Phones, brand: str) -> None:
    thread = await says(house, ALICE, "Bonjour, c'est Paul Roy", Reaction(offered="Paul Roy"))
    async with await house.phone(await house.member(), brand) as phone:
        await phone.start()
        await phone.select(1)
        ack = await phone.key("Garder")
        assert ack is not None
        assert "Paul Roy est au carnet" in " ".join(ack.text.split())
        await phone.again()
    (row,) = await house.clinic.desk.rows((thread,))
    assert (row.name, row.offered, row.kind) == ("Paul Roy", None, Kind.PROSPECT)


async def test_no_other_name_is_kept_than_the_one_that_was_shown(house: Phones) -> None:
    thread = await says(house, ALICE, "c'est Paul Roy", Reaction(offered="Paul Roy"))
    async with await house.phone(await house.member(), "poly") as phone:
        await phone.start()
        await phone.select(1)
        await says(house, ALICE, "non, Paule", Reaction(offered="Paule Roy"))
        told = await phone.key("Garder")
        assert told is not None
        assert "nouveau" in told.text
    (row,) = await house.clinic.desk.rows((thread,))
    assert (row.name, row.offered) == (None, "Paule Roy")


@pytest.mark.parametrize("brand", ALL)
async def test_why_they_go_first_and_what_they_left(house: Phones, brand: str) -> None:
    raised = Reaction(priority=Priority(Level.HIGH, "Suivi de chirurgie"))
    thread = await house.clinic.caller(ALICE)
    await says(house, ALICE, "rappelez-moi", raised)
    house.clinic.clock.move(minutes=1)
    path = house.clinic.standing.file.store.path
    leave(path, thread, house.clinic.clock.at, seconds=75.0, transcript="bonjour je saigne encore")
    async with await house.phone(await house.member(), brand) as phone:
        inbox = await phone.start()
        row = inbox.items[row_of(inbox, "514") - 1]
        assert row.label.lstrip("0123456789. ").startswith("+ ")
        opened = await phone.select(row_of(inbox, "514"))
        assert "Suivi d" in opened.title
        reading = await phone.select(1)
        read = " ".join(f"{reading.text} {' '.join(item.label for item in reading.items)}".split())
        assert "message vocal de 1 min 15 s, non écouté" in read
        assert "(transcrit par machine) bonjour je saigne encore" in read
    assert await house.sent(thread) == []
    assert (await house.clinic.desk.rows((thread,)))[0].unheard == 1
    assert await house.clinic.desk.audit(SHELL)
