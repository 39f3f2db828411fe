"""The endpoints of the inbox and its threads: what each takes and gives. Docstrings are what the API's description says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from ari_app.board import Box, CallBack, Canned, Counts, Face, Found, Holder, Role, Row, ThreadView
from ari_app.desk import Cost, Marked, Written
from ari_app.portal.api_frame import Ask, Body, Endpoints, Id, Moment, Query

__all__ = ["INBOX", "CannedId", "Language", "LineQuery", "Page"]

INBOX = Endpoints()

Act = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
"""1 to 100 printable ASCII characters without spaces."""
Words = Annotated[str, Field(max_length=10_000)]
Language = Literal["fr", "en"]
CannedId = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""Below 0: a built-in reply."""
CallId = Annotated[str, Field(min_length=1, max_length=150)]


@dataclass(frozen=True, slots=True)
class Me:
    """Who a key or a session stands for."""

    member: int | None
    name: str
    role: Role
    face: Face


@dataclass(frozen=True, slots=True)
class Noted:
    """A note that is on disk."""

    note: int


@dataclass(frozen=True, slots=True)
class Filled:
    """Words ready to be sent, or mended first."""

    text: str


class Page(Query):
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """How many at most."""


class InboxQuery(Page):
    box: Box = Box.TO_ANSWER
    """Which part of the inbox."""
    line: str | None = None
    """Name of a line: only its threads."""
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How many to leave out first."""


class LineQuery(Query):
    line: str | None = None
    """Name of a line: only its threads."""


class ThreadQuery(Page):
    before: Moment | None = None
    """Only entries before this time: the ``at`` of the last one of the answer before."""
    refresh: bool = False
    """An open page looks again: the thread is not marked as opened by it."""


class SearchQuery(Query):
    words: Annotated[str, Field(min_length=1, max_length=200)]
    """Part of a name, a number or a text. The last word may be the beginning of one; accents and case do not matter."""
    limit: Annotated[int, Field(ge=1, le=100)] = 30
    """How many at most."""


class CannedQuery(Query):
    language: Language | None = None
    """Only those offered in this language."""


class ReplyBody(Body):
    text: Words
    act: Act
    """Made by the caller: the same again is the same text."""
    at: Moment | None = None
    """When it is to go; null: now."""
    seen: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    """``seen`` of the thread as it was read: with it, a reply that somebody else gave meanwhile is told (409, "answered_meanwhile")."""
    takeover: bool = False
    """Reply though somebody else holds the thread."""


class TextBody(Body):
    number: Annotated[str, Field(max_length=50)]
    """As people write it in the clinic's country, or E.164."""
    text: Words
    act: Act
    """Made by the caller: the same again is the same text."""
    line: str | None = None
    """Name of the line it belongs to; null: the number's latest."""
    modem: str | None = None
    """Name of the only modem that may carry it; null: any."""
    at: Moment | None = None
    """When it is to go; null: now."""


class ClaimBody(Body):
    takeover: bool = False
    """Take it from who holds it."""


class SnoozeBody(Body):
    until: Moment | None
    """When it is to come back; null: now."""


class NoteBody(Body):
    text: Words
    act: Act
    """Made by the caller: the same again is the same note."""


class UrgentBody(Body):
    urgent: bool


class NameBody(Body):
    name: Annotated[str, Field(max_length=200)] | None
    """null: none."""


class LanguageBody(Body):
    language: Language | None
    """Of the caller; null: not known."""


class WordsBody(Body):
    text: Words


@INBOX.on("GET", "/me", tag="me")
async def me(ask: Ask) -> Me:
    """Who asks."""
    return Me(ask.by.member, ask.by.name, ask.by.role, ask.by.face)


@INBOX.on("GET", "/inbox", tag="inbox", refuses=[404])
async def inbox(ask: Ask, query: InboxQuery) -> tuple[Row, ...]:
    """One part of the inbox. In "to_answer" urgent ones come first, then the newest."""
    return await ask.desk.inbox(ask.by, query.box, line=query.line, limit=query.limit, offset=query.offset)


@INBOX.on("GET", "/counts", tag="inbox", refuses=[404])
async def counts(ask: Ask, query: LineQuery) -> Counts:
    """How many threads lie in each part of the inbox."""
    return await ask.desk.counts(query.line)


@INBOX.on("GET", "/search", tag="inbox")
async def search(ask: Ask, query: SearchQuery) -> tuple[Found, ...]:
    """Threads that a name, number, text or note leads to."""
    return await ask.desk.search(ask.by, query.words, limit=query.limit)


@INBOX.on("GET", "/threads/{thread}", tag="threads")
async def thread(ask: Ask, thread: Id, query: ThreadQuery) -> ThreadView:
    """A thread with the newest of its calls, texts and notes.

    Reading is audited, and marks the thread as opened where it waits: read is not answered."""
    return await ask.desk.thread(ask.by, thread, before=query.before, limit=query.limit, refresh=query.refresh)


@INBOX.on("POST", "/threads/{thread}/texts", tag="texts", creates=True, refuses=[409])
async def reply(ask: Ask, thread: Id, body: ReplyBody) -> Written:
    """Write to the caller of a thread. The thread is then held by who wrote.

    201: queued. 200: this ``act`` was done before, nothing was added."""
    return await ask.desk.reply(thread, body.text, by=ask.by, act=body.act, at=body.at, seen=body.seen, takeover=body.takeover)


@INBOX.on("POST", "/texts", tag="texts", creates=True, refuses=[404, 409])
async def send(ask: Ask, body: TextBody) -> Written:
    """Write to a number, which may be new.

    201: queued. 200: this ``act`` was done before, nothing was added."""
    return await ask.desk.send(body.number, body.text, by=ask.by, act=body.act, line=body.line, modem=body.modem, at=body.at)


@INBOX.on("POST", "/texts/{message}/again", tag="texts", creates=True, refuses=[409, 422])
async def again(ask: Ask, message: Id) -> Written:
    """Send the words of a text anew that failed, may not have gone or is not confirmed.

    A deliberate act: the caller may get them twice. Once per text."""
    return await ask.desk.again(message, by=ask.by)


@INBOX.on("POST", "/texts/{message}/call-off", tag="texts", refuses=[409, 422])
async def call_off(ask: Ask, message: Id) -> None:
    """Call off a text that waits for its hour."""
    await ask.desk.call_off(message, by=ask.by)


@INBOX.on("PUT", "/threads/{thread}/claim", tag="threads", refuses=[409])
async def claim(ask: Ask, thread: Id, body: ClaimBody) -> Holder:
    """Hold a thread, or go on holding it: others see that it is being answered."""
    return await ask.desk.claim(thread, by=ask.by, takeover=body.takeover)


@INBOX.on("DELETE", "/threads/{thread}/claim", tag="threads")
async def let_go(ask: Ask, thread: Id) -> None:
    """Let go of a thread."""
    await ask.desk.let_go(thread, by=ask.by)


@INBOX.on("POST", "/threads/{thread}/done", tag="threads")
async def done(ask: Ask, thread: Id) -> Marked:
    """Tick a thread off."""
    return await ask.desk.done(thread, by=ask.by)


@INBOX.on("POST", "/threads/{thread}/reopen", tag="threads")
async def reopen(ask: Ask, thread: Id) -> Marked:
    """Put a thread back to be answered."""
    return await ask.desk.reopen(thread, by=ask.by)


@INBOX.on("PUT", "/threads/{thread}/snooze", tag="threads")
async def snooze(ask: Ask, thread: Id, body: SnoozeBody) -> None:
    """Put a thread off until later. Something new in it brings it back at once."""
    await ask.desk.snooze(thread, body.until, by=ask.by)


@INBOX.on("POST", "/threads/{thread}/notes", tag="threads", creates=True, refuses=[409])
async def note(ask: Ask, thread: Id, body: NoteBody) -> Noted:
    """Write something for colleagues. The caller never sees it."""
    return Noted(await ask.desk.note(thread, body.text, by=ask.by, act=body.act))


@INBOX.on("PUT", "/threads/{thread}/urgent", tag="threads")
async def urgent(ask: Ask, thread: Id, body: UrgentBody) -> None:
    """Put a thread before the others, or no longer."""
    await ask.desk.urgent(thread, body.urgent, by=ask.by)


@INBOX.on("PUT", "/threads/{thread}/name", tag="threads")
async def rename(ask: Ask, thread: Id, body: NameBody) -> None:
    """Say who the caller is: names a new contact, or the one behind the number anew. Several: change the one meant (PUT /contacts/ID)."""
    await ask.desk.rename(thread, body.name, by=ask.by)


@INBOX.on("PUT", "/threads/{thread}/language", tag="threads")
async def speak(ask: Ask, thread: Id, body: LanguageBody) -> None:
    """Say which language the caller is written to in."""
    await ask.desk.speak(thread, body.language, by=ask.by)


@INBOX.on("POST", "/threads/{thread}/calls", tag="calls", creates=True, refuses=[409, 422])
async def call_back(ask: Ask, thread: Id) -> CallBack:
    """Call back: rings the member's own telephone, then the caller."""
    return await ask.desk.call_back(thread, by=ask.by)


@INBOX.on("POST", "/calls/{outgoing}/reached", tag="calls", refuses=[422])
async def reached(ask: Ask, outgoing: CallId) -> None:
    """Say that the caller was spoken with on an outgoing call: it settles the thread. A call that was taken may have been a voicemail."""
    await ask.desk.reached(outgoing, by=ask.by)


@INBOX.on("GET", "/canned", tag="canned")
async def canned(ask: Ask, query: CannedQuery) -> tuple[Canned, ...]:
    """Replies ready to send, in their order."""
    return await ask.desk.canned(ask.by, query.language)


@INBOX.on("GET", "/threads/{thread}/canned/{canned_id}", tag="canned")
async def fill(ask: Ask, thread: Id, canned_id: CannedId) -> Filled:
    """A ready reply with its placeholders filled in for a thread, in the caller's language."""
    return Filled(await ask.desk.fill(ask.by, thread, canned_id))


@INBOX.on("POST", "/segments", tag="texts")
async def segments(ask: Ask, body: WordsBody) -> Cost:
    """What a text costs as it will leave: SMS, characters, and those that make it longer than it need be."""
    return ask.desk.segments_of(body.text)
