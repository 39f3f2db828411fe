"""A restore: nothing goes twice, nobody's no is forgotten, and the store is one or the other, whole, at every moment."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ari_app.backup import Copy, held
from ari_app.backup.check import inspect
from ari_app.board import Box
from ari_app.errors import StoreError, StoreLockedError, TextbackError
from ari_app.privacy import erasures
from ari_app.settings import Settings
from ari_app.threads import Store, keyed
from ari_app.threads.place import Lock
from tests.backup.clinic import NOW, backed_up, killed_at, put_back, sql, value
from tests.contract.clinic import CAROL, DAVE, FRANK
from tests.faults.fault import Recorder, record
from tests.threads.world import ALICE, BOB, HandClock

LATER = NOW + timedelta(hours=1)
EXPIRES = (NOW + timedelta(days=1)).isoformat(timespec="microseconds").replace("+00:00", "Z")
AHEAD = (NOW + timedelta(days=3)).isoformat(timespec="microseconds").replace("+00:00", "Z")
TEXT = """INSERT INTO message (thread, direction, kind, text, state, at, act, due, expires, call, scheduled)
    SELECT id, 'out', ?, 'Été', ?, ?, ?, ?, ?, ?, ? FROM thread WHERE number = ? AND line = 'main'"""
AT = NOW.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.fixture
def waiting(settings: Settings) -> Copy:
    """A backup with a text in every state that could go by itself, none of which the clinic's day left."""
    with sql(settings.store.path) as store:
        store.execute("UPDATE message SET state = 'cancelled' WHERE state IN ('queued', 'sending')")
        call = store.execute("SELECT id FROM call WHERE caller = ? AND decision = 'pending'", (FRANK,)).fetchone()[0]
        store.execute("UPDATE message SET call = NULL WHERE call = ?", (call,))
        for kind, state, act, due, called, scheduled, number in (
            ("auto", "queued", "call:auto", AT, call, None, FRANK),
            ("staff", "queued", "client:staff", AT, None, None, BOB),
            ("staff", "sending", "client:claimed", AT, None, None, BOB),
            ("staff", "sending", "client:leaving", AT, None, None, ALICE),
            ("staff", "queued", "client:ahead", AHEAD, None, AHEAD, ALICE),
            ("notice", "queued", "notice:1", AT, None, None, DAVE),
        ):
            store.execute(TEXT, (kind, state, AT, act, due, EXPIRES if scheduled is None else AHEAD, called, scheduled, number))
        ids = {row["act"]: row["id"] for row in store.execute("SELECT id, act FROM message WHERE act IS NOT NULL")}
        for act, state in (("client:claimed", "queued"), ("client:leaving", "sending")):
            part = store.execute(
                "INSERT INTO part (message, number, pdu, length, state) VALUES (?, 1, '00', 1, ?)", (ids[act], state)
            ).lastrowid
        store.execute("INSERT INTO part (message, number, pdu, length, state) VALUES (?, 2, '01', 1, 'queued')", (ids["client:leaving"],))
        store.execute("INSERT INTO attempt (part, modem, started) VALUES (?, 'gsm1', ?)", (part, AT))
    return backed_up(settings)


def states(path: Path) -> dict[str, tuple[str, str | None]]:
    with sql(path) as store:
        rows = store.execute("SELECT act, state, code FROM message WHERE act IN ('call:auto', 'notice:1') OR act LIKE 'client:%'")
        return {row["act"]: (row["state"], row["code"]) for row in rows}


def would_go(settings: Settings, now: datetime) -> int:
    """Texts the outbox would take now, or at any time in the next days, after the service's own start."""

    async def look() -> int:
        clock = HandClock(now)
        store = Store(settings.store.path, clock)
        await store.open()
        found = 0
        for _ in range(5):
            agenda = await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)
            found += len(agenda.due)
            clock.move(days=1)
        await store.close()
        return found

    return asyncio.run(look())


def test_without_the_store_that_was_there_what_waited_may_have_gone(settings: Settings, waiting: Copy, record_property: Recorder) -> None:
    for end in ("", "-wal", "-shm"):
        settings.store.path.with_name(settings.store.path.name + end).unlink(missing_ok=True)
    done = put_back(settings, waiting.file, LATER)
    assert states(settings.store.path) == {
        "call:auto": ("unknown", "restored"),
        "client:staff": ("unknown", "restored"),
        "client:claimed": ("unknown", "restored"),
        "client:leaving": ("unknown", "restored"),
        "notice:1": ("unknown", "restored"),
        "client:ahead": ("failed", "restored"),
    } | {act: state for act, state in states(settings.store.path).items() if act not in TOLD}
    assert (done.before, done.settled.lost_calls, done.settled.texts) == (None, None, {"unknown": 5, "failed": 1})
    again = would_go(settings, LATER)
    record(record_property, texts_doubled=again)
    assert again == 0
    # it counts as sent: this caller's next missed call is in the cooldown
    question = "SELECT went IS NOT NULL AND claimed IS NOT NULL FROM message WHERE act = 'call:auto'"
    assert value(settings.store.path, question) == 1
    assert value(settings.store.path, "SELECT decision FROM call WHERE id = (SELECT call FROM message WHERE act = 'call:auto')") == "reply"


TOLD = ("call:auto", "client:staff", "client:claimed", "client:leaving", "notice:1", "client:ahead")


def test_a_report_that_comes_after_all_lets_no_second_part_go(settings: Settings, waiting: Copy) -> None:
    settings.store.path.unlink()
    put_back(settings, waiting.file, LATER)
    with sql(settings.store.path) as store:  # as reports.match does
        store.execute("UPDATE part SET state = 'sent' WHERE state = 'unknown'")
        store.execute("UPDATE message SET state = 'queued', due = ? WHERE act = 'client:leaving'", (AT,))
    assert would_go(settings, LATER) == 0


def test_the_store_that_was_there_knows_what_became_of_them(settings: Settings, waiting: Copy, record_property: Recorder) -> None:
    with sql(settings.store.path) as store:
        store.execute("UPDATE message SET state = 'delivered', went = ?, claimed = ? WHERE act = 'client:leaving'", (AT, AT))
        store.execute("UPDATE part SET state = 'delivered', reference = 7, modem = 'gsm1' WHERE state = 'sending'")
        store.execute("UPDATE part SET state = 'delivered', reference = 8, modem = 'gsm1' WHERE pdu = '01'")
        store.execute("UPDATE attempt SET outcome = 'sent', reference = 7 WHERE outcome IS NULL")
        store.execute("UPDATE message SET state = 'cancelled' WHERE act = 'client:ahead'")
        store.execute("UPDATE message SET state = 'sent', went = ? WHERE act = 'client:staff'", (AT,))
    done = put_back(settings, waiting.file, LATER)
    found = states(settings.store.path)
    assert {act: found[act] for act in TOLD} == {
        "client:leaving": ("delivered", None),
        "client:ahead": ("cancelled", None),
        "client:staff": ("sent", None),
        "client:claimed": ("unknown", "restored"),  # on its way there too
        "call:auto": ("expired", "restored"),  # waited there too
        "notice:1": ("expired", "restored"),
    }
    assert done.settled.lost_calls == 0
    assert value(settings.store.path, "SELECT reason FROM call WHERE id = (SELECT call FROM message WHERE act = 'call:auto')") == "stale"
    with sql(settings.store.path) as store:
        parts = store.execute(
            "SELECT p.state, p.reference, a.outcome FROM part p LEFT JOIN attempt a ON a.part = p.id JOIN message m ON m.id = p.message "
            "WHERE m.act = 'client:leaving' ORDER BY p.number"
        ).fetchall()
    assert [tuple(part) for part in parts] == [("delivered", 7, "sent"), ("delivered", 8, None)]
    again = would_go(settings, LATER)
    record(record_property, texts_doubled=again, calls_lost=done.settled.lost_calls)
    assert again == 0


@pytest.mark.parametrize("there", [True, False], ids=["with the store that was there", "without"])
def test_what_staff_wrote_and_did_not_go_is_shown_as_not_sent(settings: Settings, waiting: Copy, there: bool) -> None:
    if not there:
        settings.store.path.unlink()
    put_back(settings, waiting.file, LATER)

    async def not_sent() -> set[tuple[str | None, bool]]:
        store = Store(settings.store.path, HandClock(LATER))
        await store.open()
        try:
            return {(row.number, row.trouble) for row in await store.board.rows(Box.TROUBLE)}
        finally:
            await store.close()

    assert {(BOB, True), (ALICE, True)} <= asyncio.run(not_sent())
    question = (
        "SELECT count(*) FROM message WHERE kind = 'staff' AND code = 'restored' AND state IN ('failed', 'unknown') AND seen_to IS NULL"
    )
    assert value(settings.store.path, question) == 4


def test_a_restore_is_audited(settings: Settings) -> None:
    copy = backed_up(settings)
    put_back(settings, copy.file, LATER)
    with sql(settings.store.path) as store:
        row = store.execute("SELECT act, who, face, what FROM audit ORDER BY id DESC").fetchone()
    assert tuple(row) == ("restored", "shell", "shell", copy.file.name)


def test_the_store_that_was_there_may_be_of_a_newer_version(settings: Settings, waiting: Copy) -> None:
    """Back to an older version: what it knows is taken over as far as this one has a place for it, a refused PIN among it."""
    with sql(settings.store.path) as store:
        store.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('textback', 'm999_later', '2030')")
        for table in ("message", "part", "attempt", "contact", "consent"):
            store.execute(f"ALTER TABLE {table} ADD COLUMN of_later TEXT")
        store.execute("UPDATE message SET state = 'delivered', went = ?, claimed = ? WHERE act = 'client:leaving'", (AT, AT))
        store.execute("INSERT INTO pin_refused VALUES ('8914', 'digest', ?)", (AT,))
    put_back(settings, waiting.file, LATER)
    assert states(settings.store.path)["client:leaving"] == ("delivered", None)
    assert value(settings.store.path, "SELECT count(*) FROM part p JOIN message m ON m.id = p.message WHERE m.act = 'client:leaving'") == 2
    assert value(settings.store.path, "SELECT count(*) FROM pin_refused WHERE sim = '8914'") == 1
    assert would_go(settings, LATER) == 0


def test_a_no_since_the_backup_is_kept_and_a_yes_only_if_it_came_last(settings: Settings) -> None:
    copy = backed_up(settings)
    key = keyed.load_or_make(settings.store.path)
    stop, start = "2026-03-05T03:20:00.000000Z", "2026-03-05T03:30:00.000000Z"
    with sql(settings.store.path) as store:
        store.execute("UPDATE contact SET opted_out = ? WHERE number = ?", (stop, ALICE))
        store.execute("INSERT INTO contact (number, opted_out, created) VALUES ('+15145550177', ?, ?)", (stop, stop))
        store.execute("UPDATE contact SET opted_out = NULL WHERE number = ?", (DAVE,))
        store.execute("UPDATE contact SET opted_out = NULL WHERE number = ?", (BOB,))
        store.execute("INSERT INTO consent (number, at, act, how) VALUES (?, ?, 'opt_in', 'text')", (DAVE, start))
        store.execute("INSERT INTO opted_out VALUES (?, ?)", (keyed.digest(key, "+15145550188"), stop))
    done = put_back(settings, copy.file, LATER)
    with sql(settings.store.path) as store:
        out = {
            row["number"]: row["opted_out"] for row in store.execute("SELECT number, opted_out FROM contact WHERE opted_out IS NOT NULL")
        }
        assert out == {ALICE: stop, "+15145550177": stop}
        assert store.execute("SELECT count(*) FROM opted_out").fetchone()[0] == 1
        assert store.execute("SELECT count(*) FROM consent WHERE number = ? AND act = 'opt_in'", (DAVE,)).fetchone()[0] == 1
        assert store.execute("SELECT count(*) FROM session").fetchone()[0] == 0
    assert done.settled.opt_outs == 3
    # the store set aside is older than what is here now: it takes no no away
    again = put_back(settings, backed_up(settings, LATER).file, LATER)
    assert again.settled.opt_outs == 0
    assert value(settings.store.path, "SELECT count(*) FROM contact WHERE opted_out IS NOT NULL") == 2


def test_who_was_erased_since_stays_erased(settings: Settings) -> None:
    copy = backed_up(settings)
    key = keyed.load_or_make(settings.store.path)
    told = erasures.Erasure(digest=keyed.digest(key, ALICE), at="2026-03-05T03:16:00.000000Z")
    erasures.note(settings.store.backup.folder / erasures.BACKUP_NAME, [told])
    assert b"dent" in copy.file.read_bytes()
    done = put_back(settings, copy.file, LATER)
    assert done.erased == 1
    assert value(settings.store.path, "SELECT count(*) FROM contact WHERE number = '+15145550101'") == 0
    raw = settings.store.path.read_bytes()
    assert b"dent du fond" not in raw
    assert ALICE.encode() not in raw
    assert not list(settings.store.path.parent.glob("*-wal"))
    assert [each.file.name for each in held(settings)] == [copy.file.name, "textback.db.before-restore-20260305T041500Z"]


def test_a_new_machine_gets_the_key_that_lies_with_the_backups(settings: Settings, tmp_path: Path) -> None:
    key = keyed.load_or_make(settings.store.path)
    with sql(settings.store.path) as store:
        store.execute("INSERT INTO opted_out VALUES (?, ?)", (keyed.digest(key, CAROL), AT))
    copy = backed_up(settings)
    keyed.key_path(settings.store.path).unlink()
    settings.store.path.unlink()
    fresh = keyed.load_or_make(settings.store.path)  # the service was started once
    assert fresh != key
    done = put_back(settings, copy.file, LATER)
    assert keyed.load(settings.store.path) == key
    assert not done.key_missing
    (aside,) = tmp_path.glob("textback.db.key.before-restore-*")
    assert bytes.fromhex(aside.read_text()) == fresh


def test_nothing_is_restored_under_a_running_service(settings: Settings) -> None:
    copy = backed_up(settings)
    before = inspect(settings.store.path)
    lock = Lock(settings.store.path)
    lock.take()
    try:
        with pytest.raises(StoreLockedError, match="holds the store") as caught:
            put_back(settings, copy.file)
    finally:
        lock.release()
    assert "systemctl stop textback" in caught.value.fix
    assert inspect(settings.store.path) == before


def spoiled(copy: Path, how: str) -> Path:
    """A file that is no backup, beside no manifest."""
    folder = copy.parent / "away"
    folder.mkdir()
    file = folder / "copy.db"
    data = copy.read_bytes()
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "overwritten":
        data = data[: 5 * 4096] + os.urandom(20 * 4096) + data[25 * 4096 :]
    elif how == "no database":
        data = b"PK\x03\x04" + data[4:]
    elif how == "empty":
        data = b""
    file.write_bytes(data)
    if how in ("newer", "astray", "another's"):
        with sql(file) as store:
            if how == "newer":
                store.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('textback', 'm999_later', '2030')")
            elif how == "astray":
                store.execute("DELETE FROM thread")
            else:
                store.execute("DROP TABLE _sqlite_migrations")
    return file


@pytest.mark.parametrize("how", ["cut", "overwritten", "no database", "empty", "newer", "astray", "another's"])
def test_a_file_that_is_no_sound_backup_is_refused(settings: Settings, how: str) -> None:
    file = spoiled(backed_up(settings).file, how)
    before = (settings.store.path.read_bytes(), {each.name for each in settings.store.path.parent.iterdir()})
    with pytest.raises(TextbackError) as caught:
        put_back(settings, file)
    assert caught.value.code == {"newer": "store", "another's": "store", "empty": "store"}.get(how, "store_damaged")
    assert caught.value.fix
    assert (settings.store.path.read_bytes(), {each.name for each in settings.store.path.parent.iterdir()} - {"textback.db.lock"}) == before


def test_a_backup_that_was_changed_is_refused(settings: Settings) -> None:
    copy = backed_up(settings)
    with sql(copy.file) as store:
        store.execute("UPDATE contact SET opted_out = NULL")
    with pytest.raises(StoreError, match="not what was written"):
        put_back(settings, copy.file)


def test_a_damaged_store_gives_way_and_is_kept_with_its_log(settings: Settings) -> None:
    copy = backed_up(settings)
    path = settings.store.path
    broken = path.read_bytes()[:4096] + os.urandom(30 * 4096)
    path.write_bytes(broken)
    path.with_name("textback.db-wal").write_bytes(b"what was written last")
    done = put_back(settings, copy.file, LATER)
    assert done.before is not None
    assert done.before.read_bytes() == broken
    assert done.before.with_name(done.before.name + "-wal").read_bytes() == b"what was written last"
    assert not path.with_name("textback.db-wal").exists()
    assert inspect(path).calls == 14
    assert done.settled.lost_calls is None


def test_a_kill_at_any_step_leaves_one_or_the_other(settings: Settings, tmp_path: Path) -> None:
    """The two are told apart by a call that only the newer has."""
    copy = backed_up(settings)
    with sql(settings.store.path) as store:
        store.execute("UPDATE call SET id = 'since' WHERE id = (SELECT id FROM call WHERE reason = 'short_ring')")
    held_back = tmp_path / "kept"
    shutil.copytree(tmp_path, held_back, ignore=shutil.ignore_patterns("backups", "kept"))
    events, step, seen, met = frozenset({"os.rename", "os.link", "os.remove", "sqlite3.connect"}), 1, set(), set()
    while killed_at(step, events, lambda: put_back(settings, copy.file, LATER)):
        left = frozenset(each.name for each in tmp_path.glob("textback.db*"))
        found = inspect(settings.store.path)
        assert (found.calls, found.messages) == (14, 10), step
        since = value(settings.store.path, "SELECT count(*) FROM call WHERE id = 'since'")
        seen.add(since)
        if (left, since) not in met:  # run again over each thing that was left half done
            met.add((left, since))
            put_back(settings, copy.file, LATER)
            assert value(settings.store.path, "SELECT count(*) FROM call WHERE id = 'since'") == 0
            assert not list(tmp_path.glob("*.restoring*"))
        for each in tmp_path.glob("textback.db*"):
            each.unlink()
        for each in held_back.glob("textback.db*"):
            shutil.copy(each, tmp_path)
        step += 1
    assert seen == {0, 1}
    assert len(met) > 4


def test_an_older_backup_is_brought_up_to_date(settings: Settings, tmp_path: Path) -> None:
    from tests.threads.test_migrating import made

    folder = tmp_path / "old"
    folder.mkdir()
    done = put_back(settings, made(folder / "textback-20250101T000000Z.db", 2), LATER)
    assert (done.held.schema, done.held.current) == ("m002_pool", False)
    found = inspect(settings.store.path)
    assert (found.schema, found.current, found.calls, found.messages) == ("m006_alarms", True, 1, 5)
