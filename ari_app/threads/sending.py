"""Outgoing texts: from queued over each part's attempts to what became of them.

An attempt is on disk before its PDU leaves; its result is written once. Whatever state a crash leaves, ``recover`` tells "did not
leave" (queued again) from "may have left" (unknown, never sent again by itself).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ari_app.events import MessageChanged
from ari_app.model import Call, Decision, DecisionKind, Known, MessageKind, MessageState, Reason
from ari_app.threads import people, radio
from ari_app.threads.calls import write_decision
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.known import gather
from ari_app.threads.rows import call_of, moment, stamp
from modem.types import NotSent, Refused, SendResult, Sent, Submit, Unknown

__all__ = [
    "AGAIN",
    "Agenda",
    "Claimed",
    "Due",
    "PartToSend",
    "agenda",
    "backoff",
    "begin_attempt",
    "claim",
    "finish_attempt",
    "give_up",
    "message_row",
    "release",
    "roll_up",
]

Decide = Callable[[Call, Known, datetime], Decision]
Split = Callable[[str, str, int], tuple[Submit, ...]]

_FIRST_WAIT = 5.0
_LONGEST_WAIT = 300.0
_LONGEST_MODEM_WAIT = 30.0
"""A modem that took nothing says nothing against the text: it goes soon after the modem is back."""
_AT_ONCE = 16
_AHEAD = timedelta(minutes=1)
_SET_BACK = """(m.kind IN ('staff', 'notice')
    AND ((m.at > :ahead AND m.due >= m.at) OR (m.claimed > :ahead AND m.due >= m.claimed)))"""
"""Due though its time says otherwise: queued, or tried and put off, before the clock was set back. The next try gives it a true time."""
_DUE = f"""SELECT * FROM (
    SELECT m.id, m.thread, m.kind, m.due, m.tries, t.number, coalesce(t.modem, m.modem) AS prefers,
        coalesce(CASE WHEN m.bound THEN m.modem END,
            (SELECT p.modem FROM part p WHERE p.message = m.id AND p.state IN ('sent', 'delivered', 'unknown') LIMIT 1)) AS only,
        (SELECT p.modem FROM part p WHERE p.message = m.id AND p.state = 'queued' AND p.modem IS NOT NULL LIMIT 1) AS last,
        (SELECT json_group_array(a.modem) FROM attempt a JOIN part p ON p.id = a.part WHERE p.message = m.id AND a.permanent) AS refused
    FROM message m JOIN thread t ON t.id = m.thread
    WHERE m.state = 'queued' AND (m.due <= :now OR {_SET_BACK}) AND m.expires >= :now
    AND (m.kind != 'auto' OR (NOT :held AND t.number NOT IN (SELECT value FROM json_each(:live))))
    AND NOT EXISTS (SELECT 1 FROM message s JOIN thread o ON o.id = s.thread WHERE s.state = 'sending' AND o.number = t.number)
    AND NOT EXISTS (SELECT 1 FROM message e WHERE m.kind = 'staff' AND e.thread = m.thread AND e.kind = 'staff'
        AND e.state = 'queued' AND NOT e.bound AND e.id < m.id))
    WHERE CASE WHEN only IN (SELECT value FROM json_each(:known)) THEN only IN (SELECT value FROM json_each(:ready))
        ELSE prefers IS NULL OR prefers NOT IN (SELECT value FROM json_each(:awaited))
            OR prefers IN (SELECT value FROM json_each(refused)) OR (tries > 1 AND prefers IS last) END
    ORDER BY CASE kind WHEN 'staff' THEN 0 WHEN 'notice' THEN 1 ELSE 2 END, due, id LIMIT :most"""  # noqa: S608  (our own)
AGAIN = "again:{}"
"""The act of sending a text anew, once, by its id."""
_PENDING_STEP = timedelta(seconds=1)
_OUTCOMES = {Sent: "sent", Refused: "refused", NotSent: "not_sent", Unknown: "unknown"}


@dataclass(frozen=True, slots=True)
class Due:
    """A queued text whose time has come."""

    id: int
    kind: MessageKind
    number: str
    only: str | None
    """The one modem that may carry it: part of it went there, or it was asked for."""
    prefers: str | None
    """The modem the conversation is on, else the one its line is bound to; where that cannot, the one that stood in for it last."""
    avoid: frozenset[str]
    """Modems that refused it for good, and the one by which it failed more than once."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the outbox may do now, and when the next row asks for attention (None: nothing is queued)."""

    due: tuple[Due, ...]
    overdue: bool
    """Some row is past its expiry."""
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartToSend:
    """One part not yet gone, as it was planned."""

    id: int
    submit: Submit


@dataclass(frozen=True, slots=True)
class Claimed:
    """A text marked ``sending``: it goes now."""

    id: int
    kind: MessageKind
    number: str
    parts: tuple[PartToSend, ...]


def backoff(tries: int, longest: float = _LONGEST_WAIT) -> timedelta:
    """Wait before try number ``tries`` + 1: doubling from 5 s to ``longest``, each between half and one and a half of that."""
    wait = min(_FIRST_WAIT * 2.0 ** min(max(tries - 1, 0), 16), longest)
    return timedelta(seconds=wait * (0.5 + secrets.randbelow(1001) / 1000))


def agenda(
    reader: Reader,
    now: datetime,
    *,
    ready: Collection[str],
    awaited: Collection[str],
    known_modems: Collection[str],
    live: Collection[str],
    held: bool,
) -> Agenda:
    """Due texts that a modem of ``ready`` may carry, the most urgent first.

    Automatic texts wait while ``held`` or while their number is ``live``. A number with a text on its way waits for it; staff's texts
    to one caller keep their order, but wait for none that is bound. A conversation waits for its modem while that is one of ``awaited``
    and has not refused the text; else any takes it. A text of which parts went, or that is bound, goes by that modem alone, as long as
    it is one of ``known_modems``.
    """
    at = stamp(now)
    params = {
        "now": at,
        "ahead": stamp(now + _AHEAD),
        "ready": json.dumps(list(ready)),
        "awaited": json.dumps(list(awaited)),
        "known": json.dumps(list(known_modems)),
        "live": json.dumps(list(live)),
        "held": int(held),
        "most": _AT_ONCE,
    }
    rows = reader.all(_DUE, params) if ready else []
    overdue = reader.value("SELECT EXISTS (SELECT 1 FROM message WHERE state = 'queued' AND expires < ?)", (at,))
    next_at = reader.value(
        """SELECT min(at) FROM (SELECT min(due) AS at FROM message WHERE state = 'queued' AND due > :now
            UNION ALL SELECT min(expires) FROM message WHERE state = 'queued' AND expires > :now)""",
        {"now": at},
    )
    due = tuple(_due(reader, row, ready) for row in rows)
    return Agenda(due, bool(overdue), moment(next_at))


def _due(reader: Reader, row: Any, ready: Collection[str]) -> Due:
    avoid = frozenset(json.loads(row["refused"])) | ({row["last"]} if row["tries"] > 1 and row["last"] else set())
    prefers = row["prefers"]
    if prefers is not None and (prefers not in ready or prefers in avoid):
        # another stands in for it: the one that did before, so that the caller sees two numbers and not three
        stood_in = radio.last_used(reader, row["thread"])
        prefers = stood_in if stood_in in ready else prefers
    return Due(row["id"], MessageKind(row["kind"]), row["number"], row["only"], prefers, avoid)


def claim(tx: Transaction, message: int, decide: Decide, split: Split, *, now: datetime, live: bool) -> Claimed | None:
    """Mark a due text ``sending``, or do with it what has become right meanwhile; None when it does not go now.

    An automatic text of which nothing has gone is decided again here. ``split`` plans the parts, once: every later try sends the same.
    """
    row = message_row(tx, message)
    at = stamp(now)
    if row["state"] != "queued" or row["expires"] < at or _busy(tx, row["number"]):
        return None
    ahead = {"id": message, "ahead": stamp(now + _AHEAD)}
    if row["due"] > at and tx.one(f"SELECT 1 FROM message m WHERE m.id = :id AND {_SET_BACK}", ahead) is None:  # noqa: S608  (our own)
        return None
    kind, number = MessageKind(row["kind"]), str(row["number"])
    text = row["text"]
    planned = tx.value("SELECT count(*) FROM part WHERE message = ?", (message,)) > 0
    if kind is MessageKind.AUTO and row["went"] is None:
        decision = _decide_again(tx, row, decide, now, live)
        if decision is None:
            return None
        if not planned and decision.text:
            text = decision.text
            tx.run("UPDATE message SET text = ?, language = ? WHERE id = ?", (text, decision.language, message))
    if kind is not MessageKind.NOTICE and _opted_out(tx, number):
        give_up(tx, message, "opted_out", "the caller asked for no more texts")
        return None
    if not planned and not _plan(tx, message, number, text, split):
        return None
    tx.run(
        "UPDATE message SET state = 'sending', tries = tries + 1, claimed = ?, code = NULL, what = NULL WHERE id = ?",
        (at, message),
    )
    rows = tx.all("SELECT * FROM part WHERE message = ? AND state = 'queued' ORDER BY number", (message,))
    tx.notify(MessageChanged(message, row["thread"]))
    total = tx.value("SELECT parts FROM message WHERE id = ?", (message,))
    parts = tuple(PartToSend(part["id"], Submit(number, part["number"], total, part["pdu"], part["length"])) for part in rows)
    return Claimed(message, kind, number, parts)


def _decide_again(tx: Transaction, row: Any, decide: Decide, now: datetime, live: bool) -> Decision | None:
    """The decision when it is to reply; else the text is cancelled, expired or put off, and the call says why."""
    message, thread = row["id"], row["thread"]
    stored = tx.one("SELECT * FROM call WHERE id = ?", (row["call"],))
    assert stored is not None  # noqa: S101  (foreign key)
    call = call_of(stored)
    known = gather(tx, call=call.id, number=row["number"], line=stored["line"], ended=call.ended, now=now, live=live)
    decision = decide(call, known, now)
    if decision.kind is DecisionKind.REPLY:
        write_decision(tx, call.id, decision, DecisionKind.REPLY, now)
        return decision
    if decision.kind is DecisionKind.SILENCE:
        state = MessageState.EXPIRED if decision.reason is Reason.STALE else MessageState.CANCELLED
        write_decision(tx, call.id, decision, DecisionKind.SILENCE, now)
        tx.run("UPDATE message SET state = ? WHERE id = ?", (state.value, message))
    else:
        due = max(decision.due or now, now + _PENDING_STEP)
        write_decision(tx, call.id, decision, DecisionKind.PENDING, now)
        tx.run("UPDATE message SET due = ? WHERE id = ?", (stamp(due), message))
        tx.run("UPDATE call SET due = ? WHERE id = ?", (stamp(due), call.id))
    tx.notify(MessageChanged(message, thread))
    return None


def _plan(tx: Transaction, message: int, number: str, text: str, split: Split) -> bool:
    reference = int(
        tx.value(
            """INSERT INTO counter (name, value) VALUES ('concatenation', 0)
                ON CONFLICT (name) DO UPDATE SET value = (value + 1) % 256 RETURNING value"""
        )
    )
    try:
        parts = split(number, text, reference)
    except ValueError as error:
        give_up(tx, message, "unsendable", str(error))
        return False
    for part in parts:
        tx.insert("part", {"message": message, "number": part.part, "pdu": part.pdu, "length": part.length, "state": "queued"})
    tx.run("UPDATE message SET parts = ? WHERE id = ?", (len(parts), message))
    return True


def begin_attempt(tx: Transaction, part: int, *, modem: str, now: datetime) -> int | None:
    """The PDU of ``part`` is about to leave: the attempt's id. None calls it off (cancelled, or opted out meanwhile)."""
    row = tx.one(
        """SELECT p.state AS part_state, m.id, m.state, m.kind, t.number FROM part p JOIN message m ON m.id = p.message
            JOIN thread t ON t.id = m.thread WHERE p.id = ?""",
        (part,),
    )
    if row is None or row["state"] != "sending" or row["part_state"] != "queued":
        return None
    if row["kind"] != "notice" and _opted_out(tx, row["number"]):
        return None
    at = stamp(now)
    tx.run("UPDATE part SET state = 'sending', modem = ?, submitted = ? WHERE id = ?", (modem, at, part))
    tx.run("UPDATE message SET went = coalesce(went, ?) WHERE id = ?", (at, row["id"]))
    return tx.insert("attempt", {"part": part, "modem": modem, "started": at})


def finish_attempt(tx: Transaction, attempt: int, result: SendResult, now: datetime, others: Collection[str] = ()) -> bool:
    """Write what became of an attempt; True when the text's next part may go.

    ``others``: modems that could carry it instead. What one refuses for good, and not for the number's sake, goes by another.
    """
    row = tx.one("SELECT a.part, p.message FROM attempt a JOIN part p ON p.id = a.part WHERE a.id = ?", (attempt,))
    assert row is not None  # noqa: S101  (ids come from begin_attempt)
    part, message = int(row["part"]), int(row["message"])
    tx.run(
        "UPDATE attempt SET outcome = ?, number_at_fault = ?, permanent = ?, reference = ?, code = ?, what = ?, ended = ? WHERE id = ?",
        (
            _OUTCOMES[type(result)],
            int(isinstance(result, Refused) and result.number_at_fault),
            int(isinstance(result, Refused) and result.permanent),
            result.reference if isinstance(result, Sent) else None,
            result.code if isinstance(result, Refused) else None,
            None if isinstance(result, Sent) else result.what,
            stamp(now),
            attempt,
        ),
    )
    match result:
        case Sent(reference):
            tx.run("UPDATE part SET state = 'sent', reference = ? WHERE id = ?", (reference, part))
            radio.begin_conversation(tx, part)
            return roll_up(tx, message)
        case Unknown(what):
            tx.run("UPDATE part SET state = 'unknown' WHERE id = ?", (part,))
            tx.run("UPDATE message SET code = 'unknown', what = ? WHERE id = ?", (what, message))
            radio.begin_conversation(tx, part)
            roll_up(tx, message)
        case Refused(code, what, True, at_fault) if at_fault or not _elsewhere(tx, message, others):
            tx.run("UPDATE part SET state = 'failed' WHERE id = ?", (part,))
            tx.run("UPDATE message SET code = ?, what = ? WHERE id = ?", (code, what, message))
            if at_fault:
                number = message_row(tx, message)["number"]
                people.set_contact(tx, number, "not_textable", f"{code}: {what}")
            _unwent(tx, message)
            roll_up(tx, message)
        case Refused() | NotSent():
            tx.run("UPDATE part SET state = 'queued' WHERE id = ?", (part,))
            _unwent(tx, message)
            release(tx, message, result, now, elsewhere=isinstance(result, Refused) and result.permanent)
    return False


def _elsewhere(tx: Transaction, message: int, others: Collection[str]) -> bool:
    """Is there a modem that has not refused the text for good, and may still take it: no part of it has gone by another."""
    if tx.one("SELECT 1 FROM message WHERE id = ? AND bound", (message,)) or not others:
        return False
    if tx.one("SELECT 1 FROM part WHERE message = ? AND state IN ('sent', 'delivered', 'unknown')", (message,)):
        return False
    refused = tx.all("SELECT a.modem FROM attempt a JOIN part p ON p.id = a.part WHERE p.message = ? AND a.permanent", (message,))
    return bool(set(others) - {row["modem"] for row in refused})


def release(
    tx: Transaction, message: int, result: Refused | NotSent, now: datetime, *, elsewhere: bool = False, modem: str | None = None
) -> None:
    """Nothing of the part left: queued again, later each time; at once when it was only called off, or goes by another modem.

    ``elsewhere``: another takes it; ``modem``: by which it was tried, where no attempt says so.
    """
    row = message_row(tx, message)
    if row["state"] != "sending":
        return
    called_off = isinstance(result, NotSent) and result.called_off
    if modem is not None and not called_off:
        tx.run("UPDATE part SET modem = ? WHERE message = ? AND state = 'queued'", (modem, message))
    if called_off or elsewhere:
        wait = timedelta(0)
    else:
        wait = backoff(row["tries"], _LONGEST_MODEM_WAIT if isinstance(result, NotSent) else _LONGEST_WAIT)
    code = result.code if isinstance(result, Refused) else "not_sent"
    tx.run(
        "UPDATE message SET state = 'queued', due = ?, code = ?, what = ?, tries = tries - ? WHERE id = ?",
        (stamp(now + wait), code, result.what, int(called_off), message),
    )
    tx.notify(MessageChanged(message, row["thread"]))


def roll_up(tx: Transaction, message: int) -> bool:
    """Draw the text's state from its parts'. True when parts are left and may go."""
    row = message_row(tx, message)
    states = [part["state"] for part in tx.all("SELECT state FROM part WHERE message = ?", (message,))]
    old = row["state"]
    if "failed" in states:
        new = "failed"
    elif "unknown" in states:
        new = "unknown"
    elif all(state == "delivered" for state in states):
        new = "delivered"
    elif all(state in ("sent", "delivered") for state in states):
        new = "sent"
    else:
        # An unknown part that a report settled: what was stopped behind it may go, unless its time is over or a person sent it all again.
        again = tx.one("SELECT 1 FROM message WHERE act = ?", (AGAIN.format(message),))
        new = "queued" if old == "unknown" and again is None else old
    if new in ("sent", "delivered"):
        tx.run("UPDATE message SET code = NULL, what = NULL, unconfirmed = unconfirmed AND ? WHERE id = ?", (new == "sent", message))
    if new != old:
        tx.run("UPDATE message SET state = ? WHERE id = ?", (new, message))
        tx.notify(MessageChanged(message, row["thread"]))
        if new == "failed" and row["kind"] == "staff":
            people.mark(tx, row["thread"], people.TO_ANSWER, text_waits=True)
    return new == "sending"


def give_up(tx: Transaction, message: int, code: str, what: str) -> None:
    row = message_row(tx, message)
    tx.run("UPDATE message SET state = 'failed', code = ?, what = ? WHERE id = ?", (code, what, message))
    tx.notify(MessageChanged(message, row["thread"]))
    if row["kind"] == "staff":
        people.mark(tx, row["thread"], people.TO_ANSWER, text_waits=True)


def _unwent(tx: Transaction, message: int) -> None:
    """A refused or unsent part takes back "it may have gone", unless another part has."""
    tx.run(
        """UPDATE message SET went = NULL WHERE id = :id AND NOT EXISTS (SELECT 1 FROM part p JOIN attempt a ON a.part = p.id
            WHERE p.message = :id AND (a.outcome IS NULL OR a.outcome IN ('sent', 'unknown')))""",
        {"id": message},
    )


def message_row(tx: Transaction, message: int) -> Any:
    row = tx.one("SELECT m.*, t.number AS number FROM message m JOIN thread t ON t.id = m.thread WHERE m.id = ?", (message,))
    assert row is not None, message  # noqa: S101  (ids come from the store)
    return row


def _busy(tx: Transaction, number: str) -> bool:
    sending = "SELECT 1 FROM message s JOIN thread t ON t.id = s.thread WHERE s.state = 'sending' AND t.number = ?"
    return tx.one(sending, (number,)) is not None


def _opted_out(tx: Transaction, number: str) -> bool:
    return tx.value("SELECT opted_out FROM contact WHERE number = ?", (number,)) is not None
