"""Sound: from each of Asterisk's formats to FLAC, and nothing of another message."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ari_app.voicemail import sound as room
from ari_app.voicemail.sound import endings, kept
from ari_app.voicemail.spool import mails
from tests.voicemail.spooled import SOUNDS, leave, sounds

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BOX = ("101", "default")


def _hertz(flac: bytes) -> tuple[int, float]:
    samples, rate = soundfile.read(io.BytesIO(flac))
    return round(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)), len(samples) / rate


@pytest.mark.parametrize("ending", SOUNDS)
def test_each_format_becomes_flac(tmp_path: Path, ending: str) -> None:
    leave(tmp_path, AT, ending, message="a", hertz=440, seconds=2.5)
    (mail,) = mails(tmp_path, BOX)
    assert endings(mail) == (ending,)
    found = kept(mail)
    assert found is not None
    assert found.data[:4] == b"fLaC"
    hertz, seconds = _hertz(found.data)
    assert abs(hertz - 440) <= 2
    assert seconds == found.seconds == pytest.approx(2.5, abs=0.07)  # GSM in RIFF comes in blocks of 40 ms


def test_of_several_the_best_is_kept(tmp_path: Path) -> None:
    text = leave(tmp_path, AT, message="a")
    sounds(text.with_suffix(""), "gsm", "WAV", hertz=300)
    sounds(text.with_suffix(""), "wav", hertz=700)
    (mail,) = mails(tmp_path, BOX)
    found = kept(mail)
    assert found is not None
    assert _hertz(found.data)[0] == 700


@pytest.mark.parametrize("junk", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\0" * 3, bytes(range(256)) * 40])
def test_a_sound_that_is_none_is_left_for_the_next_best(tmp_path: Path, junk: bytes) -> None:
    text = leave(tmp_path, AT, "gsm", message="a", hertz=500)
    text.with_suffix(".wav").write_bytes(junk)
    (mail,) = mails(tmp_path, BOX)
    found = kept(mail)
    assert found is not None
    assert abs(_hertz(found.data)[0] - 500) <= 2
    text.with_suffix(".gsm").unlink()
    assert kept(mail) is None
    text.with_suffix(".wav").unlink()
    text.with_suffix(".g722").write_bytes(b"?")
    assert (kept(mail), endings(mail)) == (None, ("g722",))


def test_what_is_no_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    secret = leave(tmp_path / "elsewhere", AT, "wav", message="of another").with_suffix(".wav")
    text = leave(tmp_path, AT, message="a")
    text.with_suffix(".wav").symlink_to(secret)
    os.mkfifo(text.with_suffix(".sln"))
    text.with_suffix(".ulaw").mkdir()
    os.mkfifo(text.with_name("msg0001.txt"))
    text.with_name("msg0002.txt").symlink_to(text)
    (mail,) = mails(tmp_path, BOX)
    assert mail.text == text
    assert kept(mail) is None


def test_a_sound_cut_short_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    text = leave(tmp_path, AT, "wav", message="a", seconds=4)
    whole = text.with_suffix(".wav").read_bytes()
    text.with_suffix(".wav").write_bytes(whole[: len(whole) // 2])
    (mail,) = mails(tmp_path, BOX)
    found = kept(mail)
    assert found is not None
    assert found.seconds == pytest.approx(2, abs=0.1)


def test_the_longest_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_LONGEST", 3)
    leave(tmp_path, AT, "wav", message="a", seconds=8)
    (mail,) = mails(tmp_path, BOX)
    found = kept(mail)
    assert found is not None
    assert found.seconds == 3


def test_the_sound_of_the_next_message_is_never_taken_for_its_own(tmp_path: Path) -> None:
    """Renumbered while it is read: what is in the file now is another caller's."""
    text = leave(tmp_path, AT, "wav", message="a", hertz=400)
    (mail,) = mails(tmp_path, BOX)
    text.unlink()
    leave(tmp_path, AT, "wav", message="b", hertz=900)
    with pytest.raises(FileNotFoundError):
        kept(mail)
    for each in text.parent.iterdir():
        each.unlink()
    with pytest.raises(FileNotFoundError):
        kept(mail)
