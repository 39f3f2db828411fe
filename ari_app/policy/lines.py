"""One line of the house as the policy sees it: its hours, its words, its numbers. The main line has no [[line]] of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from ari_app.model import Language, Trigger
from ari_app.numbers import pretty
from ari_app.policy.hours import Hours, public_holidays
from ari_app.policy.wording import DEFAULTS, NOTICES, Facts, render
from ari_app.settings import MAIN_LINE, LineSettings, Settings

__all__ = ["Line", "hours_of", "lines_of"]


@dataclass(frozen=True, slots=True)
class Line:
    """``own`` is its [[line]], None for the main line; ``path`` the key its settings stand under ("line.0"), "" for the main line."""

    name: str
    path: str
    own: LineSettings | None
    hours: Hours
    settings: Settings

    def language(self, contact: Language | None) -> tuple[Language, str]:
        """The language to write in and which setting chose it: "contact", "line" or "clinic"."""
        if contact is not None and contact in DEFAULTS:
            return contact, "contact"
        if self.own is not None and self.own.language is not None:
            return self.own.language, "line"
        return self.settings.clinic.languages[0], "clinic"

    def template(self, trigger: Trigger, language: Language) -> tuple[str, str]:
        """(template, key it is set under): the line's, else the clinic's, else the built-in one (key "")."""
        sources = [(self.settings.reply.text, "reply.text")]
        if self.own is not None:
            sources.insert(0, (self.own.text, f"{self.path}.text"))
        for texts, path in sources:
            for code, by_trigger in texts.items():
                for name, text in by_trigger.items():
                    if code == language and name == trigger.value:
                        return text, f"{path}.{code}.{name}"
        return DEFAULTS[language][trigger], ""

    def facts(self, opens: datetime | None, now: datetime) -> Facts:
        """What fills the placeholders of a text of this line."""
        clinic = self.settings.clinic
        number = (self.own.number if self.own else None) or clinic.number
        on_call = self.own.on_call if self.own else None
        emergency = _written(on_call, clinic.country) if on_call else _emergency(clinic.country)
        return Facts(clinic.name, _written(number, clinic.country), opens, emergency, now, clinic.zone)

    def text(self, trigger: Trigger, language: Language, opens: datetime | None, now: datetime) -> str:
        """An automatic text, ready to go."""
        return render(self.template(trigger, language)[0], self.facts(opens, now), language)

    def notice(self, name: str, language: Language, opens: datetime | None, now: datetime) -> str:
        """The notice "stop", "start", "help" or "received", ready to go."""
        if name == Trigger.RECEIVED.value:
            return self.text(Trigger.RECEIVED, language, opens, now)
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
