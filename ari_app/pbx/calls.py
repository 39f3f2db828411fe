"""The call tracker: events of the whole PBX in, finished calls out. Pure: no clock of its own, no I/O.

The rule it stands on: a caller was answered when a path leads from the caller's channel, through mixing bridges and the two
halves of Local channels, to a device that is Up, is no machine and is no other inbound caller. Neither the state of the
caller's channel nor Dial's status says so: menus, queues and voicemail answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ari_app.model import Call, Presentation
from ari_app.model import Reached as Place
from ari_app.pbx import events as ari
from ari_app.pbx.config import WatchConfig
from ari_app.pbx.live import LiveCall, LiveLeg, presentation_of
from ari_app.pbx.outputs import Output, SwitchTurned
from ari_app.pbx.places import Kind, place_of
from ari_app.pbx.scene import Scene

__all__ = ["Tracker", "WatchConfig"]


class Tracker:
    """Feed it every event in order; it returns what they mean. Told nonsense, it says nothing and never raises."""

    def __init__(self, config: WatchConfig) -> None:
        self.config = config
        self.scene = Scene(config)
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
        self.scene.out = []
        handler(event)
        ringing = self.scene.rings.told(self.scene.calls)
        if ringing is not None:
            self.scene.out.append(ringing)
        return self.scene.out

    @property
    def switches(self) -> dict[str, str]:
        """Device states as last told."""
        return self.scene.switches

    @property
    def strange_contexts(self) -> frozenset[str]:
        """Contexts with calls from outside numbers that are not inbound."""
        return frozenset(self.scene.strange_contexts)

    @property
    def options(self) -> bool | None:
        """Do events carry TEXTBACK_OPTION; None before the first call."""
        return self.scene.options

    def is_inbound(self, context: str) -> bool:
        """Is a context of this name one that trunks use."""
        return self.scene.is_inbound(context)

    @property
    def live_calls(self) -> int:
        """Inbound calls that are up."""
        return len(self.scene.calls)

    @property
    def live_ids(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(self.scene.calls)

    @property
    def up(self) -> frozenset[str]:
        """Ids and channel names of inbound calls that are up, or are over and wait for voicemail's word: their end will be told."""
        calls = [*self.scene.calls.values(), *(call for call, _ended in self.scene.saving.values())]
        return frozenset(name for call in calls for name in (call.id, call.channel))

    def call_of(self, channel_id: str, now: datetime) -> Call | None:
        """The inbound call that a channel is, or was made for, as it would be filed if it ended now; None for none that is up."""
        station = self.scene.graph.stations.get(channel_id)
        call = None if station is None else self.scene.root(station)
        return None if call is None else call.finish(now, self.config.hold)

    def bridged(self, channel_id: str) -> bool:
        """Is this channel known to be in a bridge."""
        station = self.scene.graph.stations.get(channel_id)
        return station is not None and station.room is not None

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        """Ids of the channels that ring for a call now."""
        return self.scene.rings.phones(call_id)

    def declined(self, call_id: str, *, on: bool, now: datetime) -> None:
        """The caller is sent away: nobody is joined to them any more, whatever is told of that moment. ``on`` False: they were not."""
        call, station = self.scene.calls.get(call_id), self.scene.graph.stations.get(call_id)
        if call is not None and station is not None:
            call.declined = on
            if not on:
                self.scene.judge(station, now)

    @property
    def call_backs(self) -> frozenset[str]:
        """Ids of the call backs that are up."""
        return self.scene.placed.live

    @property
    def legs(self) -> frozenset[str]:
        """Ids of the legs to the outside that are up."""
        return frozenset(self.scene.legs)

    def live_numbers(self, since: datetime | None = None) -> frozenset[str]:
        """E.164 numbers of everybody outside who is on a call now, inbound or outgoing. ``since`` leaves out calls started before."""
        live: list[LiveCall | LiveLeg] = [*self.scene.calls.values(), *self.scene.legs.values()]
        numbers = {one.number for one in live if since is None or one.started >= since}
        return frozenset(number for number in numbers if number is not None)

    def knows(self, channel_id: str) -> bool:
        """Is this channel known already, alive or ended."""
        return channel_id in self.scene.graph.stations or channel_id in self.scene.ended

    # channels

    def _created(self, event: ari.ChannelCreated) -> None:
        channel = event.channel
        if channel.id in self.scene.ended:
            return
        if channel.id not in self.scene.graph.stations:
            station, _changed = self.scene.graph.see(channel)
            self.scene.classify(station, channel, event.at)
        call = self.scene.calls.get(channel.id)
        if call is not None:
            call.watched = True
        self.scene.see(channel, event.at, created=True)

    def _changed(self, event: ari.ChannelStateChange) -> None:
        self.scene.see(event.channel, event.at)

    def _dialplan(self, event: ari.ChannelDialplan) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is None:
            return
        call = self.scene.calls.get(station.id)
        if call is not None:
            if event.channel.exten == "fax" and not call.hung_up:
                # where fax detection sends a call; Asterisk 22 tells it with the application of before
                call.go(Place.FAX)
        elif station.kind is Kind.LOCAL:
            self.scene.judge(station, event.at)

    def _caller_id(self, event: ari.ChannelCallerId) -> None:
        call = self.scene.calls.get(event.channel.id)
        if call is not None and not call.presented and event.channel.number and event.presentation is not None:
            codes = {0x00: Presentation.ALLOWED, 0x20: Presentation.PROHIBITED}
            call.presentation = codes.get(event.presentation & 0x60, Presentation.UNKNOWN)
        self.scene.see(event.channel, event.at)

    def _presentation_read(self, event: ari.PresentationRead) -> None:
        call = self.scene.calls.get(event.channel_id)
        if call is not None and call.presentation is Presentation.UNKNOWN:
            call.presentation = presentation_of(event.value)

    def _hangup_request(self, event: ari.ChannelHangupRequest) -> None:
        self.scene.see(event.channel, event.at)
        call = self.scene.calls.get(event.channel.id)
        if call is not None and not event.soft:
            call.hung_up = True

    def _destroyed(self, event: ari.ChannelDestroyed) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is not None:
            self.scene.gone(station, event.at, event.cause)

    # bridges

    def _entered(self, event: ari.ChannelEnteredBridge) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is None:
            return
        self.scene.graph.enter(station, event.bridge)
        call = self.scene.calls.get(station.id)
        if call is not None and event.bridge.kind == "holding" and not call.hung_up:
            if call.joined is not None:
                call.hand_on(Place.HOLD)
            call.place = Place.HOLD
        elif call is not None:
            call.spot = (event.channel.context, event.channel.exten)
        self.scene.judge(station, event.at)

    def _left(self, event: ari.ChannelLeftBridge) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is None:
            return
        before = self.scene.graph.joined(station)
        self.scene.graph.leave(station, event.bridge)
        call = self.scene.calls.get(station.id)
        if call is not None and station.room is None:
            call.left(event.at, (event.channel.context, event.channel.exten))
        self.scene.judge_all(before, event.at)

    def _merged(self, event: ari.BridgeMerged) -> None:
        self.scene.judge_all(self.scene.graph.merge(event.bridge, event.source), event.at)

    def _bridge_destroyed(self, event: ari.BridgeDestroyed) -> None:
        for station in self.scene.graph.close(event.bridge):
            call = self.scene.calls.get(station.id)
            if call is not None:
                call.left(event.at)

    def _hold(self, event: ari.ChannelHold) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is not None:
            station.held_since = event.at
            self.scene.judge(station, event.at)

    def _unhold(self, event: ari.ChannelUnhold) -> None:
        station = self.scene.see(event.channel, event.at)
        if station is not None:
            station.held_since = None
            self.scene.judge(station, event.at)

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
        members = self.scene.graph.joined_to([*involved, *(member for bridge in bridges for member in bridge.channels)])
        for channel in leaving:
            station = self.scene.see(channel, at)
            if station is not None:
                station.gone = True
        for station in members:
            call = self.scene.calls.get(station.id)
            # a caller whose own side transfers is no one handed on; one in a holding bridge already was parked by this
            if call is not None and not station.gone and (station.room is None or station.room.mixing):
                call.hand_on(Place.TRANSFER)
        self.scene.judge_all(members, at)

    def _dial(self, event: ari.Dial) -> None:
        peer = self.scene.see(event.peer, event.at)
        caller = self.scene.see(event.caller, event.at) if event.caller else None
        if peer is None:
            return
        leg = self.scene.legs.get(peer.id) or self.scene.outgoing(peer, event)
        if leg is not None and event.dialstring:
            leg.dialstring = event.dialstring
        if caller is None:
            return
        made = [one.id for one in (peer, self.scene.graph.half(peer)) if one is not None]
        call_back = self.scene.placed.of(one.id for one in (caller, self.scene.graph.half(caller)) if one is not None)
        if call_back is not None:
            self.scene.placed.made(made, call_back)
            if leg is not None:
                self.scene.dialled_for(leg, call_back)
        root = self.scene.root(caller)
        if root is None:
            return
        self.scene.roots.update(dict.fromkeys(made, root.id))
        if event.peer.state == "Ringing":
            self.scene.see(event.peer, event.at)
        # a caller who hangs up the moment a phone rings may be told of before the Dial (seen on 22)
        if caller.id == root.id and place_of(caller.app) is None and (not root.hung_up or root.place is Place.NONE):
            root.go(Place.RING)

    # what is not a call

    def _device_state(self, event: ari.DeviceStateChanged) -> None:
        self._turn(event.name, event.state)

    def _turn(self, name: str, state: str) -> None:
        if name in self.config.switches and self.scene.switches.get(name) != state:
            self.scene.switches[name] = state
            self.scene.out.append(SwitchTurned(name, state))

    def _disconnected(self, _event: ari.Disconnected) -> None:
        for call in self.scene.calls.values():
            call.gap = True
        self.scene.placed.deaf()
        self.scene.rings.lost()
        while self.scene.saving:
            self.scene.finish(*self.scene.saving.popitem()[1])

    def _connected(self, event: ari.Connected) -> None:
        """Settle what ended unseen, take up what is there now."""
        self._disconnected(ari.Disconnected(event.at, ""))
        self.scene.rings.deaf = False
        for name, state in event.snapshot.device_states.items():
            self._turn(name, state)
        channels = [channel for channel in event.snapshot.channels if channel.id not in self.scene.ended]
        new = [channel for channel in channels if channel.id not in self.scene.graph.stations]
        for station in self.scene.graph.reset(channels, event.snapshot.bridges):
            self.scene.gone(station, event.at)
        for channel in new:
            origin = event.snapshot.origins.get(channel.id, ari.Origin())
            self.scene.classify_late(self.scene.graph.stations[channel.id], channel, origin, event.at)
        for channel in channels:
            self.scene.see(channel, event.at)
        self.scene.judge_all([self.scene.graph.stations[channel.id] for channel in channels], event.at)
