"""Sending under every fault: what the driver says of a part is what became of it, and the next part goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from modem.types import NotSent, Refused, SendResult, Sent, Unknown
from tests.modem.conftest import QUICK, MakeRig, Rig, going

NUMBER = "+15145550123"
STILL = replace(QUICK, watch=60, poll=60)
"""Nothing but what is tested speaks to the modem."""


async def the_next_goes(rig: Rig, already: int = 0) -> None:
    """A text goes, with its own reference, and the handset has it once beside the ``already`` others."""
    result = await rig.send_when_ready("ensuite")
    assert isinstance(result, Sent)
    await rig.sim.wait(NUMBER, already + 1)
    assert [one["text"] for one in rig.sim.inbox(NUMBER)].count("ensuite") == 1
    assert rig.events("accepted")[-1]["reference"] == result.reference
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry], "something was typed into the prompt"


@pytest.mark.parametrize("profile", ["generic", "huawei", "sim800", "sim7670", "ec25"])
async def test_every_make_sends_receives_and_reports(make_rig: MakeRig, profile: str) -> None:
    rig = await make_rig(profile=profile)
    await rig.ready()
    rig.sim.text(NUMBER, "allô?")
    await the_next_goes(rig)
    await rig.until(lambda: rig.keeper.texts == ["allô?"] and len(rig.keeper.reports) == 1, "text and report are kept")


async def test_the_parts_of_a_long_text_with_emoji_arrive_whole(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    text = "Rendez-vous 😀 " * 30
    for part in rig.driver.split(NUMBER, text, 201):
        assert isinstance(await rig.driver.send(part, going), Sent)
    (arrived,) = await rig.sim.wait(NUMBER)
    assert (arrived["text"], arrived["cut"]) == (text, False)


async def test_commit_stands_between_prompt_and_pdu(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()
    seen: list[str] = []

    async def commit() -> bool:
        await asyncio.sleep(0.05)
        seen.extend(entry["event"] for entry in rig.events("prompt", "ctrl_z", "accepted"))
        return True

    assert isinstance(await rig.send(commit=commit), Sent)
    assert seen == ["prompt"]
    assert [entry["event"] for entry in rig.events("prompt", "ctrl_z", "accepted")] == ["prompt", "ctrl_z", "accepted"]


async def test_called_off_at_the_prompt(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": STILL})
    await rig.ready()

    async def commit() -> bool:
        return False

    assert await rig.send(commit=commit) == NotSent("called off", called_off=True)
    await rig.sim.wait_event("escape")
    assert rig.events("ctrl_z") == []
    await the_next_goes(rig)


async def test_a_commit_that_fails_calls_off_and_is_raised_on(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": STILL})
    await rig.ready()

    async def commit() -> bool:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await rig.send(commit=commit)
    await rig.sim.wait_event("escape")
    assert rig.events("ctrl_z") == []
    await the_next_goes(rig)


async def test_cancelled_during_commit(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": STILL})
    await rig.ready()
    begun = asyncio.Event()

    async def commit() -> bool:
        begun.set()
        await asyncio.Event().wait()
        return True

    sending = asyncio.create_task(rig.send(commit=commit))
    await begun.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await rig.sim.wait_event("escape")
    assert rig.events("ctrl_z") == []
    await the_next_goes(rig)


@pytest.mark.parametrize(
    ("fault", "result", "arrived"),
    [
        ({"kind": "unplug", "at": "prompt", "ms": 50}, NotSent, 0),
        ({"kind": "unplug", "at": "ctrl_z", "ms": 50}, Unknown, 0),
        ({"kind": "unplug", "at": "accepted", "ms": 50}, Unknown, 1),
        ({"kind": "unplug", "at": "answered", "ms": 50}, (Sent, Unknown), 1),  # the pty may drop the answer as it hangs up
        ({"kind": "unplug", "at": "command", "command": "AT+CMGS", "ms": 50}, NotSent, 0),
        ({"kind": "reboot", "at": "prompt"}, Unknown, 0),
        ({"kind": "reboot", "at": "ctrl_z"}, Unknown, 0),
        ({"kind": "reboot", "at": "accepted"}, Unknown, 1),
        ({"kind": "silence", "at": "prompt", "ms": 900}, Unknown, 0),
        ({"kind": "silence", "at": "ctrl_z", "ms": 900}, Unknown, 0),
        ({"kind": "silence", "at": "accepted", "ms": 900}, Unknown, 1),
        ({"kind": "silence", "at": "command", "command": "AT+CMGS", "ms": 500}, NotSent, 0),
        ({"kind": "no_answer"}, Unknown, 1),
        ({"kind": "late_answer", "ms": 800}, Unknown, 1),
        ({"kind": "no_final", "command": "AT+CMGS"}, Sent, 1),
        ({"kind": "no_prompt"}, NotSent, 0),
        ({"kind": "late_prompt", "ms": 500}, NotSent, 0),
        ({"kind": "late_prompt", "ms": 100}, Sent, 1),
        ({"kind": "bare_prompt"}, Sent, 1),
        ({"kind": "refuse_prompt", "code": 302}, Refused, 0),
        ({"kind": "refuse", "code": 38}, Refused, 0),
        ({"kind": "refuse", "code": 500}, Refused, 0),
        ({"kind": "refuse", "code": 332}, Unknown, 0),
        ({"kind": "refuse", "line": "+CMS ERROR:38"}, Refused, 0),
        ({"kind": "refuse", "line": "+CMS ERROR: network out of order"}, Refused, 0),
        ({"kind": "refuse", "line": "+CME ERROR: SIM busy"}, Refused, 0),
        ({"kind": "refuse", "line": "ERROR"}, Refused, 0),
        ({"kind": "half", "command": "AT+CMGS", "ms": 50}, Sent, 1),
        ({"kind": "inside", "command": "AT+CMGS", "line": "^RSSI:17"}, Sent, 1),
        ({"kind": "inside", "command": "AT+CMGS", "line": '+CMTI: "SM",1'}, Sent, 1),
        ({"kind": "inside", "command": "AT+CMGS", "line": "ERROR"}, Unknown, 1),
        ({"kind": "inside", "command": "AT+CMGS", "line": "+CMS ERROR: 38"}, Unknown, 1),
        ({"kind": "garbage", "command": "AT+CMGS", "hex": "0000ff80c3280d0a"}, Sent, 1),
    ],
    ids=lambda value: " ".join(f"{item}" for item in value.values()) if isinstance(value, dict) else "",
)
async def test_what_is_said_is_what_became_of_it(
    make_rig: MakeRig, fault: dict[str, Any], result: type[SendResult] | tuple[type[SendResult], ...], arrived: int
) -> None:
    """Defects 4, 6, 8, 10 and 19, and rule 4 of the design: nothing is sent twice, nothing that may have gone is called not sent."""
    rig = await make_rig()
    await rig.ready()
    rig.sim.fault(**fault)
    found = await rig.send()
    assert isinstance(found, result), found
    if isinstance(found, NotSent):
        assert rig.events("ctrl_z") == []
    await the_next_goes(rig, arrived)
    assert len(rig.sim.inbox(NUMBER)) == arrived + 1


async def test_unplugged_during_commit(make_rig: MakeRig) -> None:
    """The attempt is on disk, and still nothing has left: safe to try again."""
    rig = await make_rig()
    await rig.ready()

    async def commit() -> bool:
        rig.sim.unplug(50)
        await rig.until(lambda: not rig.driver.ready, "the unplug is noticed")
        return True

    assert isinstance(await rig.send(commit=commit), NotSent)
    assert rig.events("ctrl_z") == []
    await the_next_goes(rig)


PATIENT = replace(STILL, result=600)
"""A wait for +CMGS that no test outlasts."""
RESTARTING = ["sim800", "sim7670", "ec25", "huawei"]
"""Makes that say so."""


async def all_goes_on(rig: Rig, arrived: int) -> None:
    """Set up anew: the next text goes, its report and what handsets send are kept."""
    await the_next_goes(rig, arrived)
    assert rig.sim.state()["cnmi"][:2] == [2, 1]
    rig.sim.text(NUMBER, "allô?")
    await rig.until(lambda: rig.keeper.texts == ["allô?"], "the text is kept")
    await rig.until(lambda: rig.events("accepted")[-1]["reference"] in {one.reference for one in rig.keeper.reports}, "and the report")


@pytest.mark.parametrize("profile", RESTARTING)
@pytest.mark.parametrize(("at", "arrived"), [("ctrl_z", 0), ("accepted", 1)])
async def test_a_restart_ends_the_wait_for_the_result(make_rig: MakeRig, profile: str, at: str, arrived: int) -> None:
    """Whoever waits behind it hears at once, too, and may try again."""
    rig = await make_rig(profile=profile, driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.fault("reboot", at=at)
    async with asyncio.timeout(20):
        first, *others = await asyncio.gather(rig.send(), *(rig.send(f"texte {place}", "+15145550177") for place in range(3)))
    assert isinstance(first, Unknown)
    assert "restarted" in first.what
    assert all(isinstance(other, NotSent) for other in others), others
    assert rig.sim.inbox("+15145550177") == []
    async with asyncio.timeout(20):
        await all_goes_on(rig, arrived)


@pytest.mark.parametrize("profile", RESTARTING)
async def test_a_restart_at_the_prompt_lets_nothing_go(make_rig: MakeRig, profile: str) -> None:
    rig = await make_rig(profile=profile, driver={"timing": PATIENT})
    await rig.ready()

    async def commit() -> bool:
        dialogue = rig.driver._dialogue
        assert dialogue is not None
        rig.sim.reboot()
        await rig.until(lambda: dialogue.doubts > 0 or not dialogue.alive, "the driver hears it")
        return True

    async with asyncio.timeout(20):
        assert isinstance(await rig.send(commit=commit), NotSent)
    assert rig.events("ctrl_z") == []
    async with asyncio.timeout(20):
        await all_goes_on(rig, 0)


async def test_a_restart_before_the_prompt(make_rig: MakeRig) -> None:
    rig = await make_rig(profile="sim800", driver={"timing": replace(PATIENT, prompt=600)})
    await rig.ready()
    rig.sim.fault("reboot", at="command", command="AT+CMGS")
    async with asyncio.timeout(20):
        assert isinstance(await rig.send(), NotSent)
        await all_goes_on(rig, 0)


@pytest.mark.parametrize("line", ["SMS Ready", "Call Ready", "PB DONE", "^BOOT:20952548,0,0,0,72"])
async def test_a_line_that_may_mean_a_restart_spoils_no_text(make_rig: MakeRig, line: str) -> None:
    """Some say it long after they started; +CMGS still comes then."""
    rig = await make_rig(latency_ms=100, driver={"timing": replace(PATIENT, result_in_doubt=60)})
    await rig.ready()
    sending = asyncio.create_task(rig.send())
    await rig.sim.wait_event("ctrl_z")
    rig.sim.fault("garbage", hex=f"\r\n{line}\r\n".encode().hex())
    assert isinstance(await sending, Sent)
    await the_next_goes(rig, 1)
    assert rig.ready_calls == [1]


async def test_a_huawei_that_says_boot_all_the_time_sends(make_rig: MakeRig) -> None:
    """Neither called off at the prompt nor given up early."""
    rig = await make_rig(driver={"timing": replace(PATIENT, result_in_doubt=0.01)})
    await rig.ready()
    said = b"\r\n^BOOT:20952548,0,0,0,72\r\n".hex()

    async def heard() -> None:
        before = rig.driver._boots
        rig.sim.fault("garbage", hex=said)
        await rig.until(lambda: rig.driver._boots > before, "the line is heard")

    async def commit() -> bool:
        await heard()
        return True

    await heard()
    rig.sim.fault("late_answer", ms=300)
    sending = asyncio.create_task(rig.send(commit=commit))
    await rig.sim.wait_event("accepted")
    await heard()
    assert isinstance(await sending, Sent)
    assert rig.ready_calls == [1]


async def test_a_prompt_given_up_during_commit(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.ready()

    async def commit() -> bool:
        rig.sim.fault("garbage", hex=b"\r\n+CMS ERROR: 500\r\n".hex())
        await asyncio.sleep(0.05)
        return True

    assert isinstance(await rig.send(commit=commit), NotSent)
    assert rig.events("ctrl_z") == []
    await the_next_goes(rig)


@pytest.mark.parametrize(
    ("magic", "permanent", "number_at_fault"), [("+15145559001", True, True), ("+15145559042", False, False), ("+15145559008", True, False)]
)
async def test_refusals_tell_whom_they_blame(make_rig: MakeRig, magic: str, permanent: bool, number_at_fault: bool) -> None:
    rig = await make_rig()
    await rig.ready()
    found = await rig.send(number=magic)
    assert isinstance(found, Refused)
    assert (found.code, found.permanent, found.number_at_fault) == (f"CMS {int(magic[-3:])}", permanent, number_at_fault)


async def test_before_it_is_ready_nothing_is_tried(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.registration("searching"))
    await rig.until(lambda: rig.driver.health().code == "not_registered", "not registered")
    assert isinstance(await rig.send(), NotSent)
    assert not [line for line in rig.lines() if line.startswith("AT+CMGS")]
    rig.sim.registration("home")
    await the_next_goes(rig)


async def test_many_senders_at_once_each_go_once(make_rig: MakeRig) -> None:
    """Defect 9: of three threads sending through gsmmodem, 2 of 75 texts went."""
    rig = await make_rig()
    await rig.ready()
    results = await asyncio.gather(*(rig.send(f"texte {place}", number=f"+151455501{place:02}") for place in range(50)))
    assert all(isinstance(result, Sent) for result in results)
    assert sorted(result.reference for result in results if isinstance(result, Sent)) == sorted(
        entry["reference"] for entry in rig.events("accepted")
    )
    for place in range(50):
        assert [one["text"] for one in rig.sim.inbox(f"+151455501{place:02}")] == [f"texte {place}"]


async def test_texts_that_arrive_while_sending_are_all_kept(make_rig: MakeRig) -> None:
    """Defects 1, 9 and 11: of 40 texts gsmmodem kept 6, and none of 30 reports."""
    rig = await make_rig(latency_ms=20)
    await rig.ready()

    async def slow() -> bool:
        await asyncio.sleep(0.01)
        return True

    async def texting() -> None:
        for place in range(40):
            rig.sim.text("+15145550199", f"réponse {place}")
            if place % 5 == 4:
                await asyncio.sleep(0.05)

    arriving = asyncio.create_task(texting())
    for place in range(30):
        assert isinstance(await rig.send(f"texte {place}", commit=slow), Sent)
    await arriving
    await rig.until(lambda: len(rig.keeper.texts) == 40 and len(rig.keeper.reports) == 30, "40 texts and 30 reports are kept")
    assert sorted(rig.keeper.texts) == sorted(f"réponse {place}" for place in range(40))
    assert sorted(report.reference for report in rig.keeper.reports) == sorted(entry["reference"] for entry in rig.events("accepted"))
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]


async def test_a_send_does_not_wait_behind_a_full_store(make_rig: MakeRig) -> None:
    """Between a message kept and the next one, whoever wants to send has the turn."""
    rig = await make_rig()
    await rig.ready()
    held = asyncio.Event()
    keep = rig.keeper.keep
    order: list[str] = []

    async def keep_slowly(raw: Any) -> None:
        held.set()
        await asyncio.sleep(0.01)
        order.append("kept")
        await keep(raw)

    rig.keeper.keep = keep_slowly  # type: ignore[method-assign]
    for place in range(40):
        rig.sim.text("+15145550199", f"réponse {place}")
    await held.wait()
    assert isinstance(await rig.send(), Sent)
    order.append("sent")
    await rig.until(lambda: len(rig.keeper.texts) == 40, "all are kept")
    assert order.index("sent") < 10


async def test_a_modem_set_up_anew_cuts_no_text_off(make_rig: MakeRig) -> None:
    """The watch finds that the modem forgot its settings while texts wait for their turn: they are not begun."""
    rig = await make_rig(latency_ms=30)
    await rig.ready()
    keeping = asyncio.Event()

    async def keep_slow_to_end(raw: Any) -> None:
        assert raw.pdu
        keeping.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)  # as a commit under way in the store's thread

    rig.keeper.keep = keep_slow_to_end  # type: ignore[method-assign]
    rig.sim.text("+15145550199", "bonjour")
    await keeping.wait()
    rig.sim.reboot()
    rig.driver._look_now.set()
    results = await asyncio.gather(*(rig.send(f"texte {number}") for number in range(20)))
    assert all(isinstance(result, Sent | NotSent) for result in results), results
    assert any(isinstance(result, NotSent) for result in results)
    await rig.until(lambda: len(rig.ready_calls) >= 2, "ready again")
