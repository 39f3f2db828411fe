"""Doing what needs root: directly as root, by ``sudo -n`` otherwise; where neither works, an error that says what is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LabError", "as_root", "need", "run_as_root", "send_signal"]


class LabError(Exception):
    """The lab cannot do what was asked: what, then the fix."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(f"{what}. {fix}" if fix else what)
        self.what = what
        self.fix = fix


def as_root(command: Sequence[str]) -> list[str]:
    """The command line that runs ``command`` as root. Raises LabError where that cannot be had."""
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode != 0:
        raise LabError(
            "the lab needs root: it makes a Debian root file system (debootstrap) and starts Asterisk in it (unshare, mount, chroot)",
            "run it as root, or allow this user sudo without a password (the lab uses sudo -n)",
        )
    return ["sudo", "-n", *command]


def run_as_root(*command: str) -> None:
    """Run a short command as root. Raises LabError with its last words when it fails."""
    done = subprocess.run(as_root(command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise LabError(f"{' '.join(command)} failed ({done.returncode}): {said[-1] if said else 'it said nothing'}")


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal, as root where the process is another user's. A process that is gone is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        subprocess.run(as_root(["kill", f"-{int(number)}", str(pid)]), capture_output=True, check=False)


def need(program: str, package: str) -> str:
    """The path of a program, looked for where Debian keeps root's too. Raises LabError naming the package."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None:
        raise LabError(f"the lab needs {program}", f"apt-get install {package}")
    return str(Path(found))
