"""Which facts are an alarm, and since when. Logic only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ari_app.alarms.facts import Facts
from ari_app.settings import Settings
from ari_app.threads.alarms import Condition

__all__ = ["CODES", "QUEUE_OLD", "Judged", "Ledger", "judge"]

CODES = (
    "modem_down",
    "texts_fail",
    "budget_near",
    "queue_old",
    "pbx_lost",
    "store_unwritable",
    "disk_low",
    "backup_old",
    "clocks_apart",
    "contacts_stale",
    "history_stale",
    "certificate_ends",
    "service_failed",
)
"""Of every alarm there is. The last one is raised by ``textback alarm failed``, when there is no service to judge."""

QUEUE_OLD = timedelta(minutes=10)
"""A text due for longer keeps somebody waiting who was promised one."""
_NEAR, _NEAR_NO_MORE = 0.8, 0.7
"""Shares of a SIM's day: SMS that leave the last 24 hours must not make an alarm come and go."""
_ROOM_AGAIN = 1.1
_BACKUP_OLD = timedelta(days=2)
_STALE = timedelta(days=1)
_UNREAD = timedelta(hours=6)
"""So long the PBX's records may be away: a database is being moved."""
_ENDS_SOON = timedelta(days=14)
_APART = timedelta(seconds=5)
"""As doctor: between this clock and Asterisk's."""
_MIB = 1024 * 1024
_NUMBER = re.compile(r"\+?\d[\d .()-]{5,}\d")
"""What might be a telephone number, in what a modem says of itself."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What holds now. ``unknown``: codes of which nothing can be told now: what is open of them stays."""

    holds: tuple[Condition, ...]
    unknown: frozenset[str]


def judge(facts: Facts, settings: Settings, *, unwritable: str = "", open_: Collection[tuple[str, str]] = ()) -> Judged:
    """``unwritable``: why the store cannot be written, "" when it can. ``open_``: alarms that are open, by code and subject."""
    unknown = {"service_failed"} if unwritable else set()
    if facts.house is None:
        unknown |= {"queue_old", "contacts_stale"}
    # of what cannot be looked at nothing is over
    if facts.backup is None:
        unknown.add("backup_old")
    if facts.certificate is None and settings.portal.certificate is not None:
        unknown.add("certificate_ends")
    hidden = {str(settings.store.path.parent), str(settings.store.backup.folder)} - {str(disk.folder) for disk in facts.disks}
    if any(code == "disk_low" and subject in hidden for code, subject in open_):
        unknown.add("disk_low")
    if facts.status.pbx.lag_ms is None:
        unknown.add("clocks_apart")
    holds = (
        *_modems(facts, open_),
        *_pbx(facts),
        *_house(facts, settings),
        *_files(facts, settings, open_),
        *([Condition(code="store_unwritable", facts={"error": unwritable})] if unwritable else []),
    )
    return Judged(holds, frozenset(unknown))


def _modems(facts: Facts, open_: Collection[tuple[str, str]]) -> Iterator[Condition]:
    for modem in facts.status.modems:
        if not modem.registered or modem.state == "bad":
            yield Condition(code="modem_down", subject=modem.name, facts={"modem_code": modem.code, "says": _NUMBER.sub("…", modem.what)})
        if modem.failing:
            yield Condition(code="texts_fail", subject=modem.name, facts={"failed": modem.failed, "tried": modem.tried})
        share = _NEAR_NO_MORE if ("budget_near", modem.name) in open_ else _NEAR
        if modem.budget is not None and modem.carried >= share * modem.budget:
            yield Condition(code="budget_near", subject=modem.name, facts={"carried": modem.carried, "budget": modem.budget})


def _pbx(facts: Facts) -> Iterator[Condition]:
    pbx = facts.status.pbx
    if not pbx.connected:
        yield Condition(code="pbx_lost", facts={"error": pbx.reason})
    history, read = facts.status.history, facts.status.history.read or facts.status.started
    if history.state == "failed" and facts.now - read > _UNREAD:
        yield Condition(code="history_stale", facts={"history_code": history.code, "hours": _hours(facts.now - read)})
    if pbx.lag_ms is not None and abs(pbx.lag_ms) > _APART.total_seconds() * 1000:
        yield Condition(code="clocks_apart", facts={"seconds": round(abs(pbx.lag_ms) / 1000)})


def _house(facts: Facts, settings: Settings) -> Iterator[Condition]:
    house = facts.house
    if house is None:
        return
    if house.oldest_due is not None and facts.now - house.oldest_due > QUEUE_OLD:
        yield Condition(
            code="queue_old", facts={"queued": house.queued, "minutes": round((facts.now - house.oldest_due).total_seconds() / 60)}
        )
    if settings.contacts.source is not None:
        for synced in house.synced:
            good = synced.good or facts.status.started
            if synced.source == "sync" and synced.state != "ok" and facts.now - good > _STALE:
                yield Condition(code="contacts_stale", facts={"sync_code": synced.code or "", "hours": _hours(facts.now - good)})


def _files(facts: Facts, settings: Settings, open_: Collection[tuple[str, str]]) -> Iterator[Condition]:
    needed = settings.alarm.disk * _MIB
    for disk in facts.disks:
        subject = str(disk.folder)
        if disk.free < needed * (_ROOM_AGAIN if ("disk_low", subject) in open_ else 1):
            yield Condition(code="disk_low", subject=subject, facts={"free": disk.free // _MIB, "needed": settings.alarm.disk})
    if facts.backup is not None and facts.now - facts.backup > _BACKUP_OLD:
        yield Condition(code="backup_old", facts={"hours": _hours(facts.now - facts.backup)})
    if facts.certificate is not None and facts.certificate - facts.now < _ENDS_SOON:
        yield Condition(code="certificate_ends", facts={"until": f"{facts.certificate.astimezone(settings.clinic.zone):%Y-%m-%d}"})


def _hours(time: timedelta) -> int:
    return round(time.total_seconds() / 3600)


@dataclass(slots=True)
class _Seen:
    since: datetime
    at: float
    """The same by the monotonic clock."""


class Ledger:
    """Remembers since when what holds holds; what holds for ``after`` is an alarm."""

    def __init__(self, after: timedelta) -> None:
        self._after = after.total_seconds()
        self._seen: dict[tuple[str, str], _Seen] = {}

    def turn(
        self, judged: Judged, open_: Collection[tuple[str, str]], *, now: datetime, monotonic: float
    ) -> tuple[list[tuple[Condition, datetime]], list[tuple[str, str]]]:
        """What is to be raised, with since when, and what is over."""
        holds = {each.key: each for each in judged.holds}
        for key in list(self._seen):
            if key not in holds and key[0] not in judged.unknown:
                del self._seen[key]
        for key in holds:
            self._seen.setdefault(key, _Seen(now, monotonic))
        raised = [
            (each, self._seen[key].since)
            for key, each in holds.items()
            if key not in open_ and monotonic - self._seen[key].at >= self._after
        ]
        over = [key for key in open_ if key not in holds and key[0] not in judged.unknown]
        return raised, over
