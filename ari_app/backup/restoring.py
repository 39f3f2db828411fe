"""A backup takes the store's place: all of it made ready beside the store, then put there by one rename(2).

The store that was there stays under another name. Killed at any moment, either of the two is whole in its place.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from ari_app.backup import manifest
from ari_app.backup.check import Contents, altered, digest, sound
from ari_app.backup.settle import Settled, settle_restored
from ari_app.board import Actor
from ari_app.errors import StoreError, StoreLockedError
from ari_app.privacy import erasures
from ari_app.privacy.reapply import reapply
from ari_app.settings import Settings
from ari_app.threads import keyed, place
from ari_app.threads.database import fold

__all__ = ["Restored", "Source", "chosen", "opened", "restore"]

_PIECE = 1 << 20
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Source:
    """A backup to be put back, opened: whoever may read it is not always who owns the store."""

    file: Path
    stream: BinaryIO
    key: bytes | None
    """What lies beside it as textback.key."""
    erased: tuple[erasures.Erasure, ...]
    """By the lines beside it."""
    sha256: str | None
    """By the manifest beside it."""


@dataclass(frozen=True, slots=True)
class Restored:
    """``held``: what the backup had. ``before``: where the store is that was there, None when there was none."""

    file: Path
    held: Contents
    before: Path | None
    erased: int
    settled: Settled
    key_missing: bool
    """Nobody has the key under which the backup remembers who was erased and wants no texts."""

    def document(self, store: Path) -> dict[str, Any]:
        """``textback restore --json``."""
        return {
            "store": str(store),
            "file": str(self.file),
            "before": None if self.before is None else str(self.before),
            "schema": self.held.schema,
            "calls": self.held.calls,
            "messages": self.held.messages,
            "newest": self.held.newest,
            "erased": self.erased,
            "opt_outs": self.settled.opt_outs,
            "texts": self.settled.texts,
            "lost_calls": self.settled.lost_calls,
            "lost_messages": self.settled.lost_messages,
            "key_missing": self.key_missing,
        }


def chosen(settings: Settings, which: str, now: datetime) -> Path:
    """The file that "latest", a path, or a bare name in the folder of the backups means. Raises StoreError, ``backup_none``.

    "latest" is ``manifest.last``; where no manifest names any, the newest by its name.
    """
    folder = settings.store.backup.folder
    if which == "latest":
        newest = manifest.last(settings, now) or next(iter(manifest.read(folder)), None)
        if newest is None:
            raise StoreError(f"there is no backup in {folder}", "name a file: textback restore FILE", code="backup_none")
        return newest.file
    named = Path(which)
    return folder / which if not named.exists() and len(named.parts) == 1 and (folder / which).exists() else named


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Source]:
    """``file`` with what lies beside it. Raises StoreError, ``store_unreadable``, and as ``erasures.read``."""
    try:
        stream = file.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise StoreError(
            f"there is no file {file}", "`ls` the folder of the backups: [store.backup] names it", code="store_unreadable"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot read {file} ({error.strerror})", "run this as root", code="store_unreadable") from error
    with stream:
        log = file.with_name(file.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{file} is in use, or what was written last stands in {log.name} beside it",
                f"make one file of it: sqlite3 {file} 'PRAGMA journal_mode=DELETE'",
                code="store_unreadable",
            )
        named = next((copy.sha256 for copy in manifest.read(file.parent) if copy.file.name == file.name), None)
        yield Source(file, stream, _key(file.parent), erasures.read((file.parent / manifest.ERASURES,)), named)


def restore(settings: Settings, source: Source, now: datetime, by: Actor) -> Restored:
    """Put it in the place of the store, as the store's owner and while nobody else writes there.

    Raises StoreLockedError while the service runs; StoreError, ``store_damaged`` or ``store``, for a file that is not sound, not ours or
    newer than this version, and ``restore_failed`` when the disk is full or failing. The store is as it was then.
    """
    store = settings.store.path
    lock = place.Lock(store)
    try:
        lock.take()
    except StoreLockedError as error:
        raise StoreLockedError(error.what, "run systemctl stop textback, then this again, then systemctl start textback") from error
    made = store.with_name(store.name + ".restoring")
    try:
        _gone(made)
        _copied(source, made)
        return _replaced(settings, source, made, now, by)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(
            f"nothing was restored ({why})", f"free space at {store.parent}, then run it again", code="restore_failed"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            _gone(made)
        lock.release()


def _replaced(settings: Settings, source: Source, made: Path, now: datetime, by: Actor) -> Restored:
    store, folder = settings.store.path, settings.store.backup.folder
    held = _sound(source, made)
    ours = keyed.load(store)
    key = source.key or ours
    present = _present(store)
    house = _noted(present, erasures.read((erasures.beside(store), folder / manifest.ERASURES)))
    with closing(sqlite3.connect(made, isolation_level=None, uri=True)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        told = bool(held.current and connection.execute("SELECT EXISTS (SELECT 1 FROM opted_out)").fetchone()[0])
        working = key or keyed.load_or_make(store)
        erased = reapply(connection, working, {*source.erased, *house} if ours in (None, working) else source.erased)
        if ours not in (None, working):
            erased += reapply(connection, ours, house)  # a new machine that has its own key already
            keyed.teach(connection, working)
        if present is not None:
            connection.execute("ATTACH ? AS present", (f"{present.as_uri()}?mode=ro",))
        settled = settle_restored(connection, now, by=by, source=source.file.name, present=present is not None, same_key=ours == working)
        if present is not None:
            connection.execute("DETACH present")
        fold(connection)
        connection.execute("PRAGMA journal_mode=DELETE")
        sound(connection, made)
    with made.open("rb") as written:
        os.fsync(written.fileno())
    before = _swap(store, made, working, now)
    return Restored(source.file, held, before, erased, settled, told and key is None)


def _copied(source: Source, made: Path) -> None:
    """Its bytes, into a file of the store's owner: SQLite opens that alone."""
    place.make(made)
    source.stream.seek(0)
    with made.open("wb") as file:
        while piece := source.stream.read(_PIECE):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _sound(source: Source, made: Path) -> Contents:
    if source.sha256 not in (None, digest(made)):
        raise altered(source.file)
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        return sound(connection, source.file)


def _present(store: Path) -> Path | None:
    """The store that is there, with its log folded into it, if it can be asked."""
    try:
        os.close(os.open(store, os.O_RDWR | os.O_CLOEXEC))
        # for reading first: SQLite clears away what it does not understand of a log, and a damaged store is kept as it is
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT number, opted_out FROM contact LIMIT 1").fetchone()
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return None
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=5000")
            folded = fold(connection)
    except (OSError, sqlite3.Error):
        return None
    if not folded:
        raise StoreError("somebody reads the store", "end other textback commands, then run it again", code="store_locked")
    return store


def _noted(present: Path | None, lines: tuple[erasures.Erasure, ...]) -> set[erasures.Erasure]:
    """Erasures by the lines and by the store that was there."""
    found = set(lines)
    if present is not None:
        with closing(sqlite3.connect(f"{present.as_uri()}?mode=ro", uri=True)) as connection, contextlib.suppress(sqlite3.OperationalError):
            found |= {erasures.Erasure(at=at, digest=digest) for at, digest in connection.execute("SELECT at, digest FROM erasure")}
    return found


def _swap(store: Path, made: Path, key: bytes, now: datetime) -> Path | None:
    """The store gets a second name, loses its log (folded; of a damaged one it is kept beside it), and its first name goes to the new one.

    SQLite would read an old log into a new file: it must be gone before.
    """
    at = now.astimezone(UTC)
    while (before := store.with_name(f"{store.name}.before-restore-{at:%Y%m%dT%H%M%SZ}")).exists():
        at += timedelta(seconds=1)
    there = store.exists()
    if there:
        os.link(store, before)
        for end in _BESIDE:
            beside = store.with_name(store.name + end)
            if end != "-shm" and beside.exists() and beside.stat().st_size:
                os.link(beside, before.with_name(before.name + end))
    _put_key(store, key, before.name.removeprefix(f"{store.name}."))
    place.keep_names(store.parent)
    for end in _BESIDE:
        store.with_name(store.name + end).unlink(missing_ok=True)
    made.rename(store)
    place.keep_names(store.parent)
    return before if there else None


def _put_key(store: Path, key: bytes, mark: str) -> None:
    if keyed.load(store) == key:
        return
    path = keyed.key_path(store)
    if path.exists():
        os.link(path, path.with_name(f"{path.name}.{mark}"))
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def _key(folder: Path) -> bytes | None:
    """The key beside a backup: named as that of a store ``textback`` would be."""
    return keyed.load(folder / manifest.KEY.removesuffix(".key"))


def _gone(made: Path) -> None:
    for end in ("", *_BESIDE):
        made.with_name(made.name + end).unlink(missing_ok=True)
