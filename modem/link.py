"""A serial port on the event loop: pyserial finds, opens and locks it, asyncio reads and writes its descriptor.

Nothing here blocks: opening runs in a thread, writing waits for the port in the loop, and the end of the port (EOF, EIO, an unplugged
stick) is told at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Callable

import serial

from modem.errors import LinkLostError, ModemError

__all__ = ["Link"]


class Link:
    """An open port. ``attach`` it before use and ``close`` it after."""

    def __init__(self, port: serial.Serial, name: str, *, patience: float = 5.0) -> None:
        """``patience``: seconds a write may wait for the port to take it."""
        self.name = name
        self._patience = patience
        self._port = port
        self._fd: int = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[LinkLostError], None] | None = None
        self._closed = False
        os.set_blocking(self._fd, False)

    @classmethod
    async def open(cls, name: str, *, patience: float = 5.0) -> Link:
        """Open and lock a device path or pyserial URL. Raises ModemError."""
        opening = asyncio.ensure_future(asyncio.to_thread(_open, name))
        try:
            port = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        try:
            return cls(port, name, patience=patience)
        except (OSError, AttributeError, ValueError) as error:  # rfc2217:// and loop:// have no descriptor
            port.close()
            raise ModemError(
                "port_failed", f"{name} is no port that can be watched", 'use a device path, or "socket://host:port"'
            ) from error

    def attach(self, received: Callable[[bytes], None], lost: Callable[[LinkLostError], None]) -> None:
        """Call ``received`` with what is read, and ``lost`` once when the port is gone."""
        self._received = received
        self._lost = lost
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        """Let go of the port. What the kernel has not sent yet is dropped: it must not leave later."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if _closes_slowly(self._port, self.name):
            self._loop.run_in_executor(None, _close, self._port)
        else:
            _close(self._port)

    async def write(self, data: bytes) -> None:
        """Hand all of ``data`` to the kernel. Raises LinkLostError, which says how much of it the kernel took."""
        written = 0
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    written += self._write_now(data[written:])
                    if written == len(data):
                        return
                    await self._writable()
        except TimeoutError:
            raise self._fail(LinkLostError("the port takes no data", written)) from None
        except OSError as error:
            raise self._fail(LinkLostError(_reason(error), written)) from error

    def _write_now(self, data: bytes) -> int:
        if self._closed:
            raise OSError(errno.EIO, "closed")
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            if not self._closed:
                self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(LinkLostError(_reason(error)))
            return
        if data:
            if self._received is not None:
                self._received(data)
        else:
            self._fail(LinkLostError("the port was closed from the other side"))

    def _fail(self, error: LinkLostError) -> LinkLostError:
        if not self._closed:
            self.close()
            if self._lost is not None:
                self._lost(error)
        return error


def _open(name: str) -> serial.Serial:
    # VMIN=1 (inter_byte_timeout not None) makes "nothing there" EAGAIN, so that an empty read means the end
    try:
        return serial.serial_for_url(name, baudrate=115200, timeout=0, inter_byte_timeout=0, exclusive=True)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise _port_error(name, error) from error


def _port_error(name: str, error: Exception) -> ModemError:
    number = getattr(error, "errno", None)
    if isinstance(error, PermissionError) or number in {errno.EACCES, errno.EPERM}:
        return ModemError(
            "permission", f"no permission to open {name}", "add the service's user to the group dialout, or install the udev rule"
        )
    if number in {errno.EAGAIN, errno.EBUSY}:
        return ModemError(
            "port_busy",
            f"another program uses {name}",
            f"stop it (gammu-smsd, smstools, ModemManager, chan_dongle; as root, fuser -v {name} names it) or give it another port",
        )
    if number in {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}:
        return ModemError("no_port", f"{name} is not there", 'plug the modem in, or set port = "auto"')
    return ModemError("port_failed", f"{name} cannot be opened ({error})", 'set port to a device path, "auto" or a pyserial URL')


def _closes_slowly(port: serial.Serial, name: str) -> bool:
    """Would closing hold up the event loop? pyserial sleeps as it closes a socket, the kernel while a stick does not take what was written.

    That is up to 30 s (closing_wait of setserial(8); go-serial issue 104), and not every driver drops what it holds when told to.
    """
    if "://" in name:
        return True
    with contextlib.suppress(OSError, termios.error):
        port.reset_output_buffer()
        return bool(port.out_waiting)
    return False


def _close(port: serial.Serial) -> None:
    with contextlib.suppress(OSError, termios.error):
        port.reset_output_buffer()
    connection = getattr(port, "_socket", None)
    if connection is not None:
        connection.close()  # pyserial leaves it open when the other side is gone
    with contextlib.suppress(OSError, termios.error):
        port.close()


def _close_late(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _reason(error: OSError) -> str:
    return f"the port is gone ({error.strerror or error})"
