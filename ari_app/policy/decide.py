"""Should this caller get a text: one reason for every call, the first that holds, in the order of ``Reason``.

Decided when the call ends and again when the text is due. All of it is pure: what is known comes in, a reason goes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ari_app.model import CLOCK_SLACK, NO_TEXT, AnsweredBy, Call, Kind, Known, Outcome, Presentation, Reached, Reason
from ari_app.policy.textable import House, refusal
from ari_app.settings import LineSettings, Settings

__all__ = ["Case", "due_at", "expires_at", "reason_for"]

Facts = dict[str, str]

_DIALABLE = re.compile(r"\+?(?=.*[1-9])[\d\s().-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a reason may look at."""

    call: Call
    known: Known
    now: datetime
    open: bool
    """Was the line open when the call started."""
    settings: Settings
    line: LineSettings | None
    house: House


def due_at(case: Case) -> datetime:
    """When the text is due: the delay after the call's end, and never before the text of a later call from the same number.

    What was asked for is due at once.
    """
    if case.call.asked:
        return case.call.ended
    due = case.call.ended + case.settings.reply.delay
    return due if case.known.later_due is None else max(due, case.known.later_due)


def expires_at(case: Case) -> datetime:
    """From when the text is too old to go: ``max_age`` after the call's end."""
    return case.call.ended + case.settings.reply.max_age


def reason_for(case: Case) -> tuple[Reason, Mapping[str, str]]:
    """The first reason that holds, with the facts behind it."""
    for reason, test in _TESTS.items():
        facts = test(case)
        if facts is not None:
            return reason, facts
    return Reason.MISSED, {}


def _when(holds: bool, **facts: str) -> Facts | None:
    return facts if holds else None


def _internal(case: Case) -> Facts | None:
    low, high = case.settings.pbx.internal_length
    digits = case.call.presented.strip()
    extension = digits.isascii() and digits.isdigit() and low <= len(digits) <= high and digits.strip("0") != ""
    return _when(extension, digits=str(len(digits)))


def _machine(case: Case) -> Facts | None:
    call = case.call
    return _when(call.machine or call.reached in (Reached.FAX, Reached.REMOTE), reached=call.reached.value)


def _line_off(case: Case) -> Facts | None:
    return _when(case.line is not None and not case.line.reply)


def _anonymous(case: Case) -> Facts | None:
    call = case.call
    if call.presentation is Presentation.PROHIBITED:
        return {"rule": "hidden"}
    if call.caller is None and not _DIALABLE.fullmatch(call.presented.strip()):
        return {"rule": "no_number"}  # "", "anonymous", "Restricted", "000"
    # a hidden number can be shown all the same: what could not be read is in doubt
    # of a call nobody watched to its end it is no wonder, and UNSEEN says more
    unread = call.presentation is Presentation.UNKNOWN and (call.outcome is not Outcome.UNSEEN or call.asked)
    return _when(unread, rule="presentation_unread")


def _not_textable(case: Case) -> Facts | None:
    refused = refusal(case.call.caller, case.settings.reply.countries)
    if refused is not None:
        return refused
    learnt = case.known.not_textable
    return None if learnt is None else {"rule": "learnt", "why": learnt}


def _excluded(case: Case) -> Facts | None:
    owner = case.house.owner(case.call.caller, case.call.presented, case.settings.clinic.country)
    if owner is not None:
        return {"setting": owner}
    if case.known.kind in (Kind.STAFF, Kind.SUPPLIER):
        return {"kind": case.known.kind.value}
    if NO_TEXT in case.known.tags:
        return {"tag": NO_TEXT}
    return _when(case.call.blacklisted, blacklist="pbx")


def _opted_out(case: Case) -> Facts | None:
    since = case.known.opted_out
    return None if since is None else {"since": since.isoformat()}


def _answered(case: Case) -> Facts | None:
    call = case.call
    if call.outcome is not Outcome.ANSWERED:
        return None
    facts = {"by": (call.answered_by or AnsweredBy.EXTENSION).value}
    if call.answered_by is AnsweredBy.OUTSIDE:
        facts["outside"] = case.settings.pbx.outside
    return facts


def _short_ring(case: Case) -> Facts | None:
    call, shortest = case.call, case.settings.reply.min_ring.total_seconds()
    if call.asked or call.voicemail_left:
        return None  # a caller who did something meant to call
    return _when(call.caller_hung_up and call.rang < shortest, rang=f"{call.rang:.1f}", min_ring=f"{shortest:g}")


def _stale(case: Case) -> Facts | None:
    restored = case.known.restored
    if restored is not None and case.call.ended <= restored:
        # the store it replaced may have sent its text
        return {"ended": case.call.ended.isoformat(), "restored": restored.isoformat()}
    return _when(case.now > expires_at(case), ended=case.call.ended.isoformat(), max_age=_seconds(case.settings.reply.max_age))


def _ahead(case: Case, then: datetime) -> bool:
    """Stamped before the clock was set back: nothing to go by."""
    return then - case.now > CLOCK_SLACK


def _within(case: Case, then: datetime | None, span: timedelta) -> Facts | None:
    """Less than ``span`` ago; ``until`` is when that is over."""
    if then is None or _ahead(case, then) or case.now - then >= span:
        return None
    return {"last": then.isoformat(), "until": (then + span).isoformat()}


def _in_conversation(case: Case) -> Facts | None:
    if case.call.asked:
        return None
    return _within(case, case.known.last_person, case.settings.reply.conversation)


def _cooldown(case: Case) -> Facts | None:
    if case.call.asked:
        return None
    last, span = case.known.last_auto, case.settings.reply.cooldown
    facts = _within(case, last, span)
    if facts is None and last is not None and last >= case.call.started and not _ahead(case, last):
        # a text since this call has answered it, however short the cooldown
        facts = {"last": last.isoformat(), "until": (last + span).isoformat()}
    if facts is not None and case.known.last_auto_call is not None:
        facts["call"] = case.known.last_auto_call
    return facts


def _since_call(case: Case, then: datetime | None) -> Facts | None:
    if case.call.asked or then is None or then < case.call.started or _ahead(case, then):
        return None
    return {"at": then.isoformat()}


def _limit(case: Case) -> Facts | None:
    reply, known = case.settings.reply, case.known
    if known.auto_today >= reply.per_number_limit:
        return {"rule": "per_number_limit", "count": str(known.auto_today), "limit": str(reply.per_number_limit)}
    if known.all_today >= reply.daily_limit:
        return {"rule": "daily_limit", "count": str(known.all_today), "limit": str(reply.daily_limit)}
    return None


def _burst(case: Case) -> Facts | None:
    known, most = case.known, case.settings.reply.burst
    return _when(not known.known_contact and known.burst >= most, count=str(known.burst), limit=str(most))


def _paused(case: Case) -> Facts | None:
    mode = case.settings.reply.mode
    would = next(reason for reason, test in _REPLIES.items() if test(case) is not None)
    return _when(mode != "send", mode=mode, would=would.value)


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g}"


_REPLIES: Mapping[Reason, Callable[[Case], Facts | None]] = {
    Reason.ASKED: lambda case: _when(case.call.asked),
    Reason.VOICEMAIL: lambda case: _when(case.call.voicemail_left),
    Reason.CLOSED: lambda case: _when(not case.open),
    Reason.MISSED: lambda _: {},
}

_TESTS: Mapping[Reason, Callable[[Case], Facts | None]] = {
    Reason.INTERNAL: _internal,
    Reason.MACHINE: _machine,
    Reason.LINE_OFF: _line_off,
    Reason.ANONYMOUS: _anonymous,
    Reason.NOT_TEXTABLE: _not_textable,
    Reason.EXCLUDED: _excluded,
    Reason.OPTED_OUT: _opted_out,
    Reason.SUSPECT: lambda case: _when(case.call.suspect),
    Reason.ANSWERED: _answered,
    # who asked for a text was promised one, whatever we missed
    Reason.UNSEEN: lambda case: _when(case.call.outcome is Outcome.UNSEEN and not case.call.asked),
    Reason.HANDED_ON: lambda case: _when(case.call.handed_on, reached=case.call.reached.value),
    Reason.SHORT_RING: _short_ring,
    Reason.STALE: _stale,
    Reason.IN_CONVERSATION: _in_conversation,
    Reason.COOLDOWN: _cooldown,
    Reason.CALLED_BACK: lambda case: _since_call(case, case.known.called_back),
    Reason.REACHED_LATER: lambda case: _since_call(case, case.known.reached),
    Reason.LOOP: lambda case: _when(case.known.looping),
    Reason.LIMIT: _limit,
    Reason.BURST: _burst,
    Reason.PAUSED: _paused,
    **_REPLIES,
}
"""In the order of ``Reason``, which is precedence."""
