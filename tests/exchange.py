"""The PBX as the desk asks it of calls that ring: who calls, where it rings, sent away or answered. The real one is in tests/lab."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from ari_app.errors import NotFoundError
from ari_app.model import Call, Outcome
from ari_app.pbx.outputs import RingingChanged, Waiting
from ari_app.ringing import LiveCalls
from tests.threads.world import a_call

__all__ = ["Exchange"]


class Exchange(LiveCalls):
    """Calls that a test makes ring."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        super().__init__(self, None, "CA", on_change=self._told)
        self.changed = on_change
        self.noted: Callable[[Call], Awaitable[object]] = _nowhere
        """Keeps the call among those that are up, as the service does."""
        self.sent_away: list[str] = []
        self.can = True
        self._ids = itertools.count(1)
        self._up: dict[str, tuple[Call, Waiting]] = {}

    def _told(self) -> None:
        self.changed()

    # -- what happens at the PBX

    async def ring(self, number: str | None, *phones: str, at: datetime, **changes: Any) -> str:
        """A call comes in and rings these extensions; its id."""
        name = f"1772470000.{next(self._ids)}"
        call = a_call(number, ended=at, id=name, started=at, presented=number or "", **changes)
        waiting = Waiting(id=name, number=number, did=call.did, since=at, phones=tuple(f"PJSIP/{each}" for each in phones))
        self._up[name] = (call, waiting)
        await self.noted(call)
        self._tell()
        return name

    def answer(self, call: str) -> None:
        """Somebody takes it: it is up, and waits no more."""
        was, _ = self._up[call]
        self._up[call] = (replace(was, outcome=Outcome.ANSWERED), replace(self._up[call][1], phones=()))
        self._tell()

    def end(self, call: str) -> None:
        """The caller hangs up."""
        del self._up[call]
        self._tell()

    def _tell(self) -> None:
        self.heard(RingingChanged(tuple(waiting for call, waiting in self._up.values() if call.outcome is not Outcome.ANSWERED)))

    # -- what the desk asks

    @property
    def can_redirect(self) -> bool:
        return self.can

    def call_of(self, channel_id: str) -> Call | None:
        return self._up[channel_id][0] if channel_id in self._up else None

    def bridged(self, channel_id: str) -> bool:
        found = self.call_of(channel_id)
        return found is not None and found.outcome is Outcome.ANSWERED

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        return self._up[call_id][1].phones if call_id in self._up else ()

    def declined(self, call_id: str, *, on: bool = True) -> None:
        """``send_away`` ends the call."""

    async def send_away(self, call: str) -> None:
        if call not in self._up:
            raise NotFoundError("this call is over", "see the thread", code="not_ringing")
        self.sent_away.append(call)
        self.end(call)


async def _nowhere(_: Call) -> None:
    """No store."""
