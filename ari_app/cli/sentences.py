"""Why a call came to what it came to, in plain words: one sentence for every reason, and the setting behind it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from ari_app.model import Reason
from ari_app.settings import MAIN_LINE, Settings

__all__ = ["SENTENCES", "TEXT_STATES", "Facts", "explain", "setting_behind"]


@dataclass(frozen=True, slots=True)
class Facts:
    """One call as the store tells it (``Store.why``), and how to say a time."""

    row: Mapping[str, Any]
    time: Callable[[str | datetime | None], str]

    def __getitem__(self, name: str) -> str:
        """A fact of the decision; "?" where this version of textback wrote none."""
        value = self.row["detail"].get(name)
        return "?" if value is None else str(value)

    def get(self, name: str) -> str | None:
        value = self.row["detail"].get(name)
        return None if value is None else str(value)

    def at(self, name: str) -> str:
        """A fact that is a time."""
        value = self.get(name)
        return "an unknown time" if value is None else self.time(value)


def _seconds(value: str | float | None) -> str:
    """ "7200" → "2h"; what is no whole number of anything longer stays in seconds."""
    try:
        total = float(value or 0)
    except ValueError:
        return str(value)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if total >= size and total % size == 0:
            return f"{total / size:g}{unit}"
    return f"{total:g}s"


def _anonymous(facts: Facts) -> str:
    return {
        "hidden": "The caller hid the number.",
        "no_number": "The call came without a number.",
        "presentation_unread": "It could not be seen whether the caller hides the number, so it is left alone.",
    }.get(facts["rule"], "The caller's number is hidden or missing.")


def _not_textable(facts: Facts) -> str:
    return {
        "impossible": "The number is none that exists, so no text can reach it.",
        "toll_free": "The number is toll-free: it takes no texts.",
        "premium": "The number is a premium one: a text to it would cost the clinic.",
        "landline": "The number is a landline: it takes no texts.",
        "kind": "The number is of a kind that takes no texts (a pager, a satellite telephone or the like).",
        "country": f"The number is of a country that is not texted ({facts['country']}).",
        "learnt": f"An earlier text failed for good, so the number takes none ({facts['why']}).",
    }.get(facts["rule"], "The number takes no texts.")


_KEPT_AWAY = {
    ("kind", "staff"): "The number is of somebody of the clinic's staff.",
    ("kind", "supplier"): "The number is a supplier's.",
    ("tag", "no-text"): "The number's contact has the tag no-text: no automatic text goes there.",
    ("blacklist", "pbx"): "The number is on the PBX's own blacklist.",
}
"""By the fact that excludes."""


def _excluded(facts: Facts) -> str:
    for (fact, value), said in _KEPT_AWAY.items():
        if facts.get(fact) == value:
            return said
    key = facts["setting"]
    if key.startswith("reply.exclude"):
        return "The number is on the list of those never texted."
    return "The number is one of the clinic's own."


def _answered(facts: Facts) -> str:
    if facts["by"] != "outside":
        return "Somebody here answered the call."
    if facts.get("outside") == "trust":
        return "A telephone outside the PBX answered the call, and that counts as answered."
    return "A telephone outside the PBX answered, perhaps a voicemail: the caller gets no text, and the thread stays to be answered."


def _handed_on(facts: Facts) -> str:
    how = "left on hold or parked" if facts["reached"] == "hold" else "transferred"
    return f"The caller spoke with somebody, was {how} and then reached nobody: call back."


def _stale(facts: Facts) -> str:
    if facts.get("restored") is not None:
        return f"The store was put back from a backup at {facts.at('restored')}: who called before that may have been texted already."
    limit = facts.get("max_age")
    return f"It was too late for a text: the call had ended more than {_seconds(limit) if limit else 'the longest wait'} before."


def _cooldown(facts: Facts) -> str:
    earlier = f" for call {facts['call']}" if facts.get("call") else ""
    return f"The caller got a text at {facts.at('last')}{earlier}; the next one may go from {facts.at('until')} on."


def _limit(facts: Facts) -> str:
    if facts["rule"] == "daily_limit":
        return f"The clinic had sent {facts['count']} automatic texts in 24 hours, and {facts['limit']} is the most."
    return f"This number had got {facts['count']} automatic texts in 24 hours, and {facts['limit']} is the most."


def _paused(facts: Facts) -> str:
    would = facts.get("would")
    told = f" Otherwise: {would}." if would else ""
    if facts["mode"] == "watch":
        return f"textback only watches: it decides and shows, and sends nothing.{told}"
    return f"Automatic texts are switched off.{told}"


def _closed(facts: Facts) -> str:
    why = facts.get("hours") or "hours"
    kind, _, name = why.partition(": ")
    by = {
        "hours": "by its hours",
        "exception": "by an exception for that day",
        "switch": "by its night switch",
        "holiday": f"for a public holiday{f' ({name})' if name else ''}",
    }.get(kind, why)
    return f"Nobody answered, and the line was closed {by}."


SENTENCES: Mapping[Reason, Callable[[Facts], str]] = {
    Reason.INTERNAL: lambda facts: f"An extension called: its number has {facts['digits']} digits.",
    Reason.MACHINE: lambda facts: (
        "A machine was at the telephone, not a person who waits" + (" (a fax)." if facts["reached"] == "fax" else ".")
    ),
    Reason.LINE_OFF: lambda facts: f"The line {facts.row['line']} sends no automatic texts.",
    Reason.ANONYMOUS: _anonymous,
    Reason.NOT_TEXTABLE: _not_textable,
    Reason.EXCLUDED: _excluded,
    Reason.OPTED_OUT: lambda facts: f"The caller asked for no more texts at {facts.at('since')}.",
    Reason.SUSPECT: lambda _: "The carrier could not vouch for the number: it may be forged.",
    Reason.ANSWERED: _answered,
    Reason.UNSEEN: lambda _: (
        "The call was not watched from its beginning (textback or Asterisk was starting), so nobody knows whether it was answered."
    ),
    Reason.HANDED_ON: _handed_on,
    Reason.SHORT_RING: lambda facts: (
        f"The caller hung up after {facts['rang']} s, before the {_seconds(facts['min_ring'])} a call must ring to count."
    ),
    Reason.STALE: _stale,
    Reason.IN_CONVERSATION: lambda facts: (
        f"A person wrote in this thread at {facts.at('last')}: the conversation counts as going on until {facts.at('until')}."
    ),
    Reason.COOLDOWN: _cooldown,
    Reason.CALLED_BACK: lambda facts: f"Staff called the number back at {facts.at('at')}. The thread stays to be answered.",
    Reason.REACHED_LATER: lambda facts: f"The caller rang again and reached somebody at {facts.at('at')}.",
    Reason.LOOP: lambda _: "The number answers automatic texts with automatic texts.",
    Reason.LIMIT: _limit,
    Reason.BURST: lambda facts: (
        f"{facts['count']} unknown numbers were texted within 10 minutes, and {facts['limit']} is the most: this looks like robot calls."
    ),
    Reason.PAUSED: _paused,
    Reason.ASKED: lambda _: "The caller asked for a text, or staff declined the call for one.",
    Reason.VOICEMAIL: lambda _: "The caller left a message in the voicemail.",
    Reason.CLOSED: _closed,
    Reason.MISSED: lambda _: "Nobody answered.",
}
"""For every reason of the contract."""

TEXT_STATES: Mapping[str, str] = {
    "queued": "The text waits to be sent.",
    "sending": "The text is on its way to the modem.",
    "sent": "The network took the text; no report yet that it arrived.",
    "delivered": "The text arrived.",
    "failed": "The text failed.",
    "unknown": "The text may have gone or not: the modem was lost at that moment. It is not sent again by itself.",
    "cancelled": "The text was cancelled before it left.",
    "expired": "The text was too late and was not sent.",
}


def explain(facts: Facts) -> str:
    """What a call came to and why, in one or two sentences."""
    row = facts.row
    reason = SENTENCES[Reason(row["reason"])](facts)
    if row["decision"] == "pending":
        return f"{reason} A text is due at {facts.time(row['due'])}, unless something changes before."
    if row["decision"] == "reply":
        state = row["text"]["state"] if row["text"] else None
        return f"{reason} {TEXT_STATES.get(state or '', '')}".rstrip()
    return f"No text. {reason}"


_KEYS: Mapping[Reason, str] = {
    Reason.INTERNAL: "pbx.internal_length",
    Reason.SHORT_RING: "reply.min_ring",
    Reason.STALE: "reply.max_age",
    Reason.IN_CONVERSATION: "reply.conversation",
    Reason.COOLDOWN: "reply.cooldown",
    Reason.BURST: "reply.burst",
    Reason.PAUSED: "reply.mode",
    Reason.MISSED: "reply.delay",
}


def _key(facts: Facts, settings: Settings) -> str | None:
    reason = Reason(facts.row["reason"])
    if reason is Reason.STALE and facts.get("restored") is not None:
        return None
    if reason is Reason.LINE_OFF:
        return _line_key(facts, settings, "reply")
    if reason is Reason.EXCLUDED:
        return facts.get("setting")
    if reason is Reason.LIMIT:
        return f"reply.{facts['rule']}"
    if reason is Reason.NOT_TEXTABLE:
        return "reply.countries" if facts["rule"] == "country" else None
    if reason is Reason.ANSWERED:
        return "pbx.outside" if facts["by"] == "outside" else None
    if reason is Reason.MACHINE:
        return "pbx.machines" if facts["reached"] not in ("fax", "remote") else None
    if reason is Reason.CLOSED:
        kind = (facts.get("hours") or "").partition(":")[0]
        other = {"switch": "hours.follow", "exception": "hours.exception", "holiday": "hours.holidays"}.get(kind)
        return other or _line_key(facts, settings, "hours") or "hours.open"
    return _KEYS.get(reason)


def _line_key(facts: Facts, settings: Settings, name: str) -> str | None:
    """Path of a line's own setting; None for the main line and where the line sets none."""
    for position, line in enumerate(settings.line):
        if settings.line_name(line) == facts.row["line"] != MAIN_LINE and getattr(line, name) is not None:
            return f"line.{position}.{name}"
    return None


def setting_behind(facts: Facts, settings: Settings, portal: Collection[str] = ()) -> dict[str, str] | None:
    """The setting that rules this reason as it stands now; None without one.

    {"key", "value", "source": "textback.toml", "default" or "portal"}. ``portal``: the keys that the portal rules.
    """
    key = _key(facts, settings)
    if key is None:
        return None
    at: Any = settings
    source = "textback.toml"
    for step in key.split("."):
        try:
            if isinstance(at, BaseModel):
                if step not in at.model_fields_set:
                    source = "default"
                at = getattr(at, step)
            else:
                at = at[int(step)]
        except (AttributeError, IndexError, ValueError, TypeError):
            return None  # the file has changed since
    return {"key": key, "value": _value(at), "source": "portal" if key in portal else source}


def _value(value: Any) -> str:
    if isinstance(value, timedelta):
        return _seconds(value.total_seconds())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(each) for each in value)}]"
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_none=True)
    return str(value)
