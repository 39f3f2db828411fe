"""Other people's databases, opened by SQLAlchemy for reading alone.

PostgreSQL: SET TRANSACTION READ ONLY (postgresql.org/docs, SET TRANSACTION). MariaDB: SET SESSION TRANSACTION READ ONLY
(mariadb.com/kb, SET TRANSACTION). SQLite: opened with mode=ro (sqlite.org/uri.html). SQL Server has no such transaction.
"""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ari_app.errors import SettingsError

__all__ = ["PATIENCE", "driver_words", "engine_of", "name_of", "reading", "url_of"]

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
PATIENCE = 300
"""Seconds the database may work on the query."""
_SPEAKS_OF_TABLES = re.compile(r"08|0A|25|28|3D|42|53|57")
"""SQLSTATE classes whose messages name tables, users and settings, and never what stands in a row (PostgreSQL, appendix A)."""
_MYSQL_OF_TABLES = frozenset({1044, 1045, 1049, 1054, 1064, 1130, 1142, 1143, 1146, 1792, 2002, 2003, 2005, 2006, 2013, 3024})
_MSSQL_OF_TABLES = frozenset({102, 156, 207, 208, 229, 230, 911, 4060, 18452, 18456, 20002, 20009})


def reading(connection: Connection) -> Connection:
    """The connection, told to read only and to end in time where that is said after connecting."""
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(postgresql_readonly=True)
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {PATIENCE * 1000}")
    return connection


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


def url_of(given: str, key: str) -> URL:
    """The URL of the setting ``key``, with a driver. Raises SettingsError, which repeats none of it."""
    try:
        url = sqlalchemy.make_url(given)
    except (ArgumentError, ValueError):
        # what SQLAlchemy says repeats the URL
        raise SettingsError(f"{key}: is no SQLAlchemy URL", 'write it as "postgresql://user:password@host/database"') from None
    if "@" in (url.host or ""):
        # said without the host: it begins with what belongs to the password
        raise SettingsError(f"{key}: has more than one @", "write an @ of the password as %40, a / as %2F, a : as %3A")
    scheme, _, driver = url.drivername.partition("+")
    if scheme not in _DRIVERS:
        known = "sqlite, postgresql, mariadb, mysql, mssql"
        raise SettingsError(f'{key}: "{scheme}" is no database that can be read', f"use one of {known}, or let it write a CSV")
    dialect, usual, _ = _DRIVERS[scheme]
    return url.set(drivername=f"{dialect}+{driver or usual}")


def name_of(url: URL) -> str:
    """What people know the database by: no user, no password."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite {url.database}"
    return f"{url.get_backend_name()} {url.host or 'local'}/{url.database or ''}"


def engine_of(url: URL, key: str) -> Engine:
    """A session may only read, where the database has such. Raises SettingsError for a URL of no use, or a driver that is missing."""
    backend = url.get_backend_name()
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    match backend:
        case "sqlite":
            path = Path(url.database or "")
            if not path.is_absolute():
                raise SettingsError(f"{key}: names no full path", 'write it with four slashes, "sqlite:////srv/clinic.db"')
            options["creator"] = lambda: _opened(path)
        case "postgresql":
            # a server that lost its power is noticed after two minutes
            alive = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
            options["connect_args"] = {"connect_timeout": _CONNECT, **alive}
        case "mssql":
            options["connect_args"] = {"login_timeout": _CONNECT, "timeout": PATIENCE}
        case _:
            options["connect_args"] = {
                "connect_timeout": _CONNECT,
                "read_timeout": PATIENCE,
                "init_command": "SET SESSION TRANSACTION READ ONLY",
            }
    try:
        return sqlalchemy.create_engine(url if backend != "sqlite" else "sqlite://", **options)
    except ImportError:
        extra = next(extra for dialect, _, extra in _DRIVERS.values() if dialect == backend)
        raise SettingsError(
            f"{key}: the driver for {backend} ({url.get_driver_name()}) is not installed",
            f"install it where textback is: pip install 'asterisk-textback[{extra}]'",
            code="no_driver",
        ) from None
    except (NoSuchModuleError, SQLAlchemyError, TypeError):
        raise SettingsError(f"{key}: {url.drivername} cannot be used", "leave the driver out of the URL") from None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
    deadline = time.monotonic() + PATIENCE
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
    return connection
