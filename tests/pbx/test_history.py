"""The PBX's own records read again and again: from files that grow and are turned, from databases, from both at once."""

from __future__ import annotations

import contextlib
import csv
import gzip
import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.errors import SettingsError, SourceError
from ari_app.model import AnsweredBy, Call, Outcome, Presentation, Reached
from ari_app.pbx import history
from ari_app.pbx.cel import CelRow
from ari_app.pbx.history import Found, PbxRecords, endpoints_to_ask, presented
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of
from tests.pbx.test_cdr import COUNTED_AS_ANSWERED, UNDECIDED, rows_of
from tests.pbx.test_cdr_sql import settings_of, sqlite_with
from tests.pbx.test_cel import FREEPBX, RECORDED, cel_of, of_apps

SINCE = datetime(2026, 11, 27, 9, tzinfo=UTC)
UNTIL = datetime(2026, 11, 27, 10, tzinfo=UTC)
CEL_COLUMNS = tuple(each.name for each in fields(CelRow))


def recorded(line: str, *which: str, **more: Any) -> PbxRecords:
    files = {"cdr": "Master.csv", "cel": "cel.csv"}
    return PbxRecords(settings_of(**{each: {"csv": str(RECORDED / line / files[each])} for each in which}, **more))


def of_scenario(found: Found, scenario: Scenario) -> list[Call]:
    numbers = numbers_of(scenario)
    calls = [call for call in found.calls if call.presented[-10:] == numbers.caller or call.did == numbers.did]
    return sorted(calls, key=lambda call: (call.started, call.id))


def said(calls: Iterable[Call]) -> list[tuple[object, ...]]:
    return [(call.outcome, call.answered_by, call.reached, call.handed_on, call.machine) for call in calls]


def wanted(scenario: Scenario) -> list[tuple[object, ...]]:
    return [(row.outcome, row.answered_by, row.reached, row.handed_on, row.machine) for row in scenario.rows]


@pytest.mark.parametrize("line", ["22", "16"])
def test_both_kinds_of_records_tell_what_was_live(line: str) -> None:
    found = recorded(line, "cdr", "cel").read(SINCE, UNTIL)
    assert (found.cut, found.skipped, found.problems, found.strange) == (False, 0, (), {})
    assert set(found.source.values()) == {"cel"}
    assert found.source.keys() == {call.id for call in found.calls} | {leg.id for leg in found.outgoing}
    for scenario in TABLE:
        if line == "16" and scenario.name == "held_for_30_s_and_given_up":
            assert said(of_scenario(found, scenario)) == [(Outcome.ANSWERED, AnsweredBy.EXTENSION, Reached.RING, False, False)]
        else:
            assert said(of_scenario(found, scenario)) == wanted(scenario), scenario.name
    assert len(found.outgoing) == 3


@pytest.mark.parametrize("line", ["22", "16"])
def test_what_each_kind_of_records_decides(line: str) -> None:
    """Ids are the same; an answered call is missed in none of them."""
    both = {call.id: call for call in recorded(line, "cdr", "cel").read(SINCE, UNTIL).calls}
    for which in ("cdr", "cel"):
        found = recorded(line, which).read(SINCE, UNTIL)
        assert {call.id for call in found.calls} == both.keys()
        assert set(found.source.values()) == {which}
        for call in found.calls:
            if both[call.id].outcome is Outcome.ANSWERED:
                assert call.outcome is not Outcome.MISSED, call


@pytest.mark.parametrize("line", ["22", "16"])
def test_what_freepbx_logs_and_its_call_records_together(line: str, tmp_path: Path) -> None:
    """One database, the log beside the records: whole seconds, seven applications. Where the log has no place, the records name it."""
    rows = [replace(row, eventtime=row.eventtime.replace(microsecond=0)) for row in of_apps(cel_of(line), FREEPBX)]
    url = sqlite_with(tmp_path / "cdr.db", rows_of(line))
    add_cel(tmp_path / "cdr.db", rows)
    found = PbxRecords(settings_of(cdr={"url": url})).read(SINCE, UNTIL)
    told = {name: said(of_scenario(found, each)) for each in TABLE if (name := each.name)}
    untold = {
        "confirm_never_accepted": Outcome.UNSEEN,  # a phone was picked up, and the log has no word of a confirmation
        **({"held_for_30_s_and_given_up": Outcome.ANSWERED} if line == "16" else {}),
    }
    for scenario in TABLE:
        if scenario.name in untold:
            assert [each[0] for each in told[scenario.name]] == [untold[scenario.name]]
        elif scenario.name == "menu_then_answered":
            assert [each[0] for each in told[scenario.name]] == [Outcome.ANSWERED]
        else:
            assert [(each[0], each[1], each[4]) for each in told[scenario.name]] == [
                (row.outcome, row.answered_by, row.machine) for row in scenario.rows
            ], scenario.name
    assert told["fax_did"][0][2] is Reached.FAX
    assert told["menu_abandoned"][0][2] is Reached.MENU


def add_cel(path: Path, rows: Iterable[CelRow], table: str = "cel") -> None:
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, {', '.join(CEL_COLUMNS)})")
        values = [tuple(str(getattr(row, name)) for name in CEL_COLUMNS) for row in rows]
        made.executemany(f"INSERT INTO {table} ({', '.join(CEL_COLUMNS)}) VALUES ({', '.join('?' * len(CEL_COLUMNS))})", values)  # noqa: S608
        made.commit()


def test_of_two_that_differ_the_one_that_knows_more_is_believed(tmp_path: Path) -> None:
    """A log that lost all of who took the call, to the caller's own ANSWER and bridge: the call records name a device it never saw."""
    scenario = next(each for each in TABLE if each.name == "queue_answered")
    caller = next(row for row in cel_of("22") if row.exten == numbers_of(scenario).did)
    spared = {"CHAN_START", "HANGUP", "CHAN_END"}
    rows = [
        replace(row, extra=row.extra.replace("ANSWER", ""))
        for row in cel_of("22")
        if row.linkedid != caller.linkedid or (row.uniqueid == caller.uniqueid and row.eventtype in spared)
    ]
    add_cel(tmp_path / "cel.db", rows)
    log = {"url": f"sqlite:///{tmp_path / 'cel.db'}"}
    (alone,) = of_scenario(PbxRecords(settings_of(cel=log)).read(SINCE, UNTIL), scenario)
    assert alone.outcome is Outcome.MISSED, "nothing in the log speaks against that"
    records = PbxRecords(settings_of(cel=log, cdr={"csv": str(RECORDED / "22/Master.csv")}))
    found = records.read(SINCE, UNTIL)
    (call,) = of_scenario(found, scenario)
    assert (call.outcome, call.id, found.source[call.id]) == (Outcome.ANSWERED, caller.uniqueid, "cdr")


def test_records_without_ids_are_the_same_calls(tmp_path: Path) -> None:
    """cdr_csv writes a uniqueid only where it is told to (loguniqueid): a call is known by its channel and its start."""
    with (RECORDED / "22/Master.csv").open(encoding="utf-8", newline="") as file, (tmp_path / "Master.csv").open("w", newline="") as bare:
        csv.writer(bare).writerows(row[:16] for row in csv.reader(file))
    cel = {"csv": str(RECORDED / "22/cel.csv")}
    found = PbxRecords(settings_of(cdr={"csv": str(tmp_path / "Master.csv")}, cel=cel)).read(SINCE - timedelta(days=1), UNTIL)
    assert found.calls == recorded("22", "cdr", "cel").read(SINCE - timedelta(days=1), UNTIL).calls
    assert [call.number for call in found.outgoing] == [call.number for call in recorded("22", "cel").read(SINCE, UNTIL).outgoing]


def lines_of(name: str) -> list[bytes]:
    return (RECORDED / "22" / name).read_bytes().splitlines(keepends=True)


TURNED = 5


def pieces_of(content: bytes, size: int) -> list[bytes]:
    """In the middle of lines, but for the moment the file is turned."""
    at = content.index(b"\n", TURNED * size) + 1
    ends = [*range(size, TURNED * size, size), at, *range(at + size, len(content), size), len(content)]
    return [content[begin:end] for begin, end in itertools.pairwise([0, *ends])]


@pytest.mark.parametrize("turn", ["renamed", "packed", "copied and emptied", "not at all"])
def test_files_that_grow_and_are_turned(tmp_path: Path, turn: str) -> None:
    """Read at any moment, also in the middle of a line: no call is told otherwise than from the whole files, and none is lost."""
    whole = {call.id: call for call in recorded("22", "cdr", "cel").read(SINCE, UNTIL).calls}
    files = {name: tmp_path / name for name in ("Master.csv", "cel.csv")}
    for path in files.values():
        path.touch()
    records = PbxRecords(settings_of(cdr={"csv": str(files["Master.csv"])}, cel={"csv": str(files["cel.csv"])}))
    told: dict[str, Call] = {}
    pieces = {name: pieces_of(b"".join(lines_of(name)), size) for name, size in (("Master.csv", 2_003), ("cel.csv", 24_001))}
    for number, (cdr, cel) in enumerate(itertools.zip_longest(pieces["Master.csv"], pieces["cel.csv"], fillvalue=b"")):
        for path, piece in ((files["Master.csv"], cdr), (files["cel.csv"], cel)):
            if number == 5:
                turned(path, turn)
            with path.open("ab") as file:
                file.write(piece)
        for call in records.read(SINCE, UNTIL).calls:
            told[call.id] = call
    assert told.keys() == whole.keys()
    assert {key for key in told if told[key].outcome is Outcome.MISSED} <= {key for key in whole if whole[key].outcome is Outcome.MISSED}
    assert {call.id: call for call in records.read(SINCE, UNTIL).calls} == whole


def turned(path: Path, how: str) -> None:
    """As logrotate does it."""
    beside = path.with_name(f"{path.name}.1")
    if how == "renamed":
        path.rename(beside)
    elif how == "copied and emptied":
        shutil.copy(path, beside)
        os.truncate(path, 0)
    elif how == "packed":
        with gzip.open(f"{beside}.gz", "wb") as packed:
            packed.write(path.read_bytes())
        path.unlink()
    path.touch()


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    """Spoilt behind our back, and nobody notices; spoilt where we left off, all is read anew."""
    paths = {}
    for name in ("Master.csv", "cel.csv"):
        paths[name] = tmp_path / name
        paths[name].write_bytes(b"".join(lines_of(name)[:-6]))
    records = PbxRecords(settings_of(cdr={"csv": str(paths["Master.csv"])}, cel={"csv": str(paths["cel.csv"])}))
    records.read(SINCE, UNTIL)
    for name, path in paths.items():
        with path.open("r+b") as file:
            file.write(b"x" * 2000)
            file.seek(0, os.SEEK_END)
            file.writelines(lines_of(name)[-6:])
    assert records.read(SINCE, UNTIL).skipped == 0
    assert records.read(SINCE, UNTIL).calls == recorded("22", "cdr", "cel").read(SINCE, UNTIL).calls
    for path in paths.values():
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size - 100)
            file.write(b"y" * 20)
    assert records.read(SINCE, UNTIL).skipped >= 4


def test_tables_that_grow_and_are_emptied(tmp_path: Path) -> None:
    path = tmp_path / "cdr.db"
    whole = recorded("22", "cdr", "cel").read(SINCE, UNTIL)
    rows, cdr = cel_of("22"), rows_of("22")
    half = len(rows) // 2
    url = sqlite_with(path, cdr[: len(cdr) // 2])
    add_cel(path, rows[:half])
    records = PbxRecords(settings_of(cdr={"url": url}))
    before = records.read(SINCE, UNTIL)
    assert 0 < len(before.calls) < len(whole.calls)
    assert records.read(SINCE, UNTIL) == before
    add_cel(path, rows[half:])
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("ATTACH ? AS more", (sqlite_with(tmp_path / "more.db", cdr[len(cdr) // 2 :]).removeprefix("sqlite:///"),))
        made.execute("INSERT INTO cdr SELECT * FROM more.cdr")
        made.commit()
    assert records.read(SINCE, UNTIL).calls == whole.calls
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("DELETE FROM cel")
        made.execute("DELETE FROM cdr")
        made.commit()
    assert records.read(SINCE, UNTIL).calls == ()
    add_cel(path, rows)
    again = records.read(SINCE, UNTIL)
    assert {call.id: (call.outcome, call.reached) for call in again.calls} == {
        call.id: (call.outcome, call.reached) for call in recorded("22", "cel").read(SINCE, UNTIL).calls
    }


def test_a_call_is_told_when_its_rows_are_sure_to_be_there() -> None:
    whole = recorded("22", "cdr", "cel").read(SINCE, UNTIL).calls
    for which, call in zip((("cdr",), ("cel",), ("cdr", "cel")), whole[:: len(whole) // 3], strict=False):
        early = recorded("22", *which).read(SINCE, call.ended + timedelta(seconds=4))
        assert call.id not in {each.id for each in early.calls}
    middle = whole[len(whole) // 2].ended
    later = recorded("22", "cdr", "cel").read(middle, UNTIL).calls
    assert [call for call in whole if call.ended >= middle] == list(later)


def test_one_kind_that_fails_leaves_the_other(tmp_path: Path) -> None:
    good = {"csv": str(RECORDED / "22/Master.csv")}
    found = PbxRecords(settings_of(cdr=good, cel={"csv": str(tmp_path / "none.csv")})).read(SINCE, UNTIL)
    assert [each.code for each in found.problems] == ["cel_missing"]
    assert set(found.source.values()) == {"cdr"}
    good = {"csv": str(RECORDED / "22/cel.csv")}
    found = PbxRecords(settings_of(cdr={"csv": str(tmp_path / "none.csv")}, cel=good)).read(SINCE, UNTIL)
    assert [each.code for each in found.problems] == ["cdr_missing"]
    assert set(found.source.values()) == {"cel"}
    with pytest.raises(SourceError) as failed:
        PbxRecords(settings_of(cdr={"csv": str(tmp_path / "none.csv")})).read(SINCE, UNTIL)
    assert failed.value.code == "cdr_missing"
    with pytest.raises(SettingsError) as nothing:
        PbxRecords(settings_of()).read(SINCE, UNTIL)
    assert nothing.value.code == "no_cdr"
    assert not PbxRecords(settings_of()).configured
    other = tmp_path / "cel.csv"
    other.write_text("date;who;how long\n" * 30, "utf-8")
    with pytest.raises(SourceError) as failed:
        PbxRecords(settings_of(cel={"csv": str(other)})).read(SINCE, UNTIL)
    assert (failed.value.code, "cel_custom" in failed.value.what) == ("cel_format", True)


def test_databases_that_hold_no_log_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE cel (eventtype TEXT, eventtime TEXT)")
        made.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY, " + ", ".join(f"{name} TEXT" for name in CEL_COLUMNS) + ")")
        made.executemany("INSERT INTO numbers (eventtype, eventtime) VALUES ('3', ?)", [(f"2026-11-27 09:00:{n:02}",) for n in range(30)])
        made.commit()
    for table, what in (("cel", "no column cid_num"), ("none", "no table none"), ("numbers", "name no channel events")):
        with pytest.raises(SourceError) as failed:
            PbxRecords(settings_of(cel={"url": f"sqlite:///{path}?table={table}"})).read(SINCE, UNTIL)
        assert (failed.value.code, what in failed.value.what) == ("cel_format", True)


def test_more_rows_than_are_read_at_once_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recorded("22", "cdr", "cel").read(SINCE, UNTIL).calls
    for which, most in (("cdr", 60), ("cel", 600)):
        monkeypatch.setattr(history, "MOST_ROWS", most)
        found = recorded("22", which).read(SINCE, UNTIL)
        assert found.cut
        assert 0 < len(found.calls) < len(whole)
        assert {call.id for call in found.calls} <= {call.id for call in whole}


def test_who_may_have_hidden_a_number() -> None:
    """Call records do not tell: settings say it of a trunk, or ARI of a PJSIP endpoint; a number that is none needs no word."""
    found = recorded("22", "cdr", "cel").read(SINCE, UNTIL)
    assert {call.presentation for call in found.calls} == {Presentation.UNKNOWN}
    assert endpoints_to_ask(found) == {"trunk", "trunk-trusted"}
    known = presented(found, {"trunk": False, "trunk-trusted": True})
    hidden = next(each for each in TABLE if each.name == "presentation_prohibited_but_a_number_present")
    for call in known.calls:
        shown = call.caller is not None and call not in of_scenario(known, hidden)
        assert (call.presentation is Presentation.ALLOWED) == shown
    shown_by_settings = recorded("22", "cel", cdr={"csv": str(RECORDED / "22/Master.csv"), "shown": ["PJSIP/trunk*"]}).read(SINCE, UNTIL)
    assert {call.presentation for call in shown_by_settings.calls if call.caller is not None} == {Presentation.ALLOWED}
    assert endpoints_to_ask(shown_by_settings) == set()


def test_call_records_alone_leave_open_what_no_record_tells() -> None:
    found = recorded("22", "cdr").read(SINCE, UNTIL)
    for scenario in TABLE:
        outcomes = {call.outcome for call in of_scenario(found, scenario)}
        if scenario.name in UNDECIDED:
            assert outcomes == {Outcome.UNSEEN}
        elif scenario.name not in COUNTED_AS_ANSWERED:
            assert outcomes == {row.outcome for row in scenario.rows}


@pytest.mark.parametrize(("zone", "told"), [("UTC", True), ("America/Toronto", False)])
def test_records_without_uniqueids_are_believed_in_their_own_zone_only(tmp_path: Path, zone: str, told: bool) -> None:
    """Else a call would come again hours later, as another one."""
    path = tmp_path / "Master.csv"
    lines = (RECORDED / "22" / "Master.csv").read_text(encoding="utf-8").splitlines()
    row = next(row for row in csv.reader(lines) if row[7] == "Dial")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(
            [int(cell) if cell.isdigit() and place in {12, 13} else cell for place, cell in enumerate(row[:16])]
        )
    ended = datetime.fromisoformat(row[11]).replace(tzinfo=UTC)  # written in UTC
    os.utime(path, (ended.timestamp() + 280, ended.timestamp() + 280))
    settings = settings_of(cdr={"csv": str(path)})
    settings = settings.model_copy(update={"clinic": settings.clinic.model_copy(update={"timezone": zone})})
    found = PbxRecords(settings).read(ended - timedelta(hours=12), ended + timedelta(hours=12))
    assert (len(found.calls) == 1, [error.code for error in found.problems]) == (told, [] if told else ["cdr_zone"])
