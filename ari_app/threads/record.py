"""Everything that is kept of one number, for whoever it belongs to: they may see it all, and who looked at it."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ari_app.threads.database import Reader
from ari_app.threads.persons import people_of
from ari_app.threads.views import call_view, message_view

__all__ = ["record", "threads_of"]

_SEEN = """SELECT at, who, face, address, act, thread, what FROM audit WHERE thread IN (SELECT value FROM json_each(:threads))
    OR (act = 'searched' AND EXISTS (SELECT 1 FROM json_each(:threads) WHERE instr(' ' || what || ' ', ' #' || value || ' ')))
    OR (act GLOB 'contact_*' AND EXISTS (SELECT 1 FROM json_each(:people) WHERE what = 'contact ' || value
        OR instr(what, 'contact ' || value || ':') = 1))
    OR (act = 'contacts_listed' AND EXISTS (SELECT 1 FROM json_each(:people) WHERE instr(what || ' ', ' ' || value || ' ')))
    ORDER BY id DESC"""


def threads_of(reader: Reader, number: str) -> list[int]:
    """Its threads, and those of calls whose number was withheld and that the trunk told all the same."""
    rows = reader.all(
        """SELECT id FROM thread WHERE number = :number UNION SELECT c.thread FROM call c JOIN thread t ON t.id = c.thread
            WHERE c.caller = :number AND t.number IS NULL ORDER BY 1""",
        {"number": number},
    )
    return [row["id"] for row in rows]


def record(reader: Reader, number: str) -> dict[str, Any]:
    """``export NUMBER --json`` without its head. Lists newest first, times ISO 8601 UTC; staff by name, texts with their parts."""
    threads = threads_of(reader, number)
    people = people_of(reader, number)
    about = {"number": number, "threads": json.dumps(threads), "people": json.dumps([one.id for one in people])}
    theirs = "thread IN (SELECT value FROM json_each(:threads))"
    contact = reader.one("SELECT * FROM contact WHERE number = :number", about)
    return {
        "contact": _plain(contact, ("number", "name", "kind", "language", "wrote", "offered", "opted_out", "not_textable", "created")),
        "people": [
            {
                "name": one.name,
                "kind": one.kind,
                "language": one.language,
                "tags": list(one.tags),
                "numbers": [{"number": each.number, "label": each.label} for each in one.numbers],
                "source": one.source,
                "external": one.external,
                "changed": one.changed.isoformat().replace("+00:00", "Z"),
            }
            for one in people
        ],
        "threads": [
            _plain(row, ("id", "line", "state", "created", "changed"))
            for row in reader.all("SELECT * FROM thread WHERE id IN (SELECT value FROM json_each(:threads)) ORDER BY changed DESC", about)
        ],
        "calls": [
            call_view(row) | {"withheld": row["presentation"] == "prohibited", "detail": json.loads(row["detail"])}
            for row in reader.all(
                f"""SELECT c.*, m.id AS message FROM call c LEFT JOIN message m ON m.call = c.id
                    WHERE c.caller = :number OR c.{theirs} ORDER BY c.started DESC, c.id DESC""",
                about,
            )
        ],
        "calls_out": [
            _plain(row, ("started", "joined", "ended", "reached", "author"))
            for row in reader.all(
                """SELECT o.*, (SELECT author FROM call_back WHERE outgoing = o.id) AS author FROM outgoing o
                    WHERE o.number = :number ORDER BY o.started DESC""",
                about,
            )
        ],
        "messages": [
            message_view(row) | {"thread": row["thread"], "scheduled": row["scheduled"], "carried": _parts(reader, row["id"])}
            for row in reader.all(f"SELECT * FROM message WHERE {theirs} ORDER BY at DESC, id DESC", about)
        ],
        "notes": [
            _plain(row, ("thread", "at", "author", "text"))
            for row in reader.all(f"SELECT * FROM note WHERE {theirs} ORDER BY at DESC, id DESC", about)
        ],
        "voicemails": [
            _plain(row, ("id", "thread", "call", "at", "seconds", "heard", "heard_by", "transcript", "language", "type"))
            for row in reader.all(
                f"""SELECT v.*, r.type FROM voicemail v LEFT JOIN recording r ON r.voicemail = v.id
                    WHERE v.{theirs} ORDER BY v.at DESC, v.id DESC""",
                about,
            )
        ],
        "consent": [
            _plain(row, ("at", "act", "how", "who"))
            for row in reader.all("SELECT * FROM consent WHERE number = :number ORDER BY at DESC, id DESC", about)
        ],
        "accesses": [dict(row) for row in reader.all(_SEEN, about)],
    }


def _plain(row: sqlite3.Row | None, columns: tuple[str, ...]) -> dict[str, Any] | None:
    return None if row is None else {column: row[column] for column in columns}


def _parts(reader: Reader, message: int) -> list[dict[str, Any]]:
    """Of how many SMS a text is, and what became of each; of one received, when each came."""
    sent = reader.all("SELECT number, state, modem, submitted, report_at FROM part WHERE message = ? ORDER BY number", (message,))
    if sent:
        return [dict(row) for row in sent]
    return [dict(row) for row in reader.all("SELECT number, modem, received FROM inbound WHERE message = ? ORDER BY number", (message,))]
