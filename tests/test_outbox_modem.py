"""The outbox over the real driver on the simulated modem: one text each, none twice, whatever fails and whenever it is killed."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import SystemClock
from ari_app.outbox import Outbox
from ari_app.threads import Store
from modem.driver import SerialModem
from modem.simulator import Simulator
from tests.faults.fault import Recorder, record
from tests.modem.conftest import QUICK, running
from tests.outbox_child import Door, number
from tests.threads.world import STAFF, Clerk, a_call

NOW = timedelta(0)


class Rig:
    """Store, outbox, driver, modem, network and handsets."""

    def __init__(self, sim: Simulator, store: Store, outbox: Outbox) -> None:
        self.sim = sim
        self.store = store
        self.outbox = outbox

    async def call(self, to: str, clerk: Clerk) -> int:
        call = a_call(to, ended=SystemClock().now())
        message = (await self.store.record_call(call, clerk.first(call.ended), line="main")).message
        self.outbox.wake()
        assert message
        return message

    async def staff(self, to: str, text: str) -> int:
        message = (await self.store.acts.queue_staff(to, text, f"{to} {text[:9]}", by=STAFF)).message
        self.outbox.wake()
        return message

    async def becomes(self, message: int, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (found := await self.store.message(message))["state"] not in states:  # noqa: ASYNC110  (the file tells)
                await asyncio.sleep(0.01)
        return found


MakeRig = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def make_rig(tmp_path: Path) -> AsyncIterator[MakeRig]:
    async with AsyncExitStack() as stack:

        async def make(clerk: Clerk | None = None, **simulator: Any) -> Rig:
            sim = await stack.enter_async_context(Simulator(tmp_path / "modem", **{"report_ms": 5, **simulator}))
            clock = SystemClock()
            store = Store(tmp_path / "textback.db", clock)
            await store.open()
            stack.push_async_callback(store.close)

            def wake() -> None:
                outbox.wake()

            driver = SerialModem("gsm1", str(tmp_path / "modem"), door=Door(store), on_ready=wake, timing=QUICK)
            outbox = Outbox(store, [driver], clerk or Clerk(delay=NOW), clock, live=frozenset, held=lambda: False)
            await stack.enter_async_context(running(driver))
            await stack.enter_async_context(sending(outbox))
            return Rig(sim, store, outbox)

        yield make


@asynccontextmanager
async def sending(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        early = task.done() and not task.cancelled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not early, "run() ended by itself"


async def test_fifty_callers_at_once_get_one_text_each(make_rig: MakeRig) -> None:
    clerk = Clerk(delay=NOW)
    rig = await make_rig(clerk)
    messages = await asyncio.gather(*(rig.call(number(index), clerk) for index in range(50)))
    for message in messages:
        await rig.becomes(message, "delivered")
    for index in range(50):
        assert [text["text"] for text in rig.sim.inbox(number(index))] == [clerk.text]


async def test_a_text_costs_three_commits_and_one_more_with_its_report(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[int] = []
    connect = sqlite3.connect

    class Counting(sqlite3.Connection):
        """Notes the commits that changed the file."""

        changed = 0

        def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
            cursor = super().execute(sql, params)
            if sql == "COMMIT" and self.total_changes != self.changed:
                self.changed = self.total_changes
                commits.append(self.changed)
            return cursor

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Counting, **kwargs))
    clerk = Clerk(delay=NOW)
    rig = await make_rig(clerk)
    warm = await rig.staff(number(1), "warm")
    await rig.becomes(warm, "delivered")
    rig.sim.reports(send=False)
    commits.clear()
    message = await rig.call(number(2), clerk)
    await rig.becomes(message, "sent")
    assert len(commits) == 1 + 3
    rig.sim.reports(send=True)
    commits.clear()
    message = await rig.staff(number(3), "and a report")
    await rig.becomes(message, "delivered")
    assert len(commits) == 1 + 3 + 1


async def test_a_long_text_and_its_answer(make_rig: MakeRig) -> None:
    rig = await make_rig()
    text = "Bonjour! Votre ordonnance est prête 🙂. " * 8
    message = await rig.staff(number(1), text)
    assert (await rig.becomes(message, "delivered"))["parts"] > 1
    assert [received["text"] for received in rig.sim.inbox(number(1))] == [text]
    rig.sim.text(number(1), text.upper(), reference=77, wide=True, cut=True)
    async with asyncio.timeout(30):
        while len((thread := await rig.store.thread(number(1)))["messages"]) < 2:  # noqa: ASYNC110  (the file tells)
            await asyncio.sleep(0.01)
    assert [m["text"] for m in thread["messages"]] == [text.upper(), text]
    assert thread["state"] == "to_answer"


FATES = {
    401: ("queued", "temporary", 0),
    402: ("failed", "unassigned", 0),
    403: ("delivered", None, 1),
    404: ("sent", None, 1),
    405: ("failed", "0x41", 0),
    406: ("delivered", None, 1),
    407: ("unknown", "", 0),
    408: ("delivered", None, 1),  # unknown at first: its report came while the modem was set up anew
}


@pytest.mark.parametrize("code", FATES)
async def test_what_becomes_of_a_number_that_fails(make_rig: MakeRig, code: int) -> None:
    rig = await make_rig()
    state, what, received = FATES[code]
    bad = f"+15145559{code}"
    message = await rig.staff(bad, "hello")
    if state == "queued":
        async with asyncio.timeout(30):
            while (found := await rig.store.message(message))["what"] is None:  # noqa: ASYNC110  (the file tells)
                await asyncio.sleep(0.01)
        assert found["state"] == "queued"
    elif state == "sent":
        await rig.becomes(message, "sent")
    else:
        found = await rig.becomes(message, state)
    if what:
        assert what in (await rig.store.message(message))["what"]
    # whatever happened to it, the next text goes, once
    other = await rig.staff(number(1), "hello")
    await rig.becomes(other, "sent", "delivered")
    assert len(rig.sim.inbox(number(1))) == 1
    assert len(rig.sim.inbox(bad)) == received
    assert (await rig.store.message(message))["state"] == state


async def test_killed_at_any_moment_nobody_is_texted_twice(tmp_path: Path, record_property: Recorder) -> None:
    """SIGKILL at random moments, restarted each time: one text each but where a stop leaves it open, and nothing forgotten."""
    callers, kills = 60, 10
    moments = random.Random(20260302)  # noqa: S311  (the same moments each run, as far as the machine allows)
    path, port = tmp_path / "textback.db", tmp_path / "modem"
    async with Simulator(port, latency_ms=8, report_ms=30) as sim, AsyncExitStack() as children:

        async def start() -> asyncio.subprocess.Process:
            command = (sys.executable, "-m", "tests.outbox_child", str(path), str(port), str(callers))
            child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            children.push_async_callback(end, child)
            assert child.stdout is not None
            assert await child.stdout.readline() == b"ready\n"
            return child

        for _ in range(kills):
            child = await start()
            await asyncio.sleep(moments.uniform(0, 0.25))
            await end(child)
        child = await start()
        watcher = Store(path, SystemClock(), read_only=True)
        await watcher.open()
        try:
            async with asyncio.timeout(60):
                while await unfinished(watcher, callers):  # noqa: ASYNC110  (the file tells)
                    await asyncio.sleep(0.05)
        finally:
            await end(child)
        states: Counter[str] = Counter()
        listed = await watcher.calls()
        doubled = sum(max(len(sim.inbox(call["caller"])) - 1, 0) for call in listed)
        record(record_property, texts_doubled=doubled, calls_lost=callers - len(listed))
        for call in listed:
            received = len(sim.inbox(call["caller"]))
            if call["outcome"] == "answered":
                assert (call["decision"], call["message"], received) == ("silence", None, 0)
                continue
            state = (await watcher.message(call["message"]))["state"]
            states[state] += 1
            assert received <= 1, f"{call['caller']} was texted {received} times"
            if state in ("sent", "delivered"):
                assert received == 1
        await watcher.close()
    assert set(states) <= {"sent", "delivered", "unknown"}, states
    assert states["unknown"] <= kills
    assert states.total() == callers - callers // 10


async def end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        child.send_signal(signal.SIGKILL)
        await child.wait()


async def unfinished(store: Store, callers: int) -> bool:
    counts = await store.counts()
    return len(await store.calls()) < callers or bool(counts["queued"] or counts["sending"])
