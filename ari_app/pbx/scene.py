"""What is up at the PBX now, as the events have told it: channels and who is joined to whom, calls that came in, legs to the outside.

The tracker moves it; here is what each channel is, and what its coming and going means. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType

from ari_app.model import Reached as Place
from ari_app.numbers import e164
from ari_app.pbx import events as ari
from ari_app.pbx.config import WatchConfig, matcher
from ari_app.pbx.graph import Graph, Station
from ari_app.pbx.judge import judge
from ari_app.pbx.live import OPTION, VMSTATUS, LiveCall, LiveLeg
from ari_app.pbx.outputs import AskPresentation, CallEnded, CallStarted, OutgoingDialled, OutgoingEnded, Output, StrangeContext
from ari_app.pbx.placed import PlacedCalls, is_placed
from ari_app.pbx.places import Kind, dialled_number, trunk_name
from ari_app.pbx.rings import Rings

__all__ = ["Scene"]

_INCOMING = frozenset({"Ring", "Pre-ring"})
"""States a call comes in with; Pre-ring on analog lines that tell the caller's number before the first ring (chan_dahdi)."""
_MEMORY = 10_000
"""How many ended channels are remembered, so that an event told late or twice raises no ghost."""


class Scene:
    """``out`` gathers what there is to tell; whoever moves the scene empties it."""

    def __init__(self, config: WatchConfig) -> None:
        self.config = config
        self.graph = Graph()
        self.calls: dict[str, LiveCall] = {}
        self.legs: dict[str, LiveLeg] = {}
        self.roots: dict[str, str] = {}
        """Channel → the inbound call on whose behalf it was made."""
        self.rings = Rings()
        self.placed = PlacedCalls()
        self.saving: dict[str, tuple[LiveCall, datetime]] = {}
        """Channel that takes the message of a call → that call, over since then: whether there is one shows a moment later."""
        self.ended: OrderedDict[str, None] = OrderedDict()
        self.switches: dict[str, str] = {}
        """Device states as last told."""
        self.strange_contexts: set[str] = set()
        self._internal: set[str] = set()
        self.is_inbound = matcher(config.inbound_contexts)
        """Is a context of this name one that trunks use."""
        self._is_machine = matcher(config.machines)
        self.options: bool | None = None
        """Do the events of calls carry what was chosen in a menu; None before the first call."""
        self.out: list[Output] = []

    def see(self, channel: ari.Channel, at: datetime, *, created: bool = False) -> Station | None:
        """Take over what an event says of a channel, None for one that has ended."""
        if channel.id in self.ended:
            return None
        new = channel.id not in self.graph.stations
        station, changed = self.graph.see(channel)
        self.placed.see(channel)
        if new:
            self.classify_late(station, channel, ari.Origin(), at)
        call = self.calls.get(channel.id)
        if call is not None and call.see(channel, created=created):
            self.out.append(AskPresentation(call.id))
        if call is not None:
            self.rings.touched.add(call.id)
            self.options = OPTION in channel.variables
        leg = self.legs.get(channel.id)
        if leg is not None:
            leg.see(channel)
        elif call is None and station.kind is Kind.DEVICE and channel.id in self.roots:
            self.rings.see(channel, self.roots[channel.id])
        if channel.variables.get(VMSTATUS):
            self._message(station, left=channel.variables[VMSTATUS] == "SUCCESS")
        if changed and station.room is not None:
            self.judge(station, at)
        return station

    def _message(self, station: Station, *, left: bool) -> None:
        """Voicemail said whether it kept a message."""
        root = self.root(station)
        if root is not None and left:
            root.voicemail_left = True
        call, ended = self.saving.pop(station.id, (None, None))
        if call is not None and ended is not None:
            call.voicemail_left = call.voicemail_left or left
            self.finish(call, ended)

    def _still_saving(self, call: LiveCall, ended: datetime) -> bool:
        """Voicemail behind a Local channel outlives the caller by a moment: the call waits for its word."""
        mailbox = call.mailbox
        if call.place is not Place.VOICEMAIL or call.voicemail_left or mailbox not in self.graph.stations or mailbox in self.saving:
            return False
        self.saving[mailbox] = (call, ended)
        return True

    def finish(self, call: LiveCall, ended: datetime) -> None:
        """An inbound call is over: tell what it came to."""
        self.out.append(CallEnded(call.finish(ended, self.config.hold)))

    def classify(self, station: Station, channel: ari.Channel, at: datetime) -> None:
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
            self.out.append(StrangeContext(channel.context))

    def classify_late(self, station: Station, channel: ari.Channel, origin: ari.Origin, at: datetime) -> None:
        """What a channel is whose creation was not seen. Its context may have moved on since, so its endpoint's counts first."""
        if station.kind is not Kind.DEVICE or is_placed(channel.id) or not self.is_inbound(origin.context or channel.context):
            return
        if station.app.startswith(("AppDial", "AppQueue")) or channel.state not in _INCOMING | {"Up"}:
            self._dialled(channel.id, channel.created or at)
        else:
            self._start(channel, origin.context or channel.context, origin.did or channel.exten, channel.created or at)
            if channel.app.lower() == "dial":
                self.calls[channel.id].go(Place.RING)

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
        self.calls[channel.id] = call
        call.see(channel, created=True)
        self.out.append(CallStarted(call.id, call.number, call.did, call.started, call.unseen()))

    def gone(self, station: Station, at: datetime, cause: int | None = None) -> None:
        """A channel ended, with its Q.850 cause where one was told."""
        self.ended[station.id] = None
        if len(self.ended) > _MEMORY:
            self.ended.popitem(last=False)
        before = [other for other in self.graph.joined(station) if other is not station]
        self.graph.remove(station.id)
        call = self.calls.pop(station.id, None)
        if call is not None and not self._still_saving(call, at):
            self.finish(call, at)
        self._message(station, left=False)
        self.rings.gone(station.id)
        self.rings.touched.add(station.id)
        leg = self.legs.pop(station.id, None)
        if leg is not None:
            self.out.append(OutgoingEnded(leg.so_far(at)))
        placed = self.placed.gone(station.id, cause, at)
        if placed is not None:
            self.out.append(placed)
        self.roots.pop(station.id, None)
        self.judge_all(before, at)

    def judge_all(self, stations: Iterable[Station], at: datetime) -> None:
        """``judge`` for everybody joined to one of these, once."""
        done: set[str] = set()
        for station in stations:
            if station.id not in done:
                done.update(self.judge(station, at))

    def judge(self, start: Station, at: datetime) -> list[str]:
        """Who among those joined to ``start`` is served, and by whom. Returns the ids looked at."""
        members = self.graph.joined(start)
        self.rings.touched.update(one.id for one in members if one.id in self.calls)
        for one in members:
            leg = self.legs.get(one.id)
            if leg is not None and leg.joined is None:
                self.dialled_for(leg, self.placed.of(each.id for each in members))
        self.out += judge(members, self.calls, self.legs, at, is_machine=self._is_machine, trust_outside=self.config.trust_outside)
        return [one.id for one in members]

    def root(self, station: Station) -> LiveCall | None:
        """The inbound call this channel is, or was made for."""
        half = self.graph.half(station)
        for identity in (station.id, half.id if half else None):
            if identity is not None:
                root = self.calls.get(identity) or self.calls.get(self.roots.get(identity, ""))
                if root is not None:
                    return root
        return None

    def dialled_for(self, leg: LiveLeg, call_back: str | None) -> None:
        """The leg is the call back's, said once. Seen late, when both were up before we listened, who is joined to whom tells it."""
        if call_back is not None and leg.call_back is None:
            leg.call_back = call_back
            self.placed.dialled(call_back)
            self.out.append(OutgoingDialled(leg.so_far()))

    def outgoing(self, peer: Station, event: ari.Dial) -> LiveLeg | None:
        """A leg to an outside number on a trunk whose context is not inbound: only its dial string tells it from a telephone's."""
        if peer.kind is not Kind.DEVICE or peer.id in self.calls or is_placed(peer.id) or not {"@", "/"} & set(event.dialstring):
            return None
        number = dialled_number(event.dialstring, "", self.config.country)
        own_name = trunk_name(peer.name).partition("/")[2]
        if number is None or number == e164(own_name, self.config.country):
            return None
        return self._dialled(peer.id, event.at)

    def _dialled(self, channel_id: str, at: datetime) -> LiveLeg:
        """A leg to the outside begins."""
        leg = self.legs[channel_id] = LiveLeg(id=channel_id, started=at, country=self.config.country)
        return leg
