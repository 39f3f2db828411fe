"""A line of the inbox as it is drawn: everything said, nothing to decide. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ari_app.board import Box, CallEntry, Entry, Found, NoteEntry, OutgoingEntry, Row, TextEntry, ThreadState, VoicemailEntry
from ari_app.model import Kind, Level, MessageKind, Outcome
from ari_app.portal.speech import Speech

__all__ = ["RowView", "boxes", "found", "plain", "view"]

_WORDS = 140
"""Characters of the last words: more than two lines of the list."""
_NEWS = timedelta(minutes=11)
"""How old what a caller said may be to be told as news: a long text waits ten minutes for a part that is missing. A page does not know
every thread's last words: without this, one that is only marked urgent would ring as if it had come just now."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One thread in the list."""

    thread: int
    caller: str
    number: str
    """As people write it; "" without one, and where it is what ``caller`` says."""
    state: str
    """"unopened", "opened", "answered", "done" or "snoozed": the dot before it."""
    state_said: str
    at: datetime
    """Since when it waits, else when something happened last."""
    age: str
    waits: bool
    last: str
    mark: str
    """Of what ``last`` is: "in", "out", "call", "missed", "note", "voicemail" or ""."""
    urgent: bool
    high: bool
    level: str
    """How soon it is to be answered and why, in words; "" where nothing raised it."""
    kind: str
    """What the caller is, in words; "" for a client, as most are, and for nobody known."""
    offered: str
    """The name the caller gave and nobody kept yet, in words."""
    unheard: str
    new: bool
    trouble: bool
    opted_out: bool
    scheduled: str
    snoozed: str
    holder: str
    holder_id: int | None
    boxes: tuple[str, ...]
    order: str
    """Sorts as the inbox does, the first one highest."""
    key: str
    """Of what happened last: another one is news."""
    news: str
    """"text", "call" or "voicemail" where the last thing is a caller's, came lately and waits, else ""."""
    language: str
    t: Speech = field(compare=False)
    """Says words that are the same at any time: two rows that say the same are equal."""


def boxes(row: Row, now: datetime) -> tuple[str, ...]:
    """Parts of the inbox a thread lies in."""
    put_off = row.snoozed is not None and row.snoozed > now
    lies = {
        Box.TO_ANSWER: row.state is ThreadState.TO_ANSWER and not put_off,
        Box.TROUBLE: row.trouble,
        Box.SNOOZED: put_off,
        Box.ALL: True,
        Box.DONE: row.state is ThreadState.DONE,
    }
    return tuple(str(box) for box, inside in lies.items() if inside)


def plain(text: str) -> str:
    """What a caller wrote, control characters made visible (Unicode block Control Pictures)."""
    return _CONTROLS.sub(
        lambda found: "\u2421" if found[0] == "\x7f" else chr(0x2400 + ord(found[0])), text.replace("\r\n", "\n").replace("\r", "\n")
    )


def view(row: Row, t: Speech, entry: TextEntry | NoteEntry | VoicemailEntry | None = None) -> RowView:
    """``entry``: shown instead of the last one, because a search found it."""
    inside = boxes(row, t.now)
    waits = str(Box.TO_ANSWER) in inside
    state = ("opened" if row.opened else "unopened") if waits else "snoozed" if str(Box.SNOOZED) in inside else str(row.state)
    said = {"unopened": "row.unopened", "opened": "row.opened", "snoozed": "box.snoozed"}.get(state, f"thread.state.{row.state}")
    shown = entry or row.last
    at = row.waits_since if waits and row.waits_since is not None else row.changed
    holder = row.holder if row.holder is not None and row.holder.until > t.now else None
    caller = t.caller(row)
    number = t.number(row.number)
    return RowView(
        thread=row.thread,
        caller=caller,
        number="" if number == caller else number,
        state=state,
        state_said=t(said),
        at=at,
        age=t.age(at),
        waits=waits,
        last=_line(plain(t.last(shown))),
        mark=_mark(shown),
        urgent=row.level is Level.URGENT,
        high=row.level is Level.HIGH,
        level=t.level(row),
        kind=t(f"kind.{row.kind}") if row.kind not in (None, Kind.CLIENT) else "",
        offered=t("row.offered", name=row.offered) if row.offered else "",
        unheard=t.count("row.unheard", row.unheard) if row.unheard else "",
        new=not row.known and row.number is not None,  # who hides the number may have called a hundred times
        trouble=row.trouble,
        opted_out=row.opted_out,
        scheduled=t.count("row.scheduled", row.scheduled) if row.scheduled else "",
        snoozed=t("row.snoozed", when=t.when(row.snoozed)) if state == "snoozed" and row.snoozed is not None else "",
        holder=holder.name if holder else "",
        holder_id=holder.member if holder else None,
        boxes=inside,
        order=f"{int(row.level) if waits else 0} {row.changed.isoformat()}",
        key=_key(row.last),
        news=_news(row.last, t.now) if waits and not row.opened else "",
        language=t.language,
        t=t,
    )


def found(each: Found, t: Speech) -> RowView:
    """A thread that a search found."""
    return view(each.row, t, each.entry)


def _line(text: str) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= _WORDS else f"{whole[:_WORDS]}…"


def _mark(entry: Entry | None) -> str:
    match entry:
        case TextEntry():
            return "in" if entry.incoming else "out" if entry.kind is MessageKind.STAFF else "auto"
        case CallEntry():
            return "call" if entry.outcome is Outcome.ANSWERED else "missed"
        case OutgoingEntry():
            return "outgoing"
        case NoteEntry():
            return "note"
        case VoicemailEntry():
            return "voicemail"
        case _:
            return ""


def _key(entry: Entry | None) -> str:
    return "" if entry is None else f"{type(entry).__name__[0]}{entry.id}"


def _news(entry: Entry | None, now: datetime) -> str:
    match entry:
        case TextEntry(incoming=True) if now - entry.at <= _NEWS:
            return "text"
        case CallEntry(outcome=outcome) if outcome is not Outcome.ANSWERED and now - entry.ended <= _NEWS:
            return "call"
        case VoicemailEntry(heard=None) if now - entry.at <= _NEWS:
            return "voicemail"
        case _:
            return ""
