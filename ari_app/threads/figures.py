"""Statistics: missed calls by time and reason, how many callers were texted, answered and spoken with, and how soon."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import statistics as averages
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ari_app.board import Statistics
from ari_app.threads.database import Reader
from ari_app.threads.rows import required, stamp

__all__ = ["CONVERSATION", "FIGURES", "statistics"]

CONVERSATION = timedelta(days=7)
"""What follows a missed call within this is about it."""
_CALLS = """FROM call c INDEXED BY call_by_start WHERE c.started >= :since AND c.started < :until
    AND c.reason NOT IN ('internal', 'machine') AND (:line IS NULL OR c.line = :line)"""
_WENT = "m.kind = 'auto' AND m.went IS NOT NULL AND m.state IN ('sent', 'delivered', 'unknown')"
FIGURES = {
    # Zones stand on quarters of an hour: days and hours of a clinic's clock are made of these.
    "quarters": f"""SELECT substr(c.started, 1, 14) || (CAST(substr(c.started, 15, 2) AS INTEGER) / 15) AS quarter, count(*) AS calls,
        count(*) FILTER (WHERE c.outcome = 'missed') AS missed {_CALLS} GROUP BY 1""",
    "reasons": f"SELECT c.reason, count(*) AS missed {_CALLS} AND c.outcome = 'missed' GROUP BY 1 ORDER BY 2 DESC, 1",
    # What callers did and what people did for them, in the order of time.
    "events": f"""SELECT c.thread, c.ended AS at, CASE WHEN EXISTS (SELECT 1 FROM message m WHERE m.call = c.id AND {_WENT}) THEN 'texted'
            ELSE 'missed' END AS what, strftime('%Y-%m-%dT%H:%M:%fZ', c.ended, :lasts) AS until
            {_CALLS} AND c.outcome = 'missed' AND c.caller IS NOT NULL AND c.presentation != 'prohibited'
        UNION ALL SELECT m.thread, m.at, m.kind, NULL FROM message m INDEXED BY message_said
            WHERE m.kind IN ('caller', 'staff') AND NOT m.automatic AND m.at >= :since AND m.at < :after
            AND m.state NOT IN ('cancelled', 'expired', 'failed')
            AND (:line IS NULL OR m.thread IN (SELECT id FROM thread WHERE line = :line))
        UNION ALL SELECT c.thread, r.at, 'spoken', NULL FROM call c INDEXED BY call_by_start JOIN reached r ON r.call = c.id
            WHERE c.started >= :since AND c.started < :after AND (:line IS NULL OR c.line = :line)
        UNION ALL SELECT t.id, o.joined, 'spoken', NULL FROM outgoing o INDEXED BY outgoing_reached JOIN thread t ON t.number = o.number
            WHERE o.reached IS NOT NULL AND o.joined >= :since AND o.joined < :after AND (:line IS NULL OR t.line = :line)
        ORDER BY 2""",
}


@dataclass(slots=True)
class _Callers:
    """Who called in vain, and what became of it, told one event after the other."""

    end: str
    called: dict[int, str] = field(default_factory=dict)
    """Until when what follows is about the last missed call of a thread."""
    texted_until: dict[int, str] = field(default_factory=dict)
    waits: dict[int, str] = field(default_factory=dict)
    """Since when a thread waits for the first words of a person."""
    said: dict[tuple[int, str], str] = field(default_factory=dict)
    """Until when what the other side writes makes a conversation of the last words of a side, by thread and side."""
    texted: set[int] = field(default_factory=set)
    wrote_back: set[int] = field(default_factory=set)
    recovered: set[int] = field(default_factory=set)
    took: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, thread: int, at: str, what: str, until: str | None) -> None:
        if until is not None:
            self.called[thread] = until
            if what == "texted":
                self.texted.add(thread)
                self.texted_until[thread] = until
        if what in ("staff", "spoken"):
            since = self.waits.pop(thread, None)
            if since is not None:
                self.took.append((since, at))
        elif at < self.end:
            self.waits.setdefault(thread, at)
        if until is None and at <= self.called.get(thread, ""):
            other = "staff" if what == "caller" else "caller"
            if what == "spoken" or at <= self.said.get((thread, other), ""):
                self.recovered.add(thread)
            self.said[thread, what] = self.called[thread]
        if what == "caller" and at <= self.texted_until.get(thread, ""):
            self.wrote_back.add(thread)

    def first_reply(self) -> float | None:
        """Median seconds from the first of what a caller did to the first words of a person after it."""
        if not self.took:
            return None
        return averages.median((required(at) - required(since)).total_seconds() for since, at in self.took)


def statistics(reader: Reader, since: date, until: date, zone: ZoneInfo, line: str | None = None) -> Statistics:
    """Calls that started from ``since`` up to and with ``until``, days of ``zone``; internal calls and machines are none of them."""
    begin = datetime.combine(since, time(), zone)
    end = datetime.combine(until + timedelta(days=1), time(), zone)
    params = {
        "since": stamp(begin),
        "until": stamp(end),
        "after": stamp(end + CONVERSATION),
        "line": line,
        "lasts": f"+{CONVERSATION.days} days",
    }
    hours, weekdays = [0] * 24, [0] * 7
    days: Counter[date] = Counter()
    calls = missed = 0
    for row in reader.all(FIGURES["quarters"], params):
        local = _quarter(row["quarter"]).astimezone(zone)
        calls += row["calls"]
        missed += row["missed"]
        hours[local.hour] += row["missed"]
        weekdays[local.weekday()] += row["missed"]
        days[local.date()] += row["missed"]
    callers = _Callers(stamp(end))
    for event in reader.each(FIGURES["events"], params):
        callers.tell(*event)
    return Statistics(
        since=since,
        until=until,
        calls=calls,
        missed=missed,
        by_hour=tuple(hours),
        by_weekday=tuple(weekdays),
        reasons={row["reason"]: row["missed"] for row in reader.all(FIGURES["reasons"], params)},
        callers=len(callers.called),
        texted=len(callers.texted),
        wrote_back=len(callers.wrote_back),
        recovered=len(callers.recovered),
        first_reply=callers.first_reply(),
        by_day={day: days[day] for day in sorted(days) if days[day]},
    )


def _quarter(text: str) -> datetime:
    return datetime.strptime(text[:-1], "%Y-%m-%dT%H:").replace(minute=int(text[-1]) * 15, tzinfo=UTC)
