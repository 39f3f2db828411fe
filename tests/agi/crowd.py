"""Many peers at once that say something to the FastAGI server, or nothing, and wait."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["drop", "throw"]


async def throw(port: int, what: bytes, count: int) -> list[asyncio.StreamWriter]:
    """Connections that say this and no more."""
    writers = []
    for _ in range(count):
        with contextlib.suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            writer.write(what)
    return writers


async def drop(writers: list[asyncio.StreamWriter]) -> None:
    """Close them all."""
    for writer in writers:
        writer.close()
    for writer in writers:
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
