"""The JSON API about contacts: who is behind a number, what a caller said of themselves, and emergency words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_app.model import Inbound, Reaction
from ari_app.person import PersonNumber, Record
from modem.sim_pdu import encode_deliver
from tests.portal.served import Served, served
from tests.portal.test_api import program
from tests.threads.world import ALICE, raw

ZOE = {"name": "Zoé Ménard", "language": "fr", "tags": ["vip"], "numbers": [{"number": "514 555-0161", "label": "mère"}]}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, contacts={"link": "https://dossiers.example/{external}"}) as found:
        yield found


async def test_a_contact_is_added_found_read_changed_and_deleted(here: Served) -> None:
    api = await program(here, here.staff)
    contact = (await api.ask("POST", "/contacts", ZOE, status=201))["contact"]
    (found,) = await api.ask("GET", "/contacts", words="menard")
    assert found["numbers"] == [{"number": "+15145550161", "label": "mère"}]
    assert (found["kind"], found["source"], found["edited"]) == ("client", "here", [])
    assert await api.ask("GET", "/contacts", kind="supplier") == []
    assert await api.ask("GET", "/contacts", offset="1") == []
    await api.ask("PUT", f"/contacts/{contact}", {**ZOE, "kind": "supplier"})
    read = await api.ask("GET", f"/contacts/{contact}")
    assert (read["person"]["kind"], read["file"], read["given"], read["threads"]) == ("supplier", None, None, [])
    assert await api.code("POST", "/contacts", {**ZOE, "numbers": [{"number": "x"}]}, status=422) == "bad_number"
    assert await api.code("POST", "/contacts", {**ZOE, "kind": "king"}, status=422) == "invalid"
    await api.ask("DELETE", f"/contacts/{contact}", status=204)
    assert await api.code("GET", f"/contacts/{contact}", status=404) == "no_contact"
    assert await api.code("PUT", f"/contacts/{contact}", ZOE, status=404) == "no_contact"
    assert {act for _, act in await here.clinic.acts()} >= {"contact_saved", "contact_read", "contact_deleted", "contacts_listed"}


async def test_what_the_source_says_is_beside_what_staff_changed_and_comes_back(here: Served) -> None:
    api, thread = await program(here), await here.clinic.caller()
    await here.clinic.store.contacts.apply([Record(external="P 1", name="Zoe", numbers=(PersonNumber(number=ALICE),))], "sync")
    await api.ask("PUT", "/contacts/1", {**ZOE, "numbers": [{"number": ALICE}], "tags": [], "language": None})
    read = await api.ask("GET", "/contacts/1")
    assert (read["person"]["name"], read["person"]["edited"], read["given"]["name"]) == ("Zoé Ménard", ["name"], "Zoe")
    assert read["file"] == "https://dossiers.example/P%201"
    assert [row["thread"] for row in read["threads"]] == [thread]
    await api.ask("POST", "/contacts/1/release", {"fields": ["name"]}, status=204)
    assert (await api.ask("GET", "/contacts/1"))["person"]["name"] == "Zoe"
    assert await api.code("DELETE", "/contacts/1", status=422) == "source_rules"
    assert await api.ask("GET", "/syncs") == []
    assert await (await program(here, here.staff)).code("GET", "/syncs", status=403) == "forbidden"


async def test_several_people_are_not_named_as_one(here: Served) -> None:
    api, thread = await program(here), await here.clinic.caller()
    people = [Record(external=name, name=name, numbers=(PersonNumber(number=ALICE),)) for name in ("Ann Roy", "Bo Roy")]
    await here.clinic.store.contacts.apply(people, "import")
    assert await api.code("PUT", f"/threads/{thread}/name", {"name": "Cy"}, status=422) == "several_people"
    view = await api.ask("GET", f"/threads/{thread}")
    assert [each["name"] for each in view["people"]] == ["Ann Roy", "Bo Roy"]


async def test_a_name_given_is_kept_and_texts_are_wanted_or_not_by_word_of_mouth(here: Served) -> None:
    api, thread = await program(here, here.staff), await here.clinic.caller()
    assert await api.code("POST", f"/threads/{thread}/offered", status=404) == "no_offer"

    def offers(_: Inbound) -> Reaction:
        return Reaction(offered="Jean Roy")

    for pdu in encode_deliver(ALICE, "c'est Jean Roy", here.clinic.clock.at):
        await here.clinic.store.keep(raw(pdu, here.clinic.clock.at), offers)
    contact = (await api.ask("POST", f"/threads/{thread}/offered", status=201))["contact"]
    assert (await api.ask("GET", f"/contacts/{contact}"))["person"]["kind"] == "prospect"
    assert await api.code("DELETE", f"/threads/{thread}/offered", status=404) == "no_offer"
    for out in (True, True, False, False):
        await api.ask("PUT", f"/threads/{thread}/opt-out", {"opted_out": out}, status=204)
        assert (await api.ask("GET", f"/threads/{thread}"))["row"]["opted_out"] is out
    assert [act for _, act in await here.clinic.acts() if act.startswith("opt_")] == ["opt_out_verbal", "opt_in_verbal"]


async def test_emergency_words_are_set_and_given_back(here: Served) -> None:
    api = await program(here)
    stands = await api.ask("PUT", "/settings/emergency/fr", {"words": ["gencive*"]})
    assert [(each["words"], each["source"]) for each in stands["emergency"] if each["language"] == "fr"] == [(["gencive*"], "portal")]
    assert await api.code("PUT", "/settings/emergency/fr", {"words": []}, status=422) == "no_words"
    stands = await api.ask("PUT", "/settings/emergency/fr", {"words": None})
    assert {each["source"] for each in stands["emergency"]} == {"default"}
    assert await (await program(here, here.staff)).code("PUT", "/settings/emergency/fr", {"words": None}, status=403) == "forbidden"
