"""Handing over to what a real Kannel cannot be made to be: a peer that answers half, late, wrongly or never, on a plain socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from modem import pdu
from modem.kannel_sending import Account, Answer, _Gate, hand_over, request_of, result_of
from modem.timing import Timing
from modem.types import NotSent, Refused, SendResult, Sent, Unknown
from tests.lab.kannel import free_port
from tests.modem.conftest import going
from tests.modem.kannel_rig import PATIENT

TIMING = Timing(command=5, result=20)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 24\r\n\r\n0: Accepted for delivery"


@dataclass
class Peer:
    """Counts connections and keeps what came on each; ``reply`` is written once a whole request is there, None: nothing is."""

    reply: bytes | None
    close: bool = True
    port: int = 0
    came: list[bytes] = field(default_factory=list)
    closed: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index = len(self.came)
        self.came.append(b"")
        try:
            while not self.whole(index):
                data = await reader.read(65536)
                if not data:
                    return
                self.came[index] += data
            if self.reply is not None:
                writer.write(self.reply)
                await writer.drain()
            if not self.close:
                await reader.read()
        except ConnectionError:
            return
        finally:
            self.closed += 1
            writer.close()

    def whole(self, index: int) -> bool:
        head, end, body = self.came[index].partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        return bool(end) and len(body) >= length


@asynccontextmanager
async def peer(reply: bytes | None, *, close: bool = True) -> AsyncIterator[Peer]:
    found = Peer(reply, close)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()


async def post(port: int, commit: Callable[[], Awaitable[bool]] = going, timing: Timing = TIMING, text: str = "bonjour") -> SendResult:
    """Hand over a text of one part, as the bearer does."""
    account = Account(f"http://127.0.0.1:{port}/cgi-bin/sendsms", "clinic", "p@ss wörd", "+15145550100", None)
    (part,) = pdu.submit("+15145550123", text, 0)
    answer = await hand_over(account, request_of(account, part.pdu, dlr_url="http://127.0.0.1:1/x?type=%d"), commit, timing)
    return result_of(answer, 7) if isinstance(answer, Answer) else answer


def answer(status: int, said: str = "", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Some\r\nContent-Length: {len(said)}\r\n{headers}\r\n{said}".encode()


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (ACCEPTED, Sent),
        (answer(202, "3: Queued for later delivery"), Sent),
        (answer(202, "Sent."), Sent),
        (ACCEPTED[:-10], Sent),
        (b"", Unknown),
        (ACCEPTED[:20], Unknown),
        (b"\x00\xff nonsense\r\n\r\n", Unknown),
        (answer(200, "<html>"), Unknown),
        (answer(502), Unknown),
        (answer(503, "no server"), Unknown),
        (answer(504), Unknown),
        (answer(500, "Sending failed."), Refused),
        (answer(503, "Temporal failure, try again later."), Refused),
        (answer(302, "", "Location: /cgi-bin/sendsms\r\n"), Refused),
        (answer(307, "", "Location: /cgi-bin/sendsms\r\n"), Refused),
        (answer(404, "Unknown request."), Refused),
    ],
    ids=lambda value: value[:60].decode("latin-1") if isinstance(value, bytes) else "",
)
async def test_one_request_whatever_is_answered(reply: bytes, result: type[SendResult]) -> None:
    async with peer(reply) as kannel:
        found = await post(kannel.port)
        assert isinstance(found, result)
        assert not (isinstance(found, Refused) and found.permanent)
    assert len(kannel.came) == 1
    assert kannel.came[0].count(b"POST ") == 1


@pytest.mark.parametrize(
    ("status", "said", "permanent", "code"),
    [
        (403, "Authorization failed for sendsms", False, "kannel_auth"),
        (403, "", False, "kannel_auth"),
        (403, "Not routable. Do not try again.", True, "HTTP 403"),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", True, "HTTP 400"),
        (404, "Unknown request.", False, "kannel_strange"),
        (400, "<html>Bad Request", False, "kannel_strange"),
    ],
)
def test_what_a_refusal_means(status: int, said: str, permanent: bool, code: str) -> None:
    result = result_of(Answer(status, said), 7)
    assert isinstance(result, Refused)
    assert (result.permanent, result.code, result.number_at_fault) == (permanent, code, False)


async def test_silence_after_the_request_is_unknown() -> None:
    async with peer(None, close=False) as kannel:
        assert isinstance(await post(kannel.port, timing=Timing(result=0.2)), Unknown)
        assert kannel.whole(0)
    assert len(kannel.came) == 1


async def test_an_answer_that_trickles_is_not_waited_for_for_ever() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"X")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        assert isinstance(await post(server.sockets[0].getsockname()[1], timing=Timing(result=0.3)), Unknown)


async def test_nobody_listening_needs_no_commit() -> None:
    async def commit() -> bool:
        pytest.fail("committed without a connection")

    assert isinstance(await post(free_port(), commit), NotSent)


async def test_no_octet_leaves_before_the_commit_is_through() -> None:
    async with peer(ACCEPTED) as kannel:

        async def commit() -> bool:
            await asyncio.sleep(0.1)
            assert kannel.came == [b""], "the connection stands, and nothing was written"
            return True

        assert isinstance(await post(kannel.port, commit), Sent)


async def test_a_connection_lost_during_the_commit_is_not_sent() -> None:
    closed = asyncio.Event()

    async def slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        closed.set()

    async def commit() -> bool:
        await closed.wait()
        await asyncio.sleep(0.05)
        return True

    async with await asyncio.start_server(slam, "127.0.0.1", 0) as server:
        assert isinstance(await post(server.sockets[0].getsockname()[1], commit), NotSent)


@pytest.mark.parametrize("when", ["commit", "answer"])
async def test_cancelled(when: str) -> None:
    async with peer(None, close=False) as kannel:
        begun = asyncio.Event()

        async def commit() -> bool:
            begun.set()
            if when == "commit":
                await asyncio.Event().wait()
            return True

        sending = asyncio.create_task(post(kannel.port, commit, PATIENT))
        await begun.wait()
        while when == "answer" and not kannel.whole(0):  # noqa: ASYNC110 - the peer's side has no event
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        while not kannel.closed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert kannel.whole(0) is (when == "answer")


async def test_the_gate_opens_once_even_where_aiohttp_would_try_again() -> None:
    commits: list[bool] = []

    async def commit() -> bool:
        commits.append(True)
        return True

    async with peer(b"") as kannel, aiohttp.ClientSession(connector=_Gate(commit, lambda: None)) as session:
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:{kannel.port}/")
    assert (len(kannel.came), len(commits)) == (1, 1)


async def test_words_and_password_are_in_no_url() -> None:
    async with peer(ACCEPTED) as kannel:
        await post(kannel.port, text="Votre rendez-vous")
    line, _, rest = kannel.came[0].partition(b"\r\n")
    assert line == b"POST /cgi-bin/sendsms HTTP/1.1"
    assert "p@ss wörd".encode() in rest
    assert rest.endswith(b"\r\n\r\nVotre rendez-vous")


def test_a_part_that_is_no_submit_is_told() -> None:
    account = Account("http://127.0.0.1/x", "clinic", "secret", "+15145550100", None)
    with pytest.raises(ValueError, match="SMS-SUBMIT"):
        request_of(account, "00", dlr_url="http://127.0.0.1/")
    assert "secret" not in repr(account)
