"""Calling a caller back: asked for here, made by the PBX, and said by a person to have reached the caller."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ari_app.board import Actor
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import ThreadChanged
from ari_app.model import NotDialled
from ari_app.threads import people
from ari_app.threads.audit import audit
from ari_app.threads.database import Transaction
from ari_app.threads.holding import hold, holder, thread_row
from ari_app.threads.rows import stamp

__all__ = ["call_back_begun", "call_back_failed", "call_back_linked", "reached", "settle_calls"]


def call_back_begun(tx: Transaction, asked: str, thread: int, by: Actor, now: datetime, *, extension: str) -> None:
    """A member asked for a call to a thread's caller; the thread is theirs unless another is answering. Once per ``asked``.

    Raises NotFoundError, RefusedError: ``no_number``.
    """
    row = thread_row(tx, thread)
    number = row["number"]
    if number is None or not number.startswith("+"):
        raise RefusedError("the caller showed no number that can be dialled", "tick it off by hand", code="no_number")
    if tx.one("SELECT 1 FROM call_back WHERE id = ?", (asked,)) is not None:
        return
    tx.insert(
        "call_back",
        {"id": asked, "thread": thread, "number": number, "author": by.name, "extension": extension, "at": stamp(now)},
    )
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(now), thread))
    if holder(tx, thread, now) is None:
        hold(tx, thread, by, now)
    audit(tx, by, "call_back", now, thread=thread, what=f"by extension {extension}")
    tx.notify(ThreadChanged(thread))


def call_back_failed(tx: Transaction, asked: str, why: str, now: datetime) -> None:
    """The PBX did not place it, or nobody here picked up; ``why`` is a code (OutgoingEntry.failed).

    The first word counts; one that reached the caller's leg did not fail.
    """
    thread = tx.value(
        "UPDATE call_back SET failed = ?, ended = ? WHERE id = ? AND failed IS NULL AND outgoing IS NULL RETURNING thread",
        (why, stamp(now), asked),
    )
    if thread is not None:
        tx.notify(ThreadChanged(thread))


def call_back_linked(tx: Transaction, asked: str, outgoing: str) -> None:
    """The PBX made this leg to the caller for it. A later try, over another trunk, counts in place of one that nobody took."""
    thread = tx.value(
        """UPDATE OR IGNORE call_back SET outgoing = :leg WHERE id = :id AND outgoing IS NOT :leg
            AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.id = call_back.outgoing AND o.joined IS NOT NULL) RETURNING thread""",
        {"leg": outgoing, "id": asked},
    )
    if thread is not None:
        tx.notify(ThreadChanged(thread))


def settle_calls(tx: Transaction, call_backs: Collection[str], legs: Collection[str], now: datetime) -> None:
    """What is up at the PBX is known again: every other call that was up when last heard of is over, how is not known.

    ``call_backs``, ``legs``: ids of what is up.
    """
    for row in tx.all("SELECT id FROM call_back WHERE ended IS NULL AND failed IS NULL AND outgoing IS NULL"):
        if row["id"] not in call_backs:
            call_back_failed(tx, row["id"], NotDialled.NOT_SEEN, now)
    for row in tx.all("SELECT id, number FROM outgoing WHERE ended IS NULL"):
        if row["id"] not in legs:
            # at least so long: a length that is made up would be worse
            tx.run("UPDATE outgoing SET ended = coalesce(joined, started) WHERE id = ?", (row["id"],))
            for thread in people.threads_of(tx, row["number"]) if row["number"] is not None else ():
                tx.notify(ThreadChanged(thread))


def reached(tx: Transaction, outgoing: str, by: Actor, now: datetime) -> bool:
    """A person says that they spoke with the caller on this call (or call back): what waited then is answered. False when said before.

    A call back settles its thread, another call every thread of its number. Raises NotFoundError, RefusedError: ``not_joined``.
    """
    row = tx.one(
        """SELECT o.*, b.thread FROM outgoing o LEFT JOIN call_back b ON b.outgoing = o.id
            WHERE o.id = :id OR o.id = (SELECT outgoing FROM call_back WHERE id = :id)""",
        {"id": outgoing},
    )
    if row is None:
        if tx.one("SELECT 1 FROM call_back WHERE id = ?", (outgoing,)) is not None:
            raise RefusedError("nobody took this call", "call again, or tick the thread off", code="not_joined")
        raise NotFoundError(f"there is no outgoing call {outgoing}", "see the thread for those there are")
    if row["joined"] is None:
        raise RefusedError("nobody took this call", "call again, or tick the thread off", code="not_joined")
    if row["reached"] is not None:
        return False
    tx.run("UPDATE outgoing SET reached = ? WHERE id = ?", (stamp(now), row["id"]))
    threads = people.threads_of(tx, row["number"]) if row["number"] is not None else []
    for thread in threads:
        if (row["thread"] is None or thread == row["thread"]) and not _newer(tx, thread, row["joined"]):
            waited = tx.one("SELECT 1 FROM thread WHERE id = ? AND state = 'to_answer'", (thread,)) is not None
            if waited:
                people.settle(tx, thread, people.ANSWERED)
        tx.notify(ThreadChanged(thread))
    settled = row["thread"] if row["thread"] is not None else (threads[0] if threads else None)
    audit(tx, by, "reached", now, thread=settled, what=f"call {row['id']}")
    return True


def _newer(tx: Transaction, thread: int, joined: str) -> bool:
    """Did something that waits come after they began to speak."""
    return bool(
        tx.value(
            """SELECT EXISTS (SELECT 1 FROM call WHERE thread = :thread AND to_answer AND ended > :joined)
                OR EXISTS (SELECT 1 FROM message WHERE thread = :thread AND kind = 'caller' AND NOT automatic AND at > :joined)""",
            {"thread": thread, "joined": joined},
        )
    )
