"""GET /p/<token>/<brand>/…: desk phones. Every answer is a screen in the phone's own dialect, errors as well: a phone shows no other.

Outside portal.phones.allow nothing is told, not even whether the token is one. Phones only ever GET, so that what acts is named by a
nonce in its address; HEAD is not answered.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote_to_bytes

import structlog
from aiohttp import web

from ari_app.errors import RefusedError, StoreError, TextbackError
from ari_app.numbers import dialled
from ari_app.portal.frame import CLOCK, DESK, DOORS, PROXIES, SETTINGS, address, language, public
from ari_app.portal.phone_words import DIAL_IN, WORDS, Words
from ari_app.portal.phones.brands import BRANDS, Brand, brand_of
from ari_app.portal.phones.gate import Deeds, Gate
from ari_app.portal.phones.markup import Canvas
from ari_app.portal.phones.pages import Pages, told
from ari_app.portal.phones.render import charset_of, headers_of, rendered
from ari_app.portal.screen_flow import Flow
from ari_app.portal.screens import Ack, Key, Screen, Verb

__all__ = ["add_routes"]

log = structlog.get_logger("phones")

_GATE = web.AppKey("phones_gate", Gate)
_DEEDS = web.AppKey("phones_deeds", Deeds)


def add_routes(app: web.Application) -> None:
    """The desk phones' addresses."""
    app[_GATE] = Gate(app[SETTINGS].portal, app[DOORS], app[CLOCK])
    app[_DEEDS] = Deeds()
    app.router.add_get(r"/p/waiting/{count:[1-9]\d{0,3}}/{language:fr|en}", _waiting, allow_head=False)
    app.router.add_get("/p/{token}", _unknown, allow_head=False)
    app.router.add_get("/p/{token}/{brand}", _phone, allow_head=False)
    app.router.add_get("/p/{token}/{brand}/{path:.*}", _phone, allow_head=False)


def _admitted(request: web.Request) -> bool:
    """Does a phone's network ask. Not through a proxy that nobody named: whom it asks for, its own address does not say."""
    return request.app[_GATE].admits(address(request)) and not request.app[PROXIES].unnamed(request)


@public
async def _unknown(request: web.Request) -> web.Response:
    return _plain_text(request)


def _plain_text(request: web.Request) -> web.Response:
    """For phones whose dialect nobody knows: the voice menu works on any."""
    status = 200 if _admitted(request) else 403
    response = web.Response(status=status, text=DIAL_IN, content_type="text/plain", charset="utf-8")
    response.force_close()
    return response


@public
async def _waiting(request: web.Request) -> web.Response:
    """What a push makes a Cisco phone open: how many wait, of which nobody is named. Needs no token, as it reads nothing."""
    if not _admitted(request):
        return _plain_text(request)
    say = Words(request.match_info["language"])
    keys = (Key(say("exit"), Verb.EXIT),)
    screen = Ack(say("to_answer"), say("box_i", count=request.match_info["count"]), keys, Verb.EXIT, None)
    return _answer(request, BRANDS["cisco-mpp"], Canvas(BRANDS["cisco-mpp"], ""), screen)


@public
async def _phone(request: web.Request) -> web.Response:
    brand = brand_of(request.match_info["brand"], request.headers.get("User-Agent", ""))
    if brand is None:
        return _plain_text(request)
    token = request.match_info["token"]
    canvas = Canvas(
        brand,
        f"{request.app[SETTINGS].portal.address}/p/{token}/{request.match_info['brand']}",
        select_first=brand.name != "cisco" or request.headers.get("x-CiscoIPPhoneModelName", "").startswith("CP-79"),
    )
    flow = _flow(request, brand, language(request))
    try:
        status, screen = await _decided(request, brand, flow)
    except StoreError as error:
        log.error("phone_failed", what=error.what)
        status, screen = 200, flow.error(flow.words("trouble"))
    except Exception:
        # a phone shows nothing of any other answer; what it was about stays out of the log
        log.exception("phone_broken", brand=brand.name)
        status, screen = 200, flow.error(flow.words("trouble"))
    return _answer(request, brand, canvas, screen, status)


async def _decided(request: web.Request, brand: Brand, flow: Flow) -> tuple[int, Screen]:
    """HTTP status and screen. Raises StoreError."""
    gate, where = request.app[_GATE], address(request)
    if not _admitted(request):
        return 403, flow.error(flow.words("not_from_here"), None)
    try:
        phone = await gate.phone(request.match_info["token"], where)
    except RefusedError:
        return 429, flow.error(flow.words("flood"), None)
    if phone is None:
        log.warning("phone_unknown", address=where, brand=brand.name)
        return 200, flow.error(flow.words("unknown_key"), None)
    flow = _flow(request, brand, phone.member.language if phone.member.language in WORDS else language(request), phone.member.id)
    pages = Pages(request.app[DESK], gate, request.app[_DEEDS], phone, flow, request.app[SETTINGS].clinic.languages[0])
    try:
        return 200, await pages.answer(request.match_info.get("path", "").strip("/"), _typed(request))
    except StoreError:
        raise
    except TextbackError as error:
        return 200, flow.error(told(error, flow.words))


def _flow(request: web.Request, brand: Brand, code: str | None, member: int | None = None) -> Flow:
    settings = request.app[SETTINGS]
    country = settings.clinic.country
    return Flow(
        words=Words(code or settings.clinic.languages[0]),
        member=member,
        shape=brand.shape,
        zone=settings.clinic.zone,
        country=country,
        now=request.app[CLOCK].now(),
        nonce=request.app[_DEEDS].nonce,
        dial=partial(dialled, country=country, pattern=settings.pbx.dial),
    )


def _answer(request: web.Request, brand: Brand, canvas: Canvas, screen: Screen, status: int = 200) -> web.Response:
    charset = charset_of(brand, request.headers)
    response = web.Response(status=status, body=rendered(screen, canvas, charset), headers=headers_of(screen, canvas, charset))
    if status == 429:
        response.headers["Retry-After"] = "60"
    # old phones take no further request on a connection
    response.force_close()
    return response


def _typed(request: web.Request) -> str:
    """What was typed: ``m`` of the query. Phones encode as UTF-8 or ISO-8859-1, and do not say which."""
    for pair in request.rel_url.raw_query_string.split("&"):
        name, _, value = pair.partition("=")
        if name == "m":
            raw = unquote_to_bytes(value.replace("+", " ").encode("utf-8", "surrogateescape"))
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                return raw.decode("iso-8859-1")
    return ""
