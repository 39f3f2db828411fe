"""The outbox over a real Kannel: a text whose answer is lost is settled by its report, and what comes twice is one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.outbox import Outbox
from ari_app.threads import Store
from modem.kannel import KannelBearer
from modem.timing import Timing
from modem.types import RawPdu
from tests.lab.kannel import Carrier, Kannel, free_port
from tests.modem.kannel_rig import HASTY, PATIENT, bearer_of, mo_url, running, until
from tests.outbox_child import Door
from tests.test_outbox_modem import sending
from tests.threads.world import STAFF, Clerk

NUMBER = "+15145550123"


class Stubborn(Door):
    """Commits each PDU, and fails after it the first time."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.kept: list[str] = []

    async def keep(self, raw: RawPdu) -> None:
        await super().keep(raw)
        self.kept.append(raw.pdu)
        if self.kept.count(raw.pdu) == 1:
            raise OSError("the disk is full")


@dataclass
class Clinic:
    """A store and its outbox on a Kannel."""

    kannel: Kannel
    carrier: Carrier
    bearer: KannelBearer
    store: Store
    outbox: Outbox
    door: Door

    async def staff(self, text: str) -> int:
        message = (await self.store.acts.queue_staff(NUMBER, text, text, by=STAFF)).message
        self.outbox.wake()
        return message

    async def becomes(self, message: int, *states: str) -> None:
        async with asyncio.timeout(30):
            while (await self.store.message(message))["state"] not in states:  # noqa: ASYNC110 - the file tells
                await asyncio.sleep(0.01)

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self.carrier.taken]


MakeClinic = Callable[..., Awaitable[Clinic]]


@pytest.fixture
async def make_clinic(tmp_path: Path) -> AsyncIterator[MakeClinic]:
    async with AsyncExitStack() as stack:

        async def make(timing: Timing = PATIENT, door: type[Door] = Door) -> Clinic:
            clock, port = SystemClock(), free_port()
            carrier = await stack.enter_async_context(Carrier())
            kannel = await stack.enter_async_context(Kannel(tmp_path / "kannel", mo=mo_url(port), carrier=carrier))
            store = Store(tmp_path / "textback.db", clock)
            await store.open()
            stack.push_async_callback(store.close)
            keeper = door(store)

            def wake() -> None:
                outbox.wake()

            bearer = bearer_of(kannel.url, kannel.password, keeper, port, timing=timing, on_ready=wake)
            outbox = Outbox(store, [bearer], Clerk(delay=timedelta(0)), clock, live=frozenset, held=lambda: False)
            await stack.enter_async_context(running(bearer))
            await stack.enter_async_context(sending(outbox))
            return Clinic(kannel, carrier, bearer, store, outbox, keeper)

        yield make


async def test_a_text_is_delivered(make_clinic: MakeClinic) -> None:
    clinic = await make_clinic()
    message = await clinic.staff("Bonjour 😀 " * 20)
    await clinic.becomes(message, "sent")
    await until(lambda: len(clinic.texts) == 4, "four parts at the operator")
    for mobile in clinic.carrier.taken:
        await clinic.carrier.report(mobile, 1, "stat:DELIVRD")
    await clinic.becomes(message, "delivered")


async def test_an_unknown_text_is_settled_by_its_report_and_goes_once(make_clinic: MakeClinic) -> None:
    clinic = await make_clinic(timing=replace(HASTY, retry_first=0.5, retry_most=0.5))
    await until(lambda: clinic.bearer.ready, "ready")
    clinic.kannel.freeze("bearerbox")
    message = await clinic.staff("une seule fois")
    await clinic.becomes(message, "unknown")
    clinic.kannel.thaw("bearerbox")
    await clinic.becomes(message, "sent")
    await clinic.carrier.report(clinic.carrier.taken[0], 1, "stat:DELIVRD")
    await clinic.becomes(message, "delivered")
    later = await clinic.staff("ensuite")
    await clinic.becomes(later, "sent", "delivered")
    await until(lambda: "ensuite" in clinic.texts, "the next text at the operator")
    assert clinic.texts == ["une seule fois", "ensuite"]


async def test_a_text_waits_for_smsbox(make_clinic: MakeClinic) -> None:
    clinic = await make_clinic()
    await until(lambda: clinic.bearer.ready, "ready")
    await clinic.kannel.kill("smsbox")
    message = await clinic.staff("quand tu pourras")
    await until(lambda: not clinic.bearer.ready, "not ready")
    await clinic.kannel.start("smsbox")
    await clinic.becomes(message, "sent")
    await until(lambda: clinic.texts == ["quand tu pourras"], "the text at the operator", lambda: clinic.texts)


async def test_what_kannel_brings_twice_is_one_message(make_clinic: MakeClinic) -> None:
    clinic = await make_clinic(door=Stubborn)
    assert isinstance(clinic.door, Stubborn)
    texts = ["bonjour", "Où êtes-vous 😀? " * 6]
    for text in texts:
        await clinic.carrier.text(NUMBER, text.encode("utf-16-be"), 2)
    kept = clinic.door.kept
    await until(lambda: len(set(kept)) == 3 and all(kept.count(pdu) > 1 for pdu in kept), "all of it brought again", lambda: len(kept))
    thread = await clinic.store.thread(NUMBER)
    assert sorted(message["text"] for message in thread["messages"]) == sorted(texts)
