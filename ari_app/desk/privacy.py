"""What the administrator owes a person: their record, its erasure; and the end of what is kept for long enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ari_app.board import Actor
from ari_app.desk.base import Base
from ari_app.errors import RefusedError
from ari_app.numbers import e164
from ari_app.privacy.document import document
from ari_app.privacy.erase import Erased, erase
from ari_app.privacy.purge import kept, purge

__all__ = ["Privacy", "Purged"]

_WITHIN = 20.0
"""Seconds of one purge that somebody waits for."""


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows by class that went. ``more``: ask again."""

    counts: dict[str, int]
    more: bool


class Privacy(Base):
    """Administrators only."""

    def _e164(self, number: str) -> str:
        """As the store names it: what is no number (a short code, a sender's name) stands as it came."""
        return e164(number, self._country) or number.strip()

    async def record_exported(self, number: str, *, by: Actor) -> str:
        """Write down that a number's record is taken out; the number as the store names it. Raises RefusedError, NotFoundError."""
        self._administrator(by)
        number = self._e164(number)
        await self._store.privacy.exported(number, by)
        return number

    async def record(self, thread: int, *, by: Actor) -> dict[str, Any]:
        """All that is kept of a thread's number but sounds (``privacy.document``). Raises RefusedError ``no_number``, NotFoundError."""
        self._administrator(by)
        number = (await self._row(thread)).number
        if number is None:
            raise RefusedError("the call showed no number: there is no record of anybody", "look at the thread itself", code="no_number")
        await self._store.privacy.exported(number, by)
        found = await self._store.privacy.record(number)
        silent = [{**each, "type": None} for each in found["voicemails"]]
        return document({**found, "voicemails": silent}, self._standing.settings, number, self._clock.now())

    async def erase(self, number: str, *, keep_person: bool = False, only_look: bool = False, by: Actor) -> Erased:
        """Erase a number, or say what would go (see ``privacy.erase.erase``). Raises RefusedError, NotFoundError, StoreError."""
        self._administrator(by)
        settings = self._standing.settings
        return await erase(self._store, settings, self._e164(number), by, keep_person=keep_person, only_look=only_look)

    async def purge(self, *, only_look: bool = False, by: Actor) -> Purged:
        """Take away what is older than [store.retention] keeps it, or say how much that would be. Raises RefusedError, StoreError."""
        self._administrator(by)
        retention = self._standing.settings.store.retention
        if only_look:
            due = await self._store.privacy.due(kept(retention))
            return Purged({name: count for name, count in due.items() if count}, more=False)
        counts, more = await purge(self._store, retention, self._clock, within=_WITHIN)
        if counts:
            await self._store.privacy.purged(counts, by)
        return Purged(counts, more)
