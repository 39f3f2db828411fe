"""Asterisk's Master.csv (``cdr_csv``), read from its end: no more of it than was asked for, whatever its size.

Columns as cdr_csv writes them (``cdr/cdr_csv.c``): accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start,
answer, end, duration, billsec, disposition, amaflags; then, as cdr.conf says, uniqueid (loguniqueid), userfield (loguserfield), and
peeraccount, linkedid, sequence (newcdrcolumns). The ways of files that logrotate leaves beside it are read too.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ari_app.errors import SourceError
from ari_app.pbx.cdr import Read, Row

__all__ = ["read_csv"]

_BLOCK = 1 << 16
_LONGEST = 1 << 16
"""Bytes of a line. Asterisk's own are shorter (``csvmaster``'s buffer is 1024); what is longer is no record."""
_COLUMNS = 16
_UNIQUEID = re.compile(r"(?:.+-)?[0-9]{9,11}\.[0-9]+")
_ODD = 20
"""So many lines in a row that are none of cdr_csv's: the file is another one."""


def read_csv(path: Path, since: datetime, *, most: int) -> Read:
    """Rows that ended since then (as written, without a zone), oldest first; the newest ``most`` where there are more.

    A line that Asterisk is still writing, and one that is no record, are passed over and counted. Raises SourceError (``cdr_…``).
    """
    rows: list[Row] = []
    skipped = 0
    for each in _files(path):
        packed = each.suffix == ".gz"
        older = False
        odd = 0
        chunk: deque[Row] = deque(maxlen=most + 1)  # of a packed file, which is read from its begin, the newest stay
        try:
            for line in _lines(each):
                row = _row(line)
                if row is None:
                    skipped += 1
                    odd += 1
                    if odd == _ODD and not rows and not chunk:
                        raise SourceError(
                            f"{each} is not as Asterisk's cdr_csv writes it",
                            "set pbx.cdr.csv to Master.csv of /var/log/asterisk/cdr-csv, or pbx.cdr.url to the database of the records",
                            code="cdr_format",
                        )
                    continue
                odd = 0
                if row.end < since:
                    if packed:
                        continue
                    older = True
                    break
                chunk.append(row)
                if len(rows) + len(chunk) > most and not packed:
                    break
        except PermissionError:
            raise SourceError(
                f"{each} may not be read",
                "let the group of textback read it: setfacl -m g:textback:r, and x on its folder; or run this as root",
                code="cdr_unreadable",
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{each} cannot be read ({_said(error)})", "see that file", code="cdr_unreadable") from None
        rows = [*(chunk if packed else reversed(chunk)), *rows]
        if older or len(rows) > most:
            break
    rows.sort(key=lambda row: row.end)
    return Read(tuple(rows[-most:]), cut=len(rows) > most, skipped=skipped)


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _files(path: Path) -> list[Path]:
    """The file and what logrotate made of it (Master.csv.1, .2.gz, -20261101), the newest first. Raises SourceError."""
    try:
        turned = [
            each
            for each in path.parent.iterdir()
            if re.fullmatch(re.escape(path.name) + r"[.-][0-9]+(\.gz)?", each.name) and each.is_file()
        ]
        turned.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        there = path.is_file()
    except PermissionError:
        raise SourceError(
            f"the folder {path.parent} may not be read", "let textback's group read it (setfacl -m g:textback:rx), or run this as root",
            code="cdr_unreadable",
        ) from None  # fmt: skip
    except OSError as error:
        raise SourceError(
            f"there is no {path} ({_said(error)})", "set pbx.cdr.csv to the file that cdr_csv writes (asterisk -rx 'cdr show status')",
            code="cdr_missing",
        ) from None  # fmt: skip
    if not there and not turned:
        raise SourceError(
            f"there is no {path}", "set pbx.cdr.csv to the file that cdr_csv writes; FreePBX keeps its records in a database: pbx.cdr.url",
            code="cdr_missing",
        )  # fmt: skip
    return [path, *turned] if there else turned


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines, the last first; those of a packed file in their order. The end of one that is being written is left out."""
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as packed:
            while line := packed.readline(_LONGEST):
                if line.endswith(b"\n"):
                    yield line
        return
    with path.open("rb") as file:
        at = file.seek(0, 2)
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


def _row(line: bytes) -> Row | None:
    """A record, None for what is none. Names may be of any encoding: nothing of them is used but ASCII."""
    if len(line) > _LONGEST:
        return None
    try:
        cells = next(csv.reader([line.decode("utf-8", "replace").replace("\0", "")], strict=True))
    except (csv.Error, StopIteration):
        return None
    if len(cells) < _COLUMNS:
        return None
    (_account, src, dst, context, _clid, channel, dstchannel, app, data, start, _answer, _end, duration, billsec, disposition, _ama) = (
        cells[:_COLUMNS]
    )
    more = cells[_COLUMNS:]
    uniqueid = more[0] if more and _UNIQUEID.fullmatch(more[0]) else ""
    linkedid = more[-2] if len(more) >= 3 and _UNIQUEID.fullmatch(more[-2]) else ""
    try:
        return Row(
            start=datetime.fromisoformat(start),
            duration=int(duration),
            billsec=int(billsec),
            src=src.strip(),
            dst=dst.strip(),
            context=context,
            channel=channel,
            dstchannel=dstchannel,
            app=app,
            data=data,
            disposition=disposition,
            uniqueid=uniqueid,
            linkedid=linkedid,
        )
    except ValueError:
        return None
