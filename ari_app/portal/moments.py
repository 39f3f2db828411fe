"""Hours that people choose: presets in the sense of the clinic's opening hours, and a time written by hand. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from ari_app.errors import RefusedError
from ari_app.policy.hours import Opening

__all__ = ["Moment", "presets", "written"]

_NOON = time(13)
_MORNING = time(8)
"""Where no hours are known (open around the clock): when a morning begins."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A preset: ``key`` of its word, and the instant it stands for."""

    key: str
    at: datetime


def presets(now: datetime, zone: ZoneInfo, opening: Callable[[datetime], Opening]) -> tuple[Moment, ...]:
    """In an hour; this afternoon while it is morning; the next opening on another day; next Monday's, where it is not the same.

    Times are aware UTC. A day on which the clinic is closed gives way to the next on which it opens.
    """
    local = now.astimezone(zone)
    found = [Moment("snooze.hour", _five(now + timedelta(hours=1)))]
    noon = _instant(local, 0, _NOON)
    if now < noon - timedelta(minutes=30):
        afternoon = _opens(noon, opening)
        if afternoon.astimezone(zone).date() == local.date():
            found.append(Moment("snooze.afternoon", afternoon))
    tomorrow = _morning(local, 1, opening)
    is_tomorrow = tomorrow.astimezone(zone).date() == local.date() + timedelta(days=1)
    found.append(Moment("snooze.tomorrow" if is_tomorrow else "snooze.next", tomorrow))
    monday = _morning(local, 7 - local.weekday(), opening)
    if monday != tomorrow:
        # a holiday on Monday gives way to the day after
        is_monday = monday.astimezone(zone).weekday() == calendar.MONDAY
        found.append(Moment("snooze.monday" if is_monday else "snooze.week", monday))
    return tuple(found)


def written(text: str, zone: ZoneInfo) -> datetime:
    """The instant of a local time as browsers and people write it ("2026-03-02T14:30", "2026-03-02 14:30").

    Raises RefusedError, code ``no_time``.
    """
    try:
        local = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RefusedError(f"{text[:40]!r} is no time", "write it as 2026-03-02 14:30", code="no_time") from error
    if local.tzinfo is None:
        local = local.replace(tzinfo=zone)
    try:
        return local.astimezone(ZoneInfo("UTC"))
    except OverflowError as error:
        raise RefusedError(f"{text[:40]!r} is no time of ours", "write it as 2026-03-02 14:30", code="no_time") from error


def _morning(local: datetime, days: int, opening: Callable[[datetime], Opening]) -> datetime:
    midnight = _instant(local, days, time(0))
    # open already at midnight: around the clock, or a night shift
    return _instant(local, days, _MORNING) if opening(midnight).open else _opens(midnight, opening)


def _opens(at: datetime, opening: Callable[[datetime], Opening]) -> datetime:
    """``at`` where it is open then, else when it opens next; ``at`` where nobody knows."""
    found = opening(at)
    return at if found.open or found.opens is None else found.opens


def _instant(local: datetime, days: int, at: time) -> datetime:
    day = (local + timedelta(days=days)).date()
    return datetime.combine(day, at, local.tzinfo).astimezone(ZoneInfo("UTC"))


def _five(at: datetime) -> datetime:
    """Rounded up to whole five minutes."""
    over = timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    return at if not over else at - over + timedelta(minutes=5)
