"""Call detail records kept in a database: FreePBX's ``asteriskcdrdb.cdr`` and what cdr_adaptive_odbc, cdr_pgsql and cdr_sqlite3 fill.

The table is ``cdr``; ``?table=NAME`` at the URL's end names another. Its columns are looked at first: tables differ (``calldate`` or
``start``; FreePBX has ``did``). Only reads, in a session that may do no more where the database has such.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy

from ari_app.pbx.cdr import Read, Row
from ari_app.pbx.record_tables import Kind, Table, opened, text_of

__all__ = ["count_sql", "read_sql"]

_NEEDED = ("src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec", "disposition")
_OPTIONAL = ("uniqueid", "linkedid", "did")
_STARTS = ("calldate", "start")
_KIND = Kind("pbx.cdr.url", "cdr", "call records", "cdr", (*((each,) for each in _NEEDED), _STARTS))
_LONGEST = timedelta(hours=12)
"""Rows are looked up by their start: a call that lasts longer may be left out."""
_BATCH = 2000


def read_sql(given: str, since: datetime, *, most: int) -> Read:
    """Rows that ended since then (as written, without a zone), oldest first; the newest ``most`` where there are more.

    Raises SettingsError for a URL that cannot be used (``no_driver`` without its driver), SourceError (``cdr_…``) for the rest.
    """
    with opened(given, _KIND) as table:
        result = table.connection.execution_options(stream_results=True, yield_per=_BATCH).execute(_statement(table, since, most))
        rows: list[Row] = []
        skipped = seen = 0
        for record in result.mappings():
            seen += 1
            row = _row(record)
            skipped += row is None
            if row is not None and row.end >= since and seen <= most:
                rows.append(row)
    rows.reverse()
    rows.sort(key=lambda row: row.end)
    return Read(tuple(rows), cut=seen > most, skipped=skipped)


def count_sql(given: str, since: datetime) -> int:
    """How many rows ``read_sql`` looks through for ``since``: as many as before, nothing came. Raises as it does."""
    with opened(given, _KIND) as table:
        counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(table.source).where(_began(table) >= _lowest(table, since))
        return int(table.connection.execute(counted).scalar_one())


def _began(table: Table) -> sqlalchemy.ColumnElement[Any]:
    kind = sqlalchemy.String() if table.is_a(sqlalchemy.String, *_STARTS) else sqlalchemy.DateTime()
    return sqlalchemy.column(table.column(*_STARTS).name, kind)


def _lowest(table: Table, since: datetime) -> Any:
    lowest = since - _LONGEST
    return lowest.isoformat(" ", "seconds") if table.is_a(sqlalchemy.String, *_STARTS) else lowest


def _statement(table: Table, since: datetime, most: int) -> sqlalchemy.Select[Any]:
    """The newest first."""
    began = _began(table)
    wanted = [table.column(each).label(each) for each in (*_NEEDED, *_OPTIONAL) if table.has(each)]
    order = [began.desc()]
    if table.has("sequence"):
        order.append(table.column("sequence").desc())
    chosen = sqlalchemy.select(began.label("start"), *wanted).select_from(table.source)
    return chosen.where(began >= _lowest(table, since)).order_by(*order).limit(most + 1)


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
            src=text_of(record["src"]),
            dst=text_of(record["dst"]),
            context=text_of(record["dcontext"]),
            channel=text_of(record["channel"]),
            dstchannel=text_of(record["dstchannel"]),
            app=text_of(record["lastapp"]),
            data=text_of(record["lastdata"]),
            disposition=text_of(record["disposition"]),
            uniqueid=text_of(record.get("uniqueid")),
            linkedid=text_of(record.get("linkedid")),
            did=text_of(record.get("did")),
        )
    except (TypeError, ValueError, OverflowError):
        return None
