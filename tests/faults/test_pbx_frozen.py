"""Asterisk or the service stopped where it stands (SIGSTOP) while callers call: half-open sockets, full buffers, the watchdog."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.fault import Recorder
from tests.faults.pbx_clinic import PROMPT, Clinic, Cost
from tests.lab.lab import Lab
from tests.lab.root import send_signal
from tests.lab.stage import stage

pytestmark = [pytest.mark.lab, pytest.mark.bench, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    lab = await Lab.up("22", f"faults-frozen-{os.getpid()}")
    try:
        yield lab
    finally:
        await lab.down()


@pytest_asyncio.fixture(loop_scope="module")
async def clinic(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    changes = {"reply": PROMPT, "pbx": {"cel": {"csv": str(lab.cel)}}}
    async with stage(lab, tmp_path_factory.mktemp("clinic"), changes) as staged:
        yield Clinic(lab, staged)


async def test_asterisk_frozen_in_the_middle_of_calls(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    """It takes connections and says nothing; the calls go on when it does."""
    before = clinic.connections()
    async with clinic.talking("4385552001") as talking, clinic.ringing("4385552002", owed=True) as ringing:
        send_signal(lab.asterisk_pid, signal.SIGSTOP)
        try:
            await clinic.lost()
        finally:
            send_signal(lab.asterisk_pid, signal.SIGCONT)
        back = await clinic.connected(after=before)
        for call in (talking, ringing):
            await call.hang_up()
            await call.over()
    await clinic.miss("4385552003")
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_asterisk_frozen_while_callers_give_up(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    """What it has to tell of them it tells nobody: the service has left by then, or comes back to hear of calls that are over."""
    before = clinic.connections()
    async with clinic.ringing("4385552011", owed=True) as ringing:
        send_signal(lab.asterisk_pid, signal.SIGSTOP)
        try:
            await ringing.hang_up()
            await clinic.lost()
        finally:
            send_signal(lab.asterisk_pid, signal.SIGCONT)
        back = await clinic.connected(after=before)
        await ringing.over()
    await clinic.miss("4385552012")
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


@pytest.mark.parametrize("seconds", [6, 60], ids=["less-than-the-watchdog", "until-the-watchdog"])
async def test_the_service_frozen_under_traffic(lab: Lab, clinic: Clinic, record_property: Recorder, seconds: int) -> None:
    """Events fill the buffers between, until Asterisk gives the socket up (websocket_write_timeout)."""
    numbers = [f"43855{seconds:02d}{index:03d}" for index in range(200)]
    mark = len(lab.listener.heard)
    traffic = asyncio.create_task(clinic.miss(*numbers, rate=30))
    await lab.listener.wait(lambda event: event["type"] == "Dial" or None, "the first calls", after=mark)
    service, starts = clinic.staged.supervisor, clinic.staged.supervisor.starts
    service.kill(signal.SIGSTOP)
    frozen = time.monotonic()
    if seconds < 8:
        await asyncio.sleep(seconds)  # the fault is its length
        service.kill(signal.SIGCONT)
        back = await clinic.connected()
    else:
        await service.restarted(starts)
        await clinic.connected()
        back = time.monotonic() - frozen
    await traffic
    assert await clinic.cost(record_property, recovery_s=back, patience=240) == Cost()
    assert service.watchdog_kills == (seconds > 8)
