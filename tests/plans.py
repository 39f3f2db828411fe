"""How SQLite goes about every statement of the application: none may read a table that grows from one end to the other.

``Plans.listen`` looks at each statement of the application once, as it comes, on the connection it comes on: a plan depends on what is
bound, attached and temporary there, and not on what is in the tables, for the planner is never given statistics (``ANALYZE`` counts as a
finding too). The tests listen in each process (``tests/conftest.py``), and so does ``scripts/bench soak``.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["PIECES", "ROOMS", "Plans", "scans"]

_GROWING = (
    *("message", "thread", "call", "contact", "outgoing", "audit", "part", "attempt", "inbound", "report", "reached", "note", "call_back"),
    *("said", "person", "person_number", "voicemail", "recording", "consent", "opted_out"),
    *("message_fts", "contact_fts", "contact_digits", "note_fts", "person_fts", "voicemail_fts"),
)
"""Tables that grow with the years."""
_FEW = (
    *("thread_waits", "thread_held", "thread_snoozed", "message_open_trouble", "message_expires", "message_due", "message_sending"),
    *("message_scheduled", "message_trouble", "message_unconfirmed", "inbound_waiting", "report_waiting", "outgoing_up", "attempt_open"),
    *("voicemail_misplaced", "voicemail_unheard", "voicemail_waiting", "voicemail_in_spool", "part_unknown"),
)
"""Indexes of the few rows that wait, are under way or are in trouble: reading one whole is the question."""
ROOMS: dict[str, str] = {
    "ari_app/backup/": "a copy is made, checked or put back: all of it is the work",
    "ari_app/contacts/": "a list of people is read in, beside the list that is there",
    "ari_app/privacy/": "an erasure looks everywhere a number may stand, and purging at what is old, once an hour",
    "ari_app/threads/erasing.py": "as above",
    "ari_app/threads/purging.py": "as above; of each old contact is asked whether it has a thread",
    "ari_app/threads/record.py": "one person's record is looked for everywhere",
    "ari_app/threads/syncing.py": "a list of people is compared with the list that is there",
    "ari_app/threads/migrations.py": "an upgrade runs once",
}
"""Whose statements may read growing tables whole, and why."""
PIECES: dict[str, str] = {
    "FROM opted_out)": "whether there is one at all",
    "FROM thread INDEXED BY thread_by_change ORDER BY changed DESC, id DESC LIMIT": "a page of the inbox, in the order of the index",
    "FROM thread WHERE 1 ORDER BY changed DESC, id DESC LIMIT": "`textback threads`, in the order of the index",
    "FROM call c LEFT JOIN message m ON m.call = c.id WHERE ": "`textback calls`, from the newest back until there are enough",
    "FROM audit WHERE 1 ORDER BY at DESC, id DESC LIMIT": "a page of the audit, in the order of the index",
    "FROM person p WHERE 1 ORDER BY p.sort, p.id LIMIT": "a page of the contacts, in the order of the index",
    "SELECT kind, count(*) AS n FROM person GROUP BY kind": "how many contacts there are of each kind: from an index alone",
}
"""Parts of statements that may, and why."""

Finding = tuple[str, str]
"""A step of a plan, and its statement."""
_HOUSE = str(Path(__file__).resolve().parents[1])
_LOOP = re.compile(r"\?(?:, ?\?)+")
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH")


class Plans:
    """What was seen of the statements of this process."""

    def __init__(self) -> None:
        self.findings: dict[Finding, str] = {}
        """Where each comes from: the file in the repository."""
        self.statements: set[str] = set()
        """Each once, however many values one of its lists has."""
        self._seen: set[str] = set()
        self._connect = sqlite3.connect

    def listen(self) -> Callable[[], None]:
        """Look at every connection made from now on; what is returned ends it."""
        look, seen = self._look, self._seen

        class Heard(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                if sql not in seen:
                    look(super().execute, sql, parameters)
                return super().execute(sql, parameters)

            def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
                rows = list(parameters)
                if rows and sql not in seen:
                    look(super().execute, sql, rows[0])
                return super().executemany(sql, rows)

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = self._connect(*args, **{"factory": Heard, **kwargs})
            return made

        sqlite3.connect = connect  # type: ignore[assignment]

        def end() -> None:
            sqlite3.connect = self._connect

        return end

    def _look(self, execute: Callable[[str, Any], sqlite3.Cursor], sql: str, params: Any) -> None:
        file = _whose()
        if file is None:
            return
        self._seen.add(sql)
        self.statements.add(_LOOP.sub("?, …", " ".join(sql.split())))
        if any(file.startswith(room) for room in ROOMS):
            return
        plan: Sequence[str] = ()
        if sql.lstrip().upper().startswith(_PLANNED):
            try:
                plan = [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()]
            except sqlite3.Error:
                return  # the statement itself is about to say it
        for finding in scans(sql, plan):
            self.findings[finding] = file


def scans(sql: str, plan: Iterable[str]) -> list[Finding]:
    """Steps that read a growing table, or an index of one, from its one end to the other, and are not allowed to."""
    words = " ".join(sql.split())
    if words.upper().startswith("ANALYZE"):
        return [("ANALYZE", words)]
    if any(piece in words for piece in PIECES):
        return []
    found = []
    for step in plan:
        match = re.match(r"SCAN (\S+)(.*)", step)
        if match is None or any(f"INDEX {few}" in step for few in _FEW):
            continue
        name, how = match.groups()
        if re.search(r"VIRTUAL TABLE INDEX \d+:\S", how):
            continue  # a full-text index that is asked for something
        # an alias stands for its table
        if any(name == table or re.search(rf"\b{table} (?:AS )?{name}\b", words) for table in _GROWING):
            found.append((step, words))
    return found


def _whose() -> str | None:
    """The application's file that a statement comes from; None where a test asks, as tests look into stores too."""
    frame: FrameType | None = sys._getframe(3)  # past _look and execute
    while frame is not None and frame.f_code.co_filename.endswith("/threads/database.py"):
        frame = frame.f_back
    if frame is None:
        return "ari_app/threads/database.py"
    file = frame.f_code.co_filename.removeprefix(f"{_HOUSE}/")
    if file.startswith("ari_app/"):
        return file
    # what a library does with a connection of ours is ours
    while frame is not None and "/site-packages/" in frame.f_code.co_filename:
        frame = frame.f_back
    file = "" if frame is None else frame.f_code.co_filename.removeprefix(f"{_HOUSE}/")
    return file if file.startswith("ari_app/") else None
