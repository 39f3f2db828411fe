"""How things are said in one language: words, times, ages, numbers, states and reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ari_app.board import CallEntry, Entry, NoteEntry, OutgoingEntry, Row, TextEntry, VoicemailEntry
from ari_app.errors import StoreError, TextbackError
from ari_app.model import EMERGENCY, Level, MessageKind, Outcome
from ari_app.numbers import pretty
from ari_app.portal.words import LANGUAGES, WORDS
from ari_app.settings import MAIN_LINE

__all__ = ["Speech"]

_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
}
_LONG_DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "fr": ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juill.", "août", "sept.", "oct.", "nov.", "déc."),
}
_CAUSES = {
    **{f"CMS {code}": "cause.number" for code in (1, 28, 30, 195, 196)},
    **{f"CMS {code}": "cause.plan" for code in (8, 10, 29, 50, 69, 193)},
    **{f"CMS {code}": "cause.network" for code in (38, 41, 42, 47, 192, 194, 331, 332)},
    **{f"CMS {code}": "cause.sim" for code in (310, 311, 313, 315, 316)},
    **{f"CME {code}": "cause.sim" for code in (10, 11, 12, 13, 15)},
    "CMS 27": "cause.off",
    "CME 30": "cause.network",
    "CME 31": "cause.network",
}
"""Codes of AT+CMGS (``modem.codes``) in words of people who have no modem in mind; any other one is said as the network says it."""

_pretty = lru_cache(maxsize=4096)(pretty)  # a list says the same numbers at every look


@dataclass(frozen=True, slots=True)
class Speech:
    """``language`` "en" or "fr"; times are said in ``zone``, numbers as people of ``country`` write them; ``now`` as ages need it."""

    language: str
    zone: ZoneInfo
    country: str
    now: datetime

    def __call__(self, key: str, /, **values: object) -> str:
        """The word of a key. Raises KeyError for a key or a value that is not there."""
        said = WORDS[key][LANGUAGES.index(self.language)]
        return said.format(**values) if values else said

    def count(self, key: str, n: int) -> str:
        """``key`` for so many: French says zero in the singular, English does not."""
        one = n == 1 or (n == 0 and self.language == "fr")
        return self(f"{key}.{'one' if one else 'many'}", n=n)

    def pick(self, keys: Iterable[str]) -> dict[str, str]:
        """Some words by their keys."""
        return {key: self(key) for key in keys}

    # -- time

    def clock(self, at: datetime) -> str:
        """Hour and minute in the clinic's zone: 14:05, 14 h 05."""
        local = at.astimezone(self.zone)
        return f"{local:%H}\u00a0h\u00a0{local:%M}" if self.language == "fr" else f"{local:%H:%M}"

    def day_of(self, at: datetime) -> date:
        """The day of the clinic's zone."""
        return at.astimezone(self.zone).date()

    def day(self, of: datetime | date) -> str:
        """A date as people name it, the year where it is another one: Today, Mon 2 Mar, lun. 2 mars 2025."""
        local = of.astimezone(self.zone).date() if isinstance(of, datetime) else of
        today = self.now.astimezone(self.zone).date()
        near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((local - today).days)
        if near is not None:
            return self(near)
        year = "" if local.year == today.year else f" {local.year}"
        return f"{_DAYS[self.language][local.weekday()]} {self.date(local)}{year}"

    def date(self, of: date) -> str:
        """Day and month: 2 Mar, 2 mars."""
        return f"{of.day} {_MONTHS[self.language][of.month - 1]}"

    def weekday(self, of: datetime) -> str:
        """Monday, lundi."""
        return _LONG_DAYS[self.language][of.astimezone(self.zone).weekday()]

    def when(self, at: datetime) -> str:
        """A moment: 14:05 where it is today, else with its day."""
        same = at.astimezone(self.zone).date() == self.now.astimezone(self.zone).date()
        day = self.day(at)
        if day in {self("yesterday"), self("tomorrow")}:
            day = day.lower()  # it stands within a sentence
        return self.clock(at) if same else self("when.other", day=day, time=self.clock(at))

    def local(self, at: datetime) -> str:
        """As a field for date and time wants it: 2026-03-02T14:05, in the clinic's zone."""
        return f"{at.astimezone(self.zone):%Y-%m-%dT%H:%M}"

    def age(self, since: datetime) -> str:
        """How long ago, in its largest unit, rounded down."""
        minutes = int((self.now - since).total_seconds() // 60)
        if minutes < 1:
            return self("now")
        if minutes < 60:
            return self("age.minutes", n=minutes)
        return self("age.hours", n=minutes // 60) if minutes < 24 * 60 else self("age.days", n=minutes // (24 * 60))

    def length(self, seconds: float) -> str:
        """A duration: 45 s, 3 min 20 s, 1 h 05, in one piece."""
        whole = round(seconds)
        minutes, rest = divmod(whole, 60)
        if minutes >= 60:
            return f"{minutes // 60}\u00a0h\u00a0{minutes % 60:02}"
        return f"{minutes}\u00a0min\u00a0{rest:02}\u00a0s" if minutes else f"{rest}\u00a0s"

    def whole(self, n: int) -> str:
        """A count: 100,000 or 100 000."""
        return f"{n:,}".replace(",", "\u00a0" if self.language == "fr" else ",")

    def either(self, values: Sequence[str]) -> str:
        """One of these: a, b or c."""
        first, last = ", ".join(values[:-1]), values[-1]
        return self("rules.or", first=first, last=last) if first else last

    # -- callers

    def number(self, number: str | None) -> str:
        """A telephone number as people write it; "" for none."""
        return _pretty(number, self.country) if number else ""

    def caller(self, row: Row) -> str:
        """Who a thread is with: the name, else the number, else that none was shown."""
        return row.name or self.number(row.number) or self("anonymous")

    def level(self, row: Row) -> str:
        """How soon a thread is to be answered, and the rule that says so: Urgent: emergency words. "" where nothing raised it."""
        if row.level is Level.NORMAL:
            return ""
        level = self("row.urgent" if row.level is Level.URGENT else "row.high")
        if row.why is None:
            return level
        return self("row.why", level=level, why=self("row.why.emergency") if row.why == EMERGENCY else row.why)

    # -- what happened

    def joined(self, what: str, more: str) -> str:
        """With a colon between, as the language sets it."""
        return f"{what}\u00a0: {more}" if self.language == "fr" else f"{what}: {more}"

    def state(self, entry: TextEntry) -> str:
        """The true state of a text."""
        if entry.state == "sent" and entry.confirmed is False:
            return self("state.unconfirmed")
        return self(f"state.{entry.state}")

    def cause(self, entry: TextEntry) -> str:
        """Why a text did not go, in words where its code has some here, else as the modem or the network said it."""
        if entry.code == "restored":
            return self("cause.restored")
        key = _CAUSES.get(entry.code or "")
        return f"{self(key)} ({entry.code})" if key else entry.what or ""

    def not_textable(self, why: str) -> str:
        """Why a number takes no texts, as the store keeps it: a code and what the network said, or what was learnt."""
        code = why.partition(":")[0]
        if code.startswith("status 0x"):
            return f"{self('cause.number')} ({code})"
        if why.startswith("no delivery report"):
            return self("cause.silent")
        key = _CAUSES.get(code)
        return f"{self(key)} ({code})" if key else why

    def line(self, name: str) -> str:
        """Name of a line as people know it."""
        return self("line.main") if name == MAIN_LINE else name

    def author(self, entry: TextEntry) -> str:
        """Who wrote a text."""
        if entry.incoming:
            return self("text.in")
        if entry.kind is MessageKind.STAFF:
            return entry.author or self("text.shell")
        return self("text.auto" if entry.kind is MessageKind.AUTO else "text.notice")

    def call(self, entry: CallEntry) -> str:
        """What became of an inbound call: Missed call, in the queue."""
        if entry.outcome is Outcome.ANSWERED:
            return self("call.outside" if entry.answered_by == "outside" else "call.answered")
        return f"{self(f'call.{entry.outcome}')}, {self(f'reach.{entry.reached}')}"

    def why(self, entry: CallEntry) -> str:
        """Why it got a text, or none."""
        return self.joined(self(f"decision.{entry.decision}"), self(f"why.{entry.reason}"))

    def outgoing(self, entry: OutgoingEntry) -> str:
        """What became of a call to the caller."""
        if entry.failed is not None:
            return self(f"unplaced.{entry.failed}" if f"unplaced.{entry.failed}" in WORDS else "unplaced")
        if entry.talked is not None:
            return self("call.talked", length=self.length(entry.talked))
        if entry.ended is not None:
            return self("call.nobody")
        return self("call.ringing" if entry.joined is None else "call.going")

    def last(self, entry: Entry | None) -> str:
        """What happened last in a thread, in one line."""
        match entry:
            case None:
                return self("row.nothing")
            case TextEntry():
                return entry.text if entry.incoming or entry.kind is MessageKind.STAFF else f"{self('row.auto')} {entry.text}"
            case NoteEntry():
                return f"{self('row.note')} {entry.text}"
            case CallEntry():
                return self("call.voicemail") if entry.voicemail_left else self.call(entry)
            case OutgoingEntry():
                begun = self("call.back", name=entry.by) if entry.by else self("call.outgoing")
                return f"{begun}, {self.outgoing(entry)}"
            case VoicemailEntry():
                return self("call.voicemail")

    # -- refusals

    def refusal(self, error: TextbackError) -> tuple[str, str]:
        """What is wrong and the fix. A code that has no words here is said as the error says it, in English."""
        code = error.code if f"refused.{error.code}" in WORDS else "store" if isinstance(error, StoreError) else ""
        if not code:
            return error.what, error.fix
        try:
            return self(f"refused.{code}").format(**error.facts), self(f"refused.{code}.fix").format(**error.facts)
        except KeyError:  # the error lacks a fact
            return error.what, error.fix
