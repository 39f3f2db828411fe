"""The endpoints of statistics, members, the audit, and the settings that an administrator may change without a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ari_app.board import Audited, Key, Listed, Member, Role, Statistics
from ari_app.desk import Cost, MadeKey, Stands
from ari_app.model import Trigger
from ari_app.portal.api_endpoints import CannedId, Language, LineQuery
from ari_app.portal.api_frame import Ask, Body, Day, Endpoints, Id, Moment, Query

__all__ = ["ADMINISTRATION"]

ADMINISTRATION = Endpoints()

_ONLY = Role.ADMINISTRATOR
WordingLanguage = Literal["fr", "en", "both"]
"""both: of the text in both languages."""


class StatisticsQuery(LineQuery):
    since: Day
    """First day, of the clinic's zone."""
    until: Day
    """Last day."""


class CallsQuery(StatisticsQuery):
    before: Moment | None = None
    """``started`` of the last one of the answer before; with it goes ``before_id``."""
    before_id: Annotated[str, Field(max_length=150)] = ""
    """Its ``id``."""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    """How many at most."""


class AuditQuery(Query):
    who: str | None = None
    """Name of a person."""
    thread: Id | None = None
    act: str | None = None
    """What was done."""
    since: Moment | None = None
    until: Moment | None = None
    before: Id | None = None
    """``id`` of the last one of the answer before."""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    """How many at most."""


class CannedBody(Body):
    language: Language | None
    """null: offered in both."""
    label: str
    text: str
    """May hold the placeholders of wordings, and {name} for the caller's."""


class MoveBody(Body):
    up: bool
    """false: down."""


class MemberBody(Body):
    login: str
    name: str
    role: Role = Role.STAFF
    extension: str | None = None
    """Of their own telephone, rung by a call back."""
    language: Language | None = None
    """null: the browser's."""
    password: Annotated[str, Field(max_length=1000)] | None = None
    """null: they cannot sign in yet."""


class MemberChangeBody(Body):
    """What is left out, or null, stays as it is."""

    login: str | None = None
    name: str | None = None
    role: Role | None = None
    extension: str | None = None
    """An empty one takes it away."""
    language: Literal["fr", "en", ""] | None = None
    """An empty one: the browser's."""
    active: bool | None = None
    """false: their sessions end, their keys open nothing."""


class PasswordBody(Body):
    password: Annotated[str, Field(max_length=1000)]
    current: Annotated[str, Field(max_length=1000)] | None = None
    """The present one: needed to change one's own."""


class PinBody(Body):
    pin: Annotated[str, Field(max_length=20)] | None
    """null: none is asked."""


class KeyBody(Body):
    use: Literal["phone", "api"]
    brand: str | None = None
    """Of a phone: as its address names it."""
    label: str
    """What people call it."""


class ExceptionBody(Body):
    """One date that differs: closed, or open at other hours."""

    date: Day
    closed: bool = False
    open: str | None = None
    """Such as "09:00-12:00"."""


class ExceptionsBody(Body):
    exceptions: Annotated[list[ExceptionBody], Field(max_length=1000)] | None
    """The whole list; null: that of textback.toml again."""


class WordingBody(Body):
    text: Annotated[str, Field(max_length=10_000)] | None
    """null: that of textback.toml, or the built-in one, again."""


class EmergencyBody(Body):
    words: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=500)] | None
    """A * at the end of one stands for any ending. null: those of textback.toml, or the built-in ones, again."""


class PreviewBody(Body):
    text: Annotated[str, Field(max_length=10_000)]


class PauseBody(Body):
    paused: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """A wording as a caller would read it now, and what it costs."""

    text: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class Saved:
    """A ready reply that is on disk."""

    canned: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How many sessions were ended."""

    sessions: int


@ADMINISTRATION.on("GET", "/statistics", tag="statistics", refuses=[404])
async def statistics(ask: Ask, query: StatisticsQuery) -> Statistics:
    """Missed calls and what became of them, from one day up to and with another."""
    return await ask.desk.statistics(ask.by, query.since, query.until, line=query.line)


@ADMINISTRATION.on("GET", "/calls", tag="statistics", refuses=[404])
async def calls(ask: Ask, query: CallsQuery) -> tuple[Listed, ...]:
    """Inbound calls that started on these days. It is audited."""
    before = None if query.before is None else (query.before, query.before_id)
    return await ask.desk.calls(ask.by, query.since, query.until, line=query.line, before=before, limit=query.limit)


@ADMINISTRATION.on("POST", "/canned", tag="canned", role=_ONLY, creates=True)
async def add_canned(ask: Ask, body: CannedBody) -> Saved:
    """Add a ready reply."""
    return Saved(await ask.desk.save_canned(None, body.language, body.label, body.text, by=ask.by))


@ADMINISTRATION.on("PUT", "/canned/{canned_id}", tag="canned", role=_ONLY)
async def save_canned(ask: Ask, canned_id: CannedId, body: CannedBody) -> Saved:
    """Write a ready reply anew. A built-in one becomes the clinic's own, and gets another id."""
    return Saved(await ask.desk.save_canned(canned_id, body.language, body.label, body.text, by=ask.by))


@ADMINISTRATION.on("DELETE", "/canned/{canned_id}", tag="canned", role=_ONLY)
async def remove_canned(ask: Ask, canned_id: CannedId) -> None:
    """Take a ready reply away."""
    await ask.desk.remove_canned(canned_id, by=ask.by)


@ADMINISTRATION.on("POST", "/canned/{canned_id}/move", tag="canned", role=_ONLY)
async def move_canned(ask: Ask, canned_id: CannedId, body: MoveBody) -> None:
    """Put a ready reply one place up or down. At the end of the list it stays."""
    await ask.desk.move_canned(canned_id, up=body.up, by=ask.by)


@ADMINISTRATION.on("GET", "/members", tag="members", role=_ONLY)
async def members(ask: Ask) -> tuple[Member, ...]:
    """Everybody, also who left."""
    return await ask.desk.members(by=ask.by)


@ADMINISTRATION.on("POST", "/members", tag="members", role=_ONLY, creates=True, refuses=[409])
async def add_member(ask: Ask, body: MemberBody) -> Member:
    """Add a member."""
    return await ask.desk.add_member(
        body.login, body.name, body.role, extension=body.extension, language=body.language, password=body.password, by=ask.by
    )


@ADMINISTRATION.on("GET", "/members/{member}", tag="members")
async def member(ask: Ask, member: Id) -> Member:
    """A member: administrators may see everybody, others themselves."""
    return await ask.desk.member(member, by=ask.by)


@ADMINISTRATION.on("PATCH", "/members/{member}", tag="members", refuses=[409])
async def change_member(ask: Ask, member: Id, body: MemberChangeBody) -> Member:
    """Change a member. Who is no administrator may change their own language."""
    return await ask.desk.change_member(
        member,
        login=body.login,
        name=body.name,
        role=body.role,
        extension=body.extension,
        language=body.language,
        active=body.active,
        by=ask.by,
    )


@ADMINISTRATION.on("PUT", "/members/{member}/password", tag="members")
async def set_password(ask: Ask, member: Id, body: PasswordBody) -> None:
    """Set a password; every session of the member ends."""
    await ask.desk.set_password(member, body.password, current=body.current, by=ask.by)


@ADMINISTRATION.on("PUT", "/members/{member}/pin", tag="members")
async def set_pin(ask: Ask, member: Id, body: PinBody) -> None:
    """Set the PIN that is asked at the telephone."""
    await ask.desk.set_pin(member, body.pin, by=ask.by)


@ADMINISTRATION.on("DELETE", "/members/{member}/sessions", tag="members")
async def end_sessions(ask: Ask, member: Id) -> Ended:
    """Sign a member out everywhere."""
    return Ended(await ask.desk.end_sessions(member, by=ask.by))


@ADMINISTRATION.on("GET", "/members/{member}/keys", tag="members")
async def keys(ask: Ask, member: Id) -> tuple[Key, ...]:
    """Keys of a member, for phones and programs, revoked ones too."""
    return await ask.desk.keys(member, by=ask.by)


@ADMINISTRATION.on("POST", "/members/{member}/keys", tag="members", role=_ONLY, creates=True)
async def make_key(ask: Ask, member: Id, body: KeyBody) -> MadeKey:
    """Make a key. Its token is in this answer and nowhere else."""
    return await ask.desk.make_key(member, body.use, body.brand, body.label, by=ask.by)


@ADMINISTRATION.on("DELETE", "/keys/{key}", tag="members")
async def revoke_key(ask: Ask, key: Id) -> Key:
    """Revoke a key: it opens nothing from now on."""
    return await ask.desk.revoke_key(key, by=ask.by)


@ADMINISTRATION.on("GET", "/audit", tag="audit", role=_ONLY)
async def audit(ask: Ask, query: AuditQuery) -> tuple[Audited, ...]:
    """Who did or saw what, when and from where."""
    return await ask.desk.audit(
        ask.by,
        before=query.before,
        limit=query.limit,
        thread=query.thread,
        who=query.who,
        act=query.act,
        since=query.since,
        until=query.until,
    )


@ADMINISTRATION.on("GET", "/settings", tag="settings", role=_ONLY)
async def settings(ask: Ask) -> Stands:
    """What is in force, and from where. Secrets are left out."""
    return await ask.desk.settings(ask.by)


@ADMINISTRATION.on("PUT", "/settings/exceptions", tag="settings", role=_ONLY)
async def set_exceptions(ask: Ask, body: ExceptionsBody) -> Stands:
    """Say which dates differ from the usual hours."""
    listed: list[dict[str, Any]] | None = None
    if body.exceptions is not None:
        listed = [each.model_dump(mode="json", exclude_defaults=True) for each in body.exceptions]
    await ask.desk.set_exceptions(listed, by=ask.by)
    return await ask.desk.settings(ask.by)


@ADMINISTRATION.on("PUT", "/settings/wordings/{language}/{trigger}", tag="settings", role=_ONLY)
async def set_wording(ask: Ask, language: WordingLanguage, trigger: Trigger, body: WordingBody) -> Stands:
    """Write the words of an automatic text."""
    await ask.desk.set_wording(language, trigger, body.text, by=ask.by)
    return await ask.desk.settings(ask.by)


@ADMINISTRATION.on("POST", "/settings/wordings/{language}/{trigger}/preview", tag="settings", role=_ONLY)
async def preview(ask: Ask, language: WordingLanguage, trigger: Trigger, body: PreviewBody) -> Preview:
    """See a wording as a caller would read it now."""
    return Preview(*await ask.desk.preview(language, trigger, body.text, by=ask.by))


@ADMINISTRATION.on("PUT", "/settings/emergency/{language}", tag="settings", role=_ONLY)
async def set_emergency_words(ask: Ask, language: Language, body: EmergencyBody) -> Stands:
    """Say which words in a caller's text make it urgent."""
    await ask.desk.set_emergency_words(language, body.words, by=ask.by)
    return await ask.desk.settings(ask.by)


@ADMINISTRATION.on("PUT", "/settings/pause", tag="settings", role=_ONLY)
async def pause(ask: Ask, body: PauseBody) -> Stands:
    """Pause automatic texts, or let them go out again."""
    await ask.desk.pause(body.paused, by=ask.by)
    return await ask.desk.settings(ask.by)
