"""A person asks for the PIN to be tried again: at once, once, and never with fewer than three tries left."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from modem.driver import SerialModem
from modem.simulator import Simulator
from modem.types import Sent
from tests.modem.conftest import QUICK, Keeper, MakeRig, Rig, running
from tests.modem.test_pin import no_counter, pins

SLOW = replace(QUICK, retry_person=600)
"""Nothing is tried again by itself."""


async def refused(rig: Rig) -> None:
    await rig.until(lambda: rig.driver.health().code == "pin_refused", "health tells")


async def test_a_pin_that_is_right_by_now_opens_the_sim_at_once(make_rig: MakeRig) -> None:
    """It was refused; since then somebody gave the SIM that PIN in a phone, where all tries came back."""
    rig = await make_rig(pin="1234", driver={"pin": "9999", "timing": SLOW})
    await refused(rig)
    sim = rig.sim._modem.sim
    sim.pin, sim.tries = "9999", 3
    health = await rig.driver.unlock()
    assert health.state == "ok", health
    assert len(pins(rig)) == 2
    assert rig.keeper.refused_pins == set()
    assert isinstance(await rig.send(), Sent)


async def test_a_pin_that_is_wrong_still_costs_nothing_while_tries_are_missing(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234", driver={"pin": "9999", "timing": SLOW})
    await refused(rig)
    for _ in range(5):
        health = await rig.driver.unlock()
        assert (health.state, health.code) == ("bad", "pin_few_tries")
        assert "phone" in health.fix
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (1, 2)


async def test_a_wrong_pin_with_three_tries_left_is_tried_once_each_time_a_person_asks(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234", driver={"pin": "9999", "timing": SLOW})
    await refused(rig)
    rig.sim._modem.sim.tries = 3
    assert (await rig.driver.unlock()).code == "pin_refused"
    assert len(pins(rig)) == 2
    assert (await rig.driver.unlock()).code == "pin_few_tries"
    assert len(pins(rig)) == 2


async def test_a_modem_that_counts_nothing_gets_two_tries_in_all(make_rig: MakeRig) -> None:
    """However often a person asks: the third is the one that blocks the SIM."""
    rig = await make_rig(pin="1234", driver={"pin": "9999", "timing": SLOW}, before=no_counter)
    await refused(rig)
    assert (await rig.driver.unlock()).code == "pin_refused"
    for _ in range(3):
        assert (await rig.driver.unlock()).code == "pin_few_tries"
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (2, 1)


async def test_a_puk_is_not_touched(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        sim._modem.sim.tries = 0

    rig = await make_rig(pin="1234", driver={"pin": "1234", "timing": SLOW}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "puk", "health tells")
    assert (await rig.driver.unlock()).code == "puk"
    assert pins(rig) == []


async def test_a_modem_that_is_well_is_left_alone(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234", driver={"pin": "1234"})
    await rig.ready()
    assert (await rig.driver.unlock()).code == "ok"
    assert len(pins(rig)) == 1
    assert rig.ready_calls == [1]


async def test_a_modem_that_is_away_or_whose_driver_does_not_run() -> None:
    modem = SerialModem("one", "/dev/absent", door=Keeper(), on_ready=lambda: None, timing=SLOW)
    assert (await modem.unlock()).code == "starting"
    async with running(modem), asyncio.timeout(20):
        while modem.health().code == "starting":  # noqa: ASYNC110 - health has no event
            await asyncio.sleep(0.01)
        assert (await modem.unlock()).code == "no_port"
        assert (await modem.unlock()).code == "no_port"


async def test_who_waits_is_told_when_the_driver_ends() -> None:
    modem = SerialModem("one", "/dev/absent", door=Keeper(), on_ready=lambda: None, timing=SLOW)
    async with running(modem):
        while modem.health().code == "starting":  # noqa: ASYNC110 - health has no event
            await asyncio.sleep(0.01)
        unlocking = asyncio.create_task(modem.unlock())
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(unlocking, 5)).code == "no_port"
