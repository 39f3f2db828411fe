"""The FastAGI server of the service: the routes ``hours``, ``caller``, ``offer``, ``decline`` and ``inbox``, each in a module of its name.

``AGI(agi://127.0.0.1:4573/hours)`` sets ``TEXTBACK_OPEN`` ("1" or "0") and ``TEXTBACK_UNTIL`` (epoch seconds) on the asking channel,
as channel variables, for the line the call came in on. Which DID that is, first match wins:

1. the route's argument: ``AGI(agi://127.0.0.1:4573/hours,${FROM_DID})``;
2. ``agi_dnid``, the number dialled (CALLERID(dnid)), which stays the same wherever in the dialplan the call is;
3. ``agi_extension``, the extension the call is at, unless it is ``s`` or another special one;
4. the channel's trunk or port, as for calls on analog lines ("DAHDI/1").

Nothing set means: no answer, go on as if it had not been asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from agi.caller import Caller
from agi.decline import Decline
from agi.headers import did_of
from agi.inbox import Inbox
from agi.offer import Offer
from agi.prompts import Prompts
from agi.protocol import MOST_HEADERS, Application, Request
from agi.speech import Speech
from ari_app.clock import Clock, SystemClock
from ari_app.desk import Desk, Doors
from ari_app.errors import SettingsError
from ari_app.opening import answer
from ari_app.policy.hours import Opening
from ari_app.settings import Settings

__all__ = ["AgiServer", "Routes"]

log = structlog.get_logger()

_LONGEST_CALL = 1800.0
"""Seconds a call may listen to the inbox."""
_MOST_CALLS = 8
"""At once: each may run the speech command."""
_LONGEST_OFFER = 60.0
"""Seconds from the first word to the hang-up."""
_MOST_OFFERS = 50
"""At once: a whole queue may be offered a text in the same minute. Their words are spoken ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """What is answered beside ``hours``. ``prompts`` are spoken ahead."""

    inbox: Inbox
    caller: Caller
    offer: Offer
    decline: Decline
    prompts: Prompts

    @classmethod
    def of(cls, settings: Settings, desk: Desk, doors: Doors, clock: Clock) -> Self:
        """As [agi] and [clinic] say."""
        languages = settings.clinic.languages
        speech = Speech(settings.agi)
        prompts = Prompts(speech, languages)
        return cls(
            inbox=Inbox(desk, doors, speech, clock, languages),
            caller=Caller(desk),
            offer=Offer(desk, speech, prompts, languages[0]),
            decline=Decline(desk, doors, speech, prompts, languages[0]),
            prompts=prompts,
        )


class AgiServer:
    """Listens on a loopback address and answers ``hours``, and the other routes where it is given them.

    ``listen`` is [agi] listen ("127.0.0.1:4573"; port 0 takes any free one). ``opening`` says of a DID whether its line is open now.
    ``patience``: seconds a request may take in all. ``most``: requests at once, more are closed unanswered.
    """

    def __init__(
        self,
        listen: str,
        opening: Callable[[str], Opening],
        *,
        routes: Routes | None = None,
        clock: Clock | None = None,
        patience: float = 5.0,
        most: int = 100,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._listen = listen
        self._opening = opening
        self._routes = routes
        self._warming: asyncio.Task[None] | None = None
        self._clock = clock or SystemClock()
        self._patience = patience
        self._most = most
        self._server: asyncio.Server | None = None
        self._requests: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port listened on; 0 when not listening."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server and self._server.sockets else 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def run(self) -> None:
        """Listen until cancelled. Raises SettingsError when the address cannot be listened on."""
        async with self:
            await asyncio.Event().wait()

    async def start(self) -> None:
        """Begin to listen. Raises SettingsError when the address is taken, is not this machine's, or is not loopback."""
        application = Application(patience=self._patience, most=self._most)
        application.add_route("hours", self._hours)
        routes = self._routes
        if routes is not None:
            routes.inbox.begin()
            application.add_route("caller", routes.caller.serve)
            application.add_session("offer", routes.offer.serve, patience=_LONGEST_OFFER, most=_MOST_OFFERS)
            application.add_session("decline", routes.decline.serve, patience=_LONGEST_OFFER, most=_MOST_OFFERS)
            application.add_session("inbox", routes.inbox.serve, patience=_LONGEST_CALL, most=_MOST_CALLS)
            self._warming = asyncio.create_task(routes.prompts.warm(), name="agi-prompts")

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(application.handler(reader, writer))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)

        try:
            self._server = await asyncio.start_server(accept, await self._address(), self._port, limit=MOST_HEADERS)
        except OSError as error:
            raise SettingsError(
                f"agi.listen: cannot listen on {self._listen} ({error.strerror or error})",
                "is another textback running? Else set another port, here and in the dialplan",
            ) from error

    async def close(self) -> None:
        """Stop listening and end the requests under way: their calls go on."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
            self._warming = None
        if self._server is not None:
            self._server.close()
            requests = tuple(self._requests)
            for task in requests:
                task.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 5)
            self._server = None

    async def _address(self) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
            raise SettingsError(
                f"agi.listen: {self._listen} is not a loopback address",
                "write 127.0.0.1: FastAGI has no password, so only this machine's own PBX may ask",
            )
        return addresses[0]

    async def _hours(self, request: Request) -> None:
        said = answer(self._opening(did_of(request.headers)), self._clock.now())
        await request.set_variable("TEXTBACK_OPEN", said.open)
        await request.set_variable("TEXTBACK_UNTIL", said.until)
