"""ARI on aiohttp: one websocket that hears the whole PBX, beside the REST requests of ``ari_rest``.

Source: ``configs/samples/ari.conf.sample`` (websocket_write_timeout). No call enters Stasis and no dialplan line changes: the subscription
is passive.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import TypeVar, cast

import aiohttp
import structlog
from pydantic_core import from_json

from ari_app.clock import Clock, Pace
from ari_app.errors import PbxAuthError, PbxError, PbxReplacedError, PbxRequestError, PbxUnavailableError
from ari_app.pbx.ari_rest import AriRest, plain
from ari_app.pbx.claim import FIX, Claim
from ari_app.pbx.events import (
    READ_TYPES,
    ApplicationAsked,
    ApplicationReplaced,
    Connected,
    Disconnected,
    Event,
    Snapshot,
    passes,
    read_bridge,
    read_channel,
    read_event,
)
from ari_app.settings import PbxSettings

__all__ = ["AriClient"]

log = structlog.get_logger("pbx.ari")

_QUEUE = 20_000
"""Events kept while the watcher is busy: some 40 s of a PBX with 5 calls/s."""
_BUSY = 120.0
"""Events a second, those of some 7 calls: above that they are left to the kernel for ``_GATHER`` and read together, as a read costs more
than an event in it. Asterisk gives up on a socket it cannot write to for 100 ms, and the kernel takes megabytes."""
_GATHER = 0.04
"""Seconds."""
_MUCH = 1 << 16
"""Characters of one read: after so many the next is not put off, we are behind."""
_ALL_DEVICES = "__AST_DEVICE_STATE_ALL_TOPIC"
_BACKOFF = (0.2, 15.0)
"""Seconds before the first and, after doubling, between the later attempts; each drawn from the upper half of its span."""


_T = TypeVar("_T")


class _Lost(Exception):  # noqa: N818 — not an error to anybody: it ends one connection, and the next one begins
    """The connection is over; the message says why."""


class _Socket(aiohttp.ClientWebSocketResponse):
    """A websocket that can leave what comes with the kernel for a moment."""

    async def gather(self, clock: Clock, seconds: float) -> None:
        """Read nothing for so long."""
        transport = self._conn.transport if self._conn is not None else None
        if not isinstance(transport, asyncio.ReadTransport):
            return
        transport.pause_reading()
        try:
            await clock.sleep(seconds)
        finally:
            transport.resume_reading()


class AriClient(AriRest):
    """Speaks ARI with one Asterisk.

    ``device_states`` names the devices (night switches) whose state is followed. ``heartbeat`` is the seconds between websocket
    pings; a peer silent for one and a half of it is lost. ``patience`` is the seconds a request may take. ``owner``: which service this
    is, for people; one that has a name takes the application from no other. ``events`` may be iterated once at a time.
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
        owner: str = "",
    ) -> None:
        super().__init__(settings, patience=patience, websocket=_Socket)
        self._app = settings.app
        self._clock = clock
        self._device_states = device_states
        self._heartbeat = heartbeat
        self._queue_size = queue
        self._claim = Claim(self, clock, settings.app, owner) if owner else None
        self.unreadable = 0
        """Messages that were no JSON object."""
        self.overflows = 0
        """Times events came faster than they were handled."""

    async def events(self) -> AsyncGenerator[Event, None]:
        """Every event, for ever: Connected, what happens, Disconnected, Connected …

        Raises PbxReplacedError, and before the first connection PbxAuthError: trying again is no use then. Everything else is a
        Disconnected, and the connection is made again. Close the iterator (``contextlib.aclosing``) to end the connection.
        """
        attempt = 0
        connected = False
        while True:
            try:
                async for event in self._connection():
                    attempt, connected = 0, True
                    yield event
                reason = "Asterisk closed the connection"
            except _Lost as lost:
                reason = str(lost)
            except PbxAuthError as error:
                if not connected:
                    raise
                # a password that is being changed: what waits to be sent and the pages of staff do not end for that
                reason, attempt = error.what, 10
                await self.close()
            except PbxUnavailableError as error:
                reason = error.what
                await self.close()
            except PbxRequestError as error:
                reason = "Asterisk is still loading (404)" if error.status == 404 else error.what
            log.warning("pbx_disconnected", reason=reason, attempt=attempt)
            yield Disconnected(self._clock.now(), reason)
            first, most = _BACKOFF
            await self._clock.sleep(min(most, first * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 — jitter, no secret
            attempt = min(attempt + 1, 10)

    async def _connection(self) -> AsyncGenerator[Event, None]:
        if self._claim is not None:
            await self._claim.check()
        websocket = await self._open()
        queue: asyncio.Queue[Event | _Lost] = asyncio.Queue(self._queue_size + 1)
        reader = asyncio.create_task(self._read(websocket, queue), name="ari-reader")
        pulse = asyncio.create_task(self._pulse(websocket, queue), name="ari-pulse")
        try:
            snapshot = await self._snapshot()
            if self._claim is not None:
                await self._claim.take()
            yield Connected(self._clock.now(), snapshot)
            while True:
                event = await queue.get()
                if isinstance(event, _Lost):
                    raise event
                if isinstance(event, ApplicationReplaced):
                    raise PbxReplacedError(f'another client subscribed to Asterisk as "{self._app}"', FIX)
                if not isinstance(event, ApplicationAsked):
                    yield event
                elif self._claim is not None:
                    await self._claim.answer(event.nonce)
        finally:
            for task in (reader, pulse):
                task.cancel()
            await asyncio.gather(reader, pulse, return_exceptions=True)
            await websocket.close()

    async def _open(self) -> _Socket:
        try:
            session = await self._session()
            websocket = await asyncio.wait_for(
                session.ws_connect(
                    self._base + "/events",
                    params={"app": self._app, "subscribeAll": "true"},
                    heartbeat=self._heartbeat,
                    max_msg_size=0,
                ),
                self._patience,
            )
            return cast("_Socket", websocket)
        except aiohttp.WSServerHandshakeError as error:
            raise self._refusal(error.status, "GET /events", "") from error
        except TimeoutError as error:
            raise PbxUnavailableError(f"Asterisk did not open the event socket within {self._patience:g} s") from error
        except aiohttp.ClientError as error:
            raise PbxUnavailableError(f"Asterisk at {self._base} cannot be reached ({plain(error)})") from error

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

    async def _read(self, websocket: _Socket, queue: asyncio.Queue[Event | _Lost]) -> None:
        """Drain the socket at once: Asterisk closes one it could not write to for 100 ms."""
        reason = ""
        pace, again = Pace(self._clock, _BUSY, burst=int(_BUSY)), asyncio.Event()
        count = size = 0
        async for message in websocket:
            if again.is_set():  # the loop went round since the last one: this is another read
                if pace.busy(count) and size < _MUCH:
                    await websocket.gather(self._clock, _GATHER)
                again.clear()
                count = size = 0
            if not count:
                asyncio.get_running_loop().call_soon(again.set)
            count += 1
            size += len(message.data) if isinstance(message.data, str) else 0
            if message.type is aiohttp.WSMsgType.ERROR:
                reason = plain(websocket.exception() or message.data)
                break
            if isinstance(message.data, str) and passes(message.data):
                continue
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
            reason = plain(error) if broken else f"Asterisk closed the event socket ({websocket.close_code})"
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
            await self.application(self._app)
        except PbxRequestError as error:
            raise _Lost("Asterisk dropped the subscription" if error.status == 404 else error.what) from error
        except PbxError as error:
            raise _Lost(error.what) from error

    def _event(self, data: object) -> Event | None:
        document = _decoded(data) if isinstance(data, str | bytes) else None
        if not isinstance(document, dict):
            self.unreadable += 1
            log.warning("pbx_unreadable", size=len(data) if isinstance(data, str | bytes) else 0, count=self.unreadable)
            return None
        return read_event(document, self._clock.now())


def _decoded(data: str | bytes) -> object:
    """JSON, None for what is none. pydantic's reader takes half the time of Python's, which takes what that refuses (lone surrogates)."""
    for read in (from_json, json.loads):
        with suppress(ValueError):
            return read(data)
    return None


def _put_last(queue: asyncio.Queue[Event | _Lost], lost: _Lost) -> None:
    """The end goes in whatever is waiting: the queue has one place more than events may use."""
    if not queue.full():
        queue.put_nowait(lost)


def _read_all(found: object, read: Callable[[object], _T | None]) -> tuple[_T, ...]:
    """Every readable element of a JSON list."""
    items = (read(item) for item in found) if isinstance(found, list) else ()
    return tuple(item for item in items if item is not None)
