"""What the administrator is told of, until it is over, kept until each way of telling has taken it; what metrics count; and how far the
PBX's own records were read."""

from __future__ import annotations

__all__ = ["STATEMENTS"]

_ONE_MORE = "ON CONFLICT (what, one, two) DO UPDATE SET n = n + 1"
_CALL = "INSERT INTO tally (what, one, two, n) VALUES ('call', new.outcome, new.reason, 1)"
_TEXT = "INSERT INTO tally (what, one, two, n) VALUES ('text', new.kind, new.state, 1)"
# Whole seconds do for what took a minute or more: the rows stay few, and buckets can be made of them as one likes.
_TOOK = """SELECT 'took', CASE WHEN s < 60 THEN round(s, 1) ELSE round(s) END AS one, '', {n}
    FROM (SELECT max((julianday({went}) - julianday(c.ended)) * 86400, 0) AS s FROM {source})"""
_WENT = """message m JOIN call c ON c.id = m.call
    WHERE m.kind = 'auto' AND m.went IS NOT NULL AND m.state IN ('sent', 'delivered')"""
_TIMES = (("message", "at"), ("note", "at"), ("voicemail", "at"), ("call_back", "at"), ("reached", "at"), ("outgoing", "started"))

STATEMENTS = (
    # ``subject``: which modem or folder. One open alarm per code and subject. ``facts``: JSON, what its words are filled with.
    """CREATE TABLE alarm (
        id INTEGER PRIMARY KEY,
        code TEXT NOT NULL,
        subject TEXT NOT NULL,
        facts TEXT NOT NULL,
        since TEXT NOT NULL,
        over TEXT
    ) STRICT""",
    "CREATE UNIQUE INDEX alarm_open ON alarm (code, subject) WHERE over IS NULL",
    "CREATE INDEX alarm_over ON alarm (code, subject, over)",
    # One row per way ("email", "webhook") and telling, gone when it was taken. ``made``: from when its patience counts.
    """CREATE TABLE alarm_due (
        alarm INTEGER NOT NULL REFERENCES alarm(id) ON DELETE CASCADE,
        way TEXT NOT NULL,
        telling TEXT NOT NULL CHECK (telling IN ('raised', 'over')),
        made TEXT NOT NULL,
        due TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (alarm, way, telling)
    ) STRICT, WITHOUT ROWID""",
    # How many there ever were, whatever was purged since: calls whose decision is final by outcome and reason, how often a text of a
    # kind came to a state, automatic texts by the seconds from hang-up to sent.
    """CREATE TABLE tally (
        what TEXT NOT NULL,
        one TEXT NOT NULL,
        two TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (what, one, two)
    ) STRICT, WITHOUT ROWID""",
    f"CREATE TRIGGER tally_call AFTER INSERT ON call WHEN new.decision != 'pending' BEGIN {_CALL} {_ONE_MORE}; END",
    # A call whose end was not seen, and that the PBX's records tell later, counts once more, by what they tell.
    f"""CREATE TRIGGER tally_decided AFTER UPDATE OF decision ON call
        WHEN (old.decision = 'pending' OR old.outcome != new.outcome) AND new.decision != 'pending' BEGIN {_CALL} {_ONE_MORE}; END""",
    f"CREATE TRIGGER tally_text AFTER INSERT ON message BEGIN {_TEXT} {_ONE_MORE}; END",
    f"CREATE TRIGGER tally_state AFTER UPDATE OF state ON message WHEN old.state IS NOT new.state BEGIN {_TEXT} {_ONE_MORE}; END",
    f"""CREATE TRIGGER tally_took AFTER UPDATE OF state ON message
        WHEN old.state = 'sending' AND new.state = 'sent' AND new.kind = 'auto' AND new.went IS NOT NULL AND new.call IS NOT NULL
        BEGIN INSERT INTO tally (what, one, two, n) {_TOOK.format(n=1, went="new.went", source="call c WHERE c.id = new.call")}
        WHERE true {_ONE_MORE}; END""",
    """INSERT INTO tally (what, one, two, n)
        SELECT 'call', outcome, reason, count(*) FROM call WHERE decision != 'pending' GROUP BY outcome, reason""",
    "INSERT INTO tally (what, one, two, n) SELECT 'text', kind, state, count(*) FROM message GROUP BY kind, state",
    f"INSERT INTO tally (what, one, two, n) {_TOOK.format(n='count(*)', went='m.went', source=_WENT)} GROUP BY 2",
    # One row. ``began``: calls that ended before are none of this store's. ``seen``: those that ended until then, and were missed here, are
    # filed. ``restored``: nothing that ended before is texted, as it may have been.
    """CREATE TABLE history (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        began TEXT NOT NULL,
        seen TEXT,
        restored TEXT
    ) STRICT""",
    # Which modems conversations are on, and what one person or one kind of act did, are asked of years.
    "CREATE INDEX thread_by_modem ON thread (modem) WHERE modem IS NOT NULL",
    "CREATE INDEX audit_by_who ON audit (who, at)",
    "CREATE INDEX audit_by_act ON audit (act, at)",
    # What is too old to be kept is found from the oldest on, once an hour.
    *(f"CREATE INDEX {table}_by_time ON {table} ({column})" for table, column in _TIMES),
    # What lies in the spool is little, however much ever did.
    "DROP INDEX voicemail_by_folder",
    "CREATE INDEX voicemail_in_spool ON voicemail (mailbox, context, folder) WHERE folder IS NOT NULL",
)
