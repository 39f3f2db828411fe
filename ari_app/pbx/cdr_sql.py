"""Call detail records kept in a database: FreePBX's ``asteriskcdrdb.cdr`` and what cdr_adaptive_odbc, cdr_pgsql and cdr_sqlite3 fill.

The table is ``cdr``; ``?table=NAME`` at the URL's end names another. Its columns are looked at first: tables differ (``calldate`` or
``start``; FreePBX has ``did``). Only reads, in a session that may do no more where the database has such.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from ari_app.databases import driver_words, engine_of, name_of, reading, url_of
from ari_app.errors import SettingsError, SourceError
from ari_app.pbx.cdr import Read, Row

__all__ = ["read_sql"]

_KEY = "pbx.cdr.url"
_NEEDED = ("src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec", "disposition")
_OPTIONAL = ("uniqueid", "linkedid", "did", "sequence")
_STARTS = ("calldate", "start")
_LONGEST = timedelta(hours=12)
"""Rows are looked up by their start: a call that lasts longer may be left out."""
_BATCH = 2000


def read_sql(given: str, since: datetime, *, most: int) -> Read:
    """Rows that ended since then (as written, without a zone), oldest first; the newest ``most`` where there are more.

    Raises SettingsError for a URL that cannot be used (``no_driver`` without its driver), SourceError (``cdr_…``) for the rest.
    """
    url = url_of(given, _KEY)
    named = url.query.get("table")
    table = named if isinstance(named, str) else "cdr"
    url = url.difference_update_query(["table"])
    name = name_of(url)
    engine = engine_of(url, _KEY)
    try:
        with engine.connect() as connection:
            reader = reading(connection)
            statement = _statement(reader, table, name, since, most)
            result = reader.execution_options(stream_results=True, yield_per=_BATCH).execute(statement)
            rows: list[Row] = []
            skipped = seen = 0
            for record in result.mappings():
                seen += 1
                row = _row(record)
                skipped += row is None
                if row is not None and row.end >= since and seen <= most:
                    rows.append(row)
            connection.rollback()
    except TypeError:
        # the driver's: an option of the URL that it does not have, of which its words say no more
        raise SettingsError(f"{_KEY}: has an option behind ? that the driver does not know", "leave what is not ?table=NAME out") from None
    except SQLAlchemyError as error:
        raise SourceError(
            f"{name} cannot be read: {driver_words(error, url)}",
            "see that the database is up, that pbx.cdr.url is right, and that its user may SELECT from that table",
            code="cdr_unreadable",
        ) from None
    rows.reverse()
    rows.sort(key=lambda row: row.end)
    return Read(tuple(rows), cut=seen > most, skipped=skipped)


def _statement(connection: Connection, table: str, name: str, since: datetime, most: int) -> sqlalchemy.Select[Any]:
    """The newest first. Raises SourceError when the table is none of call records."""
    schema, _, bare = table.rpartition(".")
    try:
        columns = {each["name"].lower(): each for each in sqlalchemy.inspect(connection).get_columns(bare, schema or None)}
    except NoSuchTableError:
        raise SourceError(
            f"{name} has no table {table}", f"write {_KEY} with ?table=NAME of the table of call records", code="cdr_format"
        ) from None
    start = next((each for each in _STARTS if each in columns), None)
    missing = [each for each in _NEEDED if each not in columns]
    if start is None or missing:
        lacks = ", ".join([*missing, *(() if start else ("calldate",))])
        raise SourceError(
            f"table {table} of {name} is none of call records: no column {lacks}", f"write {_KEY} with ?table=NAME", code="cdr_format"
        )
    wanted = [*_NEEDED, *(each for each in _OPTIONAL if each in columns)]
    named: list[sqlalchemy.ColumnElement[Any]] = [sqlalchemy.column(columns[each]["name"]).label(each) for each in wanted]
    kind = sqlalchemy.String() if isinstance(columns[start]["type"], sqlalchemy.String) else sqlalchemy.DateTime()
    began: sqlalchemy.ColumnElement[Any] = sqlalchemy.column(columns[start]["name"], kind)
    lowest = since - _LONGEST
    bound: Any = lowest.isoformat(" ", "seconds") if isinstance(kind, sqlalchemy.String) else lowest
    order = [began.desc()]
    if "sequence" in columns:
        order.append(sqlalchemy.column(columns["sequence"]["name"]).desc())
    source = sqlalchemy.table(bare, schema=schema or None)
    return sqlalchemy.select(began.label("start"), *named).select_from(source).where(began >= bound).order_by(*order).limit(most + 1)


def _row(record: sqlalchemy.RowMapping) -> Row | None:
    """A record, None for one that has no times."""
    try:
        start = record["start"]
        if not isinstance(start, datetime):
            start = datetime.fromisoformat(str(start))
        return Row(
            # cdr_pgsql may keep a zone; times are meant as written
            start=start.replace(tzinfo=None),
            duration=int(record["duration"]),
            billsec=int(record["billsec"]),
            src=_text(record["src"]),
            dst=_text(record["dst"]),
            context=_text(record["dcontext"]),
            channel=_text(record["channel"]),
            dstchannel=_text(record["dstchannel"]),
            app=_text(record["lastapp"]),
            data=_text(record["lastdata"]),
            disposition=_text(record["disposition"]),
            uniqueid=_text(record.get("uniqueid")),
            linkedid=_text(record.get("linkedid")),
            did=_text(record.get("did")),
        )
    except (TypeError, ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return "" if value is None else str(value).strip()
