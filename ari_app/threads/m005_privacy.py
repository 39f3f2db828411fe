"""What was erased, who said they want no texts after everything else of them is gone, and the history of consent."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

STATEMENTS = (
    # The fact of an erasure. ``digest``: the number under the house's key (HMAC), so that a restored backup can be erased anew and nobody
    # reads a number here. ``counts``: rows by class (JSON).
    """CREATE TABLE erasure (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        counts TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX erasure_by_digest ON erasure (digest)",
    # Erased, or grown old, and still not to be texted.
    "CREATE TABLE opted_out (digest TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # ``how``: by a text, or told to a member (``who``).
    """CREATE TABLE consent (
        id INTEGER PRIMARY KEY,
        number TEXT NOT NULL,
        at TEXT NOT NULL,
        act TEXT NOT NULL CHECK (act IN ('opt_out', 'opt_in')),
        how TEXT NOT NULL CHECK (how IN ('text', 'verbal')),
        who TEXT
    ) STRICT""",
    "CREATE INDEX consent_by_number ON consent (number, at)",
    "CREATE INDEX consent_by_time ON consent (at)",
)
