"""The portal on a real port, over a clinic of ``tests.desk_world``: its members sign in as at the page, its programs have keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from ari_app.board import Actor, Role
from ari_app.desk import SHELL
from ari_app.portal.live import LIVE, Live
from ari_app.portal.security import COOKIE
from ari_app.portal.server import application
from tests.desk_world import GOOD, Clinic, clinic

__all__ = ["Served", "served"]


@dataclass
class Served:
    """A clinic, and where its portal answers."""

    clinic: Clinic
    url: str
    administrator: Actor
    staff: Actor
    session: aiohttp.ClientSession
    live: Live

    async def cookie(self, who: Actor) -> str:
        """Sign a member in."""
        return await self.clinic.doors.sign_in(who.name.casefold(), GOOD, "127.0.0.1")

    async def key(self, who: Actor) -> str:
        """A program's key that stands for a member."""
        assert who.member is not None
        return (await self.clinic.desk.make_key(who.member, "api", None, "program", by=SHELL)).token

    async def browser(self, who: Actor, language: str = "en") -> Browser:
        """As a browser of a member asks."""
        return Browser(self, {COOKIE: await self.cookie(who), "language": language})


@dataclass
class Browser:
    """What a browser sends beside the address: its cookies, and from which page it asks."""

    served: Served
    cookies: dict[str, str]

    async def get(self, path: str, status: int = 200) -> str:
        """The page at a path."""
        async with self.served.session.get(self.served.url + path, headers=self._headers(), allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text[:2000])
            return text

    async def post(self, path: str, status: int = 303, **fields: str) -> tuple[str, str]:
        """Send a form; where one is sent on to, and the page answered."""
        headers = self._headers() | {"Origin": self.served.url, "Sec-Fetch-Site": "same-origin"}
        async with self.served.session.post(self.served.url + path, data=fields, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text[:2000])
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
            return answer.headers.get("Location", ""), text

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}


@asynccontextmanager
async def served(folder: Path, **more: Any) -> AsyncIterator[Served]:
    """``more``: settings, by table."""
    async with clinic(folder, **more) as here:
        app = application(here.standing, here.desk, here.doors, here.clock)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            administrator = await here.member("Admin", Role.ADMINISTRATOR, password=GOOD, extension="201")
            staff = await here.member("Staff", password=GOOD)
            # what the tests send is their own: no jar keeps cookies between them
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                yield Served(here, f"http://127.0.0.1:{runner.addresses[0][1]}", administrator, staff, session, app[LIVE])
        finally:
            await runner.cleanup()
