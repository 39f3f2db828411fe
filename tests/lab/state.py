"""What runs and where: one folder per lab, its record, its ports, and the processes that belong to it.

A lab is found again after a crash by its record alone. A recorded process counts as running only when its start time fits, so that a
number given out again by the kernel is never mistaken for ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import re
import secrets
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.lab.root import LabError, send_signal

__all__ = [
    "Ports",
    "Process",
    "Record",
    "claim",
    "forget",
    "kill_all",
    "process",
    "read",
    "records",
    "start_time",
    "state",
    "strays",
    "write",
]

_FIRST, _BLOCK, _BLOCKS = 24000, 1000, 8
"""Blocks of ports below the ephemeral range (32768 on Linux)."""


@dataclass(frozen=True, slots=True)
class Ports:
    """A block of 1000 UDP and TCP ports on loopback."""

    first: int

    @property
    def sip(self) -> int:
        return self.first

    @property
    def ari(self) -> int:
        return self.first + 1

    @property
    def ami(self) -> int:
        return self.first + 2

    @property
    def agi(self) -> int:
        return self.first + 3

    @property
    def portal(self) -> int:
        return self.first + 4

    @property
    def carrier(self) -> int:
        """Where the trunk's far end takes calls, on 127.0.0.2."""
        return self.first + 6

    @property
    def rtp(self) -> tuple[int, int]:
        return self.first + 400, self.first + _BLOCK - 1

    @property
    def sipp(self) -> range:
        """For trunk calls (127.0.0.2) and phones (127.0.0.1)."""
        return range(self.first + 10, self.first + 400)


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a lab. ``started``: field 22 of /proc/PID/stat (proc(5))."""

    what: str
    pid: int
    started: int

    @property
    def running(self) -> bool:
        return start_time(self.pid) == self.started


@dataclass(slots=True)
class Record:
    """lab.json of a lab's folder."""

    name: str
    line: str
    first_port: int
    ari_password: str
    ami_secret: str
    owner: Process | None
    """The process this lab dies with; None for one that stays up (scripts/lab up)."""
    processes: list[Process] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return state() / self.name

    @property
    def ports(self) -> Ports:
        return Ports(self.first_port)


def state() -> Path:
    """The folder of all labs of this user, mode 0700: $TEXTBACK_LAB_STATE, else below the temporary folder."""
    chosen = os.environ.get("TEXTBACK_LAB_STATE")
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"asterisk-textback-lab-{getpass.getuser()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = folder.lstat()
    if seen.st_uid != os.getuid() or not stat.S_ISDIR(seen.st_mode):
        raise LabError(f"{folder} is another user's", "set TEXTBACK_LAB_STATE to a folder of your own")
    return folder


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie.

    A killed process of several threads is a zombie before the last of them let go of its sockets and files: until then it runs.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - names only
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" and threads < 2 else int(fields[19])


def process(what: str, pid: int) -> Process:
    """A process of ours, as it is now. Raises LabError when it is gone already."""
    started = start_time(pid)
    if started is None:
        raise LabError(f"{what} ended at once")
    return Process(what, pid, started)


def records() -> list[Record]:
    """Every lab of this user, by name."""
    found = []
    for path in sorted(state().glob("*/lab.json")):
        # one that is just going down may be gone by now
        with contextlib.suppress(LabError):
            found.append(read(path.parent.name))
    return found


def read(name: str) -> Record:
    """The record of a lab. Raises LabError when there is none."""
    try:
        found = json.loads((state() / name / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f'there is no lab "{name}"', f"scripts/lab up --name {name}") from None
    owner = found.pop("owner")
    processes = [Process(**each) for each in found.pop("processes")]
    return Record(**found, owner=Process(**owner) if owner else None, processes=processes)


def write(record: Record) -> None:
    """Keep the record, whole or not at all."""
    new = record.folder / "lab.json.new"
    new.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    new.replace(record.folder / "lab.json")


def claim(name: str, line: str, *, owned: bool) -> Record:
    """A new lab's folder, ports and secrets. Raises LabError when the name is taken by a running lab or no ports are free."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise LabError(f'"{name}" is no name for a lab', "use letters, digits, - and _")
    with _locked():
        folder = state() / name
        if (folder / "lab.json").exists():
            raise LabError(f'the lab "{name}" is up already', f"scripts/lab down --name {name}, or choose another name")
        taken = {each.first_port for each in records()}
        free = (first for first in range(_FIRST, _FIRST + _BLOCK * _BLOCKS, _BLOCK) if first not in taken and _free(Ports(first)))
        first = next(free, None)
        if first is None:
            raise LabError(f"no ports are free between {_FIRST} and {_FIRST + _BLOCK * _BLOCKS}", "scripts/lab status, then down")
        folder.mkdir(exist_ok=True)
        owner = process("owner", os.getpid()) if owned else None
        record = Record(name, line, first, secrets.token_urlsafe(12), secrets.token_urlsafe(12), owner)
        write(record)
        return record


def forget(record: Record) -> None:
    """Drop the record; the name and the ports are free again."""
    (record.folder / "lab.json").unlink(missing_ok=True)


def strays(record: Record) -> list[Process]:
    """Processes of ours below the lab's folder that no record names: SIPp whose starter was killed."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(record.folder):
                    started = start_time(int(entry.name))
                    if started is not None:
                        found.append(Process("stray", int(entry.name), started))
    return found


def kill_all(processes: list[Process], grace: float = 4.0) -> None:
    """End processes: SIGTERM, and SIGKILL to what is left after ``grace`` seconds. Raises LabError when one will not go."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        left = [each for each in processes if each.running]
        for each in left:
            send_signal(each.pid, number)
            send_signal(each.pid, signal.SIGCONT)
        deadline = time.monotonic() + patience
        while any(each.running for each in left) and time.monotonic() < deadline:
            time.sleep(0.02)
    stubborn = [f"{each.what} ({each.pid})" for each in processes if each.running]
    if stubborn:
        raise LabError(f"these would not end: {', '.join(stubborn)}")


@contextmanager
def _locked() -> Iterator[None]:
    with (state() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _free(ports: Ports) -> bool:
    """Nobody listens where this block's servers would."""
    for kind, address, port in (
        (socket.SOCK_DGRAM, "127.0.0.1", ports.sip),
        (socket.SOCK_STREAM, "127.0.0.1", ports.ari),
        (socket.SOCK_STREAM, "127.0.0.1", ports.ami),
        (socket.SOCK_STREAM, "127.0.0.1", ports.agi),
        (socket.SOCK_STREAM, "127.0.0.1", ports.portal),
        (socket.SOCK_DGRAM, "127.0.0.2", ports.carrier),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
