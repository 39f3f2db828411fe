"""Outgoing texts that end without a modem's result: too late, put aside, for a modem that is no more, or cut off by a stop."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from ari_app.events import CallChanged, MessageChanged
from ari_app.model import Reason
from ari_app.threads import radio
from ari_app.threads.database import Transaction
from ari_app.threads.rows import required, stamp
from ari_app.threads.sending import backoff, give_up, message_row, roll_up

__all__ = ["expire", "fail", "forget_modems", "recover", "settle"]


def expire(tx: Transaction, now: datetime) -> int:
    """End what is too late: automatic texts expire (their call says ``stale``), a person's text fails and is shown. How many."""
    at = stamp(now)
    rows = tx.all("SELECT id, kind, thread, call, went FROM message WHERE state = 'queued' AND expires < ?", (at,))
    for row in rows:
        if row["kind"] == "staff":
            give_up(tx, row["id"], "expired", "it could not be sent in time")
            continue
        tx.run("UPDATE message SET state = 'expired', code = 'expired' WHERE id = ?", (row["id"],))
        tx.notify(MessageChanged(row["id"], row["thread"]))
        if row["call"] is not None and row["went"] is None:
            tx.run(
                "UPDATE call SET decision = 'silence', reason = ?, due = NULL, decided = ? WHERE id = ?",
                (Reason.STALE.value, at, row["call"]),
            )
            tx.notify(CallChanged(row["call"]))
    return len(rows)


def fail(tx: Transaction, message: int, code: str, what: str) -> None:
    """A text that cannot be handled at all is put aside and shown, so that the others go on."""
    row = message_row(tx, message)
    if row["state"] in ("queued", "sending"):
        give_up(tx, message, code, what)


def forget_modems(tx: Transaction, known: Collection[str]) -> None:
    """Conversations on a modem that is none of ``known`` are on none, so that the next text settles on one; texts bound to it fail."""
    names = json.dumps(list(known))
    # from name to name through the index: of a million conversations all are on a few modems
    gone = tx.all(
        """WITH RECURSIVE modem(name) AS (
                SELECT min(modem) FROM thread WHERE modem IS NOT NULL
                UNION ALL SELECT (SELECT min(t.modem) FROM thread t WHERE t.modem > modem.name) FROM modem WHERE name IS NOT NULL
            ) SELECT name FROM modem WHERE name IS NOT NULL AND name NOT IN (SELECT value FROM json_each(?))""",
        (names,),
    )
    for row in gone:
        tx.run("UPDATE thread SET modem = NULL WHERE modem = ?", (row["name"],))
    bound = tx.all(
        "SELECT id, modem FROM message WHERE state = 'queued' AND bound AND modem NOT IN (SELECT value FROM json_each(?))", (names,)
    )
    for row in bound:
        give_up(tx, row["id"], "no_modem", f"it was for {row['modem']} alone, which is no [[modem]] any more")


def recover(tx: Transaction, now: datetime) -> int:
    """After a stop: settle every text that was on its way. How many became unknown."""
    rows = tx.all(
        """SELECT id FROM message WHERE state = 'sending'
            UNION SELECT p.message FROM attempt a JOIN part p ON p.id = a.part WHERE a.outcome IS NULL"""
    )
    return sum(settle(tx, row["id"], "the service stopped before the modem answered", now) for row in rows)


def settle(tx: Transaction, message: int, what: str, now: datetime) -> bool:
    """Settle a text whose sending ended without a result: its attempt becomes unknown (True); without one it is queued again."""
    row = message_row(tx, message)
    attempt = tx.one(
        "SELECT a.id, a.part FROM attempt a JOIN part p ON p.id = a.part WHERE p.message = ? AND a.outcome IS NULL", (message,)
    )
    if attempt is not None:
        tx.run("UPDATE attempt SET outcome = 'unknown', what = ?, ended = ? WHERE id = ?", (what, stamp(now), attempt["id"]))
        tx.run("UPDATE part SET state = 'unknown' WHERE id = ?", (attempt["part"],))
        radio.begin_conversation(tx, attempt["part"])
        if row["state"] == "sending":
            tx.run("UPDATE message SET code = 'unknown', what = ? WHERE id = ?", (what, message))
        roll_up(tx, message)
        return True
    if row["state"] == "sending":
        # The first stops may be chance; a text that keeps meeting them may be their cause.
        due = max(required(row["due"]), now + backoff(row["tries"]) if row["tries"] > 2 else now)
        tx.run("UPDATE message SET state = 'queued', due = ? WHERE id = ?", (stamp(due), message))
        tx.notify(MessageChanged(message, row["thread"]))
    return False
