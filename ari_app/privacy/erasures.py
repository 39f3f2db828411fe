"""Which numbers were erased, kept outside the store: a restored backup does not know it, and is told by these lines.

One JSON object a line, ``{"digest", "at"}``, in ``<store.path>.erasures`` and in ``erasures.jsonl`` beside the backups; mode 0600.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ari_app.errors import StoreError
from ari_app.threads import place

__all__ = ["BACKUP_NAME", "Erasure", "beside", "note", "read"]

BACKUP_NAME = "erasures.jsonl"
"""In the folder of the backups."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Erasure:
    """A number, as ``key.digest`` tells it, and when it was erased (ISO 8601 UTC, as in the store)."""

    at: str
    digest: str


def beside(store: Path) -> Path:
    """The file beside the store, which a restore leaves where it is."""
    return store.with_name(store.name + ".erasures")


def note(path: Path, erasures: Iterable[Erasure]) -> int:
    """Add those of ``erasures`` that the file does not name, made when there is none; how many. On disk when this returns.

    Raises StoreError, code ``erasures``, when it cannot be written.
    """
    known = set(read((path,)))
    missing = [each for each in sorted(set(erasures)) if each not in known]
    if not missing:
        return 0
    lines = "".join(json.dumps({"digest": each.digest, "at": each.at}) + "\n" for each in missing)
    try:
        fresh = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"  # a power cut in the middle of a line
            file.write((("\n" if torn else "") + lines).encode("ascii"))
            os.fsync(fd)
        if fresh:
            place.keep_names(path.parent)
    except OSError as error:
        raise StoreError(
            f"cannot write {path} ({error.strerror})", "let the service's user write there: a restore needs these lines", code="erasures"
        ) from error
    return len(missing)


def read(paths: Iterable[Path]) -> tuple[Erasure, ...]:
    """What these files name, each once, oldest first; a file that is not there names none, a torn line neither.

    Raises StoreError, code ``erasures``, for a file that cannot be read: restoring without it could bring back who was erased.
    """
    found: set[Erasure] = set()
    for path in paths:
        try:
            text = path.read_text("ascii", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"cannot read {path} ({error.strerror})", "run this as the service's user", code="erasures") from error
        for line in text.splitlines():
            try:
                said = json.loads(line)
                found.add(Erasure(at=str(said["at"]), digest=str(said["digest"])))
            except (ValueError, KeyError, TypeError):
                if line.strip():
                    log.warning("erasure_line_unreadable", path=str(path))
    return tuple(sorted(found))
