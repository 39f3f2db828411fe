"""Files as `textback setup` writes them: whole or not at all, with owner and mode right before the first byte is in them."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ari_app.errors import SetupError

__all__ = ["Owner", "names", "read", "refused", "remove", "tidy", "write"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a file belongs to, as names of this machine; None leaves it to whom the command runs as."""

    user: str | None = None
    group: str | None = None

    def ids(self) -> tuple[int, int]:
        """uid and gid, -1 for "as it is" (chown(2)). Raises SetupError for a name that is not known."""
        try:
            uid = -1 if self.user is None else int(self.user) if self.user.isdecimal() else pwd.getpwnam(self.user).pw_uid
            gid = -1 if self.group is None else int(self.group) if self.group.isdecimal() else grp.getgrnam(self.group).gr_gid
        except KeyError as error:
            raise SetupError(
                f"this machine has no user or group {error.args[0].rsplit(' ', 1)[-1]}", "make it, then run setup again", code="setup_owner"
            ) from None
        return uid, gid


def names(path: Path) -> Owner:
    """Who owns a file that is there, by name (by number where it has none)."""
    found = path.stat()
    try:
        user = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        user = str(found.st_uid)
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return Owner(user, group)


def read(path: Path) -> bytes | None:
    """What the file holds, None if there is none. Raises SetupError if it cannot be read."""
    with refused(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def write(path: Path, content: bytes, *, mode: int | None = None, owner: Owner | None = None) -> None:
    """Writes the whole file, durable when this returns. Raises SetupError, with the file as it was.

    A file that is there keeps its owner, mode and attributes (ACL, SELinux) where ``mode`` and ``owner`` are None; a link is followed.
    """
    path = _end_of(path)
    beside = _beside(path)
    with refused(path, "written"):
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                _dress(path, handle, mode, owner or Owner())
                file.write(content)
                file.flush()
                os.utime(handle)
                os.fsync(handle)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _settle(path.parent)


def _end_of(path: Path) -> Path:
    """Where a link leads. Only the file's own name is followed: a folder above it may be another namespace's (/proc/PID/root)."""
    for _ in range(40):  # as many as the kernel follows (path_resolution(7))
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return path


def _dress(path: Path, handle: int, mode: int | None, owner: Owner) -> None:
    if path.exists():
        there = path.stat()
        os.fchown(handle, there.st_uid, there.st_gid)
        # by descriptor: in a folder that is Asterisk's to write the name may be anything by now
        shutil.copystat(path, handle)  # type: ignore[arg-type]
    os.fchown(handle, *owner.ids())
    if mode is not None:
        os.fchmod(handle, mode)


def _beside(path: Path) -> Path:
    """Where a file is written before it takes its place; the journal's lock lets one process at a time do that."""
    return path.with_name(f".{path.name}.textback")


def tidy(path: Path) -> None:
    """Takes away what a process that was killed while it wrote this file has left beside it. Raises SetupError."""
    beside = _beside(_end_of(path))
    with refused(beside, "removed"):
        beside.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Takes a file away, durable when this returns; none there is fine. Raises SetupError."""
    with refused(path, "removed"):
        _beside(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _settle(path.parent)


def _settle(folder: Path) -> None:
    """A name in a folder outlives a power cut only after the folder's own fsync (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def refused(path: Path, what: str) -> Iterator[None]:
    """What the system refuses, as a SetupError that names the path."""
    try:
        yield
    except PermissionError as error:
        fix = "run textback setup as root" if os.geteuid() else f"see lsattr {path}: immutable files are written by nobody"
        raise SetupError(f"{path} cannot be {what} ({error.strerror})", fix, code="setup_permission") from error
    except FileNotFoundError as error:
        raise SetupError(f"{path} cannot be {what}: {error.filename} is not there", "make its folder", code="setup_file") from error
    except OSError as error:
        raise SetupError(f"{path} cannot be {what} ({error.strerror})", "see the disk and the file's rights", code="setup_file") from error
