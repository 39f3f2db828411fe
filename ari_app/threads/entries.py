"""Rows of the file as what stands in a time line."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ari_app.board import CallEntry, NoteEntry, OutgoingEntry, TextEntry, VoicemailEntry
from ari_app.model import AnsweredBy, DecisionKind, MessageKind, MessageState, Outcome, Reached, Reason
from ari_app.threads.rows import moment, required

__all__ = ["ASKED", "OUTGOING", "TEXT", "VOICEMAIL", "call_entry", "note_entry", "outgoing_entry", "text_entry", "voicemail_entry"]

TEXT = "m.*, EXISTS (SELECT 1 FROM message a WHERE a.act = 'again:' || m.id) AS again_sent"
"""Columns of a text; its table is ``m``."""
OUTGOING = """o.id, o.started AS at, o.joined, o.ended, o.reached, NULL AS failed,
    (SELECT author FROM call_back WHERE outgoing = o.id) AS author"""
"""Columns of a leg the PBX made; its table is ``o``."""
ASKED = "b.id, b.at, NULL AS joined, b.ended, NULL AS reached, b.author, b.failed"
"""The same of a call back of which no leg is seen (yet); its table is ``b``."""
VOICEMAIL = "v.*, EXISTS (SELECT 1 FROM recording r WHERE r.voicemail = v.id) AS playable"
"""Columns of a message left; its table is ``v``."""
_AGAIN = frozenset((MessageState.FAILED, MessageState.UNKNOWN, MessageState.EXPIRED, MessageState.CANCELLED))


def text_entry(row: sqlite3.Row) -> TextEntry:
    """Of a row of ``TEXT``."""
    state = MessageState(row["state"])
    incoming = row["direction"] == "in"
    confirmed = True if state is MessageState.DELIVERED else False if state is MessageState.SENT and row["unconfirmed"] else None
    return TextEntry(
        id=row["id"],
        at=required(row["at"]),
        incoming=incoming,
        kind=MessageKind(row["kind"]),
        text=row["text"],
        state=state,
        note=row["note"],
        what=row["what"],
        code=row["code"],
        author=row["author"],
        parts=row["parts"],
        confirmed=confirmed,
        scheduled=moment(row["scheduled"]),
        again=not incoming and (state in _AGAIN or bool(row["unconfirmed"])) and not row["again_sent"],
        modem=row["modem"],
    )


def call_entry(row: sqlite3.Row) -> CallEntry:
    """Of a row of ``call``."""
    return CallEntry(
        id=row["id"],
        at=required(row["started"]),
        ended=required(row["ended"]),
        outcome=Outcome(row["outcome"]),
        answered_by=AnsweredBy(row["answered_by"]) if row["answered_by"] else None,
        reached=Reached(row["reached"]),
        rang=row["rang"],
        decision=DecisionKind(row["decision"]),
        reason=Reason(row["reason"]),
        line=row["line"],
        voicemail_left=bool(row["voicemail_left"]),
        handed_on=bool(row["handed_on"]),
    )


def outgoing_entry(row: sqlite3.Row) -> OutgoingEntry:
    """Of a row of ``OUTGOING`` or ``ASKED``."""
    joined, ended = moment(row["joined"]), moment(row["ended"])
    return OutgoingEntry(
        id=row["id"],
        at=required(row["at"]),
        by=row["author"],
        joined=joined,
        ended=ended,
        talked=_seconds(joined, ended),
        reached=row["reached"] is not None,
        failed=row["failed"],
    )


def note_entry(row: sqlite3.Row) -> NoteEntry:
    """Of a row of ``note``."""
    return NoteEntry(id=row["id"], at=required(row["at"]), author=row["author"], text=row["text"])


def voicemail_entry(row: sqlite3.Row) -> VoicemailEntry:
    """Of a row of ``VOICEMAIL``."""
    return VoicemailEntry(
        id=row["id"],
        at=required(row["at"]),
        call=row["call"],
        mailbox=row["mailbox"],
        seconds=row["seconds"],
        heard=moment(row["heard"]),
        heard_by=row["heard_by"],
        transcription=row["transcription"],
        transcript=row["transcript"],
        playable=bool(row["playable"]),
    )


def _seconds(since: datetime | None, until: datetime | None) -> float | None:
    return None if since is None or until is None else max(0.0, (until - since).total_seconds())
