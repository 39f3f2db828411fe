"""The peer: ``python -m tests.bench.watching_panoramisk PORT CALLS`` does over AMI, with panoramisk, what a missed-call listener must do
at the least: which calls came in on a trunk, who of them was in a bridge with somebody, which are over. Says what it came to as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from panoramisk import Manager


async def listen(port: int, count: int) -> None:
    manager = Manager(host="127.0.0.1", port=port, username="bench", secret="bench", ping_delay=10**8)
    joined: dict[str, bool] = {}
    told: Counter[str] = Counter()
    over = asyncio.Event()

    def created(_: Manager, event: Any) -> None:
        if event["Uniqueid"] == event["Linkedid"] and event["Context"].startswith("from-trunk"):
            joined[event["Uniqueid"]] = False

    def entered(_: Manager, event: Any) -> None:
        if event["BridgeNumChannels"] == "2" and event["Linkedid"] in joined:
            joined[event["Linkedid"]] = True

    def hung_up(_: Manager, event: Any) -> None:
        answered = joined.pop(event["Uniqueid"], None)
        if answered is not None:
            told["answered" if answered else "missed"] += 1
            if told.total() == count:
                over.set()

    for name, callback in (("Newchannel", created), ("BridgeEnter", entered), ("Hangup", hung_up)):
        manager.register_event(name, callback)
    await manager.connect()
    began = time.process_time(), time.perf_counter()
    await over.wait()
    spent = {"cpu": time.process_time() - began[0], "wall": time.perf_counter() - began[1]}
    manager.close()
    sys.stdout.write(json.dumps({"answered": told["answered"], "missed": told["missed"], **spent}))


if __name__ == "__main__":
    asyncio.run(listen(int(sys.argv[1]), int(sys.argv[2])))
