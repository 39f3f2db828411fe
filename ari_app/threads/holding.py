"""Who is answering a thread, who looked at it, and until when it is put off."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from ari_app.board import Actor, Holder
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import ThreadChanged
from ari_app.threads import people
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import moment, required, stamp

__all__ = [
    "HELD_FOR",
    "claim",
    "expire_claims",
    "held_up_by",
    "hold",
    "let_go",
    "next_wake",
    "opened",
    "refuse_held",
    "snooze",
    "thread_row",
    "wake",
]

HELD_FOR = timedelta(minutes=5)
"""A thread is let go of when its holder did nothing in it for so long."""


def thread_row(reader: Reader, thread: int) -> sqlite3.Row:
    """Raises NotFoundError."""
    row = reader.one("SELECT * FROM thread WHERE id = ?", (thread,))
    if row is None:
        raise NotFoundError(f"there is no thread {thread}", "see `textback threads`")
    return row


def holder(reader: Reader, thread: int, now: datetime) -> Holder | None:
    """Who is answering it at ``now``."""
    row = reader.one(
        "SELECT t.held_at, m.id, m.name FROM thread t JOIN member m ON m.id = t.holder WHERE t.id = ? AND t.held_at > ?",
        (thread, stamp(now - HELD_FOR)),
    )
    return None if row is None else Holder(member=row["id"], name=row["name"], until=required(row["held_at"]) + HELD_FOR)


def held_up_by(reader: Reader, thread: int, by: Actor, now: datetime) -> Holder | None:
    """The other member who is answering. The shell, which is nobody's desk, is not held up."""
    held = holder(reader, thread, now)
    return None if held is None or by.member is None or held.member == by.member else held


def refuse_held(reader: Reader, thread: int, by: Actor, now: datetime) -> None:
    """Raises RefusedError, code ``held``, where another member is answering."""
    held = held_up_by(reader, thread, by, now)
    if held is not None:
        raise RefusedError(
            f"{held.name} is answering this caller, until {held.until:%H:%M:%S} UTC unless they go on",
            "wait, or take it over",
            code="held",
            facts={"name": held.name, "until": held.until.isoformat(), "thread": thread},
        )


def hold(tx: Transaction, thread: int, by: Actor, now: datetime) -> bool:
    """``by`` does something in the thread: it is theirs, from now on; True when it was not. The shell holds nothing."""
    if by.member is None:
        return False
    before = holder(tx, thread, now)
    tx.run("UPDATE thread SET holder = ?, held_at = ? WHERE id = ?", (by.member, stamp(now), thread))
    new = before is None or before.member != by.member
    if new:
        tx.notify(ThreadChanged(thread))
    return new


def claim(tx: Transaction, thread: int, by: Actor, now: datetime, *, takeover: bool) -> Holder:
    """The member answers this thread, or goes on doing so. Raises NotFoundError, RefusedError: ``held``, ``no_member`` for the shell."""
    thread_row(tx, thread)
    if by.member is None:
        raise RefusedError("the shell is no member and answers no thread", "sign in as a member", code="no_member")
    if not takeover:
        refuse_held(tx, thread, by, now)
    before = holder(tx, thread, now)
    if hold(tx, thread, by, now):
        what = f"from {before.name}" if before is not None else ""
        audit(tx, by, "take_over" if before is not None else "claim", now, thread=thread, what=what)
    held = holder(tx, thread, now)
    assert held is not None  # noqa: S101  (held just now)
    return held


def let_go(tx: Transaction, thread: int, by: Actor, now: datetime) -> bool:
    """The holder stops answering; False where it is somebody else's or nobody's. Raises NotFoundError."""
    row = thread_row(tx, thread)
    if by.member is None or row["holder"] != by.member:
        return False
    tx.run("UPDATE thread SET holder = NULL, held_at = NULL WHERE id = ?", (thread,))
    audit(tx, by, "let_go", now, thread=thread)
    tx.notify(ThreadChanged(thread))
    return True


def expire_claims(tx: Transaction, now: datetime) -> int:
    """Let go of what its holders left idle. How many."""
    rows = tx.all(
        "UPDATE thread SET holder = NULL, held_at = NULL WHERE holder IS NOT NULL AND held_at <= ? RETURNING id", (stamp(now - HELD_FOR),)
    )
    for row in rows:
        tx.notify(ThreadChanged(row["id"]))
    return len(rows)


def opened(tx: Transaction, thread: int, by: Actor, now: datetime) -> None:
    """A member reads a thread: audited, and where it waits it is no longer unopened. Raises NotFoundError."""
    row = thread_row(tx, thread)
    audit(tx, by, "read", now, thread=thread)
    if row["state"] == people.TO_ANSWER and row["opened"] is None:
        tx.run("UPDATE thread SET opened = ? WHERE id = ?", (stamp(now), thread))
        tx.notify(ThreadChanged(thread))


def snooze(tx: Transaction, thread: int, until: datetime, by: Actor, now: datetime) -> None:
    """Put a thread off: it is to be answered, but not before ``until``. One in which nothing waits waits from then on.

    Raises NotFoundError, RefusedError: ``in_past``.
    """
    row = thread_row(tx, thread)
    if until <= now:
        raise RefusedError("the hour is past", "choose a later one", code="in_past")
    at = stamp(until)
    tx.run(
        """UPDATE thread SET state = 'to_answer', snoozed = :at, waits_since = iif(waits_since <= :now, waits_since, :at),
            opened = coalesce(opened, :now), holder = nullif(holder, :member) WHERE id = :id""",
        {"at": at, "now": stamp(now), "member": by.member, "id": thread},
    )
    if row["snoozed"] != at:
        audit(tx, by, "snooze", now, thread=thread, what=f"until {at}")
        tx.notify(ThreadChanged(thread))


def wake(tx: Transaction, now: datetime) -> int:
    """End the snoozes that are over: such a thread stands with what is new. How many."""
    rows = tx.all(
        "UPDATE thread SET changed = max(changed, snoozed), snoozed = NULL, opened = NULL WHERE snoozed <= ? RETURNING id", (stamp(now),)
    )
    for row in rows:
        tx.notify(ThreadChanged(row["id"]))
    return len(rows)


def next_wake(reader: Reader) -> datetime | None:
    """When the next snooze is over."""
    return moment(reader.value("SELECT min(snoozed) FROM thread WHERE snoozed IS NOT NULL"))
