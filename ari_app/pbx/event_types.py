"""ARI events as typed values: the types the watcher uses, and nothing else of them.

Source: the event models of Asterisk's ``rest-api/api-docs/events.json``. Times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

__all__ = [
    "ApplicationAsked",
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
class ApplicationAsked:
    """Another service asks whether our application name is in use; it waits for ``nonce`` (``ari_app.pbx.claim``)."""

    at: datetime
    nonce: str


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
    | ApplicationAsked
    | ApplicationReplaced
    | Connected
    | Disconnected
    | PresentationRead
)
