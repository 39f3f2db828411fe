"""What staff change of people: entered, edited, given back to the source, taken away; a name that the caller gave."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

from ari_app.board import Actor
from ari_app.errors import NotFoundError, RefusedError
from ari_app.events import ThreadChanged
from ari_app.model import Kind
from ari_app.person import FIELDS, Person, PersonNumber, Record
from ari_app.threads.audit import audit
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.holding import thread_row
from ari_app.threads.people import refresh, threads_of
from ari_app.threads.persons import NUMBERS, fields_of, given_fields, keep, people_of, person_of

__all__ = ["delete", "drop_offered", "get", "given", "name_number", "numbered", "read", "release", "save", "take_offered"]

_ONE = f"SELECT p.*, {NUMBERS} FROM person p WHERE p.id = ?"  # noqa: S608  (our own)


def get(reader: Reader, person: int) -> Person:
    """Raises NotFoundError, code ``no_contact``."""
    return person_of(_row(reader, person))


def read(tx: Transaction, person: int, by: Actor, now: datetime) -> Person:
    """The same, written down before anything is shown. Raises NotFoundError."""
    found = get(tx, person)
    audit(tx, by, "contact_read", now, what=f"contact {person}")
    return found


def given(reader: Reader, person: int) -> Record | None:
    """What the source last said; None for who has none. Raises NotFoundError."""
    row = _row(reader, person)
    return Record(external=row["external"], **given_fields(row["given"])) if row["given"] else None


def save(tx: Transaction, person: int | None, fields: dict[str, Any], by: Actor, now: datetime) -> int:
    """Enter somebody, or change what is known of them (``FIELDS``, all); the id. Raises NotFoundError.

    Of somebody a source told us of, what differs from its words is edited from then on, and wins.
    """
    concerned = [each.number for each in fields["numbers"]]
    if person is None:
        person = keep(tx, None, fields, now)
    else:
        row = _row(tx, person)
        if not _change(tx, row, fields, now):
            return person
        concerned += _numbers(person_of(row))
    refresh(tx, concerned)
    audit(tx, by, "contact_saved", now, what=f"contact {person}")
    return person


def release(tx: Transaction, person: int, fields: Collection[str] | None, by: Actor, now: datetime) -> bool:
    """Give edited fields (None: all of them) back to the source: they are what it last said. False where none was edited.

    Raises NotFoundError.
    """
    row = _row(tx, person)
    before = person_of(row)
    released = [field for field in before.edited if fields is None or field in fields]
    if not released:
        return False
    said = given_fields(row["given"])
    kept = " ".join(field for field in before.edited if field not in released)
    keep(tx, before, fields_of(before) | {field: said[field] for field in released}, now, edited=kept)
    refresh(tx, _numbers(before) + _numbers(get(tx, person)))
    audit(tx, by, "contact_released", now, what=f"contact {person}: {', '.join(released)}")
    return True


def delete(tx: Transaction, person: int, by: Actor, now: datetime) -> None:
    """Forget somebody; threads with their numbers stay. Raises NotFoundError, RefusedError: ``source_rules``."""
    before = get(tx, person)
    if before.source == "sync":
        raise RefusedError(
            "this contact is in the clinic's own database, and would come back from it", "remove it there", code="source_rules"
        )
    tx.run("DELETE FROM person WHERE id = ?", (person,))
    refresh(tx, _numbers(before))
    audit(tx, by, "contact_deleted", now, what=f"contact {person}")


def name_number(tx: Transaction, number: str, given: str | None, now: datetime) -> bool:
    """Say who is behind a number; None: nobody. False when it was so.

    A new name makes somebody, else renames the one who is there. Raises RefusedError: ``several_people``, and ``source_rules`` where
    the name that is to go comes from a source.
    """
    behind = people_of(tx, number)
    if len(behind) > 1:
        raise RefusedError(
            f"{len(behind)} people have this number",
            "open the contact whose name it is",
            code="several_people",
            facts={"people": len(behind)},
        )
    if not behind:
        if given is None:
            return False
        one = PersonNumber(number=number)
        keep(tx, None, {"name": given, "kind": Kind.CLIENT, "language": None, "tags": (), "numbers": (one,)}, now)
    elif given is not None:
        row = _row(tx, behind[0].id)
        if not _change(tx, row, fields_of(behind[0]) | {"name": given}, now):
            return False
    else:
        _unname(tx, behind[0], number, now)
    refresh(tx, [number, *(each for one in behind for each in _numbers(one))])
    return True


def _unname(tx: Transaction, one: Person, number: str, now: datetime) -> None:
    if one.source != "here":
        raise RefusedError(
            "this name comes from the clinic's own files", "change it there, or write another name here", code="source_rules"
        )
    left = tuple(each for each in one.numbers if each.number != number)
    if left:
        keep(tx, one, fields_of(one) | {"numbers": left}, now)
    else:
        tx.run("DELETE FROM person WHERE id = ?", (one.id,))


def take_offered(tx: Transaction, thread: int, by: Actor, now: datetime) -> int:
    """The name that the caller gave is theirs: a prospect, until the clinic's own files say otherwise; the id.

    Raises NotFoundError, code ``no_offer`` where none is offered (any more).
    """
    number, name = _offered(tx, thread)
    one = PersonNumber(number=number)
    person = keep(tx, None, {"name": name, "kind": Kind.PROSPECT, "language": None, "tags": (), "numbers": (one,)}, now)
    refresh(tx, (number,))
    audit(tx, by, "name_taken", now, thread=thread, what=f"contact {person}")
    return person


def drop_offered(tx: Transaction, thread: int, by: Actor, now: datetime) -> None:
    """The name that the caller gave is none. Raises NotFoundError, code ``no_offer``."""
    number, _ = _offered(tx, thread)
    tx.run("UPDATE contact SET offered = NULL WHERE number = ?", (number,))
    for each in threads_of(tx, number):
        tx.notify(ThreadChanged(each))
    audit(tx, by, "name_dropped", now, thread=thread)


def numbered(reader: Reader, thread: int) -> str:
    """The number of a thread. Raises NotFoundError, RefusedError: ``no_number``."""
    number: str | None = thread_row(reader, thread)["number"]
    if number is None:
        raise RefusedError("the call showed no number: it is nobody's in the contacts", "keep a note instead", code="no_number")
    return number


def _offered(reader: Reader, thread: int) -> tuple[str, str]:
    number: str | None = thread_row(reader, thread)["number"]
    name: str | None = reader.value("SELECT offered FROM contact WHERE number = ?", (number,))
    if number is None or name is None:
        raise NotFoundError(f"no name is offered in thread {thread} (any more)", "look at the thread again", code="no_offer")
    return number, name


def _row(reader: Reader, person: int) -> sqlite3.Row:
    row = reader.one(_ONE, (person,))
    if row is None:
        raise NotFoundError(f"there is no contact {person}", "look at the list again", code="no_contact")
    return row


def _change(tx: Transaction, row: sqlite3.Row, fields: dict[str, Any], now: datetime) -> bool:
    """Change somebody, and mark what then differs from the words of their source. False when they were so."""
    before = person_of(row)
    current = fields_of(before)
    changed = [field for field in FIELDS if fields[field] != current[field]]
    if not changed:
        return False
    said = given_fields(row["given"]) if row["given"] else fields
    edited = [field for field in FIELDS if (fields[field] != said[field] if field in changed else field in before.edited)]
    keep(tx, before, fields, now, edited=" ".join(edited))
    return True


def _numbers(one: Person) -> list[str]:
    return [each.number for each in one.numbers]
