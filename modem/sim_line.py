"""The simulated cable: a pty whose master is ours and whose slave a client opens through a symlink.

Behaves like a USB serial port: what is written while nobody has it open is lost, unread bytes are gone after a close, and
unplugging ends every read and write of the client at once.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

__all__ = ["Line"]

_LOOK = 0.01  # s between looks for a client while none has the port open
_LIMIT = 1 << 20  # bytes kept for a client that does not read; a real modem keeps far less


class Line:
    """One pty. ``on_bytes(data, at)`` gets what the client wrote with the ``time.monotonic()`` of the read.

    ``on_client(present)`` is told when a client opens or closes the port.
    """

    def __init__(self, link: Path, on_bytes: Callable[[bytes, float], None], on_client: Callable[[bool], None]) -> None:
        self.link = link
        self._on_bytes = on_bytes
        self._on_client = on_client
        self._loop = asyncio.get_running_loop()
        self._queue: deque[bytes | float] = deque()
        self._queued = 0
        self._present = False
        self._writing = False
        self._resume: asyncio.TimerHandle | None = None
        self._master, slave = pty.openpty()
        try:
            tty.setraw(slave, termios.TCSANOW)
            os.set_blocking(self._master, False)
            self.device = os.ttyname(slave)
            _point(link, self.device)
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)
        self._look_timer: asyncio.TimerHandle | None = self._loop.call_later(0, self._look)

    @property
    def closed(self) -> bool:
        return self._master < 0

    @property
    def present(self) -> bool:
        """Does a client have the port open?"""
        if not self._present and not self.closed:
            self._check()
        return self._present

    def close(self) -> None:
        """Unplug: the client's reads and writes fail, the link is gone."""
        if self.closed:
            return
        self._gone()
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        if self.link.is_symlink() and str(self.link.readlink()) == self.device:
            self.link.unlink()
        os.close(self._master)
        self._master = -1

    def write(self, data: bytes) -> None:
        """Send bytes to the client, in order, as fast as it reads. Lost while nobody has the port open."""
        if not data or not self.present or self._queued > _LIMIT:
            return
        self._queue.append(data)
        self._queued += len(data)
        self._pump()

    def pause(self, seconds: float) -> None:
        """Let that much time pass before whatever is written next."""
        if self.present:
            self._queue.append(seconds)
            self._pump()

    def _pump(self) -> None:
        while self._queue and self._resume is None and not self.closed:
            head = self._queue[0]
            if isinstance(head, float):
                self._queue.popleft()
                self._resume = self._loop.call_later(head, self._resumed)
                break
            try:
                count = os.write(self._master, head)
            except BlockingIOError:
                self._wait_writable(wanted=True)
                return
            except OSError:
                self._gone()
                return
            self._queued -= count
            if count < len(head):
                self._queue[0] = head[count:]
            else:
                self._queue.popleft()
        self._wait_writable(wanted=False)

    def _resumed(self) -> None:
        self._resume = None
        self._pump()

    def _wait_writable(self, *, wanted: bool) -> None:
        if wanted and not self._writing:
            self._loop.add_writer(self._master, self._pump)
        elif self._writing and not wanted:
            self._loop.remove_writer(self._master)
        self._writing = wanted

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last client closed the slave
            self._gone()
            return
        self._on_bytes(data, time.monotonic())

    def _check(self) -> None:
        """A pty master shows POLLHUP for as long as nobody has the slave open; that level cannot be waited for with epoll."""
        state = dict(self._poll.poll(0)).get(self._master, 0)
        if not state & select.POLLHUP:
            self._present = True
            self._loop.add_reader(self._master, self._readable)
            self._on_client(True)
        elif state & select.POLLIN:
            self._readable()

    def _look(self) -> None:
        self._look_timer = None
        if not self._present:
            self._check()
        if not self._present and not self.closed:
            self._look_timer = self._loop.call_later(_LOOK, self._look)

    def _gone(self) -> None:
        self._queue.clear()
        self._queued = 0
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        self._wait_writable(wanted=False)
        if not self._present:
            return
        self._present = False
        self._loop.remove_reader(self._master)
        termios.tcflush(self._master, termios.TCOFLUSH)  # drops what the client left unread
        self._on_client(False)
        if self._look_timer is None:
            self._look_timer = self._loop.call_later(_LOOK, self._look)


def _point(link: Path, device: str) -> None:
    """Make ``link`` point at ``device`` in one step. Raises FileExistsError when something that is no link is in the way."""
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} exists and is no symbolic link: choose another path for the simulated modem")
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(device)
    fresh.replace(link)
