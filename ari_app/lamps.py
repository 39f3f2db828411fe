"""The lamps of desk phones: device states that say whether something is to answer, drawn by the BLF keys that watch them.

``Stasis:<pbx.app>`` stands for everything, ``Stasis:<pbx.app>-<line>`` for each line, ``Stasis:<pbx.app>-urgent`` for what is urgent;
hints in the dialplan give them numbers to subscribe to (config/asterisk/extensions_textback.conf). NOT_INUSE is off, INUSE steady,
RINGING blinks on most phones (RFC 4235 states terminated, confirmed, early). Asterisk keeps them over a restart of its own, and they
are told anew at each connect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

import structlog

from ari_app.board import Counts
from ari_app.clock import Clock, breathe, sleep_or
from ari_app.errors import PbxError, StoreError
from ari_app.settings import URGENT_LAMP

__all__ = ["Lamps"]

log = structlog.get_logger("lamps")

_LONGEST_SLEEP = 60.0
_RETRY = 5.0
"""Seconds until a state that Asterisk refused is tried again."""
_GOODBYE = 2.0
"""Seconds a stop gives the lamps to go out."""

_OFF, _ON, _BLINKS = "NOT_INUSE", "INUSE", "RINGING"


class DeviceStates(Protocol):
    """What is asked of the ARI client."""

    async def set_device_state(self, name: str, state: str) -> None:
        """Set a device state. Raises PbxError."""

    async def device_states(self) -> Mapping[str, str]:
        """Every device state set over ARI, by name. Raises PbxError."""

    async def remove_device_state(self, name: str) -> None:
        """Forget a device state. Raises PbxError."""


class Lamps:
    """Keeps the device states right while ``run()`` runs; when it is cancelled, they go out.

    ``counts``: what is to answer, by line; ``urgent``: the threads of it that are urgent. ``overdue``: lines, and ``late``: threads, with
    somebody who waits too long. ``blink``: these blink.
    """

    def __init__(
        self,
        ari: DeviceStates,
        clock: Clock,
        *,
        app: str,
        lines: Collection[str],
        counts: Callable[[], Awaitable[Mapping[str, Counts]]],
        urgent: Callable[[], Awaitable[Collection[int]]],
        overdue: Callable[[], Collection[str]],
        late: Callable[[], Collection[int]],
        blink: bool,
    ) -> None:
        self._ari = ari
        self._all = f"Stasis:{app}"
        self._urgent = f"{self._all}-{URGENT_LAMP}"
        self._names = {line: f"{self._all}-{line}" for line in lines}
        self._counts = counts
        self._urgents = urgent
        self._overdue = overdue
        self._late = late
        self._clock = clock
        self._blink = blink
        self._shown: dict[str, str] = {}
        self._connected = False
        self._strangers = False
        """Whether states of lines that are gone may stand in Asterisk."""
        self._wake = asyncio.Event()

    def connected(self) -> None:
        """Asterisk is there, perhaps another one: everything is told."""
        self._shown = {}  # a new one: what is still under way notes what it did in the old one
        self._connected = self._strangers = True
        self._wake.set()

    def disconnected(self) -> None:
        """Asterisk is gone: nothing is told until it is back."""
        self._connected = False

    def changed(self) -> None:
        """A thread changed, or who is overdue."""
        self._wake.set()

    async def run(self) -> None:
        """Tell what changed, until cancelled."""
        try:
            while True:
                self._wake.clear()
                began = self._clock.monotonic()
                pause = await self._tell() if self._connected else _LONGEST_SLEEP
                await breathe(self._clock, began)
                await sleep_or(self._clock, pause, self._wake)
        finally:
            if self._connected:
                await self._go_out()

    async def _tell(self) -> float:
        """Seconds until the next look."""
        shown = self._shown
        try:
            if self._strangers:
                await self._forget_strangers()
            for name, state in (await self._states()).items():
                if shown.get(name) != state:
                    await self._ari.set_device_state(name, state)
                    shown[name] = state
                    log.info("lamp", name=name, state=state)
        except (PbxError, StoreError) as error:
            log.warning("lamps_not_set", what=error.what, fix=error.fix, retry_s=_RETRY)
            return _RETRY
        return _LONGEST_SLEEP

    async def _states(self) -> dict[str, str]:
        counts, urgent, overdue = await self._counts(), await self._urgents(), self._overdue()
        lit = {line for line, found in counts.items() if found.to_answer}
        late = lit.intersection(overdue) if self._blink else set()

        def state(on: bool, blinks: bool) -> str:
            return _BLINKS if blinks else _ON if on else _OFF

        # a line that is gone from the file, and still has a thread, lights the lamp of everything
        whole = {
            self._all: state(bool(lit), bool(late)),
            self._urgent: state(bool(urgent), self._blink and not set(urgent).isdisjoint(self._late())),
        }
        return whole | {name: state(line in lit, line in late) for line, name in self._names.items()}

    async def _forget_strangers(self) -> None:
        for name in await self._ari.device_states():
            if name.startswith(f"{self._all}-") and name != self._urgent and name not in self._names.values():
                await self._ari.remove_device_state(name)
        self._strangers = False

    async def _go_out(self) -> None:
        try:
            async with asyncio.timeout(_GOODBYE):
                for name in (self._all, self._urgent, *self._names.values()):
                    await self._ari.set_device_state(name, _OFF)
        except (PbxError, TimeoutError) as error:
            log.warning("lamps_left_on", reason=str(error))
