"""A thread as a document: for people to read, and as values. In the clinic's language, times on its clock. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from ari_app.board import CallEntry, Entry, NoteEntry, OutgoingEntry, TextEntry, VoicemailEntry
from ari_app.model import Language, MessageKind, MessageState, Outcome

__all__ = ["head", "named", "readable", "said", "values"]

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WORDS: Mapping[str, tuple[str, str]] = {
    "file": ("Dossier {external}: {name}", "File {external}: {name}"),
    "number": ("Numéro: {number}", "Number: {number}"),
    "line": ("Ligne: {line}", "Line: {line}"),
    "filed": ("Versé au dossier le {when} par {by}", "Put into the file on {when} by {by}"),
    "left": ("Message vocal", "Voicemail"),
    "machine": ("Transcrit par une machine, peut se tromper", "Written down by a machine, may be wrong"),
    "missed": ("Appel manqué", "Missed call"),
    "answered": ("Appel répondu", "Answered call"),
    "unseen": ("Appel dont on n'a pas vu la fin", "Call whose end was not seen"),
    "call_back": ("Rappel par {name}", "Called back by {name}"),
    "outgoing": ("Appel de la clinique", "Call from the clinic"),
    "talked": ("{length} en ligne", "{length} on the line"),
    "reached": ("la personne a été jointe", "the caller was reached"),
    "nobody": ("sans réponse", "no answer"),
    "caller": ("L'appelant", "The caller"),
    "clinic": ("La clinique", "The clinic"),
    "auto": ("Texto automatique", "Automatic text"),
    "note": ("Note de {name}", "Note by {name}"),
    "state": ("non parvenu: {state}", "not delivered: {state}"),
    "failed": ("échec", "failed"),
    "unknown": ("envoi incertain", "sending uncertain"),
    "cancelled": ("annulé", "called off"),
    "expired": ("périmé", "expired"),
    "queued": ("en attente", "waiting"),
    "sending": ("en cours d'envoi", "being sent"),
    "partial": ("incomplet", "incomplete"),
}
_UNSENT = frozenset(state for state in MessageState if state.value in _WORDS)


def said(key: str, language: Language, **values: object) -> str:
    """A few words, filled in. Raises KeyError for a key that has none."""
    french, english = _WORDS[key]
    return (french if language == "fr" else english).format(**values)


def named(at: datetime, zone: ZoneInfo, what: str) -> str:
    """How the names of its files begin: 2026-03-02_1405_thread."""
    return f"{at.astimezone(zone):%Y-%m-%d_%H%M}_{what}"


def head(
    *, clinic: str, name: str, external: str, number: str | None, line: str | None, filed: str, by: str, language: Language
) -> list[str]:
    """The first lines of a document: whose it is, of which number, who filed it when."""
    lines = [clinic, said("file", language, external=external, name=name)]
    lines += [said("number", language, number=number)] if number else []
    lines += [said("line", language, line=line)] if line else []
    return [*lines, said("filed", language, when=filed, by=by)]


def readable(entries: Sequence[Entry], zone: ZoneInfo, language: Language) -> list[str]:
    """A time line, oldest first, by days. Words of people stand as they wrote them, control characters left out."""
    lines: list[str] = []
    for day, of_day in groupby(entries, lambda entry: entry.at.astimezone(zone).date()):
        lines += ["", day.isoformat()]
        for entry in of_day:
            first, *more = _CONTROLS.sub("", _told(entry, language)).split("\n")
            lines.append(f"{entry.at.astimezone(zone):%H:%M}  {first}".rstrip())
            lines += [f"       {each}".rstrip() for each in more]
    return lines


def _told(entry: Entry, language: Language) -> str:
    match entry:
        case TextEntry():
            nobody = "caller" if entry.incoming else "clinic" if entry.kind is MessageKind.STAFF else "auto"
            notes = [entry.note] if entry.note else []
            if entry.state in _UNSENT:
                state = said(entry.state.value, language)
                notes.append(state if entry.incoming else said("state", language, state=state))
            return f"{entry.author or said(nobody, language)}: {entry.text}" + (f" ({'; '.join(notes)})" if notes else "")
        case CallEntry():
            words = said(entry.outcome.value, language)
            return words if entry.outcome is Outcome.ANSWERED else f"{words} ({_length(entry.rang)})"
        case OutgoingEntry():
            words = said("call_back", language, name=entry.by) if entry.by else said("outgoing", language)
            if entry.reached:
                words += f", {said('reached', language)}"
            what = said("nobody", language) if entry.talked is None else said("talked", language, length=_length(entry.talked))
            return f"{words}, {what}"
        case NoteEntry():
            return f"{said('note', language, name=entry.author)}: {entry.text}"
        case VoicemailEntry():
            told = f"{said('left', language)} ({_length(entry.seconds)})"
            return f"{told}\n{said('machine', language)}: {entry.transcript}" if entry.transcript else told


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def values(entries: Sequence[Entry]) -> list[Any]:
    """The same as JSON values."""
    return [_ENTRY.dump_python(entry, mode="json") for entry in entries]
