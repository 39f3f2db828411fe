"""The demo's second half: staff answer from the page beside the phone and from the phone itself; pictures of pages, screens of phones."""

from __future__ import annotations

import asyncio
import getpass
import tempfile
from pathlib import Path
from typing import Protocol

from playwright.async_api import Browser, expect

from ari_app.cli import access
from ari_app.provisioning import BRANDS, services_url
from ari_app.settings import load
from tests.lab.browser import PASSWORD, page_of
from tests.lab.deskphone import DeskPhone
from tests.lab.deskset import watching
from tests.lab.root import LabError
from tests.lab.stage import Stage, until

__all__ = ["LOGIN", "PORTAL", "Screen", "answer_from_page", "answer_from_phone", "brands", "folder", "member", "pictures", "portal_url"]

LOGIN = "anne"
PORTAL = {"phones": {"allow": ["127.0.0.1/32"]}}
"""[portal] of the demo, beside where it listens."""
_WIDE, _SMALL = (1280, 800), (390, 844)


class Screen(Protocol):
    """What the demo prints on."""

    def say(self, text: str) -> None:
        """A line with the time it took."""

    def screen(self, text: str) -> None:
        """What is to be seen, as it is."""


def portal_url(staged: Stage) -> str:
    """Where the portal answers."""
    return f"http://127.0.0.1:{staged.lab.record.ports.portal}"


async def member(staged: Stage) -> None:
    """Anne, an administrator at extension 101. Raises LabError."""
    arguments = ("--name", "Anne", "--role", "administrator", "--extension", "101", "--password-stdin")
    status, _, err = await staged.run("staff", "add", LOGIN, *arguments, stdin=PASSWORD)
    if status:
        raise LabError(f"textback staff add ended with {status}: {err}")


async def answer_from_page(show: Screen, staged: Stage, browser: Browser, *, caller: str, wish: str, answer: str) -> None:
    """The caller writes ``wish``; the lamp lights, the row comes by itself; Anne writes ``answer``, the lamp goes out. Raises LabError."""
    async with watching(staged.lab, "104") as phone, page_of(browser, portal_url(staged), LOGIN) as page:
        await staged.modem("text", **{"from": caller, "text": wish})
        row = page.locator("#side .row", has_text=wish[:12])
        await expect(row).to_have_count(1)
        await phone.shows("confirmed")
        show.say("the lamp of *767 is lit (SIP NOTIFY, dialog-info), and the open page shows the row without a reload")
        await row.locator(".row-link").click()
        box = page.locator(".pane [data-reply] textarea[name=text]")
        await box.fill(answer)
        cost = page.locator(".pane [data-cost]")
        await expect(cost).not_to_be_empty()
        said = " ".join((await cost.inner_text()).split())
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".pane .kind-staff .words").last).to_have_text(answer)
        show.say(f"Anne writes ({said}) and presses Ctrl+Enter")
        await until("the answer on the handset", lambda: _last_is(staged, caller, answer))
        await phone.shows("terminated")
        show.say("it is on the caller's handset; nobody waits, the lamp is out")


async def _last_is(staged: Stage, caller: str, words: str) -> bool:
    texts = await staged.handset(caller, 1)
    return bool(texts[-1]["text"] == words)


async def answer_from_phone(show: Screen, staged: Stage, caller: str) -> None:
    """A Yealink: the inbox, the thread, a ready reply: two presses. Raises LabError."""
    before = len(await staged.handset(caller, 1))
    async with DeskPhone(await _key(staged, "yealink"), "yealink") as phone:
        await phone.start()
        show.screen(phone.display())
        await phone.select(1)
        show.screen(phone.display())
        await phone.select(2)
        show.screen(phone.display())
        texts = await staged.handset(caller, before + 1)
        show.say(f"{phone.presses} presses; on the caller's handset: {texts[-1]['text']!r}")


async def brands(show: Screen, staged: Stage) -> None:
    """The inbox as each brand of desk phone shows it. Raises LabError when one shows an error."""
    keys = await asyncio.gather(*(_key(staged, brand) for brand in BRANDS))
    for (brand, name), key in zip(BRANDS.items(), keys, strict=True):
        async with DeskPhone(key, brand) as phone:
            shown = await phone.start()
            if not shown.items:
                raise LabError(f"{name} shows no inbox: {shown.title}: {shown.text}")
            show.say(name)
            show.screen(phone.display())


async def _key(staged: Stage, brand: str) -> str:
    """The address `textback staff phone add` would print, asked of the running service in this process: nine commands take their time."""
    settings = load(staged.settings)
    (anne,) = await access.staff(settings, "members", {})
    made = await access.staff(settings, "make_key", {"member": anne["id"], "use": "phone", "brand": brand, "label": BRANDS[brand]})
    return services_url(settings, made["token"], brand)


def folder() -> Path:
    """Where the pictures are kept: one folder, the newest ones."""
    return Path(tempfile.gettempdir()) / f"asterisk-textback-pages-{getpass.getuser()}"


async def pictures(staged: Stage, browser: Browser, thread: int) -> Path:
    """A picture of every page; the folder they are in. Raises LabError."""
    kept = folder()
    kept.mkdir(mode=0o700, exist_ok=True)
    pages = {
        "inbox": "/?box=all",
        "thread": f"/thread/{thread}",
        "new": "/new",
        "contacts": "/contacts",
        "contact": "/contacts/1",
        "rules": "/admin/rules",
        "synced": "/admin/contacts",
        "statistics": "/statistics",
        "texts": "/admin",
        "hours": "/admin/hours",
        "wording": "/admin/wording",
        "ready-replies": "/admin/canned",
        "staff": "/admin/staff",
        "member": "/admin/staff/1",
        "settings": "/admin/settings",
        "audit": "/admin/audit",
        "me": "/me",
    }
    await asyncio.gather(
        _take(browser, staged, kept, "fr", pages),
        _take(browser, staged, kept, "en-telephone", {name: pages[name] for name in ("inbox", "thread", "statistics")}, size=_SMALL),
        _take(browser, staged, kept, "fr-dark", {name: pages[name] for name in ("inbox", "thread")}, dark=True),
        _sign_in(browser, staged, kept),
    )
    return kept


async def _take(
    browser: Browser, staged: Stage, kept: Path, kind: str, pages: dict[str, str], *, size: tuple[int, int] = _WIDE, dark: bool = False
) -> None:
    url = portal_url(staged)
    async with page_of(browser, url, LOGIN, language=kind[:2], size=size, dark=dark) as page:
        for name, path in pages.items():
            answer = await page.goto(url + path)
            if answer is None or answer.status != 200:
                raise LabError(f"{path} answered {answer.status if answer else 'nothing'}")
            await page.screenshot(path=kept / f"{name}-{kind}.png")


async def _sign_in(browser: Browser, staged: Stage, kept: Path) -> None:
    context = await browser.new_context(locale="fr-CA", viewport={"width": _WIDE[0], "height": _WIDE[1]})
    try:
        page = await context.new_page()
        await page.goto(f"{portal_url(staged)}/sign-in")
        await page.screenshot(path=kept / "sign-in-fr.png")
    finally:
        await context.close()
