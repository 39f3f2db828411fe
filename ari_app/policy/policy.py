"""The room's one door: settings in, then pure answers about calls, texts and opening hours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ari_app.errors import SettingsError
from ari_app.model import (
    REPLIES,
    Call,
    Decision,
    DecisionKind,
    Inbound,
    Known,
    Language,
    Outcome,
    Presentation,
    Reached,
    Reaction,
    Reason,
    Trigger,
)
from ari_app.policy.checks import Problem, check_settings
from ari_app.policy.decide import Case, due_at, expires_at, reason_for
from ari_app.policy.hours import Opening
from ari_app.policy.lines import Line, lines_of
from ari_app.policy.react import react
from ari_app.policy.textable import House, refusal
from ari_app.policy.wording import render
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
        if reason not in REPLIES:
            return Decision(kind=DecisionKind.SILENCE, reason=reason, open=opening.open, line=line.name, detail=detail)
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
        language, chosen_by = line.language(known.language)
        return Decision(
            kind=DecisionKind.PENDING if now < due else DecisionKind.REPLY,
            reason=reason,
            open=opening.open,
            line=line.name,
            detail=detail,
            due=due,
            expires=expires_at(case),
            language=language,
            language_from=chosen_by,
            trigger=trigger,
            text=line.text(trigger, language, present.opens, now),
            modem=None if line.own is None else line.own.modem,
        )

    def may_ask(self, number: str | None, did: str, known: Known, now: datetime, *, blacklisted: bool = False) -> Reason | None:
        """Would who is on the telephone get a text if they asked for one now: None, else why not. Never raises.

        ``number``: E.164, None when it is hidden or none. ``known``: of that number on the line of ``did``.
        """
        call = Call(
            id="",
            started=now,
            ended=now,
            presented=number or "",
            caller=number,
            presentation=Presentation.ALLOWED,
            did=did,
            context="",
            channel="",
            outcome=Outcome.MISSED,
            answered_by=None,
            reached=Reached.NONE,
            rang=0.0,
            caller_hung_up=False,
            asked=True,
            blacklisted=blacklisted,
        )
        own = self._line(self.line_name(did)).own
        reason, _ = reason_for(Case(call, known, now, True, self._settings, own, self._house))
        return None if reason is Reason.ASKED else reason

    def react(self, inbound: Inbound, now: datetime, switches: Mapping[str, str]) -> Reaction:
        """What a caller's text comes to beside its place in the thread. Never raises."""
        line, settings = self._line(inbound.line), self._settings
        opening = line.hours.opening(now, switches)
        answerable = (
            settings.reply.mode == "send"
            and refusal(inbound.number, settings.reply.countries) is None
            and self._house.owner(inbound.number, inbound.number, settings.clinic.country) is None
        )

        limited = inbound.auto_today >= settings.reply.per_number_limit or inbound.all_today >= settings.reply.daily_limit

        def words(name: str, keyword_language: Language | None) -> tuple[str, Language]:
            language = keyword_language or line.language(inbound.language)[0]
            return line.notice(name, language, opening.opens, now), language

        replies = line.own is None or line.own.reply
        return react(
            inbound,
            now,
            opening,
            conversation=settings.reply.conversation,
            answerable=answerable,
            limited=limited,
            replies=replies,
            words=words,
        )

    def fill(
        self, line: str, template: str, language: Language | None, now: datetime, switches: Mapping[str, str], *, name: str = ""
    ) -> str:
        """A template of a person's, filled for a caller of a line: in ``language``, else the line's. ``name``: for {name}.

        {opens} is said of an open line too: when it opens after the present hours.
        """
        of = self._line(line)
        opening = of.hours.opening(now, switches)
        opens = opening.opens
        if opening.open and opening.until is not None:
            opens = of.hours.opening(opening.until, switches).opens
        return render(template, of.facts(opens, now), of.language(language)[0], name=name)

    def _line(self, name: str) -> Line:
        return self._lines.get(name, self._lines[MAIN_LINE])
