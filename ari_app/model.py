"""The words every room shares: calls, decisions and what is known of a caller.

Values only: frozen, comparable, without behaviour that needs I/O. Times are aware UTC datetimes unless a name says otherwise;
phone numbers are E.164 ("+15145550123") unless a name says ``presented``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType

__all__ = [
    "CLOCK_SLACK",
    "EMERGENCY",
    "NO_TEXT",
    "AnsweredBy",
    "Call",
    "Decision",
    "DecisionKind",
    "Inbound",
    "Kind",
    "Known",
    "Language",
    "Level",
    "MessageKind",
    "MessageState",
    "NotDialled",
    "Outcome",
    "OutgoingCall",
    "Presentation",
    "Priority",
    "Reached",
    "Reaction",
    "Reason",
    "Trigger",
]

CLOCK_SLACK = timedelta(minutes=5)
"""A stamp further ahead than this was made by a clock that was wrong: it says nothing of how long ago something was."""

Language = str
"""An ISO 639-1 code that has a set of wordings: "fr" or "en"."""


EMERGENCY = "emergency"
"""Why a thread with emergency words goes first."""
NO_TEXT = "no-text"
"""The tag of a contact that no automatic text may go to: a laboratory, the switchboard of a hospital."""


class Kind(StrEnum):
    """What a caller is to the clinic. ``PROSPECT``: wrote or called, and is no client (yet)."""

    CLIENT = "client"
    PROSPECT = "prospect"
    STAFF = "staff"
    SUPPLIER = "supplier"


class Level(IntEnum):
    """How soon a thread is to be answered: the higher first."""

    NORMAL = 0
    HIGH = 1
    URGENT = 2


@dataclass(frozen=True, slots=True)
class Priority:
    """Why a thread goes before others. ``why``: name of the rule, as staff read it; ``EMERGENCY`` for the emergency words."""

    level: Level
    why: str
    notify: str | None = None
    """E.164 of who is on call, to be told that somebody waits."""
    notice: str | None = None
    """What they are told: neither who nor what."""


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
    SAFETY = "safety"
    """To who writes emergency words."""


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
    option: str = ""
    """What the caller chose in a menu: the channel variable TEXTBACK_OPTION, "" when none was set."""
    blacklisted: bool = False
    """The number stands in the PBX's own blacklist."""
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
    """The contact's language: as staff chose it, else that of the people behind the number where they have one and the same."""
    wrote: Language | None = None
    """In which language they last wrote."""
    kind: Kind | None = None
    """Of the people behind the number: staff before supplier, client, prospect; None for nobody known."""
    tags: frozenset[str] = frozenset()
    """All of theirs."""
    named: bool = False
    """Somebody behind the number has a name here."""
    first: bool = True
    """No automatic text went to this number yet, nor may have."""
    calls: tuple[datetime, ...] = ()
    """Starts of this number's other inbound calls of the last 25 h that nobody answered, newest first."""
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
    restored: datetime | None = None
    """When the store was last put back from a backup: who called before that may have been texted by the store it replaced."""


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
    """What chose the language: "wrote", "contact", "line" or "clinic"; "both": nothing did, and the text is in both."""
    trigger: Trigger | None = None
    text: str | None = None
    modem: str | None = None
    """Name of the modem the line is bound to, None for any."""
    priority: Priority | None = None
    """What puts the call's thread before others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One complete text from a caller, as the policy sees it."""

    number: str
    """E.164 where it is one, else the sender as given (short code or alphanumeric)."""
    text: str
    received: datetime
    line: str
    language: Language | None
    """The contact's language, as in ``Known``."""
    opted_out: bool
    wrote: Language | None = None
    """In which language they wrote before this text."""
    kind: Kind | None = None
    tags: frozenset[str] = frozenset()
    named: bool = False
    calls: tuple[datetime, ...] = ()
    """As in ``Known``."""
    notices: Mapping[str, datetime] = field(default_factory=dict)
    """When a notice of each name ("stop", "start", "help", "received", "picture", "safety") last went, or was queued, to this number."""
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
    """Which notice it is: "stop", "start", "help", "received", "picture" or "safety"."""
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
    wrote: Language | None = None
    """The language of the caller's words; None where they do not tell: what was known before stays."""
    offered: str | None = None
    """The name they say is theirs, where nobody behind the number has one."""
    priority: Priority | None = None
    """What puts the thread before others."""
