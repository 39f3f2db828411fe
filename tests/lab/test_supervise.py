"""The supervisor of the lab against real processes that speak sd_notify through ari_app.notify."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import pytest

from tests.lab.supervise import Supervisor

ROOT = Path(__file__).parents[2]

SERVICE = """
import signal, sys, time
from ari_app.notify import Notifier
notify = Notifier()
def down(*_):
    notify.stopping()
    sys.exit(0)
signal.signal(signal.SIGTERM, down)
notify.ready("one  line\\nof status")
while True:
    notify.alive()
    time.sleep(notify.watchdog / 4)
"""

MUTE = "import time\nfrom ari_app.notify import Notifier\nNotifier().ready()\ntime.sleep(600)\n"

CRASHING = "import sys\nsys.exit(1)\n"

FORGER = """
import os, sys, time
from ari_app.notify import Notifier
if os.fork() == 0:
    Notifier().ready("forged")
    sys.exit(0)
os.wait()
print("child done", flush=True)
time.sleep(600)
"""


def supervisor(code: str, tmp_path: Path, **changes: float) -> Supervisor:
    options = {"watchdog": 1.0, "pause": 0.05} | changes
    return Supervisor([sys.executable, "-c", code], log=tmp_path / "log", folder=ROOT, watchdog=options["watchdog"], pause=options["pause"])


async def test_ready_status_and_an_orderly_end(tmp_path: Path) -> None:
    async with supervisor(SERVICE, tmp_path) as service:
        await service.ready()
        assert service.status == "one line of status"
        assert await service.stop() == 0
    assert service.starts == 1


async def test_a_service_that_feeds_its_watchdog_lives(tmp_path: Path) -> None:
    async with supervisor(SERVICE, tmp_path, watchdog=0.8) as service:
        await service.ready()
        pid = service.pid
        await asyncio.sleep(2.0)  # what is tested is that nothing happens in this time
        assert (service.pid, service.watchdog_kills) == (pid, 0)


@pytest.mark.parametrize("frozen_by", ["SIGSTOP", "forgetting"])
async def test_a_frozen_service_is_killed_and_started_again(tmp_path: Path, frozen_by: str) -> None:
    async with supervisor(SERVICE if frozen_by == "SIGSTOP" else MUTE, tmp_path) as service:
        await service.ready()
        before = service.pid
        if frozen_by == "SIGSTOP":
            service.kill(signal.SIGSTOP)
        await service.restarted(since=1)
        assert service.watchdog_kills >= 1
        assert service.exits[0] == -signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            assert service.pid != before


async def test_a_service_that_crashes_is_started_again_and_ready_says_what_it_wrote(tmp_path: Path) -> None:
    async with supervisor("print('no such modem')\n" + CRASHING, tmp_path) as service:
        with pytest.raises(TimeoutError, match="no such modem"):
            await service.ready(within=1.5)
        assert service.starts > 1
        assert set(service.exits) == {1}


async def test_a_service_that_failed_for_good_is_left_alone(tmp_path: Path) -> None:
    async with supervisor("raise SystemExit(3)", tmp_path) as service:
        async with asyncio.timeout(30):
            await service.gave_up.wait()
        assert (service.starts, service.exits) == (1, [3])


async def test_a_child_cannot_speak_for_the_service(tmp_path: Path) -> None:
    async with supervisor(FORGER, tmp_path) as service:
        async with asyncio.timeout(30):
            while "child done" not in service.log_end():  # noqa: ASYNC110 (the log is a file)
                await asyncio.sleep(0.05)
        assert not service.is_ready
        assert service.status == ""


async def test_stop_ends_a_frozen_service_and_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n" + SERVICE
    async with supervisor(code, tmp_path, watchdog=60) as service:
        await service.ready()
        group = service.pid
        service.kill(signal.SIGSTOP)
        await service.stop(patience=5)
    async with asyncio.timeout(10):
        while _members(group):  # noqa: ASYNC110 (a child that was killed is gone when the kernel gets to it)
            await asyncio.sleep(0.02)


def _members(group: int) -> list[Path]:
    return [stat for stat in Path("/proc").glob("[0-9]*/stat") if _group(stat) == group]


def _group(stat: Path) -> int:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[2])
