"""The sound of a message: decoded once from whatever Asterisk wrote, kept as FLAC, which browsers play and lose nothing of.

Blocks: run it in a thread. Formats by file ending as in Asterisk's formats/format_*.c. libsndfile is given file descriptors alone: for
objects of Python it calls back through code made at run time, which the unit forbids (MemoryDenyWriteExecute).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import soundfile

from ari_app.voicemail.spool import Mail, opened, still_there

__all__ = ["READABLE", "TYPE", "Sound", "endings", "kept"]

TYPE = "audio/flac"
"""RFC 9639 7.1."""
_RAW: dict[str, dict[str, Any] | None] = {
    "wav16": None,
    "wav": None,
    "sln": {"format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"},
    "ulaw": {"format": "RAW", "subtype": "ULAW"},
    "alaw": {"format": "RAW", "subtype": "ALAW"},
    "WAV": None,
    "gsm": {"format": "RAW", "subtype": "GSM610"},
}
"""What is read, best first; how, where the file does not say it itself. "WAV" is what voicemail.conf calls wav49: GSM in RIFF."""
READABLE = tuple(_RAW)
_RATE = 8000
_LONGEST = 3600
"""Seconds of a message that are kept."""
_BLOCK = 8000
_HIGHEST_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Sound:
    """What is kept of a message. ``data`` is FLAC."""

    data: bytes
    seconds: float


def endings(mail: Mail) -> tuple[str, ...]:
    """The formats a message lies there in, as file endings."""
    stem = mail.text.stem + "."
    with contextlib.suppress(FileNotFoundError):
        beside = [each.name.removeprefix(stem) for each in mail.text.parent.iterdir() if each.name.startswith(stem)]
        return tuple(sorted(each for each in beside if each != "txt"))
    return ()


def kept(mail: Mail) -> Sound | None:
    """The best format that can be read; None where there is none. Raises FileNotFoundError when the message was moved meanwhile."""
    there = endings(mail)
    for ending in (each for each in READABLE if each in there):
        try:
            with opened(mail.text.with_suffix(f".{ending}")) as file:
                sound = None if file is None else _flac(file.fileno(), _RAW[ending])
        except soundfile.LibsndfileError:
            continue
        if not still_there(mail):  # else it may be the next one's, renumbered
            raise FileNotFoundError(mail.text)
        if sound is not None:
            return sound
    if not still_there(mail):
        raise FileNotFoundError(mail.text)
    return None


def _flac(file: int, raw: dict[str, Any] | None) -> Sound | None:
    """None for what is no sound of that ending; raises soundfile.LibsndfileError where it seemed to be."""
    if raw is None and os.pread(file, 4, 0) != b"RIFF":
        return None  # what else it might be is nobody's to find out
    how = {} if raw is None else {**raw, "samplerate": _RATE, "channels": 1}
    with soundfile.SoundFile(file, closefd=False, **how) as source, os.fdopen(os.memfd_create("voicemail"), "rb") as out:
        if source.channels != 1 or not 0 < source.samplerate <= _HIGHEST_RATE:
            return None
        frames, written = 0, {"format": "FLAC", "subtype": "PCM_16", "closefd": False}
        with soundfile.SoundFile(out.fileno(), "w", source.samplerate, 1, **written) as target:
            for block in _blocks(source):
                target.write(block)
                frames += len(block)
        out.seek(0)
        return Sound(out.read(), frames / source.samplerate) if frames else None


def _blocks(source: Any) -> Iterator[Any]:
    """Second by second, to the end or the longest that is kept. What a header promises and the file lacks is not made up."""
    for _ in range(_LONGEST * source.samplerate // _BLOCK):
        block = source.read(_BLOCK, dtype="int16")
        if not len(block):
            return
        yield block
