"""What a member does with a thread beside writing: forms that work without a script, and answer a script in a few words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from yarl import URL

from ari_app.board import Actor
from ari_app.desk import Desk
from ari_app.errors import RefusedError, TextbackError
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, SETTINGS, actor, page, say, see_other, wants_fragment, within
from ari_app.portal.moments import written
from ari_app.portal.thread import answers, new_nonce, thread_of

__all__ = ["add_routes", "done", "number_in", "refused"]

Fields = dict[str, str]
Act = Callable[[web.Request, Desk, int, Fields, Actor], Awaitable[str]]
"""Does it, and gives the key of what to say."""


def add_routes(app: web.Application) -> None:
    """POST /thread/ID/ACT, and GET /thread/ID/again and …/opt-out, which ask whether one is sure."""
    for name, act in _ACTS.items():
        app.router.add_post(rf"/thread/{{thread:\d{{1,15}}}}/{name}", _handler(act))
    app.router.add_get(r"/thread/{thread:\d{1,15}}/again", _sure)
    app.router.add_get(r"/thread/{thread:\d{1,15}}/opt-out", _sure_of_opting)


def _handler(act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        thread, fields = thread_of(request), await form(request)
        try:
            said = await act(request, request.app[DESK], thread, fields, actor(request))
        except TextbackError as error:
            return await refused(request, thread, fields, error)
        return done(request, fields.get("next") or f"/thread/{thread}", said, thread=thread)

    return handle


def done(request: web.Request, onward: str, said: str, **facts: Any) -> web.Response:
    """Done: words for a script, and for a form the page it came from."""
    if wants_fragment(request):
        return web.json_response({"said": say(request)(f"said.{said}"), "nonce": new_nonce(), **facts})
    return see_other(str(URL(within(onward)).update_query(said=said)))


async def refused(request: web.Request, thread: int, fields: Fields, error: TextbackError) -> web.Response:
    """Not done: why, and what may be done all the same by a deliberate act. What was written is not lost."""
    t = say(request)
    what, fix = t.refusal(error)
    offers: list[dict[str, Any]] = []
    meanwhile: list[dict[str, str]] = []
    kept = {name: value for name, value in fields.items() if name != "text"}
    if error.code == "held":
        label = t("act.take_over" if request.path.endswith("/claim") else "act.take_over.send")
        offers = [{"action": request.path, "label": label, "fields": {**kept, "takeover": "1"}}]
    elif error.code == "answered_meanwhile":
        newer, label = {**kept, "seen": str(error.facts.get("seen", 0))}, t("refused.send_anyway")
        if "holder" in error.facts:
            newer["takeover"], label = "1", t("act.take_over.send")
            what = f"{what} {t('refused.held', name=error.facts['holder'])}"
        offers = [{"action": request.path, "label": label, "fields": newer}]
        view = await request.app[DESK].thread(actor(request), thread, limit=20, refresh=True)
        meanwhile = answers(view, number_in(fields, "seen"), t)
    template = "_refused.html" if wants_fragment(request) else "refused.html"
    words, back = fields.get("text"), within(fields.get("next") or f"/thread/{thread}")
    return page(request, template, status=409, what=what, fix=fix, offers=offers, words=words, meanwhile=meanwhile, back=back)


def number_in(fields: Fields, name: str) -> int:
    """An id in a form. Raises RefusedError, code ``bad_form``."""
    value = fields.get(name, "")
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise RefusedError(f"{name}: is no id", "reload the page and try again", code="bad_form")
    return int(value)


async def _sure(request: web.Request) -> web.StreamResponse:
    t, thread = say(request), thread_of(request)
    message = number_in(dict(request.query), "message")
    offer = {"action": f"/thread/{thread}/again", "label": t("act.again"), "fields": {"message": message, "next": f"/thread/{thread}"}}
    template = "_refused.html" if wants_fragment(request) else "refused.html"
    return page(request, template, what=t("again.title"), fix=t("again.sure"), offers=[offer], words=None, back=f"/thread/{thread}")


async def _sure_of_opting(request: web.Request) -> web.StreamResponse:
    """Texts to a number are let go or stopped by word of mouth: what that means is read first."""
    t, thread = say(request), thread_of(request)
    on = request.query.get("on") == "1"
    what = "opt.out" if on else "opt.lift"
    fields = {"on": "1" if on else "0", "next": f"/thread/{thread}"}
    offer = {"action": f"/thread/{thread}/opt-out", "label": t(f"{what}.do"), "fields": fields}
    template = "_refused.html" if wants_fragment(request) else "refused.html"
    return page(request, template, what=t(f"{what}.title"), fix=t(f"{what}.sure"), offers=[offer], words=None, back=f"/thread/{thread}")


async def _done(_request: web.Request, desk: Desk, thread: int, _fields: Fields, by: Actor) -> str:
    await desk.done(thread, by=by)
    return "done"


async def _reopen(_request: web.Request, desk: Desk, thread: int, _fields: Fields, by: Actor) -> str:
    await desk.reopen(thread, by=by)
    return "reopened"


async def _snooze(request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    until = fields.get("until") or fields.get("at") or ""
    await desk.snooze(thread, written(until, request.app[SETTINGS].clinic.zone), by=by)
    return "snoozed"


async def _wake(_request: web.Request, desk: Desk, thread: int, _fields: Fields, by: Actor) -> str:
    await desk.snooze(thread, None, by=by)
    return "changed"


async def _claim(_request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    await desk.claim(thread, by=by, takeover=fields.get("takeover") == "1")
    return "taken"


async def _let_go(_request: web.Request, desk: Desk, thread: int, _fields: Fields, by: Actor) -> str:
    await desk.let_go(thread, by=by)
    return "let_go"


async def _urgent(_request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    await desk.urgent(thread, fields.get("on") == "1", by=by)
    return "changed"


async def _who(_request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    # what was not changed in the form stays as it is now: somebody may have changed it since the form was drawn
    if "name" in fields and fields["name"] != fields.get("name_was"):
        await desk.rename(thread, fields["name"] or None, by=by)
    if "language" in fields and fields["language"] != fields.get("language_was"):
        await desk.speak(thread, fields["language"] or None, by=by)
    return "changed"


async def _name(_request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    """The name the caller gave, kept or ignored."""
    if fields.get("keep") == "1":
        await desk.take_name(thread, by=by)
        return "named"
    await desk.drop_name(thread, by=by)
    return "name_dropped"


async def _opt_out(_request: web.Request, desk: Desk, thread: int, fields: Fields, by: Actor) -> str:
    """By word of mouth: no texts any more, or texts again."""
    if fields.get("on") == "1":
        await desk.opt_out(thread, by=by)
        return "opted_out"
    await desk.lift_opt_out(thread, by=by)
    return "opted_in"


async def _heard(_request: web.Request, desk: Desk, _thread: int, fields: Fields, by: Actor) -> str:
    on = fields.get("on") == "1"
    await desk.heard(number_in(fields, "voicemail"), on, by=by)
    return "heard" if on else "unheard"


async def _call(_request: web.Request, desk: Desk, thread: int, _fields: Fields, by: Actor) -> str:
    await desk.call_back(thread, by=by)
    return "calling"


async def _reached(_request: web.Request, desk: Desk, _thread: int, fields: Fields, by: Actor) -> str:
    await desk.reached(fields.get("outgoing", ""), by=by)
    return "reached"


async def _again(_request: web.Request, desk: Desk, _thread: int, fields: Fields, by: Actor) -> str:
    await desk.again(number_in(fields, "message"), by=by, takeover=fields.get("takeover") == "1")
    return "sent"


async def _call_off(_request: web.Request, desk: Desk, _thread: int, fields: Fields, by: Actor) -> str:
    await desk.call_off(number_in(fields, "message"), by=by)
    return "called_off"


_ACTS: dict[str, Act] = {
    "done": _done,
    "reopen": _reopen,
    "snooze": _snooze,
    "wake": _wake,
    "claim": _claim,
    "let-go": _let_go,
    "urgent": _urgent,
    "who": _who,
    "name": _name,
    "opt-out": _opt_out,
    "heard": _heard,
    "call": _call,
    "reached": _reached,
    "again": _again,
    "call-off": _call_off,
}
