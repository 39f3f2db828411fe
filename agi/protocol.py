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
from collections.abc import Mapping
from typing import Any

import structlog
from panoramisk import fast_agi
from panoramisk.utils import parse_agi_result

__all__ = ["MOST_HEADERS", "Application", "Request", "RequestError"]

log = structlog.get_logger()

MOST_HEADERS = 16 * 1024
"""Octets: Asterisk sends about 600, and up to 128 arguments of a dialplan line."""


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

    async def _command(self, command: str) -> None:
        try:
            said: Mapping[str, Any] = await self.send_command(command)
        except ValueError as error:  # no status code, a line without end
            raise RequestError("the answer is no AGI") from error
        if "error" in said:
            raise RequestError(str(said["error"]))

    async def _read_result(self) -> Mapping[str, Any]:
        line: bytes = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise RequestError("the connection was closed before the answer")
        result: Mapping[str, Any] = parse_agi_result(line.decode(self.encoding, "replace").rstrip("\n"))
        return result


class Application(fast_agi.Application):  # type: ignore[misc] # panoramisk has no types
    """Routes FastAGI requests, each within ``patience`` seconds, at most ``most`` at once. ``handler`` serves a connection."""

    def __init__(self, *, patience: float, most: int) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._patience = patience
        self._most = most
        self._busy = 0

    async def handler(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection and close it, whatever the peer does. Raises CancelledError only."""
        self._busy += 1
        try:
            if self._busy > self._most:
                log.warning("agi_refused", reason="too many requests at once", most=self._most)
                return
            async with asyncio.timeout(self._patience):
                await self._serve(reader, writer)
        except TimeoutError:
            log.warning("agi_timed_out", seconds=self._patience)
        except (RequestError, ConnectionError) as error:
            log.info("agi_ended_early", error=str(error))
        except Exception as error:  # noqa: BLE001 (a call waits for us: whatever a route does wrong, it goes on)
            # a traceback may show the caller's number: the kind of error and its place are enough to find it
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("agi_failed", kind=type(error).__name__, place=f"{place.filename}:{place.lineno}")
        finally:
            self._busy -= 1
            await self._close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        headers = await _headers(reader)
        request = Request(app=self, headers=headers, reader=reader, writer=writer, encoding=self.default_encoding)
        name = headers.get("agi_network_script", "")
        route = self._route.get(name)
        if route is None:
            known = ", ".join(self._route)
            log.warning("agi_unknown_route", route=name[:40], known=known)
            await request.verbose(f"textback: there is no AGI route '{name[:40]}', only: {known}")
        else:
            await route(request)

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
    pairs = (line.partition(": ") for line in lines)
    return {name: value for name, colon, value in pairs if colon and name.startswith("agi_")}


def quoted(text: str) -> str:
    """One AGI argument: in double quotes, with what would end it or the line taken out (res_agi.c, parse_args)."""
    safe = "".join(char for char in text if char.isprintable() and char not in '"\\')
    return f'"{safe}"'
