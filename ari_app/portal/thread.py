"""Threads, opened: one, or several beside each other."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from aiohttp import web
from markupsafe import escape
from yarl import URL

from ari_app.board import Actor, Canned, Entry, Holder, NoteEntry, TextEntry, ThreadView, VoicemailEntry
from ari_app.errors import RefusedError
from ari_app.person import Person
from ari_app.policy import Policy
from ari_app.portal.frame import CLOCK, DESK, SETTINGS, STANDING, VERSION, actor, page, say, wants_fragment
from ari_app.portal.inbox import PAGE, listed, said_in
from ari_app.portal.moments import Moment, presets
from ari_app.portal.rows import RowView, plain, view
from ari_app.portal.speech import Speech

__all__ = ["Pane", "add_routes", "opened", "show", "thread_of"]

MOST_PANES = 3
"""Beside each other: more are too narrow to read."""
_ENTRIES = 30
"""Of a time line at once: shared by all that are open, so that a page of three threads stays small."""
_BYTES = 20_000
"""Of a time line at once, shared likewise: long texts fill a page with fewer of them."""
_BESIDE = 3_500
"""Bytes about that a further thread takes beside its time line: so much less of them is there for time lines."""
_AROUND = 700
"""Bytes about that the words of an entry stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One open thread."""

    thread: int
    row: RowView
    view: ThreadView
    days: list[tuple[str, str, list[Entry]]]
    """Date, its name, and what happened then: oldest first, as it is read."""
    older: str | None
    """``before`` of the entries that come before these."""
    holder: Holder | None
    mine: bool
    presets: tuple[Moment, ...]
    canned: list[tuple[str, list[Canned]]]
    """By language, that of the caller first."""
    nonce: str
    """Begins the id of the next act: the same form sent twice is one act."""
    draft: str
    shut: str
    """Where the page is without it."""
    beside: list[int]
    """The other open ones."""
    files: dict[int, str]
    """Addresses of people's files in the clinic's own software, by person."""

    @property
    def people(self) -> tuple[Person, ...]:
        """Behind its number, by name."""
        return self.view.people

    @property
    def address(self) -> str:
        """Where its acts come back to."""
        return _address([self.thread, *self.beside])

    def older_address(self, before: str) -> str:
        """Where what came before stands."""
        return str(URL(self.address).update_query(before=before))


def add_routes(app: web.Application) -> None:
    """GET /thread/ID."""
    app.router.add_get(r"/thread/{thread:\d{1,15}}", _thread)


def thread_of(request: web.Request) -> int:
    """The thread that the address names."""
    return int(request.match_info["thread"])


def new_nonce() -> str:
    """Begins the ids of a form's acts."""
    return secrets.token_hex(8)


async def _thread(request: web.Request) -> web.StreamResponse:
    return await show(request)


async def show(request: web.Request, *, drafts: dict[int, str] | None = None, status: int = 200) -> web.Response:
    """The page of a thread, or its pane alone for a script. ``drafts``: what is written in reply boxes, by thread."""
    version = request.app[VERSION]()
    by, thread = actor(request), thread_of(request)
    others = await _others(request, thread)
    if wants_fragment(request):
        refresh = "X-Background" in request.headers
        pane = await opened(request, by, thread, refresh=refresh, others=others)
        template = "_entries.html" if "before" in request.query else "_live_pane.html" if refresh else "_pane.html"
        return page(request, template, pane=pane, said=None)
    panes = [await opened(request, by, thread, others=others, draft=(drafts or {}).get(thread, ""))]
    panes += [await opened(request, by, other, others=[thread, *(each for each in others if each != other)]) for other in others]
    shown = await listed(request, by, PAGE // 3 if others else PAGE * 3 // 4)
    return page(request, "inbox.html", status=status, list=shown, panes=panes, said=said_in(request), version=version)


async def _others(request: web.Request, thread: int) -> list[int]:
    """The other threads that the address names, those that are there."""
    found: list[int] = []
    for each in request.query.getall("beside", []):
        if each.isascii() and each.isdigit() and len(each) < 16 and int(each) not in (thread, *found):
            found.append(int(each))
    there = {row.thread for row in await request.app[DESK].rows(tuple(found[: MOST_PANES - 1]))} if found else set()
    return [each for each in found if each in there]


async def opened(
    request: web.Request, by: Actor, thread: int, *, refresh: bool = False, others: list[int] | None = None, draft: str = ""
) -> Pane:
    """A thread as it is drawn. Raises NotFoundError; RefusedError, code ``bad_form``, for a time that is none."""
    desk, t, now = request.app[DESK], say(request), request.app[CLOCK].now()
    before, further = _before(request), len(others or ())
    seen, canned = await asyncio.gather(
        desk.thread(by, thread, before=before, limit=_ENTRIES // (1 + further), refresh=refresh), _ready(request, by, refresh)
    )
    newest = _fitting(seen.entries, (_BYTES - _BESIDE * further) // (1 + further))
    entries = list(reversed(newest))
    holder = seen.row.holder if seen.row.holder is not None and seen.row.holder.until > now else None
    beside = others or []
    return Pane(
        thread=thread,
        row=view(seen.row, t),
        view=seen,
        days=[(day.isoformat(), t.day(day), list(items)) for day, items in groupby(entries, lambda entry: t.day_of(entry.at))],
        older=newest[-1].at.isoformat() if newest and (seen.older or len(newest) < len(seen.entries)) else None,
        holder=holder,
        mine=holder is not None and holder.member == by.member,
        presets=_presets(request, seen.row.line, now),
        canned=_grouped(canned, seen.language or request.app[SETTINGS].clinic.languages[0], t),
        nonce=new_nonce(),
        draft=draft,
        shut=_address(beside),
        beside=beside,
        files={one.id: link for one in seen.people if (link := desk.link_of(one)) is not None},
    )


def _fitting(entries: Sequence[Entry], most: int) -> Sequence[Entry]:
    """The newest of these that take no more than ``most`` bytes of a page, at least one; those of one moment stay together."""
    taken = 0
    for place, entry in enumerate(entries):
        around = 2 * _AROUND if isinstance(entry, VoicemailEntry) else _AROUND  # it has a player
        taken += around + len(escape(_words(entry)).encode())
        if taken > most and place and entry.at != entries[place - 1].at:
            return entries[:place]
    return entries


def _words(entry: Entry) -> str:
    match entry:
        case TextEntry(text=text) | NoteEntry(text=text):
            return text
        case VoicemailEntry(transcript=transcript):
            return transcript or ""
        case _:
            return ""


async def _ready(request: web.Request, by: Actor, refresh: bool) -> tuple[Canned, ...]:
    """The ready replies; none where the reply box stays as it is."""
    return () if refresh else await request.app[DESK].canned(by)


def _before(request: web.Request) -> datetime | None:
    written = request.query.get("before")
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise RefusedError("no such place in the time line", "open the thread anew", code="bad_form") from error
    if found.tzinfo is None:
        raise RefusedError("no such place in the time line", "open the thread anew", code="bad_form")
    return found


def _presets(request: web.Request, line: str, now: datetime) -> tuple[Moment, ...]:
    standing = request.app[STANDING]
    known = line if line in standing.lines else standing.lines[0]  # the line may have left the settings since
    slot = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
    return _presets_of(standing.policy, known, request.app[SETTINGS].clinic.zone, slot)


@lru_cache(maxsize=64)
def _presets_of(policy: Policy, line: str, zone: ZoneInfo, now: datetime) -> tuple[Moment, ...]:
    """Hours are reckoned once in five minutes, not once a look: it takes milliseconds."""
    return presets(now, zone, lambda at: policy.opening(line, at, {}))


def _grouped(canned: tuple[Canned, ...], first: str, t: Speech) -> list[tuple[str, list[Canned]]]:
    by_language: dict[str, list[Canned]] = {}
    for each in canned:
        by_language.setdefault(each.language or first, []).append(each)
    return [(t(f"language.{code}"), by_language[code]) for code in sorted(by_language, key=lambda code: (code != first, code))]


def _address(threads: list[int]) -> str:
    """Of a page with these threads open."""
    if not threads:
        return "/"
    first, *rest = threads
    return f"/thread/{first}" + ("?" + "&".join(f"beside={each}" for each in rest) if rest else "")


def answers(view: ThreadView, since: int, t: Speech) -> list[dict[str, str]]:
    """Texts of people here that came after text ``since``, oldest first, for who would answer too."""
    return [
        {"author": t.author(entry), "when": t.when(entry.at), "text": plain(entry.text)}
        for entry in reversed(view.entries)
        if isinstance(entry, TextEntry) and not entry.incoming and entry.kind == "staff" and entry.id > since
    ]
