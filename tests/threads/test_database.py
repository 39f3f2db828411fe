"""The file: lock, mode, durability settings, one writer, notices after commit, what it refuses to open."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ari_app.errors import StoreClosedError, StoreError, StoreLockedError
from ari_app.events import Notice, ThreadChanged
from ari_app.threads import migrations
from ari_app.threads.database import Database, Transaction

HOLDER = """
import asyncio, sys
from pathlib import Path
from ari_app.threads.database import Database
async def hold():
    database = Database(Path(sys.argv[1]))
    await database.open()
    print("held", flush=True)
    await asyncio.Event().wait()
asyncio.run(hold())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "textback.db"


def start_holder(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True)


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def foreign(path: Path) -> None:
    """A database of somebody else's."""
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE songs (name)")
    other.close()


def damage(path: Path) -> bytes:
    """Overwrite pages in the middle; what the file is then."""
    content = bytearray(path.read_bytes())
    content[-4096 * 8 : -4096 * 4] = b"\xff" * 4096 * 4
    path.write_bytes(content)
    return bytes(content)


def content(path: Path) -> bytes:
    return path.read_bytes()


def a_thread(tx: Transaction) -> int:
    return tx.insert("thread", {"line": "main", "number": None, "state": "done", "created": "2026", "changed": "2026"})


async def test_settings_of_the_writer(path: Path) -> None:
    database = Database(path)
    await database.open()
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    def look(tx: Transaction) -> dict[str, object]:
        return {name: tx.value(f"PRAGMA {name}") for name in wanted}

    assert await database.write(look) == wanted
    await database.close()


@pytest.mark.parametrize("umask", [0o000, 0o777])
async def test_files_are_the_owners_alone_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = Database(path)
        await database.open()
        await database.write(a_thread)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    await database.close()
    assert modes == dict.fromkeys(("textback.db", "textback.db.key", "textback.db.lock", "textback.db-shm", "textback.db-wal"), 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_root_writes_as_the_owner_of_the_folder(path: Path) -> None:
    os.chown(path.parent, 12345, 12345)
    database = Database(path)
    await database.open()
    await database.write(a_thread)
    owners = {(file.stat().st_uid, file.stat().st_gid) for file in path.parent.iterdir()}
    await database.close()
    assert owners == {(12345, 12345)}


STRANGER = """
import asyncio, os, sys
from pathlib import Path
from ari_app.errors import StoreError
from ari_app.threads.database import Database
os.setgroups([]); os.setegid(65534); os.seteuid(65534)
async def look(read_only):
    try:
        await Database(Path(sys.argv[1]), read_only=read_only).open()
    except StoreError as error:
        print(error)
for read_only in (True, False):
    asyncio.run(look(read_only))
"""


def as_stranger(path: Path) -> str:
    return subprocess.run([sys.executable, "-c", STRANGER, path], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("there", [True, False])
async def test_another_user_is_told_whom_to_run_it_as(path: Path, there: bool) -> None:
    if there:
        database = Database(path)
        await database.open()
        await database.close()
    told = await asyncio.to_thread(as_stranger, path)
    assert told.count("(Permission denied). run it as root\n") == 2, told


async def test_a_second_writer_is_refused_until_the_first_is_gone(path: Path) -> None:
    with start_holder(path) as holder:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
        second = Database(path)
        with pytest.raises(StoreLockedError, match=str(holder.pid)):
            await second.open()
        await second.close()
        holder.send_signal(signal.SIGKILL)
    third = Database(path)
    await third.open()
    await third.write(a_thread)
    await third.close()


async def test_the_lock_holds_within_one_process_and_through_links(path: Path) -> None:
    first = Database(path)
    await first.open()
    link = path.with_name("link.db")
    link.symlink_to(path)
    second = Database(link)
    with pytest.raises(StoreLockedError):
        await second.open()
    await first.close()
    await second.close()
    again = Database(link)
    await again.open()
    await again.close()


async def test_read_only_beside_a_writer_and_alone(path: Path) -> None:
    writer = Database(path)
    await writer.open()
    await writer.write(a_thread)
    for state in ("beside", "alone"):
        if state == "alone":
            await writer.close()
            assert not path.with_name("textback.db-wal").exists()
        reader = Database(path, read_only=True)
        await reader.open()
        assert await reader.read(lambda r: r.value("SELECT count(*) FROM thread")) == 1
        with pytest.raises(StoreError, match="reading only"):
            await reader.write(a_thread)
        with pytest.raises(StoreError, match="readonly"):
            await reader.read(lambda r: r.value("DELETE FROM thread RETURNING id"))
        await reader.close()


async def test_read_only_refuses_what_is_not_there_or_too_old(path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        await Database(path, read_only=True).open()
    assert list(path.parent.iterdir()) == []
    put(path, b"")
    with pytest.raises(StoreError, match="older textback"):
        await Database(path, read_only=True).open()


async def test_what_was_read_first_stays_through_one_question(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.write(a_thread)
    looked, written = threading.Event(), threading.Event()

    def twice(reader: object) -> tuple[int, int]:
        count = "SELECT count(*) FROM thread"
        before = reader.value(count)  # type: ignore[attr-defined]
        looked.set()
        assert written.wait(20)
        return before, reader.value(count)  # type: ignore[attr-defined]

    question = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(looked.wait, 20)
    await database.write(a_thread)
    written.set()
    assert await question == (1, 1)
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 2
    await database.close()


async def test_a_write_that_fails_in_the_middle_changes_nothing_and_says_nothing(path: Path) -> None:
    heard: list[tuple[Notice, ...]] = []
    database = Database(path, on_notices=heard.append)
    await database.open()

    def fails(tx: Transaction) -> None:
        tx.notify(ThreadChanged(a_thread(tx)))
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        await database.write(fails)
    assert heard == []
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 0
    await database.write(a_thread)
    await database.close()


async def test_notices_come_after_the_commit_on_the_loop_before_the_result(path: Path) -> None:
    heard: list[tuple[object, ...]] = []
    loop_thread = threading.get_ident()

    def hear(notices: tuple[Notice, ...]) -> None:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
            seen = other.execute("SELECT count(*) FROM thread").fetchone()[0]
        other.close()
        heard.append((notices, seen, threading.get_ident() == loop_thread))

    database = Database(path, on_notices=hear)
    await database.open()

    def work(tx: Transaction) -> int:
        thread = a_thread(tx)
        tx.notify(ThreadChanged(thread))
        tx.notify(ThreadChanged(thread))
        return thread

    thread = await database.write(work)
    assert heard == [((ThreadChanged(thread),), 1, True)]
    await database.close()


async def test_what_waits_together_is_one_commit_and_each_has_its_own_result(path: Path) -> None:
    """The writer is held up, so that all of them wait; one of them fails, and only that one leaves nothing."""
    heard: list[tuple[Notice, ...]] = []
    database = Database(path, on_notices=heard.append)
    await database.open()
    held, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        held.set()
        assert go_on.wait(20)

    def work(tx: Transaction) -> int:
        thread = a_thread(tx)
        tx.notify(ThreadChanged(thread))
        return thread

    def fails(tx: Transaction) -> None:
        work(tx)
        raise RuntimeError("in the middle")

    first = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(held.wait, 20)
    commits: list[str] = []
    jobs: list[Callable[[Transaction], object]] = [lambda tx: tx.connection.set_trace_callback(commits.append), work, fails, work]
    writes = [asyncio.create_task(database.write(one)) for one in jobs]
    await asyncio.sleep(0)  # each has asked
    go_on.set()
    await first
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [str(one) for one in results] == ["None", "1", "in the middle", "2"]
    assert heard == [(ThreadChanged(1),), (ThreadChanged(2),)]
    assert commits.count("COMMIT") == 1
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 2
    await database.close()


async def test_a_rollback_of_everything_is_told_to_all_that_were_together(path: Path) -> None:
    """As SQLite does by itself on a full disk: nothing was kept, and nobody is told otherwise."""
    database = Database(path)
    await database.open()
    held, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        held.set()
        assert go_on.wait(20)

    def all_lost(tx: Transaction) -> None:
        tx.connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    first = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(held.wait, 20)
    writes = [asyncio.create_task(database.write(one)) for one in (a_thread, all_lost, a_thread)]
    await asyncio.sleep(0)
    go_on.set()
    await first
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(one) for one in results] == [StoreError] * 3
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 0
    assert await database.write(a_thread) == 1
    await database.close()


@pytest.mark.parametrize("where", ["in a work", "at the commit"])
async def test_the_bug_of_one_that_undoes_all_is_told_to_the_others_as_a_write_to_try_again(path: Path, where: str) -> None:
    """Who hears of a bug gives up; who shared its transaction must not."""
    database = Database(path)
    await database.open()
    held, go_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        held.set()
        assert go_on.wait(20)

    def wrong(tx: Transaction) -> None:
        if where == "in a work":
            tx.connection.execute("ROLLBACK")
            raise RuntimeError("in the middle")
        tx.run("PRAGMA defer_foreign_keys=ON")
        tx.insert("part", {"message": 99, "number": 1, "pdu": "", "length": 0, "state": "queued"})

    first = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(held.wait, 20)
    works: tuple[Callable[[Transaction], object], ...] = (a_thread, wrong, a_thread)
    writes = [asyncio.create_task(database.write(one)) for one in works]
    await asyncio.sleep(0)
    go_on.set()
    await first
    before, _, after = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(before), type(after)] == [StoreError] * 2
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 0
    with pytest.raises((RuntimeError, sqlite3.IntegrityError)):
        await database.write(wrong)  # alone it hears of its own
    assert await database.write(a_thread) == 1
    await database.close()


async def test_a_listener_that_fails_does_not_take_the_result_away(path: Path) -> None:
    def broken(_: tuple[Notice, ...]) -> None:
        raise RuntimeError("a deaf listener")

    def work(tx: Transaction) -> int:
        thread = a_thread(tx)
        tx.notify(ThreadChanged(thread))
        return thread

    database = Database(path, on_notices=broken)
    await database.open()
    thread = await database.write(work)
    assert await database.read(lambda r: r.value("SELECT max(id) FROM thread")) == thread
    await database.close()


async def test_close_finishes_what_was_asked_and_takes_nothing_more(path: Path) -> None:
    database = Database(path)
    await database.open()
    writes = [asyncio.ensure_future(database.write(a_thread)) for _ in range(50)]
    await asyncio.sleep(0)
    closing = [asyncio.ensure_future(database.close()) for _ in range(2)]
    await asyncio.gather(*closing)
    await database.close()
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 51))
    for late in (database.write(a_thread), database.read(lambda r: r.value("SELECT 1"))):
        with pytest.raises(StoreClosedError):
            await late
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM thread").fetchone()[0] == 50
    other.close()


async def test_a_caller_that_is_cancelled_leaves_its_write_whole(path: Path) -> None:
    heard: list[tuple[Notice, ...]] = []
    database = Database(path, on_notices=heard.append)
    await database.open()
    go = threading.Event()

    def slow(tx: Transaction) -> None:
        assert go.wait(20)
        tx.notify(ThreadChanged(a_thread(tx)))

    write = asyncio.create_task(database.write(slow))
    await asyncio.sleep(0)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    go.set()
    assert await database.write(lambda tx: tx.value("SELECT count(*) FROM thread")) == 1
    assert len(heard) == 1
    await database.close()


async def test_a_full_disk_is_an_error_that_names_the_fix_and_passes(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.write(lambda tx: tx.value("PRAGMA max_page_count = 1"))  # SQLite raises it to the pages in use

    def much(tx: Transaction) -> None:
        for _ in range(2000):
            a_thread(tx)

    with pytest.raises(StoreError, match="free space"):
        await database.write(much)
    await database.write(lambda tx: tx.value("PRAGMA max_page_count = 1000000"))
    await database.write(much)
    assert await database.read(lambda r: r.value("SELECT count(*) FROM thread")) == 2000
    await database.close()


async def test_somebody_elses_transaction_is_an_error_that_names_the_fix_and_passes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.threads.database._BUSY_MS", 10)
    database = Database(path)
    await database.open()
    with sqlite3.connect(path, isolation_level=None) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as told:
            await database.write(a_thread)
        shell.execute("ROLLBACK")
    shell.close()
    assert "sqlite3 shell" in told.value.fix
    assert await database.write(a_thread) == 1
    await database.close()


async def test_opened_twice_from_blank(path: Path) -> None:
    schema = []
    for _ in range(2):
        database = Database(path)
        await database.open()
        schema.append(await database.read(lambda r: [tuple(row) for row in r.all("SELECT name, sql FROM sqlite_master ORDER BY name")]))
        assert await database.read(lambda r: [row["name"] for row in r.all("SELECT name FROM _sqlite_migrations")]) == [
            "m001_threads",
            "m002_pool",
            "m003_portal",
            "m004_contacts",
            "m005_privacy",
            "m006_alarms",
        ]
        await database.close()
    assert schema[0] == schema[1]


async def test_a_migration_that_fails_leaves_no_trace(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)

    def no_attempts(action: int, name: str | None, *_: str | None) -> int:
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_TABLE and name == "attempt" else sqlite3.SQLITE_OK

    connection.set_authorizer(no_attempts)
    with pytest.raises(sqlite3.DatabaseError):
        migrations.migrate(connection)
    connection.close()
    with sqlite3.connect(path) as other:
        left = [row[0] for row in other.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE '%sqlite%'")]
    other.close()
    assert left == []
    database = Database(path)
    await database.open()
    await database.write(a_thread)
    await database.close()


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    database = Database(path)
    await database.open()
    await database.close()
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('textback', 'm999_later', '2036')")
    other.close()
    for read_only in (False, True):
        with pytest.raises(StoreError, match="newer textback"):
            await Database(path, read_only=read_only).open()


async def test_other_files_are_refused(path: Path) -> None:
    put(path, b"this is a letter, not a database, and it is long enough to be taken for one" * 20)
    with pytest.raises(StoreError, match="not a database"):
        await Database(path).open()
    foreign(path)
    with pytest.raises(StoreError, match="not textback's"):
        await Database(path).open()
    with pytest.raises(StoreError, match="no folder"):
        await Database(path.parent / "nowhere" / "textback.db").open()


async def test_a_damaged_file_is_refused(path: Path) -> None:
    database = Database(path)
    await database.open()

    def many(tx: Transaction) -> None:
        for _ in range(3000):
            a_thread(tx)

    await database.write(many)
    await database.close()
    before = damage(path)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        await Database(path).open()
    assert content(path) == before


async def test_a_clean_close_leaves_one_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "t.db")
    await database.open()
    await database.write(lambda tx: tx.run("INSERT INTO counter (name, value) VALUES ('x', 1)"))
    assert await database.read(lambda reader: reader.value("SELECT value FROM counter WHERE name = 'x'")) == 1
    await database.close()
    assert not (tmp_path / "t.db-wal").exists()


async def test_a_large_damaged_file_is_found_out_beside_the_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The opening does not wait for the end of the look: what it left out is looked at after it."""
    database = Database(path)
    await database.open()

    def many(tx: Transaction) -> None:
        for _ in range(3000):
            a_thread(tx)

    await database.write(many)
    await database.close()
    monkeypatch.setattr("ari_app.threads.database._LOOK_FOR", 0)
    sound = Database(path)
    await sound.open()
    await sound.check()
    await sound.close()
    damage(path)
    damaged = Database(path)
    await damaged.open()
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        await damaged.check()
    await damaged.close()
