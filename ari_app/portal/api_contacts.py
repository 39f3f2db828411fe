"""The endpoints of contacts: who is behind a number, and what a caller said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ari_app.board import Role, Row
from ari_app.model import Kind
from ari_app.person import Person, PersonNumber, Record, Synced
from ari_app.portal.api_endpoints import Language, Page
from ari_app.portal.api_frame import Ask, Body, Endpoints, Id

__all__ = ["CONTACTS"]

CONTACTS = Endpoints()

_Words = Annotated[str, Field(max_length=200)]


class ContactsQuery(Page):
    words: _Words = ""
    """Part of a name, a number, a tag, or an id in the clinic's software; the last word may be the beginning of one. Empty: everybody."""
    kind: Kind | None = None
    """Only those."""
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How many to leave out first."""


class NumberBody(Body):
    number: Annotated[str, Field(max_length=50)]
    """As people write it in the clinic's country, or E.164."""
    label: _Words | None = None
    """Such as "mobile" or "mother"."""


class ContactBody(Body):
    name: _Words
    kind: Kind = Kind.CLIENT
    language: Language | None = None
    """null: not known."""
    tags: list[_Words] = Field(default_factory=list, max_length=100)
    """"no-text" keeps automatic texts away."""
    numbers: list[NumberBody] = Field(default_factory=list, max_length=100)


class ReleaseBody(Body):
    fields: list[Literal["name", "kind", "language", "tags", "numbers"]] | None
    """null: all of them."""


class OptOutBody(Body):
    opted_out: bool
    """false: they consented to texts again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A contact that is on disk."""

    contact: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact, opened."""

    person: Person
    file: str | None
    """Address of their file in the clinic's software."""
    given: Record | None
    """What the source says, where staff changed a field."""
    threads: tuple[Row, ...]
    """Of their numbers, newest first."""


@CONTACTS.on("GET", "/contacts", tag="contacts")
async def contacts(ask: Ask, query: ContactsQuery) -> tuple[Person, ...]:
    """Contacts by name, or those that words lead to. It is audited which ones were given."""
    return await ask.desk.contacts(ask.by, query.words, kind=query.kind, limit=query.limit, offset=query.offset)


@CONTACTS.on("POST", "/contacts", tag="contacts", creates=True)
async def add_contact(ask: Ask, body: ContactBody) -> Kept:
    """Add a contact. Several may have the same number."""
    return Kept(await _save(ask, None, body))


@CONTACTS.on("GET", "/contacts/{contact}", tag="contacts")
async def contact(ask: Ask, contact: Id) -> Contact:
    """A contact, with what the clinic's database says of them and the threads of their numbers. It is audited."""
    person = await ask.desk.contact(ask.by, contact)
    given = await ask.desk.contact_given(ask.by, contact) if person.edited else None
    return Contact(person, ask.desk.link_of(person), given, await ask.desk.contact_threads(ask.by, contact))


@CONTACTS.on("PUT", "/contacts/{contact}", tag="contacts")
async def save_contact(ask: Ask, contact: Id, body: ContactBody) -> Kept:
    """Write a contact anew. What differs from its source is kept over it, until it is given back."""
    return Kept(await _save(ask, contact, body))


@CONTACTS.on("POST", "/contacts/{contact}/release", tag="contacts", refuses=[409])
async def release_contact(ask: Ask, contact: Id, body: ReleaseBody) -> None:
    """Give fields that staff changed back to the source."""
    await ask.desk.release_contact(contact, body.fields, by=ask.by)


@CONTACTS.on("DELETE", "/contacts/{contact}", tag="contacts", refuses=[422])
async def delete_contact(ask: Ask, contact: Id) -> None:
    """Delete a contact that was made here or imported. Calls and texts stay."""
    await ask.desk.delete_contact(contact, by=ask.by)


@CONTACTS.on("GET", "/syncs", tag="contacts", role=Role.ADMINISTRATOR)
async def syncs(ask: Ask) -> tuple[Synced, ...]:
    """How the newest import and the newest look at the clinic's database ended."""
    return await ask.desk.synced(ask.by)


@CONTACTS.on("POST", "/threads/{thread}/offered", tag="threads", creates=True, refuses=[422])
async def take_name(ask: Ask, thread: Id) -> Kept:
    """Keep the name that the caller gave (``offered`` of a row): a prospect of that number."""
    return Kept(await ask.desk.take_name(thread, by=ask.by))


@CONTACTS.on("DELETE", "/threads/{thread}/offered", tag="threads", refuses=[422])
async def drop_name(ask: Ask, thread: Id) -> None:
    """Ignore the name that the caller gave."""
    await ask.desk.drop_name(thread, by=ask.by)


@CONTACTS.on("PUT", "/threads/{thread}/opt-out", tag="threads")
async def opt_out(ask: Ask, thread: Id, body: OptOutBody) -> None:
    """Note by word of mouth that a caller wants no texts, or consents to them again. It is audited."""
    if body.opted_out:
        await ask.desk.opt_out(thread, by=ask.by)
    else:
        await ask.desk.lift_opt_out(thread, by=ask.by)


async def _save(ask: Ask, contact: int | None, body: ContactBody) -> int:
    return await ask.desk.save_contact(
        contact,
        name=body.name,
        kind=body.kind,
        language=body.language,
        tags=tuple(body.tags),
        numbers=tuple(PersonNumber(number=each.number, label=each.label) for each in body.numbers),
        by=ask.by,
    )
