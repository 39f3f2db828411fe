"""What the channel event log and the call detail records tell of the same calls, as one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from ari_app.model import Call, Outcome, OutgoingCall, Reached
from ari_app.pbx.cdr import UNIQUEID, History
from ari_app.pbx.cel import Told
from ari_app.pbx.cel_gaps import Doubt

__all__ = ["Merged", "Source", "merged"]

Source = Literal["cel", "cdr"]
"""Which records told a call."""

_SAME = timedelta(seconds=2)
"""Records without a uniqueid tell whole seconds: the same channel that began so near is the same call."""
_SAME_OUT = timedelta(seconds=10)
"""A leg begins after the telephone that dials it."""


@dataclass(frozen=True, slots=True)
class Merged:
    """Calls by their end, outgoing calls by their start, and by the id of each which records told it."""

    calls: tuple[Call, ...]
    outgoing: tuple[OutgoingCall, ...]
    source: Mapping[str, Source]


def merged(
    told: Sequence[Told],
    legs: Sequence[OutgoingCall],
    history: History,
    since: datetime,
    until: datetime,
    *,
    is_known: Callable[[str], bool],
) -> Merged:
    """Calls of both that ended from ``since`` to ``until``. ``is_known``: has the log all there is of a channel."""
    source: dict[str, Source] = {}
    calls: list[Call] = []
    others = {each.id: each for each in history.calls}
    by_channel: dict[str, list[Call]] = {}
    for each in history.calls:
        if UNIQUEID.fullmatch(each.id) is None:
            by_channel.setdefault(each.channel, []).append(each)
    for one in told:
        other = others.get(one.call.id) or _near(one.call, by_channel.get(one.call.channel, ()))
        if other is not None:
            others.pop(other.id, None)
        call, source[one.call.id] = (one.call, "cel") if other is None else _settled(one, other, history.took.get(other.id, frozenset()))
        calls.append(call)
    calls += others.values()
    source.update(dict.fromkeys(others, "cdr"))
    outgoing = [*legs, *(each for each in history.outgoing if not is_known(each.id) and not _is_one_of(each, legs))]
    source.update({each.id: "cel" if each in legs else "cdr" for each in outgoing})
    kept = [call for call in calls if since <= call.ended <= until]
    ended = [each for each in outgoing if each.ended is not None and since <= each.ended <= until]
    ids = {each.id for each in kept} | {each.id for each in ended}
    return Merged(
        tuple(sorted(kept, key=lambda call: (call.ended, call.id))),
        tuple(sorted(ended, key=lambda each: (each.started, each.id))),
        {key: value for key, value in source.items() if key in ids},
    )


def _near(call: Call, others: Iterable[Call]) -> Call | None:
    """The same call where records do not name it."""
    return next((each for each in others if abs(each.started - call.started) <= _SAME), None)


def _is_one_of(call: OutgoingCall, legs: Iterable[OutgoingCall]) -> bool:
    """The same call to the outside: call records know the telephone that dialled, not the leg."""
    return any(each.number == call.number and abs(each.started - call.started) <= _SAME_OUT for each in legs)


def _settled(one: Told, other: Call, took: frozenset[str]) -> tuple[Call, Source]:
    """``one`` of the channel event log, ``other`` of the call detail records, which say that devices ``took`` it."""
    call = one.call
    if call.outcome is Outcome.ANSWERED:
        return call, "cel"
    if call.outcome is Outcome.MISSED and took <= one.answered:
        return _placed(call, other), "cel"
    if other.outcome is Outcome.MISSED and (one.doubt is Doubt.TAKEN or call.outcome is Outcome.MISSED):
        return replace(_placed(call, other), outcome=Outcome.UNSEEN), "cel"
    facts = call if abs(call.started - other.started) <= _SAME else other
    verdict = {name: getattr(other, name) for name in ("outcome", "answered_by", "reached", "rang", "caller_hung_up", "machine")}
    return replace(facts, id=call.id, **verdict), "cdr"


def _placed(call: Call, other: Call) -> Call:
    """Where the call was, by the records where the log has no row of it: an application that is not logged."""
    if other.machine and not call.machine:
        return replace(call, machine=True, reached=other.reached)
    return replace(call, reached=other.reached) if call.reached is Reached.NONE and other.reached is not Reached.RING else call
