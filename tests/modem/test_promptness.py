"""What goes wrong is noticed by what the modem says, not by the longest wait there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modem.types import NotSent, Sent
from tests.modem.conftest import QUICK, MakeRig

PATIENT = replace(QUICK, watch=300.0, poll=300.0, slow=300.0)
"""Nothing is noticed in time by looking or by waiting for the longest."""


async def test_an_echo_tells_that_the_modem_started_anew(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.reboot()
    assert isinstance(await rig.send(), NotSent)
    await rig.until(lambda: rig.driver.ready and rig.sim.state()["cnmi"] == [2, 1, 0, 1, 0], "set up anew")
    assert isinstance(await rig.send_when_ready(), Sent)
    await rig.until(lambda: len(rig.keeper.reports) == 1, "its report")
    assert len(rig.events("ctrl_z")) == 1


async def test_a_modem_that_echoes_whatever_it_is_told_is_left_in_peace(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT}, before=lambda sim: sim.fault("error", command="ATE0"))
    await rig.ready()
    for index in range(3):
        assert isinstance(await rig.send(f"text {index}"), Sent)
    assert rig.lines().count("AT+CMEE=1") == 1, "set up once"


@pytest.mark.parametrize("command", ["AT+CMGL", "AT+CMGD", "AT+CPMS"])
async def test_a_final_result_that_is_lost_holds_nothing_up(make_rig: MakeRig, command: str) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    await rig.until(lambda: rig.lines().count("AT+CMGL=4") == 3 and "AT+CIMI" in rig.lines(), "all was asked that is asked at the start")
    rig.sim.fault("no_final", command=command)
    rig.sim.text("+15145550123", "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "the text is kept")
    assert isinstance(await rig.send_when_ready(), Sent)
    await rig.until(lambda: rig.sim.state()["stores"]["ME"] == {} and rig.sim.state()["stores"]["SM"] == {}, "the text is deleted")
    assert rig.keeper.texts == ["bonjour"]


async def test_a_modem_that_forgets_while_it_is_set_up_is_told_again(make_rig: MakeRig) -> None:
    """``forget``: the indications are gone, and nothing says so."""
    rig = await make_rig(driver={"timing": PATIENT}, before=lambda sim: sim.fault("half", command="AT+CNMI=", ms=200))
    await rig.sim.wait_event("line", match={"line": "AT+CNMI=2,1,0,1,0"})
    rig.sim.fault("forget")
    await rig.ready()
    assert rig.sim.state()["cnmi"] == [2, 1, 0, 1, 0]
    rig.sim.text("+15145550123", "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is announced")


async def test_a_long_listing_that_keeps_coming_is_not_cut(make_rig: MakeRig) -> None:
    """Cut, it would be cut each time, and nothing in that store ever be read."""
    rig = await make_rig(driver={"timing": replace(QUICK, slow=1.0, rest=9.0)})
    await rig.ready()
    await rig.until(lambda: rig.lines().count("AT+CMGL=4") >= 3, "the stores were read")
    rig.sim.fault("half", command="AT+CMGL", ms=2000, skip=0)
    texts = [f"texte {index}" for index in range(4)]
    for text in texts:
        rig.sim.text("+15145550123", text)
    await rig.until(lambda: rig.keeper.texts == texts, "all are kept")
    assert rig.lines().count("AT+CMEE=1") == 1, "set up once"


async def test_a_modem_that_turns_its_echo_on_by_itself_is_set_up_anew_once(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.sim._modem.settings.echo = True
    assert isinstance(await rig.send(), NotSent)
    assert isinstance(await rig.send_when_ready(), Sent)
    rig.sim._modem.settings.echo = True
    for index in range(3):
        assert isinstance(await rig.send(f"text {index}"), Sent)
    assert rig.lines().count("AT+CMEE=1") == 2


async def test_a_sim_that_stays_busy_is_told_after_one_wait(make_rig: MakeRig) -> None:
    """Not after one for each of the settings that a modem may take."""
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CNMI=", code=314, family="cms", count=1000))
    await rig.until(lambda: rig.driver.health().code == "sim_failure", "it is told")
    assert {line for line in rig.lines() if line.startswith("AT+CNMI=")} == {"AT+CNMI=2,1,0,1,0"}
    rig.sim.clear()
    await rig.ready()
