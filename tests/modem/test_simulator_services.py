"""Calls that are forwarded, USSD and picture notices of the simulated network."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modem.sim_mms import notification
from modem.sim_pdu import decode_deliver, joined
from modem.simulator import Carrier, Simulator
from tests.modem.simulator_client import Client, submits

CALLER = "+15145550199"
CLINIC = "+15145550111"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with Simulator(tmp_path / "modem", report_ms=1, attach_ms=5) as simulator:
        yield simulator


@pytest.fixture
async def client(sim: Simulator, tmp_path: Path) -> AsyncIterator[Client]:
    del sim
    with Client(tmp_path / "modem") as client:
        await client.quiet()
        await client.ask("AT+CMEE=1")
        yield client


def forwarded(sim: Simulator) -> list[tuple[str, str, str]]:
    return [(entry["number"], entry["to"], entry["reason"]) for entry in sim.journal(events=["forwarded"])["entries"]]


async def test_all_calls_forwarded(sim: Simulator, client: Client) -> None:
    """Nothing rings; the network keeps it over a restart and without the modem; erased, it rings again."""
    assert await client.ask("AT+CCFC=0,2") == "\r\n+CCFC: 0,7\r\n\r\nOK\r\n"
    assert await client.ask(f'AT+CCFC=0,3,"{CLINIC}",145') == "\r\nOK\r\n"
    assert await client.ask("AT+CCFC=0,2") == f'\r\n+CCFC: 1,1,"{CLINIC}",145\r\n+CCFC: 0,2\r\n+CCFC: 0,4\r\n\r\nOK\r\n'
    assert await client.ask("AT+CCFC=0,2,,,1") == f'\r\n+CCFC: 1,1,"{CLINIC}",145\r\n\r\nOK\r\n'
    assert sim.call(CALLER) == {"call": "forwarded"}
    sim.reboot()
    await client.ask("ATE0")
    assert f'1,1,"{CLINIC}"' in await client.ask("AT+CCFC=0,2")
    sim.unplug()
    assert sim.call("") == {"call": "forwarded"}
    assert forwarded(sim) == [(CALLER, CLINIC, "unconditional"), ("", CLINIC, "unconditional")]
    assert b"RING" not in client.heard


async def test_forwarding_is_disabled_enabled_and_erased(sim: Simulator, client: Client) -> None:
    assert await client.ask("AT+CCFC=0,1") == "\r\n+CME ERROR: 3\r\n"  # nothing to enable
    await client.ask('AT+CCFC=0,3,"5145550111"')
    await client.ask("AT+CCFC=0,0")
    assert '+CCFC: 0,1,"5145550111",129\r\n' in await client.ask("AT+CCFC=0,2")
    assert sim.call(CALLER, rings=1, every_ms=1) == {"call": "rings"}
    await client.until(b"RING\r\n\r\nNO CARRIER\r\n")
    await client.ask("AT+CCFC=0,1")
    assert sim.call(CALLER) == {"call": "forwarded"}
    await client.ask("AT+CCFC=4,4")
    assert "+CCFC: 0,7\r\n" in await client.ask("AT+CCFC=0,2")
    assert sim.state()["network"]["forwarding"] == {}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("AT+CCFC=?", "\r\n+CCFC: (0-5)\r\n\r\nOK\r\n"),
        ("AT+CCFC?", "\r\n+CME ERROR: 50\r\n"),
        ("AT+CCFC=6,2", "\r\n+CME ERROR: 50\r\n"),
        ("AT+CCFC=0,5", "\r\n+CME ERROR: 50\r\n"),
        ("AT+CCFC=4,2", "\r\n+CME ERROR: 50\r\n"),
        ("AT+CCFC=0,3", "\r\n+CME ERROR: 50\r\n"),
        ('AT+CCFC=0,3,"clinic"', "\r\n+CME ERROR: 50\r\n"),
        ('AT+CCFC=2,3,"5145550111",129,1,,,7', "\r\n+CME ERROR: 50\r\n"),
        ('AT+CCFC=0,3,"5145550111",129,2', "\r\n+CME ERROR: 3\r\n"),
    ],
)
async def test_what_forwarding_does_not_take(sim: Simulator, client: Client, line: str, answer: str) -> None:
    assert await client.ask(line) == answer
    assert sim.state()["network"]["forwarding"] == {}


async def test_forwarding_needs_the_network_and_takes_its_time(sim: Simulator, client: Client) -> None:
    sim.latency(50)
    client.write(b"AT+CCFC=0,2\rAT+CSQ\r")
    heard = await client.until(b"+CSQ: 21,99\r\n\r\nOK\r\n")
    assert heard.startswith(b"\r\n+CCFC: 0,7\r\n\r\nOK\r\n")  # the port takes nothing meanwhile
    sim.registration("searching")
    assert await client.ask("AT+CCFC=0,2") == "\r\n+CME ERROR: 30\r\n"


async def test_conditional_forwarding(sim: Simulator) -> None:
    """Busy: in a call, or refused by the modem. Not reachable: off the network. Both by the carrier's own hand."""
    sim.unplug()
    with pytest.raises(ValueError, match="not on the network"):
        sim.call(CALLER)
    sim.forwarding("busy", "+15145550112")
    sim.forwarding("not_reachable", "+15145550113")
    assert sim.call(CALLER) == {"call": "forwarded"}
    sim.replug()
    assert sim.call(CALLER, rings=99, every_ms=1000) == {"call": "rings"}
    assert sim.call("+15145550198") == {"call": "forwarded"}
    sim.forwarding("busy", None)
    with pytest.raises(ValueError, match="in a call already"):
        sim.call("+15145550198")
    sim.hang_up()
    assert [(number, to[-1], reason) for number, to, reason in forwarded(sim)] == [
        (CALLER, "3", "not reachable"),
        ("+15145550198", "2", "busy"),
    ]


async def test_a_call_the_modem_refuses(sim: Simulator, client: Client) -> None:
    await client.ask('AT+CCFC=1,3,"+15145550112",145')
    sim.call(CALLER, rings=99, every_ms=1000)
    await client.until(b"RING\r\n")
    assert "OK" in await client.ask("AT+CHUP")
    assert forwarded(sim) == [(CALLER, "+15145550112", "busy")]
    sim.call(CALLER, rings=99, every_ms=1000)
    assert "OK" in await client.ask("ATA")
    sim.hang_up()
    await client.until(b"NO CARRIER\r\n")
    ended = sim.journal(events=["called", "call_ended"])["entries"]
    assert [(entry["event"], entry.get("by")) for entry in ended] == [
        ("called", None), ("call_ended", "modem"), ("called", None), ("call_ended", "caller"),
    ]  # fmt: skip
    assert len(forwarded(sim)) == 1
    sim.call(CALLER, rings=99, every_ms=1000)
    await client.ask("ATA")
    await client.ask("ATH")
    assert len(forwarded(sim)) == 1  # it was answered


async def test_a_stick_without_voice_is_not_reachable(tmp_path: Path) -> None:
    async with Simulator(tmp_path / "modem", profile="e3372") as sim:
        sim.forwarding("not_reachable", CLINIC)
        assert sim.call(CALLER) == {"call": "forwarded"}
        assert forwarded(sim) == [(CALLER, CLINIC, "not reachable")]


async def test_a_call_nobody_answers(sim: Simulator, client: Client) -> None:
    await client.ask('AT+CCFC=2,3,"+15145550112",145,1,,,5')
    assert '+CCFC: 1,1,"+15145550112",145,,,5\r\n' in await client.ask("AT+CCFC=2,2")
    sim.forwarding("no_reply", "+15145550112", seconds=0)
    sim.call(CALLER, rings=99, every_ms=1000)
    assert await client.until(b"NO CARRIER\r\n") == b"\r\nRING\r\n\r\nNO CARRIER\r\n"
    assert forwarded(sim) == [(CALLER, "+15145550112", "no reply")]


async def test_the_sims_own_number(sim: Simulator, client: Client) -> None:
    assert await client.ask("AT+CNUM") == '\r\n+CNUM: ,"+15145550100",145\r\n\r\nOK\r\n'
    sim.own_number(written=False)
    assert await client.ask("AT+CNUM") == "\r\nOK\r\n"


# USSD


async def test_ussd_after_and_before_ok(sim: Simulator, client: Client) -> None:
    sim.ussd("Solde: 5,00 $", "*100#")
    sim.ussd("Avant", "*101#", before=True)
    assert await client.ask('AT+CUSD=1,"*100#",15') == "\r\nOK\r\n"
    assert await client.until(b"15\r\n") == b'\r\n+CUSD: 0,"Solde: 5,00 $",15\r\n'
    assert await client.ask('AT+CUSD=1,"*101#",15') == '\r\n+CUSD: 0,"Avant",15\r\n\r\nOK\r\n'
    assert await client.ask('AT+CUSD=1,"*999#",15') == "\r\nOK\r\n"
    await client.until(b"\r\n+CUSD: 4\r\n")


async def test_ussd_late_long_doubled_and_in_other_alphabets(sim: Simulator, client: Client) -> None:
    sim.ussd("Un\nDeux\nTrois", "*1#", ms=100, times=2)
    client.write(b'AT+CUSD=1,"*1#",15\rAT+CSQ\r')
    assert await client.until(b"99\r\n\r\nOK\r\n") == b"\r\nOK\r\n\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    line = b'\r\n+CUSD: 0,"Un\nDeux\nTrois",15\r\n'
    assert await client.until(line + line) == line + line
    sim.ussd("Un\nDeux\nTrois", "*1#")
    sim.ussd("Crédit ê", "*2#")
    await client.ask('AT+CUSD=1,"*2#",15')
    assert await client.until(b",72\r\n") == b'\r\n+CUSD: 0,"' + "Crédit ê".encode("utf-16-be").hex().upper().encode() + b'",72\r\n'
    await client.ask('AT+CSCS="UCS2"')
    await client.ask(f'AT+CUSD=1,"{"*1#".encode("utf-16-be").hex()}",15')
    await client.until(b'\r\n+CUSD: 0,"' + "Un\nDeux\nTrois".encode("utf-16-be").hex().upper().encode() + b'",15\r\n')
    assert await client.ask('AT+CUSD=1,"*1#"') == "\r\n+CME ERROR: 25\r\n"


async def test_ussd_of_a_huawei_in_packed_septets(tmp_path: Path) -> None:
    """ "*100#" is AA180C3602 to it while AT^USSDMODE is 1."""
    async with Simulator(tmp_path / "modem", profile="huawei") as sim:
        with Client(tmp_path / "modem") as client:
            sim.chatter(lines=0, say=[])
            await client.ask("ATE0")
            await client.ask("AT^USSDMODE=1")
            sim.ussd("hellohello", "*100#")
            await client.ask("AT+CUSD=1,AA180C3602,15")
            await client.until(b'\r\n+CUSD: 0,"E8329BFD4697D9EC37",15\r\n')


async def test_ussd_menus_and_what_the_network_says_by_itself(sim: Simulator, client: Client) -> None:
    sim.ussd("nobody listens")
    sim.ussd("1 Solde\n2 Fin", "*5#", more=True)
    sim.ussd("5 $", "1")
    await client.ask('AT+CUSD=1,"*5#"')
    await client.until(b'+CUSD: 1,"1 Solde\n2 Fin",15\r\n')
    await client.ask('AT+CUSD=1,"1"')
    await client.until(b'+CUSD: 0,"5 $",15\r\n')
    sim.ussd("Promotion!", times=2)
    await client.until(b'\r\n+CUSD: 0,"Promotion!",15\r\n\r\n+CUSD: 0,"Promotion!",15\r\n')
    assert "OK" in await client.ask("AT+CUSD=2")
    assert await client.ask("AT+CUSD?") == "\r\n+CUSD: 1\r\n\r\nOK\r\n"
    await client.ask('AT+CUSD=0,"*5#"')
    assert await client.ask("AT") == "\r\nOK\r\n"
    assert [entry["what"] for entry in sim.journal(events=["lost"])["entries"]] == ["ussd"]
    sim.registration("denied")
    assert await client.ask('AT+CUSD=1,"*5#"') == "\r\n+CME ERROR: 30\r\n"


# MMS


def test_the_notice_octet_by_octet() -> None:
    """Against the encoding rules of OMA MMS ENC 7 and WSP 8.4.2, worked out by hand."""
    push = notification("+15145550199", "Hi", size=300, seconds=604_800, transaction="T1", location="http://m/1")
    assert push == (
        b"\x01\x06\x03\xbe\xaf\x84"  # TID, push, three octets of headers: content type, application id mms.ua
        b"\x8c\x82\x98T1\x00\x8d\x92"  # notification, transaction, version 1.2
        b"\x89\x18\x80+15145550199/TYPE=PLMN\x00"  # from: 24 octets, address present
        b"\x96Hi\x00\x8a\x80"  # subject, class personal
        b"\x8e\x02\x01\x2c"  # 300 octets
        b"\x88\x05\x81\x03\x09\x3a\x80"  # expires in 604800 s
        b"\x83http://m/1\x00"
    )
    assert b"\x96" not in notification("+1514", None, size=1, seconds=1, transaction="T", location="x")
    accents = notification("+1514", "Éva", size=1, seconds=1, transaction="T", location="x")
    assert b"\x96\x07\xea\x7f\xc3\x89va\x00" in accents
    long = notification("a" * 40 + "@example.net", None, size=1, seconds=1, transaction="T", location="x")
    assert b"\x89\x1f\x36\x80aaaa" in long
    with pytest.raises(ValueError, match="zero octet"):
        notification("+1514", "a\x00b", size=1, seconds=1, transaction="T", location="x")


async def test_a_picture_comes_as_a_wap_push_of_two_parts(sim: Simulator, client: Client) -> None:
    """Port 2948, 8-bit, from the carrier's centre and not from the sender, who is inside."""
    told = sim.mms(CALLER, "Ordonnance du docteur")
    assert told["parts"] == 2
    await client.until(b'+CMTI: "SM",2\r\n')
    pdus = re.findall(r"\r\n([0-9A-F]{40,})\r\n", await client.ask("AT+CMGL=4"))
    parts = [decode_deliver(pdu) for pdu in pdus]
    assert {part.sender for part in parts} == {"+15145550001"}
    assert [part.data.alphabet for part in parts] == ["8bit"] * 2
    assert [dict(part.data.elements)[0x05] for part in parts] == [bytes.fromhex("0b8423f0")] * 2
    assert [part.data.part.number for part in parts if part.data.part] == [1, 2]
    push = joined([part.data for part in parts]).encode("latin-1")
    assert f"{CALLER}/TYPE=PLMN".encode() in push
    assert b"\x96Ordonnance du docteur\x00" in push


async def test_pictures_out_of_order_without_subject_and_small(sim: Simulator, client: Client) -> None:
    sim.mms(CALLER, order=[2, 1], mmsc="12345")
    await client.until(b'+CMTI: "SM",2\r\n')
    stored = sim.state()["stores"]["SM"]
    assert [stored[place]["part"] for place in (1, 2)] == [[2, 2], [1, 2]]
    assert stored[1]["from"] == "12345"
    assert sim.mms(CALLER, location="http://m/1")["parts"] == 1


async def test_two_modems_on_one_network(tmp_path: Path) -> None:
    """They share handsets and can text each other; unplugged, a text to one waits for it."""
    carrier = Carrier()
    async with (
        Simulator(tmp_path / "a", number="+15145550101", carrier=carrier, attach_ms=5) as one,
        Simulator(tmp_path / "b", number="+15145550102", carrier=carrier, attach_ms=5) as two,
    ):
        with Client(tmp_path / "a") as first, Client(tmp_path / "b") as second:
            await first.quiet()
            await second.quiet()
            await asyncio.gather(first.submit(submits(CALLER, "from one")[0]), second.submit(submits(CALLER, "from two")[0]))
            assert sorted((text["sender"], text["text"]) for text in one.inbox(CALLER)) == [
                ("+15145550101", "from one"),
                ("+15145550102", "from two"),
            ]
            assert one.inbox(CALLER) == two.inbox(CALLER)
            await first.submit(submits("+15145550102", "to the other")[0])
            await second.until(b"+CMTI:")
            assert two.state()["stores"]["SM"][1]["from"] == "+15145550101"
