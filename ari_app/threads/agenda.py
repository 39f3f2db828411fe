"""Which queued texts may go now, by which modem, in which order."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ari_app.model import MessageKind
from ari_app.threads import radio
from ari_app.threads.database import Reader
from ari_app.threads.rows import moment, stamp

__all__ = ["AHEAD", "SET_BACK", "Agenda", "Due", "agenda"]

_AT_ONCE = 16
AHEAD = timedelta(minutes=1)
SET_BACK = """((m.kind = 'auto' OR m.scheduled IS NULL OR m.scheduled <= :now)
    AND ((m.at > :ahead AND m.due >= m.at) OR (m.claimed > :ahead AND m.due >= m.claimed)))"""
"""Due though its time says otherwise: queued, or tried and put off, before the clock was set back. The next try gives it a true time; an
automatic text waits for its delay first (``sending.claim``). A text that a person put off to an hour goes at that hour."""
_DUE = f"""SELECT * FROM (
    SELECT m.id, m.thread, m.kind, m.notice, m.due, m.tries, t.number, coalesce(t.modem, m.modem) AS prefers,
        coalesce(CASE WHEN m.bound THEN m.modem END,
            (SELECT p.modem FROM part p WHERE p.message = m.id AND p.state IN ('sent', 'delivered', 'unknown') LIMIT 1)) AS only,
        (SELECT p.modem FROM part p WHERE p.message = m.id AND p.state = 'queued' AND p.modem IS NOT NULL LIMIT 1) AS last,
        (SELECT json_group_array(a.modem) FROM attempt a JOIN part p ON p.id = a.part WHERE p.message = m.id AND a.permanent) AS refused
    FROM message m JOIN thread t ON t.id = m.thread
    WHERE m.state = 'queued' AND (m.due <= :now OR {SET_BACK}) AND m.expires >= :now
    AND (m.kind != 'auto' OR (NOT :held AND t.number NOT IN (SELECT value FROM json_each(:live))))
    AND NOT EXISTS (SELECT 1 FROM message s JOIN thread o ON o.id = s.thread WHERE s.state = 'sending' AND o.number = t.number)
    AND NOT EXISTS (SELECT 1 FROM message e WHERE m.kind = 'staff' AND e.thread = m.thread AND e.kind = 'staff'
        AND e.state = 'queued' AND NOT e.bound AND e.id < m.id
        AND (e.scheduled IS NULL OR e.scheduled <= :now) AND NOT EXISTS (SELECT 1 FROM part g WHERE g.message = e.id
            AND g.state IN ('sent', 'delivered', 'unknown') AND g.modem NOT IN (SELECT value FROM json_each(:ready))
            AND g.modem NOT IN (SELECT value FROM json_each(:awaited)))))
    WHERE CASE WHEN only IN (SELECT value FROM json_each(:known)) THEN only IN (SELECT value FROM json_each(:ready))
        ELSE prefers IS NULL OR prefers NOT IN (SELECT value FROM json_each(:awaited))
            OR prefers IN (SELECT value FROM json_each(refused)) OR (tries > 1 AND prefers IS last) END
    ORDER BY notice IS NOT 'safety', CASE kind WHEN 'staff' THEN 0 WHEN 'notice' THEN 1 ELSE 2 END, due, id LIMIT :most"""  # noqa: S608  (our own)


@dataclass(frozen=True, slots=True)
class Due:
    """A queued text whose time has come."""

    id: int
    kind: MessageKind
    number: str
    only: str | None
    """The one modem that may carry it: part of it went there, or it was asked for."""
    prefers: str | None
    """The modem the conversation is on, else the one its line is bound to; where that cannot, the one that stood in for it last."""
    avoid: frozenset[str]
    """Modems that refused it for good, and the one by which it failed more than once."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the outbox may do now, and when the next row asks for attention (None: nothing is queued)."""

    due: tuple[Due, ...]
    overdue: bool
    """Some row is past its expiry."""
    next_at: datetime | None


def agenda(
    reader: Reader,
    now: datetime,
    *,
    ready: Collection[str],
    awaited: Collection[str],
    known_modems: Collection[str],
    live: Collection[str],
    held: bool,
) -> Agenda:
    """Due texts that a modem of ``ready`` may carry, the most urgent first.

    Automatic texts wait while ``held`` or while their number is ``live``. A number with a text on its way waits for it; staff's texts
    to one caller keep their order, but wait for none that is bound or whose hour has not come, nor for one whose rest waits for a
    modem that is gone. A conversation waits for its modem while that is one of ``awaited`` and has not refused the text; else any
    takes it. A text of which parts went, or that is bound, goes by that modem alone, as long as it is one of ``known_modems``.
    """
    at = stamp(now)
    params = {
        "now": at,
        "ahead": stamp(now + AHEAD),
        "ready": json.dumps(list(ready)),
        "awaited": json.dumps(list(awaited)),
        "known": json.dumps(list(known_modems)),
        "live": json.dumps(list(live)),
        "held": int(held),
        "most": _AT_ONCE,
    }
    rows = reader.all(_DUE, params) if ready else []
    overdue = reader.value("SELECT EXISTS (SELECT 1 FROM message WHERE state = 'queued' AND expires < ?)", (at,))
    next_at = reader.value(
        """SELECT min(at) FROM (SELECT min(due) AS at FROM message WHERE state = 'queued' AND due > :now
            UNION ALL SELECT min(expires) FROM message WHERE state = 'queued' AND expires > :now)""",
        {"now": at},
    )
    due = tuple(_due(reader, row, ready) for row in rows)
    return Agenda(due, bool(overdue), moment(next_at))


def _due(reader: Reader, row: Any, ready: Collection[str]) -> Due:
    avoid = frozenset(json.loads(row["refused"])) | ({row["last"]} if row["tries"] > 1 and row["last"] else set())
    prefers = row["prefers"]
    if prefers is not None and (prefers not in ready or prefers in avoid):
        # another stands in for it: the one that did before, so that the caller sees two numbers and not three
        stood_in = radio.last_used(reader, row["thread"])
        prefers = stood_in if stood_in in ready else prefers
    return Due(row["id"], MessageKind(row["kind"]), row["number"], row["only"], prefers, avoid)
