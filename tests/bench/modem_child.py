"""The process that is measured: a store on a file, the outbox and one driver a modem, wired as the service wires them.

    python -m tests.bench.modem_child '{"store": PATH, "ports": [PATH, …], "timing": {…}}'

``timing``: fields of ``modem.timing.Timing`` other than the default. It takes JSON lines ``{"queue": [[number, text, act], …]}``. Each text
goes through ``Store.queue_staff``; what happens is told in JSON lines, ``t`` in seconds of CLOCK_MONOTONIC:

``ready``    the store is open and the drivers run
``queued``   act, message, t: before the text was handed to the store; told after its commit
``refused``  act, what: the store did not take it
``kept``     pdu, t: a received PDU is committed
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from ari_app.clock import SystemClock
from ari_app.errors import RefusedError
from modem.timing import Timing
from modem.types import RawPdu
from tests.bench.wired import wired
from tests.outbox_child import Door
from tests.threads.world import STAFF


def tell(event: str, **fields: Any) -> None:
    """One line for whoever started this."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class TellingDoor(Door):
    """Into the store, and says when a PDU is committed."""

    async def keep(self, raw: RawPdu) -> None:
        await super().keep(raw)
        tell("kept", pdu=raw.pdu, t=time.monotonic())


async def work(path: Path, ports: list[str], timing: Timing) -> None:
    """Until stdin ends."""
    async with wired(path, ports, SystemClock(), timing=timing, door=TellingDoor) as running:
        tell("ready")
        lines = asyncio.StreamReader(limit=1 << 24)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            for number, text, act in json.loads(line)["queue"]:
                at = time.monotonic()
                try:
                    queued = await running.store.acts.queue_staff(number, text, act, by=STAFF)
                except RefusedError as error:
                    tell("refused", act=act, what=error.what)
                else:
                    tell("queued", act=act, message=queued.message, t=at)


if __name__ == "__main__":
    # the service's own level; its lines go where a log goes
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    told = json.loads(sys.argv[1])
    asyncio.run(work(Path(told["store"]), told["ports"], Timing(**told["timing"])))
