"""Calls, taken out of the house as a list. Every member may; who did is audited."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from ari_app.board import Actor, Listed
from ari_app.desk.base import Base
from ari_app.errors import RefusedError

__all__ = ["PAGE", "Exporting"]

PAGE = 500
"""Calls given at once."""


class Exporting(Base):
    """Reading in bulk."""

    async def calls(
        self,
        by: Actor,
        since: date,
        until: date,
        *,
        line: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = PAGE,
    ) -> tuple[Listed, ...]:
        """Inbound calls that started from ``since`` up to and with ``until``, days of the clinic's zone, newest first.

        ``before``: ``started`` and ``id`` of the last one seen, for those after it. The first page is audited.
        Raises RefusedError, NotFoundError.
        """
        self._known_line(line)
        if until < since:
            raise RefusedError("the last day is before the first", "choose them the other way round", code="bad_span")
        zone = self._standing.settings.clinic.zone
        if before is None:
            await self._store.acts.audited(by, "calls_listed", None, f"{since} to {until}{f', {line}' if line else ''}")
        begin, end = (datetime.combine(day, time(), zone) for day in (since, until + timedelta(days=1)))
        return await self._store.board.listed(begin, end, line=line, before=before, limit=min(max(limit, 1), PAGE))

    async def exported(self, by: Actor, what: str) -> None:
        """Write down that figures were taken out; ``what`` says which, in a few words of ours."""
        await self._store.acts.audited(by, "exported", None, what)
