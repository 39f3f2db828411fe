"""/healthz and /metrics: for what watches the service, not for people. They say nothing of who called or wrote."""

from __future__ import annotations

from aiohttp import web

from ari_app.metrics import Vitals
from ari_app.portal.frame import PROXIES, SETTINGS, address, public
from ari_app.portal.security import networks, within

__all__ = ["add_routes"]

_VITALS = web.AppKey("vitals", Vitals)


def add_routes(app: web.Application, vitals: Vitals) -> None:
    app[_VITALS] = vitals
    app.router.add_get("/healthz", _health)
    app.router.add_get("/metrics", _metrics)


@public
async def _health(request: web.Request) -> web.Response:
    """For load balancers and monitors: 200 or 503, and one word per part."""
    found = await request.app[_VITALS].health()
    return web.json_response({"status": "ok" if found.ok else "failing", "parts": found.parts}, status=200 if found.ok else 503)


@public
async def _metrics(request: web.Request) -> web.Response:
    allowed = networks(request.app[SETTINGS].portal.metrics)
    # an unlisted proxy on this machine would lend its address to anybody
    if request.app[PROXIES].unnamed(request) or not within(address(request), allowed):
        return web.Response(status=403, text="portal.metrics in textback.toml says which networks may read this.\n")
    body = await request.app[_VITALS].metrics()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
