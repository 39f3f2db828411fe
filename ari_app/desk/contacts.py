"""Contacts: who is behind a number, as staff find, enter and edit them; a name the caller gave; texts they want or do not want."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from urllib.parse import quote

from ari_app.board import Actor, Row
from ari_app.contacts.people import NO_ID
from ari_app.desk.base import Base
from ari_app.desk.checks import check_line_of_text, is_utf8, shown
from ari_app.desk.looking import MOST_ROWS
from ari_app.desk.rules import known_language
from ari_app.errors import RefusedError
from ari_app.model import Kind, Language
from ari_app.numbers import e164
from ari_app.person import Person, PersonNumber, Record, Synced

__all__ = ["Contacts"]

_LONGEST_NAME = 80
_LONGEST_LABEL = 40
_LONGEST_SEARCH = 200
_MOST_NUMBERS = 20
_MOST_TAGS = 50
_TAG = re.compile(r"[^\W_][\w.+&'’/-]{0,39}")


class Contacts(Base):
    """Every member may. Who looked at whom is audited. Raises NotFoundError, code ``no_contact``, for somebody who is not there."""

    async def contacts(
        self, by: Actor, words: str = "", *, kind: Kind | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Person, ...]:
        """People by name, tag, number or id as they are typed, without words all of them; of one kind, where one is named."""
        if not is_utf8(words):
            return ()
        limit = min(max(limit, 1), MOST_ROWS)
        found = await self._store.contacts.find(words[:_LONGEST_SEARCH], kind=kind, limit=limit, offset=max(offset, 0))
        if found:
            await self._store.acts.audited(by, "contacts_listed", None, f"contacts {' '.join(str(one.id) for one in found)}")
        return found

    async def contact_counts(self, by: Actor) -> dict[Kind, int]:
        """How many there are of each kind."""
        del by
        return await self._store.contacts.count()

    async def contact(self, by: Actor, contact: int) -> Person:
        """One of them, read."""
        return await self._store.contacts.read(contact, by)

    async def contact_given(self, by: Actor, contact: int) -> Record | None:
        """What their source last said of them; None for who has none."""
        del by
        return await self._store.contacts.given(contact)

    async def contact_threads(self, by: Actor, contact: int) -> tuple[Row, ...]:
        """The threads of their numbers, the newest first."""
        del by
        return await self._store.contacts.threads(contact)

    async def save_contact(
        self,
        contact: int | None,
        *,
        name: str,
        kind: Kind,
        language: Language | None,
        tags: Sequence[str],
        numbers: Sequence[PersonNumber],
        by: Actor,
    ) -> int:
        """Enter somebody, or write anew what is known of them; the id. ``numbers`` as people write them.

        What differs from the words of a source wins over them until it is released. Raises RefusedError: ``bad_number``,
        ``too_many_numbers``, ``no_number`` for somebody new without one, ``bad_tag``, ``too_many_tags``, ``no_language``, and as
        ``check_line_of_text``.
        """
        before = None if contact is None else await self._store.contacts.get(contact)
        if language is not None and (before is None or language != before.language):
            known_language(language)
        kept = _numbers(numbers, before, self._country)
        if before is None and not kept:
            raise RefusedError("nobody is found without a number", "write one", code="no_number")
        return await self._store.contacts.save(
            contact,
            name=name if before is not None and name == before.name else check_line_of_text(name, _LONGEST_NAME, what="name"),
            kind=kind,
            language=language,
            tags=_tags(tags, () if before is None else before.tags),
            numbers=kept,
            by=by,
        )

    async def release_contact(self, contact: int, fields: Collection[str] | None = None, *, by: Actor) -> bool:
        """Give edited fields (None: all) back: they are as their source last said, also where it changed its mind meanwhile.

        False where none of them was edited.
        """
        return await self._store.contacts.release(contact, fields, by)

    async def delete_contact(self, contact: int, *, by: Actor) -> None:
        """Forget somebody who was entered here or imported; calls and texts stay. Raises RefusedError, code ``source_rules``."""
        await self._store.contacts.delete(contact, by)

    async def take_name(self, thread: int, *, by: Actor) -> int:
        """Keep the name that a caller gave, as a prospect's; the contact's id. Raises NotFoundError, code ``no_offer``."""
        return await self._store.contacts.take_offered(thread, by)

    async def drop_name(self, thread: int, *, by: Actor) -> None:
        """What the caller wrote is not their name. Raises NotFoundError, code ``no_offer``."""
        await self._store.contacts.drop_offered(thread, by)

    async def lift_opt_out(self, thread: int, *, by: Actor) -> bool:
        """The caller told a person that they want texts again; False where they do. Raises RefusedError, code ``no_number``."""
        return await self._store.acts.opt_out(thread, False, by)

    async def opt_out(self, thread: int, *, by: Actor) -> bool:
        """The caller told a person that they want no more texts; False where that is known. Raises RefusedError, code ``no_number``."""
        return await self._store.acts.opt_out(thread, True, by)

    async def synced(self, by: Actor) -> tuple[Synced, ...]:
        """How the newest import and the newest look at the clinic's database ended, those there were."""
        del by
        return await self._store.contacts.states()

    def link_of(self, person: Person) -> str | None:
        """Where their file opens in the clinic's own software; None without such an address, or an id there."""
        link = self._standing.settings.contacts.link
        if link is None or person.external is None or person.external.startswith(NO_ID):
            return None
        return link.replace("{external}", quote(person.external, safe=""))


def _numbers(written: Sequence[PersonNumber], before: Person | None, country: str) -> tuple[PersonNumber, ...]:
    """E.164, each once, in their order. What they had already is kept, be it a number or not."""
    had = frozenset() if before is None else frozenset(each.number for each in before.numbers)
    kept: dict[str, PersonNumber] = {}
    for each in written:
        number = each.number if each.number in had else e164(each.number, country)
        if number is None:
            raise RefusedError(
                f"{shown(each.number)} is no phone number",
                "write it as +15145550123",
                code="bad_number",
                facts={"number": each.number[:40]},
            )
        label = check_line_of_text(each.label, _LONGEST_LABEL, what="label") if each.label and each.label.strip() else None
        kept.setdefault(number, PersonNumber(number=number, label=label))
    if len(kept) > max(_MOST_NUMBERS, len(had)):
        raise RefusedError(
            f"these are {len(kept)} numbers, and {_MOST_NUMBERS} is the most",
            "leave out those nobody calls from",
            code="too_many_numbers",
            facts={"most": _MOST_NUMBERS},
        )
    return tuple(kept.values())


def _tags(written: Sequence[str], had: Collection[str]) -> tuple[str, ...]:
    """Small letters, sorted, each once. What they had already is kept as it is."""
    kept = set()
    for each in written:
        tag = each if each in had else each.strip().casefold()
        if tag not in had and not (is_utf8(tag) and _TAG.fullmatch(tag)):
            raise RefusedError(
                f"{shown(each)} is no tag",
                "write one word, without blanks, of at most 40 characters",
                code="bad_tag",
                facts={"tag": each[:40]},
            )
        kept.add(tag)
    if len(kept) > max(_MOST_TAGS, len(had)):
        raise RefusedError(
            f"these are {len(kept)} tags, and {_MOST_TAGS} is the most",
            "leave out some",
            code="too_many_tags",
            facts={"most": _MOST_TAGS},
        )
    return tuple(sorted(kept))
