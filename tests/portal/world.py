"""The portal as it runs: real server on a free port, real store and desk; a clinic's morning to look at; browsers and plain clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from ari_app.desk import Desk, Doors
from ari_app.events import Notice
from ari_app.model import Inbound, Reaction, Reason
from ari_app.outbox import Outbox
from ari_app.portal.server import Portal
from ari_app.standing import Standing
from ari_app.threads import Store
from modem.sim_pdu import encode_deliver
from modem.types import Refused, SendResult, Submit
from tests.desk_world import GOOD, Clinic, Telephones, settings
from tests.exchange import Exchange
from tests.threads.world import ALICE, BOB, Carrier, Clerk, HandClock, a_call, raw, silence, until

__all__ = ["ALICE", "BOB", "GOOD", "Stage", "signed_in", "stage"]

FAILS = "+15145550150"
"""The network refuses every text to this number."""


def _network(part: Submit) -> SendResult | None:
    return Refused("CMS 1", "the number is not assigned", permanent=True, number_at_fault=True) if part.number == FAILS else None


@dataclass
class Stage(Clinic):
    """A clinic whose portal is open."""

    portal: Portal = field(kw_only=True)
    carrier: Carrier = field(kw_only=True)
    outbox: Outbox = field(kw_only=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.portal.port}"

    async def text(self, number: str, words: str, *, opts_out: bool = False, **how: Any) -> None:
        """A caller's text comes in."""

        def react(_: Inbound) -> Reaction:
            return Reaction(opt=True, reopens=False) if opts_out else Reaction()

        for pdu in encode_deliver(number, words, self.clock.at, **how):
            await self.store.keep(raw(pdu, self.clock.at), react)

    async def missed(self, number: str | None = ALICE, reason: Reason = Reason.COOLDOWN, **changes: Any) -> int:
        recorded = await self.store.record_call(a_call(number, ended=self.clock.at, **changes), silence(reason), line="main")
        return recorded.thread

    async def answered_by_machine(self, number: str, words: str) -> int:
        """A missed call whose automatic text is due at once."""
        call = a_call(number, ended=self.clock.at)
        clerk = Clerk(delay=timedelta(0), text=words)
        recorded = await self.store.record_call(call, clerk.first(self.clock.now()), line="main")
        return recorded.thread


@asynccontextmanager
async def stage(folder: Path, *, on_notices: Callable[[tuple[Notice, ...]], None] | None = None, **more: Any) -> AsyncIterator[Stage]:
    """``more``: tables of textback.toml."""
    clock, telephones, exchange = HandClock(), Telephones(), Exchange()
    heard: list[Notice] = []
    told: list[Callable[[tuple[Notice, ...]], None]] = [heard.extend]

    def tell(notices: tuple[Notice, ...]) -> None:
        for each in told:
            each(notices)

    chosen = settings(folder / "textback.db", **more)
    store = Store(chosen.store.path, clock, on_notices=tell, compact=chosen.reply.compact)
    await store.open()
    exchange.noted = store.note_started
    standing = Standing(chosen)
    await standing.read(store)
    doors = Doors(store, standing, clock)
    desk = Desk(store, standing, clock, telephones, calls=exchange)
    portal = Portal(standing, desk, doors, clock, listen="127.0.0.1:0")
    exchange.changed = portal.ringing_changed
    carrier = Carrier(script=_network)
    outbox = Outbox(store, (carrier,), Clerk(delay=timedelta(0)), clock, live=frozenset, held=lambda: False)
    told += [portal.noticed, lambda _: outbox.wake(), *([on_notices] if on_notices else [])]
    tasks = [asyncio.create_task(job()) for job in (portal.run, outbox.run)]
    try:
        await until(lambda: bool(portal.port))
        yield Stage(store, standing, desk, doors, clock, telephones, heard, exchange, portal=portal, carrier=carrier, outbox=outbox)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        doors.close()
        await store.close()


@asynccontextmanager
async def signed_in(where: Stage, login: str = "anne", password: str = GOOD) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client with a member's session, that says where its forms come from as a browser does."""
    headers = {"Origin": where.url, "Accept-Language": "en"}
    async with aiohttp.ClientSession(where.url, headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        answer = await client.post("/sign-in", data={"login": login, "password": password}, allow_redirects=False)
        assert answer.status == 303, await answer.text()
        yield client
