"""Many calls from one SIPp, and when each caller hung up, taken from the wire."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.lab import sipp
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Caller, caller_script

__all__ = ["HangUps", "flood"]

_SO_TIMESTAMPNS = 35
"""Linux, asm-generic/socket.h: the kernel's time of each packet, as a struct timespec."""
_TIMESPEC = struct.Struct("qq")


async def flood(
    lab: Lab,
    did: str,
    numbers: Sequence[str],
    *,
    rate: float,
    give_up: float | None = None,
    talk: float | None = None,
    audio: str | None = None,
    patience: float = 120,
) -> None:
    """Call ``did`` from each of ``numbers``, ``rate`` calls a second; returns when all are over. Raises LabError.

    ``give_up``: seconds of ringing after which each caller hangs up; ``talk``: seconds after an answer; ``audio``: what they say then
    (``Caller.audio``).
    """
    script = caller_script(Caller("[field0]", did, give_up=give_up, talk=talk, audio=audio))
    folder = lab.record.folder / "sipp"
    folder.mkdir(exist_ok=True)
    table = folder / f"numbers-{id(numbers):x}.csv"
    table.write_text("SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers), encoding="ascii")
    port = sipp.free_port(lab.record.ports.sipp, sipp.TRUNK)
    # SIPp's rate is whole calls in a period
    agent = await sipp.TrunkCall.start(
        folder, script, sipp.TRUNK, port, f"127.0.0.1:{lab.record.ports.sip}", "-inf", str(table),
        "-m", str(len(numbers)), "-r", str(max(1, round(rate * 10))), "-rp", "10000", "-l", "1000",
    )  # fmt: skip
    try:
        await agent.over(patience)
    finally:
        await agent.end()


class HangUps:
    """Listens on the loopback interface for CANCEL and BYE sent to a SIP port. Needs root, as the lab does.

    ``at``: number in From → ``time.monotonic()`` of the first CANCEL or BYE, by the kernel's own stamp of the packet.
    """

    def __init__(self, port: int) -> None:
        self.at: dict[str, float] = {}
        self._port = port
        self._stop = threading.Event()
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        except PermissionError as error:
            raise LabError("cannot watch the loopback interface", "run as root") from error
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(("lo", 0x0800))
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._listen, name="hang-ups", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(65535, 128)
            except TimeoutError:
                continue
            header = (packet[0] & 15) * 4
            if packet[9] != socket.IPPROTO_UDP or int.from_bytes(packet[header + 2 : header + 4], "big") != self._port:
                continue
            body = packet[header + 8 :]
            if not body.startswith((b"CANCEL ", b"BYE ")):
                continue
            number = re.search(rb"^From:[^\r\n]*sip:([^@>]+)@", body, re.MULTILINE)
            if number is None:
                continue
            self.at.setdefault(number[1].decode("ascii", "replace"), _monotonic_of(ancillary))


def _monotonic_of(ancillary: list[tuple[int, int, bytes]]) -> float:
    now, wall = time.monotonic(), time.time_ns()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return now - float(wall - (seconds * 10**9 + nanoseconds)) / 1e9
    return now
