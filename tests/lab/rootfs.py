"""The Debian root file systems Asterisk runs from, made once by debootstrap and kept outside the checkout.

Debian 12 and 13 carry no asterisk: sid has the current LTS line (22), Debian 11 has 16.28.0.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.root import LabError, as_root, need, run_as_root

__all__ = ["Rootfs", "cache", "prepare"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Recipe:
    suite: str
    packages: str
    line: str


_RECIPES = {
    "22": _Recipe("sid", "asterisk,asterisk-modules", "22"),
    "16": _Recipe("bullseye", "asterisk,asterisk-modules,asterisk-voicemail", "16"),
}


@dataclass(frozen=True, slots=True)
class Rootfs:
    """A ready root file system. ``line`` is the Asterisk line asked for ("22"), or the one it fell back to."""

    path: Path
    line: str
    modules: Path
    """Where Asterisk's modules lie, on the host."""
    uid: int
    gid: int
    """The user ``asterisk`` inside."""


def cache() -> Path:
    """$TEXTBACK_LAB_CACHE, else /var/cache/asterisk-textback-lab."""
    return Path(os.environ.get("TEXTBACK_LAB_CACHE") or "/var/cache/asterisk-textback-lab")


def prepare(line: str, progress: Progress) -> Rootfs:
    """The root file system of an Asterisk line, made where there is none. Raises LabError.

    Where sid has no Asterisk to give (it moves), 22 falls back to 16 and says so.
    """
    if line not in _RECIPES:
        raise LabError(f'there is no lab for Asterisk "{line}"', f"choose one of {', '.join(_RECIPES)}")
    with _locked(line):
        path = cache() / f"rootfs-{line}"
        if not path.is_dir():
            try:
                _make(_RECIPES[line], path, progress)
            except LabError as error:
                if line != "22":
                    raise
                progress(f"Asterisk 22 cannot be had from Debian sid now ({error.what}); going on with Asterisk 16 of Debian 11.")
                return prepare("16", progress)
    return _look(path, line)


@contextmanager
def _locked(line: str) -> Iterator[None]:
    """One maker at a time. The lock dies with the process that holds it."""
    folder = cache()
    if not folder.is_dir():
        run_as_root("mkdir", "-p", str(folder))
    lock = folder / f"rootfs-{line}.lock"
    if not lock.exists():
        run_as_root("install", "-m", "666", "/dev/null", str(lock))
    with lock.open("r") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(recipe: _Recipe, path: Path, progress: Progress) -> None:
    """Build beside the final name and rename at the end: what carries the final name is whole."""
    debootstrap = need("debootstrap", "debootstrap")
    half = path.with_name(path.name + ".partial")
    run_as_root("rm", "-rf", "--one-file-system", str(half))
    progress(f"Making a Debian {recipe.suite} with Asterisk in {path} (once; about 500 MB, under a minute on a fast line)")
    command = [debootstrap, "--variant=minbase", f"--include={recipe.packages}", recipe.suite, str(half)]
    with subprocess.Popen(as_root(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        last, meter = "", _Meter()
        for said in run.stdout:
            last = said.strip() or last
            meter.show(said.strip())
    meter.close()
    if run.returncode != 0:
        raise LabError(f"debootstrap of {recipe.suite} failed: {last}", f"its log: {half}/debootstrap/debootstrap.log")
    if not (half / "usr/sbin/asterisk").exists():
        raise LabError(f"Debian {recipe.suite} came without asterisk")
    run_as_root("rm", "-rf", *(str(half / folder) for folder in ("var/cache/apt", "var/lib/apt/lists", "debootstrap")))
    run_as_root("mv", str(half), str(path))


class _Meter:
    """debootstrap's progress: one line rewritten on a terminal, one line each 5 s elsewhere."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, said: str) -> None:
        if not said.startswith("I: "):
            return
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 4
            sys.stderr.write(f"\r\033[K  {said[3:][:width]}")
        elif time.monotonic() - self._last > 5:
            self._last = time.monotonic()
            sys.stderr.write(f"  {said[3:]}\n")
        sys.stderr.flush()

    def close(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")


def _look(path: Path, line: str) -> Rootfs:
    user = re.search(r"^asterisk:[^:]*:(\d+):(\d+):", (path / "etc/passwd").read_text(encoding="utf-8"), re.MULTILINE)
    dial = next(path.glob("usr/lib/**/asterisk/modules/app_dial.so"), None)
    if user is None or dial is None:
        raise LabError(f"{path} holds no Asterisk", f"remove it (rm -rf {path}); it is made again")
    return Rootfs(path, line, dial.parent, int(user[1]), int(user[2]))
