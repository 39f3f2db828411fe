"""What a caller's text sets going, carried out in the transaction that files it: opting out and in, notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from ari_app.events import MessageChanged
from ari_app.model import CLOCK_SLACK, Inbound, MessageKind, MessageState, Reaction
from ari_app.threads import people, urgent
from ari_app.threads.database import Transaction
from ari_app.threads.home import Home
from ari_app.threads.known import DAY, STAFF_WROTE, TO_CALLERS, unanswered
from ari_app.threads.persons import people_of, standing
from ari_app.threads.rows import moment, required, stamp

__all__ = ["React", "react_to", "withdraw_notices"]

React = Callable[[Inbound], Reaction]

log = structlog.get_logger(__name__)


def react_to(tx: Transaction, message: int, react: React, home: Home, now: datetime, *, picture: bool) -> bool:
    """Let the policy react, and do what it says; does the thread wait for an answer. A policy that fails costs nobody a text."""
    row = tx.one(
        "SELECT m.text, m.thread, t.line, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.id = ?",
        (message,),
    )
    assert row is not None  # noqa: S101  (filed just now)
    thread, number = int(row["thread"]), str(row["number"])
    contact = people.contact(tx, number, now)
    behind = standing(people_of(tx, number))
    inbound = Inbound(
        number=number,
        text=row["text"],
        received=now,
        line=row["line"],
        language=contact["language"] or behind.language,
        wrote=contact["wrote"],
        kind=behind.kind,
        tags=behind.tags,
        named=behind.name is not None,
        calls=unanswered(tx, number, now),
        opted_out=contact["opted_out"] is not None,
        notices=_notices(tx, number),
        last_staff=moment(_last_staff(tx, number, now)),
        auto_recent=_auto_recent(tx, number, now),
        last_auto=moment(_last_auto(tx, number, now)),
        auto_today=_today(tx, now, number),
        all_today=_today(tx, now),
        picture=picture,
        looping=contact["looping"] is not None,
    )
    try:
        reaction = react(inbound)
    except Exception as error:  # noqa: BLE001
        log.error("reaction_failed", message=message, error=type(error).__name__)
        return True
    if reaction.opt is not None:
        people.opt(tx, number, out=reaction.opt, now=now)
        withdraw_notices(tx, number, but="stop" if reaction.opt and not reaction.notice else "")
    tx.run("UPDATE message SET automatic = ?, note = coalesce(note, ?) WHERE id = ?", (int(reaction.automatic), reaction.note, message))
    if reaction.looping or not reaction.automatic:
        people.set_contact(tx, number, "looping", stamp(now) if reaction.looping else None)
    if reaction.wrote is not None:
        people.set_contact(tx, number, "wrote", reaction.wrote)
    if reaction.offered is not None and behind.name is None:
        people.set_contact(tx, number, "offered", reaction.offered)
    if reaction.reopens:
        urgent.raised(tx, thread, reaction.priority, home, now)
    people.set_contact(tx, number, "not_textable", None)
    act = f"notice:{message}"
    # a text that was answered in part, and is whole now, is answered once
    if reaction.notice and tx.one("SELECT 1 FROM message WHERE act = ?", (act,)) is None:
        due = now + reaction.delay
        notice = tx.insert(
            "message",
            {
                "thread": thread,
                "direction": "out",
                "kind": MessageKind.NOTICE.value,
                "text": reaction.notice,
                "state": MessageState.QUEUED.value,
                "at": stamp(now),
                "act": act,
                "notice": reaction.notice_name,
                "language": reaction.language,
                "due": stamp(due),
                "expires": stamp(due + home.notice_life),
            },
        )
        tx.notify(MessageChanged(notice, thread))
    return reaction.reopens


def _notices(tx: Transaction, number: str) -> dict[str, datetime]:
    rows = tx.all(
        """SELECT m.notice, max(coalesce(m.went, m.at)) AS at FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = ? AND m.notice IS NOT NULL AND m.state NOT IN ('failed', 'cancelled', 'expired') GROUP BY m.notice""",
        (number,),
    )
    return {row["notice"]: required(row["at"]) for row in rows}


def _last_staff(tx: Transaction, number: str, now: datetime) -> Any:
    return tx.value(
        f"""SELECT max(m.at) FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = ? AND m.at <= ? AND {STAFF_WROTE}""",  # noqa: S608  (our own)
        (number, stamp(now + CLOCK_SLACK)),
    )


def _last_auto(tx: Transaction, number: str, now: datetime) -> Any:
    return tx.value(
        """SELECT max(coalesce(m.went, m.claimed)) FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = ? AND m.kind IN ('auto', 'notice') AND (m.state = 'sending' OR m.went IS NOT NULL)
            AND coalesce(m.went, m.claimed) <= ?""",
        (number, stamp(now + CLOCK_SLACK)),
    )


def _today(tx: Transaction, now: datetime, number: str | None = None) -> int:
    """Automatic texts of the last 24 h, to ``number`` or to all. A queued notice counts: nobody decides about it again."""
    return int(
        tx.value(
            f"""SELECT (SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE m.kind IN ('auto', 'notice')
                    AND m.claimed >= :day AND {TO_CALLERS} AND m.state != 'queued' AND (m.state = 'sending' OR m.went IS NOT NULL)
                    AND (:number IS NULL OR t.number = :number))
                + (SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE m.state = 'queued'
                    AND {TO_CALLERS} AND (m.kind = 'notice' OR (m.kind = 'auto' AND m.went IS NOT NULL))
                    AND (:number IS NULL OR t.number = :number))""",  # noqa: S608  (our own)
            {"number": number, "day": stamp(now - DAY)},
        )
    )


def _auto_recent(tx: Transaction, number: str, now: datetime) -> int:
    return int(
        tx.value(
            """SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE t.number = ?
                AND m.kind IN ('auto', 'notice') AND (m.state = 'queued' AND m.kind = 'notice' OR m.claimed >= ?)
                AND m.state NOT IN ('cancelled', 'expired')""",
            (number, stamp(now - timedelta(hours=1))),
        )
    )


def withdraw_notices(tx: Transaction, number: str, *, but: str) -> None:
    """Queued notices no longer say what is so; a STOP said twice leaves the confirmation of the first (``but``: name of what stays).

    The safety text and what who is on call is told stay so.
    """
    rows = tx.all(
        """SELECT m.id, m.thread FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = ? AND m.kind = 'notice' AND m.state = 'queued' AND m.notice NOT IN ('safety', 'on_call', ?)""",
        (number, but),
    )
    for row in rows:
        tx.run("UPDATE message SET state = 'cancelled', code = 'withdrawn' WHERE id = ?", (row["id"],))
        tx.notify(MessageChanged(row["id"], row["thread"]))
