"""What the last days would have sent had textback been there: the PBX's own records, replayed through the policy.

Each call is decided as it would have been, at its end and again when its text was due, with a memory of the replay itself: cooldown,
limits, bursts, who called again and was answered, whom staff called back. What records cannot tell is counted, or said in ``notes``.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ari_app.errors import SettingsError
from ari_app.model import Call, DecisionKind, Known, Outcome, Presentation, Reason
from ari_app.numbers import shortened
from ari_app.pbx.cdr import History, Read, calls_of, cut_off
from ari_app.pbx.cdr_csv import read_csv
from ari_app.pbx.config import WatchConfig
from ari_app.policy.policy import Policy
from ari_app.settings import CdrSettings, Settings
from ari_app.threads.known import BURST_WINDOW, DAY
from modem.alphabet import segments
from modem.compact import compact

__all__ = ["Day", "Example", "Preview", "look_back", "preview", "read_records"]

MOST_ROWS = 500_000
"""Rows read: 30 days of a PBX with some 3000 calls a day, in some 900 MB."""
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the clinic's: its calls, those missed, and the texts that would have gone."""

    date: date
    calls: int
    missed: int
    texts: int


@dataclass(frozen=True, slots=True)
class Example:
    """One text that would have gone. ``caller``: shortened; ``text``: its words, which name nobody."""

    at: datetime
    caller: str
    line: str
    reason: Reason
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """``reasons``: calls by what each came to. Hours are the clinic's, 0 to 23, of the time a text went."""

    since: datetime
    until: datetime
    days: int
    calls: int
    answered: int
    missed: int
    undecided: int
    """Calls of which records do not tell whether somebody was reached: nothing would have gone on them alone."""
    reasons: Mapping[Reason, int]
    texts: int
    segments: int
    """SMS those texts are."""
    texts_a_day: float
    """On average, from the first call of the records on."""
    worst: Day | None
    """The day with the most texts."""
    by_day: tuple[Day, ...]
    by_hour: tuple[int, ...]
    by_line: Mapping[str, int]
    """Texts."""
    by_language: Mapping[str, int]
    """Texts, by the language written in: "fr", "en" or "both"."""
    language_unknown: int
    """Texts in the clinic's first language, or in both, as nothing told the caller's."""
    strange: Mapping[str, int]
    """Calls that came on no context of pbx.inbound_contexts, by context: not counted above."""
    examples: tuple[Example, ...]
    notes: tuple[str, ...]
    """What the figures leave out, and why: for people."""

    def sentences(self) -> tuple[str, ...]:
        """The figures in a few words, for people."""
        days = f"In the last {self.days} days" if self.days > 1 else "In the last day"
        calls = f"{days}: {self.calls} calls from outside, {self.answered} answered, {self.missed} missed, {self.undecided} undecided."
        if not self.texts:
            return (calls, "No text would have gone.")
        worst = "" if self.worst is None else f", {self.worst.texts} on the busiest day ({self.worst.date.isoformat()})"
        texts = f"{self.texts} texts would have gone ({self.segments} SMS): {self.texts_a_day:g} a day on average{worst}."
        if not self.language_unknown:
            return (calls, texts)
        return (
            calls,
            texts,
            f"Nothing tells the language of {self.language_unknown} of them: both, where that fits one SMS, else the first.",
        )

    def document(self) -> dict[str, Any]:
        """``preview --json``."""
        return {
            **asdict(self),
            "since": _iso(self.since),
            "until": _iso(self.until),
            "reasons": {reason.value: count for reason, count in self.reasons.items()},
            "worst": None if self.worst is None else _day(self.worst),
            "by_day": [_day(day) for day in self.by_day],
            "by_hour": list(self.by_hour),
            "examples": [{**asdict(each), "at": _iso(each.at), "reason": each.reason.value} for each in self.examples],
            "notes": list(self.notes),
        }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(day: Day) -> dict[str, Any]:
    return {**asdict(day), "date": day.date.isoformat()}


def read_records(cdr: CdrSettings, since: datetime) -> Read:
    """Rows since then (as written, without a zone). Blocking. Raises SourceError (``cdr_…``) and SettingsError."""
    url = cdr.read_url()
    if url is not None:
        from ari_app.pbx.cdr_sql import read_sql  # noqa: PLC0415 - SQLAlchemy is large, and of use to few

        return read_sql(url, since, most=MOST_ROWS)
    if cdr.csv is not None:
        return read_csv(cdr.csv, since, most=MOST_ROWS)
    raise no_records()


def no_records() -> SettingsError:
    """[pbx.cdr] names nothing to read."""
    return SettingsError(
        "pbx.cdr names no call records",
        'write [pbx.cdr] csv = "/var/log/asterisk/cdr-csv/Master.csv", or for a database url_file = "/etc/textback/cdr-url"',
        code="no_cdr",
    )


def look_back(settings: Settings, until: datetime, days: int = 30) -> Preview:
    """The days before ``until``, by the records of [pbx.cdr]. Blocking: seconds. Raises SourceError and SettingsError."""
    if settings.pbx.cdr is None:
        raise no_records()
    since = until - timedelta(days=days)
    return preview(settings, read_records(settings.pbx.cdr, cut_off(since, settings.clinic.zone)), until, days)


def preview(settings: Settings, read: Read, until: datetime, days: int = 30) -> Preview:
    """What these rows come to in the ``days`` before ``until``, as if reply.mode were "send". Raises SettingsError for bad settings."""
    would = settings.model_copy(update={"reply": settings.reply.model_copy(update={"mode": "send"})})
    since = until - timedelta(days=days)
    found = calls_of(read.rows, WatchConfig.of(settings), settings.clinic.zone, since=since)
    # no record tells who hid a number that is shown all the same: said in the notes
    calls = tuple(replace(call, presentation=Presentation.ALLOWED) for call in found.calls if call.ended <= until)
    replay = _Replay(Policy(would), calls, found, reads_compact=settings.reply.compact)
    replay.run()
    return _summed(settings, read, replay, until, days)


@dataclass(frozen=True, slots=True)
class _Text:
    at: datetime
    call: Call
    reason: Reason
    line: str
    language: str
    unknown: bool
    parts: int
    words: str


class _Replay:
    """The calls in the order of time, and what is known of their callers at each moment."""

    def __init__(self, policy: Policy, calls: Sequence[Call], found: History, *, reads_compact: bool) -> None:
        self._policy = policy
        self._compact = reads_compact
        self.calls = calls
        self.strange = found.strange
        self.reasons: Counter[Reason] = Counter()
        self.texts: list[_Text] = []
        self._order = itertools.count()
        self._agenda: list[tuple[datetime, int, Call | None, tuple[str, datetime] | None]] = []
        self._went: dict[str, list[_Text]] = {}
        self._lately: deque[datetime] = deque()
        self._queued: dict[str, tuple[Call, datetime]] = {}
        """Texts that wait, by call: the call, and when each is due."""
        self._reached: dict[str, list[tuple[datetime, str]]] = {}
        self._called_back: dict[str, datetime] = {}
        self._missed: dict[str, list[Call]] = {}
        self._spans: dict[str, list[tuple[datetime, datetime, str]]] = {}
        for call in calls:
            if call.caller is not None:
                self._spans.setdefault(call.caller, []).append((call.started, call.ended, call.id))
            if call.caller is not None and call.outcome is Outcome.ANSWERED:
                joined = call.started + timedelta(seconds=call.rang)
                self._reached.setdefault(call.caller, []).append((joined, call.id))
            self._push(call.ended, call)
        for out in found.outgoing:
            if out.number is not None and out.ended is not None:
                self._spans.setdefault(out.number, []).append((out.started, out.ended, out.id))
            if out.number is not None and out.joined is not None:
                self._push(out.joined, None, (out.number, out.joined))
        for joins in self._reached.values():
            joins.sort()
        for spans in self._spans.values():
            spans.sort()
        self._longest = max((ended - began for spans in self._spans.values() for began, ended, _ in spans), default=timedelta())

    def _push(self, at: datetime, call: Call | None, back: tuple[str, datetime] | None = None) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), call, back))

    def run(self) -> None:
        """From the first call to the last text."""
        while self._agenda:
            now, _, call, back = heapq.heappop(self._agenda)
            if back is not None:
                self._called_back[back[0]] = back[1]
            elif call is not None:
                self._decide(call, now)

    def _decide(self, call: Call, now: datetime) -> None:
        first = call.id not in self._queued
        decision = self._policy.decide(call, self._known(call, now), now)
        if first and call.caller is not None and call.outcome is not Outcome.ANSWERED:
            self._missed.setdefault(call.caller, []).append(call)
        if decision.kind is DecisionKind.PENDING and decision.due is not None:
            self._queued[call.id] = (call, decision.due)
            self._push(decision.due, call)
            return
        self._queued.pop(call.id, None)
        self.reasons[decision.reason] += 1
        if decision.kind is not DecisionKind.REPLY or call.caller is None or decision.text is None:
            return
        words = compact(decision.text) if self._compact else decision.text
        language = "both" if decision.language_from == "both" else str(decision.language)
        unknown = decision.language_from in ("both", "clinic")
        text = _Text(now, call, decision.reason, decision.line, language, unknown, segments(words).parts, words)
        self.texts.append(text)
        self._went.setdefault(call.caller, []).append(text)
        self._lately.append(now)

    def _known(self, call: Call, now: datetime) -> Known:
        while self._lately and self._lately[0] < now - DAY:
            self._lately.popleft()
        number = call.caller
        burst = sum(1 for _ in itertools.takewhile(lambda at: at >= now - BURST_WINDOW, reversed(self._lately)))
        burst += sum(each.ended >= now - BURST_WINDOW for each, _due in self._queued.values() if each.id != call.id)
        if number is None:
            return Known(number=None, all_today=len(self._lately), burst=burst)
        went = self._went.get(number, [])
        line = self._policy.line_name(call.did)
        later = [
            due
            for each, due in self._queued.values()
            if each.caller == number and self._policy.line_name(each.did) == line and (each.ended, each.id) > (call.ended, call.id)
        ]
        return Known(
            number=number,
            first=not went,
            last_auto=went[-1].at if went else None,
            last_auto_call=went[-1].call.id if went else None,
            auto_today=sum(1 for _ in itertools.takewhile(lambda text: text.at >= now - DAY, reversed(went))),
            all_today=len(self._lately),
            burst=burst,
            calls=tuple(each.started for each in self._lately_missed(number, now) if each.id != call.id and each.started >= now - DAY),
            reached=self._reached_at(number, call.id, now),
            called_back=self._called_back.get(number),
            live=self._live(number, call.id, now),
            later_due=max(later, default=None),
        )

    # a machine that calls each minute has tens of thousands of calls: none of these may look at all of them each time

    def _lately_missed(self, number: str, now: datetime) -> Iterator[Call]:
        """Missed calls that ended within a day, the newest first: they are noted in the order of their ends."""
        return itertools.takewhile(lambda call: call.ended >= now - DAY, reversed(self._missed.get(number, [])))

    def _reached_at(self, number: str, but: str, now: datetime) -> datetime | None:
        """When another call of the number was last joined."""
        found = self._reached.get(number, [])
        at = bisect.bisect_right(found, now, key=lambda each: each[0])
        return next((joined for joined, by in reversed(found[max(at - 2, 0) : at]) if by != but), None)

    def _live(self, number: str, but: str, now: datetime) -> bool:
        """Whether another call with the number is up."""
        spans = self._spans.get(number, [])
        first = bisect.bisect_left(spans, now - self._longest, key=lambda each: each[0])
        last = bisect.bisect_right(spans, now, key=lambda each: each[0])
        return any(now < ended and by != but for _, ended, by in spans[first:last])


def _summed(settings: Settings, read: Read, replay: _Replay, until: datetime, days: int) -> Preview:
    since = until - timedelta(days=days)
    zone = settings.clinic.zone
    calls, texts = replay.calls, replay.texts
    called = Counter(call.ended.astimezone(zone).date() for call in calls)
    missed = Counter(call.ended.astimezone(zone).date() for call in calls if call.outcome is Outcome.MISSED)
    sent = Counter(text.at.astimezone(zone).date() for text in texts)
    by_day = tuple(Day(day, called[day], missed[day], sent[day]) for day in sorted({*called, *sent}))
    hours = Counter(text.at.astimezone(zone).hour for text in texts)
    began = max(since, min((call.started for call in calls), default=since))
    worst = max(by_day, key=lambda day: day.texts, default=None)
    return Preview(
        since=since,
        until=until,
        days=days,
        calls=len(calls),
        answered=sum(call.outcome is Outcome.ANSWERED for call in calls),
        missed=sum(call.outcome is Outcome.MISSED for call in calls),
        undecided=sum(call.outcome is Outcome.UNSEEN for call in calls),
        reasons={reason: replay.reasons[reason] for reason in Reason if replay.reasons[reason]},
        texts=len(texts),
        segments=sum(text.parts for text in texts),
        texts_a_day=round(len(texts) / max((until - began) / timedelta(days=1), 1), 1),
        worst=worst if worst is not None and worst.texts else None,
        by_day=by_day,
        by_hour=tuple(hours[hour] for hour in range(24)),
        by_line=dict(Counter(text.line for text in texts)),
        by_language=dict(Counter(text.language for text in texts)),
        language_unknown=sum(text.unknown for text in texts),
        strange=dict(replay.strange),
        examples=tuple(
            Example(text.at, shortened(text.call.caller), text.line, text.reason, text.language, text.words) for text in texts[-_EXAMPLES:]
        ),
        notes=tuple(_notes(settings, read, replay, since)),
    )


def _notes(settings: Settings, read: Read, replay: _Replay, since: datetime) -> Iterator[str]:
    calls = replay.calls
    if not calls:
        yield "the records have no call from outside in that time: see pbx.inbound_contexts, and unanswered = yes in cdr.conf"
    if read.cut:
        yield f"only the newest {len(read.rows)} rows were read: the first days may be missing"
    elif calls and min(call.started for call in calls) - since > timedelta(days=3):
        yield f"the records begin on {min(call.started for call in calls).astimezone(settings.clinic.zone):%Y-%m-%d}"
    if replay.strange:
        listed = ", ".join(
            f"{context or '(none)'} ({count})" for context, count in sorted(replay.strange.items(), key=lambda one: -one[1])[:5]
        )
        yield f"calls that may come from outside are not counted, as no trunk of theirs is in pbx.inbound_contexts: {listed}"
    if any(call.outcome is Outcome.UNSEEN for call in calls):
        yield "undecided: whether somebody was reached is not in the records (a conference, a transfer, a park, a confirmation)"
    yield "callers lost on hold count as answered; calls that reached no phone are there only with unanswered = yes in cdr.conf"
    yield "contacts, opt-outs, what callers wrote back and numbers hidden by their callers but shown all the same are not in the records"
    if settings.hours.follow is not None:
        yield f"how {settings.hours.follow} stood is not in the records: the timetable alone was followed"
    if settings.line and not all(call.did for call in calls):
        yield "some calls have no DID in their record: they count for the main line"
