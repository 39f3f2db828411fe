"""A member's own page: password, PIN, language, notifications, and their own keys."""

from __future__ import annotations

from aiohttp import web

from ari_app.board import Member
from ari_app.errors import RefusedError, TextbackError
from ari_app.portal.admin_frame import admin_page, number, saved
from ari_app.portal.entry import form
from ari_app.portal.frame import DESK, DOORS, LANGUAGE_COOKIE, actor, address, https, member
from ari_app.portal.security import browser_of, set_cookie
from ari_app.portal.words import LANGUAGES

__all__ = ["add_routes"]


def add_routes(app: web.Application) -> None:
    """GET and POST /me."""
    app.router.add_get("/me", _show)
    app.router.add_post("/me", _change)


async def _show(request: web.Request) -> web.Response:
    return await _page(request, _self(request))


def _self(request: web.Request) -> Member:
    found = member(request)
    if found is None:
        raise RefusedError("nobody is signed in", "sign in", code="signed_out")
    return found


async def _page(request: web.Request, own: Member, refused: TextbackError | None = None) -> web.Response:
    keys = await request.app[DESK].keys(own.id, by=actor(request))
    return admin_page(
        request, "me.html", refused=refused, member=own, keys=[key for key in keys if key.revoked is None], languages=LANGUAGES
    )


async def _change(request: web.Request) -> web.Response:
    fields, own = await form(request), _self(request)
    desk, by, do = request.app[DESK], actor(request), fields.get("do", "")
    response = saved("/me")
    try:
        match do:
            case "password":
                await desk.set_password(own.id, fields.get("password", ""), current=fields.get("current"), by=by)
                # every session ended with it, this one too: who knew both passwords goes on here, and nowhere else
                browser = browser_of(request, https=https(request))
                token = await request.app[DOORS].sign_in(own.login, fields.get("password", ""), address(request), browser)
                set_cookie(response, token, https=https(request))
            case "pin":
                await desk.set_pin(own.id, fields.get("pin", "").strip() or None, by=by)
            case "revoke":
                await desk.revoke_key(number(fields.get("key")), by=by)
            case _:
                chosen = fields.get("language", "")
                await desk.change_member(own.id, language="fr" if chosen == "fr" else "en" if chosen == "en" else "", by=by)
                response.del_cookie(LANGUAGE_COOKIE, path="/")  # what was chosen for this browser would hide it
    except RefusedError as error:
        if error.code == "bad_login":  # who is signed in already is told what is wrong, not asked who they are
            error.code = "wrong_password"
        return await _page(request, own, error)
    return response
