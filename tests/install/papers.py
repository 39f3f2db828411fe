"""debian/copyright and debian/changelog, written from what there is: the wheels' own licences, and CHANGELOG.md."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tests.install.staging import HOME, run
from tests.lab.root import LabError

__all__ = ["changelog", "copyright_file", "entries"]

_PROJECT = "asterisk-textback"
_HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: asterisk-textback
Comment: /opt/asterisk-textback holds the application and the Python packages it stands on, each as its makers published it. One stanza
 each follows, with the licence as it came. A package with a folder NAME.libs carries C libraries, whose licences its own text names.

Files: *
Copyright: the asterisk-textback authors
License: Apache-2.0
 On Debian systems the text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.
"""
_UNKNOWN = "UNKNOWN"
_COMMON = {
    "/usr/share/common-licenses/Apache-2.0": r"TERMS AND CONDITIONS FOR USE, REPRODUCTION",
    "/usr/share/common-licenses/LGPL-2.1": r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1",
    "/usr/share/common-licenses/LGPL-3": r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3",
    "/usr/share/common-licenses/GPL-3": r"GNU GENERAL PUBLIC LICENSE\s+Version 3",
}
"""Long texts that each Debian has (Debian policy 12.5): what is to be found in them."""


def copyright_file(environment: Path) -> str:
    """debian/copyright, machine-readable (DEP-5), a stanza per wheel of ``environment``. Raises LabError: a wheel without a licence."""
    told = run(
        sys.executable, "-m", "piplicenses", f"--python={environment}/bin/python", "--with-system", "--with-authors", "--with-urls",
        "--with-license-file", "--format=json", folder=environment,
    )  # fmt: skip
    (site,) = environment.glob("lib/python3*/site-packages")
    found = {_plain(each.name): each for each in distributions(path=[str(site)])}
    wheels = sorted((wheel for wheel in json.loads(told) if wheel["Name"] != _PROJECT), key=lambda wheel: str(wheel["Name"]).lower())
    place = HOME / site.relative_to(environment)
    return "\n".join([_HEAD, *(_stanza(wheel, place, found[_plain(wheel["Name"])]) for wheel in wheels)])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _stanza(wheel: dict[str, str], site: Path, held: Distribution) -> str:
    # some put the whole text where its name belongs
    licence = " ".join(wheel["License"].strip().splitlines()[0].split())
    if licence in {"", _UNKNOWN}:
        raise LabError(f"the wheel {wheel['Name']} names no licence", "look at its source; then do without it, or state the licence here")
    text = wheel["LicenseText"].strip()
    body = text
    if text in {"", _UNKNOWN}:
        body = f"Its makers published it under: {licence}. See {wheel['URL']}"
    elif common := [where for where, whole in _COMMON.items() if re.search(whole, text)]:
        held_at = "/".join((str(site), wheel["LicenseFile"].partition("/site-packages/")[2]))
        body = f"The text as it came: {held_at}\nOn Debian systems also: {', '.join(common)}"
    lines = [
        f"Files: {' '.join(_files(site, held))}",
        f"Copyright: {_holders(text) or wheel['Author'].replace(_UNKNOWN, '') or 'the authors of ' + wheel['Name']}",
        f"License: {licence} ({wheel['Name']} {wheel['Version']})",
        *(f" {line.rstrip()}" if line.strip() else " ." for line in body.expandtabs().splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _files(site: Path, held: Distribution) -> list[str]:
    tops = {file.parts[0]: len(file.parts) > 1 for file in held.files or () if file.parts[0] not in {"..", "__pycache__"}}
    return sorted(f"{str(site / top).lstrip('/')}{'/*' if folder else ''}" for top, folder in tops.items())


def _holders(text: str) -> str:
    """The lines of a licence that say whose it is, without its own author's (the licence's, not the software's)."""
    lines = [line.strip() for line in text.splitlines() if re.match(r"\s*copyright (\(c\)|©|\d)", line, re.IGNORECASE)]
    named = [re.sub(r"(?i)^copyright\s*(\(c\)|©)?\s*", "", line) for line in dict.fromkeys(lines)]
    return "\n ".join(line for line in named if line and "Free Software Foundation" not in line and not line.startswith("["))


def entries(markdown: str) -> list[tuple[str, str, list[str]]]:
    """The versions of a CHANGELOG.md (Keep a Changelog 1.1.0), newest first: version, date ("" while unreleased), points."""
    found: list[tuple[str, str, list[str]]] = []
    for line in markdown.splitlines():
        if head := re.match(r"## \[(\d[^\]]*)\](?: - (\S+))?", line):
            date = head[2] or ""
            found.append((head[1], date if re.fullmatch(r"\d{4}-\d\d-\d\d", date) else "", []))
        elif found and line.startswith("- "):
            found[-1][2].append(line[2:].strip())
        elif found and found[-1][2] and line.startswith("  "):
            found[-1][2][-1] += f" {line.strip()}"
    return found


def changelog(markdown: str, version: str, now: datetime, maintainer: str) -> str:
    """debian/changelog of the tree whose version is ``version``; an unreleased one is of ``now``. Raises LabError: it is not there."""
    found = entries(markdown)
    if version not in [each for each, _, _ in found]:
        raise LabError(f"CHANGELOG.md says nothing of {version}", f"give it a section: ## [{version}] - DATE")
    written = []
    for each, date, points in found:
        at = datetime.fromisoformat(date).replace(tzinfo=UTC) if date else now
        told = "\n".join(f"  * {point.replace('`', '')}" for point in points)
        written.append(
            f"asterisk-textback ({each}) unstable; urgency=medium\n\n{_folded(told)}\n\n -- {maintainer}  {format_datetime(at)}\n"
        )
    return "\n".join(written)


def _folded(text: str) -> str:
    lines: list[str] = []
    for point in text.splitlines():
        line = "  *"
        for word in point[4:].split():
            if len(line) + 1 + len(word) > 80:
                lines.append(line)
                line = "   "
            line += f" {word}"
        lines.append(line)
    return "\n".join(lines)
