"""Callers on the telephone now: who they are, whether a text may be promised to them, and what is done when they or staff ask for one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ari_app.board import Actor, Ringing
from ari_app.desk.base import Base
from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import Call, Decision, Kind, Known, Language, Level, Outcome, Presentation, Reason
from ari_app.numbers import e164
from ari_app.pbx.outputs import Waiting

__all__ = ["Asking", "Who"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """What a caller is, as far as a dialplan wants to know."""

    number: str | None
    """E.164; None for a number that is hidden or none."""
    line: str
    names: tuple[str, ...] = ()
    kind: Kind | None = None
    """None for nobody known."""
    language: Language
    """To speak with them."""
    level: Level = Level.NORMAL


class Asking(Base):
    """A channel is named by its uniqueid; a call is that of its caller's channel."""

    async def caller(self, channel: str, presented: str, did: str) -> Who:
        """Who calls. ``presented`` ("" when hidden) and ``did`` count where the channel is of no call that is watched."""
        call = None if self._calls is None else self._calls.of(channel)
        if call is None:
            return await self._who(e164(presented, self._country), did, None)
        hidden = not presented or call.presentation is Presentation.PROHIBITED
        return await self._who(None if hidden else call.caller, call.did, call)

    async def ringing(self, by: Actor) -> tuple[Ringing, ...]:
        """Calls that ring, or wait in a queue, and that nobody has taken yet; oldest first."""
        del by
        return tuple([await self._ringing(each) for each in (() if self._calls is None else self._calls.waiting)])

    async def may_ask(self, channel: str) -> Language:
        """May who is on this channel be promised a text: the language to speak with them.

        Raises NotFoundError (``not_ringing``: no call that is up), RefusedError (``answered``; ``no_text_goes`` with the fact ``reason``).
        """
        return (await self._promised(channel))[2]

    async def ask(self, channel: str) -> Language:
        """The caller asks for a text: it goes when the call is over. The language to tell them so in.

        Raises as ``may_ask``; where a text was asked for already, that stands.
        """
        call, _, language = await self._promised(channel)
        if await self._store.note_asked(call.id) is None:
            raise _over()
        return language

    async def decline(self, call: str, *, by: Actor) -> int:
        """Do not take a call that rings: its caller hears that a text comes, and gets it. The thread, held by who declined.

        Nothing is done to the call where it raises: NotFoundError (``not_ringing``), RefusedError (``answered``, put through meanwhile;
        ``no_text_goes`` with the fact ``reason``; ``no_ami``; ``forbidden``), PbxError.
        """
        if by.member is None:
            raise RefusedError("only a member can decline a call", "sign in as one", code="forbidden")
        if self._calls is None or not self._calls.can_redirect:
            raise RefusedError("a call can be declined over AMI only", "set [pbx.ami] in textback.toml", code="no_ami")
        up, line, _ = await self._promised(call)
        if all(each.id != up.id for each in self._calls.waiting):
            now = self._calls.of(up.id)
            raise _over() if now is None or now.outcome is not Outcome.ANSWERED else _answered()
        asked = await self._store.note_asked(up.id, by.member)
        if asked is None:
            raise _over()
        try:
            await self._calls.send_away(up.id)
        except BaseException:
            await self._store.forget_asked(asked)
            raise
        assert up.caller is not None  # noqa: S101  (a text may go there)
        return await self._store.acts.declined(up.caller, line, by)

    async def _promised(self, channel: str) -> tuple[Call, str, Language]:
        """The call, its line and the language, where a text may be promised now."""
        call = None if self._calls is None else self._calls.of(channel)
        if call is None or self._calls is None:
            raise _over()
        if call.outcome is Outcome.ANSWERED or call.handed_on:
            raise _answered()
        line = self._standing.policy.line_name(call.did)
        known = await self._store.known(call.caller, line)
        call = replace(call, asked=True, blacklisted=await self._calls.blacklisted(call))
        decision = self._decided(call, known)
        if decision.reason is not Reason.ASKED:
            raise RefusedError(
                f"no text may go to this caller ({decision.reason.value})",
                "take the call; `textback why` says why, once it is over",
                code="no_text_goes",
                facts={"reason": decision.reason.value},
            )
        if not self._modems:
            raise RefusedError("there is no modem to send a text", "set up a [[modem]]", code="no_modem")
        return call, line, self._standing.policy.language(line, known)

    def _decided(self, call: Call, known: Known) -> Decision:
        """What a call comes to if it ends now."""
        return self._standing.policy.decide(call, known, self._clock.now())

    async def _who(self, number: str | None, did: str, call: Call | None) -> Who:
        policy = self._standing.policy
        line = policy.line_name(did)
        if number is None:
            return Who(number=None, line=line, language=policy.language(line, Known(number=None)))
        found = await self._store.contacts.caller(number)
        known = Known(
            number=number,
            language=found.language,
            wrote=found.wrote,
            kind=found.kind,
            tags=found.tags,
            named=bool(found.names),
            calls=found.calls,
        )
        raised = None if call is None else self._decided(call, known).priority
        level = max(found.level, Level.NORMAL if raised is None else raised.level)
        return Who(number=number, line=line, names=found.names, kind=found.kind, language=policy.language(line, known), level=Level(level))

    async def _ringing(self, waiting: Waiting) -> Ringing:
        call = None if self._calls is None else self._calls.of(waiting.id)
        who = await self._who(waiting.number, waiting.did, call)
        return Ringing(
            id=waiting.id,
            number=who.number,
            name=", ".join(who.names) or None,
            line=who.line,
            since=waiting.since,
            extensions=tuple(each.partition("/")[2] for each in waiting.phones),
            thread=None if who.number is None else await self._store.thread_of(who.number, who.line),
            kind=who.kind,
            level=who.level,
            declinable=who.number is not None and self._calls is not None and self._calls.can_redirect and bool(self._modems),
        )


def _over() -> NotFoundError:
    return NotFoundError("this call rings no more", "see the inbox: it was taken, or it is over", code="not_ringing")


def _answered() -> RefusedError:
    return RefusedError("somebody is, or was, talking with this caller", "let them talk", code="answered")
