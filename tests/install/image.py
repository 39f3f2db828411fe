"""The disk of a clean Debian 12 machine with an Asterisk 16 in it, made once and kept outside the checkout, with its kernel beside.

Debian 12 carries no asterisk. Debian 11's (16.28) runs on it, with the few Debian 11 libraries it asks for.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.root import LabError, as_root, need, run_as_root
from tests.lab.rootfs import cache

__all__ = ["Image", "prepare"]

_SYSTEM = (
    # what Debian's own installer gives any machine and debootstrap does not: systemd as PID 1, a kernel, Python, man pages
    "systemd,systemd-sysv,udev,dbus,linux-image-amd64,python3,ca-certificates,man-db,bash-completion,"
    # how this bench runs commands in it
    "qemu-guest-agent"
)
_PBX = "asterisk asterisk-modules asterisk-voicemail"
_PHONES = "sip-tester"

_MAKE = f"""
set -e
root=$1 image=$2 debootstrap=$3 mke2fs=$4
"$debootstrap" --include={_SYSTEM} bookworm "$root"
cp "$root/etc/apt/sources.list" "$root/sources.kept"
sed s/bookworm/bullseye/ "$root/sources.kept" >>"$root/etc/apt/sources.list"
printf 'Package: *\\nPin: release n=bullseye\\nPin-Priority: 100\\n' >"$root/etc/apt/preferences.d/bullseye"
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot "$root" apt-get -q update
chroot "$root" apt-get -qy --no-install-recommends install {_PBX} {_PHONES}
chroot "$root" apt-get -q clean
mv "$root/sources.kept" "$root/etc/apt/sources.list"
rm -rf "$root/etc/apt/preferences.d/bullseye" "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/*
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo clinic >"$root/etc/hostname"
echo '127.0.0.1 localhost clinic' >"$root/etc/hosts"
cp "$root"/boot/vmlinuz-* "$image.vmlinuz"
cp "$root"/boot/initrd.img-* "$image.initrd"
truncate -s 6G "$image"
"$mke2fs" -q -t ext4 -d "$root" "$image"
chmod 644 "$image" "$image.vmlinuz" "$image.initrd"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """A disk (raw, never written to), and the kernel and initrd that start it."""

    disk: Path
    kernel: Path
    initrd: Path


def prepare(say: Callable[[str], None]) -> Image:
    """The image, made where there is none for this recipe: some 1 GB, about three minutes. Raises LabError."""
    if not cache().is_dir():
        run_as_root("mkdir", "-p", str(cache()))
    disk = cache() / f"machine-{hashlib.sha256(_MAKE.encode()).hexdigest()[:8]}.img"
    with _locked():
        if not disk.exists():
            _make(disk, say)
    return Image(disk, disk.with_name(disk.name + ".vmlinuz"), disk.with_name(disk.name + ".initrd"))


@contextmanager
def _locked() -> Iterator[None]:
    """One maker at a time. The lock dies with the process that holds it."""
    lock = cache() / "machine.lock"
    if not lock.exists():
        run_as_root("install", "-m", "666", "/dev/null", str(lock))
    with lock.open("r") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(disk: Path, say: Callable[[str], None]) -> None:
    """Built beside the final name and renamed at the end, the disk last: where it is, all of it is."""
    root, half, log = (disk.with_name(f"machine.{end}") for end in ("root", "partial", "log"))
    run_as_root(
        "rm", "-rf", "--one-file-system", str(root), *map(str, cache().glob("machine*.img*")), *map(str, cache().glob("machine.partial*"))
    )
    say(f"Making a Debian 12 with Asterisk 16 and a kernel: {disk} (once; some 1.3 GB, about three minutes)")
    tools = [need("debootstrap", "debootstrap"), need("mke2fs", "e2fsprogs")]
    done = subprocess.run(
        as_root(["/bin/sh", "-c", f'exec >"$5" 2>&1{_MAKE}', "make", str(root), str(half), *tools, str(log)]),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    run_as_root("rm", "-rf", "--one-file-system", str(root))
    if done.returncode != 0:
        raise LabError("the machine's disk could not be made", f"see {log}")
    for end in (".vmlinuz", ".initrd", ""):
        run_as_root("mv", f"{half}{end}", f"{disk}{end}")
