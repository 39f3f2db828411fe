"""The watcher that is measured: ``python -m tests.bench.watching_ours URL CALLS`` watches until so many calls ended, then says what it
came to and the CPU time since it was connected, as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections import Counter
from pathlib import Path

from ari_app import logs
from ari_app.clock import SystemClock
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import Attached, CallEnded, Output
from ari_app.pbx.watch import Watch
from ari_app.settings import parse


async def watch(url: str, count: int) -> None:
    clinic = {"name": "Bench", "number": "+15145550100", "timezone": "America/Toronto"}
    settings = parse({"clinic": clinic, "pbx": {"ari": url, "username": "bench", "password": "bench"}})
    told: Counter[str] = Counter()
    over = asyncio.Event()
    began = 0.0, 0.0

    async def heard(output: Output) -> None:
        nonlocal began
        if isinstance(output, Attached):
            began = time.process_time(), time.perf_counter()
        elif isinstance(output, CallEnded):
            told[output.call.outcome.value] += 1
            if told.total() == count:
                over.set()

    ari = AriClient(settings.pbx, SystemClock())
    watching = asyncio.create_task(Watch(settings, ari, SystemClock(), on_output=heard).run())
    waiting = asyncio.create_task(over.wait())
    await asyncio.wait({waiting, watching}, return_when=asyncio.FIRST_COMPLETED)
    spent = {"cpu": time.process_time() - began[0], "wall": time.perf_counter() - began[1]}
    waiting.cancel()
    watching.cancel()
    await asyncio.gather(waiting, watching, return_exceptions=True)
    await ari.close()
    sys.stdout.write(json.dumps({"answered": told["answered"], "missed": told["missed"], **spent}))


if __name__ == "__main__":
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        logs.set_up(level=logging.INFO, stream=nowhere)
        asyncio.run(watch(sys.argv[1], int(sys.argv[2])))
