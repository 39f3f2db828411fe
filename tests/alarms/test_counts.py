"""What metrics count: each call once its decision is final, each state a text came to, whatever is purged or upgraded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ari_app.metrics import BUCKETS, families
from ari_app.threads import Store
from ari_app.threads.alarms import House, house
from ari_app.threads.database import Reader
from ari_app.threads.m006_alarms import STATEMENTS
from modem.pdu import submit
from modem.types import Sent
from tests.alarms.test_watch import HOUSE, WELL
from tests.contract.conftest import filled
from tests.threads.conftest import clock, heard, store
from tests.threads.world import ALICE, START, Clerk, HandClock, a_call

__all__ = ["clock", "filled", "heard", "store"]


async def test_a_call_is_counted_when_its_decision_is_final(store: Store, clock: HandClock) -> None:
    clerk = Clerk(delay=timedelta(seconds=30))
    call = a_call(ALICE, ended=clock.at)
    message = (await store.record_call(call, clerk.first(call.ended), line="main")).message
    assert message is not None
    counted = await store.alarms.house()
    assert (dict(counted.calls), dict(counted.texts), counted.queued) == ({}, {("auto", "queued"): 1}, 1)
    clock.move(seconds=31)
    claimed = await store.claim(message, clerk, submit, live=False)
    assert claimed is not None
    attempt = await store.begin_attempt(claimed.parts[0].id, modem="gsm1")
    assert attempt is not None
    await store.finish_attempt(attempt, Sent(1))
    await store.record_call(call, clerk.first(call.ended), line="main")
    counted = await store.alarms.house()
    assert dict(counted.calls) == {("missed", "missed"): 1}
    assert dict(counted.texts) == {("auto", "queued"): 1, ("auto", "sending"): 1, ("auto", "sent"): 1}
    assert counted.took == ((31.0, 1),)


def at(connection: sqlite3.Connection) -> House:
    connection.row_factory = sqlite3.Row
    return house(Reader(connection), START)


def test_a_purge_takes_nothing_back_and_an_upgrade_counts_what_is_there(filled: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(filled.parent / "textback.db")) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
        live = at(copy)
        assert sum(live.calls.values()) > 5
        assert sum(n for _, n in live.took) > 0
        copy.execute("DELETE FROM tally")
        for statement in STATEMENTS:
            if statement.startswith("INSERT INTO tally"):
                copy.execute(statement)
        upgraded = at(copy)
        assert (upgraded.calls, upgraded.took) == (live.calls, live.took)
        assert sum(upgraded.texts.values()) == copy.execute("SELECT count(*) FROM message").fetchone()[0]
        copy.execute("PRAGMA foreign_keys=OFF")
        copy.execute("DELETE FROM message")
        copy.execute("DELETE FROM call")
        assert (at(copy).calls, at(copy).texts, at(copy).took) == (upgraded.calls, upgraded.texts, upgraded.took)


def test_buckets_are_cumulative_and_hold_all() -> None:
    took = ((4.9, 2), (5.0, 1), (30.1, 3), (9999.0, 1))
    (found,) = [each for each in families(replace(WELL, house=replace(HOUSE, took=took))) if each.name == "textback_text_delay_seconds"]
    counts = {sample.labels.get("le", sample.name[-5:]): sample.value for sample in found.samples}
    assert (counts["5.0"], counts["30.0"], counts["35.0"], counts["7200.0"], counts["+Inf"], counts["count"]) == (3, 3, 6, 6, 7, 7)
    assert abs(counts["s_sum"] - (9.8 + 5 + 90.3 + 9999)) < 1e-6
    assert len(counts) == len(BUCKETS) + 3


def test_where_nothing_can_be_read_nothing_is_claimed() -> None:
    names = {each.name for each in families(replace(WELL, house=None, backup=None, certificate=None))}
    assert not names & {"textback_calls", "textback_queue_texts", "textback_backup_timestamp_seconds"}
