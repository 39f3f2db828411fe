"""Receiving: everything is kept once, and only what is kept leaves the modem's stores."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from modem import sim_pdu
from modem.pdu import Deliver
from modem.simulator import Simulator
from modem.types import RawPdu, Sent
from tests.modem.conftest import QUICK, MakeRig, Rig

SENDER = "+15145550199"
SENT = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


def waiting_in(store: str, *pdus: str, status: int = 0) -> Any:
    """Lay PDUs into a store before the driver comes."""

    def lay(sim: Simulator) -> None:
        for pdu in pdus:
            assert sim._modem.stores.put(store, pdu, status) is not None

    return lay


def deliver(text: str) -> str:
    return sim_pdu.encode_deliver(SENDER, text, SENT)[0]


def stored(rig: Rig) -> int:
    """Messages that lie in the modem."""
    return sum(len(held) for held in rig.sim.state()["stores"].values())


@pytest.mark.parametrize("store", ["SM", "ME"])
async def test_what_waits_in_each_store_is_read_at_start(make_rig: MakeRig, store: str) -> None:
    """gsmmodem does not look, and then at one store."""
    rig = await make_rig(before=waiting_in(store, deliver("un"), deliver("deux")))
    await rig.until(lambda: rig.keeper.texts == ["un", "deux"] and stored(rig) == 0, "both are kept and deleted")


@pytest.mark.parametrize("header", ["1,0,,{}", '1,0,"Marie, Jo",{}', "1 , 0 , , {}", "1,,,{}", "1,0,{}", "1,,{}"])
async def test_listings_as_makes_write_them(make_rig: MakeRig, header: str) -> None:
    """27.005 4.1 has status and name before the length; of a make that leaves one out no text lies there unread."""
    pdu = deliver("bonjour")
    listing = f"+CMGL: {header.format(sim_pdu.tpdu_length(pdu))}\r\n{pdu}\r\n\r\nOK"
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CMGL", line=listing))
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")


async def test_what_was_read_but_not_deleted_is_read_again(make_rig: MakeRig) -> None:
    rig = await make_rig(before=waiting_in("SM", deliver("déjà lu"), status=1))
    await rig.until(lambda: rig.keeper.texts == ["déjà lu"] and stored(rig) == 0, "it is kept and deleted")


async def test_reports_waiting_in_their_store_are_read(make_rig: MakeRig) -> None:
    report = sim_pdu.encode_report(7, SENDER, SENT, SENT, 0)
    rig = await make_rig(before=waiting_in("SR", report))
    await rig.until(lambda: [one.reference for one in rig.keeper.reports] == [7] and stored(rig) == 0, "the report is kept and deleted")


async def test_what_somebody_wrote_to_be_sent_is_left_alone(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        waiting_in("SM", deliver("brouillon"), status=2)(sim)
        waiting_in("SM", deliver("reçu"))(sim)

    rig = await make_rig(before=lay)
    await rig.until(lambda: rig.keeper.texts == ["reçu"] and stored(rig) == 1, "only the received one is taken")


async def test_not_kept_means_not_deleted_and_read_again(make_rig: MakeRig) -> None:
    """Defect 12: gsmmodem deletes before its callback."""
    rig = await make_rig()
    await rig.ready()
    rig.keeper.fails = 1_000_000
    rig.sim.text(SENDER, "important")
    await rig.until(lambda: rig.keeper.calls >= 2, "keep was tried again")
    await rig.until(lambda: rig.driver.health().code == "not_keeping", "health tells")
    assert rig.events("deleted") == []
    rig.keeper.fails = 0
    await rig.until(lambda: rig.keeper.texts == ["important"] and stored(rig) == 0, "it is kept in the end")
    assert len(rig.events("deleted")) == 1
    await rig.until(lambda: rig.driver.health().code == "ok", "health is well again")


async def test_one_that_was_not_kept_is_not_forgotten_for_what_comes_meanwhile(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": replace(QUICK, keep_again=3600.0, poll=3600.0)})
    await rig.ready()
    rig.keeper.fails = 1
    rig.sim.text(SENDER, "important")
    await rig.until(lambda: rig.keeper.calls == 1, "keep was tried")
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: len(rig.keeper.reports) == 1, "a report comes")
    await rig.until(lambda: rig.keeper.texts == ["important"], "the text is kept with it")


async def test_one_that_cannot_be_kept_does_not_hold_up_the_others(make_rig: MakeRig) -> None:
    rig = await make_rig(before=waiting_in("SM", deliver("un"), deliver("deux"), deliver("trois")))
    rig.keeper.fails = 1
    await rig.until(lambda: sorted(rig.keeper.texts) == ["deux", "trois", "un"] and stored(rig) == 0, "all are kept")
    assert rig.keeper.texts == ["deux", "trois", "un"]


async def test_deleting_comes_after_keeping(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    seen: list[int] = []
    keep = rig.keeper.keep

    async def keep_slowly(raw: RawPdu) -> None:
        await asyncio.sleep(0.05)
        seen.append(len(rig.events("deleted")) + sum(line.startswith("AT+CMGD") for line in rig.lines()))
        await keep(raw)

    rig.keeper.keep = keep_slowly  # type: ignore[method-assign]
    rig.sim.text(SENDER, "bonjour")
    await rig.until(lambda: len(rig.events("deleted")) == 1, "it is deleted")
    assert seen == [0]


async def test_a_message_whose_delete_failed_is_not_kept_twice(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("error", command="AT+CMGD", code=100, count=2)
    rig.sim.text(SENDER, "une fois")
    await rig.until(lambda: bool(rig.keeper.texts) and stored(rig) == 0, "it is deleted in the end")
    assert rig.keeper.texts == ["une fois"]


async def test_a_message_whose_delete_went_unanswered_is_not_kept_twice(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault("silence", at="command", command="AT+CMGD")
    rig.sim.text(SENDER, "une fois")
    await rig.until(lambda: bool(rig.keeper.texts), "it is kept")
    await rig.until(lambda: not rig.driver.ready, "the silence is noticed")
    rig.sim.clear()
    await rig.until(lambda: stored(rig) == 0, "it is deleted in the end")
    assert rig.keeper.texts == ["une fois"]


async def test_a_restart_between_reading_and_deleting_deletes_nothing_unread(make_rig: MakeRig) -> None:
    """A modem that restarted points at its default store again: the same index there may hold another text, not yet read."""
    rig = await make_rig()
    await rig.ready()
    keep = rig.keeper.keep

    async def keep_and_restart(raw: RawPdu) -> None:
        await keep(raw)
        if len(rig.keeper.kept) == 1:
            rig.sim.reboot()
            rig.sim.text(SENDER, "non lu")

    rig.keeper.keep = keep_and_restart  # type: ignore[method-assign]
    rig.sim.text(SENDER, "lu")
    await rig.until(lambda: len(rig.keeper.texts) >= 2 and stored(rig) == 0, "both are kept and deleted")
    assert [(entry["store"], entry["index"]) for entry in rig.events("stored")] == [("ME", 1), ("SM", 1)]
    assert rig.keeper.texts == ["lu", "non lu"]


async def test_a_damaged_pdu_is_kept_raw_and_the_others_stand(make_rig: MakeRig) -> None:
    """Defects 13 and 14: gsmmodem lost the damaged one and gave the next one twice."""
    damaged = deliver("deux")[:-6]
    rig = await make_rig(before=waiting_in("SM", deliver("un"), damaged, deliver("trois"), "00"))
    await rig.until(lambda: len(rig.keeper.kept) == 4 and stored(rig) == 0, "all four are kept")
    assert rig.keeper.texts == ["un", "trois"]
    assert damaged in [raw.pdu for raw in rig.keeper.kept]


async def test_many_announced_in_one_breath_are_all_read(make_rig: MakeRig) -> None:
    """Defect 11."""
    rig = await make_rig()
    await rig.ready()
    for place in range(20):
        rig.sim.text(SENDER, f"texte {place}")
    await rig.until(lambda: len(rig.keeper.texts) == 20 and stored(rig) == 0, "all are kept")
    assert rig.keeper.texts == [f"texte {place}" for place in range(20)]


async def test_a_full_store_is_drained_and_the_rest_comes(make_rig: MakeRig) -> None:
    def texts(sim: Simulator) -> None:
        for place in range(12):
            sim.text(SENDER, f"texte {place}")

    rig = await make_rig(stores={"SM": 3, "ME": 5}, before=texts)
    await rig.until(lambda: len(rig.keeper.texts) == 12 and stored(rig) == 0, "all twelve are kept")


async def test_a_store_full_of_what_is_not_ours_is_reported(make_rig: MakeRig) -> None:
    rig = await make_rig(stores={"SM": 2}, before=waiting_in("SM", deliver("brouillon"), deliver("autre"), status=2))
    await rig.until(lambda: rig.driver.health().code == "store_full", "health tells")
    assert rig.driver.health().state == "warn"


@pytest.mark.parametrize("wide", [False, True])
async def test_parts_in_any_order_are_kept_each(make_rig: MakeRig, wide: bool) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.sim.text(SENDER, "é" * 400, wide=wide, order=[3, 1, 2, 1])
    await rig.until(lambda: len(rig.keeper.texts) == 4, "every part is kept")


@pytest.mark.parametrize("refused", ["AT+CNMI=2,1,0,1", "AT+CNMI=2,1,0"])
async def test_reports_come_by_whatever_way_the_modem_knows(make_rig: MakeRig, refused: str) -> None:
    """ds=1 gives +CDS, ds=2 gives +CDSI and the store SR; SIM800 refuses ds=2, others ds=1."""
    rig = await make_rig(before=lambda sim: sim.fault("error", command=refused, code=4, count=2))
    await rig.ready()
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: len(rig.keeper.reports) == 1 and stored(rig) == 0, "the report is kept")


async def test_a_modem_that_announces_nothing_is_read_often(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CNMI=", code=4, count=99))
    await rig.ready()
    rig.sim.text(SENDER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "it is kept")


async def test_a_store_that_never_works_is_logged_once_and_left_to_the_timer(make_rig: MakeRig) -> None:
    """Some modems list SR among their stores and cannot read it."""
    with structlog.testing.capture_logs() as logs:
        rig = await make_rig(before=lambda sim: sim.fault("error", command='AT+CPMS="SR"', code=4, count=999))
        await rig.until(lambda: rig.lines().count('AT+CPMS="SR"') >= 6, "it was tried again")
        rig.sim.text(SENDER, "bonjour")
        await rig.until(lambda: rig.keeper.texts == ["bonjour"], "the others are read")
    assert [entry["event"] for entry in logs].count("modem.store_unreadable") == 1


async def test_a_modem_that_selects_a_store_without_a_word(make_rig: MakeRig) -> None:
    def lay(sim: Simulator) -> None:
        waiting_in("SM", deliver("un"), deliver("deux"))(sim)
        sim.fault("error", command='AT+CPMS="', line="OK", count=999)

    rig = await make_rig(before=lay, stores={"SM": 20})
    await rig.until(lambda: rig.keeper.texts == ["un", "deux"] and stored(rig) == 0, "both are kept and deleted")


async def test_an_announcement_that_is_lost_is_made_up_for(make_rig: MakeRig) -> None:
    """+CMTI may be written to another of the stick's ports, or to nobody: the timer reads."""
    rig = await make_rig()
    await rig.ready()
    waiting_in("ME", deliver("sans annonce"))(rig.sim)
    await rig.until(lambda: rig.keeper.texts == ["sans annonce"], "it is kept")


@pytest.mark.parametrize("fails", [1, 3])
async def test_a_report_that_cannot_be_kept_is_held_until_it_can(make_rig: MakeRig, fails: int) -> None:
    rig = await make_rig()
    await rig.ready()
    rig.keeper.fails = fails
    assert isinstance(await rig.send(), Sent)
    await rig.until(lambda: len(rig.keeper.reports) == 1, "the report is kept")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "inside", "command": "AT+CMGL", "line": "^RSSI:17"},
        {"kind": "inside", "command": "AT+CMGL", "line": '+CMTI: "ME",1'},
        {"kind": "inside", "command": "AT+CMGL", "line": "RING"},
        {"kind": "half", "command": "AT+CMGL", "ms": 30},
        {"kind": "garbage", "command": "AT+CMGL", "hex": "00ff80fe0d0a"},
        {"kind": "no_final", "command": "AT+CMGL"},
        {"kind": "error", "command": "AT+CMGL", "line": "+CMS ERROR: SIM busy"},
        {"kind": "error", "command": "AT+CPMS", "code": 14},
        {"kind": "unplug", "at": "command", "command": "AT+CMGL", "ms": 30},
        {"kind": "unplug", "at": "command", "command": "AT+CMGD", "ms": 30},
        {"kind": "reboot", "at": "command", "command": "AT+CMGL"},
    ],
    ids=lambda fault: " ".join(map(str, fault.values())),
)
async def test_texts_survive_faults_while_they_are_read(make_rig: MakeRig, fault: dict[str, Any]) -> None:
    """Defects 1, 2, 3 and 7."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault(**fault)
    for place in range(3):
        rig.sim.text(SENDER, f"texte {place}")
    await rig.until(lambda: len(rig.keeper.texts) >= 3 and stored(rig) == 0, "all are kept and deleted")
    assert rig.keeper.texts == ["texte 0", "texte 1", "texte 2"]


async def test_a_report_within_a_listing_goes_to_neither_too_many_nor_none(make_rig: MakeRig) -> None:
    """A two-line +CDS within the reply of +CMGL: its PDU is its own, by its length."""
    report = sim_pdu.encode_report(7, SENDER, SENT, SENT, 0)
    rig = await make_rig(before=waiting_in("SM", deliver("un"), deliver("deux")))
    rig.sim.fault("inside", command="AT+CMGL", line=f"+CDS: {sim_pdu.tpdu_length(report)}\r\n{report}")
    await rig.until(lambda: rig.keeper.texts == ["un", "deux"] and [one.reference for one in rig.keeper.reports] == [7], "all are kept")


@pytest.mark.parametrize(("between", "cut"), [("", 0), ("", 20), ("^RSSI:17", 20), ('+CMTI: "ME",9', 0), ("RING", 0)])
async def test_a_report_whose_two_lines_come_apart(make_rig: MakeRig, between: str, cut: int) -> None:
    """Defect 7: header and PDU in two USB packets."""
    report = sim_pdu.encode_report(7, SENDER, SENT, SENT, 0)
    rig = await make_rig(driver={"timing": replace(QUICK, poll=60, watch=60)})  # nothing else is said meanwhile
    await rig.ready()
    await rig.until(lambda: rig.lines().count("AT+CMGL=4") == 3 and "AT+CIMI" in rig.lines(), "all was asked that is asked at the start")
    await asyncio.sleep(0.05)
    rig.sim.fault("garbage", hex=f"\r\n+CDS: {sim_pdu.tpdu_length(report)}\r\n{between}\r\n{report[:cut]}".encode().hex())
    await asyncio.sleep(0.02)
    rig.sim.fault("garbage", hex=f"{report[cut:]}\r\n".encode().hex())
    await rig.until(lambda: 7 in [one.reference for one in rig.keeper.reports], "the report is kept")


async def test_a_flash_text_is_kept(make_rig: MakeRig) -> None:
    """Class 0 comes directly (+CMT) on most modems, whatever CNMI says."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.text(SENDER, "éclair", flash=True)
    await rig.until(lambda: rig.keeper.texts == ["éclair"], "it is kept")
    (found,) = rig.keeper.decoded
    assert isinstance(found, Deliver)
    assert found.flash
