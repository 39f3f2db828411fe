"""Several bearers: conversations keep their number, others take over, budgets and pace hold, and one that fails proves itself first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.model import MessageKind
from ari_app.pool import GRACE, LEAST, PROOF, TRIAL, Limits, Pool, Tried
from ari_app.threads import Store
from modem.types import NotSent, Refused, SendResult, Sent, Submit, Unknown
from tests.test_outbox import House, gone
from tests.threads.world import ALICE, BOB, START, Carrier, Clerk, HandClock, inbound, nothing, raw, until

ONE_HOUR = timedelta(hours=1)
BARRED = Refused("CMS 50", "requested facility not subscribed", permanent=True)
Build = Callable[..., House]


@asynccontextmanager
async def building(path: Path) -> AsyncIterator[Build]:
    """Makes houses of bearers and their limits, one after the other over the same store."""
    clock = HandClock()
    store = Store(path / "textback.db", clock)
    await store.open()

    def make(*bearers: Carrier, **limits: Limits) -> House:
        return House(store, clock, bearers, Clerk(delay=timedelta(0)), limits)

    yield make
    await store.close()


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    async with building(tmp_path) as make:
        yield make


def refuses(times: int, code: str = "CMS 500", *, at_fault: bool = False) -> Callable[[Submit], SendResult | None]:
    """Refuses so many parts, then takes them."""
    left = iter(range(times))

    def script(_: Submit) -> SendResult | None:
        return Refused(code, "unknown error", permanent=at_fault, number_at_fault=at_fault) if next(left, None) is not None else None

    return script


async def test_a_conversation_stays_on_the_number_it_began_on(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        await house.becomes(await house.staff(ALICE, "first"), "sent")
        await house.becomes(await house.staff(BOB, "first"), "sent")
        for index in range(3):
            await house.becomes(await house.staff(BOB, f"more {index}"), "sent")
    assert gone(house) == [("gsm1", ALICE), *[("gsm2", BOB)] * 4]


async def test_who_writes_to_a_number_is_answered_from_it(build: Build) -> None:
    house = build(Carrier("gsm1"), Carrier("gsm2"))
    await house.store.keep(raw(inbound(ALICE, "bonjour"), modem="gsm2"), nothing)
    async with house.running():
        await house.becomes(await house.staff(ALICE, "one"), "sent")
        await house.store.keep(raw(inbound(ALICE, "encore", START + ONE_HOUR), modem="gsm1"), nothing)
        await house.becomes(await house.staff(ALICE, "two"), "sent")
    assert [submit.number for submit in house.bearers[1].left] == [ALICE]
    assert [submit.number for submit in house.bearers[0].left] == [ALICE]


async def test_another_takes_over_after_a_while_and_gives_the_conversation_back(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        await house.becomes(await house.staff(ALICE, "first"), "sent")
        one.ready = False
        waiting = await house.staff(ALICE, "second")
        await house.becomes(await house.staff(BOB), "sent")
        assert await house.state(waiting) == "queued"
        house.clock.move(seconds=GRACE + 1)
        house.outbox.wake()  # it may have looked just before
        await house.becomes(waiting, "sent")
        one.ready = True
        await house.becomes(await house.staff(ALICE, "third"), "sent")
    assert [name for name, number in gone(house) if number == ALICE] == ["gsm1", "gsm1", "gsm2"]  # by bearer


async def test_a_text_of_which_part_went_goes_on_by_the_same_modem_alone(build: Build) -> None:
    parts: list[Submit] = []

    def second_part_fails(part: Submit) -> SendResult | None:
        parts.append(part)
        one.ready = False
        return NotSent("unplugged") if part.part == 2 and len(parts) == 2 else None

    one, two = Carrier("gsm1", second_part_fails), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        long = await house.staff(ALICE, "x" * 200)
        await until(lambda: len(parts) == 2)
        await house.becomes(long, "queued")
        house.clock.move(seconds=GRACE * 5)
        house.outbox.wake()
        await house.becomes(await house.staff(BOB), "sent")
        assert await house.state(long) == "queued"
        one.ready = True
        house.outbox.wake()
        await house.becomes(long, "sent")
    assert [part.part for part in one.left] == [1, 2]
    assert [part.number for part in two.left] == [BOB]


async def test_what_comes_after_a_long_text_does_not_wait_for_a_modem_that_is_gone(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    one._script = lambda part: NotSent("unplugged") if part.part == 2 else None
    house = build(one, two)
    async with house.running():
        long = await house.staff(ALICE, "x" * 200)
        await until(lambda: len(one.left) == 1)
        await house.becomes(long, "queued")
        one.ready = False
        next_one = await house.staff(ALICE, "are you there?")
        house.clock.move(seconds=GRACE / 2)
        house.outbox.wake()
        await house.becomes(await house.staff(BOB), "sent")
        assert await house.state(next_one) == "queued", "its order is kept while the modem may come back"
        house.clock.move(seconds=GRACE)
        house.outbox.wake()
        await house.becomes(next_one, "sent")
        one._script = None
        one.ready = True
        house.clock.move(seconds=GRACE)
        house.outbox.wake()
        await house.becomes(long, "sent")
    assert [part.part for part in one.left] == [1, 2]
    assert [part.number for part in two.left] == [BOB, ALICE]


async def test_a_modem_that_refused_a_text_twice_is_not_asked_a_third_time(build: Build) -> None:
    one, two = Carrier("gsm1", refuses(99)), Carrier("gsm2")
    house = build(one, two)
    async with house.running():
        message = await house.call(ALICE, Clerk(delay=timedelta(0), modem="gsm1"))
        for refused in (1, 2):
            await until(lambda refused=refused: len(one.left) == refused)  # type: ignore[misc]
            await house.becomes(message, "queued")
            house.clock.move(seconds=60)
            house.outbox.wake()
        await house.becomes(message, "sent")
    assert len(one.left) == 2
    assert [part.number for part in two.left] == [ALICE]


async def test_what_a_sim_refuses_for_good_goes_by_another(build: Build) -> None:
    one, two, three = Carrier("gsm1", lambda _: BARRED), Carrier("gsm2", lambda _: BARRED), Carrier("gsm3")
    house = build(one, two, three)
    async with house.running():
        message = await house.call(ALICE, Clerk(delay=timedelta(0), modem="gsm1"))
        await house.becomes(message, "sent")
        assert [len(bearer.left) for bearer in house.bearers] == [1, 1, 1]
        three.ready = False
        waiting = await house.staff(BOB)
        await until(lambda: len(two.left) == 2)
        await house.becomes(waiting, "queued")
        house.clock.move(seconds=GRACE + 1)  # the third might have come back
        house.outbox.wake()
        await house.becomes(waiting, "failed")
    assert [len(bearer.left) for bearer in house.bearers] == [3, 2, 1]


@pytest.mark.parametrize("at_fault", [True, False])
async def test_a_number_at_fault_or_a_single_modem_is_not_tried_elsewhere(build: Build, at_fault: bool) -> None:
    one, two = Carrier("gsm1", refuses(9, "CMS 1", at_fault=True)), Carrier("gsm2")
    if not at_fault:
        one._script = lambda _: BARRED
        two.ready = False
    house = build(one, two)
    house.clock.move(seconds=GRACE + 1)
    async with house.running():
        await house.becomes(await house.staff(ALICE), "failed")
    assert two.left == []


async def test_pace_holds_between_two_texts(build: Build) -> None:
    carrier = Carrier()
    house = build(carrier, gsm1=Limits(pace=timedelta(seconds=10)))
    async with house.running():
        first, second = await house.staff(ALICE), await house.staff(BOB)
        await house.becomes(first, "sent")
        house.clock.move(seconds=9)
        assert await house.state(second) == "queued"
        house.clock.move(seconds=1.1)
        house.outbox.wake()
        await house.becomes(second, "sent")


async def test_a_spent_budget_stops_automatic_texts_before_people_and_is_remembered(build: Build) -> None:
    carrier = Carrier()
    house = build(carrier, gsm1=Limits(budget=10))
    async with house.running():
        for index in range(9):
            await house.becomes(await house.call(f"+1514555030{index}"), "sent")
        automatic = await house.call(ALICE)
        await house.becomes(await house.staff(BOB, "ten"), "sent")
    again = build(carrier, gsm1=Limits(budget=10))
    async with again.running():
        eleven = await again.staff(BOB, "eleven")
        again.clock.move(hours=1)
        assert await again.state(automatic) == "queued"
        assert await again.state(eleven) == "queued"
        await until(lambda: again.outbox.pool.standing("gsm1").carried == 10)
        again.clock.move(hours=22.9)
        assert await again.state(eleven) == "queued"
        again.clock.move(hours=0.09)
        again.clock.move(hours=0.02)
        await again.becomes(eleven, "sent", "failed")
    assert await again.state(automatic) == "expired"


async def test_another_takes_over_at_once_where_the_budget_is_spent(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    house = build(one, two, gsm1=Limits(budget=1))
    async with house.running():
        await house.becomes(await house.staff(ALICE, "first"), "sent")
        await house.becomes(await house.staff(ALICE, "second"), "sent")
    assert gone(house) == [("gsm1", ALICE), ("gsm2", ALICE)]


async def test_a_modem_that_fails_too_much_leaves_the_pool_until_it_has_proved_itself(build: Build) -> None:
    one, two = Carrier("gsm1"), Carrier("gsm2")
    two.ready = False
    house = build(one, two)
    pool = house.outbox.pool
    async with house.running():
        for index in range(LEAST - 3):
            await house.becomes(await house.staff(f"+151455504{index:02d}"), "sent")
        one._script = lambda _: Unknown("no result")
        for index in range(3):
            await house.becomes(await house.staff(f"+151455505{index:02d}"), "unknown")
        one._script = None
        assert pool.standing("gsm1").failing
        # alone it carries on
        alone = await house.staff("+15145550600")
        await house.becomes(alone, "sent")
        two.ready = True
        before = len(one.left)
        for index in range(5):
            await house.becomes(await house.staff(f"+151455507{index:02d}"), "sent")
        assert len(one.left) == before
        for index in range(PROOF):
            house.clock.move(seconds=TRIAL + 1)
            for turn in range(2):
                await house.becomes(await house.staff(f"+15145558{index}{turn}0"), "sent")
        assert not pool.standing("gsm1").failing


def test_numbers_at_fault_and_texts_that_never_left_say_nothing_of_the_modem() -> None:
    pool = Pool([Carrier()], {}, HandClock())
    results: list[SendResult] = [Refused("CMS 1", "unassigned", permanent=True, number_at_fault=True), NotSent("no prompt")]
    for result in results * 50:
        assert not pool.result("gsm1", 1, result)
    assert pool.standing("gsm1").tried == 0
    assert pool.standing("gsm1").carried == 0


@pytest.mark.parametrize("bad", [Refused("CMS 500", "unknown error", permanent=False), Unknown("no result")])
def test_more_than_a_tenth_of_at_least_twenty_five(bad: SendResult) -> None:
    pool = Pool([Carrier()], {}, HandClock())
    alarms = [pool.result("gsm1", index, bad if index % 10 == 0 else Sent(index)) for index in range(LEAST - 1)]
    assert not any(alarms)  # 3 of 24
    assert pool.result("gsm1", 24, Sent(24))
    assert pool.standing("gsm1").failing
    assert [pool.result("gsm1", 30 + index, Sent(index)) for index in range(PROOF)] == [False] * (PROOF - 1) + [True]


def test_exactly_a_tenth_is_no_alarm() -> None:
    pool = Pool([Carrier()], {}, HandClock())
    results = [pool.result("gsm1", index, Unknown("no result") if index % 10 == 9 else Sent(index)) for index in range(100)]
    assert not any(results)


def test_a_day_later_nothing_is_held_against_a_modem() -> None:
    clock = HandClock()
    pool = Pool([Carrier()], {"gsm1": Limits(budget=1)}, clock)
    before = clock.now() - timedelta(hours=23)
    pool.learn([Tried("gsm1", 1, before, carried=True, failed=True), Tried("gone", 2, clock.now(), carried=True, failed=False)])
    assert pool.idle() == []
    assert pool.awaited() == []
    clock.move(hours=1.1)
    assert pool.idle() == ["gsm1"]
    assert pool.choose(["gsm1"], MessageKind.AUTO, only=None, prefers=None, avoid={"gsm1"}) is not None
    assert pool.standing("gsm1").tried == 0
