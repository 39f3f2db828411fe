"""``python -m tests.audit``: is anything that the package carries known to be vulnerable.

pip-audit asks for each of the packages that asterisk-textback needs (not those of its tests). Exit 1 with what it found. Where the data of
vulnerabilities cannot be reached, as in a closed network or behind a mirror that has none, it says so, and that is no failure: nothing
here may depend on the network beyond where packages come from.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["carried", "main", "verdict"]

_PATIENCE = 60
"""Seconds."""


def carried(root: str = "asterisk-textback") -> dict[str, str]:
    """Name → version of everything an installation of ``root`` brings, itself left out."""
    found: dict[str, str] = {}
    waiting = list(_needs(root))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name).version
            waiting += _needs(name)
    return dict(sorted(found.items()))


def _needs(name: str) -> Iterator[str]:
    for text in distribution(name).requires or ():
        need = Requirement(text)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            yield canonicalize_name(need.name)


def verdict(document: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What pip-audit's JSON comes to: the findings, and what it could not ask about."""
    findings, unasked = [], []
    for each in document["dependencies"]:
        if "skip_reason" in each:
            unasked.append(str(each["name"]))
        for one in each.get("vulns", ()):
            mended = ", ".join(one.get("fix_versions", ())) or "no release yet"
            findings.append(f"{each['name']} {each['version']}: {one['id']}, mended in {mended}")
    return findings, unasked


def main() -> int:
    """Ask, print what came of it; the exit status."""
    packages = carried()
    with tempfile.TemporaryDirectory(prefix="textback-audit-") as folder:
        listed, answer = Path(folder, "requirements.txt"), Path(folder, "audit.json")
        listed.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--timeout=5"]
        asked = [*command, f"--requirement={listed}", "--format=json", f"--output={answer}"]
        try:
            ended = subprocess.run(asked, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return _unreachable(f"no answer within {_PATIENCE} s", len(packages))
        if not answer.exists():
            return _unreachable((ended.stderr.strip().splitlines() or ["it said nothing"])[-1][:200], len(packages))
        findings, unasked = verdict(json.loads(answer.read_text(encoding="utf-8")))
    for each in findings:
        click.echo(f"vulnerable: {each}")
    if findings:
        click.echo(
            "  fix: raise its lower bound in pyproject.toml; if there is no release yet, see whether what is used of it is concerned"
        )
        return 1
    if len(unasked) == len(packages):
        return _unreachable("the package index here has no data of vulnerabilities", len(packages))
    click.echo(f"dependency audit: {len(packages) - len(unasked)} packages asked about, none known to be vulnerable", nl=False)
    click.echo(f"; no data of: {', '.join(unasked)}" if unasked else "")
    return 0


def _unreachable(why: str, count: int) -> int:
    click.echo(f"dependency audit: not done for {count} packages: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
