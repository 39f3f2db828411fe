"""ARI's JSON read as typed events. Tolerant: an unknown type is None, an unknown field is ignored, a missing one is empty.

The types themselves are in ``event_types``, and may be imported from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ari_app.pbx.event_types import (
    ApplicationAsked,
    ApplicationReplaced,
    Bridge,
    BridgeAttendedTransfer,
    BridgeBlindTransfer,
    BridgeDestroyed,
    BridgeMerged,
    Channel,
    ChannelCallerId,
    ChannelCreated,
    ChannelDestroyed,
    ChannelDialplan,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    ChannelHold,
    ChannelLeftBridge,
    ChannelStateChange,
    ChannelUnhold,
    Connected,
    DeviceStateChanged,
    Dial,
    Disconnected,
    Event,
    Origin,
    PresentationRead,
    Snapshot,
)

__all__ = [
    "ASKED",
    "NONCE",
    "PASSING",
    "READ_TYPES",
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
    "passes",
    "read_bridge",
    "read_channel",
    "read_event",
]

ASKED, NONCE = "TextbackAsks", "asked"
"""The user event by which one service asks for another, and its variable."""
_NONCES = re.compile(r"[0-9a-f]{1,64}")
_EMPTY: Mapping[str, str] = MappingProxyType({})


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _EMPTY


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    return _parsed(value) if isinstance(value, str) else None


@lru_cache(maxsize=1024)
def _parsed(value: str) -> datetime | None:
    """Asterisk writes "2026-11-22T03:20:00.123-0500". Most are told again: the creation of a channel with each of its events."""
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


def _asked(at: datetime, document: _Document) -> Event | None:
    """Of all user events only our own; a dialplan's are no business of ours."""
    nonce = _text(_object(document.get("userevent")).get(NONCE))
    return ApplicationAsked(at, nonce) if document.get("eventname") == ASKED and _NONCES.fullmatch(nonce) else None


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
    "ChannelUserevent": _asked,
    "DeviceStateChanged": _device_state,
    "Dial": _dial,
}

READ_TYPES = tuple(sorted(_READERS))
"""The ARI event types that are read; every other one is stopped at the source."""


PASSING = frozenset({
    "NoOp", "Set", "MSet", "Goto", "GotoIf", "GotoIfTime", "Gosub", "GosubIf", "Return", "StackPop", "ExecIf", "ExecIfTime", "Macro",
    "MacroIf", "MacroExit", "While", "EndWhile", "Verbose", "Log",
})  # fmt: skip
"""Applications that take no time and keep nobody: what they leave behind stands in the next event of the channel too."""
_passing = re.compile(rf'\{{"type":"ChannelDialplan","timestamp":"[^"]*","dialplan_app":"(?:{"|".join(sorted(PASSING))})"').match


def passes(message: str) -> bool:
    """Is this, by its text alone, a step of the dialplan that need not be read. FreePBX takes some hundred with each call."""
    return _passing(message) is not None and '"exten":"fax"' not in message


def read_event(document: object, received: datetime) -> Event | None:
    """One decoded JSON message as an event; None for types not used and for messages too broken to use.

    ``received`` stands in for a timestamp that is missing or unreadable.
    """
    message = _object(document)
    reader = _READERS.get(_text(message.get("type")))
    return reader(_time(message.get("timestamp")) or received, message) if reader else None
