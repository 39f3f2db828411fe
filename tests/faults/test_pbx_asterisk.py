"""Asterisk restarted, killed, reloaded and stopped under a running service, each in the middle of a call; the service killed; two services.

One lab, one service: what one test breaks the next finds mended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from modem.simulator import Simulator
from tests.faults.fault import Recorder
from tests.faults.pbx_clinic import PROMPT, Clinic, Cost
from tests.lab.lab import Lab
from tests.lab.root import LabError, send_signal
from tests.lab.stage import stage, until

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    lab = await Lab.up("22", f"faults-pbx-{os.getpid()}")
    try:
        yield lab
    finally:
        await lab.down()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    changes = {"reply": PROMPT, "pbx": {"cel": {"csv": str(lab.cel)}}}
    async with stage(lab, tmp_path_factory.mktemp("clinic"), changes) as staged:
        yield Clinic(lab, staged)


async def test_asterisk_restarted_in_the_middle_of_a_call(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    before = clinic.connections()
    async with clinic.ringing("4385551001", owed=False) as call:
        with contextlib.suppress(LabError):  # it does not answer: it has gone
            await lab.ami.command("core restart now")
        await call.end()
        await lab.reconnect()
        back = await clinic.connected(after=before)
    await next_second()
    await clinic.miss("4385551002")
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_asterisk_killed_in_the_middle_of_calls(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    before = clinic.connections()
    async with clinic.talking("4385551011") as answered, clinic.ringing("4385551012", owed=False) as call:
        send_signal(lab.asterisk_pid, signal.SIGKILL)
        await asyncio.gather(answered.end(), call.end())
        await clinic.lost()
        await lab.restart_asterisk(kill=True)
        back = await clinic.connected(after=before)
    await next_second()
    await clinic.miss("4385551013")
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_asterisk_reloaded_in_the_middle_of_a_call(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    before = clinic.connections()
    async with clinic.ringing("4385551021", owed=True) as call:
        await lab.ami.command("core reload")
        await call.hang_up()
        await call.over()
    async with clinic.talking("4385551022") as call:
        await lab.ami.command("core reload")
        await call.hang_up()
        await call.over()
    await clinic.miss("4385551023")
    assert await clinic.cost(record_property, recovery_s=await clinic.connected()) == Cost()
    assert clinic.connections() == before, "a reload takes nothing away"


async def test_asterisk_stopped_gracefully(lab: Lab, clinic: Clinic, record_property: Recorder) -> None:
    """The call that is up ends as it would; nothing new is let in; then Asterisk is gone until somebody starts it."""
    before = clinic.connections()
    async with clinic.ringing("4385551031", owed=True) as call:
        stopping = asyncio.create_task(lab.ami.command("core stop gracefully"))  # it answers when it is done
        await asyncio.sleep(0)
        await call.hang_up()
        await call.over()
    await until("Asterisk's end", lambda: not lab.asterisk_up)
    await asyncio.gather(stopping, return_exceptions=True)
    await clinic.lost()
    await lab.restart_asterisk()
    back = await clinic.connected(after=before)
    await next_second()
    await clinic.miss("4385551032")
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_the_service_killed_and_away_while_callers_call(clinic: Clinic, record_property: Recorder) -> None:
    """Who rang at the kill, who called meanwhile, who talked all the while."""
    before = clinic.connections()
    service = clinic.staged.supervisor
    async with clinic.talking("4385551041") as talking:
        async with clinic.ringing("4385551042", owed=True) as call:
            service.kill()
            await service.stop()
            await call.hang_up()
            await call.over()
        await clinic.miss(*(f"438555105{index}" for index in range(5)))
        await clinic.serve("4385551061")
        await service.start()
        back = await clinic.connected(after=before)
        await talking.hang_up()
        await talking.over()
    assert await clinic.cost(record_property, recovery_s=back) == Cost()


async def test_a_second_service_on_one_store_refuses(clinic: Clinic, record_property: Recorder) -> None:
    status, _, said = await clinic.staged.run("run")
    assert status == 1
    assert "Traceback" not in said
    assert "another textback" in said
    await clinic.miss("4385551071")
    assert await clinic.cost(record_property, recovery_s=await clinic.connected()) == Cost()


async def test_a_second_service_of_one_application_name_refuses(
    lab: Lab, clinic: Clinic, tmp_path: Path, record_property: Recorder
) -> None:
    before, starts = clinic.connections(), clinic.staged.supervisor.starts
    changes = {
        "modem": [{"name": "two", "port": str(tmp_path / "port")}],
        "agi": {"listen": f"127.0.0.1:{lab.record.ports.agi + 90}"},
        "portal": {"listen": f"127.0.0.1:{lab.record.ports.portal + 90}"},
    }
    async with Simulator(tmp_path / "port", imei="350000000000002"), stage(lab, tmp_path, changes, ready=False) as newcomer:
        async with asyncio.timeout(60):
            await newcomer.supervisor.gave_up.wait()
        assert (newcomer.supervisor.starts, newcomer.supervisor.exits) == (1, [3]), "its unit starts it no more"
        said = newcomer.log.read_text(encoding="utf-8")
        assert f"another textback ({socket.gethostname()}, {clinic.staged.store})" in said
        assert "pbx.app" in said
    await clinic.miss("4385551081")
    assert await clinic.cost(record_property, recovery_s=await clinic.connected()) == Cost()
    assert (clinic.connections(), clinic.staged.supervisor.starts) == (before, starts), "the first was not touched"


async def next_second() -> None:
    """A call's id is the second it began in and a counter that each start of Asterisk begins anew: within one second two would be one."""
    await asyncio.sleep(1.0 - time.time() % 1.0)
