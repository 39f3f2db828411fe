"""People behind numbers, as they are read and kept: whose number is it, in which language, what are they to the clinic."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ari_app.model import Kind, Language
from ari_app.person import FIELDS, Person, PersonNumber, Record
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.rows import required, stamp

__all__ = [
    "COMMON_LANGUAGE",
    "MOST",
    "NUMBERS",
    "Standing",
    "fields_of",
    "given_fields",
    "keep",
    "people_of",
    "person_of",
    "sort_key",
    "standing",
]

MOST = 100
"""People behind one number who are looked at: a residence has dozens, a made-up number ("555-5555") of a clinic's database thousands."""

NUMBERS = """(SELECT json_group_array(json_array(n.position, n.number, n.label)) FROM person_number n WHERE n.person = p.id) AS numbers"""
"""Column of a person; its table is ``p``."""
_BEHIND = f"""SELECT p.*, {NUMBERS} FROM person p
    WHERE p.id IN (SELECT person FROM person_number WHERE number = ? ORDER BY person LIMIT {MOST}) ORDER BY p.sort, p.id"""  # noqa: S608
COMMON_LANGUAGE = f"""(SELECT iif(count(DISTINCT language) = 1, max(language), NULL) FROM person
    WHERE id IN (SELECT person FROM person_number WHERE number = {{}} ORDER BY person LIMIT {MOST}))"""  # noqa: S608  (our own)
"""As ``standing`` says it, of a column that holds a number."""
_WEIGHT = (Kind.STAFF, Kind.SUPPLIER, Kind.CLIENT, Kind.PROSPECT)
"""Of several behind one number the first of these tells what it is: in doubt no text goes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a number is by the people behind it."""

    name: str | None
    """All their names, each once."""
    kind: Kind | None
    language: Language | None
    """Where they have one and the same."""
    tags: frozenset[str]


def person_of(row: sqlite3.Row) -> Person:
    """Of a row of ``person`` with ``NUMBERS``."""
    return Person(
        id=row["id"],
        external=row["external"],
        source=row["source"],
        name=row["name"],
        kind=Kind(row["kind"]),
        language=row["language"],
        tags=tuple(row["tags"].split()),
        numbers=tuple(PersonNumber(number=number, label=label) for _, number, label in sorted(json.loads(row["numbers"]))),
        edited=tuple(row["edited"].split()),
        changed=required(row["changed"]),
    )


def sort_key(name: str) -> str:
    """As French and English order names: SQLite's own NOCASE knows ASCII alone, and puts Élise behind Zoé."""
    if name.isascii():
        return name.casefold()
    plain = "".join(char for char in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(char))
    return plain.replace("œ", "oe").replace("æ", "ae")


def people_of(reader: Reader, number: str | None) -> tuple[Person, ...]:
    """Everybody behind a number, by name; of more than ``MOST`` those who are here longest."""
    return () if number is None else tuple(person_of(row) for row in reader.all(_BEHIND, (number,)))


def standing(people: Iterable[Person]) -> Standing:
    """What they come to together."""
    found = tuple(people)
    languages = {one.language for one in found if one.language is not None}
    return Standing(
        name=", ".join(dict.fromkeys(one.name for one in found)) or None,
        kind=next((kind for kind in _WEIGHT if any(one.kind is kind for one in found)), None),
        language=languages.pop() if len(languages) == 1 else None,
        tags=frozenset(tag for one in found for tag in one.tags),
    )


def fields_of(one: Person | Record) -> dict[str, Any]:
    """What a person is by what may be said of them (``FIELDS``)."""
    return {field: getattr(one, field) for field in FIELDS}


def given_fields(given: str) -> dict[str, Any]:
    """``fields_of`` the record whose words (``person.said_of``) were kept."""
    said = json.loads(given)
    numbers = tuple(PersonNumber(number=number, label=label) for number, label in said["numbers"])
    return {**said, "kind": Kind(said["kind"]), "tags": tuple(said["tags"]), "numbers": numbers}


def keep(tx: Transaction, before: Person | None, fields: dict[str, Any], now: datetime, **more: str | None) -> int:
    """Write a person, new or as changed from ``before``; the id. ``more``: columns that nobody is shown."""
    columns = {
        "name": fields["name"],
        "sort": sort_key(fields["name"]),
        "kind": fields["kind"],
        "language": fields["language"],
        "tags": " ".join(fields["tags"]),
        "changed": stamp(now),
        **more,
    }
    if before is None:
        person = tx.insert("person", {"source": "here", "created": stamp(now), **columns})
    else:
        person = before.id
        names = ", ".join(f"{column} = :{column}" for column in columns)
        tx.run(f"UPDATE person SET {names} WHERE id = :id", {**columns, "id": person})  # noqa: S608  (names of our own)
    if before is not None and before.numbers != fields["numbers"]:
        tx.run("DELETE FROM person_number WHERE person = ?", (person,))
    if before is None or before.numbers != fields["numbers"]:
        rows = [(person, each.number, position, each.label) for position, each in enumerate(fields["numbers"])]
        tx.connection.executemany("INSERT INTO person_number (person, number, position, label) VALUES (?, ?, ?, ?)", rows)
    return person
