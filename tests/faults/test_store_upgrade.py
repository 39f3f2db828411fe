"""Killed at each statement of an upgrade, from the first schema to this one: the store opens again, and is whole.

A killed process leaves the files as they are at that moment: they are copied before each statement, and each state they were in is opened.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from ari_app.backup.check import inspect
from ari_app.threads import Store, migrations
from tests.backup.conftest import tmp_path
from tests.faults.fault import Recorder, record
from tests.threads.test_migrating import made
from tests.threads.test_upgrades import MADE_BY_UPGRADE, NAMES, full, ours
from tests.threads.world import HandClock

__all__ = ["tmp_path"]


class Album:
    """Copies of a store's files, each state once."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._last: tuple[bytes, ...] = ()
        self.statements = 0
        self.states: list[Path] = []

    def look(self, _: str = "") -> None:
        self.statements += 1
        files = {end: self._path.with_name(self._path.name + end) for end in ("", "-wal")}
        found = tuple(file.read_bytes() if file.exists() else b"" for file in files.values())
        if found != self._last:
            self._last = found
            place = self._folder / f"{len(self.states):03d}"
            place.mkdir()
            for end, content in zip(files, found, strict=True):
                (place / f"textback.db{end}").write_bytes(content)
            self.states.append(place / "textback.db")


def upgraded(path: Path, folder: Path) -> Album:
    """Bring a file up to date as the store's writer does, with so little memory that pages are written before their commit."""
    album = Album(path, folder)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=4")
        connection.execute("PRAGMA cache_spill=4")
        connection.set_trace_callback(album.look)
        migrations.migrate(connection)
        album.look()
    return album


async def opened(path: Path) -> None:
    store = Store(path, HandClock())
    await store.open()
    await store.close()


@pytest.mark.parametrize("start", ["blank", "first"])
@pytest.mark.parametrize("every", [pytest.param(16, id="some"), pytest.param(1, id="all", marks=pytest.mark.bench)])
def test_each_statement(start: str, every: int, tmp_path: Path, record_property: Recorder) -> None:
    path, album = tmp_path / "textback.db", tmp_path / "album"
    album.mkdir()
    before: dict[str, int] = {}
    if start == "first":
        before = {name: count for name, count in ours(full(path, 1)).items() if name not in MADE_BY_UPGRADE}
    taken = upgraded(path, album)
    statements = sum(len(each) for each in list(migrations._EACH.values())[1 if before else 0 :])
    assert taken.statements > statements
    assert len(taken.states) > 2 * len(NAMES), "no state but those between commits was seen"
    slowest = 0.0
    for state in [*taken.states[::every], taken.states[-1]]:
        began = time.monotonic()
        asyncio.run(opened(state))
        slowest = max(slowest, time.monotonic() - began)
        assert inspect(state).current
        after = ours(state)
        assert {name: after[name] for name in before} == before, state.parent.name
    record(record_property, texts_lost=0, calls_lost=0, recovery_s=slowest)
    record_property("states", len(taken.states[::every]))


def test_made_is_the_first_schema(tmp_path: Path) -> None:
    """What is upgraded here is what the first version wrote, and holds rows."""
    assert sum(ours(made(tmp_path / "textback.db", 1)).values()) > 10
