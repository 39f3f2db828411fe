"""Status reports: which part each is about, and what that makes of its text (3GPP TS 23.040 9.2.2.3)."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from ari_app.events import MessageChanged
from ari_app.threads import people
from ari_app.threads.database import Transaction
from ari_app.threads.rows import moment, required, stamp, stamp_or_none
from ari_app.threads.sending import roll_up
from modem.pdu import StatusReport
from modem.types import RawPdu

__all__ = ["CONFIRMED_WITHIN", "WINDOW", "keep_report", "match_waiting", "settle_unconfirmed"]

WINDOW = timedelta(hours=72)
"""References return after 256 parts: a report is about a part this young, or about none of ours."""
_CLOCKS = timedelta(minutes=15)
"""How far the SMS centre's clock, or ours before it was set right, may be from ours when a part is recognised by its time."""
_SUFFIX = 7
CONFIRMED_WITHIN = timedelta(minutes=15)
"""A text whose report did not come for so long is shown as not confirmed."""
_UNCONFIRMED_AGE = timedelta(hours=24)
"""Older texts are left as they stand: with the service away, their reports may be lost."""
_UNCONFIRMED_MOST = 2
"""So many texts in a row without a report: the number is likely a landline's."""


def keep_report(tx: Transaction, raw: RawPdu, report: StatusReport, digest: str) -> None:
    """Store a report, once, and let it settle its part. Without a part it waits: the modem's own answer may still come."""
    seen = tx.one("SELECT 1 FROM report WHERE digest = ?", (digest,))
    if seen is not None:
        return
    row = tx.insert(
        "report",
        {
            "modem": raw.modem,
            "received": stamp(raw.received),
            "pdu": raw.pdu,
            "digest": digest,
            "reference": report.reference,
            "recipient": report.recipient,
            "sent_at": stamp_or_none(report.sent_at),
            "status": report.status,
            "outcome": report.outcome,
            "permanent": int(report.permanent),
            "number_at_fault": int(report.number_at_fault),
        },
    )
    _settle(tx, row)


def match_waiting(tx: Transaction, now: datetime, *, modem: str | None = None, reference: int | None = None) -> None:
    """Try the reports that found no part yet, of one modem and reference or all: when a result has come, and after a restart."""
    rows = tx.all(
        """SELECT id FROM report WHERE part IS NULL AND received >= :since AND (:modem IS NULL OR modem = :modem)
            AND (:reference IS NULL OR reference = :reference) ORDER BY received, id""",
        {"since": stamp(now - WINDOW), "modem": modem, "reference": reference},
    )
    for row in rows:
        _settle(tx, row["id"])


def _settle(tx: Transaction, report: int) -> None:
    row = tx.one("SELECT * FROM report WHERE id = ?", (report,))
    assert row is not None  # noqa: S101  (inserted by us)
    part = _by_reference(tx, row) or _by_time(tx, row)
    if part is None:
        return
    tx.run("UPDATE report SET part = ? WHERE id = ?", (part["id"], report))
    if part["state"] == "delivered":
        return
    tx.run("UPDATE part SET report_status = ?, report_at = ? WHERE id = ?", (row["status"], row["received"], part["id"]))
    state = {"delivered": "delivered", "failed": "failed", "pending": "sent"}[row["outcome"]]
    if state == "sent" and part["state"] == "failed":
        return
    reference = part["reference"] if part["reference"] is not None else row["reference"]
    tx.run("UPDATE part SET state = ?, reference = ? WHERE id = ?", (state, reference, part["id"]))
    if state == "failed":
        what = f"the network could not deliver it (status 0x{row['status']:02X})"
        tx.run("UPDATE message SET code = 'report', what = ? WHERE id = ?", (what, part["message"]))
        if row["number_at_fault"]:
            people.set_contact(tx, part["recipient"], "not_textable", f"status 0x{row['status']:02X}")
    elif state == "delivered":
        people.set_contact(tx, part["recipient"], "not_textable", None)
    roll_up(tx, part["message"])


def settle_unconfirmed(tx: Transaction, now: datetime) -> int:
    """Mark texts that the network took and never reported on. How many.

    Nothing is concluded where the modem has brought no report at all since: then reports are what is missing, not the text.
    A number of which the last texts are all unconfirmed takes none, until one is delivered or it writes. A part that came is proof enough.
    """
    rows = tx.all(
        """SELECT m.id, m.thread, t.number FROM message m JOIN thread t ON t.id = m.thread
            WHERE m.state = 'sent' AND m.unconfirmed = 0 AND m.went <= :before AND m.went >= :after AND NOT EXISTS (
                SELECT 1 FROM part p WHERE p.message = m.id AND p.report_status IS NULL AND NOT EXISTS (
                    SELECT 1 FROM report r WHERE r.modem = p.modem AND r.received >= p.submitted))
            ORDER BY m.went""",
        {"before": stamp(now - CONFIRMED_WITHIN), "after": stamp(now - _UNCONFIRMED_AGE)},
    )
    for row in rows:
        tx.run("UPDATE message SET unconfirmed = 1 WHERE id = ?", (row["id"],))
        tx.notify(MessageChanged(row["id"], row["thread"]))
        last = tx.all(
            """SELECT m.unconfirmed AND NOT EXISTS (SELECT 1 FROM part p WHERE p.message = m.id AND p.state = 'delivered') AS silent
                FROM message m JOIN thread t ON t.id = m.thread
                WHERE t.number = ? AND (m.direction = 'in' OR m.went IS NOT NULL) ORDER BY coalesce(m.went, m.at) DESC LIMIT ?""",
            (row["number"], _UNCONFIRMED_MOST),
        )
        if len(last) == _UNCONFIRMED_MOST and all(text["silent"] for text in last):
            people.set_contact(tx, row["number"], "not_textable", "no delivery report, twice: perhaps a landline")
    return len(rows)


_PARTS = """SELECT p.*, t.number AS recipient FROM part p JOIN message m ON m.id = p.message JOIN thread t ON t.id = m.thread
    WHERE p.modem = :modem AND p.submitted >= :since AND p.submitted <= :until"""


def _by_reference(tx: Transaction, row: sqlite3.Row) -> sqlite3.Row | None:
    received = required(row["received"])
    about = {
        "modem": row["modem"],
        "reference": row["reference"],
        "since": stamp(received - WINDOW),
        "received": row["received"],
        "until": stamp(received + _CLOCKS),  # our clock may have been set back since
    }
    parts = tx.all(f"{_PARTS} AND p.reference = :reference ORDER BY p.submitted > :received, p.submitted DESC", about)
    return next((part for part in parts if _same(part["recipient"], row["recipient"])), None)


def _by_time(tx: Transaction, row: sqlite3.Row) -> sqlite3.Row | None:
    """A part whose answer was lost has no reference: its recipient and the centre's time stamp tell it."""
    sent_at = moment(row["sent_at"])
    if sent_at is None:
        return None
    about = {"modem": row["modem"], "since": stamp(sent_at - _CLOCKS), "until": stamp(sent_at + _CLOCKS)}
    parts = tx.all(f"{_PARTS} AND p.state = 'unknown' AND p.reference IS NULL ORDER BY p.submitted DESC", about)
    return next((part for part in parts if _same(part["recipient"], row["recipient"])), None)


def _same(ours: str, theirs: str) -> bool:
    """One number, though the network may leave out country code or "+"."""
    one, other = sorted((_digits(ours), _digits(theirs)), key=len)
    return one == other or (len(one) >= _SUFFIX and other.endswith(one))


def _digits(number: str) -> str:
    return "".join(char for char in number if char.isdigit())
