"""Is a database file sound: SQLite's own checks, the full-text indexes, the schema, and what is in it."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ari_app.errors import StoreError
from ari_app.threads import migrations
from ari_app.threads.database import Reader
from ari_app.threads.erasing import searchable

__all__ = ["Contents", "altered", "contents", "digest", "inspect", "looking", "passing", "rows", "sound", "unsound"]

_PASSING = frozenset(
    getattr(sqlite3, f"SQLITE_{name}")
    for name in ("PERM", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "FULL", "CANTOPEN", "PROTOCOL")
)
"""Result codes that tell of the machine, and not of what is in the file."""
_PIECE = 1 << 20
_PAGES = 1024
"""Copied at a time: 4 MiB."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store holds. ``newest``: of its calls and texts, None in an empty one (ISO 8601 UTC)."""

    schema: str
    current: bool
    """As this version writes it; else it is brought up to date when it is opened for writing."""
    threads: int
    calls: int
    messages: int
    newest: str | None


@contextmanager
def looking(file: Path) -> Iterator[sqlite3.Connection]:
    """The file, to be read; nothing else of it is known. Raises StoreError, code ``store_unreadable``, when there is none or not for us."""
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=5000")
            yield connection
    except FileNotFoundError as error:
        raise StoreError(
            f"there is no file {file}", "`ls` the folder of the backups: [store.backup] names it", code="store_unreadable"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot read {file} ({error.strerror})", "run this as root", code="store_unreadable") from error


def inspect(file: Path) -> Contents:
    """Look through all of a file that may be in use. Nothing is written to it, nor beside it: a copy in a file without a name is checked.

    Raises StoreError: code ``store_damaged`` when it is not sound, ``store`` when it is not ours or newer than this version,
    ``store_unreadable`` when that cannot be told.
    """
    try:
        with looking(file) as connection, closing(sqlite3.connect("", isolation_level=None)) as copy:
            connection.execute("BEGIN")  # one state of it, however long this takes
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.backup(copy, pages=_PAGES)
            return sound(copy, file)
    except sqlite3.Error as error:
        if not passing(error):
            raise unsound(file, str(error)) from error
        raise StoreError(
            f"cannot look through {file} ({error})",
            "see that there is room in /var/tmp, and that its folder can be written to or is copied elsewhere",
            code="store_unreadable",
        ) from error


def passing(error: sqlite3.Error) -> bool:
    """It tells of the machine (a full disk, a lock), and not of what is in the file."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _PASSING


def sound(connection: sqlite3.Connection, file: Path) -> Contents:
    """``inspect``, of a file that nobody else uses. ``file``: by which name it is spoken of. Raises sqlite3.Error when the disk is full."""
    try:
        said = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        if said != ["ok"]:
            raise unsound(file, "; ".join(said))
        current = migrations.check(connection)
        if astray := connection.execute("PRAGMA foreign_key_check").fetchall():
            raise unsound(file, f"{len(astray)} rows point at rows that are not there, such as in {astray[0][0]}")
        connection.row_factory = sqlite3.Row
        indexes = searchable(Reader(connection))
        if not indexes:
            raise StoreError(f"{file} is an SQLite database, but not textback's", "name one that `textback backup` wrote")
        for index in indexes:  # integrity_check looks into these from SQLite 3.44 on
            connection.execute("BEGIN")
            try:
                connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")  # noqa: S608  (our own)
            except sqlite3.DatabaseError as error:
                if passing(error):
                    raise
                raise unsound(file, f"the index {index} does not agree with its table") from error
            finally:
                if connection.in_transaction:  # SQLite ends it by itself when the disk is full
                    connection.execute("ROLLBACK")
        return contents(connection, current=current)
    except sqlite3.Error as error:
        if passing(error):
            raise
        raise unsound(file, str(error)) from error


def unsound(file: Path, why: str) -> StoreError:
    return StoreError(f"{file} is damaged: {why}", "take another backup: `textback verify FILE` tells which is sound", code="store_damaged")


def altered(file: Path) -> StoreError:
    """Its digest is not that of the manifest."""
    return StoreError(
        f"{file} is not what was written: its digest is another than manifest.json names", "take another backup", code="store_damaged"
    )


def contents(connection: sqlite3.Connection, *, current: bool) -> Contents:
    """What is in a store of ours."""
    schema = connection.execute("SELECT max(name) FROM _sqlite_migrations").fetchone()[0]
    threads, calls, messages, newest = connection.execute(
        """SELECT (SELECT count(*) FROM thread), (SELECT count(*) FROM call), (SELECT count(*) FROM message),
            (SELECT max(at) FROM (SELECT max(ended) AS at FROM call UNION ALL SELECT max(at) FROM message))"""
    ).fetchone()
    return Contents(schema, current, threads, calls, messages, newest)


def rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows of every table."""
    tables = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
    ]
    return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}  # noqa: S608  (SQLite's names)


def digest(file: Path) -> str:
    """SHA-256 of a file's bytes (FIPS 180-4), as 64 hexadecimal digits. Raises OSError."""
    made = hashlib.sha256()
    with file.open("rb", buffering=0) as stream:
        while piece := stream.read(_PIECE):
            made.update(piece)
    return made.hexdigest()
