"""Contacts and threads: who a number is, and whether somebody still has to answer it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from ari_app.events import ContactChanged, ThreadChanged
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.persons import people_of, standing
from ari_app.threads.rows import stamp

__all__ = [
    "ANSWERED",
    "DONE",
    "TO_ANSWER",
    "contact",
    "forgotten_opt_out",
    "latest_thread",
    "open_thread",
    "opt",
    "refresh",
    "set_contact",
    "settle",
    "threads_of",
    "waits",
]

TO_ANSWER = "to_answer"
ANSWERED = "answered"
DONE = "done"


def contact(tx: Transaction, number: str, now: datetime) -> sqlite3.Row:
    """The contact of a number, made when there is none."""
    row = tx.one("SELECT * FROM contact WHERE number = ?", (number,))
    if row is None:
        behind = standing(people_of(tx, number))
        known = {"number": number, "name": behind.name, "kind": behind.kind, "created": stamp(now)}
        tx.insert("contact", {**known, "opted_out": forgotten_opt_out(tx, number)})
        tx.run("DELETE FROM opted_out WHERE digest = keyed(?)", (number,))  # the contact tells it from here on
        row = tx.one("SELECT * FROM contact WHERE number = ?", (number,))
    assert row is not None  # noqa: S101  (inserted above)
    return row


def forgotten_opt_out(reader: Reader, number: str) -> str | None:
    """When a number of which nothing else is known (any more) said it wants no texts."""
    at: str | None = reader.value("SELECT at FROM opted_out WHERE digest = keyed(?)", (number,))
    return at


def opt(tx: Transaction, number: str, *, out: bool, now: datetime, who: str | None = None) -> bool:
    """The number wants no more texts, or texts again, as it wrote or its owner told ``who``; False when it was so. Kept as history."""
    changed = set_contact(tx, number, "opted_out", stamp(now) if out else None)
    if changed:
        how = "text" if who is None else "verbal"
        tx.insert("consent", {"number": number, "at": stamp(now), "act": "opt_out" if out else "opt_in", "how": how, "who": who})
    return changed


def threads_of(reader: Reader, number: str) -> list[int]:
    """Every thread of a number, whatever its line."""
    return [row["id"] for row in reader.all("SELECT id FROM thread WHERE number = ? ORDER BY id", (number,))]


def set_contact(tx: Transaction, number: str, column: str, value: str | None) -> bool:
    """Set one column of a contact; True when that changed it."""
    changed = tx.run(f"UPDATE contact SET {column} = ? WHERE number = ? AND {column} IS NOT ?", (value, number, value)) > 0  # noqa: S608
    if changed:
        _notify(tx, number)
    return changed


def refresh(tx: Transaction, numbers: Iterable[str]) -> None:
    """The people behind these numbers changed: what their contacts derive from them follows, where there is a contact.

    A name the caller offered is moot once somebody behind the number has one.
    """
    known = tx.all("SELECT number FROM contact WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),))
    for (number,) in known:
        behind = standing(people_of(tx, number))
        tx.run(
            """UPDATE contact SET name = :name, kind = :kind, offered = iif(:name IS NULL, offered, NULL)
                WHERE number = :number AND (name IS NOT :name OR kind IS NOT :kind OR offered IS NOT NULL)""",
            {"number": number, "name": behind.name, "kind": behind.kind},
        )
        _notify(tx, number)


def _notify(tx: Transaction, number: str) -> None:
    tx.notify(ContactChanged(number))
    for thread in threads_of(tx, number):
        tx.notify(ThreadChanged(thread))


def latest_thread(reader: Reader, number: str) -> sqlite3.Row | None:
    """The thread of a number in which something happened last, whatever its line."""
    return reader.one("SELECT * FROM thread WHERE number = ? ORDER BY changed DESC, id DESC LIMIT 1", (number,))


def open_thread(tx: Transaction, line: str, number: str | None, state: str, now: datetime) -> int:
    """The thread of line and number, made in ``state`` when there is none. Without a number always a new one."""
    at = stamp(now)
    if number is not None:
        contact(tx, number, now)
        found = tx.one("SELECT id FROM thread WHERE line = ? AND number = ?", (line, number))
        if found is not None:
            tx.run("UPDATE thread SET changed = max(changed, ?) WHERE id = ?", (at, found["id"]))
            return int(found["id"])
    waits = at if state == TO_ANSWER else None
    thread = tx.insert(
        "thread",
        {"line": line, "number": number, "state": state, "waits_since": waits, "created": at, "changed": at},
    )
    tx.notify(ThreadChanged(thread))
    return thread


def waits(tx: Transaction, thread: int, since: datetime | str, *, text: bool = False) -> bool:
    """Something new in the thread waits for an answer; True when nothing did. The thread is unopened and awake again.

    ``since``: when that came, or was to be said; of several the oldest counts. ``text``: it is a caller's text.
    """
    at = stamp(since) if isinstance(since, datetime) else since
    changed = tx.run("UPDATE thread SET state = ? WHERE id = ? AND state != ?", (TO_ANSWER, thread, TO_ANSWER)) > 0
    tx.run(
        """UPDATE thread SET text_waits = text_waits OR :text, waits_since = min(coalesce(waits_since, :at), :at), opened = NULL,
            snoozed = NULL WHERE id = :id""",
        {"id": thread, "at": at, "text": int(text)},
    )
    tx.notify(ThreadChanged(thread))
    return changed


def settle(tx: Transaction, thread: int, state: str) -> bool:
    """Nothing in the thread waits any more: ``ANSWERED`` or ``DONE``. True when that changed its state."""
    changed = tx.run("UPDATE thread SET state = ? WHERE id = ? AND state != ?", (state, thread, state)) > 0
    tx.run("UPDATE thread SET text_waits = 0, waits_since = NULL, opened = NULL, snoozed = NULL WHERE id = ?", (thread,))
    # what a rule raised was raised for what is settled now; what a person raised stays until it is done
    tx.run("UPDATE thread SET urgent = 0, urgent_why = NULL WHERE id = ? AND (urgent_why IS NOT NULL OR ?)", (thread, state == DONE))
    if state == DONE:
        tx.run("UPDATE thread SET holder = NULL, held_at = NULL WHERE id = ?", (thread,))
    if changed:
        tx.notify(ThreadChanged(thread))
    return changed
