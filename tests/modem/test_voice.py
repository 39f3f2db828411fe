"""Telephone calls to the SIM: rejected and told once each, whatever else goes on; or forwarded by the network."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog

from modem.calls import caller
from modem.types import Sent, Unknown
from tests.modem.conftest import QUICK, MakeRig, Rig

CALLER = "+15145550199"
OTHER = "+14185550123"
CLINIC = "+15145550000"
PATIENT = replace(QUICK, ring=60, caller=60, watch=60, poll=60)
"""Only what the modem says ends a call."""


def said(rig: Rig) -> list[tuple[str, bool]]:
    return [(call.number, call.withheld) for call in rig.keeper.called_by]


def rejected(rig: Rig) -> int:
    return sum(line in {"AT+CHUP", "ATH"} for line in rig.lines())


async def told(rig: Rig, count: int = 1) -> None:
    await rig.until(lambda: len(rig.keeper.called_by) >= count, f"{count} calls told, not {said(rig)}")


@pytest.mark.parametrize(
    ("line", "number", "withheld"),
    [
        ('+CLIP: "+15145550199",145', "+15145550199", False),
        ('+CLIP: "15145550199",145,,,,0', "+15145550199", False),
        ('+CLIP: "015112345678",129,,,,0', "015112345678", False),  # defect 15: gsmmodem calls it +015112345678
        ('+CLIP: "5145550199",161,"",0,"",0', "5145550199", False),
        ('+CLIP: "5145550199",129,"",0,"Clinique, rue 5",0', "5145550199", False),
        ('+CLIP: "",128,,,,1', "", True),
        ('+CLIP: "",128,"",0,"",1', "", True),
        ('+CLIP: "",128', "", True),
        ('+CLIP: "",128,,,,2', "", False),
        ('+CLIP: "anonymous",208,,,,0', "", False),
        ("+CLIP:", "", False),
        ('+CLIP: "', "", False),
    ],
)
def test_who_calls(line: str, number: str, withheld: bool) -> None:
    assert caller(line) == (number, withheld)


@pytest.mark.parametrize("profile", ["generic", "huawei", "sim800", "sim7600", "ec25", "zte"])
async def test_a_call_is_rejected_and_told_once(make_rig: MakeRig, profile: str) -> None:
    rig = await make_rig(profile=profile, driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    await told(rig)
    assert said(rig) == [(CALLER, False)]
    assert rejected(rig) == 1
    assert [entry["by"] for entry in rig.events("call_ended")] == ["modem"]
    (call,) = rig.keeper.called_by
    assert call.modem == "one"
    assert call.started <= call.ended
    assert isinstance(await rig.send(), Sent)
    assert len(rig.keeper.called_by) == 1


async def test_calls_in_a_row_are_told_each(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    for place, number in enumerate((CALLER, CALLER, OTHER, "", CALLER), 1):
        rig.sim.call(number, rings=5, every_ms=20_000)
        await told(rig, place)
    assert said(rig) == [(CALLER, False), (CALLER, False), (OTHER, False), ("", True), (CALLER, False)]


@pytest.mark.parametrize(
    ("number", "caller_id", "found"), [("", None, ("", True)), ("", "unavailable", ("", False)), ("5145550199", None, None)]
)
async def test_numbers_as_the_network_tells_them(make_rig: MakeRig, number: str, caller_id: Any, found: Any) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.call(number, every_ms=20_000, caller_id=caller_id)
    await told(rig)
    assert said(rig) == [found or (number, False)]


async def test_a_call_while_a_text_waits_for_its_result(make_rig: MakeRig) -> None:
    """Nothing is typed into the prompt; the call is rejected when the text is through, before the texts that wait."""
    rig = await make_rig(latency_ms=300, driver={"timing": PATIENT})
    await rig.ready()
    first = asyncio.create_task(rig.send("un"))
    await rig.sim.wait_event("ctrl_z")
    others = [asyncio.create_task(rig.send(f"autre {place}")) for place in range(5)]
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    assert isinstance(await first, Sent)
    await told(rig)
    assert sum(other.done() for other in others) <= 1
    assert all(isinstance(result, Sent) for result in await asyncio.gather(*others))
    order = [entry["line"] for entry in rig.events("line") if entry["line"].startswith(("AT+CMGS", "AT+CHUP"))]
    assert order.index("AT+CHUP") == 1
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]
    assert rejected(rig) == 1


async def test_a_call_at_the_prompt(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()

    async def commit() -> bool:
        rig.sim.call(CALLER, rings=9, every_ms=20_000)
        await asyncio.sleep(0.05)
        return True

    assert isinstance(await rig.send(commit=commit), Sent)
    await told(rig)
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]


async def test_a_caller_who_gives_up_before_he_is_rejected(make_rig: MakeRig) -> None:
    """Nobody is hung up on afterwards."""
    rig = await make_rig(latency_ms=300, driver={"timing": PATIENT})
    await rig.ready()
    sending = asyncio.create_task(rig.send())
    await rig.sim.wait_event("ctrl_z")
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    rig.sim.hang_up()
    await told(rig)
    assert isinstance(await sending, Sent)
    await rig.send()
    assert said(rig) == [(CALLER, False)]
    assert rejected(rig) == 0


async def test_two_callers_during_one_text(make_rig: MakeRig) -> None:
    """The second rings before the first could be rejected; the end of the first may not even have been heard."""
    rig = await make_rig(latency_ms=400, driver={"timing": PATIENT})
    await rig.ready()
    sending = asyncio.create_task(rig.send())
    await rig.sim.wait_event("ctrl_z")
    rig.sim.fault("garbage", hex=f'\r\nRING\r\n\r\n+CLIP: "{OTHER}",145,,,,0\r\n'.encode().hex())
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    assert isinstance(await sending, Sent)
    await told(rig, 2)
    assert said(rig) == [(OTHER, False), (CALLER, False)]


async def test_a_number_that_comes_a_while_after_the_ring(make_rig: MakeRig) -> None:
    """Defect 7: 30 ms are enough for gsmmodem to call it anonymous."""
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.fault("garbage", hex=b"\r\nRING\r\n".hex())
    await asyncio.sleep(0.1)
    assert rejected(rig) == 0
    rig.sim.fault("garbage", hex=f'\r\n+CLIP: "{CALLER}",145,"",0,"",0\r\n'.encode().hex())
    await told(rig)
    assert said(rig) == [(CALLER, False)]


async def test_a_number_that_never_comes_is_looked_up(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CLIP", code=4), driver={"timing": replace(PATIENT, caller=0.1)})
    await rig.ready()
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    await told(rig)
    assert said(rig) == [(CALLER, False)]
    assert rejected(rig) == 1


async def test_a_call_of_which_nothing_but_a_ring_is_known(make_rig: MakeRig) -> None:
    """No number, no list of calls, no word of its end: silence ends it."""

    def lay(sim: Any) -> None:
        for command in ("AT+CLIP", "AT+CLCC", "AT+CHUP", "ATH"):
            sim.fault("error", command=command, count=99)

    rig = await make_rig(before=lay)
    await rig.ready()
    rig.sim.fault("garbage", hex=b"\r\nRING\r\n".hex())
    await told(rig)
    assert said(rig) == [("", False)]


async def test_a_modem_whose_at_chup_does_nothing_hangs_up_by_ath(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.fault("error", command="AT+CHUP", line="OK", count=99), driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.call(CALLER, rings=9, every_ms=20_000)
    await told(rig)
    assert [entry["by"] for entry in rig.events("call_ended")] == ["modem"]
    assert [line for line in rig.lines() if line in {"AT+CHUP", "ATH"}] == ["AT+CHUP", "ATH"]


async def test_a_call_that_rings_on_is_rejected_at_each_ring_and_told_once(make_rig: MakeRig) -> None:
    def lay(sim: Any) -> None:
        for command in ("AT+CHUP", "ATH"):
            sim.fault("error", command=command, line="OK", count=99)

    rig = await make_rig(before=lay, driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.call(CALLER, rings=3, every_ms=150)
    await told(rig)
    assert said(rig) == [(CALLER, False)]
    assert rig.lines().count("AT+CHUP") >= 2


@pytest.mark.parametrize("end", ["NO CARRIER", "^CEND:1,0,104,25", "VOICE CALL: END: 000012", "MISSED_CALL: 10:15AM 15145550199"])
async def test_how_makes_say_that_a_call_is_over(make_rig: MakeRig, end: str) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.sim.fault("garbage", hex=f"\r\n+CRING: VOICE\r\n\r\n{end}\r\n".encode().hex())
    await told(rig)
    rig.sim.fault("garbage", hex=f"\r\n{end}\r\n".encode().hex())
    assert isinstance(await rig.send(), Sent)
    assert len(rig.keeper.called_by) == 1


async def test_a_call_cut_by_an_unplug_is_told(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": replace(PATIENT, ring=0.2)})
    await rig.ready()
    rig.sim.fault("garbage", hex=b"\r\nRING\r\n".hex())
    await asyncio.sleep(0.05)
    rig.sim.unplug()
    await told(rig)
    assert said(rig) == [("", False)]


async def test_a_call_that_rings_on_while_the_modem_is_set_up_anew_is_told_once(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": replace(PATIENT, command=60, slow=60)})
    await rig.ready()
    rig.sim.fault("no_final", command="AT+CHUP")
    rig.sim.call(CALLER, rings=9, every_ms=150)
    await rig.until(lambda: "AT+CHUP" in rig.lines(), "being rejected")
    dialogue = rig.driver._dialogue
    assert dialogue is not None
    dialogue.restarted()
    await told(rig)
    await rig.until(lambda: len(rig.ready_calls) == 2, "set up anew")
    assert isinstance(await rig.send(), Sent)
    assert said(rig) == [(CALLER, False)]


async def test_a_call_that_cannot_be_kept_is_told_again(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": PATIENT})
    await rig.ready()
    rig.keeper.fails = 3
    rig.sim.call(CALLER, every_ms=20_000)
    await told(rig)
    assert said(rig) == [(CALLER, False)]


async def test_a_stick_without_voice(make_rig: MakeRig) -> None:
    rig = await make_rig(profile="e3372")
    await rig.ready()
    assert rig.sim.call(CALLER) == {"call": "unreachable"}
    assert isinstance(await rig.send(), Sent)
    assert said(rig) == []


async def test_calls_are_announced_again_after_a_restart(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"timing": replace(QUICK, ring=60)})
    await rig.ready()
    rig.sim.reboot()
    await rig.until(lambda: len(rig.ready_calls) == 2, "set up again")
    rig.sim.call(CALLER, every_ms=20_000)
    await told(rig)
    assert said(rig) == [(CALLER, False)]


async def test_logs_of_calls_hold_no_number(make_rig: MakeRig) -> None:
    with structlog.testing.capture_logs() as logs:
        rig = await make_rig(driver={"timing": replace(PATIENT, quiet=0), "forward": None})
        await rig.ready()
        rig.sim.call(CALLER, every_ms=20_000)
        await told(rig)
        await rig.until(lambda: any("CCFC" in line for line in rig.lines()), "forwarding was looked at")
    assert "modem.called" in {entry["event"] for entry in logs}
    assert CALLER[2:] not in repr(logs)


# forwarding


def forwarded(rig: Rig) -> str | None:
    found = rig.sim._modem.network.forwarding.get(0)
    return found.number if found is not None else None


async def test_calls_are_forwarded_by_the_network(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"forward": CLINIC})
    await rig.ready()
    await rig.until(lambda: rig.driver.health().forwarded == CLINIC, "forwarded")
    assert forwarded(rig) == CLINIC
    assert rig.driver.health().code == "ok"
    assert rig.sim.call(CALLER) == {"call": "forwarded"}
    assert said(rig) == []
    asked = [line for line in rig.lines() if "CCFC" in line]
    assert asked == ["AT+CCFC=0,2", f'AT+CCFC=0,3,"{CLINIC}",145,1', "AT+CCFC=0,2"]


async def test_what_is_set_already_is_not_set_again(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"forward": CLINIC}, before=lambda sim: sim.forwarding("unconditional", CLINIC.removeprefix("+1")))
    await rig.until(lambda: rig.driver.health().forwarded != "", "looked at")
    assert not [line for line in rig.lines() if "CCFC=0,3" in line]
    assert rig.driver.health().code == "ok"
    rig.sim.unplug(20)
    await rig.until(lambda: len(rig.ready_calls) == 2, "back")
    rig.sim.text(CALLER, "bonjour")
    await rig.until(lambda: rig.keeper.texts == ["bonjour"], "a while passes")
    assert sum("CCFC" in line for line in rig.lines()) == 1, "the network keeps it: once a day is enough"


async def test_another_sim_is_looked_at_at_once(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"forward": CLINIC})
    await rig.until(lambda: rig.driver.health().forwarded == CLINIC, "forwarded")
    rig.sim.unplug()
    rig.sim._modem.imsi = "302720999999999"
    rig.sim.forwarding("unconditional", None)  # the other SIM's subscription has none
    rig.sim.replug()
    await rig.until(lambda: forwarded(rig) == CLINIC, "forwarded as well")


async def test_another_number_is_replaced_and_looked_at_every_day(make_rig: MakeRig) -> None:
    rig = await make_rig(
        driver={"forward": CLINIC, "timing": replace(QUICK, forwarding=0.1)}, before=lambda sim: sim.forwarding("unconditional", OTHER)
    )
    await rig.until(lambda: forwarded(rig) == CLINIC, "set")
    rig.sim.forwarding("unconditional", None)  # somebody took it out
    await rig.until(lambda: forwarded(rig) == CLINIC, "set again")


async def test_what_somebody_set_is_shown_and_left(make_rig: MakeRig) -> None:
    rig = await make_rig(before=lambda sim: sim.forwarding("unconditional", OTHER))
    await rig.until(lambda: rig.driver.health().forwarded == OTHER, "shown")
    assert [line for line in rig.lines() if "CCFC" in line] == ["AT+CCFC=0,2"]
    assert rig.driver.health().code == "ok"


@pytest.mark.parametrize("answer", ["+CME ERROR: 50", "ERROR", "+CME ERROR: operation not allowed", "OK"])
async def test_a_network_that_does_not_forward(make_rig: MakeRig, answer: str) -> None:
    """Then calls are rejected and told; and it is tried again."""
    rig = await make_rig(
        driver={"forward": CLINIC, "timing": replace(QUICK, forwarding_again=0.2)},
        before=lambda sim: sim.fault("error", command="AT+CCFC=0,3", line=answer, count=2),
    )
    await rig.until(lambda: rig.driver.health().code == "not_forwarded", "health tells")
    health = rig.driver.health()
    assert health.state == "warn"
    assert "carrier" in health.fix
    assert rig.driver.ready
    rig.sim.call(CALLER, every_ms=20_000)
    await told(rig)
    await rig.until(lambda: rig.driver.health().code == "ok", "tried again")
    assert forwarded(rig) == CLINIC


async def test_a_network_that_does_not_answer_about_forwarding(make_rig: MakeRig) -> None:
    rig = await make_rig(driver={"forward": CLINIC}, before=lambda sim: sim.fault("no_final", command="AT+CCFC", count=2))
    await rig.until(lambda: rig.driver.health().code == "not_forwarded", "health tells")
    assert "no answer" in rig.driver.health().what
    assert isinstance(await rig.send(), Sent)
    assert rig.ready_calls == [1]


async def test_forwarding_waits_for_texts(make_rig: MakeRig) -> None:
    """It takes the network's time, so it is asked when there was nothing to send for a while."""
    rig = await make_rig(latency_ms=20, driver={"forward": CLINIC, "timing": replace(QUICK, quiet=0.2)})
    await rig.ready()
    for place in range(20):
        assert isinstance(await rig.send(f"texte {place}"), Sent | Unknown)
    assert not [line for line in rig.lines() if "CCFC" in line]
    await rig.until(lambda: rig.driver.health().forwarded == CLINIC, "forwarded")


async def test_operator_and_own_number_are_told(make_rig: MakeRig) -> None:
    rig = await make_rig(number="+15145550100")
    await rig.until(lambda: rig.driver.health().own_number != "", "told")
    health = rig.driver.health()
    assert (health.operator, health.own_number) == ("Simulated Network", "+15145550100")


async def test_a_modem_that_tells_neither_operator_nor_number(make_rig: MakeRig) -> None:
    def lay(sim: Any) -> None:
        sim.fault("error", command="AT+COPS", count=9)
        sim.fault("no_final", command="AT+CNUM", count=1)

    rig = await make_rig(before=lay)
    await rig.until(lambda: any("CCFC" in line for line in rig.lines()), "it went on")
    assert rig.driver.health().operator == ""
    assert rig.ready_calls == [1]
