"""Contacts as they are looked for, over real indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ari_app.model import Kind
from ari_app.person import PersonNumber, Record
from ari_app.threads import Store, contact_finding, migrations
from ari_app.threads.database import Reader, Transaction
from ari_app.threads.keyed import teach
from ari_app.threads.syncing import apply
from tests.threads.test_plans import Watched
from tests.threads.world import START

ELOISE, SMITH, LAB = "+15145550123", "+14385559876", "+15148881234"
PARIS = "+33145678901"


def one(external: str, name: str, *numbers: str, kind: Kind = Kind.CLIENT, tags: tuple[str, ...] = ()) -> Record:
    return Record(external=external, name=name, kind=kind, tags=tags, numbers=tuple(PersonNumber(number=each) for each in numbers))


PEOPLE = (
    one("D-100", "Zoé Nguyen", ELOISE),
    one("D-101", "Éloïse Côté-Roy", ELOISE, "+15145550124", tags=("vip",)),
    one("D-102", "Eloi Tremblay", PARIS),
    one("514", "John Smith", SMITH, kind=Kind.STAFF),
    one("D-104", "Laboratoire Biron", LAB, kind=Kind.SUPPLIER, tags=("no-text",)),
    one("~aa", "Viper Tools", "+15145559999", kind=Kind.SUPPLIER),
)


@pytest.fixture
async def house(store: Store) -> Store:
    await store.contacts.apply(PEOPLE, "sync")
    return store


async def found(store: Store, words: str, kind: Kind | None = None) -> list[str]:
    return [each.name.split()[0] for each in await store.contacts.find(words, kind=kind)]


async def test_without_words_everybody_is_there_as_french_orders_names(house: Store) -> None:
    assert await found(house, "") == ["Eloi", "Éloïse", "John", "Laboratoire", "Viper", "Zoé"]
    assert await found(house, "  ", Kind.SUPPLIER) == ["Laboratoire", "Viper"]
    pages = [await house.contacts.find("", limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [len(page) for page in pages] == [4, 2, 0]
    assert [each for page in pages for each in page] == list(await house.contacts.find(""))


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ("elo", ["Eloi", "Éloïse"]),
        ("ÉLOÏSE", ["Éloïse"]),
        ("cote", ["Éloïse"]),
        ("roy elo", ["Éloïse"]),
        ("elo roy", []),
        ("vip", ["Éloïse", "Viper"]),
        ("no-text", ["Laboratoire"]),
        ("zz", []),
        ("?", []),
    ],
)
async def test_by_the_beginning_of_a_name_or_a_tag(house: Store, words: str, who: list[str]) -> None:
    assert await found(house, words) == who


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (ELOISE, ["Éloïse", "Zoé"]),
        ("(514) 555-0123", ["Éloïse", "Zoé"]),
        ("1 514 555 01", ["Éloïse", "Zoé"]),
        ("514 888", ["Laboratoire"]),
        ("0124", ["Éloïse"]),
        ("555-0124", ["Éloïse"]),
        ("0145678901", ["Eloi"]),
        ("33 1 45", ["Eloi"]),
        ("9876", ["John"]),
        ("1234", ["Laboratoire"]),
        ("12", []),
        ("888", []),
    ],
)
async def test_by_the_beginning_or_the_end_of_a_number(house: Store, words: str, who: list[str]) -> None:
    assert await found(house, words) == who


async def test_by_a_name_and_digits_of_the_number(house: Store) -> None:
    assert await found(house, "smith 438") == ["John"]
    assert await found(house, "smith 9876 555") == ["John"]
    assert await found(house, "smith 514 555") == []
    assert await found(house, "eloise 0124") == ["Éloïse"]
    assert await found(house, "0124 elo") == ["Éloïse"]


async def test_by_the_id_of_the_clinic_s_own_software_which_comes_first(house: Store) -> None:
    assert await found(house, "D-104") == ["Laboratoire"]
    assert await found(house, " D-101 ") == ["Éloïse"]
    assert (await found(house, "514"))[0] == "John"
    assert "Éloïse" in await found(house, "514")
    assert await found(house, "D-10") == []


async def test_of_one_kind(house: Store) -> None:
    assert await found(house, "vip", Kind.SUPPLIER) == ["Viper"]
    assert await found(house, "514 555", Kind.CLIENT) == ["Éloïse", "Zoé"]
    assert await found(house, "D-104", Kind.STAFF) == []


@pytest.mark.parametrize("words", ['"', "***", "NEAR(", "\0", "\ud800", "😀", "AND OR NOT", "name:", "a" * 500, "-", "%", "_", "' OR 1"])
async def test_odd_words_are_answered(house: Store, words: str) -> None:
    assert await house.contacts.find(words) == ()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """More than are looked at, who all begin alike."""
    path: Path = tmp_path_factory.mktemp("contacts") / "textback.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        teach(connection, None)
        connection.row_factory = sqlite3.Row
        migrations.migrate(connection)
        connection.execute("BEGIN")
        apply(
            Transaction(connection),
            (one(f"P{n}", f"Marie {n:05}", f"+1514{n:07}") for n in range(3 * contact_finding.LOOKED_AT)),
            "sync",
            START,
        )
        connection.execute("COMMIT")
        yield connection


@pytest.mark.parametrize(
    ("words", "fits"),
    [("", 30), ("m", 30), ("marie", 30), ("514", 30), ("5140000", 30), ("1234", 1), ("marie 514", 30), ("P17", 1), ("x", 0)],
)
@pytest.mark.parametrize("kind", [None, Kind.CLIENT, Kind.STAFF])
def test_no_table_is_read_whole_and_a_page_is_a_page(many: sqlite3.Connection, words: str, fits: int, kind: Kind | None) -> None:
    reader = Watched(many)
    page = contact_finding.find(reader, words, "CA", kind=kind, limit=30)
    assert len(page) == (0 if kind is Kind.STAFF else fits)
    walks = [
        step
        for plan in reader.plans.values()
        for step in plan
        if step.startswith("SCAN") and "VIRTUAL TABLE INDEX" not in step and "(subquery" not in step and "person_by_sort" not in step
    ]
    assert walks == []


def test_who_calls_is_found_by_indexes(many: sqlite3.Connection) -> None:
    reader = Watched(many)
    assert contact_finding.caller(reader, "+15140000017", START).names == ("Marie 00017",)
    assert [step for plan in reader.plans.values() for step in plan if step.startswith("SCAN")] == []


@given(words=st.text(max_size=30))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_are_a_question(many: sqlite3.Connection, words: str) -> None:
    contact_finding.find(Reader(many), words, "CA")
