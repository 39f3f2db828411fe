"""The pages in a real browser: live without reload, two people at one caller, keys, several threads, and what axe-core finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from ari_app.desk import SHELL
from tests.desk_world import GOOD
from tests.portal.morning import morning
from tests.portal.world import ALICE, BOB, Stage, stage
from tests.threads.world import until

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def member_at(browser: Browser, where: Stage, login: str = "anne", **how: Any) -> AsyncIterator[Page]:
    """A browser of a member, signed in. Anything a script complains about fails the test."""
    context = await browser.new_context(**{"viewport": DESK, "locale": "en-CA", **how})
    page = await context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None)
    await page.goto(f"{where.url}/sign-in")
    await page.fill("#login", login)
    await page.fill("#password", GOOD)
    await page.click(".sign-in .strong")
    await page.wait_for_url(f"{where.url}/")
    yield page
    await context.close()
    assert not wrong, wrong


async def test_a_missed_call_comes_without_reload_is_answered_and_comes_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        async with member_at(browser, where) as page:
            await expect(page.locator("#empty")).to_be_visible()
            thread = await where.missed()
            row = page.locator(f"#row-{thread}")
            await expect(row).to_contain_text("Missed call, at the phones")
            await expect(page).to_have_title("(1) Inbox – Clinique Rivard")
            await row.locator(".row-link").click()
            await expect(page.locator(f"#thread-{thread}")).to_be_focused()
            await page.fill(f"#text-{thread}", "Can we call you at two?")
            await expect(page.locator("[data-cost]")).to_contain_text("1 SMS · 23 characters · 137 left")
            await expect(page.locator(".notice-mine")).to_be_visible()
            await page.keyboard.press("Control+Enter")
            await expect(page.locator(".bubble-out .words")).to_have_text("Can we call you at two?")
            await expect(page.locator(".bubble-out .state")).to_contain_text("Sent")
            await expect(page.locator(f"#text-{thread}")).to_have_value("")
            await expect(row).to_have_count(0)  # nothing waits
            await where.text(ALICE, "Yes <i>please</i>")
            await expect(page.locator(".bubble-in .words")).to_have_text("Yes <i>please</i>")
            await expect(row).to_contain_text("Yes <i>please</i>")
            assert len(where.carrier.left) == 1
            await page.fill(f"#text-{thread}", "See you")
            await where.store.privacy.erase(ALICE, SHELL)
            await expect(row).to_have_count(0)
            await expect(page.locator(f"#thread-{thread}")).to_have_count(0)
            assert await page.evaluate("Object.values(sessionStorage).length") == 0


async def test_two_members_race_for_one_caller(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        await where.member("Bob", password=GOOD, language="fr")
        thread = await where.missed()
        async with member_at(browser, where) as anne, member_at(browser, where, "bob") as bob:
            for page in (anne, bob):
                await page.locator(f"#row-{thread} .row-link").click()
                await expect(page.locator(f"#text-{thread}")).to_be_visible()
            await anne.fill(f"#text-{thread}", "At two?")
            await expect(bob.locator("[data-held]")).to_contain_text("Anne répond à cette conversation")
            await expect(bob.locator(f"#row-{thread} .tag-holder")).to_have_text("Anne répond")
            await expect(anne.locator(f"#row-{thread} .tag-holder")).to_have_text("You answer")
            await bob.fill(f"#text-{thread}", "À trois heures?")
            await expect(bob.locator("#dialog")).not_to_be_visible()
            await bob.locator(".reply .strong").click()
            await expect(bob.locator("#dialog")).to_contain_text("Anne est en train de répondre à cet appelant.")
            await expect(bob.locator("#dialog textarea")).to_have_value("À trois heures?")
            await anne.locator(".reply-bar > .strong").click()
            await expect(anne.locator(".bubble-out .words")).to_have_text("At two?")
            # he takes over all the same, and learns that she answered before his goes
            await bob.locator("#dialog button.strong").click()
            await expect(bob.locator("#dialog")).to_contain_text("Anne a répondu à cet appelant entre-temps.")
            await expect(bob.locator("#dialog .quoted")).to_contain_text("At two?")
            await bob.locator("#dialog button.strong").click()
            await expect(bob.locator("#dialog")).not_to_be_visible()
            await expect(anne.locator(".bubble-out")).to_have_count(2)
            await expect(anne.locator("[data-held]")).to_contain_text("Bob")
            await expect(bob.locator(f"#text-{thread}")).to_have_value("")


async def test_the_keyboard_alone_does_it_all(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD, extension="101")
        first = await where.missed()
        where.clock.move(minutes=1)
        second = await where.missed(BOB)
        async with member_at(browser, where) as page:
            press = page.keyboard.press
            await expect(page.locator("#live")).to_be_visible()
            await press("j")
            await press("Enter")
            await expect(page.locator(f"#thread-{second}")).to_be_focused()
            await page.locator(f"#row-{second} .row-link").focus()
            await press("j")
            await press("b")
            await expect(page.locator(".pane")).to_have_count(2)
            await expect(page).to_have_url(f"{where.url}/thread/{second}?beside={first}")
            await press("[")
            await expect(page.locator(f"#thread-{second}")).to_be_focused()
            await press("r")
            await page.keyboard.type("jerx? /")
            await expect(page.locator(f"#text-{second}")).to_have_value("jerx? /")  # no shortcut while one writes
            await press("Escape")
            await press("n")
            await page.keyboard.type("ask Dr Roy")
            await page.locator(f"#thread-{second} form[action$='/note'] button").press("Enter")
            await expect(page.locator(f"#thread-{second} .note .words")).to_have_text("ask Dr Roy")
            await page.locator(f"#thread-{second}").focus()
            await press("c")
            await expect(page.locator(f"#thread-{second} .event-out")).to_contain_text("Called back by Anne")
            await press("z")
            own = page.locator(f"#thread-{second} [data-drop='snooze'] [name='at']")
            await own.fill("2026-03-02T16:45")
            await own.press("Enter")  # the hour written, not the first preset
            await expect(page.locator(f"#thread-{second} .notice")).to_contain_text("Snoozed until 16:45")
            await page.locator(f"#thread-{first}").focus()
            await press("e")
            await expect(page.locator(f"#thread-{first} .tag-done")).to_be_visible()
            await press("x")
            await expect(page.locator(".pane")).to_have_count(1)
            await press("?")
            await expect(page.locator("#keys")).to_be_visible()
            await press("Escape")
            await press("3")
            await expect(page.locator(f"#row-{second}")).to_be_visible()
            await press("/")
            await page.keyboard.type("555-0101")
            await expect(page.locator(f"#row-{first}")).to_be_visible()
            await expect(page.locator(f"#row-{second}")).to_have_count(0)


async def test_ready_replies_a_plan_and_a_deliberate_second_sending(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        ids = await morning(where)
        async with member_at(browser, where) as page:
            await page.goto(f"{where.url}/thread/{ids['fails']}")
            await page.locator('[data-drop="canned"] summary').click()
            await page.locator(".canned .choice", has_text="C'est noté").click()
            await expect(page.locator(f"#text-{ids['fails']}")).to_have_value("C'est noté, merci et bonne journée!")
            await page.locator('[data-drop="later"] summary').click()
            await page.locator("[data-at]", has_text="Tomorrow morning").click()
            await page.locator('[data-drop="later"] button[name="later"]').click()
            await expect(page.locator(".bubble-out .state").last).to_contain_text("Goes tomorrow 08:00")
            await page.locator("form[action$='/call-off'] button").click()
            await expect(page.locator(".state-cancelled .state")).to_contain_text("Called off")
            left = len(where.carrier.left)
            await page.locator(".state-failed a[data-dialog]").click()
            await expect(page.locator("#dialog")).to_contain_text("the caller gets it twice")
            assert len(where.carrier.left) == left
            await page.locator("#dialog button.strong").click()
            await expect(page.locator(".bubble-out")).to_have_count(3)
            await until(lambda: len(where.carrier.left) == left + 1)


async def test_hours_offered_are_those_of_now_however_long_the_thread_is_open(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        thread = await where.missed()
        async with member_at(browser, where) as page:
            await page.goto(f"{where.url}/thread/{thread}")
            await expect(page.locator("#live")).to_be_visible()
            later = page.locator('[data-drop="later"]')
            before = await page.locator('[data-drop="snooze"] .choice').all_inner_texts()
            where.clock.move(minutes=25)
            await page.keyboard.press("z")
            first = page.locator('[data-drop="snooze"] .choice').first
            await expect(first).to_contain_text("11:25")
            assert await page.locator('[data-drop="snooze"] .choice').all_inner_texts() != before
            await expect(first).to_be_focused()
            await page.keyboard.press("Escape")
            await later.locator("summary").click()
            await expect(later.locator("[data-at]").first).to_contain_text("11:25")
            await page.keyboard.press("Escape")
            await page.keyboard.press("z")
            await page.keyboard.press("Enter")
            await expect(page.locator(".notice")).to_contain_text("Snoozed until 11:25")


async def test_search_is_left_for_its_rows_and_a_row_that_goes_hands_the_focus_on(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        anne = await where.member(password=GOOD)
        first = await where.missed()
        where.clock.move(minutes=1)
        second = await where.missed(BOB)
        async with member_at(browser, where) as page:
            await expect(page.locator("#live")).to_be_visible()
            row = {each: page.locator(f"#row-{each} .row-link") for each in (first, second)}
            await page.keyboard.press("/")
            await page.keyboard.type("0101")
            await expect(row[second]).to_have_count(0)
            await page.keyboard.press("ArrowDown")
            await expect(row[first]).to_be_focused()
            await page.keyboard.press("/")
            await page.keyboard.press("Enter")
            await expect(row[first]).to_be_focused()
            await page.keyboard.press("1")
            await row[second].focus()
            await where.desk.done(second, by=anne)
            await expect(row[second]).to_have_count(0)
            await expect(row[first]).to_be_focused()
            # what one pressed may be gone after it: the keys still mean this thread
            await page.keyboard.press("Enter")
            await page.fill(f"#text-{first}", "half")
            release = page.locator(f"#thread-{first} .notice-mine button")
            await release.press("Enter")
            await expect(release).to_have_count(0)
            await expect(page.locator(f"#thread-{first}")).to_be_focused()


@pytest.mark.parametrize("name", ["snooze", "more", "canned", "later"])
async def test_what_opens_on_a_telephone_is_within_its_screen(tmp_path: Path, name: str) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        ids = await morning(where)
        async with member_at(browser, where, viewport=PHONE) as page:
            await page.goto(f"{where.url}/thread/{ids['denis']}")
            await page.locator(f'[data-drop="{name}"] > summary').click()
            await expect(page.locator(f'[data-drop="{name}"] .drop-body')).to_be_in_viewport(ratio=1)


async def test_what_opens_in_the_last_of_three_threads_is_within_the_window(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        ids = await morning(where)
        async with member_at(browser, where, viewport={"width": 1024, "height": 700}) as page:
            await page.goto(f"{where.url}/thread/{ids['bob']}?beside={ids['denis']}&beside={ids['emma']}")
            for name in ("canned", "later"):
                drop = page.locator(f'[data-drop="{name}"]').last
                await drop.locator("summary").click()
                await expect(drop.locator(".drop-body")).to_be_in_viewport(ratio=1)
                await page.keyboard.press("Escape")


async def test_what_is_written_outlives_a_reload_and_a_session_that_ends(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        anne = await where.member(password=GOOD)
        thread = await where.missed()
        async with member_at(browser, where) as page:
            await page.goto(f"{where.url}/thread/{thread}")
            await page.fill(f"#text-{thread}", "half a sent")
            await page.reload()
            await expect(page.locator(f"#text-{thread}")).to_have_value("half a sent")
            await expect(page.locator("#live")).to_be_visible()
            assert anne.member is not None
            await where.desk.end_sessions(anne.member, by=SHELL)
            link = page.locator(".toast a")
            await expect(link).to_be_visible()
            await link.click()
            await page.fill("#login", "anne")
            await page.fill("#password", GOOD)
            await page.click(".sign-in .strong")
            await expect(page.locator(f"#text-{thread}")).to_have_value("half a sent")


async def test_a_first_text_outlives_a_session_that_ends_and_leads_to_who_answers_already(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        anne = await where.member(password=GOOD)
        bob = await where.member("Bob", password=GOOD)
        thread = await where.missed()
        await where.desk.claim(thread, by=bob)
        async with member_at(browser, where) as page:
            await page.goto(f"{where.url}/new")
            await page.fill("#number", "514 555-0101")
            await page.fill("#text", "a long first text")
            assert anne.member is not None
            await where.desk.end_sessions(anne.member, by=SHELL)
            await page.locator(".row-of > .strong").click()
            await expect(page.locator("main textarea")).to_have_value("a long first text")
            await page.locator("main .card > p a").click()
            await page.fill("#login", "anne")
            await page.fill("#password", GOOD)
            await page.click(".sign-in .strong")
            await page.fill("#number", "514 555-0101")
            await page.fill("#text", "a long first text")
            await page.locator(".row-of > .strong").click()
            await expect(page.locator("#wrong")).to_contain_text("Bob is answering this caller.")
            await expect(page.locator("#text")).to_have_value("a long first text")
            await page.locator("#wrong a").click()
            await expect(page.locator(f"#thread-{thread} [data-held]")).to_be_visible()
            assert not where.carrier.left


async def test_a_hostile_text_stays_text_in_the_live_row_and_in_the_thread(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        async with member_at(browser, where) as page:
            await expect(page.locator("#live")).to_be_visible()
            words = "<img src=x onerror=alert(1)>\u202e]]><script>alert(2)</script>"
            await where.text(ALICE, words)
            await expect(page.locator("#rows .row-last bdi")).to_have_text(words)
            await page.locator("#rows .row-link").click()
            await expect(page.locator(".bubble-in .words")).to_have_text(words)
            await expect(page.locator(".bubble-in img, #rows img")).to_have_count(0)


async def test_notifications_and_sound_only_for_who_asks_and_never_the_words(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        async with member_at(browser, where) as page:
            await page.context.grant_permissions(["notifications"])
            # the browser's own notifications cannot be read back: they are written down on their way
            await page.add_init_script(
                """window.told = []; const Real = window.Notification;
                window.Notification = class { constructor(title, more) { window.told.push([title, more.body]); }
                static permission = "granted";
                static requestPermission() { return Real.requestPermission(); } }; document.hasFocus = () => false;"""
            )
            await page.reload()
            await expect(page.locator("#live")).to_be_visible()
            thread = await where.missed()
            await expect(page.locator(f"#row-{thread}")).to_be_visible()
            assert await told(page) == []
            await page.click("#menu summary")
            await page.check('[data-pref="notify"]')
            await where.text(ALICE, "very private words")
            await expect(page.locator(f"#row-{thread}")).to_contain_text("very private words")
            assert await told(page) == [["New text", ""]]
            await page.check('[data-pref="number"]')
            where.clock.move(minutes=1)
            await where.missed(BOB)
            await expect(page.locator("#rows .row")).to_have_count(2)
            assert (await told(page))[1:] == [["Missed call", "(514) 555-0102"]]
            where.portal.overdue((1, 2))
            await page.wait_for_selector("#live")
            async with asyncio.timeout(20):
                while len(await told(page)) < 3:  # noqa: ASYNC110  (the condition is the browser's)
                    await asyncio.sleep(0.02)
            assert (await told(page))[2:] == [["2 callers wait too long", ""]]


async def test_what_is_not_new_is_not_told_as_new(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        anne = await where.member(password=GOOD)
        old = await where.missed()
        async with member_at(browser, where) as page:
            await page.add_init_script(
                """window.told = []; window.Notification = class { constructor(title, more) { window.told.push([title, more.body]); }
                static permission = "granted"; }; document.hasFocus = () => false; localStorage.setItem("textback-notify", "1");"""
            )
            await page.goto(f"{where.url}/statistics")  # no list here: what is in it is not known
            await expect(page.locator("#live")).to_be_visible()
            where.clock.move(minutes=20)
            await where.desk.urgent(old, True, by=anne)
            await where.missed(BOB)
            async with asyncio.timeout(20):
                while not await told(page):  # noqa: ASYNC110  (the condition is the browser's)
                    await asyncio.sleep(0.02)
            assert await told(page) == [["Missed call", ""]]


async def told(page: Page) -> list[list[str]]:
    found: list[list[str]] = await page.evaluate("() => window.told")
    return found


@pytest.mark.parametrize(("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk-light", "phone-dark"])
async def test_axe_finds_nothing_serious_on_any_page(tmp_path: Path, scheme: str, viewport: dict[str, int]) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        ids = await morning(where)
        found: dict[str, Any] = {}
        async with member_at(browser, where, viewport=viewport, color_scheme=scheme, locale="fr-CA") as page:
            for path in (
                "/",
                "/?box=trouble",
                f"/thread/{ids['denis']}",
                f"/thread/{ids['bob']}?beside={ids['fails']}",
                f"/thread/{ids['felix']}",
                "/new",
            ):
                await page.goto(where.url + path)
                found[path] = await axe(page)
                if path.startswith("/thread"):
                    for name in ("snooze", "more", "canned", "later"):
                        drop = page.locator(f'[data-drop="{name}"] > summary').first
                        if await drop.count():
                            await drop.click()
                            found[f"{path} {name}"] = await axe(page)
                            await page.keyboard.press("Escape")
            await page.goto(f"{where.url}/thread/{ids['fails']}")
            await page.locator(".state-failed a[data-dialog]").first.click()
            await expect(page.locator("#dialog")).to_be_visible()
            found["dialog"] = await axe(page)
            await page.keyboard.press("Escape")
            await page.click("#menu summary")
            found["menu"] = await axe(page)
            await page.context.clear_cookies()
            await page.goto(f"{where.url}/sign-in")
            found["sign-in"] = await axe(page)
            await page.goto(f"{where.url}/nothing")
            found["not found"] = await axe(page)
        assert not {where_: each for where_, each in found.items() if each}, json.dumps(found, indent=1)


async def axe(page: Page) -> list[str]:
    """What axe-core finds of serious or critical impact. Its script is evaluated, not loaded: the page's policy allows no other's."""
    await page.evaluate(AXE)
    result = await page.evaluate("() => axe.run()")
    return [
        f"{each['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:200]}"
        for each in result["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


async def test_read_and_reply_work_with_scripts_switched_off(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        thread = await where.missed()
        await where.text(ALICE, "Hello?")
        async with member_at(browser, where, java_script_enabled=False) as page:
            await page.locator(f"#row-{thread} .row-link").click()
            await expect(page.locator(".bubble-in .words")).to_have_text("Hello?")
            await page.fill(f"#text-{thread}", "Good day.")
            await page.locator(".reply-bar > .strong").click()
            await expect(page.locator(".toast")).to_have_text("On its way.")
            await expect(page.locator(".bubble-out .words")).to_have_text("Good day.")
            await until(lambda: len(where.carrier.left) == 1)


async def test_tabs_of_one_browser_share_one_stream(tmp_path: Path) -> None:
    async with stage(tmp_path) as where, chromium() as browser:
        await where.member(password=GOOD)
        async with member_at(browser, where) as page:
            pages = [page, *[await page.context.new_page() for _ in range(7)]]
            for each in pages[1:]:
                await each.goto(where.url)
            for each in pages:
                await expect(each.locator("#live")).to_be_visible()
            assert where.portal.live.watching == 1
            thread = await where.missed()
            for each in pages:
                await expect(each.locator(f"#row-{thread}")).to_be_visible()
            await page.close()  # whoever held it goes: another takes it
            await where.text(ALICE, "still live")
            for each in pages[1:]:
                await expect(each.locator(f"#row-{thread}")).to_contain_text("still live")
