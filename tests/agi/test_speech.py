"""Speech with the real espeak-ng: what it makes, how Asterisk gets it, and what is left behind: nothing."""

from __future__ import annotations

import asyncio
import math
import os
import stat
import sys
from array import array
from pathlib import Path

import pytest

from agi.speech import Said, Speech
from ari_app.doctor_voice import look
from ari_app.settings import AgiSettings
from ari_app.speech import Sound, SpeechError, joined, pieces, speak, speakable

ESPEAK = AgiSettings().speech


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sounds"
    made.mkdir(mode=0o750)
    return made


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def loud(samples: array[int]) -> float:
    """Root mean square, of 32767."""
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def program(folder: Path, body: str) -> tuple[str, ...]:
    """A speech command of a few lines of Python: ``text`` is what it was given, ``file`` where the sound goes."""
    path = folder.parent / "engine.py"
    path.write_text(f"import sys, time, wave\nlanguage, file = sys.argv[1:]\ntext = sys.stdin.read()\n{body}\n", encoding="utf-8")
    return (sys.executable, str(path), "{language}", "{file}")


TONE = """
with wave.open(file, "wb") as out:
    out.setnchannels({channels}); out.setsampwidth({width}); out.setframerate({rate})
    out.writeframes(bytes([0, 16]) * {rate} * {channels} if {loud} else bytes({rate}))
"""


@pytest.mark.parametrize(("language", "text"), [("fr", "Trois personnes attendent, ça va?"), ("en", "Three callers wait.")])
async def test_espeak_speaks_both_languages(folder: Path, language: str, text: str) -> None:
    sound = await speak(ESPEAK, text, language, folder)
    assert 0.5 < sound.seconds < 6
    assert loud(sound.samples) > 500
    assert names(folder) == []


async def test_a_longer_text_lasts_longer_and_the_language_is_heard(folder: Path) -> None:
    short, long = [await speak(ESPEAK, text, "en", folder) for text in ("Hello.", "Hello, this is about tomorrow morning.")]
    assert long.seconds > 2 * short.seconds
    assert (await speak(ESPEAK, "Hello.", "fr", folder)).samples != short.samples


@pytest.mark.parametrize(
    ("rate", "ending", "times"),
    [(8000, "sln", 1), (11025, "sln44", 4), (16000, "sln16", 1), (22050, "sln44", 2), (24000, "sln24", 1), (48000, "sln48", 1)],
)
def test_asterisk_gets_a_rate_it_has_a_name_for(rate: int, ending: str, times: int) -> None:
    name, content = Sound(rate, array("h", [1, -2, 3])).for_asterisk()
    assert name == ending
    assert list(array("h", content)) == [sample for sample in (1, -2, 3) for _ in range(times)]


def test_a_rate_that_asterisk_cannot_play_is_said() -> None:
    with pytest.raises(SpeechError, match=r"makes sound of 44099 Hz.*22050"):
        Sound(44099, array("h", [1])).for_asterisk()


def test_sounds_of_one_rate_are_one_file_and_the_parts_stay_as_they_were() -> None:
    first, second, third = (Sound(rate, array("h", [value])) for rate, value in ((8000, 1), (8000, 2), (16000, 3)))
    assert joined([first, second, third]) == [Sound(8000, array("h", [1, 2])), Sound(16000, array("h", [3]))]
    assert first.samples == array("h", [1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  a\r\n b\tc ", "a b c"),
        ("a\x00b\x1b[2J\u202ec\ufeff", "a b [2J c"),
        ("[[h@'loU]] toi ]]>", "h@'loU toi >"),
        ("call 5145550123 at 10:30", "call 5 1 4 5 5 5 0 1 2 3 at 10:30"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("e\u0301t\u00e9", "été"),
        ("\ud800", ""),
    ],
)
def test_what_is_said_of_hostile_texts(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize("text", ["é" * 3000, "mot " * 900, "x" * 900, "a", "", "é b" * 500])
def test_pieces_are_short_whole_and_lose_nothing(text: str) -> None:
    found = pieces(text)
    assert all(0 < len(piece.encode()) <= 900 for piece in found)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


async def test_a_long_text_is_spoken_whole(folder: Path) -> None:
    once = await speak(ESPEAK, "une phrase assez longue. " * 36, "fr", folder)
    twice = await speak(ESPEAK, "une phrase assez longue. " * 72, "fr", folder)
    assert 1.8 < twice.seconds / once.seconds < 2.2


async def test_the_text_is_given_on_stdin_and_on_no_command_line(folder: Path) -> None:
    body = "assert text == 'secret\\n' and language == 'fr' and 'secret' not in open('/proc/self/cmdline').read()"
    command = program(folder, body + TONE.format(channels=1, width=2, rate=8000, loud=True))
    assert (await speak(command, "secret", "fr", folder)).seconds == 1.0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit(3)", "ends with 3"),
        ("pass", "is no WAV that can be read"),
        ("open(file, 'w').write('hello')", "is no WAV that can be read"),
        (TONE.format(channels=2, width=2, rate=8000, loud=True), "2 channels and 16 bits"),
        (TONE.format(channels=1, width=1, rate=8000, loud=True), "1 channels and 8 bits"),
        (TONE.format(channels=1, width=2, rate=8000, loud=False), "silence"),
    ],
)
async def test_an_engine_that_fails_is_named_with_what_it_did(folder: Path, body: str, told: str) -> None:
    with pytest.raises(SpeechError, match=told) as caught:
        await speak(program(folder, body), "bonjour", "fr", folder)
    assert caught.value.fix
    assert names(folder) == []


async def test_an_engine_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.speech._PATIENCE", 2.0)
    pid = folder.parent / "pid"
    with pytest.raises(SpeechError, match="takes longer"):
        await speak(program(folder, f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"), "x", "fr", folder)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text(encoding="utf-8")), 0)
    assert names(folder) == []


async def test_an_engine_that_is_not_there_is_told_with_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(SpeechError) as caught:
        await speak(ESPEAK, "bonjour", "fr", folder)
    assert (caught.value.code, caught.value.fix) == ("speech_missing", "apt-get install espeak-ng")


async def test_a_call_s_files_are_for_asterisk_s_group_and_gone_with_it(folder: Path) -> None:
    speech = Speech(AgiSettings(sounds=folder))
    before = os.umask(0o077)
    try:
        with speech.voice() as voice:
            [played] = await voice.say([Said("Bonjour.", "fr"), Said("Hello.", "en"), Said("\u202e", "fr")])
            assert names(folder) == [f"{Path(played.name).name}.sln44"]
            file = os.stat(f"{played.name}.sln44")  # noqa: PTH116
            assert stat.S_IMODE(file.st_mode) == 0o640
            assert file.st_size == pytest.approx(played.seconds * 44100 * 2, rel=0.01)
            [again] = await voice.say([Said("Autre chose.", "fr")])
            assert names(folder) == [f"{Path(again.name).name}.sln44"]
    finally:
        os.umask(before)
    assert names(folder) == []


async def test_what_every_call_hears_is_spoken_once_and_what_is_a_patient_s_never_kept(folder: Path) -> None:
    count = folder.parent / "count"
    body = f"open({str(count)!r}, 'a').write(text)" + TONE.format(channels=1, width=2, rate=8000, loud=True)
    speech = Speech(AgiSettings(speech=program(folder, body), sounds=folder))
    for _ in range(2):
        with speech.voice() as voice:
            await voice.say([Said("menu", "fr", fixed=True), Said("texte", "fr")])
    assert sorted(count.read_text(encoding="utf-8").split()) == ["menu", "texte", "texte"]


async def test_neighbours_of_one_language_are_one_text(folder: Path) -> None:
    count = folder.parent / "count"
    body = f"open({str(count)!r}, 'a').write(language + ':' + text)" + TONE.format(channels=1, width=2, rate=8000, loud=True)
    speech = Speech(AgiSettings(speech=program(folder, body), sounds=folder))
    with speech.voice() as voice:
        await voice.say([Said("un.", "fr"), Said("deux.", "fr"), Said("three.", "en"), Said("quatre.", "fr")])
    assert count.read_text(encoding="utf-8").splitlines() == ["fr:un. deux.", "en:three.", "fr:quatre."]


def test_what_a_killed_service_left_is_deleted_and_nothing_else(folder: Path) -> None:
    for name in (f"{'a' * 32}.sln44", f"{'b' * 32}.wav", "ours.wav", "readme"):
        (folder / name).touch()
    Speech(AgiSettings(sounds=folder)).clear()
    assert {path.name for path in folder.iterdir()} == {"ours.wav", "readme"}
    Speech(AgiSettings(sounds=folder / "nowhere")).clear()


async def test_a_folder_that_is_not_there_is_told_with_how_to_make_it(folder: Path) -> None:
    with Speech(AgiSettings(sounds=folder / "nowhere")).voice() as voice:
        with pytest.raises(SpeechError, match=r"nowhere cannot be written.*install -d -o .* -g asterisk -m 2750") as caught:
            await voice.say([Said("bonjour", "fr")])
        assert caught.value.code == "sounds"


async def test_a_call_that_ends_while_words_are_spoken_leaves_nothing(folder: Path) -> None:
    speech = Speech(AgiSettings(speech=program(folder, "time.sleep(600)"), sounds=folder))

    async def call() -> None:
        with speech.voice() as voice:
            await voice.say([Said("bonjour", "fr")])

    task = asyncio.create_task(call())
    async with asyncio.timeout(10):
        while not names(folder):  # noqa: ASYNC110 (the engine has no one to tell)
            await asyncio.sleep(0.01)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
    assert names(folder) == []


# -- doctor


async def test_doctor_finds_it_in_order(folder: Path) -> None:
    os.chmod(folder, 0o2750)  # noqa: PTH101, S103
    found = await look(AgiSettings(sounds=folder), ("fr", "en"))
    assert [(each.state, each.code) for each in found if each.code != "sounds_unread"] in ([("ok", "speech")], [])
    assert names(folder) == []


@pytest.mark.parametrize(
    ("code", "what", "fix"),
    [
        ("speech_missing", "no-such-engine cannot be run", "install it, or correct agi.speech"),
        ("sounds", "no folder for what is spoken", "install -d"),
        ("sounds_open", "open to everybody", "-m 2750"),
    ],
)
async def test_doctor_says_what_keeps_it_from_speaking(folder: Path, code: str, what: str, fix: str) -> None:
    settings = {"sounds": folder}
    match code:
        case "speech_missing":
            settings["speech"] = ("no-such-engine", "{file}")  # type: ignore[assignment]
        case "sounds":
            settings["sounds"] = folder / "nowhere"
        case "sounds_open":
            os.chmod(folder, 0o2755)  # noqa: PTH101, S103
    found = {each.code: each for each in await look(AgiSettings.model_validate(settings), ("fr",))}
    assert found[code].state == "warn"
    assert what in found[code].what
    assert fix in found[code].fix
