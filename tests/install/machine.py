"""What the story needs of a machine, whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from modem.simulator import Simulator
from tests.lab.root import LabError, need

__all__ = ["ADDRESS", "ENVIRONMENT", "HOUSEKEEPING", "SHARE", "Done", "Machine", "ended_with_us"]

ADDRESS = "192.168.1.10"
"""The machine's, on its LAN."""
SHARE = "/mnt"
"""Where the machine finds the folder shared with it."""
ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "DEBIAN_FRONTEND=noninteractive",
)
"""Of every command, as root's shell has it."""
HOUSEKEEPING = ("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer")
"""Debian's own, masked: it would change files and hold locks as the clock has it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str


class Machine(ABC):
    """A machine that runs, with systemd as PID 1, and its modem, whose SIM and network are modem/simulator.py."""

    def __init__(self, modem: Simulator, share: Path, *, port: str, lacks: str) -> None:
        self.modem = modem
        self.share = share
        self.port = port
        """The modem's, as setup is told of it: "auto", where it is found by itself."""
        self.lacks = lacks
        """What of a real machine it has not; empty when it has all."""

    @abstractmethod
    async def tried(self, command: str, *, patience: float = 120, given: str = "") -> Done:
        """Run a shell command as root, ``given`` on its standard input. Raises LabError when it takes longer than ``patience`` seconds."""

    @abstractmethod
    async def plug_in(self) -> None:
        """The stick goes into the machine."""

    async def run(self, command: str, *, patience: float = 120, given: str = "") -> str:
        """The same, and what it wrote. Raises LabError with its last words when it fails."""
        done = await self.tried(command, patience=patience, given=given)
        if done.code != 0:
            raise LabError(f"in the machine, failed ({done.code}): {command[:200]}\n{(done.out + done.err).strip()[-3000:]}")
        return done.out

    async def booted(self, patience: float) -> None:
        """Wait until systemd has started all it starts. Raises LabError with what failed."""
        state = (await self.tried("systemctl is-system-running --wait", patience=patience)).out.strip()
        if state != "running":
            failed = await self.tried("systemctl --failed --no-legend --plain; journalctl -b -p warning --no-pager | tail -20")
            raise LabError(f"the machine came up {state}: {failed.out.strip()}")


def ended_with_us() -> list[str]:
    """Before a command: the kernel kills it when this process ends, however that comes (prctl(2), PR_SET_PDEATHSIG)."""
    return [need("setpriv", "util-linux"), "--pdeathsig", "KILL", "--"]
