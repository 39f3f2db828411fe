"""A message left, put into the file as the keeper of voicemail does: its row and its sound, a tone as FLAC."""

from __future__ import annotations

import io
import math
import sqlite3
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile

from ari_app.threads.rows import stamp

__all__ = ["leave", "tone"]


def tone(seconds: float, rate: int = 8000, hertz: float = 440.0) -> bytes:
    """A tone as FLAC, mono, 16 bits."""
    wave = (8000 * np.sin(2 * math.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("int16")
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def leave(
    path: Path,
    thread: int,
    at: datetime,
    *,
    seconds: float = 2.0,
    transcript: str | None = None,
    sound: bytes | None = b"",
    heard: bool = False,
) -> int:
    """Into the newest call of a thread; the message's id. ``sound`` None: it is not kept; b"": a tone as long as it is."""
    kept = tone(seconds) if sound == b"" else sound
    with sqlite3.connect(path, timeout=10) as file:
        (call,) = file.execute("SELECT id FROM call WHERE thread = ? ORDER BY started DESC LIMIT 1", (thread,)).fetchone()
        (number,) = file.execute("SELECT count(*) FROM voicemail").fetchone()
        made = file.execute(
            """INSERT INTO voicemail (call, thread, message, mailbox, context, folder, at, seconds, heard, transcription, transcript)
                VALUES (?, ?, ?, '100', 'default', 'INBOX', ?, ?, ?, ?, ?)""",
            (
                call,
                thread,
                f"1772463600-{number:08}",
                stamp(at),
                seconds,
                stamp(at) if heard else None,
                "off" if transcript is None else "done",
                transcript,
            ),
        ).lastrowid
        assert made is not None
        if kept is not None:
            file.execute("INSERT INTO recording (voicemail, type, sound) VALUES (?, 'audio/flac', ?)", (made, kept))
        file.execute("UPDATE call SET voicemail_left = 1 WHERE id = ?", (call,))
    file.close()
    return made
