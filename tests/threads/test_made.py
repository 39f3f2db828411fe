"""The store made in bulk for measuring is a store like any other: sound, whole, and the same from the same seed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ari_app.board import Box, TextEntry
from ari_app.threads import Store
from tests.bench.threads_made import END, make
from tests.threads.world import HandClock

TABLES = ("contact", "person", "person_number", "thread", "call", "message", "note", "outgoing", "reached", "voicemail")


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as file:
        return {table: file.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}  # noqa: S608


async def test_the_same_seed_is_the_same_store(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one.db", "two.db", "other.db"))
    for path, seed in ((one, 4), (two, 4), (other, 5)):
        made = await make(path, threads=40, messages=400, seed=seed)
        assert (made.threads, made.messages) == (40, 400)
    assert content(one) == content(two) != content(other)


async def test_it_is_sound_and_found_in(tmp_path: Path) -> None:
    path = tmp_path / "textback.db"
    await make(path, threads=40, messages=400)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        assert file.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for index in ("message_fts", "contact_fts", "contact_digits", "note_fts", "person_fts", "voicemail_fts"):
            file.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")  # noqa: S608
        assert file.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_fts_insert'").fetchone() == (5,)
    store = Store(path, HandClock(END))
    await store.open()
    rows = await store.board.rows(Box.ALL, limit=100)
    assert len(rows) == 40
    assert any(isinstance(row.last, TextEntry) for row in rows)
    assert await store.board.search(str(rows[0].number)[2:])
    await store.close()
