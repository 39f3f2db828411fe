"""A store on a real file, a clock that is set by hand, and calls and texts as the other rooms hand them in."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.board import Actor, Face, Role
from ari_app.model import (
    AnsweredBy,
    Call,
    Decision,
    DecisionKind,
    Inbound,
    Known,
    Outcome,
    Presentation,
    Reached,
    Reaction,
    Reason,
    Trigger,
)
from modem.pdu import submit
from modem.sim_pdu import encode_deliver
from modem.types import Commit, Health, NotSent, RawPdu, SendResult, Sent, Submit

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ALICE = "+15145550101"
BOB = "+15145550102"
STAFF = Actor(member=None, name="", role=Role.ADMINISTRATOR, face=Face.SHELL)
"""The shell of this machine."""
ANNE = Actor(member=None, name="anne", role=Role.ADMINISTRATOR, face=Face.SHELL)
"""A person at that shell."""

_ids = itertools.count(1)


class HandClock:
    """Wall clock that moves when told; ``sleep`` returns when the wall clock has moved as far."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        until = self.at + timedelta(seconds=seconds)
        while self.at < until:
            self._moved.clear()
            await self._moved.wait()

    def move(self, **amount: float) -> None:
        self.at += timedelta(**amount)
        self._moved.set()


def a_call(number: str | None = ALICE, *, ended: datetime = START, **changes: Any) -> Call:
    """A missed call that rang 20 s, with whatever is said otherwise."""
    facts: dict[str, Any] = {
        "id": f"1772463600.{next(_ids)}",
        "started": ended - timedelta(seconds=20),
        "ended": ended,
        "presented": (number or "").removeprefix("+1"),
        "caller": number,
        "presentation": Presentation.ALLOWED if number else Presentation.UNKNOWN,
        "did": "5145550199",
        "context": "from-trunk",
        "channel": "PJSIP/trunk-00000001",
        "outcome": Outcome.MISSED,
        "answered_by": None,
        "reached": Reached.RING,
        "rang": 20.0,
        "caller_hung_up": True,
    }
    return Call(**{**facts, **changes})


def answered(number: str = ALICE, *, ended: datetime = START, **changes: Any) -> Call:
    return a_call(number, ended=ended, outcome=Outcome.ANSWERED, answered_by=AnsweredBy.EXTENSION, rang=5.0, **changes)


def silence(reason: Reason, **detail: str) -> Callable[..., Decision]:
    """Decides for silence, whatever is asked of it."""
    return lambda *_: Decision(kind=DecisionKind.SILENCE, reason=reason, open=True, line="main", detail=detail)


@dataclass
class Clerk:
    """A small honest policy: texts after ``delay``, once per ``cooldown``, not who was reached meanwhile. Remembers what it was told."""

    delay: timedelta = timedelta(seconds=30)
    cooldown: timedelta = timedelta(hours=24)
    text: str = "We missed you. What can we do for you?"
    modem: str | None = None
    life: timedelta = timedelta(hours=2)
    seen: list[Known] = field(default_factory=list)

    def first(self, now: datetime) -> Callable[[Call, Known], Decision]:
        return lambda call, known: self(call, known, now)

    def __call__(self, call: Call, known: Known, now: datetime) -> Decision:
        self.seen.append(known)
        if call.outcome is Outcome.ANSWERED:
            return self._silent(Reason.ANSWERED)
        if known.opted_out:
            return self._silent(Reason.OPTED_OUT)
        if known.not_textable:
            return self._silent(Reason.NOT_TEXTABLE)
        if known.last_auto and now - known.last_auto < self.cooldown:
            return self._silent(Reason.COOLDOWN)
        if known.reached and known.reached > call.ended:
            return self._silent(Reason.REACHED_LATER)
        due = max(call.ended + self.delay, known.later_due or call.ended)
        if known.live:
            due = max(due, now + timedelta(seconds=1))
        return Decision(
            kind=DecisionKind.REPLY if due <= now else DecisionKind.PENDING,
            reason=Reason.MISSED,
            open=True,
            line="main",
            detail={"rule": "missed"},
            due=due,
            expires=call.ended + self.life,
            language="en",
            language_from="clinic",
            trigger=Trigger.MISSED,
            text=self.text,
            modem=self.modem,
        )

    @staticmethod
    def _silent(reason: Reason) -> Decision:
        return Decision(kind=DecisionKind.SILENCE, reason=reason, open=True, line="main")


def nothing(_: Inbound) -> Reaction:
    return Reaction()


class Carrier:
    """A bearer in this process: real PDUs and the real commit order, with the air played from a script. Serial modems have tests of
    their own over the simulator."""

    def __init__(self, name: str = "gsm1", script: Callable[[Submit], SendResult | None] | None = None) -> None:
        self.name = name
        self.ready = True
        self.left: list[Submit] = []
        """PDUs whose Ctrl-Z left, in order."""
        self.gate: asyncio.Event | None = None
        """While set and clear, a send waits between commit and result."""
        self._script = script
        self._references = itertools.count(7)

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        return submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        planned = self._script(part) if self._script else None
        if isinstance(planned, NotSent):
            return planned
        if not await commit():
            return NotSent("called off", called_off=True)
        self.left.append(part)
        if self.gate is not None:
            await self.gate.wait()
        return planned or Sent(next(self._references) % 256)

    def health(self) -> Health:
        return Health("ok", "ready", "ready", registered=True)

    async def run(self) -> None:
        await asyncio.Event().wait()


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    """Wait for something another task does; the time-out only ends a test that has already failed."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (the condition is a file's, not this loop's)
            await asyncio.sleep(0.005)


def inbound(sender: str, text: str, sent: datetime = START, **how: Any) -> str:
    """The PDU of a text of one part, as the network writes it."""
    (pdu,) = encode_deliver(sender, text, sent, **how)
    return pdu


def raw(pdu: str, at: datetime = START, modem: str = "gsm1") -> RawPdu:
    return RawPdu(modem, pdu, at)
