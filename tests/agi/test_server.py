"""The FastAGI server over real sockets: the peer speaks the bytes that Asterisk speaks, or fails to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from agi.headers import did_of
from agi.protocol import MOST_HEADERS, quoted
from agi.server import AgiServer
from ari_app.errors import SettingsError
from ari_app.policy.hours import Opening

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

# as Asterisk 22 sends them for AGI(agi://127.0.0.1:4573/hours,5145550100)
HEADERS = {
    "agi_network": "yes",
    "agi_network_script": "hours",
    "agi_request": "agi://127.0.0.1:4573/hours",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "en",
    "agi_type": "PJSIP",
    "agi_uniqueid": "1795338000.1",
    "agi_version": "22.10.1",
    "agi_callerid": "5145559876",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_callingani2": "0",
    "agi_callington": "0",
    "agi_callingtns": "0",
    "agi_dnid": "5145550100",
    "agi_rdnis": "unknown",
    "agi_context": "from-trunk",
    "agi_extension": "5145550100",
    "agi_priority": "1",
    "agi_enhanced": "0.0",
    "agi_accountcode": "",
    "agi_threadid": "140213",
}


def block(**changes: str | None) -> bytes:
    headers = {name: value for name, value in (HEADERS | changes).items() if value is not None}
    return "".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n"


def opening(did: str) -> Opening:
    if did == "5145550199":
        raise ZeroDivisionError("a bug in the policy")
    return Opening(did == "5145550100", UNTIL, "hours")


class StillClock:
    def now(self) -> datetime:
        return NINE

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Peer:
    """Asterisk's end: sends the headers, then answers each command."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> str:
        async with asyncio.timeout(10):
            try:
                return (await self.reader.readline()).decode()
            except ConnectionResetError:  # closed with some of what we said unread
                return ""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ends(self) -> bool:
        """The server closes without saying more."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


Connect = Callable[[], Awaitable[Peer]]


@pytest.fixture
async def server() -> AsyncIterator[AgiServer]:
    async with AgiServer("127.0.0.1:0", opening, clock=StillClock(), patience=1.0, most=4) as running:
        yield running


@pytest.fixture
async def connect(server: AgiServer) -> AsyncIterator[Connect]:
    peers: list[Peer] = []

    async def connected() -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", server.port)))
        return peers[-1]

    yield connected
    for peer in peers:
        peer.writer.close()
        with contextlib.suppress(ConnectionError):
            await peer.writer.wait_closed()


async def ask(peer: Peer, headers: bytes, answers: bytes = b"200 result=1\n") -> list[str]:
    """The commands a whole request brings."""
    await peer.say(headers)
    commands = []
    while line := await peer.line():
        commands.append(line.rstrip("\n"))
        await peer.say(answers)
    return commands


def said(is_open: str) -> list[str]:
    return [f'SET VARIABLE TEXTBACK_OPEN "{is_open}"', f'SET VARIABLE TEXTBACK_UNTIL "{int(UNTIL.timestamp())}"']


async def test_hours_sets_both_variables_and_closes(connect: Connect) -> None:
    assert await ask(await connect(), block()) == said("1")
    assert await ask(await connect(), block(agi_dnid="5145550101")) == said("0")


async def test_the_request_may_come_in_single_octets(connect: Connect) -> None:
    peer = await connect()
    for octet in block()[:-1]:
        await peer.say(bytes([octet]))
    assert await ask(peer, b"\n") == said("1")


async def test_trying_is_waited_through(connect: Connect) -> None:
    assert await ask(await connect(), block(), b"100 result=0 Trying...\n200 result=1\n") == said("1")


@pytest.mark.parametrize(
    ("changes", "did"),
    [
        ({}, "5145550100"),
        ({"agi_arg_1": "5145550142"}, "5145550142"),
        ({"agi_arg_1": ""}, "5145550100"),
        ({"agi_dnid": "unknown", "agi_extension": "5145550177"}, "5145550177"),
        ({"agi_dnid": "unknown", "agi_extension": "s", "agi_channel": "DAHDI/1-1"}, "DAHDI/1"),
        ({"agi_dnid": "unknown", "agi_extension": "s", "agi_channel": "DAHDI/i1/5145551234-3"}, "DAHDI/i1"),
        ({"agi_dnid": "unknown", "agi_extension": "t", "agi_channel": "PJSIP/bell-trunk-0000002a"}, "PJSIP/bell-trunk"),
        ({"agi_dnid": "unknown", "agi_extension": "s", "agi_channel": ""}, ""),
    ],
)
def test_the_did_of_the_call_at_hand(changes: dict[str, str], did: str) -> None:
    assert did_of(HEADERS | changes) == did


@pytest.mark.parametrize("route", ["calls", "hours/", "", "HOURS", "hours?x=1", "é" * 300])
async def test_an_unknown_route_is_named_on_the_console_and_closed(connect: Connect, route: str) -> None:
    commands = await ask(await connect(), block(agi_network_script=route))
    assert len(commands) == 1
    assert commands[0].startswith('VERBOSE "textback: there is no AGI route')
    assert commands[0].endswith('only: hours" 1')


async def test_an_unknown_route_cannot_smuggle_a_command(connect: Connect) -> None:
    commands = await ask(await connect(), block(agi_network_script='x" 1\rHANGUP "'))
    assert len(commands) == 1
    assert "\r" not in commands[0]
    assert commands[0].count('"') == 2


def test_quoting_leaves_no_way_out_of_the_argument() -> None:
    assert quoted('a"b\\c\nd\re\x00é') == '"abcdeé"'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"agi_network: yes\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff" * 500,
        block()[:-1],
    ],
    ids=["nothing", "one line", "HTTP", "TLS", "octets", "no empty line"],
)
async def test_a_peer_that_closes_early_is_closed_and_the_next_is_served(connect: Connect, data: bytes) -> None:
    peer = await connect()
    await peer.say(data)
    peer.writer.write_eof()
    assert await peer.ends()
    assert await ask(await connect(), block()) == said("1")


async def test_garbage_that_ends_like_headers_is_an_unknown_route(connect: Connect) -> None:
    assert len(await ask(await connect(), b"\x00\xff: \xfe\nno colon\nagi_network_script\n\n")) == 1


@pytest.mark.parametrize("name", ["agi_network_script", "agi_channel", "agi_uniqueid", "agi_arg_1"])
async def test_a_number_dialled_with_a_line_break_in_it_chooses_no_route_and_no_phone(connect: Connect, name: str) -> None:
    sent = block(agi_dnid=f"5145550100\n{name}: inbox", agi_arg_1="5145550100")
    assert await ask(await connect(), sent) == []


async def test_headers_without_end_are_refused(connect: Connect) -> None:
    peer = await connect()
    with contextlib.suppress(ConnectionError):
        await peer.say(b"agi_x: " + b"x" * (4 * MOST_HEADERS))
    assert await peer.ends()
    assert await ask(await connect(), block()) == said("1")


@pytest.mark.parametrize("sent", [b"", b"agi_network: yes\n", block()], ids=["silent", "half the headers", "no answer"])
async def test_a_peer_that_stops_half_way_is_given_up_in_time(connect: Connect, sent: bytes) -> None:
    peer = await connect()
    with capture_logs() as logs:
        await peer.say(sent)
        if sent == block():
            assert (await peer.line()).startswith("SET VARIABLE TEXTBACK_OPEN")
        assert await peer.ends()
    assert [entry["event"] for entry in logs] == ["agi_timed_out"]


async def test_a_peer_that_dribbles_does_not_get_more_time(connect: Connect) -> None:
    peer = await connect()

    async def dribble() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await peer.say(b"agi_x: y\n")
                await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    assert await peer.ends()
    dribbling.cancel()
    await asyncio.gather(dribbling, return_exceptions=True)


@pytest.mark.parametrize(
    "answer",
    [b"HANGUP\n", b"510 Invalid or unknown command\n", b"511 Command Not Permitted on a dead channel\n", b"what?\n", b"\n", b"\xff\xfe\n"],
)
async def test_anything_but_yes_ends_the_request(connect: Connect, answer: bytes) -> None:
    peer = await connect()
    with capture_logs() as logs:
        await peer.say(block())
        assert (await peer.line()).startswith("SET VARIABLE TEXTBACK_OPEN")
        await peer.say(answer)
        assert await peer.ends()
    assert [entry["event"] for entry in logs] == ["agi_ended_early"]


async def test_a_usage_error_of_two_lines_ends_the_request(connect: Connect) -> None:
    peer = await connect()
    await peer.say(block())
    await peer.line()
    await peer.say(b"520-Invalid command syntax.  Proper usage follows:\n520 End of proper usage.\n")
    assert await peer.ends()


async def test_an_answer_line_without_end_is_refused(connect: Connect) -> None:
    peer = await connect()
    await peer.say(block())
    await peer.line()
    with contextlib.suppress(ConnectionError):
        await peer.say(b"200 result=" + b"1" * (4 * MOST_HEADERS))
    assert await peer.ends()


async def test_a_reset_in_the_middle_hurts_nobody(server: AgiServer, connect: Connect) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.sendall(block())
    assert await ask(await connect(), block()) == said("1")


async def test_a_bug_in_a_route_sets_nothing_and_the_call_goes_on(connect: Connect) -> None:
    with capture_logs() as logs:
        assert await ask(await connect(), block(agi_dnid="5145550199")) == []
    assert [entry["event"] for entry in logs] == ["agi_failed"]
    assert await ask(await connect(), block()) == said("1")


async def test_more_requests_than_allowed_are_closed_and_room_comes_back(connect: Connect) -> None:
    waiting = [await connect() for _ in range(4)]
    for peer in waiting:
        await peer.say(block())
        assert await peer.line() == said("1")[0] + "\n"
    assert await ask(await connect(), block()) == []
    for peer in waiting:
        await peer.say(b"200 result=1\n")
        assert await peer.line() == said("1")[1] + "\n"
        await peer.say(b"200 result=1\n")
        assert await peer.ends()
    assert await ask(await connect(), block()) == said("1")


async def test_close_ends_requests_under_way_and_frees_the_port(server: AgiServer, connect: Connect) -> None:
    peer = await connect()
    await peer.say(block())
    assert (await peer.line()).startswith("SET VARIABLE")
    port = server.port
    await server.close()
    assert await peer.ends()
    async with AgiServer(f"127.0.0.1:{port}", opening, clock=StillClock()) as again:
        assert again.port == port


async def test_run_serves_until_cancelled() -> None:
    server = AgiServer("localhost:0", opening, clock=StillClock())
    running = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        while not server.port:  # noqa: ASYNC110 (run() has no one to tell)
            await asyncio.sleep(0.01)
        peer = Peer(*await asyncio.open_connection("localhost", server.port))
        assert await ask(peer, block()) == said("1")
        peer.writer.close()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert server.port == 0


async def test_a_port_that_is_taken_is_said_with_the_fix(server: AgiServer) -> None:
    with pytest.raises(SettingsError, match=r"agi\.listen: cannot listen on 127\.0\.0\.1:\d+.*set another port"):
        await AgiServer(f"127.0.0.1:{server.port}", opening).start()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:4573", "[::]:0"])
async def test_an_address_that_others_reach_is_refused(listen: str) -> None:
    with pytest.raises(SettingsError, match="not a loopback address"):
        await AgiServer(listen, opening).start()


async def test_no_log_line_shows_the_caller(connect: Connect) -> None:
    with capture_logs() as logs:
        await ask(await connect(), block(agi_network_script="nothing"))
        await ask(await connect(), block(agi_dnid="5145550199"))
    assert logs
    assert "5145559876" not in str(logs)
