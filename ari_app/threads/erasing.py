"""Everything that is kept of one number goes, and the fact of it stays; so does their no to texts, as a digest nobody can read."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ari_app.board import Actor
from ari_app.errors import RefusedError
from ari_app.events import ContactChanged, ContactsSynced, ThreadChanged
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction, fold
from ari_app.threads.rows import stamp

__all__ = [
    "Gone",
    "erase",
    "forget_opt_out",
    "is_known",
    "mentions",
    "merge",
    "numbers_known",
    "searchable",
    "tidied",
    "tidy",
    "untidied",
    "untidy",
]

_UNTIDY = "untidy"
_MERGE = 40
"""Pages of a full-text index written at once, some 5 ms."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What went with a number: rows by class, none of which is 0. ``synced``: people who come back with the next look at the source."""

    counts: dict[str, int]
    synced: int
    imported: int
    kept: int
    """People who have other numbers, or were asked to be kept."""
    mailboxes: tuple[str, ...]
    """In whose spool their messages still lie ("201@default, folder Old")."""


def erase(tx: Transaction, number: str, *, by: Actor | None, now: datetime, keep_person: bool = False) -> Gone:
    """Take a number out of every table. ``by`` None: a restored backup is made so again.

    ``keep_person``: the contact list is left as it is. Raises RefusedError, code ``text_sending``, while a text to it is on its way.
    """
    about = {"number": number, "digits": number.removeprefix("+")}
    _select(tx, about)
    untidied(tx)
    if by is not None and tx.one("SELECT 1 FROM message WHERE thread IN (SELECT id FROM erase_thread) AND state = 'sending'"):
        raise RefusedError(
            "a text to this number is on its way", "wait until it is sent, some seconds, then run it again", code="text_sending"
        )
    mailboxes = tx.all(
        """SELECT DISTINCT mailbox, context, folder FROM voicemail
            WHERE (thread IN (SELECT id FROM erase_thread) OR call IN (SELECT id FROM erase_call)) AND folder IS NOT NULL"""
    )
    threads = [row["id"] for row in tx.all("SELECT id FROM erase_thread")]
    counts = _go(tx, about)
    synced = imported = kept = 0
    if keep_person:
        kept = tx.value("SELECT count(*) FROM person_number WHERE number = ?", (number,))
    else:
        people = _people(tx, number)
        counts["people"] = sum(people.values())
        synced, imported = people["sync"], people["import"]
        kept = _other_numbers(tx, number)
    counts = {name: count for name, count in counts.items() if count}
    digest = tx.value("SELECT keyed(?)", (number,))
    tx.insert("erasure", {"digest": digest, "at": stamp(now), "who": by.name if by else "restore", "counts": json.dumps(counts)})
    if by is not None:
        audit(tx, by, "erased", now, what=", ".join(f"{name} {count}" for name, count in counts.items()))
    for thread in threads:
        tx.notify(ThreadChanged(thread))
    tx.notify(ContactChanged(number))
    if synced or imported or kept or counts.get("people"):
        tx.notify(ContactsSynced("sync" if synced else "import"))
    for name in ("erase_thread", "erase_call", "erase_message"):
        tx.run(f"DROP TABLE temp.{name}")
    return Gone(counts, synced, imported, kept, tuple(f"{row['mailbox']}@{row['context']}, folder {row['folder']}" for row in mailboxes))


def _select(tx: Transaction, about: dict[str, str]) -> None:
    """Which threads, calls and texts are theirs. A withheld number that the trunk told all the same stands in the call alone."""
    for statement in (
        "CREATE TEMP TABLE erase_call (id TEXT PRIMARY KEY)",
        "INSERT INTO erase_call SELECT id FROM main.call WHERE caller = :number OR replace(presented, '+', '') = :digits",
        "CREATE TEMP TABLE erase_thread (id INTEGER PRIMARY KEY)",
        """INSERT INTO erase_thread SELECT id FROM main.thread WHERE number = :number
            UNION SELECT c.thread FROM main.call c JOIN main.thread t ON t.id = c.thread
            WHERE c.id IN (SELECT id FROM erase_call) AND t.number IS NULL""",
        "INSERT OR IGNORE INTO erase_call SELECT id FROM main.call WHERE thread IN (SELECT id FROM erase_thread)",
        "CREATE TEMP TABLE erase_message (id INTEGER PRIMARY KEY)",
        "INSERT INTO erase_message SELECT id FROM main.message WHERE thread IN (SELECT id FROM erase_thread)",
    ):
        tx.run(statement, about if ":" in statement else {})


_PARTS = "(SELECT id FROM part WHERE message IN (SELECT id FROM erase_message))"
_LEFT = "(thread IN (SELECT id FROM erase_thread) OR call IN (SELECT id FROM erase_call))"
_ROWS = {
    # the network may leave out the country code of who got a text
    "reports": f"""report WHERE part IN {_PARTS}
        OR (length(replace(recipient, '+', '')) >= 7 AND :digits LIKE '%' || replace(recipient, '+', ''))""",
    "attempts": f"attempt WHERE part IN {_PARTS}",
    "parts": "part WHERE message IN (SELECT id FROM erase_message)",
    "received": """inbound WHERE sender = :number OR message IN (SELECT id FROM erase_message)
        OR whole IN (SELECT whole FROM inbound WHERE sender = :number OR message IN (SELECT id FROM erase_message))""",
    "texts": "message WHERE id IN (SELECT id FROM erase_message)",
    "notes": "note WHERE thread IN (SELECT id FROM erase_thread)",
    "recordings": f"recording WHERE voicemail IN (SELECT id FROM voicemail WHERE {_LEFT})",  # noqa: S608  (our own)
    "voicemails": f"voicemail WHERE {_LEFT}",
    "asked": """asked WHERE call IN (SELECT id FROM erase_call)
        OR call IN (SELECT id FROM open_call WHERE json_extract(call, '$.caller') = :number)""",
    "calls_up": """open_call WHERE json_extract(call, '$.caller') = :number
        OR replace(json_extract(call, '$.presented'), '+', '') = :digits""",
    "calls": "call WHERE id IN (SELECT id FROM erase_call)",
    "reached": "reached WHERE number = :number",
    "outgoing": "outgoing WHERE number = :number",
    "call_backs": "call_back WHERE number = :number OR thread IN (SELECT id FROM erase_thread)",
    "consents": "consent WHERE number = :number",
}
"""By class, in an order in which nothing goes that another row stands on."""


def _go(tx: Transaction, about: dict[str, str]) -> dict[str, int]:
    tx.run("UPDATE message SET call = NULL WHERE call IN (SELECT id FROM erase_call) AND id NOT IN (SELECT id FROM erase_message)")
    counts = {name: tx.run(f"DELETE FROM {which}", about) for name, which in _ROWS.items()}  # noqa: S608  (our own)
    _blank_audit(tx, "(thread IN (SELECT id FROM erase_thread) AND what != '') OR (length(:digits) >= 7 AND instr(what, :digits))", about)
    counts["threads"] = tx.run("DELETE FROM thread WHERE id IN (SELECT id FROM erase_thread)")
    forget_opt_out(tx, about["number"])
    counts["contacts"] = tx.run("DELETE FROM contact WHERE number = :number", about)
    return counts


def _blank_audit(tx: Transaction, which: str, params: dict[str, Any]) -> None:
    """Who did what and when stays; of what, nobody reads any more. Rows of the audit are never changed: these give way to others."""
    rows = tx.all(f"DELETE FROM audit WHERE {which} RETURNING *", params)  # noqa: S608  (our own)
    for row in rows:
        tx.insert("audit", {**dict(row), "what": ""})


def forget_opt_out(tx: Transaction, number: str) -> None:
    """The contact goes: that it wants no texts stays, as a digest."""
    tx.run(
        """INSERT INTO opted_out (digest, at) SELECT keyed(number), opted_out FROM contact WHERE number = ? AND opted_out IS NOT NULL
            ON CONFLICT (digest) DO UPDATE SET at = excluded.at""",
        (number,),
    )


def _people(tx: Transaction, number: str) -> dict[str, int]:
    """People who have this number alone go. How many, by their source."""
    rows = tx.all(
        """SELECT id, source FROM person WHERE id IN (SELECT person FROM person_number WHERE number = ?)
            AND NOT EXISTS (SELECT 1 FROM person_number n WHERE n.person = person.id AND n.number != ?)""",
        (number, number),
    )
    found = dict.fromkeys(("here", "import", "sync"), 0)
    for row in rows:
        found[row["source"]] += 1
        named = f"contact {row['id']}"
        _blank_audit(tx, "what = :named OR what LIKE :named || ':%'", {"named": named})
        tx.run("DELETE FROM person WHERE id = ?", (row["id"],))
    return found


def _other_numbers(tx: Transaction, number: str) -> int:
    """Who has other numbers too stays, and loses this one. How many."""
    rows = tx.all("SELECT p.id, p.given FROM person p JOIN person_number n ON n.person = p.id WHERE n.number = ?", (number,))
    for row in rows:
        if row["given"]:
            said = json.loads(row["given"])
            said["numbers"] = [each for each in said["numbers"] if each[0] != number]
            tx.run("UPDATE person SET given = ? WHERE id = ?", (json.dumps(said, ensure_ascii=False), row["id"]))
        tx.run("DELETE FROM person_number WHERE person = ? AND number = ?", (row["id"], number))
    return len(rows)


def mentions(reader: Reader, number: str, *, besides: bool = False) -> int:
    """In how many texts and notes somebody wrote this number: others' words, which nobody erases unread.

    ``besides``: the number is not erased (yet): its own threads are left out.
    """
    ten = number.removeprefix("+")[-10:]
    bare = "replace(replace(replace(replace(replace(text, ' ', ''), '-', ''), '.', ''), '(', ''), ')', '')"
    others = "AND thread NOT IN (SELECT id FROM thread WHERE number = :number)" if besides else ""
    return int(
        reader.value(
            f"""SELECT (SELECT count(*) FROM message WHERE instr({bare}, :ten) {others})
                + (SELECT count(*) FROM note WHERE instr({bare}, :ten) {others})""",  # noqa: S608  (our own)
            {"ten": ten, "number": number},
        )
    )


_NAMED = (
    ("contact", "number"),
    ("call", "caller"),
    ("person_number", "number"),
    ("outgoing", "number"),
    ("reached", "number"),
    ("consent", "number"),
    ("call_back", "number"),
    ("inbound", "sender"),
    ("open_call", "json_extract(call, '$.caller')"),
)
"""Where a number may stand."""


def is_known(reader: Reader, number: str) -> bool:
    """Does any table name it. Stops at the first that does."""
    found = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {column} = :number)" for table, column in _NAMED)  # noqa: S608
    return bool(reader.value(f"SELECT {found}", {"number": number}))


def numbers_known(reader: Reader) -> list[str]:
    """Every number that any table names."""
    each = " UNION ".join(f"SELECT {column} AS number FROM {table}" for table, column in _NAMED)  # noqa: S608  (our own)
    return [row["number"] for row in reader.all(f"SELECT number FROM ({each}) WHERE number IS NOT NULL")]  # noqa: S608


# -- what deleting leaves in full-text indexes and in the log


def untidied(tx: Transaction) -> None:
    """Write down that words are to be taken out of the indexes and the log: whoever is killed before that leaves it to the next purge."""
    tx.run("INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (_UNTIDY,))


def untidy(reader: Reader) -> int:
    """0: nothing that was deleted is left in indexes and log."""
    return int(reader.value("SELECT value FROM counter WHERE name = ?", (_UNTIDY,)) or 0)


def tidied(tx: Transaction, seen: int) -> None:
    """All that was deleted until ``untidy`` said ``seen`` is out; what was deleted since is not."""
    tx.run("UPDATE counter SET value = 0 WHERE name = ? AND value = ?", (_UNTIDY, seen))


def searchable(reader: Reader) -> tuple[str, ...]:
    """The full-text indexes."""
    rows = reader.all("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%' ORDER BY name")
    return tuple(row["name"] for row in rows)


def merge(connection: sqlite3.Connection, table: str, *, first: bool) -> bool:
    """One step of merging an index into one segment; False when it is whole.

    FTS5 only marks a word as deleted: it stands in the older segments until they are merged (SQLite, FTS5, 6.9 and 6.10). ``optimize`` does
    the same in one go, and would hold the writer for it. ``secure-delete`` of 3.42 makes an index that older versions cannot read.
    """
    before = connection.total_changes
    connection.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (-_MERGE if first else _MERGE,))  # noqa: S608  (our own)
    return connection.total_changes - before >= 2


def tidy(connection: sqlite3.Connection) -> None:
    """All of it at once, for a file nobody else uses."""
    for table in searchable(Reader(connection)):
        merge(connection, table, first=True)
        while merge(connection, table, first=False):
            pass
    fold(connection)
