"""What can be said of what a person writes before the store is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from ari_app.errors import NotFoundError, RefusedError
from ari_app.numbers import e164
from ari_app.threads.staff import STAFF_PARTS

__all__ = [
    "check_act",
    "check_line_of_text",
    "check_text",
    "check_time",
    "check_words",
    "is_utf8",
    "known_modem",
    "number_or_thread",
    "shown",
]

_ACT = re.compile(r"[\x21-\x7e]{1,100}")
_LONGEST_TEXT = STAFF_PARTS * 153
"""Characters. A part of a long text holds at most 153 (GSM 7-bit, 3GPP TS 23.040 9.2.3.24.1): what is longer fits in no alphabet."""
_SHOWN = 40


def number_or_thread(named: str, country: str) -> str | int:
    """E.164 of a number as a person writes it, or a thread's id (up to six digits, "#" before it or not).

    Raises RefusedError, code ``no_number``, for anything else.
    """
    number = e164(named, country)
    if number is not None:
        return number
    match = re.fullmatch(r"#?([0-9]{1,6})", named.strip())
    if match is None:
        raise RefusedError(f"{shown(named)} is no phone number", "write it as +15145550123, or a thread's id", code="no_number")
    return int(match[1])


def check_text(number: str, text: str, country: str, *, act: str | None = None) -> str:
    """What can be said of a person's text before the store is asked; returns the E.164 of whom it is for.

    ``act``: 1 to 100 printable ASCII characters. Raises RefusedError: ``no_number``, ``not_utf8``, ``too_long``, ``bad_id``.
    """
    dialled = e164(number, country)
    if dialled is None:
        raise RefusedError(f"{shown(number)} is no phone number", "write it as +15145550123", code="no_number")
    check_words(text, _LONGEST_TEXT, more=f" ({STAFF_PARTS} SMS)", fix="shorten it, or send it in two")
    check_act(act)
    return dialled


def check_words(text: str, longest: int, *, what: str = "text", more: str = "", fix: str = "shorten it") -> None:
    """Raises RefusedError, ``not_utf8`` or ``too_long``."""
    if not is_utf8(text):
        raise RefusedError(f"the {what} is not UTF-8", "write it again as UTF-8", code="not_utf8")
    if len(text) > longest:
        said = f"the {what} has {len(text)} characters, and {longest}{more} is the most"
        raise RefusedError(said, fix, code="too_long", facts={"most": longest})


def check_act(act: str | None) -> None:
    """An id of an act, made by whoever asks for it. Raises RefusedError, code ``bad_id``."""
    if act is not None and not _ACT.fullmatch(act):
        raise RefusedError("the id is empty, too long or has spaces", "use 1 to 100 letters, digits or signs", code="bad_id")


def check_line_of_text(text: str, longest: int, *, what: str) -> str:
    """A name, a label: one line, trimmed. Raises RefusedError: ``not_utf8``, ``too_long``, ``no_text``, ``bad_characters``."""
    check_words(text, longest, what=what)
    plain = " ".join(text.split())
    if not plain:
        raise RefusedError(f"the {what} is empty", "write one", code="no_text")
    # a name that turns the writing around, or hides in it, could pass for another's (Unicode categories Cc, Cf)
    if any(unicodedata.category(char) in {"Cc", "Cf"} for char in plain):
        raise RefusedError(
            f"the {what} holds characters that cannot be seen", "write it with letters, digits and signs", code="bad_characters"
        )
    return plain


def check_time(at: datetime, now: datetime, longest: timedelta, *, what: str) -> None:
    """An hour not too far off; that it is not past is seen where the act is known. Raises RefusedError: ``bad_time``, ``too_far``."""
    if at.tzinfo is None:
        raise RefusedError(f"the hour of the {what} has no time zone", "write it as 2026-12-24T15:00:00Z", code="bad_time")
    if at - now > longest:
        raise RefusedError(
            f"the hour of the {what} is too far off", f"choose one within {longest.days} days", code="too_far", facts={"days": longest.days}
        )


def known_modem(name: str, modems: Sequence[str]) -> None:
    """Raises NotFoundError, code ``no_modem``, for a name that no [[modem]] has."""
    if name not in modems:
        known = f"use one of: {', '.join(modems)}" if modems else "there is no [[modem]] in textback.toml yet"
        raise NotFoundError(f"there is no modem {shown(name)}", known, code="no_modem")


def is_utf8(text: str) -> bool:
    """False for half a surrogate pair, which Python makes of bytes that are no UTF-8, and JSON allows: no file and no SMS holds it."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def shown(written: str) -> str:
    """What somebody wrote, for an error: whole, or how it begins."""
    return repr(written) if len(written) <= _SHOWN else f"{written[:_SHOWN]!r}… ({len(written)} characters)"
