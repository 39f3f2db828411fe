"""Asterisk's Master.csv (``cdr_csv``), read from its end: no more of it than was asked for, whatever its size.

Columns as cdr_csv writes them (``cdr/cdr_csv.c``): accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start,
answer, end, duration, billsec, disposition, amaflags; then, as cdr.conf says, uniqueid (loguniqueid), userfield (loguserfield), and
peeraccount, linkedid, sequence (newcdrcolumns). The ways of files that logrotate leaves beside it are read too.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ari_app.errors import SourceError
from ari_app.pbx.cdr import UNIQUEID, Read, Row
from ari_app.pbx.record_files import Lines, cells_of, read_back

__all__ = ["LINES", "read_csv"]

_COLUMNS = 16
_DATE = "%Y-%m-%d %H:%M:%S"


def read_csv(path: Path, since: datetime, *, most: int) -> Read:
    """Rows that ended since then (as written, without a zone), oldest first; the newest ``most`` where there are more.

    A line that Asterisk is still writing, and one that is no record, are passed over and counted. Raises SourceError (``cdr_…``).
    """
    found = read_back(path, LINES, lambda row: row.end < since, most=most)
    return Read(tuple(sorted(found.rows, key=lambda row: row.end)), cut=found.cut, skipped=found.skipped)


def _row(line: bytes) -> Row | None:
    """A record, None for what is none."""
    cells = cells_of(line)
    if cells is None or len(cells) < _COLUMNS:
        return None
    (_account, src, dst, context, _clid, channel, dstchannel, app, data, start, _answer, _end, duration, billsec, disposition, _ama) = (
        cells[:_COLUMNS]
    )
    more = cells[_COLUMNS:]
    uniqueid = more[0] if more and UNIQUEID.fullmatch(more[0]) else ""
    linkedid = more[-2] if len(more) >= 3 and UNIQUEID.fullmatch(more[-2]) else ""
    try:
        return Row(
            start=datetime.strptime(start, _DATE),  # noqa: DTZ007 - as written
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


def _odd(path: Path) -> SourceError:
    return SourceError(
        f"{path} is not as Asterisk's cdr_csv writes it",
        "set pbx.cdr.csv to Master.csv of /var/log/asterisk/cdr-csv, or pbx.cdr.url to the database of the records",
        code="cdr_format",
    )


def _missing(path: Path, why: str) -> SourceError:
    return SourceError(
        f"there is no {path}{why}",
        "set pbx.cdr.csv to the file that cdr_csv writes (asterisk -rx 'cdr show status'); FreePBX keeps them in a database: pbx.cdr.url",
        code="cdr_missing",
    )


LINES = Lines("cdr", _odd, _missing, _row)
