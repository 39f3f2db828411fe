"""``store.board``: what staff see, as values every face draws. Read-only; nothing here is audited, the acts are."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from ari_app.board import Actor, Audited, Box, Canned, Counts, Found, Listed, Row, Statistics, ThreadView
from ari_app.clock import Clock
from ari_app.model import Language
from ari_app.threads import audit, figures, finding, inbox, listing, ready, timeline
from ari_app.threads.database import Database, Reader

__all__ = ["Board"]

_T = TypeVar("_T")


class Board:
    """Questions over the file, each one consistent view of it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def _look(self, question: Callable[[Reader, datetime], _T]) -> _T:
        now = self._clock.now()
        return await self._database.read(lambda reader: question(reader, now))

    async def rows(self, box: Box, *, line: str | None = None, limit: int = 50, offset: int = 0) -> tuple[Row, ...]:
        """A page of a part of the inbox (see ``inbox.rows``)."""
        return await self._look(lambda reader, now: inbox.rows(reader, box, now, line=line, limit=limit, offset=offset))

    async def page(self, box: Box, *, line: str | None = None, limit: int = 50, offset: int = 0) -> tuple[tuple[Row, ...], Counts]:
        """A page of a part of the inbox, and how many threads lie in each, of one moment."""
        return await self._look(
            lambda reader, now: (
                inbox.rows(reader, box, now, line=line, limit=limit, offset=offset),
                inbox.counts(reader, now, line),
            )
        )

    async def rows_of(self, threads: Collection[int]) -> tuple[Row, ...]:
        """These threads as rows; those that are none are left out."""
        return await self._look(lambda reader, now: inbox.rows_of(reader, threads, now))

    async def counts(self, line: str | None = None) -> Counts:
        """How many threads lie where, in the house or on a line."""
        return await self._look(lambda reader, now: inbox.counts(reader, now, line))

    async def counts_by_line(self) -> dict[str, Counts]:
        """The same of each line in which something waits or went wrong."""
        return await self._look(inbox.counts_by_line)

    async def waiting(self) -> tuple[tuple[int, str, datetime], ...]:
        """What is to answer and not put off: thread, line, since when; the longest first."""
        return await self._look(inbox.waiting)

    async def urgent(self) -> frozenset[int]:
        """Threads that are urgent, to answer and not put off."""
        return await self._look(inbox.urgent)

    async def thread(self, thread: int, *, before: datetime | None = None, limit: int = 50) -> ThreadView:
        """A page of a thread's time line. Raises NotFoundError."""
        return await self._look(lambda reader, now: timeline.thread_view(reader, thread, now, before=before, limit=limit))

    async def read_on(
        self, thread: int, by: Actor, within: timedelta, *, before: datetime | None = None, limit: int = 50
    ) -> ThreadView | None:
        """The same for who read it within so long; None for who did not, whose reading is to be written down. Raises NotFoundError."""

        def question(reader: Reader, now: datetime) -> ThreadView | None:
            if not audit.has_read(reader, by, thread, now - within):
                return None
            return timeline.thread_view(reader, thread, now, before=before, limit=limit)

        return await self._look(question)

    async def search(self, words: str, *, limit: int = 30) -> tuple[Found, ...]:
        """Threads with these words as they are typed (see ``finding.find``)."""
        return await self._look(lambda reader, now: finding.find(reader, words, now, limit=limit))

    async def statistics(self, since: date, until: date, zone: ZoneInfo, line: str | None = None) -> Statistics:
        """What became of the calls of these days (see ``figures.statistics``)."""
        return await self._look(lambda reader, _: figures.statistics(reader, since, until, zone, line))

    async def listed(
        self, since: datetime, until: datetime, *, line: str | None = None, before: tuple[datetime, str] | None = None, limit: int = 500
    ) -> tuple[Listed, ...]:
        """Calls of a period (see ``listing.listed``)."""
        return await self._look(lambda reader, _: listing.listed(reader, since, until, line=line, before=before, limit=limit))

    async def canned(self, language: Language | None = None) -> tuple[Canned, ...] | None:
        """Ready replies of a language and of none, or all (see ``ready.canned``)."""
        return await self._look(lambda reader, _: ready.canned(reader, language))

    async def audit(
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        thread: int | None = None,
        who: str | None = None,
        act: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> tuple[Audited, ...]:
        """Who did or saw what, newest first (see ``audit.audited``)."""
        return await self._look(
            lambda reader, _: audit.audited(reader, before=before, limit=limit, thread=thread, who=who, act=act, since=since, until=until)
        )

    async def settings(self) -> dict[str, tuple[str, datetime, str]]:
        """What was changed in the portal: key to value (JSON), when, and by whom."""
        return await self._look(lambda reader, _: ready.settings(reader))
