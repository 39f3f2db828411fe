"""What staff see, whichever face draws it: rows of the inbox, a thread's time line, who may. Plain values, times aware UTC.

The page, the desk phone, the JSON API and the voice menu all draw these; none of them knows where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from ari_app.model import AnsweredBy, DecisionKind, Kind, Language, Level, MessageKind, MessageState, Outcome, Reached, Reason
from ari_app.person import Person

__all__ = [
    "Actor",
    "Audited",
    "Box",
    "CallBack",
    "CallEntry",
    "Canned",
    "Counts",
    "Entry",
    "Face",
    "Found",
    "Holder",
    "Key",
    "Listed",
    "Member",
    "NoteEntry",
    "OutgoingEntry",
    "Ringing",
    "Role",
    "Row",
    "Statistics",
    "TextEntry",
    "ThreadState",
    "ThreadView",
    "VoicemailEntry",
]


class Role(StrEnum):
    """What a member may: staff answers; an administrator also sees the audit and changes settings, wording and members."""

    STAFF = "staff"
    ADMINISTRATOR = "administrator"


class Face(StrEnum):
    """Through which door an act came."""

    WEB = "web"
    PHONE = "phone"
    API = "api"
    VOICE = "voice"
    SHELL = "shell"


class Box(StrEnum):
    """Parts of the inbox. ``TROUBLE``: texts that failed, or may not have gone, and that nobody saw to yet."""

    TO_ANSWER = "to_answer"
    TROUBLE = "trouble"
    SNOOZED = "snoozed"
    ALL = "all"
    DONE = "done"


class ThreadState(StrEnum):
    """Does somebody here still owe this caller an answer."""

    TO_ANSWER = "to_answer"
    ANSWERED = "answered"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts or looks, through which face, from where. ``member`` None: the shell of this machine, which may all."""

    member: int | None
    name: str
    role: Role
    face: Face
    address: str = ""
    """IP address, or the extension of a voice call; "" at the shell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person of the clinic. ``login`` is what they type, ``name`` what others read."""

    id: int
    login: str
    name: str
    role: Role
    language: Language | None
    extension: str | None
    """Of their own phone: rung by a call back, asked by the voice menu."""
    has_password: bool
    has_pin: bool
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A token that stands for a member: a desk phone's in its address, or a program's. The token itself is shown once and not kept."""

    id: int
    member: int
    use: str
    """"phone" or "api"."""
    brand: str | None
    """Of a phone: the renderer it gets ("yealink")."""
    label: str
    created: datetime
    used: datetime | None
    address: str | None
    """From where it was last used."""
    revoked: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The member who is answering a thread, until ``until`` unless they go on."""

    member: int
    name: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """An inbound call that is up and nobody answered yet. ``id`` is the PBX's uniqueid."""

    id: str
    number: str | None
    name: str | None
    line: str
    since: datetime
    extensions: tuple[str, ...]
    """Whose phones ring for it now."""
    thread: int | None
    """Of its number, where there is one."""
    kind: Kind | None = None
    """None for nobody known."""
    level: Level = Level.NORMAL
    """By the rules that hold while it rings."""
    declinable: bool
    """Its number is shown, and there is what it takes to send the caller away and to text them: an AMI, a modem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thread as a line of the inbox."""

    thread: int
    number: str | None
    """E.164; None for a call that showed none."""
    name: str | None
    """The names behind the number, or the sender's name or short code of a text that came from no number."""
    known: bool
    """Named, or wrote or was written to by a person before; else a new caller."""
    line: str
    state: ThreadState
    urgent: bool
    """``level`` is URGENT."""
    waits_since: datetime | None
    """Since when the oldest thing in it waits; None where nothing does."""
    opened: bool
    """Somebody looked since, and did not answer. Read is not answered."""
    trouble: bool
    holder: Holder | None
    snoozed: datetime | None
    """Until when it is put off."""
    opted_out: bool
    scheduled: int
    """Texts of staff that wait for their hour."""
    changed: datetime
    last: Entry | None
    """What happened last: words of a person, a call or a note."""
    kind: Kind | None = None
    """None for nobody known."""
    level: Level = Level.NORMAL
    why: str | None = None
    """The rule that raised it; None when a person did, or nobody."""
    unheard: int = 0
    """Voicemail that nobody listened to."""
    offered: str | None = None
    """A name the caller gave, that nobody took over or turned down yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEntry:
    """An inbound call in the time line. ``id`` is the PBX's uniqueid."""

    type: Literal["call"] = field(default="call", init=False)
    """What it is, where a face shows values and not classes."""
    id: str
    at: datetime
    ended: datetime
    outcome: Outcome
    answered_by: AnsweredBy | None
    reached: Reached
    rang: float
    """Seconds."""
    decision: DecisionKind
    reason: Reason
    line: str
    voicemail_left: bool
    handed_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingEntry:
    """A call to the caller: dialled at a phone, or begun here by ``by``."""

    type: Literal["outgoing"] = field(default="outgoing", init=False)
    id: str
    at: datetime
    by: str | None
    """Name of the member who asked for it here."""
    joined: datetime | None
    """None: nobody took it (yet)."""
    ended: datetime | None
    talked: float | None
    """Seconds from the first join to the end; a patient's voicemail answers too. None while it lasts, or when nobody took it."""
    reached: bool
    """Staff said that they spoke with the caller."""
    failed: str | None
    """Why the caller was not dialled: a NotDialled, or the code of what kept the member's phone from ringing (``phone_offline``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEntry:
    """A text in the time line."""

    type: Literal["text"] = field(default="text", init=False)
    id: int
    at: datetime
    incoming: bool
    kind: MessageKind
    text: str
    state: MessageState
    note: str | None
    """What a text from the network is, where its words do not say (a picture, a reaction)."""
    what: str | None
    """Why it failed, or what is known of its sending."""
    code: str | None
    author: str | None
    parts: int
    confirmed: bool | None
    """True: the handset has it. False: the network told nothing for long. None: not known (yet)."""
    scheduled: datetime | None
    """When it is to go, where a person chose that; while ``state`` is queued it can be called off."""
    again: bool
    """Staff may send it once more."""
    modem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEntry:
    """Words for staff only."""

    type: Literal["note"] = field(default="note", init=False)
    id: int
    at: datetime
    author: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailEntry:
    """A message a caller left."""

    type: Literal["voicemail"] = field(default="voicemail", init=False)
    id: int
    at: datetime
    call: str
    """The call it was left in."""
    mailbox: str
    seconds: float
    heard: datetime | None
    heard_by: str | None
    """Name of the member; None for who listened on a phone."""
    transcription: Literal["off", "waiting", "done", "failed"]
    transcript: str | None
    """Made by a machine."""
    playable: bool
    """Its sound is kept."""


Entry = CallEntry | OutgoingEntry | TextEntry | NoteEntry | VoicemailEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """A thread, opened. ``entries`` newest first, ``older`` says whether there are more (ask with ``before`` = the last one's ``at``)."""

    row: Row
    language: Language | None
    """The caller's, where it is known: in which they last wrote, else the contact's."""
    opted_out: datetime | None
    not_textable: str | None
    """Why the number takes no texts, learnt from a permanent failure."""
    entries: tuple[Entry, ...]
    older: bool
    seen: int
    """Id of its newest text: given back with a reply, it shows whether somebody else answered meanwhile. 0 without texts."""
    people: tuple[Person, ...] = ()
    """Behind its number, by name."""
    language_from: Literal["wrote", "contact"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many threads lie in each part of the inbox."""

    to_answer: int
    unopened: int
    """Of ``to_answer``."""
    trouble: int
    snoozed: int
    oldest: datetime | None
    """``waits_since`` of the one that waits longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A thread that a search found, and the text, note or transcript in it that holds the words (None: its name or number does)."""

    row: Row
    entry: TextEntry | NoteEntry | VoicemailEntry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Canned:
    """A reply ready to send. ``text`` may hold the placeholders of wordings; ``language`` None: offered for both."""

    id: int
    language: Language | None
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBack:
    """A call that was asked for. ``id`` names it (the channel's id at the PBX)."""

    id: str
    thread: int
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """Who did or saw what, when, from where."""

    id: int
    at: datetime
    who: str
    face: Face
    address: str
    act: str
    thread: int | None
    what: str
    """In a few words; never a text of a patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An inbound call as one line of an export, whoever called. ``id`` is the PBX's uniqueid."""

    id: str
    started: datetime
    ended: datetime
    number: str | None
    name: str | None
    did: str
    line: str
    outcome: Outcome
    answered_by: AnsweredBy | None
    reached: Reached
    rang: float
    """Seconds."""
    open: bool
    """Was the line open when it started."""
    decision: DecisionKind
    reason: Reason
    message: int | None
    """The text that answered it."""
    thread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Inbound calls from ``since`` up to and with ``until`` (dates of the clinic's zone), and what became of them."""

    since: date
    until: date
    calls: int
    missed: int
    by_hour: tuple[int, ...]
    """Missed calls by hour of the day, 0 to 23."""
    by_weekday: tuple[int, ...]
    """Missed calls by weekday, Monday first."""
    reasons: dict[str, int]
    """Missed calls by the reason of their decision: texted, or why not."""
    callers: int
    """Who called in vain and showed a number, each once."""
    texted: int
    """Of ``callers``: texted after a missed call."""
    wrote_back: int
    """Of ``texted``: the caller answered by text, within a week."""
    recovered: int
    """Of ``callers``: a conversation within a week, by text both ways or by telephone."""
    first_reply: float | None
    """Median seconds from a caller's missed call or text to the first words of a person; None where there were none."""
    by_day: dict[date, int] = field(default_factory=dict)
    """Missed calls by day."""
