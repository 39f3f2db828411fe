"""Contacts as values: the people of the clinic's files, and how the last look at those files ended."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ari_app.model import Kind, Language, Level

__all__ = ["FIELDS", "Applied", "Caller", "Person", "PersonNumber", "Record", "Synced", "digest_of", "said_of"]

FIELDS = ("name", "kind", "language", "tags", "numbers")
"""What a source says of a person, and staff may change here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonNumber:
    """A number of a person. ``label`` as the clinic's software or staff call it ("mobile", "mère")."""

    number: str
    """E.164."""
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact. Several may be behind one number, and one may have several numbers."""

    id: int
    external: str | None
    """Its id in the clinic's own software."""
    source: Literal["here", "import", "sync"]
    """Made here, imported from a file, or kept in step with the clinic's own database."""
    name: str
    kind: Kind
    language: Language | None
    tags: tuple[str, ...]
    """Sorted; ``model.NO_TEXT`` among them keeps automatic texts away."""
    numbers: tuple[PersonNumber, ...]
    edited: tuple[str, ...]
    """Fields that staff changed here ("name", "kind", "language", "tags", "numbers"): they win over the source until released."""
    changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """How the newest import ("import") or look at the clinic's database ("sync") ended."""

    source: str
    at: datetime
    state: Literal["ok", "failed", "refused"]
    """``refused``: the source had vanished or lost half of its contacts, and was not obeyed."""
    what: str
    fix: str
    total: int
    """Contacts the source has."""
    added: int
    changed: int
    removed: int
    refused: int
    """Rows that could not be used."""
    good: datetime | None
    """When it last went well."""
    code: str = ""
    """Of the error that ``what`` tells, for faces that tell it in words of their own; "" where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One person as a source has them: checked, in our words, numbers E.164."""

    external: str
    """Its id in the clinic's own software; a digest of name and numbers where the file has none."""
    name: str
    kind: Kind = Kind.CLIENT
    language: Language | None = None
    tags: tuple[str, ...] = ()
    """Sorted, each once."""
    numbers: tuple[PersonNumber, ...] = ()


def said_of(record: Record) -> str:
    """What a source says of a person (``FIELDS``), as JSON."""
    numbers = [(each.number, each.label) for each in record.numbers]
    said = {"name": record.name, "kind": record.kind, "language": record.language, "tags": record.tags, "numbers": numbers}
    return json.dumps(said, ensure_ascii=False)


def digest_of(record: Record, said: str | None = None) -> str:
    """The same for the same words about a person, whatever its id: 32 hexadecimal digits (BLAKE2b, RFC 7693).

    ``said``: ``said_of`` it, where that is at hand.
    """
    return hashlib.blake2b((said or said_of(record)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What a number is, as it is asked while a telephone rings."""

    number: str
    """E.164."""
    names: tuple[str, ...]
    """Of everybody behind it, each once."""
    kind: Kind | None
    """PROSPECT too for a number that called or wrote before and is nobody's; None for one that did neither."""
    language: Language | None
    """As in ``model.Known``, like ``wrote``, ``tags`` and ``calls``."""
    wrote: Language | None
    tags: frozenset[str]
    calls: tuple[datetime, ...]
    opted_out: bool
    level: Level
    """The highest of its threads that wait for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What records came to."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            removed=self.removed + other.removed,
        )
