"""What is older than it is kept, a few rows at a time: nobody who writes a text waits for it.

A thread that waits for an answer is left whole until it is ticked off, and a text that is still to go until it went: what staff have before
them does not vanish. What has no rows of its own left (thread, contact, statistics that hang on them) goes with the last of its class.
Looked for over a reading connection, taken away by id.
"""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ari_app.board import Actor
from ari_app.events import ThreadChanged
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.erasing import untidied
from ari_app.threads.rows import stamp

__all__ = ["CLASSES", "TOLD", "Kept", "due", "old", "purged", "take"]

UNMATCHED = timedelta(days=7)
"""A status report that is about none of our texts after three days (``reports.WINDOW``) never will be."""
TOLD = ("texts", "notes", "transcripts", "recordings", "reports", "calls", "outgoing", "threads", "contacts", "audit", "consents")
"""Classes that are counted for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long each class is kept ([store.retention]); None: for ever."""

    texts: timedelta | None
    calls: timedelta | None
    recordings: timedelta | None
    audit: timedelta | None

    def before(self, now: datetime) -> dict[str, str]:
        """Up to when rows of each class are old; "" : none is."""

        def until(kept: timedelta | None) -> str:
            return "" if kept is None else stamp(now - kept)

        both = None if self.texts is None or self.calls is None else max(self.texts, self.calls)
        spans = {"texts": self.texts, "calls": self.calls, "recordings": self.recordings, "audit": self.audit}
        return {name: until(kept) for name, kept in spans.items()} | {"both": until(both), "reports": stamp(now - UNMATCHED)}


# asked of each row that is old: a list of all quiet threads would be made anew for each few rows that go
_QUIET = "(SELECT state FROM thread WHERE id = {}.thread) != 'to_answer'"
_EMPTY = """NOT EXISTS (SELECT 1 FROM message WHERE thread = t.id) AND NOT EXISTS (SELECT 1 FROM call WHERE thread = t.id)
    AND NOT EXISTS (SELECT 1 FROM note WHERE thread = t.id) AND NOT EXISTS (SELECT 1 FROM voicemail WHERE thread = t.id)
    AND NOT EXISTS (SELECT 1 FROM call_back WHERE thread = t.id)"""
_WHICH = {
    "texts": f"SELECT id FROM message WHERE at < :texts AND state NOT IN ('queued', 'sending') AND {_QUIET.format('message')}",
    "notes": f"SELECT id FROM note WHERE at < :texts AND {_QUIET.format('note')}",
    "transcripts": f"SELECT id FROM voicemail WHERE at < :texts AND transcript IS NOT NULL AND {_QUIET.format('voicemail')}",
    "recordings": f"""SELECT v.id FROM voicemail v JOIN recording r ON r.voicemail = v.id
        WHERE v.at < :recordings AND {_QUIET.format("v")}""",
    "received": "SELECT id FROM inbound WHERE message IS NULL AND received < :texts",
    "reports": "SELECT id FROM report WHERE part IS NULL AND received < :reports",
    # a call stays while words or the sound of its message do
    "calls": f"""SELECT id FROM call WHERE started < :calls AND ended < :calls AND {_QUIET.format("call")}
        AND NOT EXISTS (SELECT 1 FROM voicemail v WHERE v.call = call.id AND (v.transcript IS NOT NULL OR v.transcription = 'waiting'
            OR v.id IN (SELECT voicemail FROM recording WHERE voicemail = v.id)))""",
    "outgoing": "SELECT id FROM outgoing WHERE started < :calls AND ended IS NOT NULL",
    "call_backs": f"SELECT id FROM call_back WHERE at < :calls AND {_QUIET.format('call_back')}",
    "reached": "SELECT call AS id FROM reached WHERE at < :calls",
    "threads": f"SELECT t.id FROM thread t WHERE t.changed < :both AND t.state != 'to_answer' AND t.holder IS NULL AND {_EMPTY}",
    "contacts": """SELECT id FROM contact c WHERE created < :both AND NOT EXISTS (SELECT 1 FROM thread WHERE number = c.number)""",
    "audit": "SELECT id FROM audit WHERE at < :audit",
    # of who is known the last word stays
    "consents": """SELECT id FROM consent c WHERE at < :audit AND (EXISTS (SELECT 1 FROM consent WHERE number = c.number AND id > c.id)
        OR NOT EXISTS (SELECT 1 FROM contact WHERE number = c.number))""",
}  # fmt: skip
"""Ids of what is old, in an order in which nothing goes that another row stands on."""
CLASSES = tuple(_WHICH)
"""In the order in which they are to be taken away."""
_IDS = "(SELECT value FROM json_each(:ids))"


def due(reader: Reader, kept: Kept, now: datetime) -> dict[str, int]:
    """How many rows of each class would go now, as far as they do not only follow from others."""
    before = kept.before(now)
    return {name: reader.value(f"SELECT count(*) FROM ({_WHICH[name]})", before) for name in TOLD}


def old(reader: Reader, name: str, kept: Kept, now: datetime, most: int) -> list[Any]:
    """Ids of rows of a class that are old, up to ``most``."""
    return [row["id"] for row in reader.all(f"{_WHICH[name]} LIMIT {most}", kept.before(now))]


def take(tx: Transaction, name: str, ids: Sequence[Any], kept: Kept, now: datetime) -> int:
    """Take those of these rows away that are (still) old; how many."""
    about = kept.before(now) | {"ids": json.dumps(ids)}
    still = tx.value(f"SELECT json_group_array(id) FROM ({_WHICH[name]}) WHERE id IN {_IDS}", about)
    if still == "[]":
        return 0
    untidied(tx)
    return _TAKE[name](tx, still)


def purged(tx: Transaction, counts: dict[str, int], by: Actor, now: datetime) -> None:
    """Write down what went."""
    audit(tx, by, "purged", now, what=", ".join(f"{name} {count}" for name, count in counts.items()))


def _texts(tx: Transaction, ids: str) -> int:
    about = {"ids": ids}
    threads = tx.all(f"SELECT DISTINCT thread FROM message WHERE id IN {_IDS}", about)
    parts = f"(SELECT id FROM part WHERE message IN {_IDS})"
    for which in (f"report WHERE part IN {parts}", f"attempt WHERE part IN {parts}", f"part WHERE message IN {_IDS}"):
        tx.run(f"DELETE FROM {which}", about)
    tx.run(
        f"DELETE FROM inbound WHERE message IN {_IDS} OR whole IN (SELECT whole FROM inbound WHERE message IN {_IDS})",
        about,
    )
    count = tx.run(f"DELETE FROM message WHERE id IN {_IDS}", about)
    tx.run(
        """UPDATE contact SET offered = NULL WHERE offered IS NOT NULL AND number IN (SELECT number FROM thread WHERE id IN
            (SELECT value FROM json_each(:threads))) AND NOT EXISTS (SELECT 1 FROM message m JOIN thread t ON t.id = m.thread
            WHERE t.number = contact.number AND m.kind = 'caller')""",
        {"threads": f"[{','.join(str(row['thread']) for row in threads)}]"},
    )
    for row in threads:
        tx.notify(ThreadChanged(row["thread"]))
    return count


def _received(tx: Transaction, ids: str) -> int:
    """Parts that never came to a text. Of several the first, on which the others stand, goes when they are gone."""
    alone = "NOT EXISTS (SELECT 1 FROM inbound o WHERE o.whole = inbound.id AND o.id != inbound.id)"
    return tx.run(f"DELETE FROM inbound WHERE id IN {_IDS} AND {alone}", {"ids": ids})


def _calls(tx: Transaction, ids: str) -> int:
    about = {"ids": ids}
    for statement in (
        f"UPDATE message SET call = NULL WHERE call IN {_IDS}",
        f"DELETE FROM voicemail WHERE call IN {_IDS}",
        f"DELETE FROM asked WHERE call IN {_IDS}",
    ):
        tx.run(statement, about)
    return tx.run(f"DELETE FROM call WHERE id IN {_IDS}", about)


def _contacts(tx: Transaction, ids: str) -> int:
    about = {"ids": ids}
    tx.run(
        f"""INSERT INTO opted_out (digest, at) SELECT keyed(number), opted_out FROM contact WHERE id IN {_IDS} AND opted_out IS NOT NULL
            ON CONFLICT (digest) DO UPDATE SET at = excluded.at""",
        about,
    )
    return tx.run(f"DELETE FROM contact WHERE id IN {_IDS}", about)


def _delete(which: str) -> Callable[[Transaction, str], int]:
    return lambda tx, ids: tx.run(f"DELETE FROM {which} IN {_IDS}", {"ids": ids})


_TAKE: dict[str, Callable[[Transaction, str], int]] = {
    "texts": _texts,
    "notes": _delete("note WHERE id"),
    "transcripts": lambda tx, ids: tx.run(f"UPDATE voicemail SET transcript = NULL WHERE id IN {_IDS}", {"ids": ids}),
    "recordings": _delete("recording WHERE voicemail"),
    "received": _received,
    "reports": _delete("report WHERE id"),
    "calls": _calls,
    "outgoing": _delete("outgoing WHERE id"),
    "call_backs": _delete("call_back WHERE id"),
    "reached": _delete("reached WHERE call"),
    "threads": _delete("thread WHERE id"),
    "contacts": _contacts,
    "audit": _delete("audit WHERE id"),
    "consents": _delete("consent WHERE id"),
}
