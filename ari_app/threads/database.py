"""One thread owns the only connection that writes; reads go over read-only connections beside it.

Every write is durable when it returns (``BEGIN IMMEDIATE``, WAL, ``synchronous=FULL``); those that wait at the same time share one
transaction, each in a savepoint of its own. Notices collected in it leave after its commit, on the event loop, before its caller goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import InvalidStateError, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import structlog

from ari_app.errors import StoreClosedError, StoreError
from ari_app.events import Notice
from ari_app.threads import keyed, migrations, place

__all__ = ["IDS_ONCE", "Database", "Params", "Reader", "Transaction", "fold"]

_T = TypeVar("_T")
Params = Sequence[object] | dict[str, Any]
IDS_ONCE = ("thread", "person", "message", "voicemail")
"""Tables that never give an id again. SQLite gives that of a deleted last row to the next one: a page that is still open, the audit, or a
transcript under way would then be about somebody else. What was deleted is counted by triggers (``m005_privacy``)."""
_BUSY_MS = 5000
_READERS = 4
"""A question that takes long (statistics of years) must not keep pages and search waiting."""
_BUGS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError, sqlite3.DataError)
"""Errors of SQLite that are ours, not the disk's."""
_SQLITE = (3, 37)
"""STRICT tables."""
_TOGETHER = 64
"""Jobs that share a transaction at most."""
_LOOK_FOR = 2.0
"""Seconds that an opening looks for damage: of a store of more than some 500 MB the rest is looked at beside the work (``check``)."""
_FOLD_MS = 20
"""How long folding the log waits for readers: whoever writes meanwhile waits as long."""

log = structlog.get_logger(__name__)


class Reader:
    """A connection seen as questions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.connection.execute(sql, params).fetchone()
        return row

    def all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        return self.connection.execute(sql, params).fetchall()

    def each(self, sql: str, params: Params = ()) -> Iterator[sqlite3.Row]:
        """Row by row, for many."""
        return iter(self.connection.execute(sql, params))

    def value(self, sql: str, params: Params = ()) -> Any:
        """First column of the first row, None when there is none."""
        row = self.one(sql, params)
        return None if row is None else row[0]


class Transaction(Reader):
    """One write under way: questions, changes, and the notices that leave once it is committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.notices: dict[Notice, None] = {}
        """In the order they were first said."""

    def run(self, sql: str, params: Params = ()) -> int:
        """Change rows; how many."""
        return self.connection.execute(sql, params).rowcount

    def insert(self, table: str, columns: dict[str, Any]) -> int:
        """A new row; its rowid. ``table`` and the keys are names from our own code."""
        if table in IDS_ONCE:
            columns = {"id": self._next_id(table), **columns}
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        cursor = self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))  # noqa: S608
        return cursor.lastrowid or 0

    def _next_id(self, table: str) -> int:
        return 1 + int(
            self.value(
                f"SELECT max((SELECT coalesce(max(id), 0) FROM {table}), coalesce((SELECT value FROM counter WHERE name = ?), 0))",  # noqa: S608
                (f"{table}_ids",),
            )
        )

    def notify(self, notice: Notice) -> None:
        """Once per transaction, however often it is said."""
        self.notices.setdefault(notice)


@dataclass(slots=True)
class _Job:
    work: Callable[[Transaction], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    bare: bool = False
    """Not in a transaction."""


_Ended = tuple[asyncio.Future[Any], tuple[Notice, ...], Any, BaseException | None]
"""A job's future, and what it came to."""


class Database:
    """The file, opened. ``read_only``: no lock, no writer, and the file must be there."""

    def __init__(self, path: Path, *, on_notices: Callable[[tuple[Notice, ...]], None] | None = None, read_only: bool = False) -> None:
        self.path = path.resolve()
        self._on_notices = on_notices
        self._read_only = read_only
        self._lock = place.Lock(self.path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closing: asyncio.Future[None] | None = None
        self._checked = True
        """Was all of the file looked at for damage."""
        self._broke: ThreadFuture[None] = ThreadFuture()
        """Has the damage that was met while the file was used."""
        self.trouble: StoreError | None = None
        """Why the last write was not done; None when it was."""

    async def open(self) -> None:
        """Lock, check, migrate. Raises StoreLockedError when another process writes, StoreError when the file cannot be used."""
        loop = asyncio.get_running_loop()
        if self._read_only:
            await loop.run_in_executor(None, self._look)
        else:
            opened: ThreadFuture[None] = ThreadFuture()
            self._writer = threading.Thread(target=self._write_all, args=(opened,), name="store-writer", daemon=True)
            self._writer.start()
            await asyncio.wrap_future(opened)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")

    async def write(self, work: Callable[[Transaction], _T]) -> _T:
        """Run ``work`` in one transaction on the writer thread. An exception of ``work`` rolls it back and is raised here.

        Cancelling the caller does not undo it. Raises StoreClosedError after ``close``, StoreError when the disk is full or failing.
        """
        return await self._ask(work)

    async def fold(self) -> bool:
        """Move all of the log into the file and empty it (wal_checkpoint(TRUNCATE)); False while a reader still needs it.

        Until then what was deleted stands in the log. Raises as ``write``.
        """
        return await self._ask(lambda tx: fold(tx.connection), bare=True)

    async def _ask(self, work: Callable[[Transaction], _T], *, bare: bool = False) -> _T:
        if self._readers is None or self._closing is not None:
            raise StoreClosedError("the store is closed")
        if self._writer is None:
            raise StoreError("the store was opened for reading only")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._jobs.put(_Job(work, loop, future, bare))
        return await future

    async def read(self, work: Callable[[Reader], _T]) -> _T:
        """Run ``work`` over a read-only connection: one consistent view of the file, beside the writer.

        Raises StoreClosedError after ``close``, StoreError when the file cannot be read.
        """
        if self._readers is None or self._closing is not None:
            raise StoreClosedError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read_one, work)

    async def check(self) -> None:
        """Look through the whole file for damage, where opening it did not get to the end. Raises StoreError."""
        if self._checked:
            return
        connection = self._reading()
        looking = asyncio.get_running_loop().run_in_executor(None, _damage, connection)
        try:
            found = await asyncio.shield(looking)
        except asyncio.CancelledError:
            connection.interrupt()
            await asyncio.gather(looking, return_exceptions=True)
            raise
        except sqlite3.DatabaseError as error:
            raise _unusable(self.path, error) from error
        finally:
            connection.close()
        if found is not None:
            raise _damaged(self.path, found)
        self._checked = True

    async def damage(self) -> NoReturn:
        """Wait for damage that a question or a write meets while the file is used, and raise it (StoreError, ``store_damaged``)."""
        await asyncio.wrap_future(self._broke)
        raise AssertionError("it only ever has an error")

    async def close(self) -> None:
        """Finish what was asked before, then let go of file and lock. Idempotent; later calls wait for the first."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().run_in_executor(None, self._end)
        await asyncio.shield(self._closing)

    def _end(self) -> None:
        if self._readers is not None:
            self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        # the writer last: only the last connection to close, and only one that may write, folds the log back into the file
        self._jobs.put(None)
        if self._writer is not None:
            self._writer.join()

    def _look(self) -> None:
        place.readable(self.path)
        connection = self._reading()
        try:
            if not migrations.check(connection):
                raise StoreError("the store was written by an older textback", "start the service once: it brings the store up to date")
        except sqlite3.DatabaseError as error:
            raise _unusable(self.path, error) from error
        finally:
            connection.close()

    def _reading(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            connection.execute("PRAGMA query_only=ON")
            keyed.teach(connection, keyed.load(self.path))
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        return connection

    def _read_one(self, work: Callable[[Reader], _T]) -> _T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._reading()
            self._connections.append(connection)
        try:
            connection.execute("BEGIN")
            try:
                return work(Reader(connection))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                raise self._met(error) from error
            raise StoreError(f"cannot read the store ({error})", f"see that the disk of {self.path} is sound") from error

    def _write_all(self, opened: ThreadFuture[None]) -> None:
        try:
            self._lock.take()
            connection = self._writing()
        except BaseException as error:  # noqa: BLE001  (handed to the caller of open)
            self._lock.release()
            opened.set_exception(_unopened(self.path, error) if isinstance(error, OSError) else error)
            return
        opened.set_result(None)
        try:
            waiting: deque[_Job | None] = deque()
            while together := self._together(waiting):
                self._write(connection, together)
        finally:
            connection.close()
            self._lock.release()

    def _writing(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < _SQLITE:
            needed = ".".join(map(str, _SQLITE))
            raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old", f"use a Python built with SQLite {needed} or newer")
        place.make(self.path)
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            connection.execute("PRAGMA foreign_keys=ON")
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")  # zeros where something was, from the first day on: not when somebody asks
            self._sound(connection, mode)
            migrations.migrate(connection)
            self._teach(connection)
            place.keep_names(self.path.parent)
        except sqlite3.Error as error:
            connection.close()
            raise _unusable(self.path, error) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _teach(self, connection: sqlite3.Connection) -> None:
        key = keyed.load_or_make(self.path)
        keyed.teach(connection, key)
        mark = int(keyed.digest(key, "")[:12], 16)
        of, needed = connection.execute(
            "SELECT (SELECT value FROM counter WHERE name = 'key'), EXISTS (SELECT 1 FROM opted_out) OR EXISTS (SELECT 1 FROM erasure)"
        ).fetchone()
        if of is None or not needed:
            connection.execute(
                "INSERT OR REPLACE INTO counter (name, value) SELECT 'key', :mark WHERE :mark IS NOT :of", {"mark": mark, "of": of}
            )
        elif of != mark:  # at each start, until it is put back
            log.error(
                "key_lost", fix=f"put {keyed.key_path(self.path)} back from the backups: who was erased and wants no texts is known by it"
            )

    def _sound(self, connection: sqlite3.Connection, mode: str) -> None:
        if mode != "wal":
            raise StoreError(f"the disk of {self.path} allows no write-ahead log", "set store.path to a local disk")
        # what is to be rewritten by an upgrade is looked at whole first
        within = _LOOK_FOR if migrations.check(connection) else None
        try:
            found = _damage(connection, within)
        except _TooLongError:
            self._checked = False
            return
        if found is not None:
            raise _damaged(self.path, found)

    def _together(self, waiting: deque[_Job | None]) -> list[_Job]:
        """The next job and those behind it that may share its transaction: the disk syncs once for all of them. None at the end."""
        if not waiting:
            waiting.append(self._jobs.get())
        with contextlib.suppress(queue.Empty):
            while len(waiting) < _TOGETHER:
                waiting.append(self._jobs.get_nowait())
        jobs: list[_Job] = []
        while waiting and (job := waiting[0]) is not None and not (jobs and (job.bare or jobs[0].bare)):
            jobs.append(job)
            waiting.popleft()
        return jobs

    def _write(self, connection: sqlite3.Connection, jobs: Sequence[_Job]) -> None:
        """Do these in one transaction, each as if alone: one that fails leaves no trace in it."""
        done: list[tuple[_Job, Transaction, Any, BaseException | None]] = []
        try:
            if jobs[0].bare:
                done.append((jobs[0], (tx := Transaction(connection)), jobs[0].work(tx), None))
            else:
                connection.execute("BEGIN IMMEDIATE")
                done.extend(_done(connection, job) for job in jobs)
                connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  (handed to the callers of write)
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # tried again with the next
                    connection.execute("ROLLBACK")
            guilty = jobs[len(done)] if len(done) < len(jobs) else None  # none: it was the commit
            done = [(job, Transaction(connection), None, error if job is guilty else _undone(error, len(jobs))) for job in jobs]
        self.trouble = None
        ended: dict[asyncio.AbstractEventLoop, list[_Ended]] = {}
        for job, transaction, result, failed in done:
            told = failed
            if isinstance(failed, sqlite3.DatabaseError) and not isinstance(failed, _BUGS):
                told = self.trouble = self._unwritable(failed)
            ended.setdefault(job.loop, []).append((job.future, () if told else tuple(transaction.notices), result, told))
        for loop, results in ended.items():
            try:
                loop.call_soon_threadsafe(self._deliver, results)
            except RuntimeError:
                log.warning("store_result_unread")  # the loop ended first; what was committed is committed

    def _unwritable(self, error: BaseException) -> StoreError:
        if _is_damage(error):
            failed = self._met(error)
        elif "locked" in str(error):
            failed = StoreError(f"cannot write the store ({error})", "end the program that writes to it, such as an open sqlite3 shell")
        else:
            failed = StoreError(f"cannot write the store ({error})", f"free space on the disk of {self.path}, or mend it")
        failed.__cause__ = error
        return failed

    def _met(self, error: BaseException) -> StoreError:
        damaged = _damaged(self.path, error)
        with contextlib.suppress(InvalidStateError):  # not the first, or nobody waits any more
            self._broke.set_exception(damaged)
        return damaged

    def _deliver(self, results: Sequence[_Ended]) -> None:
        for future, notices, result, error in results:
            if notices and self._on_notices is not None:
                try:
                    self._on_notices(notices)
                except Exception as fault:  # noqa: BLE001  (a listener's fault is not the writer's)
                    log.error("notices_failed", notices=len(notices), error=type(fault).__name__)
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _done(connection: sqlite3.Connection, job: _Job) -> tuple[_Job, Transaction, Any, BaseException | None]:
    """A job done within the transaction of several, with what it came to. Raises what ended the whole transaction."""
    transaction = Transaction(connection)
    connection.execute("SAVEPOINT job")
    try:
        result = job.work(transaction)
    except BaseException as error:
        if not connection.in_transaction:
            raise  # SQLite itself rolled everything back, as it does on a full disk
        connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return job, transaction, None, error
    connection.execute("RELEASE job")
    return job, transaction, result, None


def _undone(error: BaseException, together: int) -> BaseException:
    """What those are told that shared a transaction with the one that failed: the bug of another is none of theirs, they may try again."""
    if together == 1 or (isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _BUGS)):
        return error
    undone = StoreError(f"the write was undone with another that failed ({type(error).__name__})", "try again")
    undone.__cause__ = error
    return undone


def fold(connection: sqlite3.Connection) -> bool:
    """``Database.fold``, of a connection that writes."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # most of the work, in nobody's way
    connection.execute(f"PRAGMA busy_timeout={_FOLD_MS}")
    try:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return not busy


class _TooLongError(Exception):
    """Not all was looked at."""


def _damage(connection: sqlite3.Connection, within: float | None = None) -> str | None:
    """What SQLite's own check finds first (https://sqlite.org/pragma.html#pragma_quick_check). Raises _TooLongError after ``within`` s."""
    if within == 0:
        raise _TooLongError
    over = threading.Event()

    def stop() -> None:
        over.set()
        connection.interrupt()

    timer = threading.Timer(within or 0, stop)
    if within is not None:
        timer.start()
    try:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if over.is_set():
            raise _TooLongError from error
        raise
    finally:
        timer.cancel()
        if within is not None:
            timer.join()
    return None if found == "ok" else found


def _damaged(path: Path, found: object) -> StoreError:
    return StoreError(
        f"the store {path} is damaged: {found}",
        "run systemctl stop textback, then textback restore latest, then systemctl start textback; the damaged file is kept",
        code="store_damaged",
    )


def _is_damage(error: BaseException) -> bool:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _unopened(path: Path, error: OSError) -> StoreError:
    failed = StoreError(f"cannot open the store {path} ({error.strerror})", f"free space on the disk of {path.parent}, or mend it")
    failed.__cause__ = error
    return failed


def _unusable(path: Path, error: sqlite3.Error) -> StoreError:
    if _is_damage(error):
        return _damaged(path, error)
    if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return StoreError(f"cannot use the store {path} ({error})", f"free space on the disk of {path.parent}, or mend it")
    return StoreError(
        f"cannot use the store {path} ({error})", "see that it is textback's file and readable, or name another as store.path"
    )
