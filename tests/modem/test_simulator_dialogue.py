"""What the simulated modem answers, byte by byte, on a real pty."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import serial

from modem.sim_pdu import decode_report, tpdu_length
from modem.simulator import Simulator
from tests.modem.simulator_client import FINAL, Client, submits

CALLER = "+15145550199"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with Simulator(tmp_path / "modem", report_ms=5) as simulator:
        yield simulator


@pytest.fixture
async def client(sim: Simulator, tmp_path: Path) -> AsyncIterator[Client]:
    del sim
    with Client(tmp_path / "modem") as client:
        yield client


async def test_echo_until_it_is_switched_off(client: Client) -> None:
    client.write(b"AT\r")
    assert await client.until(FINAL) == b"AT\r\r\nOK\r\n"
    assert await client.ask("ATE0") == "ATE0\r\r\nOK\r\n"
    assert await client.ask("AT") == "\r\nOK\r\n"
    assert await client.ask("ATZ") == "\r\nOK\r\n"
    assert await client.ask("AT") == "AT\r\r\nOK\r\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        ("AT+CSQ", "\r\n+CSQ: 21,99\r\n\r\nOK\r\n"),
        ("AT+CREG?", "\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
        ("AT+CMEE=1;+CREG=2;+CREG?", '\r\n+CREG: 2,1,"1A2B","00C3D4E5"\r\n\r\nOK\r\n'),
        ("AT+COPS?", '\r\n+COPS: 0,0,"Simulated Network"\r\n\r\nOK\r\n'),
        ("AT+COPS=3,2;+COPS?", '\r\n+COPS: 0,2,"302990"\r\n\r\nOK\r\n'),
        ("AT+CGSN", "\r\n356938035643809\r\n\r\nOK\r\n"),
        ("AT+CIMI", "\r\n302720123456789\r\n\r\nOK\r\n"),
        ("ATI", "\r\nTextback\r\nSimulated modem\r\n1.0\r\n\r\nOK\r\n"),
        ("at+csca?", '\r\n+CSCA: "+15145550000",145\r\n\r\nOK\r\n'),
        ("AT+CPMS=?", '\r\n+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")\r\n\r\nOK\r\n'),
        ("AT+CPMS?", '\r\n+CPMS: "SM",0,20,"SM",0,20,"SM",0,20\r\n\r\nOK\r\n'),
        ('AT+CPMS="ME","SM","ME"', "\r\n+CPMS: 0,255,0,20,0,255\r\n\r\nOK\r\n"),
        ("AT+CNMI?", "\r\n+CNMI: 0,0,0,0,0\r\n\r\nOK\r\n"),
        ("AT+CNMI=2,1,0,2", "\r\nOK\r\n"),
        ("AT+CMGF=0", "\r\nOK\r\n"),
        ("AT+CMGL=4", "\r\nOK\r\n"),
        ("AT+CMGR=3", "\r\nOK\r\n"),
        ("AT&FE0V1;+CMEE?", "\r\n+CMEE: 0\r\n\r\nOK\r\n"),
        ("AT+CPINR", "\r\n+CPINR: SIM PIN,3,3\r\n+CPINR: SIM PUK,10,10\r\n\r\nOK\r\n"),
        ("AT+CFUN?", "\r\n+CFUN: 1\r\n\r\nOK\r\n"),
        ("\x00\xffAT", "\r\nOK\r\n"),
        ("AT+NOSUCH", "\r\nERROR\r\n"),
        ("AT+CSQ!", "\r\nERROR\r\n"),
        ("AT!", "\r\nERROR\r\n"),
        ("AT+CPMS=\"XX\"", "\r\n+CMS ERROR: 302\r\n"),
        ("AT+CNMI=9", "\r\n+CMS ERROR: 302\r\n"),
        ("AT+CMGD=21", "\r\n+CMS ERROR: 321\r\n"),
        ("AT+CMGF=1", "\r\n+CMS ERROR: 303\r\n"),
        ("AT+CMGS=999", "\r\n+CMS ERROR: 304\r\n"),
    ],
)  # fmt: skip
async def test_replies(client: Client, line: str, reply: str) -> None:
    await client.ask("ATE0")
    client.write(line.encode("latin-1") + b"\r")
    assert (await client.until(FINAL)).decode("latin-1") == reply


async def test_errors_in_each_mode(client: Client) -> None:
    """Plain, numeric, verbose; +CMS ERROR is never plain."""
    await client.ask("ATE0")
    for mode, cme, cms in (
        (0, "ERROR", "+CMS ERROR: 321"),
        (1, "+CME ERROR: 50", "+CMS ERROR: 321"),
        (2, "+CME ERROR: incorrect parameters", "+CMS ERROR: Invalid memory index"),
    ):
        await client.ask(f"AT+CMEE={mode}")
        assert await client.ask("AT+CFUN=7") == f"\r\n{cme}\r\n"
        assert await client.ask("AT+CMGD=99") == f"\r\n{cms}\r\n"


async def test_every_command_it_lists_can_be_asked(client: Client) -> None:
    """No form of any command ends in anything but a final result."""
    listed = (await client.ask("AT+CLAC")).split("+CLAC: ")[1].split("\r\n")[0].split(",")
    await client.ask("ATE0")
    assert len(listed) > 50
    for name in listed:
        for tail in ("", "?", "=?", "=9999", '="x"', "=", "=1,2,3,4,5,6,7") if name.startswith("+") else ("", "0"):
            assert (await client.ask(f"AT{name}{tail}")).endswith("\r\n"), (name, tail)
            await client.ask("ATE0")
    assert await client.ask("AT") == "\r\nOK\r\n"


async def test_a_text_goes(sim: Simulator, client: Client) -> None:
    await client.quiet()
    (pdu,) = submits(CALLER, "Ça va? [été] €")
    client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
    assert await client.until(b"> ") == b"\r\n> "
    client.write(pdu.encode() + b"\x1a")
    assert await client.until(FINAL) == b"\r\n+CMGS: 1\r\n\r\nOK\r\n"
    (text,) = sim.inbox(CALLER)
    assert (text["sender"], text["text"], text["parts"]) == ("+15145550100", "Ça va? [été] €", 1)
    report = (await client.until(re.compile(rb"\+CDS: \d+\r\n[0-9A-F]+\r\n"))).decode().split()
    assert int(report[1]) == tpdu_length(report[2])
    assert decode_report(report[2]).recipient == CALLER


async def test_escape_leaves_the_prompt(sim: Simulator, client: Client) -> None:
    await client.quiet()
    client.write(b"AT+CMGS=20\r")
    await client.until(b"> ")
    client.write(b"0011000B91\x1b")
    assert await client.until(FINAL) == b"\r\nOK\r\n"
    assert await client.ask("AT") == "\r\nOK\r\n"
    assert [entry["event"] for entry in sim.journal(events=["escape", "ctrl_z"])["entries"]] == ["escape"]


async def test_a_pdu_that_is_none_is_refused(sim: Simulator, client: Client) -> None:
    await client.quiet()
    (pdu,) = submits(CALLER, "x")
    for length, given in ((len(pdu) // 2, pdu), (20, "AT+CMGD=1,0"), (20, "")):
        client.write(b"AT+CMGS=%d\r" % length)
        await client.until(b"> ")
        client.write(given.encode() + b"\x1a")
        assert await client.until(FINAL) == b"\r\n+CMS ERROR: 304\r\n"
    assert sim.inbox(CALLER) == []
    assert [bool(entry.get("bad")) for entry in sim.journal(events=["ctrl_z"])["entries"]] == [True] * 3


async def test_a_client_that_types_one_byte_at_a_time(client: Client) -> None:
    for byte in b"\x1b\rAT\rATE0\r":
        client.write(bytes([byte]))
        await asyncio.sleep(0)
    await client.until(b"ATE0\r\r\nOK\r\n")
    assert await client.ask("AT") == "\r\nOK\r\n"


async def test_lines_written_in_one_go_are_answered_in_order(client: Client) -> None:
    await client.ask("ATE0")
    client.write(b"AT+CSQ\rAT+CREG?\r\nAT\r")
    assert await client.until(FINAL) == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    assert await client.until(FINAL) == b"\r\n+CREG: 0,1\r\n\r\nOK\r\n"
    assert await client.until(FINAL) == b"\r\nOK\r\n"


async def test_what_is_written_while_the_network_thinks_waits(sim: Simulator, client: Client) -> None:
    await client.quiet()
    sim.latency(200)
    (pdu,) = submits(CALLER, "x", report=False)
    client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
    await client.until(b"> ")
    client.write(pdu.encode() + b"\x1aAT+CSQ\r")
    assert await client.until(FINAL) == b"\r\n+CMGS: 1\r\n\r\nOK\r\n"
    assert await client.until(FINAL) == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"


async def test_a_pin_and_its_tries(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem", pin="1234") as sim:
        with Client(tmp_path / "modem") as client:
            await client.ask("ATE0")
            await client.ask("AT+CMEE=1")
            assert "SIM PIN" in await client.ask("AT+CPIN?")
            assert "+CREG: 0,0" in await client.ask("AT+CREG?")
            assert await client.ask("AT+CMGF=0") == "\r\n+CMS ERROR: 311\r\n"
            assert await client.ask("AT+CIMI") == "\r\n+CME ERROR: 11\r\n"
            assert await client.ask('AT+CPIN="9999"') == "\r\n+CME ERROR: 16\r\n"
            assert "SIM PIN,2,3" in await client.ask("AT+CPINR")
            sim.reboot()
            await client.ask("ATE0")
            await client.ask("AT+CMEE=1")
            assert sim.state()["pin_tries"] == 2
            assert await client.ask('AT+CPIN="1234"') == "\r\nOK\r\n"
            assert "+CREG: 0,1" in await client.ask("AT+CREG?")
            assert sim.state()["pin_tries"] == 3
            assert await client.ask("AT+CMGF=0") == "\r\nOK\r\n"


async def test_three_wrong_pins_need_the_puk(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem", pin="1234") as sim:
        with Client(tmp_path / "modem") as client:
            await client.ask("AT+CMEE=1")
            for _ in range(2):
                assert "+CME ERROR: 16" in await client.ask("AT+CPIN=0000")
            assert "+CME ERROR: 12" in await client.ask("AT+CPIN=0000")
            assert "SIM PUK" in await client.ask("AT+CPIN?")
            assert "+CMS ERROR: 316" in await client.ask("AT+CMGF=0")
            assert "+CME ERROR: 12" in await client.ask("AT+CPIN=1234")
            assert "+CME ERROR: 16" in await client.ask("AT+CPIN=00000000,4321")
            assert "OK" in await client.ask("AT+CPIN=12345678,4321")
            assert sim.state()["sim"] == "READY"
            sim.reboot()
            assert "OK" in await client.ask("AT+CPIN=4321")


async def test_registration(sim: Simulator, client: Client) -> None:
    await client.quiet()
    await client.ask("AT+CREG=1")
    sim.registration("searching", ms=30)
    await client.until(b"\r\n+CREG: 2\r\n")
    assert await client.ask("AT+COPS?") == "\r\n+COPS: 0\r\n\r\nOK\r\n"
    assert await client.submit(submits(CALLER, "x")[0]) == "\r\n+CMS ERROR: 331\r\n"
    sim.registration("roaming")
    await client.until(b"\r\n+CREG: 5\r\n")
    sim.reboot()
    await client.ask("ATE0;+CREG=1")
    await client.until(b"\r\n+CREG: 5\r\n")
    await client.ask("AT+CREG=2")
    sim.registration("home")
    await client.until(b'\r\n+CREG: 1,"1A2B","00C3D4E5"\r\n')
    sim.registration("roaming")
    await client.ask("AT+CREG=1")
    await client.ask("AT+CFUN=4")
    await client.until(b"\r\n+CREG: 0\r\n")
    await client.ask("AT+CFUN=1")
    await client.until(b"\r\n+CREG: 5\r\n")
    assert sim.inbox(CALLER) == []


async def test_a_restart_loses_the_settings(sim: Simulator, client: Client) -> None:
    await client.quiet()
    assert await client.ask("AT+CFUN=1,1") == "\r\nOK\r\n"
    await sim.wait_event("booted", count=2)
    assert await client.ask("AT+CNMI?") == "AT+CNMI?\r\r\n+CNMI: 0,0,0,0,0\r\n\r\nOK\r\n"


async def test_a_voice_call(sim: Simulator, client: Client) -> None:
    await client.ask("ATE0")
    await client.ask("AT+CLIP=1")
    sim.call(CALLER, rings=2, every_ms=5)
    ring = b'\r\nRING\r\n\r\n+CLIP: "+15145550199",145,,,,0\r\n'
    assert await client.until(b"NO CARRIER\r\n") == ring + ring + b"\r\nNO CARRIER\r\n"
    await client.ask("AT+CRC=1")
    sim.call("", rings=100, every_ms=5)
    await client.until(b'\r\n+CRING: VOICE\r\n\r\n+CLIP: "",128,,,,1\r\n')
    with pytest.raises(ValueError, match="in a call"):
        sim.call(CALLER)
    client.heard = b""
    await client.ask("AT+CHUP")
    assert "+CLCC" not in await client.ask("AT+CLCC")
    sim.call(CALLER, rings=1)
    assert '+CLCC: 1,1,4,0,0,"+15145550199",145' in await client.ask("AT+CLCC")
    assert "OK" in await client.ask("ATA")


@pytest.mark.parametrize(
    ("profile", "seen"),
    [("huawei", b"^BOOT:"), ("sim800", b"SMS Ready"), ("sim7670", b"*ATREADY"), ("ec25", b"+QIND: SMS DONE")],
)
async def test_makes_say_their_own(tmp_path: Path, profile: str, seen: bytes) -> None:
    async with Simulator(tmp_path / "modem", profile=profile) as sim:
        with Client(tmp_path / "modem") as client:
            await client.ask("ATE0")
            sim.reboot()
            await client.until(seen)
            await client.ask("ATE0")
            assert ("ERROR" in await client.ask("AT+CNMI=2,1,0,2")) == (profile == "sim800")
            if profile == "sim7670":
                client.write(b"AT+CMGS=20\r")
                assert await client.until(b">\r\n") == b"\r\n>\r\n"
            if profile == "huawei":
                await client.ask("AT^CURC=0")


async def test_pyserial_opens_and_locks_it(sim: Simulator, tmp_path: Path) -> None:
    """As users open it; a second exclusive open is refused."""

    def talk() -> bytes:
        with serial.Serial(str(tmp_path / "modem"), 115200, exclusive=True, timeout=5) as port:
            with pytest.raises(serial.SerialException):
                serial.Serial(str(tmp_path / "modem"), exclusive=True)
            port.write(b"ATE0\r")
            return port.read_until(b"OK\r\n")

    assert await asyncio.to_thread(talk) == b"ATE0\r\r\nOK\r\n"
    assert await asyncio.to_thread(talk) == b"\r\nOK\r\n"
    await sim.wait_event("closed", count=2)


async def test_clients_come_and_go(sim: Simulator, tmp_path: Path) -> None:
    """What was said while nobody listened, or was left unread, is not there for the next."""
    port = tmp_path / "modem"
    with Client(port) as client:
        await client.quiet()
        client.write(b"AT+CSQ\rAT+CMGS=20\r")
        await sim.wait_event("prompt")
    await sim.wait_event("closed")
    sim.text(CALLER, "one")
    with Client(port) as client:
        client.write(b"\x1b")
        assert await client.until(FINAL) == b"\r\nOK\r\n"
        assert '+CPMS: "SM",1,20' in await client.ask("AT+CPMS?")
    for _ in range(20):
        fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        os.close(fd)
    with Client(port) as client:
        assert await client.ask("AT") == "\r\nOK\r\n"


async def test_a_client_that_does_not_read_holds_nothing_up(sim: Simulator, tmp_path: Path) -> None:
    """More than a pty holds (back-pressure), then read to the last byte, in order."""
    fd = os.open(tmp_path / "modem", os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(fd, b"ATE0\r")
        await sim.wait_event("answer")
        for _ in range(40):
            os.write(fd, b"AT+CLAC\r" * 10)
            await asyncio.sleep(0)
        await sim.wait_event("answer", count=401)
        assert sim.state()["listening"]
    finally:
        os.close(fd)
    await sim.wait_event("closed")
    with Client(tmp_path / "modem") as client:
        for _ in range(40):
            client.write(b"AT+CLAC\r" * 10)
        for place in range(400):
            assert (await client.until(FINAL)).startswith(b"\r\n+CLAC: "), place


async def test_ports_that_never_answer(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem", mute=[tmp_path / "diag", tmp_path / "nmea"]) as sim:
        with Client(tmp_path / "diag") as mute, Client(tmp_path / "modem") as client:
            mute.write(b"AT\r")
            assert await client.ask("AT") == "AT\r\r\nOK\r\n"
            assert mute.heard == b""
            sim.unplug()
            await mute.gone.wait()
    assert not (tmp_path / "nmea").is_symlink()


async def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "modem").write_text("mine")
    with pytest.raises(FileExistsError, match="no symbolic link"):
        await Simulator(tmp_path / "modem").start()
    assert (tmp_path / "modem").read_text() == "mine"


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use one of generic"):
        Simulator(tmp_path / "modem", profile="nokia")
    with pytest.raises(ValueError, match="it has SM, ME, SR"):
        Simulator(tmp_path / "modem", stores={"XX": 3})


@pytest.mark.parametrize("seed", range(4))
async def test_no_bytes_upset_it(sim: Simulator, client: Client, seed: int) -> None:
    """Commands with any arguments, PDUs, control characters and noise in any order: it answers at the end, and nothing was raised."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    names = (await client.ask("AT+CLAC")).split("+CLAC: ")[1].split("\r\n")[0].split(",")
    raised: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context))
    (pdu,) = submits(CALLER, "x")
    pieces = [
        b"AT",
        b"\r",
        b"\n",
        b"\x1a",
        b"\x1b",
        b"=",
        b"?",
        b";",
        b",",
        b'"',
        b"1",
        b"99999999999999999999",
        b"\x00\xff",
        pdu.encode(),
        b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1),
    ]
    pieces += [f"AT{name}={chance.randint(0, 30)},{chance.randint(0, 3)}\r".encode() for name in names]
    for _ in range(1500):
        client.write(chance.choice(pieces))
        if not chance.randint(0, 20):
            sim.text(CALLER, "between")
            await asyncio.sleep(0)
    client.write(b"\x1b\r")
    sim.reboot()
    client.write(b"\rAT+CGSN;+CREG?\r")
    await client.until(b"+CREG: 0,1\r\n\r\nOK\r\n")
    assert raised == []
