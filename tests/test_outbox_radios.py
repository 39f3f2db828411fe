"""Two radios in one outbox, over real drivers on simulated modems: conversations, failover, and a SIM that the carrier bars."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_app.outbox import Outbox
from ari_app.pool import GRACE, LEAST, PROOF, TRIAL
from ari_app.threads import Store
from modem.driver import SerialModem
from modem.simulator import Simulator
from tests.modem.conftest import QUICK, running
from tests.outbox_child import Door
from tests.test_outbox_modem import sending
from tests.threads.world import ALICE, BOB, STAFF, Clerk

NUMBERS = {"gsm1": "+15145550171", "gsm2": "+15145550172"}
IMEIS = {"gsm1": "356938035643809", "gsm2": "490154203237518"}


class Ahead:
    """The machine's clock, put forward by hand: minutes pass without being waited for."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by

    def monotonic(self) -> float:
        return time.monotonic() + self.by.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))  # looks again often: the clock may have been put forward


class Radios:
    """A store and an outbox over two modems."""

    def __init__(self, store: Store, outbox: Outbox, sims: dict[str, Simulator], drivers: dict[str, SerialModem], clock: Ahead) -> None:
        self.store = store
        self.outbox = outbox
        self.sims = sims
        self.drivers = drivers
        self.clock = clock

    async def ready(self, name: str, *, yes: bool = True) -> None:
        async with asyncio.timeout(20):
            while self.drivers[name].ready is not yes:  # noqa: ASYNC110 - the driver tells only when it became ready
                await asyncio.sleep(0.01)

    async def queue(self, number: str, text: str) -> int:
        queued = await self.store.acts.queue_staff(number, text, f"{number} {text}", by=STAFF)
        self.outbox.wake()
        return queued.message

    async def becomes(self, message: int, *states: str) -> None:
        async with asyncio.timeout(30):
            while (await self.store.message(message))["state"] not in states:  # noqa: ASYNC110 - the file tells
                await asyncio.sleep(0.01)

    async def text(self, number: str, text: str) -> str:
        """Send, and say which modem's number the handset saw."""
        await self.becomes(await self.queue(number, text), "sent", "delivered")
        return self.seen(number, text)

    def seen(self, number: str, text: str) -> str:
        senders = [one["sender"] for sim in self.sims.values() for one in sim.inbox(number) if one["text"] == text]
        assert len(senders) == 1, senders
        return next(name for name, own in NUMBERS.items() if own == senders[0])


@pytest.fixture
async def radios(tmp_path: Path) -> AsyncIterator[Radios]:
    async with AsyncExitStack() as stack:
        sims = {
            name: await stack.enter_async_context(
                Simulator(tmp_path / name, number=own, imei=IMEIS[name], report_ms=5, control=tmp_path / f"{name}.sock")
            )
            for name, own in NUMBERS.items()
        }
        clock = Ahead()
        store = Store(tmp_path / "textback.db", clock)
        await store.open()
        stack.push_async_callback(store.close)

        def wake() -> None:
            outbox.wake()

        drivers = {
            name: SerialModem(name, str(tmp_path / name), imei=IMEIS[name], door=Door(store), on_ready=wake, timing=QUICK)
            for name in NUMBERS
        }
        outbox = Outbox(store, list(drivers.values()), Clerk(delay=timedelta(0)), clock, live=frozenset, held=lambda: False)
        for driver in drivers.values():
            await stack.enter_async_context(running(driver))
        await stack.enter_async_context(sending(outbox))
        found = Radios(store, outbox, sims, drivers, clock)
        for name in NUMBERS:
            await found.ready(name)
        yield found


async def test_a_conversation_keeps_its_number_over_an_unplug_and_fails_over_when_it_lasts(radios: Radios) -> None:
    first = await radios.text(ALICE, "one")
    other = next(name for name in NUMBERS if name != first)
    assert [await radios.text(ALICE, text) for text in ("two", "three")] == [first, first]
    radios.sims[first].unplug()
    await radios.ready(first, yes=False)
    waiting = await radios.queue(ALICE, "four")
    await radios.text(BOB, "meanwhile")
    assert (await radios.store.message(waiting))["state"] == "queued"
    radios.clock.by += timedelta(seconds=GRACE + 1)
    await radios.becomes(waiting, "sent", "delivered")
    assert radios.seen(ALICE, "four") == other
    radios.sims[first].replug()
    await radios.ready(first)
    assert await radios.text(ALICE, "five") == first


async def test_who_answers_the_other_number_is_answered_from_there(radios: Radios) -> None:
    first = await radios.text(ALICE, "one")
    other = next(name for name in NUMBERS if name != first)
    radios.sims[other].text(ALICE, "bonjour")
    async with asyncio.timeout(20):
        while len((await radios.store.thread(ALICE))["messages"]) < 2:  # noqa: ASYNC110 - the file tells
            await asyncio.sleep(0.01)
    assert await radios.text(ALICE, "two") == other


async def test_a_barred_sim_leaves_the_pool_and_proves_itself(radios: Radios) -> None:
    pool = radios.outbox.pool
    barred, well = "gsm1", "gsm2"
    radios.sims[barred].fault("refuse", code=50, count=3)  # requested facility not subscribed: for good, and not the number's fault
    messages = [await radios.queue(f"+1514555{6000 + index}", "hello") for index in range(LEAST * 2 + 2)]
    for message in messages[3:]:
        await radios.becomes(message, "sent", "delivered")
    radios.clock.by += timedelta(seconds=30)
    for message in messages:
        await radios.becomes(message, "sent", "delivered")
    assert pool.standing(barred).failing
    assert not pool.standing(well).failing
    assert [await radios.text(f"+1514555{7000 + index}", "hello") for index in range(3)] == [well] * 3
    used = []
    for index in range(PROOF):
        radios.clock.by += timedelta(seconds=TRIAL + 1)
        used += [await radios.text(f"+1514555{8000 + 2 * index + turn}", "hello") for turn in (0, 1)]
    assert used.count(barred) == PROOF
    assert not pool.standing(barred).failing


async def test_a_modem_that_refuses_at_its_prompt_is_asked_twice_and_then_the_other(radios: Radios) -> None:
    first = await radios.text(ALICE, "one")
    other = next(name for name in NUMBERS if name != first)
    radios.sims[first].fault("refuse_prompt", code=50, count=99)
    waiting = await radios.queue(ALICE, "two")
    async with asyncio.timeout(30):
        while (await radios.store.message(waiting))["state"] not in ("sent", "delivered"):
            radios.clock.by += timedelta(seconds=5)
            radios.outbox.wake()
            await asyncio.sleep(0.05)
    assert radios.seen(ALICE, "two") == other
    tries = await radios.store._database.read(lambda reader: reader.value("SELECT tries FROM message WHERE id = ?", (waiting,)))
    assert tries == 3
