"""Curves as pictures for the documentation: SVG without scripts, readable on light and dark pages, with whatever fonts there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

__all__ = ["PICTURES", "curves"]

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_COLOURS = ("#0b63b5", "#c2410c", "#2e7d32", "#7b1fa2")
_LOOK = """
text { font-family: sans-serif; font-size: 13px; fill: #333333; stroke: none }
.title { font-size: 17px; text-anchor: middle; fill: #111111 }
.background { fill: #ffffff; stroke: none }
.plot > .background { fill: none }
.axis line, .axis path { stroke: #333333; fill: none }
.axis .guides .line, .axis .guide.line { stroke: #cccccc; stroke-dasharray: 2, 4 }
.axis .major.line { stroke: #aaaaaa }
.axis.x text { text-anchor: middle }
.axis.y text { text-anchor: end }
.legends .legend text { font-size: 14px }
.text-overlay text { font-size: 12px; transform: translate(-16px, -30px) }
.series .line { fill: none; stroke-width: 2.5px }
.dots .dot { stroke: none }
""" + "\n".join(
    f"#activate-serie-{place} rect, .serie-{place} .dot {{ fill: {colour} }}\n.serie-{place} .line {{ stroke: {colour} }}"
    for place, colour in enumerate(_COLOURS)
)
"""Our own: the picture is part of this project, and a white ground is read on dark pages too."""
_NOT_WANTED = re.compile(r"<script\b.*?</script>|<script\b[^>]*/>|<!--.*?-->|<desc\b.*?</desc>|<style\b.*?</style>", re.DOTALL)
"""Scripts do nothing in a page's picture, nor do the texts that they show; a name drawn by lot would make each writing another file."""
_ONES_OWN = re.compile(r"chart-[0-9a-f-]{36}")


def curves(name: str, title: str, *, along: str, points: Sequence[str], up: str, values: Mapping[str, Sequence[float]]) -> Path:
    """Draw ``docs/pictures/NAME.svg``: each of ``values`` over ``points``. ``along`` and ``up`` name the axes, with their unit."""
    chart = pygal.Line(
        js=(),
        css=(),
        style=Style(font_family="sans-serif"),
        width=720,
        height=400,
        explicit_size=True,
        disable_xml_declaration=True,
        pretty_print=True,
        title=title,
        x_title=along,
        y_title=up,
        x_labels=list(points),
        range=(0, max(max(each) for each in values.values()) * 1.15 or 1),
        legend_at_bottom=True,
        legend_at_bottom_columns=len(values),
        print_values=len(values) == 1,
        margin_right=30,
        formatter=_short,
        dots_size=4,
        show_legend=len(values) > 1,
    )
    for label, line in values.items():
        chart.add(label, list(line))
    drawn = str(chart.render(is_unicode=True))
    drawn = _ONES_OWN.sub(name, _NOT_WANTED.sub("", drawn))
    drawn = drawn.replace(">", f"><style>{_LOOK}</style>", 1)
    path = PICTURES / f"{name}.svg"
    path.write_text("\n".join(line.rstrip() for line in drawn.strip().splitlines() if line.strip()) + "\n", encoding="utf-8")
    return path


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
