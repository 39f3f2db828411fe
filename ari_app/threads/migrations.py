"""The schema as numbered migrations: append only, never edited once released, each in one transaction with its record."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database as Utils
from sqlite_utils.migrations import Migrations

from ari_app.errors import StoreError
from ari_app.threads import m001_threads, m002_pool, m003_portal, m004_contacts, m005_privacy, m006_alarms

__all__ = ["MIGRATIONS", "check", "migrate"]

MIGRATIONS = Migrations("textback")
_EACH = {
    "m001_threads": m001_threads.STATEMENTS,
    "m002_pool": m002_pool.STATEMENTS,
    "m003_portal": m003_portal.STATEMENTS,
    "m004_contacts": m004_contacts.STATEMENTS,
    "m005_privacy": m005_privacy.STATEMENTS,
    "m006_alarms": m006_alarms.STATEMENTS,
}
"""Statements of each migration, in their order."""


def _add(name: str, statements: tuple[str, ...]) -> None:
    @MIGRATIONS(name=name)
    def apply(db: Utils) -> None:
        for statement in statements:
            db.conn.execute(statement)


for _name, _statements in _EACH.items():
    _add(_name, _statements)


def _wrap(connection: sqlite3.Connection) -> Utils:
    return Utils(connection, execute_plugins=False, recursive_triggers=False)


def check(connection: sqlite3.Connection) -> bool:
    """Is the schema as this version writes it. Raises StoreError for a newer one, and for a file that is no store of ours."""
    utils = _wrap(connection)
    applied = [migration.name for migration in MIGRATIONS.applied(utils)]
    if not applied and set(utils.table_names()) - {MIGRATIONS.migrations_table}:
        raise StoreError("the file is an SQLite database, but not textback's", "name another file as store.path")
    newer = [name for name in applied if name not in _EACH]
    if newer:
        raise StoreError(
            f"the store was written by a newer textback (it has {newer[-1]}, unknown here)",
            "install that version again, or restore a backup made before the upgrade",
        )
    return len(applied) == len(_EACH)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date. Raises StoreError as ``check`` does; a failed migration leaves no trace."""
    if not check(connection):
        MIGRATIONS.apply(_wrap(connection))
