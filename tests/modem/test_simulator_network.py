"""Handsets, stores, indications and status reports of the simulated modem."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modem.sim_pdu import decode_deliver, decode_report, encode_deliver, joined
from modem.simulator import Simulator
from tests.modem.simulator_client import FINAL, Client, submits

CALLER = "+15145550199"
LONG = "Bonjour, je voudrais un rendez-vous pour mon fils 😀 — " * 5


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with Simulator(tmp_path / "modem", report_ms=1, attach_ms=5, stores={"SM": 3, "ME": 5, "SR": 2}) as simulator:
        yield simulator


def stored(reply: str) -> list[tuple[int, str]]:
    """Index and PDU of every message of a +CMGL reply."""
    return [(int(index), pdu) for index, pdu in re.findall(r"\+CMGL: (\d+),\d,,\d+\r\n([0-9A-F]+)\r\n", reply)]


async def test_a_text_to_the_modem_waits_in_the_store_until_deleted(sim: Simulator, client: Client) -> None:
    sim.text(CALLER, "oui, merci 😀")
    await client.until(b'\r\n+CMTI: "SM",1\r\n')
    listed = await client.ask("AT+CMGL=0")
    ((index, pdu),) = stored(listed)
    deliver = decode_deliver(pdu)
    assert (index, deliver.sender, deliver.data.text) == (1, CALLER, "oui, merci 😀")
    assert f",{len(pdu) // 2 - 8}\r\n" in listed
    assert stored(await client.ask("AT+CMGL=0")) == []  # read now
    assert stored(await client.ask("AT+CMGL=1")) == [(1, pdu)]
    assert await client.ask("AT+CMGR=1") == f"\r\n+CMGR: 1,,{len(pdu) // 2 - 8}\r\n{pdu}\r\n\r\nOK\r\n"
    assert sim.state()["stores"]["SM"] == {1: {"from": CALLER, "text": "oui, merci 😀", "part": [1, 1]}}
    assert await client.ask("AT+CMGD=1") == "\r\nOK\r\n"
    assert stored(await client.ask("AT+CMGL=4")) == []


async def test_a_full_store_keeps_texts_in_the_network(sim: Simulator, client: Client) -> None:
    for place in range(1, 6):
        sim.text(CALLER, f"text {place}")
    await client.until(b'+CMTI: "SM",3\r\n')
    assert sim.state()["network"]["waiting"] == 2
    await client.ask("AT+CMGD=2")
    await client.until(b'+CMTI: "SM",2\r\n')
    assert decode_deliver(stored(await client.ask("AT+CMGL=4"))[1][1]).data.text == "text 4"
    await client.ask("AT+CMGD=1,4")
    await client.until(b'+CMTI: "SM",1\r\n')
    assert [decode_deliver(pdu).data.text for _, pdu in stored(await client.ask("AT+CMGL=4"))] == ["text 5"]
    assert sim.journal(events=["waiting"])["entries"] != []


async def test_another_store_and_room_made_by_size(sim: Simulator, client: Client) -> None:
    assert await client.ask('AT+CPMS="SM","SM","ME"') == "\r\n+CPMS: 0,3,0,3,0,5\r\n\r\nOK\r\n"
    sim.text(CALLER, "one")
    await client.until(b'+CMTI: "ME",1\r\n')
    assert stored(await client.ask("AT+CMGL=4")) == []
    await client.ask('AT+CPMS="ME"')
    assert len(stored(await client.ask("AT+CMGL=4"))) == 1
    sim.resize("ME", 1)
    sim.text(CALLER, "two")
    assert sim.state()["network"]["waiting"] == 1
    sim.resize("ME", 2)
    await client.until(b'+CMTI: "ME",2\r\n')


async def test_texts_written_to_the_store_and_sent_from_there(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CMEE=1")
    (pdu,) = submits(CALLER, "later", report=False)

    async def write() -> str:
        client.write(b"AT+CMGW=%d\r" % (len(pdu) // 2 - 1))
        await client.until(b"> ")
        client.write(pdu.encode() + b"\x1a")
        return (await client.until(FINAL)).decode()

    assert [await write() for _ in range(4)] == [*(f"\r\n+CMGW: {place}\r\n\r\nOK\r\n" for place in (1, 2, 3)), "\r\n+CMS ERROR: 322\r\n"]
    assert sim.inbox(CALLER) == []
    assert await client.ask("AT+CMSS=2") == "\r\n+CMSS: 1\r\n\r\nOK\r\n"
    assert [received["text"] for received in sim.inbox(CALLER)] == ["later"]
    assert [index for index, _ in stored(await client.ask("AT+CMGL=3"))] == [2]
    assert await client.ask("AT+CMSS=9") == "\r\n+CMS ERROR: 321\r\n"


async def test_delete_by_status(sim: Simulator, client: Client) -> None:
    sim.text(CALLER, "one")
    await client.until(b'"SM",1\r\n')
    await client.ask("AT+CMGR=1")
    sim.text(CALLER, "two")
    await client.until(b'"SM",2\r\n')
    await client.ask("AT+CMGD=1,1")
    assert list(sim.state()["stores"]["SM"]) == [2]


@pytest.mark.parametrize("text", [LONG, "é" * 161, "x" * 480])
async def test_long_texts_are_joined_at_the_handset(sim: Simulator, client: Client, text: str) -> None:
    """In any order, both widths of reference, also cut within an emoji."""
    for wide in (False, True):
        for cut in (False, True):
            for pdu in reversed(submits(CALLER, text, wide=wide, cut=cut)):
                assert "+CMGS: " in await client.submit(pdu)
    texts = sim.inbox(CALLER)
    assert [received["text"] for received in texts] == [text] * 4
    assert texts[0]["parts"] == len(submits(CALLER, text))
    assert not texts[0]["cut"]


async def test_a_text_that_is_never_whole_does_not_arrive(sim: Simulator, client: Client) -> None:
    first, second, *_ = submits(CALLER, LONG)
    await client.submit(first)
    await client.submit(second)
    await client.submit(second)
    assert sim.inbox(CALLER) == []


async def test_long_texts_to_the_modem(sim: Simulator, client: Client) -> None:
    """Every part; then only some, turned round and doubled, with a reference of one's own."""
    sim.resize("SM", 20)
    told = sim.text(CALLER, LONG)
    parts = [decode_deliver(pdu).data for _, pdu in stored(await client.ask("AT+CMGL=4"))]
    assert (len(parts), joined(parts)) == (told["parts"], LONG)
    await client.ask("AT+CMGD=1,4")
    sim.text(CALLER, LONG, order=[3, 1, 1], reference=700, wide=True)
    marks = [decode_deliver(pdu).data.part for _, pdu in stored(await client.ask("AT+CMGL=4"))]
    assert [(mark.reference, mark.number, mark.wide) for mark in marks if mark] == [(700, 3, True), (700, 1, True), (700, 1, True)]
    with pytest.raises(ValueError, match="order names part 9"):
        sim.text(CALLER, "x", order=[9])


async def test_direct_delivery(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CNMI=2,2,0,0,0")
    sim.text("Clinique", "tout de suite")
    reply = (await client.until(re.compile(rb"\+CMT: ,\d+\r\n[0-9A-F]+\r\n"))).decode().split()
    assert decode_deliver(reply[-1]).data.text == "tout de suite"
    assert sim.state()["stores"]["SM"] == {}


async def test_classes_decide_where_a_text_goes(sim: Simulator, client: Client) -> None:
    """Class 2 belongs on the SIM, whatever is selected; <mt> 3 hands over class 3 alone (TS 23.038 4, TS 27.005 3.4.1)."""
    await client.ask('AT+CPMS="ME","ME","ME"')
    await client.ask("AT+CNMI=2,2,0,0,0")
    sim.text(CALLER, "for the SIM", coding=0xF2)
    await client.until(b'+CMTI: "SM",1\r\n')
    sim.text(CALLER, "for the modem", coding=0x11)
    await client.until(b"+CMT: ,")
    await client.ask("AT+CNMI=2,3,0,0,0")
    sim.text(CALLER, "no class")
    await client.until(b'+CMTI: "ME",1\r\n')
    sim.text(CALLER, "for the terminal", coding=0x13)
    await client.until(b"+CMT: ,")
    assert [text["text"] for text in sim.state()["stores"]["SM"].values()] == ["for the SIM"]


async def test_kinds_of_texts(sim: Simulator, client: Client) -> None:
    """Flash, type 0, an unknown coding scheme, shifted, octets, sixteen parts: each reaches the client."""
    sim.resize("SM", 30)
    sim.text(CALLER, "flash", flash=True)
    sim.text(CALLER, "type 0", silent=True)
    sim.text(CALLER, "unknown", coding=0x3F)
    sim.text(CALLER, "Şule", locking=1)
    sim.text(CALLER, "ñandú", single=2)
    sim.text(CALLER, "\x00\x01", alphabet="8bit")
    assert sim.text(CALLER, "x" * (153 * 15 + 1))["parts"] == 16
    stored_texts = [decode_deliver(pdu) for _, pdu in stored(await client.ask("AT+CMGL=4"))]
    assert [deliver.data.text for deliver in stored_texts[:6]] == ["flash", "type 0", "unknown", "Şule", "ñandú", "\x00\x01"]
    assert joined([deliver.data for deliver in stored_texts[6:]]) == "x" * (153 * 15 + 1)
    assert [deliver.coding for deliver in stored_texts[:6]] == [0x10, 0x00, 0x3F, 0x00, 0x00, 0x04]


async def test_direct_delivery_without_a_listener_is_stored(sim: Simulator, tmp_path: Path) -> None:
    with Client(tmp_path / "modem") as client:
        await client.ask("AT+CNMI=2,2,0,0,0")
    await sim.wait_event("closed")
    sim.text(CALLER, "x")
    assert list(sim.state()["stores"]["SM"]) == [1]


async def test_indications_are_held_back_in_mode_0(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CNMI=0,1,0,1,0")
    sim.text(CALLER, "x")
    assert await client.ask("AT") == "\r\nOK\r\n"
    await client.ask("AT+CNMI=2,1,0,1,0")
    await client.until(b'\r\n+CMTI: "SM",1\r\n')


async def test_no_indication_unless_asked(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CNMI=2,0,0,0,0")
    sim.text(CALLER, "x")
    assert await client.ask("AT") == "\r\nOK\r\n"
    assert list(sim.state()["stores"]["SM"]) == [1]


async def test_reports_directly(sim: Simulator, client: Client) -> None:
    sim.reference(255)
    for reference in (255, 0, 1):
        assert f"+CMGS: {reference}\r\n" in await client.submit(submits(CALLER, "x")[0])
        lines = (await client.until(re.compile(rb"\+CDS: \d+\r\n[0-9A-F]+\r\n"))).decode().split()
        report = decode_report(lines[-1])
        assert (report.reference, report.recipient, report.status) == (reference, CALLER, 0)


async def test_reports_through_their_store(sim: Simulator, client: Client) -> None:
    """Two places: the third waits in the network until there is room."""
    await client.ask("AT+CNMI=2,1,0,2,0")
    for _ in range(3):
        await client.submit(submits(CALLER, "x")[0])
    await sim.wait_event("urc", match={"line": '+CDSI: "SR",2'})
    await sim.wait_event("waiting")
    assert "+CPMS: 2,2,0,3,0,3\r\n" in await client.ask('AT+CPMS="SR"')
    await client.ask("AT+CMGD=1")
    await client.until(b'\r\n+CDSI: "SR",1\r\n')
    assert sorted(decode_report(pdu).reference for _, pdu in stored(await client.ask("AT+CMGL=4"))) == [2, 3]


async def test_one_report_for_each_part(sim: Simulator, client: Client) -> None:
    pdus = submits(CALLER, LONG)
    for pdu in pdus:
        await client.submit(pdu)
    sent = await sim.wait_event("report", count=len(pdus))
    assert [entry["reference"] for entry in sent] == list(range(1, len(pdus) + 1))


async def test_reports_as_the_network_likes(sim: Simulator, client: Client) -> None:
    await client.submit(submits(CALLER, "not asked for", report=False)[0])
    sim.reports(send=False)
    await client.submit(submits(CALLER, "none")[0])
    sim.reports(status=0x46, ms=0)
    assert "+CMGS: 3" in await client.submit(submits(CALLER, "failed")[0])
    lines = (await client.until(re.compile(rb"\+CDS: \d+\r\n[0-9A-F]+\r\n"))).decode().split()
    assert (decode_report(lines[-1]).reference, decode_report(lines[-1]).status) == (3, 0x46)
    assert len(sim.journal(events=["report"])["entries"]) == 1


async def test_latency_is_the_time_from_ctrl_z_to_the_answer(sim: Simulator, client: Client) -> None:
    """At 0 there is no wait at all; else nobody has the text before it is over."""
    await client.submit(submits(CALLER, "at once")[0])
    events = [entry["event"] for entry in sim.journal(events=["ctrl_z", "accepted", "arrived", "answer"])["entries"]]
    assert events[-4:] == ["ctrl_z", "accepted", "arrived", "answer"]
    sim.latency(80)
    await client.submit(submits(CALLER, "later")[0])
    (sent, accepted) = (sim.journal(events=[event])["entries"][-1]["t"] for event in ("ctrl_z", "accepted"))
    assert accepted - sent >= 0.079
    with pytest.raises(ValueError, match="0 or more"):
        sim.latency(-1)


async def test_a_text_comes_while_another_goes(sim: Simulator, client: Client) -> None:
    sim.latency(200)
    pdu = submits(CALLER, "x", report=False)[0]
    client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
    await client.until(b"> ")
    client.write(pdu.encode() + b"\x1a")
    await sim.wait_event("ctrl_z")
    sim.text(CALLER, "meanwhile")
    heard = await client.until(b"OK\r\n")
    assert heard == b'\r\n+CMTI: "SM",1\r\n\r\n+CMGS: 1\r\n\r\nOK\r\n'


async def test_what_comes_while_unplugged_or_unregistered_waits(sim: Simulator, client: Client, tmp_path: Path) -> None:
    sim.unplug()
    await client.gone.wait()
    sim.text(CALLER, "unplugged")
    sim.registration("searching")
    sim.replug()
    sim.text(CALLER, "searching")
    assert sim.state()["network"]["waiting"] == 2
    with Client(tmp_path / "modem") as again:
        await again.quiet()
        sim.registration("home")
        await again.until(b'+CMTI: "SM",2\r\n')


async def test_a_text_to_its_own_number_comes_back(sim: Simulator, client: Client) -> None:
    await client.submit(submits("+15145550100", "essai")[0])
    await client.until(b'+CMTI: "SM",1\r\n')
    assert sim.state()["stores"]["SM"][1]["from"] == "+15145550100"


async def test_any_pdu_can_be_brought(sim: Simulator, client: Client) -> None:
    """Also one no phone would send; and flash texts."""
    sim.deliver("0004AABBCC")
    assert stored(await client.ask("AT+CMGL=4"))[0][1] == "0004AABBCC"
    assert sim.state()["stores"]["SM"][1] == {"pdu": "0004AABBCC"}
    sim.text(CALLER, "flash", flash=True)
    assert decode_deliver(stored(await client.ask("AT+CMGL=4"))[1][1]).data.flash
    with pytest.raises(ValueError, match="hexadecimal"):
        sim.deliver("xyz")


async def test_wait_for_a_text_and_for_an_event(sim: Simulator, client: Client) -> None:
    waiting = asyncio.create_task(sim.wait(CALLER, count=2))
    await client.submit(submits(CALLER, "one")[0])
    await asyncio.sleep(0)
    assert not waiting.done()
    await client.submit(submits(CALLER, "two")[0])
    assert [received["text"] for received in await waiting] == ["one", "two"]
    found: list[dict[str, Any]] = await sim.wait_event("arrived", match={"text": "two"})
    assert found[0]["number"] == CALLER
    with pytest.raises(TimeoutError, match=r"has not 9 texts after 0.01 s"):
        await sim.wait(CALLER, count=9, timeout=0.01)


async def test_many_texts_both_ways_at_once(sim: Simulator, client: Client) -> None:
    """200 out while 100 come in through a store of three: none lost, none doubled."""
    numbers = [f"+1514556{place:04d}" for place in range(200)]
    read: list[str] = []

    async def drain() -> None:
        for index, pdu in stored(await client.ask("AT+CMGL=4")):
            read.append(decode_deliver(pdu).data.text)
            await client.ask(f"AT+CMGD={index}")

    for place, number in enumerate(numbers):
        if place < 100:
            sim.text(CALLER, f"in {place}")
        assert "+CMGS:" in await client.submit(submits(number, f"out {place}", report=False)[0])
        await drain()
    while len(read) < 100:
        await drain()
    assert read == [f"in {place}" for place in range(100)]
    assert [[received["text"] for received in sim.inbox(number)] for number in numbers] == [[f"out {place}"] for place in range(200)]


async def test_the_codec_is_used_whole(sim: Simulator, client: Client) -> None:
    """What the modem lists is what the sender's phone made, SMSC in front."""
    sim.text(CALLER, "x", reference=3)
    ((_, pdu),) = stored(await client.ask("AT+CMGL=4"))
    deliver = decode_deliver(pdu)
    assert pdu == encode_deliver(CALLER, "x", deliver.sent, smsc="+15145550000")[0]
