"""The pages in chromium: axe-core finds nothing serious, nothing is wider than a telephone, each is small, and wordings show live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, async_playwright

from ari_app.portal.security import COOKIE
from tests.portal.served import Served, served

PAGES = (
    "/statistics",
    "/statistics?since=2026-03-02&until=2026-03-01",
    "/admin",
    "/admin/hours",
    "/admin/wording",
    "/admin/canned?edit=-1",
    "/admin/rules",
    "/admin/contacts",
    "/contacts",
    "/admin/staff",
    "/admin/staff/2",
    "/admin/settings",
    "/admin/audit",
    "/me",
)
SMALL = 100_000
"""Bytes of a page in all, as they come over the network."""


@asynccontextmanager
async def chromium(here: Served, *, language: str, width: int, scheme: str = "light") -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            context = await browser.new_context(
                viewport={"width": width, "height": 844},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            await context.add_cookies(
                [
                    {"name": COOKIE, "value": await here.cookie(here.administrator), "url": here.url},
                    {"name": "language", "value": language, "url": here.url},
                ]
            )
            yield context
        finally:
            await browser.close()


async def filled(here: Served) -> None:
    """Something on every page."""
    await here.clinic.caller()
    await here.clinic.desk.reply(1, "Bonjour", by=here.administrator, act="one")
    await here.clinic.desk.make_key(2, "phone", "snom", "réception", by=here.administrator)
    await here.clinic.desk.set_exceptions([{"date": "2026-03-06", "closed": True}], by=here.administrator)
    await here.clinic.desk.pause(True, by=here.administrator)


@pytest.mark.parametrize(("language", "width", "scheme"), [("en", 1280, "light"), ("fr", 390, "dark")])
async def test_pages_are_for_everybody_fit_a_telephone_and_are_small(tmp_path: Path, language: str, width: int, scheme: str) -> None:
    async with served(tmp_path) as here:
        await filled(here)
        async with chromium(here, language=language, width=width, scheme=scheme) as context:
            page = await context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            for path in PAGES:
                await page.goto(here.url + path)
                found = await Axe().run(page)
                serious = [
                    (each["id"], each["nodes"][0]["html"])
                    for each in found.response["violations"]
                    if each["impact"] in {"serious", "critical"}
                ]
                assert serious == [], path
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
                size = await page.evaluate(
                    "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                    ".reduce((sum, each) => sum + each.encodedBodySize, 0)"
                )
                assert 0 < size < SMALL, (path, size)
            assert said == []


async def test_a_wording_shows_what_a_caller_reads_while_it_is_typed(tmp_path: Path) -> None:
    async with served(tmp_path) as here, chromium(here, language="en", width=1280) as context:
        page = await context.new_page()
        await page.goto(f"{here.url}/admin/wording")
        form = page.locator("#fr-missed")
        await form.locator("textarea").fill("Ici {clinic} <i>☎</i>")
        await form.locator(".bubble").get_by_text("Ici Clinique Rivard <i>☎</i>", exact=True).wait_for()
        assert "Costs more because of: ☎" in await form.locator(".price").inner_text()
        assert "Not saved yet." in await form.locator(".preview").inner_text()
        await form.locator("textarea").fill("Ici {nobody}")
        await form.locator(".preview .bad").wait_for()
        assert "missed" not in here.clinic.standing.settings.reply.text.get("fr", {})
