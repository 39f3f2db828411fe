"""The words every room shares: calls, decisions and what is known of a caller.

Values only: frozen, comparable, without behaviour that needs I/O. Times are aware UTC datetimes unless a name says otherwise;
phone numbers are E.164 ("+15145550123") unless a name says ``presented``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

__all__ = [
    "CLOCK_SLACK",
    "AnsweredBy",
    "Call",
    "Decision",
    "DecisionKind",
    "Inbound",
    "Known",
    "Language",
    "MessageKind",
    "MessageState",
    "NotDialled",
    "Outcome",
    "OutgoingCall",
    "Presentation",
    "Reached",
    "Reaction",
    "Reason",
    "Trigger",
]

CLOCK_SLACK = timedelta(minutes=5)
"""A stamp further ahead than this was made by a clock that was wrong: it says nothing of how long ago something was."""

Language = str
"""An ISO 639-1 code that has a set of wordings: "fr" or "en"."""


class Outcome(StrEnum):
    """What became of an inbound call. ``UNSEEN``: not watched from its first event and not seen answered."""

    ANSWERED = "answered"
    MISSED = "missed"
    UNSEEN = "unseen"


class AnsweredBy(StrEnum):
    """Whose device the caller was joined to. ``OUTSIDE``: only legs outside the PBX (a mobile over a trunk)."""

    EXTENSION = "extension"
    OUTSIDE = "outside"


class Reached(StrEnum):
    """Where the call ended: the last place of the PBX the caller was in."""

    RING = "ring"
    QUEUE = "queue"
    MENU = "menu"
    VOICEMAIL = "voicemail"
    HOLD = "hold"
    TRANSFER = "transfer"
    FAX = "fax"
    REMOTE = "remote"
    NONE = "none"


class Presentation(StrEnum):
    """CALLERID(num-pres) of the caller's channel. ``UNKNOWN``: it could not be read before the call ended."""

    ALLOWED = "allowed"
    PROHIBITED = "prohibited"
    UNKNOWN = "unknown"


class DecisionKind(StrEnum):
    """``PENDING`` while the delay of a reply runs: decided again when it is due."""

    PENDING = "pending"
    REPLY = "reply"
    SILENCE = "silence"


class Reason(StrEnum):
    """Why a caller got a text, or none. Order within each half is precedence: the first match wins."""

    INTERNAL = "internal"
    MACHINE = "machine"
    LINE_OFF = "line_off"
    ANONYMOUS = "anonymous"
    NOT_TEXTABLE = "not_textable"
    EXCLUDED = "excluded"
    OPTED_OUT = "opted_out"
    SUSPECT = "suspect"
    ANSWERED = "answered"
    UNSEEN = "unseen"
    HANDED_ON = "handed_on"
    SHORT_RING = "short_ring"
    STALE = "stale"
    IN_CONVERSATION = "in_conversation"
    COOLDOWN = "cooldown"
    CALLED_BACK = "called_back"
    REACHED_LATER = "reached_later"
    LOOP = "loop"
    LIMIT = "limit"
    BURST = "burst"
    PAUSED = "paused"

    ASKED = "asked"
    VOICEMAIL = "voicemail"
    CLOSED = "closed"
    MISSED = "missed"


REPLIES = (Reason.ASKED, Reason.VOICEMAIL, Reason.CLOSED, Reason.MISSED)
SILENCES = tuple(reason for reason in Reason if reason not in REPLIES)


class Trigger(StrEnum):
    """Which wording an automatic text uses (``[reply.text.LANG]`` keys)."""

    MISSED = "missed"
    CLOSED = "closed"
    VOICEMAIL = "voicemail"
    ASKED = "asked"
    RECEIVED = "received"


class MessageKind(StrEnum):
    """Who wrote a message: the service after a call, the service as a notice, a person here, the caller."""

    AUTO = "auto"
    NOTICE = "notice"
    STAFF = "staff"
    CALLER = "caller"


class MessageState(StrEnum):
    """State of a message. Out: queued … expired. In: received or partial."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RECEIVED = "received"
    PARTIAL = "partial"


_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One finished inbound call, as the PBX told it. ``id`` is the caller's channel uniqueid."""

    id: str
    started: datetime
    ended: datetime
    presented: str
    """The caller's number as the trunk gave it: the first one seen on the caller's own channel; "" when none."""
    caller: str | None
    """E.164, or None when ``presented`` is no dialable number."""
    presentation: Presentation
    did: str
    context: str
    channel: str
    outcome: Outcome
    answered_by: AnsweredBy | None
    reached: Reached
    rang: float
    """Seconds from creation to the first join, or to the end."""
    caller_hung_up: bool
    """True when the caller ended it; False when the PBX refused or dropped the call."""
    voicemail_left: bool = False
    """True only with proof that a message was left."""
    handed_on: bool = False
    """Talked to a person, then was transferred, parked or left on hold and joined no one again."""
    machine: bool = False
    """The call was a fax, a remote log-in or the like: no person waits for an answer."""
    asked: bool = False
    """The caller asked for a text in the dialplan."""
    suspect: bool = False
    """The carrier's attestation failed (STIR/SHAKEN verstat)."""
    switches: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Device states of the night switches watched, as they were at the call's start."""


class NotDialled(StrEnum):
    """Why a call back that rang a member's phone came to no call to the caller."""

    NOT_PICKED_UP = "not_picked_up"
    BUSY = "busy"
    DECLINED = "declined"
    """The phone refused the call."""
    NOBODY = "dialled_nobody"
    """The member picked up, and the PBX dialled nobody."""
    NOT_SEEN = "not_seen"
    """How it ended was not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingCall:
    """An outgoing call to the outside, finished, or just joined (``ended`` None). Staff calling back is seen by it."""

    id: str
    started: datetime
    joined: datetime | None
    ended: datetime | None
    number: str | None
    """E.164 of the number dialled, None when it is none."""
    call_back: str | None = None
    """The call back it was dialled for, where it was asked for here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a caller when a call is decided. ``None`` means never."""

    number: str | None
    language: Language | None = None
    """The contact's language."""
    known_contact: bool = False
    """Named in the contacts, or has written or been written to by a person before."""
    opted_out: datetime | None = None
    not_textable: str | None = None
    """Why the number takes no texts, learnt from a permanent failure."""
    last_person: datetime | None = None
    """When a person on either side last wrote in this thread."""
    last_auto: datetime | None = None
    """When an automatic text to this number last went or may have gone."""
    last_auto_call: str | None = None
    """The call that text answered."""
    auto_today: int = 0
    """Automatic texts that went, or may have gone, to this number in the last 24 h."""
    all_today: int = 0
    """Automatic texts that went, or may have gone, to anybody in the last 24 h."""
    burst: int = 0
    """Automatic texts to unknown numbers that went, may have gone or are queued within the burst window, this call's own not counted."""
    reached: datetime | None = None
    """When this number was last joined to a person on an inbound call other than the one decided."""
    called_back: datetime | None = None
    """When an outgoing call to this number was last joined."""
    looping: bool = False
    """The number answered our automatic texts with automatic replies."""
    live: bool = False
    """A call with this number is up right now: the decision waits."""
    later_due: datetime | None = None
    """Due time of the text of a later missed call from this number on this line: the earlier one waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one call comes to. ``kind`` PENDING with a REPLIES reason means: a text is queued, due at ``due``.

    With no delay a call may be REPLY at its end already: the text is queued all the same, due at ``due`` (then not after now).
    """

    kind: DecisionKind
    reason: Reason
    open: bool
    """Was the clinic (the line) open when the call started."""
    line: str
    detail: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Facts ``why`` shows: names and plain values ("until": ISO 8601, "rule": "per_number_limit" …). Never message text."""
    due: datetime | None = None
    expires: datetime | None = None
    language: Language | None = None
    language_from: str | None = None
    """Which setting chose the language: "contact", "line" or "clinic"."""
    trigger: Trigger | None = None
    text: str | None = None
    modem: str | None = None
    """Name of the modem the line is bound to, None for any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One complete text from a caller, as the policy sees it."""

    number: str
    """E.164 where it is one, else the sender as given (short code or alphanumeric)."""
    text: str
    received: datetime
    line: str
    language: Language | None
    opted_out: bool
    notices: Mapping[str, datetime] = field(default_factory=dict)
    """When a notice of each name ("stop", "start", "help", "received", "picture") last went, or was queued, to this number."""
    last_staff: datetime | None = None
    """When staff last wrote to this number."""
    auto_recent: int = 0
    """Automatic texts of ours to this number in the last hour, notices included."""
    last_auto: datetime | None = None
    """When an automatic text of ours, a notice included, last went to this number, or may have gone."""
    auto_today: int = 0
    """Automatic texts that went, or may have gone, to this number in the last 24 h, notices still queued included."""
    all_today: int = 0
    """The same to anybody."""
    picture: bool = False
    """A picture message (MMS), which cannot be fetched; ``text`` is its subject."""
    looping: bool = False
    """The number answered our automatic texts with automatic replies, and no person wrote since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a caller's text comes to beside standing in the thread."""

    opt: bool | None = None
    """True opts out, False opts in again, None leaves it."""
    notice: str | None = None
    """Text of a notice to queue at once."""
    notice_name: str | None = None
    """Which notice it is: "stop", "start", "help", "received" or "picture"."""
    note: str | None = None
    """What staff are told the text is; None where it speaks for itself."""
    automatic: bool = False
    """The text is an automatic reply, or a reaction to a text: shown to staff, never answered, no words of a person."""
    looping: bool = False
    """It answers an automatic text of ours: the number gets no more of them until a person writes."""
    reopens: bool = True
    """False leaves the thread's state as it is (STOP, a reaction to a text)."""
    language: Language | None = None
    """The language of the notice; None without one."""
    delay: timedelta = timedelta(0)
