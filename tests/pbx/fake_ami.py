"""An AMI server that misbehaves on demand, over real sockets. Only for what a real Asterisk cannot be told to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ari_app.clock import SystemClock
from ari_app.settings import AmiSettings

__all__ = ["SECRET", "FakeAmi", "Impatient", "server"]

SECRET = "s3cret-of-the-lab"


class Impatient(SystemClock):
    """Waits a hundredth of what is asked."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


class FakeAmi:
    """Answers as manager.c does. Set ``answers`` to have it refuse, be silent ("") or hang up (None) by action."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.messages: dict[str, str] = {}
        """What it says of an action, by action."""
        self.events: dict[str, str] = {}
        """What follows its answer, by action; {id} is the action's."""
        self.heard: list[dict[str, list[str]]] = []
        self.logins = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            writer.write(b"Asterisk Call Manager/9.0.0\r\n")
            while True:
                raw = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers: dict[str, list[str]] = {}
                for line in raw.strip().split("\r\n"):
                    name, _, value = line.partition(": ")
                    headers.setdefault(name, []).append(value)
                self.heard.append(headers)
                (action,), (ident,) = headers["Action"], headers["ActionID"]
                self.logins += action == "Login"
                said = self.answers.get(action, "Success")
                if said is None:
                    break
                if said:
                    writer.write(
                        f"Response: {said}\r\nActionID: {ident}\r\nMessage: {self.messages.get(action, 'said so')}\r\n\r\n".encode()
                    )
                    writer.write(self.events.get(action, "").replace("{id}", ident).encode())
        writer.close()

    def tell(self, event: str, **headers: str) -> None:
        """An event, to everybody who is connected."""
        lines = [f"Event: {event}", *(f"{name}: {value}" for name, value in headers.items())]
        for writer in self._writers:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def over(self) -> None:
        """Every connection is closed and done with."""
        self.hang_up()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def actions(self, name: str) -> list[dict[str, list[str]]]:
        return [each for each in self.heard if each["Action"] == [name]]


@asynccontextmanager
async def server() -> AsyncIterator[tuple[FakeAmi, AmiSettings]]:
    fake = FakeAmi()
    listening = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield fake, AmiSettings(host="127.0.0.1", port=port, username="textback", secret=SECRET)
    finally:
        listening.close()
        await fake.over()
        await listening.wait_closed()
