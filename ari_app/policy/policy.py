"""The room's one door: settings in, then pure answers about calls, texts and opening hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ari_app.errors import SettingsError
from ari_app.model import (
    REPLIES,
    Call,
    Decision,
    DecisionKind,
    Inbound,
    Kind,
    Known,
    Language,
    Outcome,
    Priority,
    Reaction,
    Reason,
    Trigger,
)
from ari_app.policy import language as languages
from ari_app.policy import priority as priorities
from ari_app.policy.checks import Problem, check_settings
from ari_app.policy.decide import Case, due_at, expires_at, reason_for
from ari_app.policy.emergency import Emergencies
from ari_app.policy.hours import Opening
from ari_app.policy.lines import Line, lines_of
from ari_app.policy.naming import given_name
from ari_app.policy.react import react
from ari_app.policy.textable import House, refusal
from ari_app.policy.wording import BOTH
from ari_app.settings import MAIN_LINE, Settings

__all__ = ["LIVE_PAUSE", "Policy"]

LIVE_PAUSE = timedelta(seconds=2)
"""How much later a text is due while its caller is on the telephone; the end of that call should wake the outbox earlier."""

_TRIGGERS = {
    Reason.ASKED: Trigger.ASKED,
    Reason.VOICEMAIL: Trigger.VOICEMAIL,
    Reason.CLOSED: Trigger.CLOSED,
    Reason.MISSED: Trigger.MISSED,
}
_AS_WRITTEN = frozenset(("stop", "start", "help", "safety"))
"""Notices in the language of what they answer; others in one the clinic has."""


class Policy:
    """What this clinic does about calls and texts. Without state: safe to share, the same question gets the same answer.

    Raises SettingsError, naming every key that cannot be used and its fix.
    """

    def __init__(self, settings: Settings) -> None:
        self._problems = check_settings(settings)
        bad = [problem for problem in self._problems if problem.state == "bad"]
        if bad:
            raise SettingsError("; ".join(f"{problem.key}: {problem.what}" for problem in bad), "; ".join(problem.fix for problem in bad))
        self._settings = settings
        self._house = House.of(settings)
        self._lines = lines_of(settings)
        self._rules = priorities.rules_of(settings)
        self._emergencies = Emergencies(settings.emergency.words, settings.clinic.name)

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of all lines, the main line first."""
        return tuple(self._lines)

    def problems(self) -> tuple[Problem, ...]:
        """What is doubtful in the settings but keeps nothing from working: costs of wordings, rules without effect."""
        return self._problems

    def line_name(self, did: str) -> str:
        """Name of the line of a DID as the trunk gives it."""
        own = self._settings.line_of(did)
        return MAIN_LINE if own is None else self._settings.line_name(own)

    def opening(self, line: str, at: datetime, switches: Mapping[str, str]) -> Opening:
        """Is the line open at an aware instant, given device states by name. A line that is gone from the file counts as the main one."""
        return self._line(line).hours.opening(at, switches)

    def decide(self, call: Call, known: Known, now: datetime) -> Decision:
        """What a finished call comes to, at its end or when its text is due. Never raises.

        PENDING: a text is due at ``due``, decide again then (later while the caller is on the telephone). REPLY: it goes now.
        """
        line = self._line(self.line_name(call.did))
        opening = line.hours.opening(call.started, call.switches)
        case = Case(call, known, now, opening.open, self._settings, line.own, self._house)
        reason, facts = reason_for(case)
        detail = {**facts, "hours": opening.why}
        first = None if reason in (Reason.INTERNAL, Reason.MACHINE) else self.priority(call, known, now)
        if reason not in REPLIES:
            return Decision(kind=DecisionKind.SILENCE, reason=reason, open=opening.open, line=line.name, detail=detail, priority=first)
        due = due_at(case)
        if known.live:
            due = max(due, now + LIVE_PAUSE)
            detail["waits_for"] = "live"
        elif known.later_due is not None and now < due == known.later_due:
            detail["waits_for"] = "later_call"
        present = line.hours.opening(now, call.switches)
        if present.opens is not None:
            detail["opens"] = present.opens.isoformat()
        # who rang before opening time is not told "we are closed" after it
        trigger = Trigger.MISSED if reason is Reason.CLOSED and present.open else _TRIGGERS[reason]
        chosen = line.first_words(trigger, known, present.opens, now)
        return Decision(
            kind=DecisionKind.PENDING if now < due else DecisionKind.REPLY,
            reason=reason,
            open=opening.open,
            line=line.name,
            detail=detail,
            due=due,
            expires=expires_at(case),
            language=chosen.language,
            language_from=chosen.chosen_by,
            trigger=trigger,
            text=chosen.text,
            modem=None if line.own is None else line.own.modem,
            priority=first,
        )

    def priority(self, call: Call, known: Known, now: datetime) -> Priority | None:
        """What puts the thread of a call before others. Never raises."""
        line = self._line(self.line_name(call.did))
        missed = call.outcome is not Outcome.ANSWERED
        return self._first(
            priorities.Facts(
                at=call.started,
                line=line.name,
                kind=None if known.number is None else known.kind or Kind.PROSPECT,
                tags=known.tags,
                calls=self._today(known.calls, call.started) + missed,
                option=call.option,
                voicemail=call.voicemail_left,
            ),
            line,
            now,
        )

    def _first(self, facts: priorities.Facts, line: Line, now: datetime) -> Priority | None:
        found = priorities.of(self._rules, facts)
        if found is None or found.notify is None:
            return found
        if self._settings.reply.mode != "send":
            return replace(found, notify=None)
        return replace(found, notice=line.notice("on_call", line.language(None)[0], None, now))

    def _today(self, calls: tuple[datetime, ...], at: datetime) -> int:
        zone = self._settings.clinic.zone
        return sum(started.astimezone(zone).date() == at.astimezone(zone).date() for started in calls)

    def react(self, inbound: Inbound, now: datetime, switches: Mapping[str, str]) -> Reaction:
        """What a caller's text comes to beside its place in the thread. Never raises."""
        line, settings = self._line(inbound.line), self._settings
        opening = line.hours.opening(now, switches)
        answerable = (
            settings.reply.mode == "send"
            and refusal(inbound.number, settings.reply.countries) is None
            and self._house.owner(inbound.number, inbound.number, settings.clinic.country) is None
        )

        wrote, emergency = languages.of(inbound.text), self._emergencies.found(inbound.text)
        limited = inbound.auto_today >= settings.reply.per_number_limit or inbound.all_today >= settings.reply.daily_limit

        def words(name: str, own: Language | None) -> tuple[str, Language]:
            known = line.language(inbound.language, own or inbound.wrote)[0]
            language = own if own is not None and name in _AS_WRITTEN else known
            return line.notice(name, language, opening.opens, now), language

        replies = line.own is None or line.own.reply
        reaction = react(
            inbound,
            now,
            opening,
            conversation=settings.reply.conversation,
            answerable=answerable,
            limited=limited,
            replies=replies,
            wrote=wrote,
            emergency=emergency if settings.emergency.answer else frozenset(),
            words=words,
        )
        if reaction.automatic or not inbound.number.startswith("+"):
            return reaction
        facts = priorities.Facts(
            at=now,
            line=line.name,
            kind=inbound.kind or Kind.PROSPECT,
            tags=inbound.tags,
            calls=self._today(inbound.calls, now),
            text=inbound.text,
            emergency=bool(emergency),
        )
        offered = None if inbound.named or reaction.opt is not None else given_name(inbound.text)
        return replace(reaction, offered=offered, priority=self._first(facts, line, now))

    def alarm(self, inbound: Inbound, now: datetime, switches: Mapping[str, str]) -> Reaction:
        """What part of a text comes to, whose other parts never came: an emergency is one all the same, all else waits for the whole."""
        whole = self.react(inbound, now, switches)
        if whole.notice_name != "safety":
            return Reaction(priority=whole.priority)
        return Reaction(priority=whole.priority, notice=whole.notice, notice_name="safety", language=whole.language)

    def fill(
        self,
        line: str,
        template: str,
        language: Language | None,
        now: datetime,
        switches: Mapping[str, str],
        *,
        name: str = "",
        trigger: Trigger | None = None,
    ) -> str:
        """A template of a person's, filled for a caller of a line: in ``language`` ("both" as well), else the line's.

        ``name``: for {name}, and {ask} asks for one where it is "". ``trigger``: of which automatic text it is.

        {opens} is said of an open line too: when it opens after the present hours.
        """
        of = self._line(line)
        opening = of.hours.opening(now, switches)
        opens = opening.opens
        if opening.open and opening.until is not None:
            opens = of.hours.opening(opening.until, switches).opens
        chosen = BOTH if language == BOTH else of.language(language)[0]
        return of.filled(template, trigger, chosen, of.facts(opens, now, named=bool(name)), name=name)

    def language(self, line: str, known: Known) -> Language:
        """The one language to speak with this caller: what they wrote in, else the contact's, the line's, the clinic's first."""
        return self._line(line).language(known.language, known.wrote)[0]

    def _line(self, name: str) -> Line:
        return self._lines.get(name, self._lines[MAIN_LINE])
