"""The commands of the README and of CI: they start, say what they can do, and count honestly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci/run"] if path.is_file() and path.suffix == "")
PASSED = '<testcase classname="tests.test_a" name="test_one"/>'
SKIPPED = '<testcase classname="tests.test_a" name="test_two"><skipped message="no Asterisk"/></testcase>'
FAILED = '<testcase classname="tests.test_a" name="test_three"><failure message="1 != 2"/></testcase>'
BROKEN = '<testcase classname="tests.test_a" name="test_four"><error message="no fixture"/></testcase>'


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_bash_that_parses_and_can_be_started(path: Path) -> None:
    assert run("bash", "-n", path).stderr == ""
    if path.name != "lib":  # sourced by the others
        assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
        assert path.stat().st_mode & 0o111


def test_ci_runs_the_one_command_and_nothing_else() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r'exec "\$\(dirname .*\)/\.\./scripts/test"', lines[1])


@pytest.mark.parametrize(("command", "status"), [("test -x $POLICY", 0), ("sh -c 'exit 7'", 7), ("sh -c 'kill $PPID'", 143)])
def test_the_word_against_daemons_is_taken_back_however_it_ends(tmp_path: Path, command: str, status: int) -> None:
    script = f". scripts/lib; POLICY={tmp_path}/policy; as_root=(); without_daemons {command}"
    assert run("bash", "-uc", script).returncode == status
    assert list(tmp_path.iterdir()) == []


def test_an_administrators_own_word_stays(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("#!/bin/sh\nexit 0\n")
    assert run("bash", "-uc", f". scripts/lib; POLICY={tmp_path}/policy; as_root=(); without_daemons sh -c 'exit 7'").returncode == 7
    assert (tmp_path / "policy").read_text() == "#!/bin/sh\nexit 0\n"


def test_an_unknown_stage_is_refused_before_anything_runs() -> None:
    done = run(ROOT / "scripts/test", "lint", "nonsense")
    assert done.returncode == 1
    assert 'there is no stage "nonsense"' in done.stderr
    assert done.stdout == ""


def test_all_budgets_together_are_under_twenty_minutes_and_what_kills_comes_last() -> None:
    stages = re.findall(r"^  (\w+) .* budget (\d+) s$", run(ROOT / "scripts/test", "--help").stdout, flags=re.MULTILINE)
    assert [name for name, _ in stages][-2:] == ["lab", "alone"]
    assert sum(int(budget) for _, budget in stages) <= 20 * 60


@pytest.mark.parametrize(
    ("cases", "outcome", "status", "last"),
    [
        ([PASSED, PASSED], "ok", 0, "2 passed in 3.50s"),
        ([PASSED, SKIPPED], "ok", 1, "1 passed, 1 skipped in 3.50s"),
        ([PASSED, FAILED], "FAILED", 1, "1 failed, 1 passed in 3.50s"),
        ([BROKEN], "FAILED", 1, "1 error in 3.50s"),
        ([PASSED], "FAILED", 1, "1 passed in 3.50s"),
        ([], "ok", 0, "no tests ran in 3.50s"),
    ],
)
def test_the_summary_counts_a_skip_as_a_failure_and_ends_as_pytest_does(
    tmp_path: Path, cases: list[str], outcome: str, status: int, last: str
) -> None:
    (tmp_path / "stages").write_text(f"lint 10 1.5 ok\nunit 1 2.0 {outcome}\n")
    (tmp_path / "unit.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    done = run(sys.executable, ROOT / "scripts/lib_summary.py", tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == status
    assert lines[-1].strip("= ") == last
    assert any(line.split() == ["unit", "2.0", "s", "1", "s", outcome, "over", "its", "budget"] for line in lines)


def test_no_script_and_no_metadata_fetches_from_a_named_place() -> None:
    for path in [*SCRIPTS, ROOT / "pyproject.toml", ROOT / "setup.cfg", *(ROOT / "tests/lab").rglob("*.py")]:
        hosts = re.findall(r"\b(?:https?|ftp|git)://([^/:\s\"'{}]+)", path.read_text(encoding="utf-8"))
        assert [host for host in hosts if host not in {"127.0.0.1", "localhost"}] == [], path
