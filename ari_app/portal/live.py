"""Live pages: what changed is read once, drawn once in each language, and the same bytes go to every open page.

Server-sent events (WHATWG HTML 9.2) at ``/live``: ``rows`` (threads that changed, as lines of the inbox, and the counts), ``ringing``
(all calls that ring now), ``overdue``, ``stale`` (something was missed: load anew) and ``ended`` (the session is over). The last batches
are kept in a ring: a page that was away for a moment goes on from its Last-Event-ID, and what the slowest reader can hold up is bounded
by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import web
from markupsafe import Markup
from pydantic import TypeAdapter

from ari_app.board import Actor, Counts, Ringing, Row
from ari_app.desk import SHELL
from ari_app.errors import StoreError, TextbackError
from ari_app.events import MessageChanged, Notice, StaffChanged, ThreadChanged, VoicemailChanged
from ari_app.portal.frame import CLOCK, DESK, DOORS, TEMPLATES, actor, address, https, language, speech
from ari_app.portal.ringing import banner
from ari_app.portal.rows import RowView, view
from ari_app.portal.security import cookie_name
from ari_app.portal.words import LANGUAGES

__all__ = ["LIVE", "PROGRAMS", "Live", "add_routes"]

log = structlog.get_logger(__name__)

_GATHER = 0.2
"""Seconds in which changes are gathered into one batch."""
_KEPT = 150
"""Batches in the ring: half a minute of a busy day."""
_BEAT = 15.0
"""Seconds between signs of life, and between looks whether the session still lasts."""
_SLOW = 10.0
"""Seconds a page may take to read what it is given."""
_RETRY = 1.0
_UNSEEN = 60.0
"""Seconds after the last page was shown: who rings is not drawn for nobody."""
_MOST = 1000
"""Open pages."""


PROGRAMS = "api"
"""Beside the languages of pages: rows and counts as the JSON API has them, with no words of ours."""
_ROWS, _COUNTS, _RINGING = TypeAdapter(tuple[Row, ...]), TypeAdapter(Counts), TypeAdapter(tuple[Ringing, ...])


@dataclass(frozen=True, slots=True)
class _Batch:
    version: int
    drawn: dict[str, bytes]
    """By language; for programs too."""


class _Stream:
    """One open page."""

    def __init__(self, who: Actor, reads: str, lasts: Callable[[], Awaitable[bool]]) -> None:
        self.who = who
        self.reads = reads
        self.lasts = lasts
        self.doubtful = False
        """Its member changed, or a session of theirs ended: ask at the door before the next word."""


class Live:
    """Who looks, and what they have been told. ``run()`` sends until cancelled; ``close()`` ends every stream."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self.slow = _SLOW
        self._run = secrets.token_hex(4)
        """Of this process: versions of another one mean nothing."""
        self._version = 0
        self._floor = 0
        """What changed up to this version is not kept."""
        self._ring: deque[_Batch] = deque()
        self._changed: set[int] = set()
        self._rings = False
        """Other calls ring than were told."""
        self._banners = dict.fromkeys(LANGUAGES, Markup(""))
        self._seen = -_UNSEEN
        """When somebody last looked (loop time)."""
        self._look = asyncio.Event()
        self._news = asyncio.Event()
        self._streams: set[_Stream] = set()
        self._closed = False

    @property
    def version(self) -> str:
        """What a page that is drawn now knows: it asks for all that came after."""
        return f"{self._run}-{self._version}"

    @property
    def watching(self) -> int:
        """How many pages are open."""
        return len(self._streams)

    def noticed(self, notices: Collection[Notice]) -> None:
        """Remember what changed; it is told with the next batch."""
        for notice in notices:
            match notice:
                case MessageChanged(thread=thread) | ThreadChanged(id=thread) | VoicemailChanged(thread=thread):
                    self._changed.add(thread)
                    self._look.set()
                case StaffChanged(member=member):
                    for stream in self._streams:
                        if stream.who.member == member:
                            stream.doubtful = True
                    self._wake()

    def ringing_changed(self) -> None:
        """A call began to ring, at other phones perhaps, or rings no more."""
        self._rings = True
        self._look.set()

    def ringing(self, reads: str) -> Markup:
        """The calls that ring now, drawn for the pages of a language. The first page for long knows them a moment later."""
        self._seen = asyncio.get_running_loop().time()
        if self._rings:
            self._look.set()
        return self._banners[reads]

    def overdue(self, threads: Collection[int]) -> None:
        """Tell every page how many wait for too long."""
        if threads and self._streams:
            now = self._app[CLOCK].now()
            said = {code: speech(self._app, code, now).count("notify.overdue", len(threads)) for code in LANGUAGES}
            told = {code: ("overdue", {"threads": sorted(threads), "said": said[code]}) for code in LANGUAGES}
            self._add({**told, PROGRAMS: ("overdue", {"threads": sorted(threads)})})

    async def run(self) -> None:
        """Send what is noticed, until cancelled."""
        while True:
            await self._look.wait()
            await asyncio.sleep(_GATHER)
            self._look.clear()
            try:
                await self._send_ringing()
                await self._send()
            except StoreError as error:
                log.warning("pages_not_told", what=error.what)
                self._look.set()
                await asyncio.sleep(_RETRY)
            except Exception:
                # one batch that cannot be drawn must not leave every page blind: they load anew
                log.exception("pages_not_told")
                self._forget()

    def close(self) -> None:
        """End every stream; their pages ask again, of the next service."""
        self._closed = True
        self._wake()

    async def _send_ringing(self) -> None:
        """Also where no page is open, unless nobody looked for long: who opens one next sees what rings."""
        if not self._rings:
            return
        if not self._streams and asyncio.get_running_loop().time() - self._seen > _UNSEEN:
            self._banners = dict.fromkeys(LANGUAGES, Markup(""))
            return
        self._rings = False
        try:
            calls = await self._app[DESK].ringing(SHELL)
        except BaseException:
            self._rings = True
            raise
        now, templates = self._app[CLOCK].now(), self._app[TEMPLATES]
        self._banners = {code: banner(templates, calls, speech(self._app, code, now)) for code in LANGUAGES}
        if not self._streams:
            self._forget()
        else:
            told = {code: ("ringing", {"html": self._banners[code]}) for code in LANGUAGES}
            self._add({**told, PROGRAMS: ("ringing", {"calls": _RINGING.dump_python(calls, mode="json")})})

    async def _send(self) -> None:
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        if not self._streams:
            self._forget()
            return
        desk = self._app[DESK]
        try:
            rows, counts = await desk.rows(tuple(changed)), await desk.counts()
        except BaseException:
            self._changed |= changed
            raise
        if len(rows) < len(changed):
            # one was erased: no page goes on showing it, and what was told of it is not kept
            self._forget()
            return
        now = self._app[CLOCK].now()
        told = {code: ("rows", self.drawn(rows, counts, [view(row, speech(self._app, code, now)) for row in rows])) for code in LANGUAGES}
        plain = {"rows": _ROWS.dump_python(rows, mode="json"), "counts": _COUNTS.dump_python(counts, mode="json")}
        self._add({**told, PROGRAMS: ("rows", plain)})

    def drawn(self, rows: Sequence[Row], counts: Counts, views: Sequence[RowView]) -> dict[str, Any]:
        """Rows as a page's script takes them."""
        draw = cast("Callable[[RowView], str]", self._app[TEMPLATES].globals["row"])
        return {
            "rows": [
                {
                    "thread": row.thread,
                    "boxes": shown.boxes,
                    "order": shown.order,
                    "key": shown.key,
                    "news": shown.news,
                    "number": shown.t.number(row.number),
                    "html": str(draw(shown)),
                }
                for row, shown in zip(rows, views, strict=True)
            ],
            "counts": {"to_answer": counts.to_answer, "trouble": counts.trouble, "snoozed": counts.snoozed},
        }

    def _add(self, events: dict[str, tuple[str, dict[str, Any]]]) -> None:
        self._version += 1
        self._ring.append(_Batch(self._version, {code: self._event(name, data) for code, (name, data) in events.items()}))
        if len(self._ring) > _KEPT:
            self._floor = self._ring.popleft().version
        self._wake()

    def _forget(self) -> None:
        """Something changed that nobody was told: whoever comes back loads anew."""
        self._version += 1
        self._floor = self._version
        self._ring.clear()
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _event(self, name: str, data: dict[str, Any]) -> bytes:
        return f"id: {self.version}\nevent: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()

    def _known(self, told: str | None) -> int | None:
        """The version a page says it knows; None where what came after is not kept."""
        run, _, version = (told or "").partition("-")
        if run != self._run or not version.isascii() or not version.isdigit():
            return None
        return int(version) if self._floor <= int(version) <= self._version else None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """GET /live?since=VERSION."""
        return await self.serve(request, actor(request), language(request), lambda: self._lasts(request))

    async def serve(self, request: web.Request, who: Actor, reads: str, lasts: Callable[[], Awaitable[bool]]) -> web.StreamResponse:
        """A stream for ``who``. ``reads``: a language of the pages, or ``PROGRAMS``. ``lasts``: may they go on."""
        if self._closed or len(self._streams) >= _MOST:
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        stream = _Stream(who, reads, lasts)
        self._streams.add(stream)
        if self._rings:
            self._look.set()
        try:
            await response.prepare(request)
            await self._tell(request, response, stream)
        except (TimeoutError, ConnectionError):
            # it does not read: what waits for it is thrown away, and it begins again when it can
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._streams.discard(stream)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, stream: _Stream) -> None:
        position = self._known(request.headers.get("Last-Event-ID") or request.query.get("since"))
        loop = asyncio.get_running_loop()
        checked = loop.time()
        await self._write(response, b"retry: 2000\n\n")
        while not self._closed:
            news = self._news
            if stream.doubtful or loop.time() - checked >= _BEAT:
                stream.doubtful, checked = False, loop.time()
                if not await stream.lasts():
                    await self._write(response, self._event("ended", {}))
                    return
            if position is None or position < self._floor:
                position = self._version
                await self._write(response, self._event("stale", {}))
            elif position < self._version:
                waiting = b"".join(batch.drawn[stream.reads] for batch in self._ring if batch.version > position)
                position = self._version
                await self._write(response, waiting)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT):
                        await news.wait()
                        continue
                await self._write(response, b": \n\n")

    async def _lasts(self, request: web.Request) -> bool:
        """Does the session of a stream still last. It is not prolonged by it."""
        token = request.cookies.get(cookie_name(https=https(request)), "")
        try:
            return await self._app[DOORS].session(token, address(request), touch=False) is not None
        except TextbackError:
            return True  # the store cannot be read: asked again at the next beat

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self.slow):
            await response.write(data)


LIVE = web.AppKey("live", Live)


def add_routes(app: web.Application) -> None:
    """GET /live, and GET /version, by which a page asks whether its session lasts."""
    app.router.add_get("/live", app[LIVE].stream, allow_head=False)
    app.router.add_get("/version", _version)


async def _version(request: web.Request) -> web.StreamResponse:
    return web.json_response({"version": request.app[LIVE].version})
