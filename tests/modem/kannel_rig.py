"""A KannelBearer on a real Kannel, with an operator or a simulated modem behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from modem.kannel import KannelBearer
from modem.pdu import Deliver, StatusReport
from modem.timing import Timing
from modem.types import Door, SendResult, Sent
from tests.lab.kannel import Carrier, Kannel
from tests.modem.conftest import Keeper, going

__all__ = ["HASTY", "PATIENT", "SECRET", "Rig", "bearer_of", "mo_url", "running", "until"]

PATIENT = Timing(command=5, result=20, watch=0.3, retry_first=0.05, retry_most=0.1)
"""Long where a loaded machine must not matter, short where a fault ends; what is asserted never depends on it."""
HASTY = replace(PATIENT, command=1, result=2)
"""For a Kannel that will never answer."""
SECRET = "a-secret-that-nobody-can-guess"


def mo_url(port: int, secret: str = SECRET) -> str:
    """The get-url of docs/kannel.md."""
    return f"http://127.0.0.1:{port}/kannel/{secret}/mo?from=%p&text=%b&udh=%u&coding=%c&charset=%C&at=%T&id=%I"


async def until(true: Callable[[], bool], what: str, seen: Callable[[], object] = lambda: "", seconds: float = 30) -> None:
    """Wait for a condition; fail naming it and what there is instead."""
    try:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never happened: {what} {seen()}")


@dataclass
class Rig:
    """One Kannel and one bearer of it."""

    kannel: Kannel
    bearer: KannelBearer
    keeper: Keeper
    carrier: Carrier
    ready_calls: list[int] = field(default_factory=list)

    async def send(self, number: str, text: str, reference: int = 0) -> list[SendResult]:
        """Send every part of a text."""
        return [await self.bearer.send(part, going) for part in self.bearer.split(number, text, reference)]

    async def went(self, number: str, text: str = "bonjour") -> Sent:
        """Send a text of one part that goes."""
        (result,) = await self.send(number, text)
        assert isinstance(result, Sent)
        return result

    async def ready(self) -> None:
        await until(lambda: self.bearer.ready and self.bearer.health().state == "ok", "ready", self.bearer.health)

    async def reports(self, number: str, count: int) -> list[StatusReport]:
        """The first reports about texts to a number, once there are ``count``."""

        def found() -> list[StatusReport]:
            return [one for one in self.keeper.reports if one.recipient == number]

        await until(lambda: len(found()) >= count, f"{count} reports of {number}", found)
        return found()

    async def received(self, count: int = 1) -> list[Deliver]:
        """What came from handsets, once there is so much."""

        def found() -> list[Deliver]:
            return [one for one in self.keeper.decoded if isinstance(one, Deliver)]

        await until(lambda: len(found()) >= count, f"{count} texts received", lambda: len(found()))
        return found()


def bearer_of(url: str, password: str, door: Door, port: int, **options: Any) -> KannelBearer:
    """A bearer as the service makes it, but for ``options``."""
    return KannelBearer(
        "kannel1",
        **{
            "url": url, "username": "clinic", "password": password, "listen": f"127.0.0.1:{port}", "secret": SECRET,
            "number": "+15145550100", "door": door, "on_ready": lambda: None, "timing": PATIENT, **options,
        },
    )  # fmt: skip


@asynccontextmanager
async def running(bearer: KannelBearer) -> AsyncIterator[None]:
    """Run a bearer, and see that nothing but the cancellation ended it."""
    task = asyncio.create_task(bearer.run())
    try:
        yield
    finally:
        ended_early = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert not ended_early, "run() ended by itself"
