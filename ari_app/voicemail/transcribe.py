"""Has messages written down by an engine of this machine: one at a time, the oldest first, in a process that is ended in time.

The interface of an engine is ``write_down``: sound in, ``Words`` out. What was said is a patient's: no log has any of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass

import structlog

from ari_app.clock import Clock, sleep_or
from ari_app.errors import StoreError
from ari_app.events import Notice, VoicemailChanged
from ari_app.model import Language
from ari_app.priority_settings import TranscriptionSettings
from ari_app.threads import Store
from ari_app.threads.voicemail import WaitingForWords
from ari_app.voicemail.engines import EngineError, speaks, trouble

__all__ = ["Transcriber", "Words", "write_down"]

log = structlog.get_logger("transcription")

_TRIES = 2
_RETRY = 60.0
"""Seconds until an engine or a store that was not there is looked for again."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
"""No model is fetched and nothing told, whatever the engine's own ideas."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a machine understood. ``language``: in which it was said, where the engine tells."""

    text: str
    language: Language | None


async def write_down(settings: TranscriptionSettings, sound: bytes, language: Language | None) -> Words:
    """One message, in a process of its own: nice, bounded in memory and time, gone when this returns. Raises EngineError."""
    seconds = settings.patience.total_seconds()
    model = [] if settings.model is None else ["--model", str(settings.model)]
    limits = ["--memory", str(settings.memory), "--seconds", str(max(1, round(seconds)))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ari_app.voicemail.engines", settings.engine, "--language", language or "auto", *limits, *model),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # engines write there what they heard
        start_new_session=True,
        env={**os.environ, **_ENVIRONMENT},
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(sound)
    except TimeoutError as error:
        raise EngineError(
            "engine_slow",
            f"{settings.engine} took longer than {seconds:g} s",
            "choose a smaller model, or raise voicemail.transcription.patience",
        ) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return _words(settings, said, process.returncode or 0)


def _words(settings: TranscriptionSettings, said: bytes, status: int) -> Words:
    try:
        answer = json.loads(said)
        wrong = answer.get("error")
        if wrong is None:
            return Words(str(answer["text"]), answer["language"])
        raise EngineError(str(wrong["code"]), str(wrong["what"]), str(wrong["fix"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        ended = f"signal {-status}" if status < 0 else f"status {status}"
        raise EngineError(
            "engine_ended",
            f"{settings.engine} ended with {ended} and said nothing",
            f"it may need more than voicemail.transcription.memory = {settings.memory}",
        ) from error


class Transcriber:
    """``run`` writes down what waits, until cancelled."""

    def __init__(self, settings: TranscriptionSettings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._wake = asyncio.Event()
        self._said: str | None = None
        """What was last said to be wrong with the engine."""

    def noticed(self, notices: tuple[Notice, ...]) -> None:
        """This changed in the store."""
        if any(isinstance(each, VoicemailChanged) for each in notices):
            self._wake.set()

    async def run(self) -> None:
        """One message after the other."""
        while True:
            self._wake.clear()
            try:
                job = await self._store.voicemail.next_for_words()
                if job is None:
                    await self._wake.wait()
                elif self._ready():
                    await self._write_down(job)
                else:
                    await self._clock.sleep(_RETRY)
            except StoreError as error:
                log.error("not_written_down", what=error.what, fix=error.fix)
                await sleep_or(self._clock, _RETRY, self._wake)

    def _ready(self) -> bool:
        """Is the engine there; said once where it is not. What waits goes on waiting."""
        wrong = trouble(self._settings.engine, self._settings.model)
        if wrong is not None and wrong.what != self._said:
            log.warning("no_transcription", what=wrong.what, fix=wrong.fix)
        self._said = wrong.what if wrong is not None else None
        return wrong is None

    async def _write_down(self, job: WaitingForWords) -> None:
        settings, known = self._settings, self._store.voicemail
        language = job.language if settings.language == "auto" else settings.language
        if not speaks(settings.engine, language, settings.model):
            log.info("language_not_spoken", voicemail=job.id, engine=settings.engine, language=language)
            await known.not_written_down(job.id, "off")
            return
        sound = await known.sound(job.id)
        for _ in range(_TRIES):
            began = self._clock.monotonic()
            try:
                words = await write_down(settings, sound, language)
            except (EngineError, OSError) as error:
                what, fix = (error.what, error.fix) if isinstance(error, EngineError) else (str(error), "")
                log.warning("transcription_failed", voicemail=job.id, what=what, fix=fix)
                continue
            await known.written_down(job.id, words.text, words.language)
            took = round(self._clock.monotonic() - began, 1)
            log.info("transcribed", voicemail=job.id, seconds=round(job.seconds, 1), took_s=took)
            return
        await known.not_written_down(job.id, "failed")
