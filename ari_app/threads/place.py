"""The store's file on disk: made with mode 0600, locked for one writer, owned by whoever owns the folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
from pathlib import Path

from ari_app.errors import StoreError, StoreLockedError

__all__ = ["Lock", "keep_names", "make", "readable"]


class Lock:
    """flock(2) on ``<path>.lock``, held while one process may write. The kernel drops it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._fd: int | None = None

    def take(self) -> None:
        """Raises StoreLockedError when another process holds it, StoreError when the file cannot be made."""
        fd = _open(self.path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise StoreLockedError(
                f"another textback holds the store {self.path.with_suffix('')}" + (f" (process {holder})" if holder else ""),
                "stop that one first, or let the command talk to it",
            ) from error
        self._fd = fd
        with contextlib.suppress(OSError):  # a full disk: who holds it is for people, that it is held is the kernel's
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Idempotent. The file stays: taking it away would let two processes lock two files of one name."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
            os.close(fd)


def make(path: Path) -> None:
    """Create the database file when there is none. SQLite gives -wal and -shm the same mode and, as root, the same owner."""
    os.close(_open(path))


def readable(path: Path) -> None:
    """Raises StoreError when there is no file to read, or not for this user. SQLite also needs to write beside it (-shm)."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError as error:
        raise StoreError(f"there is no store at {path}", "start the service once, or set store.path") from error
    except OSError as error:
        raise StoreError(f"cannot read {path} ({error.strerror})", f"run it as {_owner(path)}") from error


def keep_names(folder: Path) -> None:
    """Make the names of new files durable: SQLite syncs the log's content, not the folder that names it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        os.fchmod(fd, 0o600)  # whatever the umask took away
        home = path.parent.stat()
        if os.geteuid() == 0 and home.st_uid != 0:
            os.fchown(fd, home.st_uid, home.st_gid)
    except FileNotFoundError as error:
        raise StoreError(f"there is no folder {path.parent}", "create it, owned by the service's user, or set store.path") from error
    except OSError as error:
        raise StoreError(f"cannot open {path} ({error.strerror})", f"run it as {_owner(path)}") from error
    return fd


def _owner(path: Path) -> str:
    """Who owns the file, or the nearest folder above it that can be looked at."""
    for place in (path, *path.parents):
        with contextlib.suppress(OSError, KeyError):
            return pwd.getpwuid(place.stat().st_uid).pw_name
    return "root"
