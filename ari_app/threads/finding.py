"""Search as it is typed: names, numbers, texts, notes and transcripts; the last word is a beginning. Case and accents do not matter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ari_app.board import Found, NoteEntry, TextEntry, VoicemailEntry
from ari_app.threads.database import Reader
from ari_app.threads.entries import TEXT, VOICEMAIL, note_entry, text_entry, voicemail_entry
from ari_app.threads.inbox import rows_of

__all__ = ["FIND", "Wanted", "clean", "find", "wanted"]

_NUMBER = re.compile(r"[0-9+().\-/\u00a0\s]*")
_WORD = re.compile(r"\w", re.UNICODE)
_DIGITS = 3
"""The fewest digits by which a number is found: what is shorter is in most of them (and in no trigram)."""
_LETTERS = 2
"""The fewest letters of a beginning that is looked for in texts: one alone is in every text."""
_PEOPLE = 200
_TEXTS = 100
"""The newest so many hits are looked at: who means an older one types on."""
FIND = {
    "name": "SELECT rowid FROM contact_fts WHERE contact_fts MATCH :name ORDER BY rowid DESC LIMIT :most",
    "digits": "SELECT rowid FROM contact_digits WHERE contact_digits MATCH :digits ORDER BY rowid DESC LIMIT :most",
    "both": """SELECT rowid FROM contact_fts WHERE contact_fts MATCH :name
        AND +rowid IN (SELECT rowid FROM contact_digits WHERE contact_digits MATCH :digits) ORDER BY rowid DESC LIMIT :most""",
    "threads": """SELECT t.id FROM contact c JOIN thread t ON t.number = c.number
        WHERE c.id IN (SELECT value FROM json_each(:contacts)) ORDER BY t.changed DESC, t.id DESC LIMIT :limit""",
    "texts": f"""SELECT {TEXT} FROM message m WHERE m.id IN (
        SELECT rowid FROM message_fts WHERE message_fts MATCH :text ORDER BY rowid DESC LIMIT :most)""",  # noqa: S608  (our own)
    "notes": """SELECT n.* FROM note n WHERE n.id IN (
        SELECT rowid FROM note_fts WHERE note_fts MATCH :text ORDER BY rowid DESC LIMIT :most)""",
    "transcripts": f"""SELECT {VOICEMAIL} FROM voicemail v WHERE v.id IN (
        SELECT rowid FROM voicemail_fts WHERE voicemail_fts MATCH :text ORDER BY rowid DESC LIMIT :most)""",  # noqa: S608  (our own)
}

_Said = TextEntry | NoteEntry | VoicemailEntry


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody types, as FTS5 queries (sqlite.org/fts5.html); None where there is nothing of that kind to look for."""

    name: str | None
    digits: str | None
    text: str | None
    runs: tuple[str, ...]
    """The digits of each number, without signs."""


def clean(words: str) -> str:
    """What can be asked of SQLite: without NUL, and without halves of surrogate pairs."""
    return "".join(char for char in words if char != "\0" and not "\ud800" <= char <= "\udfff")


def wanted(words: str) -> Wanted:
    """Read what is typed. Digits with signs between are one number; every other word is one that must be there."""
    typed = clean(words)
    if _NUMBER.fullmatch(typed):
        names, numbers = [], [typed]
    else:
        parts = typed.split()
        numbers = [part for part in parts if _NUMBER.fullmatch(part)]
        names = [part for part in parts if not _NUMBER.fullmatch(part)]
    digits = ["".join(char for char in number if char in "0123456789") for number in numbers]
    runs = tuple(run for run in digits if len(run) >= _DIGITS)
    every = [word for word in typed.split() if _WORD.search(word)]
    if every and len(every[-1]) < _LETTERS:
        every.pop()
    names = [word for word in names if _WORD.search(word)]
    begun = bool(names) and typed.split()[-1] == names[-1]
    return Wanted(
        name=_query(names, begun=begun) if names else None,
        digits=" AND ".join(_digits(run) for run in runs) or None,
        text=_query(every, begun=typed.split()[-1] == every[-1]) if every else None,
        runs=runs,
    )


def _query(words: list[str], *, begun: bool) -> str:
    quoted = ['"{}"'.format(word.replace('"', '""')) for word in words]
    return " AND ".join(quoted) + ("*" if begun else "")


def _digits(run: str) -> str:
    """With and without a trunk prefix, which E.164 leaves out."""
    national = run.lstrip("0")
    return f'("{run}" OR "{national}")' if national != run and len(national) >= _DIGITS else f'"{run}"'


def find(reader: Reader, words: str, now: datetime, *, limit: int = 30) -> tuple[Found, ...]:
    """Threads of who is named or numbered so, then those with the words in them, each the newest first; each thread once."""
    asked = wanted(words)
    threads: dict[int, _Said | None] = dict.fromkeys(_people(reader, asked, limit))
    if asked.text is not None and len(threads) < limit:
        params = {"text": asked.text, "most": _TEXTS}
        said: list[tuple[int, _Said]] = [(row["thread"], text_entry(row)) for row in reader.all(FIND["texts"], params)]
        said += [(row["thread"], note_entry(row)) for row in reader.all(FIND["notes"], params)]
        said += [(row["thread"], voicemail_entry(row)) for row in reader.all(FIND["transcripts"], params)]
        for thread, entry in sorted(said, key=lambda one: one[1].at, reverse=True):
            threads.setdefault(thread, entry)
    chosen = dict(list(threads.items())[:limit])
    return tuple(Found(row=row, entry=chosen[row.thread]) for row in rows_of(reader, chosen, now))


def _people(reader: Reader, asked: Wanted, limit: int) -> list[int]:
    which = "both" if asked.name and asked.digits else "name" if asked.name else "digits"
    if asked.name is None and asked.digits is None:
        return []
    named = f"name : ({asked.name})" if asked.name else None
    found = reader.all(FIND[which], {"name": named, "digits": asked.digits, "most": _PEOPLE})
    contacts = f"[{','.join(str(row[0]) for row in found)}]"
    return [row["id"] for row in reader.all(FIND["threads"], {"contacts": contacts, "limit": limit})]
