"""A process to be killed: records calls, sends their texts through a modem, keeps what comes back. Started by ``test_outbox_modem``.

    python -m tests.outbox_child STORE PORT FIRST COUNT

records missed calls of COUNT numbers, says "ready", and works until it is killed. What was recorded before is recorded again: once.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from ari_app.clock import SystemClock
from ari_app.model import Outcome
from ari_app.outbox import Outbox
from ari_app.threads import Store
from modem.driver import SerialModem
from modem.types import RawPdu, VoiceCall
from tests.modem.conftest import QUICK
from tests.threads.world import Clerk, a_call, answered, nothing


def number(index: int) -> str:
    return f"+1514556{index:04d}"


class Door:
    """Into the store, as the service's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, raw: RawPdu) -> None:
        await self._store.keep(raw, nothing)

    async def called(self, call: VoiceCall) -> None:
        raise AssertionError(f"nobody calls this SIM: {call}")

    async def pin_refused(self, sim: str, digest: str) -> None:
        await self._store.pin_refused(sim, digest)

    async def pin_known_bad(self, sim: str, digest: str) -> bool:
        return await self._store.pin_known_bad(sim, digest)

    async def pin_accepted(self, sim: str) -> None:
        await self._store.pin_forget(sim)


async def work(path: Path, port: str, count: int) -> None:
    clock, clerk = SystemClock(), Clerk(delay=timedelta(0))
    store = Store(path, clock)
    await store.open()

    def wake() -> None:
        outbox.wake()

    modem = SerialModem("gsm1", port, door=Door(store), on_ready=wake, timing=QUICK)
    outbox = Outbox(store, [modem], clerk, clock, live=frozenset, held=lambda: False)
    tasks = [asyncio.create_task(modem.run()), asyncio.create_task(outbox.run())]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    ended = datetime.now(UTC)
    for index in range(count):
        # every tenth caller was answered
        make = answered if index % 10 == 9 else a_call
        call = make(number(index), id=f"call.{index}", ended=ended)
        assert call.outcome in (Outcome.MISSED, Outcome.ANSWERED)
        await store.record_call(call, clerk.first(ended), line="main")
        outbox.wake()
        await asyncio.sleep(0.005)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
