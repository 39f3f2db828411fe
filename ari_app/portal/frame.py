"""What every page stands on: who asks and in which language, the words, the templates, and the marks of what a handler needs.

A handler is for members unless it is marked: ``@public`` has a door of its own (sign-in, a phone's token, an API key), ``@administrator``
is for administrators.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any, TypeVar

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from yarl import URL

from ari_app.board import Actor, Member, Role
from ari_app.clock import Clock
from ari_app.desk import Desk
from ari_app.desk.doors import Doors
from ari_app.errors import RefusedError
from ari_app.portal.assets import Assets
from ari_app.portal.rows import plain
from ari_app.portal.security import Proxies
from ari_app.portal.speech import Speech
from ari_app.portal.words import LANGUAGES
from ari_app.settings import Settings
from ari_app.standing import Standing

__all__ = [
    "ACTOR",
    "ASSETS",
    "CLOCK",
    "DESK",
    "DOORS",
    "LANGUAGE_COOKIE",
    "MEMBER",
    "NAVIGATION",
    "PROXIES",
    "RINGING",
    "SETTINGS",
    "STANDING",
    "TEMPLATES",
    "VERSION",
    "Handler",
    "actor",
    "address",
    "administrator",
    "https",
    "is_administrator_only",
    "is_public",
    "language",
    "member",
    "page",
    "public",
    "render",
    "say",
    "see_other",
    "speech",
    "templates",
    "wants_fragment",
    "within",
]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_H = TypeVar("_H", bound=Handler)

DESK = web.AppKey("desk", Desk)
DOORS = web.AppKey("doors", Doors)
STANDING = web.AppKey("standing", Standing)
SETTINGS = web.AppKey("settings", Settings)
"""As the file has them: for what only the file rules (clinic, portal)."""
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
ASSETS = web.AppKey("assets", Assets)
PROXIES = web.AppKey("proxies", Proxies)
TEMPLATES = web.AppKey("templates", Environment)
VERSION: web.AppKey[Callable[[], str]] = web.AppKey("version")
"""What a page that is drawn now knows: its live stream goes on from there."""
RINGING: web.AppKey[Callable[[str], Markup]] = web.AppKey("ringing")
"""The calls that ring now, drawn for the pages of a language."""

ACTOR: web.RequestKey[Actor] = web.RequestKey("actor")
MEMBER: web.RequestKey[Member] = web.RequestKey("member")
LANGUAGE_COOKIE = "language"
_ROWS_KEPT = 500
"""Drawn lines of the inbox that are not drawn again: about a kilobyte each."""
_PACKED_HERE = 256 * 1024
"""Bytes of a page up to which it is compressed on the event loop: 2 ms."""

_SCRIPT_WORDS = (
    "live.on",
    "live.off",
    "live.ended",
    "live.lost",
    "in.button",
    "now",
    "age.minutes",
    "age.hours",
    "age.days",
    "row.holder.you",
    "notify.text",
    "notify.call",
    "notify.voicemail",
    "notify.denied",
    "ring.open",
)
"""Words that scripts say by themselves."""
NAVIGATION: tuple[tuple[str, str, bool], ...] = (
    ("/", "nav.inbox", False),
    ("/contacts", "nav.contacts", False),
    ("/statistics", "nav.statistics", False),
    ("/admin", "nav.admin", True),
)
"""Path, key of its word, for administrators only."""


def public(handler: _H) -> _H:
    """Mark a handler that needs no session."""
    handler.textback_public = True  # type: ignore[attr-defined]
    return handler


def administrator(handler: _H) -> _H:
    """Mark a handler that is for administrators."""
    handler.textback_administrator = True  # type: ignore[attr-defined]
    return handler


def is_public(handler: object) -> bool:
    return bool(getattr(handler, "textback_public", False))


def is_administrator_only(handler: object) -> bool:
    return bool(getattr(handler, "textback_administrator", False))


def actor(request: web.Request) -> Actor:
    """Who is signed in. Raises RefusedError, code ``signed_out``, where nobody is."""
    found: Actor | None = request.get(ACTOR)
    if found is None:
        raise RefusedError("nobody is signed in", "sign in", code="signed_out")
    return found


def member(request: web.Request) -> Member | None:
    """The member signed in, None where nobody is."""
    return request.get(MEMBER)


def address(request: web.Request) -> str:
    """IP address of who asks."""
    return request.app[PROXIES].address(request)


def https(request: web.Request) -> bool:
    """Does the browser speak TLS."""
    return request.app[PROXIES].https(request)


def language(request: web.Request) -> str:
    """Of the page: chosen on it, else the member's own, else the first one the browser asks for that there is, else the clinic's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    who = member(request)
    if who is not None and who.language in LANGUAGES:
        return str(who.language)
    return _accepted(request.headers.get("Accept-Language", "")) or request.app[SETTINGS].clinic.languages[0]


def _accepted(header: str) -> str | None:
    """The language of Accept-Language (RFC 9110 12.5.4) with the highest weight that pages are written in."""
    best: tuple[float, str] | None = None
    for item in header.split(","):
        name, _, weight = item.partition(";")
        code = name.strip().partition("-")[0].lower()
        try:
            value = float(weight.partition("=")[2]) if weight else 1.0
        except ValueError:
            continue
        if code in LANGUAGES and value > 0 and (best is None or value > best[0]):
            best = (value, code)
    return best[1] if best else None


def say(request: web.Request) -> Speech:
    """How things are said to who asks."""
    clinic = request.app[SETTINGS].clinic
    return Speech(language(request), clinic.zone, clinic.country, request.app[CLOCK].now())


def speech(app: web.Application, code: str, now: datetime) -> Speech:
    """How things are said in a language, to nobody in particular."""
    clinic = app[SETTINGS].clinic
    return Speech(code, clinic.zone, clinic.country, now)


def templates(assets: Assets) -> Environment:
    """The templates: everything escaped, and a name nobody gave is an error."""
    environment = Environment(
        loader=PackageLoader("ari_app.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = assets.address
    environment.globals["icon"] = partial(_icon, assets.address("icons.svg"))
    environment.filters["visible"] = plain
    # most of a list is as it was at the last look
    environment.globals["row"] = lru_cache(maxsize=_ROWS_KEPT)(environment.get_template("_row.html").module.row)  # type: ignore[attr-defined]
    return environment


@cache
def _icon(file: str, name: str) -> Markup:
    """A picture of icons.svg."""
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>').format(file, name)


def wants_fragment(request: web.Request) -> bool:
    """Does a script of ours ask, which needs the part that changed and no page around it."""
    return request.headers.get("X-Textback") == "fragment"


def render(request: web.Request, template: str, **context: Any) -> str:
    """A template's text, with what every page knows: t (the words), clinic, who, path, here, navigation, version."""
    who = member(request)
    known = {
        "t": say(request),
        "clinic": request.app[SETTINGS].clinic.name,
        "who": who,
        "path": request.path,
        "here": within(request.path_qs) if request.method == "GET" else "/",
        "navigation": [(path, key) for path, key, only in NAVIGATION if not only or (who is not None and who.role is Role.ADMINISTRATOR)],
        "version": request.app[VERSION](),
        "ringing": request.app[RINGING](language(request)),
        "script_words": _SCRIPT_WORDS,
    }
    return request.app[TEMPLATES].get_template(template).render(known | context)


def within(path: str | None) -> str:
    """A path of ours to go on to, without what was said at it; the inbox for what leads elsewhere ("//evil.example", "/\\evil.example")."""
    if not path or not path.startswith("/") or path[1:2] in {"/", "\\"} or any(char < " " for char in path):
        return "/"
    try:
        return str(URL(path).without_query_params("said"))
    except ValueError:
        return "/"


def see_other(path: str) -> web.Response:
    """Go on to a path, by GET (RFC 9110 15.4.4)."""
    return web.Response(status=303, headers={"Location": path})


def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page, or a part of one, as the answer."""
    text = render(request, template, **context)
    # a page is packed in a fraction of a millisecond: handing it to another thread takes as long
    response = web.Response(text=text, status=status, content_type="text/html", zlib_executor_size=_PACKED_HERE)
    response.headers["Content-Language"] = language(request)
    response.headers["Vary"] = "Cookie, Accept-Language, X-Textback"
    response.enable_compression()
    return response
