"""Errors in every form, prompts and lines that are broken, and status reports that mislead."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modem.sim_codes import CME_ERRORS, CMS_ERRORS
from modem.sim_pdu import decode_report
from modem.simulator import Simulator
from tests.modem.simulator_client import FINAL, Client, submits

CALLER = "+15145550199"
OTHER = "+15145550198"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with Simulator(tmp_path / "modem", report_ms=1, attach_ms=5) as simulator:
        yield simulator


# errors


@pytest.mark.parametrize("family", ["cms", "cme"])
async def test_every_code_in_every_form(sim: Simulator, client: Client, family: str) -> None:
    """Numeric, verbose and without a blank, whatever AT+CMEE says; to a command, to AT+CMGS and to the PDU."""
    (pdu,) = submits(CALLER, "x")
    for code, words in (CMS_ERRORS if family == "cms" else CME_ERRORS).items():
        name = f"+{family.upper()} ERROR:"
        for form, told in (("numeric", f" {code}"), ("verbose", f" {words}"), ("no_blank", f"{code}")):
            sim.fault("error", command="AT+CSQ", code=code, family=family, form=form)
            assert await client.ask("AT+CSQ") == f"\r\n{name}{told}\r\n"
            sim.fault("refuse_prompt", code=code, family=family, form=form)
            assert await client.ask("AT+CMGS=20") == f"\r\n{name}{told}\r\n"
            sim.fault("refuse", code=code, family=family, form=form)
            assert await client.submit(pdu) == f"\r\n{name}{told}\r\n"
    assert sim.inbox(CALLER) == []
    assert sim.state()["faults"] == []


async def test_cmee_decides_where_the_fault_does_not(sim: Simulator, client: Client) -> None:
    for mode, told in ((0, "ERROR"), (1, "+CME ERROR: 14"), (2, "+CME ERROR: SIM busy")):
        await client.ask(f"AT+CMEE={mode}")
        sim.fault("error", command="AT+CSQ", code=14)
        assert await client.ask("AT+CSQ") == f"\r\n{told}\r\n"
    sim.fault("refuse_prompt", line="+CMS ERROR: unknown error")
    assert await client.ask("AT+CMGS=20") == "\r\n+CMS ERROR: unknown error\r\n"
    sim.fault("refuse_prompt")
    assert await client.ask("AT+CMGS=20") == "\r\n+CMS ERROR: Operation not allowed\r\n"


def test_the_tables_hold_what_the_standards_name() -> None:
    """TS 24.011 E.2, TS 23.040 9.2.3.22 and TS 27.005 3.2.5; TS 27.007 9.2.1."""
    assert {1, 8, 10, 21, 27, 28, 29, 30, 38, 41, 42, 47, 50, 69, 81, 95, 96, 97, 98, 99, 111, 127} <= set(CMS_ERRORS)
    assert {128, 129, 130, 143, 144, 145, 159, 160, 161, 175, 176, *range(192, 200), *range(208, 214), 255} <= set(CMS_ERRORS)
    assert {*range(300, 306), *range(310, 319), 320, 321, 322, 330, 331, 332, 340, 500} <= set(CMS_ERRORS)
    assert {*range(8), *range(10, 19), *range(20, 28), 30, 31, 32, *range(40, 51), 100} <= set(CME_ERRORS)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"kind": "refuse", "form": "loud"}, "`form` is one of numeric"),
        ({"kind": "refuse", "family": "cmx"}, "`family` is cms or cme"),
        ({"kind": "no_prompt", "form": "numeric"}, "takes no `form`"),
        ({"kind": "wrong_report"}, "needs `reference`"),
        ({"kind": "wrong_report", "reference": 256}, "0 to 255"),
    ],
)
async def test_faults_that_are_none_are_named(sim: Simulator, fault: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sim.fault(**fault)
    assert sim.state()["faults"] == []


# broken prompts and lines


async def test_a_naked_prompt(sim: Simulator, client: Client) -> None:
    """ ">" and nothing else: no line end, no blank."""
    sim.fault("naked_prompt")
    client.write(b"AT+CMGS=20\r")
    await sim.wait_event("prompt")
    assert await client.until(b">") == b">"
    client.write(b"\x1b")
    assert await client.until(FINAL) == b"\r\nOK\r\n"


async def test_a_reply_that_breaks_off(sim: Simulator, client: Client) -> None:
    sim.fault("cut", command="AT+CSQ")
    client.write(b"AT+CSQ\r")
    await sim.wait_event("fault", match={"kind": "cut"})
    assert await client.ask("AT") == "\r\n+CSQ: 21\r\nOK\r\n"


async def test_half_lines(sim: Simulator, client: Client) -> None:
    """A +CDS whose PDU comes later, and a +CMTI in two pieces."""
    sim.fault("half_line", ms=50)
    await client.submit(submits(CALLER, "x")[0])
    await client.until(re.compile(rb"\r\n\+CDS: \d+\r\n"))
    assert client.heard == b""
    await client.until(re.compile(rb"^[0-9A-F]+\r\n"))
    sim.fault("half_line", ms=50)
    sim.text(CALLER, "x")
    await client.until(b"\r\n+CMTI:")
    assert client.heard == b""
    await client.until(b' "SM",1\r\n')


@pytest.mark.parametrize("point", ["command", "prompt", "ctrl_z", "accepted", "answered", "report"])
async def test_unplugged_at_each_step_and_back_under_another_path(sim: Simulator, client: Client, tmp_path: Path, point: str) -> None:
    """AT+CMGS received, prompt given, Ctrl-Z received, accepted, answered, report due."""
    sim.fault("unplug", at=point, command="AT+CMGS" if point == "command" else None)
    (pdu,) = submits(CALLER, "x")
    client.write(b"AT+CMGS=%d\r" % (len(pdu) // 2 - 1))
    if point not in {"command", "prompt"}:
        await sim.wait_event("prompt")
        client.write(pdu.encode() + b"\x1a")
    await client.gone.wait()
    events = [entry["event"] for entry in sim.journal(events=["prompt", "ctrl_z", "accepted", "answer", "report"])["entries"]]
    reached = ["prompt", "ctrl_z", "accepted", "answer", "report"][
        : ["command", "prompt", "ctrl_z", "accepted", "answered", "report"].index(point)
    ]
    after = events[2:]  # the two answers of the client's start
    # a few milliseconds later the network reports, to a modem that is away too
    assert [event for event in after if event != "report" or point == "report"] == reached
    sim.registration("searching")
    sim.replug(link=str(tmp_path / "elsewhere"))
    with Client(tmp_path / "elsewhere") as again:
        await again.quiet()
        sim.registration("home")
        if point in {"accepted", "answered", "report"}:
            assert await again.reports(1) == [(1, CALLER)]
        assert "+CMGS: " in await again.submit(submits(OTHER, "y")[0])
    assert len(sim.inbox(CALLER)) == (point in {"accepted", "answered", "report"})


# status reports


async def test_reports_out_of_order(sim: Simulator, client: Client) -> None:
    sim.fault("shuffled_report", count=3)
    for text in ("one", "two", "three", "four"):
        await client.submit(submits(CALLER, text)[0])
    assert sorted(told := await client.reports(4)) == [(1, CALLER), (2, CALLER), (3, CALLER), (4, CALLER)]
    assert [reference for reference, _ in told if reference != 4] == [3, 2, 1]


async def test_reports_that_wait_for_others(sim: Simulator, client: Client) -> None:
    """Nothing leaves before the last of them is sent."""
    sim.fault("shuffled_report", count=2, number=CALLER)
    await client.submit(submits(CALLER, "one")[0])
    await client.submit(submits(OTHER, "not his")[0])
    assert await client.reports(1) == [(2, OTHER)]
    await client.submit(submits(CALLER, "two")[0])
    assert await client.reports(3) == [(2, OTHER), (3, CALLER), (1, CALLER)]


async def test_a_report_with_the_reference_of_another_part(sim: Simulator, client: Client) -> None:
    sim.fault("wrong_report", reference=1, skip=1)
    await client.submit(submits(CALLER, "one")[0])
    await client.submit(submits(OTHER, "two")[0])
    assert await client.reports(2) == [(1, CALLER), (1, OTHER)]


async def test_a_reused_reference(sim: Simulator, client: Client) -> None:
    """TP-MR wraps at 256; a late report of the first bearer comes when the second is there too."""
    sim.fault("late_report", ms=300, number=CALLER)
    sim.reference(5)
    assert "+CMGS: 5\r\n" in await client.submit(submits(CALLER, "one")[0])
    sim.reference(5)
    assert "+CMGS: 5\r\n" in await client.submit(submits(OTHER, "two")[0])
    assert await client.reports(2) == [(5, OTHER), (5, CALLER)]
    sim.reference(255)
    assert "+CMGS: 255\r\n" in await client.submit(submits(CALLER, "three")[0])
    assert "+CMGS: 0\r\n" in await client.submit(submits(CALLER, "four")[0])


async def test_a_report_of_anything_at_any_time(sim: Simulator, client: Client) -> None:
    sim.report(CALLER, 77, 0x46)
    lines = (await client.until(re.compile(rb"\+CDS: \d+\r\n[0-9A-F]+\r\n"))).decode().split()
    report = decode_report(lines[-1])
    assert (report.reference, report.recipient, report.status) == (77, CALLER, 0x46)
    with pytest.raises(ValueError, match="TP-MR"):
        sim.report(CALLER, 256)


async def test_what_is_handed_over_must_be_acknowledged_where_the_client_said_so(sim: Simulator, client: Client) -> None:
    """AT+CSMS=1 and AT+CNMA (TS 27.005 3.1 and 4.7): the next waits in the network."""
    assert "+CSMS: 1,1,1" in await client.ask("AT+CSMS=1")
    await client.ask("AT+CNMI=2,2,0,1,0")
    assert await client.ask("AT+CNMA") == "\r\n+CMS ERROR: 340\r\n"
    sim.text(CALLER, "one")
    sim.text(CALLER, "two")
    await client.until(b"+CMT:")
    await client.ask("AT")
    assert b"+CMT:" not in client.heard
    assert sim.state()["network"]["waiting"] == 1
    assert "OK" in await client.ask("AT+CNMA=1")
    await client.until(b"+CMT:")
    assert "OK" in await client.ask("AT+CNMA")
    assert await client.ask("AT+CSMS?") == "\r\n+CSMS: 1,1,1,1\r\n\r\nOK\r\n"


async def test_many_modems_side_by_side(tmp_path: Path) -> None:
    """Eight at 50 ms of network time each: all texts go, none through another's port."""

    async def send(place: int) -> tuple[str, int]:
        number = f"+1514555010{place}"
        async with Simulator(tmp_path / f"modem{place}", number=number, latency_ms=50, report_ms=1, imei=f"{place:015d}") as sim:
            with Client(tmp_path / f"modem{place}") as client:
                await client.quiet()
                assert f"{place:015d}" in await client.ask("AT+CGSN")
                for text in range(5):
                    assert "+CMGS:" in await client.submit(submits(CALLER, f"{place} {text}", report=False)[0])
            return number, len(sim.inbox(CALLER))

    assert await asyncio.gather(*(send(place) for place in range(8))) == [(f"+1514555010{place}", 5) for place in range(8)]
