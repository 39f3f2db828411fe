"""The Debian package: scripts/package. Built in a copy of the tree outside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from ari_app.cli import main as program
from tests.install import papers, staging
from tests.install.staging import run
from tests.lab.root import LabError

__all__ = ["NAME", "build", "look_over", "repack"]

ROOT = Path(__file__).parents[2]
NAME = "asterisk-textback"
_LEFT_OUT = shutil.ignore_patterns(".git", ".*_cache", ".venv", ".hypothesis", "__pycache__", "build", "dist", "*.egg-info")
Say = Callable[[str], None]


def build(folder: Path, version: str | None = None, say: Say = lambda _: None) -> Path:
    """Build the package into ``folder``: asterisk-textback_VERSION_ARCHITECTURE.deb, for this machine's Debian and architecture.

    ``version``: of the package, where it is not the tree's. Takes most of a minute and 1 GB in TMPDIR. Raises LabError.
    """
    with _workplace() as away:
        tree = away / NAME
        shutil.copytree(ROOT, tree, ignore=_LEFT_OUT, symlinks=True)
        say(f"the application's environment, of {staging.PYTHON} ({staging.minor()}), with wheels from PyPI")
        environment = staging.environment(tree, tree / "staged")
        own = str(tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
        at = _date()
        say("man pages, completions, licences")
        staging.man_pages(program, "textback", own, f"{at:%Y-%m-%d}", tree / "staged/man")
        staging.completions(program, "textback", tree / "staged")
        (tree / "debian/copyright").write_text(papers.copyright_file(environment), encoding="utf-8")
        written = papers.changelog((tree / "CHANGELOG.md").read_text(encoding="utf-8"), own, at, _maintainer(tree))
        (tree / "debian/changelog").write_text(written.replace(f"({own})", f"({version or own})", 1), encoding="utf-8")
        say("the package")
        # what a release was made from gives its date to every file in it; C: tools speak as they are read here
        given = {"SOURCE_DATE_EPOCH": str(int(at.timestamp())), "LC_ALL": "C.UTF-8", "DEB_BUILD_OPTIONS": "nocheck"}
        # nothing is compiled: what it needs is there (scripts/lib), and a compiler is not asked for
        command = ["dpkg-buildpackage", "--no-check-builddeps", "--build=binary", "--unsigned-source", "--unsigned-changes"]
        run(*command, folder=tree, environ=given)
        (deb,) = away.glob("*.deb")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(deb, folder / deb.name))


def look_over(deb: Path) -> None:
    """What Debian expects of a package (lintian); what this one does otherwise, and why, is in its overrides. Raises LabError."""
    root = ["--allow-root"] if os.geteuid() == 0 else []
    run("lintian", *root, "--fail-on=error,warning", deb, folder=deb.parent)


def repack(deb: Path, version: str, folder: Path) -> Path:
    """The same package under another version, into ``folder``, in a few seconds: what a test upgrades from. Raises LabError."""
    with _workplace() as away:
        run("dpkg-deb", "--raw-extract", deb, away / "tree", folder=away)
        control = away / "tree/DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text(encoding="utf-8")), encoding="utf-8")
        architecture = run("dpkg-deb", "--field", deb, "Architecture", folder=away).strip()
        other = folder / f"{NAME}_{version}_{architecture}.deb"
        folder.mkdir(parents=True, exist_ok=True)
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", away / "tree", other, folder=away)
        return other


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="textback-package-") as away:
        Path(away).chmod(0o755)
        yield Path(away)


def _date() -> datetime:
    """Of the commit the tree stands on, so that two builds of it come out the same; now, outside git."""
    told = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH") or told or time.time()), UTC)


def _maintainer(tree: Path) -> str:
    (named,) = re.findall(r"(?m)^Maintainer: (.*)$", (tree / "debian/control").read_text(encoding="utf-8"))
    return str(named)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--check", is_flag=True, help="Then install, upgrade, remove and purge it in a clean Debian 12 (debootstrap; as root).")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "dist")
def main(folder: Path, check: bool) -> None:
    """Build the Debian package into FOLDER (dist)."""
    began = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)

    try:
        deb = build(folder.resolve(), say=say)
        built = time.monotonic() - began
        say("lintian")
        look_over(deb)
        installed = run("dpkg-deb", "--field", deb, "Installed-Size", folder=Path("/")).strip()
        click.echo(f"{deb}: {deb.stat().st_size / 1e6:.0f} MB, {int(installed) / 1024:.0f} MB installed, built in {built:.0f} s")
        if check:
            from tests.install import clean_root  # builds on this module

            clean_root.check(deb, say)
    except LabError as error:
        click.echo(f"error: {error.what}\n  fix: {error.fix}" if error.fix else f"error: {error.what}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
