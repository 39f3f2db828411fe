"""How long ``textback run`` takes until it watches: systemd's READY=1, and the first answer of /healthz."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.bench.radio import PYTHON, end
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT, toml

__all__ = ["Started", "free_port", "start"]

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds from the start of the command."""

    ready: float
    healthz: float


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start(store: Path, folder: Path) -> Started:
    """Start the service over a store, its PBX away, and end it again. Raises LabError when it does not come up."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  (before anything runs)
    port, settings, notes = free_port(), folder / "textback.toml", folder / "notify"
    settings.write_text(
        toml(
            {
                "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
                "pbx": {"ari": f"http://127.0.0.1:{free_port()}", "username": "nobody", "password": "none"},
                "store": {"path": str(store)},
                "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(folder / "sounds")},
                "portal": {"listen": f"127.0.0.1:{port}"},
            }
        ),
        encoding="utf-8",
    )
    notes.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(notes))
        told.setblocking(False)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "ari_app", "--config", str(settings), "run",
            cwd=CHECKOUT, env={**os.environ, "NOTIFY_SOCKET": str(notes)},
            stdout=asyncio.subprocess.DEVNULL, stderr=(folder / "service.log").open("wb"),
        )  # fmt: skip
        try:
            async with asyncio.timeout(_PATIENCE):
                while not (await asyncio.get_running_loop().sock_recv(told, 4096)).startswith(b"READY=1"):
                    pass
                ready = time.monotonic() - began
                await _answers(f"http://127.0.0.1:{port}/healthz")
                return Started(ready, time.monotonic() - began)
        except TimeoutError:
            said = (folder / "service.log").read_text(encoding="utf-8", errors="replace").splitlines()[-2:]
            raise LabError(f"the service over {store.name} was not ready within {_PATIENCE:g} s: {' / '.join(said)}") from None
        finally:
            await end(process)


async def _answers(url: str) -> None:
    """Whatever it says: without its PBX it is failing, and says so."""
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.01)
