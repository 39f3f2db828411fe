"""The reset ladder: what is done to a modem that reopening its port does not mend, and what is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from modem import reset
from modem.driver import SerialModem
from modem.reset import Ladder, Rung, Why
from modem.simulator import Simulator
from modem.types import NotSent, Refused, Sent
from tests.modem.conftest import QUICK, Keeper, MakeRig, Rig, running

HASTY = replace(QUICK, unregistered=0.2, silent=3, refusals=3, probes=1, probe=0.05)
"""Troubles that last minutes in real life last a moment."""
NUMBER = "+15145550123"


class Socket:
    """A USB socket in a sysfs of its own: what is written to ``authorized`` pulls the simulated stick out and plugs it in again."""

    def __init__(self, root: Path, *, permitted: bool = True) -> None:
        self.root = root
        self.device = root / "devices" / "usb1" / "1-1" / "1-1.2"
        self.sim: Simulator | None = None
        self.written: list[str] = []
        self.cures = True
        (self.device / "1-1.2:1.0" / "ttyUSB0").mkdir(parents=True)
        (self.device / "idVendor").write_text("12d1\n")
        (self.device / "1-1.2:1.0" / "authorized").write_text("1")  # that of the interface: not to be touched
        self._fifo = -1
        if permitted:
            os.mkfifo(self.device / "authorized")
            self._fifo = os.open(self.device / "authorized", os.O_RDWR | os.O_NONBLOCK)
            asyncio.get_running_loop().add_reader(self._fifo, self._hear)

    def plug(self, sim: Simulator) -> None:
        """The stick's tty is this socket's."""
        self.sim = sim
        name = Path(sim.state()["device"]).name
        (self.root / "class" / "tty" / name).mkdir(parents=True, exist_ok=True)
        (self.root / "class" / "tty" / name / "device").unlink(missing_ok=True)
        (self.root / "class" / "tty" / name / "device").symlink_to(self.device / "1-1.2:1.0" / "ttyUSB0")

    def _hear(self) -> None:
        for each in os.read(self._fifo, 100).decode():
            self.written.append(each)
            assert self.sim is not None
            if each == "0":
                self.sim.unplug()
            elif self.cures:
                self.sim.clear()
                self.sim.replug()
                self.plug(self.sim)
            else:
                self.sim.replug()
                self.plug(self.sim)
                self.sim.fault("silence")

    def close(self) -> None:
        if self._fifo >= 0:
            asyncio.get_running_loop().remove_reader(self._fifo)
            os.close(self._fifo)


@pytest.fixture
async def usb(tmp_path: Path) -> AsyncIterator[Socket]:
    socket = Socket(tmp_path / "sys")
    yield socket
    socket.close()


def restarts(rig: Rig) -> int:
    return sum("CFUN=1,1" in line for line in rig.lines())


# the decision


def test_the_order_of_the_ladder() -> None:
    ladder, now = Ladder(replace(QUICK, silent=3, reset_apart=3600)), 0.0

    def step(**may: bool) -> Rung | None:
        return ladder.step(Why.SILENT, now, **{"restart": True, "usb": True, **may})

    steps = [step() for _ in range(6)]
    assert steps == [Rung.REOPEN, Rung.REOPEN, Rung.RESTART, Rung.REOPEN, Rung.REOPEN, Rung.USB]
    assert str(ladder.alarm) == "None"
    assert [step() for _ in range(3)] == [Rung.REOPEN, Rung.REOPEN, None]
    assert ladder.alarm is Why.SILENT
    assert ladder.made == 2
    assert ladder.tried == "reopened 6 times, restarted with AT+CFUN=1,1, switched off and on at its USB port"
    now = 3599.0
    assert [step() for _ in range(3)][-1] is None
    now = 3600.0
    assert [step() for _ in range(3)][-1] is Rung.RESTART
    ladder.mended(Why.SILENT)
    assert (str(ladder.alarm), ladder.tried, ladder.made) == ("None", "", 3)
    assert [step(restart=False) for _ in range(3)][-1] is Rung.USB
    assert [step(restart=False) for _ in range(3)][-1] is None


def test_an_hour_is_an_hour_whatever_it_was_for() -> None:
    ladder = Ladder(replace(QUICK, silent=2))
    steps = [ladder.step(why, 0, restart=True, usb=False) for why in (Why.SILENT, Why.SILENT, Why.UNREGISTERED, Why.UNREGISTERED)]
    assert steps == [Rung.REOPEN, Rung.RESTART, Rung.REOPEN, None]
    assert ladder.alarm is Why.UNREGISTERED
    ladder.mended(Why.SILENT)
    assert "AT+CFUN=1,1" in ladder.tried, "it is not well yet"


@pytest.mark.parametrize(
    ("model", "survives"),
    [
        ("SIMCOM_Ltd SIMCOM_SIM800L", True),
        ("SIMCOM INCORPORATED SIMCOM_SIM7600E-H", True),
        ("Quectel EC25", True),
        ("Quectel EG25", False),
        ("huawei E173", False),
        ("huawei E3372", False),
        ("ZTE INCORPORATED MF190", False),
        ("Textback Simulated modem", False),
        ("", False),
    ],
)
def test_models_that_survive_a_restart(model: str, survives: bool) -> None:
    assert reset.comes_back(model) is survives


async def test_the_usb_device_of_a_port(usb: Socket, tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem") as sim:
        usb.plug(sim)
        assert reset.usb_device(str(tmp_path / "modem"), usb.root) == usb.device.resolve()
        assert reset.usb_device("/dev/null", usb.root) is None
        assert reset.may_switch(usb.device)
    assert reset.vendor(usb.device) == "12d1"
    assert reset.vendor(usb.device / "none") == ""


# silence


async def test_a_silent_stick_is_switched_off_and_on(make_rig: MakeRig, usb: Socket) -> None:
    with structlog.testing.capture_logs() as logs:
        rig = await make_rig(before=usb.plug, profile="huawei", driver={"timing": HASTY, "sys": usb.root})
        await rig.ready()
        rig.sim.fault("silence")
        await rig.until(lambda: len(rig.ready_calls) == 2, "ready again")
    assert usb.written == ["0", "1"]
    assert restarts(rig) == 0, "an E173 would come back as mass storage"
    assert isinstance(await rig.send_when_ready(), Sent)
    assert rig.driver.health().what == "registered, reset once since the start"
    (told,) = [entry for entry in logs if entry["event"] == "modem.reset"]
    assert (told["how"], told["resets"]) == (Rung.USB.value, 1)


async def test_a_stick_that_stays_silent_is_reset_once_and_told(make_rig: MakeRig, usb: Socket) -> None:
    usb.cures = False
    rig = await make_rig(before=usb.plug, profile="ec25", driver={"timing": HASTY, "sys": usb.root})
    await rig.ready()
    rig.sim.fault("silence")
    await rig.until(lambda: rig.driver.health().code == "reset_failed", "the alarm")
    opened = len(rig.events("opened"))
    await rig.sim.wait_event("opened", count=opened + 8)
    assert usb.written == ["0", "1"]
    health = rig.driver.health()
    assert health.state == "bad"
    assert "does not answer" in health.what
    assert "reopened" in health.what
    assert "switched off and on at its USB port" in health.what
    assert "unplug" in health.fix
    rig.sim.clear()
    await rig.until(lambda: rig.driver.health().code == "ok", "well again")


async def test_a_stick_nobody_may_switch(make_rig: MakeRig, tmp_path: Path) -> None:
    socket = Socket(tmp_path / "sys", permitted=False)
    (socket.device / "authorized").mkdir()  # what root may not write either
    rig = await make_rig(before=socket.plug, driver={"timing": HASTY, "sys": socket.root})
    await rig.ready()
    rig.sim.fault("silence")
    await rig.until(lambda: rig.driver.health().code == "reset_failed", "the alarm")
    assert (socket.device / "1-1.2:1.0" / "authorized").read_text() == "1"


async def test_another_device_in_the_socket_is_left_alone(make_rig: MakeRig, usb: Socket) -> None:
    rig = await make_rig(before=usb.plug, driver={"timing": HASTY, "sys": usb.root})
    await rig.ready()
    (usb.device / "idVendor").write_text("046d\n")
    for name in (usb.root / "class" / "tty").iterdir():
        (name / "device").unlink()
    rig.sim.fault("silence")
    await rig.until(lambda: rig.driver.health().code == "reset_failed", "the alarm")
    assert usb.written == []


async def test_a_port_that_never_was_a_modem_is_not_reset(tmp_path: Path, usb: Socket) -> None:
    """Nor is there an alarm of resets: the port is wrong."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Simulator(tmp_path / "modem", mute=[tmp_path / "mute"]))
        modem = SerialModem("one", str(tmp_path / "mute"), door=Keeper(), on_ready=lambda: None, timing=HASTY, sys=usb.root)
        await stack.enter_async_context(running(modem))
        failures = 0
        async with asyncio.timeout(20):
            while failures < 2 * HASTY.silent + 2:
                await modem._outcome.wait()
                failures += 1
        assert modem.health().code == "silent"
    assert usb.written == []


async def test_a_modem_that_answers_at_and_nothing_else_is_restarted(make_rig: MakeRig) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": replace(HASTY, probe=0.2)})
    await rig.ready()
    rig.sim.fault("no_final", command="AT+C", count=12)
    await rig.until(lambda: restarts(rig) == 1, "restarted")
    rig.sim.clear()
    assert isinstance(await rig.send_when_ready(), Sent)


# not registered


def lost_for_good(rig: Rig) -> None:
    rig.sim.registration("searching")


async def test_registration_lost_for_long_reopens_then_restarts_the_modem(make_rig: MakeRig) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": HASTY})
    await rig.ready()
    sets = rig.lines().count("ATE0")
    lost_for_good(rig)
    await rig.until(lambda: restarts(rig) == 1, "restarted")
    assert rig.lines().count("ATE0") > sets, "reopened first"
    await rig.until(lambda: rig.driver.health().code == "reset_failed", "the alarm")
    assert restarts(rig) == 1
    health = rig.driver.health()
    assert "restarted with AT+CFUN=1,1" in health.what
    assert "antenna" in health.fix
    rig.sim.registration("home")
    await rig.until(lambda: rig.driver.health().code == "ok", "well again")


@pytest.mark.parametrize("profile", ["huawei", "generic", "zte"])
async def test_models_not_known_to_survive_are_never_restarted(make_rig: MakeRig, profile: str) -> None:
    rig = await make_rig(profile=profile, driver={"timing": HASTY})
    await rig.ready()
    lost_for_good(rig)
    await rig.until(lambda: rig.driver.health().code == "reset_failed", "the alarm")
    assert restarts(rig) == 0


async def test_a_modem_that_never_was_registered_is_not_reset(make_rig: MakeRig) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": HASTY}, before=lambda sim: sim.registration("searching"))
    await rig.until(lambda: rig.lines().count("AT+CREG?") >= 15, "looked at often")
    assert restarts(rig) == 0
    assert rig.driver.health().code == "not_registered"
    assert rig.lines().count("ATE0") == 1


async def test_a_modem_gone_from_usb_while_it_restarts(make_rig: MakeRig) -> None:
    """An EC25 drops off the bus and comes back."""
    rig = await make_rig(profile="ec25", away_ms=300, driver={"timing": HASTY})
    await rig.ready()
    lost_for_good(rig)
    await rig.until(lambda: restarts(rig) == 1, "restarted")
    rig.sim.registration("home")
    assert isinstance(await rig.send_when_ready(), Sent)


# refusals


@pytest.mark.parametrize("said", [{"code": 300}, {"code": 515}, {"code": 515, "family": "cme"}], ids=str)
async def test_a_modem_that_refuses_one_text_after_the_other(make_rig: MakeRig, said: dict[str, Any]) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": HASTY})
    await rig.ready()
    rig.sim.fault("refuse", count=6, **said)
    sent = False
    for turn in range(60):
        sent = isinstance(await rig.send(f"essai {turn}"), Sent)
        if sent:
            break
        await asyncio.sleep(0.05)
    assert sent
    assert restarts(rig) == 1
    await rig.until(lambda: rig.driver.ready, "ready")
    assert rig.driver.health().what == "registered, reset once since the start"


@pytest.mark.parametrize("kind", ["no_prompt", "no_answer"])
async def test_a_modem_that_answers_all_but_texts(make_rig: MakeRig, kind: str) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": replace(HASTY, prompt=0.1, result=0.1)})
    await rig.ready()
    rig.sim.fault(kind, count=50)
    for turn in range(60):
        await rig.send(f"essai {turn}")
        if restarts(rig):
            break
        await asyncio.sleep(0.02)
    rig.sim.clear()
    assert restarts(rig) == 1
    assert isinstance(await rig.send_when_ready(), Sent)


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        ({"code": 500}, NUMBER),  # may be the network's word on this one number
        ({"code": 38}, NUMBER),  # the network's
        ({"code": 1}, NUMBER),
    ],
)
async def test_what_the_network_refuses_resets_nothing(make_rig: MakeRig, fault: dict[str, Any], number: str) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": HASTY})
    await rig.ready()
    rig.sim.fault("refuse", count=20, **fault)
    for _ in range(20):
        assert isinstance(await rig.send(number=number), Refused)
    await rig.until(lambda: rig.lines().count("AT+CNMI?") >= 4, "it was looked at")
    assert restarts(rig) == 0
    assert rig.ready_calls == [1]


async def test_no_text_is_cut_off_by_a_reset(make_rig: MakeRig) -> None:
    """Texts of three callers are under way all the time while the modem is found to need one."""
    rig = await make_rig(profile="sim800", latency_ms=30, driver={"timing": replace(HASTY, refusals=1)})
    await rig.ready()
    rig.sim.fault("refuse", code=300, number="+15145550177", count=50)
    results: list[Any] = []

    async def sending(number: str) -> None:
        for place in range(12):
            results.append(await rig.send(f"texte {place}", number))
            if isinstance(results[-1], NotSent):
                await asyncio.sleep(0.05)

    await asyncio.gather(*(sending(number) for number in ("+15145550177", NUMBER, "+15145550188")))
    assert {type(result) for result in results} == {Sent, Refused, NotSent}
    assert len(rig.events("accepted")) == sum(isinstance(result, Sent) for result in results)
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]
