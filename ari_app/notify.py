"""Telling systemd how the service is: sd_notify(3) over $NOTIFY_SOCKET, one datagram a message.

Without $NOTIFY_SOCKET (started by hand, or by another supervisor) every call is a cheap nothing. A message that cannot be
delivered is dropped, never raised: a service must not die because its supervisor went away.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Self

__all__ = ["Notifier"]


class Notifier:
    """The service's end of sd_notify(3).

    ``watchdog`` is the time in seconds within which ``alive()`` must be called again (WatchdogSec= of the unit, from $WATCHDOG_USEC,
    sd_watchdog_enabled(3)); None when no watchdog runs for this process. Call it at least twice as often.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._socket: socket.socket | None = None
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            # systemd that is slow to read must not hold the event loop: a full queue drops the message
            self._socket.setblocking(False)
        self.watchdog = _watchdog(environ) if self._socket else None

    def ready(self, status: str = "") -> None:
        """The service is up (READY=1): with Type=notify, systemd goes on with what waits for it."""
        self._send(f"READY=1\nSTATUS={_line(status)}" if status else "READY=1")

    def alive(self) -> None:
        """The service is not stuck (WATCHDOG=1)."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status`` (STATUS=…). Never a caller's number or words."""
        self._send(f"STATUS={_line(text)}")

    def stopping(self) -> None:
        """The service is on its way down (STOPPING=1)."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back. Calls after it do nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send(self, message: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(message.encode(), self._address)


def _address(name: str) -> str:
    """A path, or an abstract socket ("@name" stands for a leading NUL, unix(7)); anything else (vsock) is none of ours."""
    if name.startswith("@") and len(name) > 1:
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog(environ: Mapping[str, str]) -> float | None:
    for_process = environ.get("WATCHDOG_PID")
    if for_process and for_process != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) > 0 else None


def _line(text: str) -> str:
    return " ".join(text.split())
