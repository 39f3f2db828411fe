"""The package in a clean Debian 12 without systemd as PID 1: installed, upgraded over data, removed, purged, and what is left. As root."""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.install import package, snapshot
from tests.lab.root import LabError, as_root, need, run_as_root
from tests.lab.rootfs import cache

__all__ = ["NOT_CHECKED", "check"]

NOT_CHECKED = (
    "that an upgrade restarts a running service once, and that removal stops it",
    "that the unit starts, and what it may do (systemd-analyze security)",
    "that the udev rule names a modem and keeps ModemManager off it",
    "textback setup, a call and a text",
)
"""What needs systemd as PID 1, udev and a PBX: scripts/bench install does it on a machine of its own."""
_OLDER = "0.0.1~older"
_APT = "apt-get --quiet --quiet --yes --option Dpkg::Use-Pty=0"
_SETTINGS = """
[clinic]
name = "Clinique du Parc"
number = "+15145550100"
[pbx]
ari = "http://127.0.0.1:8088"
username = "textback"
password = "secret-of-the-pbx"
[[modem]]
name = "gsm1"
port = "auto"
"""
_MODES = {
    "/etc/textback": "750 root:textback",
    "/var/lib/textback": "700 textback:textback",
    "/var/backups/textback": "700 textback:textback",
    "/var/spool/textback": "2750 textback:asterisk",
    "/opt/asterisk-textback/bin/textback": "755 root:root",
    "/usr/lib/systemd/system/textback.service": "644 root:root",
    "/usr/lib/systemd/system/textback-backup.timer": "644 root:root",
    "/usr/lib/udev/rules.d/99-textback-modem.rules": "644 root:root",
    "/usr/share/doc/asterisk-textback/examples/textback.toml": "644 root:root",
}
_COMPLETE = (
    ". /usr/share/bash-completion/completions/textback; COMP_WORDS=(textback sta); COMP_CWORD=1; _textback_completion textback; "
    'echo "${COMPREPLY[*]}"'
)


class _Root:
    """A file system of its own, each command in namespaces of its own: nothing stays mounted, nothing goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def run(self, command: str, *, patience: float = 600) -> str:
        """A command's stdout. Raises LabError with its last words."""
        line = as_root(["unshare", "--mount", "--pid", "--fork", f"--mount-proc={self.path}/proc", "chroot", str(self.path)])
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        process = await asyncio.create_subprocess_exec(
            *line, *clean, "bash", "-c", command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), patience)
        if process.returncode != 0:
            last = "\n".join((out + err).decode(errors="replace").splitlines()[-15:])
            raise LabError(f"in the clean Debian, {command[:100]} ended with {process.returncode}", last)
        return out.decode()


def check(deb: Path, say: Callable[[str], None]) -> None:
    """All of it, in order. Raises LabError at the first that is not as it should be."""
    with _clean(say) as path:
        asyncio.run(_story(_Root(path), deb, say))
    for what in NOT_CHECKED:
        say(f"not checked here: {what} (scripts/bench install does)")


async def _story(root: _Root, deb: Path, say: Callable[[str], None]) -> None:
    for each in (deb, package.repack(deb, _OLDER, root.path / "srv")):
        run_as_root("cp", "--no-clobber", str(each), str(root.path / "srv"))
    older, newer = f"/srv/{deb.name.replace(_version(deb), _OLDER)}", f"/srv/{deb.name}"
    wanted = ", ".join(filter(None, [_field(deb, name) for name in ("Depends", "Recommends")]))
    say("its dependencies, from Debian")
    await root.run(f"{_APT} update && {_APT} satisfy {shlex.quote(f'{wanted}, man-db, bash-completion')} && groupadd --system asterisk")
    before = await snapshot.look(root)

    began = time.monotonic()
    await root.run(f"{_APT} install {older}")
    say(f"installed, in {time.monotonic() - began:.0f} s")
    await _as_installed(root)
    await root.run(f"printf %s {shlex.quote(_SETTINGS)} | install -m 640 -g textback /dev/stdin /etc/textback/textback.toml")
    await root.run("echo 'an apple a day keeps' | textback staff add anne --name 'Anne Roy' --role administrator --password-stdin")
    await root.run("systemctl enable textback.service textback-backup.timer")
    had = await _data(root)

    began = time.monotonic()
    await root.run(f"{_APT} install {newer}")
    say(f"upgraded over data, in {time.monotonic() - began:.0f} s")
    _same("data and settings after the upgrade", await _data(root), had)
    _same("the version after the upgrade", (await root.run("dpkg-query -Wf '${Version}' asterisk-textback")), _version(deb))
    _same("what starts at boot", await _enabled(root), ["textback-backup.timer", "textback.service"])
    await _as_installed(root)

    await root.run(f"{_APT} remove asterisk-textback")
    say("removed")
    _same("what starts at boot after removal", await _enabled(root), [])
    _same("programs after removal", await root.run("ls -d /opt/asterisk-textback /usr/bin/textback 2>/dev/null || :"), "")
    await root.run(f"{_APT} install {newer}")
    _same("data and settings after removal and a second installation", await _data(root), had)
    _same("what starts at boot after a second installation", await _enabled(root), [])

    await root.run("mkdir -p /etc/systemd/system/textback.service.d && touch /etc/systemd/system/textback.service.d/credentials.conf")
    await root.run(f"{_APT} purge asterisk-textback")
    differing = snapshot.changes(before, await snapshot.look(root))
    for pattern, paths in snapshot.explained(differing).items():
        say(f"may differ ({snapshot.ALLOWED[pattern]}): {', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}")
    named = [change for change in differing if "textback" in change.path]
    if left := [*snapshot.unexplained(differing), *(change for change in named if change.after is not None)]:
        raise LabError(f"purged, and {len(left)} paths are not as before", "\n".join(map(str, left[:40])))
    say(f"purged: of {len(before)} paths none is there that was not, none is gone, none is other than it was, but for those above")


async def _as_installed(root: _Root) -> None:
    _same("the command's version", (await root.run("textback --version")).split()[0], "textback")
    page = await root.run("man textback-staff-phone-add | col -bx")
    if not re.search(r"^ +textback-staff-phone-add +- +Make ", page, re.MULTILINE):
        raise LabError("man textback-staff-phone-add shows no page", page[:500])
    _same('completion of "textback sta"', (await root.run(_COMPLETE)).split(), ["staff"])
    for path, mode in _MODES.items():
        _same(path, (await root.run(f"stat -c '%a %U:%G' {path}")).strip(), mode)
    _same("the user's groups", sorted((await root.run("id -nG textback")).split()), ["dialout", "textback"])
    _same("the user's shell", (await root.run("getent passwd textback")).strip().rpartition(":")[2], "/usr/sbin/nologin")
    _same("files that are not as packed", await root.run("dpkg --verify asterisk-textback"), "")
    unowned = "comm -13 <(dpkg -L asterisk-textback | sort) <(find /opt/asterisk-textback | sort)"
    _same("files of nobody in /opt", await root.run(unowned), "")


async def _data(root: _Root) -> tuple[str, list[str]]:
    members = json.loads(await root.run("textback staff list --json"))
    return await root.run("sha256sum /etc/textback/textback.toml; stat -c '%a %U:%G' /etc/textback/* /var/lib/textback/*.db"), re.findall(
        r"'login': '(\w+)'", str(members)
    )


async def _enabled(root: _Root) -> list[str]:
    return sorted((await root.run("find /etc/systemd/system -name 'textback*' -type l -printf '%f\\n'")).split())


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise LabError(f"{what}: {found!r}", f"it was to be {wanted!r}")


def _field(deb: Path, name: str) -> str:
    return subprocess.run(["dpkg-deb", "--field", str(deb), name], capture_output=True, text=True, check=True).stdout.strip()


def _version(deb: Path) -> str:
    return _field(deb, "Version")


@contextmanager
def _clean(say: Callable[[str], None]) -> Iterator[Path]:
    """A copy of a clean Debian 12, which is made once (debootstrap) and kept outside the checkout."""
    run_as_root("mkdir", "-p", str(cache()))
    kept, copy = cache() / "rootfs-bookworm", cache() / f"package-check-{time.time_ns()}"
    lock = cache() / "rootfs-bookworm.lock"
    if not lock.exists():
        run_as_root("install", "-m", "666", "/dev/null", str(lock))
    try:
        with lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not kept.is_dir():
                say(f"a clean Debian 12 in {kept} (once)")
                half = f"{kept}.partial"
                run_as_root("rm", "-rf", "--one-file-system", half)
                run_as_root(need("debootstrap", "debootstrap"), "--variant=minbase", "bookworm", half)
                run_as_root("mv", half, str(kept))
            run_as_root("cp", "-a", str(kept), str(copy))
        yield copy
    finally:
        run_as_root("rm", "-rf", "--one-file-system", str(copy))
