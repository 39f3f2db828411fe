"""Statistics: missed calls by time and reason, how many callers were texted, answered and spoken with, and how soon."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import statistics as averages
from collections import Counter
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
_AFTER = "BETWEEN c.ended AND strftime('%Y-%m-%dT%H:%M:%fZ', c.ended, :lasts)"
_SAID = "EXISTS (SELECT 1 FROM message s WHERE s.thread = c.thread AND s.kind = {} AND NOT s.automatic AND s.at {})"
FIGURES = {
    # Zones stand on quarters of an hour: days and hours of a clinic's clock are made of these.
    "quarters": f"""SELECT substr(c.started, 1, 14) || (CAST(substr(c.started, 15, 2) AS INTEGER) / 15) AS quarter, count(*) AS calls,
        count(*) FILTER (WHERE c.outcome = 'missed') AS missed {_CALLS} GROUP BY 1""",
    "reasons": f"SELECT c.reason, count(*) AS missed {_CALLS} AND c.outcome = 'missed' GROUP BY 1 ORDER BY 2 DESC, 1",
    "callers": f"""SELECT count(DISTINCT c.thread) AS callers,
        count(DISTINCT CASE WHEN texted THEN c.thread END) AS texted,
        count(DISTINCT CASE WHEN texted AND wrote THEN c.thread END) AS wrote_back,
        count(DISTINCT CASE WHEN (wrote AND answered) OR spoken THEN c.thread END) AS recovered
        FROM (SELECT c.thread, EXISTS (SELECT 1 FROM message m WHERE m.call = c.id AND {_WENT}) AS texted,
            {_SAID.format("'caller'", _AFTER)} AS wrote,
            {_SAID.format("'staff'", _AFTER)} AS answered,
            EXISTS (SELECT 1 FROM reached r WHERE r.number = c.caller AND r.at {_AFTER})
                OR EXISTS (SELECT 1 FROM outgoing o WHERE o.number = c.caller AND o.started {_AFTER} AND o.reached IS NOT NULL) AS spoken
            {_CALLS} AND c.outcome = 'missed' AND c.caller IS NOT NULL AND c.presentation != 'prohibited') c""",
    # What callers said and what people said to them, in the order of time.
    "calls": f"SELECT c.thread, c.ended AS at, 'caller' AS who {_CALLS} AND c.outcome = 'missed' AND c.to_answer",
    "texts": """SELECT m.thread, m.at, m.kind AS who FROM message m INDEXED BY message_said
        WHERE m.kind IN ('caller', 'staff') AND NOT m.automatic AND m.at >= :since AND m.at < :after
        AND (:line IS NULL OR m.thread IN (SELECT id FROM thread WHERE line = :line))""",
    "spoken": """SELECT c.thread, r.at, 'staff' AS who FROM call c INDEXED BY call_by_start JOIN reached r ON r.call = c.id
        WHERE c.started >= :since AND c.started < :after AND (:line IS NULL OR c.line = :line)""",
    "called": """SELECT t.id AS thread, o.joined AS at, 'staff' AS who FROM outgoing o INDEXED BY outgoing_reached
        JOIN thread t ON t.number = o.number WHERE o.reached IS NOT NULL AND o.joined >= :since AND o.joined < :after""",
}


def statistics(reader: Reader, since: date, until: date, zone: ZoneInfo, line: str | None = None) -> Statistics:
    """Calls that started from ``since`` up to and with ``until``, days of ``zone``; internal calls and machines are none of them."""
    begin = datetime.combine(since, time(), zone)
    end = datetime.combine(until + timedelta(days=1), time(), zone)
    params: dict[str, object] = {
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
    callers = reader.one(FIGURES["callers"], params)
    assert callers is not None  # noqa: S101  (an aggregate has one row)
    return Statistics(
        since=since,
        until=until,
        calls=calls,
        missed=missed,
        by_hour=tuple(hours),
        by_weekday=tuple(weekdays),
        reasons={row["reason"]: row["missed"] for row in reader.all(FIGURES["reasons"], params)},
        callers=callers["callers"],
        texted=callers["texted"],
        wrote_back=callers["wrote_back"],
        recovered=callers["recovered"],
        first_reply=_first_reply(reader, params),
        by_day={day: days[day] for day in sorted(days) if days[day]},
    )


def _quarter(text: str) -> datetime:
    return datetime.strptime(text[:-1], "%Y-%m-%dT%H:").replace(minute=int(text[-1]) * 15, tzinfo=UTC)


def _first_reply(reader: Reader, params: dict[str, object]) -> float | None:
    """From the first of what a caller said or called in vain, in the period, to the first word of a person after it."""
    said = [row for which in ("calls", "texts", "spoken", "called") for row in reader.all(FIGURES[which], params)]
    said.sort(key=lambda row: row["at"])
    waits: dict[int, str] = {}
    took: list[float] = []
    for row in said:
        if row["who"] == "staff":
            since = waits.pop(row["thread"], None)
            if since is not None:
                took.append((required(row["at"]) - required(since)).total_seconds())
        elif row["at"] < params["until"]:
            waits.setdefault(row["thread"], row["at"])
    return averages.median(took) if took else None
