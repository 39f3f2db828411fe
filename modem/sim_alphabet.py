"""The alphabets of texts for the simulator: GSM-7 with its national language shift tables, UCS-2, octets; and packing.

Typed from 3GPP TS 23.038 (6.1.2.1 packing, 6.2.1 default alphabet, Annex A national language tables), independent of what the driver uses.
"""

from __future__ import annotations

__all__ = ["LOCKING", "SINGLE", "decoded", "lacks", "packed", "septets", "unpacked"]

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
_ESCAPE = 0x1B

LOCKING = {
    1: (  # A.3.1 Turkish
        "@£$¥€éùıòÇ\nĞğ\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
        "İABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§çabcdefghijklmnopqrstuvwxyzäöñüà"
    ),
    3: (  # A.3.3 Portuguese
        "@£$¥êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ !\"#º%&'()*+,-./0123456789:;<=>?"
        "ÍABCDEFGHIJKLMNOPQRSTUVWXYZÃÕÚÜ§~abcdefghijklmnopqrstuvwxyzãõ`üà"
    ),
}
"""In place of the default alphabet, by the language of the information element 0x25. Spanish (2) has none."""

_TURKISH = {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"}  # A.2.1
_SPANISH = {0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú"}  # A.2.2
_PORTUGUESE = {  # A.2.3
    0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ",
    0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ", 0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú",
    0x7B: "ã", 0x7C: "õ", 0x7F: "â",
}  # fmt: skip
SINGLE = {1: _EXTENSION | _TURKISH, 2: _EXTENSION | _SPANISH, 3: _EXTENSION | _PORTUGUESE}
"""In place of the default extension table, by the language of the information element 0x24."""


def septets(char: str, locking: int = 0, single: int = 0) -> bytes | None:
    """The septets of a character in the tables of these languages (0: the default ones); None when they lack it."""
    if char != "\x1b" and (code := LOCKING.get(locking, _BASIC).find(char)) >= 0:
        return bytes([code])
    return next((bytes([_ESCAPE, code]) for code, known in SINGLE.get(single, _EXTENSION).items() if known == char), None)


def lacks(text: str, locking: int = 0, single: int = 0) -> bool:
    """Does the text have characters the tables lack?"""
    return any(septets(char, locking, single) is None for char in set(text))


def packed(units: bytes, fill: int = 0) -> bytes:
    """Septets into octets, lowest bit first, after ``fill`` bits of padding (6.1.2.1)."""
    value = 0
    for place, septet in enumerate(units):
        value |= septet << (7 * place + fill)
    return value.to_bytes((7 * len(units) + fill + 7) // 8, "little")


def unpacked(octets: bytes, count: int, fill: int = 0) -> bytes:
    """``count`` septets, one a byte."""
    value = int.from_bytes(octets, "little") >> fill
    return bytes((value >> (7 * place)) & 0x7F for place in range(count))


def decoded(alphabet: str, units: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of septets ("gsm7", one a byte) or octets ("ucs2", "8bit")."""
    if alphabet == "ucs2":
        return units.decode("utf-16-be", "replace")
    if alphabet == "8bit":
        return units.decode("latin-1")
    basic, extension = LOCKING.get(locking, _BASIC), SINGLE.get(single, _EXTENSION)
    text = []
    codes = iter(units)
    for code in codes:
        if code != _ESCAPE:
            text.append(basic[code])
        elif (second := next(codes, None)) is None:
            text.append(" ")  # 6.2.1: a receiver shows an escape it cannot use as a space
        else:
            text.append(extension.get(second) or (basic[second] if second != _ESCAPE else " "))
    return "".join(text)
