"""Which column holds what: by its usual name in French and English and in common software of clinics, or as somebody said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ari_app.contact_settings import ColumnsSettings
from ari_app.contacts.table import Refused, Row, tidy
from ari_app.contacts.usual import COLUMNS, NO_NUMBERS, NUMBER_COLUMNS, NUMBER_PLACES, NUMBER_WORDS, SAYS_NOTHING
from ari_app.errors import SourceError

__all__ = ["FIELDS", "Column", "Layout", "Wanted", "plain", "understand"]

FIELDS = ("external", "name", "first", "last", "number", "language", "kind", "tags")
"""What a column may hold; only ``number`` may be in several."""

_HEADER_WITHIN = 10
"""Rows among which the header is: programs write a title above it."""
_LONGEST_LABEL = 40

_SHORT = {"hm": "home", "wk": "work", "mob": "mobile", "cel": "cell"}
_LABEL_OF = re.compile(r"(phone|telephone|tel) (\d+) value")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is understood. ``label`` of its numbers; ``label_at``: the column that says it row by row."""

    position: int
    name: str
    field: str
    label: str | None = None
    label_at: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns somebody named, by field. A name, or its place where no column is so named (1 is the first)."""

    columns: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(settings: ColumnsSettings) -> Wanted:
        """[contacts.source.columns]."""
        single = {field: getattr(settings, field) for field in FIELDS if field != "number"}
        columns = {field: (name,) for field, name in single.items() if name is not None}
        return Wanted(columns | ({"number": settings.numbers} if settings.numbers else {}))


@dataclass(frozen=True, slots=True)
class Layout:
    """``columns`` understood, of all ``names`` there are; ``header``: how many rows from the beginning on are no people."""

    columns: tuple[Column, ...]
    names: tuple[str, ...]
    header: int

    def of(self, field: str) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.field == field)

    def one(self, field: str) -> Column | None:
        return next(iter(self.of(field)), None)


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Words in small letters without accents: "Téléphone (domicile)" is "telephone domicile", "HmPhone2" is "hm phone 2"."""
    spread = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)", " ", text)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", spread.casefold()) if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", bare.replace("n°", "no ").replace("nº", "no ")))


def understand(name: str, rows: Sequence[Row | Refused], header: Sequence[str] | None, wanted: Wanted) -> Layout:
    """The layout of a table by its header, or by its first ``rows``. ``name``: the table's, for errors.

    Raises SourceError when no column is known to hold a name, or numbers, or when one that was asked for is not there.
    """
    if header is not None:
        return _checked(name, _layout(name, tuple(header), rows, 0, wanted))
    found = [each for each in rows[:_HEADER_WITHIN] if isinstance(each, Row)]
    best, known = None, 1  # one such word alone may be somebody's: "client"
    for row in found:
        names = tuple(tidy(cell) for cell in row.cells)
        worth = sum(_field(each) is not None for each in names) + 2 * sum(
            plain(each) in {plain(column) for columns in wanted.columns.values() for column in columns} for each in names if each
        )
        if worth > known and not any(_is_number(each) for each in names):
            best, known = row, worth
    if best is not None:
        layout = _layout(name, tuple(tidy(cell) for cell in best.cells), rows, rows.index(best) + 1, wanted)
    else:
        width = max((len(row.cells) for row in found), default=0)
        layout = _layout(name, tuple(str(place) for place in range(1, width + 1)), rows, 0, wanted)
    return _checked(name, layout)


def _is_number(text: str) -> bool:
    return sum(letter.isdigit() for letter in text) >= 7


def _layout(name: str, names: tuple[str, ...], rows: Sequence[Row | Refused], header: int, wanted: Wanted) -> Layout:
    columns = [Column(_place(name, names, each), each, field, _label(each)) for field, given in wanted.columns.items() for each in given]
    taken = {column.position for column in columns}
    known = [plain(each) for each in names]
    given = {column.field for column in columns}
    for field, usual in COLUMNS.items():
        if field in given or (field in {"first", "last", "company"} and "name" in given):
            continue
        place = next((known.index(each) for each in usual if each in known and known.index(each) not in taken), None)
        if place is not None and not (field == "name" and {"first", "last"} & given):
            columns.append(Column(place, names[place], field))
            taken.add(place)
    if "number" not in given:
        columns += [
            Column(place, names[place], "number", _label(names[place]), _labelled_by(each, known))
            for place, each in enumerate(known)
            if place not in taken and (_field(names[place]) == "number" or (_is_place(each) and _holds_numbers(rows[header:], place)))
        ]
    return Layout(tuple(sorted(_names_settled(columns), key=lambda column: column.position)), names, header)


def _is_place(known: str) -> bool:
    """ "Home", and "Home Number" of telephones."""
    return known.removesuffix(" number").removeprefix("numero ") in NUMBER_PLACES


def _holds_numbers(rows: Sequence[Row | Refused], place: int) -> bool:
    cells = [row.cells[place] for row in rows if isinstance(row, Row) and place < len(row.cells) and row.cells[place].strip()]
    return 2 * sum(map(_is_number, cells)) > len(cells)


def _names_settled(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Beside a first name, "Nom" is the last name."""
    fields = {column.field for column in columns}
    if "first" in fields and "last" not in fields and "name" in fields:
        return tuple(Column(each.position, each.name, "last") if each.field == "name" else each for each in columns)
    return tuple(columns)


def _field(name: str) -> str | None:
    known = plain(name)
    for field, usual in COLUMNS.items():
        if known in usual:
            return field
    words = set(known.split())
    if known in NUMBER_COLUMNS or (words & NUMBER_WORDS and not words & NO_NUMBERS):
        return "number"
    return None


def _place(table: str, names: tuple[str, ...], wanted: str) -> int:
    for same in (str, plain):
        places = [place for place, each in enumerate(names) if same(each) == same(tidy(wanted)) and same(each)]
        if places:
            return places[0]
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(names):
        return int(wanted) - 1
    raise SourceError(f"{table} has no column {wanted!r}", f"use one of: {_listed(names)}", code="columns")


def _label(name: str) -> str | None:
    """What a column's name says of its numbers beside that they are numbers: "Tél. (domicile)" is "domicile"."""
    spread = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", name)
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", spread)]
    said = [_SHORT.get(plain(word), word) for word in words if plain(word) not in SAYS_NOTHING and len(word) > 1]
    return " ".join(said)[:_LONGEST_LABEL] or None


def _labelled_by(known: str, names: Sequence[str]) -> int | None:
    """Google writes "Phone 1 - Type" (or "Label") beside "Phone 1 - Value"."""
    match = _LABEL_OF.fullmatch(known)
    if match is None:
        return None
    return next((names.index(each) for each in (f"{match[1]} {match[2]} {word}" for word in ("type", "label")) if each in names), None)


def _checked(name: str, layout: Layout) -> Layout:
    fields = {column.field for column in layout.columns}
    if "number" not in fields:
        missing, how = "phone numbers", "number"
    elif not fields & {"name", "first", "last", "company"}:
        missing, how = "names", "name"
    else:
        return layout
    raise SourceError(
        f"no column of {name} is known to hold {missing}: it has {_listed(layout.names)}",
        f"say which does: --map {how}=COLUMN, or contacts.source.columns for a source that is kept in step",
        code="columns",
    )


def _listed(names: Sequence[str]) -> str:
    shown = [each if not _is_number(each) else "…" for each in names if each]
    return ", ".join(shown[:40]) + (" …" if len(shown) > 40 else "") or "none"
