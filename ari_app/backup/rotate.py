"""Which backups stay: all of the last day, the newest of each of the days before it, and of each of so many weeks before them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TypeVar

__all__ = ["kept", "kept_until"]

_T = TypeVar("_T")
_HORIZON = 2000
"""Days looked ahead: five years and more."""


def kept(times: Iterable[datetime], daily: int, weekly: int) -> frozenset[datetime]:
    """Those of ``times`` that stay. Days and weeks (ISO 8601, from Monday) by UTC; only those count that have one.

    So after a month without backups the old ones stay until newer ones have taken their places; the newest of all always stays. Of its day
    all stay: one that is made before an upgrade, or when something went wrong, must not cost the one of last night.
    """
    latest = max(times := set(times), default=None)
    today = {at for at in times if latest is not None and at.date() == latest.date()}
    days: dict[date, datetime] = {}
    weeks: dict[tuple[int, int], datetime] = {}
    for at in sorted(times, reverse=True):
        if at.date() in days:
            continue
        if len(days) < daily:
            days[at.date()] = at
        else:
            weeks.setdefault(at.isocalendar()[:2], at)
    return frozenset((*today, *days.values(), *list(weeks.values())[:weekly]))


def kept_until(times: Iterable[datetime], daily: int, weekly: int) -> dict[datetime, datetime | None]:
    """When each goes, with one more each day at the hour of the newest; None: not within five years."""
    here = set(times)
    until: dict[datetime, datetime | None] = dict.fromkeys(here)
    now = max(here, default=None)
    left = set(here)
    for _ in range(_HORIZON):
        if now is None or not left:
            break
        now += timedelta(days=1)
        here = set(kept({*here, now}, daily, weekly))
        for gone in left - here:
            until[gone] = now
        left &= here
    return until
