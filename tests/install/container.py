"""A machine without a kernel of its own: systemd as PID 1 of its own namespaces, over the same disk, at this machine's speed.

As root. The disk is mounted in its own mount namespace, under an overlay that is thrown away: with the last process of the machine all
of it is gone. systemd gets a control group of its own (version 2, systemd.io/CONTAINER_INTERFACE).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from modem.simulator import Simulator
from tests.install.image import Image
from tests.install.machine import ADDRESS, ENVIRONMENT, HOUSEKEEPING, SHARE, Done, Machine, ended_with_us
from tests.lab.root import LabError, need

__all__ = ["machine"]

_PORT = "/dev/ttyUSB0"
_LACKS = "a kernel of its own, udev and USB: the search for the modem's port, the udev rule and the stick's reset are not checked"
_BOOT = f"""
set -e
echo $$ >"$CGROUP/cgroup.procs"
exec unshare --cgroup --mount --pid --fork --kill-child --uts --ipc --net /bin/bash -euc '
mount --make-rprivate /
mkdir "$FOLDER"/{{lower,upper,work,root}}
mount -o ro,loop "$DISK" "$FOLDER/lower"
root=$FOLDER/root
mount -t overlay overlay -o "lowerdir=$FOLDER/lower,upperdir=$FOLDER/upper,workdir=$FOLDER/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
[ -e "$root/sys/fs/cgroup/cgroup.procs" ] || mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/systemd/system"
for each in {" ".join(HOUSEKEEPING)}; do ln -s /dev/null "$root/run/systemd/system/$each"; done
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$each"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root{_PORT}"
mount --bind "$MODEM" "$root{_PORT}"
mount --bind "$SHARED" "$root{SHARE}"
mount -o remount,bind,ro "$root{SHARE}"
ip link set lo up
ip address add {ADDRESS}/24 dev lo
hostname clinic
mount --make-rshared "$root"
exec chroot "$root" /usr/bin/env -i container=lab /lib/systemd/systemd --show-status=no
'
"""


class ContainerMachine(Machine):
    """Runs commands in the namespaces of its PID 1."""

    def __init__(self, pid: int, modem: Simulator, share: Path) -> None:
        super().__init__(modem, share, port=_PORT, lacks=_LACKS)
        self._enter = [
            need("nsenter", "util-linux"),
            "--target",
            str(pid),
            "--all",
            "--root",
            "--wd",
            "--",
            "/usr/bin/env",
            "-i",
            *ENVIRONMENT,
        ]

    async def tried(self, command: str, *, patience: float = 120, given: str = "") -> Done:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._enter, "/bin/bash", "-c", command, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            out, err = await asyncio.wait_for(process.communicate(given.encode()), patience)
        except TimeoutError:
            raise LabError(f"in the machine, after {patience:.0f} s not done: {command[:200]}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Done(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))

    async def plug_in(self) -> None:
        """It is in from the start."""


@asynccontextmanager
async def machine(image: Image, folder: Path, *, number: str, pin: str | None, patience: float = 60) -> AsyncIterator[Machine]:
    """Start a machine in ``folder`` and end it with the block. Raises LabError when it does not come up."""
    if os.geteuid() != 0:
        raise LabError("a machine of namespaces needs root: it mounts, and makes device nodes", "run it as root")
    share = folder / "share"
    share.mkdir(parents=True)
    groups = _groups()
    for old in groups.glob("textback-install-*"):
        _removed(old)  # of one that was killed; those that are in use cannot be
    group = groups / f"textback-install-{secrets.token_hex(4)}"
    async with Simulator(
        folder / "modem", control=folder / "modem.sock", journal=folder / "modem.jsonl", number=number, pin=pin, profile="huawei"
    ) as modem:
        device = (folder / "modem").resolve()
        shutil.chown(device, "root", "dialout")
        device.chmod(0o660)
        group.mkdir()
        environ = {
            **os.environ,
            "CGROUP": str(group),
            "FOLDER": str(folder),
            "DISK": str(image.disk),
            "MODEM": str(device),
            "SHARED": str(share),
        }
        try:
            with (folder / "console.log").open("wb") as said:
                process = await asyncio.create_subprocess_exec(
                    *ended_with_us(), "/bin/bash", "-c", _BOOT, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said
                )
            try:
                it = ContainerMachine(await _first(process, folder, patience), modem, share)
                await _answers(it, patience)
                await it.booted(patience)
                yield it
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()  # and with it, by --kill-child, the PID 1 of those namespaces and all in them
                await process.wait()
        finally:
            await _dissolve(group)


def _groups() -> Path:
    """Where control groups of version 2 are: alone, or beside version 1's."""
    for path in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (path / "cgroup.procs").exists() and (path / "cgroup.controllers").exists():
            return path
    raise LabError(
        "this machine has no control groups of version 2, which systemd needs", "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
    )


async def _first(process: asyncio.subprocess.Process, folder: Path, patience: float) -> int:
    """The process that is PID 1 of the machine, as this side counts, once it is systemd. Raises LabError."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while loop.time() < end and process.returncode is None:
        if (first := _child(process.pid)) is not None:
            return first
        await asyncio.sleep(0.05)
    raise LabError(f"the machine did not start: {(folder / 'console.log').read_text(encoding='utf-8', errors='replace').strip()[-800:]}")


def _child(pid: int) -> int | None:
    """Its first child, if that is systemd by now."""
    try:
        first = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0]
        return int(first) if Path(f"/proc/{first}/comm").read_text(encoding="utf-8").strip() == "systemd" else None
    except (OSError, IndexError):
        return None


async def _answers(machine: Machine, patience: float) -> None:
    """Wait until systemd can be spoken to."""
    await machine.run(
        f"for turn in $(seq {patience * 10:.0f}); do [ -S /run/systemd/private ] && exit; sleep 0.1; done; exit 1", patience=patience + 5
    )


async def _dissolve(group: Path) -> None:
    """Remove the control groups once their last process is gone."""
    for _ in range(100):
        if _removed(group):
            return
        await asyncio.sleep(0.1)
    sys.stderr.write(f"{group} could not be removed\n")


def _removed(group: Path) -> bool:
    """Deepest first."""
    try:
        for path in sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True):
            path.rmdir()
        group.rmdir()
    except OSError:
        return False
    return True
