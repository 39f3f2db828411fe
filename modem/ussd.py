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
    if len(octets) % 2 == 0 and (_is_ucs2(int(match[2] or 15)) or _one_block(octets)):
        return octets.decode("utf-16-be", "replace")
    text = text_of(unpacked(octets, len(octets) * 8 // 7)).rstrip("\r@")  # a CR at the end only fills, and so does "@" (6.1.2.3)
    return text if _readable(text) else said


def _is_ucs2(scheme: int) -> bool:
    return scheme == 0x11 or (0x40 <= scheme <= 0x9F and scheme & 0x0C == 0x08)


def _one_block(octets: bytes) -> bool:
    """UTF-16 of one script, whatever the coding scheme says: the same octet over and over, and 0 for digits and blanks."""
    return len(octets) >= 4 and len(set(octets[::2]) - {0}) <= 1


def _readable(text: str) -> bool:
    """Words in Latin letters, not octets of something else."""
    plain = sum(char.isascii() and (char.isalnum() or char.isspace()) for char in text)
    return all(char.isprintable() or char in "\r\n" for char in text) and plain >= 0.6 * len(text) > 0
