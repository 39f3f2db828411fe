"""A thin ARI client on aiohttp: one websocket that hears the whole PBX, and the few REST requests the watcher needs.

Sources: Asterisk's ``rest-api/api-docs``, ``configs/samples/ari.conf.sample`` (websocket_write_timeout). No call enters Stasis and
no dialplan line changes: the subscription is passive. Credentials travel in a header only.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import structlog

from ari_app.clock import Clock
from ari_app.errors import PbxAuthError, PbxError, PbxReplacedError, PbxRequestError, PbxUnavailableError
from ari_app.pbx.events import (
    READ_TYPES,
    ApplicationReplaced,
    Connected,
    Disconnected,
    Event,
    Snapshot,
    read_bridge,
    read_channel,
    read_event,
)
from ari_app.settings import PbxSettings

__all__ = ["AriClient"]

log = structlog.get_logger("pbx.ari")

_QUEUE = 20_000
"""Events kept while the watcher is busy: some 40 s of a PBX with 5 calls/s."""
_ALL_DEVICES = "__AST_DEVICE_STATE_ALL_TOPIC"
_BACKOFF = (0.2, 15.0)
"""Seconds before the first and, after doubling, between the later attempts; each drawn from the upper half of its span."""


_T = TypeVar("_T")


class _Lost(Exception):  # noqa: N818 — not an error to anybody: it ends one connection, and the next one begins
    """The connection is over; the message says why."""


class AriClient:
    """Speaks ARI with one Asterisk.

    ``device_states`` names the devices (night switches) whose state is followed. ``heartbeat`` is the seconds between websocket
    pings; a peer silent for one and a half of it is lost. ``patience`` is the seconds a request may take. ``events`` may be iterated
    once at a time.
    """

    def __init__(
        self,
        settings: PbxSettings,
        clock: Clock,
        *,
        device_states: tuple[str, ...] = (),
        heartbeat: float = 10.0,
        patience: float = 5.0,
        queue: int = _QUEUE,
    ) -> None:
        self._base = settings.ari.rstrip("/") + "/ari"
        self._app = settings.app
        self._user = settings.username
        self._authorization = "Basic " + base64.b64encode(f"{settings.username}:{settings.read_password()}".encode()).decode("ascii")
        self._clock = clock
        self._device_states = device_states
        self._heartbeat = heartbeat
        self._patience = patience
        self._queue_size = queue
        self._http: aiohttp.ClientSession | None = None
        self.unreadable = 0
        """Messages that were no JSON object."""
        self.overflows = 0
        """Times events came faster than they were handled."""

    async def close(self) -> None:
        """Give back every socket. May be called twice."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    # REST

    async def info(self) -> dict[str, Any]:
        """``GET /asterisk/info``: version, configuration, status."""
        found = await self._request("GET", "/asterisk/info")
        return found if isinstance(found, dict) else {}

    async def variable(self, channel_id: str, name: str) -> str | None:
        """A channel variable or function ("CALLERID(num-pres)"); None when the channel is gone or has none."""
        return await self._value(f"/channels/{quote(channel_id, safe='')}/variable", name)

    async def set_global(self, name: str, value: str) -> None:
        """Set a global variable of the dialplan."""
        await self._request("POST", "/asterisk/variable", {"variable": name, "value": value})

    async def device_state(self, name: str) -> str | None:
        """State of a device ("INUSE", "NOT_INUSE" …), None when Asterisk names none."""
        try:
            found = await self._request("GET", f"/deviceStates/{quote(name, safe='')}")
        except PbxRequestError as error:
            if error.status == 404:
                return None
            raise
        state = found.get("state") if isinstance(found, dict) else None
        return state if isinstance(state, str) else None

    async def set_device_state(self, name: str, state: str) -> None:
        """Set a device state of our own: ``Stasis:…`` to INUSE, NOT_INUSE, RINGING …; Asterisk keeps it over a restart."""
        await self._request("PUT", f"/deviceStates/{quote(name, safe='')}", {"deviceState": state})

    async def device_states(self) -> dict[str, str]:
        """States of all devices that are set over ARI, by name."""
        found = await self._request("GET", "/deviceStates")
        items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return {str(item.get("name")): str(item.get("state")) for item in items}

    async def remove_device_state(self, name: str) -> None:
        """Forget a device state of our own; one that is not there is no error."""
        try:
            await self._request("DELETE", f"/deviceStates/{quote(name, safe='')}")
        except PbxRequestError as error:
            if error.status != 404:
                raise

    async def originate(
        self, channel_id: str, endpoint: str, *, context: str, extension: str, rings: int, variables: Mapping[str, str]
    ) -> None:
        """Ring ``endpoint`` for ``rings`` seconds; who picks up there goes to ``extension`` in ``context`` of the dialplan."""
        where = {"endpoint": endpoint, "extension": extension, "context": context, "priority": "1"}
        query = {**where, "channelId": channel_id, "timeout": str(rings)}
        await self._request("POST", "/channels", query, {"variables": dict(variables)})

    async def hang_up(self, channel_id: str) -> None:
        """End a channel; one that is gone already is none to end."""
        try:
            await self._request("DELETE", f"/channels/{quote(channel_id, safe='')}")
        except PbxRequestError as error:
            if error.status != 404:
                raise

    async def endpoint_state(self, technology: str, resource: str) -> str | None:
        """ "online", "offline" or "unknown"; None for an endpoint Asterisk does not have."""
        try:
            found = await self._request("GET", f"/endpoints/{quote(technology, safe='')}/{quote(resource, safe='')}")
        except PbxRequestError as error:
            if error.status == 404:
                return None
            raise
        return str(found.get("state")) if isinstance(found, dict) else "unknown"

    async def endpoint_context(self, endpoint: str) -> str | None:
        """The context a PJSIP endpoint's calls start in; None when it cannot be told."""
        try:
            found = await self._request("GET", f"/asterisk/config/dynamic/res_pjsip/endpoint/{quote(endpoint, safe='')}")
        except PbxRequestError:
            return None
        pairs = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return next((str(item.get("value")) for item in pairs if item.get("attribute") == "context"), None)

    async def _value(self, path: str, name: str) -> str | None:
        try:
            found = await self._request("GET", path, {"variable": name})
        except PbxRequestError as error:
            if error.status in (404, 409):
                return None
            raise
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, str) else None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # trust_env stays off: a proxy variable of the environment must not carry the PBX's password elsewhere
            self._http = aiohttp.ClientSession(headers={"Authorization": self._authorization})
        return self._http

    async def _request(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:
        """One REST request; raises PbxAuthError, PbxUnavailableError or PbxRequestError."""
        timeout = aiohttp.ClientTimeout(total=self._patience)
        try:
            async with self._session().request(method, self._base + path, params=query, json=body, timeout=timeout) as answer:
                text = await answer.text(errors="replace")
                if answer.status >= 400:
                    raise self._refusal(answer.status, f"{method} {path.partition('?')[0]}", _message(text))
        except TimeoutError as error:
            raise PbxUnavailableError(f"Asterisk did not answer {method} {path} within {self._patience:g} s") from error
        except aiohttp.ClientError as error:
            raise PbxUnavailableError(f"Asterisk at {self._base} cannot be reached ({_plain(error)})") from error
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise PbxRequestError(answer.status, f"{method} {path} was answered with {len(text)} characters that are no JSON") from error

    def _refusal(self, status: int, what: str, said: str) -> PbxError:
        if status == 401:
            return PbxAuthError(
                f'Asterisk refused the ARI user "{self._user}" (401)',
                "make pbx.username and pbx.password in textback.toml a user of ari.conf, then asterisk -rx 'module reload res_ari'",
            )
        if status == 403:
            return PbxAuthError(
                f'Asterisk forbids the ARI user "{self._user}" to {what} (403)',
                "set read_only = no for this user in ari.conf, then asterisk -rx 'module reload res_ari'",
            )
        if status == 503:
            return PbxUnavailableError("Asterisk is still loading (503)")
        return PbxRequestError(status, f"Asterisk answered {what} with {status}{f': {said}' if said else ''}")

    # events

    async def events(self) -> AsyncGenerator[Event, None]:
        """Every event, for ever: Connected, what happens, Disconnected, Connected …

        Raises PbxAuthError and PbxReplacedError, after which trying again is no use. Everything else is a Disconnected, and the
        connection is made again. Close the iterator (``contextlib.aclosing``) to end the connection.
        """
        attempt = 0
        while True:
            try:
                async for event in self._connection():
                    attempt = 0
                    yield event
                reason = "Asterisk closed the connection"
            except _Lost as lost:
                reason = str(lost)
            except PbxUnavailableError as error:
                reason = error.what
            except PbxRequestError as error:
                reason = "Asterisk is still loading (404)" if error.status == 404 else error.what
            log.warning("pbx_disconnected", reason=reason, attempt=attempt)
            yield Disconnected(self._clock.now(), reason)
            first, most = _BACKOFF
            await self._clock.sleep(min(most, first * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 — jitter, no secret
            attempt = min(attempt + 1, 10)

    async def _connection(self) -> AsyncGenerator[Event, None]:
        websocket = await self._open()
        queue: asyncio.Queue[Event | _Lost] = asyncio.Queue(self._queue_size + 1)
        reader = asyncio.create_task(self._read(websocket, queue), name="ari-reader")
        pulse = asyncio.create_task(self._pulse(websocket, queue), name="ari-pulse")
        try:
            yield Connected(self._clock.now(), await self._snapshot())
            while True:
                event = await queue.get()
                if isinstance(event, _Lost):
                    raise event
                if isinstance(event, ApplicationReplaced):
                    raise PbxReplacedError(
                        f'another client subscribed to Asterisk as "{self._app}"',
                        "stop the other textback, or give this one an application name of its own (pbx.app)",
                    )
                yield event
        finally:
            for task in (reader, pulse):
                task.cancel()
            await asyncio.gather(reader, pulse, return_exceptions=True)
            await websocket.close()

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        try:
            return await asyncio.wait_for(
                self._session().ws_connect(
                    self._base + "/events",
                    params={"app": self._app, "subscribeAll": "true"},
                    heartbeat=self._heartbeat,
                    max_msg_size=0,
                ),
                self._patience,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise self._refusal(error.status, "GET /events", "") from error
        except TimeoutError as error:
            raise PbxUnavailableError(f"Asterisk did not open the event socket within {self._patience:g} s") from error
        except aiohttp.ClientError as error:
            raise PbxUnavailableError(f"Asterisk at {self._base} cannot be reached ({_plain(error)})") from error

    async def _snapshot(self) -> Snapshot:
        """Filter at the source, then read what is up now; events of that moment wait in the queue."""
        types = [name for name in READ_TYPES if name != "DeviceStateChanged" or self._device_states]
        try:
            await self._request("PUT", f"/applications/{self._app}/eventFilter", body={"allowed": [{"type": name} for name in types]})
        except PbxRequestError as error:
            # before 16.3 there is no filter: everything comes, and what is not used is dropped here
            log.info("pbx_filter_refused", status=error.status)
            await self._subscribed()
        await self._only_our_devices()
        channels, bridges = await asyncio.gather(self._request("GET", "/channels"), self._request("GET", "/bridges"))
        states = {name: await self.device_state(name) for name in self._device_states}
        return Snapshot(
            channels=_read_all(channels, read_channel),
            bridges=_read_all(bridges, read_bridge),
            device_states={name: state for name, state in states.items() if state is not None},
        )

    async def _only_our_devices(self) -> None:
        """Of the whole PBX's device states keep the night switches alone.

        A socket that closes while a device state is on its way to it can lock ARI up for good, until Asterisk is restarted (seen on 22;
        https://github.com/asterisk/asterisk/issues/2170): one that is subscribed to none cannot. 16 and 22 name "all" differently.
        """
        subscription = f"/applications/{self._app}/subscription"
        for source in ("deviceState:", f"deviceState:{_ALL_DEVICES}"):
            with suppress(PbxRequestError):  # 422: not subscribed, as where 16 kept what an earlier socket left
                found = await self._request("DELETE", subscription, {"eventSource": source})
                if isinstance(found, dict) and _ALL_DEVICES not in found.get("device_names", ()):
                    break
        try:
            for name in self._device_states:
                await self._request("POST", subscription, {"eventSource": f"deviceState:{name}"})
        except PbxRequestError as error:
            log.warning("pbx_devices_not_followed", status=error.status)
            await self._subscribed()

    async def _read(self, websocket: aiohttp.ClientWebSocketResponse, queue: asyncio.Queue[Event | _Lost]) -> None:
        """Drain the socket at once: Asterisk closes one it could not write to for 100 ms."""
        reason = ""
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.ERROR:
                reason = _plain(websocket.exception() or message.data)
                break
            event = self._event(message.data)
            if event is None:
                continue
            if queue.qsize() >= self._queue_size:
                self.overflows += 1
                reason = f"{self._queue_size} events waited to be handled"
                break
            queue.put_nowait(event)
        error = websocket.exception()
        if not reason:
            broken = error is not None and not isinstance(error, ConnectionError)
            reason = _plain(error) if broken else f"Asterisk closed the event socket ({websocket.close_code})"
        _put_last(queue, _Lost(reason))

    async def _pulse(self, websocket: aiohttp.ClientWebSocketResponse, queue: asyncio.Queue[Event | _Lost]) -> None:
        """A socket may live on while its subscription is gone: ask for it soon, then now and then. A failure is a disconnect.

        Seen on 22: the clean-up of an aborted connection takes the subscription of one made within milliseconds after it.
        """
        pause = min(1.0, self._heartbeat)
        while not websocket.closed:
            await self._clock.sleep(pause)
            pause = self._heartbeat
            try:
                await self._subscribed()
            except _Lost as lost:
                _put_last(queue, lost)
                return

    async def _subscribed(self) -> None:
        """Raises _Lost when Asterisk does not know our application."""
        try:
            await self._request("GET", f"/applications/{self._app}")
        except PbxRequestError as error:
            raise _Lost("Asterisk dropped the subscription" if error.status == 404 else error.what) from error
        except PbxError as error:
            raise _Lost(error.what) from error

    def _event(self, data: object) -> Event | None:
        try:
            document = json.loads(data) if isinstance(data, str | bytes) else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            self.unreadable += 1
            log.warning("pbx_unreadable", size=len(data) if isinstance(data, str | bytes) else 0, count=self.unreadable)
            return None
        return read_event(document, self._clock.now())


def _put_last(queue: asyncio.Queue[Event | _Lost], lost: _Lost) -> None:
    """The end goes in whatever is waiting: the queue has one place more than events may use."""
    if not queue.full():
        queue.put_nowait(lost)


def _read_all(found: object, read: Callable[[object], _T | None]) -> tuple[_T, ...]:
    """Every readable element of a JSON list."""
    items = (read(item) for item in found) if isinstance(found, list) else ()
    return tuple(item for item in items if item is not None)


def _message(text: str) -> str:
    """Asterisk's own words in an error answer: {"message": "…"}."""
    try:
        document = json.loads(text)
    except ValueError:
        return ""
    said = document.get("message") or document.get("error") if isinstance(document, dict) else None
    return said[:200] if isinstance(said, str) else ""


def _plain(error: object) -> str:
    """An error for people: the operating system's words, its own, else its class."""
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        # aiohttp words the first one so that nobody can read it; errno of TLS and of name resolution are numbers of their own
        if cause.errno and not isinstance(cause, ssl.SSLError | socket.gaierror):
            return os.strerror(cause.errno)
        return cause.strerror or str(cause)
    return str(error) or type(error).__name__
