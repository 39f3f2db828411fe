"""The OSM opening_hours language where opening-hours-py needs help: public holidays that it has no calendar of, and common slips.

Grammar: https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification. Only the text is rewritten; opening-hours-py evaluates it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from opening_hours import OpeningHours, State
from opening_hours import ParserError as _ParserError  # type: ignore[attr-defined]  # missing in its stub

from ari_app.errors import SettingsError

__all__ = [
    "ALWAYS",
    "cut_nights",
    "idle_rules",
    "names_holidays",
    "night_ends",
    "osm_date",
    "parsed",
    "readable",
    "split_at_midnight",
    "with_holidays",
]

ALWAYS = "24/7"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = r"(?:PH|(?:Mo|Tu|We|Th|Fr|Sa|Su)(?:\[[^\]]*\])?)"
_DAY_LIST = re.compile(rf"(?<![A-Za-z]){_DAY}(?:[-,]{_DAY})*(?![A-Za-z])", re.IGNORECASE)
_LOOSE_COMMA = re.compile(rf"(?<![A-Za-z])({_DAY})\s*,\s*(?={_DAY}(?![A-Za-z]))", re.IGNORECASE)
_SEPARATOR = re.compile(
    r'\s*(;|\|\||(?:(?<=:\d\d)|(?<=\d\+)|(?<=off)|(?<=closed)|(?<=open)|(?<=unknown)|(?<=")),(?=\s*(?!\d{1,2}:)[A-Za-z\d"]))\s*'
)
_QUOTED = re.compile(r'"[^"]*"')
_SPAN = re.compile(r"(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})")
_SPECIAL = re.compile(r"\b(PH|off|closed|\d{4})\b")
_FIX = 'write it as "Mo-Fr 08:00-12:00,13:00-17:00; Sa 09:00-12:00" (OpenStreetMap opening_hours)'


def readable(expression: str, key: str) -> str:
    """``expression`` without comments and with "Mo, We" written "Mo,We". Raises SettingsError naming ``key`` and the fix."""
    # without the blank stripped, the library reads "Mo, We 08:00-12:00" as Monday all day
    text = _LOOSE_COMMA.sub(r"\1,", re.sub(r"\s+,", ",", _QUOTED.sub('""', expression)).strip())
    text = _joined((separator, _uncommented(rule)) for separator, rule in _rules(text))
    parsed(text, key, expression)
    if re.search(r"\bSH\b", text):
        raise SettingsError(f"{key}: school holidays (SH) are not known", 'write their dates, such as "2026 Jul 01-2026 Aug 31 off"')
    if re.search(r"\b(sunrise|sunset|dawn|dusk)\b", text):
        raise SettingsError(f"{key}: sunrise and sunset are not known", "write times, such as 08:00-17:00")
    for _, rule in _rules(text):
        found = _DAY_LIST.search(rule)
        if found and "PH" in found[0] and re.match(rf"\s*([+-]|{_DAY})", rule[found.end() :]):
            raise SettingsError(
                f'{key}: "{rule}" says more of PH than is understood', 'join days with a comma ("PH,Mo-Fr"); write offsets as dates'
            )
    return text


def parsed(text: str, key: str, shown: str | None = None) -> OpeningHours:
    """``text`` as opening-hours-py reads it. Raises SettingsError naming ``key``, where it stops making sense, and the fix."""
    try:
        return OpeningHours(text)
    except _ParserError as error:
        at = re.search(r"--> 1:(\d+)", str(error))
        rest = text[int(at[1]) - 1 :][:20] if at else ""
        where = f', from "{rest}" on' if rest and rest != text else ""
        raise SettingsError(f'{key}: "{shown or text}" is no opening_hours expression{where}', _FIX) from error


def names_holidays(text: str) -> bool:
    """Does the expression say itself what public holidays are."""
    return re.search(r"\bPH\b", text) is not None


def osm_date(day: date) -> str:
    """A date as the language writes it: "2026 Jun 24"."""
    return f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}"


def with_holidays(text: str, days: Sequence[date]) -> str:
    """Every rule that names PH written out for these dates, its weekdays kept as a rule of their own."""
    out: list[tuple[str, str]] = []
    for separator, rule in _rules(text):
        found = _DAY_LIST.search(rule)
        if found is None or "PH" not in found[0]:
            out.append((separator, rule))
            continue
        lead, tail = rule[: found.start()], rule[found.end() :]
        weekdays = ",".join(part for part in found[0].split(",") if part != "PH")
        if weekdays:
            out.append((separator, f"{lead}{weekdays}{tail}"))
        within = OpeningHours(f"{lead.strip()} 00:00-24:00") if lead.strip() else None
        dates = [osm_date(day) for day in days if within is None or within.is_open(datetime.combine(day, time(12)))]
        if dates:
            out.append((separator, f"{','.join(dates)}{tail}"))
    return _joined(out) or "off"


def night_ends(text: str) -> frozenset[str]:
    """Ends ("06:00") of the spans that run over midnight."""
    return frozenset(morning for _, morning in _spans(text) if morning)


def split_at_midnight(times: str) -> tuple[str, str]:
    """A list of spans as (spans of the date itself, spans of the morning after), either may be empty."""
    spans = _spans(times)
    return ",".join(evening for evening, _ in spans), ",".join(f"00:00-{morning}" for _, morning in spans if morning)


def _spans(text: str) -> list[tuple[str, str]]:
    """(span up to midnight, its end on the morning after or "") of every span of times."""
    spans = []
    for begins, ends in _SPAN.findall(text):
        (begin_hour, begin_minute), (hour, minute) = (map(int, each.split(":")) for each in (begins, ends))
        over = (hour, minute) > (24, 0) or (hour, minute) <= (begin_hour, begin_minute)
        morning = f"{hour % 24:02}:{minute:02}" if over else ""
        spans.append((f"{begins}-{'24:00' if over else ends}", "" if morning == "00:00" else morning))
    return spans


def idle_rules(text: str, now: datetime) -> tuple[str, ...]:
    """Rules that change nothing in the two years after ``now`` (local, naive): usually replaced by a later rule for the same days.

    Rules that name a year, public holidays or a closure are left out.
    """
    rules = _rules(text)
    idle = []
    for index, (_, rule) in enumerate(rules):
        if _SPECIAL.search(rule) or len(rules) == 1:
            continue
        rest = _joined([*rules[:index], *rules[index + 1 :]])
        if _open_spans(text, now) == _open_spans(rest, now):
            idle.append(rule)
    return tuple(idle)


def cut_nights(text: str, now: datetime) -> tuple[str, ...]:
    """Rules over midnight that a later rule for the next day ends at midnight, in the two years after ``now`` (local, naive).

    "Mo-Th 18:00-08:00; Fr 18:00-09:00" closes on Friday at 0 h: after ";" a rule replaces the whole of its days.
    """
    rules = [(separator, rule) for separator, rule in _rules(text) if not _SPECIAL.search(rule)]
    whole = OpeningHours(_joined(rules)) if rules else None
    cut = []
    for _, rule in rules:
        ends = [ends for begins, ends in _open_spans(rule, now) if begins.date() < ends.date() and night_ends(rule)]
        midnights = [datetime.combine(end, time()) for end in ends if end.time() != time()]
        if whole and any(whole.is_open(each - timedelta(minutes=1)) and whole.is_closed(each) for each in midnights):
            cut.append(rule)
    return tuple(cut)


def _open_spans(text: str, now: datetime) -> list[tuple[datetime, datetime]]:
    spans = OpeningHours(text).intervals(now, now + timedelta(days=731))
    return [(begins, ends) for begins, ends, state, _ in spans if state == State.OPEN]


def _rules(text: str) -> list[tuple[str, str]]:
    """(separator before it, rule), in order; the first separator is empty."""
    pieces = ["", *_SEPARATOR.split(text)]
    return [(separator, rule) for separator, rule in zip(pieces[::2], pieces[1::2], strict=True) if rule.strip()]


def _uncommented(rule: str) -> str:
    bare = rule.replace('""', "").strip()
    if bare == rule or re.search(r"\d:\d\d|\b(off|closed|open|unknown)\b", bare):
        return bare
    return f"{bare} unknown".strip()  # a comment alone ("by appointment") says neither open nor closed


def _joined(rules: Iterable[tuple[str, str]]) -> str:
    text = ""
    for separator, rule in rules:
        link = " || " if separator == "||" else f"{separator or ';'} "
        text = f"{text}{link}{rule}" if text else rule
    return text
