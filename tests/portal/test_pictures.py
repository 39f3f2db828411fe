"""Statistics as SVG: what is drawn is what was counted, and nothing in it is style or script."""

from __future__ import annotations

import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.portal.pictures import Bar, by_period, columns, period_days, share

_SVG = st.lists(st.integers(0, 10**7), max_size=60)


def drawn(values: list[int]) -> ET.Element:
    svg = columns([Bar(value, f"<{place}>", "x") for place, value in enumerate(values)], name="pic", title="Missed & such", describe="d")
    return ET.fromstring(str(svg))  # noqa: S314 - our own


@given(_SVG)
def test_heights_stand_to_each_other_as_counts_do(values: list[int]) -> None:
    root = drawn(values)
    bars = root.findall("g[@class='pic-bars']/rect")
    assert [bar.findtext("title") for bar in bars] == [f"<{place}>: {value}" for place, value in enumerate(values) if value]
    heights = [float(bar.attrib["height"]) for bar in bars]
    counts = [value for value in values if value]
    for height, count in zip(heights, counts, strict=True):
        # to a tenth of a unit; what is too low to be seen is drawn one unit high
        assert height == pytest.approx(max(max(heights) * count / max(counts), 1), abs=0.2)
        assert 0 < height <= 140


@given(_SVG)
def test_the_scale_covers_the_highest_and_has_few_lines(values: list[int]) -> None:
    steps = [int(each.text or "") for each in drawn(values).findall("g[@class='pic-lines']/text")]
    assert steps[0] == 0
    assert steps[-1] >= max(values, default=0)
    assert 2 <= len(steps) <= 5


def test_a_picture_is_named_and_described_and_needs_neither_style_nor_script() -> None:
    svg = str(columns([Bar(3, 'Mon "x"', "Mon")], name="pic-hour", title="Missed <b>", describe="Most: Mon, 3."))
    assert 'role="img" aria-labelledby="pic-hour-t pic-hour-d"' in svg
    assert "<b>" not in svg
    assert re.search(r"style|<script|\son\w+=|href", svg) is None


@pytest.mark.parametrize(("part", "whole", "long"), [(1, 3, "33.3"), (0, 5, "0"), (5, 5, "100"), (9, 5, "100"), (0, 0, "0")])
def test_a_share_is_as_long_as_it_is(part: int, whole: int, long: str) -> None:
    assert f'<rect class="pic-part" width="{long}"' in share(part, whole)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 3660), st.data())
def test_no_day_is_lost_and_no_picture_gets_too_many_bars(since: date, days: int, data: st.DataObject) -> None:
    until = since + timedelta(days=days)
    called = data.draw(st.dictionaries(st.dates(since - timedelta(days=3), until + timedelta(days=3)), st.integers(1, 50), max_size=20))
    counted = by_period(called, since, until)
    assert sum(count for _, count in counted) == sum(count for day, count in called.items() if since <= day <= until)
    assert len(counted) <= 125
    assert [day for day, _ in counted] == sorted({day for day, _ in counted})
    if period_days(since, until) == 7:
        assert all(day.weekday() == 0 for day, _ in counted)
