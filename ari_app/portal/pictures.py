"""Statistics as inline SVG, drawn on the server. Pure: values in, markup out.

The pages' content policy allows no inline style and no script, so looks come from classes (static/admin.css) and presentation
attributes alone (SVG 2, 6.6). A picture is one image to a screen reader (``role="img"`` with a title and a description); the table that
stands behind it on the page is its whole text.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

__all__ = ["Bar", "by_period", "columns", "period_days", "share"]

_WIDTH, _HEIGHT = 360, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 4, 8, 22
"""Room for the numbers at the left, and for the labels below: user units, about a CSS pixel on a telephone."""
_DAYS, _WEEKS = 92, 7 * 105
"""Up to so many days are drawn a bar a day, then a bar a week, then a bar a month: a picture stays small and can be read."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One column. ``label`` stands under it ("": nothing does), ``name`` is what it is when pointed at."""

    value: int
    name: str
    label: str = ""


def columns(bars: Sequence[Bar], *, name: str, title: str, describe: str) -> Markup:
    """A column chart. ``name`` is an id, unique on its page; ``describe`` says in a sentence what is to be seen.

    Without any value it is an empty frame, never a division by nothing.
    """
    ceiling, steps = _scale(max((bar.value for bar in bars), default=0))
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    bottom = _TOP + plot_height
    lines = Markup("").join(
        Markup('<path d="M{} {}H{}"/><text x="{}" y="{}">{}</text>').format(
            _LEFT, _round(y := bottom - plot_height * step / ceiling), _WIDTH - _RIGHT, _LEFT - 5, _round(y + 4), step
        )
        for step in steps
    )
    slot = plot_width / max(len(bars), 1)
    width = slot * (0.72 if slot > 6 else 0.86)
    drawn, labels = [], []
    for position, bar in enumerate(bars):
        middle = _LEFT + slot * (position + 0.5)
        if bar.value:
            height = max(plot_height * bar.value / ceiling, 1)
            drawn.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>').format(
                    _round(middle - width / 2), _round(bottom - height), _round(width), _round(height), bar.name, bar.value
                )
            )
        if bar.label:
            labels.append(Markup('<text x="{}" y="{}">{}</text>').format(_round(middle), _HEIGHT - 6, bar.label))
    return Markup(
        '<svg class="pic" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{describe}</desc>'
        '<g class="pic-lines" text-anchor="end">{lines}</g><g class="pic-bars">{bars}</g>'
        '<g class="pic-labels" text-anchor="middle">{labels}</g></svg>'
    ).format(
        w=_WIDTH,
        h=_HEIGHT,
        name=escape(name),
        title=title,
        describe=describe,
        lines=lines,
        bars=Markup("").join(drawn),
        labels=Markup("").join(labels),
    )


def share(part: int, whole: int) -> Markup:
    """A bar as long as its share, for a cell of a table that tells the figure: nothing to a screen reader."""
    long = _round(100 * min(part, whole) / whole) if whole > 0 else "0"
    return Markup(
        '<svg class="pic-share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="pic-track" width="100" height="10"/><rect class="pic-part" width="{}" height="10"/></svg>'
    ).format(long)


def period_days(since: date, until: date) -> int:
    """Days a bar of ``by_period`` stands for at most: 1, 7 or 31."""
    days = (until - since).days + 1
    return 1 if days <= _DAYS else 7 if days <= _WEEKS else 31


def by_period(by_day: Mapping[date, int], since: date, until: date) -> list[tuple[date, int]]:
    """Counts from ``since`` up to and with ``until``, none left out: by day, by week (its Monday) or by month (its first),
    whatever a picture can still show. The first one may begin before ``since``; it counts no day before it."""
    period = period_days(since, until)
    counts: dict[date, int] = {}
    day = since
    while day <= until:
        counts.setdefault(_begin(day, period), 0)
        day += timedelta(days=1)
    for day, count in by_day.items():
        if since <= day <= until:
            counts[_begin(day, period)] += count
    return sorted(counts.items())


def _begin(day: date, period: int) -> date:
    if period == 1:
        return day
    return day - timedelta(days=day.weekday() - calendar.MONDAY) if period == 7 else day.replace(day=1)


def _scale(highest: int) -> tuple[int, tuple[int, ...]]:
    """Where the scale ends, and its lines: whole numbers, at most four above nought."""
    step = 1
    while step * 4 < highest:
        # 1, 2, 5, 10, 20, 50 …
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    ceiling = max(-(-highest // step), 1) * step
    return ceiling, tuple(range(0, ceiling + 1, step))


def _round(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
