"""The folder of the backups as somebody else left it: a manifest that lies, a clock that was wrong, links, no room."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ari_app.backup import held, last, make
from ari_app.backup.check import inspect
from ari_app.backup.restoring import chosen
from ari_app.cli import main
from ari_app.errors import StoreError
from ari_app.privacy import erasures
from ari_app.settings import Settings
from tests.backup.clinic import NOW, backed_up, put_back, sql

_NOBODY = 65534
LATER = NOW + timedelta(days=1)


def keeping(settings: Settings, **changes: Any) -> Settings:
    store = settings.store.model_copy(update={"backup": settings.store.backup.model_copy(update=changes)})
    return settings.model_copy(update={"store": store})


def edited(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    lines = json.loads(path.read_text())
    lines[0].update(changes)
    path.write_text(json.dumps(lines))


def test_a_manifest_that_names_a_file_elsewhere_takes_none_away(settings: Settings, tmp_path: Path) -> None:
    few = keeping(settings, daily=1, weekly=0)
    copy = backed_up(few)
    elsewhere = tmp_path / copy.file.name
    elsewhere.write_bytes(b"of somebody else")
    edited(copy.file.parent, file=f"../{copy.file.name}")
    assert [each.file for each in held(few)] == [copy.file]
    newest = backed_up(few, LATER)
    assert elsewhere.read_bytes() == b"of somebody else"
    assert [each.file for each in held(few)] == [newest.file]


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "2026-03-05T03:15:00"},
        {"at": "2036-01-01T00:00:00Z"},
        {"kept_until": "2026-03-12T03:15:00"},
        {"kept_until": 7},
        {"sha256": None},
        {"bytes": float("inf")},
        {"file": None},
    ],
    ids=str,
)
def test_a_line_that_was_changed_by_hand_stops_no_backup(settings: Settings, changes: dict[str, Any]) -> None:
    first = backed_up(settings)
    edited(first.file.parent, **changes)
    newest = backed_up(settings, LATER)
    assert [(each.at, each.sha256) for each in held(settings)] == [(newest.at, newest.sha256), (first.at, first.sha256)]
    assert all(each.kept_until for each in held(settings))


@pytest.mark.parametrize(
    "text", [b"\xff\xfe\x00", b"5", b"[" * 100_000, b"[5, null]", b"{}"], ids=["bytes", "number", "deep", "others", "object"]
)
def test_a_manifest_that_is_none_stops_no_backup_and_no_restore(settings: Settings, text: bytes) -> None:
    first = backed_up(settings)
    (first.file.parent / "manifest.json").write_bytes(text)
    assert chosen(settings, "latest", LATER) == first.file
    assert put_back(settings, first.file).held.calls == 14
    backed_up(settings, LATER)
    assert [each.at for each in held(settings) if each.sha256] == [LATER, NOW]


def test_a_clock_set_back_costs_no_copy(settings: Settings) -> None:
    few = keeping(settings, daily=2, weekly=0)
    good = [backed_up(few, NOW + timedelta(days=day)) for day in (0, 1)]
    back = backed_up(few, NOW - timedelta(days=400))
    assert back.file.exists()
    assert back.kept_until is not None
    assert {each.file for each in held(few)} == {back.file, *(each.file for each in good)}
    # right again: rotation goes on as if nothing had been
    newest = backed_up(few, NOW + timedelta(days=2))
    assert [each.file for each in held(few)] == [newest.file, good[1].file]


def test_a_copy_of_a_year_to_come_is_not_the_last_one(settings: Settings) -> None:
    """It takes no place of one that is made when the clock is right again, and hides from nobody that there is none any more."""
    few = keeping(settings, daily=2, weekly=0)
    ahead = backed_up(few, NOW + timedelta(days=3650))
    assert last(few, NOW) == ahead  # there is no other
    days = [backed_up(few, NOW + timedelta(days=day)) for day in range(4)]
    assert [each.file for each in held(few)] == [ahead.file, days[3].file, days[2].file]
    found = last(few, NOW + timedelta(days=9))
    assert found is not None
    assert found.file == days[3].file
    assert chosen(few, "latest", NOW + timedelta(days=9)) == days[3].file


def test_erasures_lie_with_copies_in_any_folder(settings: Settings, tmp_path: Path) -> None:
    told = erasures.Erasure(at="2026-03-05T03:16:00.000000Z", digest="ab" * 32)
    with sql(settings.store.path) as store:
        store.execute("INSERT INTO erasure (digest, at, who, counts) VALUES (?, ?, 'zoe', '{}')", (told.digest, told.at))
    folder = tmp_path / "usb"
    folder.mkdir(0o700)
    make(settings, NOW, folder=folder)
    assert erasures.read((folder / erasures.BACKUP_NAME,)) == (told,)


def test_one_backup_of_a_store_at_a_time(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    fd = os.open(settings.store.path.parent, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        for folder in (None, tmp_path / "other"):
            with pytest.raises(StoreError) as caught:
                make(settings, NOW, folder=folder)
            assert caught.value.code == "backup_busy"
    finally:
        os.close(fd)


def test_a_copy_that_is_being_made_is_named(settings: Settings) -> None:
    """Who is erased meanwhile is still in it."""
    being_made = settings.store.backup.folder / "textback-20260305T031500Z.db.partial"
    being_made.write_bytes(b"")
    assert [(each.file, each.at, each.sha256) for each in held(settings)] == [(being_made, NOW, None)]


def test_no_room_to_look_through_a_file_is_no_damage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own room, as of a full disk: the file is as it was, and nobody is told to restore."""
    connect = sqlite3.connect

    def small(name: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(name, *args, **options)
        if name == "":
            made.execute("PRAGMA max_page_count=20")
        return made

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StoreError) as caught:
        inspect(settings.store.path)
    assert caught.value.code == "store_unreadable"
    assert "full" in caught.value.what


@pytest.mark.skipif(os.geteuid() != 0, reason="of root")
def test_a_link_in_the_services_folder_leads_root_to_nothing_they_may_not_read(settings: Settings, tmp_path: Path) -> None:
    good = backed_up(settings).file
    private = tmp_path / "private"
    private.mkdir(0o700)
    shutil.copy(good, private / "copy.db")
    link = good.with_name("copy.db")
    link.symlink_to(private / "copy.db")
    for each in (tmp_path, *tmp_path.glob("textback.db*"), good.parent, *good.parent.iterdir()):
        os.chown(each, _NOBODY, _NOBODY, follow_symlinks=False)
    config = str(tmp_path / "textback.toml")
    refused = CliRunner().invoke(main, ["--config", config, "restore", str(link), "--yes", "--json"])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["code"] == "store_unreadable"
    # root's own file is root's to choose, and what is made of it is theirs
    done = CliRunner().invoke(main, ["--config", config, "restore", str(private / "copy.db"), "--yes", "--json"])
    assert done.exit_code == 0, done.stdout
    made = settings.store.path.stat()
    assert (made.st_uid, made.st_mode & 0o777) == (_NOBODY, 0o600)
    assert {each.stat().st_uid for each in tmp_path.glob("textback.db*")} == {_NOBODY}
