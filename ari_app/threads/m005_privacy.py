"""What was erased, who said they want no texts after everything else of them is gone, and the history of consent."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

_IDS = """CREATE TRIGGER {table}_ids AFTER DELETE ON {table} BEGIN INSERT INTO counter (name, value) VALUES ('{table}_ids', old.id)
    ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value); END"""

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
    # Found from what goes: without them each row that goes has these tables read whole, by the check of foreign keys too.
    "CREATE INDEX inbound_by_message ON inbound (message)",
    "CREATE INDEX report_by_part ON report (part)",
    # An id is never given again (``Transaction.insert``).
    *(_IDS.format(table=table) for table in ("thread", "person", "message", "voicemail")),
    # What is known from before there was a history: what staff were told, STOP and START that were confirmed, and STOP that was not.
    """INSERT INTO consent (number, at, act, how, who)
        SELECT t.number, a.at, iif(a.act = 'opt_out_verbal', 'opt_out', 'opt_in'), 'verbal', a.who
        FROM audit a JOIN thread t ON t.id = a.thread WHERE a.act IN ('opt_out_verbal', 'opt_in_verbal') AND t.number IS NOT NULL
        UNION ALL SELECT t.number, m.at, iif(m.notice = 'stop', 'opt_out', 'opt_in'), 'text', NULL
        FROM message m JOIN thread t ON t.id = m.thread WHERE m.notice IN ('stop', 'start') AND t.number IS NOT NULL ORDER BY 2""",
    """INSERT INTO consent (number, at, act, how) SELECT number, opted_out, 'opt_out', 'text' FROM contact c
        WHERE opted_out IS NOT NULL AND NOT EXISTS (SELECT 1 FROM consent WHERE number = c.number AND at = c.opted_out)""",
)
