"""The outbox: what goes when and by which modem, how it stops, and that one bad row or a full disk stops nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.model import Call, Decision, Known
from ari_app.outbox import Outbox
from ari_app.pool import Limits
from ari_app.threads import Store
from modem.types import Commit, NotSent, Refused, SendResult, Sent, Submit, Unknown
from tests.threads.world import ALICE, BOB, STAFF, Carrier, Clerk, HandClock, a_call, until

CAROL = "+15145550103"
NOW = timedelta(0)


class House:
    """A store and an outbox over bearers, with the switches of the service in hand."""

    def __init__(
        self, store: Store, clock: HandClock, bearers: Sequence[Carrier], clerk: Clerk, limits: Mapping[str, Limits] | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.bearers = bearers
        self.clerk = clerk
        self.live: frozenset[str] = frozenset()
        self.held = False
        self.decide: Callable[[Call, Known, datetime], Decision] = clerk
        self.outbox = Outbox(
            store,
            bearers,
            self._decide,
            clock,
            live=lambda: self.live,
            held=lambda: self.held,
            limits=limits,
            drain=timedelta(seconds=20),
        )

    def _decide(self, call: Call, known: Known, now: datetime) -> Decision:
        return self.decide(call, known, now)

    async def call(self, number: str, clerk: Clerk | None = None) -> int:
        clerk = clerk or self.clerk
        call = a_call(number, ended=self.clock.at)
        recorded = await self.store.record_call(call, clerk.first(self.clock.at), line="main")
        self.outbox.wake()
        assert recorded.message is not None
        return recorded.message

    async def staff(self, number: str, text: str = "hello") -> int:
        queued = await self.store.acts.queue_staff(number, text, f"{number}-{text}", by=STAFF)
        self.outbox.wake()
        return queued.message

    async def state(self, message: int) -> str:
        return str((await self.store.message(message))["state"])

    async def becomes(self, message: int, *states: str) -> None:
        """Wait until a text stands in one of these states."""
        async with asyncio.timeout(20):
            while await self.state(message) not in states:  # noqa: ASYNC110  (the condition is a file's, not this loop's)
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.outbox.run())
        try:
            yield task
        finally:
            early = task.done() and not task.cancelled()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not early, "run() ended by itself"


Build = Callable[..., "House"]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    clock = HandClock()
    store = Store(tmp_path / "textback.db", clock)
    await store.open()

    def make(*bearers: Carrier, **clerk: Any) -> House:
        return House(store, clock, bearers or (Carrier(),), Clerk(**{"delay": NOW, **clerk}))

    yield make
    await store.close()


def gone(house: House) -> list[tuple[str, str]]:
    return [(bearer.name, submit.number) for bearer in house.bearers for submit in bearer.left]


async def test_nothing_goes_before_it_is_due(build: Build) -> None:
    house = build(delay=timedelta(seconds=30))
    async with house.running():
        message = await house.call(ALICE)
        staff = await house.staff(BOB)
        await house.becomes(staff, "sent")
        assert await house.state(message) == "queued"
        house.clock.move(seconds=31)
        await house.becomes(message, "sent")
    assert [number for _, number in gone(house)] == [BOB, ALICE]


async def test_people_first(build: Build) -> None:
    carrier = Carrier()
    carrier.gate = asyncio.Event()
    house = build(carrier)
    async with house.running():
        first = await house.call(ALICE)
        await until(lambda: len(carrier.left) == 1)
        second = await house.call(BOB)
        staff = await house.staff(CAROL)
        carrier.gate.set()
        for message in (first, second, staff):
            await house.becomes(message, "sent")
    assert [number for _, number in gone(house)] == [ALICE, CAROL, BOB]


async def test_one_text_in_flight_per_modem_and_per_number(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    one.gate = two.gate = asyncio.Event()
    house = build(one, two)
    async with house.running():
        messages = [await house.staff(ALICE, "first"), await house.staff(ALICE, "second"), await house.staff(BOB), await house.staff(CAROL)]
        await until(lambda: len(gone(house)) == 2)
        states = [await house.state(message) for message in messages]
        assert states == ["sending", "queued", "sending", "queued"]
        one.gate.set()
        for message in messages:
            await house.becomes(message, "sent")
    assert sorted(number for _, number in gone(house)) == [ALICE, ALICE, BOB, CAROL]


async def test_modems_take_turns(build: Build) -> None:
    house = build(Carrier("gsm1"), Carrier("gsm2"), Carrier("gsm3"))
    async with house.running():
        for index in range(6):
            await house.becomes(await house.staff(f"+1514555030{index}"), "sent")
    assert [len(bearer.left) for bearer in house.bearers] == [2, 2, 2]


async def test_a_bound_text_goes_by_its_modem_only_and_others_pass_it(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    two.ready = False
    house = build(one, two)
    async with house.running():
        bound = await house.call(ALICE, Clerk(delay=NOW, modem="gsm2"))
        free = await house.call(BOB)
        await house.becomes(free, "sent")
        assert await house.state(bound) == "queued"
        two.ready = True
        house.outbox.wake()
        await house.becomes(bound, "sent")
    assert gone(house) == [("gsm1", BOB), ("gsm2", ALICE)]


async def test_automatic_texts_wait_while_the_pbx_is_away_until_they_expire(build: Build) -> None:
    house = build()
    house.held = True
    async with house.running():
        early, staff = await house.call(ALICE), await house.staff(BOB)
        await house.becomes(staff, "sent")
        assert await house.state(early) == "queued"
        house.clock.move(hours=2, seconds=1)
        await house.becomes(early, "expired")
        late = await house.call(CAROL)
        house.held = False
        house.outbox.wake()
        await house.becomes(late, "sent")
    assert [number for _, number in gone(house)] == [BOB, CAROL]
    assert [c["reason"] for c in await house.store.calls(number=ALICE)] == ["stale"]


async def test_automatic_texts_wait_while_their_caller_is_on_the_telephone(build: Build) -> None:
    house = build()
    house.live = frozenset({ALICE})
    async with house.running():
        waiting, other = await house.call(ALICE), await house.call(BOB)
        await house.becomes(other, "sent")
        assert await house.state(waiting) == "queued"
        await house.store.note_reached("another call", ALICE, house.clock.at + timedelta(seconds=1))
        house.live = frozenset()
        house.outbox.wake()
        await house.becomes(waiting, "cancelled")
    assert [number for _, number in gone(house)] == [BOB]


async def test_fifty_calls_from_one_caller_are_one_text_even_over_two_modems(build: Build) -> None:
    house = build(Carrier("gsm1"), Carrier("gsm2"))
    messages = [(await house.store.record_call(call, house.clerk.first(house.clock.at), line="main")).message for call in
                (a_call(ALICE, ended=house.clock.at) for _ in range(50))]  # fmt: skip
    async with house.running():
        for message in messages:
            assert message
            await house.becomes(message, "sent", "cancelled")
    assert [number for _, number in gone(house)] == [ALICE]


async def test_a_number_that_fails_holds_up_nobody(build: Build) -> None:
    def script(part: Submit) -> SendResult | None:
        return Refused("41", "temporary failure", permanent=False) if part.number == ALICE else None

    house = build(Carrier(script=script))
    async with house.running():
        failing = await house.call(ALICE)
        others = [await house.call(f"+1514555030{n}") for n in range(5)]
        for message in others:
            await house.becomes(message, "sent")
        await house.becomes(failing, "queued")
    assert (await house.store.message(failing))["what"] == "temporary failure"


async def test_no_prompt_is_tried_again_and_no_answer_never(build: Build) -> None:
    results: list[SendResult] = [NotSent("no prompt"), Unknown("no answer"), Sent(1)]
    house = build(Carrier(script=lambda _: results.pop(0)))
    async with house.running():
        message = await house.staff(ALICE)
        await until(lambda: len(results) == 2)
        await house.becomes(message, "queued")
        house.clock.move(minutes=1)
        await house.becomes(message, "unknown")
        house.clock.move(hours=23)
        other = await house.staff(BOB)
        await house.becomes(other, "sent")
        assert await house.state(message) == "unknown"
    assert [number for _, number in gone(house)] == [ALICE, BOB]


async def test_a_row_that_cannot_be_decided_is_put_aside(build: Build) -> None:
    house = build()
    bad = await house.call(ALICE)

    def decide(call: Call, known: Known, now: datetime) -> Decision:
        if known.number == ALICE:
            raise ZeroDivisionError
        return house.clerk(call, known, now)

    house.decide = decide
    async with house.running():
        good = await house.call(BOB)
        await house.becomes(good, "sent")
        await house.becomes(bad, "failed")
    assert (await house.store.message(bad))["what"] == "it could not be prepared: ZeroDivisionError"


class Broken(Carrier):
    """Raises where a bearer must not: before or after its commit."""

    def __init__(self, after: bool) -> None:
        super().__init__()
        self._after = after

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        if part.number == ALICE:
            if self._after:
                await commit()
            raise ZeroDivisionError
        return await super().send(part, commit)


@pytest.mark.parametrize(("after", "state"), [(False, "queued"), (True, "unknown")])
async def test_a_bearer_that_raises_costs_one_text_at_most(build: Build, after: bool, state: str) -> None:
    house = build(Broken(after))
    async with house.running():
        bad = await house.staff(ALICE)
        good = await house.staff(BOB)
        await house.becomes(good, "sent")
        await house.becomes(bad, state)


async def test_a_result_the_store_refuses_leaves_the_text_unknown_and_the_number_free(build: Build) -> None:
    house = build()
    async with house.running():
        await house.store._database.write(
            lambda tx: tx.run(
                """CREATE TRIGGER refuses BEFORE UPDATE OF reference ON part WHEN new.reference = 7 BEGIN
                    SELECT RAISE(ABORT, 'not this one');
                END"""
            )
        )
        bad = await house.staff(ALICE, "first")
        good = await house.staff(ALICE, "second")
        await house.becomes(bad, "unknown")
        await house.becomes(good, "sent")
    assert (await house.store.message(bad))["what"] == "sending ended early: IntegrityError"


class Hasty(Carrier):
    """Gives up on the commit while it is under way, as a driver whose prompt timed out may."""

    async def send(self, _: Submit, commit: Commit) -> SendResult:
        begun = asyncio.ensure_future(commit())
        await asyncio.sleep(0)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        return NotSent("no prompt in time")


async def test_an_attempt_whose_commit_was_given_up_gets_its_result(build: Build) -> None:
    house = build(Hasty())
    async with house.running():
        message = await house.staff(ALICE)
        async with asyncio.timeout(20):
            while (await house.store.message(message))["what"] is None:  # noqa: ASYNC110  (as above)
                await asyncio.sleep(0.005)
        assert await house.state(message) == "queued"
    facts = await house.store._database.read(lambda r: [tuple(row) for row in r.all("SELECT outcome, what FROM attempt")])
    assert facts == [("not_sent", "no prompt in time")]


async def test_stopping_waits_for_the_result_of_what_is_leaving(build: Build) -> None:
    carrier = Carrier()
    carrier.gate = asyncio.Event()
    house = build(carrier)
    task = asyncio.create_task(house.outbox.run())
    leaving, waiting = await house.staff(ALICE), await house.staff(BOB)
    await until(lambda: len(carrier.left) == 1)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    carrier.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [await house.state(message) for message in (leaving, waiting)] == ["sent", "queued"]


class AtPrompt(Carrier):
    """Waits before its commit."""

    def __init__(self) -> None:
        super().__init__()
        self.at_prompt = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        self.at_prompt.set()
        await self.go.wait()
        return await super().send(part, commit)


async def test_stopping_calls_off_what_is_not_leaving_yet(build: Build) -> None:
    carrier = AtPrompt()
    house = build(carrier)
    task = asyncio.create_task(house.outbox.run())
    message = await house.staff(ALICE)
    await carrier.at_prompt.wait()
    task.cancel()
    await until(lambda: house.outbox._stopping)
    carrier.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (carrier.left, await house.state(message)) == ([], "queued")


async def test_stopping_in_the_middle_of_a_claim_leaves_the_text_queued(build: Build) -> None:
    carrier = Carrier()
    house = build(carrier)
    deciding, go = threading.Event(), threading.Event()

    def slowly(call: Call, known: Known, now: datetime) -> Decision:
        deciding.set()
        assert go.wait(20)
        return house.clerk(call, known, now)

    message = await house.call(ALICE)
    house.decide = slowly
    task = asyncio.create_task(house.outbox.run())
    await asyncio.to_thread(deciding.wait, 20)
    task.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (carrier.left, await house.state(message)) == ([], "queued")


async def test_stopping_does_not_wait_for_ever(build: Build) -> None:
    carrier = Carrier()
    carrier.gate = asyncio.Event()
    house = build(carrier)
    outbox = Outbox(house.store, [carrier], house.clerk, house.clock, live=frozenset, held=lambda: False, drain=NOW)
    task = asyncio.create_task(outbox.run())
    message = await house.staff(ALICE)
    outbox.wake()
    await until(lambda: len(carrier.left) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.store.close()
    again = Store(house.store.path, house.clock)
    await again.open()
    assert (await again.message(message))["state"] == "unknown"
    await again.close()


async def test_a_full_disk_is_waited_for_and_no_result_is_lost(build: Build) -> None:
    carrier = Carrier()
    carrier.gate = asyncio.Event()
    house = build(carrier)
    async with house.running():
        leaving = await house.staff(ALICE)
        await until(lambda: len(carrier.left) == 1)
        waiting = await house.staff(BOB)
        database = house.store._database
        await database.write(lambda tx: tx.run("CREATE TABLE filler (x)"))
        await database.write(
            lambda tx: tx.run("CREATE TRIGGER full BEFORE UPDATE ON message BEGIN INSERT INTO filler VALUES (zeroblob(9000000)); END")
        )
        await database.write(lambda tx: tx.value("PRAGMA max_page_count = 1"))
        carrier.gate.set()
        for _ in range(3):
            house.clock.move(seconds=30)
            house.outbox.wake()
            await asyncio.sleep(0.02)
        assert [await house.state(message) for message in (leaving, waiting)] == ["sending", "queued"]
        await database.write(lambda tx: tx.run("DROP TRIGGER full"))
        house.clock.move(seconds=30)
        await house.becomes(leaving, "sent")
        house.clock.move(seconds=30)
        house.outbox.wake()
        await house.becomes(waiting, "sent")
    assert [number for _, number in gone(house)] == [ALICE, BOB]
