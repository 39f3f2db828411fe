"""Calls into the store: call, thread, decision and queued text in one transaction.

A call whose end was not seen (``unseen``) is told once more where the PBX's records tell it; any other is filed once and for all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ari_app.events import CallChanged, MessageChanged, ThreadChanged
from ari_app.model import (
    CLOCK_SLACK,
    REPLIES,
    AnsweredBy,
    Call,
    Decision,
    DecisionKind,
    Known,
    MessageKind,
    MessageState,
    Outcome,
    OutgoingCall,
    Presentation,
    Reason,
)
from ari_app.threads import people, told, urgent
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.home import Home
from ari_app.threads.known import DAY, gather, known_person
from ari_app.threads.rows import call_columns, call_of, moment, required, stamp, stamp_or_none

__all__ = [
    "AUTO_LIFE",
    "Recorded",
    "forget_asked",
    "note_asked",
    "note_outgoing",
    "note_reached",
    "note_started",
    "number_of",
    "open_calls",
    "record_call",
    "write_decision",
]

AUTO_LIFE = timedelta(hours=2)
"""How long an automatic text waits when its decision does not say."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call as it now stands. ``new`` False: it was recorded before, nothing was changed."""

    call: str
    thread: int
    message: int | None
    kind: DecisionKind
    reason: Reason
    due: datetime | None
    new: bool


def number_of(call: Call) -> str | None:
    """The number a call is filed under: None when the caller withheld it, even where the trunk told it all the same."""
    return None if call.presentation is Presentation.PROHIBITED else call.caller


def record_call(
    tx: Transaction,
    call: Call,
    decide: Callable[[Call, Known], Decision],
    *,
    line: str,
    home: Home,
    now: datetime,
    live: bool = False,
    late: bool = False,
) -> Recorded:
    """File one finished call with what it comes to. Recorded once: a second time changes nothing, but for the end of one that was unseen.

    ``decide`` is given the call as it is filed: ``asked`` where a text was asked for while it was up. ``late``: it ended some time ago,
    and what came after it is known already.
    """
    was = tx.one("SELECT * FROM call WHERE id = ?", (call.id,))
    if was is not None:
        settles = was["outcome"] == Outcome.UNSEEN.value and call.outcome is not Outcome.UNSEEN
        return _settled(tx, was, call, decide, now=now, live=live) if settles else _standing(tx, call.id)
    tx.run("DELETE FROM open_call WHERE id = ?", (call.id,))
    call = _past(call, now)
    number = number_of(call)
    asked = sorted(tx.all("DELETE FROM asked WHERE call = ? RETURNING id, at, member", (call.id,)), key=lambda row: int(row["id"]))
    if asked:
        call = replace(call, asked=True)
        if call.outcome is Outcome.UNSEEN:
            # the dialplan ended it soon after it had promised the text
            call = replace(call, ended=max(call.started, min(call.ended, required(asked[-1]["at"]))))
    decliner = next((row["member"] for row in reversed(asked) if row["member"] is not None), None)
    decision = decide(call, gather(tx, call=call.id, number=number, line=line, ended=call.ended, now=now, live=live))
    texts = _may_text(call, decision)
    owed = _to_answer(call, decision)
    waits = owed and not (late and told.dealt_with(tx, number, line, call.ended))
    fresh = people.TO_ANSWER if waits else people.ANSWERED if owed or call.outcome is Outcome.ANSWERED else people.DONE
    thread = people.open_thread(tx, line, number, fresh, now)
    if waits:
        people.waits(tx, thread, call.ended)
        urgent.raised(tx, thread, decision.priority, home, now)
        if decliner is not None:
            tx.run("UPDATE thread SET holder = ?, held_at = ? WHERE id = ?", (decliner, stamp(now), thread))
    due = (decision.due or now) if texts else None
    tx.insert(
        "call",
        {
            **call_columns(call),
            "thread": thread,
            "to_answer": int(owed),
            "line": line,
            **_decision_columns(decision, DecisionKind.PENDING if texts else DecisionKind.SILENCE, now),
            "due": stamp_or_none(due),
        },
    )
    if texts and number:
        _queue(tx, call, decision, thread=thread, number=number, now=now)
    _joined(tx, call, thread, settles=not owed)
    tx.notify(CallChanged(call.id))
    tx.notify(ThreadChanged(thread))
    return replace(_standing(tx, call.id), new=True)


def _settled(tx: Transaction, was: Any, call: Call, decide: Callable[[Call, Known], Decision], *, now: datetime, live: bool) -> Recorded:
    """The call whose end was not seen (``was``) ended so. Decided now, unless a text was promised: that one stands."""
    call = _past(told.put_together(call_of(was), call), now)
    number = number_of(call)
    thread = told.under_its_number(tx, was, number, now)
    columns: dict[str, Any] = {**call_columns(call), "thread": thread}
    owed = bool(was["to_answer"])
    if was["decision"] == DecisionKind.SILENCE.value:
        known = gather(tx, call=call.id, number=number, line=was["line"], ended=call.ended, now=now, live=live)
        decision = decide(call, known)
        texts, owed = _may_text(call, decision), _to_answer(call, decision)
        columns |= _decision_columns(decision, DecisionKind.PENDING if texts else DecisionKind.SILENCE, now)
        columns |= {"due": stamp_or_none((decision.due or now) if texts else None), "to_answer": int(owed)}
        if texts and number:
            _queue(tx, call, decision, thread=thread, number=number, now=now)
    names = ", ".join(f"{name} = :{name}" for name in columns if name != "id")
    tx.run(f"UPDATE call SET {names} WHERE id = :id", columns)  # noqa: S608  (names are our own)
    _joined(tx, call, thread, settles=not owed)
    if was["to_answer"] and not owed:
        _settle(tx, thread, call.ended, people.ANSWERED if call.outcome is Outcome.ANSWERED else people.DONE)
    tx.notify(CallChanged(call.id))
    tx.notify(ThreadChanged(thread))
    return replace(_standing(tx, call.id), new=True)


def _standing(tx: Transaction, call: str) -> Recorded:
    """A call as it is filed."""
    row = tx.one(
        "SELECT c.thread, c.decision, c.reason, c.due, m.id AS message FROM call c LEFT JOIN message m ON m.call = c.id WHERE c.id = ?",
        (call,),
    )
    assert row is not None, call  # noqa: S101  (the caller holds it)
    return Recorded(
        call, row["thread"], row["message"], DecisionKind(row["decision"]), Reason(row["reason"]), moment(row["due"]), new=False
    )


def _may_text(call: Call, decision: Decision) -> bool:
    """Is a text to go. Raises ValueError where none can."""
    texts = decision.kind is not DecisionKind.SILENCE
    if texts and (number_of(call) is None or decision.reason not in REPLIES or not decision.text):
        raise ValueError(f"call {call.id}: the decision to text ({decision.reason.value}) lacks number or text")
    return texts


def _joined(tx: Transaction, call: Call, thread: int, *, settles: bool) -> None:
    """Was it answered here, its caller was reached; and what was missed before that is answered, where the call itself leaves nothing."""
    if call.outcome is Outcome.ANSWERED and call.answered_by is AnsweredBy.EXTENSION and not call.machine:
        joined = call.started + timedelta(seconds=call.rang)
        if call.caller:
            note_reached(tx, call.id, call.caller, joined)
        if settles:
            _settle(tx, thread, joined)


def _past(call: Call, now: datetime) -> Call:
    """A call that ended in the future did so by a clock that is wrong, or was set back since: it ended now, and its text goes in time."""
    ahead = call.ended - now
    return replace(call, started=call.started - ahead, ended=now) if ahead > CLOCK_SLACK else call


def _to_answer(call: Call, decision: Decision) -> bool:
    """Does somebody here still owe this caller an answer. In doubt yes: a listed call harms nobody, a forgotten one does."""
    if decision.reason in (Reason.INTERNAL, Reason.MACHINE):
        return False
    if call.outcome is not Outcome.ANSWERED or call.handed_on:
        return True
    return call.answered_by is AnsweredBy.OUTSIDE and decision.detail.get("outside") != "trust"


def _settle(tx: Transaction, thread: int, joined: datetime, state: str = people.ANSWERED) -> None:
    """A person spoke with the caller: what was missed before that is answered, unless a text of theirs waits."""
    later = tx.one("SELECT 1 FROM call WHERE thread = ? AND to_answer AND ended > ?", (thread, stamp(joined)))
    waiting = tx.one("SELECT 1 FROM thread WHERE id = ? AND state = 'to_answer' AND NOT text_waits", (thread,))
    if waiting is not None and later is None:
        people.settle(tx, thread, state)


def _decision_columns(decision: Decision, kind: DecisionKind, now: datetime) -> dict[str, Any]:
    return {
        "decision": kind.value,
        "reason": decision.reason.value,
        "open": int(decision.open),
        "detail": json.dumps(dict(decision.detail), ensure_ascii=False),
        "language": decision.language,
        "language_from": decision.language_from,
        "trigger": decision.trigger.value if decision.trigger else None,
        "decided": stamp(now),
    }


def _queue(tx: Transaction, call: Call, decision: Decision, *, thread: int, number: str, now: datetime) -> int:
    due = decision.due or now
    message = tx.insert(
        "message",
        {
            "thread": thread,
            "direction": "out",
            "kind": MessageKind.AUTO.value,
            "text": decision.text,
            "state": MessageState.QUEUED.value,
            "at": stamp(now),
            "act": f"call:{call.id}",
            "call": call.id,
            "language": decision.language,
            "modem": decision.modem,
            "due": stamp(due),
            "expires": stamp(decision.expires or due + AUTO_LIFE),
            "stranger": int(not known_person(tx, number)),
        },
    )
    tx.notify(MessageChanged(message, thread))
    return message


def write_decision(tx: Transaction, call: str, decision: Decision, kind: DecisionKind, now: datetime) -> None:
    """Rewrite what a call came to, when it is decided again."""
    columns = _decision_columns(decision, kind, now)
    columns["due"] = stamp_or_none(decision.due) if kind is DecisionKind.PENDING else None
    names = ", ".join(f"{name} = :{name}" for name in columns)
    tx.run(f"UPDATE call SET {names} WHERE id = :id", {**columns, "id": call})  # noqa: S608  (names are our own)
    tx.notify(CallChanged(call))
    tx.notify(ThreadChanged(tx.value("SELECT thread FROM call WHERE id = ?", (call,))))


def note_started(tx: Transaction, call: Call) -> None:
    """Keep a call that is up, until it is filed."""
    row = json.dumps(call_columns(call))
    tx.run(
        "INSERT INTO open_call (id, call) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM call WHERE id = ?) ON CONFLICT DO NOTHING",
        (call.id, row, call.id),
    )


def note_asked(tx: Transaction, call: str, member: int | None, now: datetime) -> int | None:
    """A text was asked for while a call is up, by its caller or by the ``member`` whose phone it rings: its id; None once it is filed."""
    tx.run("DELETE FROM asked WHERE at < ?", (stamp(now - DAY),))
    if tx.one("SELECT 1 FROM call WHERE id = ?", (call,)) is not None:
        return None
    return tx.insert("asked", {"call": call, "at": stamp(now), "member": member})


def forget_asked(tx: Transaction, asked: int) -> None:
    """This one could not be promised after all; another of the same call stands."""
    tx.run("DELETE FROM asked WHERE id = ?", (asked,))


def open_calls(reader: Reader) -> list[Call]:
    """Calls that were up when last heard of."""
    found = []
    for row in reader.all("SELECT o.call, r.at FROM open_call o LEFT JOIN reached r ON r.call = o.id ORDER BY o.id"):
        call = call_of(json.loads(row["call"]))
        joined = moment(row["at"])
        if joined is not None:
            rang = (joined - call.started).total_seconds()
            call = replace(call, outcome=Outcome.ANSWERED, answered_by=AnsweredBy.EXTENSION, rang=max(0.0, rang))
        found.append(call)
    return found


def note_outgoing(tx: Transaction, call: OutgoingCall) -> None:
    """An outgoing call was joined, or ended. What was known of it before stays. It stands in the time line of its number."""
    tx.run(
        """INSERT INTO outgoing (id, number, started, joined, ended) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET number = coalesce(excluded.number, number), joined = coalesce(joined, excluded.joined),
            ended = coalesce(excluded.ended, ended)""",
        (call.id, call.number, stamp(call.started), stamp_or_none(call.joined), stamp_or_none(call.ended)),
    )
    if call.number is None:
        return
    latest = people.latest_thread(tx, call.number)
    if latest is not None:
        tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (stamp(call.started), latest["id"]))
    for thread in people.threads_of(tx, call.number):
        tx.notify(ThreadChanged(thread))


def note_reached(tx: Transaction, call: str, number: str, at: datetime) -> None:
    """The caller was joined to a person on this inbound call. The first time counts."""
    tx.run("INSERT INTO reached (call, number, at) VALUES (?, ?, ?) ON CONFLICT (call) DO NOTHING", (call, number, stamp(at)))
