"""Fewer SMS for the same words: what a French reader does not miss is folded into GSM-7, where that saves a segment.

One "’" or "ê" puts a whole text into UCS-2, where a segment holds 70 characters instead of 160 (3GPP TS 23.038 6.2.1).
"""

from __future__ import annotations

import re
import unicodedata

from modem.alphabet import segments

__all__ = ["compact"]

_NARROW = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
_OPENING, _CLOSING = re.compile(f"«[{_NARROW}]?"), re.compile(f"[{_NARROW}]?»")
_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("’‘‚‛ʼ‹›", "'")
    | dict.fromkeys("“”„‟", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys(_NARROW, " ")
    | dict.fromkeys("\u00ad\u200b\u2060\ufeff", "")  # soft hyphen, zero-width spaces; the joiners of emoji are none of these
    | {"…": "...", "œ": "oe"}
)
_DIRECTION = str.maketrans(dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""))
"""Marks of writing direction, which come with numbers copied from a contact list."""
_ACCENTS = str.maketrans("âêîôûëïÿçÀÂÈÊËÎÏÔÙÛŸ", "aeioueiycAAEEEIIOUUY")
"""The French letters that GSM-7 lacks; it has à ä é è ì ò ö ù ü æ É Ç Æ Ä Ö Ü."""


def compact(text: str) -> str:
    """``text`` in the fewest segments it can have without losing anything to its reader; unchanged where nothing saves one.

    In steps, and no further than needed: composed letters (Unicode NFC), typography (quotes, œ, dashes, special and zero-width
    spaces), French accents. Emoji and all other characters stay, and so do their segments.
    """
    least, result = segments(text).parts, text
    if least == 1:
        return text
    composed = unicodedata.normalize("NFC", text)
    plain = _plain(composed)
    for folded in (composed, plain, plain.translate(_ACCENTS)):
        parts = segments(folded).parts
        if parts < least:
            least, result = parts, folded
    return result


def _plain(text: str) -> str:
    text = _CLOSING.sub('"', _OPENING.sub('"', text))
    if not any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in text):
        text = text.translate(_DIRECTION)
    return re.sub("Œ", _ligature, text.translate(_TYPOGRAPHY))


def _ligature(found: re.Match[str]) -> str:
    """Œuvre → Oeuvre, ŒUVRE → OEUVRE."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return "OE" if after.isupper() or (before.isupper() and not after.isalpha()) else "Oe"
