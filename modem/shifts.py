"""National language tables of GSM-7 (3GPP TS 23.038 Annex A): what a header may put in place of the default alphabet (6.2.1.2.4).

Used on receipt only. Nothing is sent in them: a French or English text gains nothing, and few phones read the Indic ones.
The tables of the ten Indic languages lay their Unicode block out in its own order; so they are written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from modem.alphabet import GSM7_BASIC, GSM7_EXTENSION, text_of

__all__ = ["LOCKING", "SINGLE", "read"]

_FRAME = (
    "__________\n__\r__"
    "___________\x1b____"
    " !______)(__,_._"
    "0123456789:;___?"
    "________________"
    "________________"
    "_abcdefghijklmno"
    "pqrstuvwxyz_____"
)  # fmt: skip
"""The locking shift tables of Bengali to Urdu: "_" is a letter of the script."""

_SINGLE_FRAME = (
    "@£$¥¿\"¤%&'\f*+ -/"
    "<=>¡^¡_#*       "
    "        {}     \\"
    "            [~] "
    "|ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZ     "
    "     €          "
    "                "
)  # fmt: skip
"""Their single shift tables: " " is not in the table, or a letter of the script."""

_SINGLE_SLOTS = bytes.fromhex("191A 1C1D1E1F 2021222324252627 2A2B2C2D2E 303132333435363738393A3B 3F")

_DANDAS = "। ॥ "
_AS_IS = ("।", "॥", "--")  # borrowed by all these scripts; not in the table
_DIGITS = "66 67 68 69 6A 6B 6C 6D 6E 6F "


class _Script(NamedTuple):
    """Letters as hexadecimal offsets from ``block``."""

    block: int
    blank: str
    """Cells of the locking shift table that are empty: the block had no such letter."""
    last: str
    """What fills 0x60 and 0x7B … 0x7F of the locking shift table."""
    single: str
    """What fills the single shift table, in order."""


_SCRIPTS: Mapping[int, _Script] = {
    # Bengali
    4: _Script(
        0x980,
        "0D 0E 11 12 29 31 33 34 35 45 46 49 4A",
        "4E 57 5C 5D 70 71",
        _DIGITS + "5F 60 61 62 63 72 73 74 75 76 77 78 79 7A",
    ),
    # Gujarati
    5: _Script(0xA80, "0E 12 29 31 34 46 4A", "50 60 61 62 63 71", _DANDAS + _DIGITS),
    # Hindi
    6: _Script(
        0x900,
        "",
        "50 72 7B 7C 7E 7F",
        _DANDAS + _DIGITS + "51 52 53 54 58 59 5A 5B 5C 5D 5E 5F 60 61 62 63 70 71",
    ),
    # Kannada
    7: _Script(0xC80, "01 0D 11 29 34 45 49", "55 56 60 61 62 63", _DANDAS + _DIGITS + "5E 71 72"),
    # Malayalam
    8: _Script(0xD00, "01 0D 11 29 3C 45 49", "57 60 61 62 63 79", _DANDAS + _DIGITS + "70 71 72 73 74 75 7A 7B 7C 7D 7E 7F"),
    # Oriya
    9: _Script(0xB00, "0D 0E 11 12 29 31 34 45 46 49 4A", "56 57 60 61 62 63", _DANDAS + _DIGITS + "5C 5D 5F 70 71"),
    # Punjabi
    10: _Script(
        0xA00,
        "0B 0C 0D 0E 11 12 29 31 34 37 3D 43 44 45 46 49 4A",
        "51 70 71 72 73 74",
        _DANDAS + _DIGITS + "59 5A 5B 5C 5E 75",
    ),
    # Tamil
    11: _Script(
        0xB80,
        "01 0B 0C 0D 11 16 17 18 1B 1D 20 21 22 25 26 27 2B 2C 2D 3C 3D 43 44 45 49",
        "50 57 70 71 72 79",
        _DANDAS + _DIGITS + "73 74 75 76 77 78 7A",
    ),
    # Telugu
    12: _Script(0xC00, "0D 11 29 34 3C 45 49", "55 56 60 61 62 63", "-- -- " + _DIGITS + "58 59 78 79 7A 7B 7C 7D 7E 7F"),
}

_URDU = (
    "27 22 28 7B 80 7E A6 2A C2 7F 79 7D 7A 7C 2B 2C 81 84 83 85 86 87 2D 2E 2F 8C 88 89 8A 8F 8D 30 31 91 93 99 32 96 98 9A 33 34 "
    "35 36 37 38 39 41 42 A9 AA AB AF B3 B1 44 45 46 BA BB BC 48 C4 D5 C1 BE 21 CC D0 D2 4D 50 4F 57 54 55 51 53 56 70"
)
_URDU_SINGLE = "00 01 F0 F1 F2 F3 F4 F5 F6 F7 F8 F9 0C 0D 0E 0F 10 11 12 13 14 1B 1F 40 52 58 6B 6C 72 73 CD D4"

_INDIC = (*range(0x01, 0x04), *range(0x05, 0x3A), *range(0x3C, 0x4E))
"""Letters of the locking shift tables in order, as offsets from the block; what stands last follows."""


def _letters(block: int, offsets: str) -> list[str]:
    return [offset.strip("-") if offset in _AS_IS else chr(block + int(offset, 16)) for offset in offsets.split()]


def _locking(letters: list[str]) -> str:
    place = iter(letters)
    return "".join(next(place) if char == "_" else char for char in _FRAME)


def _single(letters: list[str]) -> Mapping[int, str]:
    table = {code: char for code, char in enumerate(_SINGLE_FRAME) if char != " "}
    return MappingProxyType(table | {code: char for code, char in zip(_SINGLE_SLOTS, letters, strict=False) if char})


def _indic(script: _Script) -> str:
    blank = {int(offset, 16) for offset in script.blank.split()}
    body = [" " if offset in blank else chr(script.block + offset) for offset in _INDIC]
    return _locking(body + _letters(script.block, script.last))


def _changed(changes: Mapping[int, str]) -> str:
    return "".join(changes.get(code, char) for code, char in enumerate(GSM7_BASIC))


def _extended(changes: Mapping[int, str]) -> Mapping[int, str]:
    return MappingProxyType({code: char for char, code in GSM7_EXTENSION.items()} | dict(changes))


LOCKING: Mapping[int, str] = MappingProxyType(
    {
        # Turkish; Spanish (2) has none
        1: _changed({0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç"}),
        # Portuguese
        3: _changed(
            {0x04: "ê", 0x06: "ú", 0x07: "í", 0x08: "ó", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á"}
            | {0x12: "ª", 0x13: "Ç", 0x14: "À", 0x15: "∞", 0x16: "^", 0x17: "\\", 0x18: "€", 0x19: "Ó", 0x1A: "|"}
            | {0x1C: "Â", 0x1D: "â", 0x1E: "Ê", 0x24: "º", 0x40: "Í", 0x5B: "Ã", 0x5C: "Õ", 0x5D: "Ú", 0x60: "~"}
            | {0x7B: "ã", 0x7C: "õ", 0x7D: "`"}
        ),
        **{language: _indic(script) for language, script in _SCRIPTS.items()},
        13: _locking(_letters(0x600, _URDU)),
    }
)
"""National language identifier → 128 characters by septet, 0x1B the escape; " " for a cell that is empty (A.3)."""

SINGLE: Mapping[int, Mapping[int, str]] = MappingProxyType(
    {
        # Turkish, Spanish, Portuguese
        1: _extended({0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"}),
        2: _extended({0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú"}),
        3: _extended(
            {0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π"}
            | {0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ"}
            | {0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â"}
        ),
        **{language: _single(_letters(script.block, script.single)) for language, script in _SCRIPTS.items()},
        13: _single(_letters(0x600, _URDU_SINGLE)),
    }
)
"""National language identifier → characters by the septet after the escape (A.2)."""


def read(codes: bytes, locking: int, single: int, *, escaped: bool = False) -> str:
    """The characters of septets in the tables of these languages, each 0 for the default; so is a language not known (6.2.1.2.4).

    ``escaped``: an escape stood before the first, at the end of another part.
    """
    return text_of(codes, escaped=escaped, basic=LOCKING.get(locking, GSM7_BASIC), extension=SINGLE.get(single, _extended({})))
