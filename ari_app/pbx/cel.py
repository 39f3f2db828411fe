"""The channel event log (CEL) into finished calls: what was missed while nobody watched. Pure: rows in, calls out.

Rows are put together by linkedid and uniqueid, and each group is played as the events it was told by (``cel_story``): calls are as they
would have been live. One that nobody took is told as missed only where its story is whole (``cel_gaps``), else as ``unseen``.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo

from ari_app.model import Call, Outcome, OutgoingCall
from ari_app.pbx.cdr import UNIQUEID, History, apart_from_utc
from ari_app.pbx.cel_gaps import NEEDED, Doubt, doubt
from ari_app.pbx.cel_row import CelRow
from ari_app.pbx.cel_story import Story
from ari_app.pbx.config import WatchConfig, matcher

__all__ = ["SETTLES", "CelLog", "CelRow", "Told", "calls_of_cel"]

SETTLES = timedelta(seconds=5)
"""After a call's end a row of it may still come: told with the others, written a moment later."""
_PATIENCE = timedelta(minutes=10)
"""So long a story is waited for whose call is over and whose other channels are not."""
_LONGEST = timedelta(hours=6)
"""A story to which nothing was added for so long is over, whatever the log lacks (as ``watch`` has it)."""
_SHUFFLED = 20
"""Channels are numbered as they are made, and told almost in that order; the count begins anew with each start of Asterisk."""
_MEMORY = 20_000
"""How many ended channels are remembered, so that a row told late begins no story."""
_MOST_ROWS = 5_000
"""Of one story. A conference in which there is always somebody has no end: it is cut."""
_EVER = datetime(1971, 1, 1, tzinfo=UTC)
_END = frozenset({"HANGUP", "CHAN_END", "LINKEDID_END"})


@dataclass(frozen=True, slots=True)
class Told:
    """A call, and what of its story must be known to hold it against other records."""

    call: Call
    doubt: Doubt
    answered: frozenset[str]
    """Names of the channels that were answered in it."""


@dataclass(slots=True, eq=False)
class _Group:
    rows: list[tuple[int, CelRow]] = field(default_factory=list)
    """With their place in the log."""
    ids: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    """Channels that have not ended."""
    apart: timedelta | None = None
    """How far the times of its rows, as written, are from UTC."""
    dead: bool = False
    """Asterisk was started anew: nothing more comes of it."""
    pending: bool = True
    """To be played: rows came, or a call of it was not over."""


class CelLog:
    """Takes rows in the order of the log, and tells each call that is over: for good, unless rows were waited for in vain and came."""

    def __init__(self, config: WatchConfig, zone: tzinfo) -> None:
        """``zone``: of times written without one, where no uniqueid tells it."""
        self._config = config
        self._zone = zone
        self._is_machine = matcher(config.machines)
        self.last = _EVER
        """The newest time of a row."""
        self._place = 0
        self._groups: dict[str, _Group] = {}
        """By each linkedid and uniqueid of it, and each bridge."""
        self._past: OrderedDict[str, None] = OrderedDict()
        self._numbers: dict[str, int] = {}
        """Highest number of a channel, by the system's name."""
        self._knows: set[str] = set()
        """Types of rows this log has."""
        self._inside: set[str] = set()
        """Contexts in which telephones of the house call."""
        self._strange: list[tuple[datetime, str]] = []
        self._told: dict[str, Told] = {}
        self._outgoing: dict[str, OutgoingCall] = {}

    def add(self, rows: Iterable[CelRow]) -> None:
        """Rows that follow those added before."""
        for row in rows:
            if not row.uniqueid or row.uniqueid in self._past:
                continue
            self._knows.add(row.eventtype)
            self._place += 1
            group = self._group(row)
            if row.eventtype == "CHAN_START":
                self._started(row, group)
            if row.eventtype == "CHAN_END":
                group.open.discard(row.uniqueid)
            elif row.eventtype not in _END:
                group.open.add(row.uniqueid)
            timed = self._timed(row, group)
            self.last = max(self.last, timed.eventtime)
            group.rows.append((self._place, timed))
            group.pending = True
            group.dead = group.dead or len(group.rows) > _MOST_ROWS

    def tell(self, until: datetime) -> None:
        """Take up the calls that were over by then."""
        for group in {id(each): each for each in self._groups.values()}.values():
            last = group.rows[-1][1].eventtime
            over = group.dead or until - last >= _LONGEST
            if group.pending or over:
                self._play(group, until, over=over)
            if over or (not group.open and until - last >= SETTLES):
                self._forget(group)

    def calls(self, since: datetime) -> tuple[Told, ...]:
        """Those told that ended since then, by their end."""
        found = [each for each in self._told.values() if each.call.ended >= since]
        return tuple(sorted(found, key=lambda each: (each.call.ended, each.call.id)))

    def outgoing(self, since: datetime) -> tuple[OutgoingCall, ...]:
        """Calls to the outside that ended since then, by their start."""
        found = [each for each in self._outgoing.values() if each.ended is not None and each.ended >= since]
        return tuple(sorted(found, key=lambda each: (each.started, each.id)))

    def strange(self, since: datetime) -> dict[str, int]:
        """Calls of outside numbers that came on no inbound context, by context."""
        return dict(Counter(context for at, context in self._strange if at >= since and context not in self._inside))

    @property
    def tells_all(self) -> bool:
        """Has it shown all types of rows that are needed."""
        return self._knows >= NEEDED

    def saw(self, uniqueid: str) -> bool:
        """Has it rows of this channel."""
        return uniqueid in self._past or uniqueid in self._groups

    def drop(self, before: datetime) -> None:
        """Forget what ended before then."""
        self._told = {key: each for key, each in self._told.items() if each.call.ended >= before}
        self._outgoing = {key: each for key, each in self._outgoing.items() if each.ended is None or each.ended >= before}
        self._strange = [each for each in self._strange if each[0] >= before]

    def _group(self, row: CelRow) -> _Group:
        """The group of a row; groups that it ties together become one."""
        ids = {row.uniqueid, row.linkedid or row.uniqueid}
        if row.eventtype == "BRIDGE_ENTER" and row.bridge is not None and row.bridge.kind == "mixing":
            ids.add(row.bridge.id)  # a conference does not make one linkedid of those in it
        groups = list({id(group): group for group in map(self._groups.get, ids) if group is not None}.values())
        group = groups[0] if groups else _Group()
        for other in groups[1:]:
            group.rows = list(heapq.merge(group.rows, other.rows, key=lambda each: each[0]))
            group.open |= other.open
            group.apart = other.apart if group.apart is None else group.apart
            ids |= other.ids
        group.ids |= ids
        self._groups.update(dict.fromkeys(ids, group))
        return group

    def _started(self, row: CelRow, group: _Group) -> None:
        if row.cid_num.isdigit() and self._config.internal_length[0] <= len(row.cid_num) <= self._config.internal_length[1]:
            self._inside.add(row.context)
        made = UNIQUEID.fullmatch(row.uniqueid)
        if made is None:
            return
        system, number = made[1], int(made[3])
        if number + _SHUFFLED < self._numbers.get(system, 0):
            # what was up at another start of Asterisk is gone
            for identity, other in self._groups.items():
                before = UNIQUEID.fullmatch(identity)
                other.dead = other.dead or (other is not group and before is not None and before[1] == system)
            self._numbers[system] = number
        self._numbers[system] = max(number, self._numbers.get(system, 0))
        if group.apart is None and row.eventtime.tzinfo is None:
            group.apart = apart_from_utc(row.eventtime, row.uniqueid)

    def _timed(self, row: CelRow, group: _Group) -> CelRow:
        """The row with its time in UTC."""
        at = row.eventtime
        if at.tzinfo is not None:
            return row
        utc = at.replace(tzinfo=self._zone).astimezone(UTC) if group.apart is None else at.replace(tzinfo=UTC) - group.apart
        return replace(row, eventtime=utc)

    def _play(self, group: _Group, until: datetime, *, over: bool) -> None:
        story = Story([row for _, row in group.rows], self._config)
        story.play(over=over)
        up = {row.uniqueid for row in story.rows if row.eventtype == "ANSWER"}
        answered = frozenset(row.channame for row in story.rows if row.uniqueid in up)
        told = 0
        for call in story.calls:
            age = until - call.ended
            # who took it is known; that nobody did is known when all is over
            if not over and (age < SETTLES or (group.open and age < _PATIENCE and call.outcome is not Outcome.ANSWERED)):
                continue
            told += 1
            before = self._told.get(call.id)
            if before is None or before.call.outcome is Outcome.UNSEEN:
                found = doubt(story, call.id, self._knows, self._is_machine)
                missed = call.outcome is Outcome.MISSED and found is Doubt.NONE
                settled = call if missed or call.outcome is Outcome.ANSWERED else replace(call, outcome=Outcome.UNSEEN)
                self._told[call.id] = Told(settled, found, answered)
        legs = [leg for leg in story.outgoing if over or (leg.ended is not None and until - leg.ended >= SETTLES)]
        self._outgoing.update((leg.id, leg) for leg in legs)
        group.pending = told < len(story.callers) or len(legs) < len(story.outgoing)
        if not group.open or over:
            self._strange += [(group.rows[-1][1].eventtime, context) for context in story.strange]

    def _forget(self, group: _Group) -> None:
        for identity in group.ids:
            self._groups.pop(identity, None)
        self._past.update(dict.fromkeys({row.uniqueid for _, row in group.rows}))
        while len(self._past) > _MEMORY:
            self._past.popitem(last=False)


def calls_of_cel(rows: Sequence[CelRow], config: WatchConfig, zone: tzinfo, *, since: datetime | None = None) -> History:
    """Calls and outgoing calls of these rows that were over with the last of them, and ended since then."""
    log = CelLog(config, zone)
    log.add(rows)
    log.tell(log.last + SETTLES)
    since = since or _EVER
    return History(tuple(each.call for each in log.calls(since)), log.outgoing(since), log.strange(since))
