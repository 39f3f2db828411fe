"""What a text will cost, counted as it will leave."""

from __future__ import annotations

from dataclasses import dataclass

from modem.alphabet import Alphabet, pieces, segments
from modem.compact import compact

__all__ = ["Cost", "cost_of"]

_SINGLE, _PART = {"gsm7": 160, "ucs2": 70}, {"gsm7": 153, "ucs2": 67}
"""Septets or UTF-16 code units of a text that is one SMS, and of each SMS of a longer one (3GPP TS 23.040 9.2.3.24)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A text's length in SMS. ``leaves`` is the text as it will leave, where what costs an SMS and says nothing is folded."""

    parts: int
    characters: int
    """As written."""
    units_left: int
    """Septets (GSM-7) or UTF-16 code units (UCS-2) until one more SMS is needed."""
    alphabet: Alphabet
    odd: tuple[str, ...]
    """The characters that make it UCS-2, each once, in their order."""
    leaves: str


def cost_of(text: str, *, fold: bool) -> Cost:
    """``fold``: as ``reply.compact`` says. Never raises; an empty text is one SMS."""
    leaves = compact(text) if fold else text
    found, cut = segments(leaves), pieces(leaves)
    whole = _SINGLE[found.alphabet] if len(cut) == 1 else _PART[found.alphabet]
    # the last piece may be all GSM-7 by itself: in a text that is UCS-2 it is not
    used = len(cut[-1].encode("utf-16-be")) // 2 if found.alphabet == "ucs2" else segments(cut[-1]).units
    odd = tuple(dict.fromkeys(char for char in leaves if segments(char).forced_by is not None))
    return Cost(found.parts, len(text), whole - used, found.alphabet, odd, leaves)
