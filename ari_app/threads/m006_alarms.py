"""What the administrator is told of, until it is over; kept until each way of telling has taken it."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

STATEMENTS = (
    # ``subject``: which modem, disk or line. One open alarm per code and subject.
    """CREATE TABLE alarm (
        id INTEGER PRIMARY KEY,
        code TEXT NOT NULL,
        subject TEXT NOT NULL,
        what TEXT NOT NULL,
        fix TEXT NOT NULL,
        since TEXT NOT NULL,
        over TEXT
    ) STRICT""",
    "CREATE UNIQUE INDEX alarm_open ON alarm (code, subject) WHERE over IS NULL",
    # One row per way ("email", "webhook") and telling ("raised", "over"), gone when it was taken.
    """CREATE TABLE alarm_due (
        alarm INTEGER NOT NULL REFERENCES alarm(id) ON DELETE CASCADE,
        way TEXT NOT NULL,
        telling TEXT NOT NULL CHECK (telling IN ('raised', 'over')),
        due TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (alarm, way, telling)
    ) STRICT, WITHOUT ROWID""",
)
