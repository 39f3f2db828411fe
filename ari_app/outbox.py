"""One task for everything that is due: it takes queued texts from the store to the modems that are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from ari_app.clock import Clock
from ari_app.errors import StoreError
from ari_app.model import CLOCK_SLACK, Call, Decision, Known, MessageKind
from ari_app.pool import DAY, Limits, Pool, Tried
from ari_app.threads import Store
from ari_app.threads.agenda import Due
from ari_app.threads.sending import Claimed, PartToSend
from modem.types import Bearer, NotSent, Refused, SendResult, Sent, Unknown

__all__ = ["Outbox"]

_T = TypeVar("_T")

_LOOK_AGAIN = 5.0
"""Seconds after which rows that wait for a modem, a live call or the PBX are looked at even if nobody said ``wake``."""
_STORE_WAIT = (0.5, 10.0)
_TEXTED = 10_000
"""Most numbers of which it is remembered when they were texted."""
DRAIN = timedelta(seconds=20)
"""How long a part already on its way may take to get its result when the service stops."""

log = structlog.get_logger(__name__)


class Outbox:
    """Sends what is due, one text in flight per bearer and per number, people's texts first; ``pool`` says which bearer takes which.

    ``decide`` decides automatic texts again at their time (pure, runs in the store's transaction). ``live``: numbers with a call up;
    their automatic texts wait. ``held``: automatic texts wait altogether (the PBX is not connected). Call ``wake`` when something was
    queued, a bearer became ready, or what ``live`` and ``held`` say has changed.
    """

    def __init__(
        self,
        store: Store,
        bearers: Sequence[Bearer],
        decide: Callable[[Call, Known, datetime], Decision],
        clock: Clock,
        *,
        live: Callable[[], frozenset[str]],
        held: Callable[[], bool],
        limits: Mapping[str, Limits] | None = None,
        drain: timedelta = DRAIN,
    ) -> None:
        self._store = store
        self.pool = Pool(bearers, limits or {}, clock)
        self._decide = decide
        self._clock = clock
        self._live = live
        self._held = held
        self._drain = drain
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._texted: dict[str, float] = {}
        """When numbers last had an automatic text, by the monotonic clock."""
        self._stopping = False

    def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. A part that may be leaving at that moment gets its result first, within ``drain``."""
        self._stopping = False
        waits = _STORE_WAIT[0]
        remembers = False
        try:
            while True:
                self._wake.clear()
                try:
                    if not remembers:
                        await self._remember()
                        remembers = True
                    pause = await self._turn()
                    waits = _STORE_WAIT[0]
                except StoreError as error:
                    log.error("outbox_store_failed", what=error.what, fix=error.fix)
                    pause, waits = waits, min(waits * 2, _STORE_WAIT[1])
                if pause > 0:
                    await self._sleep(pause)
        finally:
            await self._finish()

    async def _remember(self) -> None:
        """What the bearers carried in the last day, so that a restart forgets neither a spent budget nor a failing SIM."""
        await self._store.forget_modems(self.pool.names)
        self.pool.learn(
            Tried(
                one.modem,
                one.message,
                one.started,
                carried=one.outcome in ("sent", "unknown"),
                failed=None if one.number_at_fault else one.outcome != "sent",
            )
            for one in await self._store.attempts(DAY)
            if one.outcome in ("sent", "refused", "unknown")
        )

    async def _turn(self) -> float:
        """Start what may start; seconds until the next look."""
        idle = self.pool.idle()
        if not idle and self._busy:
            return self.pool.next_in() or _LOOK_AGAIN  # whoever ends its text wakes us
        agenda = await self._store.agenda(
            ready=idle, awaited=self.pool.awaited(), known_modems=self.pool.names, live=self._live(), held=self._held()
        )
        if agenda.overdue:
            await self._store.expire()
        moved = False
        began: set[str] = set()
        for due in agenda.due:
            only = due.only if due.only in self.pool.names else None
            if began & {only, due.prefers}:
                continue  # its modem took another a moment ago: it waits for it
            bearer = self.pool.choose(idle, due.kind, only=only, prefers=due.prefers, avoid=due.avoid)
            if bearer is None:
                continue
            moved = True
            claimed = await self._claim(due, bearer)
            if claimed is not None:
                idle.remove(bearer.name)
                began.add(bearer.name)
                self._carry(bearer, claimed)
        if moved and idle:
            return 0.0
        waits = [_LOOK_AGAIN, self.pool.next_in()]
        if agenda.next_at is not None:
            waits.append(max((agenda.next_at - self._clock.now()).total_seconds(), 0.0))
        return min(wait for wait in waits if wait is not None)

    async def _sleep(self, seconds: float) -> None:
        woken = asyncio.ensure_future(self._wake.wait())
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((woken, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, timer):
                task.cancel()
            await asyncio.gather(woken, timer, return_exceptions=True)

    async def _claim(self, due: Due, bearer: Bearer) -> Claimed | None:
        live = due.kind is MessageKind.AUTO and due.number in self._live()
        claiming = asyncio.ensure_future(self._store.claim(due.id, self._decide_now, bearer.split, live=live))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if (claimed := await claiming) is not None:
                await self._store.release(claimed.id, NotSent("the service stops", called_off=True))
            raise
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  (one bad row must not stop the others)
            log.error("text_unclaimable", message=due.id, error=type(error).__name__)
            await self._store.fail(due.id, "internal", f"it could not be prepared: {type(error).__name__}")
            return None

    def _decide_now(self, call: Call, known: Known, now: datetime) -> Decision:
        """The decision, by what is sure of the last text: the wall clock may have been set since, and a caller be texted twice by it."""
        texted = None if known.number is None else self._texted.get(known.number)
        if texted is not None:
            last = now - timedelta(seconds=self._clock.monotonic() - texted)
            if known.last_auto is None or abs(last - known.last_auto) > CLOCK_SLACK:
                known = replace(known, last_auto=last, first=False)
        return self._decide(call, known, now)

    def _note_texted(self, claimed: Claimed, result: SendResult) -> None:
        if claimed.kind is MessageKind.AUTO and isinstance(result, Sent | Unknown):
            self._texted.pop(claimed.number, None)
            self._texted[claimed.number] = self._clock.monotonic()
            if len(self._texted) > _TEXTED:
                del self._texted[next(iter(self._texted))]

    def _carry(self, bearer: Bearer, claimed: Claimed) -> None:
        self.pool.begin(bearer.name)
        task = asyncio.create_task(self._send(bearer, claimed), name=f"outbox-{bearer.name}")
        self._busy[bearer.name] = task
        task.add_done_callback(lambda _: self._done(bearer.name))

    def _done(self, name: str) -> None:
        del self._busy[name]
        self.pool.end(name)
        self._wake.set()

    async def _send(self, bearer: Bearer, claimed: Claimed) -> None:
        try:
            for part in claimed.parts:
                if not await self._send_part(bearer, claimed, part):
                    return
        except Exception as error:  # noqa: BLE001  (one bad text must not stop the others)
            log.error("text_abandoned", message=claimed.id, error=type(error).__name__)
            what = f"sending ended early: {type(error).__name__}"
            await self._written(claimed.id, lambda: self._store.settle(claimed.id, what))

    async def _send_part(self, bearer: Bearer, claimed: Claimed, part: PartToSend) -> bool:
        begun: asyncio.Future[int | None] | None = None

        async def commit() -> bool:
            nonlocal begun
            if self._stopping:
                return False
            begun = asyncio.ensure_future(self._store.begin_attempt(part.id, modem=bearer.name))
            return await asyncio.shield(begun) is not None

        result: SendResult
        try:
            result = await bearer.send(part.submit, commit)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  (one bad text or bearer must not stop the others)
            log.warning("send_failed", message=claimed.id, modem=bearer.name, error=type(error).__name__)
            result = NotSent(type(error).__name__) if begun is None else Unknown(f"sending was interrupted: {type(error).__name__}")
        attempt = await self._begun(begun)
        if attempt is None and isinstance(result, Sent | Unknown):
            result = NotSent("the attempt could not be stored")  # without it no PDU leaves
        self._note_texted(claimed, result)
        if self.pool.result(bearer.name, claimed.id, result):
            standing = self.pool.standing(bearer.name)
            log.warning("modem_alarm" if standing.failing else "modem_alarm_over", modem=bearer.name, failed=standing.failed)
        return await self._settle(bearer, claimed, attempt, result)

    async def _begun(self, begun: asyncio.Future[int | None] | None) -> int | None:
        """The attempt, once its commit is through: the bearer may have given up while it was on the way."""
        if begun is None:
            return None
        try:
            return await begun
        except StoreError:
            return None

    async def _settle(self, bearer: Bearer, claimed: Claimed, attempt: int | None, result: SendResult) -> bool:
        """Write a result; True when the text's next part may go."""
        others = self.pool.others({bearer.name}, claimed.kind)

        async def write() -> bool:
            if attempt is not None:
                return await self._store.finish_attempt(attempt, result, others=others)
            if isinstance(result, NotSent | Refused):
                await self._store.release(claimed.id, result, modem=bearer.name)
            return False

        return await self._written(claimed.id, write)

    async def _written(self, message: int, write: Callable[[], Awaitable[_T]]) -> _T:
        """Try for as long as it takes: a result that is forgotten would leave the text unknown."""
        wait = _STORE_WAIT[0]
        while True:
            try:
                return await write()
            except StoreError as error:
                log.error("result_not_stored", message=message, what=error.what, fix=error.fix)
                await self._clock.sleep(wait)
                wait = min(wait * 2, _STORE_WAIT[1])

    async def _finish(self) -> None:
        """No new attempt from here on; what is between PDU and result may still get its result."""
        self._stopping = True
        tasks = list(self._busy.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._drain.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
