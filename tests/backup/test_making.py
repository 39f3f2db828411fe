"""A backup is whole and sound while others write, leaves nothing half done, and never goes for a worse one."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.backup import held, last
from ari_app.backup.check import inspect
from ari_app.backup.manifest import read
from ari_app.backup.rotate import kept, kept_until
from ari_app.doctor_operate import judge_backup
from ari_app.errors import StoreError
from ari_app.settings import Settings
from tests.backup.clinic import NOW, backed_up, killed_at, sql, value


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_a_copy_is_named_by_its_time_private_and_listed(settings: Settings) -> None:
    folder = settings.store.backup.folder
    copy = backed_up(settings)
    assert copy.file == folder / "textback-20260305T031500Z.db"
    assert names(folder) == {copy.file.name, "manifest.json", "textback.key"}
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    assert (folder / "textback.key").read_bytes() == settings.store.path.with_name("textback.db.key").read_bytes()
    assert copy.sha256 == hashlib.sha256(copy.file.read_bytes()).hexdigest()
    assert (copy.bytes, copy.calls, copy.messages, copy.schema) == (copy.file.stat().st_size, 14, 10, "m006_alarms")
    assert held(settings) == (copy,)
    assert last(settings, NOW) == copy
    assert json.loads((folder / "manifest.json").read_text()) == [copy.document()]
    assert value(copy.file, "PRAGMA journal_mode") == "delete"  # one file


def test_a_copy_is_one_moment_while_somebody_writes(settings: Settings) -> None:
    """Two counters that are always changed together are the same in it, and the writer never waits for it."""
    path = settings.store.path
    stop, written = threading.Event(), []

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:  # any wait is a failure
            connection.execute("PRAGMA journal_mode=WAL")
            while not stop.is_set():
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO counter VALUES ('one', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
                connection.execute("INSERT INTO counter VALUES ('two', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
                connection.execute("COMMIT")
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not written:
            os.sched_yield()
        before = len(written)
        copy = backed_up(settings)
        during = len(written) - before
    finally:
        stop.set()
        writer.join()
    assert during > 0
    assert value(path, "SELECT value FROM counter WHERE name = 'one'") == len(written)
    one, two = (
        value(copy.file, question)
        for question in ("SELECT value FROM counter WHERE name = 'one'", "SELECT value FROM counter WHERE name = 'two'")
    )
    assert one == two >= before


def test_a_full_disk_leaves_nothing_and_takes_nothing(settings: Settings) -> None:
    folder = settings.store.backup.folder
    backed_up(settings)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StoreError, match="no backup was made") as caught:
            backed_up(settings, NOW + timedelta(days=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (caught.value.code, "free space" in caught.value.fix) == ("backup_failed", True)
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_damaged_store_is_not_copied_over_good_copies(settings: Settings) -> None:
    folder = settings.store.backup.folder
    for day in range(3):
        backed_up(settings, NOW + timedelta(days=day))
    before = names(folder)
    with settings.store.path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(os.urandom(8 * 4096))
    with pytest.raises(StoreError) as caught:
        backed_up(settings, NOW + timedelta(days=30))
    assert caught.value.code == "store_damaged"
    assert names(folder) == before


def test_an_index_that_lost_a_word_is_found(settings: Settings) -> None:
    with sql(settings.store.path) as connection:
        connection.execute("INSERT INTO contact_fts (contact_fts) VALUES ('delete-all')")
    with pytest.raises(StoreError, match="contact_fts"):
        inspect(settings.store.path)


def test_a_kill_at_any_step_leaves_sound_copies_and_the_next_one_clears_up(settings: Settings, tmp_path: Path) -> None:
    folder, later = settings.store.backup.folder, NOW + timedelta(days=1)
    first = backed_up(settings)
    shutil.copytree(folder, tmp_path / "before")
    events, step = frozenset({"os.rename", "os.remove", "sqlite3.connect"}), 1
    while killed_at(step, events, lambda: backed_up(settings, later)):
        whole = read(folder)
        assert first in whole or [copy.sha256 for copy in whole] == [None, first.sha256]
        assert [inspect(copy.file).calls for copy in whole] == [14] * len(whole)
        newest = backed_up(settings, later)
        assert last(settings, newest.at) == newest
        assert names(folder) == {copy.file.name for copy in held(settings)} | {"manifest.json", "textback.key"}
        assert all(copy.sha256 for copy in held(settings))
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "before", folder)
        step += 1
    assert step > 5


def test_copies_the_manifest_forgot_stay_as_long_as_others(settings: Settings) -> None:
    folder = settings.store.backup.folder
    for day in range(3):
        backed_up(settings, NOW + timedelta(days=day))
    (folder / "manifest.json").write_text("{not json")
    assert [copy.sha256 for copy in held(settings)] == [None] * 3
    assert last(settings, NOW) is None
    backed_up(settings, NOW + timedelta(days=3))
    assert [copy.at.day for copy in held(settings)] == [8, 7, 6, 5]
    assert all(copy.sha256 for copy in held(settings))


def test_a_broken_file_takes_no_place_of_a_sound_one(settings: Settings) -> None:
    store = settings.store.model_copy(update={"backup": settings.store.backup.model_copy(update={"daily": 1, "weekly": 0})})
    chosen = settings.model_copy(update={"store": store})
    broken = settings.store.backup.folder / "textback-20260306T031500Z.db"
    broken.write_bytes(b"half")
    good = backed_up(chosen)
    assert [copy.file for copy in held(chosen)] == [broken, good.file]
    assert last(chosen, NOW) == replace(good)
    newest = backed_up(chosen, NOW + timedelta(days=2))
    assert [copy.file for copy in held(chosen)] == [newest.file]


def test_doctor_says_when_there_was_none_when_it_is_old_and_when_it_lies_on_the_same_disk(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert judge_backup(settings, NOW, UTC).code == "backup_none"
    backed_up(settings)
    here = judge_backup(settings, NOW, UTC)
    assert (here.state, here.code) == ("warn", "backup_same_disk")
    assert "2026-03-05 03:15" in here.what
    assert judge_backup(settings, NOW + timedelta(days=3), UTC).code == "backup_old"
    folder = tmp_path_factory.mktemp("away")  # another file system than the store's
    store = settings.store.model_copy(update={"backup": settings.store.backup.model_copy(update={"folder": folder})})
    chosen = settings.model_copy(update={"store": store})
    backed_up(chosen)
    assert judge_backup(chosen, NOW, UTC).code == "backup"


# -- rotation


@pytest.fixture(scope="module")
def nights() -> list[datetime]:
    return [datetime(2026, 1, 1, 3, 15, tzinfo=UTC) + timedelta(days=day) for day in range(90)]


def test_seven_days_and_four_weeks_stay(nights: list[datetime]) -> None:
    here: frozenset[datetime] = frozenset()
    for night in nights:
        here = kept({*here, night}, 7, 4)
    told = sorted(here)
    assert told[-7:] == nights[-7:]
    assert [at.isoweekday() for at in told[:-8]] == [7, 7, 7]
    assert len(told) == 11


def test_a_copy_by_hand_does_not_cost_that_of_the_night(nights: list[datetime]) -> None:
    by_hand = nights[8] + timedelta(hours=9)
    here = kept({*nights[:9], by_hand}, 7, 4)
    assert {nights[8], by_hand} <= here
    here = kept({*here, nights[9]}, 7, 4)
    assert nights[8] not in here
    assert by_hand in here


def test_kept_until_is_when_it_goes(nights: list[datetime]) -> None:
    here: frozenset[datetime] = frozenset()
    for night in nights[:50]:
        here = kept({*here, night}, 7, 4)
    until = kept_until(here, 7, 4)
    for night in nights[50:]:
        gone = here - (here := kept({*here, night}, 7, 4))
        assert {at: until[at] for at in gone if at in until} == {at: night for at in gone if at in until}
    assert not set(until) & here


@given(st.sets(st.integers(0, 8000), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 9))
def test_the_newest_always_stays_and_staying_is_stable(hours: set[int], daily: int, weekly: int) -> None:
    times = {NOW + timedelta(hours=hour) for hour in hours}
    stay = kept(times, daily, weekly)
    today = {at for at in times if at.date() == max(times).date()}
    assert today <= stay
    assert len(stay - today) < daily + weekly
    assert kept(stay, daily, weekly) == stay
