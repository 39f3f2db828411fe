"""``store.privacy``: what is kept of one number, its erasure, and the end of what is kept for long enough."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ari_app.board import Actor
from ari_app.clock import Clock
from ari_app.errors import NotFoundError
from ari_app.threads import erasing, purging, record
from ari_app.threads.audit import audit
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.erasing import Gone

__all__ = ["Privacy"]

_STEPS = 200
"""Tries at emptying the log while somebody reads."""
_PAUSE = 0.02


class _Undone(Exception):  # noqa: N818 - no error: it takes back what was only tried
    def __init__(self, gone: Gone) -> None:
        super().__init__()
        self.gone = gone


class Privacy:
    """Over one store. Raises NotFoundError, code ``no_record``, for a number of which nothing is kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- one person's record

    async def record(self, number: str) -> dict[str, Any]:
        """All that is kept of a number, as JSON values (see ``record.record``)."""

        def look(reader: Reader) -> dict[str, Any]:
            _known(reader, number)
            return record.record(reader, number)

        return await self._database.read(look)

    async def sound(self, voicemail: int) -> tuple[str, bytes] | None:
        """Content type and bytes of a message's sound, None where it is not kept."""
        row = await self._database.read(lambda reader: reader.one("SELECT type, sound FROM recording WHERE voicemail = ?", (voicemail,)))
        return None if row is None else (row["type"], row["sound"])

    async def exported(self, number: str, by: Actor) -> int:
        """Write down that the record of a number is taken out, in each of its threads; how many those are."""
        now = self._clock.now()

        def work(tx: Transaction) -> int:
            _known(tx, number)
            threads = record.threads_of(tx, number)
            for thread in threads or (None,):
                audit(tx, by, "record_exported", now, thread=thread)
            return len(threads)

        return await self._database.write(work)

    # -- erasing

    async def erase(self, number: str, by: Actor, *, keep_person: bool = False, only_try: bool = False) -> tuple[Gone, int]:
        """Take a number out of every table (see ``erasing.erase``); ``only_try``: say what would go.

        Second: in how many texts and notes of others it stands, which are left.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Gone:
            _known(tx, number)
            gone = erasing.erase(tx, number, by=by, now=now, keep_person=keep_person)
            if only_try:
                raise _Undone(gone)
            return gone

        try:
            gone = await self._database.write(work)
        except _Undone as undone:
            gone = undone.gone
            elsewhere = await self._database.read(lambda reader: erasing.mentions(reader, number, besides=True))
        else:
            elsewhere = await self._database.read(lambda reader: erasing.mentions(reader, number))
        return gone, elsewhere

    async def erasures(self) -> tuple[tuple[str, str], ...]:
        """Digest and time of every erasure."""
        rows = await self._database.read(lambda reader: reader.all("SELECT digest, at FROM erasure ORDER BY at, id"))
        return tuple((row["digest"], row["at"]) for row in rows)

    async def tidy(self) -> bool:
        """Take what was deleted out of the full-text indexes and the log too, a step at a time. False: somebody reads all the while.

        Nothing to do where nothing was deleted since; what was cut short is done by the next one.
        """
        seen = await self._database.read(erasing.untidy)
        if not seen:
            return True
        for table in await self._database.read(erasing.searchable):
            await self._database.write(functools.partial(_merge, table, True))
            while await self._database.write(functools.partial(_merge, table, False)):
                pass
        for _ in range(_STEPS):
            if await self._database.fold():
                await self._database.write(lambda tx: erasing.tidied(tx, seen))
                return True
            await self._clock.sleep(_PAUSE)
        return False

    # -- what is old

    async def due(self, kept: purging.Kept) -> dict[str, int]:
        """How many rows of each class are old."""
        now = self._clock.now()
        return await self._database.read(lambda reader: purging.due(reader, kept, now))

    async def old(self, name: str, kept: purging.Kept, most: int) -> list[Any]:
        """Ids of old rows of a class."""
        now = self._clock.now()
        return await self._database.read(lambda reader: purging.old(reader, name, kept, now, most))

    async def take(self, name: str, ids: Sequence[Any], kept: purging.Kept) -> int:
        """Take old rows away, in one transaction; how many went."""
        now = self._clock.now()
        return await self._database.write(lambda tx: purging.take(tx, name, ids, kept, now))

    async def purged(self, counts: dict[str, int], by: Actor) -> None:
        """Write down what went."""
        now: datetime = self._clock.now()
        await self._database.write(lambda tx: purging.purged(tx, counts, by, now))


def _merge(table: str, first: bool, tx: Transaction) -> bool:
    return erasing.merge(tx.connection, table, first=first)


def _known(reader: Reader, number: str) -> None:
    if not erasing.is_known(reader, number):
        raise NotFoundError(
            f"nothing is kept of {number or 'an empty number'}",
            "check the number; write it with its area code and without an extension",
            code="no_record",
        )
