"""A driver on the simulated modem: real bytes over a real pty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modem.driver import SerialModem, Timing
from modem.pdu import Decoded, Deliver, StatusReport, decode
from modem.simulator import Simulator
from modem.types import NotSent, RawPdu, SendResult, VoiceCall
from tests.modem.simulator_client import Client

QUICK = Timing(
    probe=0.2, find=0.1, port=0.5, look_of_port=2.0, settle=0.01, command=1.0, slow=1.0, store=1.0, rest=0.5,
    prompt=0.4, result=0.6, result_in_doubt=0.3, sim=1.0, again=0.05, poll=0.5, poll_deaf=0.1, keep_again=0.05,
    watch=0.5, quiet=0.05, caller=0.2, ring=0.5, retry_first=0.05, retry_most=0.1, retry_person=0.1, ports=0.02,
    replaced=0.3, usb_off=0.05,
)  # fmt: skip
"""Short waits, so that faults are over soon; what is asserted never depends on them."""


@dataclass
class Keeper:
    """A door that keeps in memory, and can be told to fail."""

    kept: list[RawPdu] = field(default_factory=list)
    called_by: list[VoiceCall] = field(default_factory=list)
    refused_pins: set[tuple[str, str]] = field(default_factory=set)
    fails: int = 0
    """So many of the next calls of ``keep`` and ``called`` raise."""
    calls: int = 0

    async def keep(self, raw: RawPdu) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise OSError("the disk is full")
        self.kept.append(raw)

    async def called(self, call: VoiceCall) -> None:
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise OSError("the disk is full")
        self.called_by.append(call)

    async def pin_refused(self, sim: str, digest: str) -> None:
        self.refused_pins.add((sim, digest))

    async def pin_known_bad(self, sim: str, digest: str) -> bool:
        return (sim, digest) in self.refused_pins

    async def pin_accepted(self, sim: str) -> None:
        self.refused_pins = {(which, digest) for which, digest in self.refused_pins if which != sim}

    @property
    def decoded(self) -> list[Decoded]:
        return [decode(raw.pdu) for raw in self.kept]

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.decoded if isinstance(one, Deliver)]

    @property
    def reports(self) -> list[StatusReport]:
        return [one for one in self.decoded if isinstance(one, StatusReport)]


@dataclass
class Rig:
    """One simulated modem and one driver of it."""

    sim: Simulator
    driver: SerialModem
    keeper: Keeper
    ready_calls: list[int]
    task: asyncio.Task[None]

    async def until(self, true: Callable[[], bool], what: str, seconds: float = 10) -> None:
        """Wait for a condition; fail naming it."""
        try:
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"never happened: {what}; health is {self.driver.health()}")

    async def ready(self) -> None:
        await self.until(lambda: self.driver.ready, "ready")

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Journal entries of these names."""
        entries: list[dict[str, Any]] = self.sim.journal(events=list(names))["entries"]
        return entries

    def lines(self) -> list[str]:
        """AT command lines the modem received."""
        return [entry["line"] for entry in self.events("line")]

    async def send(
        self, text: str = "bonjour", number: str = "+15145550123", commit: Callable[[], Awaitable[bool]] | None = None
    ) -> SendResult:
        """Send a text of one part."""
        (part,) = self.driver.split(number, text, 0)
        return await self.driver.send(part, commit or going)

    async def send_when_ready(self, text: str = "bonjour", number: str = "+15145550123") -> SendResult:
        """Send, again for as long as it is safe to."""
        async with asyncio.timeout(10):
            while True:
                result = await self.send(text, number)
                if not isinstance(result, NotSent):
                    return result
                await asyncio.sleep(0.02)


async def going() -> bool:
    """A commit that lets the text go."""
    return True


MakeRig = Callable[..., Awaitable[Rig]]


@asynccontextmanager
async def running(driver: SerialModem) -> AsyncIterator[asyncio.Task[None]]:
    """Run a driver, and see that nothing but the cancellation ended it."""
    task = asyncio.create_task(driver.run())
    try:
        yield task
    finally:
        ended_early = task.done() and not task.cancelled()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert not ended_early, "run() ended by itself"


@pytest.fixture
async def make_rig(tmp_path: Path) -> AsyncIterator[MakeRig]:
    """Plug in a modem and run a driver on it. ``driver`` holds arguments of the driver, the rest goes to the simulator."""
    async with AsyncExitStack() as stack:

        async def make(*, driver: dict[str, Any] | None = None, before: Callable[[Simulator], None] | None = None, **simulator: Any) -> Rig:
            link = tmp_path / "modem"
            sim = await stack.enter_async_context(Simulator(link, **{"report_ms": 5, **simulator}))
            if before is not None:
                before(sim)
            keeper, ready_calls = Keeper(), []
            options = {"port": str(link), "door": keeper, "on_ready": lambda: ready_calls.append(1), "timing": QUICK, **(driver or {})}
            modem = SerialModem("one", **options)
            return Rig(sim, modem, keeper, ready_calls, await stack.enter_async_context(running(modem)))

        yield make


@pytest.fixture
async def client(sim: Simulator, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of the modem that a test module's ``sim`` plugs in, without echo and with indications."""
    del sim
    with Client(tmp_path / "modem") as client:
        await client.quiet()
        yield client
