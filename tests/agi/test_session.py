"""Routes that talk with a caller: they may last, they take no room from the others, and a peer that freezes ends only its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from agi.protocol import Application, Request, RequestError
from tests.agi.test_server import Peer, block


class Talks:
    """A server with two routes: ``quick`` answers, ``long`` waits for a key until it gets one."""

    def __init__(self) -> None:
        self.pressed: list[str] = []
        self.application = Application(patience=0.5, most=3)
        self.application.add_route("quick", self._quick)
        self.application.add_session("long", self._long, patience=30, most=2)
        self.port = 0

    async def _quick(self, request: Request) -> None:
        await request.set_variable("A", "b")

    async def _long(self, request: Request) -> None:
        await request.answer()
        while not (key := await request.stream("/tmp/x", lasts=1) or await request.wait_for_digit(2)):  # noqa: S108 (played by nobody)
            pass
        self.pressed.append(key)

    async def peer(self, route: str) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        await peer.say(block(agi_network_script=route))
        return peer


@pytest.fixture
async def talks() -> AsyncIterator[Talks]:
    made = Talks()
    server = await asyncio.start_server(made.application.handler, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


async def close(peer: Peer) -> None:
    peer.writer.close()
    with contextlib.suppress(ConnectionError):
        await peer.writer.wait_closed()


async def begun(talks: Talks) -> Peer:
    peer = await talks.peer("long")
    assert await peer.line() == "ANSWER\n"
    await peer.say(b"200 result=0\n")
    assert await peer.line() == 'STREAM FILE "/tmp/x" "0123456789*#"\n'
    return peer


async def test_a_session_outlasts_the_patience_for_questions(talks: Talks) -> None:
    peer = await begun(talks)
    # a question that hangs is given up meanwhile
    stuck = await talks.peer("quick")
    assert (await stuck.line()).startswith("SET VARIABLE")
    assert await stuck.ends()
    await peer.say(b"200 result=55 endpos=100\n")
    assert await peer.ends()
    assert talks.pressed == ["7"]
    await close(stuck)
    await close(peer)


async def test_sessions_take_no_room_from_questions_and_no_more_begin_than_allowed(talks: Talks) -> None:
    held = [await begun(talks) for _ in range(2)]
    with capture_logs() as logs:
        refused = await talks.peer("long")
        assert await refused.ends()
    assert [entry["error"] for entry in logs] == ["too many calls talk with us at once"]
    asking = [await talks.peer("quick") for _ in range(3)]
    for peer in asking:
        assert await peer.line() == 'SET VARIABLE A "b"\n'
        await peer.say(b"200 result=1\n")
        assert await peer.ends()
    await close(held[0])
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(AssertionError):
                held[0] = await begun(talks)
                break
    for peer in [*held, *asking, refused]:
        await close(peer)


async def test_a_session_whose_peer_freezes_is_given_up(talks: Talks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agi.protocol._GRACE", 0.1)
    peer = await begun(talks)
    with capture_logs() as logs:
        assert await peer.ends()
    assert [(entry["event"], entry["error"]) for entry in logs] == [("agi_ended_early", "no answer to STREAM")]
    await close(peer)


@pytest.mark.parametrize("answer", [b"HANGUP\n", b"511 Command Not Permitted on a dead channel or intercept routine\n", b"510 what\n"])
async def test_a_caller_who_hangs_up_ends_it(talks: Talks, answer: bytes) -> None:
    peer = await begun(talks)
    # Asterisk tells first how the command ended, then that the channel is gone
    await peer.say(b"200 result=-1 endpos=100\n")
    assert await peer.line() == "WAIT FOR DIGIT 2000\n"
    with capture_logs() as logs:
        await peer.say(answer)
        assert await peer.ends()
    assert [entry["event"] for entry in logs] == ["agi_ended_early"]
    assert talks.pressed == []
    await close(peer)


@pytest.mark.parametrize(
    ("answer", "key"), [(b"200 result=42 endpos=1\n", "*"), (b"200 result=35 endpos=1\n", "#"), (b"200 result=48 endpos=1\n", "0")]
)
async def test_keys_are_given_as_characters(talks: Talks, answer: bytes, key: str) -> None:
    peer = await begun(talks)
    await peer.say(answer)
    assert await peer.ends()
    assert talks.pressed == [key]
    await close(peer)


@pytest.mark.parametrize(
    ("answer", "digits"),
    [
        (b"200 result=0123\n", "0123"),
        (b"200 result=12 (timeout)\n", "12"),
        (b"200 result= (timeout)\n", ""),
        (b"200 result=\n", ""),
        (b"200 result=-1\n", ""),
    ],
)
async def test_digits_keep_their_zeros_and_none_are_none(talks: Talks, answer: bytes, digits: str) -> None:
    found: list[str] = []

    async def route(request: Request) -> None:
        found.append(await request.get_data('/a"b', lasts=1, seconds=6, most=8))

    talks.application.add_session("digits", route, patience=30, most=1)
    peer = await talks.peer("digits")
    assert await peer.line() == 'GET DATA "/ab" 6000 8\n'
    await peer.say(answer)
    assert await peer.ends()
    assert found == [digits]
    await close(peer)


async def test_nothing_is_asked_once_it_is_closed(talks: Talks) -> None:
    failed: list[Exception] = []

    async def route(request: Request) -> None:
        await request.closed()
        try:
            await request.wait_for_digit(1)
        except (RequestError, ConnectionError) as error:
            failed.append(error)

    talks.application.add_session("close", route, patience=30, most=1)
    peer = await talks.peer("close")
    assert await peer.ends()
    async with asyncio.timeout(10):
        while not failed:  # noqa: ASYNC110 (the route has no one to tell)
            await asyncio.sleep(0.01)
    await close(peer)
