"""What people see: plain values in the shapes of the CLI's JSON contract. Times ISO 8601 UTC, lists newest first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlite_utils import Database as Utils

from ari_app.errors import NotFoundError
from ari_app.threads.database import Reader
from ari_app.threads.persons import COMMON_LANGUAGE
from ari_app.threads.rows import stamp

__all__ = ["call_view", "calls", "contact", "counts", "message", "message_view", "search", "thread", "threads", "why"]

_TROUBLE = """SELECT state, count(*) AS n, sum(at >= ?) AS late FROM message
    WHERE state IN ('unknown', 'failed', 'partial') GROUP BY state"""
_REPORTS = """SELECT a.modem, count(*) AS sent, count(p.report_at) AS reported FROM attempt a JOIN part p ON p.id = a.part
    WHERE a.started >= ? AND a.outcome = 'sent' GROUP BY a.modem"""
_PEOPLE = 200
"""Contacts of a searched name whose texts are shown: a name many bear says little."""
_CALLS = """SELECT c.*, m.id AS message FROM call c LEFT JOIN message m ON m.call = c.id"""


def _limit(limit: int) -> int:
    return limit if limit > 0 else -1


def call_view(row: sqlite3.Row) -> dict[str, Any]:
    """One call as ``calls --json`` tells it; ``message`` of the row is its text's id."""
    return {
        "id": row["id"],
        "started": row["started"],
        "ended": row["ended"],
        "caller": None if row["presentation"] == "prohibited" else row["caller"],
        "did": row["did"],
        "line": row["line"],
        "outcome": row["outcome"],
        "answered_by": row["answered_by"],
        "reached": row["reached"],
        "rang": round(row["rang"], 3),
        "open": bool(row["open"]),
        "decision": row["decision"],
        "reason": row["reason"],
        "message": row["message"],
        "thread": row["thread"],
    }


def message_view(row: sqlite3.Row) -> dict[str, Any]:
    """``at``: when it was written or received here. ``sent_at``: the SMS centre's time stamp of one received.

    ``confirmed``: True once the handset has it, False when the network has not told for long, None where it is not known (yet).
    """
    return {
        "id": row["id"],
        "direction": row["direction"],
        "kind": row["kind"],
        "text": row["text"],
        "note": row["note"],
        "state": row["state"],
        "at": row["at"],
        "sent_at": row["sent_at"],
        "parts": row["parts"],
        "author": row["author"],
        "what": row["what"],
        "confirmed": _confirmed(row),
    }


def _confirmed(row: sqlite3.Row) -> bool | None:
    if row["state"] == "delivered":
        return True
    return False if row["state"] == "sent" and row["unconfirmed"] else None


def calls(
    reader: Reader,
    *,
    since: datetime | None = None,
    number: str | None = None,
    limit: int = 0,
    decision: str | None = None,
    reason: str | None = None,
    outcome: str | None = None,
) -> list[dict[str, Any]]:
    """``calls --json``: the inbound calls, by start. ``limit`` 0: all."""
    wanted: dict[str, object | None] = {
        "c.started >= ?": stamp(since) if since else None,
        "c.caller = ?": number,
        "c.decision = ?": decision,
        "c.reason = ?": reason,
        "c.outcome = ?": outcome,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = " AND ".join(["c.presentation != 'prohibited'"] * (number is not None) + list(given)) or "1"
    rows = reader.all(f"{_CALLS} WHERE {where} ORDER BY c.started DESC, c.id DESC LIMIT ?", (*given.values(), _limit(limit)))
    return [call_view(row) for row in rows]


def thread(reader: Reader, number: str, line: str | None = None, *, limit: int = 0) -> dict[str, Any]:
    """``thread NUMBER --json``: the number's thread on ``line``, else its latest; ``limit`` of each list in it, 0: all.

    Raises NotFoundError.
    """
    row = reader.one(
        f"{_THREADS} WHERE t.number = ? AND (? IS NULL OR t.line = ?) ORDER BY t.changed DESC, t.id DESC LIMIT 1",
        (number, line, line),
    )
    if row is None:
        where = f" on line {line}" if line else ""
        raise NotFoundError(f"there is no thread with {number}{where}", "see `textback threads` for those there are")
    return _whole(reader, row, _limit(limit))


def thread_by_id(reader: Reader, thread_id: int, *, limit: int = 0) -> dict[str, Any]:
    """The same for a thread's id: the only name of a call without a number. Raises NotFoundError."""
    row = reader.one(f"{_THREADS} WHERE t.id = ?", (thread_id,))
    if row is None:
        raise NotFoundError(f"there is no thread {thread_id}", "see `textback threads` for those there are")
    return _whole(reader, row, _limit(limit))


_THREADS = f"""SELECT t.*, c.name, c.opted_out, c.not_textable,
    coalesce(c.wrote, c.language, {COMMON_LANGUAGE.format("t.number")}) AS language,
    (SELECT count(*) FROM message m WHERE m.thread = t.id) AS messages,
    (SELECT count(*) FROM call k WHERE k.thread = t.id) AS calls,
    (SELECT coalesce(nullif(m.text, ''), m.note, '') FROM message m WHERE m.thread = t.id
        ORDER BY m.at DESC, m.id DESC LIMIT 1) AS last_text
    FROM thread t LEFT JOIN contact c ON c.number = t.number"""  # noqa: S608  (our own)


def _who(number: str | None, name: str | None) -> dict[str, Any]:
    """E.164 or null; a short code or a sender's name stands where a contact's name would."""
    dialable = number is not None and number.startswith("+")
    return {"number": number if dialable else None, "contact": name or (None if dialable else number)}


def _head(row: sqlite3.Row) -> dict[str, Any]:
    who = _who(row["number"], row["name"])
    return {
        "id": row["id"],
        "number": who["number"],
        "line": row["line"],
        "contact": who["contact"],
        "language": row["language"],
        "state": row["state"],
    }


def _whole(reader: Reader, row: sqlite3.Row, limit: int) -> dict[str, Any]:
    messages = reader.all("SELECT * FROM message WHERE thread = ? ORDER BY at DESC, id DESC LIMIT ?", (row["id"], limit))
    found = reader.all(f"{_CALLS} WHERE c.thread = ? ORDER BY c.started DESC, c.id DESC LIMIT ?", (row["id"], limit))
    left = reader.all("SELECT * FROM voicemail WHERE thread = ? ORDER BY at DESC, id DESC LIMIT ?", (row["id"], limit))
    return {
        **_head(row),
        "opted_out": row["opted_out"],
        "not_textable": row["not_textable"],
        "messages": [message_view(item) for item in messages],
        "calls": [call_view(item) for item in found],
        "voicemails": [_voicemail(item) for item in left],
    }


def _voicemail(row: sqlite3.Row) -> dict[str, Any]:
    """``transcript``: what a machine understood; null where nothing is written down (yet)."""
    kept = ("id", "call", "at", "seconds", "mailbox", "heard", "heard_by", "transcription", "transcript")
    return {key: round(row[key], 1) if key == "seconds" else row[key] for key in kept}


def threads(
    reader: Reader, *, state: str | None = None, since: datetime | None = None, number: str | None = None, limit: int = 0
) -> list[dict[str, Any]]:
    """``threads --json``: each thread with its last text and how much is in it, the one that changed last first."""
    wanted: dict[str, object | None] = {
        "state = ?": state,
        "changed >= ?": stamp(since) if since else None,
        "number = ?": number,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    where = " AND ".join(given) or "1"
    # Chosen first, so that only what is shown is counted.
    rows = reader.all(
        f"{_THREADS} WHERE t.id IN (SELECT id FROM thread WHERE {where} ORDER BY changed DESC, id DESC LIMIT ?) "  # noqa: S608  (our own)
        "ORDER BY t.changed DESC, t.id DESC",
        (*given.values(), _limit(limit)),
    )
    return [
        {
            **_head(row),
            "at": row["changed"],
            "messages": row["messages"],
            "calls": row["calls"],
            "last_text": row["last_text"],
        }
        for row in rows
    ]


def message(reader: Reader, message_id: int) -> dict[str, Any]:
    """One message with its thread. Raises NotFoundError."""
    row = reader.one("SELECT * FROM message WHERE id = ?", (message_id,))
    if row is None:
        raise NotFoundError(f"there is no message {message_id}", "see `textback thread NUMBER`")
    return {**message_view(row), "thread": row["thread"], "call": row["call"]}


def contact(reader: Reader, number: str) -> dict[str, Any] | None:
    """What is kept of a number beside its threads; None when nothing is."""
    row = reader.one("SELECT number, name, language, opted_out, not_textable, looping FROM contact WHERE number = ?", (number,))
    return None if row is None else dict(row)


def why(reader: Reader, subject: str, *, limit: int = 0) -> list[dict[str, Any]]:
    """The facts ``why`` tells in words: of one call by its id, or of every call of a number. Raises NotFoundError.

    Each: the call as in ``calls``, with ``detail``, ``language``, ``language_from``, ``trigger``, ``due``, ``decided``, the text's
    state and why it failed, and each attempt of it. No message text.
    """
    rows = reader.all(
        f"{_CALLS} WHERE c.id = :subject OR (c.caller = :subject AND c.presentation != 'prohibited') "
        "ORDER BY c.started DESC, c.id DESC LIMIT :limit",
        {"subject": subject, "limit": _limit(limit)},
    )
    if not rows:
        raise NotFoundError(f"there is no call {subject}", "see `textback calls` for ids and numbers")
    return [_facts(reader, row) for row in rows]


def _facts(reader: Reader, row: sqlite3.Row) -> dict[str, Any]:
    sent = reader.one("SELECT * FROM message WHERE id = ?", (row["message"],)) if row["message"] is not None else None
    attempts: Sequence[sqlite3.Row] = ()
    if sent is not None:
        attempts = reader.all(
            """SELECT p.number AS part, a.modem, a.started, a.ended, a.outcome, a.code, a.what, p.report_status, p.report_at
                FROM attempt a JOIN part p ON p.id = a.part WHERE p.message = ? ORDER BY a.id""",
            (sent["id"],),
        )
    known = reader.one("SELECT opted_out, not_textable, looping FROM contact WHERE number = ?", (row["caller"],))
    return {
        **call_view(row),
        "handed_on": bool(row["handed_on"]),
        "caller_hung_up": bool(row["caller_hung_up"]),
        "voicemail_left": bool(row["voicemail_left"]),
        "presentation": row["presentation"],
        "switches": json.loads(row["switches"]),
        "detail": json.loads(row["detail"]),
        "due": row["due"],
        "decided": row["decided"],
        "language": row["language"],
        "language_from": row["language_from"],
        "trigger": row["trigger"],
        "contact": dict(known) if known else None,
        "text": None
        if sent is None
        else {
            "state": sent["state"],
            "code": sent["code"],
            "what": sent["what"],
            "tries": sent["tries"],
            "went": sent["went"],
            "expires": sent["expires"],
            "parts": sent["parts"],
        },
        "attempts": [dict(attempt) for attempt in attempts],
    }


def counts(reader: Reader, lately: datetime) -> dict[str, Any]:
    """For ``doctor``: how many texts stand in which state (and went wrong since ``lately``), the oldest due one, how many threads wait.

    ``reports``: of each modem the SMS sent since ``lately``, and those with a status report.
    """
    # Each by the index of its own states: the table is long, these are few.
    trouble = {row["state"]: row for row in reader.all(_TROUBLE, (stamp(lately),))}

    def of(state: str, column: str = "n") -> int:
        return int(trouble[state][column]) if state in trouble else 0

    return {
        "queued": reader.value("SELECT count(*) FROM message WHERE state = 'queued'"),
        "sending": reader.value("SELECT count(*) FROM message WHERE state = 'sending'"),
        "unknown": of("unknown"),
        "failed": of("failed"),
        "unknown_lately": of("unknown", "late"),
        "failed_lately": of("failed", "late"),
        "oldest_due": reader.value("SELECT min(due) FROM message WHERE state = 'queued'"),
        "partial": of("partial"),
        "parts_waiting": reader.value("SELECT count(*) FROM inbound WHERE message IS NULL AND whole IS NOT NULL"),
        "to_answer": reader.value("SELECT count(*) FROM thread WHERE state = 'to_answer'"),
        "reports": {row["modem"]: (row["sent"], row["reported"]) for row in reader.all(_REPORTS, (stamp(lately),))},
    }


def search(reader: Reader, text: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """Messages with these words, and those of contacts so named; case and accents do not matter. Newest first."""
    words = Utils(reader.connection, execute_plugins=False, recursive_triggers=False).quote_fts(text)
    if not words.strip('" '):
        return []
    rows = reader.all(
        """SELECT m.*, t.number AS who, c.name FROM message m JOIN thread t ON t.id = m.thread LEFT JOIN contact c ON c.number = t.number
            WHERE m.id IN (
                SELECT * FROM (SELECT rowid FROM message_fts WHERE message_fts MATCH :words ORDER BY rowid DESC LIMIT :limit)
                UNION SELECT * FROM (SELECT n.id FROM contact k JOIN thread o ON o.number = k.number JOIN message n ON n.thread = o.id
                    WHERE k.id IN (SELECT rowid FROM contact_fts WHERE contact_fts MATCH :words ORDER BY rowid DESC LIMIT :people)
                    ORDER BY n.id DESC LIMIT :limit)
            ) ORDER BY m.at DESC, m.id DESC LIMIT :limit""",
        {"words": words, "limit": _limit(limit), "people": _PEOPLE},
    )
    return [{**message_view(row), "thread": row["thread"], **_who(row["who"], row["name"])} for row in rows]
