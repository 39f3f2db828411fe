"""Peers that take room and give nothing: calls are answered all the same, at once, and nothing of such peers is left."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest
from structlog.testing import capture_logs

from agi.server import AgiServer
from tests.agi.crowd import drop, throw
from tests.agi.test_server import Peer, StillClock, ask, block, opening, said

MOST = 20


async def calls(port: int) -> Peer:
    return Peer(*await asyncio.open_connection("127.0.0.1", port))


@pytest.mark.parametrize("sent", [b"", b"agi_network: yes\nagi_network_script: hours\n"], ids=["idle", "half the headers"])
async def test_silent_peers_make_room_the_longest_silent_first(sent: bytes) -> None:
    async with AgiServer("127.0.0.1:0", opening, clock=StillClock(), patience=60, most=MOST) as server:
        held = await throw(server.port, sent, 5 * MOST)
        for _ in range(3):
            peer = await calls(server.port)
            assert await ask(peer, block()) == said("1")
            await drop([peer.writer])
        assert len(server._requests) <= MOST
        await drop(held)


async def test_they_take_no_room_from_calls_under_way() -> None:
    async with AgiServer("127.0.0.1:0", opening, clock=StillClock(), patience=60, most=MOST) as server:
        peer = await calls(server.port)
        await peer.say(block())
        assert await peer.line() == said("1")[0] + "\n"
        held = await throw(server.port, b"", 3 * MOST)
        await peer.say(b"200 result=1\n")
        assert await peer.line() == said("1")[1] + "\n"
        await peer.say(b"200 result=1\n")
        assert await peer.ends()
        await drop([*held, peer.writer])


async def test_connect_and_close_and_garbage_leave_nothing_behind() -> None:
    async def round_of_it(port: int) -> None:
        for data in (b"", b"\x16\x03\x01\x02\x00", b"agi_x: y\n", block()[:-1], b"\x00" * 2000, b"GET / HTTP/1.1\r\n\r\n"):
            writers = await throw(port, data, MOST)
            await drop(writers)
        async with asyncio.timeout(10):
            while server._requests:  # noqa: ASYNC110 (they end by themselves and tell nobody)
                await asyncio.sleep(0.01)

    with capture_logs():
        async with AgiServer("127.0.0.1:0", opening, clock=StillClock(), patience=60, most=MOST) as server:
            await round_of_it(server.port)
            gc.collect()
            tracemalloc.start()
            try:
                for _ in range(3):
                    await round_of_it(server.port)
                gc.collect()
                grown, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert grown < 512 * 1024, f"{3 * 6 * MOST} abusive connections left {grown / 1024:.0f} KiB"
            peer = await calls(server.port)
            assert await ask(peer, block()) == said("1")
            await drop([peer.writer])
