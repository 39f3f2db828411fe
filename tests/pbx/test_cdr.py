"""Call detail records that a real Asterisk 22 and 16 wrote in the lab's scenarios, and the calls they become.

``recorded/VERSION/Master.csv``: all scenarios of tests/lab played once, with loguniqueid, loguserfield, newcdrcolumns and unanswered on.
"""

from __future__ import annotations

import gzip
import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ari_app.errors import SourceError
from ari_app.model import AnsweredBy, Call, Outcome, Presentation, Reached
from ari_app.pbx.cdr import History, Row, calls_of, cut_off
from ari_app.pbx.cdr_csv import read_csv
from ari_app.pbx.config import WatchConfig
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of

RECORDED = Path(__file__).parent / "recorded"
CONFIG = WatchConfig(country="CA", inbound_contexts=("from-trunk*", "from-pstn*"), machines=("PJSIP/fax*",))
EVER = datetime(2000, 1, 1)  # noqa: DTZ001 - as written
UNDECIDED = {
    "parked_and_never_retrieved",
    "blind_transfer_not_answered",
    "attended_transfer_left_ringing",
    "confirm_accepted",
    "conference_of_two_callers_without_staff",
    "recorder_in_the_bridge_and_nobody_else",
    "announcement_in_the_bridge_and_nobody_else",
}
"""What no record tells."""
COUNTED_AS_ANSWERED = {"held_for_30_s_and_given_up"}
"""No record says that a caller was on hold."""


def rows_of(line: str) -> tuple[Row, ...]:
    return read_csv(RECORDED / line / "Master.csv", EVER, most=10_000).rows


def told(line: str, ids: str) -> History:
    rows = rows_of(line)
    if ids == "no linkedid":
        rows = tuple(replace(row, linkedid="") for row in rows)
    elif ids == "no ids":
        rows = tuple(replace(row, linkedid="", uniqueid="") for row in rows)
    return calls_of(rows, CONFIG, UTC)


def of_scenario(history: History, scenario: Scenario) -> list[Call]:
    numbers = numbers_of(scenario)
    return [call for call in history.calls if call.presented[-10:] == numbers.caller or call.did == numbers.did]


@pytest.mark.parametrize("ids", ["all", "no linkedid", "no ids"])
@pytest.mark.parametrize("line", ["22", "16"])
def test_scenarios_of_the_lab(line: str, ids: str) -> None:
    """Every outcome that records can tell is told right; what they cannot is unseen; nothing answered is ever called missed."""
    history = told(line, ids)
    assert history.strange == {}
    assert len(history.calls) == sum(len(scenario.rows) for scenario in TABLE)
    for scenario in TABLE:
        calls = of_scenario(history, scenario)
        said = sorted((call.outcome.value, str(call.answered_by), call.machine) for call in calls)
        rows = sorted((row.outcome.value, str(row.answered_by), row.machine) for row in scenario.rows)
        if scenario.name in UNDECIDED:
            assert {call.outcome for call in calls} == {Outcome.UNSEEN}, scenario.name
        elif scenario.name in COUNTED_AS_ANSWERED:
            assert {call.outcome for call in calls} == {Outcome.ANSWERED}, scenario.name
        else:
            assert said == rows, scenario.name
        assert all(call.presentation is Presentation.UNKNOWN and not call.voicemail_left for call in calls)
    out = [(call.number, call.joined is not None) for call in history.outgoing]
    scenario = next(each for each in TABLE if each.name == "outbound_call")
    assert out == [(f"+1{numbers_of(scenario).mobile}", True)]


@pytest.mark.parametrize("line", ["22", "16"])
def test_a_call_is_the_one_that_events_told(line: str) -> None:
    """Its id is the channel's uniqueid, which live events have too."""
    history = told(line, "all")
    scenario = next(each for each in TABLE if each.name == "one_phone_rings_out")
    (call,) = of_scenario(history, scenario)
    assert call.id in {row.uniqueid for row in rows_of(line)}
    assert call.started.timestamp() == pytest.approx(float(call.id.partition(".")[0]), abs=1)
    assert (call.caller, call.did, call.context) == (numbers_of(scenario).caller_e164, numbers_of(scenario).did, "from-trunk")
    assert 2 <= call.rang <= 6
    reached = {each.name: of_scenario(history, each)[0].reached for each in TABLE if each.rows}
    assert reached["ring_group_of_locals_to_voicemail"] is Reached.VOICEMAIL
    assert reached["voicemail_left_behind_a_local"] is Reached.VOICEMAIL
    assert reached["queue_abandoned"] is Reached.QUEUE
    assert reached["menu_abandoned"] is Reached.MENU


def a_row(**changes: Any) -> Row:
    row = Row(
        start=datetime(2026, 3, 2, 9),  # noqa: DTZ001
        duration=20,
        billsec=0,
        src="5145550101",
        dst="5145550199",
        context="from-trunk",
        channel="PJSIP/voipms-00000001",
        dstchannel="PJSIP/101-00000002",
        app="Dial",
        data="PJSIP/101,20",
        disposition="NO ANSWER",
    )
    return replace(row, **changes)


def test_times_are_known_by_the_uniqueid_whatever_zone_they_are_written_in() -> None:
    begun = datetime(2026, 3, 2, 14, 0, 1, tzinfo=UTC)
    uniqueid = f"pbx-{begun.timestamp():.0f}.7"
    for zone in (UTC, ZoneInfo("America/Toronto"), ZoneInfo("Asia/Kathmandu"), timezone(timedelta(hours=-12))):
        written = begun.astimezone(zone).replace(tzinfo=None)
        (call,) = calls_of([a_row(start=written, uniqueid=uniqueid)], CONFIG, ZoneInfo("Europe/Paris")).calls
        assert (call.started, call.ended, call.id) == (begun, begun + timedelta(seconds=20), uniqueid)
    (call,) = calls_of([a_row()], CONFIG, ZoneInfo("America/Toronto")).calls
    assert call.started == datetime(2026, 3, 2, 14, tzinfo=UTC)


def test_since_is_of_the_calls_end() -> None:
    zone = ZoneInfo("America/Toronto")
    end = datetime(2026, 3, 2, 14, 0, 20, tzinfo=UTC)
    assert len(calls_of([a_row()], CONFIG, zone, since=end).calls) == 1
    assert calls_of([a_row()], CONFIG, zone, since=end + timedelta(seconds=1)).calls == ()
    assert cut_off(end, zone) < a_row().end


def test_freepbx_records_name_no_trunk_context() -> None:
    """Its rows have the context where the call ended, and the DID: a trunk is known by any row that has one."""
    known = a_row(context="ext-group", dst="600", did="5145550199")
    unknown = a_row(context="app-blackhole", dst="hangup", channel="PJSIP/voipms-0000000a", dstchannel="", app="Congestion")
    house = a_row(src="101", context="from-internal", channel="PJSIP/101-0000000b", dst="102", dstchannel="PJSIP/102-0000000c")
    out = a_row(
        src="101",
        context="from-internal",
        channel="PJSIP/101-0000000d",
        dst="95145550142",
        dstchannel="PJSIP/voipms-0000000e",
        data="PJSIP/95145550142@voipms,300,Tb(func-apply-sipheaders^s^1)",
        disposition="ANSWERED",
        billsec=12,
    )
    history = calls_of([known, unknown, house, out], CONFIG, UTC)
    assert [(call.did, call.outcome) for call in history.calls] == [("5145550199", Outcome.MISSED), ("", Outcome.MISSED)]
    assert [(call.number, call.joined) for call in history.outgoing] == [("+15145550142", datetime(2026, 3, 2, 9, 0, 8, tzinfo=UTC))]
    assert history.strange == {}
    assert calls_of([unknown], CONFIG, UTC).strange == {"app-blackhole": 1}


def test_a_mobile_that_answers_is_outside_and_a_fax_no_person() -> None:
    taken = {"disposition": "ANSWERED", "billsec": 10}
    (call,) = calls_of([a_row(dstchannel="PJSIP/voipms-00000002", **taken)], CONFIG, UTC).calls
    assert (call.outcome, call.answered_by) == (Outcome.ANSWERED, AnsweredBy.OUTSIDE)
    (call,) = calls_of([a_row(dstchannel="PJSIP/fax-00000002", **taken)], CONFIG, UTC).calls
    assert (call.outcome, call.machine, call.reached) == (Outcome.MISSED, True, Reached.FAX)


def test_a_local_whose_own_row_is_missing_is_undecided() -> None:
    (call,) = calls_of([a_row(dstchannel="Local/101@ext-00000001;1", disposition="ANSWERED", billsec=9)], CONFIG, UTC).calls
    assert call.outcome is Outcome.UNSEEN


def test_names_of_channels_that_come_again_after_a_restart_are_other_calls() -> None:
    later = a_row(start=datetime(2026, 3, 3, 9))  # noqa: DTZ001
    assert len(calls_of([a_row(), later], CONFIG, UTC).calls) == 2


# -- the file


def line_of(row: Row, *more: str) -> str:
    end, answer = row.end, row.answer if row.billsec else ""
    cells = (
        "",
        row.src,
        row.dst,
        row.context,
        f'""Côté"" <{row.src}>',
        row.channel,
        row.dstchannel,
        row.app,
        row.data,
        row.start,
        answer,
        end,
    )
    quoted = ",".join(f'"{cell}"' for cell in cells)
    return f'{quoted},{row.duration},{row.billsec},"{row.disposition}","DOCUMENTATION"' + "".join(f',"{cell}"' for cell in more) + "\n"


@pytest.mark.parametrize(
    ("more", "uniqueid", "linkedid"),
    [
        ((), "", ""),
        (("1795763280.10",), "1795763280.10", ""),
        (("a field",), "", ""),
        (("1795763280.10", "a field"), "1795763280.10", ""),
        (("", "1795763280.9", "10"), "", "1795763280.9"),
        (("1795763280.10", "", "1795763280.9", "10"), "1795763280.10", "1795763280.9"),
        (("a field", "", "1795763280.9", "10"), "", "1795763280.9"),
        (("pbx-1795763280.10", "a field", "", "pbx-1795763280.9", "10"), "pbx-1795763280.10", "pbx-1795763280.9"),
    ],
)
def test_columns_as_cdr_conf_says(tmp_path: Path, more: tuple[str, ...], uniqueid: str, linkedid: str) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row(), *more), "utf-8")
    (row,) = read_csv(path, EVER, most=10).rows
    assert row == a_row(uniqueid=uniqueid, linkedid=linkedid)


def test_a_line_being_written_other_encodings_and_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    whole = line_of(a_row()).encode("latin-1")
    path.write_bytes(whole + b"\x00\xff rubbish\n" + b'"' + b"x" * 200_000 + b"\n" + whole + whole[: len(whole) // 2])
    read = read_csv(path, EVER, most=10)
    assert (len(read.rows), read.cut, read.skipped) == (2, False, 2)
    path.write_bytes(b"")
    assert read_csv(path, EVER, most=10).rows == ()
    path.write_bytes(whole[:-1])
    assert read_csv(path, EVER, most=10).rows == ()


def test_what_logrotate_left_is_read_as_far_back_as_asked(tmp_path: Path) -> None:
    days = [a_row(start=datetime(2026, 3, day, 9)) for day in (1, 2, 3, 4)]  # noqa: DTZ001
    path = tmp_path / "Master.csv"
    path.write_text(line_of(days[3]), "utf-8")
    (tmp_path / "Master.csv.1").write_text(line_of(days[1]) + line_of(days[2]), "utf-8")
    (tmp_path / "Master.csv.2.gz").write_bytes(gzip.compress(line_of(days[0]).encode()))
    (tmp_path / "Master.csv.bak").write_text("not ours\n" * 50, "utf-8")
    for age, name in enumerate(("Master.csv", "Master.csv.1", "Master.csv.2.gz")):
        os.utime(tmp_path / name, (1_800_000_000 - age, 1_800_000_000 - age))
    assert read_csv(path, EVER, most=10).rows == tuple(days)
    assert read_csv(path, days[1].end, most=10).rows == tuple(days[1:])
    newest = read_csv(path, EVER, most=2)
    assert (newest.rows, newest.cut) == (tuple(days[2:]), True)
    path.unlink()
    assert read_csv(path, EVER, most=10).rows == tuple(days[:3])


def test_one_that_is_being_packed_is_read_once(tmp_path: Path) -> None:
    """gzip takes what it packs away when it is through."""
    days = [a_row(start=datetime(2026, 3, day, 9)) for day in (1, 2)]  # noqa: DTZ001
    path = tmp_path / "Master.csv"
    path.write_text(line_of(days[1]), "utf-8")
    (tmp_path / "Master.csv.1").write_text(line_of(days[0]), "utf-8")
    packed = gzip.compress(line_of(days[0]).encode())
    for written in (packed[:-9], packed):
        (tmp_path / "Master.csv.1.gz").write_bytes(written)
        assert read_csv(path, EVER, most=10).rows == tuple(days)


def test_a_large_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    old = line_of(a_row(start=datetime(2020, 1, 1))).encode() * 50  # noqa: DTZ001
    with path.open("wb") as file:
        for _ in range(2000):
            file.write(old)
        file.write(line_of(a_row()).encode())
    tracemalloc.start()
    try:
        read = read_csv(path, datetime(2026, 3, 1), most=10)  # noqa: DTZ001
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 20_000_000
    assert read.rows == (a_row(),)
    assert peak < 2_000_000


def test_what_cannot_be_read_names_the_file_and_the_fix(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as failed:
        read_csv(tmp_path / "Master.csv", EVER, most=10)
    assert failed.value.code == "cdr_missing"
    with pytest.raises(SourceError) as failed:
        read_csv(tmp_path / "none/Master.csv", EVER, most=10)
    assert failed.value.code == "cdr_missing"
    other = tmp_path / "Master.csv"
    other.write_text("date;who;how long\n" * 30, "utf-8")
    with pytest.raises(SourceError) as failed:
        read_csv(other, EVER, most=10)
    assert failed.value.code == "cdr_format"
    assert str(other) in failed.value.what
    assert failed.value.fix
    (tmp_path / "Master.csv.1.gz").write_bytes(b"no gzip")
    other.write_text("", "utf-8")
    with pytest.raises(SourceError) as failed:
        read_csv(other, EVER, most=10)
    assert failed.value.code == "cdr_unreadable"


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (',20,0,"NO', ',99999999999999999,0,"NO'),
        (',20,0,"NO', ',-20,0,"NO'),
        ("2026-03-02 09:00:00", "2026-03-02T09:00:00Z"),
        ("2026-03-02 09:00:00", "0001-01-01 00:00:00"),
        ("2026-03-02 09:00:00", "9999-12-31 23:59:59"),
    ],
)
def test_times_that_no_call_has_are_no_record(tmp_path: Path, written: str, instead: str) -> None:
    path = tmp_path / "Master.csv"
    good = line_of(a_row())
    assert written in good
    path.write_text(good + good.replace(written, instead), "utf-8", newline="")
    read = read_csv(path, EVER, most=10)
    assert (read.rows, read.skipped) == ((a_row(),), 1)


def _escaped(text: str) -> str:
    return text.replace('"', '""')


FORGED = (
    # a whole record between two line breaks, as short as a field of 79 characters needs
    "5\n,4165550000,s,from-trunk,,a,,,,2026-03-02,,2026-03-02,9,0,NO ANSWER,3\n6",
    "5\n,4165550000,1,2,3,4,5,6,7,20260302,,20260302,9,0,8,3\n6",
    '5\n"",4165550000,"","","","","","","",20260302,"",20260302,9,0,"",""\n6',
    '5\n"","4165550000","s","from-trunk","","a","","","","2026-03-02 09:00:00","","2026-03-02 09:00:00",9,0,"NO ANSWER","3"\n6',
    # the beginning of one, and the true record's cells behind it
    "5\n,4165550000",
    '5\n"","4165550000',
    '5\n"",4165550000',
    '5\n"",4165550000,"',
    '5\r\n"","4165550000"\r\n"',
)


@pytest.mark.parametrize("src", FORGED)
@pytest.mark.parametrize("where", ["src", "dst", "app", "data"])
def test_a_caller_whose_number_has_line_breaks_forges_no_call_of_another(tmp_path: Path, src: str, where: str) -> None:
    path = tmp_path / "Master.csv"
    real = line_of(a_row())
    path.write_text(real + line_of(a_row(**{where: _escaped(src)})) + real, "utf-8", newline="")
    assert read_csv(path, EVER, most=10).rows == (a_row(), a_row())


def test_a_caller_with_many_line_breaks_makes_no_other_file_of_it(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row()) + line_of(a_row(src="1\n" * 39)) * 3, "utf-8", newline="")
    assert read_csv(path, EVER, most=10).rows == (a_row(),)


def test_lines_ended_as_windows_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    path.write_bytes(line_of(a_row(), "1795763280.10").replace("\n", "\r\n").encode() * 2)
    assert [row.uniqueid for row in read_csv(path, EVER, most=10).rows] == ["1795763280.10"] * 2


def test_what_is_no_file_beside_it_is_not_opened(tmp_path: Path) -> None:
    """Nobody writes into that pipe: who opened it would wait for ever."""
    path = tmp_path / "Master.csv"
    path.write_text(line_of(a_row()), "utf-8")
    os.mkfifo(tmp_path / "Master.csv.1")
    (tmp_path / "Master.csv.2").mkdir()
    assert read_csv(path, EVER, most=10).rows == (a_row(),)


def test_of_a_packed_file_the_newest_are_kept(tmp_path: Path) -> None:
    rows = [a_row(start=a_row().start + timedelta(minutes=minute)) for minute in range(9)]
    with gzip.open(tmp_path / "Master.csv.1.gz", "wt") as packed:
        packed.writelines(line_of(row) for row in rows)
    read = read_csv(tmp_path / "Master.csv", EVER, most=4)
    assert (list(read.rows), read.cut) == (rows[-4:], True)
