"""Putting a thread before others, and telling who is on call that somebody waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from ari_app.events import MessageChanged, ThreadChanged
from ari_app.model import CLOCK_SLACK, EMERGENCY, MessageKind, MessageState, Priority
from ari_app.threads import people
from ari_app.threads.database import Transaction
from ari_app.threads.home import Home
from ari_app.threads.rows import moment, stamp

__all__ = ["ON_CALL", "TELL_AGAIN", "raised"]

ON_CALL = "on_call"
"""Name of the notice to who is on call."""
TELL_AGAIN = timedelta(minutes=30)
"""Who is on call is told of a thread once in this span."""


def raised(tx: Transaction, thread: int, priority: Priority | None, home: Home, now: datetime) -> None:
    """A thread that waits goes before others. Never less so than before, and what a person said of it stays.

    Of two rules of one level the first is shown, but for emergency words, which none hides.
    """
    if priority is None:
        return
    changed = tx.run(
        """UPDATE thread SET urgent = :level, urgent_why = :why WHERE id = :id
            AND (urgent < :level OR (urgent = :level AND urgent_why != :why AND :why = :emergency))""",
        {"level": int(priority.level), "why": priority.why, "emergency": EMERGENCY, "id": thread},
    )
    if changed:
        tx.notify(ThreadChanged(thread))
    if priority.notify is not None and priority.notice is not None:
        _tell(tx, thread, (priority.notify, priority.notice), home, now)


def _tell(tx: Transaction, thread: int, told: tuple[str, str], home: Home, now: datetime) -> None:
    number, notice = told
    row = tx.one("SELECT number, notified FROM thread WHERE id = ?", (thread,))
    assert row is not None  # noqa: S101  (the caller holds it)
    before = moment(row["notified"])
    if row["number"] == number or (before is not None and -CLOCK_SLACK <= now - before < TELL_AGAIN):
        return
    tx.run("UPDATE thread SET notified = ? WHERE id = ?", (stamp(now), thread))
    theirs = people.open_thread(tx, home.line, number, people.DONE, now)
    expires = stamp(now + home.notice_life)
    # one that waits for a modem says the same of all
    waiting = "UPDATE message SET expires = ? WHERE thread = ? AND state = 'queued' AND notice = ?"
    if tx.run(waiting, (expires, theirs, ON_CALL)):
        return
    message = tx.insert(
        "message",
        {
            "thread": theirs,
            "direction": "out",
            "kind": MessageKind.NOTICE.value,
            "text": notice,
            "state": MessageState.QUEUED.value,
            "at": stamp(now),
            "act": f"on_call:{thread}:{stamp(now)}",
            "notice": ON_CALL,
            "due": stamp(now),
            "expires": expires,
        },
    )
    tx.notify(MessageChanged(message, theirs))
