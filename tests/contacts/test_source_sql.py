"""The clinic's own SQL database: a real PostgreSQL and a real SQLite, read and never written; what is said of the others."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from ari_app import databases
from ari_app.contact_settings import SourceSettings
from ari_app.contacts.people import Rules
from ari_app.contacts.source_sql import SqlSource, check_query
from ari_app.databases import driver_words
from ari_app.errors import SettingsError, SourceError, TextbackError
from tests.contacts.made import Understood, said, taken
from tests.contacts.servers import PASSWORD, Postgres, postgres

PRIVATE = "Marie Tremblay"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        running.run(
            f"""
            CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}';
            CREATE TABLE client (id integer PRIMARY KEY, nom text, cell numeric, langue text, actif boolean);
            CREATE TABLE phone (client integer, "Téléphone" text);
            INSERT INTO client SELECT n, 'Client ' || n, 5145550000 + n, 'F', true FROM generate_series(1, 1500) n;
            INSERT INTO client VALUES (1501, '{PRIVATE}', NULL, 'A', true), (1502, 'Parti', 5145551502, 'F', false);
            INSERT INTO phone VALUES (1501, '438 555-0101'), (1501, '438 555-0102'), (1501, 'poste 3');
            GRANT ALL ON ALL TABLES IN SCHEMA public TO reader;
            GRANT CREATE ON SCHEMA public TO reader;
            """  # noqa: S608
        )
        yield running


def source(url: str, query: str, **more: Any) -> SqlSource:
    return SqlSource(SourceSettings(kind="sql", url=url, query=query, **more))


def found(of: SqlSource) -> Understood:
    with of.table() as table:
        return taken(table, of.name, of.wanted, Rules(country="CA", several=table.several))


def failure(url: str, query: str) -> TextbackError:
    with pytest.raises(SourceError) as failed:
        found(source(url, query))
    assert failed.value.fix
    assert PASSWORD not in str(failed.value)
    assert PRIVATE not in str(failed.value)
    return failed.value


def test_rows_of_postgresql(server: Postgres) -> None:
    people = found(source(server.url(), "SELECT id, nom, cell, langue FROM client WHERE actif AND nom LIKE 'Client %' ORDER BY id::int;"))
    assert len(people.added) == 1500
    assert said(people)[0] == ("Client 1", ("+15145550001",))
    assert (people.added[0].external, people.added[0].language) == ("1", "fr")


def test_a_join_gives_one_person_with_several_numbers(server: Postgres) -> None:
    wide = 'SELECT c.id, c.nom, p."Téléphone" FROM c JOIN phone p ON p.client = c.id ORDER BY 1, 3'
    query = f"WITH c AS (SELECT * FROM client WHERE id > 1500) {wide}"  # noqa: S608
    assert said(found(source(server.url(), query))) == [(PRIVATE, ("+14385550101", "+14385550102"))]


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM client RETURNING id, nom, cell) SELECT id, nom, cell FROM gone",
        "SELECT id, nom, nextval('made') AS tel FROM client",
    ],
)
def test_nothing_is_written_even_by_who_may(server: Postgres, query: str) -> None:
    server.run("CREATE SEQUENCE IF NOT EXISTS made; GRANT ALL ON SEQUENCE made TO reader;")
    before = server.run("SELECT count(*), (SELECT last_value FROM made) FROM client")
    assert re.search("read-only transaction|must not contain data-modifying", failure(server.url(), query).what)
    assert server.run("SELECT count(*), (SELECT last_value FROM made) FROM client") == before


def test_what_goes_wrong_at_postgresql_is_told_without_secrets(server: Postgres) -> None:
    assert 'relation "patient" does not exist' in failure(server.url(), "SELECT * FROM patient").what
    assert "password authentication failed" in failure(server.url(password="another-one"), "SELECT 1").what
    assert 'database "gone" does not exist' in failure(server.url(database="gone"), "SELECT 1").what
    assert "cannot be read" in failure(f"postgresql://reader:x@/clinic?host={server.folder}/none", "SELECT 1").what
    # what stands in a row would be repeated in the database's own words
    assert failure(server.url(), "SELECT id, nom, nom::integer AS tel FROM client WHERE id = 1501").what.endswith("error 22P02")
    assert failure(server.url(), "SELECT id, nom, (1 / (id - 1400))::text AS tel FROM client ORDER BY id").what.endswith("error 22012")


def test_sqlite_is_opened_for_reading_only(tmp_path: Path) -> None:
    path = tmp_path / "clinique à côté.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE client (id INTEGER, nom TEXT, tel INTEGER)")
        made.executemany("INSERT INTO client VALUES (?, ?, ?)", [(1, PRIVATE, 5145550101), (2, "Roy", None)])
    made.close()
    people = found(source(f"sqlite:///{path}", "SELECT * FROM client"))
    assert said(people) == [(PRIVATE, ("+15145550101",))]
    assert people.tally.refused == 1
    assert "no such table" in failure(f"sqlite:///{path}", "SELECT * FROM patient").what
    assert failure(f"sqlite:///{tmp_path}/none.db", "SELECT 1").what.endswith("unable to open database file")
    assert not (tmp_path / "none.db").exists()
    assert "readonly" in failure(f"sqlite:///{path}", "WITH a AS (SELECT 1) INSERT INTO client SELECT 9, 'x', 1 FROM a").what
    (tmp_path / "other.db").write_bytes(b"no database at all" * 100)
    assert "not a database" in failure(f"sqlite:///{tmp_path}/other.db", "SELECT * FROM client").what


@pytest.mark.parametrize(
    ("query", "backend"),
    [
        ("DELETE FROM client", "sqlite"),
        ("", "sqlite"),
        ("-- SELECT\nUPDATE client SET nom = ''", "postgresql"),
        ("SELECT 1; DROP TABLE client", "postgresql"),
        ("SELECT 1;;SELECT 2", "mysql"),
        ("/* SELECT */ CALL everything()", "mysql"),
        ("SELECT 1 DELETE FROM client", "mssql"),
        ("SELECT * INTO copy FROM client", "mssql"),
        ("WITH a AS (SELECT 1 AS x) UPDATE client SET nom = ''", "mssql"),
    ],
)
def test_what_does_more_than_read_is_refused(query: str, backend: str) -> None:
    with pytest.raises(SettingsError, match=r"contacts\.source\.query") as refused:
        check_query(query, backend)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("query", "backend"),
    [
        ("select 1", "sqlite"),
        ("  -- all of them\n (SELECT 1) ", "postgresql"),
        ("SELECT 'a;b', \"c;d\", $x$ ; $x$ FROM t;", "postgresql"),
        ("SELECT [update], 'delete; drop' AS \"into\" FROM [set] -- exec\n", "mssql"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "mysql"),
    ],
)
def test_what_reads_is_let_through(query: str, backend: str) -> None:
    check_query(query, backend)


def test_a_query_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clinic.db"
    path.touch()
    monkeypatch.setattr(databases, "PATIENCE", 0)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    assert "interrupted" in failure(f"sqlite:///{path}", endless).what


def test_values_that_are_no_words(tmp_path: Path) -> None:
    path = tmp_path / "clinic.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE client (id BLOB, nom TEXT, tel REAL)")
        rows = [(b"\xff\x01", "Roy", 5145550101.0), (b"\xfe\x01", "Côté", 9e999), (b"\xfd\x01", "Lee", 5145550103.0)]
        made.executemany("INSERT INTO client VALUES (?, ?, ?)", rows)
        made.commit()
    got = found(source(f"sqlite:///{path}", "SELECT * FROM client"))
    assert [(one.external, one.name) for one in got.added] == [("ff01", "Roy"), ("fd01", "Lee")]
    assert got.tally.refused == 1


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("mssql://reader:pw@db/clinic", "sqlserver"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_its_extra(url: str, extra: str) -> None:
    with pytest.raises(SettingsError) as refused:
        source(url, "SELECT 1")
    assert refused.value.code == "no_driver"
    assert f"asterisk-textback[{extra}]" in refused.value.fix
    assert "pw" not in str(refused.value).split()


@pytest.mark.parametrize(
    ("url", "said_of_it"),
    [
        ("oracle://reader:pw-of-it@db/clinic", '"oracle" is no database'),
        ("reader:pw-of-it@db", "is no SQLAlchemy URL"),
        ("sqlite:///clinic.db", "no full path"),
        ("sqlite://", "no full path"),
        ("postgresql+nothing://reader:pw-of-it@db/clinic", "cannot be used"),
    ],
)
def test_urls_that_cannot_be_used(url: str, said_of_it: str) -> None:
    with pytest.raises(SettingsError, match=said_of_it) as refused:
        source(url, "SELECT 1")
    assert refused.value.fix
    assert "pw-of-it" not in str(refused.value)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        # as pymssql 2.4 raises them
        (
            ((20009, b"DB-Lib error message 20009, severity 9:\nUnable to connect (db)\n"),),
            "DB-Lib error message 20009, severity 9: Unable",
        ),
        (((18456, b"Login failed for user 'reader' with pw0rd"),), "Login failed for user 'reader' with …"),
        (((245, b"Conversion failed when converting the varchar value 'Marie Tremblay'"),), "error 245"),
        ((b"Marie Tremblay",), "error Exception"),
        ((), "error Exception"),
    ],
)
def test_what_goes_wrong_at_sql_server_is_told_without_secrets(args: tuple[Any, ...], said: str) -> None:
    url = sqlalchemy.make_url("mssql+pymssql://reader:pw0rd@db/clinic")
    assert driver_words(sqlalchemy.exc.OperationalError("SELECT", {}, Exception(*args)), url).startswith(said)
