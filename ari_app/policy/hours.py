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

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import holidays
from opening_hours import OpeningHours, State

from ari_app.errors import SettingsError
from ari_app.policy.expression import ALWAYS, names_holidays, night_ends, osm_date, parsed, readable, split_at_midnight, with_holidays
from ari_app.settings import ClinicSettings, HoursException

__all__ = ["Calendar", "Hours", "Opening", "public_holidays"]

_DAY = timedelta(days=1)
_BEFORE = timedelta(days=21)
"""How far back the beginning of the present state is looked for: longer than a holiday closure."""
_NEAR, _AHEAD = timedelta(days=14), timedelta(days=400)
"""How far ahead the next change is looked for: first where it usually is, then longer than any season."""
_SPAN = r"\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}"
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
    """When this state began (three weeks ago when it is older than that), None when a night switch rules."""


Calendar = Callable[[int], Mapping[date, str]]
"""Year → the public holidays from the year before it to two after it, by name."""


def public_holidays(clinic: ClinicSettings) -> Calendar:
    """Public holidays of the clinic's country and subdivision. Raises SettingsError naming the key."""
    country, subdivision = clinic.country, clinic.subdivision
    if "subdivision" not in clinic.model_fields_set and country != "CA":
        subdivision = None  # the default is a Canadian one
    supported = holidays.list_supported_countries(include_aliases=True)
    if country not in supported:
        fix = "write hours.holidays = false, and the days you close as [[hours.exception]]"
        raise SettingsError(f'clinic.country: no public holidays are known for "{country}"', fix)
    if subdivision is not None and subdivision not in supported[country]:
        known = ", ".join(supported[country][:15])
        raise SettingsError(f'clinic.subdivision: {country} has no "{subdivision}"', f"write one of {known}" if known else "leave it out")

    def around(year: int) -> Mapping[date, str]:
        # without a language the names would be those of the service's locale
        days = holidays.country_holidays(country, subdiv=subdivision, years=range(year - 1, year + 3), expand=False, language="en_US")
        return MappingProxyType(dict(days))

    return around


@dataclass(frozen=True, slots=True)
class _Schedule:
    """One year's view: the whole timetable in the one language, and the holidays in it."""

    rules: OpeningHours
    holidays: Mapping[date, str]


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
        calendar: Calendar | None = None,
        exceptions: Iterable[HoursException] = (),
        follow: str | None = None,
    ) -> None:
        self._expression = readable(expression, key)
        self._zone = zone
        self._calendar = None if self._expression == ALWAYS else calendar
        self._exceptions: dict[date, HoursException] = {}
        for item in exceptions:
            if self._exceptions.setdefault(item.date, item) is not item:
                raise SettingsError(f"hours.exception: two are for {item.date}", "join them into one")
        self._follow = follow
        self._schedules: dict[int, _Schedule] = {}
        self._day: tuple[datetime, timedelta, tuple[tuple[datetime, bool], ...]] | None = None
        if names_holidays(self._expression) and calendar is None:
            fix = "set it to true, or write dates instead of PH"
            raise SettingsError(f"{key}: names public holidays (PH), but hours.holidays = false", fix)
        for day, item in self._exceptions.items():
            if item.open is not None:
                _check_times(item.open, f"hours.exception ({day}).open")

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
        opened, since, until = False, None, None
        for ahead in (_NEAR, _AHEAD):
            for begins, state in self._changes(datetime.combine(local.date(), time()), ahead):
                if begins > at:
                    until = begins
                    break
                opened, since = state, begins
            if until is not None:
                break
        return Opening(opened, until, self._why(local.date()), opens=None if opened else until, since=since)

    def _changes(self, midnight: datetime, ahead: timedelta) -> tuple[tuple[datetime, bool], ...]:
        """(instant, open from then on) around a local day, ascending, no two alike in a row. The last day asked for is kept."""
        day = self._day  # read once: threads share this
        if day is None or day[0] != midnight or day[1] < ahead:
            changes: list[tuple[datetime, bool]] = []
            for begins, _, state, _ in self._schedule(midnight.year).rules.intervals(midnight - _BEFORE, midnight + ahead):
                opened = state == State.OPEN
                if changes and changes[-1][1] == opened:
                    continue
                at = _instant(begins, self._zone)
                while changes and changes[-1][0] >= at:
                    changes.pop()  # a span that a DST change skips whole
                if not changes or changes[-1][1] != opened:
                    changes.append((at, opened))
            self._day = day = (midnight, ahead, tuple(changes))
        return day[2]

    def _why(self, day: date) -> str:
        if day in self._exceptions:
            return "exception"
        name = self._schedule(day.year).holidays.get(day)
        return "hours" if name is None else f"holiday: {name}"

    def _schedule(self, year: int) -> _Schedule:
        """With the holidays and exceptions around ``year`` written out."""
        if year not in self._schedules:
            days = {} if self._calendar is None else self._calendar(year)
            own = names_holidays(self._expression)
            rules = [with_holidays(self._expression, sorted(days)) if own else self._expression]
            rules += [] if own else [f"{osm_date(day)} off" for day in sorted(days)]
            open_then = OpeningHours("; ".join(rules)).is_open
            special = {*(day for day in days if not open_then(_late(day))), *self._exceptions}
            rules += [f"{osm_date(day)} {_evening(item) or 'off'}" for day, item in sorted(self._exceptions.items())]
            usual = OpeningHours(with_holidays(self._expression, []) if own else self._expression)
            rules += [rule for day in sorted(special) for rule in self._no_night_shift(day, usual)]
            text = "; ".join(rules)
            for day, item in sorted(self._exceptions.items()):
                morning = split_at_midnight(item.open or "")[1]
                text += f", {osm_date(day + _DAY)} {morning}" if morning else ""
            self._schedules[year] = _Schedule(OpeningHours(text), days)
        return self._schedules[year]

    def _no_night_shift(self, day: date, usual: OpeningHours) -> Iterator[str]:
        """Close what the usual night shift of ``day`` would leave on the morning after: the library closes the date alone."""
        if day + _DAY in self._exceptions or not usual.is_open(_late(day)):
            return
        for ends in night_ends(self._expression):
            yield f"{osm_date(day + _DAY)} 00:00-{ends} off"


def _late(day: date) -> datetime:
    return datetime.combine(day, time(23, 59))


def _evening(item: HoursException) -> str:
    # the library forgets what a dated rule leaves on the morning after: that is written out as a rule of its own
    return split_at_midnight(item.open or "")[0]


def _check_times(text: str, key: str) -> None:
    if re.fullmatch(rf"{_SPAN}(\s*,\s*{_SPAN})*", text.strip()) is None:
        raise SettingsError(f'{key}: "{text}" is no list of times', 'write it as "09:00-12:00" or "09:00-12:00,13:00-15:00"')
    parsed(text.strip(), key)


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
