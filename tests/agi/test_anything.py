"""Whatever a peer says, in whatever pieces, and wherever it stops: the server closes it and serves the next."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agi.server import AgiServer
from tests.agi.test_server import StillClock, block, opening

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([block(), block(agi_network_script="nothing"), b"agi_network_script: hours\n", b"\n\n", b"\n"]),
        st.sampled_from([b"200 result=1\n", b"200 result=-1\n", b"100 Trying\n", b"HANGUP\n", b"520-Usage\n", b"510\n"]),
    ),
    max_size=8,
)


async def serve(pieces: list[bytes]) -> list[bytes]:
    """What the next, orderly peer is asked to do after this one."""
    async with AgiServer("127.0.0.1:0", opening, clock=StillClock(), patience=2) as server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.write_eof()
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(block() + b"200 result=1\n200 result=1\n")
        said = (await reader.read()).splitlines()
        writer.close()
        await writer.wait_closed()
        return said


@settings(deadline=None, max_examples=150)
@given(pieces=PIECES)
def test_no_peer_takes_the_server_from_the_next(pieces: list[bytes]) -> None:
    with capture_logs() as logs:
        said = asyncio.run(serve(pieces))
    assert [line.split()[2] for line in said] == [b"TEXTBACK_OPEN", b"TEXTBACK_UNTIL"]
    assert not [entry for entry in logs if entry["event"] in {"agi_failed", "agi_timed_out"}]
