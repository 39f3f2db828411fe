"""Phone numbers: what a trunk or a person writes, turned into E.164 (ITU-T E.164), and back into what people read."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

__all__ = ["dialled", "e164", "national", "pretty", "shortened"]


@lru_cache(maxsize=4096)
def e164(presented: str | None, country: str) -> str | None:
    """E.164 of a number as presented ("5145551234", "15145551234", "(514) 555-1234", "+1514…"), else None.

    ``country`` is the ISO 3166 code whose national format is assumed. Numbers that cannot exist give None.
    """
    text = (presented or "").strip()
    digits = [char for char in text if char.isdigit() and char.isascii()]
    if not digits or len(digits) > 17 or any(char.isalpha() for char in text):
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None  # seven digits may be dialled locally, and are still no number of anybody's
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def pretty(number: str | None, country: str) -> str:
    """A number as people of ``country`` write it; what is no number comes back unchanged, None as "–"."""
    if not number:
        return "–"
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_possible_number(parsed):
        return number
    home = phonenumbers.country_code_for_region(country) == parsed.country_code
    style = phonenumbers.PhoneNumberFormat.NATIONAL if home else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(parsed, style)


def national(number: str, country: str) -> str:
    """An E.164 number as it is dialled in ``country``: in Canada +15145550123 is 5145550123, and +33145678901 is 01133145678901."""
    parsed = phonenumbers.parse(number)
    if phonenumbers.country_code_for_region(country) == parsed.country_code:
        written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    else:
        written = phonenumbers.format_out_of_country_calling_number(parsed, country)
    return "".join(char for char in written if char.isdigit() or char == "+")


def dialled(number: str, country: str, pattern: str) -> str:
    """An E.164 number as the clinic's telephones dial it; ``pattern`` is ``pbx.dial`` ("9{national}")."""
    return pattern.replace("{national}", national(number, country)).replace("{e164}", number).replace("{digits}", number.removeprefix("+"))


def shortened(number: str | None) -> str:
    """A number for a log line: enough to recognise, not enough to call ("+1514…34")."""
    if not number:
        return "-"
    return f"{number[:5]}…{number[-2:]}" if len(number) > 8 else "…"
