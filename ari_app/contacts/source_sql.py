"""The clinic's own SQL database, by one SELECT, in a session that may only read where the database has such (ari_app/databases.py).

SQL Server has none: only statements that read are let through, nothing is committed, and its user should be one who may only read.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import Wanted
from ari_app.contacts.table import Refused, Row, Table, words_of
from ari_app.databases import driver_words, engine_of, name_of, reading, url_of
from ari_app.errors import SettingsError, SourceError

__all__ = ["SqlSource", "check_query"]

_BATCH = 500

_QUOTED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_WRITES = re.compile(
    r"\b(?:insert|update|delete|merge|truncate|drop|alter|create|grant|revoke|exec|execute|call|into|set|use|declare|backup|restore|dbcc|kill"
    r"|shutdown|reconfigure|waitfor|bulk|openrowset|openquery|writetext|updatetext)\b",
    re.IGNORECASE,
)
"""Words of Transact-SQL that begin what does more than read; as names of columns they stand in quotes."""


def check_query(query: str, scheme: str) -> None:
    """Raises SettingsError when a query is more than one statement, or does not read."""
    bare = _QUOTED.sub(" ", query).strip().rstrip(";").strip()
    first = re.match(r"[(\s]*([A-Za-z]+)", bare)
    if first is None or first[1].lower() not in {"select", "with"}:
        raise SettingsError("contacts.source.query: only reads; it begins with SELECT or WITH", "write one SELECT")
    if ";" in bare:
        raise SettingsError("contacts.source.query: is more than one statement", "write one SELECT")
    if scheme == "mssql" and (found := _WRITES.search(bare)) is not None:
        raise SettingsError(f"contacts.source.query: {found[0]} does more than read", "write one SELECT; names that are such words in [ ]")


class SqlSource:
    """One query of one database. Raises SettingsError for a URL or query that cannot be used, and when a driver is not installed."""

    def __init__(self, settings: SourceSettings) -> None:
        self.wanted = Wanted.of(settings.columns)
        self._url = url_of(settings.read_url(), "contacts.source.url")
        self._query = (settings.query or "").strip().rstrip(";")
        check_query(self._query, self._url.get_backend_name())
        self.name = name_of(self._url)
        self._engine = engine_of(self._url, "contacts.source.url")

    @contextlib.contextmanager
    def table(self) -> Iterator[Table]:
        """The query's rows, streamed. Raises SourceError; what the database says of values it does not repeat."""
        try:
            with self._engine.connect() as connection:
                streamed = {"stream_results": True, "yield_per": _BATCH, "no_parameters": True}  # a % in it is a %
                result = reading(connection).exec_driver_sql(self._query, execution_options=streamed)
                header = tuple(result.keys())
                yield Table(what=self.name, rows=self._rows(result), header=header, several=True)
                connection.rollback()
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    def _rows(self, result: sqlalchemy.CursorResult[Any]) -> Iterator[Row | Refused]:
        try:
            for number, row in enumerate(result, 1):
                yield Row(number, [_shown(value) for value in row])
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    def _failed(self, error: SQLAlchemyError) -> SourceError:
        return SourceError(
            f"{self.name} cannot be read: {driver_words(error, self._url)}",
            "see contacts.source.url and query, and that the database is up",
        )


def _shown(value: object) -> str:
    """A telephone number is often kept as a number: 5145550123.0 is "5145550123"."""
    if value is None:
        return ""
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == value.__trunc__():
        return str(int(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return words_of(bytes(value))
    return str(value)
