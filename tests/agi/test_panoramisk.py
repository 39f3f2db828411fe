"""Why agi/protocol.py exists: what panoramisk's own FastAGI server does when a peer closes early."""

from __future__ import annotations

import socket
import subprocess
import sys

SERVER = """
import asyncio
from panoramisk import fast_agi

async def main():
    application = fast_agi.Application(loop=asyncio.get_running_loop())
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        await asyncio.sleep(0.01)
        print("beat", flush=True)

asyncio.run(main())
"""


def closed_within(seconds: float, peer: socket.socket) -> bool:
    peer.settimeout(seconds)
    try:
        return peer.recv(64) == b""
    except TimeoutError:
        return False


def test_a_peer_that_closes_before_the_empty_line_freezes_the_whole_event_loop() -> None:
    """When this fails, panoramisk has mended it, and agi/protocol.py may give back what it took over."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            assert server.stdout.readline() == "beat\n"
            with socket.create_connection(("127.0.0.1", port)) as early, socket.create_connection(("127.0.0.1", port)) as next_one:
                early.sendall(b"agi_network: yes\n")
                early.shutdown(socket.SHUT_WR)
                assert not closed_within(2, early)
                # not only the one who closed: a loop that lives would answer the next as well
                next_one.sendall(b"agi_network_script: nothing\n\n")
                assert not closed_within(2, next_one)
        finally:
            server.kill()
