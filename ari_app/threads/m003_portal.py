"""Members, their sessions and keys, the audit; what waits since when, who answers it, notes, ready replies, settings of the portal."""

from __future__ import annotations

__all__ = ["STATEMENTS", "search"]


def search(
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


STATEMENTS = (
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
    "CREATE INDEX message_said ON message (at, thread, kind, automatic, state) WHERE kind IN ('caller', 'staff') AND NOT automatic",
    "CREATE INDEX outgoing_reached ON outgoing (joined) WHERE reached IS NOT NULL",
    # Search as you type: the last word is a beginning. FTS5 keeps its options as they were made, so the tables are made anew.
    # Texts of the service, the same by the thousand, are found by nobody who looks for words.
    "CREATE VIEW said AS SELECT id, text FROM message WHERE kind IN ('caller', 'staff')",
    *search("message", "text", content="said", only=" AND {}.kind IN ('caller', 'staff')"),
    *search("contact", "name", "number"),
    *search("note", "text", old=False),
    # Digits anywhere in a number.
    *search("contact", "number", table="contact_digits", tokenize="trigram", prefix="", old=False),
)
