"""What was erased since a backup was made is erased from it again, before it takes the store's place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ari_app.privacy.erasures import Erasure
from ari_app.threads.database import Transaction
from ari_app.threads.erasing import erase, numbers_known, tidy
from ari_app.threads.keyed import digest, teach
from ari_app.threads.migrations import migrate
from ari_app.threads.rows import required

__all__ = ["reapply"]


def reapply(connection: sqlite3.Connection, key: bytes, erasures: Iterable[Erasure]) -> int:
    """Erase from a restored file every number that was erased after it was made; how many.

    ``connection``: may write, ``isolation_level`` None, used by nobody else; the schema is brought up to date. An erasure the file knows
    of is left: what came after it is the person's anew. Raises StoreError for a file that is no store, sqlite3.Error.
    """
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")
    migrate(connection)
    teach(connection, key)
    known = {(row["digest"], row["at"]) for row in connection.execute("SELECT digest, at FROM erasure")}
    due = {each.digest: each for each in sorted(erasures) if (each.digest, each.at) not in known}
    erased = 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        tx = Transaction(connection)
        for number in numbers_known(tx):
            each = due.pop(digest(key, number), None)
            if each is not None:
                erase(tx, number, by=None, now=required(each.at))
                erased += 1
        for each in due.values():  # nothing of theirs is in the file: the fact is kept
            tx.insert("erasure", {"digest": each.digest, "at": each.at, "who": "restore", "counts": "{}"})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    tidy(connection)
    return erased
