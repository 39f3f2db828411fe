"""A clinic's desk over a real store: its members, a caller who waits, and a clock that is set by hand."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app.board import Actor, Face, Member, Role
from ari_app.desk import SHELL, Desk, Doors
from ari_app.errors import PbxUnavailableError, RefusedError
from ari_app.events import Notice
from ari_app.model import Reason
from ari_app.settings import Settings, parse
from ari_app.standing import Standing
from ari_app.threads import Store
from tests.exchange import Exchange
from tests.threads.world import ALICE, HandClock, a_call, silence

GOOD = "neuf petits chats"


def settings(path: Path, **more: Any) -> Settings:
    """Open on weekdays 8 to 17 in Montreal, a second line for the laboratory; ``more`` by table."""
    return parse(
        {
            "clinic": {"name": "Clinique Rivard", "number": "+15145550199"},
            "pbx": {"username": "u", "password": "secret-of-ari"},
            "hours": {"open": "Mo-Fr 08:00-17:00"},
            "line": [{"did": ["5145550210"], "name": "lab", "language": "en"}],
            "store": {"path": str(path)},
            **more,
        }
    )


def actor(member: Member, face: Face = Face.WEB, address: str = "192.0.2.1") -> Actor:
    return Actor(member=member.id, name=member.name, role=member.role, face=face, address=address)


class Telephones:
    """The PBX's end of a call back, as the desk asks it: what was asked, and whether it is refused. The real one has tests of its own."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, str, str, str | None]] = []
        self.refusal: Exception | None = None
        self._ids = itertools.count(1)

    def new_id(self) -> str:
        return f"textback-callback-{next(self._ids)}"

    async def place(self, id: str, extension: str, number: str, name: str | None = None) -> None:  # noqa: A002
        if self.refusal is not None:
            raise self.refusal
        self.placed.append((id, extension, number, name))


@dataclass
class Clinic:
    """What the tests hold."""

    store: Store
    standing: Standing
    desk: Desk
    doors: Doors
    clock: HandClock
    telephones: Telephones
    heard: list[Notice] = field(default_factory=list)
    exchange: Exchange = field(default_factory=Exchange)

    async def member(self, name: str = "Anne", role: Role = Role.STAFF, **more: Any) -> Actor:
        """A new member, as they act on the page."""
        return actor(await self.desk.add_member(name.casefold(), name, role, by=SHELL, **more))

    async def caller(self, number: str | None = ALICE, **changes: Any) -> int:
        """Somebody called in vain; the thread that waits."""
        call = a_call(number, ended=self.clock.at, **changes)
        recorded = await self.store.record_call(call, silence(Reason.COOLDOWN), line="main")
        return recorded.thread

    async def acts(self, **filters: Any) -> list[tuple[str, str]]:
        """Who did what, oldest first, as audited."""
        return [(each.who, each.act) for each in reversed(await self.desk.audit(SHELL, **filters))]


@asynccontextmanager
async def clinic(folder: Path, **more: Any) -> AsyncIterator[Clinic]:
    """Its desk, opened over a new store in ``folder``."""
    clock, telephones, exchange = HandClock(), Telephones(), Exchange()
    heard: list[Notice] = []
    chosen = settings(folder / "textback.db", **more)
    store = Store(chosen.store.path, clock, on_notices=heard.extend, compact=chosen.reply.compact)
    await store.open()
    exchange.noted = store.note_started
    standing = Standing(chosen)
    await standing.read(store)
    doors = Doors(store, standing, clock)
    try:
        yield Clinic(store, standing, Desk(store, standing, clock, telephones, calls=exchange), doors, clock, telephones, heard, exchange)
    finally:
        doors.close()
        await store.close()


__all__ = ["GOOD", "Clinic", "PbxUnavailableError", "RefusedError", "Telephones", "actor", "clinic", "settings"]
