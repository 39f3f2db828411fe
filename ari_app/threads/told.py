"""A call that the PBX's own records tell, some time after it ended: which one of ours it is, and what came after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ari_app.events import ThreadChanged
from ari_app.model import Call, OutgoingCall, Presentation, Reached
from ari_app.threads import people
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.known import STAFF_WROTE
from ari_app.threads.rows import stamp

__all__ = ["dealt_with", "erased", "made_up", "put_together", "row_of", "row_of_outgoing", "under_its_number"]

_SAME = timedelta(seconds=5)
"""Records tell whole seconds, and of an outgoing call when its telephone was picked up, not when its trunk was taken."""
BY_VOICEMAIL = "voicemail-"
"""How the id of a call begins of which a message in the voicemail was all that was known (``voicemail.keeper``)."""


def made_up(call: Call) -> bool:
    """Have its records no uniqueid: its id is then made of its channel (``pbx.cdr``), and is not the one it had live."""
    return call.id.endswith(f".{call.channel}")


def row_of(reader: Reader, call: Call) -> Any:
    """The row of the same call, None where it is not filed: by its id; else by its channel, whose name no other call of that time had."""
    row = reader.one("SELECT * FROM call WHERE id = ?", (call.id,))
    if row is None and made_up(call):
        row = reader.one(
            "SELECT * FROM call INDEXED BY call_by_start WHERE started BETWEEN ? AND ? AND channel = ?",
            (stamp(call.started - _SAME), stamp(call.started + _SAME), call.channel),
        )
    if row is None:
        row = reader.one(
            """SELECT * FROM call INDEXED BY call_by_start WHERE started BETWEEN ? AND ? AND (channel = ? OR caller = ?)
                AND substr(id, 1, 10) = ?""",
            (stamp(call.started - _SAME), stamp(call.ended + _SAME), call.channel, call.caller, BY_VOICEMAIL),
        )
    return row


def row_of_outgoing(reader: Reader, call: OutgoingCall) -> Any:
    """The same of a call to the outside. Call detail records know the telephone's channel, the live watch that of the trunk."""
    row = reader.one("SELECT * FROM outgoing WHERE id = ?", (call.id,))
    if row is None and call.number is not None:
        row = reader.one(
            """SELECT * FROM outgoing INDEXED BY outgoing_by_number WHERE number = ? AND started BETWEEN ? AND ?
                ORDER BY joined IS NULL, started DESC""",
            (call.number, stamp(call.started - _SAME), stamp((call.ended or call.started) + _SAME)),
        )
    return row


def erased(reader: Reader, number: str | None, at: datetime, presented: str = "") -> bool:
    """Was all of this number erased since then: what the PBX's records still have of it does not come back."""
    digits = presented.strip().removeprefix("+")
    return bool(
        reader.value(
            "SELECT EXISTS (SELECT 1 FROM erasure WHERE digest IN (keyed(?), keyed(?)) AND at >= ?)",
            (number, f"+{digits}" if digits.isdigit() else None, stamp(at)),
        )
    )


def dealt_with(reader: Reader, number: str | None, line: str, ended: datetime) -> bool:
    """Did somebody here speak with the caller, or write to them, after this."""
    if number is None:
        return False
    return bool(
        reader.value(
            f"""SELECT EXISTS (SELECT 1 FROM reached WHERE number = :number AND at > :ended)
                OR EXISTS (SELECT 1 FROM message m JOIN thread t ON t.id = m.thread
                    WHERE t.number = :number AND t.line = :line AND m.at > :ended AND {STAFF_WROTE})""",  # noqa: S608  (our own)
            {"number": number, "line": line, "ended": stamp(ended)},
        )
    )


def put_together(was: Call, told: Call) -> Call:
    """A call whose end was not seen, with how it ended: who called, and how all stood then, was seen better."""
    by_voicemail = was.id.startswith(BY_VOICEMAIL)
    return replace(
        told,
        id=was.id,
        started=told.started if by_voicemail else was.started,
        ended=max(told.ended, told.started if by_voicemail else was.started),
        presented=was.presented or told.presented,
        caller=was.caller or told.caller,
        presentation=told.presentation if was.presentation is Presentation.UNKNOWN else was.presentation,
        did=was.did or told.did,
        context=was.context or told.context,
        channel=told.channel if by_voicemail else was.channel,
        reached=Reached.VOICEMAIL if was.voicemail_left else told.reached,
        voicemail_left=was.voicemail_left or told.voicemail_left,
        asked=was.asked,
        suspect=was.suspect or told.suspect,
        option=was.option or told.option,
        blacklisted=was.blacklisted or told.blacklisted,
        switches=was.switches or told.switches,
    )


def under_its_number(tx: Transaction, row: Any, number: str | None, now: datetime) -> int:
    """The thread a call belongs to, once its caller's number is known: an analog line tells it after the first ring."""
    thread: int = row["thread"]
    before = tx.one("SELECT number, state, waits_since FROM thread WHERE id = ?", (thread,))
    if number is None or before is None or before["number"] is not None:
        return thread
    own = people.open_thread(tx, row["line"], number, before["state"], now)
    if before["state"] == people.TO_ANSWER:
        people.waits(tx, own, before["waits_since"] or row["ended"])
    for table in ("call", "voicemail", "note"):
        tx.run(f"UPDATE {table} SET thread = ? WHERE thread = ?", (own, thread))  # noqa: S608  (our own)
    tx.run("DELETE FROM thread WHERE id = ?", (thread,))
    tx.notify(ThreadChanged(thread))
    return own
