"""The pool when things go wrong: modems that refuse, give no prompt or are no more, a full disk, clocks that are set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.errors import StoreError
from ari_app.model import MessageKind
from ari_app.pool import GRACE, LEAST, Limits, Pool
from modem.types import Commit, NotSent, Refused, SendResult, Sent, Submit
from tests.test_outbox import CAROL, gone
from tests.test_pool import BARRED, Build, building
from tests.threads.world import ALICE, BOB, STAFF, Carrier, Clerk, HandClock, inbound, nothing, raw, until


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    async with building(tmp_path) as make:
        yield make


async def test_what_one_sim_refuses_for_good_waits_for_another_that_is_busy(build: Build) -> None:
    one, two = Carrier("gsm1", lambda _: BARRED), Carrier("gsm2")
    two.gate = asyncio.Event()
    house = build(one, two)
    await house.store.keep(raw(inbound(BOB, "bonjour"), modem="gsm2"), nothing)
    async with house.running():
        await house.staff(BOB)
        await until(lambda: len(two.left) == 1)
        message = await house.staff(ALICE)
        await until(lambda: len(one.left) == 1)
        await house.becomes(message, "queued")
        other = await house.staff(CAROL)
        await until(lambda: len(one.left) == 2)
        await house.becomes(other, "queued")
        assert [part.number for part in one.left] == [ALICE, CAROL]
        two.gate.set()
        await house.becomes(message, "sent")
        await house.becomes(other, "sent")
    assert [part.number for part in two.left] == [BOB, ALICE, CAROL]
    assert len(one.left) == 2


def test_a_refused_text_waits_only_for_a_modem_that_could_carry_it() -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    for limits, away, wait in (({}, 0, True), ({}, GRACE - 1, True), ({}, GRACE + 1, False), ({"gsm2": Limits(budget=0)}, 0, False)):
        clock = HandClock()
        pool = Pool([one, two], limits, clock)
        two.ready = not away
        clock.move(seconds=away)
        assert (pool.choose(["gsm1"], MessageKind.STAFF, only=None, prefers="gsm1", avoid={"gsm1"}) is None) is wait
        assert bool(pool.others({"gsm1"}, MessageKind.STAFF)) is wait


async def test_what_the_agenda_offers_is_not_held_by_a_busy_modem_that_refused_it(build: Build) -> None:
    """Two modems that are never free together: what one refused goes by the other all the same."""
    one, two = Carrier("gsm1", lambda part: BARRED if part.number == ALICE else None), Carrier("gsm2")
    two.gate = asyncio.Event()
    house = build(one, two)
    await house.store.keep(raw(inbound(BOB, "bonjour"), modem="gsm2"), nothing)
    await house.store.keep(raw(inbound(ALICE, "bonjour"), modem="gsm1"), nothing)
    await house.store.keep(raw(inbound(CAROL, "bonjour"), modem="gsm1"), nothing)
    async with house.running():
        await house.staff(BOB)
        await until(lambda: len(two.left) == 1)
        message = await house.staff(ALICE)
        await until(lambda: len(one.left) == 1)
        await house.becomes(message, "queued")
        one.gate = asyncio.Event()
        await house.staff(CAROL)
        await until(lambda: len(one.left) == 2)
        two.gate.set()
        await house.becomes(message, "sent")
        one.gate.set()


class Stubborn(Carrier):
    """Answers AT+CMGS itself, and gives no prompt."""

    def __init__(self, name: str, answer: SendResult) -> None:
        super().__init__(name)
        self.asked = 0
        self._answer = answer

    async def send(self, part: Submit, commit: Commit) -> SendResult:  # noqa: ARG002  (it never comes to that)
        self.asked += 1
        return self._answer


@pytest.mark.parametrize("answer", [BARRED, NotSent("the modem gave no prompt in 5 s")])
async def test_a_modem_that_gives_no_prompt_is_asked_twice_and_not_at_once(build: Build, answer: SendResult) -> None:
    one, two = Stubborn("gsm1", answer), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        message = await house.call(ALICE, Clerk(delay=timedelta(0), modem="gsm1"))
        for asked in (1, 2):
            await until(lambda asked=asked: one.asked == asked)  # type: ignore[misc]
            await house.becomes(message, "queued")
            await house.becomes(await house.staff(f"+1514555060{asked}"), "sent", "queued")
            assert one.asked <= asked + 1
            house.clock.move(seconds=60)
            house.outbox.wake()
        await house.becomes(message, "sent")
    assert ALICE in [part.number for part in two.left]


async def test_a_conversation_is_on_the_number_that_the_caller_saw(build: Build) -> None:
    refused = iter([BARRED])
    one, two = Carrier("gsm1", lambda _: next(refused, None)), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        for index in range(3):
            await house.becomes(await house.staff(ALICE, f"text {index}"), "sent")
    assert [part.number for part in two.left] == [ALICE] * 3


async def test_a_conversation_of_a_modem_that_is_no_more_settles_on_another(build: Build) -> None:
    house = build(Carrier("gsm1"))
    async with house.running():
        await house.becomes(await house.staff(ALICE, "first"), "sent")
        house.bearers[0].ready = False
        bound = (await house.store.acts.queue_staff(BOB, "test", "bound", modem="gsm1", by=STAFF)).message
    house = build(Carrier("gsm2"), Carrier("gsm3"))
    async with house.running():
        for index in range(4):
            await house.becomes(await house.staff(ALICE, f"text {index}"), "sent")
        assert await house.state(bound) == "failed", "a test text goes by no other modem"
    assert len(gone(house)) == 4
    assert len({name for name, _ in gone(house)}) == 1


async def test_one_and_the_same_modem_stands_in_for_one_that_is_away(build: Build) -> None:
    one, two, three = Carrier("gsm1"), Carrier("gsm2"), Carrier("gsm3")
    house = build(one, two, three)
    async with house.running():
        await house.becomes(await house.staff(ALICE, "first"), "sent")
        one.ready = False
        house.clock.move(seconds=GRACE + 1)
        for index in range(4):
            await house.becomes(await house.staff(ALICE, f"text {index}"), "sent")
        one.ready = True
        await house.becomes(await house.staff(ALICE, "last"), "sent")
    assert sorted(len(bearer.left) for bearer in (two, three)) == [0, 4]
    assert len(one.left) == 2


async def test_a_test_text_for_a_dead_modem_holds_up_no_other_of_its_number(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    two.ready = False
    house = build(one, two)
    async with house.running():
        await house.becomes(await house.staff(ALICE, "before"), "sent")
        bound = (await house.store.acts.queue_staff(ALICE, "test", "bound", modem="gsm2", by=STAFF)).message
        await house.becomes(await house.staff(ALICE), "sent")
        assert list(await house.store.oldest_waiting()) == ["gsm2"]
        assert await house.state(bound) == "queued"
    assert len(one.left) == 2


async def test_an_attempt_that_could_not_be_stored_is_not_the_modems_fault(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build(Carrier())
    refused = asyncio.Event()

    async def full(*_: object, **__: object) -> int:
        refused.set()
        raise StoreError("the disk is full", "make room")

    monkeypatch.setattr(house.store, "begin_attempt", full)
    async with house.running():
        message = await house.staff(ALICE)
        await refused.wait()
        await house.becomes(message, "queued")
    standing = house.outbox.pool.standing("gsm1")
    assert (standing.carried, standing.tried) == (0, 0)
    assert house.bearers[0].left == []


async def test_one_number_that_cannot_be_reached_is_no_alarm(build: Build) -> None:
    away = Refused("CMS 27", "destination out of order", permanent=False)
    house = build(Carrier("gsm1", lambda part: away if part.number == ALICE else None))
    async with house.running():
        await house.staff(ALICE)
        for index in range(LEAST):
            await house.becomes(await house.staff(f"+151455503{index:02d}"), "sent")
            house.clock.move(minutes=10)
            house.outbox.wake()
    before = house.outbox.pool.standing("gsm1")
    assert (before.failed, before.failing) == (1, False)
    again = build(Carrier("gsm1"))
    async with again.running():
        await again.becomes(await again.staff(BOB), "sent")
        assert again.outbox.pool.standing("gsm1").failed == 1


def test_an_alarmed_modem_carries_on_where_the_others_have_spent_their_budget() -> None:
    pool = Pool([Carrier("gsm1"), Carrier("gsm2")], {"gsm2": Limits(budget=1)}, HandClock())
    for index in range(LEAST):
        pool.result("gsm1", index, Refused("CMS 500", "unknown error", permanent=False))
    pool.begin("gsm1")
    pool.end("gsm1")
    assert pool.standing("gsm1").failing
    assert pool.idle() == ["gsm2"]
    pool.result("gsm2", LEAST, Sent(1))
    assert pool.idle() == ["gsm1"]


class TwoClocks(HandClock):
    """A machine whose wall clock is set, and whose monotonic clock is not."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


@pytest.mark.parametrize("wrong", [timedelta(days=3650), -timedelta(days=3650)])
def test_a_clock_that_is_set_changes_no_budget(wrong: timedelta) -> None:
    clock = TwoClocks()
    pool = Pool([Carrier()], {"gsm1": Limits(budget=2)}, clock)
    clock.move(days=wrong.days)
    for index in range(2):
        pool.result("gsm1", index, Sent(index))
    clock.move(days=-wrong.days)
    assert pool.idle() == []
    clock.passed += 24 * 3600 + 1
    assert pool.idle() == ["gsm1"]


async def test_what_was_stamped_far_ahead_is_not_remembered(build: Build) -> None:
    house = build(Carrier(), gsm1=Limits(budget=1))
    async with house.running():
        house.clock.move(days=3650)
        await house.becomes(await house.staff(ALICE), "sent")
        house.clock.move(days=-3650)
    again = build(Carrier(), gsm1=Limits(budget=1))
    async with again.running():
        await again.becomes(await again.staff(BOB), "sent")
