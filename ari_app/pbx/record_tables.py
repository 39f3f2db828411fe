"""Tables of records in other people's databases: found by their columns, only read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from ari_app.databases import driver_words, engine_of, name_of, reading, url_of
from ari_app.errors import SettingsError, SourceError

__all__ = ["Kind", "Table", "opened", "text_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records. ``key``: of settings; ``code``: of errors, before its last word; ``named``: as people call them."""

    key: str
    code: Literal["cdr", "cel"]
    named: str
    table: str
    """Its usual name; ``?table=NAME`` at the URL's end names another."""
    needed: Sequence[Sequence[str]]
    """Columns, each by the names it may have."""


@dataclass(frozen=True, slots=True)
class Table:
    """An open connection to a table that has all columns of its kind."""

    connection: Connection
    source: sqlalchemy.TableClause
    columns: Mapping[str, Any]
    """What was reflected, by the column's name in lower case."""

    def has(self, *names: str) -> str | None:
        """Which of these it has, the first of them."""
        return next((each for each in names if each in self.columns), None)

    def column(self, *names: str) -> sqlalchemy.ColumnClause[Any]:
        """The first of these that it has, without a type: its values come as the driver gives them."""
        return sqlalchemy.column(self.columns[next(each for each in names if each in self.columns)]["name"])

    def is_a(self, kind: type[sqlalchemy.types.TypeEngine[Any]], *names: str) -> bool:
        """Is the first of these that it has of this type."""
        return isinstance(self.columns[next(each for each in names if each in self.columns)]["type"], kind)


@contextlib.contextmanager
def opened(given: str, kind: Kind) -> Iterator[Table]:
    """Opens the table of a URL, and closes all again.

    Raises SettingsError for a URL that cannot be used (``no_driver`` without its driver), SourceError (``CODE_unreadable``, and
    ``CODE_format`` for a table that is none of its kind), in the block too.
    """
    url = url_of(given, kind.key)
    named = url.query.get("table")
    table = named if isinstance(named, str) else kind.table
    url = url.difference_update_query(["table"])
    name = name_of(url)
    engine = engine_of(url, kind.key)
    try:
        with engine.connect() as connection:
            yield _table(reading(connection), table, name, kind)
            connection.rollback()
    except TypeError:
        # the driver's: an option of the URL that it does not have, of which its words say no more
        raise SettingsError(
            f"{kind.key}: has an option behind ? that the driver does not know", "leave what is not ?table=NAME out"
        ) from None
    except SQLAlchemyError as error:
        raise SourceError(
            f"{name} cannot be read: {driver_words(error, url)}",
            f"see that the database is up, that {kind.key} is right, and that its user may SELECT from that table",
            code="cdr_unreadable" if kind.code == "cdr" else "cel_unreadable",
        ) from None


def _table(connection: Connection, table: str, name: str, kind: Kind) -> Table:
    schema, _, bare = table.rpartition(".")
    try:
        columns = {each["name"].lower(): each for each in sqlalchemy.inspect(connection).get_columns(bare, schema or None)}
    except NoSuchTableError:
        raise SourceError(
            f"{name} has no table {table}",
            f"write {kind.key} with ?table=NAME of the table of {kind.named}",
            code="cdr_format" if kind.code == "cdr" else "cel_format",
        ) from None
    lacks = ", ".join(names[0] for names in kind.needed if not any(each in columns for each in names))
    if lacks:
        raise SourceError(
            f"table {table} of {name} is none of {kind.named}: no column {lacks}",
            f"write {kind.key} with ?table=NAME",
            code="cdr_format" if kind.code == "cdr" else "cel_format",
        )
    return Table(connection, sqlalchemy.table(bare, schema=schema or None), columns)


def text_of(value: Any) -> str:
    """A cell as text; "" for none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return "" if value is None else str(value).strip()
