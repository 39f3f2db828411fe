"""The engines that write down what was said, each in a process of its own that may take so much and no more:

    python -m ari_app.voicemail.engines ENGINE --language fr|en|auto --memory MIB --seconds S [--model FOLDER] <SOUND >JSON

SOUND is FLAC. It says ``{"text", "language"}``, or ``{"error": {"code", "what", "fix"}}`` and ends with 1. Nothing is ever fetched from
anywhere: a model that is not there is an error. Nothing but this module is loaded beside the engine.

Sources: faster-whisper's README (WhisperModel, ``local_files_only``) and the files of a CTranslate2 model; pocketsphinx 5's Decoder.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import io
import json
import mmap
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ENGINES", "Engine", "EngineError", "speaks", "trouble"]

_LANGUAGES = ("fr", "en")
_LONGEST_TEXT = 20_000
"""Characters of a transcript: ten minutes of speech are some 9,000."""
_NICE = 15
_PR_SET_PDEATHSIG = 1
_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without tokenizer.json faster-whisper would fetch one."""
_SPHINX_RATE = 16_000
_NOISE = 60
"""Of 32767."""


class EngineError(Exception):
    """What keeps an engine from writing down: ``code``, what, then the fix."""

    def __init__(self, code: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine. ``write``: sound, language ("" for whatever it finds), model → text and the language it was said in."""

    package: str
    extra: str
    """Of asterisk-textback, which brings the package."""
    write: Callable[[bytes, str, Path | None], tuple[str, str]]
    check: Callable[[Path | None], EngineError | None]
    finds_language: bool
    makes_code: bool
    """As it runs (oneDNN's kernels): what MemoryDenyWriteExecute forbids."""


def trouble(engine: str, model: Path | None) -> EngineError | None:
    """Why an engine cannot be used by this process, as far as is known without loading it."""
    chosen = ENGINES[engine]
    if importlib.util.find_spec(chosen.package) is None:
        return EngineError("engine_missing", f"{engine} is not installed", f'pip install "asterisk-textback[{chosen.extra}]"')
    if chosen.makes_code and not _may_make_code():
        return EngineError(
            "engine_forbidden",
            f"{engine} makes code as it runs, which the service's unit forbids",
            "systemctl edit textback, write there [Service] and below it MemoryDenyWriteExecute=no, then systemctl restart textback",
        )
    return chosen.check(model)


def _may_make_code() -> bool:
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return False
    return True


def speaks(engine: str, language: str | None, model: Path | None) -> bool:
    """Can it write down this language; None: one that is not known."""
    return ENGINES[engine].finds_language or language == "en" or (language is not None and model is not None)


# -- faster-whisper


def _whisper_files(model: Path | None) -> EngineError | None:
    if model is None:
        return EngineError("model_missing", "faster-whisper has no model", "set voicemail.transcription.model to its folder")
    missing = [name for name in _WHISPER_FILES if not (model / name).is_file()]
    if missing:
        return EngineError(
            "model_missing",
            f"{model} holds no model for faster-whisper: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there",
            "put a model of CTranslate2 there (such as Systran's faster-whisper-small), readable by the user that runs textback; "
            "textback fetches none",
        )
    return None


def _whisper(sound: bytes, language: str, model: Path | None) -> tuple[str, str]:
    from faster_whisper import WhisperModel  # noqa: PLC0415  (half a second and 200 MB: only here)

    whisper = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=_threads(), local_files_only=True)
    # each stretch by itself: what was misheard once is not carried on
    said, found = whisper.transcribe(
        io.BytesIO(sound), language=language or None, beam_size=5, vad_filter=True, condition_on_previous_text=False
    )
    return " ".join(segment.text.strip() for segment in said), found.language


def _threads() -> int:
    """Half the processors: calls and texts come first."""
    return max(1, (os.cpu_count() or 1) // 2)


# -- pocketsphinx


def _sphinx_files(model: Path | None) -> EngineError | None:
    if model is not None and len(_sphinx_parts(model)) < 3:
        return EngineError(
            "model_missing",
            f"{model} holds no model for pocketsphinx: a folder with mdef, a *.lm.bin and a *.dict belong there",
            "put one there, or leave voicemail.transcription.model out for its own, which is English",
        )
    return None


def _sphinx_parts(model: Path) -> dict[str, str]:
    """Acoustic model, language model and dictionary, by the Decoder's names."""
    globs = {"hmm": "**/mdef", "lm": "*.lm.bin", "dict": "*.dict"}
    found = {name: next(iter(sorted(model.glob(pattern))), None) for name, pattern in globs.items()}
    return {name: str(path.parent if name == "hmm" else path) for name, path in found.items() if path is not None}


def _sphinx(sound: bytes, language: str, model: Path | None) -> tuple[str, str]:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415
    from pocketsphinx import Decoder  # noqa: PLC0415

    with os.fdopen(os.memfd_create("sound"), "wb") as held:  # for an object of Python libsndfile wants code made at run time
        held.write(sound)
        held.seek(0)
        samples, rate = soundfile.read(held.fileno(), dtype="int16", closefd=False)
    # Its models are of 16 kHz. A telephone's upper band is empty, which they take for no speech at all: a little noise fills it
    # (words understood of sentences by espeak-ng: half with it, a sixth without).
    length = int(len(samples) * _SPHINX_RATE / rate)
    wide = np.interp(np.arange(length) * (rate / _SPHINX_RATE), np.arange(len(samples)), samples)
    wide += np.random.default_rng(0).normal(0, _NOISE, length)
    decoder = Decoder(samprate=float(_SPHINX_RATE), loglevel="FATAL", **(_sphinx_parts(model) if model is not None else {}))
    decoder.start_utt()
    decoder.process_raw(wide.clip(-32768, 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    best = decoder.hyp()
    return ("" if best is None else best.hypstr), language or "en"


ENGINES = {
    "faster-whisper": Engine("faster_whisper", "whisper", _whisper, _whisper_files, finds_language=True, makes_code=True),
    "pocketsphinx": Engine("pocketsphinx", "pocketsphinx", _sphinx, _sphinx_files, finds_language=False, makes_code=False),
}


# -- the process


def _limit(memory: int, seconds: int) -> None:
    """Little, late and not after the service's own end."""
    resource.setrlimit(resource.RLIMIT_AS, (memory << 20,) * 2)
    processors = os.cpu_count() or 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds * processors,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(PermissionError):  # a stricter unit than ours may forbid setpriority(2)
        os.nice(_NICE)
    with contextlib.suppress(OSError, AttributeError):  # prctl(2) is Linux's
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(engine: str, language: str, model: Path | None) -> dict[str, Any]:
    """Raises EngineError."""
    wrong = trouble(engine, model)
    if wrong is not None:
        raise wrong
    sound = sys.stdin.buffer.read()
    try:
        text, found = ENGINES[engine].write(sound, "" if language == "auto" else language, model)
    except Exception as error:
        # MKL and oneDNN have no MemoryError: "mkl_malloc: failed to allocate memory"
        if isinstance(error, MemoryError) or "alloc" in str(error):
            raise EngineError("engine_memory", f"{engine} needs more memory", "raise voicemail.transcription.memory") from error
        # what it says may hold what it heard: its kind alone is told
        raise EngineError("engine_failed", f"{engine} failed ({type(error).__name__})", "see that its model is whole") from error
    return {"text": text.strip()[:_LONGEST_TEXT], "language": found if found in _LANGUAGES else None}


def main() -> int:
    """The process; its exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--language", choices=[*_LANGUAGES, "auto"], default="auto")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    given = parser.parse_args()
    _limit(given.memory, given.seconds)
    # an engine that prints says nothing to us
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        said, status = _run(given.engine, given.language, given.model), 0
    except EngineError as error:
        said, status = {"error": {"code": error.code, "what": error.what, "fix": error.fix}}, 1
    with answer:
        json.dump(said, answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
