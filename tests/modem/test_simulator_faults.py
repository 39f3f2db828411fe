"""Every fault and every number that fails on demand, as a client sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modem.sim_codes import CMS_ERRORS
from modem.sim_faults import KINDS, POINTS
from modem.simulator import Simulator
from tests.modem.simulator_client import FINAL, Client, submits

CALLER = "+15145550199"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with Simulator(tmp_path / "modem", report_ms=1, attach_ms=100) as simulator:
        yield simulator


async def begin(client: Client, number: str = CALLER) -> None:
    """Everything up to and with Ctrl-Z."""
    (pdu,) = submits(number, "x")
    client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
    await client.until(b">")
    client.write(pdu.encode() + b"\x1a")


async def test_refused_so_many_times(sim: Simulator, client: Client) -> None:
    sim.fault("refuse", count=2, skip=1, code=38)
    sim.fault("refuse", skip=1, line="+CMS ERROR: network out of order")
    replies = [await client.submit(submits(CALLER, "x", report=False)[0]) for _ in range(5)]
    assert "+CMGS: 1" in replies[0]
    assert replies[1:4] == ["\r\n+CMS ERROR: 38\r\n"] * 2 + ["\r\n+CMS ERROR: network out of order\r\n"]
    assert "+CMGS: 2" in replies[4]
    assert len(sim.inbox(CALLER)) == 2
    assert sim.state()["faults"] == []


async def test_only_for_one_number(sim: Simulator, client: Client) -> None:
    sim.fault("refuse", number="+15145550001")
    assert "+CMGS" in await client.submit(submits(CALLER, "x")[0])
    assert "500" in await client.submit(submits("+15145550001", "x")[0])


async def test_verbose_refusal(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CMEE=2")
    sim.fault("refuse", code=38)
    assert await client.submit(submits(CALLER, "x")[0]) == "\r\n+CMS ERROR: Network out of order\r\n"


async def test_prompts(sim: Simulator, client: Client) -> None:
    sim.fault("refuse_prompt", code=515)
    assert await client.ask("AT+CMGS=20") == "\r\n+CMS ERROR: 515\r\n"
    sim.fault("no_prompt")
    client.write(b"AT+CMGS=20\r")
    await sim.wait_event("fault", match={"kind": "no_prompt"})
    client.write(b"AT\r")  # goes into the PDU, as in a modem whose prompt was lost
    client.write(b"\x1b")
    assert await client.until(FINAL) == b"\r\nOK\r\n"
    assert client.heard == b""
    sim.fault("bare_prompt")
    client.write(b"AT+CMGS=20\r")
    await client.until(b"\r\n>")
    client.write(b"\x1b")
    assert await client.until(FINAL) == b"\r\nOK\r\n"
    sim.fault("late_prompt", ms=20)
    assert "+CMGS" in await client.submit(submits(CALLER, "x")[0])


async def test_accepted_and_no_answer(sim: Simulator, client: Client) -> None:
    sim.fault("no_answer")
    await begin(client)
    await sim.wait(CALLER)
    heard = (await client.ask("AT+CSQ")) + client.heard.decode()
    assert "+CSQ: 21,99" in heard
    assert "+CMGS" not in heard
    assert [entry["event"] for entry in sim.journal(events=["accepted"])["entries"]] == ["accepted"]


async def test_a_late_answer(sim: Simulator, client: Client) -> None:
    sim.fault("late_answer", ms=300)
    await begin(client)
    heard = await client.until(b"+CMGS: 1\r\n\r\nOK\r\n")
    assert b"+CDS:" in heard  # the report was faster


async def test_network_faults(sim: Simulator, client: Client) -> None:
    sim.fault("lost")
    assert "+CMGS: 1" in await client.submit(submits(CALLER, "x")[0])
    sim.fault("no_report")
    assert "+CMGS: 2" in await client.submit(submits(CALLER, "x")[0])
    sim.fault("twice_report")
    assert "+CMGS: 3" in await client.submit(submits(CALLER, "x")[0])
    await sim.wait_event("report", count=2)
    sim.fault("late_report", ms=300)
    assert "+CMGS: 4" in await client.submit(submits(CALLER, "x")[0])
    assert "+CMGS: 5" in await client.submit(submits(CALLER, "x")[0])
    reports = await sim.wait_event("report", count=4)
    assert [entry["reference"] for entry in reports] == [3, 3, 5, 4]
    assert len(sim.inbox(CALLER)) == 4


async def test_commands_that_fail(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CMEE=1")
    sim.fault("error", command="AT+CSQ", code=14, count=2)
    sim.fault("error", command="AT+CREG")
    sim.fault("error", command="AT+CPMS", line="COMMAND NOT SUPPORT")
    assert await client.ask("AT") == "\r\nOK\r\n"
    assert [await client.ask("AT+CSQ") for _ in range(2)] == ["\r\n+CME ERROR: 14\r\n"] * 2
    assert await client.ask("AT+CREG?") == "\r\nERROR\r\n"
    client.write(b"AT+CPMS?\r")
    await client.until(b"\r\nCOMMAND NOT SUPPORT\r\n")
    assert "+CSQ: 21" in await client.ask("AT+CSQ")


async def test_replies_that_are_disturbed(sim: Simulator, client: Client) -> None:
    sim.fault("inside", line="^RSSI:17", command="AT+CSQ")
    assert await client.ask("AT+CSQ") == "\r\n+CSQ: 21,99\r\n\r\n^RSSI:17\r\n\r\nOK\r\n"
    sim.fault("no_final", command="AT+CSQ")
    client.write(b"AT+CSQ\r")
    assert await client.until(b"99\r\n") == b"\r\n+CSQ: 21,99\r\n"
    assert await client.ask("AT") == "\r\nOK\r\n"
    sim.fault("garbage", hex="00ff80", command="AT+CSQ")
    client.write(b"AT+CSQ\r")
    assert await client.until(FINAL) == b"\x00\xff\x80\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    sim.fault("garbage", hex="fefe")
    assert await client.until(b"\xfe\xfe") == b"\xfe\xfe"
    sim.fault("no_final", command="AT+CMGS")
    await begin(client)
    assert (await client.until(b"+CMGS: 1\r\n")).endswith(b"\r\n+CMGS: 1\r\n")
    assert b"OK" not in client.heard


async def test_a_reply_in_halves(sim: Simulator, client: Client) -> None:
    sim.fault("half", ms=200, command="AT+CSQ")
    client.write(b"AT+CSQ\rAT\r")
    first = await client.until(b"+CS")
    await asyncio.sleep(0)
    assert FINAL.search(first + client.heard) is None
    assert first + await client.until(FINAL) == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    assert await client.until(FINAL) == b"\r\nOK\r\n"


async def test_silence(sim: Simulator, client: Client) -> None:
    sim.fault("silence", ms=30)
    client.write(b"AT\r")
    sim.text(CALLER, "x")
    await client.until(b'+CMTI: "SM",1\r\n')  # brought when it listens again
    assert b"OK" not in client.heard
    sim.latency(400)
    await begin(client)
    await sim.wait_event("ctrl_z")
    sim.fault("silence")
    await sim.wait_event("accepted")
    sim.clear()
    heard = await client.ask("AT")
    assert "OK" in heard
    assert "+CMGS" not in heard  # nobody heard it
    sim.latency(0)
    sim.fault("silence", at="command", command="AT+CSQ")
    client.write(b"AT+CSQ\r")
    await sim.wait_event("fault", match={"point": "command"})
    assert not sim.state()["listening"]
    sim.clear()
    assert (await client.ask("AT")).endswith("\r\nOK\r\n")


@pytest.mark.parametrize("kind", ["silence", "unplug", "reboot"])
@pytest.mark.parametrize("point", ["prompt", "ctrl_z", "accepted", "answered", "report"])
async def test_struck_at_each_step(sim: Simulator, tmp_path: Path, kind: str, point: str) -> None:
    """Who got the text, and what the client heard, for each moment; afterwards all is well again."""
    sim.fault(kind, at=point, ms=None if kind == "reboot" else 20)
    with Client(tmp_path / "modem") as client:
        await client.quiet()
        (pdu,) = submits(CALLER, "x")
        client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
        await sim.wait_event("prompt")
        if point != "prompt":
            client.write(pdu.encode() + b"\x1a")
        await sim.wait_event("fault", match={"kind": kind, "point": point})
        if kind == "unplug":
            await client.gone.wait()
            await sim.wait_event("plugged", count=2)
        answered = [entry for entry in sim.journal(events=["answer"])["entries"] if entry.get("info") == "+CMGS: 1"]
    assert len(sim.inbox(CALLER)) == (point in {"accepted", "answered", "report"})
    assert len(answered) == (point in {"answered", "report"})
    with Client(tmp_path / "modem") as client:
        for _ in range(200):
            if sim.state()["listening"]:
                break
            await asyncio.sleep(0.005)
        assert await client.ask("ATE0")
        await client.ask("AT+CNMI=2,1,0,1,0")
        assert "+CMGS" in await client.submit(submits("+15145550001", "again")[0])
    assert sim.inbox("+15145550001")[0]["text"] == "again"
    if point == "report" or (point in {"accepted", "answered"} and kind != "reboot"):
        await sim.wait_event("handed", count=2)  # the network kept the first


async def test_indications_are_forgotten_without_a_word(sim: Simulator, client: Client) -> None:
    sim.fault("forget")
    sim.text(CALLER, "x")
    assert await client.ask("AT+CNMI?") == "\r\n+CNMI: 0,0,0,0,0\r\n\r\nOK\r\n"
    assert client.heard == b""
    with pytest.raises(ValueError, match="takes no `at`"):
        sim.fault("forget", at="prompt")


async def test_the_sim_is_taken_out_and_its_pin_switched(sim: Simulator, client: Client) -> None:
    await client.ask("AT+CMEE=1")
    sim.sim(present=False)
    assert await client.ask("AT+CPIN?") == "\r\n+CME ERROR: 10\r\n"
    assert await client.ask("AT+CMGF=0") == "\r\n+CMS ERROR: 310\r\n"
    sim.sim(present=True, pin="4321", tries=1)
    sim.reboot()
    await client.ask("ATE0")
    assert await client.ask("AT+CPIN?") == "\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n"
    await client.ask("AT+CPIN=1111")
    assert sim.state()["sim"] == "SIM PUK"
    with pytest.raises(ValueError, match="4 to 8 digits"):
        sim.sim(pin="x")


async def test_unplug_and_replug_elsewhere(sim: Simulator, client: Client, tmp_path: Path) -> None:
    sim.unplug()
    await client.gone.wait()
    assert not (tmp_path / "modem").is_symlink()
    assert sim.state()["device"] is None
    sim.replug(link=str(tmp_path / "elsewhere"))
    with Client(tmp_path / "elsewhere") as again:
        assert await again.ask("AT") == "AT\r\r\nOK\r\n"
    sim.replug(link=str(tmp_path / "modem"))
    assert not (tmp_path / "elsewhere").is_symlink()
    assert (tmp_path / "modem").is_symlink()


async def test_unplugged_while_the_network_thinks(sim: Simulator, client: Client) -> None:
    sim.latency(200)
    await begin(client)
    await sim.wait_event("ctrl_z")
    sim.unplug(back_ms=0)
    await sim.wait_event("plugged", count=2)
    await asyncio.sleep(0.25)
    assert sim.inbox(CALLER) == []


async def test_numbers_that_fail_on_demand(sim: Simulator, client: Client) -> None:
    for ending, reply in (("401", "+CMS ERROR: 41"), ("402", "+CMS ERROR: 1"), ("500", "+CMS ERROR: 500"), ("038", "+CMS ERROR: 38")):
        assert await client.submit(submits(f"+1514555{'9' + ending}", "x")[0]) == f"\r\n{reply}\r\n"
    for place, ending in enumerate(("404", "405", "406"), 1):
        assert f"+CMGS: {place}" in await client.submit(submits(f"+1514555{'9' + ending}", "x")[0])
    reports = await sim.wait_event("report", count=3)
    assert sorted((entry["reference"], entry["status"]) for entry in reports) == [(2, 0x41), (3, 0x00), (3, 0x30)]
    assert [len(sim.inbox(f"+1514555{'9' + ending}")) for ending in ("401", "402", "404", "405", "406")] == [0, 0, 1, 0, 1]
    await begin(client, "+15145559403")
    await sim.wait("+15145559403")
    assert "+CMGS" not in await client.ask("AT")
    assert "+CMGS" in await client.submit(submits("+15145559999", "an ordinary number")[0])


@pytest.mark.parametrize(("number", "arrived"), [("+15145559407", 0), ("+15145559408", 1)])
async def test_numbers_that_unplug(sim: Simulator, client: Client, number: str, arrived: int) -> None:
    await begin(client, number)
    await client.gone.wait()
    assert len(sim.inbox(number)) == arrived
    await sim.wait_event("plugged", count=2)


@pytest.mark.parametrize("code", sorted(CMS_ERRORS))
async def test_every_code(sim: Simulator, client: Client, code: int) -> None:
    assert await client.submit(submits(f"+15145559{code:03d}", "x")[0]) == f"\r\n+CMS ERROR: {code}\r\n"
    sim.fault("refuse", code=code)
    assert await client.submit(submits(CALLER, "x")[0]) == f"\r\n+CMS ERROR: {code}\r\n"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "explode"}, "use one of refuse"),
        ({"kind": "refuse", "at": "prompt"}, "takes no `at`"),
        ({"kind": "unplug", "at": "noon"}, "`at` is one of now"),
        ({"kind": "late_answer"}, "needs `ms`"),
        ({"kind": "error", "code": 3}, "needs `command`"),
        ({"kind": "garbage", "hex": "xx"}, "hexadecimal"),
        ({"kind": "unplug", "at": "prompt", "number": CALLER}, "cannot know the number"),
        ({"kind": "refuse", "command": "AT"}, "takes no `command`"),
        ({"kind": "refuse", "count": 0}, "`count` is 1 or more"),
    ],
)
async def test_faults_that_are_none_are_named(sim: Simulator, fault: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sim.fault(**fault)
    assert sim.state()["faults"] == []


def test_every_fault_is_described() -> None:
    assert all(KINDS.values())
    assert len(POINTS) == 7
