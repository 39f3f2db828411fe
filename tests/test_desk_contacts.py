"""Contacts as a face asks for them, over a real store: what is refused and in which words, and who looked at whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.desk import SHELL
from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import Kind
from ari_app.person import Person, PersonNumber, Record, Synced
from tests.desk_world import Clinic, clinic
from tests.threads.world import ALICE, BOB, START

MARIE = Record(external="D/10 é", name="Marie Roy", language="fr", tags=("VIP", "x" * 40), numbers=(PersonNumber(number=ALICE),))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Clinic]:
    async with clinic(tmp_path, contacts={"link": "https://soft.example/patient?id={external}"}) as opened:
        yield opened


def written(**changes: Any) -> dict[str, Any]:
    """A new contact, as a form sends it."""
    numbers = (PersonNumber(number="(514) 555-0101", label="mobile"),)
    return {"name": "Marie Roy", "kind": Kind.CLIENT, "language": None, "tags": (), "numbers": numbers, **changes}


def as_it_is(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in ("name", "kind", "language", "tags", "numbers")}


async def test_a_contact_is_entered_as_people_write_and_kept_as_it_is_looked_for(house: Clinic) -> None:
    anne = await house.member()
    numbers = [
        PersonNumber(number=each, label=label) for each, label in (("514-555-0101", " maison "), ("+33 1 45 67 89 01", ""), (ALICE, "x"))
    ]
    kept = await house.desk.save_contact(
        None, **written(name="  Marie   Roy ", language="fr", tags=["VIP", "no-text", "vip", "d'urgence"], numbers=numbers), by=anne
    )
    marie = await house.desk.contact(anne, kept)
    assert (marie.name, marie.language, marie.source, marie.edited) == ("Marie Roy", "fr", "here", ())
    assert marie.tags == ("d'urgence", "no-text", "vip")
    assert marie.numbers == (PersonNumber(number=ALICE, label="maison"), PersonNumber(number="+33145678901"))
    assert await house.desk.contacts(anne, "514 555 01") == (marie,)
    assert (await house.desk.contact_counts(anne))[Kind.CLIENT] == 1
    thread = await house.caller()
    (row,) = await house.desk.contact_threads(anne, kept)
    assert (row.thread, row.name, row.kind) == (thread, "Marie Roy", Kind.CLIENT)
    assert await house.acts() == [
        ("shell", "add_member"),
        ("Anne", "contact_saved"),
        ("Anne", "contact_read"),
        ("Anne", "contacts_listed"),
    ]


@pytest.mark.parametrize(
    ("changes", "code", "facts"),
    [
        ({"numbers": (PersonNumber(number="555-01"),)}, "bad_number", {"number": "555-01"}),
        ({"numbers": (PersonNumber(number="\ud800"),)}, "bad_number", None),
        ({"numbers": ()}, "no_number", {}),
        ({"numbers": tuple(PersonNumber(number=f"+1514555{n:04}") for n in range(21))}, "too_many_numbers", {"most": 20}),
        ({"numbers": (PersonNumber(number=ALICE, label="x" * 41),)}, "too_long", {"most": 40}),
        ({"tags": ["two words"]}, "bad_tag", {"tag": "two words"}),
        ({"tags": [""]}, "bad_tag", {"tag": ""}),
        ({"tags": ["x" * 41]}, "bad_tag", None),
        ({"tags": ["a\u202eb"]}, "bad_tag", None),
        ({"tags": [f"t{n}" for n in range(51)]}, "too_many_tags", {"most": 50}),
        ({"name": " "}, "no_text", {}),
        ({"name": "x" * 81}, "too_long", {"most": 80}),
        ({"name": "Eve \u202etxet"}, "bad_characters", {}),
        ({"language": "de"}, "no_language", {}),
    ],
)
async def test_what_cannot_be_known_of_somebody_is_refused(
    house: Clinic, changes: dict[str, Any], code: str, facts: dict[str, Any] | None
) -> None:
    anne = await house.member()
    with pytest.raises(RefusedError) as told:
        await house.desk.save_contact(None, **written(**changes), by=anne)
    assert told.value.code == code
    assert told.value.fix
    if facts is not None:
        assert told.value.facts == facts
    assert await house.desk.contacts(anne) == ()


async def test_what_a_source_says_may_stay_as_it_says_it(house: Clinic) -> None:
    """A form sends all of a contact: what was there before and is odd by our rules stops nobody from changing the rest."""
    anne = await house.member()
    odd = Record(external="1", name="x" * 150, language="de", tags=("VIP", "mots?"), numbers=(PersonNumber(number="12345"),))
    await house.store.contacts.apply([odd], "sync")
    (one,) = await house.desk.contacts(anne)
    fields = as_it_is(one) | {"kind": Kind.SUPPLIER}
    await house.desk.save_contact(one.id, **fields, by=anne)
    now = await house.desk.contact(anne, one.id)
    assert (now.kind, now.edited, now.name, now.numbers) == (Kind.SUPPLIER, ("kind",), "x" * 150, one.numbers)
    assert await house.desk.contact_given(anne, one.id) == odd
    assert await house.desk.release_contact(one.id, by=anne)
    assert await house.desk.contact(anne, one.id) == one
    with pytest.raises(RefusedError) as told:
        await house.desk.save_contact(one.id, **{**fields, "tags": ("trois?",)}, by=anne)
    assert told.value.code == "bad_tag"


async def test_who_looked_at_whom_is_written_down_and_no_name_is(house: Clinic) -> None:
    anne = await house.member()
    await house.store.contacts.apply([MARIE, Record(external="2", name="Luc Roy", numbers=(PersonNumber(number=BOB),))], "sync")
    luc, marie = await house.desk.contacts(anne, "roy", limit=5000)
    assert await house.desk.contacts(anne, "nobody") == ()
    assert await house.desk.contacts(anne, "\ud800") == ()
    await house.desk.contact(anne, marie.id)
    told = [(each.who, each.act, each.what) for each in await house.desk.audit(SHELL)]
    assert told[:2] == [("Anne", "contact_read", f"contact {marie.id}"), ("Anne", "contacts_listed", f"contacts {luc.id} {marie.id}")]
    assert "roy" not in str(told).casefold()


async def test_who_is_not_there_is_named(house: Clinic) -> None:
    anne = await house.member()
    for act in (
        house.desk.contact(anne, 7),
        house.desk.contact_given(anne, 7),
        house.desk.save_contact(7, **written(), by=anne),
        house.desk.release_contact(7, by=anne),
        house.desk.delete_contact(7, by=anne),
    ):
        with pytest.raises(NotFoundError) as told:
            await act
        assert told.value.code == "no_contact"
    assert await house.desk.contact_threads(anne, 7) == ()
    for act in (house.desk.take_name(7, by=anne), house.desk.opt_out(7, by=anne), house.desk.lift_opt_out(7, by=anne)):
        with pytest.raises(NotFoundError):
            await act


async def test_a_file_opens_in_the_clinic_s_own_software(house: Clinic, tmp_path: Path) -> None:
    anne = await house.member()
    await house.store.contacts.apply([MARIE, Record(external="~0a", name="Luc", numbers=(PersonNumber(number=BOB),))], "sync")
    (marie,), (luc,) = await house.desk.contacts(anne, "marie"), await house.desk.contacts(anne, "luc")
    here = await house.desk.contact(anne, await house.desk.save_contact(None, **written(), by=anne))
    assert house.desk.link_of(marie) == "https://soft.example/patient?id=D%2F10%20%C3%A9"
    assert [house.desk.link_of(each) for each in (luc, here)] == [None, None], "their id is none of that software"
    (tmp_path / "other").mkdir()
    async with clinic(tmp_path / "other") as other:
        assert other.desk.link_of(marie) is None


async def test_texts_are_wanted_and_not_wanted_by_word_of_mouth(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    assert await house.desk.opt_out(thread, by=anne)
    assert not await house.desk.opt_out(thread, by=anne)
    with pytest.raises(RefusedError) as told:
        await house.desk.reply(thread, "Bonjour", by=anne, act="a")
    assert told.value.code == "opted_out"
    assert await house.desk.lift_opt_out(thread, by=anne)
    assert not await house.desk.lift_opt_out(thread, by=anne)
    assert (await house.desk.reply(thread, "Bonjour", by=anne, act="a")).new
    assert [act for _, act in await house.acts(thread=thread)][:2] == ["opt_out_verbal", "opt_in_verbal"]


async def test_a_name_the_caller_gave_is_kept_with_one_key_or_dropped(house: Clinic) -> None:
    anne = await house.member()
    thread = await house.caller()
    await house.store._database.write(lambda tx: tx.run("UPDATE contact SET offered = 'Zoé' WHERE number = ?", (ALICE,)))
    kept = await house.desk.take_name(thread, by=anne)
    assert (await house.desk.contact(anne, kept)).kind is Kind.PROSPECT
    with pytest.raises(NotFoundError) as told:
        await house.desk.drop_name(thread, by=anne)
    assert told.value.code == "no_offer"


async def test_how_the_last_looks_at_the_sources_ended(house: Clinic) -> None:
    anne = await house.member()
    assert await house.desk.synced(anne) == ()
    counts = dict.fromkeys(("total", "added", "changed", "removed", "refused"), 0)
    await house.store.contacts.synced(Synced(source="sync", at=START, state="failed", what="down", fix="up", good=None, code="", **counts))
    assert [each.state for each in await house.desk.synced(anne)] == ["failed"]
