"""A thread's time line: calls both ways, texts and notes, the newest first."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from ari_app.board import Entry, ThreadView
from ari_app.errors import NotFoundError
from ari_app.threads.database import Reader
from ari_app.threads.entries import (
    ASKED,
    OUTGOING,
    TEXT,
    VOICEMAIL,
    call_entry,
    note_entry,
    outgoing_entry,
    text_entry,
    voicemail_entry,
)
from ari_app.threads.inbox import rows_of
from ari_app.threads.persons import people_of, standing
from ari_app.threads.rows import moment, stamp

__all__ = ["ENTRIES", "thread_view"]

_FIRST = "\uffff"
"""After every time."""
ENTRIES: tuple[tuple[str, Callable[[sqlite3.Row], Entry]], ...] = (
    (
        f"""SELECT {TEXT} FROM message m INDEXED BY message_by_thread WHERE m.thread = :thread AND m.at < :before
            ORDER BY m.at DESC, m.id DESC LIMIT :most""",
        text_entry,
    ),
    (
        """SELECT c.* FROM call c INDEXED BY call_by_thread_start WHERE c.thread = :thread AND c.started < :before
            ORDER BY c.started DESC LIMIT :most""",
        call_entry,
    ),
    (
        f"""SELECT {OUTGOING} FROM outgoing o INDEXED BY outgoing_by_start WHERE o.number = :number AND o.started < :before
            ORDER BY o.started DESC LIMIT :most""",
        outgoing_entry,
    ),
    (
        f"""SELECT {ASKED} FROM call_back b INDEXED BY call_back_by_thread WHERE b.thread = :thread AND b.at < :before
            AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.id = b.outgoing) ORDER BY b.at DESC LIMIT :most""",
        outgoing_entry,
    ),
    (
        """SELECT n.* FROM note n INDEXED BY note_by_thread WHERE n.thread = :thread AND n.at < :before
            ORDER BY n.at DESC, n.id DESC LIMIT :most""",
        note_entry,
    ),
    (
        f"""SELECT {VOICEMAIL} FROM voicemail v INDEXED BY voicemail_by_thread WHERE v.thread = :thread AND v.at < :before
            ORDER BY v.at DESC, v.id DESC LIMIT :most""",
        voicemail_entry,
    ),
)
"""Each kind by an index in the order of its time."""


def thread_view(reader: Reader, thread: int, now: datetime, *, before: datetime | None = None, limit: int = 50) -> ThreadView:
    """A page of a thread: ``limit`` entries older than ``before``, and those of the same moment as the last. Raises NotFoundError."""
    drawn = rows_of(reader, (thread,), now)
    row = reader.one(
        """SELECT t.number, c.language, c.wrote, c.opted_out, c.not_textable, (SELECT max(id) FROM message WHERE thread = t.id) AS newest
            FROM thread t LEFT JOIN contact c ON c.number = t.number WHERE t.id = ?""",
        (thread,),
    )
    if row is None or not drawn:
        raise NotFoundError(f"there is no thread {thread}", "see `textback threads` for those there are")
    params = {"thread": thread, "number": row["number"], "before": stamp(before) if before else _FIRST, "most": limit + 1}
    found = [entry(each) for sql, entry in ENTRIES for each in reader.all(sql, params)]
    found.sort(key=lambda entry: entry.at, reverse=True)
    page = found[:limit] + [entry for entry in found[limit:] if entry.at == found[limit - 1].at]
    people = people_of(reader, row["number"])
    language = row["wrote"] or row["language"] or standing(people).language
    return ThreadView(
        row=drawn[0],
        language=language,
        opted_out=moment(row["opted_out"]),
        not_textable=row["not_textable"],
        entries=tuple(page),
        older=len(page) < len(found),
        seen=row["newest"] or 0,
        people=people,
        language_from="wrote" if row["wrote"] else "contact" if language else None,
    )
