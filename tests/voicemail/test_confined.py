"""With the system calls that the unit leaves the service: sound is kept, words are written down, what cannot work is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.voicemail.spooled import SOUNDS, leave

_KEEP = """
import sys
from pathlib import Path
from ari_app.voicemail.sound import kept
from ari_app.voicemail.spool import mails
print(*[round(kept(mail).seconds, 1) for mail in mails(Path(sys.argv[1]), ("101", "default"))])
"""
_TELL = """
import sys
from agi.speech import _decoded
print(_decoded(sys.stdin.buffer.read())[0].seconds)
"""
_NICE = """
import os
from ari_app.voicemail.engines import _limit
_limit(512, 9)
print(os.nice(0))
"""


def _confined(*command: str, stdin: bytes = b"", **environ: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.confined", sys.executable, *command],
        input=stdin,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environ},
        timeout=60,
        check=False,
    )
    assert ran.stdout, ran.stderr.decode()
    return ran.stdout.decode()


def _engine(*arguments: str, stdin: bytes, **environ: str) -> Any:
    limits = ("--memory", "2048", "--seconds", "60")
    return json.loads(_confined("-m", "ari_app.voicemail.engines", *arguments, *limits, stdin=stdin, **environ))


def test_every_format_is_kept(tmp_path: Path) -> None:
    for position, ending in enumerate(SOUNDS):
        leave(tmp_path, datetime(2026, 3, 2, 15, position, tzinfo=UTC), ending, message=str(position), seconds=2)
    assert _confined("-c", _KEEP, str(tmp_path)).split() == ["2.0"] * len(SOUNDS)


def test_a_message_is_played_on_a_phone(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.flac", np.zeros(8000), 8000)
    assert _confined("-c", _TELL, stdin=(tmp_path / "silence.flac").read_bytes()) == "1.0\n"


def test_pocketsphinx_writes_down_at_low_priority(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.flac", np.zeros(8000), 8000)
    said = _engine("pocketsphinx", "--language", "en", stdin=(tmp_path / "silence.flac").read_bytes())
    assert said.get("language") == "en", said
    assert _confined("-c", _NICE) == "15\n"


def test_faster_whisper_which_makes_code_as_it_runs_says_what_the_unit_needs(tmp_path: Path) -> None:
    (tmp_path / "faster_whisper").mkdir()
    (tmp_path / "faster_whisper/__init__.py").touch()
    said = _engine("faster-whisper", "--model", str(tmp_path), stdin=b"", PYTHONPATH=str(tmp_path))
    assert said["error"]["code"] == "engine_forbidden", said
    assert "MemoryDenyWriteExecute=no" in said["error"]["fix"]
