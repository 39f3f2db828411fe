"""The lab's own ear: every ARI event of the PBX, kept to wait on and to record.

Choreography waits for what Asterisk says, never for time to pass; what it heard can be written down for tests of the pure tracker.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any, Self, TypeVar

import aiohttp

from tests.lab.root import LabError

__all__ = ["Listener", "channels"]

Event = dict[str, Any]
Found = TypeVar("Found")


class Listener:
    """A whole-PBX ARI subscription of an application of its own (``lab``)."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._socket = socket
        self._heard: list[Event] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, username: str, password: str) -> Self:
        """Raises aiohttp.ClientError or OSError when Asterisk is not there."""
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        session = aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": f"Basic {token}"})
        try:
            socket = await session.ws_connect("/ari/events", params={"app": "lab", "subscribeAll": "true"}, max_msg_size=0)
            body = {"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelConnectedLine"}]}
            async with session.put("/ari/applications/lab/eventFilter", json=body) as answer:
                answer.raise_for_status()
        except BaseException:
            await session.close()
            raise
        return cls(session, socket)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._socket.close()
        await self._session.close()

    @property
    def heard(self) -> list[Event]:
        return self._heard

    async def get(self, path: str) -> Any:
        """GET below /ari. Raises aiohttp.ClientResponseError."""
        async with self._session.get(f"/ari{path}") as answer:
            answer.raise_for_status()
            return await answer.json()

    async def wait(self, look: Callable[[Event], Found | None], what: str, *, after: int = 0, patience: float = 60) -> Found:
        """The first thing ``look`` finds in an event, those heard already from ``after`` on included.

        Raises LabError when nothing is found in ``patience`` seconds.
        """
        position = after
        try:
            async with asyncio.timeout(patience):
                while True:
                    while position < len(self._heard):
                        found = look(self._heard[position])
                        position += 1
                        if found is not None:
                            return found
                    if self._task.done():
                        raise LabError("Asterisk closed the event stream")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise LabError(f"waited {patience:.0f} s for {what}, and it did not come") from None

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._heard.append(json.loads(message.data))
                    self._changed.set()
        finally:
            self._changed.set()


def channels(event: Event) -> list[dict[str, Any]]:
    """Every channel an event speaks of."""
    found = [value for key, value in event.items() if isinstance(value, dict) and "state" in value and "name" in value]
    return [channel for channel in found if "caller" in channel]
