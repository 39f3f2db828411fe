"""The running service: wires the rooms, starts them, stops them in order. The only place that starts ``modem/``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

import structlog

from agi.server import AgiServer, Routes
from ari_app import __version__
from ari_app.alarms import Alarms
from ari_app.bearers import bearer_of
from ari_app.clock import Clock, Pace, SystemClock
from ari_app.contacts.importing import Door
from ari_app.contacts.sync import Sync
from ari_app.control import ControlServer, ModemStatus, PbxStatus, ServiceStatus, socket_path
from ari_app.desk import SHELL, Desk, Doors
from ari_app.errors import FOR_GOOD, NotFoundError, PbxError, RefusedError, StoreError, StoreLockedError
from ari_app.events import MessageChanged, Notice
from ari_app.lag import LoopLag
from ari_app.metrics import Vitals
from ari_app.missed import Missed
from ari_app.model import Call, Decision, Inbound, Known, Outcome, Priority, Reaction
from ari_app.notify import Notifier
from ari_app.numbers import shortened
from ari_app.opening import OpeningPush
from ari_app.outbox import Outbox
from ari_app.pbx.ari import AriClient
from ari_app.pbx.dial import Dialler
from ari_app.pbx.outputs import (
    AskPresentation,
    Attached,
    CallBackEnded,
    CallEnded,
    CallStarted,
    Detached,
    OutgoingDialled,
    OutgoingEnded,
    OutgoingJoined,
    Output,
    Reached,
    RingingChanged,
    StrangeContext,
    SwitchTurned,
)
from ari_app.pbx.watch import Watch, switches_of
from ari_app.policy import Policy, warm
from ari_app.policy.hours import Opening
from ari_app.pool import Limits
from ari_app.portal.server import Portal
from ari_app.privacy.purge import Purge
from ari_app.ringing import LiveCalls
from ari_app.settings import Settings
from ari_app.signals import Signals
from ari_app.sim_calls import call_of
from ari_app.standing import Standing
from ari_app.status import StoreStatus
from ari_app.threads import Store
from ari_app.voicemail.keeper import Keeper
from modem.driver import SerialModem
from modem.types import RawPdu, VoiceCall

__all__ = ["Service", "serve"]

log = structlog.get_logger("service")

_RETRY = (0.5, 10.0)
"""Seconds between tries to file what the PBX said while the store cannot be written: first and longest."""
_FILED, _FILE_GATHER = 20.0, 0.1
"""What the PBX says in a second, that of some 8 calls: above that it is gathered so long, in seconds, and filed together."""
_TOLD, _TELL_GATHER = 2.0, 0.5
"""The same of what changed in the store, for lamps, phones and pages."""
_LOCK_PATIENCE = 3.0
"""Seconds a command that holds the store is waited for at the start."""
_HOUSEKEEPING = 30.0
"""Seconds between looks for long texts whose missing parts are overdue."""


class Service:
    """One clinic's service. ``run()`` returns after ``stop()``; raises TextbackError for what a restart would not mend."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.standing = Standing(settings)
        self.started = self.clock.now()
        self.lag = LoopLag()
        self.store = Store(
            settings.store.path,
            self.clock,
            on_notices=self._noticed,
            country=settings.clinic.country,
            notice_life=settings.reply.max_age,
            compact=settings.reply.compact,
        )
        owner = f"{socket.gethostname()}, {settings.store.path}"
        self.ari = AriClient(settings.pbx, self.clock, device_states=switches_of(settings), owner=owner)
        self.watch = Watch(settings, self.ari, self.clock, on_output=self._heard)
        self.modems = tuple(bearer_of(each, _Door(self), self._wake) for each in settings.modem)
        self.outbox = Outbox(
            self.store,
            self.modems,
            self.standing.decide,
            self.clock,
            live=self._live,
            held=lambda: not self.watch.connected or self.missed.holds,
            limits={each.name: Limits(each.pace, each.daily_budget) for each in settings.modem},
        )
        self.push = OpeningPush(self.standing, self.ari, self.clock, lambda: self.watch.switches)
        self.standing.on_change(self._settings_changed)
        self.doors = Doors(self.store, self.standing, self.clock)
        self.dialler = Dialler(self.ari, settings)
        self.signals = Signals(
            settings,
            self.store,
            self.ari,
            self.clock,
            opening=self.standing.opening,
            switches=lambda: self.watch.switches,
            on_overdue=self._overdue,
        )
        self.voicemail = Keeper(settings, self.store, self.clock, ami=self.signals.ami, file=self.file, priority=self._priority)
        self.calls = LiveCalls(self.watch, self.signals.ami, settings.clinic.country, on_change=self._ringing_changed)
        self.missed = Missed(
            settings,
            self.store,
            self.watch,
            self.ari,
            self.clock,
            decide=self.standing.decide,
            line_of=self.standing.line_name,
            unfiled=lambda: self._unfiled,
            ami=self.signals.ami,
            blacklisted=self.calls.blacklisted,
            on_caught_up=lambda: self.voicemail.heard(Attached(frozenset())),
            on_released=self.outbox.wake,
        )
        self.desk = Desk(
            self.store, self.standing, self.clock, dialler=self.dialler, switches=lambda: self.watch.switches, calls=self.calls
        )
        routes = Routes.of(settings, self.desk, self.doors, self.clock)
        self.agi = AgiServer(settings.agi.listen, self._opening_of, routes=routes, clock=self.clock)
        self.sync = Sync(settings, self.store.contacts, self.clock)
        self.purge = Purge(settings, self.store, self.clock)
        door = Door(self.store.contacts, self.sync, SHELL)
        self.control = ControlServer(socket_path(settings.store.path), self.desk, self.status, self.unlock, contacts=door)
        self.alarms = Alarms(settings, self.store, self.clock, self.status)
        self.portal = Portal(self.standing, self.desk, self.doors, self.clock, vitals=Vitals(self.alarms.facts))
        self._stop = asyncio.Event()
        self._look = asyncio.Event()
        self._asterisk: str | None = None
        """Version, while known."""
        self._outputs: asyncio.Queue[Output] = asyncio.Queue()
        self._filing = 0
        """How many taken out of it are being filed."""
        self._news: dict[Notice, None] = {}
        """What changed in the store and was not told yet."""
        self._telling: asyncio.TimerHandle | None = None
        self._tellings = Pace(self.clock, _TOLD, burst=4)
        self._unfiled: Counter[str] = Counter()
        """Numbers of what the PBX said and the store does not hold yet: their texts wait as for a live call. And ids of such calls."""

    @property
    def policy(self) -> Policy:
        """In force now."""
        return self.standing.policy

    def stop(self) -> None:
        """Ask the service to drain and end. Safe to call twice."""
        self._stop.set()

    async def run(self) -> None:
        """Run until ``stop()``. Raises StoreLockedError, StoreError, PbxAuthError, PbxReplacedError, SettingsError."""
        with Notifier() as notifier:
            await self._open_store()
            try:
                await self.standing.read(self.store)
                await asyncio.to_thread(warm)
                await self._run(notifier)
            finally:
                self.doors.close()
                await self.ari.close()
                await self.store.close()
                log.info("stopped")

    async def _open_store(self) -> None:
        """A command may hold the store for a moment; another service holds it for good."""
        deadline = self.clock.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                await self.store.open()
            except StoreLockedError:
                if self.clock.monotonic() > deadline or self._stop.is_set():
                    raise
                await self.clock.sleep(0.1)
            else:
                return

    async def _run(self, notifier: Notifier) -> None:
        # stopped in this order: nothing new is heard, what was heard is filed, what is on its way gets its result, the radios go
        groups: list[list[Callable[[], Coroutine[Any, Any, None]]]] = [
            [
                *(self.watch.run, self.missed.run, self.push.run, self.agi.run, self.portal.run, self.sync.run),
                *(*self.signals.jobs, *self.voicemail.jobs),
            ],
            [self._file, self.control.run, self.purge.run],
            [self.outbox.run],
            [modem.run for modem in self.modems],
            [self.lag.run, self._house, self._sound, self.alarms.run, lambda: self._alive(notifier)],
        ]
        tasks = [[asyncio.create_task(job()) for job in group] for group in reversed(groups)][::-1]
        stop = asyncio.create_task(self._stop.wait())
        everything = [task for group in tasks for task in group]
        try:
            notifier.ready("watching" if self.standing.settings.reply.mode != "off" else "texts are switched off")
            log.info("started", modems=len(self.modems), mode=self.standing.settings.reply.mode)
            done, _ = await asyncio.wait([stop, *everything], return_when=asyncio.FIRST_COMPLETED)
            failed = next((task for task in done if task is not stop), None)
            if failed is not None:
                failed.result()  # raises what ended it
                raise RuntimeError("a part of the service ended by itself")
        finally:
            notifier.stopping()
            log.info("stopping")
            for group in tasks:
                if group is tasks[1]:
                    await self._filed()
                for task in group:
                    task.cancel()
                await asyncio.gather(*group, return_exceptions=True)
            stop.cancel()
            await asyncio.gather(stop, return_exceptions=True)

    # -- what the PBX says

    async def _heard(self, output: Output) -> None:
        match output:
            case Attached():
                self._asterisk = None  # perhaps upgraded meanwhile
                self._look.set()
                self.push.connected()
            case Detached():
                self.push.disconnected()
            case SwitchTurned():
                self.push.changed()
        self.signals.heard(output)
        if not isinstance(output, Attached):
            self.voicemail.heard(output)
        self.missed.heard(output)  # which tells voicemail that calls of before are filed
        self.calls.heard(output)
        if not isinstance(output, AskPresentation | RingingChanged | StrangeContext | SwitchTurned):
            self._unfiled.update(_numbers(output))
            self._outputs.put_nowait(output)

    async def _file(self) -> None:
        """File everything heard, in order. A store that cannot be written is waited for: nothing heard is given up."""
        pace = Pace(self.clock, _FILED, burst=int(_FILED))
        while True:
            outputs = [await self._outputs.get()]
            while not self._outputs.empty():
                outputs.append(self._outputs.get_nowait())
            self._filing = len(outputs)
            for together, run in groupby(outputs, key=lambda output: isinstance(output, CallStarted | Reached | CallEnded)):
                if together:
                    await self._file_together(tuple(run))
                else:
                    for output in run:
                        await self._file_surely(output, listed=False)
            self._unfiled -= Counter(number for output in outputs for number in _numbers(output))
            for _ in outputs:
                self._outputs.task_done()
            self._filing = 0
            self.outbox.wake()
            if pace.busy(len(outputs)) and not self._stop.is_set():
                await self.clock.sleep(_FILE_GATHER)

    async def _file_together(self, outputs: Sequence[Output]) -> None:
        """Those whose filing is one write: they share the store's transaction, in their order."""
        listed = await asyncio.gather(*map(self._listed, outputs))
        await asyncio.gather(*(self._file_surely(output, listed=each) for output, each in zip(outputs, listed, strict=True)))

    async def _listed(self, output: Output) -> bool:
        """Is it a call of somebody in the PBX's blacklist that ended unanswered."""
        return isinstance(output, CallEnded) and output.call.outcome is not Outcome.ANSWERED and await self.calls.blacklisted(output.call)

    async def _file_surely(self, output: Output, *, listed: bool) -> None:
        wait = _RETRY[0]
        while True:
            try:
                await self._file_one(output, listed=listed)
            except StoreError as error:
                log.error("not_filed", what=error.what, fix=error.fix, kept=self._outputs.qsize() + 1)
                await self.clock.sleep(wait)
                wait = min(wait * 2, _RETRY[1])
                continue
            except Exception:
                # one call that cannot be filed must not stop the others: it stays among the open ones, tried again at each connect
                log.exception("unfileable", output=type(output).__name__)
            return

    async def _file_one(self, output: Output, *, listed: bool) -> None:
        match output:
            case CallStarted():
                await self.store.note_started(output.unseen)
            case Reached():
                if output.number is not None:
                    await self.store.note_reached(output.call_id, output.number, output.at)
            case CallEnded(call):
                await self.file(replace(call, blacklisted=True) if listed else call)
            case OutgoingDialled(call) | OutgoingJoined(call) | OutgoingEnded(call):
                await self.store.note_outgoing(call)
                if call.call_back is not None and not isinstance(output, OutgoingEnded):
                    await self.store.acts.call_back_linked(call.call_back, call.id)
            case CallBackEnded():
                if self.dialler.ended(output.id) and output.why is not None:
                    await self.store.acts.call_back_failed(output.id, output.why)
            case Attached():
                await self._settle_open(output.live)
                self.dialler.known(output.call_backs)
                await self.store.acts.settle_calls(output.call_backs, output.legs)

    async def file(self, call: Call, modem: str | None = None) -> None:
        """A finished call: filed and decided about. Raises StoreError; the same call again changes nothing.

        ``modem``: the one whose number was called, from which its caller is best answered.
        """

        def decide(filed: Call, known: Known) -> Decision:
            decision = self.policy.decide(filed, known, self.clock.now())
            return decision if modem is None else replace(decision, modem=modem)

        live = call.caller is not None and call.caller in self.watch.live_numbers
        recorded = await self.store.record_call(call, decide, line=self.policy.line_name(call.did), live=live)
        log.info(
            "call_filed",
            call=call.id,
            caller=shortened(call.caller),
            outcome=str(call.outcome),
            reached=str(call.reached),
            decision=str(recorded.kind),
            reason=str(recorded.reason),
        )

    def _priority(self, call: Call, known: Known) -> Priority | None:
        return self.policy.priority(call, known, self.clock.now())

    async def _settle_open(self, live: frozenset[str]) -> None:
        """Calls that were up when we stopped, or lost sight, and are over now: listed, though nobody saw how they ended."""
        for call in await self.store.open_calls():
            if call.id not in live:
                await self.file(replace(call, ended=max(call.started, self.clock.now())))

    async def _filed(self) -> None:
        """Wait until what was heard is filed; not for ever: a store that cannot be written must not hold up a stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._outputs.join()

    def _live(self) -> frozenset[str]:
        return self.watch.live_numbers | self._unfiled.keys() | self.dialler.calling()

    # -- what the modems hand in

    def _wake(self) -> None:
        self.outbox.wake()

    def react(self, inbound: Inbound) -> Reaction:
        """What a caller's text comes to."""
        return self.policy.react(inbound, self.clock.now(), self.watch.switches)

    def alarm(self, inbound: Inbound) -> Reaction:
        """What part of a text comes to, whose other parts never came."""
        return self.policy.alarm(inbound, self.clock.now(), self.watch.switches)

    async def unlock(self, name: str) -> str:
        """Enter the PIN of a modem once more; what came of it. Raises NotFoundError, RefusedError."""
        modem = next((each for each in self.modems if each.name == name), None)
        if modem is None:
            raise NotFoundError(f"the service has no modem {name}", "restart it: systemctl restart textback", code="no_modem")
        if not isinstance(modem, SerialModem):
            raise RefusedError(f"{name} has no SIM", "unlock concerns modems with a SIM", code="no_sim")
        health = await modem.unlock()
        if health.state == "bad":
            raise RefusedError(health.what, health.fix, code=health.code)
        return f"{name}: {health.what}"

    # -- the rest

    def _noticed(self, notices: tuple[Notice, ...]) -> None:
        if any(isinstance(notice, MessageChanged) for notice in notices):
            self.outbox.wake()
        self._news.update(dict.fromkeys(notices))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TELL_GATHER if self._tellings.busy() else 0, self._tell)

    def _tell(self) -> None:
        notices, self._news, self._telling = tuple(self._news), {}, None
        self.signals.noticed(notices)
        self.voicemail.noticed(notices)
        self.portal.noticed(notices)

    def _overdue(self, threads: tuple[int, ...]) -> None:
        log.info("overdue_twice", threads=len(threads))
        self.portal.overdue(threads)

    def _ringing_changed(self) -> None:
        self.portal.ringing_changed()

    def _settings_changed(self) -> None:
        """Dialplan and outbox go by what is in force now."""
        self.push.changed()
        self.outbox.wake()
        self.signals.overdue.changed()

    def status(self) -> ServiceStatus:
        """What only the running service knows."""
        pbx = self.watch.status()
        return ServiceStatus(
            pid=os.getpid(),
            version=__version__,
            started=self.started,
            pbx=PbxStatus(
                connected=pbx.connected,
                since=pbx.since,
                reason=pbx.reason,
                asterisk=self._asterisk,
                live_calls=pbx.live_calls,
                strange_contexts=tuple(sorted(pbx.strange_contexts)),
                channelvars=pbx.channelvars,
                options=pbx.options,
                lag_ms=None if pbx.lag is None else round(pbx.lag.total_seconds() * 1000, 1),
                unreadable=pbx.unreadable,
                overflows=pbx.overflows,
            ),
            modems=tuple(
                ModemStatus(
                    name=modem.name,
                    **asdict(modem.health()),
                    **asdict(self.outbox.pool.standing(modem.name)),
                )
                for modem in self.modems
            ),
            history=self.missed.status,
            store=self._store_status(),
            loop_lag_ms_p99=self.lag.p99_ms(),
        )

    def _store_status(self) -> StoreStatus | None:
        trouble = self.store.trouble
        if trouble is None:
            return None
        code = "store_unwritable" if trouble.code == "store" else trouble.code
        return StoreStatus(code=code, what=trouble.what, fix=trouble.fix, kept=self._outputs.qsize() + self._filing)

    def _opening_of(self, did: str) -> Opening:
        return self.policy.opening(self.policy.line_name(did), self.clock.now(), self.watch.switches)

    async def _house(self) -> None:
        while True:
            try:
                settled = await self.store.settle_partials(self.alarm)
                if settled:
                    log.warning("texts_incomplete", texts=settled)
                now, portal = self.clock.now(), self.settings.portal
                await self.store.members.end_sessions_before(now - portal.session, now - portal.idle)
                unconfirmed = await self.store.settle_unconfirmed()
                if unconfirmed:
                    log.info("texts_unconfirmed", texts=unconfirmed)
            except StoreError as error:
                log.error("housekeeping_failed", what=error.what, fix=error.fix)
            if self._asterisk is None and self.watch.connected:
                with contextlib.suppress(PbxError):
                    self._asterisk = str((await self.ari.info()).get("system", {}).get("version", "")) or None
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HOUSEKEEPING):
                    await self._look.wait()

    async def _sound(self) -> None:
        """A large store is looked through while it is used. One that is damaged, there or where it is met, ends the service, as it does at
        the start: what is read of it may be wrong, and a caller be texted twice. For good: the next start may not come upon it at once, and
        would text until it does."""
        try:
            await self.store.check()
            await self.store.damage()
        except StoreError as error:
            if error.code == "store_damaged":
                error.status = FOR_GOOD
            raise

    async def _alive(self, notifier: Notifier) -> None:
        """Feed the supervisor's watchdog from the event loop: a loop that is stuck stops it."""
        if notifier.watchdog is None:
            await asyncio.Event().wait()
        else:
            while True:
                notifier.alive()
                await asyncio.sleep(notifier.watchdog / 4)


def _numbers(output: Output) -> tuple[str, ...]:
    """Whom an output concerns that changes what is known of a caller; and the id of a call that ended."""
    match output:
        case CallEnded(call):
            return (call.id,) if call.caller is None else (call.id, call.caller)
        case Reached():
            number = output.number
        case OutgoingJoined(call) | OutgoingEnded(call):
            number = call.number
        case _:
            number = None
    return () if number is None else (number,)


class _Door:
    """What the modem layer makes durable goes through here."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def keep(self, raw: RawPdu) -> None:
        await self._service.store.keep(raw, self._service.react)
        self._service.outbox.wake()

    async def called(self, call: VoiceCall) -> None:
        await self._service.file(call_of(call, self._service.settings), call.modem)
        self._service.outbox.wake()

    async def pin_refused(self, sim: str, digest: str) -> None:
        await self._service.store.pin_refused(sim, digest)

    async def pin_known_bad(self, sim: str, digest: str) -> bool:
        return await self._service.store.pin_known_bad(sim, digest)

    async def pin_accepted(self, sim: str) -> None:
        await self._service.store.pin_forget(sim)


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT. Raises TextbackError with the fix for what a restart would not mend."""
    service = Service(settings)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, service.stop)
    try:
        await service.run()
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
