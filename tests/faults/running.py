"""Runs the fault matrix with pytest, reads its figures from the JUnit XML, and keeps the table of docs/reliability.md."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.fault import FIGURES, LOSSES, Fault
from tests.lab.root import LabError

__all__ = ["PAGE", "Found", "cells", "collect", "read_page", "run", "table", "write_page"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reliability.md"
_BEGIN, _END = "<!-- faults: written by scripts/bench faults --write -->", "<!-- end of faults -->"
_HEAD = (
    "| fault | how it is done | what the administrator sees | texts lost | texts doubled | calls lost | back after, s | runs in |\n"
    "|---|---|---|---:|---:|---:|---:|---|"
)
_NONE = "–"


@dataclass(slots=True)
class Found:
    """What came of one fault: its figures by name, and those of its tests that failed."""

    figures: dict[str, float] = field(default_factory=dict)
    other: dict[str, float] = field(default_factory=dict)
    """Figures of the test's own."""
    ran: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """It ran, passed, gave a figure, and lost and doubled nothing."""
        return bool(self.ran and self.figures and not self.failed and not any(self.figures.get(name) for name in LOSSES))


async def run(faults: Sequence[Fault], say: Callable[[str], None], *, quick: bool = False) -> dict[Fault, Found]:
    """Run the faults' tests, one after the other; ``quick``: those of scripts/test alone. Raises LabError when pytest cannot."""
    with tempfile.TemporaryDirectory(prefix="textback-faults-") as folder:
        xml = Path(folder, "junit.xml")
        tests = {node: where for node, where in (await asyncio.to_thread(collect, faults)).items() if not quick or where == "ci"}
        wanted = [node for node in tests if any(node.startswith(fault.test) for fault in faults)]
        await _pytest(wanted, [f"--junitxml={xml}", "-o", "junit_family=xunit1", "-v"], say)
        return _read(xml, faults)


def collect(faults: Sequence[Fault]) -> dict[str, str]:
    """Every test of the faults' files by its node id: "ci", or "bench". Raises LabError when pytest cannot read them."""
    files = sorted({fault.test.partition("::")[0] for fault in faults})
    done = subprocess.run([sys.executable, "-m", "tests.faults.collecting", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    found = [line.split("\t", 1) for line in done.stdout.splitlines() if line.startswith(("ci\t", "bench\t"))]
    if done.returncode or not found:
        raise LabError(f"pytest cannot collect the faults' tests: {done.stdout[-1500:]}{done.stderr[-500:]}")
    return {node: where for where, node in found}


async def _pytest(what: Sequence[str], options: Sequence[str], say: Callable[[str], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "", *options, *what,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 24,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            say(line.decode(errors="replace").rstrip())
        await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()  # pytest ends what its tests started
            await process.wait()


def _read(xml: Path, faults: Sequence[Fault]) -> dict[Fault, Found]:
    if not xml.exists():
        raise LabError("pytest ended without a result", "read what it said above")
    found = {fault: Found() for fault in faults}
    for case in ET.parse(xml).iter("testcase"):  # noqa: S314 (pytest's own, written a moment ago)
        node = f"{case.get('file')}::{case.get('name')}"
        bad = any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        given = {each.get("name", ""): float(each.get("value", "nan")) for each in case.iter("property")}
        for fault in faults:
            if node.startswith(fault.test):
                _add(found[fault], node, given, bad=bad)
    return found


def _add(found: Found, node: str, given: Mapping[str, float], *, bad: bool) -> None:
    found.ran += 1
    if bad:
        found.failed.append(node)
    for name, value in given.items():
        into = found.figures if name in FIGURES else found.other
        into[name] = max(into.get(name, value), value) if name == "recovery_s" else into.get(name, 0.0) + value


# -- the page


def table(faults: Sequence[Fault], figures: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """The table in Markdown; ``figures``: the four cells by group and name of the fault."""
    lines = [_HEAD]
    for fault in faults:
        cells = figures.get((fault.group, fault.name), [_NONE] * len(FIGURES))
        lines.append(f"| **{fault.group}**: {fault.name} | {fault.how} | {fault.sees} | {' | '.join(cells)} | {fault.where} |")
    return "\n".join(lines)


def cells(found: Found) -> list[str]:
    """The four figures as the page shows them."""
    return [_NONE if (value := found.figures.get(name)) is None else f"{value:.3g}" for name in FIGURES]


def read_page(text: str) -> tuple[str, dict[tuple[str, str], list[str]]]:
    """The page's table, and its figures by group and name. Raises LabError where the page has none."""
    match = re.search(rf"{re.escape(_BEGIN)}\n(.*?)\n?{re.escape(_END)}", text, flags=re.DOTALL)
    if match is None:
        raise LabError(f"{PAGE.name} has no place for the table", f"it stands between the lines {_BEGIN} and {_END}")
    rows = re.findall(r"^\| \*\*(.+?)\*\*: (.+?) \|.*\|((?: [\d.e+–-]+ \|){4}) \w+ \|$", match[1], flags=re.MULTILINE)
    return match[1], {(group, name): [cell.strip() for cell in figures.split("|")[:4]] for group, name, figures in rows}


def write_page(faults: Sequence[Fault], found: Mapping[Fault, Found]) -> None:
    """Write the table: new figures of the faults that held, the page's own for the others. Raises LabError."""
    text = PAGE.read_text(encoding="utf-8")
    _, figures = read_page(text)
    figures |= {(fault.group, fault.name): cells(each) for fault, each in found.items() if each.held}
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}\n{table(faults, figures)}\n{_END}{after}", encoding="utf-8")
