"""A call that rings is declined by staff, its caller promised a text."""

from __future__ import annotations

from datetime import datetime

from ari_app.board import Actor
from ari_app.events import ThreadChanged
from ari_app.threads import holding, people
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction

__all__ = ["declined", "thread_of"]


def thread_of(reader: Reader, number: str, line: str) -> int | None:
    """The thread of a number on a line, None where there is none."""
    row = reader.one("SELECT id FROM thread WHERE line = ? AND number = ?", (line, number))
    return None if row is None else int(row["id"])


def declined(tx: Transaction, number: str, line: str, by: Actor, now: datetime) -> int:
    """The caller's thread, from now on held by who declined; made where the caller is new: the call itself is filed when it is over."""
    thread = thread_of(tx, number, line)
    if thread is None:
        thread = people.open_thread(tx, line, number, people.DONE, now)
    holding.hold(tx, thread, by, now)
    audit(tx, by, "decline", now, thread=thread)
    tx.notify(ThreadChanged(thread))
    return thread
