"""The inbox: which threads lie in which part of it, each drawn as a row, and how many there are."""

# ruff: noqa: S608  (every piece of these statements is our own)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from datetime import datetime

from ari_app.board import Box, Counts, Entry, Holder, Row, ThreadState
from ari_app.model import Kind, Level
from ari_app.threads.database import Reader
from ari_app.threads.entries import ASKED, OUTGOING, TEXT, call_entry, note_entry, outgoing_entry, text_entry
from ari_app.threads.holding import HELD_FOR
from ari_app.threads.known import STAFF_WROTE
from ari_app.threads.rows import moment, required, stamp

__all__ = ["COUNTS", "PICKS", "counts", "counts_by_line", "rows", "rows_of", "urgent", "waiting"]

_AWAKE = "(snoozed IS NULL OR snoozed <= :now)"
_PAGE = "ORDER BY changed DESC, id DESC LIMIT :limit OFFSET :offset"
_TROUBLE = """SELECT DISTINCT thread FROM message INDEXED BY message_open_trouble
    WHERE direction = 'out' AND state IN ('failed', 'unknown') AND seen_to IS NULL"""
PICKS = {
    (Box.TO_ANSWER, False): f"""SELECT id FROM thread INDEXED BY thread_waits WHERE state = 'to_answer' AND {_AWAKE}
        ORDER BY urgent DESC, changed DESC, id DESC LIMIT :limit OFFSET :offset""",
    (Box.TO_ANSWER, True): f"""SELECT id FROM thread INDEXED BY thread_waits WHERE state = 'to_answer' AND line = :line AND {_AWAKE}
        ORDER BY urgent DESC, changed DESC, id DESC LIMIT :limit OFFSET :offset""",
    (Box.TROUBLE, False): f"SELECT id FROM thread WHERE id IN ({_TROUBLE}) {_PAGE}",
    (Box.TROUBLE, True): f"SELECT id FROM thread WHERE id IN ({_TROUBLE}) AND +line = :line {_PAGE}",
    (Box.SNOOZED, False): f"SELECT id FROM thread INDEXED BY thread_snoozed WHERE snoozed > :now {_PAGE}",
    (Box.SNOOZED, True): f"SELECT id FROM thread INDEXED BY thread_snoozed WHERE snoozed > :now AND line = :line {_PAGE}",
    (Box.ALL, False): f"SELECT id FROM thread INDEXED BY thread_by_change {_PAGE}",
    (Box.ALL, True): f"SELECT id FROM thread INDEXED BY thread_by_line WHERE line = :line {_PAGE}",
    (Box.DONE, False): f"SELECT id FROM thread INDEXED BY thread_by_state WHERE state = 'done' {_PAGE}",
    (Box.DONE, True): f"SELECT id FROM thread INDEXED BY thread_by_line_state WHERE line = :line AND state = 'done' {_PAGE}",
}
"""Ids of a page of each part of the inbox, of the house or of one line: each by an index in its order, so that a page costs a page."""

_ROWS = f"""SELECT t.*, c.name, c.kind, c.offered, c.opted_out, h.name AS holder_name,
    EXISTS (SELECT 1 FROM message b INDEXED BY message_open_trouble WHERE b.thread = t.id AND b.direction = 'out'
        AND b.state IN ('failed', 'unknown') AND b.seen_to IS NULL) AS trouble,
    (SELECT count(*) FROM message s INDEXED BY message_scheduled WHERE s.thread = t.id AND s.state = 'queued'
        AND s.scheduled IS NOT NULL) AS scheduled,
    (SELECT count(*) FROM voicemail v INDEXED BY voicemail_unheard WHERE v.thread = t.id AND v.heard IS NULL) AS unheard,
    c.name IS NOT NULL OR EXISTS (SELECT 1 FROM message m INDEXED BY message_by_thread WHERE m.thread = t.id AND NOT m.automatic
        AND (m.kind = 'caller' OR ({STAFF_WROTE}))) AS known
    FROM thread t LEFT JOIN contact c ON c.number = t.number LEFT JOIN member h ON h.id = t.holder
    WHERE t.id IN (SELECT value FROM json_each(:threads))"""
_EACH = "SELECT w.value AS thread_id, {} AS happened,"
_LAST: tuple[tuple[str, Callable[[sqlite3.Row], Entry]], ...] = (
    (
        f"""{_EACH.format("m.at")} {TEXT} FROM json_each(:threads) w JOIN message m ON m.id = (
            SELECT l.id FROM message l INDEXED BY message_by_thread WHERE l.thread = w.value AND l.kind IN ('caller', 'staff')
            AND l.state NOT IN ('cancelled', 'expired') ORDER BY l.at DESC, l.id DESC LIMIT 1)""",
        text_entry,
    ),
    (
        f"""{_EACH.format("c.started")} c.* FROM json_each(:threads) w JOIN call c ON c.id = (
            SELECT l.id FROM call l WHERE l.thread = w.value ORDER BY l.started DESC LIMIT 1)""",
        call_entry,
    ),
    (
        f"""{_EACH.format("n.at")} n.* FROM json_each(:threads) w JOIN note n ON n.id = (
            SELECT l.id FROM note l WHERE l.thread = w.value ORDER BY l.at DESC LIMIT 1)""",
        note_entry,
    ),
    (
        f"""{_EACH.format("o.started")} {OUTGOING} FROM json_each(:threads) w JOIN thread t ON t.id = w.value JOIN outgoing o ON o.id = (
            SELECT l.id FROM outgoing l WHERE l.number = t.number ORDER BY l.started DESC LIMIT 1)""",
        outgoing_entry,
    ),
    (
        f"""{_EACH.format("b.at")} {ASKED} FROM json_each(:threads) w JOIN call_back b ON b.id = (
            SELECT l.id FROM call_back l WHERE l.thread = w.value ORDER BY l.at DESC LIMIT 1)
            WHERE NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.id = b.outgoing)""",
        outgoing_entry,
    ),
)
"""The newest of each kind of a thread. The service's own words are no news (the call they answer is), nor is a text that never went."""
_WAITING = f"FROM thread INDEXED BY thread_waits WHERE state = 'to_answer' AND {_AWAKE}"
_COUNT = """count(*) FILTER (WHERE awake) AS to_answer, count(*) FILTER (WHERE awake AND opened IS NULL) AS unopened,
    min(waits_since) FILTER (WHERE awake) AS oldest, count(*) FILTER (WHERE NOT awake) AS snoozed"""
_WAIT = f"SELECT line, opened, waits_since, {_AWAKE} AS awake FROM thread INDEXED BY thread_waits WHERE state = 'to_answer'"
COUNTS = {
    "house": f"SELECT {_COUNT}, (SELECT count(*) FROM ({_TROUBLE})) AS trouble FROM ({_WAIT})",
    "line": f"""SELECT {_COUNT}, (SELECT count(*) FROM thread WHERE id IN ({_TROUBLE}) AND +line = :line) AS trouble
        FROM ({_WAIT} AND line = :line)""",
    "lines": f"SELECT line, {_COUNT} FROM ({_WAIT}) GROUP BY line",
    "trouble": f"SELECT line, count(*) AS trouble FROM thread WHERE id IN ({_TROUBLE}) GROUP BY +line",
    "waiting": f"SELECT id, line, waits_since {_WAITING} ORDER BY waits_since, id",
    "urgent": f"SELECT id {_WAITING} AND urgent = {Level.URGENT:d}",
}
"""How many, by indexes that hold no more than is counted."""


def rows(reader: Reader, box: Box, now: datetime, *, line: str | None = None, limit: int = 50, offset: int = 0) -> tuple[Row, ...]:
    """A page of one part of the inbox, what changed last first; what is urgent before all in ``TO_ANSWER``."""
    params = {"now": stamp(now), "line": line, "limit": limit, "offset": offset}
    return rows_of(reader, [row["id"] for row in reader.all(PICKS[box, line is not None], params)], now)


def rows_of(reader: Reader, threads: Collection[int], now: datetime) -> tuple[Row, ...]:
    """These threads, in the order given; those that are none are left out."""
    if not threads:
        return ()
    params = {"threads": json.dumps(list(threads))}
    newest: dict[int, tuple[str, Callable[[sqlite3.Row], Entry], sqlite3.Row]] = {}
    for sql, entry in _LAST:
        for row in reader.all(sql, params):
            if row["thread_id"] not in newest or newest[row["thread_id"]][0] < row["happened"]:
                newest[row["thread_id"]] = (row["happened"], entry, row)
    last = {thread: entry(row) for thread, (_, entry, row) in newest.items()}
    drawn = {row["id"]: _row(row, last.get(row["id"]), now) for row in reader.all(_ROWS, params)}
    return tuple(drawn[thread] for thread in dict.fromkeys(threads) if thread in drawn)


def _row(row: sqlite3.Row, last: Entry | None, now: datetime) -> Row:
    number = row["number"]
    dialable = number is not None and number.startswith("+")
    snoozed = moment(row["snoozed"])
    holder = None
    if row["holder"] is not None and (until := required(row["held_at"]) + HELD_FOR) > now:
        holder = Holder(member=row["holder"], name=row["holder_name"], until=until)
    return Row(
        thread=row["id"],
        number=number if dialable else None,
        name=row["name"] or (None if dialable else number),
        known=bool(row["known"]),
        line=row["line"],
        state=ThreadState(row["state"]),
        urgent=row["urgent"] == Level.URGENT,
        waits_since=moment(row["waits_since"]),
        opened=row["opened"] is not None,
        trouble=bool(row["trouble"]),
        holder=holder,
        snoozed=snoozed if snoozed is not None and snoozed > now else None,
        opted_out=row["opted_out"] is not None,
        scheduled=row["scheduled"],
        changed=required(row["changed"]),
        last=last,
        kind=Kind(row["kind"]) if row["kind"] else None,
        level=Level(row["urgent"]),
        why=row["urgent_why"],
        unheard=row["unheard"],
        offered=row["offered"],
    )


def counts(reader: Reader, now: datetime, line: str | None = None) -> Counts:
    """Of the house, or of one line."""
    row = reader.one(COUNTS["house" if line is None else "line"], {"now": stamp(now), "line": line})
    assert row is not None  # noqa: S101  (an aggregate has one row)
    return _counts(row, row["trouble"])


def counts_by_line(reader: Reader, now: datetime) -> dict[str, Counts]:
    """Of each line in which something waits or went wrong."""
    trouble = {row["line"]: row["trouble"] for row in reader.all(COUNTS["trouble"])}
    found = {row["line"]: _counts(row, trouble.get(row["line"], 0)) for row in reader.all(COUNTS["lines"], {"now": stamp(now)})}
    only = {line: Counts(to_answer=0, unopened=0, trouble=n, snoozed=0, oldest=None) for line, n in trouble.items() if line not in found}
    return found | only


def _counts(row: sqlite3.Row, trouble: int) -> Counts:
    return Counts(
        to_answer=row["to_answer"], unopened=row["unopened"], trouble=trouble, snoozed=row["snoozed"], oldest=moment(row["oldest"])
    )


def waiting(reader: Reader, now: datetime) -> tuple[tuple[int, str, datetime], ...]:
    """Every thread that is to answer and not put off: id, line and since when it waits; the longest first."""
    return tuple((row["id"], row["line"], required(row["waits_since"])) for row in reader.all(COUNTS["waiting"], {"now": stamp(now)}))


def urgent(reader: Reader, now: datetime) -> frozenset[int]:
    """Threads that are urgent, to answer and not put off."""
    return frozenset(row["id"] for row in reader.all(COUNTS["urgent"], {"now": stamp(now)}))
