"""The door for people: sign in, sign out, choose the language."""

from __future__ import annotations

from aiohttp import web

from ari_app.errors import RefusedError
from ari_app.portal.frame import ACTOR, DOORS, LANGUAGE_COOKIE, address, https, page, public, say, see_other, within
from ari_app.portal.security import YEAR, browser_of, cookie_name, drop_cookie, keep_browser, received, set_cookie
from ari_app.portal.words import LANGUAGES

__all__ = ["add_routes", "form"]


def add_routes(app: web.Application) -> None:
    """GET and POST /sign-in, POST /sign-out, POST /language."""
    app.router.add_get("/sign-in", _ask)
    app.router.add_post("/sign-in", _sign_in)
    app.router.add_post("/sign-out", _sign_out)
    app.router.add_post("/language", _language)


async def form(request: web.Request) -> dict[str, str]:
    """A form's fields, the last of each name. Line breaks become those of texts. Raises RefusedError, code ``bad_form``, for files
    and for what cannot be read."""
    fields: dict[str, str] = {}
    for name, value in (await received(request.post())).items():
        if not isinstance(value, str):
            raise RefusedError("a form with a file", "send text", code="bad_form")
        fields[name] = value.replace("\r\n", "\n")
    return fields


@public
async def _ask(request: web.Request) -> web.StreamResponse:
    onward = within(request.query.get("next"))
    if ACTOR in request:
        return see_other(onward)
    told = next((f"in.{name}" for name in ("ended", "out") if name in request.query), None)
    return _page(request, onward, told=told)


def _page(
    request: web.Request, onward: str, *, told: str | None = None, wrong: tuple[str, str] | None = None, login: str = "", status: int = 200
) -> web.Response:
    plain = not https(request) and address(request) not in {"127.0.0.1", "::1"}
    return page(request, "sign_in.html", status=status, onward=onward, told=told, wrong=wrong, login=login, plain=plain)


@public
async def _sign_in(request: web.Request) -> web.StreamResponse:
    fields = await form(request)
    doors, onward, login = request.app[DOORS], within(fields.get("next")), fields.get("login", "").strip()
    browser = browser_of(request, https=https(request))
    try:
        token = await doors.sign_in(login, fields.get("password", ""), address(request), browser)
    except RefusedError as error:
        status = 429 if error.code == "throttled" else 403
        response = _page(request, onward, wrong=say(request).refusal(error), login=login, status=status)
        if "seconds" in error.facts:
            response.headers["Retry-After"] = str(error.facts["seconds"])
        return response
    before = request.cookies.get(cookie_name(https=https(request)))
    if before:
        await doors.sign_out(before, address(request))
    response = see_other(onward)
    set_cookie(response, token, https=https(request))
    keep_browser(response, browser, https=https(request))
    response.del_cookie(LANGUAGE_COOKIE, path="/")  # that of whoever sat here before: the member's own counts again
    return response


@public
async def _sign_out(request: web.Request) -> web.StreamResponse:
    token = request.cookies.get(cookie_name(https=https(request)))
    if token:
        await request.app[DOORS].sign_out(token, address(request))
    response = see_other("/sign-in?out")
    drop_cookie(response, https=https(request))
    return response


@public
async def _language(request: web.Request) -> web.StreamResponse:
    fields = await form(request)
    chosen = fields.get("language")
    if chosen not in LANGUAGES:
        raise RefusedError(f"{chosen!r} is no language of the pages", f"choose one of: {', '.join(LANGUAGES)}", code="bad_form")
    response = see_other(within(fields.get("next")))
    response.set_cookie(LANGUAGE_COOKIE, chosen, path="/", max_age=YEAR, httponly=True, secure=https(request), samesite="Strict")
    return response
