"""Our own process under measurement: ``tests.bench.modem_child``, started, fed, watched and killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.radio import PYTHON, end, rows
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT

__all__ = ["Ours", "ours"]


class Ours:
    """One child. ``queued``: act → what it said of it; ``kept``: PDU → monotonic time of its commit. Both live over restarts."""

    def __init__(self, folder: Path, ports: Sequence[str], timing: dict[str, float] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "textback.db"
        self.log = folder / "ours.log"
        self.queued: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, list[float]] = {}
        self.refused: dict[str, str] = {}
        self._ports = list(ports)
        self._timing = timing or {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of the process that runs. Raises LabError when none does."""
        if self._process is None:
            raise LabError("the measured process does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start it, and wait until its store is open. Raises LabError with its last lines."""
        told = json.dumps({"store": str(self.store), "ports": self._ports, "timing": self._timing})
        self._ready.clear()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PYTHON, "-m", "tests.bench.modem_child", told,
                cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, limit=1 << 20,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._process))
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait({ready, self._reader}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        if ready not in done:
            ready.cancel()
            last = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
            raise LabError(f"the measured process did not start: {' / '.join(last)}")

    async def queue(self, texts: Sequence[tuple[str, str, str]], *, wait: bool = True) -> None:
        """Hand over (number, text, act) each; ``wait`` until all are committed. Raises LabError when one is refused."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps({"queue": texts}).encode() + b"\n")
        await process.stdin.drain()
        if not wait:
            return
        async with asyncio.timeout(60):
            while missing := [act for _, _, act in texts if act not in self.queued]:
                if said := [self.refused[act] for act in missing if act in self.refused]:
                    raise LabError(f"a text was refused: {said[0]}")
                self._news.clear()
                await self._news.wait()

    async def kill(self) -> None:
        """SIGKILL, now."""
        process = self._process
        assert process is not None
        if process.returncode is None:
            process.kill()
        await process.wait()
        await self._read_out()

    async def stop(self) -> None:
        """End it in order, or at least end it."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(25):
                await process.wait()
        except TimeoutError:
            await end(process)
        await self._read_out()
        self._process = None

    def states(self) -> dict[str, str]:
        """Number → state of its text."""
        found = rows(self.store, "SELECT t.number, m.state FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out'")
        return {row["number"]: row["state"] for row in found}

    def received(self) -> list[str]:
        """Every inbound text of the store."""
        return [row["text"] for row in rows(self.store, "SELECT text FROM message WHERE direction = 'in'")]

    def idle(self) -> bool:
        """Is nothing queued or on its way."""
        return not rows(self.store, "SELECT id FROM message WHERE state IN ('queued', 'sending')")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            told = json.loads(line)
            match told["event"]:
                case "ready":
                    self._ready.set()
                case "queued":
                    self.queued[told["act"]] = told
                case "refused":
                    self.refused[told["act"]] = told["what"]
                case "kept":
                    self.kept.setdefault(told["pdu"], []).append(told["t"])
            self._news.set()

    async def _read_out(self) -> None:
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None


@asynccontextmanager
async def ours(folder: Path, ports: Sequence[str], timing: dict[str, float] | None = None) -> AsyncIterator[Ours]:
    """Started, and ended whatever happens."""
    process = Ours(folder, ports, timing)
    try:
        await process.start()
        yield process
    finally:
        await process.stop()
