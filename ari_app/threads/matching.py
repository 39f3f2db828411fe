"""To which call a message left belongs: by its channel and time, never by a guess."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ari_app.model import Presentation, Reached
from ari_app.numbers import e164
from ari_app.threads.database import Reader
from ari_app.threads.rows import stamp

__all__ = ["Found", "Left", "Unmatched", "match"]

_SLACK = timedelta(seconds=2)
"""Between Asterisk's whole seconds and its events' own stamps."""
_LONGEST_CALL = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A message as the spool has it."""

    message: str
    mailbox: str
    context: str
    folder: str
    at: datetime
    seconds: float
    channel: str
    """That ran VoiceMail."""
    presented: str
    """Number of caller ID, "" for none."""


class Unmatched(StrEnum):
    """Why a message belongs to no call that is filed."""

    WAITS = "waits"
    """Its call is up, or about to be filed."""
    NOBODY = "nobody"
    """It was left from inside the house, or its call was erased."""
    UNSEEN = "unseen"
    """No call of that time is known, and the caller showed a number."""
    DOUBT = "doubt"
    """It may be one of several calls, or of none."""


@dataclass(frozen=True, slots=True)
class Found:
    """The call a message was left in."""

    call: str
    thread: int


def match(
    reader: Reader, left: Left, *, country: str, internal: tuple[int, int], now: datetime, known_since: datetime | None
) -> Found | Unmatched:
    """See ``Voicemails.match``.

    The channel and the time tell it. Behind a Local channel the far half left the message: then caller ID and time do, where they leave
    no doubt. Raises nothing: in doubt no thread is given.
    """
    rows = reader.all(
        """SELECT id, thread, channel, caller, presented, presentation, reached, voicemail_left FROM call INDEXED BY call_by_start
            WHERE started BETWEEN ? AND ? AND ended >= ?""",
        (stamp(left.at - _LONGEST_CALL), stamp(left.at + _SLACK), stamp(left.at - _SLACK)),
    )
    own = [row for row in rows if row["channel"] == left.channel]
    if own:
        return Found(own[0]["id"], own[0]["thread"]) if len(own) == 1 else Unmatched.DOUBT
    number = e164(left.presented, country)
    shortest, longest = internal
    if number is None and left.presented.isdigit() and shortest <= len(left.presented) <= longest:
        return Unmatched.NOBODY
    if left.channel.startswith("Local/"):
        same = [row for row in rows if _same_caller(row, number)]
        same = [row for row in same if _in_voicemail(row)] or same
        if len(same) == 1 or (number is not None and len({row["thread"] for row in same}) == 1):
            return Found(same[-1]["id"], same[-1]["thread"])
        if same:
            return Unmatched.DOUBT
    if _is_up(reader, left) or now - (left.at + timedelta(seconds=left.seconds)) < timedelta(minutes=1):
        return Unmatched.WAITS
    if left.channel.startswith("Local/") or number is None or known_since is None or left.at > known_since:
        return Unmatched.DOUBT
    if reader.value("SELECT EXISTS (SELECT 1 FROM erasure WHERE digest = keyed(?) AND at >= ?)", (number, stamp(left.at))):
        return Unmatched.NOBODY  # its call was erased: what lies in the spool brings nobody back
    before = reader.value("SELECT EXISTS (SELECT 1 FROM call WHERE started < ?)", (stamp(left.at),))
    alike = any(row["caller"] == number for row in rows)
    return Unmatched.UNSEEN if before and not alike else Unmatched.DOUBT


def _same_caller(row: Any, number: str | None) -> bool:
    if number is not None:
        return bool(row["caller"] == number)
    hidden = row["caller"] is None or row["presentation"] == Presentation.PROHIBITED.value
    return hidden and _in_voicemail(row)


def _in_voicemail(row: Any) -> bool:
    return bool(row["voicemail_left"]) or row["reached"] == Reached.VOICEMAIL.value


def _is_up(reader: Reader, left: Left) -> bool:
    """A call that is not filed yet may be its own: the one on its channel; behind a Local channel, any."""
    for row in reader.all("SELECT call FROM open_call"):
        call = json.loads(row["call"])
        if call["started"] <= stamp(left.at + _SLACK) and (call["channel"] == left.channel or left.channel.startswith("Local/")):
            return True
    return False
