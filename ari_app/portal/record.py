"""One person's record, taken out as a page to print (`textback export` has the sound of their voicemails too)."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ari_app.portal.frame import CLOCK, DESK, SETTINGS, actor, administrator
from ari_app.portal.speech import Speech
from ari_app.portal.words import WORDS
from ari_app.privacy.document import language_of, page

__all__ = ["add_routes"]


def add_routes(app: web.Application) -> None:
    """GET /admin/record/THREAD"""
    app.router.add_get(r"/admin/record/{thread:\d{1,15}}", _record)


@administrator
async def _record(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    found = await request.app[DESK].record(int(request.match_info["thread"]), by=actor(request))
    chosen = language_of(found, settings)
    speech = Speech(chosen, settings.clinic.zone, settings.clinic.country, request.app[CLOCK].now())
    # ten thousand texts take a second to draw
    html = await asyncio.to_thread(page, found, settings, chosen, lambda key: speech(key) if key in WORDS else "")
    response = web.Response(text=html, content_type="text/html")
    response.headers["Content-Disposition"] = f'attachment; filename="textback-{found["made"][:10]}.html"'
    response.headers["Content-Language"] = chosen
    return response
