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

__all__ = ["BOTH", "DEFAULTS", "LANGUAGES", "NOTICES", "PLACEHOLDERS", "Facts", "ask_text", "check", "opens_text", "render"]

LANGUAGES: tuple[Language, ...] = ("fr", "en")
"""Those that have words."""
BOTH = "both"
"""Stands for a language where a text is in both."""
PLACEHOLDERS = ("clinic", "number", "opens", "emergency", "ask")

DEFAULTS: Mapping[Language, Mapping[Trigger, str]] = MappingProxyType(
    {
        "fr": {
            Trigger.MISSED: "{clinic} ({number}): nous avons manqué votre appel. {ask} Répondez à ce texto. Pour cesser: ARRET",
            Trigger.CLOSED: "{clinic} ({number}) rouvre {opens}. {ask} Répondez à ce texto. Pour cesser: ARRET",
            Trigger.VOICEMAIL: "{clinic} ({number}): nous avons votre message vocal. {ask} Répondez à ce texto. Pour cesser: ARRET",
            Trigger.ASKED: "{clinic} ({number}): continuons par texto. {ask} Répondez à ce texto. Pour cesser: ARRET",
            Trigger.RECEIVED: "{clinic} ({number}): texto arrivé. Nous rouvrons {opens} et le lirons. Urgence: {emergency}",
            Trigger.SAFETY: "{clinic} ({number}): si c'est une urgence, appelez le {emergency} tout de suite. "
            "Nos textos ne sont pas lus à toute heure.",
        },
        "en": {
            Trigger.MISSED: "{clinic} ({number}): sorry we missed your call. {ask} Reply to this text. To opt out: STOP",
            Trigger.CLOSED: "{clinic} ({number}) reopens {opens}. {ask} Reply to this text. To opt out: STOP",
            Trigger.VOICEMAIL: "{clinic} ({number}): we have your voicemail. {ask} Reply to this text. To opt out: STOP",
            Trigger.ASKED: "{clinic} ({number}): let us go on by text. {ask} Reply to this text. To opt out: STOP",
            Trigger.RECEIVED: "{clinic} ({number}): text received. We reopen {opens} and will read it then. Emergency: {emergency}",
            Trigger.SAFETY: "{clinic} ({number}): if this is an emergency, call {emergency} right now. "
            "Our texts are not read at all hours.",
        },
        BOTH: {
            Trigger.MISSED: "{clinic} ({number}): appel manqué/missed call. {ask} Cesser/opt out: ARRET/STOP",
            Trigger.CLOSED: "{clinic} ({number}) rouvre/reopens {opens}. {ask} Cesser/opt out: ARRET/STOP",
            Trigger.VOICEMAIL: "{clinic} ({number}): message vocal arrivé/voicemail received. {ask} Cesser/opt out: ARRET/STOP",
            Trigger.ASKED: "{clinic} ({number}): écrivez ici/text us here. {ask} Cesser/opt out: ARRET/STOP",
        },
    }
)
"""Used where neither the line nor [reply.text] has words of its own. In both languages: the first text after a call."""

_ASK: Mapping[Language, tuple[str, str]] = MappingProxyType(
    {
        "fr": ("Que vous faut-il?", "Votre nom? Que vous faut-il?"),
        "en": ("What do you need?", "Your name? What do you need?"),
        BOTH: ("Que vous faut-il? What do you need?", "Votre nom et votre besoin? Your name and need?"),
    }
)
"""{ask}: of who is named here, and of who is not."""
_ASK_MORE: Mapping[Language, tuple[str, str]] = MappingProxyType(
    {
        "fr": ("Autre chose?", "Votre nom? Autre chose?"),
        "en": ("Anything to add?", "Your name? Anything to add?"),
        BOTH: ("Écrivez ici aussi. Text us here too.", "Votre nom? Écrivez ici. Your name? Text us."),
    }
)
"""The same of who said it already, in a voicemail."""

NOTICES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "fr": {
            "stop": "{clinic}: c'est noté, vous ne recevrez plus nos textos. Pour les recevoir à nouveau: REPRENDRE. Tél.: {number}",
            "start": "{clinic}: c'est noté, vous pouvez à nouveau recevoir nos textos. Pour cesser: ARRET. Tél.: {number}",
            "help": "{clinic}: écrivez-nous ici ou appelez le {number}. Urgence: {emergency}. Pour cesser: ARRET",
            "picture": "{clinic}: nous ne recevons pas d'images. Décrivez cela par texto ou appelez le {number}. Urgence: {emergency}",
            "on_call": "{clinic}: quelqu'un attend une réponse sans tarder. Voyez les messages, ou appelez le {number}.",
        },
        "en": {
            "stop": "{clinic}: noted, you will get no more texts from us. To get them again: START. Phone: {number}",
            "start": "{clinic}: noted, you can get our texts again. To opt out: STOP. Phone: {number}",
            "help": "{clinic}: write to us here or call {number}. Emergency: {emergency}. To opt out: STOP",
            "picture": "{clinic}: we cannot receive pictures. Please describe it by text or call {number}. Emergency: {emergency}",
            "on_call": "{clinic}: somebody waits for an answer without delay. See the messages, or call {number}.",
        },
    }
)
"""Answers to keywords, and to pictures; what who is on call is told. Fixed: carriers expect those to keywords to name the sender and
the way out."""

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
_UNKNOWN = {"fr": "dès que possible", "en": "as soon as possible", BOTH: "sous peu/soon"}
_SHORT_MONTHS = ("janv.", "févr.", "mars", "avril", "mai", "juin", "juill.", "aout", "sept.", "oct.", "nov.", "déc.")


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
    named: bool = False
    """Somebody behind the number has a name here: {ask} does not ask it."""


def render(template: str, facts: Facts, language: Language, *, more: bool = False, **further: str) -> str:
    """The text, in "fr", "en" or ``BOTH``. ``template`` has passed ``check``; ``further`` fills placeholders beyond those it allowed.

    ``more``: {ask} asks for more than they said already.
    """
    return template.format(
        clinic=facts.clinic,
        number=facts.number,
        emergency=facts.emergency,
        opens=opens_text(facts.opens, facts.now, facts.zone, language),
        ask=ask_text(language, named=facts.named, more=more),
        **further,
    )


def ask_text(language: Language, *, named: bool, more: bool = False) -> str:
    """What they need, and who they are where that is not known. ``more``: after a voicemail."""
    asked = _ASK_MORE if more else _ASK
    return asked[language][0 if named else 1]


def opens_text(opens: datetime | None, now: datetime, zone: ZoneInfo, language: Language) -> str:
    """When the clinic opens, to stand after "reopens": "lundi à 8 h", "at 1:00 pm" (today), "Monday, January 4 at 8:00 am" (in a week
    or more); "as soon as possible" where nobody knows. In both languages short: "lun. 8 h/Mon 8am". In the clinic's zone."""
    if opens is None:
        return _UNKNOWN[language]
    local, today = opens.astimezone(zone), now.astimezone(zone).date()
    far, same = local.date() - today >= _WEEK, local.date() == today
    if language == BOTH:
        return f"{_french(local, far=far, same=same, short=True)}/{_english(local, far=far, same=same, short=True)}"
    say = _french if language == "fr" else _english
    return say(local, far=far, same=same)


def _french(local: datetime, *, far: bool, same: bool, short: bool = False) -> str:
    day, months = _DAYS["fr"][local.weekday()], _SHORT_MONTHS if short else _MONTHS["fr"]
    hour = f"{local.hour} h" + (f" {local.minute:02}" if local.minute else "")
    if same:
        return f"à {hour}"
    day = f"{day[:3]}." if short else day
    date_text = f"{day} {'1er' if local.day == 1 else local.day} {months[local.month - 1]}" if far else day
    return f"{date_text} {hour}" if short else f"{date_text} à {hour}"


def _english(local: datetime, *, far: bool, same: bool, short: bool = False) -> str:
    day, month = _DAYS["en"][local.weekday()], _MONTHS["en"][local.month - 1]
    clock, half = local.hour % 12 or 12, "am" if local.hour < 12 else "pm"
    if short:
        hour = f"{clock}:{local.minute:02}{half}" if local.minute else f"{clock}{half}"
        at = f"{day[:3]} {month[:3]} {local.day}" if far else "at" if same else day[:3]
        return f"{at} {hour}"
    hour = f"{clock}:{local.minute:02} {half}"
    if same:
        return f"at {hour}"
    return f"{day}, {month} {local.day} at {hour}" if far else f"{day} at {hour}"


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
