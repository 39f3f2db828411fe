"""The clock is set, an hour or a year, back or ahead, while texts wait, are on their way and have gone; and nights of changed clocks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.outbox import Outbox
from ari_app.policy import Policy
from ari_app.settings import parse
from ari_app.threads import Store
from tests.faults.fault import Recorder, record
from tests.moved_clock import MovedClock
from tests.threads.world import ALICE, BOB, STAFF, Carrier, a_call

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
CAROL, DAVE, ERIN = "+15145550103", "+15145550104", "+15145550105"
JUMPS = {
    "an hour back": timedelta(hours=-1),
    "an hour ahead": timedelta(hours=1),
    "a year back": timedelta(days=-365),
    "a year ahead": timedelta(days=365),
    "from 1970 to now": NOON - datetime(1970, 1, 1, 0, 2, tzinfo=UTC),
}


@dataclass
class House:
    """A store, the real policy and an outbox over a modem of this process, by a clock in hand."""

    store: Store
    clock: MovedClock
    policy: Policy
    outbox: Outbox
    carrier: Carrier
    calls: list[str] = field(default_factory=list)

    async def misses(self, number: str, ahead: timedelta = timedelta(0)) -> int | None:
        call = a_call(number, ended=self.clock.now() + ahead)
        self.calls.append(call.id)
        now = self.clock.now()
        recorded = await self.store.record_call(call, lambda call, known: self.policy.decide(call, known, now), line="main")
        self.outbox.wake()
        return recorded.message

    async def writes(self, number: str, text: str) -> int:
        queued = await self.store.acts.queue_staff(number, text, f"{number} {text}", by=STAFF)
        self.outbox.wake()
        return queued.message

    async def state(self, message: int | None) -> str:
        assert message is not None
        return str((await self.store.message(message))["state"])

    async def passes(self, seconds: float) -> None:
        """Time goes on by both clocks, and whoever waited for it has done its work."""
        for _ in range(round(seconds / 5)):
            self.clock.move(5)
            await self.quiet()

    async def quiet(self) -> None:
        """Two looks of the outbox in a row."""
        for _ in range(2):
            sleeps = self.clock.sleeps
            self.outbox.wake()
            async with asyncio.timeout(20):
                while self.clock.sleeps == sleeps or self._under_way():  # noqa: ASYNC110  (a clock by hand has no event)
                    await asyncio.sleep(0)

    def _under_way(self) -> bool:
        return self.carrier.gate is None and self.carrier.ready and self.outbox.pool.idle() != ["gsm1"]

    def left(self) -> Counter[str]:
        return Counter(submit.number for submit in self.carrier.left)


@asynccontextmanager
async def a_house(folder: Path, at: datetime, **reply: Any) -> AsyncIterator[House]:
    clock, carrier = MovedClock(at), Carrier()
    document = {
        "clinic": {"name": "Clinique", "number": "+15145550199", "timezone": "America/Toronto"},
        "pbx": {"ari": "http://127.0.0.1:9", "username": "u", "password": "p"},
        "modem": [{"name": "gsm1", "port": "/dev/null"}],
        "reply": {"per_number_limit": 10, **reply},
        "hours": {"open": "Mo-Su 08:00-17:00"},
        "store": {"path": str(folder / "textback.db")},
    }
    settings = parse(document)
    policy = Policy(settings)
    store = Store(settings.store.path, clock)
    await store.open()
    outbox = Outbox(store, [carrier], policy.decide, clock, live=frozenset, held=lambda: False)
    running = asyncio.create_task(outbox.run())
    try:
        yield House(store, clock, policy, outbox, carrier)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


@pytest.mark.parametrize("name", JUMPS)
async def test_a_clock_that_is_set(name: str, tmp_path: Path, record_property: Recorder) -> None:
    """ALICE was texted, BOB's text waits for its delay, staff's to CAROL is between PDU and answer; DAVE calls after, and so does ALICE."""
    jump = JUMPS[name]
    async with a_house(tmp_path, NOON if name != "from 1970 to now" else NOON - jump) as house:
        first = await house.misses(ALICE)
        await house.passes(60)
        assert await house.state(first) == "sent"
        waits = await house.misses(BOB)
        house.carrier.gate = asyncio.Event()
        leaving = await house.writes(CAROL, "Bonjour")
        queued = await house.writes(ERIN, "Demain à 9 h?")
        await house.quiet()
        house.clock.wall += jump
        house.carrier.gate.set()
        house.carrier.gate = None
        began = time.monotonic()
        after = await house.misses(DAVE)
        again = await house.misses(ALICE)
        await house.passes(120)
        took = time.monotonic() - began
        states = {who: await house.state(message) for who, message in (("bob", waits), ("erin", queued), ("dave", after))}
        assert await house.state(leaving) == "sent"
        left = house.left()
        doubled = sum(max(count - 1, 0) for count in left.values())
        listed = {call["id"]: call["reason"] for call in await house.store.calls()}
        lost = sum(state not in {"sent", "expired", "failed"} for state in states.values())
        record(
            record_property,
            texts_lost=lost,
            texts_doubled=doubled,
            calls_lost=len(set(house.calls) - listed.keys()),
            recovery_s=took,
        )
        too_late = jump > timedelta(hours=24)
        assert again is None or await house.state(again) == "cancelled"
        assert states["dave"] == "sent"
        assert states["bob"] == ("expired" if too_late else "sent")
        assert states["erin"] == ("failed" if too_late else "sent")
        assert (lost, doubled) == (0, 0), (states, left)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=365)], ids=["hour", "year"])
async def test_a_call_that_ended_in_the_future(ahead: timedelta, tmp_path: Path, record_property: Recorder) -> None:
    """The clock was set back while it rang, or Asterisk's is ahead: listed now, and texted after its delay."""
    async with a_house(tmp_path, NOON) as house:
        message = await house.misses(ALICE, ahead)
        await house.passes(20)
        assert await house.state(message) == "queued"
        await house.passes(20)
        (listed,) = await house.store.calls()
        lost = int(await house.state(message) != "sent")
        record(record_property, texts_lost=lost, texts_doubled=max(house.left()[ALICE] - 1, 0), calls_lost=0)
        assert (lost, house.left(), datetime.fromisoformat(listed["ended"])) == (0, {ALICE: 1}, NOON)


@pytest.mark.parametrize(
    ("change", "opens"), [((2026, 3, 8, 7), (2026, 3, 8, 12)), ((2026, 11, 1, 6), (2026, 11, 1, 13))], ids=["spring", "autumn"]
)
async def test_a_night_of_changed_clocks(
    change: tuple[int, ...], opens: tuple[int, ...], tmp_path: Path, record_property: Recorder
) -> None:
    """America/Toronto: delay, age, cooldown and hours of a clinic that opens at 8."""
    night, morning = datetime(*change, tzinfo=UTC), datetime(*opens, tzinfo=UTC)  # type: ignore[arg-type, misc]
    async with a_house(tmp_path, night - timedelta(seconds=10)) as house:
        first = await house.misses(ALICE)
        texted = night + timedelta(seconds=20)
        await house.passes(25)
        assert await house.state(first) == "queued"
        await house.passes(5)
        assert await house.state(first) == "sent"
        house.carrier.ready = False
        young = await house.misses(BOB)
        house.clock.move(2 * 3600 - 60)
        await house.quiet()
        house.carrier.ready = True
        await house.passes(5)
        assert await house.state(young) == "sent"
        house.carrier.ready = False
        old = await house.misses(CAROL)
        house.clock.move(2 * 3600 + 60)
        await house.quiet()
        assert await house.state(old) == "expired"
        house.carrier.ready = True
        for at, open_ in ((-1, False), (0, True)):
            assert house.policy.opening("main", morning + timedelta(seconds=at), {}).open is open_
        house.clock.move((texted + timedelta(hours=24) - house.clock.now()).total_seconds() - 60)
        assert await house.misses(ALICE) is None, "a day has 24 hours"
        house.clock.move(60)
        again = await house.misses(ALICE)
        await house.passes(35)
        assert await house.state(again) == "sent"
        left = house.left()
        record(
            record_property, texts_lost=0, texts_doubled=int(left[ALICE] != 2), calls_lost=len(house.calls) - len(await house.store.calls())
        )
        assert left == {ALICE: 2, BOB: 1}
