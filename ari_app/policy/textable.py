"""Which numbers an automatic text may go to at all: plan, country, cost, and never the clinic's own.

Numbers are told apart by phonenumbers (the national plans behind ITU-T E.164). The North American plan cannot tell a mobile from a
landline: there a number is learnt to be no mobile only by a permanent failure.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

from ari_app.numbers import e164
from ari_app.settings import Settings

__all__ = ["House", "refusal"]

_MAY_TAKE_TEXTS = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_COSTLY = {
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "premium",
}
_NANP_976 = re.compile(r"\+1\d{3}976\d{4}")  # the premium exchange of every North American area code
_DID_DIGITS = 7
"""A DID pattern with fewer digits ("s", "*", "101") names no telephone number."""


def refusal(number: str | None, countries: Collection[str]) -> dict[str, str] | None:
    """Why no automatic text may go to ``number`` (E.164): {"rule": …, …}; None when one may.

    Rules, in order: "impossible" (no number of any plan, or of none that phonenumbers knows), "toll_free", "premium", "country" (with
    "country", an ISO 3166 code, "001" for satellite and the like), "landline", "kind" (pager, voice mail and the like).
    """
    try:
        parsed = phonenumbers.parse(number or "")
    except phonenumbers.NumberParseException:
        return {"rule": "impossible"}
    if not phonenumbers.is_possible_number(parsed):
        return {"rule": "impossible"}
    kind = phonenumbers.number_type(parsed)
    if kind in _COSTLY or _NANP_976.fullmatch(number or ""):
        return {"rule": _COSTLY.get(kind, "premium")}
    country = phonenumbers.region_code_for_number(parsed)
    if country is None:
        return {"rule": "impossible"}
    if country not in countries:
        return {"rule": "country", "country": country}
    if kind in _MAY_TAKE_TEXTS:
        return None
    return {"rule": "landline" if kind == PhoneNumberType.FIXED_LINE else "kind"}


@dataclass(frozen=True, slots=True)
class House:
    """The numbers of the clinic itself and those the administrator excludes."""

    named: dict[str, str]
    """E.164 → what it is: the setting's path."""
    patterns: tuple[tuple[str, str], ...]
    """(DID pattern, the setting's path)."""

    @classmethod
    def of(cls, settings: Settings) -> House:
        country = settings.clinic.country
        named: dict[str, str] = {}
        patterns: list[tuple[str, str]] = []
        for position, excluded in enumerate(settings.reply.exclude):
            named[e164(excluded, country) or excluded] = f"reply.exclude.{position}"
        for position, modem in enumerate(settings.modem):
            if modem.number:
                named[modem.number] = f"modem.{position}.number"
        for position, line in enumerate(settings.line):
            if line.on_call:
                named[line.on_call] = f"line.{position}.on_call"
            if line.number:
                named[line.number] = f"line.{position}.number"
            telephones = (did for did in line.did if sum(char.isdigit() for char in did) >= _DID_DIGITS)
            patterns.extend((did, f"line.{position}.did") for did in telephones)
        for position, rule in enumerate(settings.priority):
            if rule.notify:
                named[rule.notify] = f"priority.{position}.notify"
        named[settings.clinic.number] = "clinic.number"
        return cls(named, tuple(patterns))

    def owner(self, number: str | None, presented: str, country: str) -> str | None:
        """Path of the setting that names this number, None for a stranger's."""
        if number is None:
            return None
        if number in self.named:
            return self.named[number]
        digits = number.removeprefix("+")
        forms = {number, digits, presented, digits.removeprefix("1")}
        for pattern, path in self.patterns:
            if e164(pattern, country) == number or any(fnmatch.fnmatchcase(form, pattern) for form in forms):
                return path
        return None
