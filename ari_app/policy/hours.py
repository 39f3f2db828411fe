"""Is a line open, and until when: an OSM opening_hours expression, public holidays, exceptions by date, a night switch.

The expression's language: https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification, read by opening-hours-py.

- Public holidays are those of ``holidays`` (category "public", days moved to a weekday included) for the country and subdivision. For
  CA/QC these are 1 January, Good Friday, the National Patriots' Day (Monday before 25 May), 24 June, 1 July, Labour Day, Thanksgiving
  and 25 December. Easter Monday, 2 January and 26 December are none: write them as exceptions.
- An expression that does not say ``PH`` is closed on them. One that does says itself what they are: "Mo-Fr 08:00-17:00; PH 10:00-12:00"
  opens for two hours, "Mo-Fr,PH 08:00-17:00" opens as on a weekday. As anywhere in the language, a later rule for the same day wins.
  "24/7" alone means always, holidays included.
- An exception replaces its date, midnight to midnight and the night shift that would begin on it, and wins over holidays.
- A shift over midnight belongs to the date it begins on.
- A rule that is "unknown" counts as closed.
- Hours are wall-clock hours. A time skipped by a DST change counts as the instant of the change, one repeated as the first of the two.
- A night switch that is set (INUSE: FreePBX *28x, night) or clear (NOT_INUSE: day) wins; in any other state the timetable holds.
  It rules the lines that follow the clinic's hours, not lines with hours of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
from opening_hours import OpeningHours, State

from ari_app.errors import SettingsError
from ari_app.policy.expression import ALWAYS, names_holidays, night_ends, osm_date, parsed, readable, with_holidays
from ari_app.settings import ClinicSettings, HoursException

__all__ = ["Hours", "Opening", "public_holidays"]

_DAY = timedelta(days=1)
_BEFORE = timedelta(days=21)
"""How far back the beginning of the present state is looked for: longer than a holiday closure."""
_AHEAD = timedelta(days=400)
"""How far ahead the next change is looked for: longer than any season."""
_NIGHT, _DAYTIME = "INUSE", "NOT_INUSE"  # FreePBX day/night mode: Custom:DAYNIGHTx is INUSE in night mode


@dataclass(frozen=True, slots=True)
class Opening:
    """Is a line open at an instant. Times are aware UTC."""

    open: bool
    until: datetime | None
    """The next change, None when none is known: always open, or a night switch rules."""
    why: str
    """What says so: "hours", "exception", "switch" or "holiday", a holiday with its name ("holiday: Canada Day")."""
    opens: datetime | None = None
    """While closed: when it opens next, None when nobody can know (a night switch set during the hours)."""
    since: datetime | None = None
    """When this state began, None when that is not known."""


def public_holidays(clinic: ClinicSettings) -> holidays.HolidayBase:
    """Public holidays of the clinic's country and subdivision. Raises SettingsError naming the key."""
    try:
        return holidays.country_holidays(clinic.country, subdiv=clinic.subdivision)
    except NotImplementedError as error:
        known = clinic.country in holidays.list_supported_countries(include_aliases=False)
        key, value = ("clinic.subdivision", clinic.subdivision) if known else ("clinic.country", clinic.country)
        fix = (
            f"write one that {clinic.country} has, or none" if known else "write hours.holidays = false and the days as [[hours.exception]]"
        )
        raise SettingsError(f'{key}: no public holidays are known for "{value}"', fix) from error


class Hours:
    """The timetable of one line. Pure: the same instant and switches always give the same answer.

    ``key`` is the setting's path, for errors. Raises SettingsError when ``expression`` or an exception cannot be read.
    """

    def __init__(
        self,
        expression: str,
        *,
        key: str,
        zone: ZoneInfo,
        closed_days: holidays.HolidayBase | None = None,
        exceptions: Iterable[HoursException] = (),
        follow: str | None = None,
    ) -> None:
        self._expression = readable(expression, key)
        self._always = self._expression == ALWAYS
        self._zone = zone
        self._holidays = None if self._always else closed_days
        self._exceptions = {item.date: item for item in exceptions}
        self._follow = follow
        self._schedules: dict[int, OpeningHours] = {}
        if names_holidays(self._expression) and closed_days is None:
            raise SettingsError(
                f"{key}: names public holidays (PH), but hours.holidays = false", "set it to true, or write dates instead of PH"
            )
        for day, item in self._exceptions.items():
            if item.open is not None:
                parsed(f"{osm_date(day)} {item.open}", f"hours.exception ({day}).open", item.open)

    def opening(self, at: datetime, switches: Mapping[str, str] | None = None) -> Opening:
        """Open or closed at an aware instant; ``switches`` are device states by name."""
        timetable = self._timetable(at)
        state = (switches or {}).get(self._follow, "") if self._follow else ""
        if state == _DAYTIME:
            return Opening(True, None, "switch")
        if state == _NIGHT:
            return Opening(False, None, "switch", opens=timetable.opens)
        return timetable

    def _timetable(self, at: datetime) -> Opening:
        local = at.astimezone(self._zone).replace(tzinfo=None)
        current: Opening | None = None
        for begins, opened in self._changes(local.replace(hour=0, minute=0, second=0, microsecond=0)):
            if begins <= at:
                current = Opening(opened, None, self._why(local.date()), since=begins)
            elif current is not None and opened != current.open:
                return replace(current, until=begins, opens=begins if opened else None)
        return current or Opening(False, None, "hours")

    def _changes(self, midnight: datetime) -> Iterator[tuple[datetime, bool]]:
        """(instant, open from then on), ascending, no two alike in a row."""
        last: bool | None = None
        schedule = self._schedule(midnight.year)
        for begins, _, state, _ in schedule.intervals(midnight - _BEFORE, midnight + _AHEAD):
            opened = state == State.OPEN
            if opened != last:
                yield _instant(begins, self._zone), opened
                last = opened

    def _why(self, day: date) -> str:
        if day in self._exceptions:
            return "exception"
        if self._holidays is not None and day in self._holidays:
            return f"holiday: {self._holidays[day]}"
        return "hours"

    def _schedule(self, year: int) -> OpeningHours:
        """All of it in the one language, with the holidays and exceptions around ``year`` written out."""
        if year not in self._schedules:
            days = self._public_holidays(year)
            own = names_holidays(self._expression)
            rules = [with_holidays(self._expression, days) if own else self._expression]
            plain = OpeningHours(rules[0])
            special = [*self._exceptions, *(() if own else days)]
            rules += [f"{osm_date(day)} off" for day in days if not own]
            rules += [f"{osm_date(day)} {item.open or 'off'}" for day, item in sorted(self._exceptions.items())]
            rules += [rule for day in special for rule in self._no_night_shift(day, plain)]
            self._schedules[year] = OpeningHours("; ".join(rules))
        return self._schedules[year]

    def _public_holidays(self, year: int) -> list[date]:
        if self._holidays is None:
            return []
        first = date(year - 1, 1, 1)
        return [day for day in (first + n * _DAY for n in range(4 * 366)) if day in self._holidays]

    def _no_night_shift(self, day: date, plain: OpeningHours) -> Iterator[str]:
        """Close what a usual night shift of ``day`` would leave on the morning after: the library closes the date only."""
        if plain.is_open(datetime.combine(day, time(23, 59))):
            for end in night_ends(self._expression):
                yield f"{osm_date(day + _DAY)} 00:00-{end} off"


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: the first of two, or the change that skips it (PEP 495)."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
