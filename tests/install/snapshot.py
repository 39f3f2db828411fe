"""Every file of a machine by path, kind, mode, owner, target and digest, and what differs between two looks, less what may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["ALLOWED", "Change", "Entry", "changes", "explained", "look", "unexplained"]

_LIST = r"""cd / && find / -xdev -printf '%y %m %u:%g %p\t%l\0' | sort -z | tr '\0' '\n'"""
_DIGESTS = "find / -xdev -type f -print0 | xargs -0 -P2 -n400 sha256sum"

ALLOWED: dict[str, str] = {
    r"/var/log(/.*)?": "what was logged",
    r"/var/lib/dpkg/((status|available|diversions|statoverride)(-old)?|lock.*|triggers/.*)": "dpkg's lists, and those before",
    r"/var/lib/apt/(extended_states|periodic.*|daily_lock|listchanges.*)": "apt's marks",
    r"/var/lib/apt/lists/(auxfiles|partial|lock)": "apt's own places, made at its first run",
    r"/var/cache/apt/(pkgcache|srcpkgcache)\.bin": "apt's cache, made anew at each run",
    r"/var/cache/man(/.*)?": "the index of man pages, made anew",
    r"/var/cache/ldconfig/aux-cache|/etc/ld\.so\.cache": "the linker's cache, made anew",
    r"/var/lib/systemd/(random-seed|timesync/clock|timers/.*|catalog/database)": "systemd's clock and seed",
    r"/var/lib/systemd/credential\.secret": "the machine's own key for credentials, which systemd makes once and others may use",
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-": "what these files were before the last change, as the tools for users keep it",
    r"/var/lib/asterisk/astdb\.sqlite3(-journal)?": "Asterisk's own database",
    r"/var/spool/asterisk(/.*)?": "Asterisk's spool",
}
"""Paths that may differ, whatever was installed and taken out again, and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a folder, a link."""

    kind: str
    mode: str
    owner: str
    target: str
    digest: str


@dataclass(frozen=True, slots=True)
class Change:
    """A path that is not as it was. ``before`` None: it is new; ``after`` None: it is gone."""

    path: str
    before: Entry | None
    after: Entry | None

    def __str__(self) -> str:
        if self.before is None or self.after is None:
            return f"{'left behind' if self.before is None else 'gone'}: {self.path}"
        fields = ("kind", "mode", "owner", "target")
        told = [f"{name} {was} → {now}" for name in fields if (was := getattr(self.before, name)) != (now := getattr(self.after, name))]
        if self.before.digest != self.after.digest:
            told.append("content")
        return f"changed: {self.path} ({', '.join(told)})"


class Shell(Protocol):
    """Where the files are: a machine, or a root file system."""

    async def run(self, command: str, *, patience: float = ...) -> str: ...


async def look(machine: Shell) -> dict[str, Entry]:
    """Every path of the machine's disk. Half a minute where the processor is emulated."""
    listed = await machine.run(_LIST, patience=300)
    digests = {}
    for line in (await machine.run(_DIGESTS, patience=600)).splitlines():
        digest, _, path = line.partition("  ")
        digests[path] = digest
    found = {}
    for line in listed.splitlines():
        about, _, target = line.partition("\t")
        kind, mode, owner, path = about.split(" ", 3)
        found[path] = Entry(kind, mode, owner, target, digests.get(path, ""))
    return found


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[Change]:
    """What differs, by path."""
    return [Change(path, before.get(path), after.get(path)) for path in sorted({*before, *after}) if before.get(path) != after.get(path)]


def unexplained(differing: list[Change]) -> list[Change]:
    """Those that no line of ALLOWED speaks for."""
    return [change for change in differing if not any(re.fullmatch(pattern, change.path) for pattern in ALLOWED)]


def explained(differing: list[Change]) -> dict[str, list[str]]:
    """The others: paths by the line of ALLOWED that speaks for them."""
    found: dict[str, list[str]] = {}
    for change in differing:
        pattern = next((pattern for pattern in ALLOWED if re.fullmatch(pattern, change.path)), None)
        if pattern is not None:
            found.setdefault(pattern, []).append(change.path)
    return found
