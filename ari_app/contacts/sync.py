"""Keeping in step with the clinic's own database: looked at when it was written, or now and then; obeyed unless it seems to be broken."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import structlog
from pydantic import TypeAdapter

from ari_app.clock import Clock
from ari_app.contact_settings import SourceSettings
from ari_app.contacts.columns import plain
from ari_app.contacts.people import Rules
from ari_app.contacts.reading import Found, read
from ari_app.contacts.source import Source
from ari_app.contacts.source_csv import FileSource, Stamp, UnsettledError
from ari_app.contacts.table import Refused
from ari_app.contacts.thread import in_thread
from ari_app.errors import SettingsError, SourceError, StoreError
from ari_app.person import Applied, Record, Synced
from ari_app.settings import Settings
from ari_app.threads.contacts import Contacts

__all__ = ["Look", "Sync", "source_of"]

SYNC: Final = "sync"
_BATCH = 250
_POLL = 1.0
_SETTLE = 2.0
"""Seconds a file must have been still before it is read,"""
_SURE = 20.0
"""and before somebody who is in it no more is removed: a program that writes slowly has written half of it by then, and goes on."""
_ROUNDS = 10
"""How often a look that somebody asked for waits until the file is still."""
_AGAIN = 5.0
"""Seconds until a source that failed is tried again, doubled each time up to ``every``."""
_FEW = 10
"""Of fewer contacts half may go at once."""
_PATIENCE = 840.0
"""Seconds one look may take; a command that asked for it waits a minute longer."""
_BREATH = 0.001
"""Seconds the reading thread rests every 100 rows, so that the event loop gets the interpreter."""

_RECORDS: TypeAdapter[list[Record]] = TypeAdapter(list[Record])

log = structlog.get_logger(__name__)


class _Stopped(Exception):  # noqa: N818 - no error: the reading thread is told to end
    pass


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the source. ``rows``: without empty ones; ``dry``: nothing was changed."""

    synced: Synced
    unchanged: int
    rows: int
    dry: bool


def source_of(settings: SourceSettings) -> Source:
    """The source that is set. Raises SettingsError when it cannot be used: a secret's file, the URL, the query, a driver."""
    match settings.kind:
        case "csv":
            return FileSource(settings)
        case "sql":
            from ari_app.contacts.source_sql import SqlSource  # noqa: PLC0415 - SQLAlchemy is large, and of use to few

            return SqlSource(settings)
        case "ldap":
            from ari_app.contacts.source_ldap import LdapSource  # noqa: PLC0415 - likewise

            return LdapSource(settings)


class Sync:
    """The task of one service. Looks come one after the other, whoever asks for them."""

    def __init__(
        self,
        settings: Settings,
        contacts: Contacts,
        clock: Clock,
        *,
        settle: float = _SETTLE,
        sure: float = _SURE,
        patience: float = _PATIENCE,
    ) -> None:
        self._settings = settings.contacts.source
        self._country = settings.clinic.country
        self._contacts = contacts
        self._clock = clock
        self._settle = settle
        self._sure = sure
        self._patience = patience
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Look until cancelled. A source that fails is told, and tried again."""
        if self._settings is None:
            await asyncio.Event().wait()
        elif self._settings.kind == "csv":
            await self._watch(FileSource(self._settings), self._settings)
        else:
            await self._ask_again_and_again(self._settings)

    async def once(self, *, force: bool = False, dry: bool = False, on_refused: Callable[[Refused], None] | None = None) -> Look:
        """Look now. ``force``: obey also a source that vanished or lost half of its contacts.

        ``on_refused`` is called in the reading thread. Raises SettingsError without [contacts.source], StoreError.
        """
        if self._settings is None:
            raise SettingsError(
                "there is no [contacts.source] in the settings", "add one, or use: textback contacts import FILE", code="no_source"
            )
        for _ in range(3):
            await self._still(self._settings)
            try:
                return await self._look(force=force, dry=dry, on_refused=on_refused)
            except UnsettledError:
                await self._clock.sleep(self._settle)
        try:
            return await self._look(force=force, dry=dry, on_refused=on_refused)
        except UnsettledError as error:
            return await self._tell(self._ended("failed", error.what, error.fix, total=0, code=error.code), dry=dry)

    # -- when

    async def _still(self, settings: SourceSettings) -> None:
        """Wait while a file was written a moment ago: half of it may be to come. Not for ever: what is written on and on is told."""
        if settings.kind != "csv":
            return
        source = FileSource(settings)
        for _ in range(_ROUNDS):
            stamp = None
            with contextlib.suppress(SourceError):
                stamp = await in_thread(source.stamp)
            age = self._settle if stamp is None else self._clock.now().timestamp() - stamp.written / 1e9
            if not 0 <= age < self._settle:
                return
            await self._clock.sleep(self._settle - age)

    async def _ask_again_and_again(self, settings: SourceSettings) -> None:
        failures = 0
        while True:
            every = wait = settings.every.total_seconds()
            if await self._kept_going() == "failed":
                wait = min(every, _AGAIN * 2**failures) * random.uniform(0.8, 1.2)  # noqa: S311 - so that not all clinics ask at once
                failures = min(failures + 1, 20)
            else:
                failures = 0
            await self._clock.sleep(wait)

    async def _watch(self, source: FileSource, settings: SourceSettings) -> None:
        """``seen`` since ``since``; ``read`` was the last looked at, and is looked at again when it is ``due``, changed or not."""
        seen: Stamp | None = None
        read: Stamp | None = None
        since = self._clock.monotonic()
        due = needed = 0.0
        told = False
        while True:
            try:
                stamp = await in_thread(source.stamp)
            except SourceError:
                stamp = None
            now = self._clock.monotonic()
            if stamp != seen:
                seen, since, needed, told = stamp, now, self._settle, False
            still = now - since
            if stamp is None:
                if still >= self._sure and not told:
                    read, told = None, True
                    await self._gone(source)
            elif still >= max(needed, self._settle) and (stamp != read or now >= due):
                state = await self._kept_going(sure=still >= self._sure)
                if state == "unsure":
                    needed = self._sure
                elif state != "unsettled":
                    read = stamp
                    due = now + settings.every.total_seconds() if state == "failed" else float("inf")
            await self._clock.sleep(_POLL)

    async def _gone(self, source: FileSource) -> None:
        try:
            await in_thread(source.stamp)
            what = f"there is no file {source.path}"
        except SourceError as error:
            what = error.what
        try:
            total = len(await self._contacts.digests(SYNC))
            state: Literal["refused", "failed"] = "refused" if total else "failed"
            await self._tell(self._ended(state, what, "see the program that writes it", total=total), dry=False)
        except StoreError as error:
            log.error("contacts_not_told", what=error.what, fix=error.fix)

    async def _kept_going(self, *, sure: bool = True) -> str:
        """One look of the task's own: how it ended; "unsettled" and "unsure" when it is to be taken again soon."""
        try:
            ended = (await self._look(sure=sure)).synced
        except _UnsureError:
            return "unsure"
        except UnsettledError:
            return "unsettled"
        except StoreError as error:
            log.error("contacts_not_kept", what=error.what, fix=error.fix)
            return "failed"
        if ended.state != "ok":
            log.warning("contacts_not_in_step", state=ended.state, what=ended.what, fix=ended.fix)
        return ended.state

    # -- what

    async def _look(
        self, *, force: bool = False, dry: bool = False, sure: bool = True, on_refused: Callable[[Refused], None] | None = None
    ) -> Look:
        async with self._busy:
            digests = await self._contacts.digests(SYNC)
            before = len(digests)
            stop, pile = threading.Event(), _Pile()
            try:
                async with asyncio.timeout(self._patience):
                    found, gone = await in_thread(lambda: self._read(digests, pile, stop, on_refused))
            except TimeoutError:
                # its thread is left to itself: whatever it waits for may never come
                ended = self._ended("failed", f"the source did not end within {self._patience:g} s", "see that it is up", total=before)
                return await self._tell(ended, dry=dry)
            except UnsettledError:
                raise
            except (SourceError, SettingsError) as error:
                return await self._tell(self._ended("failed", error.what, error.fix, total=before, code=error.code), dry=dry)
            except Exception as error:
                # what a library makes of somebody's database must not end the service
                log.exception("contacts_unreadable")
                what = f"textback failed at reading {self._settings.kind if self._settings else ''} ({type(error).__name__})"
                ended = self._ended("failed", what, "report it with the lines of its log", total=before)
                return await self._tell(ended, dry=dry)
            finally:
                stop.set()
            total = len(found.externals)
            if gone and not sure:
                raise _UnsureError
            if before and not force and (not total or (before >= _FEW and len(gone) * 2 > before)):
                new = f" (and {found.added} others)" if found.added else ""
                what = f"the source has {before - len(gone)} of the {before} contacts it had before{new}: nothing was changed"
                fix = "see the source; if it is right: textback contacts sync --force"
                return await self._tell(self._ended("refused", what, fix, total=before), dry=dry)
            applied = Applied(added=found.added, changed=found.changed, removed=len(gone))
            if not dry:
                applied = await self._apply(pile, gone)
            ended = self._ended("ok", found.what, "", total=total, applied=applied, refused=found.tally.refused)
            return await self._tell(ended, found.unchanged, found.tally.rows, dry=dry)

    def _read(
        self, digests: dict[str, str], pile: _Pile, stop: threading.Event, on_refused: Callable[[Refused], None] | None
    ) -> tuple[Found, set[str]]:
        """What there is, and who of ``digests`` is not. In a thread."""
        settings = self._settings
        if settings is None:
            raise SettingsError("there is no [contacts.source] in the settings", "add one")
        source = source_of(settings)

        def breathe(_rows: int) -> None:
            if stop.is_set():
                raise _Stopped
            time.sleep(_BREATH)

        kinds = {plain(word): kind for word, kind in settings.kinds.items()}
        with source.table() as table:
            rules = Rules(country=self._country, kinds=kinds, several=table.several)
            found = read(table, source.name, source.wanted, rules, digests, keep=pile.put, on_refused=on_refused, on_row=breathe)
        pile.close()
        return found, digests.keys() - found.externals

    async def _apply(self, pile: _Pile, gone: set[str]) -> Applied:
        applied = Applied()
        for packed in pile.packed:
            applied += await self._contacts.apply(_RECORDS.validate_json(packed), SYNC)
        return applied + Applied(removed=await self._contacts.remove(gone, SYNC) if gone else 0)

    def _ended(
        self,
        state: Literal["ok", "failed", "refused"],
        what: str,
        fix: str,
        *,
        total: int,
        applied: Applied | None = None,
        refused: int = 0,
        code: str = "",
    ) -> Synced:
        came = applied or Applied()
        return Synced(
            source=SYNC,
            at=self._clock.now(),
            state=state,
            what=what,
            fix=fix,
            total=total,
            added=came.added,
            changed=came.changed,
            removed=came.removed,
            refused=refused,
            good=None,
            code=code,
        )

    async def _tell(self, synced: Synced, unchanged: int = 0, rows: int = 0, *, dry: bool) -> Look:
        if not dry:
            log.info("contacts_synced", state=synced.state, total=synced.total, added=synced.added, removed=synced.removed)
            await self._contacts.synced(synced)
        return Look(synced, unchanged, rows, dry)


class _Pile:
    """Records put by, packed: as objects, 100,000 of them cost the garbage collector, and with it the event loop, 100 ms."""

    def __init__(self) -> None:
        self.packed: list[bytes] = []
        self._open: list[Record] = []

    def put(self, record: Record) -> None:
        self._open.append(record)
        if len(self._open) == _BATCH:
            self.close()

    def close(self) -> None:
        """Pack what is left."""
        if self._open:
            self.packed.append(_RECORDS.dump_json(self._open))
            self._open = []


class _UnsureError(Exception):
    """People are gone, and the file was still for too short a time to believe it."""
