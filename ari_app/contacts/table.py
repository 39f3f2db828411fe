"""A source as a table, still in its own words: rows of cells, and what is wrong with those that cannot be used."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["LONGEST_CELL", "MOST_ROWS", "Refused", "Row", "Table", "tidy", "words_of"]

MOST_ROWS = 1_000_000
"""More is no clinic's list of contacts; what one look may take of memory is bounded by it."""
LONGEST_CELL = 4_000
"""Characters of a cell that are looked at."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` as a spreadsheet counts: the first is 1."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be used. Private: it holds what stands in the clinic's file."""

    row: int
    column: str
    """Its name in the source; "" for the row as a whole."""
    value: str
    why: str
    whole: bool = True
    """False: the rest of the row is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows come as they are read: once, and only while their source is open. They may raise SourceError."""

    what: str
    """In which form it is: "CSV, utf-8, separated by ;"."""
    rows: Iterator[Row | Refused]
    header: tuple[str, ...] | None = None
    """Names of the columns where the source tells them apart from rows; None: one of the first rows may have them."""
    several: bool = False
    """More rows with the same id are the same person's: a query joins people to their numbers."""


def tidy(text: str) -> str:
    """One line without what cannot be seen, composed (Unicode NFC): the same name is the same however it was written."""
    text = unicodedata.normalize("NFC", text[:LONGEST_CELL])
    return " ".join(_CONTROL.sub(" ", text).split())


def words_of(value: bytes) -> str:
    """UTF-8, else hexadecimal digits: an id that is no text is still one, and nobody else's."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value[:LONGEST_CELL].hex()
