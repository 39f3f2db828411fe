"""What handsets and the network send, over the simulated air through the real driver: what staff see of it, and what the sender is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import SystemClock
from ari_app.model import Inbound, Reaction
from ari_app.outbox import Outbox
from ari_app.policy import Policy
from ari_app.settings import parse
from ari_app.threads import Store
from modem.driver import SerialModem
from modem.simulator import Simulator
from modem.types import RawPdu
from tests.modem.conftest import QUICK, running
from tests.outbox_child import Door
from tests.test_outbox_modem import sending
from tests.threads.world import ALICE, BOB, until

POLICY = Policy(parse({"clinic": {"name": "Clinique", "number": "+15145550100"}, "pbx": {"username": "textback", "password": "secret"}}))
TOLD = "Clinique: nous ne recevons pas d'images. Décrivez cela par texto ou appelez le 514 555-0100. Urgence: 911"


class Reacting(Door):
    """Into the store with the policy as it is shipped, as the service's."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.outbox: Outbox | None = None

    async def keep(self, raw: RawPdu) -> None:
        def react(inbound: Inbound) -> Reaction:
            return POLICY.react(inbound, raw.received, {})

        await self._store.keep(raw, react)
        if self.outbox is not None:
            self.outbox.wake()


@asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[tuple[Simulator, Store]]:
    clock = SystemClock()
    store = Store(folder / "textback.db", clock)
    await store.open()
    door = Reacting(store)
    async with Simulator(folder / "modem", report_ms=5) as sim:

        def wake() -> None:
            outbox.wake()

        driver = SerialModem("gsm1", str(folder / "modem"), door=door, on_ready=wake, timing=QUICK)
        outbox = door.outbox = Outbox(store, [driver], POLICY.decide, clock, live=frozenset, held=lambda: False)
        async with running(driver), sending(outbox):
            await until(lambda: bool(driver.health().operator))  # asked for once USSD is announced
            yield sim, store
    await store.close()


async def texts(store: Store, number: str, count: int) -> list[dict[str, Any]]:
    """What came from a number, once there is so much."""
    async with asyncio.timeout(30):
        while True:
            threads = await store.threads()
            named = [thread for thread in threads if number in (thread["number"], thread["contact"])]
            if named:
                messages = (await store.thread(number))["messages"]
                found = [message for message in messages if message["direction"] == "in"]
                if len(found) >= count:
                    return found
            await asyncio.sleep(0.01)


async def test_a_picture_its_sender_and_what_the_sender_is_told(tmp_path: Path) -> None:
    async with receiving(tmp_path) as (sim, store):
        assert sim.mms(ALICE, "Ma dent cassée", order=[2, 1, 1])["parts"] > 1
        (picture,) = await texts(store, ALICE, 1)
        assert (picture["text"], picture["note"]) == ("Ma dent cassée", "picture not received")
        assert [text["text"] for text in await sim.wait(ALICE)] == [TOLD]
        sim.mms(ALICE, "Ma dent cassée", transaction="again")
        sim.mms(ALICE, location="http://mms.example.net/another")
        sim.text(ALICE, "la voyez-vous?")
        found = await texts(store, ALICE, 3)
        assert [message["note"] for message in found] == [None, "picture not received", "picture not received"]
        thread = await store.thread(ALICE)
        assert thread["state"] == "to_answer"
        assert [message["kind"] for message in thread["messages"]].count("notice") == 1, "told once"
        assert [thread["number"] for thread in await store.threads()] == [ALICE]


async def test_reactions_and_odd_texts_are_lines_that_ask_for_nothing(tmp_path: Path) -> None:
    async with receiving(tmp_path) as (sim, store):
        reaction = "A attribué la mention «\u00a0J’aime\u00a0» à «\u00a0Nous avons manqué votre appel. Que vous faut-il?\u00a0»"
        sim.text(ALICE, reaction)
        sim.text(ALICE, "not for you", silent=True)
        sim.ussd("Votre solde: 12,40 $")
        found = await texts(store, ALICE, 2)
        assert {(message["text"], message["note"]) for message in found} == {(reaction, "reaction"), ("", "silent message (type 0)")}
        (said,) = await texts(store, "USSD", 1)
        assert (said["text"], said["note"]) == ("Votre solde: 12,40 $", "from the network (USSD)")
        assert {thread["state"] for thread in await store.threads()} == {"done"}
        sim.text(BOB, "Vite!", flash=True)
        (flash,) = await texts(store, BOB, 1)
        assert (flash["text"], flash["note"]) == ("Vite!", "flash message")
        assert [thread["number"] for thread in await store.threads(state="to_answer")] == [BOB]
        assert sim.inbox(ALICE) == []


@pytest.mark.parametrize("wide", [False, True])
async def test_long_texts_with_one_reference_and_parts_in_any_order(tmp_path: Path, wide: bool) -> None:
    said = [f"{word} " * 80 for word in ("un", "deux", "trois")]
    async with receiving(tmp_path) as (sim, store):
        for number, text in enumerate(said):
            count = -(-len(text) // 152)
            parts = list(range(1, count + 1))
            sim.text(ALICE, text, reference=7, wide=wide, order=[*parts[::-1], *parts][number:])
        found = await texts(store, ALICE, 3)
        assert sorted((message["state"], message["text"]) for message in found) == sorted(("received", text) for text in said)
