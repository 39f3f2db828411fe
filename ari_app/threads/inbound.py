"""What the modem received: kept raw, joined, filed in the caller's thread and reacted to, in one transaction.

Whatever comes is kept before the modem may delete it; nothing that comes is an error here. What was kept before is dropped.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ari_app.events import MessageChanged, ThreadChanged
from ari_app.model import MessageKind, MessageState
from ari_app.numbers import e164
from ari_app.threads import people
from ari_app.threads.came import Came, came
from ari_app.threads.database import Transaction
from ari_app.threads.home import Home
from ari_app.threads.parts import Kept, is_close, is_whole, kept, messages_of, overdue, rows_like, sent_again, sets
from ari_app.threads.reacting import React, react_to
from ari_app.threads.reports import keep_report
from ari_app.threads.rows import stamp, stamp_or_none
from modem.pdu import Deliver, PartKey, StatusReport, Undecodable, decode
from modem.types import RawPdu

__all__ = ["PARTIAL_AFTER", "keep", "settle_partials"]

PARTIAL_AFTER = timedelta(minutes=10)
"""A long text whose parts do not come for this long is shown as far as it is there."""
_UNDATED = timedelta(minutes=10)
"""A text without a date, byte for byte the same, is the same text when it comes again within this time."""


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


def settle_partials(tx: Transaction, now: datetime, home: Home, alarm: React) -> int:
    """Show long texts that waited long enough for missing or better fitting parts, as far as they are there. How many.

    Marked ``partial`` where parts are missing; those that come later still complete them. ``alarm``: what the words of a part come to.
    """
    latest = now - PARTIAL_AFTER
    return sum(_arrange(tx, kept(rows), home, alarm, latest=latest, old=kept(whole)) for rows, whole in overdue(tx, latest))


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
    tx.run("UPDATE inbound SET whole = id WHERE id = ?", (row,))
    if part is None or part.parts == 1:
        _file(tx, [Kept(row, replace(text, sender=sender), raw.received, None)], None, home, react)
        return
    rows = rows_like(tx, row)
    if len({one["number"] for one in rows}) < part.parts and all(one["message"] is None for one in rows):
        return
    _arrange(tx, kept(rows), home, react)


def _arrange(
    tx: Transaction,
    pool: Sequence[Kept],
    home: Home,
    react: React | None = None,
    *,
    latest: datetime | None = None,
    old: Sequence[Kept] = (),
) -> int:
    """File every text of a pool that is whole, that was shown and is now another, or of which nothing came since ``latest``. How many
    of the last. ``old``: parts of whole texts, which one that waited may only repeat."""
    overdue_texts = 0
    texts = sets(pool)
    held: set[int] = set()
    rows: defaultdict[int, set[int]] = defaultdict(set)
    for one in pool:
        if one.message is not None:
            rows[one.message].add(one.row)
    for text, message in zip(texts, messages_of(texts), strict=True):
        shown = any(one.message is not None for one in text)
        waited = not shown and latest is not None and max(one.received for one in text) <= latest
        if waited and (again := sent_again(text, old)) is not None:
            _belong(tx, text, again)
            continue
        changed = shown and (message is None or {one.row for one in text} != rows[message])
        if waited or changed or is_whole(text):
            message = _file(tx, text, message, home, react, partly=waited)  # noqa: PLW2901  (a new one, or that of the same picture)
            overdue_texts += waited
        if message is not None:
            held.add(message)
    for empty in set(rows) - held:
        _drop(tx, empty)
    return overdue_texts


def _seen(tx: Transaction, digest: str, raw: RawPdu, *, within: timedelta | None = None) -> bool:
    """Was this kept before. ``within``: only if it was last seen so lately; a modem that cannot delete shows it again and again."""
    since = "" if within is None else stamp(raw.received - within)
    row = tx.one("SELECT id FROM inbound WHERE digest = ? AND seen >= ? ORDER BY seen DESC LIMIT 1", (digest, since))
    if row is not None and within is not None:
        tx.run("UPDATE inbound SET seen = max(seen, ?) WHERE id = ?", (stamp(raw.received), row["id"]))
    return row is not None


def _belong(tx: Transaction, text: Iterable[Kept], message: int) -> None:
    rows = [one.row for one in text]
    for row in rows:
        tx.run("UPDATE inbound SET whole = ?, message = ? WHERE id = ?", (min(rows), message, row))


def _file(tx: Transaction, text: Sequence[Kept], shown: int | None, home: Home, react: React | None, *, partly: bool = False) -> int:
    """Make the message of a text, or complete the one it is ``shown`` in; which it is. ``partly``: reacted to though parts lack."""
    found = came([one.part for one in text], home.country, doubtful=not is_close(text))
    at = max(one.received for one in text)
    repeated = tx.value("SELECT id FROM message WHERE act = ?", (found.key,)) if found.key else None
    if repeated is not None:
        _belong(tx, text, int(repeated))
        return int(repeated)
    if shown is None:
        message, thread = _new(tx, text, found, home, at)
    else:
        message, thread = shown, _complete(tx, shown, found, home, at)
    _belong(tx, text, message)
    answer = found.answer
    if react is not None and found.words and found.sender and (found.whole or (partly and found.person)):
        answer = react_to(tx, message, react, home, at, picture=found.picture)
    if answer:
        people.waits(tx, thread, at, text=True)
    tx.notify(MessageChanged(message, thread))
    tx.notify(ThreadChanged(thread))
    return message


def _new(tx: Transaction, text: Sequence[Kept], found: Came, home: Home, at: datetime) -> tuple[int, int]:
    """A message of what came, and its thread."""
    modem = tx.value("SELECT modem FROM inbound WHERE id = ?", (min(one.row for one in text),))
    thread = _thread(tx, found.sender, home, at)
    if found.person:
        # the number they wrote to is the one they are answered from
        tx.run("UPDATE thread SET modem = ? WHERE id = ?", (modem, thread))
    message = tx.insert(
        "message",
        {
            "thread": thread,
            "direction": "in",
            "kind": MessageKind.CALLER.value,
            "text": found.text,
            "note": found.note,
            "state": _state(found),
            "at": stamp(at),
            "sent_at": stamp_or_none(found.sent_at),
            "act": found.key,
            "modem": modem,
            "automatic": int(not found.person),
            "parts": found.parts,
        },
    )
    return message, thread


def _complete(tx: Transaction, message: int, found: Came, home: Home, at: datetime) -> int:
    """More of a message that is shown already; its thread. Of a picture only the whole may tell whose it is."""
    before = tx.one("SELECT t.id, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.id = ?", (message,))
    assert before is not None  # noqa: S101  (it is shown)
    thread = int(before["id"]) if (before["number"] or "") == found.sender else _thread(tx, found.sender, home, at)
    tx.run(
        "UPDATE message SET thread = ?, text = ?, note = ?, state = ?, sent_at = ?, act = ?, automatic = ? WHERE id = ?",
        (thread, found.text, found.note, _state(found), stamp_or_none(found.sent_at), found.key, int(not found.person), message),
    )
    if thread != before["id"]:
        tx.notify(ThreadChanged(int(before["id"])))
    return thread


def _drop(tx: Transaction, message: int) -> None:
    """Parts that were shown in two messages, and are of one text, leave one of them with nothing in it."""
    row = tx.one("SELECT thread FROM message WHERE id = ? AND NOT EXISTS (SELECT 1 FROM inbound WHERE message = ?)", (message, message))
    if row is not None:
        tx.run("DELETE FROM message WHERE id = ?", (message,))
        tx.notify(ThreadChanged(row["thread"]))


def _state(found: Came) -> str:
    return (MessageState.RECEIVED if found.whole else MessageState.PARTIAL).value


def _thread(tx: Transaction, sender: str, home: Home, at: datetime) -> int:
    """The sender's latest thread, whatever its line; a new one for who is unknown, and one of its own where no sender is told."""
    latest = people.latest_thread(tx, sender)
    if latest is None:
        return people.open_thread(tx, home.line, sender or None, people.DONE, at)
    tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(at), latest["id"]))
    return int(latest["id"])


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
    # from a short code or a name it is for the phone; whoever else it is from may wait for an answer
    answer = not sender or sender.startswith("+")
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
            "automatic": int(not answer),
        },
    )
    tx.run("UPDATE inbound SET message = ? WHERE id = ?", (message, row))
    if answer:
        people.waits(tx, thread, raw.received, text=True)
    tx.notify(MessageChanged(message, thread))


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode("utf-8", "surrogatepass")).hexdigest()
