"""Bytes from a modem, cut into lines and prompts. Pure; any split of the bytes gives the same frames.

Everything an AT response says is printable ASCII (ITU-T V.250 5.1), so NULs, control characters and bytes of 0x80 and more are line noise
and dropped: a reply with noise in it is still read.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Frame", "Frames", "Prompt"]

_LONGEST = 4096
"""Characters. The longest line that matters, a PDU, has fewer than 400; a longer one is noise."""

_NOISE = bytes(octet for octet in range(256) if not 0x20 <= octet <= 0x7E and octet not in b"\r\n")


class Prompt(Enum):
    """The modem waits for a PDU: ">" at the start of a line, with or without a blank or a line end after it."""

    PROMPT = ">"


Frame = str | Prompt
"""A line without its end, never empty; or the prompt."""


class Frames:
    """Feed it what was read; it returns what is whole and keeps the rest."""

    def __init__(self) -> None:
        self._rest = ""
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """The lines and prompts that ``data`` completes."""
        text = self._rest + data.translate(None, _NOISE).decode("ascii")
        frames: list[Frame] = []
        start = 0
        for at, char in enumerate(text[len(self._rest) :], len(self._rest)):
            if char in "\r\n":
                line = text[start:at].strip()
                if line and not self._skipping:
                    frames.append(line)
                self._skipping = False
                start = at + 1
            elif char == ">" and not self._skipping and not text[start:at].strip():
                frames.append(Prompt.PROMPT)
                start = at + 1
            elif at - start >= _LONGEST:
                self._skipping = True
                start = at + 1
        self._rest = text[start:]
        return frames
