"""panoramisk's FastAGI application, mended where it can hang or eat the service.

The protocol: Asterisk connects, sends ``agi_NAME: VALUE`` lines and an empty one, then answers each command with a line
(https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/, res_agi.c of Asterisk).

What panoramisk 1.4 does (fast_agi.py, ``Application.handler``; tests/agi/test_panoramisk.py shows it): a peer that closes before the
empty line makes it read for ever without giving the event loop back, so that one port scan freezes the whole service. There is no
limit on time, on headers or on connections, and a cancelled request is logged and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from panoramisk import fast_agi
from panoramisk.utils import parse_agi_result

__all__ = ["MOST_HEADERS", "Application", "Request", "RequestError"]

log = structlog.get_logger()

MOST_HEADERS = 16 * 1024
"""Octets: Asterisk sends about 600, and up to 128 arguments of a dialplan line."""
KEYS = "0123456789*#"
_GRACE = 15.0
"""Seconds Asterisk may take for a command beyond what the command itself lasts."""


class RequestError(Exception):
    """This request cannot go on: Asterisk hung up, closed, or said something that is no AGI. Logged, never shown."""


class Request(fast_agi.Request):  # type: ignore[misc] # panoramisk has no types
    """One FastAGI request. ``headers`` are Asterisk's agi_… variables."""

    headers: Mapping[str, str]

    async def set_variable(self, name: str, value: str) -> None:
        """SET VARIABLE on the asking channel. Raises RequestError."""
        await self._command(f"SET VARIABLE {name} {quoted(value)}")

    async def verbose(self, text: str) -> None:
        """VERBOSE: a line on Asterisk's console. Raises RequestError."""
        await self._command(f"VERBOSE {quoted(text)} 1")

    async def answer(self) -> None:
        """ANSWER the call. Raises RequestError."""
        await self._command("ANSWER")

    async def hang_up(self) -> None:
        """HANGUP the asking channel; it is gone once the connection is closed. Raises RequestError."""
        await self._command("HANGUP")

    async def stream(self, file: str, *, lasts: float = 0.0, keys: str = KEYS) -> str:
        """STREAM FILE: play a sound, named without its ending, until it ends or one of ``keys`` is pressed: that key, else "".

        ``lasts``: its length in seconds. A sound that Asterisk cannot play is passed over. Raises RequestError.
        """
        return await self._key(f"STREAM FILE {quoted(file)} {quoted(keys)}", lasts)

    async def say_digits(self, digits: str, *, keys: str = KEYS) -> str:
        """SAY DIGITS with Asterisk's own sounds, as ``stream``. Raises RequestError."""
        return await self._key(f"SAY DIGITS {quoted(digits)} {quoted(keys)}", 2.0 * len(digits))

    async def wait_for_digit(self, seconds: float) -> str:
        """WAIT FOR DIGIT: the key pressed within ``seconds``, else "". Raises RequestError."""
        return await self._key(f"WAIT FOR DIGIT {round(seconds * 1000)}", seconds)

    async def get_data(self, file: str, *, lasts: float, seconds: float, most: int) -> str:
        """GET DATA: play a sound and gather up to ``most`` digits, ended by # or ``seconds`` without one. Raises RequestError."""
        said = await self._command(
            f"GET DATA {quoted(file)} {round(seconds * 1000)} {most}", lasts + seconds * (most + 1), passed="AGIAppError"
        )
        return str(said["result"][0]) if "error" not in said else ""

    async def closed(self) -> None:
        """Close the connection: Asterisk goes on with the call, or ends it where it was hung up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def _key(self, command: str, lasts: float) -> str:
        # -1 means that it could not be played or that the caller is gone: the next command says which
        said = await self._command(command, lasts, passed="AGIAppError")
        pressed = "0" if "error" in said else str(said["result"][0])
        return chr(int(pressed)) if pressed.isdecimal() and chr(int(pressed)) in KEYS else ""

    async def _command(self, command: str, lasts: float = 0.0, *, passed: str | None = None) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(lasts + _GRACE):
                said: Mapping[str, Any] = await self.send_command(command)
        except ValueError as error:  # no status code, a line without end
            raise RequestError("the answer is no AGI") from error
        except TimeoutError as error:
            raise RequestError(f"no answer to {command.split(maxsplit=1)[0]}") from error
        if "error" in said and said["error"] != passed:
            raise RequestError(str(said["error"]))
        return said

    async def _read_result(self) -> Mapping[str, Any]:
        line: bytes = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise RequestError("the connection was closed before the answer")
        result: Mapping[str, Any] = parse_agi_result(line.decode(self.encoding, "replace").rstrip("\n"))
        return result


@dataclass(slots=True)
class _Session:
    """A route that talks with the caller: how long (seconds), how many at once, how many now."""

    patience: float
    most: int
    now: int = 0


class Application(fast_agi.Application):  # type: ignore[misc] # panoramisk has no types
    """Routes FastAGI requests, each within ``patience`` seconds, at most ``most`` at once. ``handler`` serves a connection.

    Asterisk says what it wants at once. Of peers that have not yet, the one that has been silent longest makes room for the next: who
    opens sockets and says nothing takes no room from calls.
    """

    def __init__(self, *, patience: float, most: int) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._patience = patience
        self._most = most
        self._busy = 0
        self._sessions: dict[str, _Session] = {}
        self._silent: dict[asyncio.StreamWriter, None] = {}
        """Peers whose headers have not come, in the order they connected."""

    def add_session(self, path: str, endpoint: Callable[[Request], Coroutine[Any, Any, None]], *, patience: float, most: int) -> None:
        """A route that may take ``patience`` seconds of its own, at most ``most`` of it at once: so it never takes room from the others."""
        self.add_route(path, endpoint)
        self._sessions[path] = _Session(patience, most)

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection and close it, whatever the peer does. Raises CancelledError only."""
        try:
            async with asyncio.timeout(self._patience) as limit:
                headers = await self._listen(reader, writer)
                await self._serve(headers, reader, writer, limit)
        except TimeoutError:
            log.warning("agi_timed_out")
        except (RequestError, ConnectionError) as error:
            log.info("agi_ended_early", error=str(error))
        except Exception as error:  # noqa: BLE001 (a call waits for us: whatever a route does wrong, it goes on)
            # a traceback may show the caller's number: the kind of error and its place are enough to find it
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("agi_failed", kind=type(error).__name__, place=f"{place.filename}:{place.lineno}")
        finally:
            await self._close(writer)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, str]:
        """What the peer wants. Raises RequestError also where it had to make room."""
        if len(self._silent) >= self._most:
            silent = next(iter(self._silent))
            del self._silent[silent]
            silent.transport.abort()
        self._silent[writer] = None
        try:
            return await _headers(reader)
        finally:
            self._silent.pop(writer, None)

    async def _serve(
        self, headers: Mapping[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: asyncio.Timeout
    ) -> None:
        if self._busy >= self._most:
            log.warning("agi_refused", reason="too many requests at once", most=self._most)
            return
        self._busy += 1
        try:
            await self._answer(headers, reader, writer, limit)
        finally:
            self._busy -= 1

    async def _answer(
        self, headers: Mapping[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: asyncio.Timeout
    ) -> None:
        request = Request(app=self, headers=headers, reader=reader, writer=writer, encoding=self.default_encoding)
        name = headers.get("agi_network_script", "")
        route = self._route.get(name)
        if route is None:
            known = ", ".join(self._route)
            log.warning("agi_unknown_route", route=name[:40], known=known)
            await request.verbose(f"textback: there is no AGI route '{name[:40]}', only: {known}")
        elif name in self._sessions:
            with self._talking(self._sessions[name], limit):
                await route(request)
        else:
            await route(request)

    @contextlib.contextmanager
    def _talking(self, session: _Session, limit: asyncio.Timeout) -> Iterator[None]:
        """For as long as a session lasts it counts as one, not as a request."""
        if session.now >= session.most:
            raise RequestError("too many calls talk with us at once")
        session.now += 1
        self._busy -= 1
        limit.reschedule(self.loop.time() + session.patience)
        try:
            yield
        finally:
            self._busy += 1
            session.now -= 1

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Close at once: a peer that does not read must not keep the socket."""
        writer.close()
        try:
            async with asyncio.timeout(1):
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
        except TimeoutError:
            writer.transport.abort()


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    try:
        block = await reader.readuntil(b"\n\n")
    except asyncio.IncompleteReadError as error:
        raise RequestError(f"closed after {len(error.partial)} octets, before the end of the headers") from error
    except asyncio.LimitOverrunError as error:
        raise RequestError(f"more than {MOST_HEADERS} octets of headers") from error
    lines = block.decode("utf-8", "replace").split("\n")
    pairs = [(name, value) for name, colon, value in (line.partition(": ") for line in lines) if colon and name.startswith("agi_")]
    headers = dict(pairs)
    if len(headers) < len(pairs):
        # a SIP caller may dial a number with a line break in it ("%0A"), which Asterisk writes as it is (seen on 16 and 22): what follows
        # would be taken for another route, or the phone of a member
        raise RequestError("a header is there twice")
    return headers


def quoted(text: str) -> str:
    """One AGI argument: in double quotes, with what would end it or the line taken out (res_agi.c, parse_args)."""
    safe = "".join(char for char in text if char.isprintable() and char not in '"\\')
    return f'"{safe}"'
