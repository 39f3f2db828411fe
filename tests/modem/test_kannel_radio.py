"""Through a real Kannel and its own AT driver to a simulated modem: what a handset reads, what it answers, what became of texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from modem.alphabet import GSM7_BASIC, GSM7_EXTENSION
from modem.joining import join
from modem.simulator import Simulator
from modem.types import Sent
from tests.lab.kannel import Carrier, Kannel, free_port
from tests.modem.conftest import Keeper
from tests.modem.kannel_rig import Rig, bearer_of, mo_url, running

NUMBER = "+15145550123"
EVERY_CHARACTER = "".join(char for char in GSM7_BASIC if char != "\x1b") + "".join(GSM7_EXTENSION)


@dataclass
class Radio:
    """A rig and the modem behind its Kannel."""

    rig: Rig
    sim: Simulator


@pytest.fixture
async def radio(tmp_path: Path) -> AsyncIterator[Radio]:
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Simulator(tmp_path / "modem", report_ms=50))
        port, keeper = free_port(), Keeper()
        kannel = await stack.enter_async_context(Kannel(tmp_path / "kannel", mo=mo_url(port), device=tmp_path / "modem"))
        bearer = bearer_of(kannel.url, kannel.password, keeper, port)
        await stack.enter_async_context(running(bearer))
        rig = Rig(kannel, bearer, keeper, Carrier())
        await rig.ready()
        await sim.wait_event("line", match={"line": "AT+CNMI=1,2,0,1,0"}, timeout=30)
        yield Radio(rig, sim)


async def test_a_handset_reads_what_was_written_and_its_receipt_comes_back(radio: Radio) -> None:
    texts = [EVERY_CHARACTER, "Rendez-vous 😀 demain ❤️ à 14 h, porte {B}. " * 4]
    references = []
    for index, text in enumerate(texts):
        results = await radio.rig.send(NUMBER, text, reference=200 + index)
        references += [result.reference for result in results if isinstance(result, Sent)]
        assert len(results) == 1 + 2 * index
    arrived = await radio.sim.wait(NUMBER, 2, timeout=60)
    assert {(one["text"], one["cut"]) for one in arrived} == {(text, False) for text in texts}  # Kannel's queue keeps no order
    reports = await radio.rig.reports(NUMBER, 8)
    for outcome in ("delivered", "pending"):
        assert sorted(report.reference for report in reports if report.outcome == outcome) == sorted(references)


async def test_what_the_network_refuses_or_cannot_deliver_is_reported(radio: Radio) -> None:
    failing, refused = "+15145559405", "+15145559402"
    for number in (failing, refused):
        sent = await radio.rig.went(number)
        *_, report = await radio.rig.reports(number, 2 if number == failing else 1)
        assert (report.reference, report.outcome, report.number_at_fault) == (sent.reference, "failed", False)
    # with sms-resend-retry = 0 Kannel still tries a second time: docs/kannel.md says so
    assert len(radio.sim.journal(events=["refused"])["entries"]) == 2


async def test_a_handset_answers(radio: Radio) -> None:
    short, long = "Oui, merci! {€}", "Je ne peux pas venir 😀. " * 8
    radio.sim.text(NUMBER, short)
    radio.sim.text(NUMBER, long, reference=9, order=[3, 1, 2])
    radio.sim.text("+15145550124", short)
    radio.sim.text("Desjardins", "Votre code")
    received = await radio.rig.received(6)
    assert join([one for one in received if one.part is not None]).text == long
    single = sorted((one.sender, one.alphanumeric, one.text) for one in received if one.part is None)
    assert single == [(NUMBER, False, short), ("+15145550124", False, short), ("Desjardins", True, "Votre code")]
