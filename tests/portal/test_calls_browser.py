"""Calls that ring and messages left in a real browser: shown while they ring, declined by one key, played with their real length."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from ari_app.model import Kind
from ari_app.person import PersonNumber, Record
from tests.desk_world import GOOD
from tests.left import leave
from tests.portal.test_browser import AXE, chromium, member_at
from tests.portal.test_calls import MODEM
from tests.portal.world import ALICE, BOB, stage

CAROL = "+15145550103"


async def faults(page: Page) -> list[str]:
    """What axe-core finds."""
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in found["violations"]]


async def test_who_rings_is_shown_counted_and_declined_by_one_key(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where, chromium() as browser:
        await where.member(password=GOOD, extension="101")
        record = Record(external="1", name="Élodie Côté", kind=Kind.CLIENT, numbers=(PersonNumber(number=ALICE),))
        await where.store.contacts.apply([record], "import")
        async with member_at(browser, where) as page:
            rows = page.locator(".ring")
            await expect(rows).to_have_count(0)
            others = [await where.exchange.ring(number, "102", at=where.clock.at) for number in (BOB, CAROL)]
            await expect(rows).to_have_count(2)
            # a key declines no call of another's phone while several ring there
            await expect(page.locator("[data-moved]")).to_have_count(0)
            await page.keyboard.press("d")
            mine = await where.exchange.ring(ALICE, "101", "103", at=where.clock.at)
            await expect(rows).to_have_count(3)
            await expect(rows.first).to_contain_text("Élodie Côté")
            await expect(rows.first).to_contain_text("Your phone")
            await expect(rows.nth(1).locator(".ring-mine")).to_be_hidden()
            await expect(page.locator("#heard")).to_have_text("Élodie Côté is calling")
            await expect(rows.first.locator(".ring-long")).to_have_text("0:01")
            assert where.exchange.sent_away == []
            assert await faults(page) == []
            await expect(page.locator("[data-moved]")).to_have_count(0)
            await page.keyboard.press("d")
            await expect(page.locator(".toast")).to_contain_text("Declined. The text goes, and the conversation is yours.")
            await expect(rows).to_have_count(2)
            assert where.exchange.sent_away == [mine]
            where.exchange.end(others[0])
            await expect(rows).to_have_count(1)
            # the only one that rings, at whosever phone
            await expect(page.locator("[data-moved]")).to_have_count(0)
            await rows.first.locator("button").focus()
            second = await page.context.new_page()  # a tab that follows the first one's stream
            await second.goto(f"{where.url}/statistics")
            await expect(second.locator(".ring-long")).to_contain_text(":")
            await page.keyboard.press("d")
            await expect(second.locator(".ring")).to_have_count(0)
            assert where.exchange.sent_away == [mine, others[1]]
            await expect(rows).to_have_count(0)


async def test_no_press_that_was_meant_for_something_else_declines_a_call(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where, chromium() as browser:
        await where.member(password=GOOD, extension="101")
        async with member_at(browser, where) as page:
            await page.evaluate("""() => new MutationObserver(() => document.querySelector(".ring button")?.click())
                .observe(document.querySelector("#ringing"), {childList: true})""")
            call = await where.exchange.ring(BOB, "102", at=where.clock.at)
            moved = page.locator(".ring[data-moved]")
            await expect(page.locator(".ring")).to_have_count(1)
            await expect(moved).to_have_count(0)
            # another comes before it, the one of one's own phone: what was the first one's button is another's now
            mine = await where.exchange.ring(ALICE, "101", at=where.clock.at)
            await expect(page.locator(".ring")).to_have_count(2)
            await expect(page.locator(".ring").first).to_have_attribute("data-call", mine)
            await expect(moved).to_have_count(0)
            assert where.exchange.sent_away == []
            # refused, read, and shut: one is where one was
            where.exchange.can = False
            button = page.locator(".ring button").first
            await button.click()
            await expect(page.locator("#dialog")).to_contain_text("No call can be declined from here.")
            await page.keyboard.press("Escape")
            await expect(button).to_be_focused()
            where.exchange.can = True
            await button.click()
            await expect(page.locator(".ring")).to_have_count(1)
            await expect(page.locator("#main")).to_be_focused()
            assert where.exchange.sent_away == [mine]
            where.exchange.end(call)


async def test_a_message_is_played_with_its_length_and_heard_at_its_end(tmp_path: Path) -> None:
    async with stage(tmp_path, modem=MODEM) as where, chromium() as browser:
        await where.member(password=GOOD)
        thread = await where.missed(ALICE)
        path = where.standing.file.store.path
        leave(path, thread, where.clock.at, seconds=1.5, transcript="please call me back")
        later = leave(path, thread, where.clock.at, seconds=20.0)
        async with member_at(browser, where) as page:
            await page.locator(f"#row-{thread} .row-link").click()
            first, second = page.locator(".voicemail").nth(0), page.locator(".voicemail").nth(1)
            await expect(first).to_contain_text("please call me back")
            assert await faults(page) == []
            sounds: list[str] = []
            page.on("request", lambda request: sounds.append(request.url) if "/sound" in request.url else None)
            assert sounds == [], "nothing is fetched before somebody plays it"
            length = await first.locator("audio").evaluate("async (a) => { await a.play(); return a.duration; }")
            assert length == 1.5
            assert sounds
            await expect(first).to_contain_text("Heard by Anne")
            await expect(second).to_contain_text("Not heard yet")
            # what changes in the thread does not interrupt who listens
            await second.locator("audio").evaluate("async (a) => { await a.play(); a.currentTime = 10; a.dataset.mark = 'playing'; }")
            await where.desk.heard(later, True, by=(await where.member("Bob")))
            await where.text(ALICE, "and one more thing")
            await expect(page.locator(".bubble-in")).to_contain_text("and one more thing")
            assert await second.locator("audio").evaluate("(a) => [a.dataset.mark, a.paused]") == ["playing", False]
            await second.get_by_role("button", name="Mark as").click()
            await second.locator("audio").evaluate("(a) => a.pause()")
