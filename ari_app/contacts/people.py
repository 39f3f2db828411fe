"""Rows into people: what stands in the columns, checked and in our words; what cannot be used, with why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ari_app.contacts.columns import Layout, plain
from ari_app.contacts.table import Refused, Row, tidy
from ari_app.contacts.values import LONGEST_LABEL, kind_of, language_of, name_of, numbers_of, tags_of, whole
from ari_app.model import Kind
from ari_app.person import PersonNumber, Record

__all__ = ["NO_ID", "Rules", "Tally", "people"]

NO_ID = "~"
"""With this begins the external id of who has none in the source: a digest of name and numbers follows."""
_LONGEST_ID = 100
_MOST_NUMBERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How cells are understood. ``kinds``: words of the column ``kind``, plain; ``kind``: of everybody else. ``several``: see ``Table``."""

    country: str
    kind: Kind = Kind.CLIENT
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    several: bool = False


@dataclass(slots=True)
class Tally:
    """Counted while people are read. ``rows`` without empty ones; ``odd_kinds``: words of the column ``kind`` nobody knows."""

    rows: int = 0
    refused: int = 0
    odd_kinds: Counter[str] = field(default_factory=Counter)


def people(rows: Iterable[Row | Refused], layout: Layout, rules: Rules, tally: Tally) -> Iterator[Record | Refused]:
    """Each person of a table without its header, each once, and what of the rows cannot be used. Raises what ``rows`` raises."""
    reader = _Reader(layout, rules, tally)
    seen: dict[str, int] = {}
    held: Record | None = None
    for row in rows:
        made: Record | None = None
        for each in reader.read(row):
            if isinstance(each, Record):
                made = each
            else:
                tally.refused += each.whole
                yield each
        if made is None or isinstance(row, Refused):
            continue
        if held is not None and rules.several and made.external == held.external:
            held = _joined(held, made)
            continue
        if held is not None:
            yield held
            held = None
        earlier = seen.setdefault(made.external, row.number)
        if earlier == row.number:
            held = made
            continue
        tally.refused += 1
        what = "the same person stands" if made.external.startswith(NO_ID) else "the same id stands"
        why = f"{what} in row {earlier} already"
        if rules.several:
            why += "; rows of one person are to follow each other (ORDER BY)"
        yield Refused(row.number, reader.id_column, made.external, why)
    if held is not None:
        yield held


def _joined(one: Record, other: Record) -> Record:
    """Two rows of one person: all numbers and tags of both."""
    known = {each.number for each in one.numbers}
    more = tuple(each for each in other.numbers if each.number not in known)
    return replace(one, numbers=(one.numbers + more)[:_MOST_NUMBERS], tags=tuple(sorted({*one.tags, *other.tags})))


class _Reader:
    def __init__(self, layout: Layout, rules: Rules, tally: Tally) -> None:
        self._rules = rules
        self._tally = tally
        self._width = len(layout.names)
        self._numbers = layout.of("number")
        self._places = {column.field: column.position for column in reversed(layout.columns)}
        self.id_column = next((column.name for column in layout.of("external")), "")
        self._name_columns = _listed(layout, "first", "last", "name")
        self._number_columns = _listed(layout, "number")

    def read(self, row: Row | Refused) -> Iterator[Record | Refused]:
        """The person of a row, and what of it cannot be used. Nothing for an empty row."""
        if isinstance(row, Refused):
            self._tally.rows += 1
            yield row
            return
        cells = row.cells
        if not any(cell and not cell.isspace() for cell in cells):
            return
        self._tally.rows += 1
        if any(cell.strip() for cell in cells[self._width :]):
            # what would be read from the wrong column is somebody else's number
            why = f"it has {len(cells)} cells, the header {self._width}: a separator stands in one that has no quotes"
            yield Refused(row.number, "", "", why)
            return
        numbers, wrong = self._numbers_of(row)
        name = self._name(cells)
        if name and numbers:
            yield from (replace(each, whole=False) for each in wrong)
            yield self._record(cells, name, numbers)
        elif wrong:
            yield wrong[0]
            yield from (replace(each, whole=False) for each in wrong[1:])
        elif numbers:
            yield Refused(row.number, self._name_columns, "", "it has no name")
        else:
            yield Refused(row.number, self._number_columns, "", "it has no phone number")

    def _cell(self, cells: Sequence[str], wanted: str) -> str:
        place = self._places.get(wanted)
        return cells[place] if place is not None and place < len(cells) else ""

    def _name(self, cells: Sequence[str]) -> str:
        first, last, name = (self._cell(cells, each) for each in ("first", "last", "name"))
        if (first.strip() and last.strip()) or not name.strip():  # half a name is less than a whole one
            name = f"{tidy(first)} {tidy(last)}"
        return name_of(name.strip() or self._cell(cells, "company"))

    def _numbers_of(self, row: Row) -> tuple[tuple[PersonNumber, ...], list[Refused]]:
        cells = row.cells
        found: dict[str, PersonNumber] = {}
        wrong: list[Refused] = []
        for column in self._numbers:
            cell = cells[column.position] if column.position < len(cells) else ""
            if not cell:
                continue
            label = column.label
            if column.label_at is not None and column.label_at < len(cells):
                label = tidy(cells[column.label_at]).strip("* ")[:LONGEST_LABEL].lower() or label
            numbers, bad = numbers_of(cell, self._rules.country, label)
            for each in numbers:
                found.setdefault(each.number, each)
            wrong += [Refused(row.number, column.name, value, why) for value, why in bad]
        kept = tuple(found.values())
        wrong += [Refused(row.number, "", each.number, f"it has more than {_MOST_NUMBERS} numbers") for each in kept[_MOST_NUMBERS:]]
        return kept[:_MOST_NUMBERS], wrong

    def _record(self, cells: Sequence[str], name: str, numbers: tuple[PersonNumber, ...]) -> Record:
        language, tags = self._cell(cells, "language"), self._cell(cells, "tags")
        return Record(
            external=whole(tidy(self._cell(cells, "external")))[:_LONGEST_ID] or _no_id(name, numbers),
            name=name,
            kind=self._kind(self._cell(cells, "kind")),
            language=language_of(language) if language else None,
            tags=tags_of(tags) if tags else (),
            numbers=numbers,
        )

    def _kind(self, word: str) -> Kind:
        if not word or word.isspace():
            return self._rules.kind
        known = kind_of(word, self._rules.kinds)
        if known is None:
            self._tally.odd_kinds[plain(word)[:40]] += 1
        return known or self._rules.kind


def _listed(layout: Layout, *fields: str) -> str:
    """Names of the columns of these fields, in the order of the file."""
    return ", ".join(column.name for column in layout.columns if column.field in fields)


def _no_id(name: str, numbers: tuple[PersonNumber, ...]) -> str:
    said = "\n".join((name.casefold(), *sorted(each.number for each in numbers)))
    return NO_ID + hashlib.sha256(said.encode()).hexdigest()[:24]
