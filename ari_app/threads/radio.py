"""What the store knows of each modem: what it carried lately, which conversations are on it, and since when texts wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ari_app.model import CLOCK_SLACK
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import moment, required, stamp

__all__ = ["Attempt", "attempts_since", "begin_conversation", "last_used", "oldest_waiting"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One SMS handed to a modem, and what came of it. ``outcome`` None: no result yet."""

    message: int
    modem: str
    started: datetime
    outcome: Literal["sent", "refused", "not_sent", "unknown"] | None
    number_at_fault: bool


def attempts_since(reader: Reader, since: datetime, now: datetime) -> list[Attempt]:
    """Oldest first; those stamped further ahead than ``CLOCK_SLACK``, before the clock was set back, are left out."""
    rows = reader.all(
        """SELECT p.message, a.modem, a.started, a.outcome, a.number_at_fault FROM attempt a JOIN part p ON p.id = a.part
            WHERE a.started >= ? AND a.started <= ? ORDER BY a.started, a.id""",
        (stamp(since), stamp(now + CLOCK_SLACK)),
    )
    return [Attempt(row["message"], row["modem"], required(row["started"]), row["outcome"], bool(row["number_at_fault"])) for row in rows]


def begin_conversation(tx: Transaction, part: int) -> None:
    """A conversation is on the modem by which its first part went, or may have: the caller sees that number. A bound text says nothing."""
    tx.run(
        """UPDATE thread SET modem = p.modem FROM part p JOIN message m ON m.id = p.message
            WHERE p.id = ? AND thread.id = m.thread AND thread.modem IS NULL AND NOT m.bound""",
        (part,),
    )


def last_used(reader: Reader, thread: int) -> str | None:
    """By which modem the thread's last text went that could choose."""
    found = reader.value(
        """SELECT p.modem FROM message m JOIN part p ON p.message = m.id
            WHERE m.thread = ? AND m.went IS NOT NULL AND NOT m.bound ORDER BY m.went DESC LIMIT 1""",
        (thread,),
    )
    return None if found is None else str(found)


def oldest_waiting(reader: Reader, now: datetime) -> dict[str | None, datetime]:
    """Since when the oldest text that is due waits, by the modem it waits for; None: for any."""
    rows = reader.all(
        """SELECT CASE WHEN m.bound THEN m.modem ELSE coalesce(t.modem, m.modem) END AS modem, min(m.due) AS due
            FROM message m JOIN thread t ON t.id = m.thread WHERE m.state = 'queued' AND m.due <= ? GROUP BY 1""",
        (stamp(now),),
    )
    return {row["modem"]: due for row in rows if (due := moment(row["due"])) is not None}
