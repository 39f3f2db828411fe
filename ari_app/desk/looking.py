"""What is there: the inbox, a thread, what a search finds, the ready replies."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from ari_app.board import Actor, Box, Canned, Counts, Found, Row, ThreadView
from ari_app.desk.base import Base
from ari_app.desk.checks import is_utf8
from ari_app.desk.replies import READY
from ari_app.errors import NotFoundError
from ari_app.model import Language

__all__ = ["MOST_ROWS", "Looking"]

MOST_ROWS = 200
"""Rows or entries given at once."""
_LONGEST_SEARCH = 200
_READING = timedelta(hours=1)
"""An open page that looks again, and its older entries, belong to a reading for so long."""


class Looking(Base):
    """Reading. A look into a thread is audited, and says that somebody opened it."""

    async def inbox(
        self, by: Actor, box: Box = Box.TO_ANSWER, *, line: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Row, ...]:
        """Rows of one part of the inbox, newest first; of one line, when one is named. Raises NotFoundError, code ``no_line``."""
        del by  # every look has somebody who looks, though lists are not audited
        self._known_line(line)
        return await self._store.board.rows(box, line=line, limit=_within(limit), offset=max(offset, 0))

    async def page(
        self, by: Actor, box: Box = Box.TO_ANSWER, *, line: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[tuple[Row, ...], Counts]:
        """The same with how many lie where, of one moment."""
        del by
        self._known_line(line)
        return await self._store.board.page(box, line=line, limit=_within(limit), offset=max(offset, 0))

    async def rows(self, threads: Collection[int]) -> tuple[Row, ...]:
        """These threads as rows, for live updates."""
        return await self._store.board.rows_of(threads)

    async def counts(self, line: str | None = None) -> Counts:
        """How many lie where."""
        self._known_line(line)
        return await self._store.board.counts(line)

    async def thread(self, by: Actor, thread: int, *, before: datetime | None = None, limit: int = 50, refresh: bool = False) -> ThreadView:
        """A thread, opened: its time line newest first, older than ``before``.

        ``refresh``: an open page looks again. That, and turning to what is older, is no new reading within an hour of the last one
        of the same person through the same face. Raises NotFoundError.
        """
        if refresh or before is not None:
            seen = await self._store.board.read_on(thread, by, _READING, before=before, limit=_within(limit))
            if seen is not None:
                return seen
        return await self._store.acts.opened(thread, by, before=before, limit=_within(limit))

    async def search(self, by: Actor, words: str, *, limit: int = 30) -> tuple[Found, ...]:
        """Threads whose name, number, texts or notes hold these words; the last one may be half typed.

        It is audited which ones were shown, as words out of them are; not what was searched for, which is a patient's name.
        """
        if not words.strip() or not is_utf8(words):
            return ()
        found = await self._store.board.search(words[:_LONGEST_SEARCH], limit=_within(limit))
        if found:
            await self._store.acts.audited(by, "searched", None, " ".join(f"#{each.row.thread}" for each in found))
        return found

    async def canned(self, by: Actor, language: Language | None = None) -> tuple[Canned, ...]:
        """The ready replies of a language and those of none, in their order; built-in ones (ids below 0) until the first is changed."""
        del by
        own = await self._store.board.canned(language)
        if own is not None:
            return own
        wanted = (language,) if language else self._standing.settings.clinic.languages
        return tuple(each for each in READY if each.language in wanted)

    async def fill(self, by: Actor, thread: int, canned: int) -> str:
        """A ready reply with its placeholders filled for the caller of a thread. Raises NotFoundError."""
        chosen = next((each for each in await self.canned(by) if each.id == canned), None)
        if chosen is None:
            raise NotFoundError(f"there is no ready reply {canned}", "choose another", code="no_canned")
        view = await self._store.board.thread(thread, limit=1)
        return self._filled(chosen.text, view.row, chosen.language or view.language)

    def _filled(self, template: str, row: Row, language: Language | None) -> str:
        if row.name is None:
            template = re.sub(r" ?\{name\}", "", template)
        return self._standing.policy.fill(row.line, template, language, self._clock.now(), self._switches(), name=row.name or "")


def _within(limit: int) -> int:
    return min(max(limit, 1), MOST_ROWS)
