"""Into the client's file: which person's, what of a thread, and the word in the audit that it left the house."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from ari_app.board import Actor, Entry, ThreadView, VoicemailEntry
from ari_app.contacts.people import NO_ID
from ari_app.desk.base import Base
from ari_app.desk.filing_text import head, named, readable, values
from ari_app.errors import NotFoundError, RefusedError, TextbackError
from ari_app.filing import Document, What, put
from ari_app.person import Person
from ari_app.settings import MAIN_LINE

__all__ = ["Filed", "Filing", "has_file"]

log = structlog.get_logger("filing")

_PAGE = 200
"""Entries read at once."""


@dataclass(frozen=True, slots=True)
class Filed:
    """What is in a client's file now. ``new`` False: it was there already, as it is."""

    id: str
    person: int
    name: str
    external: str
    new: bool


class Filing(Base):
    """Every attempt is audited before anything leaves."""

    @property
    def files(self) -> bool:
        """Is there where to file."""
        return self._standing.settings.contacts.filing is not None

    async def file(self, thread: int, what: What, *, voicemail: int | None = None, person: int | None = None, by: Actor) -> Filed:
        """Put a thread, or the sound or the transcript of a message left in it, into the file of a person behind its number.

        ``person`` may be left out where only one has a file. Raises NotFoundError (``no_thread``, ``no_voicemail``, ``no_sound``,
        ``no_person``), RefusedError (``no_filing``, ``no_client_file``, ``which_person``, ``no_transcript``), and as ``filing.put``.
        """
        settings = self._standing.settings.contacts.filing
        if settings is None:
            raise RefusedError("there is nowhere to file", "set [contacts.filing] in textback.toml", code="no_filing")
        view, entries = await self._whole(thread)
        whose = _whose(view.people, person)
        left = None if what == "thread" else _left(entries, voicemail, what)
        document = await self._document(view, entries if left is None else [left], what, whose, by)
        told = f"{what} of contact {whose.id}, {document.id[:8]}"
        # what leaves the house is written down before it does
        await self._store.acts.audited(by, "filed", thread, told)
        try:
            new = await put(settings, document, self._clock)
        except TextbackError as error:
            await self._store.acts.audited(by, "not_filed", thread, f"{told}: {error.code}")
            log.warning("not_filed", id=document.id, code=error.code, what=error.what, fix=error.fix)
            raise
        log.info("filed", id=document.id)
        return Filed(document.id, whose.id, whose.name, document.external, new)

    async def _whole(self, thread: int) -> tuple[ThreadView, list[Entry]]:
        """A thread with all of its time line, oldest first."""
        view = page = await self._store.board.thread(thread, limit=_PAGE)
        entries = list(page.entries)
        while page.older:
            page = await self._store.board.thread(thread, before=page.entries[-1].at, limit=_PAGE)
            entries += page.entries
        return view, entries[::-1]

    async def _document(self, view: ThreadView, entries: Sequence[Entry], what: What, whose: Person, by: Actor) -> Document:
        """``entries``: all of a thread, oldest first, or the one message left that is filed."""
        clinic, row, now, external = self._standing.settings.clinic, view.row, self._clock.now(), whose.external or ""
        zone, language = clinic.zone, clinic.languages[0]
        facts: dict[str, Any] = {"thread": row.thread, "number": row.number, "line": row.line, "person": whose.name}
        sound = (
            await self._store.voicemail.listen(entries[0].id, by)
            if what == "voicemail" and isinstance(entries[0], VoicemailEntry)
            else None
        )
        if sound is not None:
            facts["sha256"] = hashlib.sha256(sound[1]).hexdigest()
        facts["entries"] = values(entries)
        lines = head(
            clinic=clinic.name,
            name=whose.name,
            external=external,
            number=row.number,
            line=None if row.line == MAIN_LINE else row.line,
            filed=f"{now.astimezone(zone):%Y-%m-%d %H:%M}",
            by=by.name,
            language=language,
        )
        content = json.dumps([what, external, facts if what == "thread" else _kept(entries[0], facts)], sort_keys=True, ensure_ascii=False)
        return Document(
            id=hashlib.sha256(content.encode()).hexdigest(),
            what=what,
            external=external,
            name=named(entries[-1].at if entries else row.changed, zone, what),
            facts={**facts, "filed_at": now.isoformat(), "filed_by": by.name},
            text="\n".join([*lines, *readable(entries, zone, language), ""]),
            sound=sound,
        )


def _kept(entry: Entry, facts: Mapping[str, Any]) -> list[object]:
    """What of a message left stays the same, whoever listens to it meanwhile."""
    assert isinstance(entry, VoicemailEntry)  # noqa: S101 - found as one
    return [entry.id, facts["thread"], facts.get("sha256") or entry.transcript]


def has_file(person: Person) -> bool:
    """Has a contact an id in the clinic's own software."""
    return person.external is not None and not person.external.startswith(NO_ID)


def _whose(people: Sequence[Person], person: int | None) -> Person:
    """Who has a file, or which one of them was named."""
    filed = [one for one in people if has_file(one)]
    if not filed:
        raise RefusedError("nobody behind this number has a file", "import the contact with its id", code="no_client_file")
    if person is None:
        if len(filed) > 1:
            raise RefusedError("several people are behind this number", "name one of them", code="which_person")
        return filed[0]
    found = next((one for one in filed if one.id == person), None)
    if found is None:
        raise NotFoundError(f"contact {person} is not behind this number, or has no file", "choose one of them", code="no_person")
    return found


def _left(entries: Sequence[Entry], voicemail: int | None, what: What) -> VoicemailEntry:
    found = next((entry for entry in entries if isinstance(entry, VoicemailEntry) and entry.id == voicemail), None)
    if found is None:
        raise NotFoundError(f"there is no voicemail {voicemail} in this thread", "choose one of it", code="no_voicemail")
    if what == "transcript" and not found.transcript:
        raise RefusedError("this message is not written down", "file its sound", code="no_transcript")
    return found
