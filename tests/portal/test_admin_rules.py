"""Administration: who goes first, the words that make a text urgent, and where contacts come from."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.desk import SHELL
from ari_app.errors import RefusedError, SettingsError
from ari_app.person import PersonNumber, Record, Synced
from ari_app.policy.emergency import WORDS as BUILT_IN
from tests.portal.served import served
from tests.portal.test_admin import said

RULES = [
    {"name": "Nouveaux", "kind": ["prospect"], "calls": 3},
    {"name": "Ligne d'urgence", "level": "urgent", "line": ["lab"], "option": ["2", "3"], "notify": "+15145550188"},
    {"name": "Douleur", "words": ["douleur*", "mal aux dents"], "hours": "Mo-Fr 08:00-17:00", "tag": ["vip"], "voicemail": False},
]


async def test_rules_of_the_file_are_said_in_words_the_most_urgent_first(tmp_path: Path) -> None:
    async with served(tmp_path, priority=RULES) as here:
        page = said(await (await here.browser(here.administrator)).get("/admin/rules"))
        assert page.index("Ligne d'urgence Urgent") < page.index("Nouveaux Priority") < page.index("Douleur Priority")
        for sentence in (
            "The line is: lab",
            "Chosen in the menu: 2 or 3",
            "Tells (514) 555-0188 that somebody waits.",
            "The caller is: Prospect",
            "3 calls or more without an answer today",
            "The text has one of: “douleur*” or “mal aux dents”",
            "Within: Mo-Fr 08:00-17:00",
            "The contact has the tag: vip",
            "No voicemail was left",
        ):
            assert sentence in page
        page = said(await (await here.browser(here.administrator, "fr")).get("/admin/rules"))
        assert "Le texto contient : « douleur* » ou « mal aux dents »" in page
        await (await here.browser(here.staff)).get("/admin/rules", status=403)


async def test_emergency_words_are_the_clinics_own_and_hold_at_once(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        browser, desk = await here.browser(here.administrator), here.clinic.desk
        assert html.escape(BUILT_IN["fr"][0]) in await browser.get("/admin/rules")
        await browser.post("/admin/rules/fr", words="  dent   cassée\n\ngencive*\ndent cassée\n")
        words = {each.language: (each.words, each.source) for each in (await desk.settings(SHELL)).emergency}
        assert words == {"fr": (("dent cassée", "gencive*"), "portal"), "en": (BUILT_IN["en"], "default")}
        assert here.clinic.standing.settings.emergency.words["fr"] == ("dent cassée", "gencive*")
        page = await browser.get("/admin/rules")
        assert "dent cassée\ngencive*</textarea>" in page
        assert "Changed by Admin" in said(page)
        for wrong in (" \n ", "douleur*\nle la", "x" * 81, "\n".join(f"mot{n}" for n in range(301))):
            _, page = await browser.post("/admin/rules/fr", status=422, words=wrong)
            assert html.escape(wrong.strip()[:60]) in page
            assert here.clinic.standing.settings.emergency.words["fr"] == ("dent cassée", "gencive*")
        await browser.post("/admin/rules/xx", status=422, words="mot")
        await browser.post("/admin/rules/fr", do="reset", words="")
        assert (await desk.settings(SHELL)).emergency[0].words == BUILT_IN["fr"]
        # what the page shows may be saved as it is
        await browser.post("/admin/rules/fr", words="\n".join(BUILT_IN["fr"]))
        with pytest.raises(RefusedError):
            await desk.set_emergency_words("fr", ["mot"], by=here.staff)
        with pytest.raises((RefusedError, SettingsError)):
            await desk.set_emergency_words("both", ["mot"], by=here.administrator)


async def test_a_text_in_both_languages_is_worded_previewed_and_given_back(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        browser, desk = await here.browser(here.administrator), here.clinic.desk
        assert "In both languages For a first text" in said(await browser.get("/admin/wording"))
        path, words = "/admin/wording/both/missed", "Ici/here {clinic} {opens}. {ask}"
        _, page = await browser.post(path, status=200, text=words, do="preview")
        assert "Ici/here Clinique Rivard" in page
        assert "{ask}" not in page.split('class="bubble">Ici/here')[1].split("</p>")[0]
        await browser.post(path, text=words)
        assert here.clinic.standing.settings.reply.text["both"]["missed"] == words
        # only a first text is in both: the safety text has a wording in each
        await browser.post("/admin/wording/both/safety", status=422, text=words)
        await browser.post(path, do="reset", text="")
        stands = await desk.settings(SHELL)
        assert {each.source for each in stands.wordings} == {"default"}
        await browser.post("/admin/wording/fr/safety", text="Composez le {emergency}.")
        assert "Composez le {emergency}." in await browser.get("/admin/rules")


async def test_how_the_last_look_at_the_clinics_database_ended(tmp_path: Path) -> None:
    source = {"source": {"kind": "csv", "path": "/srv/clients.csv"}}
    async with served(tmp_path, contacts=source) as here:
        browser, contacts, now = await here.browser(here.administrator), here.clinic.store.contacts, here.clinic.clock.now()
        page = said(await browser.get("/admin/contacts"))
        assert "The clinic’s own database CSV Not looked at yet." in page
        people = [Record(external=f"P-{n}", name=f"Person {n}", numbers=(PersonNumber(number=f"+1514555{n:04}"),)) for n in range(3)]
        await contacts.apply(people, "sync")
        ended = Synced(source="sync", at=now, state="ok", what="", fix="", total=3, added=3, changed=0, removed=0, refused=2, good=None)
        await contacts.synced(ended)
        page = said(await browser.get("/admin/contacts"))
        assert "Clients 3 Prospects 0 Staff 0 Suppliers 0" in page
        assert "Went well. 10:00" in page
        assert "In the source 3 Added 3 Changed 0 Removed 0 Rows not usable 2" in page
        later = now + timedelta(hours=1)
        await contacts.synced(
            Synced(
                source="sync",
                at=later,
                state="refused",
                what="the source has 1 contact, and had 3",
                fix="look at it",
                total=1,
                added=0,
                changed=0,
                removed=0,
                refused=0,
                good=None,
            )
        )
        page = said(await browser.get("/admin/contacts"))
        assert "the source had vanished, or lost half of its contacts" in page
        assert "the source has 1 contact, and had 3" in page
        assert "textback contacts sync --force" in page
        assert "Last went well: 10:00" in page
        await (await here.browser(here.staff)).get("/admin/contacts", status=403)
        # what went wrong is told in French too, whatever words the database has for it
        french = await here.browser(here.administrator, "fr")
        for code, told in (("no_file", "Le fichier n’y est pas"), ("contacts_source", "La source ne répond pas"), ("new", "")):
            failed = replace(ended, state="failed", what="connection refused", fix="see that it is up", code=code)
            await contacts.synced(failed)
            page = said(await french.get("/admin/contacts"))
            assert "Lecture impossible; les contacts restent tels quels." in page
            assert (told or "En détail") in page
            assert "connection refused see that it is up" in page


async def test_without_rules_answer_second_language_and_contacts_it_is_said_so(tmp_path: Path) -> None:
    clinic = {"name": "Clinique Rivard", "number": "+15145550199", "languages": ["fr"]}
    async with served(tmp_path, emergency={"answer": False}, clinic=clinic) as here:
        browser = await here.browser(here.administrator, "fr")
        page = said(await browser.get("/admin/rules"))
        assert "Aucune règle dans textback.toml." in page
        assert "textback.toml dit emergency.answer = false." in page
        page = said(await browser.get("/admin/contacts"))
        assert "Rien n’a encore été importé." in page
        assert "textback contacts import FICHIER" in page
        stands = await here.clinic.desk.settings(SHELL)
        assert {each.language for each in stands.wordings} == {"fr"}
        assert [each.language for each in stands.emergency] == ["fr"]
