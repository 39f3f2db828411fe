"""The whole service in this process, with both its ends replaced: the event socket tells recorded calls, the radio takes every text.

All between them is the product's own, from the JSON of an event to the row on the disk and the PDU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

from ari_app import service as house
from ari_app.clock import Clock
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import Connected, Event, Snapshot
from ari_app.service import Service
from ari_app.settings import ModemSettings, parse
from modem.made import deliver, report
from modem.pdu import submit
from modem.types import Commit, Door, Health, NotSent, RawPdu, SendResult, Sent, Submit
from tests.bench.replay import CONTEXTS
from tests.bench.starting import free_port

__all__ = ["Carrier", "whole"]

Source = Callable[[Callable[[str], Event | None]], AsyncIterator[Event]]
"""Given what reads one JSON message: the events, from the first to the last."""


class Carrier:
    """A bearer without a radio: real PDUs and commits; every text is delivered, and one caller in four writes back."""

    def __init__(self, name: str, door: Door, clock: Clock) -> None:
        self.name = name
        self.ready = True
        self.carried = 0
        self.coming: asyncio.Queue[str] = asyncio.Queue()
        self._door = door
        self._clock = clock

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        return submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        if not await commit():
            return NotSent("called off", called_off=True)
        self.carried += 1
        reference, now = self.carried % 256, self._clock.now()
        self.coming.put_nowait(report(reference, part.number, now, now, 0))
        if self.carried % 4 == 0:
            (pdu,) = deliver(part.number, f"Bonjour, je voudrais un rendez-vous, {self.carried}", now, reference=reference)
            self.coming.put_nowait(pdu)
        return Sent(reference)

    def health(self) -> Health:
        return Health("ok", "ready", "ready", registered=True)

    async def run(self) -> None:
        while True:
            pdu = await self.coming.get()
            await asyncio.sleep(0)  # as with a modem the result of a sending is there before its report
            await self._door.keep(RawPdu(self.name, pdu, self._clock.now()))
            self.coming.task_done()


def whole(path: Path, clock: Clock, source: Source) -> tuple[Service, Carrier]:
    """A service over ``path`` that hears ``source`` once it runs, and its radio. Texts go at once, and nothing limits them."""
    settings = parse(
        {
            "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
            "pbx": {"username": "nobody", "password": "none", "inbound_contexts": list(CONTEXTS)},
            "reply": {"delay": "0s", "min_ring": "0s", "daily_limit": 100_000, "burst": 100_000},
            "modem": [{"name": "gsm1", "port": str(path.with_name("no-modem"))}],
            "store": {"path": str(path)},
            "portal": {"listen": f"127.0.0.1:{free_port()}"},
            "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(path.with_name("sounds"))},
        }
    )
    carriers: list[Carrier] = []

    class Told(AriClient):
        """An Asterisk that has calls to tell, and nothing to say to a request."""

        async def _connection(self) -> AsyncGenerator[Event, None]:
            yield Connected(clock.now(), Snapshot((), (), {}, {}))
            async for event in source(self._event):
                yield event
            await asyncio.Event().wait()

        async def _request(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:  # noqa: ARG002
            return None

    def bearer_of(each: ModemSettings, door: Door, _on_ready: Callable[[], None]) -> Carrier:
        carriers.append(Carrier(each.name, door, clock))
        return carriers[-1]

    before = house.AriClient, house.bearer_of  # type: ignore[attr-defined]
    try:
        setattr(house, "AriClient", Told)  # noqa: B010  (mypy knows that they are not the service's to give)
        setattr(house, "bearer_of", bearer_of)  # noqa: B010
        return Service(settings, clock), carriers[0]
    finally:
        for name, was in zip(("AriClient", "bearer_of"), before, strict=True):
            setattr(house, name, was)
