"""What members write: replies, notes, the first text to a number; what it will cost, and ready replies to begin with."""

from __future__ import annotations

import hashlib
from datetime import datetime

from aiohttp import web

from ari_app.errors import RefusedError, TextbackError
from ari_app.portal.acts import Fields, done, number_in, refused
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, SETTINGS, STANDING, actor, page, say, wants_fragment
from ari_app.portal.moments import written
from ari_app.portal.rows import plain
from ari_app.portal.thread import new_nonce, show, thread_of

__all__ = ["add_routes", "new_page"]

MOST_PARTS = 16
"""SMS of one text (``threads.staff.STAFF_PARTS``); the desk refuses more."""


def add_routes(app: web.Application) -> None:
    """POST /thread/ID/reply, …/note, …/fill; GET and POST /new; POST /segments."""
    app.router.add_post(r"/thread/{thread:\d{1,15}}/reply", _reply)
    app.router.add_post(r"/thread/{thread:\d{1,15}}/note", _note)
    app.router.add_post(r"/thread/{thread:\d{1,15}}/fill", _fill)
    app.router.add_get("/new", _ask_new)
    app.router.add_post("/new", _new)
    app.router.add_post("/segments", _segments)


def _act(fields: Fields, *what: str) -> str:
    """The same form with the same words is one act; other words in it (a page one came back to) are another."""
    nonce = fields.get("nonce", "")
    if not (nonce.isascii() and nonce.isalnum() and len(nonce) <= 40):
        raise RefusedError("the form has no id", "reload the page and try again", code="bad_form")
    return f"{nonce}-{hashlib.sha256(chr(0).join(what).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _hour(request: web.Request, fields: Fields) -> datetime | None:
    """When a text is to go; None at once."""
    return written(fields.get("at", ""), request.app[SETTINGS].clinic.zone) if "later" in fields else None


async def _reply(request: web.Request) -> web.StreamResponse:
    thread, fields, desk = thread_of(request), await form(request), request.app[DESK]
    text = fields.get("text", "").strip()
    try:
        at = _hour(request, fields)
        sent = await desk.reply(
            thread,
            text,
            by=actor(request),
            act=_act(fields, text, str(at)),
            at=at,
            seen=number_in(fields, "seen"),
            takeover=fields.get("takeover") == "1",
        )
    except TextbackError as error:
        return await refused(request, thread, fields, error)
    said = "planned" if at is not None else "sent" if sent.new else "twice"
    return done(request, fields.get("next") or f"/thread/{sent.thread}", said, thread=sent.thread)


async def _note(request: web.Request) -> web.StreamResponse:
    thread, fields = thread_of(request), await form(request)
    text = fields.get("text", "").strip()
    try:
        await request.app[DESK].note(thread, text, by=actor(request), act=_act(fields, "note", text))
    except TextbackError as error:
        return await refused(request, thread, fields, error)
    return done(request, fields.get("next") or f"/thread/{thread}", "noted", thread=thread)


async def _fill(request: web.Request) -> web.StreamResponse:
    """A ready reply, filled for this caller: its words for a script, else the page with them in the reply box."""
    thread, fields = thread_of(request), await form(request)
    text = await request.app[DESK].fill(actor(request), thread, number_in(fields, "canned"))
    if wants_fragment(request):
        return web.json_response({"text": text})
    draft = fields.get("text", "").strip()
    return await show(request, drafts={thread: f"{draft}\n{text}" if draft else text})


def new_page(request: web.Request, fields: Fields, refused: TextbackError | None = None) -> web.Response:
    """The form of a first text. ``fields``: what stands in it."""
    return page(
        request,
        "new.html",
        status=200 if refused is None else 409,
        lines=request.app[STANDING].lines,
        fields=fields,
        wrong=None if refused is None else say(request).refusal(refused),
        there=None if refused is None else refused.facts.get("thread"),
        nonce=fields.get("nonce") or new_nonce(),
    )


async def _ask_new(request: web.Request) -> web.StreamResponse:
    return new_page(request, {"number": request.query.get("number", "")})


async def _new(request: web.Request) -> web.StreamResponse:
    fields = await form(request)
    number, text, line = fields.get("number", "").strip(), fields.get("text", "").strip(), fields.get("line") or None
    if fields.get("at"):
        fields["later"] = "1"  # Enter in its field presses the first button: a text for later must not go now
    try:
        at = _hour(request, fields)
        act = _act(fields, number, text, str(at))
        sent = await request.app[DESK].send(number, text, by=actor(request), act=act, line=line, at=at)
    except TextbackError as error:
        return new_page(request, fields, error)
    said = "planned" if at is not None else "sent" if sent.new else "twice"
    return done(request, f"/thread/{sent.thread}", said, thread=sent.thread)


async def _segments(request: web.Request) -> web.StreamResponse:
    """What a text will cost, exactly as it will leave."""
    text = (await form(request)).get("text", "").strip()
    t, cost = say(request), request.app[DESK].segments_of(text)
    said = [t.count("cost.parts", cost.parts), t.count("cost.characters", cost.characters), t("cost.left", n=cost.units_left)]
    odd = t("cost.odd", odd=" ".join(plain(char) for char in cost.odd[:5])) if cost.odd else ""
    too_long = t("cost.too_long", most=MOST_PARTS) if cost.parts > MOST_PARTS else ""
    return web.json_response(
        {
            "parts": cost.parts,
            "characters": cost.characters,
            "left": cost.units_left,
            "alphabet": cost.alphabet,
            "odd": list(cost.odd),
            "said": " · ".join(said),
            "warning": too_long or odd,
        }
    )
