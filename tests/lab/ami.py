"""A small AMI client for the lab's own hands: actions and their answers, no events.

The product's is panoramisk; the lab drives transfers, parking and pick-ups without it, so that a fault of one is not hidden by the other.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Self

from tests.lab.root import LabError

__all__ = ["Ami"]


class Ami:
    """One AMI connection. Actions may overlap; each waits for its own answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._booted = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, username: str, secret: str) -> Self:
        """Connect and log in. Raises OSError when nobody listens, LabError when the login is refused."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = cls(reader, writer)
        try:
            await client.action("Login", Username=username, Secret=secret)
        except BaseException:
            await client.close()
            raise
        return client

    async def booted(self) -> None:
        """Wait until Asterisk has loaded everything (event FullyBooted, sent at once to who logs in later)."""
        await self._booted.wait()

    async def action(self, name: str, **headers: str) -> dict[str, str]:
        """One action; header names with a dash are written with an underscore. Raises LabError when it fails."""
        ident = str(next(self._ids))
        future = self._waiting[ident] = asyncio.get_running_loop().create_future()
        lines = [f"Action: {name}", f"ActionID: {ident}", *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer: dict[str, str] = await asyncio.wait_for(future, 15)
        if answer.get("Response") == "Error":
            raise LabError(f"AMI {name} failed: {answer.get('Message', '?')}")
        return answer

    async def command(self, line: str) -> str:
        """A CLI command's output."""
        return (await self.action("Command", Command=line)).get("Output", "")

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def _read(self) -> None:
        try:
            await self._reader.readline()
            while raw := await self._reader.readuntil(b"\r\n\r\n"):
                self._take(raw.decode(errors="replace"))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(LabError("Asterisk closed the AMI connection"))
            self._waiting.clear()

    def _take(self, text: str) -> None:
        message: dict[str, str] = {}
        for line in text.split("\r\n"):
            key, colon, value = line.partition(":")
            if colon:
                value = value.removeprefix(" ")
                message[key] = f"{message[key]}\n{value}" if key in message else value
        if message.get("Event") == "FullyBooted":
            self._booted.set()
        future = self._waiting.pop(message.get("ActionID", ""), None) if "Response" in message else None
        if future is not None and not future.done():
            future.set_result(message)
