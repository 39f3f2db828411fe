"""What small screens say of callers and of what happened, in one language. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ari_app.board import CallEntry, Entry, NoteEntry, OutgoingEntry, Ringing, Row, TextEntry, VoicemailEntry
from ari_app.model import EMERGENCY, Kind, Level, MessageKind, MessageState
from ari_app.numbers import pretty
from ari_app.portal.characters import cut, plain
from ari_app.portal.phone_words import Words

__all__ = ["Saying", "is_callers"]

_NAME = 24
"""Characters of a name in a row."""


@dataclass(frozen=True, slots=True)
class Saying:
    """How it is said, now."""

    words: Words
    zone: ZoneInfo
    country: str
    now: datetime

    def caller(self, call: Ringing) -> str:
        """Who calls, in one short line."""
        if call.name:
            return _names(plain(call.name)) or self.words("hidden")
        return pretty(call.number, self.country) if call.number else self.words("hidden")

    def name(self, row: Row) -> str:
        """Who it is, in one short line."""
        if row.name:
            return _names(plain(row.name)) or self.words("hidden")
        return pretty(row.number, self.country) if row.number else self.words("hidden")

    def level(self, row: Row) -> str:
        """Why it goes before others; "" where it does not, or somebody here marked it so."""
        if row.level is Level.NORMAL or row.why is None:
            return ""
        return self.words("why_emergency") if row.why == EMERGENCY else plain(row.why)

    def kind(self, row: Row) -> str:
        """What the caller is; "" for a client, as most are, and for somebody not named who wrote before."""
        if row.kind in {Kind.CLIENT, None}:
            return "" if row.known or row.number is None else self.words("new")
        return self.words(f"kind_{row.kind}")

    def head(self, entry: Entry) -> str:
        mark = "#" if isinstance(entry, NoteEntry) else ">" if is_callers(entry) else "<"
        return f"{self.when(entry.at)} {mark}"

    def said(self, entry: Entry) -> str:
        """What an entry says, without its time."""
        say = self.words
        match entry:
            case CallEntry():
                words = say("voicemail") if entry.voicemail_left else say(entry.outcome.value)
            case OutgoingEntry(failed=str(code)):
                words = say("unplaced", name=plain(entry.by or say("somebody")))
                words += f": {say(f'unplaced_{code}')}" if f"unplaced_{code}" in say else ""
            case OutgoingEntry():
                words = say("outgoing_by", name=plain(entry.by)) if entry.by else say("outgoing")
                if entry.talked is not None:
                    minutes, seconds = divmod(round(entry.talked), 60)
                    words += ", " + say("talked", minutes=minutes, seconds=seconds)
                elif entry.ended is not None:
                    words += ", " + say("not_taken")
            case TextEntry():
                who = "" if entry.incoming else f"{plain(entry.author) if entry.author else self._nobody(entry)}: "
                words = who + plain(entry.text)
            case NoteEntry():
                words = f"{say('note', name=plain(entry.author))}: {plain(entry.text)}"
            case VoicemailEntry():
                words = self._left(entry)
        return words

    def _left(self, entry: VoicemailEntry) -> str:
        say = self.words
        minutes, seconds = divmod(round(entry.seconds), 60)
        length = say("length", minutes=minutes, seconds=seconds) if minutes else say("length_short", seconds=seconds)
        by = say("heard_by", name=plain(entry.heard_by)) if entry.heard_by else say("heard")
        words = f"{say('left', length=length)}, {say('unheard') if entry.heard is None else by}"
        return f"{words} {say('machine', text=plain(entry.transcript))}" if entry.transcript else words

    def _nobody(self, entry: TextEntry) -> str:
        return self.words("clinic" if entry.kind is MessageKind.STAFF else "auto")

    def state(self, entry: Entry) -> str:
        if not isinstance(entry, TextEntry) or entry.state is MessageState.RECEIVED:
            return ""
        if entry.state is MessageState.QUEUED and entry.scheduled is not None:
            return f" ({self.words('scheduled', time=self.when(entry.scheduled))})"
        return f" ({self.words(entry.state.value)})"

    def when(self, at: datetime) -> str:
        """The hour today, the weekday within a week (ahead as well), else month and day."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone).date()
        if local.date() == today:
            return f"{local:%H:%M}"
        if abs(local.date() - today) < timedelta(days=7):
            return f"{self.words('days').split()[local.weekday()]} {local:%H:%M}"
        return f"{local:%m-%d %H:%M}"


def _names(names: str) -> str:
    """A name, or the names of a family, in one row: cut between two names where that leaves one whole."""
    if len(names) > _NAME and ", " in names[:_NAME]:
        return f"{names[: names.rindex(', ', 0, _NAME)]}, …"
    return cut(names, _NAME)


def is_callers(entry: Entry) -> bool:
    return isinstance(entry, CallEntry | VoicemailEntry) or (isinstance(entry, TextEntry) and entry.incoming)
