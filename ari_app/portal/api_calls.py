"""The endpoints of calls that ring, messages left and what is filed. The sound of a message is no JSON: it stands beside the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from ari_app.board import Actor, Ringing
from ari_app.desk.filing import Filed
from ari_app.errors import NotFoundError
from ari_app.filing import What
from ari_app.portal.api_endpoints import CallId
from ari_app.portal.api_frame import BASE, Ask, Body, Endpoints, Id
from ari_app.portal.voicemail import sound

__all__ = ["CALLS", "SOUND", "SOUND_DESCRIBED", "sound_of"]

CALLS = Endpoints()

SOUND = f"{BASE}/voicemail/{{voicemail}}/sound"
SOUND_DESCRIBED: dict[str, Any] = {
    "operationId": "sound",
    "tags": ["voicemail"],
    "summary": "The sound of a message left.",
    "description": "Whole, or a part by `Range: bytes=0-999` (RFC 9110 14.2). Getting it marks nothing as heard; that it was listened to "
    "is audited.",
    "parameters": [
        {"name": "voicemail", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}},
        {"name": "Range", "in": "header", "description": "Which bytes.", "schema": {"type": "string"}},
    ],
    "responses": {
        "200": {"description": "OK", "content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}}},
        "206": {"description": "Partial Content", "content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}}},
        "416": {"description": "Range Not Satisfiable"},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in (401, 403, 404, 429, 503)},
    },
}
_ID: TypeAdapter[int] = TypeAdapter(Id)


@dataclass(frozen=True, slots=True)
class Declined:
    """The caller hears that a text comes, and gets it."""

    thread: int
    """Held by who declined."""


class HeardBody(Body):
    heard: bool


class FileBody(Body):
    what: What
    """A whole thread, the sound of a message left, or its transcript."""
    voicemail: Id | None = None
    """Which message of the thread; null for a thread."""
    person: Id | None = None
    """Whose file, where several people behind the number have one."""


@CALLS.on("GET", "/ringing", tag="calls")
async def ringing(ask: Ask) -> tuple[Ringing, ...]:
    """Calls that ring, or wait in a queue, and that nobody took yet; oldest first."""
    return await ask.desk.ringing(ask.by)


@CALLS.on("POST", "/ringing/{call}/decline", tag="calls", refuses=[422])
async def decline(ask: Ask, call: CallId) -> Declined:
    """Do not take a call that rings: its caller hears that a text comes, and gets it.

    Where it is refused, nothing is done to the call."""
    return Declined(await ask.desk.decline(call, by=ask.by))


@CALLS.on("PUT", "/voicemail/{voicemail}/heard", tag="voicemail")
async def heard(ask: Ask, voicemail: Id, body: HeardBody) -> None:
    """Mark a message left as heard, or as not heard. The lamp of the phone follows."""
    await ask.desk.heard(voicemail, body.heard, by=ask.by)


@CALLS.on("POST", "/threads/{thread}/file", tag="threads", creates=True, refuses=[422])
async def file(ask: Ask, thread: Id, body: FileBody) -> Filed:
    """Put something of a thread into a client's file: the folder or webhook of [contacts.filing].

    201: filed. 200: it was there already, as it is."""
    return await ask.desk.file(thread, body.what, voicemail=body.voicemail, person=body.person, by=ask.by)


async def sound_of(request: web.Request, by: Actor) -> web.StreamResponse:
    """The sound of the message that the address names. Raises NotFoundError."""
    try:
        voicemail = _ID.validate_python(request.match_info["voicemail"])
    except ValidationError as error:
        raise NotFoundError("there is no voicemail of that id", "ask for one that is listed") from error
    return await sound(request, by, voicemail)
