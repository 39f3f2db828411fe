"""The portal on a real port that settings name, so that the absolute links in phone XML lead back to it; and its desk phones."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from ari_app.board import Actor, Key, TextEntry
from ari_app.desk import SHELL
from ari_app.portal.server import application
from tests.desk_world import Clinic, clinic
from tests.lab.deskphone import DeskPhone
from tests.threads.world import ALICE, inbound, nothing, raw

__all__ = ["ALLOWED", "Phones", "phones"]

ALLOWED = ("127.0.0.0/8",)


@dataclass
class Phones:
    """A clinic, where its portal answers, and a session that is no phone."""

    clinic: Clinic
    url: str
    session: aiohttp.ClientSession

    async def member(self, name: str = "Anne", *, pin: str | None = None, extension: str | None = "201", language: str = "fr") -> Actor:
        member = await self.clinic.member(name, extension=extension, language=language)
        assert member.member is not None
        if pin is not None:
            await self.clinic.desk.set_pin(member.member, pin, by=SHELL)
        return member

    async def key(self, who: Actor, brand: str) -> tuple[Key, str]:
        """A phone's key, and the address it opens."""
        assert who.member is not None
        made = await self.clinic.desk.make_key(who.member, "phone", brand.removesuffix("-old"), "desk", by=SHELL)
        return made.key, f"{self.url}/p/{made.token}"

    async def phone(self, who: Actor, brand: str, *, latin1: bool = False) -> DeskPhone:
        _, url = await self.key(who, brand)
        return DeskPhone(url, brand, latin1=latin1)

    async def writes(self, words: str, number: str = ALICE) -> int:
        """A caller's text comes in; the thread."""
        await self.clinic.store.keep(raw(inbound(number, words, self.clinic.clock.at), self.clinic.clock.at), nothing)
        return int((await self.clinic.store.thread(number))["id"])

    async def sent(self, thread: int) -> list[tuple[str, str]]:
        """What staff wrote in a thread, newest first: author and text."""
        view = await self.clinic.desk.thread(SHELL, thread, refresh=True)
        return [(each.author or "", each.text) for each in view.entries if isinstance(each, TextEntry) and not each.incoming]


@asynccontextmanager
async def phones(folder: Path, *, allow: tuple[str, ...] = ALLOWED) -> AsyncIterator[Phones]:
    """``allow``: the networks phones may ask from."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        modem = [{"name": "gsm1", "port": "/dev/ttyUSB0"}]
        async with clinic(folder, portal={"base_url": url, "phones": {"allow": list(allow)}}, modem=modem) as here:
            runner = web.AppRunner(application(here.standing, here.desk, here.doors, here.clock), access_log=None, shutdown_timeout=1)
            await runner.setup()
            try:
                await web.SockSite(runner, door).start()
                async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                    yield Phones(here, url, session)
            finally:
                await runner.cleanup()
