"""The channel event log kept in a database: FreePBX's ``asteriskcdrdb.cel`` and what cel_odbc, cel_pgsql and cel_sqlite3_custom fill.

The table is ``cel``; ``?table=NAME`` at the URL's end names another. It is read by its key, from the newest back and then only what came:
FreePBX has no index on the time. Only reads, in a session that may do no more where the database has such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from ari_app.databases import engine_of, reading, url_of
from ari_app.errors import SourceError
from ari_app.pbx.cel_csv import time_of
from ari_app.pbx.cel_row import CelRow
from ari_app.pbx.record_files import Records
from ari_app.pbx.record_tables import Kind, Table, opened, text_of

__all__ = ["beside", "read_sql_back", "read_sql_on"]

_COLUMNS = {
    "eventtype": ("eventtype",),
    "eventtime": ("eventtime",),
    "cid_num": ("cid_num", "cidnum"),
    "exten": ("exten",),
    "context": ("context",),
    "channame": ("channame",),
    "appname": ("appname",),
    "uniqueid": ("uniqueid",),
    "linkedid": ("linkedid",),
}
_OPTIONAL = {"appdata": ("appdata",), "peer": ("peer",), "extra": ("extra", "eventextra")}
_KIND = Kind("pbx.cel.url", "cel", "a channel event log", "cel", tuple(_COLUMNS.values()))
_KEYS = ("id", "acctid")
"""Names of the key by which rows are numbered as they come."""
_BATCH = 2000
_ODD = 20
"""So many rows that are none of a log, and not one that is: the table is another one."""


def beside(given: str) -> str | None:
    """URL of the log in the database of the call records (pbx.cdr.url), None where it has none that may be read. Raises SettingsError."""
    url = url_of(given, "pbx.cdr.url").difference_update_query(["table"])
    try:
        with engine_of(url, "pbx.cdr.url").connect() as connection:
            there = sqlalchemy.inspect(reading(connection)).has_table(_KIND.table)
    except (SQLAlchemyError, TypeError):
        return None
    return url.render_as_string(hide_password=False) if there else None


def read_sql_back(given: str, is_older: Callable[[CelRow], bool], *, most: int) -> tuple[Records[CelRow], int | None]:
    """Rows from the newest back to the first that ``is_older``, oldest first, and the newest one's number; as ``read_back`` of files.

    The number is None where rows have none. Raises SettingsError, SourceError (``cel_…``).
    """
    rows: list[CelRow] = []
    skipped = 0
    newest: int | None = None
    with opened(given, _KIND) as table:
        for number, row in _downwards(table, most):
            newest = number if newest is None else newest
            if row is None:
                skipped += 1
                if skipped == _ODD and not rows:
                    raise SourceError(
                        "its rows name no channel events",
                        "set pbx.cel.url to the database that cel_odbc or cel_pgsql fills",
                        code="cel_format",
                    )
                continue
            if is_older(row):
                break
            rows.append(row)
            if len(rows) > most:
                break
    rows.reverse()
    return Records(tuple(rows[-most:]), cut=len(rows) > most, skipped=skipped), newest


def read_sql_on(given: str, after: int | None, *, most: int) -> tuple[Records[CelRow], int] | None:
    """Rows that came after the one of this number; None where that is not known, more came, or they are numbered anew. Raises as above."""
    if after is None:
        return None
    with opened(given, _KIND) as table:
        key = _key(table)
        if key is None:
            return None
        if table.connection.execute(_chosen(table, key).where(key == after)).first() is None:
            return None  # emptied, or another table
        found = list(table.connection.execute(_chosen(table, key).where(key > after).order_by(key).limit(most + 1)).mappings())
    if len(found) > most:
        return None
    rows = [_row(record) for record in found]
    whole = tuple(row for row in rows if row is not None)
    return Records(whole, skipped=len(rows) - len(whole)), found[-1]["number"] if found else after


def _downwards(table: Table, most: int) -> Iterator[tuple[int | None, CelRow | None]]:
    key = _key(table)
    if key is None:
        newest = _chosen(table, sqlalchemy.null()).order_by(table.column("eventtime").desc()).limit(most + 1)
        yield from ((None, _row(record)) for record in table.connection.execute(newest).mappings())
        return
    page = _chosen(table, key).order_by(key.desc()).limit(_BATCH)
    while True:
        found = list(table.connection.execute(page).mappings())
        yield from ((record["number"], _row(record)) for record in found)
        if len(found) < _BATCH:
            return
        page = _chosen(table, key).where(key < found[-1]["number"]).order_by(key.desc()).limit(_BATCH)


def _key(table: Table) -> sqlalchemy.ColumnElement[Any] | None:
    if table.has(*_KEYS) and table.is_a(sqlalchemy.Integer, *_KEYS):
        return table.column(*_KEYS)
    return sqlalchemy.literal_column("rowid", sqlalchemy.Integer()) if table.connection.dialect.name == "sqlite" else None


def _chosen(table: Table, key: sqlalchemy.ColumnElement[Any]) -> sqlalchemy.Select[Any]:
    wanted = [table.column(*names).label(name) for name, names in (_COLUMNS | _OPTIONAL).items() if table.has(*names)]
    return sqlalchemy.select(key.label("number"), *wanted).select_from(table.source)


def _row(record: sqlalchemy.RowMapping) -> CelRow | None:
    """A row, None for one without a time or that names no event."""
    kind = text_of(record["eventtype"])
    if not kind or kind.isdigit():
        return None
    try:
        return CelRow(
            eventtype=kind,
            eventtime=time_of(record["eventtime"]),
            cid_num=text_of(record["cid_num"]),
            exten=text_of(record["exten"]),
            context=text_of(record["context"]),
            channame=text_of(record["channame"]),
            appname=text_of(record["appname"]),
            appdata=text_of(record.get("appdata")),
            uniqueid=text_of(record["uniqueid"]),
            linkedid=text_of(record["linkedid"]),
            peer=text_of(record.get("peer")),
            extra=text_of(record.get("extra")),
        )
    except (TypeError, ValueError, OverflowError):
        return None
