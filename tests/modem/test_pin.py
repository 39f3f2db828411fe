"""The SIM's PIN: entered once, a wrong one costs one try ever, and the last three are nobody's to spend."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from modem.driver import SerialModem
from modem.simulator import Simulator
from tests.modem.conftest import QUICK, MakeRig, Rig, running

NUMBER = "+15145550123"


def pins(rig: Rig) -> list[str]:
    """PINs entered."""
    return [line for line in rig.lines() if line.startswith("AT+CPIN=")]


async def test_the_pin_is_entered_once(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234", driver={"pin": "1234"})
    await rig.ready()
    assert pins(rig) == ['AT+CPIN="1234"']
    rig.sim.unplug(20)
    await rig.until(lambda: len(rig.ready_calls) == 2, "ready again after a power cycle")
    assert len(pins(rig)) == 2
    assert rig.sim.state()["pin_tries"] == 3


async def test_a_wrong_pin_costs_one_try_ever(make_rig: MakeRig) -> None:
    """Defect 20: each reconnect of gsmmodem burns a try; three of them block the SIM."""
    rig = await make_rig(pin="1234", driver={"pin": "9999"})
    await rig.until(lambda: rig.driver.health().code == "pin_refused", "health tells")
    await rig.sim.wait_event("opened", count=5)
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (1, 2)
    assert len({sim for sim, _ in rig.keeper.refused_pins}) == 1
    assert "9999" not in repr(rig.keeper.refused_pins)

    again = SerialModem("one", rig.sim.state()["link"], door=rig.keeper, pin="9999", on_ready=lambda: None, timing=QUICK)
    rig.task.cancel()
    async with running(again):
        await rig.until(lambda: again.health().code == "pin_refused", "a new process does not try it either")
    assert len(pins(rig)) == 1


async def test_never_with_fewer_than_three_tries_left(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        sim._modem.sim.tries = 2

    rig = await make_rig(pin="1234", driver={"pin": "1234"}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "pin_few_tries", "health tells")
    assert pins(rig) == []


async def test_a_modem_that_does_not_tell_its_tries_gets_the_pin(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234", driver={"pin": "1234"}, before=lambda sim: sim.fault("error", command="AT+CPINR", code=4, count=9))
    await rig.ready()
    assert len(pins(rig)) == 1


COUNTERS = ("AT+CPINR", "AT^CPIN", "AT+QPINC", "AT+SPIC", "AT+ZPINPUK")


def no_counter(sim: Simulator) -> None:
    """A modem that does not tell how many PIN tries are left."""
    for command in COUNTERS:
        sim.fault("error", command=command, code=4, count=999)


async def restart_until(rig: Rig, pin: str, code: str, times: int = 1) -> None:
    """The service starts anew with what is on disk, ``times`` over, each time until health says ``code``."""
    rig.task.cancel()
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await rig.task
        again = SerialModem("one", rig.sim.state()["link"], door=rig.keeper, pin=pin, on_ready=lambda: None, timing=QUICK)
        async with running(again):
            await rig.until(lambda: again.health().code == code, f"after a restart: {code}, not {again.health()}")  # noqa: B023 - awaited here


async def test_a_pin_whose_answer_was_lost_is_not_risked_again(make_rig: MakeRig) -> None:
    """Nor after restarts of the service, as often as they come; the right PIN is."""

    def lay(sim: Simulator) -> None:
        no_counter(sim)
        sim.fault("no_final", command="AT+CPIN=", count=99)

    rig = await make_rig(pin="4711", driver={"pin": "9999"}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "pin_unsure", "health tells")
    fix = rig.driver.health().fix
    assert "correct" in fix
    assert "phone" in fix
    assert "restart" not in fix
    await restart_until(rig, "9999", "pin_unsure", times=3)
    assert (pins(rig), rig.sim.state()["pin_tries"]) == (['AT+CPIN="9999"'], 2)
    await restart_until(rig, "4711", "ok")
    assert rig.sim.state()["pin_tries"] == 3


async def test_a_killed_process_has_noted_its_try(make_rig: MakeRig) -> None:
    """The try is on disk before the PIN leaves."""
    noted: list[int] = []

    def lay(sim: Simulator) -> None:
        no_counter(sim)
        sim.fault("silence", at="command", command="AT+CPIN=", ms=300)

    rig = await make_rig(pin="4711", driver={"pin": "9999"}, before=lay)
    keep = rig.keeper.pin_refused

    async def watched(sim: str, digest: str) -> None:
        noted.append(len(pins(rig)))
        await keep(sim, digest)

    rig.keeper.pin_refused = watched  # type: ignore[method-assign]
    await rig.until(lambda: bool(pins(rig)), "the PIN is entered")
    assert noted
    assert set(noted) == {0}
    await restart_until(rig, "9999", "pin_unsure")
    assert len(pins(rig)) == 1


async def test_a_right_pin_noted_in_a_power_cut_is_tried_again_where_the_modem_counts(make_rig: MakeRig) -> None:
    """The SIM never saw it: three tries are left, and the PIN opens it. What was noted is forgotten then."""
    rig = await make_rig(
        pin="4711", driver={"pin": "4711"}, before=lambda sim: sim.fault("unplug", at="command", command="AT+CPIN=", ms=20)
    )
    await rig.ready()
    assert len(pins(rig)) == 2
    assert rig.keeper.refused_pins == set()


async def test_a_counter_that_says_three_for_ever_is_believed_once(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        sim.fault("error", command="AT+CPINR", line="+CPINR: SIM PIN,3,3\r\n\r\nOK", count=999)
        sim.fault("no_final", command="AT+CPIN=", count=99)

    rig = await make_rig(pin="4711", driver={"pin": "9999"}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "pin_unsure", "health tells")
    await restart_until(rig, "9999", "pin_unsure", times=3)
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (2, 1)


async def test_a_third_wrong_pin_is_not_tried_where_the_modem_counts_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="4711", driver={"pin": "9991"}, before=no_counter)
    await rig.until(lambda: rig.driver.health().code == "pin_refused", "health tells")
    await restart_until(rig, "9992", "pin_refused")
    await restart_until(rig, "9993", "pin_few_tries")
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (2, 1)
    rig.sim._modem.sim.pin = None  # switched off in a phone
    await restart_until(rig, "9993", "ok")
    assert rig.keeper.refused_pins == set()


async def test_a_sim_that_tells_its_iccid_only_sometimes_gets_no_third_pin(make_rig: MakeRig) -> None:
    """Known by the modem's IMEI first, later by its own number: the tries under both count."""

    def lay(sim: Simulator) -> None:
        no_counter(sim)
        for command in ("AT+CCID", "AT^ICCID", "AT+QCCID", "AT+ICCID", "AT+CICCID"):
            sim.fault("error", command=command, code=4)

    rig = await make_rig(pin="4711", driver={"pin": "9991"}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "pin_refused", "health tells")
    await restart_until(rig, "9991", "pin_refused")
    assert len(pins(rig)) == 1, "the same PIN is not tried again under the other name"
    await restart_until(rig, "9992", "pin_refused")
    await restart_until(rig, "9993", "pin_few_tries")
    assert (len(pins(rig)), rig.sim.state()["pin_tries"]) == (2, 1)
    rig.sim._modem.sim.pin = None  # switched off in a phone
    await restart_until(rig, "9993", "ok")
    assert rig.keeper.refused_pins == set()


async def test_the_iccid_of_a_busy_sim_is_waited_for(make_rig: MakeRig) -> None:
    """Known under another name each time, a wrong PIN would be tried again."""
    rig = await make_rig(pin="4711", driver={"pin": "9999"}, before=lambda sim: sim.fault("error", command="AT+CCID", code=14, count=3))
    await rig.until(lambda: rig.driver.health().code == "pin_refused", "health tells")
    assert {sim for sim, _ in rig.keeper.refused_pins} == {rig.sim._modem.iccid}


async def test_a_right_pin_without_a_counter_opens_the_sim_at_every_power_up(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="4711", driver={"pin": "4711"}, before=no_counter)
    for count in range(1, 5):
        await rig.until(lambda: rig.driver.ready and len(rig.ready_calls) == count, "ready")  # noqa: B023 - awaited here
        assert len(pins(rig)) == count
        rig.sim.unplug(20)


async def test_a_try_that_cannot_be_noted_is_not_made(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="4711", driver={"pin": "4711"}, before=lambda sim: sim.registration("searching"))
    keep = rig.keeper.pin_refused

    async def full(sim: str, digest: str) -> None:
        assert sim
        assert digest
        raise OSError("the disk is full")

    rig.keeper.pin_refused = full  # type: ignore[method-assign]
    await rig.until(lambda: rig.driver.health().code == "pin_not_noted", "health tells")
    await rig.sim.wait_event("opened", count=len(rig.events("opened")) + 2)
    assert pins(rig) == []
    rig.keeper.pin_refused = keep  # type: ignore[method-assign]
    await rig.until(lambda: rig.driver.health().code == "not_registered", "it goes on by itself")


async def test_a_sim_that_asks_for_a_pin_nobody_gave(make_rig: MakeRig) -> None:
    rig = await make_rig(pin="1234")
    await rig.until(lambda: rig.driver.health().code == "pin_needed", "health tells")
    assert pins(rig) == []


async def test_a_puk_is_never_touched(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        sim._modem.sim.tries = 0

    rig = await make_rig(pin="1234", driver={"pin": "1234"}, before=lay)
    await rig.until(lambda: rig.driver.health().code == "puk", "health tells")
    await rig.sim.wait_event("opened", count=3)
    assert pins(rig) == []
