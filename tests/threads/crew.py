"""Members of a clinic at work on a store."""

from __future__ import annotations

from typing import Any

from ari_app.board import Actor, Entry, Face, Member, Role, Row, TextEntry
from ari_app.model import Reason
from ari_app.threads import Store
from tests.threads.world import ALICE, STAFF, a_call, inbound, nothing, raw, silence

__all__ = ["a_member", "as_actor", "missed", "row", "texted", "texts"]


async def a_member(store: Store, login: str, role: Role = Role.STAFF, face: Face = Face.WEB) -> Actor:
    """A new member, at their page."""
    return as_actor(await store.members.add(login=login, name=login.capitalize(), role=role, by=STAFF), face)


def as_actor(member: Member, face: Face = Face.WEB) -> Actor:
    return Actor(member=member.id, name=member.name, role=member.role, face=face, address="192.0.2.7")


async def missed(store: Store, number: str | None = ALICE, line: str = "main", **changes: Any) -> int:
    """A missed call to which no text goes; its thread."""
    clock = store._clock
    call = a_call(number, **({"ended": clock.now()} | changes))
    return (await store.record_call(call, silence(Reason.COOLDOWN), line=line)).thread


async def texted(store: Store, text: str, number: str = ALICE) -> None:
    """The caller writes now."""
    now = store._clock.now()
    await store.keep(raw(inbound(number, text, now), now), nothing)


async def row(store: Store, thread: int) -> Row:
    (found,) = await store.board.rows_of((thread,))
    return found


def texts(entries: tuple[Entry, ...]) -> list[TextEntry]:
    return [entry for entry in entries if isinstance(entry, TextEntry)]
