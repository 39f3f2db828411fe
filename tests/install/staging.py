"""What the Debian package carries and the tree does not: the application's environment, man pages, completions, licences, changelog.

Written into a copy of the tree, for debian/rules to put in place.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import write_man_pages  # type: ignore[import-untyped]

from tests.lab.root import LabError

__all__ = ["EXTRAS", "HOME", "PYTHON", "completions", "environment", "man_pages", "minor", "run", "settle"]

HOME = Path("/opt/asterisk-textback")
PYTHON = Path("/usr/bin/python3")
"""Debian's, whatever else this machine has."""
EXTRAS = ("mariadb", "postgresql", "sqlserver")
"""Drivers of databases a clinic may have, and of FreePBX's own. Engines that write down voicemail are large: by pip, where wanted."""
_KEPT = re.compile(r"python[\d.]*|pip|textback")
_SUMMARY = 240
_PLACES = {
    "bash": "usr/share/bash-completion/completions/textback",
    "zsh": "usr/share/zsh/vendor-completions/_textback",
    "fish": "usr/share/fish/vendor_completions.d/textback.fish",
}


def run(*command: str | Path, folder: Path, environ: dict[str, str] | None = None) -> str:
    """Run a step of the build; its stdout. Raises LabError with its last words."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environ or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LabError(
            f"{' '.join(map(str, command))} failed ({done.returncode})", "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        )
    return done.stdout


def minor() -> str:
    """Of Debian's Python: "3.11". Raises LabError."""
    return run(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])", folder=Path("/")).strip()


def environment(source: Path, staged: Path) -> Path:
    """Make the application's environment under ``staged``, as it will stand in HOME; its path. Raises LabError."""
    path = staged / HOME.relative_to("/")
    wheels = staged.parent / "wheels"
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source, folder=source)
    (wheel,) = wheels.glob("*.whl")
    run(PYTHON, "-m", "venv", "--without-pip", path, folder=source)
    pip = [sys.executable, "-m", "pip", "--python", str(path / "bin/python")]
    run(*pip, "install", "--quiet", "--no-compile", "--only-binary=:all:", f"{wheel}[{','.join(EXTRAS)}]", folder=source)
    settle(path, staged, PYTHON)
    return path


def settle(path: Path, staged: Path, python: Path) -> None:
    """As if made where it will stand, with the commands an administrator is told of and no others; compiled. Raises LabError."""
    _place(path)
    _compile(path, staged, python)
    if named := _naming(path, str(staged)):
        raise LabError(f"the package would name a folder of this machine: {', '.join(named[:5])}", "tests/install/staging.py settles that")


def _place(path: Path) -> None:
    for script in (path / "bin").iterdir():
        if not _KEPT.fullmatch(script.name):
            script.unlink()
        elif not script.is_symlink():
            script.write_text(re.sub(r"\A#!.*\n", f"#!{HOME}/bin/python3\n", script.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.rmtree(path / "include", ignore_errors=True)
    (path / "pyvenv.cfg").write_text(
        "".join(
            line for line in (path / "pyvenv.cfg").read_text(encoding="utf-8").splitlines(keepends=True) if not line.startswith("command")
        ),
        encoding="utf-8",
    )
    for named in path.glob("lib/*/site-packages/*.dist-info/direct_url.json"):  # where the wheel lay
        named.unlink()
        record = named.with_name("RECORD")
        kept = [line for line in record.read_text(encoding="utf-8").splitlines(keepends=True) if "/direct_url.json," not in line]
        record.write_text("".join(kept), encoding="utf-8")


def _compile(path: Path, staged: Path, python: Path) -> None:
    """Compiled here, so that each file belongs to the package. Unchecked: dpkg gives the sources other times, and nobody edits them."""
    for cache in path.rglob("__pycache__"):
        shutil.rmtree(cache)
    run(
        python, "-W", "ignore", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash",
        "-s", staged, "-p", "/", path / "lib", folder=staged,
    )  # fmt: skip


def _naming(path: Path, text: str) -> list[str]:
    """The files under ``path`` that hold ``text``."""
    done = subprocess.run(["grep", "-rlF", "--", text, str(path)], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def man_pages(program: click.Command, name: str, version: str, date: str, folder: Path) -> list[str]:
    """One page per command into ``folder``: "textback.1", "textback-staff-phone-add.1"; their names. ``date``: "2026-11-27"."""
    folder.mkdir(parents=True, exist_ok=True)
    write_man_pages(name, _summed_up(program), version=version, date=date, target_dir=str(folder))
    return sorted(path.name for path in folder.iterdir())


def _summed_up(command: click.Command) -> click.Command:
    """The same with its first sentence as its summary, which click would cut at 45 characters."""
    same = copy.copy(command)
    same.short_help = command.get_short_help_str(_SUMMARY)
    if isinstance(same, click.Group):
        same.commands = {name: _summed_up(each) for name, each in same.commands.items()}
    return same


def completions(program: click.Command, name: str, folder: Path, shells: Sequence[str] = tuple(_PLACES)) -> None:
    """click's own completion of each shell, where Debian's shells look for it, under ``folder``."""
    for shell in shells:
        kind = get_completion_class(shell)
        if kind is None:
            raise LabError(f"click completes nothing in {shell}")
        path = folder / _PLACES[shell]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kind(program, {}, name, f"_{name.upper()}_COMPLETE").source(), encoding="utf-8")
