"""A backup: the store as it stands at one moment, whole, looked through before it bears its name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ari_app.backup import manifest, rotate
from ari_app.backup.check import digest, inspect, looking, passing, rows, sound, unsound
from ari_app.backup.manifest import Copy
from ari_app.errors import StoreError
from ari_app.privacy import erasures
from ari_app.settings import Settings
from ari_app.threads import keyed, place

__all__ = ["make", "prepare"]

_PAGES = 256
"""Copied at a time: 1 MiB. The service writes meanwhile (WAL); its log grows until the copy is whole."""
_PARTIAL = ".partial"


def prepare(folder: Path, store: Path) -> None:
    """Make the folder where there is none, mode 0700, owned as the folder of the store is. For root; others may make it for themselves.

    Raises StoreError, code ``backup_folder``; when there is no store, as ``place.readable``.
    """
    place.readable(store)
    try:
        folder.mkdir(0o700)
        home = store.parent.stat()
        if os.geteuid() == 0:
            os.chown(folder, home.st_uid, home.st_gid)
    except FileExistsError:
        if not folder.is_dir():
            raise _no_folder(folder, "it is a file") from None
    except OSError as error:
        raise _no_folder(folder, error.strerror or "") from error


def make(settings: Settings, now: datetime, *, folder: Path | None = None) -> Copy:
    """Copy the store into ``folder`` ([store.backup] without), beside a running service or without one; then let old ones go.

    The copy is on disk, readable by its owner alone, and was found sound. Raises StoreError: ``store_damaged``; ``backup_folder`` when
    nobody may write there, ``backup_busy`` while another is made, ``backup_failed`` when the disk is full or failing. What was there stays.
    """
    folder = folder or settings.store.backup.folder
    store = settings.store.path
    place.readable(store)
    with _alone(folder, store):
        for left in folder.glob(f"textback-*{_PARTIAL}*"):
            left.unlink(missing_ok=True)  # a backup that was killed
        at = now.astimezone(UTC).replace(microsecond=0)
        while (file := folder / manifest.file_name(at)).exists():
            at += timedelta(seconds=1)
        partial = file.with_name(file.name + _PARTIAL)
        try:
            copy = _copied(store, partial, file, at)
            _keep_key(store, folder, at)
            _keep_erasures(partial, folder)
            partial.rename(file)
            place.keep_names(folder)
            return _rotated(settings, folder, copy)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"no backup was made in {folder} ({why})",
                "free space there, or set store.backup.folder; older backups stay",
                code="backup_failed",
            ) from error
        finally:
            for name in (partial, partial.with_name(partial.name + "-journal"), partial.with_name(partial.name + "-wal")):
                with contextlib.suppress(OSError):
                    name.unlink(missing_ok=True)


def _copied(store: Path, partial: Path, file: Path, at: datetime) -> Copy:
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with looking(store) as source, closing(sqlite3.connect(partial, isolation_level=None)) as target:
        try:
            source.execute("BEGIN")  # one state of it: what others write meanwhile neither shows nor starts the copy anew
            before = rows(source)
        except sqlite3.DatabaseError as error:
            if passing(error):
                raise
            raise unsound(store, str(error)) from error
        source.backup(target, pages=_PAGES)
        source.execute("ROLLBACK")
        target.execute("PRAGMA journal_mode=DELETE")  # one file, that can be read where nothing can be written
        found = sound(target, store)
        if rows(target) != before:
            raise unsound(store, "the copy has other rows than the store")
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    return Copy(file, at, partial.stat().st_size, digest(partial), found.schema, found.calls, found.messages)


def _rotated(settings: Settings, folder: Path, copy: Copy) -> Copy:
    """The manifest first: a file it does not name is still found by its name, and goes the next time."""
    chosen = settings.store.backup
    there = {each.at: _adopted(each) for each in (*manifest.read(folder), copy)}
    # one that is not sound takes no place of one that is; it goes when it is older than all that stay. One from a time to come takes no
    # place either: the clock was wrong when it was made, or is wrong now
    good = [at for at, each in there.items() if each.sha256 is not None]
    stay = rotate.kept((at for at in good if at <= copy.at), chosen.daily, chosen.weekly)
    until = rotate.kept_until(stay, chosen.daily, chosen.weekly)
    oldest = min(stay)
    listed = {at: replace(there[at], kept_until=until.get(at)) for at in good if at in stay or at > copy.at}
    manifest.write(folder, listed.values())
    for at, each in there.items():
        if at not in listed and (at in good or at < oldest):
            each.file.unlink(missing_ok=True)
    place.keep_names(folder)
    return listed[copy.at]


def _adopted(copy: Copy) -> Copy:
    """One that the manifest does not name (it was lost, or the file brought back) is looked through, and named if it is sound."""
    if copy.sha256 is not None:
        return copy
    try:
        found = inspect(copy.file)
        return Copy(copy.file, copy.at, copy.file.stat().st_size, digest(copy.file), found.schema, found.calls, found.messages)
    except (StoreError, OSError):
        return copy


def _keep_key(store: Path, folder: Path, at: datetime) -> None:
    """The key lies with the backups, once. Another one that is there already is that of other backups, and stays under another name."""
    key = keyed.load(store)
    if key is None:
        return
    kept = folder / manifest.KEY
    said = f"{key.hex()}\n".encode("ascii")
    with contextlib.suppress(FileNotFoundError):
        if kept.read_bytes() == said:
            return
        kept.rename(folder / f"{manifest.KEY}.before-{at:%Y%m%dT%H%M%SZ}")
    made = folder / f"{manifest.KEY}.new"
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(said)
        file.flush()
        os.fsync(file.fileno())
    made.rename(kept)


def _keep_erasures(copy: Path, folder: Path) -> None:
    """The service writes them down in the folder of [store.backup]; another one, or one it may not write to, learns of them here."""
    with closing(sqlite3.connect(copy)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasure'").fetchone():
            known = [erasures.Erasure(at=at, digest=digest) for at, digest in connection.execute("SELECT at, digest FROM erasure")]
            erasures.note(folder / erasures.BACKUP_NAME, known)


@contextlib.contextmanager
def _alone(folder: Path, store: Path) -> Iterator[None]:
    """One at a time of a store: flock(2) on the folder of the store, as that of the backups may be on another machine (NFS)."""
    if not folder.is_dir():
        raise _no_folder(folder, "there is no such folder")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise _no_folder(folder, "Permission denied")
    fd = os.open(store.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(f"another backup of {store} is being made", "wait until it is done", code="backup_busy") from error
        yield
    finally:
        os.close(fd)


def _no_folder(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"cannot write backups to {folder} ({why})",
        f"install -d -o textback -g textback -m 0700 {folder}, or set store.backup.folder",
        code="backup_folder",
    )
