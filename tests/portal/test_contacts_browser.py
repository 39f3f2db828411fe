"""Contacts in a real browser: found as one types, a name kept by one key, texts let go again, and what axe-core finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from ari_app.desk import SHELL
from ari_app.model import Kind
from tests.left import leave
from tests.portal.test_browser import DESK, PHONE, axe, chromium, member_at
from tests.portal.who_calls import FAMILY, LINK, react, record, who_calls
from tests.portal.world import ALICE, BOB, GOOD, Stage, stage

PAGES = ("/contacts/1", "/thread/{family}", "/thread/{offers}")


async def edited(where: Stage) -> None:
    """The first contact, changed here, so that its page shows what the source says."""
    person = await where.desk.contact(SHELL, 1)
    await where.desk.save_contact(
        1, name="Émile Gagnon", kind=person.kind, language="en", tags=person.tags, numbers=person.numbers, by=SHELL
    )


async def test_contacts_are_found_as_one_types_and_by_kind(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await who_calls(where)
        async with member_at(browser, where) as page:
            await page.goto(f"{where.url}/contacts")
            who = page.locator(".contact-who a")
            await expect(who).to_have_count(30)
            await page.locator('.contacts-pager [name="offset"]').click()
            await expect(who).to_have_count(20)
            await page.locator("#words").press_sequentially("leag")
            await expect(page.locator("#contacts .empty")).to_be_visible()
            await page.fill("#words", "lea gag")
            await expect(who).to_have_text(["Léa Gagnon-Tremblay"])
            await page.locator('button[value="supplier"]').click()
            await expect(page.locator("#contacts .empty")).to_be_visible()
            await expect(page.locator('button[value="supplier"]')).to_be_focused()
            await page.fill("#words", "")
            await expect(who).to_have_text(["Laboratoire dentaire Simard"])  # still of that kind
            await expect(page).to_have_url(f"{where.url}/contacts")
            await who.click()
            await expect(page.locator("h1")).to_have_text("Laboratoire dentaire Simard")


async def test_an_open_conversation_follows_who_is_at_its_number_and_what_they_want(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        alice, bob, family = [await where.missed(number) for number in (ALICE, BOB, FAMILY)]
        for number in (ALICE, BOB):
            await react(where, number, "c'est Jean Roy", offered="Jean Roy")
        async with member_at(browser, where) as page:
            await expect(page.locator("#live")).to_be_visible()
            # a name given is kept by one key, and ignored by another
            for thread, key, named in ((alice, "a", "Jean Roy"), (bob, "i", "(514) 555-0102")):
                await page.locator(f"#row-{thread} .row-link").click()
                await expect(page.locator(".notice-name")).to_contain_text("The caller says: “Jean Roy”.")
                await page.keyboard.press(key)
                await expect(page.locator(".notice-name")).to_have_count(0)
                await expect(page.locator(".pane-who h2")).to_have_text(named)
                await expect(page.locator(f"#row-{thread} .row-who")).to_have_text(named)
            # the clinic's database knows more, while one writes
            await page.locator(f"#row-{family} .row-link").click()
            await expect(page.locator(".pane-who .tag-new")).to_have_text("New caller")
            await page.fill(f"#text-{family}", "half a sent")
            await where.store.contacts.apply([record("P-1", "Ann Roy", (FAMILY, None)), record("P-2", "Bo Roy", (FAMILY, None))], "sync")
            await expect(page.locator(".people li")).to_have_count(2)
            await expect(page.locator(f"#row-{family} .row-who")).to_have_text("Ann Roy, Bo Roy")
            await expect(page.locator(f"#text-{family}")).to_have_value("half a sent")
            # texts are stopped by word of mouth, and let go again, when one read what that means
            await page.locator('[data-drop="more"] summary').click()
            await page.locator('[data-drop="more"] a[href*="opt-out"]').click()
            await expect(page.locator("#dialog")).to_contain_text("No text goes to this number until")
            assert not (await where.desk.rows((family,)))[0].opted_out
            await page.locator("#dialog button.strong").click()
            await expect(page.locator(f"#text-{family}")).to_have_count(0)
            await page.locator(".notice-stop a").click()
            await expect(page.locator("#dialog")).to_contain_text("Only when the caller told you so.")
            await page.locator("#dialog button.strong").click()
            await expect(page.locator(f"#text-{family}")).to_have_value("half a sent")
            assert not (await where.desk.rows((family,)))[0].opted_out


async def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(tmp_path: Path) -> None:
    async with stage(tmp_path, contacts={"link": LINK}) as where, chromium() as browser:
        ids = await who_calls(where)
        await edited(where)
        found: dict[str, Any] = {}
        for scheme, viewport in (("light", DESK), ("dark", PHONE)):
            async with member_at(browser, where, viewport=viewport, color_scheme=scheme, locale="fr-CA") as page:
                for path in PAGES:
                    await page.goto(where.url + path.format(**ids))
                    found[f"{scheme} {path}"] = await axe(page)
                    found[f"{scheme} {path} wide"] = await overflow(page)
                await page.goto(f"{where.url}/thread/{ids['stop']}")
                await page.locator(".notice-stop a").click()
                await expect(page.locator("#dialog")).to_be_visible()
                found[f"{scheme} dialog"] = await axe(page)
        assert not {path: wrong for path, wrong in found.items() if wrong}


async def test_all_is_there_on_a_telephone_and_nothing_is_said_twice(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        ids = await who_calls(where)
        number = "+15145550180"
        family = [record(f"S-{n}", f"{name} Côté", (number, None)) for n, name in enumerate(("Léo", "Zoé", "Ève", "Guy", "Ina"))]
        await where.store.contacts.apply([*family, record("S-5", "Uma Côté", (number, None), kind=Kind.STAFF)], "sync")
        six = await where.missed(number)
        long = await where.missed("+15145550181")
        leave(where.standing.file.store.path, long, where.clock.at, transcript="je vous rappelle demain matin " * 60)
        async with member_at(browser, where, "chief", viewport=PHONE, locale="fr-CA") as page:
            right = "e => e.getBoundingClientRect().right"
            entries = page.locator(".rooms a")
            assert await entries.count() == 4
            assert max([await each.evaluate(right) for each in await entries.all()]) <= PHONE["width"]
            assert await page.locator(".rooms").evaluate("e => e.scrollWidth <= e.clientWidth")
            await page.goto(f"{where.url}/thread/{ids['offers']}")
            tops = [await each.evaluate("e => e.getBoundingClientRect().top") for each in await page.locator(".notice-name button").all()]
            assert len(tops) == 2
            assert len(set(tops)) == 1
            await page.goto(f"{where.url}/thread/{six}")
            await expect(page.locator(".people > li")).to_have_count(6)
            await expect(page.locator(".people .tag")).to_have_text(["Personnel"])
            await page.goto(f"{where.url}/thread/{long}")
            assert await axe(page) == []
            # three beside each other: nothing of a message left hangs out of it
            await page.set_viewport_size({"width": 1280, "height": 800})
            await page.goto(f"{where.url}/thread/{long}?beside={six}&beside={ids['offers']}")
            await page.locator(".voicemail button").click()
            await expect(page.locator(".voicemail button")).to_have_text("Marquer comme non écouté")
            assert await page.locator(".voicemail").evaluate("e => e.scrollWidth <= e.clientWidth")


async def overflow(page: Page) -> list[str]:
    """How much wider than the window a page is; nothing where it is not."""
    more: int = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    return [f"{more} pixels"] if more > 0 else []
