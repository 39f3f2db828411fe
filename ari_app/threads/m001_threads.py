"""Contacts, threads, calls with their decision, messages with parts and attempts, what came in, what was reported."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

STATEMENTS = (
    """CREATE TABLE contact (
        id INTEGER PRIMARY KEY,
        number TEXT NOT NULL UNIQUE,
        name TEXT,
        language TEXT,
        opted_out TEXT,
        not_textable TEXT,
        looping TEXT,
        created TEXT NOT NULL
    ) STRICT""",
    # A call without a number gets a thread of its own: NULLs are distinct in a UNIQUE constraint.
    """CREATE TABLE thread (
        id INTEGER PRIMARY KEY,
        line TEXT NOT NULL,
        number TEXT REFERENCES contact(number),
        state TEXT NOT NULL CHECK (state IN ('to_answer', 'answered', 'done')),
        text_waits INTEGER NOT NULL DEFAULT 0,
        created TEXT NOT NULL,
        changed TEXT NOT NULL,
        UNIQUE (line, number)
    ) STRICT""",
    "CREATE INDEX thread_by_number ON thread (number, changed)",
    "CREATE INDEX thread_by_state ON thread (state, changed)",
    "CREATE INDEX thread_by_change ON thread (changed)",
    """CREATE TABLE call (
        id TEXT PRIMARY KEY,
        thread INTEGER NOT NULL REFERENCES thread(id),
        started TEXT NOT NULL,
        ended TEXT NOT NULL,
        presented TEXT NOT NULL,
        caller TEXT,
        presentation TEXT NOT NULL,
        did TEXT NOT NULL,
        context TEXT NOT NULL,
        channel TEXT NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'missed', 'unseen')),
        answered_by TEXT CHECK (answered_by IN ('extension', 'outside')),
        reached TEXT NOT NULL,
        rang REAL NOT NULL,
        caller_hung_up INTEGER NOT NULL,
        voicemail_left INTEGER NOT NULL,
        handed_on INTEGER NOT NULL,
        machine INTEGER NOT NULL,
        asked INTEGER NOT NULL,
        suspect INTEGER NOT NULL,
        switches TEXT NOT NULL,
        to_answer INTEGER NOT NULL,
        decision TEXT NOT NULL CHECK (decision IN ('pending', 'reply', 'silence')),
        reason TEXT NOT NULL,
        open INTEGER NOT NULL,
        line TEXT NOT NULL,
        detail TEXT NOT NULL,
        due TEXT,
        language TEXT,
        language_from TEXT,
        trigger TEXT,
        decided TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX call_by_thread ON call (thread, ended)",
    "CREATE INDEX call_by_caller ON call (caller, started)",
    "CREATE INDEX call_by_start ON call (started)",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        thread INTEGER NOT NULL REFERENCES thread(id),
        direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
        kind TEXT NOT NULL CHECK (kind IN ('auto', 'notice', 'staff', 'caller')),
        text TEXT NOT NULL,
        note TEXT,
        state TEXT NOT NULL CHECK (
            (direction = 'out' AND state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'unknown', 'cancelled', 'expired'))
            OR (direction = 'in' AND state IN ('received', 'partial'))
        ),
        at TEXT NOT NULL,
        sent_at TEXT,
        act TEXT UNIQUE,
        call TEXT UNIQUE REFERENCES call(id),
        notice TEXT,
        author TEXT,
        language TEXT,
        modem TEXT,
        due TEXT,
        expires TEXT,
        stranger INTEGER NOT NULL DEFAULT 0,
        automatic INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        parts INTEGER NOT NULL DEFAULT 1,
        claimed TEXT,
        went TEXT,
        code TEXT,
        what TEXT,
        CHECK (state NOT IN ('queued', 'sending') OR (due IS NOT NULL AND expires IS NOT NULL AND act IS NOT NULL))
    ) STRICT""",
    "CREATE INDEX message_by_thread ON message (thread, at)",
    "CREATE INDEX message_due ON message (due) WHERE state = 'queued'",
    "CREATE INDEX message_expires ON message (expires) WHERE state = 'queued'",
    "CREATE INDEX message_sending ON message (thread) WHERE state = 'sending'",
    "CREATE INDEX message_claimed ON message (claimed) WHERE kind IN ('auto', 'notice')",
    "CREATE INDEX message_trouble ON message (state) WHERE state IN ('unknown', 'failed', 'partial')",
    """CREATE TABLE part (
        id INTEGER PRIMARY KEY,
        message INTEGER NOT NULL REFERENCES message(id),
        number INTEGER NOT NULL,
        pdu TEXT NOT NULL,
        length INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'unknown')),
        modem TEXT,
        reference INTEGER,
        submitted TEXT,
        report_status INTEGER,
        report_at TEXT,
        UNIQUE (message, number)
    ) STRICT""",
    "CREATE INDEX part_by_reference ON part (modem, reference, submitted)",
    "CREATE INDEX part_unknown ON part (modem) WHERE state = 'unknown'",
    """CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        part INTEGER NOT NULL REFERENCES part(id),
        modem TEXT NOT NULL,
        started TEXT NOT NULL,
        outcome TEXT CHECK (outcome IN ('sent', 'refused', 'not_sent', 'unknown')),
        reference INTEGER,
        code TEXT,
        what TEXT,
        ended TEXT
    ) STRICT""",
    "CREATE INDEX attempt_by_part ON attempt (part)",
    "CREATE UNIQUE INDEX attempt_open ON attempt (part) WHERE outcome IS NULL",
    """CREATE TRIGGER attempt_once BEFORE UPDATE ON attempt WHEN old.outcome IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'the result of an attempt is written once');
    END""",
    """CREATE TABLE inbound (
        id INTEGER PRIMARY KEY,
        modem TEXT NOT NULL,
        received TEXT NOT NULL,
        pdu TEXT NOT NULL,
        seen TEXT NOT NULL,
        digest TEXT NOT NULL,
        sender TEXT NOT NULL,
        sent_at TEXT,
        reference INTEGER,
        parts INTEGER NOT NULL,
        number INTEGER NOT NULL,
        wide INTEGER NOT NULL,
        whole INTEGER REFERENCES inbound(id),
        message INTEGER REFERENCES message(id)
    ) STRICT""",
    "CREATE INDEX inbound_by_digest ON inbound (digest, seen)",
    "CREATE INDEX inbound_by_key ON inbound (sender, reference, parts, wide, received)",
    "CREATE INDEX inbound_by_whole ON inbound (whole)",
    "CREATE INDEX inbound_waiting ON inbound (received) WHERE message IS NULL",
    """CREATE TABLE report (
        id INTEGER PRIMARY KEY,
        modem TEXT NOT NULL,
        received TEXT NOT NULL,
        pdu TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        reference INTEGER NOT NULL,
        recipient TEXT NOT NULL,
        sent_at TEXT,
        status INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        permanent INTEGER NOT NULL,
        number_at_fault INTEGER NOT NULL,
        part INTEGER REFERENCES part(id)
    ) STRICT""",
    "CREATE INDEX report_waiting ON report (received) WHERE part IS NULL",
    """CREATE TABLE outgoing (
        id TEXT PRIMARY KEY,
        number TEXT,
        started TEXT NOT NULL,
        joined TEXT,
        ended TEXT
    ) STRICT""",
    "CREATE INDEX outgoing_by_number ON outgoing (number, joined)",
    # Calls that were up when last heard of: a stop of the service must not lose them.
    "CREATE TABLE open_call (id TEXT PRIMARY KEY, call TEXT NOT NULL) STRICT",
    "CREATE TABLE reached (call TEXT PRIMARY KEY, number TEXT NOT NULL, at TEXT NOT NULL) STRICT",
    "CREATE INDEX reached_by_number ON reached (number, at)",
    "CREATE TABLE pin_refused (sim TEXT NOT NULL, digest TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (sim, digest)) STRICT",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    # Search ignores accents and case. Only a change of the text touches the index: states change often.
    "CREATE VIRTUAL TABLE message_fts USING fts5 (text, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2')",
    """CREATE TRIGGER message_fts_insert AFTER INSERT ON message BEGIN
        INSERT INTO message_fts (rowid, text) VALUES (new.id, new.text);
    END""",
    """CREATE TRIGGER message_fts_delete AFTER DELETE ON message BEGIN
        INSERT INTO message_fts (message_fts, rowid, text) VALUES ('delete', old.id, old.text);
    END""",
    """CREATE TRIGGER message_fts_update AFTER UPDATE OF text ON message WHEN old.text IS NOT new.text BEGIN
        INSERT INTO message_fts (message_fts, rowid, text) VALUES ('delete', old.id, old.text);
        INSERT INTO message_fts (rowid, text) VALUES (new.id, new.text);
    END""",
    """CREATE VIRTUAL TABLE contact_fts USING fts5 (
        name, number, content='contact', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
    )""",
    """CREATE TRIGGER contact_fts_insert AFTER INSERT ON contact BEGIN
        INSERT INTO contact_fts (rowid, name, number) VALUES (new.id, new.name, new.number);
    END""",
    """CREATE TRIGGER contact_fts_delete AFTER DELETE ON contact BEGIN
        INSERT INTO contact_fts (contact_fts, rowid, name, number) VALUES ('delete', old.id, old.name, old.number);
    END""",
    """CREATE TRIGGER contact_fts_update AFTER UPDATE OF name, number ON contact BEGIN
        INSERT INTO contact_fts (contact_fts, rowid, name, number) VALUES ('delete', old.id, old.name, old.number);
        INSERT INTO contact_fts (rowid, name, number) VALUES (new.id, new.name, new.number);
    END""",
)
