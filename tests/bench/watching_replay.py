"""The same calls told over ARI to our watcher and over AMI to panoramisk's listener: events a second, and calls, of each.

Both were recorded at once from a real Asterisk (``watching_record``) and are told again with ids, names and numbers of their own,
``_BESIDE`` calls side by side. Each listener is a process of its own (``watching_ours``, ``watching_panoramisk``) and has all the time it
wants: what counts is the CPU time it needs. The telling is not counted.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice, zip_longest
from typing import Any

from aiohttp import web

from tests.bench.report import Row
from tests.bench.watching_record import RECORDED, SIMPLE
from tests.lab.root import LabError
from tests.lab.scenarios import TABLE, numbers_of
from tests.lab.stage import CHECKOUT

__all__ = ["measure"]

_BESIDE = 20
_CHUNK = 1 << 16
_PATIENCE = 300.0
_OWN = re.compile(
    r"(?P<room>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|(?P<channel>\b\d{10}\.\d+\b)|(?P<name>(?<=\w)-[0-9a-f]{8}\b)"
)
"""What is of one call alone, in ARI's JSON as in AMI's lines."""
_ANSWERED = {name for name in SIMPLE if "answer" in name}
_NEEDED = ("Newchannel", "BridgeEnter", "Hangup")
"""What the listener could have Asterisk filter for it."""


class _Template:
    """A recorded call with a gap for each thing of its own."""

    def __init__(self, name: str, events: Sequence[str]) -> None:
        caller = numbers_of(next(each for each in TABLE if each.name == name)).caller
        self._kinds: dict[str, tuple[str, int]] = {}
        self._events = [re.split(r"\x00(.*?)\x00", _OWN.sub(self._mark, event).replace(caller, "\x00caller\x00")) for event in events]

    def _mark(self, match: re.Match[str]) -> str:
        self._kinds.setdefault(match[0], (str(match.lastgroup), len(self._kinds)))
        return f"\x00{match[0]}\x00"

    def told(self, number: int) -> list[str]:
        """The events of call ``number``."""
        own = {"caller": f"438{number:07d}"}
        for mark, (kind, position) in self._kinds.items():
            one = number * 50 + position
            own[mark] = {"room": f"00000000-0000-4000-8000-{one:012x}", "channel": f"1795774516.{one}", "name": f"-{one:08x}"}[kind]
        return ["".join(own[piece] if odd % 2 else piece for odd, piece in enumerate(event)) for event in self._events]


def _told(suffix: str, count: int, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
    """The events of ``count`` calls, some side by side."""
    templates = []
    for name in SIMPLE:
        text = (RECORDED / f"{name}.{suffix}").read_bytes().decode()
        events = text.splitlines() if suffix == "ari" else re.findall(r".*?\r\n\r\n", text, re.DOTALL)
        templates.append(_Template(name, [event for event in events if wanted(event)]))
    calls = enumerate(islice(cycle(templates), count))
    while beside := [template.told(number) for number, template in islice(calls, _BESIDE)]:
        for row in zip_longest(*beside):
            yield from (event for event in row if event is not None)


def _framed(event: str) -> bytes:
    """A text frame of a server (RFC 6455 5.2): not masked."""
    payload = event.encode()
    assert 125 < len(payload) < 1 << 16
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


async def _pour(pieces: Iterator[bytes], write: Callable[[bytes], Any], waiting: Callable[[], int]) -> None:
    """As fast as the other end takes it."""
    chunk = bytearray()
    for piece in pieces:
        chunk += piece
        if len(chunk) >= _CHUNK:
            write(bytes(chunk))
            chunk.clear()
            while waiting() > 4 * _CHUNK:  # noqa: ASYNC110  (a transport has no event for it)
                await asyncio.sleep(0.001)
    write(bytes(chunk))


@asynccontextmanager
async def _ari(events: Sequence[str]) -> AsyncIterator[str]:
    """ARI as far as the watcher asks; the events come once it has seen what is up."""
    frames = [_framed(event) for event in events]
    seen = asyncio.Event()

    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        transport = request.transport
        assert transport is not None
        await seen.wait()
        await _pour(iter(frames), transport.write, transport.get_write_buffer_size)
        async for _ in response:
            pass  # pings are answered meanwhile
        return response

    async def nothing(request: web.Request) -> web.Response:
        if request.path.endswith("/bridges"):
            asyncio.get_running_loop().call_later(0.2, seen.set)
        return web.json_response([] if request.path.endswith(("/channels", "/bridges")) else {"device_names": []})

    app = web.Application()
    app.router.add_get("/ari/events", socket)
    app.router.add_route("*", "/ari/{rest:.*}", nothing)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _ami(events: Sequence[str]) -> AsyncIterator[str]:
    """AMI as far as the listener asks; the events come after its login."""
    packets = [event.encode() for event in events]
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        login = (await reader.readuntil(b"\r\n\r\n")).decode()
        ident = re.search(r"(?im)^ActionID: *(\S+)", login)
        writer.write(f"Response: Success\r\nActionID: {ident[1] if ident else ''}\r\nMessage: Authentication accepted\r\n\r\n".encode())
        await _pour(iter(packets), writer.write, writer.transport.get_write_buffer_size)
        await reader.read()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield str(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _listen(module: str, where: str, count: int) -> dict[str, Any]:
    """What a listener came to. Raises LabError when it tells the calls otherwise than they were."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{module}", where, str(count),
        cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except BaseException as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise LabError(f"{module} had not heard the end of {count} calls after {_PATIENCE:g} s") from None
        raise
    if process.returncode:
        raise LabError(f"{module} ended with {process.returncode}: {err.decode(errors='replace')[-1000:]}")
    found: dict[str, Any] = json.loads(out)
    answered = sum(name in _ANSWERED for name in islice(cycle(SIMPLE), count))
    if (found["answered"], found["missed"]) != (answered, count - answered):
        raise LabError(f"{module} counted {found['answered']} answered and {found['missed']} missed of {answered} and {count - answered}")
    return found


async def measure(say: Callable[[str], None], *, quick: bool = False) -> list[Row]:
    """Raises LabError when a listener does not come to the calls that were told."""
    count, times = (400, 1) if quick else (4000, 3)
    streams = {
        "ours": list(_told("ari", count)),
        "panoramisk": list(_told("ami", count)),
        "panoramisk, filtered": list(_told("ami", count, lambda event: event.startswith(tuple(f"Event: {each}\r" for each in _NEEDED)))),
    }
    best: dict[str, float] = {}
    for _ in range(times):
        for name, events in streams.items():
            server, module = (_ari, "watching_ours") if name == "ours" else (_ami, "watching_panoramisk")
            async with server(events) as where:
                found = await _listen(module, where, count)
            best[name] = min(best.get(name, found["cpu"]), found["cpu"])
            say(f"{name}: {len(events)} events of {count} calls in {found['cpu']:.2f} s of CPU, {found['wall']:.2f} s")
    rates = {name: len(events) / best[name] for name, events in streams.items()}
    calls = {name: count / seconds for name, seconds in best.items()}
    peers = [name for name in streams if name != "ours"]
    return [
        Row(
            figure="events_per_s", unit="events/s of CPU", ours=round(rates["ours"]), least=True,
            limit=round(2 * max(rates[name] for name in peers)), peers={name: round(rates[name]) for name in peers},
            ratio=round(rates["ours"] / max(rates[name] for name in peers), 2),
        ),
        Row(
            figure="calls_per_s", unit="calls/s of CPU", ours=round(calls["ours"]), peers={name: round(calls[name]) for name in peers},
            ratio=round(calls["ours"] / max(calls[name] for name in peers), 2),
        ),
        Row(
            figure="events_per_call", unit="events", ours=round(len(streams["ours"]) / count, 1),
            peers={name: round(len(streams[name]) / count, 1) for name in peers},
        ),
    ]  # fmt: skip
