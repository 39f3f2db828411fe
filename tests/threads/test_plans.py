"""No question of the board reads a big table whole: each goes by an index, and a page costs a page."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ari_app.board import Box
from ari_app.clock import SystemClock
from ari_app.model import Kind
from ari_app.threads import (
    Store,
    contact_edits,
    contact_finding,
    figures,
    finding,
    inbox,
    known,
    listing,
    matching,
    ready,
    syncing,
    timeline,
    voicemail,
)
from ari_app.threads.audit import audited
from ari_app.threads.database import Params, Reader
from ari_app.threads.keyed import teach
from ari_app.threads.matching import Left
from ari_app.threads.persons import people_of
from tests import plans
from tests.bench.threads_made import END, LINES, make

NUMBERS = ("+15145550101", "+15142000005")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic's store in small."""

    path = tmp_path_factory.mktemp("made") / "textback.db"
    asyncio.run(make(path, threads=300, messages=3000))
    return path


class Watched(Reader):
    """A reader that keeps how SQLite goes about each question."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        teach(connection, None)
        self.plans: dict[str, list[str]] = {}
        self.rows = 0

    def _keep(self, sql: str, params: Params) -> None:
        plan = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
        self.plans[sql] = [row["detail"] for row in plan]

    def one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        self._keep(sql, params)
        return super().one(sql, params)

    def each(self, sql: str, params: Params = ()) -> Iterator[sqlite3.Row]:
        self._keep(sql, params)
        return super().each(sql, params)

    def all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        self._keep(sql, params)
        found = super().all(sql, params)
        self.rows += len(found)
        return found


@pytest.fixture
def reader(made: Path) -> Iterator[Watched]:
    with closing(sqlite3.connect(made)) as connection:
        connection.row_factory = sqlite3.Row
        yield Watched(connection)


def scans(reader: Watched) -> list[tuple[str, str]]:
    """Steps that read a big table, or an index of it, from its one end to the other."""
    return [found for sql, plan in reader.plans.items() for found in plans.scans(sql, plan)]


def ask(reader: Watched, what: str) -> None:
    now, zone = END, ZoneInfo("America/Toronto")
    match what:
        case "rows":
            for box in Box:
                for line in (None, *LINES):
                    inbox.rows(reader, box, now, line=line)
        case "counts":
            inbox.counts(reader, now)
            inbox.counts(reader, now, "dental")
            inbox.counts_by_line(reader, now)
            inbox.urgent(reader, now)
            inbox.waiting(reader, now)
        case "thread":
            for thread in (1, 2, 3):
                timeline.thread_view(reader, thread, now)
                timeline.thread_view(reader, thread, now, before=now - timedelta(days=30))
        case "search":
            for words in ("r", "ma", "rendez", "ordonnance de me", "514", "514-55", "marie 514", "tremblay", "zzz"):
                finding.find(reader, words, now)
        case "statistics":
            figures.statistics(reader, date(2026, 2, 1), date(2026, 2, 28), zone)
            figures.statistics(reader, date(2026, 2, 1), date(2026, 2, 28), zone, "main")
        case "listed":
            page = listing.listed(reader, now - timedelta(days=300), now, line="main", limit=5)
            listing.listed(reader, now - timedelta(days=300), now, before=(page[-1].started, page[-1].id), limit=5)
        case "audit":
            audited(reader, thread=3)
            audited(reader, since=now - timedelta(days=1), until=now)
        case "contacts":
            for kind in (None, Kind.SUPPLIER):
                for words in ("", "m", "marie trem", "514", "5142000", "0042", "marie 514", "vip", "zzz", "P-1"):
                    contact_finding.find(reader, words, "CA", kind=kind)
            contact_finding.threads(reader, 1, now)
            contact_edits.get(reader, 1)
            syncing.states(reader)
        case "who calls":
            for number in NUMBERS:
                contact_finding.caller(reader, number, now)
                people_of(reader, number)
                known.gather(reader, call="1.1", number=number, line="main", ended=now, now=now, live=False)
        case "voicemail":
            left = Left(
                message="1", mailbox="1", context="d", folder="INBOX", at=now, seconds=1.0, channel="Local/1@a-1;2", presented="5145550101"
            )
            matching.match(reader, left, country="CA", internal=(2, 6), now=now, known_since=now)
            reader.all(f"SELECT * FROM voicemail WHERE {voicemail._MISPLACED} ORDER BY id")  # noqa: S608  (our own)
        case "house":
            ready.canned(reader, "fr")
            ready.settings(reader)


@pytest.mark.parametrize(
    "what", ["rows", "counts", "thread", "search", "statistics", "listed", "audit", "contacts", "who calls", "voicemail", "house"]
)
def test_no_big_table_is_read_whole(reader: Watched, what: str) -> None:
    ask(reader, what)
    assert reader.plans
    assert scans(reader) == []


def test_a_scan_would_be_seen(reader: Watched) -> None:
    reader.all("SELECT m.id FROM message m WHERE m.what = 'x'")
    reader.all("SELECT * FROM thread ORDER BY urgent")
    assert len(scans(reader)) == 2


def test_a_page_of_the_inbox_is_not_sorted(reader: Watched) -> None:
    for (box, _), sql in inbox.PICKS.items():
        if box in (Box.TO_ANSWER, Box.ALL, Box.DONE):
            reader.all(sql, {"now": "2026", "line": "main", "limit": 5, "offset": 0})
            assert not [step for step in reader.plans[sql] if "TEMP B-TREE" in step], sql


@pytest.mark.parametrize("words", ["r", "re", "b", "oui", "514"])
def test_a_search_reads_no_more_rows_than_it_may_show(reader: Watched, words: str) -> None:
    finding.find(reader, words, END, limit=5)
    assert reader.rows <= 200 + 100 + 100 + 100 + 5 * 7


def test_what_a_row_goes_with_is_found_by_an_index(reader: Watched) -> None:
    """Deleting a row has SQLite look for rows that name it (https://sqlite.org/foreignkeys.html#fk_indexes): no plan shows that."""
    stays = {"member"}  # members are never deleted
    ask = reader.connection.execute
    bare = []
    for (table,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        led = {row["name"] for row in ask(f"PRAGMA table_info({table})") if row["pk"] == 1}
        for index in ask(f"PRAGMA index_list({table})").fetchall():
            column = ask(f"PRAGMA index_info({index['name']})").fetchone()["name"]
            made = ask("SELECT sql FROM sqlite_master WHERE name = ?", (index["name"],)).fetchone()
            if not index["partial"] or made["sql"].endswith(f"WHERE {column} IS NOT NULL"):
                led.add(column)
        keys = ask(f"PRAGMA foreign_key_list({table})").fetchall()
        bare += [(table, key["from"]) for key in keys if key["table"] not in stays and key["from"] not in led]
    assert bare == []


async def test_a_statement_of_the_application_is_looked_at_as_it_comes(tmp_path: Path) -> None:
    """As in every test (tests/conftest.py), here by one that is told apart."""
    seen = plans.Plans()
    end = seen.listen()
    try:
        store = Store(tmp_path / "textback.db", SystemClock())
        await store.open()
        await store.calls(limit=1)
        await store.close()
    finally:
        end()
    assert any("FROM call c" in each for each in seen.statements)
    assert not seen.findings


def test_what_may_read_tables_whole_is_there() -> None:
    """No leave is kept for what is gone."""
    house = Path(plans.__file__).parents[1]
    assert [room for room in plans.ROOMS if not (house / room).exists()] == []
