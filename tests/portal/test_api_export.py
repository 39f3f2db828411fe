"""What is exported: CSV that Excel opens, that a spreadsheet does not run, and that is streamed."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.model import Reason
from ari_app.portal.export import BOM, harmless, lines
from tests.portal.served import Browser, served
from tests.threads.world import ALICE, a_call, silence


@pytest.mark.parametrize(
    "cell", ["=1+1", "+15145550101", "-2", "@SUM(A1)", "\t1", "\r1", "\n1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201"]
)
def test_what_a_spreadsheet_would_run_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(("value", "cell"), [(None, ""), (-2.5, "-2.5"), (3, "3"), (True, "true"), ("Mme Roy", "Mme Roy")])
def test_figures_stay_figures(value: Any, cell: str) -> None:
    assert harmless(value) == cell


@pytest.mark.parametrize("cell", ['Roy;=HYPERLINK("x")', "Roy; +1", 'Roy;"=1"', "Roy\n@1", "\t=1"])
def test_nothing_runs_where_cells_end_at_other_signs(cell: str) -> None:
    assert not any(found.lstrip(' "').startswith(("=", "+", "-", "@")) for found in re.split(r"[;\t\r\n]", harmless(cell)))


_SPREADSHEETS = st.text(st.characters(exclude_characters="\0", codec="utf-8") | st.sampled_from("=+-@;\t\r\n\"', "))


@given(st.lists(st.lists(_SPREADSHEETS, min_size=2, max_size=2), min_size=1))
def test_every_cell_comes_back_as_it_was_and_none_begins_as_a_formula(rows: list[list[str]]) -> None:
    back = list(csv.reader(io.StringIO(lines(rows), newline=""), strict=True))
    for row, read in zip(rows, back, strict=True):
        for cell, found in zip(row, read, strict=True):
            assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            assert found.replace("'", "") == cell.replace("'", "")


async def _file(browser: Browser, path: str) -> tuple[bytes, str, str]:
    here = browser.served
    async with here.session.get(here.url + path, headers={"Cookie": "; ".join(f"{n}={v}" for n, v in browser.cookies.items())}) as answer:
        assert answer.status == 200
        return await answer.read(), answer.headers["Content-Type"], answer.headers["Content-Disposition"]


async def test_calls_of_a_period_leave_as_one_file_whoever_asks(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        begin, clock = here.clinic.clock.at, here.clinic.clock
        for minute in range(1203):  # three pages, so that none may be lost between them
            call = a_call(ALICE, ended=begin - timedelta(minutes=minute // 2))
            await here.clinic.store.record_call(call, silence(Reason.SHORT_RING), line="main")
        await here.clinic.caller(None)
        await here.clinic.desk.rename(1, '=cmd|"x"', by=here.administrator)
        browser = await here.browser(here.staff)
        day = clock.at.date().isoformat()
        body, kind, name = await _file(browser, f"/statistics/calls.csv?since=2026-02-01&until={day}")
        assert kind == "text/csv; charset=utf-8"
        assert name == f'attachment; filename="calls-2026-02-01-{day}.csv"'
        assert body.startswith(BOM.encode())
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        assert len(rows) == len({row["id"] for row in rows}) == 1204
        assert [row["started"] for row in rows] == sorted((row["started"] for row in rows), reverse=True)
        one = next(row for row in rows if row["number"])
        assert (one["number"], one["name"], one["reason"], one["open"]) == (f"'{ALICE}", '\'=cmd|"x"', "short_ring", "true")
        assert one["started"].startswith("2026-03-02 0")  # the clinic's hour, not that of UTC
        assert [act for who, act in await here.clinic.acts() if who == "Staff"].count("calls_listed") == 1


def test_in_french_a_spreadsheet_finds_its_columns_and_its_numbers() -> None:
    assert lines([("a,b", "c;d", 20.5, 3, None)], "fr") == 'a,b;"c;d";20,5;3;\r\n'
    assert lines([("a,b", "c;d", 20.5, 3, None)]) == '"a,b",c;d,20.5,3,\r\n'


async def test_figures_leave_as_a_file(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.clinic.caller()
        browser = await here.browser(here.staff)
        body, _, _ = await _file(browser, "/statistics/figures.csv?days=7")
        rows = [tuple(row) for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))]
        assert rows[0] == ("figure", "of", "value")
        today = here.clinic.clock.at.date()
        assert {
            ("missed", "", "1"),
            ("missed_by_hour", "9", "1"),
            ("missed_by_weekday", "1", "1"),
            ("since", "", str(today - timedelta(days=6))),
        } <= set(rows)
        assert ("missed_by_day", date(2026, 3, 2).isoformat(), "1") in rows
        assert ("Staff", "exported") in await here.clinic.acts()
