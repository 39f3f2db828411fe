"""How long somebody has waited, in time the line was open: a text of Friday evening is not late on Monday at eight. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ari_app.policy.hours import Opening

__all__ = ["Turn", "as_turned", "first_not_late", "open_for"]

_MOST_CHANGES = 1000
"""Changes looked ahead at: over a year of opening twice a day, within which any wait of minutes or hours is over."""

Turn = tuple[datetime, Mapping[str, str]]
"""From this instant on the night switches stood so: device states by name."""


def as_turned(opening: Callable[[datetime, Mapping[str, str]], Opening], turns: Sequence[Turn]) -> Callable[[datetime], Opening]:
    """The opening at any instant, with the night switches as they stood then.

    ``turns``: as far as they are known, oldest first. Before the first the timetable holds, and after the last it stays as it is.
    """
    instants = [at for at, _ in turns]

    def look(at: datetime) -> Opening:
        position = bisect_right(instants, at)
        found = opening(at, turns[position - 1][1] if position else {})
        if position < len(instants) and (found.until is None or found.until > instants[position]):
            return replace(found, until=instants[position])
        return found

    return look


def open_for(opening: Callable[[datetime], Opening], since: datetime, wait: timedelta) -> datetime | None:
    """When ``wait`` of opening hours has passed since ``since``; None when that is not foreseen."""
    at, left = since, wait
    for _ in range(_MOST_CHANGES):
        found = opening(at)
        if found.open and (found.until is None or found.until - at >= left):
            return at + left
        if found.until is None:
            return None
        if found.open:
            left -= found.until - at
        at = found.until
    return None


def first_not_late(
    opening: Callable[[datetime], Opening], since: Sequence[datetime], wait: timedelta, now: datetime
) -> tuple[int, datetime | None]:
    """Of instants, oldest first: how many had ``wait`` of opening hours until ``now``, and when the next one will have had it.

    Who came later is never late sooner, so a few of them are looked at, however many there are.
    """

    def late_at(position: int) -> datetime | None:
        return open_for(opening, since[position], wait)

    low, high = 0, len(since)
    while low < high:
        middle = (low + high) // 2
        due = late_at(middle)
        if due is not None and due <= now:
            low = middle + 1
        else:
            high = middle
    return low, late_at(low) if low < len(since) else None
