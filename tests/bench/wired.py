"""Store, outbox and drivers wired as the service wires them, for the benches and the tests that hold their figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ari_app.clock import SystemClock
from ari_app.events import MessageChanged, Notice
from ari_app.outbox import Outbox
from ari_app.threads import Store
from modem.driver import SerialModem
from modem.timing import Timing
from modem.types import Door
from tests import outbox_child
from tests.threads.world import Clerk

__all__ = ["LeapClock", "Wired", "wired"]


class LeapClock(SystemClock):
    """The machine's clock, which can be put forward: waits of minutes for a next try need not be sat out."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._ahead

    def leap(self, amount: timedelta) -> None:
        """Be so much later."""
        self._ahead += amount


@dataclass(frozen=True)
class Wired:
    """What runs."""

    store: Store
    modems: tuple[SerialModem, ...]
    outbox: Outbox


@asynccontextmanager
async def wired(
    path: Path,
    ports: Sequence[str],
    clock: SystemClock,
    *,
    timing: Timing,
    door: type[outbox_child.Door] = outbox_child.Door,
    **driver: Any,
) -> AsyncIterator[Wired]:
    """A store on a file, an outbox and a driver a port, running. ``driver``: more of SerialModem. Raises StoreError."""

    def noticed(notices: tuple[Notice, ...]) -> None:
        if any(isinstance(notice, MessageChanged) for notice in notices):
            wake()

    def wake() -> None:
        outbox.wake()

    store = Store(path, clock, on_notices=noticed)
    await store.open()
    try:
        keeper: Door = door(store)
        modems = tuple(
            SerialModem(f"gsm{index}", port, door=keeper, on_ready=wake, timing=timing, **driver) for index, port in enumerate(ports, 1)
        )
        outbox = Outbox(store, modems, Clerk(), clock, live=frozenset, held=lambda: False)
        tasks = [asyncio.create_task(job) for job in (outbox.run(), *(modem.run() for modem in modems))]
        try:
            yield Wired(store, modems, outbox)
            early = [task for task in tasks if task.done()]
            assert not early, f"{len(early)} of outbox and drivers ended by themselves"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await store.close()
