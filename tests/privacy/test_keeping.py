"""What goes and what stays: erasing one number, purging what is old, and a restored backup."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from ari_app.desk import Desk
from ari_app.desk.privacy import Purged
from ari_app.errors import NotFoundError, RefusedError, StoreError
from ari_app.model import Inbound, Reaction
from ari_app.operate_settings import RetentionSettings
from ari_app.policy import Policy
from ari_app.privacy import erasures, key
from ari_app.privacy import purge as purging
from ari_app.privacy.erase import erase
from ari_app.privacy.purge import Purge, purge
from ari_app.privacy.reapply import reapply
from ari_app.settings import Settings, parse
from ari_app.standing import Standing
from ari_app.threads import Store, migrations
from ari_app.threads.keyed import key_path
from ari_app.threads.matching import Found, Left, Unmatched
from modem.pdu import submit
from modem.sim_pdu import encode_deliver
from tests.left import leave
from tests.privacy.world import holding
from tests.threads.crew import a_member, missed, texted
from tests.threads.world import ALICE, BOB, STAFF, HandClock, a_call, nothing, raw, until


def settings_of(folder: Path, **retention: str) -> Settings:
    return parse(
        {
            "clinic": {"name": "Clinique", "number": "+15145550199"},
            "pbx": {"username": "textback", "password": "x"},
            "store": {"path": str(folder / "textback.db"), "retention": retention, "backup": {"folder": str(folder / "backups")}},
        }
    )


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "textback.db", clock)
    await opened.open()
    yield opened
    await opened.close()


async def reacted(store: Store, policy: Policy, text: str, number: str = ALICE) -> None:
    def react(inbound: Inbound) -> Reaction:
        return policy.react(inbound, store._clock.now(), {})

    for pdu in encode_deliver(number, text, store._clock.now()):
        await store.keep(raw(pdu, store._clock.now()), react)


def left_by(number: str, at: datetime, message: str) -> Left:
    return Left(
        message=message, mailbox="201", context="default", folder="INBOX", at=at, seconds=5.0, channel="PJSIP/trunk-9", presented=number
    )


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"{store.path.as_uri()}?mode=ro", uri=True)) as reading:
        return reading.execute(sql).fetchall()


# -- their no to texts


async def test_who_said_stop_and_was_erased_gets_no_text_until_they_say_start(store: Store, clock: HandClock, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    policy = Policy(settings)
    await missed(store)
    await reacted(store, policy, "STOP")
    await erase(store, settings, ALICE, STAFF)
    assert ALICE not in str(rows(store, "SELECT * FROM opted_out"))
    assert (await store.known(ALICE, "main")).opted_out is not None
    assert (await store.contacts.caller(ALICE)).opted_out

    call = a_call(ALICE, ended=clock.at)
    filed = await store.record_call(call, lambda filed, known: policy.decide(filed, known, clock.at), line="main")
    assert filed.reason == "opted_out"
    with pytest.raises(RefusedError, match="no more texts"):
        await store.acts.queue_staff(ALICE, "Bonjour", "act-1", by=STAFF)

    clock.move(minutes=1)
    await reacted(store, policy, "START")
    assert (await store.known(ALICE, "main")).opted_out is None
    await erase(store, settings, ALICE, STAFF)
    assert (await store.known(ALICE, "main")).opted_out is None
    assert rows(store, "SELECT * FROM opted_out") == []


async def test_a_key_that_is_lost_is_told_at_each_start_until_it_is_put_back(store: Store, clock: HandClock, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    await missed(store)
    await reacted(store, Policy(settings), "STOP")
    await erase(store, settings, ALICE, STAFF)
    await store.close()
    path = key_path(store.path)
    kept = path.read_bytes()
    path.unlink()
    for put_back in (False, False, True):
        if put_back:
            path.write_bytes(kept)
        with structlog.testing.capture_logs() as logs:
            again = Store(store.path, clock)
            await again.open()
        assert ("key_lost" in [each["event"] for each in logs]) is not put_back
        assert ((await again.known(ALICE, "main")).opted_out is not None) is put_back
        await again.close()


async def test_consent_is_kept_as_it_came_and_shown(store: Store, clock: HandClock, tmp_path: Path) -> None:
    policy = Policy(settings_of(tmp_path))
    anne = await a_member(store, "anne")
    thread = await missed(store)
    await reacted(store, policy, "ARRET")
    clock.move(minutes=5)
    await store.acts.opt_out(thread, False, anne)
    clock.move(minutes=5)
    await store.acts.opt_out(thread, True, anne)
    await store.acts.opt_out(thread, True, anne)
    found = (await store.privacy.record(ALICE))["consent"]
    assert [(each["act"], each["how"], each["who"]) for each in found] == [
        ("opt_out", "verbal", "Anne"),
        ("opt_in", "verbal", "Anne"),
        ("opt_out", "text", None),
    ]


def test_a_store_from_before_gets_the_history_it_knows(tmp_path: Path) -> None:
    before = [name for name in migrations._EACH if name < "m005"]
    path = tmp_path / "textback.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.row_factory = sqlite3.Row
        for name in before:
            for statement in migrations._EACH[name]:
                old.execute(statement)
        at = "2026-03-0{}T10:00:00.000000Z"
        for number, out in ((ALICE, 3), (BOB, 4)):
            old.execute("INSERT INTO contact (number, opted_out, created) VALUES (?, ?, ?)", (number, at.format(out), at.format(1)))
            old.execute(
                "INSERT INTO thread (line, number, state, created, changed) VALUES ('main', ?, 'done', ?, ?)",
                (number, at.format(1), at.format(1)),
            )
        for notice, day in (("stop", 1), ("start", 2), ("stop", 3)):
            old.execute(
                """INSERT INTO message (thread, direction, kind, text, state, at, notice, act)
                    VALUES (1, 'out', 'notice', 'x', 'sent', ?, ?, ?)""",
                (at.format(day), notice, f"notice:{day}"),
            )
        old.execute(
            "INSERT INTO audit (at, who, face, address, act, thread, what) VALUES (?, 'Lou', 'web', '', 'opt_out_verbal', 2, '')",
            (at.format(4),),
        )
        for statement in migrations._EACH["m005_privacy"]:
            old.execute(statement)
        found = [tuple(row) for row in old.execute("SELECT number, at, act, how, who FROM consent ORDER BY number, at")]
    assert found == [
        (ALICE, at.format(1), "opt_out", "text", None),
        (ALICE, at.format(2), "opt_in", "text", None),
        (ALICE, at.format(3), "opt_out", "text", None),
        (BOB, at.format(4), "opt_out", "verbal", "Lou"),
    ]


# -- erasing


async def test_a_text_on_its_way_is_waited_for_and_one_that_waits_is_called_off(store: Store, clock: HandClock, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    policy = Policy(settings)
    await missed(store)
    queued = await store.acts.queue_staff(ALICE, "Bonjour", "act-1", by=STAFF)
    claimed = await store.claim(queued.message, policy.decide, submit, live=False)
    assert claimed is not None
    with pytest.raises(RefusedError) as refused:
        await erase(store, settings, ALICE, STAFF)
    assert refused.value.code == "text_sending"
    await store.settle(queued.message, "the modem was lost")
    later = await store.acts.queue_staff(ALICE, "À demain", "act-2", scheduled=clock.at + timedelta(hours=3), by=STAFF)
    would = await erase(store, settings, ALICE, STAFF, only_look=True)
    assert (would.erased, rows(store, "SELECT count(*) FROM message")) == (False, [(2,)])
    done = await erase(store, settings, ALICE, STAFF)
    assert done.counts == would.counts
    assert await store.claim(later.message, policy.decide, submit, live=False) is None
    assert (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due == ()


async def test_an_erased_thread_gives_its_id_to_nobody(store: Store, tmp_path: Path) -> None:
    anne = await a_member(store, "anne")
    thread = await missed(store)
    await store.acts.opened(thread, anne)
    await store.acts.note(thread, "vue", anne, "n-1")
    await erase(store, settings_of(tmp_path), ALICE, STAFF)
    assert await missed(store, BOB) == thread + 1
    # who looked is still there, of what it was is not
    assert rows(store, "SELECT who, act, what FROM audit WHERE thread = 1 ORDER BY id") == [
        ("Anne", "read", ""),
        ("Anne", "note", ""),
    ]
    assert (await store.privacy.record(BOB))["accesses"] == []
    with pytest.raises(NotFoundError):
        await erase(store, settings_of(tmp_path), ALICE, STAFF)


async def test_no_text_message_or_person_gets_the_id_of_one_that_is_gone(store: Store, clock: HandClock, tmp_path: Path) -> None:
    """A page that is still open would call off, and a transcript under way would be written to, what is somebody else's."""
    thread = await missed(store)
    leave(store.path, thread, clock.at)
    text = (await store.acts.queue_staff(ALICE, "Bonjour", "act-1", by=STAFF)).message
    await erase(store, settings_of(tmp_path), ALICE, STAFF)
    await missed(store, BOB)
    ((call, of),) = rows(store, "SELECT id, thread FROM call")
    left = left_by(BOB, clock.at, "msg-2")
    filed = await store.voicemail.file(left, Found(str(call), int(str(of))), None, transcribe=False, priority=lambda *_: None)
    assert filed == 2
    assert (await store.acts.queue_staff(BOB, "Bonsoir", "act-2", by=STAFF)).message > text


async def test_words_of_who_was_erased_go_though_the_service_was_killed_before_it_tidied(store: Store, clock: HandClock) -> None:
    await missed(store)
    await texted(store, "Bonjour, c'est zqxjk")
    await missed(store, BOB)
    await texted(store, "un tout autre texte", number=BOB)
    await store.privacy.erase(ALICE, STAFF)
    assert holding(store.path, {"word": b"zqxjk"})
    assert (await purge(store, RetentionSettings(), clock))[0] == {}
    assert not holding(store.path, {"word": b"zqxjk"})


async def test_a_message_in_the_spool_does_not_bring_back_who_was_erased(store: Store, clock: HandClock, tmp_path: Path) -> None:
    await missed(store, BOB, ended=clock.at - timedelta(hours=3))
    await missed(store, ended=clock.at - timedelta(hours=2))
    left = left_by(ALICE, clock.at - timedelta(hours=2), "msg-1")
    await erase(store, settings_of(tmp_path), ALICE, STAFF)
    assert await store.voicemail.match(left, (2, 6), known_since=clock.at) is Unmatched.NOBODY
    later = replace(left, at=clock.at + timedelta(minutes=1))
    clock.move(minutes=30)
    assert await store.voicemail.match(later, (2, 6), known_since=clock.at) is Unmatched.UNSEEN


async def test_only_administrators_erase_and_export(store: Store, clock: HandClock, tmp_path: Path) -> None:
    desk = Desk(store, Standing(settings_of(tmp_path)), clock)
    anne = await a_member(store, "anne")
    await missed(store)
    for act in (desk.erase(ALICE, by=anne), desk.record_exported(ALICE, by=anne), desk.purge(by=anne)):
        with pytest.raises(RefusedError) as refused:
            await act
        assert refused.value.code == "forbidden"
    assert await desk.purge(by=STAFF) == Purged({}, more=False)


# -- a restored backup


async def test_a_backup_from_before_is_erased_again_and_one_from_after_is_not(store: Store, clock: HandClock, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "backups").mkdir()
    await missed(store, BOB)
    await missed(store)
    await texted(store, "Bonjour, c'est zqxjk")
    await store._database.fold()
    old = tmp_path / "old.db"
    shutil.copy(store.path, old)
    clock.move(hours=1)
    await erase(store, settings, ALICE, STAFF)
    clock.move(hours=1)
    await missed(store)
    await store._database.fold()
    new = tmp_path / "new.db"
    shutil.copy(store.path, new)

    lines = erasures.read((erasures.beside(store.path), tmp_path / "backups" / erasures.BACKUP_NAME))
    assert len(lines) == 1
    house = key.load_or_make(store.path)
    for file, erased, calls in ((old, 1, 1), (old, 0, 1), (new, 0, 2)):
        with closing(sqlite3.connect(file, isolation_level=None)) as restored:
            assert reapply(restored, house, lines) == erased
            assert restored.execute("SELECT count(*) FROM call").fetchone()[0] == calls
        assert b"zqxjk" not in file.read_bytes()


def test_erasures_are_written_once_and_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    one, two = erasures.Erasure("2026-03-01T00:00:00.000000Z", "a" * 64), erasures.Erasure("2026-03-02T00:00:00.000000Z", "b" * 64)
    assert erasures.note(path, [one]) == 1
    with path.open("a") as file:
        file.write('{"digest": "cc')
    assert erasures.note(path, [one, two]) == 1
    assert erasures.read((path, tmp_path / "none")) == (one, two)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    house = key.load_or_make(path)
    assert key.load_or_make(path) == house
    assert key.digest(house, ALICE) != key.digest(house, BOB)
    key_path(path).write_text("1234")
    with pytest.raises(StoreError) as refused:
        key.load_or_make(path)
    assert refused.value.code == "key"


# -- purging


async def test_what_staff_have_before_them_stays(store: Store, clock: HandClock) -> None:
    """A thread to answer stays whole, and a text that is still to go."""
    open_thread, ticked = await missed(store), await missed(store, BOB)
    await texted(store, "Bonjour")
    await store.acts.mark_done(ticked, STAFF)
    await store.acts.queue_staff(BOB, "À plus tard", "act-1", scheduled=clock.at + timedelta(days=300), by=STAFF)
    clock.move(days=800)
    assert (await purge(store, RetentionSettings(), clock))[0] == {"calls": 1}
    assert rows(store, "SELECT thread, text FROM message ORDER BY thread") == [(open_thread, "Bonjour"), (ticked, "À plus tard")]
    await store.acts.mark_done(open_thread, STAFF)
    assert (await purge(store, RetentionSettings(), clock))[0] == {"texts": 1, "calls": 1, "contacts": 1, "threads": 1}


async def test_each_class_has_its_own_time_and_none_ends_what_is_kept_for_ever(store: Store, clock: HandClock) -> None:
    thread = await missed(store)
    leave(store.path, thread, clock.at, transcript="Ici Marie")
    await store.acts.note(thread, "note", STAFF, "n-1")
    await store.acts.mark_done(thread, STAFF)
    kept = RetentionSettings(texts=timedelta(days=300), calls=timedelta(days=200), audit=None)
    spans, seen = purging.kept(kept), []
    for days in (95, 110, 100):
        clock.move(days=days)
        assert await store.privacy.due(spans) == {
            **dict.fromkeys(await store.privacy.due(spans), 0),
            **{95: {"recordings": 1}, 110: {}, 100: {"notes": 1, "transcripts": 1}}[days],
        }
        seen.append((await purge(store, kept, clock))[0])
    # the call stays as long as the words left in it
    assert seen == [{"recordings": 1}, {}, {"notes": 1, "transcripts": 1, "calls": 1, "threads": 1, "contacts": 1}]
    clock.move(days=9000)
    assert (await purge(store, kept, clock))[0] == {}
    assert len(rows(store, "SELECT 1 FROM audit")) == 2


async def test_a_no_to_texts_outlives_what_was_purged(store: Store, clock: HandClock, tmp_path: Path) -> None:
    policy = Policy(settings_of(tmp_path))
    thread = await missed(store)
    await reacted(store, policy, "STOP")
    await store.acts.mark_done(thread, STAFF)
    for waiting in (await store.agenda(ready=["gsm1"], known_modems=["gsm1"], live=(), held=False)).due:
        await store.fail(waiting.id, "x", "x")
    clock.move(days=800)
    await purge(store, RetentionSettings(), clock)
    assert rows(store, "SELECT count(*) FROM contact") == [(0,)]
    assert (await store.known(ALICE, "main")).opted_out is not None


async def test_the_service_looks_after_a_minute_and_then_each_hour(store: Store, clock: HandClock, tmp_path: Path) -> None:
    thread = await missed(store)
    await store.acts.mark_done(thread, STAFF)
    clock.move(days=800)
    job = asyncio.create_task(Purge(settings_of(tmp_path), store, clock).run())
    with structlog.testing.capture_logs() as logs:
        await asyncio.sleep(0)
        clock.move(seconds=59)
        await asyncio.sleep(0)
        assert rows(store, "SELECT count(*) FROM call") == [(1,)]
        clock.move(seconds=2)
        await until(lambda: any(each["event"] == "purged" for each in logs))
        assert [(each["calls"], each["threads"]) for each in logs if each["event"] == "purged"] == [(1, 1)]
        assert ALICE not in str(logs)
        await store.acts.mark_done(await missed(store, BOB, ended=clock.at - timedelta(days=800)), STAFF)
        clock.move(hours=1)
        await until(lambda: len([each for each in logs if each["event"] == "purged"]) == 2)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_parts_that_never_made_a_text_and_reports_of_nobody_go(store: Store, clock: HandClock) -> None:
    for pdu in encode_deliver(ALICE, "une longue histoire " * 20, clock.at)[:2]:
        await store.keep(raw(pdu, clock.at), nothing)
    clock.move(days=800)
    assert (await purge(store, RetentionSettings(), clock))[0] == {"received": 2}
