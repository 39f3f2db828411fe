"""Which bearer takes which text: pace, daily budget, affinity with failover, and bearers that fail too much.

Logic only: the outbox asks before it sends and tells what came of it. All is counted by the monotonic clock, so that a clock set forth or
back changes no budget; the last day is read from the store at start, so that a restart forgets neither a spent budget nor a failing SIM.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ari_app.clock import Clock
from ari_app.model import MessageKind
from modem.types import Bearer, NotSent, Refused, SendResult, Unknown

__all__ = ["DAY", "GRACE", "LEAST", "PROOF", "SHARE", "TRIAL", "Limits", "Pool", "Standing", "Tried"]

DAY = timedelta(hours=24)
_DAY_S = DAY.total_seconds()
GRACE = 60.0
"""Seconds a conversation waits for its bearer to come back before another takes it over: longer than a reset, shorter than patience."""
LEAST, SHARE = 25, 0.10
"""A bearer of whose last texts, at least so many within a day, more than this share failed is alarmed."""
PROOF = 3
"""Texts in a row that must go before an alarmed bearer counts as well again."""
TRIAL = 300.0
"""Seconds between the texts an alarmed bearer is given to prove itself, while others are well."""
_RESERVE = 10
"""One of so many of a day's SMS is kept for people: automatic texts stop before it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a bearer may carry. ``budget``: SMS in 24 hours, None without limit; ``pace``: from one text's start to the next one's."""

    pace: timedelta = timedelta(0)
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one SMS handed to a bearer. ``failed`` None: it says nothing of the bearer (the number was at fault)."""

    modem: str
    message: int
    at: datetime
    carried: bool
    """It went or may have gone: it counts for the budget."""
    failed: bool | None

    @classmethod
    def of(cls, modem: str, message: int, at: datetime, result: SendResult) -> Tried | None:
        """None for what never left: neither the SIM's cost nor its fault."""
        match result:
            case NotSent():
                return None
            case Refused():
                return cls(modem, message, at, carried=False, failed=None if result.number_at_fault else True)
            case Unknown():
                return cls(modem, message, at, carried=True, failed=True)
        return cls(modem, message, at, carried=True, failed=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bearer stands in the pool, for doctor and ``modem status``: of the last 24 hours."""

    carried: int
    """SMS that went or may have gone."""
    budget: int | None
    tried: int
    """SMS that count for the share; since the last alarm was over, where there was one. What fails of one text counts once."""
    failed: int
    failing: bool
    """Alarmed: out of the pool while others are well, until it proves itself."""


@dataclass(slots=True)
class _Seat:
    bearer: Bearer
    limits: Limits
    seen: float
    """When it was last ready."""
    free: float = 0.0
    """When its pace lets it begin again."""
    trial: float = 0.0
    """When it may try again while it is alarmed."""
    carried: deque[float] = field(default_factory=deque)
    tried: deque[tuple[float, bool, int]] = field(default_factory=deque)
    """When, whether it failed, and of which text."""
    failing: bool = False
    streak: int = 0

    def forget(self, before: float) -> None:
        while self.carried and self.carried[0] < before:
            self.carried.popleft()
        while self.tried and self.tried[0][0] < before:
            self.tried.popleft()

    def learn(self, tried: Tried, at: float) -> None:
        if tried.carried:
            self.carried.append(at)
        if tried.failed is None:
            return
        if self.failing:
            self.streak = 0 if tried.failed else self.streak + 1
            if self.streak >= PROOF:
                self.failing = False
                self.tried.clear()
            return
        if tried.failed and any(bad and message == tried.message for _, bad, message in self.tried):
            return  # tried again and again, one number that cannot be reached would look like a SIM that is barred
        self.tried.append((at, tried.failed, tried.message))
        failed = sum(bad for _, bad, _ in self.tried)
        if len(self.tried) >= LEAST and failed > SHARE * len(self.tried):
            self.failing, self.streak = True, 0


class Pool:
    """The bearers of one clinic. Call ``learn`` with the last day's tries before the first text goes."""

    def __init__(self, bearers: Sequence[Bearer], limits: Mapping[str, Limits], clock: Clock) -> None:
        self._clock = clock
        self._seats = {each.name: _Seat(each, limits.get(each.name, Limits()), clock.monotonic()) for each in bearers}
        self._order = list(self._seats)
        """The one that rested longest first."""
        self._busy: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._seats)

    def learn(self, tries: Iterable[Tried]) -> None:
        """Tries of before, oldest first."""
        now, at = self._clock.monotonic(), self._clock.now()
        for tried in tries:
            seat = self._seats.get(tried.modem)
            if seat is not None:
                seat.learn(tried, now - max((at - tried.at).total_seconds(), 0.0))

    # what may go

    def idle(self) -> list[str]:
        """Bearers that may begin a text now, the one that rested longest first."""
        now = self._clock.monotonic()
        self._look(now)
        well = self._any_well()
        return [name for name in self._order if self._may_begin(name, now, well=well)]

    def awaited(self) -> list[str]:
        """Bearers that cannot begin now and for whom their conversations wait: busy, paced, or gone for a moment."""
        now = self._clock.monotonic()
        self._look(now)
        well = self._any_well()
        return [
            name
            for name, seat in self._seats.items()
            if not self._may_begin(name, now, well=well)
            and now - seat.seen < GRACE
            and not (seat.failing and well)
            and self._left(seat, MessageKind.STAFF)
        ]

    def next_in(self) -> float | None:
        """Seconds until pace lets a bearer begin that is otherwise free; None when none is held by it."""
        now = self._clock.monotonic()
        waits = [seat.free - now for name, seat in self._seats.items() if name not in self._busy and seat.bearer.ready and seat.free > now]
        return min(waits, default=None)

    def choose(
        self, idle: Sequence[str], kind: MessageKind, *, only: str | None, prefers: str | None, avoid: Collection[str] = ()
    ) -> Bearer | None:
        """Of ``idle``, the bearer for a text. None: it waits.

        ``only``: no other will do (parts of it went there); ``prefers``: the conversation's, else the line's; ``avoid``: they refused
        the text, and it waits for another that can take it.
        """
        able = [name for name in idle if self._left(self._seats[name], kind)]
        if only is not None:
            return self._seats[only].bearer if only in able else None
        if prefers is not None and prefers in able and prefers not in avoid:
            return self._seats[prefers].bearer
        others = [name for name in able if name not in avoid]
        if not others and not self.others(avoid, kind):
            others = able
        return self._seats[others[0]].bearer if others else None

    def others(self, than: Collection[str], kind: MessageKind) -> list[str]:
        """Bearers beside these that could carry such a text, now, after the one they carry, or when they are back in a moment."""
        now = self._clock.monotonic()
        self._look(now)
        well = self._any_well()
        return [
            name
            for name, seat in self._seats.items()
            if name not in than and now - seat.seen < GRACE and not (seat.failing and well) and self._left(seat, kind)
        ]

    # what goes on

    def begin(self, name: str) -> None:
        """A text is about to go by this bearer."""
        now = self._clock.monotonic()
        seat = self._seats[name]
        seat.free = now + seat.limits.pace.total_seconds()
        seat.trial = now + TRIAL
        self._busy.add(name)
        self._order.remove(name)
        self._order.append(name)

    def end(self, name: str) -> None:
        """It carries none any more."""
        self._busy.discard(name)

    def result(self, name: str, message: int, result: SendResult) -> bool:
        """What came of one SMS of a text. True when the bearer's alarm began or ended with it."""
        tried = Tried.of(name, message, self._clock.now(), result)
        if tried is None:
            return False
        seat = self._seats[name]
        before = seat.failing
        now = self._clock.monotonic()
        seat.forget(now - _DAY_S)
        seat.learn(tried, now)
        return seat.failing != before

    def standing(self, name: str) -> Standing:
        """How this bearer stands."""
        seat = self._seats[name]
        seat.forget(self._clock.monotonic() - _DAY_S)
        failed = sum(bad for _, bad, _ in seat.tried)
        return Standing(len(seat.carried), seat.limits.budget, len(seat.tried), failed, seat.failing)

    # parts

    def _any_well(self) -> bool:
        """Does it not depend on alarmed bearers whether texts go."""
        return any(seat.bearer.ready and not seat.failing and self._left(seat, MessageKind.STAFF) for seat in self._seats.values())

    def _look(self, now: float) -> None:
        for name, seat in self._seats.items():
            seat.forget(now - _DAY_S)
            if seat.bearer.ready or name in self._busy:
                seat.seen = now

    def _may_begin(self, name: str, now: float, *, well: bool) -> bool:
        seat = self._seats[name]
        if name in self._busy or not seat.bearer.ready or seat.free > now or not self._left(seat, MessageKind.STAFF):
            return False
        return not (seat.failing and well) or seat.trial <= now

    def _left(self, seat: _Seat, kind: MessageKind) -> bool:
        """Does the day's budget leave room for a text of this kind."""
        budget = seat.limits.budget
        if budget is None:
            return True
        return len(seat.carried) < (budget if kind is MessageKind.STAFF else budget - budget // _RESERVE)
