"""Live events for programs: the stream of the pages, with rows as the API has them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ari_app.board import Actor
from ari_app.errors import RefusedError, TextbackError
from ari_app.portal import frame
from ari_app.portal.api_frame import BASE, bearer
from ari_app.portal.live import LIVE, PROGRAMS
from ari_app.portal.security import cookie_name

__all__ = ["DESCRIBED", "PATH", "events"]

PATH = f"{BASE}/events"

DESCRIBED: dict[str, Any] = {
    "operationId": "events",
    "tags": ["inbox"],
    "summary": "Be told what changes, as it does.",
    "description": (
        "Server-sent events. `rows`: {rows, counts}, the threads that changed (as in GET /inbox) and the counts. `overdue`: {threads}, "
        "ids of those that wait for too long. `stale`: something was missed, read anew. `ended`: the session or key is over."
    ),
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "`id` of the last event read, to go on from there.",
            "schema": {"type": "string"},
        }
    ],
    "responses": {
        "200": {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in (401, 429, 503)},
    },
}
"""It is no endpoint of the table: its answer never ends."""


async def events(request: web.Request, by: Actor) -> web.StreamResponse:
    """The stream for ``by``. Raises RefusedError, code ``throttled``, when too many are open."""

    async def lasts() -> bool:
        doors, where = request.app[frame.DOORS], frame.address(request)
        token = bearer(request)
        try:
            if token is not None:
                return await doors.key(token, "api", where) is not None
            session = request.cookies.get(cookie_name(https=frame.https(request)), "")
            return await doors.session(session, where, touch=False) is not None
        except TextbackError:
            return True  # the store cannot be read: asked again at the next beat

    try:
        return await request.app[LIVE].serve(request, by, PROGRAMS, lasts)
    except web.HTTPServiceUnavailable as error:
        raise RefusedError("too many live streams are open", "try again in a minute", code="throttled") from error
