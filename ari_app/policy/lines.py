"""One line of the house as the policy sees it: its hours, its words, its numbers. The main line has no [[line]] of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import phonenumbers

from ari_app.model import Known, Language, Trigger
from ari_app.numbers import pretty
from ari_app.policy.hours import Hours, public_holidays
from ari_app.policy.wording import BOTH, DEFAULTS, LANGUAGES, NOTICES, Facts, render
from ari_app.settings import MAIN_LINE, LineSettings, Settings
from modem.alphabet import segments
from modem.compact import compact

__all__ = ["Chosen", "Line", "hours_of", "lines_of"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A text, and why it is in its language."""

    text: str
    language: Language
    chosen_by: str
    """"wrote", "contact", "line", "clinic" or "both"."""


@dataclass(frozen=True, slots=True)
class Line:
    """``own`` is its [[line]], None for the main line; ``path`` the key its settings stand under ("line.0"), "" for the main line."""

    name: str
    path: str
    own: LineSettings | None
    hours: Hours
    settings: Settings

    def language(self, contact: Language | None, wrote: Language | None = None) -> tuple[Language, str]:
        """The language to write in and what chose it: "wrote", "contact", "line" or "clinic".

        What they ``wrote`` in counts where the clinic has that language, or the line has it: it was found out by a machine.
        """
        own: Language | None = self.own.language if self.own is not None else None
        clinic: tuple[Language, ...] = self.settings.clinic.languages
        if wrote is not None and (wrote == own or wrote in clinic):
            return wrote, "wrote"
        if contact is not None and contact in LANGUAGES:
            return contact, "contact"
        return (clinic[0], "clinic") if own is None else (own, "line")

    def template(self, trigger: Trigger, language: Language) -> tuple[str, str]:
        """(template, key it is set under): the line's, else the clinic's, else the built-in one (key "")."""
        own = self._own(trigger, language)
        return (DEFAULTS[language][trigger], "") if own is None else (own[0], own[1])

    def _own(self, trigger: Trigger, language: Language) -> tuple[str, str, int] | None:
        """(template, its key, how deep it is set: 1 for the clinic, 2 for the line)."""
        sources = [(self.settings.reply.text, "reply.text", 1)]
        if self.own is not None:
            sources.insert(0, (self.own.text, f"{self.path}.text", 2))
        for texts, path, depth in sources:
            for code, by_trigger in texts.items():
                for name, text in by_trigger.items():
                    if code == language and name == trigger.value:
                        return text, f"{path}.{code}.{name}", depth
        return None

    def both(self, trigger: Trigger) -> str | None:
        """The template in both languages, None where none holds.

        Words of the clinic's own in one language win over a text in both that is set less near to the line, or built in.
        """
        if not set(LANGUAGES) <= set(self.settings.clinic.languages) or trigger not in DEFAULTS[BOTH]:
            return None
        own = self._own(trigger, BOTH)
        depth = 0 if own is None else own[2]
        if any(single[2] > depth for code in LANGUAGES if (single := self._own(trigger, code)) is not None):
            return None
        return DEFAULTS[BOTH][trigger] if own is None else own[0]

    def facts(self, opens: datetime | None, now: datetime, *, named: bool = False) -> Facts:
        """What fills the placeholders of a text of this line."""
        clinic = self.settings.clinic
        number = (self.own.number if self.own else None) or clinic.number
        on_call = self.own.on_call if self.own else None
        emergency = _written(on_call, clinic.country) if on_call else _emergency(clinic.country)
        name = (self.own.clinic if self.own else None) or clinic.name
        return Facts(name, _written(number, clinic.country), opens, emergency, now, clinic.zone, named)

    def filled(self, template: str, trigger: Trigger | None, language: Language, facts: Facts, **further: str) -> str:
        """A template, in ``language`` or ``BOTH``, as the text of ``trigger``."""
        if trigger is Trigger.SAFETY:
            # who is on call for the clinic is no ambulance
            facts = replace(facts, emergency=_emergency(self.settings.clinic.country))
        return render(template, facts, language, more=trigger is Trigger.VOICEMAIL, **further)

    def text(self, trigger: Trigger, language: Language, opens: datetime | None, now: datetime, *, named: bool = False) -> str:
        """An automatic text, ready to go."""
        return self.filled(self.template(trigger, language)[0], trigger, language, self.facts(opens, now, named=named))

    def first_words(self, trigger: Trigger, known: Known, opens: datetime | None, now: datetime) -> Chosen:
        """The text after a call, in the caller's language; in both where nothing tells it, on a first text that then fits one SMS."""
        language, chosen_by = self.language(known.language, known.wrote)
        template = self.both(trigger) if chosen_by == "clinic" and known.first else None
        if template is not None:
            text = self.filled(template, trigger, BOTH, self.facts(opens, now, named=known.named))
            if segments(self.folded(text)).parts == 1:
                return Chosen(text, language, BOTH)
        return Chosen(self.text(trigger, language, opens, now, named=known.named), language, chosen_by)

    def folded(self, text: str) -> str:
        """As it leaves, and costs."""
        return compact(text) if self.settings.reply.compact else text

    def notice(self, name: str, language: Language, opens: datetime | None, now: datetime) -> str:
        """The notice "stop", "start", "help", "picture", "on_call", "received" or "safety", ready to go."""
        if name in (Trigger.RECEIVED, Trigger.SAFETY):
            return self.text(Trigger(name), language, opens, now)
        return render(NOTICES[language][name], self.facts(opens, now), language)


def hours_of(settings: Settings, position: int | None) -> Hours:
    """Hours of [[line]] number ``position``, of the clinic for None. Raises SettingsError naming the key.

    Exceptions hold for the whole house, save a line that is open "24/7" by its own hours.
    """
    own = None if position is None else settings.line[position].hours
    hours, clinic = settings.hours, settings.clinic
    calendar = public_holidays(clinic) if hours.holidays else None
    if own is None:
        return Hours(hours.open, key="hours.open", zone=clinic.zone, calendar=calendar, exceptions=hours.exception, follow=hours.follow)
    exceptions = () if own.strip() == "24/7" else hours.exception
    return Hours(own, key=f"line.{position}.hours", zone=clinic.zone, calendar=calendar, exceptions=exceptions)


def lines_of(settings: Settings) -> dict[str, Line]:
    """Every line by name, the main line first. Raises SettingsError."""
    main = hours_of(settings, None)
    lines = {MAIN_LINE: Line(MAIN_LINE, "", None, main, settings)}
    for position, own in enumerate(settings.line):
        name = settings.line_name(own)
        hours = main if own.hours is None else hours_of(settings, position)
        lines[name] = Line(name, f"line.{position}", own, hours, settings)
    return lines


def _written(number: str, country: str) -> str:
    """As people write it, without brackets: the texts put it in brackets."""
    return pretty(number, country).replace("(", "").replace(")", "")


def _emergency(country: str) -> str:
    # 112 reaches an emergency service from any GSM telephone (3GPP TS 22.101 10.1)
    return "911" if phonenumbers.country_code_for_region(country) == 1 else "112"
