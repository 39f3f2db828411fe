"""One call's rows of the channel event log, played as the events they were told by: the tracker makes the same of them as of live ones.

The log tells less than ARI. Who hid a number, whether voicemail kept a message, device states and menu choices are not in it; that the
caller was put on hold is where it has STREAM_BEGIN (a music class on the caller's channel; seen on 22, not on 16).

Source: ``main/cel.c``. Extra columns seen on 16 and 22: HANGUP has hangupcause, hangupsource (the channel whose far end hung up) and
dialstatus; BRIDGE_ENTER has bridge_id and bridge_technology; transfers name the transferee.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ari_app.model import Call, OutgoingCall
from ari_app.pbx import event_types as ari
from ari_app.pbx.calls import Tracker
from ari_app.pbx.cel_row import CelRow
from ari_app.pbx.config import WatchConfig
from ari_app.pbx.outputs import CallEnded, OutgoingEnded, Output, StrangeContext
from ari_app.pbx.places import Kind, trunk_name

__all__ = ["Story"]

_OUTGOING_LEG = ("AppDial", "AppQueue")
"""Applications of channels that were dialled, or made by the PBX."""
_AFTER_HANG_UP = "h"
"""Extension a dialplan runs when the call is over."""
_TEARDOWN = frozenset({"APP_END", "BRIDGE_EXIT", "STREAM_END", "PARK_END"})
_ENDED = frozenset({"HANGUP", "CHAN_END"})
_AT_ONCE = timedelta(seconds=1)
"""What a hang-up tears down is told with it."""
_REFUSED = frozenset({17, 34})
"""Q.850 causes that only the PBX gives: busy, no circuit. Hanging up is then all a caller can do."""


@dataclass(slots=True)
class Story:
    """What a group of rows came to. ``rows`` in the order of the log, their times in UTC."""

    rows: Sequence[CelRow]
    config: WatchConfig
    calls: list[Call] = field(default_factory=list)
    outgoing: list[OutgoingCall] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """Contexts of calls from outside numbers that came on no inbound one."""
    callers: set[str] = field(default_factory=set)
    """Ids of the channels that came in from outside."""
    heard: dict[str, set[str]] = field(default_factory=dict)
    """Caller → ids of the channels that a path led to, at any time, and that were up."""
    _tracker: Tracker = field(init=False)
    _incoming: set[str] = field(default_factory=set)
    _dialled_pieces: list[tuple[str, str]] = field(default_factory=list)
    """Technology, and what follows it, of all that was dialled."""
    _held: dict[str, list[str]] = field(default_factory=dict)
    _linked: dict[str, str] = field(default_factory=dict)
    _apps: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tracker = Tracker(self.config)

    def play(self, *, over: bool = False) -> None:
        """Play all rows. ``over``: nothing more will come, though channels may not have ended in the log."""
        dials = dict.fromkeys(row.appdata.partition(",")[0] for row in self.rows if row.appname.lower() == "dial")
        self._dialled_pieces = [(kind, rest) for each in dials for kind, _, rest in (piece.partition("/") for piece in each.split("&"))]
        of: dict[str, list[CelRow]] = {}
        for row in self.rows:
            of.setdefault(row.uniqueid, []).append(row)
        self._incoming = {identity for identity, mine in of.items() if _came_in(mine)}
        hang_ups = self._hang_ups()
        for index, row in enumerate(self.rows):
            for last in hang_ups.get(index, ()):
                self._feed(ari.ChannelDialplan(row.eventtime, _channel(last)))
                self._feed(ari.ChannelHangupRequest(row.eventtime, _channel(last), soft=False, cause=None))
            for event in self._events(row):
                self._feed(event)
        if over:
            self._feed(ari.Connected(self.rows[-1].eventtime, ari.Snapshot()))

    def _hang_ups(self) -> dict[int, list[CelRow]]:
        """Index of a row → the HANGUP of callers whose far end had hung up before it: what is torn down after that is no news.

        The log tells it last of all, and there too where in the dialplan the call was.
        """
        found: dict[int, list[CelRow]] = {}
        answered = {row.uniqueid for row in self.rows if row.eventtype == "ANSWER"}
        for last, row in enumerate(self.rows):
            if row.eventtype != "HANGUP" or row.uniqueid not in self._incoming:
                continue
            if row.extra_of("hangupsource") != row.channame or (row.cause in _REFUSED and row.uniqueid not in answered):
                continue
            index = self._before_teardown(row, last)
            found.setdefault(index, []).append(row)
        return found

    def _before_teardown(self, hung_up: CelRow, last: int) -> int:
        """Index of the first row that is told of the caller only because the far end hung up."""
        index, out, news = last, False, False
        for before in range(last - 1, -1, -1):
            each = self.rows[before]
            if each.uniqueid != hung_up.uniqueid:
                news = news or each.eventtype not in _TEARDOWN | _ENDED
                continue
            if each.exten != _AFTER_HANG_UP and (each.eventtype not in _TEARDOWN or hung_up.eventtime - each.eventtime > _AT_ONCE):
                break
            if out and (news or each.eventtype != "STREAM_END"):
                break  # the music before its bridge ends with the call only where nothing else happened since
            index = before
            if each.eventtype == "BRIDGE_EXIT":
                out, news = True, False
        return index

    def _feed(self, event: ari.Event) -> None:
        for output in self._tracker.feed(event):
            self._take(output)
        graph = self._tracker.scene.graph
        for identity in self._tracker.live_ids:
            self.callers.add(identity)
            station = graph.stations.get(identity)
            if station is not None and station.room is not None and station.room.mixing:
                self.heard.setdefault(identity, set()).update(each.id for each in graph.joined(station) if each.up)

    def _take(self, output: Output) -> None:
        if isinstance(output, CallEnded):
            self.calls.append(output.call)
        elif isinstance(output, OutgoingEnded):
            self.outgoing.append(output.call)
        elif isinstance(output, StrangeContext):
            self.strange.append(output.context)

    def _events(self, row: CelRow) -> Iterator[ari.Event]:
        at, channel = row.eventtime, _channel(row)
        self._linked[row.uniqueid] = row.linkedid
        if row.appname:
            self._apps[row.uniqueid] = row.appname
        match row.eventtype:
            case "CHAN_START":
                state = "Ring" if row.uniqueid in self._incoming else "Down"
                yield ari.ChannelCreated(at, _channel(row, state))
                yield from self._dialled(row, at)
            case "ANSWER":
                yield ari.ChannelStateChange(at, _channel(row, "Up"))
            case "CHAN_END":
                yield ari.ChannelDestroyed(at, channel, None)
            case "STREAM_BEGIN" if row.extra_of("class"):
                yield from self._hold(row, at)
            case "STREAM_END":
                yield from (ari.ChannelUnhold(at, ari.Channel(each)) for each in self._held.pop(row.uniqueid, ()))
            case "APP_START" | "APP_END" | "STREAM_BEGIN" | "PICKUP" | "FORWARD" | "HANGUP":
                yield ari.ChannelDialplan(at, channel)
            case _:
                yield from self._joining(row, at, channel)

    def _joining(self, row: CelRow, at: datetime, channel: ari.Channel) -> Iterator[ari.Event]:
        """Who is in which bridge, and who hands whom on."""
        match row.eventtype:
            case "BRIDGE_ENTER" if row.bridge is not None:
                yield ari.ChannelEnteredBridge(at, channel, row.bridge)
            case "BRIDGE_EXIT" if row.bridge is not None:
                yield ari.ChannelLeftBridge(at, channel, row.bridge)
            case "BLINDTRANSFER":
                yield ari.BridgeBlindTransfer(at, channel, _named(row, "transferee_channel"), _bridge(row, "bridge_id"), success=True)
            case "ATTENDEDTRANSFER":
                yield from self._attended(row, at, channel)

    def _dialled(self, row: CelRow, at: datetime) -> Iterator[ari.Event]:
        """A channel that the PBX dials: for the caller of its linkedid, unless that one is talking already."""
        if row.uniqueid in self._incoming or row.channame.endswith(";2"):
            return
        dialstring = self._dialstring(row)
        if dialstring:
            yield ari.Dial(at, None, _channel(row, "Down"), dialstring, "")
        for identity in self._tracker.live_ids:
            station = self._tracker.scene.graph.stations.get(identity)
            if station is not None and station.room is None and self._linked.get(identity) == row.linkedid:
                caller = ari.Channel(identity, app=self._apps.get(identity, ""))
                yield ari.Dial(at, caller, _channel(row, "Down"), "", "")

    def _dialstring(self, row: CelRow) -> str:
        """The piece of a Dial's arguments that names this channel's trunk, without its technology; "" for none that does."""
        technology, _, resource = trunk_name(row.channame).partition("/")
        found = (rest for kind, rest in self._dialled_pieces if kind == technology)
        return next((rest for rest in found if rest.endswith(f"@{resource}") or rest.startswith(f"{resource}/")), "")

    def _attended(self, row: CelRow, at: datetime, channel: ari.Channel) -> Iterator[ari.Event]:
        """Success only where whoever transferred went away: in a call of three they stay."""
        second = _named(row, "channel2") or channel
        legs = {channel.id: channel, second.id: second}
        after = self.rows[self.rows.index(row) + 1 :]
        if any(each.uniqueid in legs and each.eventtype == "BRIDGE_ENTER" for each in after):
            return
        bridges = tuple(each for each in (_bridge(row, "bridge1_id"), _bridge(row, "bridge2_id")) if each)
        yield ari.BridgeAttendedTransfer(at, tuple(legs.values()), _named(row, "transferee_channel"), bridges, success=True)

    def _hold(self, row: CelRow, at: datetime) -> Iterator[ari.Event]:
        """Music for a channel in a bridge: everybody it was talking to has it on hold."""
        graph = self._tracker.scene.graph
        station = graph.stations.get(row.uniqueid)
        if station is None or station.room is None or not station.room.mixing:
            return
        others = [each.id for each in graph.joined(station) if each is not station and each.kind is Kind.DEVICE]
        self._held[row.uniqueid] = others
        for identity in others:
            yield ari.ChannelHold(at, ari.Channel(identity))


def _came_in(mine: Sequence[CelRow]) -> bool:
    """Did this channel come in, or was it dialled. One that was dialled is in the application of its making from its start."""
    app = next((row.appname for row in mine if row.appname), "")
    return not app.startswith(_OUTGOING_LEG) and (bool(app) or mine[0].exten != "s" or mine[0].linkedid == mine[0].uniqueid)


def _channel(row: CelRow, state: str = "") -> ari.Channel:
    return ari.Channel(
        row.uniqueid, row.channame, state, number=row.cid_num, context=row.context, exten=row.exten, app=row.appname
    )  # fmt: skip


def _named(row: CelRow, what: str) -> ari.Channel | None:
    """A channel that a transfer names; "N/A" for none."""
    identity = row.extra_of(f"{what}_uniqueid")
    return ari.Channel(identity, row.extra_of(f"{what}_name")) if identity not in ("", "N/A") else None


def _bridge(row: CelRow, what: str) -> ari.Bridge | None:
    identity = row.extra_of(what)
    return ari.Bridge(identity) if identity not in ("", "N/A") else None
