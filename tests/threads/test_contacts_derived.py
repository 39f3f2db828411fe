"""Whatever happens to people, in whatever order: a contact's name and kind are what the people behind its number come to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ari_app.errors import TextbackError
from ari_app.model import Kind
from ari_app.person import FIELDS, Person, PersonNumber, Record
from ari_app.threads import contact_edits, migrations, people, syncing
from ari_app.threads.database import Transaction
from ari_app.threads.keyed import teach
from ari_app.threads.persons import NUMBERS, fields_of, given_fields, people_of, person_of, sort_key, standing
from tests.threads.world import ANNE, START

Act = Callable[[Transaction], Any]
NUMBERED = tuple(f"+1514555010{n}" for n in range(4))

names = st.sampled_from(["Marie Roy", "Roy", "Luc Côté", "luc cote", "Zoé"])
kinds = st.sampled_from(Kind)
languages = st.sampled_from([None, "fr", "en"])
tags = st.sampled_from([(), ("no-text",), ("no-text", "vip")])
numbers = st.lists(st.sampled_from(NUMBERED), max_size=3, unique=True).map(lambda all_: tuple(PersonNumber(number=each) for each in all_))
fields = st.fixed_dictionaries({"name": names, "kind": kinds, "language": languages, "tags": tags, "numbers": numbers})
externals = st.sampled_from(["A", "B", "C"])
sources = st.sampled_from(["import", "sync"])
somebody = st.integers(0, 4)
"""Which of those there are."""
records = st.builds(lambda external, said: Record(external=external, **said), externals, fields)


def act(verb: Callable[..., Any], *given_: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Act]]:
    """One act with what is drawn for it, after its transaction."""
    return st.tuples(*given_).map(lambda drawn: (verb.__name__, lambda tx: verb(tx, *drawn)))


def apply(tx: Transaction, said: list[Record], source: syncing.Source) -> None:
    syncing.apply(tx, said, source, START)


def remove(tx: Transaction, gone: list[str], source: syncing.Source) -> None:
    syncing.remove(tx, gone, source)


def enter(tx: Transaction, said: dict[str, Any]) -> None:
    contact_edits.save(tx, None, said, ANNE, START)


def one_of_them(tx: Transaction, which: int) -> int:
    ids = [row["id"] for row in tx.all("SELECT id FROM person ORDER BY id")]
    return ids[which % len(ids)] if ids else 1


def edit(tx: Transaction, which: int, said: dict[str, Any], chosen: set[str]) -> None:
    who = one_of_them(tx, which)
    some = {field: said[field] for field in chosen}
    contact_edits.save(tx, who, fields_of(contact_edits.get(tx, who)) | some, ANNE, START)


def release(tx: Transaction, which: int, chosen: set[str] | None) -> None:
    contact_edits.release(tx, one_of_them(tx, which), chosen, ANNE, START)


def delete(tx: Transaction, which: int) -> None:
    contact_edits.delete(tx, one_of_them(tx, which), ANNE, START)


def name(tx: Transaction, at: str, said: str | None) -> None:
    contact_edits.name_number(tx, at, said, START)


def call(tx: Transaction, at: str) -> None:
    people.open_thread(tx, "main", at, "to_answer", START)


def offer(tx: Transaction, at: str, said: str) -> None:
    """As the policy does: where nobody is named."""
    tx.run("UPDATE contact SET offered = ? WHERE number = ? AND name IS NULL", (said, at))


def take(tx: Transaction, thread: int) -> None:
    contact_edits.take_offered(tx, thread, ANNE, START)


some_fields = st.sets(st.sampled_from(FIELDS), min_size=1)
one_number = st.sampled_from(NUMBERED)
acts = st.one_of(
    act(apply, st.lists(records, max_size=3), sources),
    act(remove, st.lists(externals, max_size=2), sources),
    act(enter, fields),
    act(edit, somebody, fields, some_fields),
    act(release, somebody, st.none() | some_fields),
    act(delete, somebody),
    act(name, one_number, st.none() | names),
    act(call, one_number),
    act(offer, one_number, names),
    act(take, st.integers(1, 4)),
)


@pytest.fixture(scope="module")
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    teach(connection, None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    migrations.migrate(connection)
    yield connection
    connection.close()


def everybody(tx: Transaction) -> dict[int, tuple[Person, str | None]]:
    rows = tx.all(f"SELECT p.*, {NUMBERS} FROM person p")  # noqa: S608
    for row in rows:
        assert row["sort"] == sort_key(row["name"])
    return {row["id"]: (person_of(row), row["given"]) for row in rows}


def hold(tx: Transaction, what: str, before: dict[int, tuple[Person, str | None]]) -> None:
    """What is true after every act."""
    for contact in tx.all("SELECT * FROM contact"):
        behind = standing(people_of(tx, contact["number"]))
        assert (contact["name"], contact["kind"]) == (behind.name, behind.kind), what
        assert contact["name"] is None or contact["offered"] is None, what
    for who, (person, said) in everybody(tx).items():
        values = fields_of(person)
        if said is None:
            assert person.edited == ()
        else:
            given_ = given_fields(said)
            assert all(values[field] == given_[field] for field in FIELDS if field not in person.edited), what
        if what in {"apply", "remove"} and who in before and before[who][1] is not None:
            assert set(before[who][0].edited) <= set(person.edited), "a source gives no field back"
            assert all(values[field] == getattr(before[who][0], field) for field in before[who][0].edited)
    for index in ("person_fts", "contact_fts"):
        tx.run(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")  # noqa: S608
    assert tx.value("SELECT count(*) FROM person_number n WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.id = n.person)") == 0


@given(st.lists(acts, max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_names_follow_whatever_is_done(file: sqlite3.Connection, done: list[tuple[str, Act]]) -> None:
    file.execute("BEGIN")
    try:
        tx = Transaction(file)
        for called in NUMBERED[:-1]:
            call(tx, called)
        for what, do in done:
            before = everybody(tx)
            file.execute("SAVEPOINT act")
            try:
                do(tx)
            except TextbackError:
                file.execute("ROLLBACK TO act")  # as the store does with what is refused
            file.execute("RELEASE act")
            hold(tx, what, before)
    finally:
        file.execute("ROLLBACK")


@given(st.lists(records, max_size=6), sources)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_said_twice_is_said_once(file: sqlite3.Connection, said: list[Record], source: syncing.Source) -> None:
    latest = list({each.external: each for each in said}.values())
    file.execute("BEGIN")
    try:
        tx = Transaction(file)
        syncing.apply(tx, said, source, START)
        once = everybody(tx)
        again = syncing.apply(tx, latest, source, START)
        assert (again.unchanged, again.added, again.changed) == (len(latest), 0, 0)
        assert everybody(tx) == once
    finally:
        file.execute("ROLLBACK")
