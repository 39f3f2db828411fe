"""FreePBX's two tables in a real MariaDB, filled from what the lab's Asterisk wrote: call detail records and the channel event log."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.pbx.mariadb import FREEPBX_CEL, Mariadb

__all__ = ["fill"]

_CDR = (
    "calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration", "billsec", "disposition",
    "uniqueid", "userfield", "linkedid", "sequence",
)  # fmt: skip
_CEL = (
    "eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context", "channame", "appname",
    "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userdeftype", "extra",
)  # fmt: skip
_APPS = frozenset({"confbridge", "meetme", "mixmonitor", "queue", "stopmixmonitor", "voicemail", "voicemailmain"})
"""FreePBX's ``apps`` of cel.conf: it logs no other application's start and end."""


def fill(server: Mariadb, zone: ZoneInfo, *, cdr: Path, cel: Path | None = None) -> None:
    """Into ``server``'s asteriskcdrdb what FreePBX on a machine of this zone would have in it: whole seconds, local time.

    ``cdr``: Master.csv of a lab, in UTC and with newcdrcolumns. ``cel``: cel-custom/Master.csv; without it there is no table cel.
    """
    with cdr.open(encoding="utf-8", newline="") as file:
        rows = [_cdr_row(each, zone) for each in csv.reader(file)]
    server.run("USE asteriskcdrdb", _insert("cdr", _CDR), rows=rows)
    if cel is not None:
        with cel.open(encoding="utf-8", newline="") as file:
            events = [_cel_row(each, zone) for each in csv.reader(file)]
        server.run("USE asteriskcdrdb", FREEPBX_CEL, _insert("cel", _CEL), rows=[each for each in events if each is not None])


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608 (names are ours)


def _cdr_row(row: list[str], zone: ZoneInfo) -> tuple[object, ...]:
    _, src, dst, context, clid, channel, dstchannel, app, data, start, _, _, duration, billsec, disposition, _, unique, userfield, *rest = (
        row
    )
    began = datetime.fromisoformat(start).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    cut = (text[:80] for text in (clid, src, dst, context, channel, dstchannel, app, data))
    _, linkedid, sequence = rest
    return (began, *cut, int(duration), int(billsec), disposition, unique, userfield, linkedid, int(sequence))


def _cel_row(row: list[str], zone: ZoneInfo) -> tuple[object, ...] | None:
    kind, moment, *texts = row
    name, number, ani, rdnis, dnid, exten, context, channel, app, data, flags, account, unique, linked, peer, _, userdef, extra = texts
    if kind in {"APP_START", "APP_END"} and app.lower() not in _APPS:
        return None
    at = datetime.fromtimestamp(float(moment), zone).replace(tzinfo=None, microsecond=0)
    cut = (text[:80] for text in (name, number, ani, rdnis, dnid, exten, context, channel, app))
    return (kind, at, *cut, data[:255], int(flags), account, unique, linked, peer[:80], userdef, extra)
