"""Administration: the words of automatic texts, each with a preview and its price in SMS."""

from __future__ import annotations

from aiohttp import web

from ari_app.board import Actor
from ari_app.errors import NotFoundError, RefusedError, SettingsError, TextbackError
from ari_app.model import Trigger
from ari_app.policy.wording import PLACEHOLDERS
from ari_app.portal.admin_frame import admin_page, saved, wrong
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, actor, administrator, page, wants_fragment

__all__ = ["add_routes"]

_HELD = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)


def add_routes(app: web.Application) -> None:
    """GET /admin/wording; POST /admin/wording/LANGUAGE/TRIGGER with do=save, preview or reset."""
    app.router.add_get("/admin/wording", _show)
    app.router.add_post("/admin/wording/{language}/{trigger}", _set)


@administrator
async def _show(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(
    request: web.Request, refused: TextbackError | None = None, *, at: tuple[str, str] | None = None, text: str = "", looks: bool = False
) -> web.Response:
    """``at``: the wording that was sent, with its ``text`` as it was written; ``looks``: it is to be previewed, and is not saved."""
    desk, by = request.app[DESK], actor(request)
    stands = await desk.settings(by)
    shown = []
    for each in stands.wordings:
        here = at == (each.language, each.trigger.value)
        words = text if here else each.text
        shown.append(
            (each, words, None if here and refused else await _preview(request, by, each.language, each.trigger, words), here and looks)
        )
    return admin_page(
        request,
        "admin_wording.html",
        refused=refused,
        bad="wording.bad",
        wordings=shown,
        placeholders=_HELD,
        at=at,
        languages=dict.fromkeys(each.language for each in stands.wordings),
    )


async def _preview(request: web.Request, by: Actor, language: str, trigger: Trigger, text: str) -> tuple[str, object] | None:
    try:
        return await request.app[DESK].preview(language, trigger, text, by=by)
    except (SettingsError, RefusedError):
        return None  # a stored text may be older than the rules: it is shown, and can be mended


@administrator
async def _set(request: web.Request) -> web.Response:
    fields = await form(request)
    desk, by, language = request.app[DESK], actor(request), request.match_info["language"]
    text, do = fields.get("text", "").strip(), fields.get("do", "save")
    try:
        trigger = Trigger(request.match_info["trigger"])
    except ValueError as error:
        raise NotFoundError("there is no such text", "go back to the list", code="not_found") from error
    at = (language, trigger.value)
    try:
        if do == "preview":
            shown = await desk.preview(language, trigger, text, by=by)
            if wants_fragment(request):
                return page(request, "_wording_preview.html", preview=shown, unsaved=True, wrong=None)
            return await _page(request, at=at, text=text, looks=True)
        await desk.set_wording(language, trigger, None if do == "reset" else text, by=by)
    except (RefusedError, SettingsError) as error:
        if wants_fragment(request):
            return page(request, "_wording_preview.html", preview=None, unsaved=False, wrong=wrong(request, error, "wording.bad"))
        return await _page(request, error, at=at, text=text)
    return saved(f"/admin/wording?at={language}-{trigger.value}")
