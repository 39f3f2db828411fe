"""Faults at random, one after the other: nothing is lost, nothing is doubled, nothing is claimed that is not so."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from modem.sim_profiles import PROFILES
from modem.types import NotSent, Refused, SendResult, Sent
from tests.modem.conftest import MakeRig, Rig

SEEDS = [int(seed) for seed in os.environ.get("TEXTBACK_SOAK", "7 12").split()]
"""More of them to look for trouble."""

NUMBER = "+15145550123"
CALLER = "+15145550177"

FAULTS: list[dict[str, Any]] = [
    *({"kind": "unplug", "at": at, "ms": 40} for at in ("now", "prompt", "ctrl_z", "accepted", "answered", "report")),
    *({"kind": "silence", "at": at, "ms": 400} for at in ("now", "prompt", "ctrl_z", "accepted", "answered")),
    *({"kind": "reboot", "at": at} for at in ("now", "prompt", "ctrl_z", "accepted", "answered")),
    *(
        {"kind": "unplug", "at": "command", "command": command, "ms": 40}
        for command in ("AT+CMGL", "AT+CMGD", "AT+CPMS", "AT+CMGS", "AT+CNMI")
    ),
    *({"kind": "no_final", "command": command} for command in ("AT+CMGL", "AT+CMGD", "AT+CMGS", "AT+CREG")),
    *({"kind": "error", "command": command, "code": 14} for command in ("AT+CMGL", "AT+CMGD", "AT+CPMS", "AT+CREG", "AT+CSQ")),
    *({"kind": "half", "command": command, "ms": 20} for command in ("AT+CMGL", "AT+CMGS")),
    *({"kind": "inside", "command": command, "line": "^RSSI:17"} for command in ("AT+CMGL", "AT+CMGS", "AT+CMGD")),
    *({"kind": "garbage", "hex": garbage} for garbage in ("00ff80", "0d0a3e20", "0d0a4f4b0d0a", "676172626167650d0a")),
    *({"kind": kind} for kind in ("refuse", "refuse_prompt", "no_prompt", "bare_prompt", "no_answer", "no_report", "twice_report")),
    {"kind": "naked_prompt"},
    *({"kind": "cut", "command": command} for command in ("AT+CMGL", "AT+CMGS", "AT+CPMS", "AT+CCFC", "AT+CHUP")),
    *({"kind": kind} for kind in ("shuffled_report", "half_line")),
    {"kind": "wrong_report", "reference": 250},
    *({"kind": "error", "command": command} for command in ("AT+CHUP", "AT+CLCC", "AT+CLIP", "AT+COPS", "AT+CNUM")),
    *({"kind": "inside", "command": command, "line": '+CUSD: 0,"Solde:\r\n1) SMS",15'} for command in ("AT+CMGL", "AT+CMGS")),
    *({"kind": kind, "ms": 700} for kind in ("late_prompt", "late_answer", "late_report")),
]


async def sending(rig: Rig, dice: random.Random, count: int) -> dict[str, list[SendResult]]:
    """Send texts of different words, each again for as long as it is safe to; what every attempt came to."""
    results: dict[str, list[SendResult]] = {}
    for place in range(count):
        rig.sim.fault(**dice.choice(FAULTS))
        tries = results[f"texte {place}"] = []
        while not tries or isinstance(tries[-1], NotSent | Refused):
            tries.append(await rig.send(f"texte {place}"))
            if isinstance(tries[-1], NotSent | Refused):
                await asyncio.sleep(0.02)
    return results


def answers(rig: Rig) -> list[str]:
    """What handsets sent, without what the network said by USSD."""
    return [text for text in rig.keeper.texts if text.startswith("réponse")]


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_faults(make_rig: MakeRig, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    rig = await make_rig(profile=dice.choice(sorted(PROFILES)), latency_ms=5)
    await rig.ready()
    task = asyncio.create_task(sending(rig, dice, 12))
    came = calls = 0
    while not task.done():
        if dice.random() < 0.3:
            rig.sim.fault(**dice.choice(FAULTS))
        for _ in range(dice.randrange(3)):
            rig.sim.text("+15145550199", f"réponse {came}")
            came += 1
        if dice.random() < 0.2:
            with suppress(ValueError):  # the SIM is away, or in a call
                rig.sim.call(CALLER, rings=2, every_ms=200)
                calls += 1
        await asyncio.sleep(dice.uniform(0.0, 0.3))
    results = await task
    rig.sim.clear()
    await rig.until(lambda: rig.sim.state()["device"] is not None, "plugged in")
    await rig.ready()
    await rig.until(lambda: len(set(answers(rig))) == came, f"all {came} texts are kept")

    arrived = Counter(one["text"] for one in rig.sim.inbox(NUMBER))
    accepted = {entry["t"]: entry["reference"] for entry in rig.events("accepted")}
    handed = Counter(entry.get("text") for entry in rig.events("ctrl_z"))
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry], "something was typed into a prompt"
    for text, tries in results.items():
        last = tries[-1]
        assert arrived[text] <= 1, f"{text} was doubled: {tries}"
        if isinstance(last, Sent):
            assert arrived[text] == 1, f"{text} was called sent"
            assert last.reference in accepted.values()
        assert handed[text] <= sum(isinstance(one, Refused) for one in tries) + 1, f"{text} was called not sent, but left: {tries}"
    assert len(answers(rig)) == came, "a text was kept twice"
    assert {call.number for call in rig.keeper.called_by} <= {CALLER, ""}
    assert len(rig.keeper.called_by) <= calls
