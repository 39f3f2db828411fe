"""Administration: who did or saw what, when and from where."""

from __future__ import annotations

from aiohttp import web

from ari_app.desk import SHELL
from ari_app.portal.admin_frame import admin_page, number
from ari_app.portal.frame import DESK, actor, administrator
from ari_app.portal.words import WORDS

__all__ = ["add_routes"]

_PAGE = 100


def add_routes(app: web.Application) -> None:
    """GET /admin/audit?who=&act=&thread=&before="""
    app.router.add_get("/admin/audit", _show)


@administrator
async def _show(request: web.Request) -> web.Response:
    desk, by = request.app[DESK], actor(request)
    asked = {name: request.query.get(name, "").strip() for name in ("who", "act", "thread")}
    thread = number(asked["thread"].removeprefix("#")) if asked["thread"] else None
    before = number(request.query["before"]) if request.query.get("before") else None
    found = await desk.audit(by, who=asked["who"] or None, act=asked["act"] or None, thread=thread, before=before, limit=_PAGE + 1)
    return admin_page(
        request,
        "admin_audit.html",
        rows=found[:_PAGE],
        older=found[_PAGE - 1].id if len(found) > _PAGE else None,
        paged=before is not None,
        asked=asked,
        people=[*(each.name for each in await desk.members(by=by)), SHELL.name],
        acts=sorted(key.removeprefix("audited.") for key in WORDS if key.startswith("audited.")),
    )
