"""docs/performance.md: the figures of a topic between two comments, written by ``scripts/bench TOPIC --write``."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.report import Row
from tests.lab.root import LabError

__all__ = ["PAGE", "SECTIONS", "machine", "table", "write_section"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
SECTIONS = ("calls", "modem", "pipeline", "portal", "soak", "watch")
"""Topics whose table the page has a place for."""


def write_section(topic: str, body: str) -> None:
    """Put ``body`` in the place of what stands there of a topic, and the machine under it. Raises LabError where it has no place."""
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {topic}: written by scripts/bench {topic} --write -->", f"<!-- end of {topic} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise LabError(f"{PAGE.name} has no place for {topic}", f"it stands between the lines {begin} and {end}")
    whole = f"{begin}\n{body.strip()}\n\n{machine()}\n{end}"
    PAGE.write_text(pattern.sub(lambda _: whole, text), encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """A topic's figures as Markdown."""
    lines = ["| figure | ours | unit | bar | beside it | ratio |", "|---|---:|---|---:|---|---:|"]
    for row in rows:
        bar = "" if row.limit is None else f"{'≥' if row.least else '≤'} {row.limit:,g}"
        peers = ", ".join(f"{name} {value:,g}" for name, value in row.peers.items())
        ratio = "" if row.ratio is None else f"{row.ratio:,g}"
        lines.append(f"| `{row.figure}` | {row.ours:,g} | {row.unit} | {bar} | {peers} | {ratio} |")
    return "\n".join(lines)


def machine() -> str:
    """What it was measured on, in one line: kind and number of processors, memory, system, day. Never a name of the machine."""
    processors = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    kind = re.sub(r"\s+", " ", processors[0]) if processors else platform.machine()
    total = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    memory = f"{int(total[1]) / 1024 / 1024:.0f} GB of memory, " if total else ""
    many = f"{len(processors) or 1} × {kind}"
    return (
        f"*{many}, {memory}Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}.*"
    )
