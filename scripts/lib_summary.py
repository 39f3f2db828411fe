"""The end of scripts/test: a line per stage, then what pytest would say of all its runs together.

Usage: lib_summary.py FOLDER, which holds ``stages`` (name, budget, seconds and outcome per line) and one JUnit XML per pytest run.
Exit 1 when a test failed or was skipped: what is not run is not tested.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

OUTCOMES = {"error": "error", "failure": "failed", "skipped": "skipped"}
"""JUnit's element, and pytest's word for it."""


def main(folder: Path) -> int:
    """Print the summary; 0 when every stage and every test passed."""
    total = 0.0
    broken = False
    print("stage          taken  budget")
    for line in (folder / "stages").read_text().splitlines():
        name, budget, taken, outcome = line.split()
        total += float(taken)
        broken |= outcome != "ok"
        over = "  over its budget" if float(taken) > float(budget) else ""
        print(f"{name:<12} {float(taken):6.1f} s {budget:>5} s  {outcome}{over}")
    print(f"{'together':<12} {total:6.1f} s\n")

    counts = dict.fromkeys(("failed", "passed", "skipped", "error"), 0)
    for report in sorted(folder.glob("*.xml")):
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 (written a moment ago by our own pytest)
            kind = next((said for tag, said in OUTCOMES.items() if case.find(tag) is not None), "passed")
            counts[kind] += 1
            if kind != "passed":
                print(f"{kind.upper()} {report.stem}: {case.get('classname')}::{case.get('name')}")
    if counts["skipped"]:
        print("a skipped test counts as a failure")
    words = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number) or "no tests ran"
    print(f" {words} in {total:.2f}s ".center(100, "="))
    return int(broken or counts["failed"] + counts["skipped"] + counts["error"] > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
