"""Keeping in step: a file as another program rewrites it, sources that vanish, halve or fail, what staff edited. A real store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_app.contacts.source_csv import FileSource, UnsettledError
from ari_app.contacts.sync import Sync
from ari_app.errors import SettingsError
from ari_app.person import Synced
from ari_app.settings import Settings, parse
from ari_app.threads import Store
from tests.threads.world import ANNE, HandClock


class StepClock(HandClock):
    """One task sleeps by it: ``step`` goes on by seconds, one at a time, and each time waits until the task sleeps again."""

    def __init__(self) -> None:
        super().__init__()
        self._asleep = asyncio.Event()
        self.seconds = 0.0
        """For which it sleeps."""

    async def sleep(self, seconds: float) -> None:
        self.seconds = seconds
        self._asleep.set()
        await super().sleep(seconds)

    async def settled(self) -> None:
        """The task sleeps."""
        await asyncio.wait_for(self._asleep.wait(), 20)

    async def wake(self, seconds: float | None = None) -> None:
        """Go on, by as long as the task sleeps."""
        await self.settled()
        self._asleep.clear()
        self.move(seconds=self.seconds if seconds is None else seconds)

    async def step(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            await self.wake(1)
            await self.settled()


@dataclass
class World:
    folder: Path
    store: Store
    clock: StepClock

    @property
    def file(self) -> Path:
        return self.folder / "clients.csv"

    def settings(self, **source: Any) -> Settings:
        given = source or {"kind": "csv", "path": str(self.file)}
        return parse(
            {
                "clinic": {"name": "Clinique", "number": "+15145550199"},
                "pbx": {"username": "u", "password": "p"},
                "contacts": {"source": given},
            }
        )

    def sync(self, **source: Any) -> Sync:
        return Sync(self.settings(**source), self.store.contacts, self.clock)

    def write(self, ids: Iterable[int], name: str = "Roy") -> None:
        """As programs that care do: beside it, then over it."""
        beside = self.folder / "clients.tmp"
        beside.write_text(table(ids, name))
        beside.replace(self.file)

    async def names(self) -> list[str]:
        return sorted(person.name for person in await self.store.contacts.find("", limit=1000))

    async def state(self) -> Synced:
        (found,) = await self.store.contacts.states()
        return found


def table(ids: Iterable[int], name: str = "Roy") -> str:
    return "id;nom;tel\n" + "".join(f"{n};{name} {n:02};514 555-{n:04}\n" for n in ids)


def named(ids: Iterable[int], name: str = "Roy") -> list[str]:
    return [f"{name} {n:02}" for n in ids]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = StepClock()
    store = Store(tmp_path / "textback.db", clock)
    await store.open()
    try:
        yield World(tmp_path, store, clock)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def running(sync: Sync) -> AsyncIterator[None]:
    task = asyncio.create_task(sync.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- one look


async def test_additions_changes_and_removals(world: World) -> None:
    sync = world.sync()
    world.write(range(1, 13))
    look = await sync.once()
    assert (look.synced.added, look.synced.total, look.unchanged, look.rows) == (12, 12, 0, 12)
    world.file.write_text(table(range(3, 13)).replace("Roy 03", "Roy Trois") + "13;Côté;514 555-0013\n14;Sans;\n")
    look = await sync.once()
    assert (look.synced.added, look.synced.changed, look.synced.removed, look.synced.refused, look.unchanged) == (1, 1, 2, 1, 9)
    assert await world.names() == ["Côté", *named(range(4, 13)), "Roy Trois"]
    again = await sync.once()
    assert (again.synced.added, again.synced.changed, again.synced.removed, again.unchanged) == (0, 0, 0, 11)
    assert await world.state() == replace(again.synced, good=world.clock.at)


async def test_what_staff_edited_wins_until_it_is_released(world: World) -> None:
    sync = world.sync()
    world.write(range(1, 13))
    await sync.once()
    contacts = world.store.contacts
    (person,) = await contacts.find("+15145550001")
    kept: dict[str, Any] = {"kind": person.kind, "language": person.language, "tags": person.tags, "numbers": person.numbers}
    await contacts.save(person.id, name="Marie", **kept, by=ANNE)
    world.write(range(1, 13), "Côté")
    await sync.once()
    assert (await contacts.get(person.id)).name == "Marie"
    await contacts.release(person.id, None, ANNE)
    assert (await contacts.get(person.id)).name == "Côté 01"
    await contacts.save(person.id, name="Marie", **kept, by=ANNE)
    world.write(range(2, 13), "Côté")
    assert (await sync.once()).synced.removed == 1
    stays = await contacts.get(person.id)
    assert (stays.source, stays.name) == ("here", "Marie")


@pytest.mark.parametrize(("left", "obeyed"), [(0, False), (5, False), (6, True)])
async def test_a_source_that_halves_is_refused_and_forced_once(world: World, left: int, obeyed: bool) -> None:
    sync = world.sync()
    world.write(range(1, 13))
    await sync.once()
    good = world.clock.at
    world.clock.move(hours=1)
    world.write(range(1, left + 1))
    look = await sync.once()
    if obeyed:
        assert (look.synced.state, look.synced.removed) == ("ok", 12 - left)
        return
    assert (look.synced.state, look.synced.total, look.synced.removed) == ("refused", 12, 0)
    assert f"{left} of the 12 contacts" in look.synced.what
    assert "--force" in look.synced.fix
    assert await world.names() == named(range(1, 13))
    assert (await world.state()).good == good
    assert (await sync.once(force=True)).synced.state == "ok"
    assert await world.names() == named(range(1, left + 1))


async def test_a_source_that_has_others_instead_is_refused(world: World) -> None:
    """As many, and yet not the clinic's: another database, or one whose ids were all given anew."""
    sync = world.sync()
    world.write(range(1, 13))
    await sync.once()
    world.write(range(101, 113))
    look = await sync.once()
    assert (look.synced.state, look.synced.what) == (
        "refused", "the source has 0 of the 12 contacts it had before (and 12 others): nothing was changed",
    )  # fmt: skip
    assert await world.names() == named(range(1, 13))
    assert (await sync.once(force=True)).synced.removed == 12


async def test_few_may_become_fewer_but_never_none(world: World) -> None:
    sync = world.sync()
    world.write(range(1, 10))
    await sync.once()
    world.write([1])
    assert (await sync.once()).synced.state == "ok"
    world.write([])
    assert (await sync.once()).synced.state == "refused"
    assert await world.names() == ["Roy 01"]


async def test_rows_that_became_useless_count_as_gone(world: World) -> None:
    sync = world.sync()
    world.write(range(1, 13))
    await sync.once()
    world.file.write_text(table(range(1, 13)).replace("514 555-", "5.14E+"))
    assert (await sync.once()).synced.state == "refused"
    assert await world.names() == named(range(1, 13))


async def test_a_dry_look_writes_nothing(world: World) -> None:
    world.write(range(1, 13))
    look = await world.sync().once(dry=True)
    assert (look.synced.added, look.dry) == (12, True)
    assert await world.names() == []
    assert await world.store.contacts.states() == ()


async def test_no_source_is_said(world: World) -> None:
    settings = parse({"clinic": {"name": "C", "number": "+15145550199"}, "pbx": {"username": "u", "password": "p"}})
    with pytest.raises(SettingsError, match=r"contacts\.source"):
        await Sync(settings, world.store.contacts, world.clock).once()


async def test_nobodys_name_or_number_is_in_a_log(world: World) -> None:
    world.write(range(1, 13))
    with capture_logs() as logs:
        async with running(world.sync()):
            await world.clock.step(3)
            world.file.write_text("514 555-0101;Roy\n")
            await world.clock.step(4)
    assert {each["log_level"] for each in logs} == {"info", "warning"}
    assert "Roy" not in str(logs)
    assert "514" not in str(logs)


# -- a file that another program writes


async def test_a_file_is_read_when_it_is_still_and_only_when_it_was_written(world: World) -> None:
    world.write(range(1, 13))
    async with running(world.sync()):
        await world.clock.step(3)
        assert await world.names() == named(range(1, 13))
        at = (await world.state()).at
        await world.clock.step(30)
        assert (await world.state()).at == at
        world.write(range(1, 15))
        await world.clock.step(4)
        assert await world.names() == named(range(1, 15))


async def test_a_file_that_is_written_slowly_is_not_read_before_it_is_still(world: World) -> None:
    world.write(range(1, 13))
    async with running(world.sync()):
        await world.clock.step(3)
        whole = table(range(1, 31), "Côté")
        with world.file.open("w") as out:
            for line in whole.splitlines(keepends=True):
                out.write(line)
                out.flush()
                await world.clock.step()
                assert await world.names() == named(range(1, 13))
        await world.clock.step(4)
        assert await world.names() == named(range(1, 31), "Côté")


async def test_who_is_missing_in_a_file_just_written_is_removed_only_when_it_stays_so(world: World) -> None:
    """Its writer was held up for longer than a file must be still: the rest comes."""
    world.write(range(1, 13))
    async with running(world.sync()):
        await world.clock.step(3)
        before = {person.id for person in await world.store.contacts.find("", limit=100)}
        world.file.write_text(table(range(1, 9)))
        await world.clock.step(8)
        assert await world.names() == named(range(1, 13))
        world.write(range(1, 14))
        await world.clock.step(4)
        assert await world.names() == named(range(1, 14))
        assert before < {person.id for person in await world.store.contacts.find("", limit=100)}
        world.write(range(1, 9))
        await world.clock.step(8)
        assert len(await world.names()) == 13
        await world.clock.step(20)
        assert await world.names() == named(range(1, 9))


async def test_a_file_that_is_gone_is_told_and_changes_nothing(world: World) -> None:
    world.write(range(1, 13))
    async with running(world.sync()):
        await world.clock.step(3)
        world.file.unlink()
        await world.clock.step(5)
        assert (await world.state()).state == "ok"  # written anew by a program that deletes first
        await world.clock.step(20)
        state = await world.state()
        assert (state.state, state.total) == ("refused", 12)
        assert "there is no file" in state.what
        assert await world.names() == named(range(1, 13))
        world.write(range(1, 14))
        await world.clock.step(4)
        assert ((await world.state()).state, len(await world.names())) == ("ok", 13)


async def test_a_file_that_is_not_understood_is_told_and_tried_again(world: World) -> None:
    world.file.write_text("id;nom\n1;Roy\n")
    async with running(world.sync(kind="csv", path=str(world.file), every="10s")):
        await world.clock.step(3)
        state = await world.state()
        assert (state.state, state.code) == ("failed", "columns")
        assert "phone numbers" in state.what
        at = state.at
        await world.clock.step(11)
        assert (await world.state()).at > at
        world.write([1])
        await world.clock.step(4)
        assert (await world.state()).state == "ok"


async def test_what_is_written_while_it_is_read_is_not_taken(world: World) -> None:
    world.write(range(1, 13))
    source = world.settings().contacts.source
    assert source is not None
    for change in (lambda: world.write(range(1, 12)), lambda: world.file.write_text("id;nom"), world.file.unlink):
        world.write(range(1, 13))

        def look(change: Any = change) -> None:
            with FileSource(source).table() as rows:
                next(rows.rows)
                change()
                list(rows.rows)

        with pytest.raises(UnsettledError):
            look()


async def test_a_look_that_is_asked_for_waits_for_a_file_that_is_being_written(world: World) -> None:
    def write(ids: Iterable[int]) -> None:
        world.file.write_text(table(ids))
        os.utime(world.file, (world.clock.at.timestamp(),) * 2)

    write(range(1, 13))
    world.clock.move(seconds=5)
    await world.sync().once()
    write(range(1, 8))  # half of it, and then the rest
    look = asyncio.create_task(world.sync().once())
    await world.clock.settled()
    world.clock.move(seconds=1)
    write(range(1, 14))
    await world.clock.wake(1)
    await world.clock.wake(2)
    found = (await look).synced
    assert (found.state, found.total, found.added, found.removed) == ("ok", 13, 1, 0)


async def test_a_look_that_is_asked_for_waits_not_for_ever(world: World) -> None:
    def write() -> None:
        """Within the next sleep."""
        world.file.write_text(table(range(1, 13)))
        os.utime(world.file, (world.clock.at.timestamp() + 1,) * 2)

    write()
    world.clock.move(seconds=1.5)
    look = asyncio.create_task(world.sync().once())
    for _ in range(10):
        await world.clock.settled()
        write()
        await world.clock.wake(2)
    assert (await look).synced.state == "ok"


@pytest.fixture
async def silent() -> AsyncIterator[dict[str, Any]]:
    """A source that accepts, and never answers."""
    asked: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: asked.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield {"kind": "ldap", "server": f"ldap://127.0.0.1:{port}", "base": "dc=clinic"}
    server.close()
    for writer in asked:  # let the thread go
        writer.close()


async def test_a_source_that_hangs_holds_up_no_stop(world: World, silent: dict[str, Any]) -> None:
    task = asyncio.create_task(world.sync(**silent).run())
    async with asyncio.timeout(20):
        while not any(thread.name == "contacts" for thread in threading.enumerate()):  # noqa: ASYNC110 - a thread sets no event
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)


async def test_a_source_that_hangs_is_given_up(world: World, silent: dict[str, Any]) -> None:
    sync = Sync(world.settings(**silent), world.store.contacts, world.clock, patience=0.01)
    for _ in range(2):  # and holds up no later look
        look = await asyncio.wait_for(sync.once(), 20)
        assert (look.synced.state, look.synced.what) == ("failed", "the source did not end within 0.01 s")


# -- a database


async def test_a_database_that_is_down_is_asked_again_ever_more_slowly(world: World) -> None:
    path = world.folder / "clinic.db"
    source = {"kind": "sql", "url": f"sqlite:///{path}", "query": "SELECT id, nom, tel FROM client", "every": "60s"}
    async with running(world.sync(**source)):
        waits = []
        for _ in range(6):
            await world.clock.settled()
            assert (await world.state()).state == "failed"
            waits.append(world.clock.seconds)
            await world.clock.wake()
        assert waits[0] < 10
        assert waits[1] > waits[0]
        assert 48 <= waits[-1] <= 72  # every, and not all clinics at once
        await world.clock.settled()
        with contextlib.closing(sqlite3.connect(path)) as made:
            made.execute("CREATE TABLE client (id INTEGER, nom TEXT, tel TEXT)")
            made.execute("INSERT INTO client VALUES (1, 'Roy', '514 555-0101')")
            made.commit()
        await world.clock.wake()
        await world.clock.settled()
        assert ((await world.state()).state, await world.names(), world.clock.seconds) == ("ok", ["Roy"], 60)


async def test_what_a_library_fails_at_stops_no_service(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: FileSource) -> None:
        raise KeyError("Roy")

    monkeypatch.setattr(FileSource, "table", broken)
    world.write(range(1, 13))
    async with running(world.sync()):
        await world.clock.step(3)
        state = await world.state()
    assert (state.state, "KeyError" in state.what, "Roy" in state.what) == ("failed", True, False)


async def test_a_driver_that_is_missing_stops_no_service(world: World) -> None:
    async with running(world.sync(kind="sql", url="mssql://u:p@db/clinic", query="SELECT 1")):
        await world.clock.settled()
        state = await world.state()
        assert state.state == "failed"
        assert "asterisk-textback[sqlserver]" in state.fix
