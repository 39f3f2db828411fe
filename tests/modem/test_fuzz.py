"""Whatever a line carries, the dialogue finds its way back; however it is cut and whatever noise is in it, texts go both ways once."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem import ussd
from modem.at import Dialogue
from modem.calls import Calls, caller
from modem.pdu import Deliver
from modem.simulator import Simulator
from modem.types import NotSent, Sent
from modem.urcs import Urc, UrcKind
from tests.modem.conftest import QUICK, Keeper, MakeRig, Rig

FRAGMENTS = [
    b"\r", b"\n", b"\r\n", b">", b"> ", b"OK", b"ERROR", b"+CMS ERROR: 38", b"+CME ERROR: SIM busy", b'+CMTI: "SM",3', b"+CMT: ,23",
    b"+CDS: 25", b"+CDS:", b"+CBM: 88", b"0791", b"00112233", b"RING", b"+CRING: VOICE", b'+CLIP: "+15145550199",145,,,,0', b"+CLIP: ",
    b"NO CARRIER", b"^CEND:1,0", b'+CUSD: 0,"', b'"', b",15", b"^BOOT:1,2", b"RDY", b"^RSSI:17", b"+CMGL: 1,0,,3", b"+CMGS: 7", b"\x1b",
    b"\x1a", b"\x00", b"\xff\xfe", "é".encode(), b"AT", b"COMMAND NOT SUPPORT", b"+CREG: 0,", b"x" * 5000,
]  # fmt: skip
noise = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=25).map(b"".join)


class Modem:
    """The other end of a dialogue without a port: answers AT and AT+CREG?, and says ``before`` each of the first answers."""

    def __init__(self, *before: bytes) -> None:
        self.before = list(before)
        self.heard = b""
        self.urcs: list[Urc] = []
        self.dialogue = Dialogue(self, self.urcs.append, probe=0.05, tries=5, settle=0)

    async def write(self, data: bytes) -> None:
        self.heard += data
        said = self.before.pop(0) if self.before else b""
        answer = b"\r\n+CREG: 0,1\r\n\r\nOK\r\n" if data.startswith(b"AT+CREG?") else b"\r\nOK\r\n"
        asyncio.get_running_loop().call_soon(self.dialogue.feed, said + answer)

    def close(self) -> None:
        pass


@given(noise, noise)
@settings(deadline=None)
def test_a_dialogue_finds_its_way_back_from_anything(idle: bytes, within: bytes) -> None:
    """Noise while nobody speaks, then within answers: after it at most two more questions are needed."""

    async def play() -> None:
        modem = Modem(b"", within)
        modem.dialogue.feed(idle)
        for _ in range(3):
            reply = await modem.dialogue.command("AT+CREG?", "+CREG:", timeout=1)
            if "+CREG: 0,1" in reply.lines:
                return
        pytest.fail(f"out of step after {modem.heard!r}")

    asyncio.run(play())


@given(noise, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_lines_are_the_same_however_they_are_cut(data: bytes, dice: random.Random) -> None:
    async def play() -> None:
        whole, cut = Modem(), Modem()
        whole.dialogue.feed(data)
        at = 0
        while at < len(data):
            upto = at + dice.randint(1, 7)
            cut.dialogue.feed(data[at:upto])
            at = upto
        assert cut.urcs == whole.urcs

    asyncio.run(play())


@given(noise)
def test_no_line_fails_whoever_reads_it(data: bytes) -> None:
    async def play() -> None:
        modem, calls = Modem(), Calls("one", Keeper(), QUICK)
        modem.dialogue.feed(data + b"\r\n")
        for urc in modem.urcs:
            if urc.kind is UrcKind.CALL:
                calls.heard(urc.line)
            if urc.kind is UrcKind.USSD:
                assert isinstance(ussd.message(urc.line), str)

    asyncio.run(play())


@given(st.text(max_size=60))
def test_any_caller_line_gives_a_number_or_none(said: str) -> None:
    number, _ = caller(f"+CLIP: {said}")
    assert set(number) <= set("+*#") | {char for char in number if char.isdecimal()}


def mangled(sim: Simulator, dice: random.Random) -> None:
    """Everything the modem writes comes in pieces, with octets between them that no line has."""
    line, write = sim._line, sim._modem.write
    assert line is not None

    def in_pieces(data: bytes) -> None:
        at = 0
        while at < len(data):
            upto = at + dice.choice([1, 2, 3, 5, 8, 40, 400])
            write(data[at:upto])
            if dice.random() < 0.3:
                write(bytes(dice.choice([0, 1, 7, *range(128, 256)]) for _ in range(dice.randint(1, 4))))
            if dice.random() < 0.1:
                line.pause(dice.uniform(0, 0.002))
            at = upto

    sim._modem.write = in_pieces  # type: ignore[method-assign]


def from_handsets(rig: Rig) -> int:
    return sum(isinstance(one, Deliver) and one.sender != "USSD" for one in rig.keeper.decoded)


@pytest.mark.parametrize("profile", ["generic", "huawei", "sim800", "sim7670", "ec25", "zte"])
async def test_a_whole_day_on_a_noisy_line(make_rig: MakeRig, profile: str) -> None:
    """Every reply, prompt and announcement is cut at random places, and octets stand there that are no ASCII: nothing changes."""
    dice = random.Random(profile)  # noqa: S311
    rig = await make_rig(profile=profile, before=lambda sim: mangled(sim, dice), latency_ms=2)
    await rig.ready()

    async def arriving() -> None:
        for place in range(20):
            rig.sim.text("+15145550199", f"réponse {place} " + "é😀" * (place * 3))
            if place % 7 == 3:
                await rig.until(lambda: rig.sim._modem.voice.number is None, "the call before is over")
                rig.sim.call(f"+1514555017{place % 10}", every_ms=60_000)
            if place % 7 == 5:
                rig.sim.ussd("Solde:\n1) SMS\n2) Appels")
            await asyncio.sleep(dice.uniform(0, 0.02))

    coming = asyncio.create_task(arriving())
    for place in range(20):
        assert isinstance(await rig.send(f"texte {place}"), Sent)
    await coming
    parts = sum(entry["parts"] for entry in rig.events("sent"))
    await rig.until(lambda: from_handsets(rig) == parts, f"all {parts} parts are kept once")
    await rig.until(lambda: len(rig.keeper.reports) == 20, "all reports are kept")
    await rig.until(lambda: len(rig.keeper.called_by) == len(rig.events("call_ended")), "the calls are told")
    assert [call.number for call in rig.keeper.called_by] == ["+15145550173", "+15145550170", "+15145550177"]
    assert sorted(one["text"] for one in rig.sim.inbox("+15145550123")) == sorted(f"texte {place}" for place in range(20))
    assert not [entry for entry in rig.events("ctrl_z") if "bad" in entry]
    assert rig.ready_calls == [1], "never set up anew"


SEEDS = [int(seed) for seed in os.environ.get("TEXTBACK_SOAK", "3 8").split()]
"""More of them to look for trouble."""


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_octets_from_a_mad_modem(make_rig: MakeRig, seed: int) -> None:
    """Lines, prompts and results out of nowhere, at any moment: the driver lives, and is well as soon as they end.

    But for a forged listing of a text, which nobody could tell from a real one.
    """
    dice = random.Random(seed)  # noqa: S311
    fragments = [fragment for fragment in FRAGMENTS if b"CMGL" not in fragment]
    rig = await make_rig(latency_ms=8)
    await rig.ready()
    mad = True

    async def raving() -> None:
        while mad:
            said = b"".join(dice.choice([*fragments, dice.randbytes(dice.randint(1, 30))]) for _ in range(dice.randint(1, 6)))
            if rig.sim.state()["device"] is not None:
                rig.sim.fault("garbage", hex=said.hex())
            await asyncio.sleep(dice.uniform(0, 0.003))

    raves = asyncio.create_task(raving())
    results: list[Any] = []
    for place in range(40):
        if place % 5 == 0:
            rig.sim.text("+15145550199", f"réponse {place}")
        results.append(await rig.send(f"texte {place}"))
        if isinstance(results[-1], NotSent):
            await asyncio.sleep(0.05)
    mad = False
    await raves
    await recovers(rig.driver.health, lambda: rig.driver.ready)
    assert isinstance(await rig.send_when_ready("enfin"), Sent)
    await rig.until(lambda: {f"réponse {place}" for place in range(0, 40, 5)} <= set(rig.keeper.texts), "every text is kept")
    arrived = [one["text"] for one in rig.sim.inbox("+15145550123")]
    assert len(arrived) == len(set(arrived)), "a text was doubled"


async def recovers(health: Callable[[], object], ready: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(20):
            while not ready():  # noqa: ASYNC110 - ready has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never ready again: {health()}")
