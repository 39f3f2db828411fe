"""Contacts in the portal as forms without a script: found, read, entered, edited, given back, deleted; and who is behind a thread."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from ari_app.board import ThreadState, VoicemailEntry
from ari_app.desk import SHELL
from ari_app.model import NO_TEXT, Kind, Level, Priority, Reason
from ari_app.person import PersonNumber
from ari_app.portal.rows import view
from ari_app.portal.speech import Speech
from tests.portal.test_pages import LIMIT, fields, read, weight, words
from tests.portal.who_calls import LINK, missed, react, record, who_calls
from tests.portal.world import ALICE, BOB, GOOD, Stage, signed_in, stage
from tests.threads.world import a_call, silence

NEW = {"name": "Zoé Ménard", "kind": "client", "language": "fr", "tags": "vip enfant", "number-0": "514 555-0161", "label-0": "mère"}


@pytest.fixture
async def where(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, contacts={"link": LINK}) as here:
        yield here


async def post(client: aiohttp.ClientSession, path: str, status: int = 303, /, **fields: str) -> tuple[str, str]:
    """Where one is sent on to, and the page answered."""
    answer = await client.post(path, data=fields, allow_redirects=False)
    page = await answer.text()
    assert answer.status == status, (answer.status, words(page)[:500])
    return answer.headers.get("Location", ""), page


def listed(page: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'class="contact-who"><a href="[^"]+"><bdi>(.*?)</bdi>', page)]


async def test_contacts_are_listed_by_kind_and_page_and_found_by_name_number_tag_and_id(where: Stage) -> None:
    await who_calls(where)
    async with signed_in(where) as client:
        first = await read(client, "/contacts")
        assert len(listed(first)) == 30
        assert await weight(client, first) < LIMIT
        _, second = await post(client, "/contacts", 200, offset="30")
        assert len(listed(second)) == 20
        assert not set(listed(first)) & set(listed(second))
        assert listed(await read(client, "/contacts?kind=supplier")) == ["Laboratoire dentaire Simard"]
        for written, found in (
            ("gagnon", {"Émile Gagnon-Tremblay", "Léa Gagnon-Tremblay"}),
            ("EMILE", {"Émile Gagnon-Tremblay"}),
            ("555-0172", {"Émile Gagnon-Tremblay"}),
            ("P-1004", {"Helen O'Connor"}),
            ("laboratoire", {"Laboratoire dentaire Simard"}),
            ("nobody of that name", set()),
        ):
            _, page = await post(client, "/contacts", 200, q=written)
            assert set(listed(page)) == found, written
        assert "No contact found." in words(page)
        _, page = await post(client, "/contacts", 200, q="tremblay", kind="supplier")
        assert not listed(page)
        # what is looked for stays in the field, and out of the address
        assert 'value="tremblay"' in page
        assert (await client.get("/contacts?kind=nobody")).status == 400
        assert (await client.get("/contacts?offset=x")).status == 400
        # an inbox that was searched leads there with the same words
        answer = await client.post("/search", data={"q": "simard"})
        assert fields(await answer.text(), "/contacts") == {"q": "simard"}
    assert ("Anne", "contacts_listed") in await where.acts()


async def test_nobody_yet_says_where_contacts_come_from(where: Stage) -> None:
    await where.member(password=GOOD)
    async with signed_in(where) as client:
        assert "No contacts yet. Name a caller in their conversation" in words(await read(client, "/contacts"))


async def test_a_contact_leads_to_its_file_its_conversations_and_a_first_text(where: Stage) -> None:
    ids = await who_calls(where)
    async with signed_in(where) as client:
        person = (await where.desk.contacts(SHELL, "Émile"))[0]
        page = await read(client, f"/contacts/{person.id}")
        assert 'href="https://dossiers.example/client?id=P%201001%2Fa" target="_blank" rel="noopener noreferrer"' in page
        assert "P 1001/a" in words(page)
        assert set(re.findall(r'class="row-link" href="/thread/(\d+)"', page)) == {str(ids["family"]), str(ids["guy"])}
        numbers = [each.number for each in person.numbers]
        for number, thread in zip(numbers, (ids["family"], ids["guy"]), strict=True):
            answer = await client.get(f"/contacts/{person.id}/write?n={numbers.index(number)}", allow_redirects=False)
            assert answer.headers["Location"] == f"/thread/{thread}"
        (other,) = await where.desk.contacts(SHELL, "555-6007")
        assert 'value="(514) 555-6007"' in await read(client, f"/contacts/{other.id}/write?n=0")
        assert (await client.get(f"/contacts/{other.id}/write?n=1")).status == 404
        assert (await client.get("/contacts/99999")).status == 404
    assert ("Anne", "contact_read") in await where.acts()


async def test_a_contact_is_entered_edited_and_deleted_here(where: Stage) -> None:
    await where.member(password=GOOD)
    async with signed_in(where) as client:
        onward, _ = await post(client, "/contacts/new", **NEW)
        path = onward.partition("?")[0]
        assert "Contact saved." in words(await read(client, onward))
        (person,) = await where.desk.contacts(SHELL, "zoe")
        assert (person.kind, person.language, person.tags) == (Kind.CLIENT, "fr", ("enfant", "vip"))
        assert person.numbers == (PersonNumber(number="+15145550161", label="mère"),)
        page = await read(client, path)
        assert 'value="(514) 555-0161"' in page
        assert "Made here" in page
        changed = {**NEW, "kind": "supplier", "number-1": "+1 438 555 0162", "no_text": "1"}
        await post(client, path, **changed)
        (person,) = await where.desk.contacts(SHELL, "438 555 0162")
        assert (person.kind, person.tags) == (Kind.SUPPLIER, ("enfant", NO_TEXT, "vip"))
        assert 'name="no_text" value="1" checked' in await read(client, path)
        assert (await post(client, f"{path}/delete"))[0] == "/contacts?said=contact_deleted"
        assert not await where.desk.contacts(SHELL, "zoe")
        assert (await client.get(path)).status == 404


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"number-0": "neuf"}, "“neuf” is no telephone number."),
    ({"number-0": "", "label-0": "", "number-1": ""}, "This is no telephone number."),
    ({"name": " "}, "The text is empty."),
    ({"tags": "<b>"}, "“<b>” cannot be a tag."),
    ({"kind": "king"}, "The page sent something that cannot be."),
    ({"language": "xx"}, "The page sent something that cannot be."),
)


async def test_what_cannot_be_is_said_and_what_was_written_stays(where: Stage) -> None:
    await where.member(password=GOOD)
    async with signed_in(where) as client:
        for wrong, said in WRONG:
            sent = {**NEW, "number-1": "514 555-0163", "label-1": "", **wrong}
            _, page = await post(client, "/contacts/new", 422, **sent)
            assert said in words(page)
            assert 'value="Zoé Ménard"' in page or "name" in wrong
            assert 'value="vip enfant"' in page or "tags" in wrong
            assert not await where.desk.contacts(SHELL)


async def test_what_staff_changed_shows_what_the_source_says_and_can_be_given_back(where: Stage) -> None:
    await where.member(password=GOOD)
    await where.store.contacts.apply([record("P-1", "Rene Levesque", (BOB, "maison"), language="en", tags=("vip",))], "sync")
    async with signed_in(where) as client:
        (person,) = await where.desk.contacts(SHELL)
        path = f"/contacts/{person.id}"
        assert "Undo the change" not in words(await read(client, path))
        await post(
            client,
            path,
            **{"name": "René Lévesque", "kind": "client", "language": "fr", "tags": "vip", "number-0": BOB, "label-0": "maison"},
        )
        page = words(await read(client, path))
        assert "Changed here. The clinic’s database says “Rene Levesque”." in page
        assert "The clinic’s database says “English”." in page
        assert page.count("Changed here") == 2
        await where.store.contacts.apply([record("P-1", "R. Levesque", (BOB, "maison"), language="en", tags=("vip",))], "sync")
        assert "The clinic’s database says “R. Levesque”." in words(await read(client, path))
        await post(client, f"{path}/release", field="name")
        person = await where.desk.contact(SHELL, person.id)
        assert (person.name, person.language, person.edited) == ("R. Levesque", "fr", ("language",))
        await post(client, f"{path}/release", 400, field="sex")
        await post(client, f"{path}/release")
        assert (await where.desk.contact(SHELL, person.id)).language == "en"
        # it would come back from there
        assert 'class="danger"' not in await read(client, path)
        _, page = await post(client, f"{path}/delete", 422)
        assert "The clinic’s database says this." in words(page)


async def test_an_unknown_caller_becomes_a_contact_from_their_conversation(where: Stage) -> None:
    await where.member(password=GOOD)
    thread = await where.missed()
    async with signed_in(where) as client:
        assert "New caller" in words(await read(client, f"/thread/{thread}"))
        page = await read(client, f"/contacts/new?thread={thread}")
        assert 'value="(514) 555-0101"' in page
        onward, _ = await post(client, "/contacts/new", **{**NEW, **fields(page, "/contacts/new"), "number-0": "(514) 555-0101"})
        assert onward == f"/thread/{thread}?said=contact_kept"
        page = await read(client, onward)
        assert "New caller" not in words(page)
        assert re.search(r'<h2 id="who-\d+"><a href="/contacts/\d+"><bdi>Zoé Ménard', page)
        assert (await client.get("/contacts/new?thread=99")).status == 404


async def test_a_thread_shows_everybody_at_its_number_with_their_files(where: Stage) -> None:
    ids = await who_calls(where)
    async with signed_in(where) as client:
        page = await read(client, f"/thread/{ids['family']}")
        head = page.split('data-part="head"')[1].split('data-part="acts"')[0]
        assert re.findall(r"<bdi[^>]*>([^<]+)</bdi></a>", head) == ["Émile Gagnon-Tremblay", "Léa Gagnon-Tremblay", "Marguerite Tremblay"]
        assert head.count("https://dossiers.example/client?id=P") == 3
        # nobody is renamed by a field that could mean any of them
        assert 'name="name"' not in page.split('action="/thread/')[0]
        assert "Several people are at this number" in words(page)
        _, page = await post(client, f"/thread/{ids['family']}/who", 409, name="Somebody")
        assert "Several people are behind this number." in words(page)
        await post(client, f"/thread/{ids['family']}/who", language="en", language_was="fr")
        row = words(await read(client, "/"))
        assert "Laboratoire dentaire Simard Supplier" in row


async def test_many_at_one_number_do_not_bury_the_conversation(where: Stage) -> None:
    await where.member(password=GOOD)
    thread = await where.missed()
    await where.store.contacts.apply([record(f"R-{n}", f"Résident {n:02}", (ALICE, None)) for n in range(60)], "sync")
    async with signed_in(where) as client:
        page = await read(client, f"/thread/{thread}")
        assert "55 more" in words(page)
        assert await weight(client, page) < LIMIT


async def test_a_name_given_is_kept_or_ignored(where: Stage) -> None:
    await where.member(password=GOOD)
    async with signed_in(where) as client:
        for number, keep in ((ALICE, "1"), (BOB, "")):
            thread = await where.missed(number)
            await react(where, number, "c'est Jean-François Bédard", offered="Jean-François Bédard")
            assert "Says: Jean-François Bédard" in words(await read(client, "/"))
            page = await read(client, f"/thread/{thread}")
            assert "The caller says: “Jean-François Bédard”. Keep this name?" in words(page)
            onward, _ = await post(client, f"/thread/{thread}/name", **({"keep": keep} if keep else {}), next=f"/thread/{thread}")
            assert onward.endswith("said=named" if keep else "said=name_dropped")
            page = words(await read(client, f"/thread/{thread}"))
            assert "Keep this name?" not in page
            assert ("Jean-François Bédard (514) 555-0101 · Prospect" in page) is bool(keep)
            _, page = await post(client, f"/thread/{thread}/name", 409, keep="1")
            assert "No name waits to be kept." in words(page)
    assert [act for _, act in await where.acts() if act.startswith("name_")] == ["name_taken", "name_dropped"]


async def test_a_name_that_came_meanwhile_is_not_wiped_by_an_older_form(where: Stage) -> None:
    anne = await where.member(password=GOOD)
    thread = await where.missed()
    async with signed_in(where) as client:
        form = fields(await read(client, f"/thread/{thread}"), f"/thread/{thread}/who")
        await where.desk.rename(thread, "Zoé", by=anne)
        await post(client, f"/thread/{thread}/who", **{**form, "name": "", "language": "en"})
        (row,) = await where.desk.rows((thread,))
        assert row.name == "Zoé"
        assert (await where.desk.thread(SHELL, thread, refresh=True)).language == "en"


async def test_texts_are_stopped_and_let_go_again_by_word_of_mouth_when_it_was_read_what_that_means(where: Stage) -> None:
    await where.member(password=GOOD)
    thread = await where.missed()
    at = f"/thread/{thread}"
    async with signed_in(where) as client:
        page = await read(client, at)
        assert f'href="{at}/opt-out?on=1"' in page
        page = await read(client, f"{at}/opt-out?on=1")
        assert "No text goes to this number until they write START" in words(page)
        assert not (await where.desk.rows((thread,)))[0].opted_out
        onward, _ = await post(client, f"{at}/opt-out", **fields(page, f"{at}/opt-out"))
        page = await read(client, onward)
        assert "No more texts go to this number." in words(page)
        assert f'action="{at}/reply"' not in page
        page = await read(client, f"{at}/opt-out?on=0")
        assert "Only when the caller told you so." in words(page)
        onward, _ = await post(client, f"{at}/opt-out", **fields(page, f"{at}/opt-out"))
        page = await read(client, onward)
        assert f'action="{at}/reply"' in page
        assert "Texts go to this number again." in words(page)
    assert [each for each in await where.acts() if each[1].startswith("opt_")] == [("Anne", "opt_out_verbal"), ("Anne", "opt_in_verbal")]


async def test_why_a_thread_is_first_is_said_and_the_first_is_first(where: Stage) -> None:
    await where.member(password=GOOD)
    high = await missed(where, "+15145550180", Priority(Level.HIGH, "3 calls today"))
    where.clock.move(minutes=1)
    urgent = await missed(where, "+15145550181", Priority(Level.URGENT, "emergency"))
    where.clock.move(minutes=1)
    plain = await missed(where, "+15145550182")
    async with signed_in(where) as client:
        page = await read(client, "/")
        rows = re.findall(r'id="row-(\d+)" data-thread="\d+" data-order="([^"]+)"', page)
        assert [int(thread) for thread, _ in rows] == [urgent, high, plain]
        assert [order for _, order in rows] == sorted((order for _, order in rows), reverse=True)
        assert "Urgent: emergency words" in words(page)
        assert "Priority: 3 calls today" in words(page)
        page = await read(client, f"/thread/{high}")
        assert "Priority: 3 calls today" in words(page)
        await post(client, f"/thread/{high}/urgent", on="0")
        assert "Priority: 3 calls today" not in words(await read(client, f"/thread/{high}"))


async def test_a_row_says_what_the_caller_is_what_waits_to_be_heard_and_a_new_voicemail_is_news(where: Stage) -> None:
    await where.member(password=GOOD)
    thread = await where.missed()
    (row,) = await where.desk.rows((thread,))
    at = where.clock.now()
    left = VoicemailEntry(
        id=1, at=at, call="1.1", mailbox="101", seconds=12.0, heard=None, heard_by=None, transcription="off", transcript=None, playable=True
    )  # fmt: skip
    row = replace(row, unheard=2, kind=Kind.STAFF, level=Level.HIGH, why="emergency", last=left, known=True)
    english, french = (view(row, Speech(code, ZoneInfo("America/Toronto"), "CA", at)) for code in ("en", "fr"))
    assert (english.kind, english.unheard, english.level) == ("Staff", "2 voicemails to hear", "Priority: emergency words")
    assert (french.kind, french.unheard, french.level) == ("Personnel", "2 messages vocaux à écouter", "Prioritaire\u00a0: mots d’urgence")
    assert (english.mark, english.news, english.order[0], english.new) == ("voicemail", "voicemail", "1", False)
    later = view(row, Speech("en", ZoneInfo("America/Toronto"), "CA", at + timedelta(hours=1)))
    assert later.news == ""
    heard = view(replace(row, last=replace(left, heard=at)), Speech("en", ZoneInfo("America/Toronto"), "CA", at))
    assert heard.news == ""
    # what is put off or settled is not before anything
    assert view(replace(row, state=ThreadState.DONE), Speech("en", ZoneInfo("America/Toronto"), "CA", at)).order[0] == "0"


async def test_a_hostile_name_stays_text(where: Stage) -> None:
    await where.member(password=GOOD)
    hostile = "<img src=x onerror=alert(1)>\"'</a>"
    await where.store.contacts.apply([record("P-1", hostile, (ALICE, hostile), tags=("<b>",))], "sync")
    await where.store.record_call(a_call(ALICE, ended=where.clock.at), silence(Reason.COOLDOWN), line="main")
    async with signed_in(where) as client:
        for path in ("/", "/contacts", "/contacts/1", "/thread/1"):
            page = await read(client, path)
            assert "<img src=x" not in page
            assert "<b>" not in page
            assert html.escape(hostile).split(" ")[0] in page or "&lt;img" in page
