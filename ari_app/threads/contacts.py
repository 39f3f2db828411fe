"""``store.contacts``: the people behind numbers, where they come from, and what staff say of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from ari_app.board import Actor, Row
from ari_app.clock import Clock
from ari_app.model import Kind, Language
from ari_app.person import Applied, Caller, Person, PersonNumber, Record, Synced
from ari_app.threads import contact_edits, contact_finding, syncing
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.home import Home
from ari_app.threads.syncing import AT_ONCE, Source

__all__ = ["Contacts"]

_T = TypeVar("_T")


class Contacts:
    """What staff do is audited in its transaction (``by``). Whatever changes people changes the names of their numbers' threads with it.

    Raises NotFoundError, code ``no_contact``, for somebody who is not there, RefusedError with the fix.
    """

    def __init__(self, database: Database, clock: Clock, home: Home) -> None:
        self._database = database
        self._clock = clock
        self._home = home

    async def _look(self, question: Callable[[Reader], _T]) -> _T:
        return await self._database.read(question)

    async def _act(self, work: Callable[[Transaction, datetime], _T]) -> _T:
        now = self._clock.now()
        return await self._database.write(lambda tx: work(tx, now))

    # -- sources

    async def apply(self, records: Iterable[Record], source: Source) -> Applied:
        """People as a source has them, ``AT_ONCE`` in a transaction: the same records again change nothing (see ``syncing.apply``)."""
        total = Applied()
        for batch in _batches(records):
            total += await self._act(lambda tx, now, batch=batch: syncing.apply(tx, batch, source, now))  # type: ignore[misc]
        return total

    async def remove(self, externals: Collection[str], source: Source) -> int:
        """These are gone at the source (see ``syncing.remove``); how many were here."""
        gone = 0
        for batch in _batches(externals):
            gone += await self._database.write(lambda tx, batch=batch: syncing.remove(tx, batch, source))  # type: ignore[misc]
        return gone

    async def digests(self, source: Source | None) -> dict[str, str]:
        """``person.digest_of`` what a source (None: each) last said of each person, by external id."""
        return await self._look(lambda reader: syncing.digests(reader, source))

    async def synced(self, ended: Synced, *, by: Actor | None = None) -> None:
        """How an import or a look at the clinic's database ended. ``good`` is filled in here."""
        await self._act(lambda tx, now: syncing.synced(tx, ended, by, now))

    async def states(self) -> tuple[Synced, ...]:
        """How the newest import and the newest look at the clinic's database ended, those there were."""
        return await self._look(syncing.states)

    # -- looking

    async def find(self, words: str, *, kind: Kind | None = None, limit: int = 50, offset: int = 0) -> tuple[Person, ...]:
        """People as they are looked for (see ``contact_finding.find``)."""
        return await self._look(
            lambda reader: contact_finding.find(reader, words, self._home.country, kind=kind, limit=limit, offset=offset)
        )

    async def count(self) -> dict[Kind, int]:
        """How many there are of each kind."""
        return await self._look(contact_finding.count)

    async def get(self, person: int) -> Person:
        """One of them."""
        return await self._look(lambda reader: contact_edits.get(reader, person))

    async def read(self, person: int, by: Actor) -> Person:
        """One of them, with a row in the audit that says who looked."""
        return await self._act(lambda tx, now: contact_edits.read(tx, person, by, now))

    async def given(self, person: int) -> Record | None:
        """What their source last said of them; None for who has none."""
        return await self._look(lambda reader: contact_edits.given(reader, person))

    async def threads(self, person: int) -> tuple[Row, ...]:
        """The threads of their numbers, the newest first, at most ``contact_finding.MOST_THREADS``."""
        now = self._clock.now()
        return await self._look(lambda reader: contact_finding.threads(reader, person, now))

    async def caller(self, number: str) -> Caller:
        """What a number is, while its call rings."""
        now = self._clock.now()
        return await self._look(lambda reader: contact_finding.caller(reader, number, now))

    # -- what staff do

    async def save(
        self,
        person: int | None,
        *,
        name: str,
        kind: Kind,
        language: Language | None,
        tags: Sequence[str],
        numbers: Sequence[PersonNumber],
        by: Actor,
    ) -> int:
        """Enter somebody, or change what is known of them; the id. ``tags``: sorted, each once, without blanks."""
        fields = {"name": name, "kind": kind, "language": language, "tags": tuple(tags), "numbers": tuple(numbers)}
        return await self._act(lambda tx, now: contact_edits.save(tx, person, fields, by, now))

    async def release(self, person: int, fields: Collection[str] | None, by: Actor) -> bool:
        """Give edited fields (None: all) back to the source; False where none was edited."""
        return await self._act(lambda tx, now: contact_edits.release(tx, person, fields, by, now))

    async def delete(self, person: int, by: Actor) -> None:
        """Forget somebody of here or of an import. Raises RefusedError, code ``source_rules``, for who is kept in step with a source."""
        await self._act(lambda tx, now: contact_edits.delete(tx, person, by, now))

    async def take_offered(self, thread: int, by: Actor) -> int:
        """The name that the caller gave becomes a contact; the id. Raises NotFoundError, code ``no_offer``."""
        return await self._act(lambda tx, now: contact_edits.take_offered(tx, thread, by, now))

    async def drop_offered(self, thread: int, by: Actor) -> None:
        """The name that the caller gave is none. Raises NotFoundError, code ``no_offer``."""
        await self._act(lambda tx, now: contact_edits.drop_offered(tx, thread, by, now))


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
