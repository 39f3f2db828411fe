"""Written down by an engine in a process of its own: the real pocketsphinx, and engines that do not do as they should."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs

from ari_app.clock import SystemClock
from ari_app.events import Notice
from ari_app.model import Reason
from ari_app.priority_settings import TranscriptionSettings
from ari_app.threads import Store
from ari_app.threads.matching import Found, Left
from ari_app.voicemail import transcribe as room
from ari_app.voicemail.engines import EngineError, speaks, trouble
from ari_app.voicemail.transcribe import Transcriber, Words, write_down
from tests.threads.world import START, a_call, silence, until

SAID = "tomorrow morning"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The words, spoken by espeak-ng, as a telephone carries them."""
    wav = tmp_path_factory.mktemp("said") / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-us+m3", "-s", "130", "-w", wav, SAID], check=True)
    samples, rate = soundfile.read(wav)
    length = int(len(samples) * 8000 / rate)
    narrow = np.interp(np.arange(length) * rate / 8000, np.arange(len(samples)), samples)
    out = io.BytesIO()
    soundfile.write(out, np.concatenate([np.zeros(4000), narrow, np.zeros(4000)]), 8000, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def settings(**changes: Any) -> TranscriptionSettings:
    return TranscriptionSettings(**{"engine": "pocketsphinx", **changes})


class Program:
    """A program in the engine's place, run with the same arguments; what it writes down beside its answer."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "engine.py"
        self.interpreter = folder / "python"
        self.interpreter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{self._script}" "$@"\n')
        self.interpreter.chmod(0o755)
        self._journal = folder / "journal"

    def does(self, *lines: str) -> None:
        begin = f"import json, os, subprocess, sys, time\njournal = open({str(self._journal)!r}, 'a')"
        self._script.write_text("\n".join([begin, *lines]))

    @property
    def wrote(self) -> list[str]:
        return self._journal.read_text().split() if self._journal.exists() else []


def _runs(pid: str) -> bool:
    """A grandchild that ended may lie about as a zombie: it is init's to reap."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    made = Program(tmp_path)
    monkeypatch.setattr(sys, "executable", str(made.interpreter))
    return made


async def test_a_sentence_is_written_down(sound: bytes) -> None:
    assert await write_down(settings(), sound, "en") == Words(SAID, "en")


async def test_silence_is_no_words() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(8000), 8000, format="FLAC", subtype="PCM_16")
    assert (await write_down(settings(), out.getvalue(), "en")).language == "en"


@pytest.mark.parametrize("junk", [b"", b"no sound", b"fLaC" + b"\xff" * 100])
async def test_what_is_no_sound_is_an_error_and_no_crash(junk: bytes) -> None:
    with pytest.raises(EngineError, match="pocketsphinx failed") as caught:
        await write_down(settings(), junk, "en")
    assert caught.value.code == "engine_failed"


async def test_too_little_memory_is_said(sound: bytes) -> None:
    with pytest.raises(EngineError) as caught:
        await write_down(settings(memory=128), sound, "en")
    assert "voicemail.transcription.memory" in caught.value.fix


async def test_one_that_takes_too_long_is_ended_with_all_it_started(program: Program) -> None:
    program.does("child = subprocess.Popen(['sleep', '60'])", "print(os.getpid(), child.pid, file=journal, flush=True)", "time.sleep(60)")
    with pytest.raises(EngineError, match="took longer than 1 s") as caught:
        await write_down(settings(patience="1s"), b"", "en")
    assert caught.value.code == "engine_slow"
    assert len(program.wrote) == 2
    await until(lambda: not any(_runs(pid) for pid in program.wrote))


@pytest.mark.parametrize("said", ["", "nonsense", "[]", "{}", '{"text": 1}', '{"error": null}'])
async def test_one_that_answers_nothing_of_use_is_an_error(program: Program, said: str) -> None:
    program.does("sys.stdin.buffer.read()", f"print({said!r})", "sys.exit(3)")
    with pytest.raises(EngineError, match="status 3") as caught:
        await write_down(settings(), b"x" * 1_000_000, "en")
    assert caught.value.code == "engine_ended"


async def test_it_runs_offline(program: Program) -> None:
    program.does("said = ' '.join([os.environ['HF_HUB_OFFLINE'], *sys.argv[1:]])", "print(json.dumps({'text': said, 'language': None}))")
    words = await write_down(settings(memory=512, patience="90s"), b"", None)
    assert words.text == "1 -m ari_app.voicemail.engines pocketsphinx --language auto --memory 512 --seconds 90"


def test_the_process_limits_itself() -> None:
    code = (
        "import json, os, resource, sys; from ari_app.voicemail import engines as e; e._limit(700, 30); "
        "print(json.dumps([resource.getrlimit(resource.RLIMIT_AS)[0] >> 20, resource.getrlimit(resource.RLIMIT_CPU)[0], os.nice(0), "
        "sorted(n for n in sys.modules if n.startswith('ari_app.'))]))"
    )
    memory, cpu, nice, loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert (memory, cpu, nice) == (700, 30 * (os.cpu_count() or 1), 15)
    assert loaded == ["ari_app.voicemail", "ari_app.voicemail.engines"], "nothing of the service beside the engine"


def test_an_engine_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    missing = trouble("faster-whisper", tmp_path)
    assert missing is not None
    if find_spec("faster_whisper") is None:
        assert (missing.code, "asterisk-textback[whisper]" in missing.fix) == ("engine_missing", True)
    wrong = trouble("pocketsphinx", tmp_path)
    assert wrong is not None
    assert (wrong.code, str(tmp_path) in wrong.what) == ("model_missing", True)
    assert trouble("pocketsphinx", None) is None


@pytest.fixture
def whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A faster_whisper to import, whose words tell how it was called; a folder for its model."""
    (tmp_path / "faster_whisper.py").write_text(
        "from types import SimpleNamespace as N\n"
        "class WhisperModel:\n"
        "    def __init__(self, path, **how):\n"
        "        assert how['local_files_only'] is True and how['device'] == 'cpu', how\n"
        "    def transcribe(self, sound, **how):\n"
        "        assert sound.read(4) == b'fLaC'\n"
        "        words = [' bonjour ', ' rappelez-moi' + str(how['language'])]\n"
        "        return (N(text=each) for each in words), N(language='fr')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]))
    model = tmp_path / "model"
    model.mkdir()
    return model


async def test_a_model_that_is_not_there_is_said_and_never_fetched(whisper: Path) -> None:
    chosen = settings(engine="faster-whisper", model=whisper)
    with pytest.raises(EngineError, match=r"model.bin, config.json, tokenizer.json are not there") as caught:
        await write_down(chosen, b"", None)
    assert (caught.value.code, "textback fetches none" in caught.value.fix) == ("model_missing", True)
    (whisper / "model.bin").touch()
    (whisper / "config.json").touch()
    wrong = trouble("faster-whisper", whisper)
    assert wrong is not None
    assert "tokenizer.json is not there" in wrong.what


@pytest.mark.parametrize(("language", "text"), [(None, "bonjour rappelez-moiNone"), ("en", "bonjour rappelez-moien")])
async def test_how_faster_whisper_is_called(whisper: Path, sound: bytes, language: str | None, text: str) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (whisper / name).touch()
    assert await write_down(settings(engine="faster-whisper", model=whisper), sound, language) == Words(text, "fr")


async def test_what_its_libraries_say_of_too_little_memory_is_told_as_that(whisper: Path, sound: bytes) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (whisper / name).touch()
    (whisper.parent / "faster_whisper.py").write_text(
        "class WhisperModel:\n    def __init__(self, path, **how):\n        raise RuntimeError('mkl_malloc: failed to allocate memory')\n"
    )
    with pytest.raises(EngineError) as caught:
        await write_down(settings(engine="faster-whisper", model=whisper), sound, "fr")
    assert caught.value.code == "engine_memory"


def test_what_an_engine_speaks() -> None:
    assert [speaks("faster-whisper", each, None) for each in ("fr", "en", None)] == [True, True, True]
    assert [speaks("pocketsphinx", each, None) for each in ("fr", "en", None)] == [False, True, False]
    assert [speaks("pocketsphinx", each, Path("/a/model")) for each in ("fr", "en", None)] == [True, True, False]


# -- one after the other


@asynccontextmanager
async def at_work(folder: Path, chosen: TranscriptionSettings, sounds: list[bytes]) -> AsyncIterator[Store]:
    """Messages of a thread, the newest filed first, and a transcriber."""
    made: list[Transcriber] = []

    def noticed(notices: tuple[Notice, ...]) -> None:
        for each in made:
            each.noticed(notices)

    store = Store(folder / "textback.db", SystemClock(), on_notices=noticed)
    await store.open()
    call = a_call()
    thread = (await store.record_call(call, silence(Reason.LIMIT), line="main")).thread
    made.append(Transcriber(chosen, store, SystemClock()))
    for number, sound in reversed(list(enumerate(sounds))):
        left = Left(
            message=f"m{number}", mailbox="101", context="default", folder="INBOX", at=START + timedelta(minutes=number),
            seconds=2, channel="x", presented="",
        )  # fmt: skip
        await store.voicemail.file(left, Found(call.id, thread), ("audio/flac", sound), transcribe=True, priority=lambda *_: None)
    running = asyncio.create_task(made[0].run())
    try:
        yield store
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.close()


async def _states(store: Store, *, without: str) -> Sequence[tuple[str, str | None]]:
    async with asyncio.timeout(20):
        while True:
            (row,) = (await store.board.rows_of([1]))[:1]
            entries = (await store.board.thread(row.thread)).entries
            found = [(each.transcription, each.transcript) for each in entries if each.type == "voicemail"]
            if without not in [state for state, _ in found]:
                return found[::-1]
            await asyncio.sleep(0.01)


async def test_the_oldest_first_one_at_a_time_and_what_fails_twice_has_failed(tmp_path: Path, program: Program) -> None:
    program.does(
        "sound = sys.stdin.read()",
        "print('+' + sound, file=journal, flush=True)",
        "time.sleep(0.05)",
        "print('-' + sound, file=journal, flush=True)",
        "if sound == 'b': sys.exit(1)",
        "print(json.dumps({'text': 'words of ' + sound, 'language': 'en'}))",
    )
    with capture_logs() as logs:
        async with at_work(tmp_path, settings(language="en"), [b"a", b"b", b"c"]) as store:
            assert await _states(store, without="waiting") == [("done", "words of a"), ("failed", None), ("done", "words of c")]
    assert program.wrote == ["+a", "-a", "+b", "-b", "+b", "-b", "+c", "-c"]
    assert "words of" not in str(logs)
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["transcription_failed"] * 2


async def test_a_language_the_engine_does_not_speak_is_left_alone(tmp_path: Path) -> None:
    async with at_work(tmp_path, settings(), [b"a"]) as store:
        assert await _states(store, without="waiting") == [("off", None)]


async def test_while_the_engine_is_not_there_messages_wait_and_it_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_RETRY", 0.02)
    chosen = settings(model=tmp_path / "model", language="en")
    with capture_logs() as logs:
        async with at_work(tmp_path, chosen, [b"a"]) as store:
            await asyncio.sleep(0.2)
            assert await store.voicemail.next_for_words() is not None
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["no_transcription"]


async def test_a_stop_ends_the_process_under_way(tmp_path: Path, program: Program) -> None:
    program.does("print(os.getpid(), file=journal, flush=True)", "time.sleep(60)")
    async with at_work(tmp_path, settings(language="en"), [b"a"]):
        await until(lambda: bool(program.wrote))
    assert not _runs(program.wrote[0])
