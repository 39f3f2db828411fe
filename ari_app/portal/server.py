"""The portal's server: one aiohttp application with its doors, its headers and its live stream; the rooms hang their routes into it."""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections.abc import Callable, Collection
from urllib.parse import quote

import structlog
from aiohttp import web

from ari_app.board import Role
from ari_app.clock import Clock
from ari_app.desk import Desk
from ari_app.desk.doors import Doors
from ari_app.errors import NotFoundError, RefusedError, SettingsError, StoreError, TextbackError
from ari_app.events import Notice
from ari_app.metrics import Vitals
from ari_app.portal import (
    acts,
    admin,
    api,
    contacts,
    entry,
    filing,
    health,
    inbox,
    live,
    phones,
    record,
    ringing,
    statistics,
    thread,
    voicemail,
    writing,
)
from ari_app.portal.assets import Assets
from ari_app.portal.entry import form
from ari_app.portal.frame import (
    ACTOR,
    ASSETS,
    CLOCK,
    DESK,
    DOORS,
    MEMBER,
    PROXIES,
    RINGING,
    SETTINGS,
    STANDING,
    TEMPLATES,
    VERSION,
    Handler,
    actor,
    address,
    https,
    is_administrator_only,
    is_public,
    page,
    say,
    see_other,
    templates,
    wants_fragment,
    within,
)
from ari_app.portal.live import LIVE, Live
from ari_app.portal.security import HEADERS, Proxies, cookie_name, cross_site
from ari_app.standing import Standing

__all__ = ["Portal", "application"]

log = structlog.get_logger(__name__)

_LARGEST = 64 * 1024
"""Bytes of a request's body: the longest text that fits in SMS is 2,448 characters."""
_ENDING = 3.0
"""Seconds that requests under way are given at a stop."""
_IDLE = 75.0
"""Seconds without a request after which a connection is closed, also one that never made any."""
MOST = 1500
"""Connections at once: pages have one or two each."""


def application(standing: Standing, desk: Desk, doors: Doors, clock: Clock, vitals: Vitals | None = None) -> web.Application:
    """The portal as an aiohttp application, with every route; /healthz and /metrics where there are ``vitals``."""
    app = web.Application(middlewares=[_errors, _origin, _session], client_max_size=_LARGEST)
    assets = Assets()
    app[STANDING], app[SETTINGS], app[DESK], app[DOORS], app[CLOCK] = standing, standing.file, desk, doors, clock
    app[ASSETS], app[TEMPLATES] = assets, templates(assets)
    app[PROXIES] = Proxies(standing.file.portal.proxies)
    app[LIVE] = live_ = Live(app)
    app[VERSION], app[RINGING] = lambda: live_.version, live_.ringing
    app.on_response_prepare.append(_headers)
    app.router.add_get("/static/{version}/{name}", _static)
    for room in (entry, inbox, thread, acts, writing, ringing, voicemail, filing, contacts, statistics, admin, record, api, phones, live):
        room.add_routes(app)
    if vitals is not None:
        health.add_routes(app, vitals)
    return app


class Portal:
    """Serves [portal] listen. ``noticed`` and ``overdue`` are called on the event loop, after the commit they tell of.

    ``listen``: another address ("127.0.0.1:0" takes any free port).
    """

    def __init__(
        self, standing: Standing, desk: Desk, doors: Doors, clock: Clock, *, listen: str | None = None, vitals: Vitals | None = None
    ) -> None:
        self._settings = standing.file.portal
        self._listen = listen or self._settings.listen
        self.app = application(standing, desk, doors, clock, vitals)
        self.live = self.app[LIVE]
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 when not listening."""
        return int(self._listener.sockets[0].getsockname()[1]) if self._listener is not None and self._listener.sockets else 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._runner.server.connections) if self._runner is not None and self._runner.server is not None else 0

    def noticed(self, notices: Collection[Notice]) -> None:
        """Something changed: open pages are told."""
        self.live.noticed(notices)

    def overdue(self, threads: Collection[int]) -> None:
        """These threads wait for too long: members who asked for notifications get one."""
        self.live.overdue(threads)

    def ringing_changed(self) -> None:
        """Another call rings, or one does no more: what ``Desk.ringing`` says changed."""
        self.live.ringing_changed()

    async def run(self) -> None:
        """Serve until cancelled. Raises SettingsError when the address or the certificate cannot be used."""
        try:
            await self.start()
            await self.live.run()
        finally:
            await self.close()

    async def start(self) -> None:
        """Begin to listen. Raises SettingsError."""
        host, _, port = self._listen.rpartition(":")
        context = self._tls()
        # access logs would hold numbers, and what was asked for
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=_ENDING, keepalive_timeout=_IDLE)
        await self._runner.setup()
        # the store, the modems and the PBX need files as well: a flood of connections must not take the last ones
        most = min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        accept = _accept(self._runner, most)
        try:
            self._listener = await asyncio.get_running_loop().create_server(accept, host.strip("[]"), int(port), ssl=context)
        except OSError as error:
            raise SettingsError(
                f"portal.listen: cannot listen on {self._listen} ({error.strerror or error})",
                "is another textback running? Else set another address or port",
            ) from error

    async def close(self) -> None:
        """End the live streams, then stop listening. Idempotent."""
        self.live.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        certificate, key = self._settings.certificate, self._settings.key
        if certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"portal.certificate: {certificate} and {key} cannot be used ({getattr(error, 'strerror', None) or error})",
                "name a PEM certificate chain and its key, both readable by the service's user",
            ) from error
        return context


def _accept(runner: web.AppRunner, most: int) -> Callable[[], asyncio.Protocol]:
    """Makes what serves a connection; one beyond ``most`` is closed at once."""
    full = False

    def protocol() -> asyncio.Protocol:
        nonlocal full
        assert runner.server is not None  # noqa: S101 - set up
        before, full = full, len(runner.server.connections) >= most
        if full and not before:
            log.warning("too_many_connections", most=most)
        return _Full() if full else runner.server()

    return protocol


class _Full(asyncio.Protocol):
    """Serves nobody."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as a page in the reader's language, or as JSON under /api/."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = {404: "not_found", 413: "too_big"}.get(error.status, "bad_form")
        return _error(request, error.status, RefusedError(error.reason, "", code=code))
    except TextbackError as error:
        return _error(request, _status(error), error, await _written(request, error))
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:
        # one request that fails must not end the service; what it was about stays out of the log
        log.exception("request_failed", method=request.method, route=_route(request))
        return _error(request, 500, RefusedError("something went wrong here", "look into the log", code="broken"))


def _status(error: TextbackError) -> int:
    """HTTP status of a refusal (RFC 9110 15.5, 15.6)."""
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, StoreError):
        return 503
    return {"signed_out": 401, "forbidden": 403, "cross_site": 403, "throttled": 429, "bad_login": 403, "bad_form": 400}.get(
        error.code, 409
    )


async def _written(request: web.Request, error: TextbackError) -> dict[str, str]:
    """What somebody wrote whose session ended meanwhile: it is shown, to be sent once they signed in again."""
    if error.code != "signed_out" or request.method != "POST" or request.path.startswith("/api/"):
        return {}
    try:
        return await form(request)
    except (TextbackError, web.HTTPException):
        return {}


def _error(request: web.Request, status: int, error: TextbackError, fields: dict[str, str] | None = None) -> web.Response:
    what, fix = say(request).refusal(error)
    if request.path.startswith("/api/"):
        return web.json_response({"error": {"code": error.code, "what": error.what, "fix": error.fix}}, status=status)
    template = "_refused.html" if wants_fragment(request) else "refused.html"
    back: dict[str, str] = {}
    if error.code == "signed_out":
        onward = (fields or {}).get("next") or (request.path if request.path == "/new" else "/")
        back = {"back": f"/sign-in?next={quote(within(onward), safe='')}", "onward": say(request)("in.button")}
    return page(request, template, status=status, what=what, fix=fix, offers=(), words=(fields or {}).get("text"), **back)


def _route(request: web.Request) -> str:
    """Which handler, without what the address holds."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "-"


@web.middleware
async def _origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses what another site's page would have done in a member's name."""
    if cross_site(request, https=https(request), base_url=request.app[SETTINGS].portal.base_url):
        raise RefusedError("the request came from another page", "open the portal itself and do it there", code="cross_site")
    return await handler(request)


@web.middleware
async def _session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who asks, and whether they may."""
    token = request.cookies.get(cookie_name(https=https(request)))
    doors = request.app[DOORS]
    if token and not request.path.startswith("/static/"):
        # what a page fetches by itself does not make a session last
        found = await doors.session(token, address(request), touch="X-Background" not in request.headers)
        if found is not None:
            request[ACTOR], request[MEMBER] = found
    needs = request.match_info.handler
    if is_public(needs) or request.match_info.http_exception is not None:
        return await handler(request)
    if ACTOR not in request:
        if request.method == "GET" and not wants_fragment(request) and not request.path.startswith("/api/"):
            ended = "&ended" if token else ""
            return see_other(f"/sign-in?next={quote(request.path_qs, safe='')}{ended}")
        raise RefusedError("nobody is signed in", "sign in", code="signed_out")
    if is_administrator_only(needs) and actor(request).role is not Role.ADMINISTRATOR:
        raise RefusedError("only administrators may do this", "ask one of them", code="forbidden")
    return await handler(request)


async def _static(request: web.Request) -> web.StreamResponse:
    return await request.app[ASSETS].serve(request)


_static.textback_public = True  # type: ignore[attr-defined]


async def _headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)  # which release of what serves it is nobody's business
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
