"""A member's browser: Debian's chromium over the portal, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.lab.root import LabError

__all__ = ["PASSWORD", "chromium", "looks", "page_of"]

PASSWORD = "correct horse battery"
"""Of clinics that live for minutes."""
_PATIENCE_MS = 15_000


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all members; each has a context of its own. Raises LabError where there is no chromium."""
    found = shutil.which("chromium")
    if found is None:
        raise LabError("there is no chromium here", "apt-get install --no-install-recommends chromium")
    async with async_playwright() as playwright:
        # as root chromium refuses its sandbox; what it opens here is ours
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(
    browser: Browser, url: str, login: str, *, language: str = "fr", size: tuple[int, int] = (1280, 800), dark: bool = False
) -> AsyncIterator[Page]:
    """A signed-in member's page at the inbox. Whatever its scripts complain of ends the block with LabError."""
    context = await browser.new_context(
        locale=f"{language}-CA",
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        timezone_id="America/Toronto",
    )
    context.set_default_timeout(_PATIENCE_MS)
    complaints: list[str] = []
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # a refusal is an answer of 409: chromium notes it as an error, the page shows it
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "409" not in said.text else None)
        await page.goto(f"{url}/sign-in")
        await page.fill("input[name=login]", login)
        await page.fill("input[name=password]", PASSWORD)
        await page.click("main form button")
        await page.wait_for_selector("#side")
        yield page
        if complaints:
            raise LabError(f"the page's scripts complain: {complaints[0]}")
    finally:
        await context.close()


async def looks(page: Page, path: Path) -> None:
    """A picture of what the member sees."""
    await page.wait_for_timeout(300)  # fonts and transitions have settled
    await page.screenshot(path=path)
