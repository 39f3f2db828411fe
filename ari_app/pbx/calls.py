"""The call tracker: events of the whole PBX in, finished calls out. Pure: no clock of its own, no I/O.

The rule it stands on: a caller was answered when a path leads from the caller's channel, through mixing bridges and the two
halves of Local channels, to a device that is Up, is no machine and is no other inbound caller. Neither the state of the
caller's channel nor Dial's status says so: menus, queues and voicemail answer too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from ari_app.model import Presentation
from ari_app.model import Reached as Place
from ari_app.numbers import e164
from ari_app.pbx import events as ari
from ari_app.pbx.config import WatchConfig, matcher
from ari_app.pbx.graph import Graph, Station
from ari_app.pbx.judge import judge
from ari_app.pbx.live import VMSTATUS, LiveCall, LiveLeg, presentation_of
from ari_app.pbx.outputs import (
    AskPresentation,
    CallEnded,
    CallStarted,
    OutgoingDialled,
    OutgoingEnded,
    Output,
    StrangeContext,
    SwitchTurned,
)
from ari_app.pbx.placed import PlacedCalls, is_placed
from ari_app.pbx.places import Kind, dialled_number, place_of, trunk_name

__all__ = ["Tracker", "WatchConfig"]

_INCOMING = frozenset({"Ring", "Pre-ring"})
"""States a call comes in with; Pre-ring on analog lines that tell the caller's number before the first ring (chan_dahdi)."""
_MEMORY = 10_000
"""How many ended channels are remembered, so that an event told late or twice raises no ghost."""


class Tracker:
    """Feed it every event in order; it returns what they mean. Told nonsense, it says nothing and never raises."""

    def __init__(self, config: WatchConfig) -> None:
        self.config = config
        self.switches: dict[str, str] = {}
        """Device states as last told."""
        self.strange_contexts: set[str] = set()
        self._graph = Graph()
        self._calls: dict[str, LiveCall] = {}
        self._legs: dict[str, LiveLeg] = {}
        self._roots: dict[str, str] = {}
        """Channel → the inbound call on whose behalf it was made."""
        self._placed = PlacedCalls()
        self._saving: dict[str, tuple[LiveCall, datetime]] = {}
        """Channel that takes the message of a call → that call, over since then: whether there is one shows a moment later."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._internal: set[str] = set()
        self.is_inbound = matcher(config.inbound_contexts)
        """Is a context of this name one that trunks use."""
        self._is_machine = matcher(config.machines)
        self._out: list[Output] = []
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            ari.ChannelCreated: self._created,
            ari.ChannelStateChange: self._changed,
            ari.ChannelDialplan: self._dialplan,
            ari.ChannelCallerId: self._caller_id,
            ari.ChannelHangupRequest: self._hangup_request,
            ari.ChannelDestroyed: self._destroyed,
            ari.ChannelHold: self._hold,
            ari.ChannelUnhold: self._unhold,
            ari.ChannelEnteredBridge: self._entered,
            ari.ChannelLeftBridge: self._left,
            ari.BridgeMerged: self._merged,
            ari.BridgeDestroyed: self._bridge_destroyed,
            ari.BridgeBlindTransfer: self._blind_transfer,
            ari.BridgeAttendedTransfer: self._attended_transfer,
            ari.Dial: self._dial,
            ari.DeviceStateChanged: self._device_state,
            ari.Connected: self._connected,
            ari.Disconnected: self._disconnected,
            ari.PresentationRead: self._presentation_read,
        }

    def feed(self, event: ari.Event) -> list[Output]:
        """What this event means, in the order it happened."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return []
        self._out = []
        handler(event)
        return self._out

    @property
    def live_calls(self) -> int:
        """Inbound calls that are up."""
        return len(self._calls)

    @property
    def live_ids(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(self._calls)

    @property
    def call_backs(self) -> frozenset[str]:
        """Ids of the call backs that are up."""
        return self._placed.live

    @property
    def legs(self) -> frozenset[str]:
        """Ids of the legs to the outside that are up."""
        return frozenset(self._legs)

    def live_numbers(self, since: datetime | None = None) -> frozenset[str]:
        """E.164 numbers of everybody outside who is on a call now, inbound or outgoing. ``since`` leaves out calls started before."""
        live: list[LiveCall | LiveLeg] = [*self._calls.values(), *self._legs.values()]
        numbers = {one.number for one in live if since is None or one.started >= since}
        return frozenset(number for number in numbers if number is not None)

    def knows(self, channel_id: str) -> bool:
        """Is this channel known already, alive or ended."""
        return channel_id in self._graph.stations or channel_id in self._ended

    # channels

    def _see(self, channel: ari.Channel, at: datetime, *, created: bool = False) -> Station | None:
        """Take over what an event says of a channel, None for one that has ended."""
        if channel.id in self._ended:
            return None
        new = channel.id not in self._graph.stations
        station, changed = self._graph.see(channel)
        self._placed.see(channel)
        if new:
            self._classify_late(station, channel, ari.Origin(), at)
        call = self._calls.get(channel.id)
        if call is not None and call.see(channel, created=created):
            self._out.append(AskPresentation(call.id))
        leg = self._legs.get(channel.id)
        if leg is not None:
            leg.see(channel)
        if channel.variables.get(VMSTATUS):
            self._message(station, left=channel.variables[VMSTATUS] == "SUCCESS")
        if changed and station.room is not None:
            self._judge(station, at)
        return station

    def _message(self, station: Station, *, left: bool) -> None:
        """Voicemail said whether it kept a message."""
        root = self._root(station)
        if root is not None and left:
            root.voicemail_left = True
        call, ended = self._saving.pop(station.id, (None, None))
        if call is not None and ended is not None:
            call.voicemail_left = call.voicemail_left or left
            self._finish(call, ended)

    def _still_saving(self, call: LiveCall, ended: datetime) -> bool:
        """Voicemail behind a Local channel outlives the caller by a moment: the call waits for its word."""
        mailbox = call.mailbox
        if call.place is not Place.VOICEMAIL or call.voicemail_left or mailbox not in self._graph.stations or mailbox in self._saving:
            return False
        self._saving[mailbox] = (call, ended)
        return True

    def _finish(self, call: LiveCall, ended: datetime) -> None:
        self._out.append(CallEnded(call.finish(ended, self.config.hold)))

    def _created(self, event: ari.ChannelCreated) -> None:
        channel = event.channel
        if channel.id in self._ended:
            return
        if channel.id not in self._graph.stations:
            station, _changed = self._graph.see(channel)
            self._classify(station, channel, event.at)
        call = self._calls.get(channel.id)
        if call is not None:
            call.watched = True
        self._see(channel, event.at, created=True)

    def _classify(self, station: Station, channel: ari.Channel, at: datetime) -> None:
        """What a channel is, by its state at creation: some come in, all else is dialled from here."""
        if station.kind is not Kind.DEVICE or is_placed(channel.id):
            return  # a member's phone is of the house, even where it is reached over a trunk
        if self.is_inbound(channel.context):
            if channel.state in _INCOMING:
                self._start(channel, channel.context, channel.exten, at)
            else:
                self._dialled(channel.id, at)
        elif channel.state in _INCOMING and channel.context:
            self._learn(channel)

    def _learn(self, channel: ari.Channel) -> None:
        """A context whose callers have outside numbers is a trunk's: if it is not inbound, somebody should know."""
        low, high = self.config.internal_length
        number = channel.number
        if number.isdigit() and low <= len(number) <= high:
            self._internal.add(channel.context)
            self.strange_contexts.discard(channel.context)
        elif channel.context not in self._internal | self.strange_contexts and e164(number, self.config.country) is not None:
            self.strange_contexts.add(channel.context)
            self._out.append(StrangeContext(channel.context))

    def _classify_late(self, station: Station, channel: ari.Channel, origin: ari.Origin, at: datetime) -> None:
        """What a channel is whose creation was not seen. Its context may have moved on since, so its endpoint's counts first."""
        if station.kind is not Kind.DEVICE or is_placed(channel.id) or not self.is_inbound(origin.context or channel.context):
            return
        if station.app.startswith(("AppDial", "AppQueue")) or channel.state not in _INCOMING | {"Up"}:
            self._dialled(channel.id, channel.created or at)
        else:
            self._start(channel, origin.context or channel.context, origin.did or channel.exten, channel.created or at)
            if channel.app.lower() == "dial":
                self._calls[channel.id].go(Place.RING)

    def _start(self, channel: ari.Channel, context: str, exten: str, at: datetime) -> None:
        call = LiveCall(
            id=channel.id,
            channel=channel.name,
            did=exten if exten not in ("", "s") else trunk_name(channel.name),
            context=context,
            started=at,
            country=self.config.country,
            switches=MappingProxyType(dict(self.switches)),
        )
        self._calls[channel.id] = call
        call.see(channel, created=True)
        self._out.append(CallStarted(call.id, call.number, call.did, call.started, call.unseen()))

    def _changed(self, event: ari.ChannelStateChange) -> None:
        self._see(event.channel, event.at)

    def _dialplan(self, event: ari.ChannelDialplan) -> None:
        station = self._see(event.channel, event.at)
        if station is None:
            return
        call = self._calls.get(station.id)
        if call is not None:
            if event.channel.exten == "fax" and not call.hung_up:
                # where fax detection sends a call; Asterisk 22 tells it with the application of before
                call.go(Place.FAX)
        elif station.kind is Kind.LOCAL:
            self._judge(station, event.at)

    def _caller_id(self, event: ari.ChannelCallerId) -> None:
        call = self._calls.get(event.channel.id)
        if call is not None and not call.presented and event.channel.number and event.presentation is not None:
            codes = {0x00: Presentation.ALLOWED, 0x20: Presentation.PROHIBITED}
            call.presentation = codes.get(event.presentation & 0x60, Presentation.UNKNOWN)
        self._see(event.channel, event.at)

    def _presentation_read(self, event: ari.PresentationRead) -> None:
        call = self._calls.get(event.channel_id)
        if call is not None and call.presentation is Presentation.UNKNOWN:
            call.presentation = presentation_of(event.value)

    def _hangup_request(self, event: ari.ChannelHangupRequest) -> None:
        self._see(event.channel, event.at)
        call = self._calls.get(event.channel.id)
        if call is not None and not event.soft:
            call.hung_up = True

    def _destroyed(self, event: ari.ChannelDestroyed) -> None:
        station = self._see(event.channel, event.at)
        if station is not None:
            self._gone(station, event.at, event.cause)

    def _gone(self, station: Station, at: datetime, cause: int | None = None) -> None:
        self._ended[station.id] = None
        if len(self._ended) > _MEMORY:
            self._ended.popitem(last=False)
        before = [other for other in self._graph.joined(station) if other is not station]
        self._graph.remove(station.id)
        call = self._calls.pop(station.id, None)
        if call is not None and not self._still_saving(call, at):
            self._finish(call, at)
        self._message(station, left=False)
        leg = self._legs.pop(station.id, None)
        if leg is not None:
            self._out.append(OutgoingEnded(leg.so_far(at)))
        placed = self._placed.gone(station.id, cause, at)
        if placed is not None:
            self._out.append(placed)
        self._roots.pop(station.id, None)
        self._judge_all(before, at)

    # bridges

    def _entered(self, event: ari.ChannelEnteredBridge) -> None:
        station = self._see(event.channel, event.at)
        if station is None:
            return
        self._graph.enter(station, event.bridge)
        call = self._calls.get(station.id)
        if call is not None and event.bridge.kind == "holding" and not call.hung_up:
            if call.joined is not None:
                call.hand_on(Place.HOLD)
            call.place = Place.HOLD
        elif call is not None:
            call.spot = (event.channel.context, event.channel.exten)
        self._judge(station, event.at)

    def _left(self, event: ari.ChannelLeftBridge) -> None:
        station = self._see(event.channel, event.at)
        if station is None:
            return
        before = self._graph.joined(station)
        self._graph.leave(station, event.bridge)
        call = self._calls.get(station.id)
        if call is not None and station.room is None:
            call.left(event.at, (event.channel.context, event.channel.exten))
        self._judge_all(before, event.at)

    def _merged(self, event: ari.BridgeMerged) -> None:
        self._judge_all(self._graph.merge(event.bridge, event.source), event.at)

    def _bridge_destroyed(self, event: ari.BridgeDestroyed) -> None:
        for station in self._graph.close(event.bridge):
            call = self._calls.get(station.id)
            if call is not None:
                call.left(event.at)

    def _hold(self, event: ari.ChannelHold) -> None:
        station = self._see(event.channel, event.at)
        if station is not None:
            station.held_since = event.at
            self._judge(station, event.at)

    def _unhold(self, event: ari.ChannelUnhold) -> None:
        station = self._see(event.channel, event.at)
        if station is not None:
            station.held_since = None
            self._judge(station, event.at)

    def _judge_all(self, stations: Iterable[Station], at: datetime) -> None:
        done: set[str] = set()
        for station in stations:
            if station.id not in done:
                done.update(self._judge(station, at))

    def _judge(self, start: Station, at: datetime) -> list[str]:
        """Who among those joined to ``start`` is served, and by whom. Returns the ids looked at."""
        members = self._graph.joined(start)
        for one in members:
            leg = self._legs.get(one.id)
            if leg is not None and leg.joined is None:
                self._dialled_for(leg, self._placed.of(each.id for each in members))
        self._out += judge(members, self._calls, self._legs, at, is_machine=self._is_machine, trust_outside=self.config.trust_outside)
        return [one.id for one in members]

    # handing on, dialling

    def _blind_transfer(self, event: ari.BridgeBlindTransfer) -> None:
        if event.success:
            self._transfer([event.channel], event.transferee, [event.bridge] if event.bridge else [], event.at)

    def _attended_transfer(self, event: ari.BridgeAttendedTransfer) -> None:
        if event.success:
            self._transfer(event.legs, event.transferee, event.bridges, event.at)

    def _transfer(
        self, leaving: Sequence[ari.Channel], transferee: ari.Channel | None, bridges: Sequence[ari.Bridge], at: datetime
    ) -> None:
        """``leaving`` take themselves out; every caller joined to them, or in the bridges, is handed on."""
        involved = [channel.id for channel in (*leaving, *([transferee] if transferee else []))]
        members = self._graph.joined_to([*involved, *(member for bridge in bridges for member in bridge.channels)])
        for channel in leaving:
            station = self._see(channel, at)
            if station is not None:
                station.gone = True
        for station in members:
            call = self._calls.get(station.id)
            # a caller whose own side transfers is no one handed on; one in a holding bridge already was parked by this
            if call is not None and not station.gone and (station.room is None or station.room.mixing):
                call.hand_on(Place.TRANSFER)
        self._judge_all(members, at)

    def _root(self, station: Station) -> LiveCall | None:
        """The inbound call this channel is, or was made for."""
        half = self._graph.half(station)
        for identity in (station.id, half.id if half else None):
            if identity is not None:
                root = self._calls.get(identity) or self._calls.get(self._roots.get(identity, ""))
                if root is not None:
                    return root
        return None

    def _dial(self, event: ari.Dial) -> None:
        peer = self._see(event.peer, event.at)
        caller = self._see(event.caller, event.at) if event.caller else None
        if peer is None:
            return
        leg = self._legs.get(peer.id) or self._outgoing(peer, event)
        if leg is not None and event.dialstring:
            leg.dialstring = event.dialstring
        if caller is None:
            return
        made = [one.id for one in (peer, self._graph.half(peer)) if one is not None]
        call_back = self._placed.of(one.id for one in (caller, self._graph.half(caller)) if one is not None)
        if call_back is not None:
            self._placed.made(made, call_back)
            if leg is not None:
                self._dialled_for(leg, call_back)
        root = self._root(caller)
        if root is None:
            return
        self._roots.update(dict.fromkeys(made, root.id))
        if caller.id == root.id and not root.hung_up and place_of(caller.app) is None:
            root.go(Place.RING)

    def _dialled_for(self, leg: LiveLeg, call_back: str | None) -> None:
        """The leg is the call back's, said once. Seen late, when both were up before we listened, who is joined to whom tells it."""
        if call_back is not None and leg.call_back is None:
            leg.call_back = call_back
            self._placed.dialled(call_back)
            self._out.append(OutgoingDialled(leg.so_far()))

    def _outgoing(self, peer: Station, event: ari.Dial) -> LiveLeg | None:
        """A leg to an outside number on a trunk whose context is not inbound: only its dial string tells it from a telephone's."""
        if peer.kind is not Kind.DEVICE or peer.id in self._calls or is_placed(peer.id) or not {"@", "/"} & set(event.dialstring):
            return None
        number = dialled_number(event.dialstring, "", self.config.country)
        own_name = trunk_name(peer.name).partition("/")[2]
        if number is None or number == e164(own_name, self.config.country):
            return None
        return self._dialled(peer.id, event.at)

    def _dialled(self, channel_id: str, at: datetime) -> LiveLeg:
        """A leg to the outside begins."""
        leg = self._legs[channel_id] = LiveLeg(id=channel_id, started=at, country=self.config.country)
        return leg

    # what is not a call

    def _device_state(self, event: ari.DeviceStateChanged) -> None:
        self._turn(event.name, event.state)

    def _turn(self, name: str, state: str) -> None:
        if name in self.config.switches and self.switches.get(name) != state:
            self.switches[name] = state
            self._out.append(SwitchTurned(name, state))

    def _disconnected(self, _event: ari.Disconnected) -> None:
        for call in self._calls.values():
            call.gap = True
        self._placed.deaf()
        while self._saving:
            self._finish(*self._saving.popitem()[1])

    def _connected(self, event: ari.Connected) -> None:
        """Settle what ended unseen, take up what is there now."""
        self._disconnected(ari.Disconnected(event.at, ""))
        for name, state in event.snapshot.device_states.items():
            self._turn(name, state)
        channels = [channel for channel in event.snapshot.channels if channel.id not in self._ended]
        new = [channel for channel in channels if channel.id not in self._graph.stations]
        for station in self._graph.reset(channels, event.snapshot.bridges):
            self._gone(station, event.at)
        for channel in new:
            origin = event.snapshot.origins.get(channel.id, ari.Origin())
            self._classify_late(self._graph.stations[channel.id], channel, origin, event.at)
        for channel in channels:
            self._see(channel, event.at)
        self._judge_all([self._graph.stations[channel.id] for channel in channels], event.at)
