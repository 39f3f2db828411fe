"""What the network says by USSD (``+CUSD``, 3GPP TS 27.007 7.15), unasked: a balance, an offer. Pure.

Some modems give the text, some the octets of its alphabet in hexadecimal, and the coding scheme (3GPP TS 23.038 5) does not say which.
"""

from __future__ import annotations

import re

from modem.alphabet import text_of
from modem.fields import unpacked

__all__ = ["message"]

_CUSD = re.compile(r'\+CUSD:\s*\d(?:\s*,\s*"(.*?)"?\s*(?:,\s*(\d{1,3}))?)?\s*', re.IGNORECASE | re.DOTALL)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_DIGITS = 20
"""Fewer digits alone are an amount or a number as they stand."""


def message(line: str) -> str:
    """The text of a +CUSD, of one line or more; "" when it carries none."""
    match = _CUSD.fullmatch(line)
    if match is None or match[1] is None:
        return ""
    said = match[1].strip()
    if _HEX.fullmatch(said) is None or (said.isdecimal() and len(said) < _DIGITS):
        return said
    octets = bytes.fromhex(said)
    readings = (_ucs2(octets), _gsm7(octets)) if _is_ucs2(int(match[2] or 15)) else (_gsm7(octets), _ucs2(octets))
    return next((text for text in readings if _readable(text)), said)


def _is_ucs2(scheme: int) -> bool:
    return scheme == 0x11 or (0x40 <= scheme <= 0x9F and scheme & 0x0C == 0x08)


def _ucs2(octets: bytes) -> str:
    return octets.decode("utf-16-be", "replace") if len(octets) % 2 == 0 else ""


def _gsm7(octets: bytes) -> str:
    """Packed septets (23.038 6.1.2.3): a CR at the end only fills, and so does "@"."""
    return text_of(unpacked(octets, len(octets) * 8 // 7)).rstrip("\r@")


def _readable(text: str) -> bool:
    """Words, not one alphabet mistaken for another: letters all Latin, or all of one block of Unicode, and little else."""
    letters = [char for char in text if char.isalpha()]
    plain = sum(char.isascii() and (char.isalnum() or char.isspace()) for char in text)
    blocks = {ord(char) >> 8 for char in letters if ord(char) > 0x24F}
    if not text or not all(char.isprintable() or char in "\r\n" for char in text) or len(blocks) > 1:
        return False
    return plain >= 0.6 * len(text) if not blocks else 2 * len(letters) >= len(text)
