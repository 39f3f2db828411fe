"""Files of records that Asterisk appends to and logrotate turns: read from their end, and then only what was added."""

from __future__ import annotations

import contextlib
import csv
import gzip
import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ari_app.errors import SourceError

__all__ = ["Lines", "Mark", "Records", "cells_of", "read_back", "read_on"]

_BLOCK = 1 << 16
_LONGEST = 1 << 16
"""Bytes of a line. Asterisk's own are shorter (``csvmaster``'s buffer is 1024); what is longer is no record."""
_ODD, _ODD_MOST = 20, 1000
"""So many lines without a record in the whole file, or among the newest: it is another file. A number with line breaks makes fewer."""
_TAIL = 256
"""Bytes before a mark by which a file is known again: another one may have its name, and its inode."""

_QUOTED = rb'"(?:[^"]++|"")*+"'
_WRITTEN = re.compile(rb"(?:%b|-?[0-9]*+)(?:,(?:%b|-?[0-9]*+))*+" % (_QUOTED, _QUOTED))
"""As Asterisk writes a record: all but numbers in quotes, and quotes within doubled (``append_string`` of cdr_csv.c, CSV_QUOTE). A caller's
number or name may hold a line break ("%0A" in a SIP address): what stands behind it begins a line, and must not pass for a record. It
cannot be in quotes, for all of its own are doubled."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lines(Generic[T]):
    """How lines of one kind of file are read."""

    code: Literal["cdr", "cel"]
    """Of errors, before its last word."""
    odd: Callable[[Path], SourceError]
    """The file is another one."""
    missing: Callable[[Path, str], SourceError]
    """There is none, and why not."""
    record: Callable[[bytes], T | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was read: to a line's end."""

    inode: int
    at: int
    tail: bytes


@dataclass(frozen=True, slots=True)
class Records(Generic[T]):
    """Records in the order of the file, the newest last. ``mark``: to read on from, None where there is no file yet."""

    rows: tuple[T, ...]
    cut: bool = False
    """There are more than were asked for: the oldest are left out."""
    skipped: int = 0
    """Lines that are no record."""
    mark: Mark | None = None


def read_back(path: Path, lines: Lines[T], is_older: Callable[[T], bool], *, most: int) -> Records[T]:
    """Records from the end back to the first that ``is_older``, through turned files; the newest ``most`` where there are more.

    A line that Asterisk is still writing, and one that is no record, are passed over; the latter are counted. Raises SourceError.
    """
    rows: list[T] = []
    skipped = 0
    files = _files(path, lines)
    mark = _marked(path, lines) if files and files[0] == path else None
    for each in files:
        packed = each.suffix == ".gz"
        older = False
        odd = 0
        chunk: deque[T] = deque(maxlen=most + 1)  # of a packed file, which is read from its begin, the newest stay
        with _told(each, lines):
            for line in _packed(each) if packed else _back(each, mark.at if mark is not None and each == path else None):
                row = lines.record(line)
                if row is None:
                    skipped += 1
                    odd += 1
                    if odd == _ODD_MOST and not rows and not chunk:
                        raise lines.odd(each)
                    continue
                odd = 0
                if is_older(row):
                    if packed:
                        continue
                    older = True
                    break
                chunk.append(row)
                if len(rows) + len(chunk) > most and not packed:
                    break
            else:
                if odd >= _ODD and not rows and not chunk:
                    raise lines.odd(each)
        rows = [*(chunk if packed else reversed(chunk)), *rows]
        if older or len(rows) > most:
            break
    return Records(tuple(rows[-most:]), cut=len(rows) > most, skipped=skipped, mark=mark)


def read_on(path: Path, lines: Lines[T], mark: Mark | None, *, most: int) -> Records[T] | None:
    """Records added since ``mark``; None where that is another file by now, or more came: to be read back again. Raises SourceError."""
    if mark is None:
        return None
    rows: list[T] = []
    skipped = 0
    with _told(path, lines):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file:
            there = os.fstat(file.fileno())
            if there.st_ino != mark.inode or there.st_size < mark.at:
                return None
            file.seek(mark.at - len(mark.tail))
            tail = file.read(len(mark.tail))
            if tail != mark.tail:
                return None
            at = mark.at
            while (line := file.readline(_LONGEST)).endswith(b"\n"):
                at += len(line)
                tail = (tail + line)[-_TAIL:]
                row = lines.record(line) if line.strip() else None
                if row is not None:
                    rows.append(row)
                elif line.strip():
                    skipped += 1
                if len(rows) > most:
                    return None
            if len(line) >= _LONGEST:
                return None
    return Records(tuple(rows), skipped=skipped, mark=Mark(mark.inode, at, tail))


def cells_of(line: bytes) -> list[str] | None:
    """The cells of a line as Asterisk writes it, None for another. Names may be of any encoding: nothing of them is used but ASCII."""
    if len(line) > _LONGEST or not _WRITTEN.fullmatch(line.rstrip(b"\r\n")):
        return None
    try:
        return next(csv.reader([line.decode("utf-8", "replace").replace("\0", "")], strict=True))
    except (csv.Error, StopIteration):
        return None


@contextlib.contextmanager
def _told(path: Path, lines: Lines[T]) -> Iterator[None]:
    """What the operating system says of a file, for people."""
    try:
        yield
    except PermissionError:
        raise SourceError(
            f"{path} may not be read",
            "let the group of textback read it: setfacl -m g:textback:r, and x on its folder; or run this as root",
            code="cdr_unreadable" if lines.code == "cdr" else "cel_unreadable",
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} cannot be read ({_said(error)})", "see that file", code="cdr_unreadable" if lines.code == "cdr" else "cel_unreadable"
        ) from None


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _files(path: Path, lines: Lines[T]) -> list[Path]:
    """The file and what logrotate made of it (Master.csv.1, .2.gz, -20261101), the newest first. Raises SourceError."""
    try:
        turned = [
            each
            for each in path.parent.iterdir()
            if re.fullmatch(re.escape(path.name) + r"[.-][0-9]+(\.gz)?", each.name) and each.is_file()
        ]
        # one that is being packed is still there beside what is packed of it
        turned = [each for each in turned if each.suffix != ".gz" or each.with_suffix("") not in turned]
        turned.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        there = path.is_file()
    except PermissionError:
        raise SourceError(
            f"the folder {path.parent} may not be read", "let textback's group read it (setfacl -m g:textback:rx), or run this as root",
            code="cdr_unreadable" if lines.code == "cdr" else "cel_unreadable",
        ) from None  # fmt: skip
    except OSError as error:
        raise lines.missing(path, f" ({_said(error)})") from None
    if not there and not turned:
        raise lines.missing(path, "")
    return [path, *turned] if there else turned


def _marked(path: Path, lines: Lines[T]) -> Mark:
    """The end of the last whole line."""
    with _told(path, lines), path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        inode = os.fstat(file.fileno()).st_ino
        while at > 0:
            start = max(0, at - _BLOCK)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                at = start + found + 1
                break
            at = start
        start = max(0, at - _TAIL)
        file.seek(start)
        return Mark(inode, at, file.read(at - start))


def _packed(path: Path) -> Iterator[bytes]:
    """Whole lines of a packed file, in their order."""
    with gzip.open(path, "rb") as packed:
        while line := packed.readline(_LONGEST):
            if line.endswith(b"\n"):
                yield line


def _back(path: Path, end: int | None) -> Iterator[bytes]:
    """Whole lines before ``end``, the last first. The end of one that is being written is left out."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        at = size if end is None else min(end, size)
        rest = b""
        whole = False
        while at > 0:
            size = min(_BLOCK, at)
            at -= size
            file.seek(at)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0] if len(lines[0]) <= _LONGEST else b""
            for line in reversed(lines[1:]):
                if whole and line.strip():
                    yield line
                whole = True
        if whole and rest.strip():
            yield rest
