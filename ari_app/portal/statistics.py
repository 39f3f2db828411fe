"""The page of statistics, and what it exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

from aiohttp import web
from markupsafe import Markup

from ari_app.board import Statistics
from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import REPLIES, Reason
from ari_app.portal.admin_frame import admin_page
from ari_app.portal.export import BOM, CALL_COLUMNS, call_row, lines, statistics_rows
from ari_app.portal.frame import CLOCK, DESK, SETTINGS, actor, language, say
from ari_app.portal.pictures import Bar, by_period, columns, period_days, share
from ari_app.portal.speech import Speech
from ari_app.settings import MAIN_LINE

__all__ = ["SPANS", "add_routes"]

SPANS = (7, 30, 90)
"""Days that are one click away."""
_USUAL = 30
_R = TypeVar("_R", bound=web.StreamResponse)


@dataclass(frozen=True, slots=True)
class _Asked:
    since: date
    until: date
    line: str | None

    @property
    def query(self) -> dict[str, str]:
        return {"since": self.since.isoformat(), "until": self.until.isoformat()} | ({"line": self.line} if self.line else {})


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and the table that stands behind it."""

    name: str
    title: str
    heading: str
    """Of the table's first column."""
    svg: Markup
    rows: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a table of shares."""

    name: str
    count: int
    share: str
    svg: Markup


def add_routes(app: web.Application) -> None:
    """GET /statistics, /statistics/calls.csv, /statistics/figures.csv."""
    app.router.add_get("/statistics", _show)
    app.router.add_get("/statistics/calls.csv", _calls)
    app.router.add_get("/statistics/figures.csv", _figures)


def _asked(request: web.Request) -> _Asked:
    """Raises RefusedError for days that are none."""
    today = request.app[CLOCK].now().astimezone(request.app[SETTINGS].clinic.zone).date()
    line = request.query.get("line") or None
    since, until = request.query.get("since"), request.query.get("until")
    if since or until:
        try:
            return _Asked(date.fromisoformat(since or ""), date.fromisoformat(until or today.isoformat()), line)
        except ValueError as error:
            raise RefusedError("this is no day", "write it as 2026-03-31", code="bad_span") from error
    days = request.query.get("days", "")
    count = int(days) if days in {str(each) for each in SPANS} else _USUAL
    return _Asked(today - timedelta(days=count - 1), today, line)


async def _show(request: web.Request) -> web.Response:
    t, desk, by = say(request), request.app[DESK], actor(request)
    today = t.now.astimezone(t.zone).date()
    names = [request.app[SETTINGS].line_name(each) for each in request.app[SETTINGS].line]
    context: dict[str, Any] = {"spans": SPANS, "lines": (MAIN_LINE, *names) if names else (), "today": today}
    try:
        asked = _asked(request)
        found = await desk.statistics(by, asked.since, asked.until, line=asked.line)
    except (RefusedError, NotFoundError) as error:
        usual = _Asked(today - timedelta(days=_USUAL - 1), today, None)
        return admin_page(request, "statistics.html", refused=error, asked=usual, found=None, days=None, **context)
    return admin_page(
        request,
        "statistics.html",
        asked=asked,
        found=found,
        days=(asked.until - asked.since).days + 1 if asked.until == today else None,
        first_reply=_length(found.first_reply, t),
        missed_share=_percent(t, found.missed, found.calls),
        pictures=pictures(found, t),
        funnel=funnel(found, t),
        reasons=reasons(found, t),
        **context,
    )


def pictures(found: Statistics, t: Speech) -> tuple[Picture, ...]:
    """Missed calls by hour, by weekday, and by day (week, month where there are many)."""
    hours = [_hour(hour, t) for hour in range(24)]
    weekdays = t("stats.weekdays").split()
    period = period_days(found.since, found.until)
    counted = by_period(found.by_day, found.since, found.until)
    kind = {1: "day", 7: "week", 31: "month"}[period]
    every = -(-len(counted) // 6)
    named = [_date(day, kind, t) for day, _ in counted]
    under = [
        (name if kind == "month" else t.date(day)) if place % every == 0 else ""
        for place, (name, (day, _)) in enumerate(zip(named, counted, strict=True))
    ]
    return (
        _picture(
            "hour", list(zip(hours, found.by_hour, strict=True)), [name if place % 4 == 0 else "" for place, name in enumerate(hours)], t
        ),
        _picture("weekday", list(zip(weekdays, found.by_weekday, strict=True)), [day[:3] for day in weekdays], t),
        _picture(kind, list(zip(named, (count for _, count in counted), strict=True)), under, t),
    )


def _hour(hour: int, t: Speech) -> str:
    return f"{hour} h" if t.language == "fr" else f"{hour:02}:00"


def _date(day: date, kind: str, t: Speech) -> str:
    if kind == "month":
        return f"{day:%Y-%m}"
    return f"{t('stats.weekdays').split()[day.weekday()][:3]} {day.isoformat()}" if kind == "day" else day.isoformat()


def _picture(kind: str, rows: list[tuple[str, int]], under: list[str], t: Speech) -> Picture:
    title = t(f"stats.by_{kind}")
    most = max(rows, key=lambda row: row[1])
    svg = columns(
        [Bar(count, said, label) for (said, count), label in zip(rows, under, strict=True)],
        name=f"pic-{kind}",
        title=title,
        describe=t("stats.most", name=most[0], count=most[1]) if most[1] else t("stats.none"),
    )
    return Picture(kind, title, t(f"stats.{kind}"), svg, tuple(rows))


def funnel(found: Statistics, t: Speech) -> tuple[Step, ...]:
    """What became of who called in vain, as shares of them."""
    counts = (("callers", found.callers), ("texted", found.texted), ("wrote_back", found.wrote_back), ("recovered", found.recovered))
    return tuple(Step(t(f"stats.{name}"), count, _percent(t, count, found.callers), share(count, found.callers)) for name, count in counts)


def reasons(found: Statistics, t: Speech) -> tuple[tuple[str, tuple[Step, ...]], ...]:
    """Texted, and not texted, by reason, the commonest first."""
    groups = []
    for key, which in (("decision.reply", True), ("decision.silence", False)):
        counted = sorted(
            ((count, name) for name, count in found.reasons.items() if count and (Reason(name) in REPLIES) is which), reverse=True
        )
        if counted:
            steps = tuple(
                Step(t(f"why.{name}"), count, _percent(t, count, found.missed), share(count, found.missed)) for count, name in counted
            )
            groups.append((t(key), steps))
    return tuple(groups)


def _percent(t: Speech, part: int, whole: int) -> str:
    if not whole:
        return "–"
    # a narrow no-break space before the sign in French
    space = "\u202f" if t.language == "fr" else ""
    return f"{100 * part / whole:.0f}{space}%"


def _length(seconds: float | None, t: Speech) -> str:
    if seconds is None:
        return "–"
    days = int(seconds // 86400)
    return t("age.days", n=days) if days >= 2 else t.length(seconds)


async def _calls(request: web.Request) -> web.StreamResponse:
    """Streamed, a page of calls at a time: a year of them is never in memory at once."""
    asked, desk, by = _asked(request), request.app[DESK], actor(request)
    zone = request.app[SETTINGS].clinic.zone
    found = await desk.calls(by, asked.since, asked.until, line=asked.line)
    response = _file(f"calls-{asked.since}-{asked.until}.csv", web.StreamResponse())
    await response.prepare(request)
    await response.write((BOM + lines([CALL_COLUMNS], language(request))).encode())
    while found:
        await response.write(lines((call_row(call, zone) for call in found), language(request)).encode())
        last = found[-1]
        found = await desk.calls(by, asked.since, asked.until, line=asked.line, before=(last.started, last.id))
    await response.write_eof()
    return response


async def _figures(request: web.Request) -> web.StreamResponse:
    asked, desk, by = _asked(request), request.app[DESK], actor(request)
    found = await desk.statistics(by, asked.since, asked.until, line=asked.line)
    await desk.exported(by, f"statistics {asked.since} to {asked.until}")
    body = (BOM + lines(statistics_rows(found), language(request))).encode()
    return _file(f"statistics-{asked.since}-{asked.until}.csv", web.Response(body=body))


def _file(name: str, response: _R) -> _R:
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
