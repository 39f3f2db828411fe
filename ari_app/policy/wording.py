"""The words of automatic texts: templates per trigger and language, what fills them, and what they cost.

A text goes to whoever holds the number that called, so it names the clinic and never a person or a reason for care. The defaults keep
to the GSM-7 alphabet (3GPP TS 23.038: é è à ù are in it, ê ç â î ô û ë are not), so that one text is one SMS of 160 characters.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from ari_app.errors import SettingsError
from ari_app.model import Language, Trigger

__all__ = ["DEFAULTS", "NOTICES", "PLACEHOLDERS", "Facts", "check", "opens_text", "render"]

PLACEHOLDERS = ("clinic", "number", "opens", "emergency")

DEFAULTS: Mapping[Language, Mapping[Trigger, str]] = MappingProxyType(
    {
        "fr": {
            Trigger.MISSED: "{clinic} ({number}): nous avons manqué votre appel. Que vous faut-il? Répondez à ce texto. Pour cesser: ARRET",
            Trigger.CLOSED: "{clinic} ({number}) rouvre {opens}. Que vous faut-il? Répondez à ce texto. Pour cesser: ARRET",
            Trigger.VOICEMAIL: "{clinic} ({number}): nous avons votre message vocal. Autre chose? Répondez à ce texto. Pour cesser: ARRET",
            Trigger.ASKED: "{clinic} ({number}): vous vouliez nous écrire. Que vous faut-il? Répondez à ce texto. Pour cesser: ARRET",
            Trigger.RECEIVED: "{clinic} ({number}): texto arrivé. Nous rouvrons {opens} et le lirons. Urgence: {emergency}",
            Trigger.SAFETY: "{clinic}: nous ne lisons pas les textos sans cesse. Si c'est une urgence, appelez le {emergency} tout de suite.",
        },
        "en": {
            Trigger.MISSED: "{clinic} ({number}): sorry we missed your call. What do you need? Reply to this text. To opt out: STOP",
            Trigger.CLOSED: "{clinic} ({number}) reopens {opens}. What do you need? Reply to this text. To opt out: STOP",
            Trigger.VOICEMAIL: "{clinic} ({number}): we have your voicemail. Anything to add? Reply to this text. To opt out: STOP",
            Trigger.ASKED: "{clinic} ({number}): you asked to text us. What do you need? Reply to this text. To opt out: STOP",
            Trigger.RECEIVED: "{clinic} ({number}): text received. We reopen {opens} and will read it then. Emergency: {emergency}",
            Trigger.SAFETY: "{clinic}: texts are not read at every moment. If this is an emergency, call {emergency} right now.",
        },
    }
)
"""Used where neither the line nor [reply.text] has words of its own."""

NOTICES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "fr": {
            "stop": "{clinic}: c'est noté, vous ne recevrez plus nos textos. Pour les recevoir à nouveau: REPRENDRE. Tél.: {number}",
            "start": "{clinic}: c'est noté, vous pouvez à nouveau recevoir nos textos. Pour cesser: ARRET. Tél.: {number}",
            "help": "{clinic}: écrivez-nous ici ou appelez le {number}. Urgence: {emergency}. Pour cesser: ARRET",
            "picture": "{clinic}: nous ne recevons pas d'images. Décrivez cela par texto ou appelez le {number}. Urgence: {emergency}",
        },
        "en": {
            "stop": "{clinic}: noted, you will get no more texts from us. To get them again: START. Phone: {number}",
            "start": "{clinic}: noted, you can get our texts again. To opt out: STOP. Phone: {number}",
            "help": "{clinic}: write to us here or call {number}. Emergency: {emergency}. To opt out: STOP",
            "picture": "{clinic}: we cannot receive pictures. Please describe it by text or call {number}. Emergency: {emergency}",
        },
    }
)
"""Answers to keywords, and to pictures. Fixed: carriers expect those to keywords to name the sender and the way out."""

_DAYS = {
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    # "aout": the spelling of 1990, as û is not in GSM-7
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "aout", "septembre", "octobre", "novembre", "décembre"),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
_WEEK = timedelta(days=7)
_UNKNOWN = {"fr": "dès que possible", "en": "as soon as possible"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What fills the placeholders of one text."""

    clinic: str
    number: str
    """As people of the clinic's country write it."""
    opens: datetime | None
    """When the line opens next, aware; None when nobody knows."""
    emergency: str
    now: datetime
    zone: ZoneInfo


def render(template: str, facts: Facts, language: Language, **more: str) -> str:
    """The text. ``template`` has passed ``check``; ``more`` fills further placeholders it allowed."""
    opens = opens_text(facts.opens, facts.now, facts.zone, language)
    return template.format(clinic=facts.clinic, number=facts.number, emergency=facts.emergency, opens=opens, **more)


def opens_text(opens: datetime | None, now: datetime, zone: ZoneInfo, language: Language) -> str:
    """When the clinic opens, to stand after "reopens": "lundi à 8 h", "at 1:00 pm" (today), "Monday, January 4 at 8:00 am" (in a week
    or more); "as soon as possible" where nobody knows. In the clinic's zone."""
    if opens is None:
        return _UNKNOWN[language]
    local, today = opens.astimezone(zone), now.astimezone(zone).date()
    day, month = _DAYS[language][local.weekday()], _MONTHS[language][local.month - 1]
    far = local.date() - today >= _WEEK
    if language == "fr":
        hour = f"à {local.hour} h" + (f" {local.minute:02}" if local.minute else "")
        date_text = f"{day} {'1er' if local.day == 1 else local.day} {month}" if far else day
    else:
        hour = f"at {local.hour % 12 or 12}:{local.minute:02} {'am' if local.hour < 12 else 'pm'}"
        date_text = f"{day}, {month} {local.day}" if far else day
    return hour if local.date() == today else f"{date_text} {hour}"


def check(template: str, key: str, placeholders: Collection[str] = PLACEHOLDERS) -> None:
    """Raises SettingsError naming the key, what is wrong with the braces or the placeholder, and the fix."""
    allowed = " ".join(f"{{{name}}}" for name in placeholders)
    if not template.strip():
        raise SettingsError(f"{key}: is empty", "write a text, or leave the key out for the built-in one")
    try:
        fields = list(_fields(template))
    except ValueError as error:
        fix = f"write placeholders as {allowed}, a brace itself as {{{{ or }}}}"
        raise SettingsError(f"{key}: has a brace too many or too few ({error})", fix) from error
    for name, plain in fields:
        if name not in placeholders or not plain:
            raise SettingsError(f'{key}: "{{{name}}}" is no placeholder', f"use {allowed}; write a brace itself as {{{{ or }}}}")


def _fields(template: str) -> Iterator[tuple[str, bool]]:
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is not None:
            yield name, not form and conversion is None
