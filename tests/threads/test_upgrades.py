"""From every schema there was, with rows in each of its tables: brought up to date in one go, or as it was when a step is cut off."""

# ruff: noqa: S608  (our own names and values)

from __future__ import annotations

import asyncio
import functools
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ari_app.backup.check import inspect, rows
from ari_app.errors import StoreError
from ari_app.threads import Store, migrations
from tests.backup.clinic import killed_at
from tests.backup.conftest import tmp_path
from tests.threads.test_migrating import AT, made
from tests.threads.world import ALICE, BOB, HandClock

__all__ = ["tmp_path"]

NAMES = list(migrations._EACH)
PART = "INSERT INTO part (id, message, number, pdu, length, state, modem, submitted)"
ROWS = {
    1: (
        f"UPDATE contact SET opted_out = '{AT}' WHERE number = '{BOB}'",
        *(
            f"""INSERT INTO message (id, thread, direction, kind, text, state, at, act, due, expires)
                VALUES ({key}, 1, 'out', 'staff', '{text}', '{state}', '{AT}', 'client:{key}', '{AT}', '2099-01-01T00:00:00.000000Z')"""
            for key, text, state in ((11, "À bientôt, Zoë 🙂", "queued"), (12, "Déjà parti", "sending"), (13, "Peut-être", "unknown"))
        ),
        f"{PART} VALUES (12, 12, 1, '00', 1, 'sending', 'gsm1', '{AT}')",
        f"{PART} VALUES (13, 13, 1, '00', 1, 'unknown', 'gsm1', '{AT}')",
        f"INSERT INTO attempt (part, modem, started) VALUES (12, 'gsm1', '{AT}')",
        f"INSERT INTO attempt (part, modem, started, outcome, ended) VALUES (13, 'gsm1', '{AT}', 'unknown', '{AT}')",
        f"""INSERT INTO inbound (modem, received, pdu, seen, digest, sender, parts, number, wide, message)
            VALUES ('gsm1', '{AT}', '00', '{AT}', 'd', '{ALICE}', 1, 1, 0, 2)""",
        f"""INSERT INTO report (modem, received, pdu, digest, reference, recipient, status, outcome, permanent, number_at_fault, part)
            VALUES ('gsm1', '{AT}', '00', 'r', 7, '{ALICE}', 0, 'delivered', 0, 0, 1)""",
        f"""INSERT INTO open_call VALUES ('17.50', json_object('id', '17.50', 'caller', '{BOB}', 'presented', '5145550102'))""",
        f"INSERT INTO reached VALUES ('17.2', '{ALICE}', '{AT}')",
        f"INSERT INTO pin_refused VALUES ('sim', 'digest', '{AT}')",
        "INSERT INTO counter VALUES ('concatenation', 41)",
    ),
    2: ("UPDATE thread SET modem = 'gsm1' WHERE id = 1",),
    3: (
        f"INSERT INTO member (id, login, name, role, created) VALUES (1, 'zoe', 'Zoë Lévesque', 'administrator', '{AT}')",
        f"INSERT INTO session VALUES ('s', 1, '{AT}', '{AT}', '127.0.0.1')",
        f"INSERT INTO key (digest, member, use, label, created) VALUES ('k', 1, 'api', 'Clé', '{AT}')",
        f"INSERT INTO audit (at, who, face, address, act, thread, what) VALUES ('{AT}', 'zoe', 'web', '', 'opt_out_verbal', 2, '')",
        f"INSERT INTO note (thread, at, author, text, act) VALUES (1, '{AT}', 'Zoë', 'Rappeler après le dîner', 'note:1')",
        "INSERT INTO canned (language, label, text, position) VALUES ('fr', 'Fermé', 'Nous sommes fermés', 1)",
        f"INSERT INTO call_back (id, thread, number, author, extension, at) VALUES ('cb', 1, '{ALICE}', 'zoe', '201', '{AT}')",
        f"INSERT INTO setting VALUES ('reply.mode', '\"watch\"', '{AT}', 'zoe')",
        "UPDATE thread SET urgent = 1, holder = 1 WHERE id = 1",
    ),
    4: (
        f"""INSERT INTO person (id, source, name, kind, created, changed, sort)
            VALUES (9, 'here', 'Hélène Œuvrard', 'client', '{AT}', '{AT}', 'helene oeuvrard')""",
        f"INSERT INTO person_number (person, number, position) VALUES (9, '{BOB}', 0)",
        f"INSERT INTO sync (source, at, state, what) VALUES ('import', '{AT}', 'ok', '')",
        f"INSERT INTO asked (call, at, member) VALUES ('17.50', '{AT}', 1)",
        f"""INSERT INTO voicemail (id, call, thread, message, mailbox, context, folder, at, seconds, transcription, transcript)
            VALUES (1, '17.1', 1, 'm-1', '201', 'default', 'INBOX', '{AT}', 4, 'done', 'Bonjour, j''ai mal à la mâchoire')""",
        "INSERT INTO recording VALUES (1, 'audio/wav', x'00ff')",
    ),
    5: (
        f"INSERT INTO erasure (digest, at, who, counts) VALUES ('e', '{AT}', 'zoe', '{{}}')",
        f"INSERT INTO opted_out VALUES ('o', '{AT}')",
        f"INSERT INTO consent (number, at, act, how, who) VALUES ('{ALICE}', '{AT}', 'opt_in', 'verbal', 'Zoë')",
    ),
}
MADE_BY_UPGRADE = {"person", "person_number", "consent", "counter"}
"""Tables into which an upgrade writes: what older ones say, and of which key the store is."""


def full(path: Path, version: int) -> Path:
    """A file as a version left it, with rows in every table it had."""
    made(path, version)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=ON")
        for each, statements in ROWS.items():
            for statement in statements if each <= version else ():
                connection.execute(statement)
    return path


def ours(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: count for name, count in rows(connection).items() if not name.startswith(("_sqlite", "sqlite_")) and "_fts" not in name
        }


def opened(path: Path) -> Store:
    """Brought up to date as the service does it, and closed."""

    async def work() -> Store:
        store = Store(path, HandClock())
        await store.open()
        await store.close()
        return store

    return asyncio.run(work())


def schema(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]


def found(path: Path, index: str, word: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {index} WHERE {index} MATCH ?", (word,)).fetchone()[0])


@pytest.mark.parametrize("version", range(1, len(NAMES)))
def test_every_row_of_every_schema_comes_along(version: int, tmp_path: Path) -> None:
    path = full(tmp_path / "textback.db", version)
    before = ours(path)
    bare = {name for name, count in before.items() if not count and not name.startswith("contact_digits")}
    assert bare == set(), "the fixture leaves tables empty"
    opened(path)
    after = ours(path)
    assert {name: after[name] for name in before if name not in MADE_BY_UPGRADE} == {
        name: count for name, count in before.items() if name not in MADE_BY_UPGRADE
    }
    assert all(after[name] >= before.get(name, 0) for name in MADE_BY_UPGRADE)
    assert inspect(path).current  # integrity, foreign keys, full-text indexes
    assert schema(path) == NAMES
    # accents and emoji, by words as they are typed; texts of the service are found by nobody
    for index, word, count in (
        ("message_fts", "zoe", 1),
        ("message_fts", "perimee", 1),
        ("message_fts", "missed", 0),
        ("contact_fts", "eloise", 1),
        ("note_fts", "diner", int(version >= 3)),
        ("voicemail_fts", "machoire", int(version >= 4)),
    ):
        assert found(path, index, word) == count, (index, word)
    with closing(sqlite3.connect(path)) as connection:
        states = dict(connection.execute("SELECT act, state FROM message WHERE id IN (11, 12, 13)"))
        assert states == {"client:11": "queued", "client:12": "unknown", "client:13": "unknown"}  # one was between PDU and answer
        assert connection.execute("SELECT opted_out FROM contact WHERE number = ?", (BOB,)).fetchone() == (AT,)
        acts = connection.execute("SELECT act FROM consent WHERE number = ? AND act = 'opt_out'", (BOB,)).fetchall()
        assert len(acts) == (1 if version < 5 else 0)
        assert connection.execute("SELECT count(*) FROM said").fetchone()[0] > 0


@pytest.mark.parametrize("version", range(1, len(NAMES)))
def test_an_upgrade_that_is_killed_leaves_whole_steps_and_goes_on_at_the_next_start(version: int, tmp_path: Path) -> None:
    """Killed before the record of its first or its last step is committed: nothing of that step is there."""
    for step in sorted({version, len(NAMES) - 1}):
        folder = tmp_path / str(step)
        folder.mkdir()
        path = full(folder / "textback.db", version)
        before = ours(path)
        assert killed_at(1, frozenset({"textback.step"}), functools.partial(_watched, path, NAMES[step]))
        assert schema(path) == NAMES[:step]
        if step == version:
            assert ours(path) == before
        held = inspect(path)
        assert (held.schema, held.current) == (NAMES[step - 1], False)
    opened(path)
    assert schema(path) == NAMES
    assert inspect(path).current


def _watched(path: Path, name: str) -> None:
    """The upgrade as the store's writer does it; the record of the migration ``name`` is told as an audit event before it is written."""

    def told(statement: str) -> None:
        if statement.lstrip().upper().startswith("INSERT") and "_sqlite_migrations" in statement and f"'{name}'" in statement:
            sys.audit("textback.step")

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.set_trace_callback(told)
    migrations.migrate(connection)


async def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    path = full(tmp_path / "textback.db", len(NAMES))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('textback', 'm900_later', '2030')")
    before = ours(path)
    with pytest.raises(StoreError, match="m900_later") as caught:
        await Store(path, HandClock()).open()
    assert "install that version again" in caught.value.fix
    assert ours(path) == before
