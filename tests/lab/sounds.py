"""Sounds made here, so that the lab ships and downloads none: raw G.711 µ-law (ITU-T G.711) and 16-bit linear, 8 kHz mono."""

from __future__ import annotations

import math
import struct

__all__ = ["fax_calling", "hum", "talking"]

_RATE = 8000


def _tone(hertz: float, seconds: float, level: int) -> list[int]:
    return [int(level * math.sin(2 * math.pi * hertz * n / _RATE)) for n in range(int(_RATE * seconds))]


def _mu_law(sample: int) -> int:
    """G.711 µ-law of a 16-bit sample (ITU-T G.711 table 2a)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> exponent + 3) & 0x0F) & 0xFF


def hum() -> bytes:
    """Five quiet seconds of 440 Hz, 16-bit linear: music on hold."""
    return b"".join(struct.pack("<h", sample) for sample in _tone(440, 5, 800))


def talking() -> bytes:
    """Something that is no silence, µ-law: a caller who leaves a message."""
    return bytes(_mu_law(sample) for sample in _tone(300, 1, 9000) + _tone(500, 1, 9000))


def fax_calling() -> bytes:
    """A fax machine that calls: CNG, 1100 Hz for 0.5 s every 3.5 s (ITU-T T.30 4.1.1), µ-law."""
    return bytes(_mu_law(sample) for sample in _tone(1100, 0.5, 9000) + [0] * (3 * _RATE))
