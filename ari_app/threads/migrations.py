"""The schema as numbered migrations: append only, never edited once released, each in one transaction with its record."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database as Utils
from sqlite_utils.migrations import Migrations

from ari_app.errors import StoreError

__all__ = ["MIGRATIONS", "check", "migrate"]

MIGRATIONS = Migrations("textback")


def _wrap(connection: sqlite3.Connection) -> Utils:
    return Utils(connection, execute_plugins=False, recursive_triggers=False)


def _names() -> list[str]:
    """Every migration of this version: what a blank database lacks."""
    blank = sqlite3.connect(":memory:")
    try:
        return [migration.name for migration in MIGRATIONS.pending(_wrap(blank))]
    finally:
        blank.close()


def check(connection: sqlite3.Connection) -> bool:
    """Is the schema as this version writes it. Raises StoreError for a newer one, and for a file that is no store of ours."""
    utils = _wrap(connection)
    applied = [migration.name for migration in MIGRATIONS.applied(utils)]
    if not applied and set(utils.table_names()) - {MIGRATIONS.migrations_table}:
        raise StoreError("the file is an SQLite database, but not textback's", "name another file as store.path")
    known = _names()
    newer = [name for name in applied if name not in known]
    if newer:
        raise StoreError(
            f"the store was written by a newer textback (it has {newer[-1]}, unknown here)",
            "install that version again, or restore a backup made before the upgrade",
        )
    return len(applied) == len(known)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date. Raises StoreError as ``check`` does; a failed migration leaves no trace."""
    if not check(connection):
        MIGRATIONS.apply(_wrap(connection))


@MIGRATIONS()
def m001_threads(db: Utils) -> None:
    """Contacts, threads, calls with their decision, messages with parts and attempts, what came in, what was reported."""
    for statement in _M001:
        db.conn.execute(statement)


@MIGRATIONS()
def m002_pool(db: Utils) -> None:
    """Which modem a conversation is on, whose fault a refusal was, texts that only one modem may carry, reports that never came."""
    for statement in _M002:
        db.conn.execute(statement)


@MIGRATIONS()
def m003_portal(db: Utils) -> None:
    """Members, their sessions and keys, the audit; what waits since when, who answers it, notes, ready replies, settings of the portal."""
    for statement in _M003:
        db.conn.execute(statement)


_M001 = (
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

_M002 = (
    "ALTER TABLE thread ADD COLUMN modem TEXT",
    "ALTER TABLE message ADD COLUMN bound INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempt ADD COLUMN number_at_fault INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempt ADD COLUMN permanent INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX attempt_by_start ON attempt (started)",
    # Texts that wait for a report, and those of modems that bring none.
    "CREATE INDEX message_unconfirmed ON message (went) WHERE state = 'sent' AND unconfirmed = 0",
    "CREATE INDEX report_by_modem ON report (modem, received)",
)


def _search(
    source: str,
    *columns: str,
    table: str | None = None,
    tokenize: str = "unicode61 remove_diacritics 2",
    prefix: str = ", prefix='1 2 3'",
    content: str | None = None,
    only: str = "",
    old: bool = True,
) -> tuple[str, ...]:
    """A full-text index over a table, kept by triggers, and filled. ``old``: instead of the one there is.

    ``content``: a view of the rows of ``source`` that count, those for which ``only`` holds.
    """
    table = table or f"{source}_fts"
    names, new, gone = (", ".join(f"{of}{column}" for column in columns) for of in ("", "new.", "old."))
    changed = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
    insert = f"INSERT INTO {table} (rowid, {names}) VALUES (new.id, {new})"  # noqa: S608  (our own)
    delete = f"INSERT INTO {table} ({table}, rowid, {names}) VALUES ('delete', old.id, {gone})"  # noqa: S608  (our own)
    drop = (*(f"DROP TRIGGER {table}_{event}" for event in ("insert", "delete", "update")), f"DROP TABLE {table}") if old else ()
    made, dropped = only.format("new"), only.format("old")
    return (
        *drop,
        f"""CREATE VIRTUAL TABLE {table} USING fts5 (
            {names}, content='{content or source}', content_rowid='id', tokenize='{tokenize}'{prefix}
        )""",
        f"CREATE TRIGGER {table}_insert AFTER INSERT ON {source} WHEN 1{made} BEGIN {insert}; END",
        f"CREATE TRIGGER {table}_delete AFTER DELETE ON {source} WHEN 1{dropped} BEGIN {delete}; END",
        f"CREATE TRIGGER {table}_update AFTER UPDATE OF {names} ON {source} WHEN ({changed}){made} BEGIN {delete}; {insert}; END",
        f"INSERT INTO {table} ({table}) VALUES ('rebuild')",  # noqa: S608  (our own)
    )


_M003 = (
    """CREATE TABLE member (
        id INTEGER PRIMARY KEY,
        login TEXT NOT NULL UNIQUE COLLATE NOCASE,
        name TEXT NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('staff', 'administrator')),
        language TEXT,
        extension TEXT UNIQUE,
        password TEXT,
        pin TEXT,
        active INTEGER NOT NULL DEFAULT 1,
        created TEXT NOT NULL
    ) STRICT""",
    # Only digests of what opens a door are kept: who reads the file can use none of it.
    """CREATE TABLE session (
        digest TEXT PRIMARY KEY,
        member INTEGER NOT NULL REFERENCES member(id),
        created TEXT NOT NULL,
        seen TEXT NOT NULL,
        address TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX session_by_member ON session (member)",
    """CREATE TABLE key (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        member INTEGER NOT NULL REFERENCES member(id),
        use TEXT NOT NULL CHECK (use IN ('phone', 'api')),
        brand TEXT,
        label TEXT NOT NULL,
        created TEXT NOT NULL,
        used TEXT,
        address TEXT,
        revoked TEXT
    ) STRICT""",
    "CREATE INDEX key_by_member ON key (member)",
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        face TEXT NOT NULL,
        address TEXT NOT NULL,
        act TEXT NOT NULL,
        thread INTEGER,
        what TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX audit_by_time ON audit (at)",
    "CREATE INDEX audit_by_thread ON audit (thread, at)",
    """CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'what was audited is not rewritten');
    END""",
    "ALTER TABLE thread ADD COLUMN waits_since TEXT",
    "ALTER TABLE thread ADD COLUMN opened TEXT",
    "ALTER TABLE thread ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE thread ADD COLUMN holder INTEGER REFERENCES member(id)",
    "ALTER TABLE thread ADD COLUMN held_at TEXT",
    "ALTER TABLE thread ADD COLUMN snoozed TEXT",
    "UPDATE thread SET waits_since = changed WHERE state = 'to_answer'",
    # Read whole for each count, so it holds all that is counted.
    "CREATE INDEX thread_waits ON thread (urgent, changed, id, line, snoozed, opened, waits_since) WHERE state = 'to_answer'",
    "CREATE INDEX thread_by_line ON thread (line, changed)",
    "CREATE INDEX thread_by_line_state ON thread (line, state, changed)",
    "CREATE INDEX thread_snoozed ON thread (snoozed) WHERE snoozed IS NOT NULL",
    "CREATE INDEX thread_held ON thread (held_at) WHERE holder IS NOT NULL",
    "CREATE INDEX call_by_thread_start ON call (thread, started)",
    "ALTER TABLE message ADD COLUMN scheduled TEXT",
    "ALTER TABLE message ADD COLUMN member INTEGER REFERENCES member(id)",
    # When a person dealt with a text that failed or may not have gone: sent it again, or ticked its thread off.
    "ALTER TABLE message ADD COLUMN seen_to TEXT",
    """UPDATE message SET seen_to = at WHERE direction = 'out' AND state IN ('failed', 'unknown')
        AND (thread IN (SELECT id FROM thread WHERE state = 'done')
            OR EXISTS (SELECT 1 FROM message a WHERE a.act = 'again:' || message.id))""",
    """CREATE INDEX message_open_trouble ON message (thread)
        WHERE direction = 'out' AND state IN ('failed', 'unknown') AND seen_to IS NULL""",
    "CREATE INDEX message_scheduled ON message (thread) WHERE state = 'queued' AND scheduled IS NOT NULL",
    """CREATE TABLE note (
        id INTEGER PRIMARY KEY,
        thread INTEGER NOT NULL REFERENCES thread(id),
        at TEXT NOT NULL,
        author TEXT NOT NULL,
        text TEXT NOT NULL,
        act TEXT NOT NULL UNIQUE
    ) STRICT""",
    "CREATE INDEX note_by_thread ON note (thread, at)",
    """CREATE TABLE canned (
        id INTEGER PRIMARY KEY,
        language TEXT,
        label TEXT NOT NULL,
        text TEXT NOT NULL,
        position INTEGER NOT NULL
    ) STRICT""",
    # A call to a caller that was asked for here. ``outgoing``: the leg the PBX made for it, once it is seen.
    """CREATE TABLE call_back (
        id TEXT PRIMARY KEY,
        thread INTEGER NOT NULL REFERENCES thread(id),
        number TEXT NOT NULL,
        author TEXT NOT NULL,
        extension TEXT NOT NULL,
        at TEXT NOT NULL,
        outgoing TEXT UNIQUE,
        ended TEXT,
        failed TEXT
    ) STRICT""",
    "CREATE INDEX call_back_by_thread ON call_back (thread, at)",
    "CREATE INDEX outgoing_by_start ON outgoing (number, started)",
    "CREATE INDEX outgoing_up ON outgoing (started) WHERE ended IS NULL",
    # Staff spoke with the caller on this outgoing call: an answer alone may be a voicemail.
    "ALTER TABLE outgoing ADD COLUMN reached TEXT",
    # What an administrator changed in the portal: wins over textback.toml.
    """CREATE TABLE setting (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        at TEXT NOT NULL,
        who TEXT NOT NULL
    ) STRICT""",
    # For statistics, in the order of time.
    "CREATE INDEX message_said ON message (at, thread, kind, automatic) WHERE kind IN ('caller', 'staff') AND NOT automatic",
    "CREATE INDEX outgoing_reached ON outgoing (joined) WHERE reached IS NOT NULL",
    # Search as you type: the last word is a beginning. FTS5 keeps its options as they were made, so the tables are made anew.
    # Texts of the service, the same by the thousand, are found by nobody who looks for words.
    "CREATE VIEW said AS SELECT id, text FROM message WHERE kind IN ('caller', 'staff')",
    *_search("message", "text", content="said", only=" AND {}.kind IN ('caller', 'staff')"),
    *_search("contact", "name", "number"),
    *_search("note", "text", old=False),
    # Digits anywhere in a number.
    *_search("contact", "number", table="contact_digits", tokenize="trigram", prefix="", old=False),
)
