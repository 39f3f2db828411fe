"""What the tracker tells: calls that start, are answered and end, and the few things it cannot see by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ari_app.model import Call, NotDialled, OutgoingCall

__all__ = [
    "AskPresentation",
    "Attached",
    "CallBackEnded",
    "CallEnded",
    "CallStarted",
    "Detached",
    "OutgoingDialled",
    "OutgoingEnded",
    "OutgoingJoined",
    "Output",
    "Reached",
    "RingingChanged",
    "StrangeContext",
    "SwitchTurned",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class CallStarted:
    """An inbound call is there. ``number`` is E.164, None while no dialable one is known."""

    id: str
    number: str | None
    did: str
    started: datetime
    unseen: Call = field(compare=False)
    """What the call comes to should nothing more be heard of it: to be kept, for a stop before its end."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An inbound call was joined to a person for the first time; it is still up."""

    call_id: str
    number: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An inbound call that waits for a person. ``number`` is E.164, None while none is known, and where it is hidden."""

    id: str
    number: str | None
    did: str
    since: datetime
    phones: tuple[str, ...]
    """Endpoints that ring for it now ("PJSIP/101")."""


@dataclass(frozen=True, slots=True)
class RingingChanged:
    """These calls wait now, oldest first: one began or ended to, or another phone rings."""

    calls: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """An inbound call is over. Said exactly once for each call."""

    call: Call


@dataclass(frozen=True, slots=True)
class OutgoingDialled:
    """A call to the outside begins for a call back (``call.call_back``). A second one for the same takes the first one's place."""

    call: OutgoingCall


@dataclass(frozen=True, slots=True)
class CallBackEnded:
    """The member's phone is down again, or was never picked up. ``why``: what kept the caller from being dialled; None when dialled."""

    id: str
    at: datetime
    why: NotDialled | None


@dataclass(frozen=True, slots=True)
class OutgoingJoined:
    """A call to the outside was joined to somebody inside; it is still up."""

    call: OutgoingCall


@dataclass(frozen=True, slots=True)
class OutgoingEnded:
    """A call to the outside is over, joined or not."""

    call: OutgoingCall


@dataclass(frozen=True, slots=True)
class AskPresentation:
    """The events do not carry CALLERID(num-pres): read it over REST and feed it back as PresentationRead."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class StrangeContext:
    """A call from an outside number came in on a context that is not inbound. Said once for each context."""

    context: str


@dataclass(frozen=True, slots=True)
class SwitchTurned:
    """A watched device state (night switch) changed."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Attached:
    """The watcher is connected and resynchronised. Ids of what is up: inbound calls, call backs, legs to the outside."""

    live: frozenset[str]
    call_backs: frozenset[str] = frozenset()
    legs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Detached:
    """The connection is gone; nothing is seen until ``Attached``."""

    reason: str


Output = (
    CallStarted
    | Reached
    | CallEnded
    | OutgoingDialled
    | OutgoingJoined
    | OutgoingEnded
    | CallBackEnded
    | AskPresentation
    | RingingChanged
    | StrangeContext
    | SwitchTurned
    | Attached
    | Detached
)
