"""Inbound calls of a period, one after the other: what is exported."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ari_app.board import Listed
from ari_app.model import AnsweredBy, DecisionKind, Outcome, Reached, Reason
from ari_app.threads.database import Reader
from ari_app.threads.rows import required, stamp

__all__ = ["listed"]

_CALLS = """SELECT c.*, m.id AS message, p.name AS name FROM call c
    LEFT JOIN message m ON m.call = c.id LEFT JOIN contact p ON p.number = c.caller"""


def listed(
    reader: Reader,
    since: datetime,
    until: datetime,
    *,
    line: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 500,
) -> tuple[Listed, ...]:
    """Calls that started from ``since`` to before ``until``, newest first; ``before``: start and id of the last one seen."""
    where, values = ["c.started >= ?", "c.started < ?"], [stamp(since), stamp(until)]
    if line is not None:
        where.append("c.line = ?")
        values.append(line)
    if before is not None:
        where.append("(c.started, c.id) < (?, ?)")
        values += [stamp(before[0]), before[1]]
    rows = reader.all(f"{_CALLS} WHERE {' AND '.join(where)} ORDER BY c.started DESC, c.id DESC LIMIT ?", (*values, limit))
    return tuple(_listed(row) for row in rows)


def _listed(row: sqlite3.Row) -> Listed:
    hidden = row["presentation"] == "prohibited"
    return Listed(
        id=row["id"],
        started=required(row["started"]),
        ended=required(row["ended"]),
        number=None if hidden else row["caller"],
        name=None if hidden else row["name"],
        did=row["did"],
        line=row["line"],
        outcome=Outcome(row["outcome"]),
        answered_by=AnsweredBy(row["answered_by"]) if row["answered_by"] else None,
        reached=Reached(row["reached"]),
        rang=round(row["rang"], 3),
        open=bool(row["open"]),
        decision=DecisionKind(row["decision"]),
        reason=Reason(row["reason"]),
        message=row["message"],
        thread=row["thread"],
    )
