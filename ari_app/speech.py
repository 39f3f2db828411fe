"""Words spoken: the configured speech command run on one text, and its WAV read.

The text goes in by stdin, never on a command line, where every user of the machine could read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import secrets
import unicodedata
import wave
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ari_app.errors import TextbackError
from ari_app.model import Language

__all__ = ["Sound", "SpeechError", "joined", "made", "pieces", "recorded", "speak", "speakable"]

_PATIENCE = 10.0
_LONGEST = 300.0
"""Seconds of sound one text may come to."""
_PIECE = 900
"""Octets: espeak-ng reads lines of its stdin into 1000 (src/espeak-ng.c), and cuts a longer one anywhere."""
_RATES = {8000: "sln", 12000: "sln12", 16000: "sln16", 24000: "sln24", 32000: "sln32", 44100: "sln44", 48000: "sln48"}
"""Hertz of raw 16-bit sound and how Asterisk names its files (formats/format_sln.c)."""


class SpeechError(TextbackError):
    """The speech command, or the folder for its sounds, cannot be used. Callers are told what Asterisk itself can say."""

    code = "speech"


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono, 16 bits a sample. ``rate`` in hertz."""

    rate: int
    samples: array[int]

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def for_asterisk(self) -> tuple[str, bytes]:
        """A file's ending and its content. Asterisk resamples it to what the phone takes, better than we could (codec_resample).

        A rate that Asterisk has no name for is brought to a multiple by repeating samples (espeak's 22,050 to 44,100): what that
        adds lies above half the old rate, and Asterisk filters it out. Raises SpeechError for a rate that has none.
        """
        times = next((factor for factor in range(1, 9) if self.rate * factor in _RATES), None)
        if times is None:
            raise SpeechError(f"agi.speech makes sound of {self.rate} Hz", "let it make 8000, 16000 or 22050 Hz")
        out = array("h", bytes(2 * times * len(self.samples)))
        for position in range(times):
            out[position::times] = self.samples
        return _RATES[self.rate * times], out.tobytes()


def joined(sounds: Iterable[Sound]) -> list[Sound]:
    """The same sounds in as few as their rates allow: voices of two languages may differ."""
    whole: list[Sound] = []
    for sound in sounds:
        if whole and whole[-1].rate == sound.rate:
            whole[-1].samples.extend(sound.samples)
        else:
            whole.append(Sound(sound.rate, sound.samples[:]))
    return whole


def speakable(text: str) -> str:
    """What can be said of any text: no control and format characters, nothing a speech engine takes for a command.

    Long numbers are spelled, as people say them.
    """
    plain = "".join(" " if unicodedata.category(char)[0] == "C" or char.isspace() else char for char in unicodedata.normalize("NFC", text))
    plain = re.sub(r"\[\[+|\]\]+", " ", plain)  # espeak's phonemes
    plain = re.sub(r"[0-9]{7,}", lambda match: " ".join(match[0]), plain)
    return " ".join(plain.split())


def pieces(text: str) -> list[str]:
    """A text in pieces an engine takes whole, cut between words where it has some."""
    found, rest = [], text.strip()
    while len(rest.encode()) > _PIECE:
        head = rest.encode()[:_PIECE].decode(errors="ignore")
        cut = max(head.rfind(" "), 0) or len(head)
        found.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*found, rest] if rest else found


async def speak(command: Sequence[str], text: str, language: Language, folder: Path) -> Sound:
    """Run the speech command on ``speakable`` text. Its file lies in ``folder`` meanwhile. Raises SpeechError."""
    sounds = [await _run(command, piece, language, folder) for piece in pieces(text)]
    if not sounds:
        raise SpeechError("there is nothing to say")
    whole = joined(sounds)
    if len(whole) > 1:
        raise SpeechError(f"{command[0]} changes the rate of its sound", "set a speech command that keeps to one")
    return whole[0]


async def _run(command: Sequence[str], text: str, language: Language, folder: Path) -> Sound:
    with _file(folder) as file:
        arguments = [each.replace("{language}", language).replace("{file}", str(file)) for each in command]
        nothing = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
        except OSError as error:
            fix = "apt-get install espeak-ng" if command[0] == "espeak-ng" else "install it, or correct agi.speech"
            raise SpeechError(f"{command[0]} cannot be run ({error.strerror})", fix, code="speech_missing") from error
        try:
            async with asyncio.timeout(_PATIENCE):
                await process.communicate(f"{text}\n".encode())
        except TimeoutError as error:
            raise SpeechError(f"{command[0]} takes longer than {_PATIENCE:g} s", "see what slows it, or set another agi.speech") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise SpeechError(f"{command[0]} ends with {process.returncode}", "run agi.speech by hand with a text on stdin")
        return await asyncio.to_thread(_read, file, command[0])


@contextlib.contextmanager
def _file(folder: Path) -> Iterator[Path]:
    """A name nobody guesses; the file is gone with the block."""
    path = folder / f"{secrets.token_hex(16)}.wav"
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise SpeechError(
            f"{folder} cannot be written ({error.strerror})", f"make it, for Asterisk to read: {made(folder)}", code="sounds"
        ) from error
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def made(folder: Path) -> str:
    """The command that makes the folder for sounds: ours to write, and every file in it Asterisk's group's to read."""
    return f"install -d -o {_user(os.geteuid())} -g asterisk -m 2750 {folder}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def recorded(file: Path) -> Sound:
    """A recording of somebody's voice, as Asterisk can be given it. Raises SpeechError."""
    sound = _wav(file, str(file), fix=f"make it a WAV of 16 bits, mono, 8000 Hz: sox {file.name} -c 1 -b 16 -r 8000 new.wav")
    sound.for_asterisk()
    return sound


def _read(file: Path, command: str) -> Sound:
    sound = _wav(file, f"what {command} makes", fix="let it write a WAV of 16 bits, mono, into {file}")
    if not any(sound.samples):
        raise SpeechError(f"{command} makes silence", "run agi.speech by hand with a text on stdin: is the voice installed?")
    return sound


def _wav(file: Path, name: str, *, fix: str) -> Sound:
    try:
        with wave.open(str(file), "rb") as sound:
            channels, width, rate = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            if (channels, width) != (1, 2):
                raise SpeechError(f"{name} has {channels} channels and {8 * width} bits", fix)
            frames = sound.readframes(int(_LONGEST * rate))
    except (wave.Error, EOFError) as error:
        raise SpeechError(f"{name} is no WAV that can be read ({str(error) or 'it is empty'})", fix) from error
    except OSError as error:
        raise SpeechError(f"{name} cannot be read ({error.strerror})", fix) from error
    return Sound(rate, array("h", frames[: len(frames) & ~1]))
