"""Open or closed, and until when: weeks, holidays, exceptions, DST, night switches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opening_hours import OpeningHours

from ari_app.errors import SettingsError
from ari_app.policy.hours import Hours, Opening, public_holidays
from ari_app.policy.lines import hours_of
from ari_app.settings import HoursException
from tests.policy.kit import policy, settings

MONTREAL = ZoneInfo("America/Toronto")
WEEK = "Mo-Fr 08:00-12:00,13:00-17:00"


def hours(expression: str = WEEK, **more: Any) -> Hours:
    more.setdefault("calendar", public_holidays(settings().clinic))
    zone = more.pop("zone", MONTREAL)
    return Hours(expression, key="hours.open", zone=zone, **more)


def local(*parts: int, zone: ZoneInfo = MONTREAL) -> datetime:
    year, month, day, hour, minute, second = (*parts, 0, 0, 0)[:6]
    return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)


def at(timetable: Hours, *parts: int) -> Opening:
    return timetable.opening(local(*parts))


def says(timetable: Hours, *parts: int) -> tuple[bool, str | None]:
    """(open, local time of the next change)."""
    opening = at(timetable, *parts)
    return opening.open, None if opening.until is None else opening.until.astimezone(MONTREAL).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("parts", "opened", "until"),
    [
        ((2026, 11, 24, 7, 59, 59), False, "2026-11-24 08:00"),
        ((2026, 11, 24, 8, 0), True, "2026-11-24 12:00"),
        ((2026, 11, 24, 11, 59, 59), True, "2026-11-24 12:00"),
        ((2026, 11, 24, 12, 0), False, "2026-11-24 13:00"),
        ((2026, 11, 24, 12, 59, 59), False, "2026-11-24 13:00"),
        ((2026, 11, 24, 13, 0), True, "2026-11-24 17:00"),
        ((2026, 11, 24, 17, 0), False, "2026-11-25 08:00"),
        ((2026, 11, 27, 18, 0), False, "2026-11-30 08:00"),
        ((2026, 11, 28, 10, 0), False, "2026-11-30 08:00"),
    ],
)
def test_week_and_lunch_to_the_second(parts: tuple[int, ...], opened: bool, until: str) -> None:
    assert says(hours(), *parts) == (opened, until)


def test_closed_says_when_it_opens_and_since_when_it_is_closed() -> None:
    opening = at(hours(), 2026, 11, 24, 12, 30)
    assert (opening.opens, opening.since, opening.why) == (local(2026, 11, 24, 13), local(2026, 11, 24, 12), "hours")
    assert at(hours(), 2026, 11, 24, 10).opens is None


def test_always_open_knows_no_change_and_no_holiday() -> None:
    opening = at(hours("24/7"), 2026, 12, 25, 10)
    assert (opening.open, opening.until, opening.why) == (True, None, "hours")


def test_adjoining_spans_are_one() -> None:
    assert says(hours("Mo-Fr 08:00-12:00,12:00-17:00"), 2026, 11, 24, 9) == (True, "2026-11-24 17:00")
    assert says(hours("Mo-Su 00:00-24:00", calendar=None), 2026, 11, 24, 9) == (True, None)


# Québec, by the Act respecting labour standards s. 60 and the National Holiday Act
QUEBEC_2026 = {
    (1, 1): "New Year's Day",
    (4, 3): "Good Friday",
    (5, 18): "National Patriots' Day",
    (6, 24): "Saint John the Baptist Day",
    (7, 1): "Canada Day",
    (9, 7): "Labor Day",
    (10, 12): "Thanksgiving Day",
    (12, 25): "Christmas Day",
}


@pytest.mark.parametrize(("day", "name"), QUEBEC_2026.items())
def test_quebec_holidays_are_closed(day: tuple[int, int], name: str) -> None:
    opening = at(hours(), 2026, *day, 10)
    assert (opening.open, opening.why) == (False, f"holiday: {name}")


@pytest.mark.parametrize("day", [(1, 2), (4, 6), (9, 30), (11, 11), (12, 24), (12, 28)])
def test_days_that_are_no_holiday_in_quebec_are_open(day: tuple[int, int]) -> None:
    assert at(hours(), 2026, *day, 10).open


def test_subdivision_and_country_choose_the_days() -> None:
    ontario = hours_of(settings(clinic={"subdivision": "ON"}), None)
    assert at(ontario, 2026, 6, 24, 10).open
    assert at(ontario, 2026, 2, 16, 10).why == "holiday: Family Day"
    france = hours_of(settings(clinic={"country": "FR", "number": "+33612345678", "timezone": "Europe/Paris"}), None)
    assert not france.opening(datetime(2026, 7, 14, 10, tzinfo=UTC)).open


def test_days_moved_to_a_weekday_count() -> None:
    assert at(hours(), 2027, 12, 27, 10).why == "holiday: Christmas Day (observed)"


def test_holidays_can_be_left_out() -> None:
    assert hours_of(settings(hours={"holidays": False}), None).opening(local(2026, 6, 24, 10)).open


def test_holidays_far_ahead_and_behind() -> None:
    timetable = hours()
    for year in (2024, 2035, 2026, 2030):
        assert not at(timetable, year, 6, 24, 10).open
    assert says(timetable, 2026, 12, 31, 18) == (False, "2027-01-04 08:00")


@pytest.mark.parametrize(
    ("expression", "parts", "opened"),
    [
        ("Mo-Fr 08:00-17:00; PH 10:00-12:00", (2026, 6, 24, 9), False),
        ("Mo-Fr 08:00-17:00; PH 10:00-12:00", (2026, 6, 24, 11), True),
        ("Mo-Fr 08:00-17:00; PH 10:00-12:00", (2026, 6, 25, 9), True),
        ("Mo-Fr,PH 08:00-17:00", (2026, 6, 24, 9), True),
        ("Mo, Tu, PH 08:00-17:00", (2026, 6, 24, 9), True),
        ("Mo, Tu, PH 08:00-17:00", (2026, 6, 25, 9), False),
        ("PH,Sa 09:00-12:00; Mo-Fr 08:00-17:00", (2026, 6, 24, 16), True),  # a later rule wins
        ("Mo-Fr 08:00-17:00; PH off", (2026, 6, 24, 9), False),
        ("Mo-Fr 08:00-17:00 || PH 18:00-20:00", (2027, 12, 25, 19), True),  # a Saturday
        ("Jun-Aug PH 09:00-10:00; Dec Mo-Fr 08:00-17:00", (2026, 6, 24, 9), True),
        ("Jun-Aug PH 09:00-10:00; Mo 08:00-17:00", (2026, 10, 12, 9), True),  # Thanksgiving, no summer
        ("Sa 10:00-12:00, PH 13:00-15:00", (2027, 12, 25, 11), True),
        ("Sa 10:00-12:00, PH 13:00-15:00", (2027, 12, 25, 14), True),
        ('Mo-Fr 08:00-17:00; PH off "fermé; PH"', (2026, 6, 24, 9), False),
        ("PH 08:00-17:00", (2026, 6, 24, 9), True),
        ("Jun-Aug PH 09:00-10:00", (2026, 6, 24, 9), True),
        ("Jun-Aug PH 09:00-10:00", (2026, 12, 25, 9), False),
        ("We off, PH 10:00-11:00", (2026, 6, 24, 10), True),  # a Wednesday
    ],
)
def test_an_expression_that_names_holidays_says_what_they_are(expression: str, parts: tuple[int, ...], opened: bool) -> None:
    assert at(hours(expression), *parts).open is opened


def test_exceptions_win_over_the_week_and_holidays() -> None:
    timetable = hours(
        exceptions=[
            HoursException(date=date(2026, 12, 24), open="08:00-12:00"),
            HoursException(date=date(2026, 12, 28), closed=True),
            HoursException(date=date(2026, 6, 24), open="09:00-10:00,14:00-15:00"),
        ]
    )
    assert says(timetable, 2026, 12, 24, 9) == (True, "2026-12-24 12:00")
    assert says(timetable, 2026, 12, 24, 13, 30) == (False, "2026-12-29 08:00")
    assert at(timetable, 2026, 12, 28, 9).why == "exception"
    assert says(timetable, 2026, 6, 24, 9, 30) == (True, "2026-06-24 10:00")
    assert says(timetable, 2026, 6, 24, 10) == (False, "2026-06-24 14:00")


NIGHTS = "Mo-Su 22:00-06:00"


def test_hours_over_midnight_belong_to_the_date_they_begin_on() -> None:
    timetable = hours(NIGHTS, calendar=None, exceptions=[HoursException(date=date(2026, 11, 24), closed=True)])
    assert says(timetable, 2026, 11, 23, 23) == (True, "2026-11-24 00:00")
    assert says(timetable, 2026, 11, 24, 23) == (False, "2026-11-25 22:00")
    assert says(timetable, 2026, 11, 25, 3) == (False, "2026-11-25 22:00")
    assert says(timetable, 2026, 11, 26, 3) == (True, "2026-11-26 06:00")


def test_an_exception_over_midnight_runs_to_its_end() -> None:
    timetable = hours(NIGHTS, calendar=None, exceptions=[HoursException(date=date(2026, 11, 24), open="20:00-04:00")])
    assert says(timetable, 2026, 11, 24, 21) == (True, "2026-11-25 04:00")
    assert says(timetable, 2026, 11, 25, 5) == (False, "2026-11-25 22:00")


def test_night_shifts_of_holidays_the_expression_names() -> None:
    closed = hours("Mo-Su 18:00-08:00; PH off")
    assert says(closed, 2026, 6, 23, 19) == (True, "2026-06-24 00:00")
    assert says(closed, 2026, 6, 24, 19) == (False, "2026-06-25 18:00")
    assert says(hours("Mo-Su,PH 18:00-08:00"), 2026, 6, 24, 19) == (True, "2026-06-25 08:00")
    assert says(hours("Mo-Fr 18:00-08:00; Sa,Su,PH 00:00-24:00"), 2026, 6, 24, 12) == (True, "2026-06-25 08:00")


def test_exceptions_on_two_nights_running() -> None:
    closed, early = date(2026, 11, 24), date(2026, 11, 25)
    timetable = hours(
        NIGHTS, calendar=None, exceptions=[HoursException(date=closed, closed=True), HoursException(date=early, open="00:00-03:00")]
    )
    assert says(timetable, 2026, 11, 24, 12) == (False, "2026-11-25 00:00")
    assert says(timetable, 2026, 11, 25, 1) == (True, "2026-11-25 03:00")
    longer = hours(NIGHTS, calendar=None, exceptions=[HoursException(date=closed, open="20:00-08:00")])
    assert says(longer, 2026, 11, 24, 21) == (True, "2026-11-25 08:00")
    assert says(longer, 2026, 11, 25, 9) == (False, "2026-11-25 22:00")
    party = hours(exceptions=[HoursException(date=date(2026, 12, 31), open="08:00-12:00,20:00-02:00")])
    assert says(party, 2026, 12, 31, 9) == (True, "2026-12-31 12:00")
    assert says(party, 2026, 12, 31, 21) == (True, "2027-01-01 02:00")
    assert says(party, 2027, 1, 1, 2) == (False, "2027-01-04 08:00")
    both = [HoursException(date=closed, open="20:00-26:00"), HoursException(date=early, open="10:00-24:00")]
    assert says(hours(exceptions=both), 2026, 11, 24, 21) == (True, "2026-11-25 02:00")
    assert says(hours(exceptions=both), 2026, 11, 25, 3) == (False, "2026-11-25 10:00")
    assert says(hours(exceptions=both), 2026, 11, 25, 11) == (True, "2026-11-26 00:00")


def test_a_holiday_has_no_night_shift_but_its_next_morning_keeps_its_own_hours() -> None:
    timetable = hours("Mo-Su 05:00-12:00,22:00-04:00")
    assert says(timetable, 2026, 6, 24, 23) == (False, "2026-06-25 05:00")
    assert says(timetable, 2026, 6, 25, 5) == (True, "2026-06-25 12:00")


def test_spring_forward_skips_an_hour() -> None:
    # 2026-03-08 02:00 EST becomes 03:00 EDT
    timetable = hours("Mo-Su 01:00-04:00", calendar=None)
    opening = timetable.opening(local(2026, 3, 8, 1, 30))
    assert opening.until == datetime(2026, 3, 8, 8, 0, tzinfo=UTC)
    assert opening.since == datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
    across = hours(WEEK).opening(local(2026, 3, 6, 18))
    assert across.until == datetime(2026, 3, 9, 12, 0, tzinfo=UTC)  # 8 h EDT
    assert hours(WEEK).opening(local(2026, 3, 5, 18)).until == datetime(2026, 3, 6, 13, 0, tzinfo=UTC)  # 8 h EST


def test_a_time_that_spring_skips_is_the_instant_of_the_change() -> None:
    begins = hours("Mo-Su 02:30-04:00", calendar=None).opening(local(2026, 3, 8, 1))
    assert begins.until == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    skipped = hours("Mo-Su 02:10-02:50", calendar=None).opening(local(2026, 3, 8, 1))
    assert (skipped.open, skipped.until) == (False, local(2026, 3, 9, 2, 10))


def test_fall_back_repeats_an_hour_and_counts_the_first() -> None:
    # 2026-11-01 02:00 EDT becomes 01:00 EST
    timetable = hours("Mo-Su 00:00-01:30", calendar=None)
    first = timetable.opening(datetime(2026, 11, 1, 5, 15, tzinfo=UTC))  # 01:15 EDT
    assert (first.open, first.until) == (True, datetime(2026, 11, 1, 5, 30, tzinfo=UTC))
    assert not timetable.opening(datetime(2026, 11, 1, 6, 15, tzinfo=UTC)).open  # 01:15 EST
    longer = hours("Mo-Su 00:00-03:00", calendar=None).opening(datetime(2026, 11, 1, 5, 0, tzinfo=UTC))
    assert longer.until == datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
    assert hours(WEEK).opening(local(2026, 10, 30, 18)).until == datetime(2026, 11, 2, 13, 0, tzinfo=UTC)


def test_a_change_at_midnight_itself() -> None:
    havana = ZoneInfo("America/Havana")  # 2026-03-08 00:00 becomes 01:00
    timetable = Hours("Mo-Su 00:00-24:00", key="hours.open", zone=havana)
    assert timetable.opening(datetime(2026, 3, 8, 5, 30, tzinfo=UTC)) == Opening(
        True, None, "hours", since=timetable.opening(datetime(2026, 3, 8, 5, 30, tzinfo=UTC)).since
    )
    weekday = Hours("Su 00:00-08:00", key="hours.open", zone=havana)
    assert weekday.opening(datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC)).until == datetime(2026, 3, 8, 5, 0, tzinfo=UTC)


@given(
    seconds=st.integers(0, 7 * 366 * 86400),
    expression=st.sampled_from([WEEK, NIGHTS, "24/7", "Su 02:00-02:40; Mo 00:00-24:00"]),
)
def test_until_is_the_very_next_change(seconds: int, expression: str) -> None:
    timetable, now = hours(expression), datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    opening = timetable.opening(now)
    if opening.until is None:
        return
    assert opening.until > now
    second = timedelta(seconds=1)
    before, after = timetable.opening(opening.until - second), timetable.opening(opening.until)
    assert (before.open, before.until) == (opening.open, opening.until)
    assert after.open is not opening.open
    assert after.since == opening.until


ORDINARY = [
    WEEK,
    NIGHTS,
    "Mo-Th 18:00-08:00, Fr 18:00-09:00; Sa 10:00-26:00",
    "Jun-Aug Mo[1] 08:00+; Sep-May We 09:00-21:00",
]


@given(minutes=st.integers(0, 3 * 365 * 1440), expression=st.sampled_from(ORDINARY))
def test_ordinary_days_are_as_the_library_has_them(minutes: int, expression: str) -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    clock = when.astimezone(MONTREAL)
    special = public_holidays(settings().clinic)(2027)
    assume(clock.date() not in special and clock.date() - timedelta(days=1) not in special)
    assume(clock.fold == 0)  # the second of two equal hours
    assert hours(expression).opening(when).open is OpeningHours(expression).is_open(clock.replace(tzinfo=None))


SWITCH = "Custom:DAYNIGHT1"


@pytest.mark.parametrize(
    ("state", "hour", "opened", "why"),
    [
        ("INUSE", 10, False, "switch"),
        ("INUSE", 20, False, "switch"),
        ("NOT_INUSE", 10, True, "switch"),
        ("NOT_INUSE", 20, True, "switch"),
        ("UNKNOWN", 10, True, "hours"),
        ("UNKNOWN", 20, False, "hours"),
        ("INVALID", 10, True, "hours"),
        ("", 20, False, "hours"),
        (None, 10, True, "hours"),
    ],
)
def test_night_switch_wins_where_it_says_something(state: str | None, hour: int, opened: bool, why: str) -> None:
    states = {} if state is None else {SWITCH: state}
    opening = hours(follow=SWITCH).opening(local(2026, 11, 24, hour), states)
    assert (opening.open, opening.why) == (opened, why)
    if why == "switch":
        assert opening.until is None


def test_a_night_switch_knows_when_it_opens_only_outside_the_hours() -> None:
    timetable = hours(follow=SWITCH)
    assert timetable.opening(local(2026, 11, 24, 20), {SWITCH: "INUSE"}).opens == local(2026, 11, 25, 8)
    assert timetable.opening(local(2026, 11, 24, 10), {SWITCH: "INUSE"}).opens is None


def test_another_switch_says_nothing() -> None:
    assert hours(follow=SWITCH).opening(local(2026, 11, 24, 10), {"Custom:DAYNIGHT2": "INUSE"}).open
    assert hours().opening(local(2026, 11, 24, 10), {SWITCH: "INUSE"}).open


def test_lines_have_hours_of_their_own() -> None:
    rules = policy(
        hours={"follow": SWITCH, "exception": [{"date": date(2026, 11, 25), "closed": True}]},
        line=[
            {"did": ["5145550111"], "name": "labo", "hours": "Mo-Su 10:00-20:00"},
            {"did": ["5145550112"], "name": "urgence", "hours": "24/7"},
            {"did": ["5145550113"], "name": "fax"},
        ],
    )
    night, snow = {SWITCH: "INUSE"}, local(2026, 11, 24, 11)
    assert [rules.opening(line, snow, night).open for line in ("main", "labo", "urgence", "fax")] == [False, True, True, False]
    assert [rules.opening(line, local(2026, 11, 25, 11), {}).open for line in rules.lines] == [False, False, True, False]
    assert [rules.opening(line, local(2026, 12, 25, 11), {}).open for line in rules.lines] == [False, False, True, False]
    assert rules.opening("gone", snow, {}) == rules.opening("main", snow, {})


@pytest.mark.parametrize(
    ("expression", "said", "fix"),
    [
        ("Mo-Fr 8-12", '"Mo-Fr 8-12" is no opening_hours expression, from "8-12" on', "Mo-Fr 08:00-12:00"),
        ("lundi au vendredi", "is no opening_hours expression", "Mo-Fr 08:00-12:00"),
        ("", "is no opening_hours expression", "Mo-Fr 08:00-12:00"),
        ("SH off", "school holidays (SH) are not known", "dates"),
        ("Mo-Fr sunrise-sunset", "sunrise and sunset are not known", "times"),
        ("PH +1 day off", "says more of PH than is understood", "comma"),
        ("PH Mo 08:00-12:00", "says more of PH than is understood", "comma"),
    ],
)
def test_hours_that_cannot_be_read_name_the_key_and_the_fix(expression: str, said: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        hours(expression)
    assert caught.value.what.startswith("hours.open: ")
    assert said in caught.value.what
    assert fix in caught.value.fix


def test_every_wrong_hour_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        policy(
            hours={"open": "Mo-Fr 8h", "exception": [{"date": date(2026, 12, 24), "open": "9 to 5"}]},
            line=[{"did": ["1"], "name": "a", "hours": "never"}, {"did": ["2"], "name": "b", "hours": "PH off; Mo 08:00-09:00"}],
        )
    assert "hours.open: " in caught.value.what
    assert "line.0.hours: " in caught.value.what
    assert "line.1" not in caught.value.what
    with pytest.raises(SettingsError, match=r'hours\.exception \(2026-12-24\)\.open: "9 to 5"'):
        policy(hours={"exception": [{"date": date(2026, 12, 24), "open": "9 to 5"}]})


@pytest.mark.parametrize(
    "times", ["9 to 5", "off", "", "Mo 09:00-12:00", "09:00-12:00; Mo-Su 00:00-24:00", "09:00", "25:00-26:00", "09:75-10:00"]
)
def test_an_exception_holds_times_and_nothing_else(times: str) -> None:
    with pytest.raises(SettingsError, match=r"hours\.exception \(2026-12-24\)\.open: "):
        hours(exceptions=[HoursException(date=date(2026, 12, 24), open=times)])


def test_two_exceptions_of_one_date_are_refused() -> None:
    twice = [{"date": date(2026, 12, 24), "closed": True}, {"date": date(2026, 12, 24), "open": "09:00-12:00"}]
    with pytest.raises(SettingsError, match=r"hours\.exception: two are for 2026-12-24"):
        policy(hours={"exception": twice})


def test_holidays_nobody_knows_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"clinic\.subdivision: CA has no") as caught:
        policy(clinic={"subdivision": "QU"})
    assert "QC" in caught.value.fix
    with pytest.raises(SettingsError, match=r"clinic\.country: no public holidays are known") as caught:
        policy(clinic={"country": "AC", "number": "+24740123"})
    assert "hours.holidays = false" in caught.value.fix
    with pytest.raises(SettingsError, match=r"hours\.open: names public holidays \(PH\), but hours\.holidays = false"):
        policy(hours={"open": "Mo-Fr 08:00-17:00; PH off", "holidays": False})


def test_slips_are_pointed_out() -> None:
    found = policy(hours={"open": "Mo-Fr 08:00-12:00; Mo-Fr 13:00-17:00"}).problems()
    assert [(problem.key, problem.what) for problem in found] == [("hours.open", '"Mo-Fr 08:00-12:00" changes nothing')]
    assert "comma" in found[0].fix
    assert policy(hours={"open": "Mo-Fr 08:00-12:00, Mo-Fr 13:00-17:00; Sa off; 2024 Dec 24 09:00-10:00"}).problems() == ()
    assert [problem.key for problem in policy(hours={"open": "mo-fr 08:00-17:00"}).problems()] == ["hours.open", "hours.open"]


def test_a_night_that_a_later_rule_cuts_is_pointed_out() -> None:
    (problem,) = policy(hours={"open": "Mo-Th 18:00-08:00; Fr 18:00-09:00"}).problems()
    assert problem.what == '"Mo-Th 18:00-08:00" ends at midnight before some days'
    for right in ("Mo-Th 18:00-08:00, Fr 18:00-09:00", "Mo-Fr 18:00-08:00; Sa,Su 00:00-24:00", "Mo-Su 18:00-08:00; Dec 25 off; PH off"):
        assert policy(hours={"open": right}).problems() == ()


def test_by_appointment_alone_is_not_open() -> None:
    assert not at(hours('Mo-Fr 08:00-17:00; Sa "sur rendez-vous"'), 2026, 11, 28, 10).open
    assert at(hours('Mo-Fr 08:00-17:00 "sur rendez-vous"'), 2026, 11, 24, 10).open
    assert not at(hours("Mo-Fr 08:00-17:00 unknown"), 2026, 11, 24, 10).open


def test_many_threads_get_the_same_answers() -> None:
    timetable = hours(follow=SWITCH)
    moments = [local(2020 + n % 12, 1 + n % 12, 1 + n % 28, n % 24) for n in range(200)]
    alone = [hours(follow=SWITCH).opening(moment) for moment in moments[:24]]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(timetable.opening, moments))
    assert together[:24] == alone
    assert together == [timetable.opening(moment) for moment in moments]


def test_a_closure_or_season_of_months_still_has_its_next_change() -> None:
    timetable = hours("May-Sep Mo-Fr 08:00-17:00", calendar=None)
    assert says(timetable, 2026, 10, 5, 10) == (False, "2027-05-03 08:00")
    assert says(timetable, 2026, 10, 5, 10) == (False, "2027-05-03 08:00")
