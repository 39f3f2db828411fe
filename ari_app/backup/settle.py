"""A restored store is made fit for today: nothing that may have gone goes again, and what callers asked for since is kept.

``present``, where it is attached, is the store it takes the place of: it knows what became of the texts, and who said STOP since.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ari_app.board import Actor
from ari_app.model import Reason
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.ending import settle
from ari_app.threads.history import restored
from ari_app.threads.rows import stamp
from ari_app.threads.sending import give_up

__all__ = ["Settled", "settle_restored"]

_HELD = "held back: the store was restored"
_ENDED = ("sent", "delivered", "failed", "unknown", "cancelled", "expired")


@dataclass(frozen=True, slots=True)
class Settled:
    """``opt_outs``: taken over from the store that was there. ``texts``: that will not go, by what is said of them now."""

    opt_outs: int
    texts: dict[str, int]
    lost_calls: int | None
    """In the store that was there and not in this one; None when it could not be asked."""
    lost_messages: int | None


def settle_restored(connection: sqlite3.Connection, now: datetime, *, by: Actor, source: str, present: bool, same_key: bool) -> Settled:
    """All of it in one transaction, ``source`` audited as the file it came from. ``connection`` may write, has the current schema, and
    belongs to nobody else.
    """
    tx = Transaction(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        tx.run("DELETE FROM session")  # a session, or who it was for, may have been ended since
        opt_outs = _take_over(tx, same_key=same_key) if present else 0
        texts = _hold(tx, now, present=present)
        lost = _lost(tx) if present else (None, None)
        restored(tx, now)
        audit(tx, by, "restored", now, what=source)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return Settled(opt_outs, texts, *lost)


# -- what callers and administrators said since


def _take_over(tx: Transaction, *, same_key: bool) -> int:
    """Who asked for no texts; who asked for them again; keys and members that were shut out. How many opt-outs."""
    there = _tables(tx, "present")
    if "consent" in there:
        tx.run(
            """INSERT INTO consent (number, at, act, how, who) SELECT number, at, act, how, who FROM present.consent c
                WHERE NOT EXISTS (SELECT 1 FROM main.consent m WHERE m.number = c.number AND m.at = c.at AND m.act = c.act) ORDER BY id"""
        )
    # in doubt no texts: a STOP gives way only to a later START
    later = "SELECT 1 FROM main.consent k WHERE k.act = 'opt_in' AND k.number = {}.number AND k.at > {}"
    opt_outs = tx.run(
        f"""INSERT INTO contact (number, opted_out, created) SELECT number, opted_out, created FROM present.contact c
            WHERE opted_out IS NOT NULL AND NOT EXISTS ({later.format("c", "c.opted_out")})
            AND NOT EXISTS (SELECT 1 FROM main.contact m WHERE m.number = c.number AND m.opted_out IS NOT NULL)
            ON CONFLICT (number) DO UPDATE SET opted_out = excluded.opted_out"""  # noqa: S608  (our own)
    )
    tx.run(
        f"""UPDATE main.contact SET opted_out = NULL WHERE opted_out IS NOT NULL AND EXISTS ({later.format("contact", "contact.opted_out")})
            AND number IN (SELECT number FROM present.contact WHERE opted_out IS NULL)"""  # noqa: S608  (our own)
    )
    if same_key and "opted_out" in there:
        opt_outs += tx.run("INSERT INTO opted_out (digest, at) SELECT digest, at FROM present.opted_out WHERE true ON CONFLICT DO NOTHING")
        # whose contact grew old there and is still here: what is said of the contact is what counts
        tx.run(
            f"""UPDATE main.contact SET opted_out = (SELECT o.at FROM main.opted_out o WHERE o.digest = keyed(contact.number))
                WHERE opted_out IS NULL AND number NOT IN (SELECT number FROM present.contact)
                AND EXISTS (SELECT 1 FROM main.opted_out o WHERE o.digest = keyed(contact.number)
                    AND NOT EXISTS ({later.format("contact", "o.at")}))"""  # noqa: S608  (our own)
        )
    if "pin_refused" in there:  # a PIN that is tried again costs one of three tries
        tx.run(
            "INSERT INTO pin_refused (sim, digest, at) SELECT sim, digest, at FROM present.pin_refused WHERE true ON CONFLICT DO NOTHING"
        )
    if "key" in there:
        tx.run(
            """UPDATE main.key SET revoked = (SELECT p.revoked FROM present.key p WHERE p.digest = key.digest)
                WHERE revoked IS NULL AND digest IN (SELECT digest FROM present.key WHERE revoked IS NOT NULL)"""
        )
        tx.run(
            """UPDATE main.member SET active = 0 WHERE active
                AND EXISTS (SELECT 1 FROM present.member p WHERE p.id = member.id AND p.login = member.login AND NOT p.active)"""
        )
    return opt_outs


def _lost(tx: Reader) -> tuple[int, int]:
    newest = tx.value("SELECT coalesce(max(at), '') FROM main.message")
    return (
        tx.value("SELECT count(*) FROM present.call WHERE id NOT IN (SELECT id FROM main.call)"),
        tx.value("SELECT count(*) FROM present.message WHERE at > ?", (newest,)),
    )


# -- texts


def _hold(tx: Transaction, now: datetime, *, present: bool) -> dict[str, int]:
    """No text that waited, or was on its way, when the backup was made goes by itself any more: it may have gone long ago."""
    said: dict[str, int] = {}
    at = stamp(now)
    rows = tx.all("SELECT * FROM message WHERE direction = 'out' AND state IN ('queued', 'sending', 'unknown') ORDER BY id")
    for row in rows:
        then = _became(tx, row["act"]) if present and row["act"] is not None else None
        if row["state"] == "unknown" and (then is None or then["state"] == "unknown"):
            continue
        if then is not None and then["state"] in _ENDED:
            _copy(tx, row, then)
            state = then["state"]
        elif (then is not None and then["state"] == "queued" and then["went"] is None) or _still_ahead(row, at):
            state = _call_off(tx, row, at)
        else:
            settle(tx, row["id"], _HELD, now)  # what was between its PDU and the modem's answer
            tx.run(
                """UPDATE message SET state = 'unknown', claimed = coalesce(claimed, at), went = coalesce(went, claimed, at),
                    code = 'restored', what = 'it waited when the backup was made, and may have gone since' WHERE id = ?""",
                (row["id"],),
            )
            _as_decided(tx, row["call"])
            state = "unknown"
        said[state] = said.get(state, 0) + 1
    # a report that still comes may settle a part: what stands behind it is too late
    over = stamp(now - timedelta(seconds=1))
    tx.run("UPDATE message SET expires = min(expires, ?) WHERE state = 'unknown' AND expires IS NOT NULL", (over,))
    return said


def _became(tx: Reader, act: str) -> Any:
    return tx.one("SELECT * FROM present.message WHERE act = ?", (act,))


def _still_ahead(row: Any, at: str) -> bool:
    """Put off by a person to an hour that has not come, and of which nothing went."""
    return row["state"] == "queued" and row["went"] is None and row["scheduled"] is not None and row["scheduled"] > at


def _call_off(tx: Transaction, row: Any, at: str) -> str:
    """Nothing of it went. An automatic one is too late; a person's fails and is shown, to be sent again by who still means it."""
    if row["kind"] == "staff":
        give_up(tx, row["id"], "restored", "it waited when the store was restored: send it again if it still holds")
        return "failed"
    tx.run("UPDATE message SET state = 'expired', code = 'restored', what = ? WHERE id = ?", (_HELD, row["id"]))
    if row["call"] is not None:
        tx.run(
            "UPDATE call SET decision = 'silence', reason = ?, due = NULL, decided = ? WHERE id = ?",
            (Reason.STALE.value, at, row["call"]),
        )
    return "expired"


def _as_decided(tx: Transaction, call: str | None) -> None:
    """Its text counts as gone: the call is waited for no longer."""
    if call is not None:
        tx.run("UPDATE call SET decision = 'reply', due = NULL WHERE id = ? AND decision = 'pending'", (call,))


def _copy(tx: Transaction, row: Any, then: Any) -> None:
    """The store that was there knows how it ended, part by part: reports that still come find them."""
    same = ("state", "text", "language", "sent_at", "modem", "tries", "parts", "claimed", "went", "code", "what", "seen_to", "unconfirmed")
    columns = {name: then[name] for name in same if name in then.keys()}  # noqa: SIM118  (a Row is no mapping)
    marks = ", ".join(f"{name} = :{name}" for name in columns)
    tx.run(f"UPDATE message SET {marks} WHERE id = :id", {**columns, "id": row["id"]})  # noqa: S608  (our own)
    old = "SELECT id FROM main.part WHERE message = ?"
    tx.run(f"UPDATE main.report SET part = NULL WHERE part IN ({old})", (row["id"],))  # noqa: S608
    tx.run(f"DELETE FROM main.attempt WHERE part IN ({old})", (row["id"],))  # noqa: S608
    tx.run("DELETE FROM main.part WHERE message = ?", (row["id"],))
    for part in tx.all("SELECT * FROM present.part WHERE message = ? ORDER BY number", (then["id"],)):
        new = tx.insert("part", {**_known(tx, "part", part), "message": row["id"]})
        for attempt in tx.all("SELECT * FROM present.attempt WHERE part = ? ORDER BY id", (part["id"],)):
            tx.insert("attempt", {**_known(tx, "attempt", attempt), "part": new})
    if row["call"] is not None:
        decided = tx.one("SELECT decision, reason, decided FROM present.call WHERE id = ?", (row["call"],))
        if decided is not None:
            tx.run("UPDATE main.call SET decision = ?, reason = ?, decided = ?, due = NULL WHERE id = ?", (*decided, row["call"]))


def _known(tx: Reader, table: str, row: Any) -> dict[str, Any]:
    """What of a row this schema has too, but its id: the store that was there may be a newer version's."""
    names = {each["name"] for each in tx.all(f"PRAGMA main.table_info({table})")}
    return {name: row[name] for name in row.keys() if name != "id" and name in names}  # noqa: SIM118  (a Row is no mapping)


def _tables(tx: Reader, schema: str) -> set[str]:
    return {row[0] for row in tx.all(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'")}  # noqa: S608  (our own)
