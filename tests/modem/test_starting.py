"""Starting and recovering: port, SIM, PIN, network, and whatever is lost on the way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import tty
from pathlib import Path
from typing import Any

import pytest
import structlog
from serial.tools.list_ports_common import ListPortInfo

from modem import link, ports
from modem.driver import SerialModem
from modem.errors import ModemError
from modem.link import Link
from modem.simulator import Simulator
from modem.types import Bearer, Refused, Sent
from tests.modem.conftest import QUICK, Keeper, MakeRig, running

NUMBER = "+15145550123"


async def health_of(port: str, code: str, **options: Any) -> SerialModem:
    """Run a driver on a port until its health is ``code``."""
    modem = SerialModem("one", port, door=Keeper(), on_ready=lambda: None, timing=QUICK, **options)
    async with running(modem):
        async with asyncio.timeout(10):
            while modem.health().code != code:  # noqa: ASYNC110 - health has no event
                await asyncio.sleep(0.01)
        health = modem.health()
        assert health.state == "bad"
        assert health.what
        assert health.fix
        assert not modem.ready
    return modem


async def test_no_sim(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        sim._modem.sim.present = False

    rig = await make_rig(before=lay)
    await rig.until(lambda: rig.driver.health().code == "no_sim", "health tells")


@pytest.mark.parametrize("command", ["AT+CPIN?", "AT+CMGF", "AT+CPMS=?", "AT+CNMI="])
async def test_a_busy_sim_is_waited_for(make_rig: MakeRig, command: str) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command=command, code=14, count=3))
    await rig.ready()
    assert rig.sim.state()["cnmi"] == [2, 1, 0, 1, 0]


# network


async def test_registration_is_waited_for_and_texts_are_read_meanwhile(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.registration("searching"))
    await rig.until(lambda: rig.driver.health().code == "not_registered", "health tells")
    assert rig.ready_calls == []
    rig.sim.registration("home")
    await rig.until(lambda: rig.ready_calls == [1], "said to be ready")


@pytest.mark.parametrize(("state", "code", "ready"), [("denied", "denied", False), ("roaming", "roaming", True)])
async def test_what_the_network_says(make_rig: MakeRig, state: Any, code: str, ready: bool) -> None:
    rig = await make_rig(before=lambda sim: sim.registration(state))
    await rig.until(lambda: rig.driver.health().code == code, "health tells")
    assert rig.driver.ready is ready


async def test_registration_lost_and_found(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.registration("searching")
    await rig.until(lambda: not rig.driver.ready, "the watch sees it")
    rig.sim.registration("home")
    await rig.until(lambda: len(rig.ready_calls) == 2, "ready again")


async def test_no_smsc(make_rig: MakeRig) -> None:
    rig = await make_rig(smsc="")
    await rig.until(lambda: rig.driver.health().code == "no_smsc", "health tells")
    assert not rig.driver.ready
    rig.sim.text(NUMBER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "texts are received all the same")


async def test_health_of_a_modem_that_is_well(make_rig: MakeRig) -> None:
    rig = await make_rig(imei="490154203237518", driver={"imei": "490154203237518"})
    await rig.ready()
    bearer: Bearer = rig.driver
    assert bearer.name == "one"
    health = rig.driver.health()
    assert (health.state, health.code, health.registered, health.signal, health.imei) == ("ok", "ok", True, 21, "490154203237518")
    assert "Simulated" in health.model
    assert health.port.endswith("modem")


# ports


async def test_no_port(tmp_path: Path) -> None:
    await health_of(str(tmp_path / "absent"), "no_port")


async def test_a_port_another_program_has(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    await health_of(str(rig.sim.state()["link"]), "port_busy")
    assert rig.driver.ready


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    await health_of(str(file), "port_failed")


async def test_a_url_without_a_descriptor() -> None:
    await health_of("loop://", "port_failed")
    await health_of("nonsense://x", "port_failed")


async def test_a_port_where_nobody_answers() -> None:
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        await health_of(os.ttyname(slave), "silent")
    finally:
        os.close(master)
        os.close(slave)


async def test_failing_again_and_again_leaks_nothing(make_rig: MakeRig) -> None:
    """Defect 21: every failed connect of gsmmodem leaves a port open and a thread running."""
    rig = await make_rig(driver={"imei": "490154203237518"})
    await rig.sim.wait_event("closed", count=2)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count, not paths
    await rig.sim.wait_event("closed", count=8)
    assert len(os.listdir("/proc/self/fd")) <= before + 4  # noqa: PTH208 - a port held counts for some


async def test_permission_is_named() -> None:
    found = link._port_error("/dev/ttyUSB0", PermissionError(errno.EACCES, "Permission denied"))
    assert (found.code, "dialout" in found.fix) == ("permission", True)


async def test_a_modem_behind_a_socket(tmp_path: Path) -> None:
    """A modem on another machine, through ser2net: pyserial's socket:// has a descriptor as well."""
    async with Simulator(tmp_path / "modem", report_ms=5) as sim:
        fd = os.open(tmp_path / "modem", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        server = socket.create_server(("127.0.0.1", 0))
        server.setblocking(False)
        port = server.getsockname()[1]
        modem = SerialModem("one", f"socket://127.0.0.1:{port}", door=(keeper := Keeper()), on_ready=lambda: None, timing=QUICK)
        try:
            async with running(modem):
                peer, _ = await loop.sock_accept(server)
                with peer:
                    peer.setblocking(False)
                    loop.add_reader(fd, lambda: peer.send(os.read(fd, 65536)))
                    loop.add_reader(peer, lambda: os.write(fd, peer.recv(65536)))
                    async with asyncio.timeout(10):
                        while not modem.ready:  # noqa: ASYNC110 - ready has no event
                            await asyncio.sleep(0.01)
                    sim.text(NUMBER, "de loin")
                    async with asyncio.timeout(10):
                        while keeper.texts != ["de loin"]:  # noqa: ASYNC110 - nor has the keeper
                            await asyncio.sleep(0.01)
                    loop.remove_reader(fd)
                    loop.remove_reader(peer)
                    peer.shutdown(socket.SHUT_RDWR)
                async with asyncio.timeout(10):
                    while modem.ready:  # noqa: ASYNC110 - ready has no event
                        await asyncio.sleep(0.01)
        finally:
            os.close(fd)
            server.close()


def usb(device: str, vid: int | None, location: str) -> ListPortInfo:
    port = ListPortInfo(device)
    port.vid, port.location = vid, location
    return port


def test_candidates_by_usb_identity() -> None:
    found = ports.candidates(
        [
            usb("/dev/ttyS0", None, ""),
            usb("/dev/ttyACM0", 0x2341, "1-2:1.0"),  # an Arduino is left alone
            usb("/dev/ttyUSB9", 0x1A86, "1-3:1.0"),
            *(usb(f"/dev/ttyUSB{number}", 0x2C7C, f"1-1:1.{number}") for number in range(4)),
            *(usb(f"/dev/ttyUSB{5 + number}", 0x12D1, f"1-4:1.{number}") for number in range(3)),
        ]
    )
    assert tuple(place.path for place in found) == (
        "/dev/ttyUSB2", "/dev/ttyUSB3", "/dev/ttyUSB1", "/dev/ttyUSB0",
        "/dev/ttyUSB7", "/dev/ttyUSB6", "/dev/ttyUSB5", "/dev/ttyUSB9",
    )  # fmt: skip


async def test_finding_a_modem_among_ports(tmp_path: Path) -> None:
    master, slave = os.openpty()
    port = str(tmp_path / "*")
    (tmp_path / "0 mute").symlink_to(os.ttyname(slave))
    (tmp_path / "1 no port").write_text("")
    one, two = "490154203237518", "356938035643809"
    try:
        tty.setraw(slave)
        async with Simulator(tmp_path / "a", imei=one), Simulator(tmp_path / "b", imei=two):
            assert await ports.find(two, QUICK, port=port) == str(tmp_path / "b")
            assert await ports.find(None, QUICK, port=port) == str(tmp_path / "a")
            assert await ports.find(None, QUICK, port=port, accept=lambda imei: imei != one) == str(tmp_path / "b")
            assert await ports.find("111111111111119", QUICK, port=port, others=True) == str(tmp_path / "a")
            with pytest.raises(ModemError, match="all in use"):
                await ports.find(None, QUICK, port=port, accept=lambda imei: False)  # noqa: ARG005
            with pytest.raises(ModemError, match="none with this IMEI"):
                await ports.find("111111111111119", QUICK, port=port)
            held = await Link.open(str(tmp_path / "a"))
            try:
                assert await ports.find(None, QUICK, port=port) == str(tmp_path / "b")
                with pytest.raises(ModemError, match="another program uses every port"):
                    await ports.find(None, QUICK, port=str(tmp_path / "[01a]*"))
            finally:
                held.close()
        with pytest.raises(ModemError, match="no modem answers"):
            await ports.find(None, QUICK, port=port)
    finally:
        os.close(master)
        os.close(slave)


async def test_auto_without_any_modem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    await health_of("auto", "no_port")


async def test_one_stick_is_not_served_twice(make_rig: MakeRig, tmp_path: Path) -> None:
    """Two of a stick's ports answer AT; a second entry without imei must not take the second one."""
    rig = await make_rig(imei="490154203237518")
    await rig.ready()
    async with Simulator(tmp_path / "second", imei="490154203237518") as second:
        await health_of(second.state()["link"], "wrong_modem")
    assert rig.driver.ready


async def test_the_wrong_modem_at_the_port(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"imei": "490154203237518"})
    await rig.until(lambda: rig.driver.health().code == "wrong_modem", "health tells")


async def test_a_modem_back_under_another_path_is_found_by_imei(make_rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await make_rig(imei="490154203237518", driver={"imei": "490154203237518"})
    await rig.ready()
    other = str(tmp_path / "other")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [usb(other, 0x12D1, "1-1:1.0")])
    rig.sim.replug(other)
    await rig.until(lambda: len(rig.ready_calls) == 2, "ready again")
    assert rig.driver.health().port == other


# recovering


async def test_unplugged_and_back(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.unplug()
    await rig.until(lambda: rig.driver.health().code == "no_port", "health tells")
    rig.sim.text(NUMBER, "pendant l'absence")
    rig.sim.replug()
    assert isinstance(await rig.send_when_ready(), Sent)
    await rig.until(lambda: rig.keeper.texts == ["pendant l'absence"], "what came meanwhile is kept")
    await rig.until(lambda: len(rig.ready_calls) == 2, "said to be ready again")


async def test_a_modem_that_restarts_is_set_up_again(make_rig: MakeRig) -> None:
    """Defect 23: CNMI is set once and nothing notices that it is gone."""
    rig = await make_rig(profile="sim800")
    await rig.ready()
    rig.sim.reboot()
    await rig.until(lambda: len(rig.ready_calls) == 2, "set up again")
    rig.sim.text(NUMBER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")
    assert rig.sim.state()["cnmi"] == [2, 1, 0, 1, 0]


async def test_a_modem_that_restarts_without_a_word_is_set_up_again(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.reboot()
    await rig.until(lambda: len(rig.ready_calls) == 2, "set up again")


async def test_a_modem_that_falls_silent_is_given_up_and_tried_again(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("silence")
    await rig.until(lambda: rig.driver.health().code == "silent", "health tells")
    rig.sim.clear()
    await rig.until(lambda: len(rig.ready_calls) == 2, "ready again")


async def test_a_pdu_prompt_left_by_a_killed_process_is_left(make_rig: MakeRig) -> None:
    """Killed between prompt and PDU: the next start must not type its commands into the PDU."""

    def at_the_prompt(sim: Simulator) -> None:
        sim._modem.open_prompt(20)

    rig = await make_rig(before=at_the_prompt)
    await rig.ready()
    assert rig.events("ctrl_z") == []
    assert len(rig.events("escape")) == 1


@pytest.mark.parametrize("noise", ["00", "fffefdfc", "0d0a0d0a", "676172626167650d0a", "3e20", "0d0a4f4b0d0a", "c3280a3e0a"])
async def test_noise_on_an_idle_line_changes_nothing(make_rig: MakeRig, noise: str) -> None:
    """Three NULs stall gammu-smsd for 198 s; one 0xFF ends gsmmodem."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("garbage", hex=noise)
    assert isinstance(await rig.send(), Sent)
    rig.sim.text(NUMBER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")
    await rig.until(lambda: rig.ready_calls == [1], "said to be ready once")


@pytest.mark.parametrize("command", ["AT+CREG?", "AT+CSQ", "AT+CNMI?", "AT+CSCA?", "AT+CGSN"])
@pytest.mark.parametrize("line", ["^RSSI:17", '+CMTI: "SM",1', "RING", "^BOOT:20952548,0,0,0,72", "+CREG: 2"])
async def test_lines_inside_replies(make_rig: MakeRig, command: str, line: str) -> None:
    """Defect 1: they end up in gsmmodem's replies."""
    rig = await make_rig(before=lambda sim: sim.fault("inside", command=command, line=line))
    await rig.ready()
    assert rig.driver.health().code == "ok"
    assert rig.driver.health().imei == "356938035643809"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT+CPMS=?", '+CPMS:("SM","SR"),("SM"),("SM")'),
        ("AT+CPMS=?", '+CPMS: "SM","SM","SM"'),
        ("AT+CPMS=?", '+CPMS: (("SM","MT")),(("SM")),(("SM"))'),
        ("AT+CFUN?", "+CFUN:"),
        ("AT+CSQ", "+CSQ: 99,99"),
        ("AT+CSQ", "+CSQ:"),
        ("AT+CREG?", "+CREG: 0,1,1A2B,00C3D4E5"),
        ("AT+CSCA?", "+CSCA: +15145550000,145"),
        ("AT+CGSN", "+CGSN: 356938035643809"),
        ("AT+CGSN", '"356938035643809"'),
    ],
)
async def test_answers_as_some_modems_write_them(make_rig: MakeRig, command: str, answer: str) -> None:
    """Defect 21 and the like: a missing blank or value is no reason to fail."""
    rig = await make_rig(before=lambda sim: sim.fault("error", command=command, line=f"{answer}\r\n\r\nOK", count=99))
    await rig.ready()
    rig.sim.text(NUMBER, "bonjour")
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")


async def test_an_error_out_of_nowhere_costs_one_refusal_at_most(make_rig: MakeRig) -> None:
    """It may stand where the prompt is due; what is open then is closed before the next command."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("garbage", hex=b"\r\nERROR\r\n".hex())
    assert isinstance(await rig.send(), Sent | Refused)
    assert isinstance(await rig.send(), Sent)
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]


async def test_a_call_to_the_sim_disturbs_nothing(make_rig: MakeRig) -> None:
    rig = await make_rig(latency_ms=30)
    await rig.ready()
    rig.sim.call(NUMBER, rings=5, every_ms=10)
    assert isinstance(await rig.send(), Sent)


@pytest.mark.parametrize("command", ["AT+CMEE", "AT+CGMI", "AT+CSMS", "AT+CREG=0", "AT+CNMI?", "AT+CSQ", "AT+CFUN?", "AT+CPMS=?"])
async def test_commands_a_modem_does_not_know(make_rig: MakeRig, command: str) -> None:
    """Defect 21 and the like: an ERROR, or "COMMAND NOT SUPPORT", is an answer."""
    rig = await make_rig(before=lambda sim: sim.fault("error", command=command, line="COMMAND NOT SUPPORT", count=99))
    await rig.ready()
    rig.sim.text(NUMBER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")


async def test_an_exception_of_on_ready_changes_nothing(make_rig: MakeRig) -> None:
    def on_ready() -> None:
        raise RuntimeError("a bug of the caller")

    rig = await make_rig(driver={"on_ready": on_ready})
    await rig.ready()
    assert isinstance(await rig.send(), Sent)
    assert rig.driver.ready


async def test_a_modem_that_keeps_its_echo(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command="ATE0", code=4, count=99))
    await rig.ready()
    rig.sim.text(NUMBER, "bonjour")
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: rig.keeper.texts == ["bonjour"] and len(rig.keeper.reports) == 1, "text and report are kept")


async def test_a_modem_that_wants_reports_acknowledged_stores_them(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CSMS?", line="+CSMS: 1,1,1,1\r\n\r\nOK"))
    await rig.ready()
    assert rig.sim.state()["cnmi"][3] == 2
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: len(rig.keeper.reports) == 1, "the report is kept")


async def test_logs_hold_no_text_no_pin_and_no_number(make_rig: MakeRig, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        rig = await make_rig(pin="1234", driver={"pin": "1234"})
        await rig.ready()
        rig.sim.fault("refuse", code=38)
        await rig.send("secret médical", NUMBER)
        await rig.send("secret médical", NUMBER)
        rig.sim.text(NUMBER, "mon secret")
        await rig.until(lambda: rig.keeper.texts == ["mon secret"], "it is kept")
        rig.sim.unplug()
        await rig.until(lambda: rig.driver.health().code == "no_port", "gone")
    said = repr(logs).replace(str(tmp_path), "")  # the path of the port may have any digits in it
    assert {"modem.ready", "modem.sent", "modem.refused", "modem.down"} <= {entry["event"] for entry in logs}
    for secret in ("secret", "1234", NUMBER[1:], *(raw.pdu for raw in rig.keeper.kept)):
        assert secret not in said
