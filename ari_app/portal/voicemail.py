"""The sound of messages left, whole or in parts as players ask for it (range requests, RFC 9110 14)."""

from __future__ import annotations

import hashlib
import re

from aiohttp import web

from ari_app.board import Actor
from ari_app.portal.frame import DESK, actor

__all__ = ["add_routes", "part_of", "sound"]

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def add_routes(app: web.Application) -> None:
    """GET /voicemail/ID/sound."""
    app.router.add_get(r"/voicemail/{voicemail:\d{1,15}}/sound", _sound)


async def _sound(request: web.Request) -> web.StreamResponse:
    return await sound(request, actor(request), int(request.match_info["voicemail"]))


async def sound(request: web.Request, by: Actor, voicemail: int) -> web.Response:
    """The sound of a message, or the part of it asked for. Nothing of it is kept on the way: ``no-store``.

    206 with a part, 416 for one beyond its end; a range that is none, or several, are answered with the whole (RFC 9110 14.2).
    Raises NotFoundError.
    """
    kind, data = await request.app[DESK].listen(voicemail, by)
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Content-Disposition": "inline", "Cache-Control": "private, no-store"}
    # If-Range with another tag: what the browser has is of another sound (RFC 9110 13.1.5)
    asked = request.headers.get("Range") if request.headers.get("If-Range", tag) == tag else None
    part = part_of(asked, len(data)) if asked is not None and request.method == "GET" else None
    if part is None:
        return web.Response(body=data, content_type=kind, headers=headers)
    if not part:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[part.start : part.stop], content_type=kind, headers=headers)


def part_of(header: str, size: int) -> range | None:
    """Which of ``size`` bytes a Range header asks for (RFC 9110 14.1.2): an empty range for none that are there, None to ignore it."""
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return range(max(size - int(suffix), 0), size) if int(suffix) else range(0)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
