"""Runs a program with the system calls that the unit leaves the service, and no others:

    python -m tests.confined PROGRAM ARGUMENT…

As systemd does it (systemd.exec(5), SystemCallFilter= and MemoryDenyWriteExecute=; its src/shared/seccomp-util.c), by libseccomp.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["allowed", "left_by_unit"]

UNIT = Path(__file__).parents[1] / "config/textback.service"
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001
"""SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)."""
_MASKED = 7
"""SCMP_CMP_MASKED_EQ."""
_NO_NEW_PRIVILEGES = 38
_WRITE, _EXECUTE, _SHM_EXECUTE = 2, 4, 0o100000


class _Compare(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("mask", ctypes.c_uint64), ("value", ctypes.c_uint64))


def allowed(group: str) -> set[str]:
    """The system calls of a group of systemd.exec(5)."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and not line.lstrip().startswith("#")]
    return set().union(*(allowed(name) if name.startswith("@") else {name} for name in names))


def left_by_unit() -> set[str]:
    """What its lines leave, in their order."""
    left = allowed("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE):
        named = set().union(*(allowed(each) if each.startswith("@") else {each} for each in line.lstrip("~").split()))
        left = left - named if line.startswith("~") else left | named
    return left


def confine() -> None:
    """This process and all it starts."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    calls = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(_REFUSE)))
    for name in left_by_unit():
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else of other processors
            assert lib.seccomp_rule_add_array(calls, ctypes.c_uint32(_ALLOW), number, 0, None) == 0, name
    memory = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(_ALLOW)))
    both = _WRITE | _EXECUTE
    for name, argument, bits in (
        ("mmap", 2, both),
        ("mprotect", 2, _EXECUTE),
        ("pkey_mprotect", 2, _EXECUTE),
        ("shmat", 2, _SHM_EXECUTE),
    ):
        rule = (_Compare * 1)(_Compare(argument, _MASKED, bits, bits))
        number = lib.seccomp_syscall_resolve_name(name.encode())
        assert lib.seccomp_rule_add_array(memory, ctypes.c_uint32(_REFUSE), number, 1, rule) == 0, name
    assert ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    # what forbids memory first: the other would forbid to load it
    assert lib.seccomp_load(memory) == 0
    assert lib.seccomp_load(calls) == 0


if __name__ == "__main__":
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
