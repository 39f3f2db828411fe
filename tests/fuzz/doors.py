"""Who knocks: a dialplan over FastAGI, a desk phone over HTTP."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from agi.server import AgiServer
from ari_app.policy.hours import Opening
from tests.fuzz.targets import Check, Target
from tests.lab.deskphone_brands import BRANDS
from tests.portal.phone_world import phones

__all__ = ["TARGETS"]

_ASKS = b"""agi_network: yes
agi_network_script: hours
agi_request: agi://127.0.0.1:4573/hours
agi_channel: PJSIP/trunk-00000001
agi_uniqueid: 1795338000.1
agi_callerid: 5145559876
agi_callingpres: 0
agi_dnid: 5145550100
agi_context: from-trunk
agi_extension: 5145550100
agi_arg_1: 5145550100

200 result=1
"""
_ANSWERS = (
    b"200 result=0\n",
    b"200 result=-1 endpos=8\n",
    b"510 Invalid or unknown command\n",
    b"520-Invalid\n520 End\n",
    b"HANGUP\n",
    b"511 dead\n",
)
_MARK = b'<x y="1">'


@asynccontextmanager
async def _agi(_folder: Path) -> AsyncIterator[Check]:
    """Whatever a peer says, it is closed within its time, and the next is answered."""

    def opening(_did: str) -> Opening:
        return Opening(open=True, until=datetime(2026, 3, 4, 17, tzinfo=UTC), why="timetable")

    async with AgiServer("127.0.0.1:0", opening) as server:

        async def exchange(data: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                writer.write(data)
                writer.write_eof()
                async with asyncio.timeout(10):
                    return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        async def check(data: bytes) -> None:
            said = await exchange(data)
            assert all(line.startswith((b"SET VARIABLE ", b"VERBOSE ")) for line in said.splitlines()), said
            assert (await exchange(_ASKS)).startswith(b"SET VARIABLE "), "the next call is not answered"

        yield check


def _requests() -> list[bytes]:
    """What phones ask for: the path behind the brand, and a question."""
    paths = (
        "",
        "t/1",
        "t/1/reply",
        "t/1/done",
        "t/1/call",
        "box/all",
        "search?q=514",
        "c/1",
        "t/1/write?text=oui&key=abc",
        "t/1/m/2",
        "pin?pin=1234",
    )
    return [f"{brand}/{path}".encode() for brand in sorted(BRANDS) for path in paths]


@asynccontextmanager
async def _phone(folder: Path) -> AsyncIterator[Check]:
    """A screen of its dialect whatever is asked for: never our error, never a line break in a header, never what was asked as markup."""
    async with phones(folder) as house:
        who = await house.member("Anne")
        _, url = await house.key(who, "yealink")
        await house.writes("Bonjour")
        port = int(url.split(":")[2].split("/")[0])
        base = "/" + url.split("/", 3)[3]

        async def check(data: bytes) -> None:
            path = data.translate(None, b"\r\n")[:4000]
            head = b"GET %s/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % (base.encode(), path, port)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(head)
                async with asyncio.timeout(20):
                    answer = await reader.read()
            finally:
                writer.close()
            start, _, body = answer.partition(b"\r\n\r\n")
            status = int(start.split(b" ", 2)[1])
            assert status < 500, start
            assert _MARK not in body or b"text/plain" in start, "what was asked stands in the page as it is"
            if status == 200 and b"xml" in start.lower() and body:
                ET.fromstring(body)  # noqa: S314 (our own)

        yield check


TARGETS = (
    Target("agi", "a dialplan's question", lambda: [_ASKS, *(_ASKS + each for each in _ANSWERS)], _agi, _ANSWERS, lines=True),
    Target(
        "phone",
        "what a desk phone asks for",
        _requests,
        _phone,
        (_MARK, b"%3Cx%20y%3D%221%22%3E", b"..%2f", b"%00", b"%ff", b"?q=", b"&", b"/", b" "),
    ),
)
