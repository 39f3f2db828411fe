"""People behind numbers and where they come from; the language a caller writes in; why a thread goes first; voicemail."""

from __future__ import annotations

from ari_app.threads.m003_portal import search

__all__ = ["STATEMENTS"]

_ACCENTS = {
    "a": "àâäáãåÀÂÄÁÃÅ",
    "ae": "æÆ",
    "c": "çÇ",
    "e": "éèêëÉÈÊË",
    "i": "îïíìÎÏÍÌ",
    "n": "ñÑ",
    "o": "ôöóòõÔÖÓÒÕ",
    "oe": "œŒ",
    "u": "ùûüúÙÛÜÚ",
    "y": "ÿýŸÝ",
}
STATEMENTS = (
    # ``external``: its id in the clinic's own software. ``given``: what the source last said (JSON), ``digest`` of it; ``edited``: fields
    # that staff changed here, which win until they are released. ``tags``: words, sorted, a blank between. ``sort``: by what it is listed.
    """CREATE TABLE person (
        id INTEGER PRIMARY KEY,
        external TEXT UNIQUE,
        source TEXT NOT NULL CHECK (source IN ('here', 'import', 'sync')),
        name TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('client', 'prospect', 'staff', 'supplier')),
        language TEXT,
        tags TEXT NOT NULL DEFAULT '',
        given TEXT,
        digest TEXT,
        edited TEXT NOT NULL DEFAULT '',
        created TEXT NOT NULL,
        changed TEXT NOT NULL,
        sort TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX person_by_source ON person (source, external)",
    """CREATE TABLE person_number (
        person INTEGER NOT NULL REFERENCES person(id) ON DELETE CASCADE,
        number TEXT NOT NULL,
        position INTEGER NOT NULL,
        label TEXT,
        PRIMARY KEY (person, number)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX person_by_number ON person_number (number, person)",
    # Who reads a number aloud from a list begins with its end.
    "CREATE INDEX person_by_end ON person_number (substr(number, -4), person)",
    # Staff named callers in the thread until now: those names are people made here.
    """INSERT INTO person (source, name, kind, language, created, changed, sort)
        SELECT 'here', name, 'client', NULL, created, created, lower(name) FROM contact WHERE name > '' ORDER BY id""",
    *(
        f"UPDATE person SET sort = replace(sort, '{char}', '{plain}') WHERE instr(sort, '{char}')"  # noqa: S608  (our own)
        for plain, marked in _ACCENTS.items()
        for char in marked
    ),
    "CREATE INDEX person_by_sort ON person (sort, id)",
    "CREATE INDEX person_by_kind ON person (kind, sort, id)",
    """INSERT INTO person_number (person, number, position)
        SELECT row_number() OVER (ORDER BY id), number, 0 FROM contact WHERE name > '' ORDER BY id""",
    *search("person", "name", "tags", old=False),
    # ``name`` of a contact is from here on all the names behind its number, kept by what changes people. ``kind``: NULL for nobody known.
    "ALTER TABLE contact ADD COLUMN kind TEXT",
    "UPDATE contact SET kind = 'client' WHERE name > ''",
    # In which language they last wrote; a name they gave themselves and staff did not take yet.
    "ALTER TABLE contact ADD COLUMN wrote TEXT",
    "ALTER TABLE contact ADD COLUMN offered TEXT",
    # How each import and each look at the clinic's own database ended, the newest alone.
    """CREATE TABLE sync (
        source TEXT PRIMARY KEY,
        at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('ok', 'failed', 'refused')),
        what TEXT NOT NULL,
        fix TEXT NOT NULL DEFAULT '',
        code TEXT NOT NULL DEFAULT '',
        total INTEGER NOT NULL DEFAULT 0,
        added INTEGER NOT NULL DEFAULT 0,
        changed INTEGER NOT NULL DEFAULT 0,
        removed INTEGER NOT NULL DEFAULT 0,
        refused INTEGER NOT NULL DEFAULT 0,
        good TEXT
    ) STRICT""",
    # ``urgent`` of a thread: 0, 1 before others, 2 urgent. ``urgent_why``: the rule that says so; NULL when a person did.
    "UPDATE thread SET urgent = 2 WHERE urgent = 1",
    "ALTER TABLE thread ADD COLUMN urgent_why TEXT",
    # When the on-call number was last told of it.
    "ALTER TABLE thread ADD COLUMN notified TEXT",
    # Who pressed 1 for a text, or whose call staff declined (``member``), while it is up: its call is decided as asked for. Each a row:
    # one taken back leaves the others.
    """CREATE TABLE asked (
        id INTEGER PRIMARY KEY,
        call TEXT NOT NULL,
        at TEXT NOT NULL,
        member INTEGER REFERENCES member(id)
    ) STRICT""",
    "CREATE INDEX asked_by_call ON asked (call)",
    "ALTER TABLE call ADD COLUMN option TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE call ADD COLUMN blacklisted INTEGER NOT NULL DEFAULT 0",
    "UPDATE open_call SET call = json_set(call, '$.option', '', '$.blacklisted', 0)",
    # A message left. ``message``: Asterisk's id of it, by which it is found again when its file moves; ``folder``: where it was last seen
    # in the spool, NULL when it is gone there. ``heard``: by whom or on the phone.
    """CREATE TABLE voicemail (
        id INTEGER PRIMARY KEY,
        call TEXT NOT NULL REFERENCES call(id),
        thread INTEGER NOT NULL REFERENCES thread(id),
        message TEXT NOT NULL UNIQUE,
        mailbox TEXT NOT NULL,
        context TEXT NOT NULL,
        folder TEXT,
        at TEXT NOT NULL,
        seconds REAL NOT NULL,
        heard TEXT,
        heard_by TEXT,
        transcription TEXT NOT NULL DEFAULT 'off' CHECK (transcription IN ('off', 'waiting', 'done', 'failed')),
        transcript TEXT,
        language TEXT
    ) STRICT""",
    "CREATE INDEX voicemail_by_thread ON voicemail (thread, at)",
    "CREATE INDEX voicemail_by_call ON voicemail (call)",
    "CREATE INDEX voicemail_by_folder ON voicemail (mailbox, context, folder)",
    """CREATE INDEX voicemail_misplaced ON voicemail (id)
        WHERE (folder IN ('INBOX', 'Urgent') AND heard IS NOT NULL) OR (folder = 'Old' AND heard IS NULL)""",
    "CREATE INDEX voicemail_unheard ON voicemail (thread) WHERE heard IS NULL",
    "CREATE INDEX voicemail_waiting ON voicemail (at) WHERE transcription = 'waiting'",
    # The sound, apart from what lists read.
    """CREATE TABLE recording (
        voicemail INTEGER PRIMARY KEY REFERENCES voicemail(id) ON DELETE CASCADE,
        type TEXT NOT NULL,
        sound BLOB NOT NULL
    ) STRICT""",
    *search("voicemail", "transcript", old=False),
)
