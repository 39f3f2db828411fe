"""Calls that ring now: the banner that every page has, and the button that declines one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from aiohttp import web
from jinja2 import Environment
from markupsafe import Markup
from yarl import URL

from ari_app.board import Ringing
from ari_app.errors import TextbackError
from ari_app.model import Level, Reason
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, RINGING, actor, language, page, say, see_other, wants_fragment, within
from ari_app.portal.speech import Speech

__all__ = ["RingView", "add_routes", "banner", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RingView:
    """One call as it is drawn: the same for everybody."""

    call: str
    caller: str
    number: str
    """"" where it is what ``caller`` says."""
    kind: str
    """What the caller is, in words; "" for nobody known who called before."""
    level: str
    """In words; "" for one like others."""
    urgent: bool
    line: str
    """"" for the clinic's own."""
    since: datetime
    extensions: str
    """Whose phones ring, blanks between: a script marks its own member's."""
    thread: int | None
    declinable: bool


def add_routes(app: web.Application) -> None:
    """GET /ringing, for a script that may have missed something; POST /ringing declines a call."""
    app.router.add_get("/ringing", _now)
    app.router.add_post("/ringing", _decline)


def banner(templates: Environment, calls: Sequence[Ringing], t: Speech) -> Markup:
    """The calls as every page of a language shows them; nothing where none rings."""
    draw = cast("Callable[..., Markup]", templates.get_template("_ringing.html").module.ringing)  # type: ignore[attr-defined]
    return draw([_view(call, t) for call in calls], t) if calls else Markup("")


def _view(call: Ringing, t: Speech) -> RingView:
    number = t.number(call.number)
    caller = call.name or number or t("anonymous")
    is_new = call.kind is None and call.thread is None and call.number is not None
    return RingView(
        call=call.id,
        caller=caller,
        number="" if number == caller else number,
        kind=t("row.new") if is_new else t(f"kind.{call.kind}") if call.kind is not None else "",
        level={Level.URGENT: t("row.urgent"), Level.HIGH: t("row.high")}.get(call.level, ""),
        urgent=call.level is Level.URGENT,
        line="" if call.line == "main" else call.line,
        since=call.since,
        extensions=" ".join(call.extensions),
        thread=call.thread,
        declinable=call.declinable,
    )


async def _now(request: web.Request) -> web.StreamResponse:
    return web.json_response({"html": request.app[RINGING](language(request))})


async def _decline(request: web.Request) -> web.StreamResponse:
    """The caller hears that they will be texted, and the thread is whose button it was."""
    fields, t = await form(request), say(request)
    onward = within(fields.get("next"))
    try:
        thread = await request.app[DESK].decline(fields.get("call", ""), by=actor(request))
    except TextbackError as error:
        what, fix = told(error, t)
        template = "_refused.html" if wants_fragment(request) else "refused.html"
        return page(request, template, status=409, what=what, fix=fix, offers=(), words=None, back=onward)
    if wants_fragment(request):
        return web.json_response({"said": t("said.declined"), "thread": thread})
    return see_other(str(URL(f"/thread/{thread}").update_query(said="declined")))


def told(error: TextbackError, t: Speech) -> tuple[str, str]:
    """Why a call was not declined, and the fix: where no text may go to its caller, also why that is."""
    what, fix = t.refusal(error)
    reason = error.facts.get("reason")
    return (f"{what.rstrip('.')} ({t(f'why.{reason}')})." if reason in set(Reason) else what), fix
