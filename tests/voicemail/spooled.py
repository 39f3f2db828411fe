"""A spool as app_voicemail writes it, of Asterisk's own files' shape, and sounds in its formats."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

__all__ = ["SOUNDS", "leave", "sounds", "texts"]

SOUNDS: dict[str, dict[str, Any]] = {
    "wav16": {"format": "WAV", "subtype": "PCM_16", "samplerate": 16_000},
    "wav": {"format": "WAV", "subtype": "PCM_16", "samplerate": 8000},
    "sln": {"format": "RAW", "subtype": "PCM_16", "endian": "LITTLE", "samplerate": 8000},
    "ulaw": {"format": "RAW", "subtype": "ULAW", "samplerate": 8000},
    "alaw": {"format": "RAW", "subtype": "ALAW", "samplerate": 8000},
    "WAV": {"format": "WAV", "subtype": "GSM610", "samplerate": 8000},
    "gsm": {"format": "RAW", "subtype": "GSM610", "samplerate": 8000},
}


def sounds(stem: Path, *endings: str, hertz: float = 400, seconds: float = 2) -> None:
    """A tone in each format."""
    for ending in endings:
        how = SOUNDS[ending]
        steps = np.arange(int(seconds * how["samplerate"])) / how["samplerate"]
        soundfile.write(stem.with_name(f"{stem.name}.{ending}"), 0.4 * np.sin(2 * np.pi * hertz * steps), **how)


def leave(
    spool: Path,
    at: datetime,
    *endings: str,
    message: str,
    channel: str = "PJSIP/trunk-00000001",
    caller: str = "5145550101",
    mailbox: str = "101",
    folder: str = "INBOX",
    hertz: float = 400,
    seconds: float = 2,
) -> Path:
    """A message at the end of a folder; its .txt."""
    home = spool / "default" / mailbox / folder
    home.mkdir(parents=True, exist_ok=True)
    stem = home / f"msg{len(list(home.glob('msg*.txt'))):04d}"
    sounds(stem, *endings, hertz=hertz, seconds=seconds)
    text = stem.with_suffix(".txt")
    text.write_text(
        ";\n; Message Information file\n;\n[message]\n"
        f"origmailbox={mailbox}\ncontext=from-trunk\nexten=s\nrdnis=unknown\npriority=2\ncallerchan={channel}\ncallerid={caller}\n"
        f"origdate=x\norigtime={int(at.timestamp())}\ncategory=\nmsg_id={message}\nflag=\nduration={int(seconds)}\n",
        encoding="utf-8",
    )
    return text


def texts(spool: Path, folder: str, mailbox: str = "101") -> dict[str, str]:
    """Message by file name."""
    home = spool / "default" / mailbox / folder
    return {
        each.name: each.read_text(encoding="utf-8").partition("msg_id=")[2].partition("\n")[0] for each in sorted(home.glob("msg*.txt"))
    }
