"""One private Asterisk: its configuration, and the process in a mount namespace of its own.

The folders Asterisk writes to are the lab's own, bound over the root file system's inside that namespace: any number of labs share one
root file system, and nothing is left mounted when the process ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lab import sounds
from tests.lab.root import LabError, as_root, need, run_as_root
from tests.lab.rootfs import Rootfs
from tests.lab.state import Record, state

__all__ = ["configure", "last_words", "remove", "start", "wait_for_pid"]

_ETC = Path(__file__).with_name("etc")
_FOLDERS = {
    "etc": "etc/asterisk",
    "lib": "var/lib/asterisk",
    "spool": "var/spool/asterisk",
    "log": "var/log/asterisk",
    "run": "run/asterisk",
}


def configure(record: Record, rootfs: Rootfs, values: Mapping[str, str]) -> None:
    """Write the lab's configuration: ``etc/*.conf`` with every ``@NAME@`` filled in, and the folders Asterisk expects.

    Raises LabError for a placeholder without a value.
    """
    base = record.folder / "asterisk"
    if base.exists():
        run_as_root("rm", "-rf", "--one-file-system", str(base))
    for folder in (
        "etc",
        "lib/moh",
        "lib/sounds/custom",
        "spool/voicemail",
        "spool/tmp",
        "spool/monitor",
        "log/cdr-csv",
        "log/cel-custom",
        "run",
    ):
        (base / folder).mkdir(parents=True)
    ports = record.ports
    known = {
        "ARI_USER": "textback", "ARI_PASSWORD": record.ari_password, "AMI_USER": "lab", "AMI_SECRET": record.ami_secret,
        "SIP": str(ports.sip), "ARI": str(ports.ari), "AMI": str(ports.ami), "AGI": str(ports.agi), "CARRIER": str(ports.carrier),
        "RTP_FIRST": str(ports.rtp[0]), "RTP_LAST": str(ports.rtp[1]),
        **values,
    }  # fmt: skip
    for source in sorted(_ETC.glob("*.conf")):
        text = source.read_text(encoding="utf-8")
        for name, value in known.items():
            text = text.replace(f"@{name}@", value)
        (base / "etc" / source.name).write_text(text, encoding="utf-8")
    wanted = [name for name in (_ETC / "modules.list").read_text(encoding="utf-8").splitlines() if not name.startswith("#")]
    present = sorted({path.name for name in wanted for path in rootfs.modules.glob(f"{name}.so")})
    modules = "[modules]\nautoload = no\n" + "".join(f"load = {name}\n" for name in present)
    (base / "etc/modules.conf").write_text(modules, encoding="utf-8")
    (base / "lib/moh/lab.sln").write_bytes(sounds.hum())
    run_as_root("chown", "-R", f"{rootfs.uid}:{rootfs.gid}", *(str(base / name) for name in ("lib", "spool", "log", "run")))
    run_as_root("chmod", "-R", "a+rX", str(base))
    # what textback speaks, as docs say: its own to write, Asterisk's group's to read
    run_as_root("install", "-d", "-o", str(os.getuid()), "-g", str(rootfs.gid), "-m", "2750", str(base / "speech"))
    run_as_root("mkdir", "-p", *(str(rootfs.path / inside) for inside in _FOLDERS.values()))
    run_as_root("touch", str(rootfs.path / "etc/hosts"))


def start(record: Record, rootfs: Rootfs) -> subprocess.Popen[bytes]:
    """Start Asterisk in the foreground of a process of its own session. The pid file appears before Asterisk does."""
    base, root = record.folder / "asterisk", rootfs.path
    pid = base / "pid"
    pid.unlink(missing_ok=True)
    (base / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n", encoding="utf-8")
    binds = "".join(f'mount --bind "{base / name}" "{root / inside}"\n' for name, inside in _FOLDERS.items())
    # Both must know a spoken file by one path: a folder of that name, inside, for this namespace only.
    # dash's $$ is this shell's pid, and every exec below keeps it: it becomes Asterisk's own
    inside = f"""set -e
        mount -t proc proc "{root}/proc"
        mount --rbind /dev "{root}/dev"
        {binds}
        mount --bind "{base}/hosts" "{root}/etc/hosts"
        mkdir -p "{root}{state()}"
        mount -t tmpfs -o mode=755 tmpfs "{root}{state()}"
        mkdir -p "{root}{base}/speech"
        mount --bind "{base}/speech" "{root}{base}/speech"
        echo $$ >"{pid}"
        exec chroot "{root}" /usr/sbin/asterisk -f -U asterisk -G asterisk"""
    command = as_root([need("unshare", "util-linux"), "--mount", "--propagation", "private", "/bin/sh", "-c", inside])
    with (base / "console.log").open("wb") as console:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd="/", start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"},
        )  # fmt: skip


def wait_for_pid(record: Record, starter: subprocess.Popen[bytes], patience: float = 15.0) -> int:
    """The pid of the Asterisk just started. Raises LabError with what the console said when it ended instead."""
    path = record.folder / "asterisk/pid"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
            return int(text)
        if starter.poll() is not None:
            break
        time.sleep(0.01)
    raise LabError(f"Asterisk did not start: {last_words(record)}")


def last_words(record: Record) -> str:
    """The last line of Asterisk's console, for an error."""
    console = record.folder / "asterisk/console.log"
    lines = console.read_text(encoding="utf-8", errors="replace").split("\n") if console.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def remove(record: Record) -> None:
    """Remove what Asterisk wrote (its files belong to the user asterisk inside)."""
    base = record.folder / "asterisk"
    if base.exists() and os.path.ismount(base):
        raise LabError(f"{base} is a mount; the lab never makes one there", "unmount it, then try again")
    run_as_root("rm", "-rf", "--one-file-system", str(base))
