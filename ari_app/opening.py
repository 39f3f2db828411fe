"""Open or closed, and until when: pushed to Asterisk ahead of every call, so that the dialplan need not wait for us.

Global variables, for the main line and each [[line]]:

- ``TEXTBACK_OPEN`` and ``TEXTBACK_OPEN_<line>``: "1" open, "0" closed.
- ``TEXTBACK_UNTIL`` and ``TEXTBACK_UNTIL_<line>``: epoch seconds. From then on the answer is worth nothing and the dialplan goes on
  as if it had not asked (``$[${EPOCH} < 0${TEXTBACK_UNTIL}]``).

An answer without a known end (around the clock, or a night switch that anyone may turn) gets one all the same and is renewed in
time: what we said is never believed for long after we are gone. All are pushed at every connect and at every change. OPEN goes
before UNTIL: in between, the dialplan sees the new answer with the old limit, never the old answer with the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ari_app.clock import Clock, sleep_or
from ari_app.errors import PbxError
from ari_app.policy.hours import Opening
from ari_app.settings import MAIN_LINE

__all__ = ["Answer", "OpeningPush", "answer"]

log = structlog.get_logger()

_ON_SWITCH = timedelta(minutes=5)
"""How long an answer that a night switch gives is worth: someone may turn it while we are down."""
_NO_END = timedelta(days=1)
"""How long an answer without a known end (open around the clock) is worth."""
_LONGEST_SLEEP = 60.0
"""Seconds: the wall clock may be set, and the machine may sleep, without the monotonic clock saying so."""
_SHORTEST_SLEEP = 0.02
_RETRY = 5.0
"""Seconds until a push that Asterisk refused is tried again."""


class Timetable(Protocol):
    """What is asked of the policy."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of all lines, "main" among them."""

    def opening(self, line: str, at: datetime, switches: Mapping[str, str]) -> Opening:
        """Is this line open at this instant."""


class Globals(Protocol):
    """What is asked of the ARI client."""

    async def set_global(self, name: str, value: str) -> None:
        """Set a global variable of Asterisk. Raises PbxError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dialplan reads."""

    open: str
    """"1" or "0"."""
    until: str
    """Epoch seconds."""


def answer(opening: Opening, now: datetime) -> Answer:
    """The dialplan's words for an opening, as global or channel variables."""
    until = opening.until or now + (_ON_SWITCH if opening.why == "switch" else _NO_END)
    return Answer("1" if opening.open else "0", str(int(until.timestamp())))


class OpeningPush:
    """Keeps the globals right while ``run()`` runs. ``switches`` gives the device states of the night switches, by name."""

    def __init__(
        self,
        policy: Timetable,
        ari: Globals,
        clock: Clock,
        switches: Callable[[], Mapping[str, str]],
    ) -> None:
        self._policy = policy
        self._ari = ari
        self._clock = clock
        self._switches = switches
        self._suffixes = {line: "" if line == MAIN_LINE else f"_{line}" for line in policy.lines}
        self._pushed: dict[str, Answer] = {}
        self._connected = False
        self._wake = asyncio.Event()

    def connected(self) -> None:
        """Asterisk is there, perhaps restarted and its globals gone: everything is pushed."""
        self._pushed = {}  # a new one: a push still under way notes what it did in the old one
        self._connected = True
        self._wake.set()

    def disconnected(self) -> None:
        """Asterisk is gone: nothing is pushed until it is back."""
        self._connected = False

    def changed(self) -> None:
        """The night switch was turned."""
        self._wake.set()

    async def run(self) -> None:
        """Push what changed, sleep until the next change, until cancelled."""
        while True:
            self._wake.clear()
            pause = _LONGEST_SLEEP
            if self._connected:
                try:
                    pause = await self._push(self._pushed)
                except PbxError as error:
                    log.warning("opening_not_pushed", error=str(error), retry_s=_RETRY)
                    pause = _RETRY
            await sleep_or(self._clock, pause, self._wake)

    async def _push(self, pushed: dict[str, Answer]) -> float:
        """Seconds until a line changes, at most a minute."""
        now = self._clock.now()
        pause = _LONGEST_SLEEP
        for line, suffix in self._suffixes.items():
            opening = self._policy.opening(line, now, self._switches())
            said = answer(opening, now)
            before = pushed.get(line)
            if opening.until is not None:
                pause = min(pause, (opening.until - now).total_seconds())
            elif before is not None and before.open == said.open and _still_good(before, said, now):
                continue
            if before == said:
                continue
            await self._ari.set_global(f"TEXTBACK_OPEN{suffix}", said.open)
            await self._ari.set_global(f"TEXTBACK_UNTIL{suffix}", said.until)
            pushed[line] = said
            log.info("opening_pushed", line=line, open=opening.open, why=opening.why, until=said.until)
        return max(pause, _SHORTEST_SLEEP)


def _still_good(before: Answer, fresh: Answer, now: datetime) -> bool:
    """Is over half of what an answer without a known end is worth still to come (and no more than all: the clock was set back)."""
    left, whole = int(before.until) - now.timestamp(), int(fresh.until) - now.timestamp()
    return whole / 2 <= left <= whole
