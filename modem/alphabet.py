"""The GSM 7-bit default alphabet (3GPP TS 23.038 6.2.1): its table, and how many parts a text takes.

A text goes out in GSM-7 where every character is in it, else whole in UCS-2 (UTF-16 code units). The product's only table of it;
national tables, which are read and never written, are in ``modem/shifts.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["ESCAPE", "GSM7_BASIC", "GSM7_EXTENSION", "Alphabet", "Segments", "escape_open", "pieces", "segments", "septets", "text_of"]

Alphabet = Literal["gsm7", "ucs2"]

GSM7_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""128 characters, indexed by septet. 0x1B is the escape to the extension table and no character of its own."""

GSM7_EXTENSION: Mapping[str, int] = MappingProxyType(
    {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65}
)
"""Characters of the extension table (6.2.1.1) and their septet after the escape: each costs two septets."""

ESCAPE = 0x1B

_BASIC_CODES = {char: code for code, char in enumerate(GSM7_BASIC) if code != ESCAPE}
_EXTENSION_CHARS: Mapping[int, str] = MappingProxyType({code: char for char, code in GSM7_EXTENSION.items()})
_SINGLE = {"gsm7": 160, "ucs2": 70}
_PART = {"gsm7": 153, "ucs2": 67}  # 140 octets less a user data header of 6 (3GPP TS 23.040 9.2.3.24.1)


@dataclass(frozen=True, slots=True)
class Segments:
    """What a text costs. ``units``: septets in GSM-7, UTF-16 code units in UCS-2."""

    alphabet: Alphabet
    units: int
    parts: int
    forced_by: str | None
    """The first character that GSM-7 lacks, None in GSM-7."""


def segments(text: str) -> Segments:
    """Alphabet, length and number of SMS of ``text``. Never raises; an empty text is one part."""
    forced_by = _foreign(text)
    alphabet: Alphabet = "gsm7" if forced_by is None else "ucs2"
    units = sum(_weight(char, alphabet) for char in text)
    return Segments(alphabet, units, len(pieces(text)), forced_by)


def pieces(text: str) -> tuple[str, ...]:
    """``text`` as one SMS each. No escape pair and no surrogate pair is ever cut in two."""
    alphabet: Alphabet = "gsm7" if _foreign(text) is None else "ucs2"
    weights = [_weight(char, alphabet) for char in text]
    if sum(weights) <= _SINGLE[alphabet]:
        return (text,)
    result: list[str] = []
    start = used = 0
    for index, weight in enumerate(weights):
        if used + weight > _PART[alphabet]:
            result.append(text[start:index])
            start, used = index, 0
        used += weight
    result.append(text[start:])
    return tuple(result)


def septets(text: str) -> bytes:
    """One octet per septet, escapes included. Raises ValueError naming the first character that GSM-7 lacks."""
    out = bytearray()
    for char in text:
        code = _BASIC_CODES.get(char)
        if code is not None:
            out.append(code)
        elif char in GSM7_EXTENSION:
            out += bytes((ESCAPE, GSM7_EXTENSION[char]))
        else:
            raise ValueError(f"{char!r} is not in the GSM 7-bit alphabet")
    return bytes(out)


def text_of(
    codes: Iterable[int], *, escaped: bool = False, basic: str = GSM7_BASIC, extension: Mapping[int, str] = _EXTENSION_CHARS
) -> str:
    """The characters of septets 0 … 127. ``escaped``: an escape stood before the first, at the end of another part.

    An escape before a septet the extension table lacks shows that septet's character of the basic table, two escapes
    show a space (6.2.1.1 notes 1 and 3); an escape at the end shows nothing. ``basic``, ``extension``: national tables.
    """
    out: list[str] = []
    for code in codes:
        if escaped:
            out.append(" " if code == ESCAPE else extension.get(code, basic[code]))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            out.append(basic[code])
    return "".join(out)


def escape_open(codes: bytes, *, escaped: bool = False) -> bool:
    """Do septets end in an escape whose second half is still to come? ``escaped``: as in ``text_of``."""
    run = len(codes) - len(codes.rstrip(bytes((ESCAPE,))))
    return bool((run + (escaped and run == len(codes))) % 2)


def _foreign(text: str) -> str | None:
    return next((char for char in text if char not in _BASIC_CODES and char not in GSM7_EXTENSION), None)


def _weight(char: str, alphabet: Alphabet) -> int:
    return 1 + (char in GSM7_EXTENSION) if alphabet == "gsm7" else 1 + (ord(char) > 0xFFFF)
