"""Outgoing texts: from queued over each part's attempts to what became of them.

An attempt is on disk before its PDU leaves; its result is written once. Whatever state a crash leaves, ``recover`` tells "did not
leave" (queued again) from "may have left" (unknown, never sent again by itself).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ari_app.events import CallChanged, MessageChanged
from ari_app.model import Call, Decision, DecisionKind, Known, MessageKind, MessageState, Reason
from ari_app.threads import people, radio
from ari_app.threads.agenda import AHEAD, SET_BACK
from ari_app.threads.calls import write_decision
from ari_app.threads.database import Transaction
from ari_app.threads.known import gather
from ari_app.threads.rows import call_of, required, stamp
from modem.types import NotSent, Refused, SendResult, Sent, Submit, Unknown

__all__ = [
    "AGAIN",
    "Claimed",
    "PartToSend",
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
AGAIN = "again:{}"
"""The act of sending a text anew, once, by its id."""
_PENDING_STEP = timedelta(seconds=1)
_OUTCOMES = {Sent: "sent", Refused: "refused", NotSent: "not_sent", Unknown: "unknown"}


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


def claim(tx: Transaction, message: int, decide: Decide, split: Split, *, now: datetime, live: bool) -> Claimed | None:
    """Mark a due text ``sending``, or do with it what has become right meanwhile; None when it does not go now.

    An automatic text of which nothing has gone is decided again here. ``split`` plans the parts, once: every later try sends the same.
    """
    if tx.one("SELECT 1 FROM message WHERE id = ?", (message,)) is None:
        return None  # erased since it was found due
    row = message_row(tx, message)
    at = stamp(now)
    if row["state"] != "queued" or row["expires"] < at or _busy(tx, row["number"]):
        return None
    ahead = {"id": message, "now": at, "ahead": stamp(now + AHEAD)}
    if row["due"] > at and tx.one(f"SELECT 1 FROM message m WHERE m.id = :id AND {SET_BACK}", ahead) is None:  # noqa: S608  (our own)
        return None
    kind, number = MessageKind(row["kind"]), str(row["number"])
    if row["due"] > at and kind is MessageKind.AUTO:
        _set_right(tx, row, now)
        return None
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


def _set_right(tx: Transaction, row: Any, now: datetime) -> None:
    """The clock was set back since the text was queued, or tried: its call counts as ended now, and it waits from now on.

    By its old times it would go when the clock comes there again: an hour late, or a year.
    """
    call = tx.one("SELECT started, ended FROM call WHERE id = ?", (row["call"],))
    assert call is not None  # noqa: S101  (foreign key)
    back = max(required(call["ended"]) - now, timedelta(0))
    tried = row["claimed"] is not None and row["claimed"] > stamp(now)
    due = stamp(now if tried else required(row["due"]) - back)
    tx.run("UPDATE call SET started = ?, ended = ? WHERE id = ?", (*(stamp(required(at) - back) for at in call), row["call"]))
    tx.run("UPDATE call SET due = ? WHERE id = ? AND decision = 'pending'", (due, row["call"]))
    tx.run(
        "UPDATE message SET at = min(at, ?), claimed = min(claimed, ?), due = ?, expires = ? WHERE id = ?",
        (stamp(now), stamp(now), due, stamp(required(row["expires"]) - back), row["id"]),
    )
    tx.notify(CallChanged(row["call"]))
    tx.notify(MessageChanged(row["id"], row["thread"]))


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
            people.waits(tx, row["thread"], row["scheduled"] or row["at"], text=True)
    return new == "sending"


def give_up(tx: Transaction, message: int, code: str, what: str) -> None:
    row = message_row(tx, message)
    tx.run("UPDATE message SET state = 'failed', code = ?, what = ? WHERE id = ?", (code, what, message))
    tx.notify(MessageChanged(message, row["thread"]))
    if row["kind"] == "staff":
        people.waits(tx, row["thread"], row["scheduled"] or row["at"], text=True)


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
