"""What doctor says of the voice inbox (``*767``): can the speech command speak, can Asterisk read what it spoke."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ari_app.errors import PbxError
from ari_app.model import Language
from ari_app.pbx.ari_rest import AriRest
from ari_app.probes import Finding
from ari_app.settings import AgiSettings, PbxSettings
from ari_app.speech import SpeechError, made, speak

__all__ = ["look", "resampling"]

_PBX = "asterisk"
_RESAMPLER = "codec_resample.so"
_PATIENCE = 3.0
_WORD = {"fr": "bonjour", "en": "hello"}


async def look(settings: AgiSettings, languages: Sequence[Language], pbx: PbxSettings | None = None) -> list[Finding]:
    """Everything wrong with it, or one finding that it is in order. Speaks a word in each language; leaves nothing. ``pbx`` is asked too.

    Nothing here is worse than "warn": texts go all the same.
    """
    folder = settings.sounds
    if not folder.is_dir():
        return [Finding("warn", "sounds", f"*767 has no folder for what is spoken: {folder}", made(folder))]
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return [Finding("warn", "sounds", f"*767 cannot write what is spoken into {folder}", made(folder))]
    found = list(_open_to(folder))
    endings = set()
    for language in languages:
        try:
            endings.add((await speak(settings.speech, _WORD[language], language, folder)).for_asterisk()[0])
        except SpeechError as error:
            return [*found, Finding("warn", error.code, f"*767 cannot speak: {error.what}", error.fix)]
    if pbx is not None and endings != {"sln"} and (silent := await resampling(pbx)) is not None:
        found.append(silent)
    return found or [Finding("ok", "speech", f"{settings.speech[0]} speaks {', '.join(languages)} into {folder}")]


async def resampling(settings: PbxSettings) -> Finding | None:
    """Can Asterisk play what is spoken at the speech engine's own rate; None where it can, or does not answer (said elsewhere)."""
    ari = AriRest(settings, patience=_PATIENCE)
    try:
        if await ari.runs(_RESAMPLER):
            return None
    except PbxError:
        return None
    finally:
        await ari.close()
    return Finding(
        "warn",
        "sounds_rate",
        f"*767 would be silent: Asterisk has no {_RESAMPLER} to bring speech to the rate of telephones",
        f"asterisk -rx 'module load {_RESAMPLER}', and no noload of it in modules.conf; or let agi.speech make WAVs of 8000 Hz",
    )


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
