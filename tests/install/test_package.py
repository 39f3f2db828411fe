"""What the package is made of, where that is cheap to see. The whole: scripts/package --check, scripts/bench install."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest

from ari_app.cli import main as program
from tests.install import papers, staging
from tests.lab.root import LabError

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"
NOW = datetime(2026, 11, 27, 7, tzinfo=UTC)
SHIPPED = [path for path in (ROOT / "config").rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}]


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm"])
def test_a_maintainer_script_parses_stops_at_errors_and_leaves_debhelper_its_place(name: str) -> None:
    path = DEBIAN / f"asterisk-textback.{name}"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\nset -e\n")
    assert "#DEBHELPER#" in text
    assert subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize(
    ("name", "act"), [("preinst", "upgrade"), ("postinst", "abort-upgrade"), ("prerm", "upgrade"), ("postrm", "upgrade")]
)
def test_in_the_middle_of_an_upgrade_a_maintainer_script_does_nothing(name: str, act: str) -> None:
    command: list[str | Path] = ["/bin/sh", "-x", DEBIAN / f"asterisk-textback.{name}", act, "0.1.0"]
    done = subprocess.run(command, env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {line.split()[1] for line in done.stderr.splitlines()} <= {"set", "["}


def test_each_file_of_config_goes_into_the_package_and_each_unit_is_forgotten_at_purge() -> None:
    examples = (DEBIAN / "asterisk-textback.examples").read_text(encoding="utf-8").split()
    purge = (DEBIAN / "asterisk-textback.postrm").read_text(encoding="utf-8")
    rules = (DEBIAN / "rules").read_text(encoding="utf-8")
    assert SHIPPED
    for path in SHIPPED:
        place = str(path.relative_to(ROOT))
        if path.suffix in {".service", ".timer"}:
            assert f" {path.name}" in purge
        elif path.suffix == ".rules":
            assert place in rules
        else:
            assert any(fnmatch(place, pattern) or place.startswith(f"{pattern}/") for pattern in examples), place


def commands(group: click.Group, name: str) -> Iterator[str]:
    yield name
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name}-{each}")
        else:
            yield f"{name}-{each}"


def test_every_command_has_a_man_page_with_a_whole_sentence_and_its_options(tmp_path: Path) -> None:
    before = program.commands["send"].short_help
    names = staging.man_pages(program, "textback", "0.1.0", "2026-11-27", tmp_path)
    assert names == sorted(f"{name}.1" for name in commands(program, "textback"))
    assert program.commands["send"].short_help == before
    page = (tmp_path / "textback-send.1").read_text(encoding="utf-8")
    assert page.startswith('.TH "TEXTBACK SEND" "1" "2026-11-27" "0.1.0"')
    assert "\\-\\-again" in page
    summaries = re.findall(r"^\.SH NAME\n(.*)$", "".join((tmp_path / name).read_text(encoding="utf-8") for name in names), re.MULTILINE)
    assert len(summaries) == len(names)
    assert [line for line in summaries if line.endswith("...")] == []


def test_completion_goes_where_each_shell_looks_and_completes(tmp_path: Path) -> None:
    staging.completions(program, "textback", tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"textback", "_textback", "textback.fish"}
    bash = tmp_path / "usr/share/bash-completion/completions/textback"
    line = f'. "{bash}"; COMP_WORDS=(textback sta); COMP_CWORD=1; _textback_completion textback; echo "${{COMPREPLY[*]}}"'
    environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    # click's script runs "$1", found on PATH
    assert subprocess.run(["bash", "-c", line], env=environ, capture_output=True, text=True, check=True).stdout.split() == ["staff"]


def test_the_changelog_becomes_debians() -> None:
    written = papers.changelog((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), "0.1.0", NOW, "Somebody <a@b.invalid>")
    assert written.startswith("asterisk-textback (0.1.0) unstable; urgency=medium\n\n  * ")
    assert "\n\n -- Somebody <a@b.invalid>  Fri, 27 Nov 2026 07:00:00 +0000\n" in written
    assert max(map(len, written.splitlines())) <= 80
    two = "## [0.2.0] - 2027-01-02\n\n- One `thing`\n  on two lines.\n\n## [0.1.0] - 2026-12-01\n\n### Added\n\n- Another.\n"
    assert papers.entries(two) == [("0.2.0", "2027-01-02", ["One `thing` on two lines."]), ("0.1.0", "2026-12-01", ["Another."])]
    with pytest.raises(LabError, match=r"says nothing of 0\.3\.0"):
        papers.changelog(two, "0.3.0", NOW, "Somebody <a@b.invalid>")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment with one wheel in it, as pip leaves it, made in a place that is not its last."""
    path = tmp_path / "staged/opt/asterisk-textback"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    (site,) = path.glob("lib/python3*/site-packages")
    held = site / "thing-1.0.dist-info"
    held.mkdir()
    (held / "METADATA").write_text("Metadata-Version: 2.4\nName: thing\nVersion: 1.0\nLicense-Expression: MIT\nLicense-File: LICENSE\n")
    (held / "LICENSE").write_text("Copyright (c) 2020 Anne Roy\n\nDo what you like.\n")
    (held / "direct_url.json").write_text(f'{{"url": "file://{tmp_path}/thing.whl"}}')
    (site / "thing.py").write_text("def where():\n    raise ValueError\n")
    names = ("thing.py", "thing-1.0.dist-info/METADATA", "thing-1.0.dist-info/LICENSE", "thing-1.0.dist-info/direct_url.json")
    (held / "RECORD").write_text("".join(f"{name},,\n" for name in names))
    for script in ("textback", "thing-tool"):
        (path / "bin" / script).write_text(f"#!{path}/bin/python3\nprint('hello')\n")
    return path


def test_the_copyright_file_lists_each_wheel_with_its_files_holders_and_licence(environment: Path) -> None:
    written = papers.copyright_file(environment)
    stanza = written.split("\n\n")[-1].splitlines()
    (site,) = environment.glob("lib/python3*/site-packages")
    place = f"opt/asterisk-textback/{site.relative_to(environment)}"
    assert stanza == [
        f"Files: {place}/thing-1.0.dist-info/* {place}/thing.py",
        "Copyright: 2020 Anne Roy",
        "License: MIT (thing 1.0)",
        " Copyright (c) 2020 Anne Roy",
        " .",
        " Do what you like.",
    ]


def test_a_wheel_without_a_licence_is_not_packed(environment: Path) -> None:
    (metadata,) = environment.glob("lib/*/site-packages/*.dist-info/METADATA")
    metadata.write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    with pytest.raises(LabError, match="thing names no licence"):
        papers.copyright_file(environment)


def test_an_environment_is_as_if_made_where_it_will_stand(environment: Path, tmp_path: Path) -> None:
    staging.settle(environment, tmp_path / "staged", Path(sys.executable))
    assert subprocess.run(["grep", "-rlF", str(tmp_path), environment], capture_output=True, text=True, check=False).stdout == ""
    scripts = {path.name for path in (environment / "bin").iterdir() if not path.is_symlink()}
    assert scripts == {"textback"}
    assert (environment / "bin/textback").read_text().startswith("#!/opt/asterisk-textback/bin/python3\n")
    (site,) = environment.glob("lib/python3*/site-packages")
    assert "direct_url" not in (site / "thing-1.0.dist-info/RECORD").read_text()
    (compiled,) = site.rglob("*.pyc")
    # of the place it will have, for tracebacks; and with flags 1: never compared with a source whose time dpkg changed (PEP 552)
    assert f"/opt/asterisk-textback/{site.relative_to(environment)}/thing.py".encode() in compiled.read_bytes()
    assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00"
