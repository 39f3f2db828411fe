"""The table a bench prints, and the JSON it can write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

__all__ = ["Row", "percentile", "show", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. ``limit``: the bar it is held to, None where there is none: the most it may be, with ``least`` the least.

    ``ratio``: ours to the best peer's or to the limit.
    """

    figure: str
    unit: str
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    ratio: float | None = None
    least: bool = False

    @property
    def missed(self) -> bool:
        """Is the bar missed."""
        return self.limit is not None and (self.ours < self.limit if self.least else self.ours > self.limit)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; ``share`` 0 … 1. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(topic: str, rows: Sequence[Row]) -> None:
    """Print the table."""
    table = Table(title=f"scripts/bench {topic}")
    for name in ("figure", "ours", "unit", "limit", "peers", "ratio"):
        table.add_column(name, justify="left" if name in {"figure", "unit", "peers"} else "right", no_wrap=name == "figure")
    for row in rows:
        peers = "\n".join(f"{name} {value:g}" for name, value in row.peers.items())
        table.add_row(
            row.figure,
            f"{row.ours:g}",
            row.unit,
            "" if row.limit is None else f"{'≥' if row.least else '≤'} {row.limit:g}",
            peers,
            "" if row.ratio is None else f"{row.ratio:g}",
        )
    Console(width=130).print(table)


def write(topic: str, rows: Sequence[Row], path: Path) -> None:
    """Write the same as JSON."""
    document = {"topic": topic, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
