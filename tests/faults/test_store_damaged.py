"""A store that is damaged, before the start or under the running service: refused with the command that restores it, and that does."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from ari_app.backup import make
from ari_app.clock import SystemClock
from ari_app.errors import StoreError
from ari_app.service import Service
from ari_app.settings import load, parse
from ari_app.threads import Store
from ari_app.threads.database import Transaction
from modem.simulator import Simulator
from tests.contract.clinic import run, write_settings
from tests.faults.clinic import a_clinic, document, until
from tests.faults.fault import Recorder, record
from tests.pbx.fake_ari import FakeAri
from tests.threads.world import ALICE, BOB, Clerk, a_call

COMMAND = "textback restore latest"
PAGE = 4096


def damage(path: Path) -> None:
    """Every page but the first, as a dying SD card leaves them."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE)
        file.write(b"\xa5" * (size - PAGE))


def counted(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("call", "message")}  # noqa: S608  (ours)


def test_before_the_start(tmp_path: Path, record_property: Recorder) -> None:
    config = write_settings(tmp_path, f'[store.backup]\nfolder = "{tmp_path / "backups"}"')
    settings = load(config)
    path = settings.store.path

    async def morning() -> None:
        store, clerk = Store(path, SystemClock()), Clerk()
        await store.open()
        for number in (ALICE, BOB):
            call = a_call(number, ended=SystemClock().now())
            await store.record_call(call, clerk.first(call.ended), line="main")
        await store.close()

    asyncio.run(morning())
    (tmp_path / "backups").mkdir()
    make(settings, SystemClock().now())
    before = counted(path)
    damage(path)
    spoilt = path.read_bytes()
    refused = run(config, "run")
    assert (refused.exit_code, COMMAND in refused.stderr) == (1, True), refused.stderr
    assert path.read_bytes() == spoilt
    said = run(config, "doctor")
    assert COMMAND in said.stdout
    began = time.monotonic()
    restored = run(config, "restore", "latest", "--yes")
    assert restored.exit_code == 0, restored.stderr
    took = time.monotonic() - began
    lost = before["message"] - counted(path)["message"]
    record(record_property, texts_lost=lost, calls_lost=before["call"] - counted(path)["call"], recovery_s=took)
    assert counted(path) == before
    assert any(file.read_bytes() == spoilt for file in tmp_path.glob("textback.db.before-restore-*"))


async def test_under_the_running_service(tmp_path: Path, record_property: Recorder) -> None:
    path = tmp_path / "textback.db"
    async with a_clinic(tmp_path, path) as clinic:
        await clinic.misses(ALICE)
        await until("the first call is texted", lambda: clinic.texted(ALICE))
        make(clinic.settings, SystemClock().now())
        await clinic.service.store._database.fold()
        damage(path)
        with contextlib.suppress(StoreError):
            await clinic.service.store._database.write(_forgets)
        await clinic.misses(BOB)
        began = time.monotonic()
        with pytest.raises(StoreError) as ended:
            await asyncio.wait_for(asyncio.shield(clinic.running), 60)
        took = time.monotonic() - began
        assert ended.value.code == "store_damaged"
        assert COMMAND in ended.value.fix
        assert ended.value.status == 3  # systemd leaves it down
        texts = [len(clinic.sim.inbox(number)) for number in (ALICE, BOB)]
        record(record_property, texts_doubled=sum(max(count - 1, 0) for count in texts), recovery_s=took)
        assert texts == [1, 0]
    with pytest.raises(StoreError, match="is damaged"):
        await Store(path, SystemClock()).open()


async def test_where_the_start_did_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a large store: found beside the work, it ends the service for good, lest each start texts from it for a while."""
    path = tmp_path / "textback.db"
    store = Store(path, SystemClock())
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE spoilt (x)")
        for _ in range(9):
            connection.execute("INSERT INTO spoilt VALUES (zeroblob(3000))")
        connection.commit()
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'spoilt'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    monkeypatch.setattr("ari_app.threads.database._LOOK_FOR", 0)
    async with FakeAri.up() as ari, Simulator(tmp_path / "modem"):
        with pytest.raises(StoreError) as ended:
            await asyncio.wait_for(Service(parse(document(tmp_path, ari, path))).run(), 60)
    assert (ended.value.code, ended.value.status) == ("store_damaged", 3)


def _forgets(tx: Transaction) -> None:
    """As memory runs short: pages are read from the disk again."""
    tx.run("PRAGMA shrink_memory")
