"""Call records kept in a database: a real MariaDB with FreePBX's table, and SQLite; read and never written."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy

from ari_app.databases import engine_of, reading, url_of
from ari_app.errors import SettingsError, SourceError, TextbackError
from ari_app.model import Outcome
from ari_app.pbx.cdr import Row, calls_of
from ari_app.pbx.cdr_sql import read_sql
from ari_app.pbx.cel import CelRow, calls_of_cel
from ari_app.pbx.history import PbxRecords
from ari_app.settings import Settings
from tests.pbx.mariadb import FREEPBX_CEL, PASSWORD, Mariadb, mariadb
from tests.pbx.test_cdr import CONFIG, EVER, a_row, rows_of
from tests.pbx.test_cel import cel_of

_COLUMNS = ("calldate", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec", "disposition",
            "uniqueid", "linkedid", "did", "sequence")  # fmt: skip


def values_of(row: Row, sequence: int = 0) -> tuple[object, ...]:
    what = (row.src, row.dst, row.context, row.channel, row.dstchannel, row.app, row.data, row.duration, row.billsec, row.disposition)
    return (row.start, *what, row.uniqueid, row.linkedid, row.did, sequence)


def sqlite_with(path: Path, rows: tuple[Row, ...], table: str = "cdr", start: str = "calldate") -> str:
    columns = (start, *_COLUMNS[1:])
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE {table} ({', '.join(f'{name} TEXT' for name in columns)})")
        marks = ", ".join("?" * len(columns))
        made.executemany(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608
            [(str(row.start), *values_of(row, sequence)[1:]) for sequence, row in enumerate(rows)],
        )
        made.commit()
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def server() -> Iterator[Mariadb]:
    with mariadb() as running:
        marks = ", ".join(["%s"] * len(_COLUMNS))
        rows = [values_of(row, sequence) for sequence, row in enumerate(rows_of("22"))]
        running.run("USE asteriskcdrdb", f"INSERT INTO cdr ({', '.join(_COLUMNS)}) VALUES ({marks})", rows=rows)  # noqa: S608
        yield running


def test_freepbx_database_tells_what_the_file_tells(server: Mariadb) -> None:
    expected = calls_of(rows_of("22"), CONFIG, UTC)
    for scheme in ("mysql", "mariadb", "mysql+pymysql"):
        read = read_sql(server.url(scheme=scheme), EVER, most=10_000)
        assert (len(read.rows), read.cut, read.skipped) == (len(rows_of("22")), False, 0)
        assert calls_of(read.rows, CONFIG, ZoneInfo("America/Toronto")) == expected


def test_only_what_was_asked_for_is_read(server: Mariadb) -> None:
    newest = max(row.end for row in rows_of("22"))
    assert read_sql(server.url(), newest + timedelta(seconds=1), most=100).rows == ()
    assert {row.end for row in read_sql(server.url(), newest, most=100).rows} == {newest}
    cut = read_sql(server.url(), EVER, most=5)
    assert cut.cut
    assert len(cut.rows) == 5
    assert min(row.start for row in cut.rows) >= sorted(row.start for row in rows_of("22"))[-6]


def test_a_user_who_could_write_does_not(server: Mariadb) -> None:
    """The session itself may only read."""
    url = url_of(server.url(user="strong"), "pbx.cdr.url")
    with engine_of(url, "pbx.cdr.url").connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError, match="READ ONLY"):
        reading(connection).exec_driver_sql("DELETE FROM cdr")
    assert len(read_sql(server.url(user="strong"), EVER, most=10_000).rows) == len(rows_of("22"))


def settings_of(**pbx: Any) -> Settings:
    machines = {"machines": ["PJSIP/fax*"]}
    return Settings.model_validate(
        {
            "clinic": {"name": "Clinic", "number": "+15145550100", "country": "CA", "subdivision": "QC", "timezone": "America/Toronto"},
            "pbx": {"username": "textback", "password": "x", **machines, **pbx},
            "hours": {"open": "Mo-Fr 08:00-17:00"},
            "modem": [{"name": "gsm1", "port": "auto"}],
        }
    )


def test_freepbx_channel_event_log_is_found_beside_its_call_records(server: Mariadb) -> None:
    """The clinic's own time, whole seconds; only what came is read, and rows are never written."""
    columns = tuple(each.name for each in fields(CelRow))
    toronto = ZoneInfo("America/Toronto")
    rows = []
    for row in cel_of("22"):
        written = row.eventtime.astimezone(toronto).replace(tzinfo=None, microsecond=0)
        rows.append((row.eventtype, written, *(getattr(row, name) for name in columns[2:])))
    empty = ("cid_name", "cid_ani", "cid_rdnis", "cid_dnid", "accountcode", "userdeftype")
    insert = f"INSERT INTO cel ({', '.join((*columns, *empty))}, amaflags) VALUES ({', '.join(['%s'] * len(columns))}, '', '', '', '', '', '', 3)"  # noqa: S608, E501
    server.run("USE asteriskcdrdb", FREEPBX_CEL)
    records = PbxRecords(settings_of(cdr={"url": server.url(more="&table=asteriskcdrdb.cdr")}))
    since, until = datetime(2026, 11, 27, 9, tzinfo=UTC), datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert set(records.read(since, until).source.values()) == {"cdr"}
    server.run("USE asteriskcdrdb", insert, rows=rows[:700])
    assert set(records.read(since, until).source.values()) == {"cdr", "cel"}
    server.run("USE asteriskcdrdb", insert, rows=rows[700:])
    found = records.read(since, until)
    assert set(found.source.values()) == {"cel"}
    live = {call.id: call for call in calls_of_cel(cel_of("22"), CONFIG, UTC).calls}
    assert [(call.id, call.outcome, call.handed_on, call.answered_by) for call in found.calls] == [
        (call.id, live[call.id].outcome, live[call.id].handed_on, live[call.id].answered_by) for call in found.calls
    ]
    assert len(found.calls) == len(live)
    server.run("USE asteriskcdrdb", "DROP TABLE cel")
    assert set(records.read(since, until).source.values()) == {"cdr"}


def failure(url: str) -> TextbackError:
    with pytest.raises((SourceError, SettingsError)) as failed:
        read_sql(url, EVER, most=10)
    assert failed.value.fix
    assert PASSWORD not in str(failed.value)
    return failed.value


def test_what_is_wrong_is_named(server: Mariadb, tmp_path: Path) -> None:
    assert failure(server.url(password="wrong")).code == "cdr_unreadable"
    assert "Access denied" in failure(server.url(password="wrong")).what
    missing = failure(server.url(more="&table=cdr2"))
    assert (missing.code, "no table cdr2" in missing.what) == ("cdr_format", True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        down = failure(f"mysql://textback@127.0.0.1:{taken.getsockname()[1]}/asteriskcdrdb")
    assert down.code == "cdr_unreadable"
    assert "connect" in down.what
    assert failure(f"sqlite:///{tmp_path / 'none.db'}").code == "cdr_unreadable"
    assert "pbx.cdr.url" in failure("sqlite:///relative.db").what
    assert "pbx.cdr.url" in failure("oracle://here/there").what
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE cdr (calldate TEXT, src TEXT)")
    assert "dstchannel" in failure(f"sqlite:///{path}").what


def test_no_piece_of_a_password_is_said() -> None:
    """An @ that was not escaped makes the rest of the password a part of the host's name."""
    many = failure("mysql://textback:pa@s3cret@127.0.0.1/asteriskcdrdb")
    assert ("%40" in many.fix, "s3cret" in str(many)) == (True, False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        odd = failure(f"mysql://textback:s3cret@127.0.0.1:{taken.getsockname()[1]}/asteriskcdrdb?s3cret=1")
    assert ("option" in odd.what, "s3cret" in str(odd)) == (True, False)


def test_sqlite_with_other_names(tmp_path: Path) -> None:
    """Upper case, ``start`` for ``calldate``, a table of another name; rows that are no record are counted."""
    path = tmp_path / "master.db"
    url = sqlite_with(path, (a_row(), a_row(src="odd")), table="Calls", start="START")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("UPDATE Calls SET duration = 'long' WHERE src = 'odd'")
    read = read_sql(f"{url}?table=Calls", EVER, most=10)
    assert (read.rows, read.skipped) == ((a_row(),), 1)
    (call,) = calls_of(read.rows, CONFIG, UTC).calls
    assert (call.outcome, call.started) == (Outcome.MISSED, datetime(2026, 3, 2, 9, tzinfo=UTC))


def test_sqlite_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "master.db"
    url = sqlite_with(path, (a_row(),))
    before = path.read_bytes()
    assert len(read_sql(url, EVER, most=10).rows) == 1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["master.db"]
