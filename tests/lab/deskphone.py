"""A desk phone's browser: fetches a page as its brand does, shows it on a display of its size, and does what its keys do.

    python -m tests.lab.deskphone http://127.0.0.1:8790/p/TOKEN --brand yealink

on a terminal; ``DeskPhone`` for tests and the demo.
"""

from __future__ import annotations

import asyncio
import textwrap
from types import TracebackType
from urllib.parse import quote_from_bytes

import aiohttp
import click
from yarl import URL

from tests.lab.deskphone_brands import BRANDS
from tests.lab.deskphone_dialects import Action, PhoneError, Shown, read

__all__ = ["DeskPhone", "PhoneError", "main"]


class DeskPhone:
    """One phone. ``url``: what its key holds (``…/p/TOKEN/brand``), or that without the brand.

    ``latin1``: an old firmware that sends what is typed as ISO-8859-1. ``presses`` counts keys, typing not; ``dialled`` are the numbers
    it called by itself.
    """

    def __init__(self, url: str, brand: str, *, latin1: bool = False, language: str | None = None) -> None:
        self.browser = BRANDS[brand]
        name = self.browser.page or brand
        self.url = url if url.rstrip("/").endswith(f"/{name}") else f"{url.rstrip('/')}/{name}"
        self.presses = 0
        self.dialled: list[str] = []
        self.shown: Shown | None = None
        self.requests: list[str] = []
        """Addresses asked for, the newest last."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self._latin1 = latin1
        self._typed = ""
        self._history: list[str] = []
        headers = {"User-Agent": self.browser.agent, **self.browser.headers}
        if language is not None:
            headers["Accept-Language"] = language
        # no cookies: phones keep none
        self._session = aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar())

    async def __aenter__(self) -> DeskPhone:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    # ---- keys

    async def start(self) -> Shown:
        """Its key beside the display: the application opens."""
        self._history = []
        return await self._go(self.url)

    async def select(self, row: int) -> Shown:
        """A row of a menu, by its digit (or the cursor and OK): 1 is the first."""
        self.presses += 1
        items = self._on().items
        if not 1 <= row <= len(items):
            raise PhoneError(f"there is no row {row}")
        return await self._do(items[row - 1].action)

    async def key(self, label: str, *, row: int = 1) -> Shown | None:
        """A soft key by its label; ``row`` is where the cursor is, for keys that act on a row."""
        self.presses += 1
        for each in self._on().keys:
            if each.label == label:
                return await self._do(each.action, row)
        raise PhoneError(f"there is no key {label!r}: {', '.join(each.label for each in self._on().keys)}")

    async def call(self, row: int) -> None:
        """The row's own number, where it has one: its second link, or the key that dials."""
        number = self._on().items[row - 1].dial
        if not number:
            raise PhoneError(f"row {row} has no number to dial")
        if self.browser.brand == "poly":
            self.presses += 1
            self.dialled.append(number)
            return
        label = next((each.label for each in self._on().keys if each.action == Action("dial")), None)
        if label is None:
            raise PhoneError("there is no key that dials")
        await self.key(label, row=row)

    async def ok(self) -> Shown | None:
        """The OK key."""
        shown = self._on()
        if shown.kind == "input":
            return await self.submit()
        if shown.done is not None:
            self.presses += 1
            return await self._do(shown.done)
        return await self.select(1) if shown.items else None

    async def back(self) -> Shown | None:
        """The key that leads back: to where the page says, else to the one before, asked for anew."""
        self.presses += 1
        if self._on().cancel:
            return await self._go(self._on().cancel)
        if self._history and self._history[-1] == self.requests[-1]:
            self._history.pop()
        if not self._history:
            self.shown = None
            return None
        return await self._go(self._history.pop())

    def type(self, text: str) -> None:
        """Into the field, in place of what stands there."""
        if self._on().field is None:
            raise PhoneError("there is nothing to type into")
        self._typed = text

    async def submit(self) -> Shown:
        """What was typed, sent as this brand composes the address."""
        self.presses += 1
        field = self._on().field
        if field is None:
            raise PhoneError("there is nothing to submit")
        value = self._encoded(self._typed)
        if field.token:
            return await self._go(field.url.replace(field.token, value))
        query = "&".join([*(f"{name}={self._encoded(given)}" for name, given in field.hidden), f"{field.name}={value}"])
        return await self._go(f"{field.url}{'&' if '?' in field.url else '?'}{query}")

    async def again(self) -> Shown:
        """The Update key, or a page that timed out: the same address once more."""
        return await self._go(self.requests[-1])

    async def wait(self) -> Shown:
        """The time is over after which the page loads another by itself."""
        if self._on().again is None:
            raise PhoneError("the page stays as it is")
        again = self._on().again
        assert again is not None
        return await self._go(again[1])

    def _encoded(self, text: str) -> str:
        raw = text.encode("iso-8859-1" if self._latin1 else "utf-8", "replace")
        return quote_from_bytes(raw, safe="").replace("%20", self.browser.space)

    def _on(self) -> Shown:
        if self.shown is None:
            raise PhoneError("the application is not open")
        return self.shown

    async def _do(self, action: Action, row: int = 1) -> Shown:
        shown = self._on()
        match action.does:
            case "go":
                return await self._go(action.to)
            case "select":
                self.presses -= 1  # counted by select
                return await self.select(row)
            case "dial":
                self.dialled.append(action.to or shown.items[row - 1].dial)
            case "submit":
                self.presses -= 1
                return await self.submit()
            case "erase":
                self._typed = self._typed[:-1]
            case "back":
                await self.back()
            case "exit":
                self.shown = None
            case "mode":
                pass
        return shown

    async def _go(self, url: str) -> Shown:
        if self.shown is not None and self.shown.kept and self.requests and self.requests[-1] not in self._history[-1:]:
            self._history.append(self.requests[-1])
        self.requests.append(url)
        async with self._session.get(URL(url, encoded=True), allow_redirects=False) as response:
            body = await response.read()
            self.status, self.headers = response.status, dict(response.headers)
            kind = response.content_type
        if "Content-Length" not in self.headers:
            raise PhoneError("an answer without Content-Length")
        if kind not in self.browser.content_types:
            raise PhoneError(f"an answer of type {kind}")
        self.shown = read(self.browser, body)
        if self.headers.get("Refresh"):
            seconds, _, target = self.headers["Refresh"].partition("; url=")
            self.shown.again = (float(seconds), target)
        if self.browser.brand.startswith("cisco") and self.headers.get("Expires"):
            self.shown.kept = False
        self._typed = self.shown.field.value if self.shown.field else ""
        return self.shown

    # ---- display

    def display(self, *, everything: bool = False) -> str:
        """The display as text: what fits a model of this brand, or ``everything`` that can be scrolled to."""
        if self.shown is None:
            return "(idle)"
        wide, shown = self.browser.columns, self.shown
        lines: list[str] = []
        for number, item in enumerate(shown.items, 1):
            lines += textwrap.wrap(f"{number:>2} {item.label}", wide, subsequent_indent="   ") or [""]
            lines += [f"   {item.more}"[:wide]] if item.more else []
        for line in shown.text.split("\n") if shown.kind == "text" else ():
            lines += textwrap.wrap(line, wide) or [""]
        if shown.field is not None:
            lines += [shown.field.label[:wide], f"[{'*' * len(self._typed) if shown.field.secret else self._typed}_]"]
        more = len(lines) > self.browser.rows and not everything
        lines = [*lines[: self.browser.rows - 1], "…"] if more else lines
        keys = " ".join(f"[{each.label}]" for each in shown.keys)
        head = [shown.title[:wide]] + ([shown.note[:wide]] if shown.note else [])
        bar = "─" * wide
        return "\n".join([*head, bar, *lines, bar, keys])


async def _interactive(phone: DeskPhone) -> None:
    await phone.start()
    while phone.shown is not None:
        click.echo(phone.display(everything=True))
        line = await asyncio.to_thread(input, "row, a key's label, t TEXT, ok, back, call ROW, again, q> ")
        word, _, rest = line.strip().partition(" ")
        dialled = len(phone.dialled)
        try:
            if word == "q":
                return
            if word.isdigit():
                await phone.select(int(word))
            elif word == "t":
                phone.type(rest)
            elif word == "call" and rest.isdigit():
                await phone.call(int(rest))
            elif word in ("ok", "back", "again"):
                await {"ok": phone.ok, "back": phone.back, "again": phone.again}[word]()
            elif line.strip():
                await phone.key(line.strip())
        except PhoneError as error:
            click.secho(str(error), fg="red")
        if len(phone.dialled) > dialled:
            click.echo(f"(dials {phone.dialled[-1]})")
        click.echo()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url")
@click.option("--brand", type=click.Choice(sorted(BRANDS)), help="Else the one at the end of URL.")
@click.option("--latin1", is_flag=True, help="Send what is typed as ISO-8859-1, as old firmware does.")
def main(url: str, brand: str | None, latin1: bool) -> None:
    """A desk phone on the terminal. URL is what its key holds: http://127.0.0.1:8790/p/TOKEN/yealink."""

    async def run() -> None:
        async with DeskPhone(url, brand or url.rstrip("/").rpartition("/")[2], latin1=latin1) as phone:
            await _interactive(phone)

    if brand is None and url.rstrip("/").rpartition("/")[2] not in BRANDS:
        raise click.UsageError("the brand is not at the end of URL: name it with --brand")
    try:
        asyncio.run(run())
    except (PhoneError, aiohttp.ClientError) as error:
        raise click.ClickException(str(error)) from error
    except (EOFError, KeyboardInterrupt):
        click.echo()


if __name__ == "__main__":
    main()
