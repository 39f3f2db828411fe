"""Into the client's file: what of a thread, and whose file it is, asked in a dialog or on a page of its own."""

from __future__ import annotations

from aiohttp import web

from ari_app.board import VoicemailEntry
from ari_app.desk.filing import has_file
from ari_app.errors import RefusedError, TextbackError
from ari_app.filing import What
from ari_app.portal.acts import done, number_in, refused
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, SETTINGS, TEMPLATES, actor, page, say, wants_fragment
from ari_app.portal.thread import thread_of

__all__ = ["WHAT", "add_routes"]

WHAT: tuple[What, ...] = ("thread", "voicemail", "transcript")
_ENTRIES = 200
"""In which messages left are looked for."""


def add_routes(app: web.Application) -> None:
    """GET /thread/ID/file asks, POST files."""
    on = app[SETTINGS].contacts.filing is not None
    app[TEMPLATES].globals["may_file"] = lambda people: on and any(has_file(one) for one in people)
    app.router.add_get(r"/thread/{thread:\d{1,15}}/file", _ask)
    app.router.add_post(r"/thread/{thread:\d{1,15}}/file", _file)


async def _ask(request: web.Request) -> web.StreamResponse:
    view = await request.app[DESK].thread(actor(request), thread_of(request), limit=_ENTRIES, refresh=True)
    left = [entry for entry in view.entries if isinstance(entry, VoicemailEntry)]
    people = [one for one in view.people if has_file(one)]
    template = "_file.html" if wants_fragment(request) else "file.html"
    return page(request, template, thread=view.row.thread, caller=say(request).caller(view.row), left=left, people=people)


async def _file(request: web.Request) -> web.StreamResponse:
    thread, fields = thread_of(request), await form(request)
    try:
        what, _, voicemail = fields.get("what", "").partition(" ")
        if what not in WHAT:
            raise RefusedError("nothing of that kind can be filed", "choose one of the list", code="bad_form")
        filed = await request.app[DESK].file(
            thread,
            what,
            voicemail=number_in({"voicemail": voicemail}, "voicemail") if voicemail else None,
            person=number_in(fields, "person") if fields.get("person") else None,
            by=actor(request),
        )
    except TextbackError as error:
        return await refused(request, thread, fields, error)
    return done(request, f"/thread/{thread}", "filed" if filed.new else "filed_before", thread=thread)
