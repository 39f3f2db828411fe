"""Killed (SIGKILL) at each step of a text's way out and in, then started again: nothing is lost, nothing goes twice."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.model import Inbound, Reaction
from ari_app.threads import Store
from tests.faults.fault import Recorder, record
from tests.faults.killing import Handsets, House, a_house, a_simulator, dies_at, until
from tests.faults.steps import IN, OUT
from tests.threads.world import Clerk, a_call, nothing

LONG = "We missed you: tell us what you need by text, and we answer as soon as one of us is free. " * 2
"""Two parts."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def handsets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handsets]:
    with a_simulator(tmp_path_factory.mktemp("modem"), "--report-ms", "5") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store just made."""
    path = tmp_path_factory.mktemp("blank") / "textback.db"

    async def make() -> None:
        store = Store(path, SystemClock())
        await store.open()
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture
def path(blank: Path, tmp_path: Path) -> Path:
    for file in blank.parent.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / blank.name


@pytest.mark.parametrize("name", OUT)
def test_on_the_way_out(name: str, path: Path, handsets: Handsets, record_property: Recorder) -> None:
    step, ends = OUT[name]
    number = f"+1514560{next(_numbers):04d}"
    # the report of a first part comes while the second is on its way
    text = "We missed you." if step.act == "Store.keep" else LONG
    clerk = Clerk(delay=timedelta(0), text=text)
    call = a_call(number, ended=SystemClock().now())

    async def morning() -> None:
        async with a_house(path, handsets.link, clerk, nothing) as house:
            await _called(house)
            await asyncio.sleep(30)

    async def _called(house: House) -> int:
        recorded = await house.store.record_call(call, clerk.first(call.ended), line="main")
        house.outbox.wake()
        assert recorded.message is not None
        return recorded.message

    async def after() -> str:
        async with a_house(path, handsets.link, clerk, nothing) as house:
            message = await _called(house)  # the PBX tells it again: the same call
            return await house.settled(message, *ends)

    assert dies_at(step, morning), "it never came there"
    began = time.monotonic()
    state = asyncio.run(after())
    took = time.monotonic() - began
    parts, texts = handsets.parts_out(number), handsets.inbox(number)
    doubled = len(parts) - len(set(parts))
    lost = int(state != "unknown" and texts != [text])
    record(record_property, texts_lost=lost, texts_doubled=doubled, calls_lost=0, recovery_s=took)
    record_property("texts_unknown", int(state == "unknown"))
    assert (lost, doubled) == (0, 0), (state, parts, texts)


@pytest.mark.parametrize("name", IN)
def test_on_the_way_in(name: str, path: Path, handsets: Handsets, record_property: Recorder) -> None:
    number = f"+1438560{next(_numbers):04d}"
    words = f"{name}: I need an appointment, and my tooth aches so that I cannot sleep. " * 3
    thanks = "We have your text, thank you."

    def react(_: Inbound) -> Reaction:
        return Reaction(notice=thanks, notice_name="received", language="en")

    async def morning() -> None:
        async with a_house(path, handsets.link, Clerk(), react):
            await asyncio.sleep(30)

    async def after() -> list[dict[str, str]]:
        async with a_house(path, handsets.link, Clerk(), react) as house:

            async def look() -> str:
                counts = await house.store.counts()
                known = any(each["number"] == number for each in await house.store.threads())
                return "quiet" if known and not (counts["queued"] or counts["sending"] or handsets.held()) else ""

            await until(look, "quiet")
            found: list[dict[str, str]] = (await house.store.thread(number))["messages"]
            return found

    handsets.ask("text", **{"from": number}, text=words, cut=True)
    assert dies_at(IN[name], morning), "it never came there"
    began = time.monotonic()
    messages = asyncio.run(after())
    took = time.monotonic() - began
    came = [message["text"] for message in messages if message["direction"] == "in"]
    answers = handsets.inbox(number)
    lost, doubled = int(came[:1] != [words]) + int(not answers), max(len(came) - 1, 0) + max(len(answers) - 1, 0)
    record(record_property, texts_lost=lost, texts_doubled=doubled, recovery_s=took)
    assert (came, answers) == ([words], [thanks])
