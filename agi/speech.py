"""What a call is told, as files that Asterisk plays: spoken into a folder both can read, gone with the call.

Sounds hold the words of patients: names nobody guesses, readable for Asterisk's group only, deleted at the call's end and, where the
service was killed in one, at its next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile
import structlog

from ari_app.model import Language
from ari_app.settings import AgiSettings
from ari_app.speech import Sound, SpeechError, joined, made, recorded, speak, speakable

__all__ = ["Played", "Said", "Speech", "Voice"]

log = structlog.get_logger()

_OURS = re.compile(r"[0-9a-f]{32}\.(wav|sln[0-9]*)")
_LONGEST = 900
"""Seconds of a message that are played."""
_KEPT = 200
"""Sentences without a word of a patient that are kept in memory: the same ones come in every call."""


@dataclass(frozen=True, slots=True)
class Said:
    """Words to speak. ``digits``: what Asterisk says by itself in their place when nothing can be spoken."""

    text: str
    language: Language
    digits: str = ""
    fixed: bool = False
    """The same in every call: kept once it was spoken."""
    recording: str = ""
    """Name of the clinic's own recording that is played in its place, where there is one."""


@dataclass(frozen=True, slots=True)
class Played:
    """A sound file, named as STREAM FILE wants it: whole path, no ending."""

    name: str
    seconds: float


class Speech:
    """The speech command and the folder of [agi]."""

    def __init__(self, settings: AgiSettings) -> None:
        self._command = settings.speech
        self._folder = settings.sounds
        self._recordings = settings.recordings
        self._kept: dict[tuple[str, Language], Sound] = {}
        self._recorded: dict[Path, tuple[int, Sound | None]] = {}
        """When a recording was last written (ns), and its sound; None for one that cannot be used."""

    def clear(self) -> None:
        """Delete what calls left that a killed service did not end. A folder that is not there is doctor's to tell."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if _OURS.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def voice(self) -> Iterator[Voice]:
        """What one call is told; its files are gone with the block."""
        voice = Voice(self)
        try:
            yield voice
        finally:
            voice.forget()

    async def sound(self, said: Said) -> Sound | None:
        """Recorded or spoken; None for words that nothing is left of. Raises SpeechError."""
        if said.recording and (own := await asyncio.to_thread(self._own, said)) is not None:
            return own
        text = speakable(said.text)
        key = (text, said.language)
        if not text:
            return None
        if key in self._kept:
            return self._kept[key]
        sound = await speak(self._command, text, said.language, self._folder)
        if said.fixed and len(self._kept) < _KEPT:
            self._kept[key] = sound
        return sound

    def _own(self, said: Said) -> Sound | None:
        """The clinic's own recording: read again once it is written anew, passed over where it cannot be used."""
        if self._recordings is None:
            return None
        path = self._recordings / said.language / f"{said.recording}.wav"
        try:
            written = path.stat().st_mtime_ns
        except OSError:
            return None
        if self._recorded.get(path, (None,))[0] != written:
            try:
                sound = recorded(path)
            except SpeechError as error:
                log.error("recording_unused", what=error.what, fix=error.fix)
                sound = None
            self._recorded[path] = (written, sound)
        return self._recorded[path][1]

    def write(self, sound: Sound) -> Path:
        """Write a sound for Asterisk. Raises SpeechError."""
        ending, content = sound.for_asterisk()
        path = self._folder / f"{secrets.token_hex(16)}.{ending}"
        with self._writing(path):
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
            # whatever the umask; the group is the folder's
            path.chmod(0o640)
        return path

    def publish(self, sound: Sound, name: str, language: Language) -> None:
        """Write a sound that no word of a patient is in for good, for what Asterisk plays by itself (a queue's announcement).

        Asterisk finds it as ``name`` in this folder for channels whose language is LANGUAGE_text, and for no others: of a language
        with an underscore it looks for the rest of its sounds in the one before it (main/file.c; seen on 16 and 22). Raises SpeechError.
        """
        folder = self._folder / f"{language}_text"
        ending, content = sound.for_asterisk()
        path = self._folder / f"{secrets.token_hex(16)}.{ending}"
        with self._writing(path):
            folder.mkdir(mode=0o750, exist_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
            path.chmod(0o640)
            for old in folder.glob(f"{name}.*"):
                if old.suffix != f".{ending}":
                    old.unlink()
            path.replace(folder / f"{name}.{ending}")

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path.unlink(missing_ok=True)
            raise SpeechError(
                f"{self._folder} cannot be written ({error.strerror})", f"make it: {made(self._folder)}", code="sounds"
            ) from error


class Voice:
    """The files of one call."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._files: list[Path] = []

    async def say(self, words: Sequence[Said]) -> list[Played]:
        """Speak these into files, one after the other; what this call was told before is deleted. Raises SpeechError."""
        self.forget()
        sounds = [sound for said in _runs(words) if (sound := await self._speech.sound(said)) is not None]
        played = []
        for sound in joined(sounds):
            path = await asyncio.to_thread(self._speech.write, sound)
            self._files.append(path)
            played.append(Played(str(path.with_suffix("")), sound.seconds))
        return played

    async def play(self, data: bytes) -> tuple[Played, bool]:
        """A message that somebody left, FLAC or what else libsndfile reads; False where only its beginning is. Raises SpeechError."""
        self.forget()
        sound, whole = await asyncio.to_thread(_decoded, data)
        path = await asyncio.to_thread(self._speech.write, sound)
        self._files.append(path)
        return Played(str(path.with_suffix("")), sound.seconds), whole

    def forget(self) -> None:
        """Delete what was spoken so far. Asterisk closed the file when it stopped to play it."""
        for path in self._files:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        self._files.clear()


def _decoded(data: bytes) -> tuple[Sound, bool]:
    try:
        # a file in memory: for an object of Python libsndfile wants code made at run time, which the unit forbids
        with os.fdopen(os.memfd_create("voicemail"), "wb") as held:
            held.write(data)
            held.seek(0)
            with soundfile.SoundFile(held.fileno(), closefd=False) as file:
                rate, frames = int(file.samplerate), int(file.frames)
                samples = file.read(min(frames, _LONGEST * rate), dtype="int16", always_2d=True)[:, 0]
    except (soundfile.LibsndfileError, ValueError) as error:
        raise SpeechError("a message left cannot be read", "listen to it on the page", code="sound") from error
    return Sound(rate, array("h", samples.tobytes())), frames <= _LONGEST * rate


def _runs(words: Sequence[Said]) -> list[Said]:
    """Neighbours of one language as one text: the engine starts once for them."""
    runs: list[Said] = []
    for said in words:
        last = runs[-1] if runs else None
        if last is not None and not (last.fixed or said.fixed) and last.language == said.language:
            runs[-1] = Said(f"{last.text} {said.text}", said.language)
        else:
            runs.append(said)
    return runs
