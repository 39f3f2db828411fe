"""What stands between the network and a page: who asks, from where, whether the page that asks is ours, and the headers each answer has.

Cross-site requests are told by what browsers say of themselves: Sec-Fetch-Site (W3C Fetch Metadata Request Headers), else Origin
(RFC 6454). Cookies: RFC 6265bis (``__Host-``, SameSite). Content Security Policy: W3C CSP level 3.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ari_app.desk.doors import is_token, new_token
from ari_app.errors import RefusedError

__all__ = [
    "COOKIE",
    "HEADERS",
    "YEAR",
    "Network",
    "Proxies",
    "browser_of",
    "cookie_name",
    "cross_site",
    "drop_cookie",
    "keep_browser",
    "networks",
    "received",
    "set_cookie",
    "within",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_T = TypeVar("_T")

SLOWEST = 20.0
"""Seconds in which a request's body must be here: one that never comes must not hold a connection."""
COOKIE = "textback"
_BROWSER = "browser"
YEAR = 365 * 24 * 3600
"""Seconds."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers then say "Origin: null" of our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # pages show what patients wrote: nothing of it stays on a disk between browser and us
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise."""


def networks(written: Sequence[str]) -> tuple[Network, ...]:
    """Networks of CIDRs or single addresses, as settings have them."""
    return tuple(ipaddress.ip_network(each, strict=False) for each in written)


def within(address: str, allowed: Sequence[Network]) -> bool:
    """Is an IP address in one of these networks. An IPv4 address mapped into IPv6 counts as itself; what is none is in no network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in allowed)


class Proxies:
    """Whose word about the browser's address and scheme is taken: that of [portal] proxies, and nobody else's."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = networks(trusted)

    def address(self, request: web.Request) -> str:
        """IP address of who asks: the last one in X-Forwarded-For that is no proxy of ours, where a proxy of ours asks for them."""
        address = _plain(request.remote or "")
        if not within(address, self._trusted):
            return address
        for hop in reversed(",".join(request.headers.getall("X-Forwarded-For", [])).split(",")):
            told = _plain(hop.strip())
            if not _is_address(told):
                break
            address = told
            if not within(told, self._trusted):
                break
        return address

    def unnamed(self, request: web.Request) -> bool:
        """Does somebody ask for another who is no proxy of ours."""
        return "X-Forwarded-For" in request.headers and not within(_plain(request.remote or ""), self._trusted)

    def https(self, request: web.Request) -> bool:
        """Does the browser speak TLS, to us or to a proxy of ours."""
        if within(_plain(request.remote or ""), self._trusted):
            told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
            if told:
                return told == "https"
        return request.secure


def cross_site(request: web.Request, *, https: bool, base_url: str | None) -> bool:
    """Would this request act in somebody's name for a page that is not ours. False for what only reads.

    Browsers send Sec-Fetch-Site over TLS and to loopback, and Origin with every POST. What sends neither is no browser: it may act if
    it brings no session of one.
    """
    if request.method in _SAFE:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return any(name in request.cookies for name in (COOKIE, f"__Host-{COOKIE}"))
    ours = {f"{'https' if https else 'http'}://{request.host}".lower()}
    if base_url:
        parts = urlsplit(base_url)
        ours.add(f"{parts.scheme}://{parts.netloc}".lower())
    return origin.lower() not in ours


async def received(body: Awaitable[_T]) -> _T:
    """What ``body`` reads of a request.

    Raises RefusedError, code ``bad_form``, for one in no known character set or encoding; HTTPRequestTimeout after ``SLOWEST`` seconds.
    """
    try:
        async with asyncio.timeout(SLOWEST):
            return await body
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ValueError, LookupError, HttpProcessingError, web.RequestPayloadError) as error:
        raise RefusedError("the form cannot be read", "reload the page and try again", code="bad_form") from error


def cookie_name(*, https: bool) -> str:
    """Name of the session cookie. ``__Host-``: browsers take it over TLS only, and no other host of the domain can set it."""
    return _prefixed(COOKIE, https=https)


def _prefixed(name: str, *, https: bool) -> str:
    return f"__Host-{name}" if https else name


def set_cookie(response: web.StreamResponse, token: str, *, https: bool) -> None:
    """Give the browser its session, until it is closed or the session ends."""
    response.set_cookie(cookie_name(https=https), token, path="/", httponly=True, secure=https, samesite="Strict")


def browser_of(request: web.Request, *, https: bool) -> str:
    """The token by which this browser is known when somebody signs in again; a new one for a browser that has none."""
    kept = request.cookies.get(_prefixed(_BROWSER, https=https), "")
    return kept if is_token(kept) else new_token()


def keep_browser(response: web.StreamResponse, browser: str, *, https: bool) -> None:
    """Let the browser keep it. It opens nothing."""
    name = _prefixed(_BROWSER, https=https)
    response.set_cookie(name, browser, path="/", max_age=YEAR, httponly=True, secure=https, samesite="Strict")


def drop_cookie(response: web.StreamResponse, *, https: bool) -> None:
    """Take it away."""
    response.del_cookie(cookie_name(https=https), path="/", httponly=True, secure=https, samesite="Strict")


def _plain(address: str) -> str:
    """Without the port and brackets that some proxies write, and without the mapping of IPv4 into IPv6."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    return address.removeprefix("::ffff:") if "." in address else address


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
