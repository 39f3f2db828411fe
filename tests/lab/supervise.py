"""Plays systemd's part for one service: the unit of config/textback.service, without systemd.

What systemd does for ``Type=notify``, ``WatchdogSec=``, ``WatchdogSignal=SIGKILL``, ``Restart=always`` and ``KillMode=control-group``
(systemd.service(5), sd_notify(3)), over a real datagram socket in $NOTIFY_SOCKET; the sender's process id is checked as with
``NotifyAccess=main``. By hand: ``python -m tests.lab.supervise [--watchdog SECONDS] -- COMMAND …``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Supervisor"]

_FOR_GOOD = frozenset({3})
"""RestartPreventExitStatus= of config/textback.service."""
_CREDENTIALS = struct.Struct("3i")
"""struct ucred of unix(7): pid, uid, gid."""


class Supervisor:
    """Starts a service, restarts it when it ends or its watchdog is late, until ``stop()``.

    ``log``: the file its output is appended to (None: ours). ``watchdog``: seconds, WatchdogSec=. ``pause``: seconds before a restart.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        watchdog: float = 8.0,
        pause: float = 1.0,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = tuple(command)
        self.starts = 0
        """How often the service was started."""
        self.watchdog_kills = 0
        self.exits: list[int] = []
        """Exit status of every run that ended, negative for a signal."""
        self.status = ""
        """The service's last STATUS= line."""
        self.gave_up = asyncio.Event()
        """The service ended with a status that is not restarted."""
        self._log = log
        self._watchdog = watchdog
        self._pause = pause
        self._environ = dict(os.environ if environ is None else environ)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._socket: socket.socket | None = None
        self._scratch: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ready = asyncio.Event()
        self._fed = 0.0

    @property
    def pid(self) -> int:
        """The service's process id right now; raises ProcessLookupError between two runs."""
        if self._process is None or self._process.returncode is not None:
            raise ProcessLookupError("the service is not running right now")
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Has the present run said READY=1."""
        return self._ready.is_set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the notify socket and start the service; ``ready()`` waits for it."""
        self._scratch = tempfile.mkdtemp(prefix="textback-notify-")
        path = str(Path(self._scratch, "notify"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(path)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)
        self._environ |= {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(int(self._watchdog * 1e6))}
        self._environ.pop("WATCHDOG_PID", None)
        self._task = asyncio.create_task(self._keep_running(), name="supervisor")

    async def ready(self, within: float = 30.0) -> None:
        """Wait for READY=1 of the present run; raises TimeoutError after ``within`` seconds, with the log's end."""
        try:
            async with asyncio.timeout(within):
                await self._ready.wait()
        except TimeoutError:
            raise TimeoutError(f"{self.command[0]} was not ready within {within:g} s\n{self.log_end()}") from None

    async def restarted(self, since: int, within: float = 60.0) -> None:
        """Wait until a run later than number ``since`` (a value of ``starts``) is ready; raises TimeoutError."""
        try:
            async with asyncio.timeout(within):
                while self.starts <= since or not self._ready.is_set():  # noqa: ASYNC110 (any later run will do, not one known ahead)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(f"{self.command[0]} was not back within {within:g} s\n{self.log_end()}") from None

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the service a signal, as ``systemctl kill`` would: SIGKILL, SIGSTOP, SIGCONT …"""
        os.kill(self.pid, number)

    async def stop(self, patience: float = 15.0) -> int | None:
        """SIGTERM, then after ``patience`` seconds SIGKILL to all it started; its exit status, None when it was not running."""
        if self._task is not None:
            async with self._starting:  # never between the start of a process and knowing its id
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        status = await self._end(patience)
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch)
            self._scratch = None
        return status

    def log_end(self, lines: int = 30) -> str:
        """The last lines the service wrote, for a failure's message."""
        if self._log is None or not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    async def _keep_running(self) -> None:
        while True:
            await self._run_once()
            if self.exits[-1] in _FOR_GOOD:
                self.gave_up.set()
                return
            await asyncio.sleep(self._pause)

    async def _run_once(self) -> None:
        self._ready.clear()
        async with self._starting:
            self._process = process = await self._spawn()
            self.starts += 1
        ended = asyncio.create_task(process.wait())
        try:
            while not ended.done():
                late = self._ready.is_set() and time.monotonic() - self._fed > self._watchdog
                if late:
                    self.watchdog_kills += 1
                    self._kill_all(signal.SIGKILL)
                await asyncio.wait((ended,), timeout=None if late else 0.1)
            self._kill_all(signal.SIGKILL)  # what it left behind
            self.exits.append(ended.result())
        finally:
            ended.cancel()
            self._ready.clear()

    async def _spawn(self) -> asyncio.subprocess.Process:
        output = self._log.open("ab") if self._log else None
        try:
            return await asyncio.create_subprocess_exec(
                *self.command,
                env=self._environ,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()

    async def _end(self, patience: float) -> int | None:
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGCONT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience)
        self._kill_all(signal.SIGKILL)
        self._process = None
        return await process.wait()

    def _kill_all(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _heard(self) -> None:
        if self._socket is None:
            return
        try:
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        except BlockingIOError:
            return
        sender = next((_CREDENTIALS.unpack(said)[0] for _, kind, said in ancillary if kind == socket.SCM_CREDENTIALS), None)
        if self._process is None or sender != self._process.pid:
            return
        for line in data.decode(errors="replace").splitlines():
            name, _, value = line.partition("=")
            if name == "READY" and value == "1":
                self._fed = time.monotonic()
                self._ready.set()
            elif name == "WATCHDOG" and value == "1":
                self._fed = time.monotonic()
            elif name == "STATUS":
                self.status = value


async def _main(command: Sequence[str], watchdog: float) -> int:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    supervisor = Supervisor(command, watchdog=watchdog)
    await supervisor.start()
    await over.wait()
    return await supervisor.stop() or 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="supervise", description="Run a service as systemd's Type=notify with a watchdog would.")
    parser.add_argument("--watchdog", type=float, default=8.0, metavar="SECONDS")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(_main(arguments.command, arguments.watchdog)))
