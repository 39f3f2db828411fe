"""Calls that nobody here saw end: looked for in the PBX's own records, and filed.

Read when the watcher is connected, a moment later once more, and every ``pbx.cdr.every``; a call whose end was not seen is looked for soon.
What the live watch has, or will still tell, is left to it. Who was reached, here or by a call back, is known before anything is decided;
then come the calls young enough for a text, then the others, a few in a transaction. Until that is done automatic texts wait, though not
for longer than ``HOLDS``: a database that hangs must not hold up those of today.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from ari_app.clock import Clock, sleep_or
from ari_app.contacts.thread import in_thread
from ari_app.errors import PbxError, SourceError, StoreError, TextbackError
from ari_app.model import CLOCK_SLACK, Call, Decision, DecisionKind, Known, Outcome
from ari_app.pbx.ami import Ami
from ari_app.pbx.ari import AriClient
from ari_app.pbx.history import Found, PbxRecords, endpoints_to_ask, presented
from ari_app.pbx.outputs import Attached, CallEnded, Output
from ari_app.pbx.watch import Watch
from ari_app.settings import Settings
from ari_app.status import HistoryStatus
from ari_app.threads import Store
from ari_app.threads.calls import Recorded
from ari_app.threads.history import Marks, New
from ari_app.threads.told import made_up

__all__ = ["HOLDS", "LOOKBACK", "Missed"]

_T = TypeVar("_T")

HOLDS = 20.0
"""Seconds automatic texts wait for it at most."""
LOOKBACK = timedelta(days=31)
"""Calls of before are not looked for."""
_OVERLAP = timedelta(hours=6)
"""Looked at again each time: Asterisk may write records in batches, a database may get them late."""
_GRACE = timedelta(seconds=10)
"""Of a call that ended so lately the live watch may still have to tell."""
_SOON = 20.0
"""Seconds after which it had, and its record is written."""
_AGAIN = 60.0
"""Seconds until records that could not be read are tried again."""
_PATIENCE = 600.0
"""Seconds a read is waited for, before that is a failure; it is left to itself, and no other is begun beside it."""
_AMI = 3.0
"""Seconds AMI is waited for."""
_LAG = timedelta(minutes=1)
_AFTER = timedelta(seconds=1)
_KNOWN_AT_ONCE = 500
_AT_ONCE = (2, 40)
"""Calls of one transaction, the fewest and the most."""
_HELD = 0.02
"""Seconds that a transaction should take at most: fewer calls go in the next one where it took longer."""
_BREATH = 0.01
"""Seconds between transactions, in which others write: as long as the last one took, and no less than this."""

log = structlog.get_logger("history")


class _AwayError(Exception):
    """The PBX is not watched any more: what is up there is not known."""


class Missed:
    """``decide``: by the policy in force; ``line_of``: a DID's line. Both run in the store's transaction: they are pure.

    ``unfiled``: ids of calls that were told live and are not in the store yet. ``blacklisted``: does a call's number stand in the PBX's
    own blacklist (asked over ``ami``). ``on_caught_up`` is called once after each connect, when what was missed until then is filed, or
    cannot be for now; ``on_released`` when ``holds`` becomes False.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        watch: Watch,
        ari: AriClient,
        clock: Clock,
        *,
        decide: Callable[[Call, Known, datetime], Decision],
        line_of: Callable[[str], str],
        unfiled: Callable[[], Collection[str]],
        ami: Ami | None,
        blacklisted: Callable[[Call], Awaitable[bool]],
        on_caught_up: Callable[[], None],
        on_released: Callable[[], None],
        patience: float = _PATIENCE,
    ) -> None:
        self._records = PbxRecords(settings)
        self._store = store
        self._watch = watch
        self._ari = ari
        self._clock = clock
        self._decide = decide
        self._line_of = line_of
        self._unfiled = unfiled
        self._ami = ami
        self._blacklisted = blacklisted
        self._on_caught_up = on_caught_up
        self._on_released = on_released
        self._patience = patience
        cdr = settings.pbx.cdr
        self._every = _AGAIN * 5 if cdr is None else cdr.every.total_seconds()
        self._max_age = settings.reply.max_age
        self._kept = settings.store.retention.calls
        self._connects = 0
        self._caught_up = 0
        """The connect (``_connects``) whose calls are filed,"""
        self._looking = 0
        """and the one of the look that is under way."""
        self._held_until: float | None = None
        self._at = 0.0
        """When it is to be looked next, by the monotonic clock."""
        self._twice = False
        self._wake = asyncio.Event()
        self._reading: tuple[asyncio.Future[Found], datetime] | None = None
        """The read that is under way, and up to when it tells."""
        self.status = HistoryStatus(state="waiting" if self._records.configured else "off")

    @property
    def holds(self) -> bool:
        """Are automatic texts to wait, as somebody may have been reached of whom nothing is known yet."""
        return self._held_until is not None and self._clock.monotonic() < self._held_until

    def heard(self, output: Output) -> None:
        """The PBX said this."""
        match output:
            case Attached() if not self._records.configured:
                self._on_caught_up()
            case Attached():
                self._connects += 1
                self._held_until = self._clock.monotonic() + HOLDS
                self._twice = True
                self._look_in(0.0)
            case CallEnded(call) if call.outcome is Outcome.UNSEEN:
                self._look_in(_SOON)

    def _look_in(self, seconds: float) -> None:
        self._at = min(self._at, self._clock.monotonic() + seconds)
        self._wake.set()

    async def run(self) -> None:
        """Look until cancelled; a read that hangs does not hold that up."""
        if not self._records.configured:
            await asyncio.Event().wait()
        try:
            while True:
                await self._due()
                await self._look()
        finally:
            if self._reading is not None:
                self._reading[0].cancel()
                await asyncio.gather(self._reading[0], return_exceptions=True)

    async def _due(self) -> None:
        while True:
            self._wake.clear()
            wait = self._at - self._clock.monotonic()
            if not self._watch.connected:
                await self._wake.wait()
            elif wait > 0:
                await sleep_or(self._clock, wait, self._wake)
            else:
                return

    async def _look(self) -> None:
        connect = self._looking = self._connects
        self._at = self._clock.monotonic() + self._every
        try:
            await self._round()
        except _AwayError:
            self._look_in(_AGAIN)  # a new connect looks at once
        except StoreError as error:
            log.error("history_not_filed", what=error.what, fix=error.fix)
            self._look_in(_AGAIN)
        except TextbackError as error:
            self._failed(error)
            self._look_in(_AGAIN)
        except Exception as error:
            # what a library makes of somebody's records must not end the service
            log.exception("history_failed")
            self._failed(
                SourceError(
                    f"textback failed at reading the PBX's records ({type(error).__name__})",
                    "report it with the lines of its log",
                    code="history_failed",
                )
            )
            self._look_in(_AGAIN)
        else:
            if self._twice and connect == self._connects:
                self._twice = False
                self._look_in(_SOON)
        if connect == self._connects:
            self._release()

    def _release(self) -> None:
        """Nothing waits for this look any more."""
        self._let_go()
        if self._caught_up != self._connects and self._watch.connected:
            self._caught_up = self._connects
            self._on_caught_up()

    def _let_go(self) -> None:
        """Texts do not wait for it any more."""
        held, self._held_until = self._held_until, None
        if held is not None:
            self._on_released()

    def _failed(self, error: TextbackError) -> None:
        if (self.status.code, self.status.what) != (error.code, error.what):
            log.error("history_unread", code=error.code, what=error.what, fix=error.fix)
        self.status = self.status.model_copy(update={"state": "failed", "code": error.code, "what": error.what, "fix": error.fix})

    # -- reading

    async def _round(self) -> None:
        """Raises StoreError, SourceError, SettingsError, _AwayError."""
        old = True
        while old:
            old = self._reading is not None  # of a look that did not wait for its end: this one wants to know of later
            marks, now = await self._store.history.marks(), self._clock.now()
            # by the PBX's own clock; a lag that was long once says nothing of now
            found, until = await self._read(self._since(marks, now), now - min(self._watch.lag, _LAG) - _GRACE)
            new = await self._new(found)
            left = await self._file(new) if new else ()
            await self._store.history.seen(min(until, self._clock.now(), *(call.ended for call in left)))
            self._well(found)

    def _since(self, marks: Marks, now: datetime) -> datetime:
        since = max(marks.began, now - LOOKBACK)
        if self._kept is not None:
            since = max(since, now - self._kept)  # what is older was taken away, and does not come back
        if marks.seen is not None and marks.seen - now <= CLOCK_SLACK:  # else it is of a clock that was wrong
            since = max(since, marks.seen - _OVERLAP - max(self._watch.lag, timedelta()))
        return since

    async def _read(self, since: datetime, until: datetime) -> tuple[Found, datetime]:
        if self._reading is None:
            self._reading = asyncio.ensure_future(in_thread(lambda: self._records.read(since, until), "pbx-records")), until
        reading, until = self._reading
        if self._held_until is not None:
            await asyncio.wait({reading}, timeout=max(self._held_until - self._clock.monotonic(), 0.0))
            if not reading.done() and not self.holds:
                self._failed(self._slow(HOLDS))
                self._release()
        await asyncio.wait({reading}, timeout=self._patience)
        if not reading.done():
            raise self._slow(self._patience)
        self._reading = None
        return reading.result(), until

    @staticmethod
    def _slow(seconds: float) -> SourceError:
        return SourceError(
            f"the PBX's records were not read within {seconds:g} s",
            "see that the database of pbx.cdr.url is up and not busy; it is waited for",
            code="history_slow",
        )

    async def _new(self, found: Found) -> New:
        """What of it is not known here, and will not be told live."""
        calls = [part for each in _batches(found.calls, _KNOWN_AT_ONCE) for part in (await self._store.history.new(each)).calls]
        out = [part for each in _batches(found.outgoing, _KNOWN_AT_ONCE) for part in (await self._store.history.new((), each)).outgoing]
        new = replace(found, calls=tuple(calls))
        shows_hidden: dict[str, bool | None] = {}
        for endpoint in endpoints_to_ask(new):
            try:
                shows_hidden[endpoint] = await self._ari.shows_hidden(endpoint)
            except PbxError as error:
                raise _AwayError from error
        return New(presented(new, shows_hidden).calls, tuple(out))

    def _well(self, found: Found) -> None:
        if self.status.state == "failed":
            log.info("history_read")
        problem = found.problems[0] if found.problems else None
        told = ("", "", "") if problem is None else (problem.code, problem.what, problem.fix)
        if problem is not None and self.status.what != problem.what:
            log.warning("history_unread", code=problem.code, what=problem.what, fix=problem.fix)
        self.status = self.status.model_copy(
            update={
                "state": "ok",
                "read": self._clock.now(),
                "skipped": found.skipped,
                "cut": found.cut,
                **dict(zip(("code", "what", "fix"), told, strict=True)),
            }
        )

    # -- filing

    async def _file(self, new: New) -> tuple[Call, ...]:
        """File it; calls that are up by what the watch knows are left, and returned. Raises StoreError, _AwayError."""
        begun = self._clock.now()
        if self._held_until is None:
            self._held_until = self._clock.monotonic() + HOLDS
        left = tuple(call for call in new.calls if self._is_up(call))
        calls = [call for call in new.calls if not self._is_up(call)]
        for some in _batches(calls, _AT_ONCE[1]):
            await self._store.history.note(some, ())
        for out in _batches(new.outgoing, _AT_ONCE[1]):
            await self._store.history.note((), out)
        decide, filed = self._deciding(calls, begun), list[Recorded]()
        try:
            async for some in self._steps(await self._looked_up([call for call in calls if call.ended >= begun - self._max_age])):
                filed += await self._file_some(some, decide)
            if self._looking == self._connects:
                self._let_go()  # nobody whose call is older is texted
            async for some in self._steps([call for call in calls if call.ended < begun - self._max_age]):
                filed += await self._file_some(some, decide)
        finally:
            texts, before = sum(each.message is not None for each in filed), self.status
            self.status = before.model_copy(update={"found": before.found + len(filed), "texts": before.texts + texts})
            log.info("history_filed", calls=len(filed), texts=texts, outgoing=len(new.outgoing), up=len(left))
        return left

    def _is_up(self, call: Call) -> bool:
        if not self._watch.connected:
            raise _AwayError
        return bool({call.id, call.channel if made_up(call) else call.id} & (self._watch.up | set(self._unfiled())))

    async def _looked_up(self, calls: Sequence[Call]) -> list[Call]:
        """With who stands in the PBX's blacklist: known over AMI, which connects beside ARI and is waited for."""
        until = self._clock.monotonic() + _AMI
        while calls and self._ami is not None and not self._ami.status.connected and self._clock.monotonic() < until:
            await self._clock.sleep(0.1)
        found: list[Call] = []
        for some in _batches(calls, _AT_ONCE[1]):
            listed = await asyncio.gather(*map(self._listed, some))
            found += [replace(call, blacklisted=True) if on else call for call, on in zip(some, listed, strict=True)]
        return found

    async def _listed(self, call: Call) -> bool:
        return call.outcome is not Outcome.ANSWERED and await self._blacklisted(call)

    def _deciding(self, calls: Sequence[Call], begun: datetime) -> Callable[[Call, Known], Decision]:
        """Of several calls of one caller the last one's text goes first: the others then need none. Nobody is told of what is long past."""
        last = {call.caller: call.id for call in calls if call.outcome is not Outcome.ANSWERED}

        def decide(call: Call, known: Known) -> Decision:
            decision = self._decide(call, known, self._clock.now())
            if decision.priority is not None and call.ended < begun - self._max_age:
                decision = replace(decision, priority=replace(decision.priority, notify=None, notice=None))
            if decision.kind is DecisionKind.SILENCE:
                return decision
            due = begun if last.get(call.caller) == call.id else begun + _AFTER
            return replace(decision, due=max(decision.due or due, due))

        return decide

    async def _steps(self, calls: Sequence[Call]) -> AsyncIterator[Sequence[Call]]:
        """As many at once as the store takes in a moment, and a breath between, in which others write."""
        at, at_once = 0, _AT_ONCE[1] // 2
        while at < len(calls):
            before = self._clock.monotonic()
            yield [call for call in calls[at : at + at_once] if not self._is_up(call)]
            took = self._clock.monotonic() - before
            at += at_once
            at_once = max(at_once // 2, _AT_ONCE[0]) if took > _HELD else min(at_once + 2, _AT_ONCE[1])
            if at < len(calls):
                await self._clock.sleep(max(_BREATH, took))

    async def _file_some(self, calls: Sequence[Call], decide: Callable[[Call, Known], Decision]) -> list[Recorded]:
        try:
            return await self._store.history.file(
                calls, decide, line_of=lambda call: self._line_of(call.did), live=self._watch.live_numbers
            )
        except StoreError:
            raise
        except Exception:
            # one call that cannot be filed must not stop the others
            if len(calls) > 1:
                return [each for call in calls for each in await self._file_some([call], decide)]
            log.exception("unfileable", call=calls[0].id)
            return []


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
