"""How SQLite goes about every statement of the application: none may read a table that grows from one end to the other.

``listen`` hears the statements of all connections made from then on, with their parameters: a plan depends on which are bound, not on what
is in the tables, for the planner is never given statistics (``ANALYZE`` counts as a finding too).
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from ari_app.threads.keyed import teach

__all__ = ["ALLOWED", "GROWING", "Findings", "Statements", "plan_of", "scans"]

GROWING = (
    *("message", "thread", "call", "contact", "outgoing", "audit", "part", "attempt", "inbound", "report", "reached", "note", "call_back"),
    *("said", "person", "person_number", "voicemail", "recording", "consent", "erasure", "opted_out"),
    *("message_fts", "contact_fts", "contact_digits", "note_fts", "person_fts", "voicemail_fts"),
)
"""Tables that grow with the years."""
FEW = (
    *("thread_waits", "thread_held", "thread_snoozed", "message_open_trouble", "message_expires", "message_due", "message_sending"),
    *("message_scheduled", "message_trouble", "message_unconfirmed", "inbound_waiting", "report_waiting", "outgoing_up", "attempt_open"),
    *("voicemail_misplaced", "voicemail_unheard", "voicemail_waiting", "part_unknown"),
)
"""Indexes of the few rows that wait, are under way or are in trouble: reading one whole is the question."""
ALLOWED: tuple[tuple[str, str], ...] = ()
"""What may read a growing table whole: a piece of the statement (blanks as one), and why."""

Finding = tuple[str, str]
"""A step of a plan, and its statement."""
_OURS = str(Path(__file__).parent.parent / "ari_app")
_LOOP = re.compile(r"\?(?:, ?\?)+")


class Statements:
    """Statements heard, each once, with the parameters it first came with."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[str, Any]] = {}
        self._seen: set[str] = set()
        self._connect = sqlite3.connect

    def note(self, sql: str, params: Any) -> None:
        if not _from_application():
            return
        self._seen.add(sql)
        self.heard.setdefault(_LOOP.sub("?, …", " ".join(sql.split())), (sql, params))

    def listen(self) -> Callable[[], None]:
        """Hear every connection made from now on; what is returned ends it."""
        note, seen = self.note, self._seen

        class Heard(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                if sql not in seen:
                    note(sql, parameters)
                return super().execute(sql, parameters)

            def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
                rows = list(parameters)
                if rows:
                    note(sql, rows[0])
                return super().executemany(sql, rows)

        def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = self._connect(*args, **{"factory": Heard, **kwargs})
            return made

        sqlite3.connect = connect  # type: ignore[assignment]

        def end() -> None:
            sqlite3.connect = self._connect

        return end

    def findings(self, store: Path) -> list[Finding]:
        """What is not as it should be, of a store's plans."""
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            teach(connection, None)
            return [finding for sql, params in self.heard.values() for finding in scans(sql, plan_of(connection, sql, params))]


Findings = list[Finding]


def plan_of(connection: sqlite3.Connection, sql: str, params: Any = ()) -> list[str]:
    """The steps of ``EXPLAIN QUERY PLAN``; none for what has no plan (PRAGMA, BEGIN, schema)."""
    if not sql.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH")):
        return []
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]


def scans(sql: str, plan: Iterable[str]) -> list[Finding]:
    """Steps that read a growing table, or an index of one, from its one end to the other, and are not allowed to."""
    words = " ".join(sql.split())
    if words.upper().startswith("ANALYZE"):
        return [("ANALYZE", words)]
    if any(piece in words for piece, _ in ALLOWED):
        return []
    found = []
    for step in plan:
        match = re.match(r"SCAN (\S+)(.*)", step)
        if match is None or any(f"INDEX {few}" in step for few in FEW):
            continue
        name, how = match.groups()
        if re.search(r"VIRTUAL TABLE INDEX \d+:\S", how):
            continue  # a full-text index that is asked for something
        # an alias stands for its table
        if any(name == table or re.search(rf"\b{table} (?:AS )?{name}\b", words) for table in GROWING):
            found.append((step, words))
    return found


def _from_application() -> bool:
    """Is it a statement of the running application: tests look into stores too, and a migration runs once."""
    frame: FrameType | None = sys._getframe(3)  # past note and execute
    while frame is not None and frame.f_code.co_filename.endswith("/threads/database.py"):
        frame = frame.f_back
    if frame is None:
        return False
    file = frame.f_code.co_filename
    return file.startswith(_OURS) and not file.endswith("/migrations.py")
