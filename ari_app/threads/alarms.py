"""``store.alarms``: what the administrator is told of, which ways of telling still owe it, and what metrics and alarms are made of."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ari_app.clock import Clock
from ari_app.person import Synced
from ari_app.threads import syncing
from ari_app.threads.database import Database, Reader, Transaction
from ari_app.threads.rows import moment, required, stamp

__all__ = ["JOINS", "Alarm", "Alarms", "Condition", "Due", "House", "Way"]

JOINS = timedelta(minutes=30)
"""What comes again within this is the same alarm: told anew only when it then lasts as long."""
_LONGER = 3
"""Within so many times 2 of it where the last day had several: what comes and goes each hour is heard of less and less."""
_DAY = timedelta(days=1)
Way = Literal["email", "webhook"]
_TROUBLE = """SELECT state, count(*) AS n FROM message
    WHERE direction = 'out' AND state IN ('failed', 'unknown') AND seen_to IS NULL GROUP BY 1"""
_ALARM = "a.id, a.code, a.subject, a.facts, a.since, a.over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something keeps textback from working, now."""

    code: str
    subject: str = ""
    """Which modem or folder, "" where there is only one."""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """What its words are filled with: never a word or a number of a patient."""

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that keeps textback from working, while it does (``over`` None) or did."""

    id: int
    code: str
    subject: str
    facts: Mapping[str, str | int]
    since: datetime
    over: datetime | None

    @property
    def key(self) -> tuple[str, str]:
        return self.code, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One way owes the administrator one telling of one alarm."""

    alarm: Alarm
    way: str
    telling: Literal["raised", "over"]
    made: datetime
    due: datetime
    tries: int
    error: str
    """Why the last try failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the store says of itself at one moment. Counts without "now" are of all time, whatever was purged."""

    calls: Mapping[tuple[str, str], int]
    """By outcome and reason."""
    texts: Mapping[tuple[str, str], int]
    """How often a text of a kind came to a state."""
    took: tuple[tuple[float, int], ...]
    """Seconds from a caller's hang-up to the text sent, and how many took so long; the shortest first."""
    queued: int
    sending: int
    oldest_due: datetime | None
    """Since when the queued text waits that is due the longest."""
    unknown: int
    failed: int
    """Texts that may not have gone, and that did not, with which nobody dealt yet."""
    to_answer: int
    longest: datetime | None
    """Since when the thread waits that waits the longest."""
    newest_call: datetime | None
    """When it began."""
    synced: tuple[Synced, ...]
    open: tuple[Alarm, ...]
    telling: int
    """Messages about alarms that no way took yet."""


class Alarms:
    """Alarms and their tellings, over the store's file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def beat(self) -> None:
        """Write one row: what shows that the store can be written. Raises StoreError when it cannot."""
        now = int(self._clock.now().timestamp())
        await self._database.write(
            lambda tx: tx.run("INSERT INTO counter VALUES ('alive', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (now,))
        )

    async def house(self) -> House:
        """All that metrics and alarms are made of. Milliseconds, however long the store."""
        now = self._clock.now()
        return await self._database.read(lambda reader: house(reader, now))

    async def open(self) -> tuple[Alarm, ...]:
        """Those not over, oldest first."""
        return await self._database.read(_open)

    async def listed(self, limit: int = 50) -> tuple[Alarm, ...]:
        """Newest first; 0 for all."""
        return await self._database.read(
            lambda reader: tuple(
                _alarm(row)
                for row in reader.all(f"SELECT {_ALARM} FROM alarm a ORDER BY a.since DESC, a.id DESC LIMIT ?", (limit or -1,))  # noqa: S608
            )
        )

    async def raised(self, condition: Condition, since: datetime, ways: Collection[str]) -> int:
        """It holds: an alarm, to be told by these ways. The id, also of one that is open already, or was until a moment ago."""
        now = self._clock.now()
        return await self._database.write(lambda tx: _raised(tx, condition, since, ways, now))

    async def ended(self, key: tuple[str, str], ways: Collection[str]) -> None:
        """It is over: who was told of it hears so."""
        now = self._clock.now()
        await self._database.write(lambda tx: _ended(tx, key, ways, now))

    async def due(self) -> tuple[Due, ...]:
        """Every telling that a way owes, in the order they are to be told."""
        return await self._database.read(_due)

    async def told(self, due: Due) -> None:
        """A way took it, or its time is over."""
        await self._database.write(
            lambda tx: tx.run("DELETE FROM alarm_due WHERE alarm = ? AND way = ? AND telling = ?", (due.alarm.id, due.way, due.telling))
        )

    async def put_off(self, due: Due, until: datetime, error: str) -> None:
        """A way did not take it: again at ``until``."""
        await self._database.write(
            lambda tx: tx.run(
                "UPDATE alarm_due SET due = ?, tries = tries + 1, error = ? WHERE alarm = ? AND way = ? AND telling = ?",
                (stamp(until), error, due.alarm.id, due.way, due.telling),
            )
        )

    async def forget_ways(self, known: Collection[str]) -> None:
        """Tellings by ways that are none of ``known`` any more are owed by nobody."""
        await self._database.write(
            lambda tx: tx.run("DELETE FROM alarm_due WHERE way NOT IN (SELECT value FROM json_each(?))", (json.dumps(list(known)),))
        )


def _raised(tx: Transaction, condition: Condition, since: datetime, ways: Collection[str], now: datetime) -> int:
    code, subject = condition.key
    known = json.dumps(dict(condition.facts), ensure_ascii=False)
    row = tx.one("SELECT id FROM alarm WHERE code = ? AND subject = ? AND over IS NULL", (code, subject))
    if row is not None:
        tx.run("UPDATE alarm SET facts = ? WHERE id = ?", (known, row["id"]))
        return int(row["id"])
    lately = tx.value("SELECT count(*) FROM alarm WHERE code = ? AND subject = ? AND over >= ?", (code, subject, stamp(now - _DAY)))
    again = tx.one(
        "SELECT id FROM alarm WHERE code = ? AND subject = ? AND over >= ? ORDER BY over DESC LIMIT 1",
        (code, subject, stamp(now - JOINS * 2 ** min(max(lately - 1, 0), _LONGER))),
    )
    if again is None:
        alarm = tx.insert("alarm", {"code": code, "subject": subject, "facts": known, "since": stamp(since)})
    else:
        alarm = int(again["id"])
        tx.run("UPDATE alarm SET over = NULL, facts = ? WHERE id = ?", (known, alarm))
    for way in ways:
        if again is not None and tx.run("DELETE FROM alarm_due WHERE alarm = ? AND way = ? AND telling = 'over'", (alarm, way)):
            continue  # nobody heard that it was over
        tx.run(
            "INSERT INTO alarm_due (alarm, way, telling, made, due) VALUES (?, ?, 'raised', ?, ?) ON CONFLICT DO NOTHING",
            (alarm, way, stamp(now), stamp(now if again is None else now + JOINS)),
        )
    return alarm


def _ended(tx: Transaction, key: tuple[str, str], ways: Collection[str], now: datetime) -> None:
    row = tx.one("SELECT id FROM alarm WHERE code = ? AND subject = ? AND over IS NULL", key)
    if row is None:
        return
    alarm = int(row["id"])
    tx.run("UPDATE alarm SET over = ? WHERE id = ?", (stamp(now), alarm))
    for way in ways:
        # it came again and went again before that was told: what was said last is true
        unsaid = "DELETE FROM alarm_due WHERE alarm = ? AND way = ? AND telling = 'raised' AND tries = 0 AND due > ?"
        if not tx.run(unsaid, (alarm, way, stamp(now))):
            tx.run(
                "INSERT INTO alarm_due (alarm, way, telling, made, due) VALUES (?, ?, 'over', ?, ?) ON CONFLICT DO NOTHING",
                (alarm, way, stamp(now), stamp(now)),
            )


def _open(reader: Reader) -> tuple[Alarm, ...]:
    return tuple(_alarm(row) for row in reader.all(f"SELECT {_ALARM} FROM alarm a WHERE a.over IS NULL ORDER BY a.since, a.id"))  # noqa: S608


def _due(reader: Reader) -> tuple[Due, ...]:
    rows = reader.all(
        f"""SELECT {_ALARM}, d.way, d.telling, d.made, d.due, d.tries, d.error FROM alarm_due d JOIN alarm a ON a.id = d.alarm
            ORDER BY d.alarm, d.telling = 'over'"""  # noqa: S608  (our own)
    )
    return tuple(
        Due(
            alarm=_alarm(row),
            way=row["way"],
            telling=row["telling"],
            made=required(row["made"]),
            due=required(row["due"]),
            tries=row["tries"],
            error=row["error"],
        )
        for row in rows
    )


def _alarm(row: Any) -> Alarm:
    return Alarm(
        id=row["id"],
        code=row["code"],
        subject=row["subject"],
        facts=json.loads(row["facts"]),
        since=required(row["since"]),
        over=moment(row["over"]),
    )


def house(reader: Reader, now: datetime) -> House:
    """See ``Alarms.house``."""
    calls: dict[tuple[str, str], int] = {}
    texts: dict[tuple[str, str], int] = {}
    took: list[tuple[float, int]] = []
    for what, one, two, n in reader.each("SELECT what, one, two, n FROM tally"):
        match what:
            case "call":
                calls[one, two] = n
            case "text":
                texts[one, two] = n
            case "took":
                took.append((float(one), n))
    trouble: dict[str, int] = {row["state"]: row["n"] for row in reader.all(_TROUBLE)}
    waiting = reader.one(
        "SELECT count(*) AS n, min(waits_since) AS longest FROM thread WHERE state = 'to_answer' AND (snoozed IS NULL OR snoozed <= ?)",
        (stamp(now),),
    )
    assert waiting is not None  # noqa: S101  (an aggregate has one row)
    return House(
        calls=calls,
        texts=texts,
        took=tuple(sorted(took)),
        queued=reader.value("SELECT count(*) FROM message WHERE state = 'queued'"),
        sending=reader.value("SELECT count(*) FROM message WHERE state = 'sending'"),
        oldest_due=moment(reader.value("SELECT min(due) FROM message WHERE state = 'queued' AND due <= ?", (stamp(now),))),
        unknown=trouble.get("unknown", 0),
        failed=trouble.get("failed", 0),
        to_answer=waiting["n"],
        longest=moment(waiting["longest"]),
        newest_call=moment(reader.value("SELECT max(started) FROM call")),
        synced=syncing.states(reader),
        open=_open(reader),
        telling=reader.value("SELECT count(*) FROM alarm_due"),
    )
