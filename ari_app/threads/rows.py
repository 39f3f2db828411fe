"""How values stand in the file: times as fixed-width ISO 8601 UTC text (so that text order is time order), flags as 0 and 1."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ari_app.model import AnsweredBy, Call, Outcome, Presentation, Reached

__all__ = ["call_columns", "call_of", "facts_of", "moment", "required", "stamp", "stamp_or_none"]

Row = sqlite3.Row


def stamp(at: datetime) -> str:
    """``2026-11-22T03:23:50.123456Z``. Raises ValueError for a naive time: it could mean any zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp_or_none(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def moment(text: str | None) -> datetime | None:
    """The aware UTC time a stamp stands for."""
    return None if text is None else datetime.fromisoformat(text)


def required(text: str) -> datetime:
    """``moment`` of a column that is never NULL."""
    return datetime.fromisoformat(text)


def facts_of(text: str) -> Mapping[str, str]:
    """A JSON object column."""
    return MappingProxyType(json.loads(text))


def call_columns(call: Call) -> dict[str, Any]:
    """The columns of ``call`` that Asterisk told, without thread and decision."""
    return {
        "id": call.id,
        "started": stamp(call.started),
        "ended": stamp(call.ended),
        "presented": call.presented,
        "caller": call.caller,
        "presentation": call.presentation.value,
        "did": call.did,
        "context": call.context,
        "channel": call.channel,
        "outcome": call.outcome.value,
        "answered_by": call.answered_by.value if call.answered_by else None,
        "reached": call.reached.value,
        "rang": float(call.rang),
        "caller_hung_up": int(call.caller_hung_up),
        "voicemail_left": int(call.voicemail_left),
        "handed_on": int(call.handed_on),
        "machine": int(call.machine),
        "asked": int(call.asked),
        "suspect": int(call.suspect),
        "option": call.option,
        "blacklisted": int(call.blacklisted),
        "switches": json.dumps(dict(call.switches), ensure_ascii=False),
    }


def call_of(row: Row | Mapping[str, Any]) -> Call:
    """The call as it was told, from its row or from what ``call_columns`` gave."""
    return Call(
        id=row["id"],
        started=required(row["started"]),
        ended=required(row["ended"]),
        presented=row["presented"],
        caller=row["caller"],
        presentation=Presentation(row["presentation"]),
        did=row["did"],
        context=row["context"],
        channel=row["channel"],
        outcome=Outcome(row["outcome"]),
        answered_by=AnsweredBy(row["answered_by"]) if row["answered_by"] else None,
        reached=Reached(row["reached"]),
        rang=row["rang"],
        caller_hung_up=bool(row["caller_hung_up"]),
        voicemail_left=bool(row["voicemail_left"]),
        handed_on=bool(row["handed_on"]),
        machine=bool(row["machine"]),
        asked=bool(row["asked"]),
        suspect=bool(row["suspect"]),
        option=row["option"],
        blacklisted=bool(row["blacklisted"]),
        switches=facts_of(row["switches"]),
    )
