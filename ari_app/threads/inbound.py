"""What the modem received: kept raw, joined, filed in the caller's thread and reacted to, in one transaction.

Whatever comes is kept before the modem may delete it; nothing that comes is an error here. What was kept before is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from ari_app.events import MessageChanged, ThreadChanged
from ari_app.model import CLOCK_SLACK, Inbound, MessageKind, MessageState, Reaction
from ari_app.numbers import e164
from ari_app.threads import people
from ari_app.threads.database import Transaction
from ari_app.threads.known import DAY, STAFF_WROTE
from ari_app.threads.reports import keep_report
from ari_app.threads.rows import moment, required, stamp, stamp_or_none
from modem import joining
from modem.pdu import Deliver, PartKey, StatusReport, Undecodable, decode
from modem.types import RawPdu

__all__ = ["PARTIAL_AFTER", "Home", "keep", "settle_partials"]

PARTIAL_AFTER = timedelta(minutes=10)
"""A long text whose parts do not come for this long is shown as far as it is there."""
_UNDATED = timedelta(minutes=10)
"""A text without a date, byte for byte the same, is the same text when it comes again within this time."""

React = Callable[[Inbound], Reaction]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Home:
    """Where texts of unknown numbers are filed, and how local numbers are read."""

    line: str
    country: str
    notice_life: timedelta


def keep(tx: Transaction, raw: RawPdu, react: React, home: Home) -> None:
    """Commit one received PDU with all that follows from it."""
    try:
        decoded = decode(raw.pdu)
    except Exception as error:  # noqa: BLE001  (a decoder's fault must not cost a text: it is kept raw)
        decoded = Undecodable(f"the decoder failed: {type(error).__name__}")
    if isinstance(decoded, StatusReport):
        facts = (decoded.reference, decoded.recipient, decoded.sent_at, decoded.discharged_at, decoded.status)
        keep_report(tx, raw, decoded, _digest("report", raw.modem, *facts))
    elif isinstance(decoded, Undecodable):
        _keep_unread(tx, raw, decoded, home)
    else:
        _keep_text(tx, raw, decoded, react, home)


def settle_partials(tx: Transaction, now: datetime, home: Home) -> int:
    """Show long texts whose missing parts are overdue, marked ``partial``. How many. Parts that come later still complete them."""
    before = stamp(now - PARTIAL_AFTER)
    sets = tx.all(
        "SELECT whole FROM inbound WHERE message IS NULL AND whole IS NOT NULL GROUP BY whole HAVING max(received) <= ? ORDER BY whole",
        (before,),
    )
    for row in sets:
        _file(tx, row["whole"], home, None)
    return len(sets)


def _keep_text(tx: Transaction, raw: RawPdu, text: Deliver, react: React, home: Home) -> None:
    part = text.part
    number = None if text.alphanumeric else e164(text.sender, home.country)
    sender = number or text.sender
    digest = _digest(
        sender,
        text.sent_at,
        (part.reference, part.parts, part.number, part.wide) if part else None,
        text.units,
        text.port,
        raw.pdu if text.sent_at is None else "",
    )
    if _seen(tx, digest, raw, within=_UNDATED if text.sent_at is None else None):
        return
    row = _insert(tx, raw, digest=digest, sender=sender, sent_at=text.sent_at, part=part)
    if text.silent:
        return
    whole = _set_of(tx, row, text, raw) if part else row
    if whole is None:
        return
    tx.run("UPDATE inbound SET whole = ? WHERE id = ?", (whole, row))
    kept = _parts(tx, whole)
    if joining.join(kept).complete or tx.value("SELECT message FROM inbound WHERE whole = ? AND message IS NOT NULL", (whole,)):
        _file(tx, whole, home, react)


def _seen(tx: Transaction, digest: str, raw: RawPdu, *, within: timedelta | None = None) -> bool:
    """Was this kept before. ``within``: only if it was last seen so lately; a modem that cannot delete shows it again and again."""
    since = "" if within is None else stamp(raw.received - within)
    row = tx.one("SELECT id FROM inbound WHERE digest = ? AND seen >= ? ORDER BY seen DESC LIMIT 1", (digest, since))
    if row is not None and within is not None:
        tx.run("UPDATE inbound SET seen = max(seen, ?) WHERE id = ?", (stamp(raw.received), row["id"]))
    return row is not None


def _set_of(tx: Transaction, row: int, text: Deliver, raw: RawPdu) -> int | None:
    """The set a part belongs to: of those that take it the nearest in time, else its own. None: it is in one already."""
    sets = tx.all(
        """SELECT DISTINCT i.whole FROM inbound i JOIN inbound new ON new.id = ? AND i.sender = new.sender
            AND i.reference = new.reference AND i.parts = new.parts AND i.wide = new.wide
            LEFT JOIN message m ON m.id = i.message
            WHERE i.id != new.id AND i.whole IS NOT NULL AND i.received >= ? AND (m.id IS NULL OR m.state = 'partial')
            ORDER BY i.whole DESC""",
        (row, stamp(raw.received - joining.WINDOW)),
    )
    takers: list[tuple[float, int]] = []
    for found in sets:
        kept = _parts(tx, found["whole"])
        match joining.fit(kept, text):
            case joining.Fit.JOINS:
                takers.append((_apart(kept[0], text), int(found["whole"])))
            case joining.Fit.DUPLICATE:
                return None
    return min(takers, default=(0.0, row))[1]


def _apart(one: Deliver, other: Deliver) -> float:
    return abs((one.sent_at - other.sent_at).total_seconds()) if one.sent_at and other.sent_at else 0.0


def _parts(tx: Transaction, whole: int) -> list[Deliver]:
    decoded = (decode(part["pdu"]) for part in tx.all("SELECT pdu FROM inbound WHERE whole = ? ORDER BY id", (whole,)))
    return [part for part in decoded if isinstance(part, Deliver)]


def _file(tx: Transaction, whole: int, home: Home, react: React | None) -> None:
    """Make, or complete, the message of a set."""
    parts = _parts(tx, whole)
    joined = joining.join(parts)
    first = tx.one("SELECT * FROM inbound WHERE id = ?", (whole,))
    assert first is not None  # noqa: S101  (a set is named after its first row)
    newest = required(tx.value("SELECT max(received) FROM inbound WHERE whole = ?", (whole,)))
    state = MessageState.RECEIVED if joined.complete else MessageState.PARTIAL
    note = _note(parts, joined)
    message = tx.value("SELECT message FROM inbound WHERE whole = ? AND message IS NOT NULL", (whole,))
    if message is None:
        thread = _thread(tx, first["sender"], home, newest)
        message = tx.insert(
            "message",
            {
                "thread": thread,
                "direction": "in",
                "kind": MessageKind.CALLER.value,
                "text": joined.text,
                "note": note,
                "state": state.value,
                "at": stamp(newest),
                "sent_at": stamp_or_none(joined.sent_at),
                "modem": first["modem"],
                "parts": joined.parts,
            },
        )
    else:
        thread = tx.value("SELECT thread FROM message WHERE id = ?", (message,))
        tx.run(
            "UPDATE message SET text = ?, note = ?, state = ?, sent_at = ? WHERE id = ?",
            (joined.text, note, state.value, stamp_or_none(joined.sent_at), message),
        )
    tx.run("UPDATE inbound SET message = ? WHERE whole = ?", (message, whole))
    reopens = True
    if react is not None and first["sender"] and joined.complete and joined.text:
        reopens = _react(tx, int(message), react, home, newest)
    if reopens:
        people.mark(tx, thread, people.TO_ANSWER, text_waits=True)
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))


def _thread(tx: Transaction, sender: str, home: Home, at: datetime) -> int:
    """The sender's latest thread, whatever its line; a new one for who is unknown, and one of its own where no sender is told."""
    latest = people.latest_thread(tx, sender)
    if latest is None:
        return people.open_thread(tx, home.line, sender or None, people.DONE, at)
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(at), latest["id"]))
    return int(latest["id"])


def _note(parts: list[Deliver], joined: joining.Joined) -> str | None:
    """What staff must know that the text does not say: missing parts, or content that is no text."""
    if joined.missing:
        return f"part {', '.join(map(str, joined.missing))} of {joined.parts} missing"
    if any(part.alphabet == "data" for part in parts):
        ports = {part.port for part in parts}
        return "picture message (MMS), which this modem cannot fetch" if 2948 in ports else "data, no text"
    return None


def _react(tx: Transaction, message: int, react: React, home: Home, now: datetime) -> bool:
    """Let the policy react, and do what it says; does the thread wait for an answer. A policy that fails costs nobody a text."""
    row = tx.one(
        "SELECT m.text, m.thread, t.line, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.id = ?",
        (message,),
    )
    assert row is not None  # noqa: S101  (filed just now)
    thread, number = int(row["thread"]), str(row["number"])
    contact = people.contact(tx, number, now)
    inbound = Inbound(
        number=number,
        text=row["text"],
        received=now,
        line=row["line"],
        language=contact["language"],
        opted_out=contact["opted_out"] is not None,
        notices=_notices(tx, number),
        last_staff=moment(_last_staff(tx, number, now)),
        auto_recent=_auto_recent(tx, number, now),
        last_auto=moment(_last_auto(tx, number, now)),
        auto_today=_today(tx, now, number),
        all_today=_today(tx, now),
    )
    try:
        reaction = react(inbound)
    except Exception as error:  # noqa: BLE001
        log.error("reaction_failed", message=message, error=type(error).__name__)
        return True
    if reaction.opt is not None:
        people.set_contact(tx, number, "opted_out", stamp(now) if reaction.opt else None)
        _withdraw_notices(tx, number, but="stop" if reaction.opt and not reaction.notice else "")
    tx.run("UPDATE message SET automatic = ? WHERE id = ?", (int(reaction.automatic), message))
    if reaction.looping or not reaction.automatic:
        people.set_contact(tx, number, "looping", stamp(now) if reaction.looping else None)
    people.set_contact(tx, number, "not_textable", None)
    if reaction.notice:
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
                "act": f"notice:{message}",
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
            """SELECT (SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE m.kind IN ('auto', 'notice')
                    AND m.claimed >= :day AND m.state != 'queued' AND (m.state = 'sending' OR m.went IS NOT NULL)
                    AND (:number IS NULL OR t.number = :number))
                + (SELECT count(*) FROM message m JOIN thread t ON t.id = m.thread WHERE m.state = 'queued'
                    AND (m.kind = 'notice' OR (m.kind = 'auto' AND m.went IS NOT NULL))
                    AND (:number IS NULL OR t.number = :number))""",
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


def _withdraw_notices(tx: Transaction, number: str, *, but: str) -> None:
    """Queued notices no longer say what is so; a STOP said twice leaves the confirmation of the first (``but``)."""
    rows = tx.all(
        """SELECT m.id, m.thread FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = ? AND m.kind = 'notice' AND m.state = 'queued' AND m.notice != ?""",
        (number, but),
    )
    for row in rows:
        tx.run("UPDATE message SET state = 'cancelled', code = 'withdrawn' WHERE id = ?", (row["id"],))
        tx.notify(MessageChanged(row["id"], row["thread"]))


def _insert(tx: Transaction, raw: RawPdu, *, digest: str, sender: str, sent_at: datetime | None, part: PartKey | None = None) -> int:
    """The received PDU itself, a part of a long text or a whole one."""
    return tx.insert(
        "inbound",
        {
            "modem": raw.modem,
            "received": stamp(raw.received),
            "seen": stamp(raw.received),
            "pdu": raw.pdu,
            "digest": digest,
            "sender": sender,
            "sent_at": stamp_or_none(sent_at),
            "reference": part.reference if part else None,
            "parts": part.parts if part else 1,
            "number": part.number if part else 1,
            "wide": int(part.wide) if part else 0,
        },
    )


def _keep_unread(tx: Transaction, raw: RawPdu, unread: Undecodable, home: Home) -> None:
    """A PDU nobody can read still came from somebody: staff see that it did."""
    sender = e164(unread.sender, home.country) or unread.sender
    digest = _digest("unread", raw.pdu)
    if _seen(tx, digest, raw):
        return
    row = _insert(tx, raw, digest=digest, sender=sender, sent_at=unread.sent_at)
    thread = _thread(tx, sender, home, raw.received)
    message = tx.insert(
        "message",
        {
            "thread": thread,
            "direction": "in",
            "kind": MessageKind.CALLER.value,
            "text": "",
            "note": f"unreadable: {unread.what}",
            "state": MessageState.PARTIAL.value,
            "at": stamp(raw.received),
            "sent_at": stamp_or_none(unread.sent_at),
            "modem": raw.modem,
        },
    )
    tx.run("UPDATE inbound SET message = ? WHERE id = ?", (message, row))
    people.mark(tx, thread, people.TO_ANSWER, text_waits=True)
    tx.notify(MessageChanged(message, thread))


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
