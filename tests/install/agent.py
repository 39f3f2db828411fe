"""Commands run in the machine and their output brought back, by QEMU's guest agent over a virtio port: no network, no keys.

The agent's protocol: https://www.qemu.org/docs/master/interop/qemu-ga-ref.html
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from pathlib import Path
from typing import Any, cast

from tests.install.machine import ENVIRONMENT, Done
from tests.lab.root import LabError

__all__ = ["Agent"]

_LINE = 64 << 20
_EVERY = 0.1


class Agent:
    """The agent of one machine. One question at a time."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._one = asyncio.Lock()

    async def connect(self, patience: float) -> None:
        """Wait until the machine's agent answers. Raises TimeoutError, LabError when the machine is gone."""
        self._reader, self._writer = await asyncio.open_unix_connection(self._socket, limit=_LINE)
        async with asyncio.timeout(patience):
            while True:
                with contextlib.suppress(TimeoutError):  # what is asked before the agent is there is answered late, or never
                    async with asyncio.timeout(2):
                        await self._ask("guest-sync", id=7)
                        break
            while not self._reader.at_eof():  # late answers to the questions before
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await self._reader.readline()
                        continue
                break

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    async def _ask(self, command: str, **arguments: Any) -> Any:
        if self._reader is None or self._writer is None:
            raise LabError("the machine's agent is not connected")
        self._writer.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        await self._writer.drain()
        line = await self._reader.readline()
        if not line:
            raise LabError("the machine is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(f"the machine's agent on {command}: {answer['error'].get('desc')}")
        return answer["return"]

    async def tried(self, command: str, *, patience: float = 120, given: str = "") -> Done:
        """Run a shell command as root, ``given`` on its standard input. Raises LabError when it takes longer than ``patience`` seconds."""
        more = {"input-data": base64.b64encode(given.encode()).decode()} if given else {}
        async with self._one:
            asked = {"path": "/bin/bash", "arg": ["-c", command], "env": list(ENVIRONMENT), "capture-output": True, **more}
            pid = (await self._ask("guest-exec", **asked))["pid"]
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while True:
            async with self._one:
                status = cast("dict[str, Any]", await self._ask("guest-exec-status", pid=pid))
            if status["exited"]:
                out, err = (base64.b64decode(status.get(name, "")).decode(errors="replace") for name in ("out-data", "err-data"))
                return Done(status.get("exitcode", -status.get("signal", 1)), out, err)
            if loop.time() > end:
                raise LabError(f"in the machine, after {patience:.0f} s not done: {command[:200]}")
            await asyncio.sleep(_EVERY)
