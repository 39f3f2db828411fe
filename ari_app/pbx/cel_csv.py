"""The channel event log that Asterisk keeps in a file: cel_custom's CSV, with the columns of Asterisk's own example.

Source: ``configs/samples/cel_custom.conf.sample`` (16 to 22), [mappings]: eventtype, eventtime, CALLERID(name), CALLERID(num),
CALLERID(ANI), CALLERID(RDNIS), CALLERID(DNID), exten, context, channame, appname, appdata, amaflags, accountcode, uniqueid, linkedid,
BRIDGEPEER, userfield, userdeftype, eventextra. The files that logrotate leaves beside it are read too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from ari_app.errors import SourceError
from ari_app.pbx.cel_row import CelRow
from ari_app.pbx.record_files import Lines, cells_of

__all__ = ["LINES", "time_of"]

_COLUMNS = 20
_EPOCH = re.compile(r"[0-9]{9,11}(?:\.[0-9]{1,9})?")
_TYPE = re.compile(r"[A-Z][A-Z_0-9]{1,39}")
_YEARS = 1971, 2999


def time_of(written: object) -> datetime:
    """The time of a row: aware for seconds of the epoch, else as written. Raises ValueError, TypeError, OverflowError for none."""
    if isinstance(written, datetime):
        at = written.replace(tzinfo=None)
    elif _EPOCH.fullmatch(text := str(written).strip()):
        at = datetime.fromtimestamp(float(text), UTC)
    else:
        # cel.conf: dateformat may write a zone, which is the same as that of the uniqueid
        at = datetime.fromisoformat(text).replace(tzinfo=None)
    if not _YEARS[0] <= at.year <= _YEARS[1]:
        raise ValueError("no time of an event")
    return at


def _row(line: bytes) -> CelRow | None:
    """A row, None for what is none."""
    cells = cells_of(line)
    if cells is None or len(cells) < _COLUMNS or not _TYPE.fullmatch(cells[0]):
        return None
    number, exten, context, channame, app, data, uniqueid, linkedid, peer = (cells[each] for each in (3, 7, 8, 9, 10, 11, 14, 15, 16))
    try:
        return CelRow(
            eventtype=cells[0],
            eventtime=time_of(cells[1]),
            cid_num=number.strip(),
            exten=exten,
            context=context,
            channame=channame,
            appname=app,
            appdata=data,
            uniqueid=uniqueid,
            linkedid=linkedid,
            peer=peer,
            extra=cells[19],
        )
    except (ValueError, OverflowError):
        return None


def _odd(path: Path) -> SourceError:
    return SourceError(
        f"{path} is not as Asterisk's cel_custom writes it, with the columns of its own example",
        "write [mappings] of cel_custom.conf as docs/history.md has it, and no dateformat into cel.conf; or set pbx.cel.url",
        code="cel_format",
    )


def _missing(path: Path, why: str) -> SourceError:
    return SourceError(
        f"there is no {path}{why}",
        "set pbx.cel.csv to the file that cel_custom writes: /var/log/asterisk/cel-custom/Master.csv (asterisk -rx 'cel show status')",
        code="cel_missing",
    )


LINES = Lines("cel", _odd, _missing, _row)
