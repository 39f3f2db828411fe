"""Waiting counted in opening hours: nights, lunch, holidays, exceptions, the night switch, and changes of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.policy import Policy
from ari_app.policy.hours import Opening
from ari_app.policy.waiting import as_turned, first_not_late, open_for
from ari_app.settings import parse

MONTREAL = ZoneInfo("America/Toronto")
SWITCH = "Custom:DAYNIGHT1"
DAY, NIGHT = {SWITCH: "NOT_INUSE"}, {SWITCH: "INUSE"}
QUARTER = timedelta(minutes=15)


def policy(**hours: Any) -> Policy:
    clinic = {"name": "Clinique du Parc", "number": "+15145550100", "timezone": "America/Toronto"}
    hours = {"open": "Mo-Fr 08:00-12:00,13:00-17:00", **hours}
    return Policy(parse({"clinic": clinic, "pbx": {"username": "textback", "password": "x"}, "hours": hours}))


def timetable(**hours: Any) -> Callable[[datetime], Opening]:
    return as_turned(partial(policy(**hours).opening, "main"), ())


def local(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=MONTREAL).astimezone(UTC)


OPENING = timetable()


@pytest.mark.parametrize(
    ("since", "wait", "due"),
    [
        ("2026-11-24 10:00", QUARTER, "2026-11-24 10:15"),
        ("2026-11-24 11:50", QUARTER, "2026-11-24 13:05"),
        ("2026-11-24 16:45", QUARTER, "2026-11-24 17:00"),
        ("2026-11-24 16:46", QUARTER, "2026-11-25 08:01"),
        ("2026-11-27 19:00", QUARTER, "2026-11-30 08:15"),
        ("2026-11-29 12:00", QUARTER, "2026-11-30 08:15"),
        ("2026-11-24 08:00", timedelta(hours=8), "2026-11-24 17:00"),
        ("2026-11-24 08:00", timedelta(hours=16), "2026-11-25 17:00"),
        # Christmas, a Friday, and the week-end after it
        ("2026-12-24 16:50", QUARTER, "2026-12-28 08:05"),
        ("2026-11-24 10:00", timedelta(0), "2026-11-24 10:00"),
    ],
)
def test_only_opening_hours_count(since: str, wait: timedelta, due: str) -> None:
    assert open_for(OPENING, local(since), wait) == local(due)


def test_an_exception_closes_or_opens_its_day() -> None:
    shut = timetable(exception=[{"date": "2026-11-25", "closed": True}])
    assert open_for(shut, local("2026-11-24 16:50"), QUARTER) == local("2026-11-26 08:05")
    saturday = timetable(exception=[{"date": "2026-11-28", "open": "09:00-12:00"}])
    assert open_for(saturday, local("2026-11-27 16:50"), QUARTER) == local("2026-11-28 09:05")


def test_an_hour_that_the_clock_repeats_counts_twice_and_one_it_skips_not_at_all() -> None:
    always = timetable(open="24/7")
    assert open_for(always, local("2026-11-01 00:30"), timedelta(hours=3)) == local("2026-11-01 00:30") + timedelta(hours=3)
    night = timetable(open="Su 00:00-06:00")
    assert open_for(night, local("2026-11-01 00:00"), timedelta(hours=7)) == local("2026-11-01 06:00")
    assert open_for(night, local("2027-03-14 00:00"), timedelta(hours=5)) == local("2027-03-14 06:00")


def test_what_never_opens_makes_nobody_late() -> None:
    assert open_for(timetable(open="off"), local("2026-11-24 10:00"), QUARTER) is None


def test_a_night_switch_counts_from_when_it_was_turned() -> None:
    """A text of ten in the evening: the night is none of its wait, the day from eight is, whatever the timetable says."""
    look = partial(policy(open="24/7", follow=SWITCH).opening, "main")
    turns = ((local("2026-11-24 17:00"), NIGHT), (local("2026-11-25 08:00"), DAY))
    assert open_for(as_turned(look, turns), local("2026-11-24 22:00"), QUARTER) == local("2026-11-25 08:15")
    assert open_for(as_turned(look, turns), local("2026-11-24 16:50"), QUARTER) == local("2026-11-25 08:05")
    assert open_for(as_turned(look, turns[:1]), local("2026-11-24 22:00"), QUARTER) is None, "nobody knows when it is turned back"


def test_before_anything_is_known_of_the_switch_the_timetable_holds() -> None:
    look = partial(policy(follow=SWITCH).opening, "main")
    turns = ((local("2026-11-25 09:00"), DAY),)
    assert open_for(as_turned(look, turns), local("2026-11-24 16:50"), QUARTER) == local("2026-11-25 08:05")
    assert open_for(as_turned(look, turns), local("2026-11-24 16:50"), timedelta(minutes=75)) == local("2026-11-25 09:05")


def minutes(since: datetime, until: datetime) -> int:
    """Open minutes, counted one by one."""
    found, at = 0, since
    while at < until:
        found += OPENING(at).open
        at += timedelta(minutes=1)
    return found


@given(st.integers(0, 7 * 24 * 60), st.integers(1, 1500))
def test_it_agrees_with_counting_every_minute(offset: int, wait: int) -> None:
    since = local("2026-11-20 00:00") + timedelta(minutes=offset)
    due = open_for(OPENING, since, timedelta(minutes=wait))
    assert due is not None
    assert minutes(since, due) == wait
    assert OPENING(due - timedelta(minutes=1)).open, "it becomes due in an opening hour, and no sooner"


@given(st.lists(st.integers(0, 7 * 24 * 60), max_size=30), st.integers(0, 8 * 24 * 60))
def test_the_first_who_is_not_late_is_found_without_asking_for_all(offsets: list[int], at: int) -> None:
    monday = local("2026-11-23 00:00")
    since, now = [monday + timedelta(minutes=each) for each in sorted(offsets)], monday + timedelta(minutes=at)
    dues = [open_for(OPENING, each, QUARTER) for each in since]
    late = sum(due is not None and due <= now for due in dues)
    assert first_not_late(OPENING, since, QUARTER, now) == (late, dues[late] if late < len(dues) else None)


def test_a_crowd_costs_a_few_looks() -> None:
    asked: list[datetime] = []

    def counted(at: datetime) -> Opening:
        asked.append(at)
        return OPENING(at)

    monday = local("2026-11-23 08:00")
    since = [monday + timedelta(seconds=each) for each in range(100_000)]
    late, due = first_not_late(counted, since, QUARTER, monday + timedelta(hours=2))
    assert late == 6301
    assert due == since[late] + QUARTER
    assert len(asked) < 100
