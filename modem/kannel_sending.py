"""Handing one part to Kannel's ``sendsms`` service: one POST, one answer (Kannel 1.4.5 user guide, "Using HTTP to send SMS").

POST with X-Kannel headers, not GET: words and password stay out of URLs, which proxies log, and no HTTP library repeats a POST by itself.
The result is exact about the one moment that matters: before the first octet of the request was written nothing can have gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from modem.pdu import parse_submit
from modem.timing import Timing
from modem.types import Commit, NotSent, Refused, SendResult, Sent, Unknown

__all__ = ["Account", "Answer", "Request", "ask", "hand_over", "probe_of", "request_of", "result_of"]

_ALL_REPORTS = 31
"""Delivered, failed, buffered, accepted and rejected by the message centre."""
_ANSWER = 4096
"""Octets of an answer that are read: Kannel's are one line."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where texts go and as whom."""

    url: str
    username: str
    password: str = field(repr=False)
    sender: str
    """The number texts come from."""
    smsc: str | None
    """Kannel's smsc-id to send through; None: as Kannel routes."""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST to sendsms."""

    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What sendsms said."""

    status: int
    said: str


def request_of(account: Account, pdu: str, *, dlr_url: str) -> Request:
    """The request that sends an SMS-SUBMIT (hex) as it stands: same words, alphabet, header and validity. Raises ValueError: no SUBMIT."""
    part = parse_submit(pdu)
    wide = part.alphabet == "ucs2"
    headers = {
        **_as(account),
        "Content-Type": f"text/plain; charset={'UTF-16BE' if wide else 'UTF-8'}",
        "X-Kannel-To": part.number,
        "X-Kannel-From": account.sender,
        "X-Kannel-Coding": "2" if wide else "0",
        "X-Kannel-Validity": str(part.validity // timedelta(minutes=1)),
        "X-Kannel-DLR-Mask": str(_ALL_REPORTS),
        "X-Kannel-DLR-URL": dlr_url,
    }
    if account.smsc is not None:
        headers["X-Kannel-SMSC"] = account.smsc
    if part.header:
        headers["X-Kannel-UDH"] = "".join(f"%{octet:02X}" for octet in part.header)
    return Request(headers, part.text.encode("utf-16-be" if wide else "utf-8"))


def probe_of(account: Account) -> Request:
    """A request that cannot send, since it names nobody: Kannel answers 400 to an account it knows, 403 to one it does not."""
    return Request({**_as(account), "Content-Type": "text/plain"}, b"probe")


def _as(account: Account) -> dict[str, str]:
    return {"X-Kannel-Username": account.username, "X-Kannel-Password": account.password}


def result_of(answer: Answer, reference: int) -> SendResult:
    """What an answer means for the part. Only Kannel's own words count as a refusal: a proxy's 502 or 504 may hide a part that went."""
    match answer.status:
        case 202:  # 0: Accepted for delivery, 3: Queued for later delivery
            return Sent(reference)
        case 403 if not answer.said.startswith("Not routable"):
            return Refused("kannel_auth", "Kannel refuses username and password", permanent=False)
        case 400 | 403 if not answer.said.startswith("<"):  # malformed, or on a black list; no route to the number
            return Refused(f"HTTP {answer.status}", answer.said[:200] or "Kannel refuses it", permanent=True)
        case 503 if answer.said.startswith("Temporal failure"):
            return Refused("HTTP 503", "Kannel takes no texts now", permanent=False)
        case 500 if answer.said.startswith("Sending failed"):
            return Refused("HTTP 500", "Kannel could not pass it on", permanent=False)
        case status if 300 <= status < 500:
            return Refused("kannel_strange", f"what answers there is not Kannel's sendsms (HTTP {status})", permanent=False)
        case status:
            return Unknown(f"HTTP {status} is no answer of Kannel's; the text may have gone")


async def ask(account: Account, request: Request, timing: Timing) -> Answer:
    """Post what may be posted any number of times. Raises aiohttp.ClientError, TimeoutError."""
    async with asyncio.timeout(timing.command), _session(aiohttp.TCPConnector(force_close=True)) as session:
        return await _post(session, account, request)


async def hand_over(account: Account, request: Request, commit: Commit, timing: Timing) -> Answer | NotSent | Unknown:
    """Post once. ``commit`` is awaited with the connection standing and nothing of the request written; what it raises is raised on."""
    try:
        async with asyncio.timeout(None) as deadline:
            gate = _Gate(commit, lambda: deadline.reschedule(asyncio.get_running_loop().time() + timing.result))
            async with _session(gate, timing.command) as session:
                try:
                    return await _post(session, account, request)
                except (aiohttp.ClientError, OSError, ValueError) as error:
                    if gate.failed is not None:
                        raise gate.failed from None
                    why = str(error) or type(error).__name__
                    return gate.not_sent or (Unknown(f"the connection to Kannel broke ({why})") if gate.opened else NotSent(why))
    except TimeoutError:
        if not deadline.expired():
            raise
        return Unknown(f"Kannel did not answer in {timing.result:g} s")


class _Gate(aiohttp.TCPConnector):
    """One connection for one request, which waits there until ``commit`` lets it go. ``opening`` is called as it does."""

    def __init__(self, commit: Commit, opening: Callable[[], None]) -> None:
        super().__init__(force_close=True)
        self._commit = commit
        self._opening = opening
        self.opened = False
        """The request may have left."""
        self.not_sent: NotSent | None = None
        """Why it did not go, where that is not the connection's fault."""
        self.failed: Exception | None = None
        """What ``commit`` raised."""

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's
        """As TCPConnector's, then the commit."""
        if self.opened:
            raise aiohttp.ClientConnectionError("a part is handed over once")  # aiohttp repeats what it takes for harmless
        connection = await super().connect(req, traces, timeout)
        try:
            going = await self._commit()
        except Exception as error:
            self.failed = error
            connection.close()
            raise aiohttp.ClientConnectionError("the commit failed") from error
        except BaseException:
            connection.close()
            raise
        if not going:
            self.not_sent = NotSent("called off", called_off=True)
        elif connection.protocol is None or not connection.protocol.is_connected():
            self.not_sent = NotSent("Kannel closed the connection")
        if self.not_sent is not None:
            connection.close()
            raise aiohttp.ClientConnectionError(self.not_sent.what)
        self.opened = True
        self._opening()
        return connection


def _session(connector: aiohttp.TCPConnector, connect: float | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(connect=connect))


async def _post(session: aiohttp.ClientSession, account: Account, request: Request) -> Answer:
    # a redirect followed would be the text handed over twice
    async with session.post(account.url, data=request.body, headers=request.headers, allow_redirects=False) as response:
        said = b""
        with suppress(aiohttp.ClientPayloadError):  # its status is an answer, though the words broke off
            said = await response.content.read(_ANSWER)
        return Answer(response.status, said.decode("utf-8", "replace").strip())
