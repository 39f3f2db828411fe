"""What staff write about a caller for each other: notes, urgency, the caller's name and language, what they said of texts."""

from __future__ import annotations

from datetime import datetime

from ari_app.board import Actor
from ari_app.errors import RefusedError
from ari_app.events import ThreadChanged
from ari_app.model import Language, Level
from ari_app.threads import people
from ari_app.threads.audit import audit
from ari_app.threads.contact_edits import name_number, numbered
from ari_app.threads.database import Transaction
from ari_app.threads.holding import thread_row
from ari_app.threads.reacting import withdraw_notices
from ari_app.threads.rows import stamp

__all__ = ["language", "name", "note", "opt_out", "urgent"]


def note(tx: Transaction, thread: int, text: str, by: Actor, now: datetime, *, act: str) -> int:
    """Keep words for staff only; the note's id. The same ``act`` twice is one note.

    Raises NotFoundError, RefusedError: ``no_text``, or ``id_used`` for an ``act`` of another note.
    """
    thread_row(tx, thread)
    if not text.strip():
        raise RefusedError("the note is empty", "write something", code="no_text")
    before = tx.one("SELECT id, thread, text FROM note WHERE act = ?", (act,))
    if before is not None:
        if (before["thread"], before["text"]) != (thread, text):
            raise RefusedError(f"the id {act!r} was used for another note", "give each note an id of its own", code="id_used")
        return int(before["id"])
    written = tx.insert("note", {"thread": thread, "at": stamp(now), "author": by.name, "text": text, "act": act})
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(now), thread))
    audit(tx, by, "note", now, thread=thread, what=f"note {written}")
    tx.notify(ThreadChanged(thread))
    return written


def urgent(tx: Transaction, thread: int, on: bool, by: Actor, now: datetime) -> bool:
    """Put a thread before the others, or back among them; False when it stood so. Raises NotFoundError."""
    thread_row(tx, thread)
    level = Level.URGENT if on else Level.NORMAL
    changed = tx.run("UPDATE thread SET urgent = ?, urgent_why = NULL WHERE id = ? AND urgent != ?", (level, thread, level)) > 0
    if changed:
        audit(tx, by, "urgent" if on else "not_urgent", now, thread=thread)
        tx.notify(ThreadChanged(thread))
    return changed


def name(tx: Transaction, thread: int, given: str | None, by: Actor, now: datetime) -> bool:
    """Name the caller of a thread, in all of theirs; None takes the name away. False when it was so.

    Raises NotFoundError, RefusedError: ``no_number``, and as ``contact_edits.name_number``.
    """
    changed = name_number(tx, numbered(tx, thread), given, now)
    if changed:
        audit(tx, by, "name", now, thread=thread, what="" if given else "removed")
    return changed


def language(tx: Transaction, thread: int, chosen: Language | None, by: Actor, now: datetime) -> bool:
    """The language of a thread's caller; None: not known. False when it was so. Raises NotFoundError, RefusedError: ``no_number``."""
    changed = people.set_contact(tx, numbered(tx, thread), "language", chosen)
    if changed:
        audit(tx, by, "language", now, thread=thread, what=chosen or "removed")
    return changed


def opt_out(tx: Transaction, thread: int, on: bool, by: Actor, now: datetime) -> bool:
    """The caller said to a person that they want no more texts, or want them again. False when it was so.

    It holds of the number, as their STOP and START do. Raises NotFoundError, RefusedError: ``no_number``.
    """
    number = numbered(tx, thread)
    if on == (tx.value("SELECT opted_out FROM contact WHERE number = ?", (number,)) is not None):
        return False
    people.opt(tx, number, out=on, now=now, who=by.name)
    if on:
        withdraw_notices(tx, number, but="safety")
    audit(tx, by, "opt_out_verbal" if on else "opt_in_verbal", now, thread=thread)
    return True
