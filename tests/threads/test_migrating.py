"""A store that a version before the portal wrote keeps everything, and gains what the portal needs."""

# ruff: noqa: S608  (our own names and values)

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as Utils
from sqlite_utils.migrations import Migrations

from ari_app.board import Box, ThreadState
from ari_app.model import Kind
from ari_app.person import PersonNumber
from ari_app.threads import Store, migrations
from ari_app.threads.persons import sort_key
from tests.threads.world import ALICE, BOB, STAFF, HandClock

AT = "2026-03-01T10:00:00.000000Z"
OLD = (
    f"INSERT INTO contact (id, number, name, created) VALUES (1, '{ALICE}', 'Éloïse Côté', '{AT}')",
    f"INSERT INTO contact (id, number, created) VALUES (2, '{BOB}', '{AT}')",
    f"INSERT INTO contact (id, number, name, created) VALUES (3, 'CLINIQUE', '', '{AT}')",
    f"INSERT INTO thread (id, line, number, state, created, changed) VALUES (3, 'a line that left', NULL, 'to_answer', '{AT}', '{AT}')",
    *(
        f"INSERT INTO thread (id, line, number, state, created, changed) VALUES ({thread}, 'main', '{number}', '{state}', '{AT}', '{AT}')"
        for thread, number, state in ((1, ALICE, "to_answer"), (2, BOB, "done"))
    ),
    f"""INSERT INTO call (id, thread, started, ended, presented, caller, presentation, did, context, channel, outcome, reached, rang,
        caller_hung_up, voicemail_left, handed_on, machine, asked, suspect, switches, to_answer, decision, reason, open, line,
        detail, decided) VALUES ('17.1', 1, '{AT}', '{AT}', '5145550101', '{ALICE}', 'allowed', '5145550199', 'from-trunk', 'PJSIP/t-1',
        'missed', 'ring', 9, 1, 0, 0, 0, 0, 0, '{{}}', 1, 'reply', 'missed', 1, 'main', '{{}}', '{AT}')""",
    *(
        f"""INSERT INTO message (id, thread, direction, kind, text, state, at, act, due, expires)
            VALUES ({message}, {thread}, '{way}', '{kind}', '{text}', '{state}', '{AT}', {act}, '{AT}', '{AT}')"""
        for message, thread, way, kind, text, state, act in (
            (1, 1, "out", "auto", "We missed you", "failed", "'call:17.1'"),
            (2, 1, "in", "caller", "Une ordonnance périmée", "received", "NULL"),
            (3, 2, "out", "staff", "Hello", "failed", "'client:one'"),
            (4, 1, "out", "staff", "Bonjour", "unknown", "'client:two'"),
            (5, 1, "out", "staff", "Bonjour", "sent", "'again:4'"),
        )
    ),
    "INSERT INTO part (id, message, number, pdu, length, state) VALUES (1, 5, 1, '00', 1, 'sent')",
    f"INSERT INTO outgoing (id, number, started, joined, ended) VALUES ('17.9', '{ALICE}', '{AT}', '{AT}', '{AT}')",
)


@pytest.fixture(params=[1, 2])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file as each version before the portal left it."""
    return made(tmp_path / "textback.db", request.param)


def made(path: Path, version: int) -> Path:
    """A file as a version left it, written by its own statements."""
    before = Migrations("textback")
    for name, statements in list(migrations._EACH.items())[:version]:

        def apply(db: Utils, statements: tuple[str, ...] = statements) -> None:
            for statement in statements:
                db.conn.execute(statement)

        before(name=name)(apply)
    with closing(sqlite3.connect(path)) as connection:
        before.apply(Utils(connection, execute_plugins=False, recursive_triggers=False))
        for statement in OLD:
            connection.execute(statement)
        connection.commit()
    return path


def rows(path: Path) -> dict[str, list[dict[str, object]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = ("contact", "thread", "call", "message", "part", "outgoing")
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY id")] for name in names}


async def test_everything_of_an_older_store_is_kept(old: Path) -> None:
    before = rows(old)
    store = Store(old, HandClock())
    await store.open()
    await store.close()
    after = rows(old)
    kept = {name: [{key: row[key] for key in before[name][0]} for row in found] for name, found in after.items()}
    assert kept == before
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for index in ("message_fts", "contact_fts", "contact_digits", "note_fts"):
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")


async def test_an_older_store_is_shown_as_it_stands(old: Path) -> None:
    store = Store(old, HandClock())
    await store.open()
    hidden, row = await store.board.rows(Box.TO_ANSWER)
    assert (hidden.number, hidden.name, hidden.line, hidden.last) == (None, None, "a line that left", None)
    assert (row.number, row.name, row.state, row.opened) == (ALICE, "Éloïse Côté", ThreadState.TO_ANSWER, False)
    assert row.waits_since == row.changed
    # what was ticked off, or sent again, is no trouble any more: the automatic text that failed is
    assert [found.thread for found in await store.board.rows(Box.TROUBLE)] == [row.thread]
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT id FROM message WHERE seen_to IS NULL AND state IN ('failed', 'unknown')").fetchall() == [(1,)]
    for words in ("perim", "eloise", "5550101"):
        assert [found.row.thread for found in await store.board.search(words)] == [row.thread], words
    view = await store.board.thread(row.thread)
    assert [entry.type for entry in view.entries].count("text") == 4
    assert await store.acts.mark_done(row.thread, STAFF)
    assert await store.board.rows(Box.TROUBLE) == ()
    await store.close()


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_callers_whom_staff_named_are_people(version: int, tmp_path: Path) -> None:
    store = Store(made(tmp_path / "textback.db", version), HandClock())
    await store.open()
    (one,) = await store.contacts.find("")
    assert (one.name, one.kind, one.source, one.external, one.edited) == ("Éloïse Côté", Kind.CLIENT, "here", None, ())
    assert one.numbers == (PersonNumber(number=ALICE),)
    assert await store.contacts.find("eloi") == (one,)
    assert [row.kind for row in await store.board.rows(Box.ALL)] == [None, None, Kind.CLIENT]
    await store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT sort FROM person").fetchall() == [(sort_key(one.name),)]
