"""Contacts as they are looked for: by name, number, tag or their id in the clinic's own software; and who calls."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

from datetime import datetime
from typing import Any

import phonenumbers

from ari_app.board import Row
from ari_app.model import Kind, Level
from ari_app.person import Caller, Person
from ari_app.threads.database import Reader
from ari_app.threads.finding import Wanted, clean, wanted
from ari_app.threads.inbox import rows_of
from ari_app.threads.known import unanswered
from ari_app.threads.people import forgotten_opt_out
from ari_app.threads.persons import NUMBERS, people_of, person_of, standing

__all__ = ["LOOKED_AT", "MOST_THREADS", "caller", "count", "find", "threads"]

LOOKED_AT = 2000
"""Of more that fit, so many are looked at and put in order: who means another types on."""
MOST_THREADS = 50
"""Of one person's numbers that are shown."""
_END = 4
"""Digits of a number's end, by which it is found (index ``person_by_end``)."""
_PAGE = f"""SELECT p.*, {NUMBERS} FROM person p WHERE p.id IN (
        SELECT f.id FROM person f WHERE {{where}} ORDER BY f.external IS NOT :exactly, f.sort, f.id LIMIT :limit OFFSET :offset)
    ORDER BY p.external IS NOT :exactly, p.sort, p.id"""
_LISTED = f"""SELECT p.*, {NUMBERS} FROM person p WHERE {{where}} ORDER BY p.sort, p.id LIMIT :limit OFFSET :offset"""
_WORDS = "SELECT rowid FROM person_fts WHERE person_fts MATCH :text ORDER BY rowid"
_BEGINS = "SELECT person FROM person_number WHERE number >= :{0} AND number < :{0} || ':'"
_ENDS = f"SELECT person FROM person_number WHERE substr(number, -{_END}) = substr(:{{0}}, -{_END}) AND number LIKE '%' || :{{0}}"
_HAS = """EXISTS (SELECT 1 FROM person_number n WHERE n.person = f.id
    AND (n.number LIKE '%' || :{0} || '%' OR n.number LIKE '%' || :{1} || '%'))"""


def find(reader: Reader, words: str, country: str, *, kind: Kind | None = None, limit: int = 50, offset: int = 0) -> tuple[Person, ...]:
    """People with these words as they are typed, by name: beginnings of names and tags (case and accents do not matter), the beginning
    or end of a number, or the id in the clinic's own software, which comes first. Without words: everybody.

    ``country``: whose numbers are written without a country code. ``kind``: of this alone. Of more than ``LOOKED_AT`` that fit, those
    who are here longest.
    """
    params: dict[str, Any] = {"kind": kind, "limit": limit, "offset": offset}
    which = "{0}.kind = :kind" if kind is not None else "1"
    exactly = clean(words).strip()
    if not exactly and words.strip():
        return ()
    if not exactly:
        rows = reader.all(_LISTED.format(where=which.format("p")), params)
    else:
        params |= {"exactly": exactly, "looked": LOOKED_AT}
        where = [which.format("+f"), _fitting(wanted(exactly), country, params)]
        rows = reader.all(_PAGE.format(where=" AND ".join(where)), params)
    return tuple(person_of(row) for row in rows)


def _fitting(asked: Wanted, country: str, params: dict[str, Any]) -> str:
    """The condition on ``f.id``; what it needs is put into ``params``."""
    picks = ["SELECT id FROM person WHERE external = :exactly"]
    also = []
    if asked.name is not None:
        params["text"] = asked.name
        picks.append(_WORDS)
        for which, run in enumerate(asked.runs):
            params |= {f"run{which}": run, f"national{which}": run.lstrip("0") or run}
            also.append(_HAS.format(f"run{which}", f"national{which}"))
    elif asked.runs:
        picks += _numbered(asked.runs[0], country, params)
    fitting = " UNION ".join(f"SELECT * FROM ({pick} LIMIT :looked)" for pick in picks)
    has = " AND ".join(also)
    return f"f.id IN ({fitting})" + (f" AND (f.external = :exactly OR ({has}))" if has else "")


def _numbered(run: str, country: str, params: dict[str, Any]) -> list[str]:
    """Who has a number that begins so, with its country code or without, or ends so."""
    code = phonenumbers.country_code_for_region(country)
    national = run.lstrip("0")
    begins = dict.fromkeys((f"+{run}", f"+{code}{run}", f"+{code}{national}"))
    params |= {f"begins{which}": start for which, start in enumerate(begins)}
    picks = [_BEGINS.format(f"begins{which}") for which in range(len(begins))]
    if len(run) >= _END:
        params["ends"] = national if len(national) >= _END else run
        picks.append(_ENDS.format("ends"))
    return picks


def count(reader: Reader) -> dict[Kind, int]:
    """How many there are of each kind."""
    found = {row["kind"]: row["n"] for row in reader.all("SELECT kind, count(*) AS n FROM person GROUP BY kind")}
    return {kind: found.get(kind, 0) for kind in Kind}


def threads(reader: Reader, person: int, now: datetime) -> tuple[Row, ...]:
    """The threads of somebody's numbers, the newest first."""
    found = reader.all(
        """SELECT t.id FROM person_number n JOIN thread t ON t.number = n.number WHERE n.person = ?
            ORDER BY t.changed DESC, t.id DESC LIMIT ?""",
        (person, MOST_THREADS),
    )
    return rows_of(reader, [row["id"] for row in found], now)


def caller(reader: Reader, number: str, now: datetime) -> Caller:
    """What a number is, while its call rings: by indexes alone."""
    people = people_of(reader, number)
    behind = standing(people)
    contact = reader.one("SELECT language, wrote, opted_out FROM contact WHERE number = ?", (number,))
    threads = reader.one("SELECT count(*) AS n, max(iif(state = 'to_answer', urgent, 0)) AS level FROM thread WHERE number = ?", (number,))
    assert threads is not None  # noqa: S101  (it counts)
    return Caller(
        number=number,
        names=tuple(dict.fromkeys(one.name for one in people)),
        kind=behind.kind or (Kind.PROSPECT if threads["n"] else None),
        language=(contact["language"] if contact else None) or behind.language,
        wrote=contact["wrote"] if contact else None,
        tags=behind.tags,
        calls=unanswered(reader, number, now),
        opted_out=(contact["opted_out"] if contact else forgotten_opt_out(reader, number)) is not None,
        level=Level(threads["level"] or 0),
    )
