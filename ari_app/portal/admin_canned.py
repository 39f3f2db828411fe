"""Administration: replies ready to send, in their order."""

from __future__ import annotations

from aiohttp import web

from ari_app.desk import CANNED_PLACEHOLDERS
from ari_app.errors import RefusedError, SettingsError, TextbackError
from ari_app.portal.admin_frame import admin_page, number, saved
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, SETTINGS, actor, administrator

__all__ = ["add_routes"]

_HELD = " ".join(f"{{{name}}}" for name in CANNED_PLACEHOLDERS)


def add_routes(app: web.Application) -> None:
    """GET /admin/canned; POST the same with do=save, remove, up or down."""
    app.router.add_get("/admin/canned", _show)
    app.router.add_post("/admin/canned", _set)


@administrator
async def _show(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, refused: TextbackError | None = None, given: dict[str, str] | None = None) -> web.Response:
    """``given``: what was written and refused; it stays on the page."""
    desk = request.app[DESK]
    edited = (given or {}).get("id", request.query.get("edit", ""))
    return admin_page(
        request,
        "admin_canned.html",
        refused=refused,
        bad="canned.bad",
        canned=[(each, desk.segments_of(each.text)) for each in await desk.canned(actor(request))],
        languages=request.app[SETTINGS].clinic.languages,
        placeholders=_HELD,
        edited=edited,
        given=given or {},
    )


@administrator
async def _set(request: web.Request) -> web.Response:
    fields = await form(request)
    desk, by, do = request.app[DESK], actor(request), fields.get("do", "save")
    try:
        chosen = number(fields["id"], negative=True) if fields.get("id") else None
        if do == "save" or chosen is None:
            await desk.save_canned(chosen, fields.get("language") or None, fields.get("label", ""), fields.get("text", "").strip(), by=by)
        elif do == "remove":
            await desk.remove_canned(chosen, by=by)
        else:
            await desk.move_canned(chosen, up=do == "up", by=by)
    except (RefusedError, SettingsError) as error:
        return await _page(request, error, fields)
    return saved("/admin/canned")
