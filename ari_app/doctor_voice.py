"""What doctor says of the voice inbox (``*767``): can the speech command speak, can Asterisk read what it spoke."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ari_app.model import Language
from ari_app.probes import Finding
from ari_app.settings import AgiSettings
from ari_app.speech import SpeechError, made, speak

__all__ = ["look"]

_PBX = "asterisk"
_WORD = {"fr": "bonjour", "en": "hello"}


async def look(settings: AgiSettings, languages: Sequence[Language]) -> list[Finding]:
    """Everything wrong with it, or one finding that it is in order. Speaks a word in each language; leaves nothing.

    Nothing here is worse than "warn": texts go all the same.
    """
    folder = settings.sounds
    if not folder.is_dir():
        return [Finding("warn", "sounds", f"*767 has no folder for what is spoken: {folder}", made(folder))]
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return [Finding("warn", "sounds", f"*767 cannot write what is spoken into {folder}", made(folder))]
    found = list(_open_to(folder))
    for language in languages:
        try:
            (await speak(settings.speech, _WORD[language], language, folder)).for_asterisk()
        except SpeechError as error:
            return [*found, Finding("warn", error.code, f"*767 cannot speak: {error.what}", error.fix)]
    return found or [Finding("ok", "speech", f"{settings.speech[0]} speaks {', '.join(languages)} into {folder}")]


def _open_to(folder: Path) -> Iterator[Finding]:
    at = folder.stat()
    if at.st_mode & stat.S_IRWXO:
        yield Finding("warn", "sounds_open", f"{folder} is open to everybody, and patients' texts are spoken into it", made(folder))
    # whose the files in it will be
    group = at.st_gid if at.st_mode & stat.S_ISGID else os.getegid()
    groups = _groups_of_pbx()
    enters = at.st_mode & (stat.S_IXGRP if groups is None or at.st_gid in groups else stat.S_IXOTH)
    if not enters or (groups is not None and group not in groups):
        yield Finding("warn", "sounds_unread", f"Asterisk cannot read what is spoken into {folder}", made(folder))


def _groups_of_pbx() -> set[int] | None:
    """Groups of the user Asterisk runs as on Debian and FreePBX; None where there is no such user to ask about."""
    try:
        user = pwd.getpwnam(_PBX)
    except KeyError:
        return None
    return {user.pw_gid, *(group.gr_gid for group in grp.getgrall() if _PBX in group.gr_mem)}
