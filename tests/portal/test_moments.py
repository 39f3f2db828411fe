"""Hours that people choose, in the sense of the clinic's hours."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ari_app.errors import RefusedError
from ari_app.policy import Policy
from ari_app.portal.moments import presets, written
from tests.desk_world import settings

ZONE = ZoneInfo("America/Toronto")


def chosen(at: str, hours: str = "Mo-Fr 08:00-17:00") -> dict[str, str]:
    """Presets at a local time, as local times."""
    policy = Policy(settings(Path("/var/lib/textback.db"), hours={"open": hours}))
    now = datetime.fromisoformat(at).replace(tzinfo=ZONE).astimezone(UTC)
    found = presets(now, ZONE, lambda moment: policy.opening("main", moment, {}))
    return {each.key.removeprefix("snooze."): f"{each.at.astimezone(ZONE):%a %d %H:%M}" for each in found}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-03T09:12", {"hour": "Tue 03 10:15", "afternoon": "Tue 03 13:00", "tomorrow": "Wed 04 08:00", "monday": "Mon 09 08:00"}),
        ("2026-03-03T12:45", {"hour": "Tue 03 13:45", "tomorrow": "Wed 04 08:00", "monday": "Mon 09 08:00"}),
        # the weekend is no morning: the next opening is Monday's, and is said once
        ("2026-03-06T15:00", {"hour": "Fri 06 16:00", "next": "Mon 09 08:00"}),
        ("2026-03-08T10:00", {"hour": "Sun 08 11:00", "tomorrow": "Mon 09 08:00"}),
        # the Monday of the Patriots is one too: what is offered is no Monday, and is not called so
        (
            "2026-05-12T09:12",
            {"hour": "Tue 12 10:15", "afternoon": "Tue 12 13:00", "tomorrow": "Wed 13 08:00", "week": "Tue 19 08:00"},
        ),
        # Good Friday is a holiday of Québec
        ("2026-04-02T15:00", {"hour": "Thu 02 16:00", "next": "Mon 06 08:00"}),
    ],
)
def test_presets_fall_into_opening_hours(at: str, expected: dict[str, str]) -> None:
    assert chosen(at) == expected


def test_a_lunch_break_puts_the_afternoon_after_it_and_no_hours_mean_eight() -> None:
    assert chosen("2026-03-03T09:00", "Mo-Fr 08:00-12:00,13:30-17:00")["afternoon"] == "Tue 03 13:30"
    assert chosen("2026-03-03T09:00", "24/7")["tomorrow"] == "Wed 04 08:00"


def test_a_time_written_by_hand_is_the_clinics() -> None:
    assert written("2026-03-02T14:30", ZONE) == datetime(2026, 3, 2, 19, 30, tzinfo=UTC)
    assert written(" 2026-07-02 14:30 ", ZONE) == datetime(2026, 7, 2, 18, 30, tzinfo=UTC)
    assert written("2026-03-02T14:30:00+00:00", ZONE) == datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def test_a_time_that_clocks_skip_is_an_hour_later_and_one_they_repeat_is_the_first() -> None:
    """As RFC 5545 3.3.5 has it."""
    assert written("2026-03-08T02:30", ZONE).astimezone(ZONE) == datetime(2026, 3, 8, 3, 30, tzinfo=ZONE)
    assert written("2026-11-01T01:30", ZONE) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00", "0001-01-01T00:00:00+14:00", "9" * 500])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        written(text, ZONE)
    assert refused.value.code == "no_time"
