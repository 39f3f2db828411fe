"""Contacts and threads: who a number is, and whether somebody still has to answer it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ari_app.events import ContactChanged, ThreadChanged
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import stamp

__all__ = ["ANSWERED", "DONE", "TO_ANSWER", "contact", "latest_thread", "mark", "open_thread", "set_contact"]

TO_ANSWER = "to_answer"
ANSWERED = "answered"
DONE = "done"


def contact(tx: Transaction, number: str, now: datetime) -> sqlite3.Row:
    """The contact of a number, made when there is none."""
    tx.run("INSERT INTO contact (number, created) VALUES (?, ?) ON CONFLICT (number) DO NOTHING", (number, stamp(now)))
    row = tx.one("SELECT * FROM contact WHERE number = ?", (number,))
    assert row is not None  # noqa: S101  (inserted above)
    return row


def set_contact(tx: Transaction, number: str, column: str, value: str | None) -> bool:
    """Set one column of a contact; True when that changed it."""
    changed = tx.run(f"UPDATE contact SET {column} = ? WHERE number = ? AND {column} IS NOT ?", (value, number, value)) > 0  # noqa: S608
    if changed:
        tx.notify(ContactChanged(number))
    return changed


def latest_thread(reader: Reader, number: str) -> sqlite3.Row | None:
    """The thread of a number in which something happened last, whatever its line."""
    return reader.one("SELECT * FROM thread WHERE number = ? ORDER BY changed DESC, id DESC LIMIT 1", (number,))


def open_thread(tx: Transaction, line: str, number: str | None, state: str, now: datetime) -> int:
    """The thread of line and number, made in ``state`` when there is none. Without a number always a new one."""
    at = stamp(now)
    if number is not None:
        contact(tx, number, now)
        found = tx.one("SELECT id FROM thread WHERE line = ? AND number = ?", (line, number))
        if found is not None:
            tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (at, found["id"]))
            return int(found["id"])
    thread = tx.insert("thread", {"line": line, "number": number, "state": state, "created": at, "changed": at})
    tx.notify(ThreadChanged(thread))
    return thread


def mark(tx: Transaction, thread: int, state: str, *, text_waits: bool = False) -> bool:
    """Put a thread into a state; True when that changed it. ``text_waits``: a caller's text is what waits for an answer."""
    if state == TO_ANSWER:
        changed = tx.run("UPDATE thread SET state = ? WHERE id = ? AND state != ?", (state, thread, state)) > 0
        if text_waits:
            tx.run("UPDATE thread SET text_waits = 1 WHERE id = ?", (thread,))
    else:
        changed = tx.run("UPDATE thread SET state = ?, text_waits = 0 WHERE id = ? AND state != ?", (state, thread, state)) > 0
    if changed:
        tx.notify(ThreadChanged(thread))
    return changed
