"""An ARI server that misbehaves on demand: real HTTP, real websockets, on a real port of loopback. Only for faults a real Asterisk cannot
be told to have; everything else is tested on Asterisk itself."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any, Self

from aiohttp import WSCloseCode, web

USER = "textback"
PASSWORD = "s3cret-of-the-lab"


class FakeAri:
    """Answers as Asterisk does. Set the attributes to have it fail; ``say`` sends events to every open socket."""

    def __init__(self) -> None:
        self.status = 0
        """Not 0: every request is answered with this status."""
        self.stuck = False
        """No request is ever answered."""
        self.statuses: list[int] = []
        """Statuses of the next requests for the event socket, before it behaves."""
        self.channels: list[dict[str, Any]] = []
        self.bridges: list[dict[str, Any]] = []
        self.variables: dict[tuple[str, str], str] = {}
        self.globals: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.endpoints: dict[str, str] = {}
        self.trusted: dict[str, str] = {}
        """Endpoint → its trust_id_inbound."""
        self.filter: dict[str, Any] = {}
        self.filter_status = 200
        self.app_known = True
        self.requests: list[str] = []
        """Method and path with query, as they came."""
        self.on_snapshot: list[dict[str, Any]] = []
        """Events sent while the snapshot is being read."""
        self.sockets: list[web.WebSocketResponse] = []
        self.opened = 0
        self._transports: list[asyncio.Transport] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def up(cls) -> AsyncIterator[Self]:
        fake = cls()
        await fake.start()
        try:
            yield fake
        finally:
            await fake.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/ari/events", self._events)
        app.router.add_put("/ari/applications/{app}/eventFilter", self._set_filter)
        app.router.add_get("/ari/applications/{app}", self._application)
        app.router.add_get("/ari/channels", self._list_channels)
        app.router.add_get("/ari/bridges", self._list_bridges)
        app.router.add_get("/ari/channels/{id}/variable", self._variable)
        app.router.add_post("/ari/asterisk/variable", self._set_global)
        app.router.add_get("/ari/asterisk/variable", self._get_global)
        app.router.add_post("/ari/events/user/{name}", self._user_event)
        app.router.add_get("/ari/asterisk/info", self._info)
        app.router.add_get("/ari/deviceStates/{name}", self._device)
        app.router.add_get("/ari/asterisk/config/dynamic/res_pjsip/endpoint/{id}", self._endpoint)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.reset()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # faults

    async def close(self) -> None:
        """A clean close of every event socket."""
        for each in self.sockets:
            await each.close(code=WSCloseCode.GOING_AWAY)
        self.sockets.clear()

    def reset(self) -> None:
        """A TCP reset of every event socket."""
        for transport in self._transports:
            sock = transport.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        self._transports.clear()
        self.sockets.clear()

    def freeze(self) -> None:
        """Half-open: the sockets stay, and nothing is read from them any more, not even a ping."""
        for transport in self._transports:
            transport.pause_reading()

    async def say(self, *documents: dict[str, Any] | str | bytes) -> None:
        for document in documents:
            for each in list(self.sockets):
                if isinstance(document, bytes):
                    await each.send_bytes(document)
                else:
                    await each.send_str(document if isinstance(document, str) else json.dumps(document))

    # what Asterisk does

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if self.stuck:
            await asyncio.Event().wait()
        if self.status:
            return web.json_response({"message": "told to"}, status=self.status)
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return web.json_response({"message": "Authentication required"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.statuses:
            return web.json_response({"message": "told to"}, status=self.statuses.pop(0))
        assert request.query["subscribeAll"] == "true"
        each = web.WebSocketResponse()
        await each.prepare(request)
        self.opened += 1
        self.sockets.append(each)
        assert isinstance(request.transport, asyncio.Transport)
        self._transports.append(request.transport)
        async for _message in each:
            pass
        return each

    async def _set_filter(self, request: web.Request) -> web.Response:
        self.filter = await request.json()
        return web.json_response({}, status=self.filter_status)

    async def _application(self, request: web.Request) -> web.Response:
        if not self.app_known:
            return web.json_response({"message": "Application not found"}, status=404)
        return web.json_response({"name": request.match_info["app"]})

    async def _list_channels(self, _request: web.Request) -> web.Response:
        await self.say(*self.on_snapshot)
        return web.json_response(self.channels)

    async def _list_bridges(self, _request: web.Request) -> web.Response:
        return web.json_response(self.bridges)

    async def _variable(self, request: web.Request) -> web.Response:
        value = self.variables.get((request.match_info["id"], request.query["variable"]))
        if value is None:
            return web.json_response({"message": "Channel not found"}, status=404)
        return web.json_response({"value": value})

    async def _set_global(self, request: web.Request) -> web.Response:
        self.globals[request.query["variable"]] = request.query["value"]
        return web.Response(status=204)

    async def _get_global(self, request: web.Request) -> web.Response:
        return web.json_response({"value": self.globals.get(request.query["variable"], "")})

    async def _user_event(self, request: web.Request) -> web.Response:
        if not self.app_known:
            return web.json_response({"message": "Application not found"}, status=404)
        variables = (await request.json())["variables"]
        await self.say({"type": "ChannelUserevent", "eventname": request.match_info["name"], "userevent": variables})
        return web.Response(status=204)

    async def _info(self, _request: web.Request) -> web.Response:
        return web.json_response({"system": {"version": "22.0.0"}})

    async def _device(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({"name": name, "state": self.devices.get(name, "UNKNOWN")})

    async def _endpoint(self, request: web.Request) -> web.Response:
        context = self.endpoints.get(request.match_info["id"])
        if context is None:
            return web.json_response({"message": "Not found"}, status=404)
        trusted = self.trusted.get(request.match_info["id"], "false")
        return web.json_response([{"attribute": "context", "value": context}, {"attribute": "trust_id_inbound", "value": trusted}])
