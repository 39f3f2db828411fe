"""Who goes before others: the clinic's rules about callers, calls and texts. Pure.

A condition that is about a text ("words", "emergency") holds for no call, and one about a call ("option", "voicemail") for no text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ari_app.model import EMERGENCY, Kind, Level, Priority
from ari_app.policy.expression import names_holidays
from ari_app.policy.hours import Hours, public_holidays
from ari_app.policy.phrases import Phrases
from ari_app.priority_settings import PrioritySettings
from ari_app.settings import Settings

__all__ = ["Facts", "Rule", "hours_of_rule", "of", "rules_of"]

_LEVELS = {"high": Level.HIGH, "urgent": Level.URGENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule may look at, of one call or one text."""

    at: datetime
    """When the call began or the text came, aware."""
    line: str
    kind: Kind | None
    """PROSPECT for a number nobody is known behind; None for a hidden one."""
    tags: frozenset[str] = frozenset()
    calls: int = 0
    """Calls of the clinic's day that nobody answered, the one decided included."""
    option: str | None = None
    """Of a call: what was chosen in a menu, "" for nothing."""
    voicemail: bool | None = None
    """Of a call: a message was left."""
    text: str | None = None
    emergency: bool | None = None
    """Of a text: it has emergency words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One [[priority]]."""

    own: PrioritySettings
    hours: Hours | None
    words: Phrases | None
    tags: frozenset[str]
    """As contacts have them: small letters, no blanks."""

    @property
    def level(self) -> Level:
        """How soon."""
        return _LEVELS[self.own.level]

    def holds(self, facts: Facts) -> bool:
        """Do all of its conditions hold."""
        own = self.own
        return all((
            not own.kind or facts.kind in own.kind,
            not self.tags or not facts.tags.isdisjoint(self.tags),
            not own.line or facts.line in own.line,
            not own.option or facts.option in own.option,
            own.voicemail is None or facts.voicemail is own.voicemail,
            own.emergency is None or facts.emergency is own.emergency,
            own.calls is None or facts.calls >= own.calls,
            self.hours is None or self.hours.opening(facts.at).open,
            self.words is None or (facts.text is not None and self.words.found(facts.text)),
        ))  # fmt: skip


def of(rules: Iterable[Rule], facts: Facts) -> Priority | None:
    """The highest level of all that hold, the first rule of that level as why, and whom the first that says so notifies.

    Emergency words are urgent without any rule.
    """
    holding = [rule for rule in rules if rule.holds(facts)]
    levels = list(_levels(holding, facts))
    if not levels:
        return None
    level, why = max(levels, key=lambda each: each[0])
    return Priority(level, why, next((rule.own.notify for rule in holding if rule.own.notify is not None), None))


def _levels(holding: Iterable[Rule], facts: Facts) -> Iterator[tuple[Level, str]]:
    if facts.emergency:
        yield Level.URGENT, EMERGENCY
    for rule in holding:
        yield rule.level, rule.own.name


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """Every rule, as they stand. Raises SettingsError."""
    return tuple(
        Rule(
            own,
            hours_of_rule(settings, position),
            Phrases(own.words) if own.words else None,
            frozenset("-".join(tag.casefold().split()) for tag in own.tag),
        )
        for position, own in enumerate(settings.priority)
    )


def hours_of_rule(settings: Settings, position: int) -> Hours | None:
    """When a rule holds, None for always. Public holidays are days like others, unless it names them (PH). Raises SettingsError."""
    expression = settings.priority[position].hours
    if expression is None:
        return None
    calendar = public_holidays(settings.clinic) if names_holidays(expression) and settings.hours.holidays else None
    return Hours(expression, key=f"priority.{position}.hours", zone=settings.clinic.zone, calendar=calendar)
