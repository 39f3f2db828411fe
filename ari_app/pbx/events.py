"""ARI events as typed values: the types the watcher uses, and nothing else of them.

Source: the event models of Asterisk's ``rest-api/api-docs/events.json``. Reading is tolerant: an unknown type is None, an
unknown field is ignored, a missing one is empty. Times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

__all__ = [
    "READ_TYPES",
    "ApplicationReplaced",
    "Bridge",
    "BridgeAttendedTransfer",
    "BridgeBlindTransfer",
    "BridgeDestroyed",
    "BridgeMerged",
    "Channel",
    "ChannelCallerId",
    "ChannelCreated",
    "ChannelDestroyed",
    "ChannelDialplan",
    "ChannelEnteredBridge",
    "ChannelHangupRequest",
    "ChannelHold",
    "ChannelLeftBridge",
    "ChannelStateChange",
    "ChannelUnhold",
    "Connected",
    "DeviceStateChanged",
    "Dial",
    "Disconnected",
    "Event",
    "Origin",
    "PresentationRead",
    "Snapshot",
    "read_event",
]

_EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as one event showed it. ``state`` is Asterisk's word: Down, Ring (comes in), Ringing (is called), Up …"""

    id: str
    name: str = ""
    state: str = ""
    number: str = ""
    context: str = ""
    exten: str = ""
    app: str = ""
    created: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """What ari.conf's ``channelvars`` puts into every event; empty where that is not set."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as one event showed it. ``kind`` is "mixing" (people hear each other) or "holding" (nobody does)."""

    id: str
    kind: str = "mixing"
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDialplan:
    """The channel moved in the dialplan; ``channel.app`` is the application it is in now."""

    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelCallerId:
    """``presentation`` is the octet of Q.931 table 4-11: bits 6-7 are 0 allowed, 1 restricted, 2 unavailable; None when absent."""

    at: datetime
    channel: Channel
    presentation: int | None


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """Somebody asked for the end. ``soft``: Asterisk itself (AMI, CLI, a time limit), not the far end of the channel."""

    at: datetime
    channel: Channel
    soft: bool
    cause: int | None


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """The channel is gone. ``cause`` is the Q.850 cause, None when absent."""

    at: datetime
    channel: Channel
    cause: int | None


@dataclass(frozen=True, slots=True)
class ChannelHold:
    """The far end of this channel pressed hold."""

    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelUnhold:
    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge:
    at: datetime
    channel: Channel
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    at: datetime
    channel: Channel
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgeMerged:
    """Everybody in ``source`` is now in ``bridge``."""

    at: datetime
    bridge: Bridge
    source: Bridge


@dataclass(frozen=True, slots=True)
class BridgeDestroyed:
    at: datetime
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgeBlindTransfer:
    """``channel`` handed ``transferee`` (older Asterisk: whoever else was in ``bridge``) on to an extension."""

    at: datetime
    channel: Channel
    transferee: Channel | None
    bridge: Bridge | None
    success: bool


@dataclass(frozen=True, slots=True)
class BridgeAttendedTransfer:
    """Somebody's two legs were taken out and what they were talking to was joined (a three-way call is no success: nobody left)."""

    at: datetime
    legs: tuple[Channel, ...]
    transferee: Channel | None
    bridges: tuple[Bridge, ...]
    success: bool


@dataclass(frozen=True, slots=True)
class Dial:
    """``caller`` (None: a call made by the PBX itself) dials ``peer``; ``status`` is "" at the start, then RINGING, ANSWER, BUSY …"""

    at: datetime
    caller: Channel | None
    peer: Channel
    dialstring: str
    status: str


@dataclass(frozen=True, slots=True)
class DeviceStateChanged:
    at: datetime
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client subscribed with our application name; nothing more will come."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a channel came in: the context its endpoint's calls start in, and the number that was dialled; "" for not known."""

    context: str = ""
    did: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is up now, read over REST at a connect."""

    channels: tuple[Channel, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    device_states: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    origins: Mapping[str, Origin] = field(default_factory=lambda: MappingProxyType({}))
    """Channel id → where it came in, for channels whose own context has moved on since."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Subscribed to the whole PBX again. Events follow; those of the moment of connecting may repeat what the snapshot shows."""

    at: datetime
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Nothing is heard from now on. ``reason`` is for people."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PresentationRead:
    """The answer to AskPresentation: CALLERID(num-pres) as read over REST, None when the channel was gone."""

    channel_id: str
    value: str | None


Event = (
    ChannelCreated
    | ChannelStateChange
    | ChannelDialplan
    | ChannelCallerId
    | ChannelHangupRequest
    | ChannelDestroyed
    | ChannelHold
    | ChannelUnhold
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | BridgeMerged
    | BridgeDestroyed
    | BridgeBlindTransfer
    | BridgeAttendedTransfer
    | Dial
    | DeviceStateChanged
    | ApplicationReplaced
    | Connected
    | Disconnected
    | PresentationRead
)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _EMPTY


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    """Asterisk writes "2026-11-22T03:20:00.123-0500"."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def read_channel(value: object) -> Channel | None:
    """A channel of an event or of ``GET /channels``; None without an id."""
    document = _object(value)
    identity = _text(document.get("id"))
    if not identity:
        return None
    dialplan = _object(document.get("dialplan"))
    variables = document.get("channelvars")
    return Channel(
        id=identity,
        name=_text(document.get("name")),
        state=_text(document.get("state")),
        number=_text(_object(document.get("caller")).get("number")),
        context=_text(dialplan.get("context")),
        exten=_text(dialplan.get("exten")),
        app=_text(dialplan.get("app_name")),
        created=_time(document.get("creationtime")),
        variables={str(key): _text(item) for key, item in variables.items()} if isinstance(variables, dict) else _EMPTY,
    )


def read_bridge(value: object) -> Bridge | None:
    """A bridge of an event or of ``GET /bridges``; None without an id."""
    document = _object(value)
    identity = _text(document.get("id"))
    if not identity:
        return None
    members = document.get("channels")
    return Bridge(
        id=identity,
        kind=_text(document.get("bridge_type")) or "mixing",
        channels=tuple(item for item in members if isinstance(item, str)) if isinstance(members, list) else (),
    )


_Document = Mapping[str, Any]


def _of_channel(make: Callable[[datetime, Channel], Event]) -> Callable[[datetime, _Document], Event | None]:
    def read(at: datetime, document: _Document) -> Event | None:
        channel = read_channel(document.get("channel"))
        return make(at, channel) if channel else None

    return read


def _of_bridge(make: Callable[[datetime, Channel, Bridge], Event]) -> Callable[[datetime, _Document], Event | None]:
    def read(at: datetime, document: _Document) -> Event | None:
        channel, bridge = read_channel(document.get("channel")), read_bridge(document.get("bridge"))
        return make(at, channel, bridge) if channel and bridge else None

    return read


def _caller_id(at: datetime, document: _Document) -> Event | None:
    channel = read_channel(document.get("channel"))
    return ChannelCallerId(at, channel, _whole(document.get("caller_presentation"))) if channel else None


def _hangup_request(at: datetime, document: _Document) -> Event | None:
    channel = read_channel(document.get("channel"))
    return ChannelHangupRequest(at, channel, document.get("soft") is True, _whole(document.get("cause"))) if channel else None


def _destroyed(at: datetime, document: _Document) -> Event | None:
    channel = read_channel(document.get("channel"))
    return ChannelDestroyed(at, channel, _whole(document.get("cause"))) if channel else None


def _merged(at: datetime, document: _Document) -> Event | None:
    bridge, source = read_bridge(document.get("bridge")), read_bridge(document.get("bridge_from"))
    return BridgeMerged(at, bridge, source) if bridge and source else None


def _bridge_destroyed(at: datetime, document: _Document) -> Event | None:
    bridge = read_bridge(document.get("bridge"))
    return BridgeDestroyed(at, bridge) if bridge else None


def _blind(at: datetime, document: _Document) -> Event | None:
    channel = read_channel(document.get("channel"))
    if channel is None:
        return None
    success = _text(document.get("result")) in ("Success", "")
    return BridgeBlindTransfer(at, channel, read_channel(document.get("transferee")), read_bridge(document.get("bridge")), success)


def _attended(at: datetime, document: _Document) -> Event | None:
    legs = (read_channel(document.get("transferer_first_leg")), read_channel(document.get("transferer_second_leg")))
    keys = ("transferer_first_leg_bridge", "transferer_second_leg_bridge", "destination_threeway_bridge")
    bridges = (read_bridge(document.get(key)) for key in keys)
    success = _text(document.get("result")) in ("Success", "") and document.get("destination_type") != "threeway"
    return BridgeAttendedTransfer(
        at,
        tuple(leg for leg in legs if leg),
        read_channel(document.get("transferee")),
        tuple(bridge for bridge in bridges if bridge),
        success,
    )


def _dial(at: datetime, document: _Document) -> Event | None:
    peer = read_channel(document.get("peer"))
    if peer is None:
        return None
    return Dial(at, read_channel(document.get("caller")), peer, _text(document.get("dialstring")), _text(document.get("dialstatus")))


def _device_state(at: datetime, document: _Document) -> Event | None:
    device = _object(document.get("device_state"))
    name, state = _text(device.get("name")), _text(device.get("state"))
    return DeviceStateChanged(at, name, state) if name and state else None


def _replaced(at: datetime, _document: _Document) -> Event | None:
    return ApplicationReplaced(at)


_READERS: dict[str, Callable[[datetime, _Document], Event | None]] = {
    "ApplicationReplaced": _replaced,
    "BridgeAttendedTransfer": _attended,
    "BridgeBlindTransfer": _blind,
    "BridgeDestroyed": _bridge_destroyed,
    "BridgeMerged": _merged,
    "ChannelCallerId": _caller_id,
    "ChannelCreated": _of_channel(ChannelCreated),
    "ChannelDestroyed": _destroyed,
    "ChannelDialplan": _of_channel(ChannelDialplan),
    "ChannelEnteredBridge": _of_bridge(ChannelEnteredBridge),
    "ChannelHangupRequest": _hangup_request,
    "ChannelHold": _of_channel(ChannelHold),
    "ChannelLeftBridge": _of_bridge(ChannelLeftBridge),
    "ChannelStateChange": _of_channel(ChannelStateChange),
    "ChannelUnhold": _of_channel(ChannelUnhold),
    "DeviceStateChanged": _device_state,
    "Dial": _dial,
}

READ_TYPES = tuple(sorted(_READERS))
"""The ARI event types that are read; every other one is stopped at the source."""


def read_event(document: object, received: datetime) -> Event | None:
    """One decoded JSON message as an event; None for types not used and for messages too broken to use.

    ``received`` stands in for a timestamp that is missing or unreadable.
    """
    message = _object(document)
    reader = _READERS.get(_text(message.get("type")))
    return reader(_time(message.get("timestamp")) or received, message) if reader else None
