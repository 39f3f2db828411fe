"""Nothing leaves that is not on disk, nothing is acknowledged that is not on disk: seen from outside, by strace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from pathlib import Path

from modem.simulator import Simulator
from tests.faults.fault import Recorder, record
from tests.lab.stage import CHECKOUT, toml

NUMBER = "+15145550142"


def free_port() -> int:
    """A TCP port of loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(folder: Path) -> Path:
    """A service with a modem and a PBX that is not there."""
    path = folder / "textback.toml"
    path.write_text(
        toml(
            {
                "clinic": {"name": "Clinique", "number": "+15145550100"},
                "pbx": {"ari": "http://127.0.0.1:1", "username": "u", "password": "p"},
                "modem": [{"name": "m", "port": str(folder / "port")}],
                "store": {"path": str(folder / "textback.db")},
                "agi": {"listen": f"127.0.0.1:{free_port()}"},
                "portal": {"listen": f"127.0.0.1:{free_port()}"},
            }
        ),
        encoding="utf-8",
    )
    return path


async def test_the_attempt_is_on_disk_before_the_pdu_and_the_text_before_its_deletion(tmp_path: Path, record_property: Recorder) -> None:
    config, trace = settings(tmp_path), tmp_path / "trace"
    textback = [sys.executable, "-m", "ari_app", "--config", str(config)]
    async with Simulator(tmp_path / "port") as simulator:
        with (tmp_path / "log").open("wb") as log:
            service = await asyncio.create_subprocess_exec(
                "strace", "-f", "-y", "-s", "64", "-e", "trace=write,fsync,fdatasync", "-o", str(trace), *textback, "run",
                cwd=CHECKOUT, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            simulator.text(NUMBER, "Bonjour, avez-vous une place?")
            async with asyncio.timeout(60):
                while not (tmp_path / "textback.db.sock").exists():
                    assert service.returncode is None, (tmp_path / "log").read_text(encoding="utf-8")
                    await asyncio.sleep(0.05)
            send = await asyncio.create_subprocess_exec(*textback, "send", NUMBER, "Oui.", "--wait", "40", cwd=CHECKOUT)
            assert await send.wait() == 0
            await simulator.wait(NUMBER, 1, timeout=30)
            async with asyncio.timeout(30):
                while "AT+CMGD" not in trace.read_text(encoding="utf-8", errors="replace"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service.pid, signal.SIGTERM)
            await service.wait()

    calls = order(trace, tmp_path)
    came = order_holds(calls, after="AT+CMGL", sync="sync", before="AT+CMGD")
    record(record_property, texts_lost=int(not came), texts_doubled=int(not order_holds(calls, after="AT+CMGS", sync="sync", before="PDU")))
    assert order_holds(calls, after="AT+CMGS", sync="sync", before="PDU"), calls
    assert came, calls


def order(trace: Path, folder: Path) -> list[str]:
    """Writes to the modem and syncs of the store's journal, in the order the kernel saw them end."""
    found = []
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        sync = re.search(rf"(?:fsync|fdatasync)\(\d+<{re.escape(str(folder))}/textback\.db-wal>(?:\)| <unf)", line)
        write = re.search(r'write\(\d+</dev/(?:pts/\d+|ptmx)[^>]*>, "([^"]*)"', line)
        if (sync and "unfinished" not in line) or re.search(r"<\.\.\. f(?:data)?sync resumed>", line):
            found.append("sync")
        elif write:
            text = write[1]
            found.append("PDU" if text.endswith("\\32") else text.split("=")[0].split("\\r")[0])
    return found


def order_holds(calls: list[str], *, after: str, sync: str, before: str) -> bool:
    """Is there a ``before``, and a ``sync`` between the last ``after`` and each of them."""
    places = [index for index, call in enumerate(calls) if call == before]
    for place in places:
        start = max((index for index in range(place) if calls[index] == after), default=None)
        if start is None or sync not in calls[start:place]:
            return False
    return bool(places)
