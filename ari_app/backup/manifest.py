"""What lies in the folder of the backups: ``manifest.json`` beside them says of each when it was made, what is in it and its digest.

The file is a JSON list, newest first, of ``{"file", "at", "bytes", "sha256", "schema", "calls", "messages", "kept_until"}``: times in
ISO 8601 UTC, ``schema`` the last migration. It holds no word and no number of anybody. Mode 0600.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ari_app.errors import StoreError
from ari_app.settings import Settings
from ari_app.threads import place

__all__ = ["ERASURES", "KEY", "MANIFEST", "Copy", "file_name", "held", "last", "read", "write"]

MANIFEST = "manifest.json"
KEY = "textback.key"
"""The house's key, which opens nothing without the backups and without which they do not know who wants no texts."""
ERASURES = "erasures.jsonl"
_NAME = re.compile(r"textback-(\d{8}T\d{6}Z)\.db")
_BEING_MADE = re.compile(_NAME.pattern + r"\.partial")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Copy:
    """One backup. The fields after ``at`` are None for a file that the manifest does not name."""

    file: Path
    at: datetime
    bytes: int | None = None
    sha256: str | None = None
    schema: str | None = None
    calls: int | None = None
    messages: int | None = None
    kept_until: datetime | None = None
    """When rotation takes it away, with a backup each night."""

    def document(self) -> dict[str, Any]:
        """As the manifest and ``textback backup --json`` write it, ``file`` without its folder."""
        return {
            "file": self.file.name,
            "at": _said(self.at),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "schema": self.schema,
            "calls": self.calls,
            "messages": self.messages,
            "kept_until": None if self.kept_until is None else _said(self.kept_until),
        }


def file_name(at: datetime) -> str:
    """Of a backup made then: "textback-20261127T031500Z.db"."""
    return f"textback-{at.astimezone(UTC).strftime(_STAMP)}.db"


def held(settings: Settings) -> tuple[Copy, ...]:
    """Every backup in the folder of [store.backup], newest first. Raises StoreError, code ``backup_folder``, when it cannot be read.

    Files that bear a backup's name and are not in the manifest are among them, one that is being made, and stores that a restore set
    aside: what is in them is there all the same.
    """
    folder, store = settings.store.backup.folder, settings.store.path
    aside = re.compile(rf"{re.escape(store.name)}\.before-restore-(\d{{8}}T\d{{6}}Z)")
    return (*read(folder), *_others(folder, _BEING_MADE), *_others(store.parent, aside))


def last(settings: Settings, now: datetime) -> Copy | None:
    """The newest one that was looked through after it was written. Raises as ``held``.

    One from after ``now`` was made under a clock that was wrong, and is it only if there is no other.
    """
    sound = [copy for copy in held(settings) if copy.sha256 is not None]
    return next((copy for copy in sound if copy.at <= now), sound[0] if sound else None)


def _others(folder: Path, pattern: re.Pattern[str]) -> list[Copy]:
    """Files of which no manifest tells, newest first; none in a folder that is another's (doctor says so)."""
    try:
        found = [(each, pattern.fullmatch(each.name)) for each in folder.iterdir()]
    except OSError:
        return []
    copies = [Copy(each, at) for each, match in found if match and (at := _moment(match[1]))]
    return sorted(copies, key=lambda copy: copy.at, reverse=True)


def read(folder: Path) -> tuple[Copy, ...]:
    """``held``, of any folder. One that is not there holds none; a manifest that cannot be understood names none."""
    try:
        names = sorted(each.name for each in folder.iterdir() if not each.is_dir())
        text = (folder / MANIFEST).read_text("utf-8", errors="replace") if MANIFEST in names else "[]"
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(
            f"cannot read the backups in {folder} ({error.strerror})", "run this as root or as the service's user", code="backup_folder"
        ) from error
    known = _named(text, folder)
    copies = [
        known.get(name) or Copy(folder / name, at) for name in names if (match := _NAME.fullmatch(name)) and (at := _moment(match[1]))
    ]
    return tuple(sorted(copies, key=lambda copy: copy.file.name, reverse=True))


def write(folder: Path, copies: Iterable[Copy]) -> None:
    """Make this the manifest, whole or not at all, and on disk when it returns. Raises OSError."""
    listed = [copy.document() for copy in sorted(copies, key=lambda copy: copy.file.name, reverse=True)]
    made = folder / f"{MANIFEST}.new"
    fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, 0o600)
        file.write(json.dumps(listed, indent=1) + "\n")
        file.flush()
        os.fsync(fd)
    made.rename(folder / MANIFEST)
    place.keep_names(folder)


def _named(text: str, folder: Path) -> dict[str, Copy]:
    """By name. When it was made is said by its name alone, where it lies by the folder. A line that cannot be understood names none: the
    file is there without it, and the next backup writes the manifest anew.
    """
    found: dict[str, Copy] = {}
    try:
        lines = json.loads(text)
    except (ValueError, RecursionError):
        return found
    for said in lines if isinstance(lines, list) else ():
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            name, until = said["file"], said["kept_until"]
            match = _NAME.fullmatch(name)
            at = _moment(match[1]) if match else None
            if at is not None and _DIGEST.fullmatch(said["sha256"]):
                found[name] = Copy(
                    folder / name,
                    at,
                    int(said["bytes"]),
                    said["sha256"],
                    str(said["schema"]),
                    int(said["calls"]),
                    int(said["messages"]),
                    None if until is None else datetime.fromisoformat(until).astimezone(UTC),
                )
    return found


def _moment(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
