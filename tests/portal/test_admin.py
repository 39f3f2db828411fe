"""Administration as forms without a script: what is changed holds, what is refused stays on the page, and staff stay out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from ari_app.board import Role
from ari_app.desk import SHELL
from ari_app.model import Trigger
from ari_app.portal.words import WORDS
from ari_app.portal.words_admin import WORDS as OURS
from ari_app.threads.alarms import Condition
from tests.desk_world import GOOD
from tests.portal.served import Browser, Served, served

PAGES = (
    "/admin",
    "/admin/hours",
    "/admin/wording",
    "/admin/canned",
    "/admin/rules",
    "/admin/contacts",
    "/admin/staff",
    "/admin/staff/1",
    "/admin/settings",
    "/admin/audit",
)
ANYBODY = ("/statistics", "/me")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, portal={"listen": "192.168.1.10:8790", "phones": {"allow": ["192.168.1.0/24"]}}) as found:
        yield found


@pytest.fixture
async def browser(here: Served) -> Browser:
    return await here.browser(here.administrator)


def said(html: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_every_page_is_there_in_both_languages_and_is_small(here: Served, language: str) -> None:
    await here.clinic.caller()
    browser = await here.browser(here.administrator, language)
    for path in (*PAGES, *ANYBODY):
        html = await browser.get(path)
        assert f'<html lang="{language}">' in html
        assert len(html) < 60_000, path
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", html), path


async def test_staff_get_a_plain_page_that_says_whom_to_ask(here: Served) -> None:
    browser = await here.browser(here.staff)
    for path in PAGES:
        assert "Only an administrator may do this." in said(await browser.get(path, status=403))
    for path in ANYBODY:
        await browser.get(path)
    await browser.post("/admin/pause", status=403, pause="on")
    await browser.post("/admin/staff/1/keys", status=403, use="api", label="x")
    assert here.clinic.standing.settings.reply.mode == "send"


async def test_another_sites_page_changes_nothing(here: Served, browser: Browser) -> None:
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items()), "Sec-Fetch-Site": "cross-site"}
    async with here.session.post(f"{here.url}/admin/pause", data={"pause": "on"}, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403
    assert here.clinic.standing.settings.reply.mode == "send"


async def test_texts_are_paused_and_go_on_and_it_is_said_who_did_it(here: Served, browser: Browser) -> None:
    assert "Automatic texts go out." in said(await browser.get("/admin"))
    assert (await browser.post("/admin/pause", pause="on"))[0] == "/admin?saved"
    assert (await here.clinic.desk.settings(SHELL)).mode == "watch"
    assert "Changed by Admin" in said(await browser.get("/admin"))
    await browser.post("/admin/pause", pause="off")
    assert (await here.clinic.desk.settings(SHELL)).mode == "send"


async def test_a_pause_in_the_file_is_said_and_offers_no_button(tmp_path: Path) -> None:
    async with served(tmp_path, reply={"mode": "watch"}) as here:
        browser = await here.browser(here.administrator)
        html = await browser.get("/admin")
        assert 'reply.mode = "watch"' in said(html)
        assert 'action="/admin/pause"' not in html
        _, html = await browser.post("/admin/pause", status=422, pause="on")
        assert "textback.toml keeps automatic texts from going out." in said(html)


async def test_closed_this_friday_is_one_form(here: Served, browser: Browser) -> None:
    await browser.post("/admin/hours", date="2026-03-06", what="closed")
    await browser.post("/admin/hours", date="2026-03-07", what="open", open="09:00-12:00")
    stands = await here.clinic.desk.settings(SHELL)
    assert [(str(each.date), each.closed, each.open) for each in stands.exceptions] == [
        ("2026-03-06", True, None),
        ("2026-03-07", False, "09:00-12:00"),
    ]
    _, html = await browser.post("/admin/hours", status=422, date="2026-03-08", what="open", open="neuf heures")
    assert "write the hours as 09:00-12:00" in said(html)
    assert 'value="neuf heures"' in html
    await browser.post("/admin/hours", status=422, date="tomorrow", what="closed")
    await browser.post("/admin/hours", remove="2026-03-06")
    assert len((await here.clinic.desk.settings(SHELL)).exceptions) == 1
    await browser.post("/admin/hours", reset="1")
    assert (await here.clinic.desk.settings(SHELL)).exceptions_source == "default"


async def test_a_wording_is_previewed_then_saved_then_given_back(here: Served, browser: Browser) -> None:
    path, words = "/admin/wording/fr/missed", "Ici {clinic} ☎, écrivez <b>ici</b>"
    before = here.clinic.standing.settings.reply.text
    _, html = await browser.post(path, status=200, text=words, do="preview")
    assert "Ici Clinique Rivard ☎, écrivez &lt;b&gt;ici&lt;/b&gt;" in html
    assert "Costs more because of: ☎ Not saved yet." in said(html).replace("  ", " ")
    assert here.clinic.standing.settings.reply.text == before
    await browser.post(path, text=words, do="save")
    assert here.clinic.standing.settings.reply.text["fr"]["missed"] == words
    assert "Changed by Admin" in said(await browser.get("/admin/wording"))
    _, html = await browser.post(path, status=422, text="{clinic", do="save")
    assert "This text cannot be used." in said(html)
    assert ">{clinic</textarea>" in html
    await browser.post(path, do="reset")
    stands = await here.clinic.desk.settings(SHELL)
    assert next(each for each in stands.wordings if (each.language, each.trigger) == ("fr", Trigger.MISSED)).source == "default"
    await browser.post("/admin/wording/fr/nothing", status=404, text="x")
    await browser.post("/admin/wording/de/missed", status=422, text="x")


async def test_ready_replies_are_added_edited_ordered_and_removed(here: Served, browser: Browser) -> None:
    async def labels() -> list[str]:
        return [each.label for each in await here.clinic.desk.canned(SHELL)]

    built_in = await labels()
    await browser.post("/admin/canned", do="save", language="fr", label="Merci", text="Merci {name}!")
    assert await labels() == [*built_in, "Merci"]
    new = (await here.clinic.desk.canned(SHELL))[-1].id
    await browser.post("/admin/canned", do="up", id=str(new))
    assert (await labels())[-2:] == ["Merci", built_in[-1]]
    html = await browser.get(f"/admin/canned?edit={new}")
    assert 'value="Merci"' in html
    await browser.post("/admin/canned", do="save", id=str(new), language="", label="Merci!", text="Merci!")
    changed = next(each for each in await here.clinic.desk.canned(SHELL) if each.id == new)
    assert (changed.language, changed.label, changed.text) == (None, "Merci!", "Merci!")
    _, html = await browser.post("/admin/canned", status=422, do="save", id=str(new), language="fr", label="Merci", text="{who}")
    assert "This reply cannot be used." in said(html)
    assert ">{who}</textarea>" in html
    await browser.post("/admin/canned", do="remove", id=str(new))
    assert await labels() == built_in
    await browser.post("/admin/canned", status=404, do="remove", id=str(new))


async def test_a_member_is_made_changed_and_sent_away(here: Served, browser: Browser) -> None:
    where, _ = await browser.post(
        "/admin/staff", name="Anne Roy", login="anne", role="staff", language="fr", extension="205", password=GOOD
    )
    path = where.removesuffix("?saved")
    assert "Anne Roy" in await browser.get(path)
    _, html = await browser.post("/admin/staff", status=409, name="Autre", login="anne", role="staff", password=GOOD)
    assert "Somebody has this sign-in name already." in said(html)
    assert 'value="Autre"' in html
    assert GOOD not in html
    await browser.post(path, do="change", name="Anne Roy", login="anne", role="administrator", language="", extension="")
    member = next(each for each in await here.clinic.desk.members(by=SHELL) if each.login == "anne")
    assert (member.role, member.language, member.extension) == (Role.ADMINISTRATOR, None, None)
    await browser.post(path, do="password", password="une longue phrase")
    _, html = await browser.post(path, status=422, do="password", password="court")
    assert "too short or too simple" in said(html)
    assert "court" not in html
    await browser.post(path, do="pin", pin="4826")
    assert "A PIN is set." in said(await browser.get(path))
    await browser.post(path, do="pin", pin="")
    await browser.post(path, do="sessions")
    await browser.post(path, do="deactivate")
    assert "Activate again" in said(await browser.get(path))
    _, html = await browser.post("/admin/staff/1", status=422, do="deactivate")
    assert "There would be no administrator left." in said(html)
    await browser.get("/admin/staff/99", status=404)
    await browser.get("/admin/staff/none", status=404)


async def test_a_phones_key_is_shown_once_with_what_to_paste(here: Served, browser: Browser) -> None:
    path = f"/admin/staff/{here.staff.member}"
    _, html = await browser.post(f"{path}/keys", status=200, use="phone", brand="yealink", label="réception")
    found = re.search(r"http://192\.168\.1\.10:8790/p/([A-Za-z0-9_-]{22})/yealink", html)
    assert found
    assert "linekey.7.value = http://192.168.1.10:8790/p/" in unescape(html)
    page = await browser.get(path)
    assert "réception" in page
    assert found[1] not in page
    key = (await here.clinic.desk.keys(here.staff.member, by=SHELL))[0]
    await browser.post(path, do="revoke", key=str(key.id))
    assert (await here.clinic.desk.keys(here.staff.member, by=SHELL))[0].revoked is not None
    _, html = await browser.post(f"{path}/keys", status=200, use="api", label="agenda")
    assert re.search(r"Authorization: Bearer [A-Za-z0-9_-]{22}", html)
    before = len(await here.clinic.desk.keys(here.staff.member, by=SHELL))
    await browser.post(f"{path}/keys", status=404, use="phone", brand="nobody", label="x")
    assert len(await here.clinic.desk.keys(here.staff.member, by=SHELL)) == before


async def test_no_key_is_made_for_an_address_no_phone_could_open(tmp_path: Path) -> None:
    async with served(tmp_path, portal={"listen": "0.0.0.0:8790"}) as here:
        browser = await here.browser(here.administrator)
        _, html = await browser.post(f"/admin/staff/{here.staff.member}/keys", status=422, use="phone", brand="snom", label="x")
        assert "portal.base_url" in html
        assert await here.clinic.desk.keys(here.staff.member, by=SHELL) == ()


async def test_everything_in_force_is_listed_with_its_source_and_without_secrets(browser: Browser) -> None:
    html = await browser.get("/admin/settings")
    assert "secret-of-ari" not in html
    rows = [said(row).strip() for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)]
    assert 'portal.listen "192.168.1.10:8790" textback.toml' in rows
    assert 'reply.cooldown "1d" built in' in rows
    assert "pbx.password set, not shown textback.toml" in rows
    assert 'line.0.name "lab" textback.toml' in rows


async def test_the_audit_is_filtered_and_paged(here: Served, browser: Browser) -> None:
    thread = await here.clinic.caller()
    await here.clinic.desk.thread(here.staff, thread)
    for number in range(120):
        await here.clinic.desk.note(thread, "x", by=here.staff, act=f"n{number}")
    html = await browser.get("/admin/audit?who=Staff&act=note")
    assert html.count("<td>noted</td>") == 100
    older = re.search(r'href="(/admin/audit\?[^"]*before=\d+)"', html)
    assert older
    html = await browser.get(unescape(older[1]))
    assert html.count("<td>noted</td>") == 20
    assert "read" in said(await browser.get(f"/admin/audit?thread={thread}&act=read"))
    link = re.search(r'<td><a href="([^"]+)">#', html)
    assert link
    await browser.get(link[1])
    assert "Nothing found." in said(await browser.get("/admin/audit?who=Nobody"))
    await browser.get("/admin/audit?thread=x", status=400)


async def test_a_member_changes_their_own_password_and_goes_on_here_only(here: Served) -> None:
    browser, elsewhere = await here.browser(here.staff), await here.browser(here.staff)
    _, html = await browser.post("/me", status=422, do="password", current="wrong words", password="une longue phrase")
    assert "The present password is wrong." in said(html)
    assert (await browser.post("/me", do="password", current=GOOD, password="une longue phrase"))[0] == "/me?saved"
    assert "Staff" in await browser.get("/me")
    await elsewhere.get("/me", status=303)
    await browser.post("/me", do="pin", pin="482613")
    assert "A PIN is set." in said(await browser.get("/me"))
    await browser.post("/me", status=422, do="pin", pin="12")
    await browser.post("/me", do="language", language="fr")
    browser.cookies.pop("language")
    assert "Votre compte" in await browser.get("/me")


async def test_without_calls_statistics_say_so(here: Served) -> None:
    html = await (await here.browser(here.staff)).get("/statistics")
    assert "No missed calls in this period." in said(html)
    assert '<svg class="pic"' not in html


async def test_statistics_are_drawn_with_a_table_behind_each_picture(here: Served) -> None:
    await here.clinic.caller()
    await here.clinic.caller(None)
    browser = await here.browser(here.staff)
    html = await browser.get("/statistics?days=7")
    assert html.count('<svg class="pic"') == html.count("<details>") == 3
    assert "Monday 2" in said(html)
    assert "texted lately" in said(html)
    for step in ("First reply of a person", "Texted", "Wrote back", "Recovered"):
        assert step in said(html)
    assert "Statistiques" in await (await here.browser(here.staff, "fr")).get("/statistics?since=2025-01-01&until=2026-03-02&line=lab")
    assert "These days cannot be shown." in said(await browser.get("/statistics?since=2026-03-02&until=2026-03-01", status=422))
    assert "These days cannot be shown." in said(await browser.get("/statistics?since=x", status=422))
    assert "There is no such line." in said(await browser.get("/statistics?line=nowhere", status=404))


def test_words_are_there_in_both_languages_with_the_same_places() -> None:
    places = re.compile(r"{\w+}")
    for key, (english, french) in OURS.items():
        assert english.strip()
        assert french.strip()
        assert sorted(set(places.findall(english))) == sorted(set(places.findall(french))), key
        assert WORDS[key][0] == english


def test_every_word_a_template_asks_for_is_there() -> None:
    folder = Path(__file__).parents[2] / "ari_app/portal"
    asked = {
        (path.name, key)
        for path in (*folder.glob("templates/*.html"), *folder.glob("*.py"))
        for key in re.findall(r"""\bt\(\s*["']([a-z_.0-9]+[a-z_0-9])["']\s*[,)]""", path.read_text())
    }
    assert len(asked) > 100
    assert [each for each in sorted(asked) if each[1] not in WORDS] == []


async def test_an_administrator_sees_what_keeps_textback_from_working(here: Served) -> None:
    browser = await here.browser(here.administrator, "fr")
    assert "Ce qui empêche" not in await browser.get("/admin")
    condition = Condition(code="modem_down", subject="gsm1", facts={"says": "<b>no carrier"})
    await here.clinic.store.alarms.raised(condition, here.clinic.clock.now(), [])
    page = unescape(await browser.get("/admin"))
    assert "Le modem gsm1 n’est pas inscrit au réseau (<b>no carrier)" in page
    assert "<b>no" not in await browser.get("/admin")
    await here.clinic.store.alarms.ended(condition.key, [])
    assert "Ce qui empêche" not in await browser.get("/admin")
