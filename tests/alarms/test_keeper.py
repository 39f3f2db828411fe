"""Alarms over a real store: raised once, told once by each way, over once; while ways, store or clinic come and go."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.alarms.failed import tell_failed
from ari_app.alarms.keeper import FEWEST, PATIENCE, Alarms, wait_of
from ari_app.settings import Settings
from ari_app.status import PbxStatus, ServiceStatus
from ari_app.threads import Store, database
from tests.alarms.receivers import TO, Mailbox, Receiver, mailbox, receiver, settings
from tests.threads.world import START, HandClock


@dataclass
class House:
    """A service's alarms, its PBX, and who is told."""

    settings: Settings
    store: Store
    clock: HandClock
    hook: Receiver
    box: Mailbox
    connected: bool = True
    alarms: Alarms = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.alarms = Alarms(self.settings, self.store, self.clock, self.status)

    def status(self) -> ServiceStatus:
        return ServiceStatus(
            pid=1, version="1", started=START, pbx=PbxStatus(connected=self.connected, since=START, lag_ms=1.0, reason="gone")
        )

    async def passes(self, minutes: int, each: int = 1) -> None:
        """So long, with a look and a round of telling every ``each`` minutes: each look costs a write to the disk."""
        for _ in range(0, minutes, each):
            self.clock.move(minutes=each)
            await self.alarms.turn()
            await self.alarms.tell()

    @property
    def posts(self) -> list[str]:
        return [each["telling"] for each in self.hook.told]

    @property
    def letters(self) -> list[str]:
        return [str(each["Subject"]).split(" – ")[1] for each in self.box.letters]

    async def listed(self) -> list[tuple[str, bool]]:
        return [(each.code, each.over is None) for each in await self.store.alarms.listed()]


@asynccontextmanager
async def a_house(folder: Path, **alarm: Any) -> AsyncIterator[House]:
    clock = HandClock()
    async with receiver() as hook, mailbox() as box:
        chosen = settings(folder, email=box.email, webhook=hook.webhook, **alarm)
        store = Store(chosen.store.path, clock)
        await store.open()
        try:
            yield House(chosen, store, clock, hook, box)
        finally:
            await store.close()


async def test_raised_once_told_by_each_way_and_over_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        await here.passes(3)
        here.connected = False
        await here.passes(5)
        assert here.posts == []
        await here.passes(60, each=12)
        assert (here.posts, here.letters) == (["raised"], ["Alarme"])
        assert here.hook.told[0]["since"] == (START + timedelta(minutes=4)).isoformat()
        here.restart()
        await here.passes(10, each=5)
        here.connected = True
        await here.passes(60, each=12)
        assert (here.posts, here.letters) == (["raised", "over"], ["Alarme", "Fini"])
        assert await here.listed() == [("pbx_lost", False)]
        assert await here.store.alarms.due() == ()


async def test_what_comes_and_goes_does_not_flood_and_what_stays_is_told(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        for _ in range(4):
            here.connected = False
            await here.passes(9, each=3)
            here.connected = True
            await here.passes(8, each=4)
        assert here.posts == ["raised", "over"]
        assert await here.listed() == [("pbx_lost", False)]
        here.connected = False
        await here.passes(40, each=5)
        assert here.posts == ["raised", "over", "raised"]  # the last word is true
        here.connected = True
        await here.passes(40, each=10)
        assert here.posts == ["raised", "over", "raised", "over"]
        assert len({each["id"] for each in here.hook.told}) == 4  # the second word of it is no repetition of the first
        here.connected = False
        await here.passes(12, each=6)
        assert len(await here.listed()) == 2


async def test_what_comes_and_goes_each_hour_is_told_less_and_less(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        for _ in range(7):
            here.connected = False
            await here.passes(12, each=6)
            here.connected = True
            await here.passes(1)
            here.clock.move(minutes=47)
        assert here.posts == ["raised", "over"] * 2
        assert here.letters == ["Alarme", "Fini"] * 2


async def test_what_a_way_does_not_take_is_told_later_and_in_order(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        await here.hook.down()
        here.box.refuses = ["451 greylisted"] * 2  # both addresses, once
        here.connected = False
        await here.passes(6)
        assert (here.posts, here.letters) == ([], [])
        (owed,) = [each for each in await here.store.alarms.due() if each.way == "webhook"]
        assert (owed.tries > 0, "webhook" in owed.error) == (True, True)
        await here.passes(2)
        assert here.letters == ["Alarme"]
        here.connected = True
        await here.passes(2)
        assert here.letters == ["Alarme", "Fini"]
        here.restart()
        await here.passes(90, each=15)
        await here.hook.up()
        await here.passes(16, each=8)
        assert here.posts == ["raised", "over"]
        assert here.letters == ["Alarme", "Fini"]


async def test_a_way_that_never_takes_it_is_given_up_after_three_days(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        here.hook.statuses = [500] * 5000
        here.connected = False
        await here.passes(10, each=5)
        here.clock.move(days=PATIENCE.days, minutes=1)
        await here.alarms.tell()
        (owed,) = await here.store.alarms.due()  # a machine that slept, or whose clock was set, did not try for three days
        while owed.tries < FEWEST:
            here.clock.move(minutes=15)
            await here.alarms.tell()
            (owed,) = await here.store.alarms.due()
        here.clock.move(minutes=15)
        await here.alarms.tell()
        assert await here.store.alarms.due() == ()
        assert (here.posts, here.letters) == ([], ["Alarme"])


def test_waits_grow_to_a_quarter_of_an_hour() -> None:
    waits = [wait_of(tries).total_seconds() for tries in range(8)]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert wait_of(10_000) == wait_of(7)


async def test_a_way_taken_out_of_the_settings_is_owed_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        await here.hook.down()
        here.connected = False
        await here.passes(12, each=6)
        await here.store.alarms.forget_ways(["email"])
        assert await here.store.alarms.due() == ()


async def test_a_store_that_cannot_be_written_is_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 1)
    async with a_house(tmp_path) as here:
        await here.passes(1)
        here.hook.statuses = [500]
        with closing(sqlite3.connect(here.settings.store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await here.passes(18, each=6)
            assert (here.posts, here.letters) == (["raised"], ["Alarme"])
            assert here.hook.told[0]["code"] == "store_unwritable"
        await here.passes(3)
        assert (here.posts, here.letters) == (["raised", "over"], ["Alarme", "Fini"])


async def test_a_service_that_is_gone_is_told_once_and_is_over_when_it_is_back(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        await here.store.close()
        here.hook.statuses = [500]
        assert await tell_failed(here.settings, here.clock, "exit-code") == (("email",), ("webhook",))
        here.clock.move(minutes=5)
        assert await tell_failed(here.settings, here.clock, "exit-code") == (("webhook",), ())
        assert await tell_failed(here.settings, here.clock, "exit-code") == ((), ())
        here.store = Store(here.settings.store.path, here.clock)
        await here.store.open()
        here.restart()
        await here.passes(2)
        assert (here.posts, here.letters) == (["raised", "over"], ["Alarme", "Fini"])
        assert "exit-code" in here.hook.told[0]["what"]
        await here.store.close()


async def test_a_service_that_is_gone_with_its_store_is_told_too(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        await here.store.close()
        here.settings.store.path.write_bytes(b"no database at all" * 100)
        here.hook.statuses = [500]
        assert await tell_failed(here.settings, here.clock, "start-limit-hit") == (("email",), ())


async def test_a_service_that_is_gone_with_a_store_that_takes_nothing_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens, as one on a full disk does, and cannot be written."""
    async with a_house(tmp_path) as here:
        await here.store.close()
        monkeypatch.setattr(database, "_BUSY_MS", 1)
        with closing(sqlite3.connect(here.settings.store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await tell_failed(here.settings, here.clock, "exit-code") == (("email", "webhook"), ())
        assert (here.posts, here.letters) == (["raised"], ["Alarme"])


async def test_who_was_put_off_gets_it_later_and_the_others_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as here:
        here.box.refuses = ["451 greylisted"]  # the first address, once
        here.connected = False
        await here.passes(12, each=6)
        assert (len(here.box.letters), here.box.taken) == (1, [TO[1]])
        (owed,) = await here.store.alarms.due()
        assert f"took it for {TO[1]}; refused: {TO[0]} (451 greylisted)" in owed.error
        await here.passes(6, each=6)
        assert (here.box.taken, await here.store.alarms.due()) == ([TO[1], TO[0]], ())
        here.box.refuses = ["451 greylisted"]
        await here.store.close()
        assert await tell_failed(here.settings, here.clock, "exit-code") == (("email", "webhook"), ())  # no memory there: told once


async def test_it_looks_by_itself_and_ends_when_told(tmp_path: Path) -> None:
    async with a_house(tmp_path, after="0s") as here:
        here.connected = False
        running = asyncio.create_task(here.alarms.run())
        while not here.hook.told:  # noqa: ASYNC110 - the receiver tells nobody
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
