"""What the store knows of each modem: what it carried lately, and since when texts wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ari_app.threads.database import Reader
from ari_app.threads.rows import moment, required, stamp

__all__ = ["Attempt", "attempts_since", "oldest_waiting"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One SMS handed to a modem, and what came of it. ``outcome`` None: no result yet."""

    modem: str
    started: datetime
    outcome: Literal["sent", "refused", "not_sent", "unknown"] | None
    number_at_fault: bool


def attempts_since(reader: Reader, since: datetime) -> list[Attempt]:
    """Oldest first."""
    rows = reader.all(
        "SELECT modem, started, outcome, number_at_fault FROM attempt WHERE started >= ? ORDER BY started, id", (stamp(since),)
    )
    return [Attempt(row["modem"], required(row["started"]), row["outcome"], bool(row["number_at_fault"])) for row in rows]


def oldest_waiting(reader: Reader, now: datetime) -> dict[str | None, datetime]:
    """Since when the oldest text that is due waits, by the modem it waits for; None: for any."""
    rows = reader.all(
        """SELECT coalesce(t.modem, m.modem) AS modem, min(m.due) AS due FROM message m JOIN thread t ON t.id = m.thread
            WHERE m.state = 'queued' AND m.due <= ? GROUP BY 1""",
        (stamp(now),),
    )
    return {row["modem"]: due for row in rows if (due := moment(row["due"])) is not None}
