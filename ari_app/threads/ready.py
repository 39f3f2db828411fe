"""Ready replies, and the settings an administrator changed in the portal."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from ari_app.board import Actor, Canned
from ari_app.errors import NotFoundError
from ari_app.events import SettingsChanged
from ari_app.model import Language
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import required, stamp

__all__ = ["CANNED", "canned", "move_canned", "remove_canned", "save_canned", "set_setting", "settings"]

CANNED = "canned"
"""Key of the setting that the ready replies are the clinic's own, even when it kept none; and of the notice that one changed."""


def canned(reader: Reader, language: Language | None = None) -> tuple[Canned, ...] | None:
    """Ready replies in their order: those of a language and of none, or all. None: the clinic never wrote any of its own."""
    rows = reader.all("SELECT * FROM canned WHERE ?1 IS NULL OR language IS NULL OR language = ?1 ORDER BY position, id", (language,))
    if not rows and reader.one("SELECT 1 FROM setting WHERE key = ?", (CANNED,)) is None:
        return None
    return tuple(_canned(row) for row in rows)


def _canned(row: sqlite3.Row) -> Canned:
    return Canned(id=row["id"], language=row["language"], label=row["label"], text=row["text"])


def save_canned(tx: Transaction, which: int | None, by: Actor, now: datetime, *, language: Language | None, label: str, text: str) -> int:
    """Write a ready reply anew, or a new one (``which`` None); its id. Raises NotFoundError."""
    columns = {"language": language, "label": label, "text": text}
    if which is None:
        last = tx.value("SELECT coalesce(max(position), 0) FROM canned")
        which = tx.insert("canned", {**columns, "position": last + 1})
    elif tx.run("UPDATE canned SET language = :language, label = :label, text = :text WHERE id = :id", {**columns, "id": which}) == 0:
        raise _missing(which)
    audit(tx, by, "save_canned", now, what=label)
    tx.notify(SettingsChanged(CANNED))
    return which


def remove_canned(tx: Transaction, which: int, by: Actor, now: datetime) -> None:
    """Raises NotFoundError."""
    label = tx.value("DELETE FROM canned WHERE id = ? RETURNING label", (which,))
    if label is None:
        raise _missing(which)
    audit(tx, by, "remove_canned", now, what=label)
    tx.notify(SettingsChanged(CANNED))


def move_canned(tx: Transaction, which: int, by: Actor, now: datetime, *, up: bool) -> bool:
    """Change places with the one before (``up``) or after; False for the first, or the last. Raises NotFoundError."""
    order = [row["id"] for row in tx.all("SELECT id FROM canned ORDER BY position, id")]
    if which not in order:
        raise _missing(which)
    place = order.index(which)
    other = place + (-1 if up else 1)
    if not 0 <= other < len(order):
        return False
    order[place], order[other] = order[other], order[place]
    for position, each in enumerate(order, 1):
        tx.run("UPDATE canned SET position = ? WHERE id = ?", (position, each))
    audit(tx, by, "move_canned", now, what=tx.value("SELECT label FROM canned WHERE id = ?", (which,)))
    tx.notify(SettingsChanged(CANNED))
    return True


def _missing(which: int) -> NotFoundError:
    return NotFoundError(f"there is no ready reply {which}", "look at the list again: somebody may have removed it")


def settings(reader: Reader) -> dict[str, tuple[str, datetime, str]]:
    """What was changed in the portal: key to value (JSON), when, and by whom."""
    rows = reader.all("SELECT * FROM setting ORDER BY key")
    return {row["key"]: (row["value"], required(row["at"]), row["who"]) for row in rows}


def set_setting(tx: Transaction, key: str, value: str | None, by: Actor, now: datetime) -> None:
    """Keep a setting (``value``: JSON) over that of textback.toml; None goes back to the file's."""
    before = tx.value("SELECT value FROM setting WHERE key = ?", (key,))
    if before == value:
        return
    if value is None:
        tx.run("DELETE FROM setting WHERE key = ?", (key,))
    else:
        tx.run(
            """INSERT INTO setting (key, value, at, who) VALUES (?, ?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at, who = excluded.who""",
            (key, value, stamp(now), by.name),
        )
    audit(tx, by, "set_setting" if value is not None else "unset_setting", now, what=key)
    tx.notify(SettingsChanged(key))
