"""The inbox as a page: its parts, and what a search finds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from ari_app.board import Actor, Box, Counts
from ari_app.errors import RefusedError
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, VERSION, actor, page, say, wants_fragment
from ari_app.portal.rows import RowView, found, view
from ari_app.portal.words import WORDS

__all__ = ["PAGE", "ListView", "add_routes", "listed", "said_in"]

PAGE = 25
"""Rows at once: the page stays small, and older ones are one click away."""
_FOUND = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """The left side: one part of the inbox, or what a search found."""

    box: str
    rows: list[RowView]
    counts: Counts
    offset: int
    more: bool
    words: str | None = None
    """What was searched for."""

    @property
    def newer(self) -> int:
        return max(self.offset - PAGE, 0)

    @property
    def older(self) -> int:
        return self.offset + len(self.rows)


def add_routes(app: web.Application) -> None:
    """GET /, POST /search."""
    app.router.add_get("/", _inbox)
    # by POST: what is searched for is a patient's name, and addresses stand in logs of proxies and histories of browsers
    app.router.add_post("/search", _search)


async def listed(request: web.Request, by: Actor, limit: int = PAGE) -> ListView:
    """The part of the inbox that the address names: ``box``, ``offset``. Raises RefusedError, code ``bad_form``."""
    desk, t = request.app[DESK], say(request)
    try:
        box = Box(request.query.get("box", Box.TO_ANSWER))
        offset = max(int(request.query.get("offset", "0")), 0)
    except ValueError as error:
        raise RefusedError("no such part of the inbox", "choose one of the tabs", code="bad_form") from error
    rows, counts = await desk.page(by, box, limit=limit + 1, offset=min(offset, 1_000_000))
    return ListView(box=str(box), rows=[view(row, t) for row in rows[:limit]], counts=counts, offset=offset, more=len(rows) > limit)


def said_in(request: web.Request) -> str | None:
    """What the act before this page came to, in words."""
    key = f"said.{request.query.get('said', '')}"
    return say(request)(key) if key in WORDS else None


async def _inbox(request: web.Request) -> web.StreamResponse:
    version = request.app[VERSION]()
    shown = await listed(request, actor(request))
    template = "_list.html" if wants_fragment(request) else "inbox.html"
    return page(request, template, list=shown, panes=[], said=said_in(request), version=version)


async def _search(request: web.Request) -> web.StreamResponse:
    version = request.app[VERSION]()
    words = (await form(request)).get("q", "").strip()[:200]
    desk, t, by = request.app[DESK], say(request), actor(request)
    hits, counts = await asyncio.gather(desk.search(by, words, limit=_FOUND), desk.counts())
    shown = ListView(box="", rows=[found(hit, t) for hit in hits], counts=counts, offset=0, more=False, words=words)
    template = "_list.html" if wants_fragment(request) else "inbox.html"
    return page(request, template, list=shown, panes=[], said=None, version=version)
