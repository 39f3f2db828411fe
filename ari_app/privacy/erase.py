"""Erasing one number: what goes here, what still has it elsewhere, and until when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from ari_app.backup.manifest import held
from ari_app.board import Actor
from ari_app.errors import StoreError
from ari_app.numbers import e164
from ari_app.privacy.erasures import BACKUP_NAME, Erasure, beside, note
from ari_app.settings import Settings
from ari_app.threads import Store
from ari_app.threads.erasing import Gone

__all__ = ["Backup", "Elsewhere", "Erased", "erase", "note_erasures"]


@dataclass(frozen=True, slots=True)
class Backup:
    """A file in which the number still is. ``kept_until``: when rotation takes it away, None where nobody knows."""

    file: str
    at: datetime
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A place this program does not reach, or leaves alone: ``what`` is there, and what to do (``fix``)."""

    code: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Erased:
    """``erased`` False: only looked at. ``counts``: rows by class. ``clean``: nothing of it is left in the file and its log."""

    number: str
    erased: bool
    clean: bool
    counts: dict[str, int]
    backups: tuple[Backup, ...]
    elsewhere: tuple[Elsewhere, ...]


async def erase(store: Store, settings: Settings, number: str, by: Actor, *, keep_person: bool = False, only_look: bool = False) -> Erased:
    """Erase a number from the store, its indexes and its log, and write down outside of it that this was done.

    Raises NotFoundError ``no_record``, RefusedError ``text_sending``, StoreError.
    """
    gone, mentioned = await store.privacy.erase(number, by, keep_person=keep_person, only_try=only_look)
    clean, places = False, _elsewhere(settings, number, gone, mentioned)
    if not only_look:
        clean = await store.privacy.tidy()
        if not clean:
            places.append(
                Elsewhere(
                    "log",
                    "somebody reads the store all the while: its log could not be emptied",
                    "end open sqlite3 shells; the next purge, within the hour, empties it",
                )
            )
        places += await note_erasures(store, settings)
    try:
        copies = await asyncio.to_thread(held, settings)
    except StoreError as error:
        copies = ()
        places.append(Elsewhere("backups_unread", error.what, error.fix))
    backups = tuple(Backup(str(each.file), each.at, each.kept_until) for each in copies)
    return Erased(number, not only_look, clean, gone.counts, backups, tuple(places))


async def note_erasures(store: Store, settings: Settings) -> list[Elsewhere]:
    """See that every erasure the store knows of is written down where a restore looks; where that failed.

    A folder of backups that is not there (yet) gets them once it is.
    """
    known = [Erasure(at=at, digest=digest) for digest, at in await store.privacy.erasures()]
    failed = []
    paths = [beside(settings.store.path)]
    if settings.store.backup.folder.is_dir():
        paths.append(settings.store.backup.folder / BACKUP_NAME)
    for path in paths:
        try:
            if known:
                await asyncio.to_thread(note, path, known)
        except StoreError as error:
            failed.append(Elsewhere("erasures", error.what, f"{error.fix}; until then erase it again after each restore"))
    return failed


def _elsewhere(settings: Settings, number: str, gone: Gone, mentioned: int) -> list[Elsewhere]:
    places = []
    if gone.synced:
        places.append(
            Elsewhere(
                "sync", "the clinic's own database has this person: they come back with the next look at it", "remove or correct them there"
            )
        )
    if gone.imported:
        places.append(Elsewhere("import", "a file that was imported had this person", "leave them out of the next one"))
    if gone.kept:
        places.append(
            Elsewhere(
                "people",
                f"{gone.kept} of the contact list were kept: they have other numbers, or you said so",
                "see `textback contacts`; `textback contacts delete` takes one away",
            )
        )
    if mentioned:
        places.append(
            Elsewhere(
                "mentioned",
                f"{mentioned} texts or notes in other threads have this number in their words",
                "search for the number on the page and see whether they may stay",
            )
        )
    spools = "; ".join(gone.mailboxes)
    if spools:
        places.append(Elsewhere("voicemail", f"their messages lie in Asterisk's voicemail ({spools})", "delete them there on a phone"))
    named = [key for key, numbers in _named(settings).items() if number in numbers]
    if named:
        places.append(
            Elsewhere("settings", f"textback.toml names this number ({', '.join(named)})", "take it out there, then restart the service")
        )
    if gone.counts.get("calls") or gone.counts.get("outgoing"):
        places.append(
            Elsewhere(
                "cdr",
                "Asterisk keeps its own list of calls (CDR, queue_log) and its logs",
                "erase it there as your PBX keeps them; FreePBX: Reports, CDR",
            )
        )
    if gone.counts.get("texts"):
        places.append(
            Elsewhere(
                "network",
                "the phone company, the caller's telephone, and a SIM that was full have texts of their own",
                "nothing can be done from here; see docs/privacy.md",
            )
        )
    if settings.contacts.filing is not None:
        places.append(
            Elsewhere(
                "filing",
                "what was put into the clinic's own files lies there",
                "it belongs to the patient's record, which has rules of its own",
            )
        )
    return places


def _named(settings: Settings) -> dict[str, set[str]]:
    found = {"reply.exclude": set(settings.reply.exclude)}
    for place, line in enumerate(settings.line):
        found[f"line.{place}.on_call"] = {line.on_call or ""}
    for place, rule in enumerate(settings.priority):
        found[f"priority.{place}.notify"] = {rule.notify or ""}
    country = settings.clinic.country
    return {key: {e164(each, country) or each for each in numbers} for key, numbers in found.items()}
