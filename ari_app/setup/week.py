"""Opening hours as people write them ("Mon-Fri 8:00-17:00", "lun-ven 8h-17h30"), into OSM opening_hours."""

from __future__ import annotations

import re

from ari_app.errors import SetupError

__all__ = ["osm", "without_lunch"]

_DAYS = {
    "Mo": ("mo", "mon", "monday", "lu", "lun", "lundi"),
    "Tu": ("tu", "tue", "tues", "tuesday", "ma", "mar", "mardi"),
    "We": ("we", "wed", "wednesday", "me", "mer", "mercredi"),
    "Th": ("th", "thu", "thur", "thurs", "thursday", "je", "jeu", "jeudi"),
    "Fr": ("fr", "fri", "friday", "ve", "ven", "vendredi"),
    "Sa": ("sa", "sat", "saturday", "sam", "samedi"),
    "Su": ("su", "sun", "sunday", "di", "dim", "dimanche"),
}
_NAMES = {name: day for day, names in _DAYS.items() for name in names}
_DAY = r"[a-z]{2,9}\.?"
_TIME = r"\d{1,2}(?:(?:\s*h\s*|:)(?:\d{2})?)?(?:\s*[ap]\.?m\.?)?"
_TO = r"\s*(?:-|–|to|à|au)\s*"
_DAYS_RULE = rf"{_DAY}(?:{_TO}{_DAY})?(?:\s*(?:,|and|et|&)\s*{_DAY}(?:{_TO}{_DAY})?)*"
_SPAN = rf"{_TIME}{_TO}{_TIME}"
_RULE = re.compile(rf"(?P<days>{_DAYS_RULE})\s*:?\s*(?P<spans>{_SPAN}(?:\s*(?:,|and|et|&)\s*{_SPAN})*)", re.IGNORECASE)
_AND = re.compile(r"\s*(?:,|\band\b|\bet\b|&)\s*", re.IGNORECASE)


def osm(written: str) -> str:
    """A simple week as OSM opening_hours; anything else comes back as it is, for who reads that language to judge."""
    rules = [_RULE.fullmatch(rule.strip()) for rule in written.split(";")]
    found = []
    for rule in rules:
        days = None if rule is None else _days(rule["days"])
        spans = None if rule is None else _spans(rule["spans"])
        if days is None or spans is None:
            return written.strip()
        found.append(f"{days} {spans}")
    return "; ".join(found)


def _days(written: str) -> str | None:
    parts = []
    for part in _AND.split(written):
        names = [_NAMES.get(name.strip(" .").lower()) for name in re.split(_TO, part, flags=re.IGNORECASE)]
        if None in names:
            return None
        parts.append("-".join(name for name in names if name))
    return ",".join(parts)


def _spans(written: str) -> str | None:
    parts = []
    for part in _AND.split(written):
        ends = [_time(end) for end in re.split(_TO, part, flags=re.IGNORECASE)]
        if None in ends:
            return None
        parts.append("-".join(end for end in ends if end))
    return ",".join(parts)


def _time(written: str) -> str | None:
    match = re.fullmatch(r"(\d{1,2})(?:(?:\s*h\s*|:)(\d{2})?)?\s*(?:([ap])\.?m\.?)?", written.strip(), re.IGNORECASE)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02d}:{minute:02d}" if hour <= 24 and minute < 60 else None


def without_lunch(hours: str, lunch: str) -> str:
    """The same week with a break taken out of each day that has it whole. Raises SetupError for what is no span of time."""
    span = _spans(lunch.strip()) if re.fullmatch(_SPAN, lunch.strip(), re.IGNORECASE) else None
    first, _, last = (span or "").partition("-")
    if not first < last:
        raise SetupError(f'"{lunch}" is no break', 'write when it begins and ends: "12:00-13:00"', code="setup_hours")

    def cut(match: re.Match[str]) -> str:
        begins, ends = match[1], match[2]
        return f"{begins}-{first},{last}-{ends}" if begins < first and last < ends else match[0]

    return re.sub(r"(\d{2}:\d{2})-(\d{2}:\d{2})", cut, hours)
