"""The clinic's own SQL database, by one SELECT over SQLAlchemy, in a transaction that may only read where the database has such.

PostgreSQL: SET TRANSACTION READ ONLY (postgresql.org/docs, SET TRANSACTION). MariaDB: SET SESSION TRANSACTION READ ONLY
(mariadb.com/kb, SET TRANSACTION). SQLite: opened with mode=ro (sqlite.org/uri.html). SQL Server has no such transaction: only statements
that read are let through, nothing is committed, and its user should be one who may only read.
"""

from __future__ import annotations

import contextlib
import math
import re
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import Wanted
from ari_app.contacts.table import Refused, Row, Table, words_of
from ari_app.errors import SettingsError, SourceError

__all__ = ["SqlSource", "check_query", "driver_words"]

_DRIVERS = {
    "postgresql": ("postgresql", "psycopg", "postgresql"),
    "postgres": ("postgresql", "psycopg", "postgresql"),
    "mariadb": ("mariadb", "pymysql", "mariadb"),
    "mysql": ("mysql", "pymysql", "mariadb"),
    "mssql": ("mssql", "pymssql", "sqlserver"),
    "sqlite": ("sqlite", "pysqlite", ""),
}
"""SQLAlchemy's dialect, the driver taken where the URL names none, and the extra that brings it, by the URL's scheme."""
_CONNECT = 10
"""Seconds."""
_PATIENCE = 300
"""Seconds the database may work on the query."""
_BATCH = 500

_QUOTED = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_WRITES = re.compile(
    r"\b(?:insert|update|delete|merge|truncate|drop|alter|create|grant|revoke|exec|execute|call|into|set|use|declare|backup|restore|dbcc|kill"
    r"|shutdown|reconfigure|waitfor|bulk|openrowset|openquery|writetext|updatetext)\b",
    re.IGNORECASE,
)
"""Words of Transact-SQL that begin what does more than read; as names of columns they stand in quotes."""
_SPEAKS_OF_TABLES = re.compile(r"08|0A|25|28|3D|42|53|57")
"""SQLSTATE classes whose messages name tables, users and settings, and never what stands in a row (PostgreSQL, appendix A)."""
_MYSQL_OF_TABLES = frozenset({1044, 1045, 1049, 1054, 1064, 1130, 1142, 1143, 1146, 1792, 2002, 2003, 2005, 2006, 2013, 3024})
_MSSQL_OF_TABLES = frozenset({102, 156, 207, 208, 229, 230, 911, 4060, 18452, 18456, 20002, 20009})


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
        self._url = _url(settings.read_url())
        self._query = (settings.query or "").strip().rstrip(";")
        check_query(self._query, self._url.get_backend_name())
        self.name = _name(self._url)
        self._engine = _engine(self._url)

    @contextlib.contextmanager
    def table(self) -> Iterator[Table]:
        """The query's rows, streamed. Raises SourceError; what the database says of values it does not repeat."""
        try:
            with self._engine.connect() as connection:
                if self._url.get_backend_name() == "postgresql":
                    connection = connection.execution_options(postgresql_readonly=True)  # noqa: PLW2901 - the same, from here on
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_PATIENCE * 1000}")
                streamed = {"stream_results": True, "yield_per": _BATCH, "no_parameters": True}  # a % in it is a %
                result = connection.exec_driver_sql(self._query, execution_options=streamed)
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


def driver_words(error: SQLAlchemyError, url: URL) -> str:
    """The driver's words where they cannot hold what stands in a row; else its code alone."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return type(error).__name__
    driver: Any = error.orig
    args = driver.args
    while len(args) == 1 and isinstance(args[0], tuple):  # pymssql's: ((20009, b"…"),)
        args = args[0]
    last = args[-1] if args else driver
    words = " ".join((last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)).split())
    state = getattr(driver, "sqlstate", None)
    code = args[0] if args and isinstance(args[0], int) else None
    match url.get_backend_name():
        case "postgresql":
            plain = state is None or _SPEAKS_OF_TABLES.match(state) is not None
        case "sqlite":
            plain = True
        case "mssql":
            plain = code in _MSSQL_OF_TABLES
        case _:
            plain = code in _MYSQL_OF_TABLES
    if not plain:
        return f"error {state or code or type(driver).__name__}"
    password = str(url.password or "")
    return (words.replace(password, "…") if password else words)[:300]


def _url(given: str) -> URL:
    try:
        url = sqlalchemy.make_url(given)
    except (ArgumentError, ValueError):
        # what SQLAlchemy says repeats the URL
        raise SettingsError("contacts.source.url: is no SQLAlchemy URL", 'write it as "postgresql://user:password@host/database"') from None
    scheme, _, driver = url.drivername.partition("+")
    if scheme not in _DRIVERS:
        known = "sqlite, postgresql, mariadb, mysql, mssql"
        raise SettingsError(
            f'contacts.source.url: "{scheme}" is no database that can be read', f"use one of {known}, or let it write a CSV"
        )
    dialect, usual, _ = _DRIVERS[scheme]
    return url.set(drivername=f"{dialect}+{driver or usual}")


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"sqlite {url.database}"
    return f"{url.get_backend_name()} {url.host or 'local'}/{url.database or ''}"


def _engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    match backend:
        case "sqlite":
            path = Path(url.database or "")
            if not path.is_absolute():
                raise SettingsError("contacts.source.url: names no full path", 'write it with four slashes, "sqlite:////srv/clinic.db"')
            options["creator"] = lambda: _opened(path)
        case "postgresql":
            # a server that lost its power is noticed after two minutes
            alive = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
            options["connect_args"] = {"connect_timeout": _CONNECT, **alive}
        case "mssql":
            options["connect_args"] = {"login_timeout": _CONNECT, "timeout": _PATIENCE}
        case _:
            options["connect_args"] = {
                "connect_timeout": _CONNECT,
                "read_timeout": _PATIENCE,
                "init_command": "SET SESSION TRANSACTION READ ONLY",
            }
    try:
        return sqlalchemy.create_engine(url if backend != "sqlite" else "sqlite://", **options)
    except ImportError:
        extra = next(extra for dialect, _, extra in _DRIVERS.values() if dialect == backend)
        raise SettingsError(
            f"contacts.source.url: the driver for {backend} ({url.get_driver_name()}) is not installed",
            f"install it where textback is: pip install 'asterisk-textback[{extra}]'",
            code="no_driver",
        ) from None
    except (NoSuchModuleError, SQLAlchemyError, TypeError):
        raise SettingsError(f"contacts.source.url: {url.drivername} cannot be used", "leave the driver out of the URL") from None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    deadline = time.monotonic() + _PATIENCE
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
    return connection


def _shown(value: object) -> str:
    """A telephone number is often kept as a number: 5145550123.0 is "5145550123"."""
    if value is None:
        return ""
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == value.__trunc__():
        return str(int(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return words_of(bytes(value))
    return str(value)
