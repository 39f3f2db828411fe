"""Who did or saw what, when, from where: one row in the transaction of the act, never rewritten.

``what`` says it in a few words of ours: no text of a patient, no name, no words of a search.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ari_app.board import Actor, Audited, Face
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import required, stamp

__all__ = ["audit", "audited", "has_read"]


def audit(tx: Transaction, by: Actor, act: str, now: datetime, *, thread: int | None = None, what: str = "") -> None:
    """Write down that ``by`` did ``act``."""
    tx.insert(
        "audit",
        {
            "at": stamp(now),
            "who": by.name,
            "face": by.face.value,
            "address": by.address,
            "act": act,
            "thread": thread,
            "what": what,
        },
    )


def has_read(reader: Reader, by: Actor, thread: int, since: datetime) -> bool:
    """Did ``by`` read a thread since then, through the same face."""
    return (
        reader.one(
            "SELECT 1 FROM audit WHERE thread = ? AND at >= ? AND act = 'read' AND who = ? AND face = ?",
            (thread, stamp(since), by.name, by.face.value),
        )
        is not None
    )


def audited(
    reader: Reader,
    *,
    before: int | None = None,
    limit: int = 100,
    thread: int | None = None,
    who: str | None = None,
    act: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Audited, ...]:
    """What was audited, newest first: of one thread, one person, one kind of act, from ``since`` to before ``until``.

    ``before``: the id of the last row seen, for the page after it.
    """
    # by time, as every index that leads to them is: where the clock was set back, so is what is read
    wanted: dict[str, object | None] = {
        "(at, id) < ((SELECT at FROM audit WHERE id = ?), ?)": before,
        "thread = ?": thread,
        "who = ?": who,
        "act = ?": act,
        "at >= ?": stamp(since) if since else None,
        "at < ?": stamp(until) if until else None,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = " AND ".join(given) or "1"
    values = [value for condition, value in given.items() for _ in range(condition.count("?"))]
    rows = reader.all(f"SELECT * FROM audit WHERE {where} ORDER BY at DESC, id DESC LIMIT ?", (*values, limit))  # noqa: S608  (our own)
    return tuple(_audited(row) for row in rows)


def _audited(row: sqlite3.Row) -> Audited:
    return Audited(
        id=row["id"],
        at=required(row["at"]),
        who=row["who"],
        face=Face(row["face"]),
        address=row["address"],
        act=row["act"],
        thread=row["thread"],
        what=row["what"],
    )
