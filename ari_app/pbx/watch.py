"""Ties the watching together: runs the ARI client, feeds the tracker, reads over REST what the events do not bring."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from ari_app.clock import Clock
from ari_app.errors import PbxError
from ari_app.model import Call
from ari_app.numbers import shortened
from ari_app.pbx.ari import AriClient
from ari_app.pbx.calls import Tracker, WatchConfig
from ari_app.pbx.events import Channel, Connected, Disconnected, Event, Origin, PresentationRead
from ari_app.pbx.outputs import AskPresentation, Attached, CallEnded, CallStarted, Detached, Output, StrangeContext
from ari_app.pbx.places import Kind, kind_of, trunk_name
from ari_app.settings import Settings

__all__ = ["Watch", "WatchStatus", "switches_of"]

log = structlog.get_logger("pbx.watch")

_LONGEST_CALL = timedelta(hours=6)
_AT_ONCE = 1000
"""Events handled before others have a turn of the event loop: more than one read of the socket brings, so that none pile up."""


def switches_of(settings: Settings) -> tuple[str, ...]:
    """Device states the settings follow (night switches): what the AriClient is to be told."""
    return WatchConfig.of(settings).switches


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """The watcher for ``doctor``."""

    connected: bool
    since: datetime | None
    """Since when it is connected, or is not."""
    reason: str
    """Why it is not connected; "" when it is."""
    live_calls: int
    events: int
    lag: timedelta | None
    """Our clock less Asterisk's timestamp, at the last event: large when the two clocks differ or we fall behind."""
    unreadable: int
    overflows: int
    channelvars: bool | None
    """Do the events carry CALLERID(num-pres); None before the first call."""
    options: bool | None
    """The same of TEXTBACK_OPTION."""
    strange_contexts: frozenset[str]


class Watch:
    """Watches one Asterisk. ``on_output`` is awaited for every output, in order."""

    def __init__(
        self,
        settings: Settings,
        ari: AriClient,
        clock: Clock,
        *,
        on_output: Callable[[Output], Awaitable[None]],
    ) -> None:
        self._ari = ari
        self._clock = clock
        self._on_output = on_output
        self._tracker = Tracker(WatchConfig.of(settings))
        self._asking: set[asyncio.Task[None]] = set()
        self.connected = False
        self._since: datetime | None = None
        self._reason = "not started"
        self._events = 0
        self._lag: timedelta | None = None
        self._channelvars: bool | None = None

    @property
    def live_numbers(self) -> frozenset[str]:
        """E.164 numbers of everybody outside who is on a call now.

        Asterisk has been seen to list a channel for ever that is long gone (asterisk/asterisk#783): one that old holds nobody up.
        """
        return self._tracker.live_numbers(self._clock.now() - _LONGEST_CALL)

    @property
    def up(self) -> frozenset[str]:
        """Ids and channel names of the inbound calls whose end will be told."""
        return self._tracker.up

    @property
    def lag(self) -> timedelta:
        """Our clock less Asterisk's timestamp, at the last event."""
        return self._lag or timedelta()

    def call_of(self, channel_id: str) -> Call | None:
        """The inbound call that a channel is, or was made for, as it would be filed if it ended now; None for none that is up."""
        return self._tracker.call_of(channel_id, self._clock.now()) if self.connected else None

    def bridged(self, channel_id: str) -> bool:
        """Is this channel known to be in a bridge."""
        return self._tracker.bridged(channel_id)

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        """Ids of the channels that ring for a call now."""
        return self._tracker.phones_of(call_id)

    def declined(self, call_id: str, *, on: bool = True) -> None:
        """The caller is sent away: whoever picks up in this very moment does not get to talk with them. ``on`` False: they were not."""
        self._tracker.declined(call_id, on=on, now=self._clock.now())

    @property
    def strange_contexts(self) -> frozenset[str]:
        """Contexts with calls from outside numbers that are not inbound."""
        return frozenset(self._tracker.strange_contexts)

    @property
    def switches(self) -> Mapping[str, str]:
        """Device states of the night switches, as last told."""
        return MappingProxyType(self._tracker.switches)

    def status(self) -> WatchStatus:
        """Everything ``doctor`` asks."""
        return WatchStatus(
            connected=self.connected,
            since=self._since,
            reason="" if self.connected else self._reason,
            live_calls=self._tracker.live_calls,
            events=self._events,
            lag=self._lag,
            unreadable=self._ari.unreadable,
            overflows=self._ari.overflows,
            channelvars=self._channelvars,
            options=self._tracker.options,
            strange_contexts=self.strange_contexts,
        )

    async def run(self) -> None:
        """Watch until cancelled. Raises PbxAuthError or PbxReplacedError when watching on is no use."""
        try:
            async with aclosing(self._ari.events()) as events:
                async for event in events:
                    self._note(event)
                    if not self._events % _AT_ONCE:
                        await asyncio.sleep(0)
                    await self._feed(await self._completed(event) if isinstance(event, Connected) else event)
                    if isinstance(event, Connected):
                        self.connected = True  # not before it is known who is up: texts wait for that
                        tracker = self._tracker
                        await self._on_output(Attached(tracker.live_ids, tracker.call_backs, tracker.legs))
                    elif isinstance(event, Disconnected):
                        await self._on_output(Detached(event.reason))
        except PbxError as error:
            # another client has our place now: its lamps are not to be put out with ours
            await self._on_output(Detached(error.what))
            raise
        finally:
            self.connected, self._since, self._reason = False, self._clock.now(), "stopped"
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    async def _feed(self, event: Event) -> None:
        for output in self._tracker.feed(event):
            if isinstance(output, AskPresentation):
                self._channelvars = False
                task = asyncio.create_task(self._ask(output.channel_id), name="ari-presentation")
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
            else:
                self._log(output)
            await self._on_output(output)

    async def _ask(self, channel_id: str) -> None:
        try:
            value = await self._ari.variable(channel_id, "CALLERID(num-pres)")
        except PbxError as error:
            log.info("pbx_presentation_unread", call=channel_id, reason=error.what)
            return
        # the answer concerns a live call only and has no outputs: it may go in between two events
        self._tracker.feed(PresentationRead(channel_id, value))

    def _note(self, event: Event) -> None:
        now = self._clock.now()
        if isinstance(event, Connected):
            self._since = now
            log.info("pbx_connected", channels=len(event.snapshot.channels), bridges=len(event.snapshot.bridges))
        elif isinstance(event, Disconnected):
            if self.connected or self._since is None:
                self._since = now
            self.connected, self._reason = False, event.reason
        elif not isinstance(event, PresentationRead):
            self._events += 1
            self._lag = now - event.at

    def _log(self, output: Output) -> None:
        if isinstance(output, CallStarted):
            log.debug("call_started", call=output.id, caller=shortened(output.number), did=output.did)
        elif isinstance(output, CallEnded):
            call = output.call
            if self._channelvars is None and call.presented:
                self._channelvars = True
            log.debug("call_ended", call=call.id, caller=shortened(call.caller), outcome=str(call.outcome), reached=str(call.reached))
        elif isinstance(output, StrangeContext):
            log.warning("strange_context", context=output.context)

    async def _completed(self, event: Connected) -> Connected:
        """With the origins of calls that were up before we listened: the context they came in on, and the number dialled.

        Their own context and extension have moved on with the dialplan.
        """
        snapshot = event.snapshot
        origins: dict[str, Origin] = {}
        contexts: dict[str, str | None] = {}
        for channel in snapshot.channels:
            if kind_of(channel.name) is not Kind.DEVICE or channel.app.startswith(("AppDial", "AppQueue")):
                continue
            if self._tracker.knows(channel.id):
                continue
            try:
                origins[channel.id] = await self._origin(channel, contexts)
            except PbxError as error:
                log.info("pbx_origin_unread", call=channel.id, reason=error.what)
        return Connected(event.at, dataclasses.replace(snapshot, origins=origins))

    async def _origin(self, channel: Channel, contexts: dict[str, str | None]) -> Origin:
        technology, _, endpoint = trunk_name(channel.name).partition("/")
        context = None
        if technology == "PJSIP":
            if endpoint not in contexts:
                contexts[endpoint] = await self._ari.endpoint_context(endpoint)
            context = contexts[endpoint]
        if not self._tracker.is_inbound(context or channel.context):
            return Origin(context or "")
        return Origin(context or "", await self._ari.variable(channel.id, "CALLERID(dnid)") or "")
