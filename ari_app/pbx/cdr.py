"""Call detail records into finished calls: what was missed while nobody watched. Pure: rows in, calls out.

One call leaves several rows: one for each device dialled, one for each Local channel between. They are put together by linkedid, else
by uniqueid and the names of Local channels. A record says less than events do: of a device that was joined it does not tell a
confirmation that was never given, holding, parking or a conference. What it cannot decide is ``unseen``.

Columns: docs.asterisk.org, "Asterisk 12 CDR Specification". A uniqueid begins with the second its channel was made in (Unix time,
``main/channel.c``), behind the system's name where it has one: by it the zone of a row's times is known, whatever zone they are written in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum

from ari_app.model import AnsweredBy, Call, Outcome, OutgoingCall, Presentation, Reached
from ari_app.numbers import e164
from ari_app.pbx.config import WatchConfig, matcher
from ari_app.pbx.places import Kind, dialled_number, kind_of, other_half, place_of, trunk_name

__all__ = ["CONFIRMS", "UNIQUEID", "History", "Read", "Row", "apart_from_utc", "calls_of", "cut_off"]

UNIQUEID = re.compile(r"((?:.+-)?)([0-9]{9,11})\.([0-9]+)")
"""The system's name, the second a channel was made in, and which one of this start of Asterisk it is."""
_QUARTER = 900
"""Seconds: zones differ by quarters of an hour."""
_ZONES_APART = timedelta(hours=26)
"""No two zones are further apart: how far back a reader looks, who does not know a row's zone."""
_SAME = timedelta(seconds=5)
"""Rows without a uniqueid belong to one call where they follow within this; names of channels come again after a restart."""
_MEETS = frozenset({"confbridge", "meetme", "bridge", "page", "stasis", "pickup", "chanspy", "agentrequest", "parkedcall"})
"""Applications in which a caller may be with somebody, whatever other channel is in the row, or none."""
_OUTGOING_LEG = "AppDial"
"""Application of the channel that was dialled: no caller of its own."""
CONFIRMS = re.compile(r"\b[UM]\([^)]*(?<!auto-)confirm", re.IGNORECASE)
"""A Dial option that asks who picked up to take the call: a phone that was picked up proves nothing then."""
_ANSWERED = "ANSWERED"
_YEARS = 1971, 2999
_LONGEST = 10**8
"""Seconds, some three years: what is written beyond is no call, and no time can be reckoned with it."""
_DEEPEST = 8
"""Locals dialling Locals."""
_TOO_SOON = frozenset({"BUSY", "FAILED", "CONGESTION"})
"""Dispositions of a call that the PBX ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record. ``start``: as written, without a zone; ``duration`` and ``billsec`` in seconds. Raises ValueError for what is none."""

    start: datetime
    duration: int
    billsec: int
    src: str
    dst: str
    context: str
    channel: str
    dstchannel: str
    app: str
    data: str
    disposition: str
    uniqueid: str = ""
    linkedid: str = ""
    did: str = ""
    """FreePBX writes the DID dialled; other tables do not have it."""

    def __post_init__(self) -> None:
        if not (self.start.tzinfo is None and _YEARS[0] <= self.start.year <= _YEARS[1]):
            raise ValueError("no time of a call")
        if not (0 <= self.duration <= _LONGEST and 0 <= self.billsec <= _LONGEST):
            raise ValueError("no length of a call")

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.duration)

    @property
    def answer(self) -> datetime:
        """When the caller's channel was answered, by whatever answered it."""
        return self.end - timedelta(seconds=self.billsec)


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader found: rows by their end, oldest first."""

    rows: tuple[Row, ...]
    cut: bool = False
    """There are more than were asked for: the oldest are left out."""
    skipped: int = 0
    """Lines or rows that are no record."""


@dataclass(frozen=True, slots=True)
class History:
    """What records tell. Calls by their end, oldest first."""

    calls: tuple[Call, ...] = ()
    """``presentation`` is UNKNOWN: no record tells whether the caller hid the number. ``voicemail_left`` is False: nor that."""
    outgoing: tuple[OutgoingCall, ...] = ()
    strange: Mapping[str, int] = field(default_factory=dict)
    """Calls of outside numbers that came on no inbound context, by the context of their record: not among ``calls``."""
    took: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Devices that a record says were answered, machines left out, by the id of the call they rang for."""


class _Served(IntEnum):
    """Whom a row joined the caller to; the higher says more of the call."""

    NOBODY = 0
    MACHINE = 1
    DOUBT = 2
    OUTSIDE = 3
    PERSON = 4


def cut_off(since: datetime, zone: tzinfo) -> datetime:
    """The ``end`` from which rows may belong to calls that ended since then, without a zone as in ``Row``: a day early, to be safe."""
    return since.astimezone(zone).replace(tzinfo=None) - _ZONES_APART


def calls_of(rows: Iterable[Row], config: WatchConfig, zone: tzinfo, *, since: datetime | None = None) -> History:
    """Calls and outgoing calls of these rows that ended since then.

    ``zone``: of the times of rows without a uniqueid.
    """
    groups = [_Group(each, config, zone) for each in _grouped(rows)]
    trunks = frozenset(trunk for group in groups for trunk in group.trunks())
    calls: list[Call] = []
    outgoing: list[OutgoingCall] = []
    strange = Counter[str]()
    took: dict[str, frozenset[str]] = {}
    for group in groups:
        found = list(group.calls(trunks))
        took.update((call.id, group.took()) for call in found)
        calls += found
        if not found and (out := group.outgoing(trunks)) is not None:
            outgoing.append(out)
        elif not found and group.strange():
            strange[group.rows[0].context] += 1
    if since is not None:
        calls = [call for call in calls if call.ended >= since]
        outgoing = [call for call in outgoing if call.ended is not None and call.ended >= since]
    calls.sort(key=lambda call: (call.ended, call.id))
    outgoing.sort(key=lambda call: (call.started, call.id))
    return History(tuple(calls), tuple(outgoing), dict(strange), took)


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of one call each, in the order they began."""
    ordered = sorted(rows, key=lambda row: row.start)
    above = list(range(len(ordered)))

    def top(index: int) -> int:
        while above[index] != index:
            above[index] = above[above[index]]
            index = above[index]
        return index

    last: dict[tuple[str, str], tuple[int, datetime]] = {}
    for index, row in enumerate(ordered):
        for key in _keys(row):
            before = last.get(key)
            if before is not None and (key[0] == "id" or row.start <= before[1] + _SAME):
                above[top(index)] = top(before[0])
            last[key] = index, row.end if before is None else max(row.end, before[1])
    groups: dict[int, list[Row]] = {}
    for index, row in enumerate(ordered):
        groups.setdefault(top(index), []).append(row)
    return list(groups.values())


def _keys(row: Row) -> list[tuple[str, str]]:
    """What rows of one call share. A linkedid is the uniqueid of the call's first channel."""
    ids = [("id", value) for value in (row.linkedid, row.uniqueid) if value]
    if row.linkedid:
        return ids
    names = [("name", name[:-2]) for name in (row.channel, row.dstchannel) if other_half(name) is not None]
    return [*ids, *names] if row.uniqueid else [("name", row.channel), *names]


def _instant(row: Row, at: datetime, first: Row, zone: tzinfo) -> datetime:
    """``at``, a time of ``row`` as written, in UTC. ``first``: the first row of its channel, which began with it."""
    apart = apart_from_utc(first.start, row.uniqueid)
    return at.replace(tzinfo=zone).astimezone(UTC) if apart is None else at.replace(tzinfo=UTC) - apart


def apart_from_utc(written: datetime, uniqueid: str) -> timedelta | None:
    """How far the zone that a channel's begin was ``written`` in is from UTC; None where the uniqueid does not tell."""
    made = UNIQUEID.fullmatch(uniqueid)
    if made is None:
        return None
    apart = (written.replace(tzinfo=UTC) - datetime.fromtimestamp(int(made[2]), UTC)).total_seconds()
    return timedelta(seconds=round(apart / _QUARTER) * _QUARTER)


class _Group:
    """The rows of one call."""

    def __init__(self, rows: Sequence[Row], config: WatchConfig, zone: tzinfo) -> None:
        self.rows = rows
        self._config = config
        self._zone = zone
        self._inbound = matcher(config.inbound_contexts)
        self._is_machine = matcher(config.machines)
        self._of: dict[str, list[Row]] = {}
        for row in rows:
            self._of.setdefault(row.channel, []).append(row)

    def _extension(self, channel: str) -> bool:
        """A telephone of the house, by its name."""
        low, high = self._config.internal_length
        technology, _, name = trunk_name(channel).partition("/")
        return technology != "DAHDI" and name.isascii() and name.isdigit() and low <= len(name) <= high

    def _callers(self) -> Iterator[tuple[str, list[Row]]]:
        """Channels that may be of callers, with their rows."""
        for channel, rows in self._of.items():
            if kind_of(channel) is Kind.DEVICE and not self._extension(channel) and not rows[0].app.startswith(_OUTGOING_LEG):
                yield channel, rows

    def trunks(self) -> Iterator[str]:
        """Trunks on which a call of this group is sure to have come in."""
        for channel, rows in self._callers():
            if any(row.did or self._inbound(row.context) for row in rows):
                yield trunk_name(channel)

    def strange(self) -> bool:
        """Called by an outside number, by its looks."""
        return any(e164(rows[0].src, self._config.country) is not None for _channel, rows in self._callers())

    def took(self) -> frozenset[str]:
        """Devices that were answered, if no machines."""
        answered = (row.dstchannel for row in self.rows if row.disposition == _ANSWERED)
        return frozenset(name for name in answered if kind_of(name) is Kind.DEVICE and not self._is_machine(name))

    def outgoing(self, trunks: Collection[str]) -> OutgoingCall | None:
        """As a call to the outside, None when it dialled no number there."""
        for row in reversed(self.rows):
            leg = row.dstchannel
            if kind_of(leg) is not Kind.DEVICE or (trunk_name(leg) not in trunks and self._extension(leg)):
                continue
            number = dialled_number(row.data.partition(",")[0], row.dst, self._config.country)
            if number is not None:
                first = self.rows[0]
                return OutgoingCall(
                    id=_id(first, self._utc(first, first.start)),
                    started=self._utc(first, first.start),
                    joined=self._utc(row, row.answer) if row.disposition == _ANSWERED else None,
                    ended=max(self._utc(each, each.end) for each in self.rows),
                    number=number,
                )
        return None

    def calls(self, trunks: Collection[str]) -> Iterator[Call]:
        """Its inbound calls: one, or more where callers were put together."""
        for channel, rows in self._callers():
            if trunk_name(channel) in trunks:
                yield self._call(rows, trunks)

    def _call(self, rows: Sequence[Row], trunks: Collection[str]) -> Call:
        first, last = rows[0], rows[-1]
        started, ended = self._utc(first, first.start), max(self._utc(row, row.end) for row in rows)
        served = [self._served(row, trunks) for row in rows]
        best = max(served)
        outcome, by, joined = Outcome.MISSED, None, ended
        if best >= _Served.OUTSIDE:
            at = served.index(best)
            joined = self._utc(rows[at], rows[at].answer)
            outcome, by = Outcome.ANSWERED, AnsweredBy.EXTENSION if best is _Served.PERSON else AnsweredBy.OUTSIDE
            # handed on in vain, or rung on by the dialplan after the talk's end: no record tells which
            on = [(row, how) for row, how in zip(rows[at + 1 :], served[at + 1 :], strict=True) if not _one_dial(row, rows[at])]
            if on and on[-1][1] < _Served.OUTSIDE and (on[-1][0].dstchannel or place_of(on[-1][0].app) is Reached.HOLD):
                outcome, by = Outcome.UNSEEN, None
        elif best is _Served.DOUBT:
            outcome = Outcome.UNSEEN
        reached = self._reached(rows)
        if best is _Served.MACHINE:
            reached = Reached.FAX
        return Call(
            id=_id(first, started),
            started=started,
            ended=ended,
            presented=first.src,
            caller=e164(first.src, self._config.country),
            presentation=Presentation.UNKNOWN,
            did=next((row.did for row in rows if row.did), first.dst if self._inbound(first.context) and first.dst != "s" else ""),
            context=first.context,
            channel=first.channel,
            outcome=outcome,
            answered_by=by,
            reached=reached,
            rang=max(0.0, (joined - started).total_seconds()),
            caller_hung_up=last.disposition not in _TOO_SOON and last.app != "Hangup",
            machine=reached in (Reached.FAX, Reached.REMOTE),
        )

    def _reached(self, rows: Sequence[Row]) -> Reached:
        """The last place a row tells; the last row often tells only that the dialplan hung up."""
        for row in reversed(rows):
            place = place_of(row.app)
            if place is None and row.dstchannel:
                inner = self._half(row)
                return self._reached(inner) if inner else Reached.RING
            if place is not None:
                return place
        return Reached.NONE

    def _half(self, row: Row) -> list[Row]:
        """What the other half of the Local dialled in this row did."""
        other = other_half(row.dstchannel)
        return [] if other is None else self._of.get(other, [])

    def _served(self, row: Row, trunks: Collection[str], depth: int = 0) -> _Served:
        """Whom this row joined the caller to."""
        if row.app.lower() in _MEETS:
            return _Served.DOUBT if row.disposition == _ANSWERED else _Served.NOBODY
        if row.disposition != _ANSWERED or not row.dstchannel:
            return _Served.NOBODY
        kind = kind_of(row.dstchannel)
        if kind is Kind.LOCAL:
            inner = self._half(row)
            if not inner or depth >= _DEEPEST:
                return _Served.DOUBT
            return max(self._served(each, trunks, depth + 1) for each in inner)
        if kind is Kind.OTHER:
            return _Served.NOBODY
        if self._is_machine(row.dstchannel):
            return _Served.MACHINE
        if CONFIRMS.search(row.data):
            return _Served.DOUBT
        return _Served.OUTSIDE if trunk_name(row.dstchannel) in trunks else _Served.PERSON

    def _utc(self, row: Row, at: datetime) -> datetime:
        return _instant(row, at, self._of[row.channel][0], self._zone)


def _one_dial(row: Row, taken: Row) -> bool:
    """``row`` is of a device that rang together with the one that was ``taken``."""
    return bool(row.dstchannel) and row.disposition != _ANSWERED and (row.start, row.app, row.data) == (taken.start, taken.app, taken.data)


def _id(row: Row, started: datetime) -> str:
    """The channel's uniqueid; where the table has none, what is the same each time it is read."""
    return row.uniqueid or f"{started.timestamp():.0f}.{row.channel}"
