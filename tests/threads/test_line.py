"""The thin line: a missed call becomes one text, its answer stands in the same thread."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ari_app.outbox import Outbox
from ari_app.threads import Store
from tests.threads.world import ALICE, START, Carrier, Clerk, HandClock, a_call, until


async def test_missed_call_becomes_one_text(tmp_path: Path) -> None:
    clock, clerk, carrier = HandClock(), Clerk(), Carrier()
    store = Store(tmp_path / "textback.db", clock)
    await store.open()
    outbox = Outbox(store, [carrier], clerk, clock, live=frozenset, held=lambda: False)
    running = asyncio.create_task(outbox.run())
    call = a_call()
    recorded = await store.record_call(call, clerk.first(START), line="main")
    outbox.wake()
    assert (await store.calls())[0]["decision"] == "pending"
    clock.move(seconds=31)
    outbox.wake()
    await until(lambda: bool(carrier.left))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    thread = await store.thread(ALICE)
    assert [(m["kind"], m["state"]) for m in thread["messages"]] == [("auto", "sent")]
    assert thread["calls"][0]["decision"] == "reply"
    assert thread["calls"][0]["message"] == recorded.message
    assert thread["state"] == "to_answer"
    await store.close()
