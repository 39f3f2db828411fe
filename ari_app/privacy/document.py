"""One person's record as a document: values for programs, and a page for people to read and print. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ari_app.board import Face
from ari_app.model import Language
from ari_app.numbers import pretty
from ari_app.privacy.words import said
from ari_app.settings import Settings

__all__ = ["SOUNDS", "document", "language_of", "page"]

SOUNDS = {"audio/flac": "flac", "audio/wav": "wav", "audio/x-wav": "wav", "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/gsm": "gsm"}
"""How a sound's file ends, by its content type."""
_UNPRINTABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"}
"""No page may hold these (HTML, 13.2.3.5), and a text may bring them."""


def document(record: dict[str, Any], settings: Settings, number: str, now: datetime) -> dict[str, Any]:
    """``export NUMBER --json``: whose record it is, who made it when, how long what is kept, and the record (``threads.record``)."""
    retention = settings.store.retention
    voicemails = [{**each, "file": _sound(each)} for each in record["voicemails"]]
    return {
        "number": number,
        "made": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "clinic": {"name": settings.clinic.name, "number": settings.clinic.number},
        "kept_days": {name: _days(getattr(retention, name)) for name in ("texts", "calls", "recordings", "audit")},
        **record,
        "voicemails": voicemails,
    }


def _days(span: timedelta | None) -> int | None:
    return None if span is None else span.days


def _sound(voicemail: dict[str, Any]) -> str | None:
    return None if voicemail["type"] is None else f"voicemail-{voicemail['id']}.{SOUNDS.get(voicemail['type'], 'bin')}"


def language_of(record: dict[str, Any], settings: Settings) -> Language:
    """In which language its person is written to: the one staff chose, that they write, that of their entry, the clinic's first."""
    contact = record["contact"] or {}
    chosen: Language | None = contact.get("language") or contact.get("wrote")
    return chosen or next((one["language"] for one in record["people"] if one["language"]), settings.clinic.languages[0])


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("ari_app.privacy"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def page(found: dict[str, Any], settings: Settings, language: Language, call_it: Callable[[str], str]) -> str:
    """The document as one page of HTML that needs nothing but the sounds beside it.

    ``call_it``: words of the page of staff for ``why.…``, ``state.…``, ``reach.…``, ``audited.…``, ``audit.face.…``; "" where it has none.
    """
    zone = settings.clinic.zone

    def when(stamp: str) -> str:
        local = datetime.fromisoformat(stamp).astimezone(zone)
        return f"{local:%Y-%m-%d %H:%M}"

    entries = [
        (each[key], kind, each)
        for kind, listed, key in (
            ("call", "calls", "started"),
            ("out", "calls_out", "started"),
            ("text", "messages", "at"),
            ("note", "notes", "at"),
            ("voicemail", "voicemails", "at"),
        )
        for each in found[listed]
    ]
    entries.sort(key=lambda entry: entry[0])
    html = (
        _templates()
        .get_template("record.html")
        .render(
            record=found,
            language=language,
            entries=entries,
            t=partial(_say, language),
            call_it=call_it,
            when=when,
            name_of=lambda who: _say(language, "administrator") if who == Face.SHELL else who,
            tel=lambda number: pretty(number, settings.clinic.country),
        )
    )
    return html.translate(_UNPRINTABLE)


def _say(language: Language, key: str, **values: object) -> str:
    return said(key, language, **values)
