"""Which desk phone may ask: its network, its token, and its member's PIN where they have one."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import TypeVar

from ari_app.board import Actor, Key, Member
from ari_app.clock import Clock
from ari_app.desk import Doors
from ari_app.desk.throttle import Gate as Throttle
from ari_app.portal.screens import Screen
from ari_app.portal.security import networks, within
from ari_app.settings import PortalSettings

__all__ = ["Deeds", "Gate", "Phone"]

_T = TypeVar("_T")

OPEN_FOR = 15 * 60.0
"""Seconds that a PIN opens a phone for, from when it was typed: a list that looks again by itself must not keep it open."""
_MOST = 1000
"""Deeds, and drafts, remembered at once."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone that may ask, and for whom."""

    actor: Actor
    key: Key
    member: Member


class Gate:
    """Lets phones in. In memory: after a restart a PIN is asked again, and wrong tries are forgotten."""

    def __init__(self, settings: PortalSettings, doors: Doors, clock: Clock) -> None:
        self._allowed = networks(settings.phones.allow)
        self._doors = doors
        self._clock = clock
        self._tries = Throttle(clock)
        self._open: dict[tuple[int, str], float] = {}

    def admits(self, address: str) -> bool:
        """Is this an address of portal.phones.allow. Asked before the token is looked at."""
        return within(address, self._allowed)

    async def phone(self, token: str, address: str) -> Phone | None:
        """Whose phone it is; None for a token that opens nothing (any more).

        Raises RefusedError, code ``throttled``, for wrong tokens one after the other: those are not looked up. A phone that came in
        from there before is not held up by them.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        known = self._tries.knows(digest, address)
        if not known:
            self._tries.enter(digest, address)
        found = await self._found(token, address)
        if found is None and known:
            self._tries.enter(digest, address)
        elif found is not None and not known:
            self._tries.right(digest, address)
        return found

    async def _found(self, token: str, address: str) -> Phone | None:
        found = await self._doors.key(token, "phone", address)
        member = None if found is None or found[0].member is None else await self._doors.member(found[0].member)
        return None if found is None or member is None else Phone(*found, member)

    def locked(self, phone: Phone) -> bool:
        """Must the PIN be typed first."""
        return phone.member.has_pin and self._clock.monotonic() >= self._open.get((phone.key.id, phone.actor.address), -1.0)

    async def try_pin(self, phone: Phone, pin: str) -> bool:
        """Opens for ``OPEN_FOR``, to the address it came from, where it is right. Raises RefusedError, code ``throttled``."""
        right = await self._doors.check_pin(phone.member, pin, phone.actor.address)
        if right:
            self._open[phone.key.id, phone.actor.address] = self._clock.monotonic() + OPEN_FOR
        return right


class Deeds:
    """What was done through which link, and what was typed and not sent yet: asked for again, a deed is shown and not done again."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(2)
        self._done: OrderedDict[tuple[int, str], Screen] = OrderedDict()
        self._drafts: OrderedDict[tuple[int, str], str] = OrderedDict()
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def nonce(self) -> str:
        """For one link: 48 random bits, after a mark of this run."""
        return self._run + secrets.token_urlsafe(6)

    def is_ours(self, nonce: str) -> bool:
        """Was it made in this run: what an older one did is not known here."""
        return nonce.startswith(self._run)

    def one_at_a_time(self, phone: Phone) -> asyncio.Lock:
        """Held while a phone does something: two requests for one link are one deed."""
        return self._locks[phone.key.id]

    def shown(self, phone: Phone, nonce: str) -> Screen | None:
        """What the link showed when its deed was done."""
        return self._done.get((phone.key.id, nonce))

    def did(self, phone: Phone, nonce: str, screen: Screen) -> Screen:
        """Remember it."""
        _keep(self._done, (phone.key.id, nonce), screen)
        self._drafts.pop((phone.key.id, nonce), None)
        return screen

    def typed(self, phone: Phone, nonce: str, text: str) -> None:
        """Keep a text until it is sent."""
        _keep(self._drafts, (phone.key.id, nonce), text)

    def draft(self, phone: Phone, nonce: str) -> str | None:
        """What was typed."""
        return self._drafts.get((phone.key.id, nonce))


def _keep(kept: OrderedDict[tuple[int, str], _T], key: tuple[int, str], value: _T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST:
        kept.popitem(last=False)
