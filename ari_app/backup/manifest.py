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
from dataclasses import dataclass, replace
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

    Files that bear a backup's name and are not in the manifest are among them, and stores that a restore set aside: what is in them is
    there all the same.
    """
    return (*read(settings.store.backup.folder), *_set_aside(settings.store.path))


def last(settings: Settings) -> Copy | None:
    """The newest one that was looked through after it was written. Raises as ``held``."""
    return next((copy for copy in held(settings) if copy.sha256 is not None), None)


def _set_aside(store: Path) -> list[Copy]:
    """Stores beside this one that a restore has put there, newest first."""
    found = []
    with contextlib.suppress(OSError):  # a folder that is another's: doctor says so
        for each in store.parent.iterdir():
            if match := re.fullmatch(rf"{re.escape(store.name)}\.before-restore-(\d{{8}}T\d{{6}}Z)", each.name):
                with contextlib.suppress(ValueError):
                    found.append(Copy(each, datetime.fromisoformat(match[1])))
    return sorted(found, key=lambda copy: copy.at, reverse=True)


def read(folder: Path) -> tuple[Copy, ...]:
    """``held``, of any folder. One that is not there holds none; a manifest that cannot be understood names none."""
    try:
        names = sorted(each.name for each in folder.iterdir())
        text = (folder / MANIFEST).read_text("utf-8") if MANIFEST in names else "[]"
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"cannot read the backups in {folder} ({getattr(error, 'strerror', None) or 'not UTF-8'})",
            "run this as root or as the service's user",
            code="backup_folder",
        ) from error
    known = _named(text, folder)
    copies = []
    for name in names:
        if match := _NAME.fullmatch(name):
            try:
                at = datetime.fromisoformat(match[1])
            except ValueError:
                continue
            copies.append(known.get(name) or Copy(folder / name, at))
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
    found = {}
    try:
        for said in json.loads(text):
            copy = Copy(folder / str(said["file"]), datetime.fromisoformat(said["at"]))
            until = said["kept_until"]
            found[copy.file.name] = replace(
                copy,
                bytes=int(said["bytes"]),
                sha256=str(said["sha256"]),
                schema=str(said["schema"]),
                calls=int(said["calls"]),
                messages=int(said["messages"]),
                kept_until=None if until is None else datetime.fromisoformat(until),
            )
    except (ValueError, KeyError, TypeError):
        return {}  # the files are there without it; the next backup writes it anew
    return found


def _said(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
