"""A client of the simulated modem that speaks raw bytes on the pty, for the tests of the simulator itself."""

from __future__ import annotations

import asyncio
import os
import re
import tty
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from modem.sim_pdu import decode_report, encode_deliver

FINAL = re.compile(rb"\r\n(OK|ERROR|\+CM[ES] ERROR: ?[^\r]*)\r\n")


class Client:
    """The other end of the cable. What comes is collected in ``heard``; ``ask`` and ``until`` take it from there."""

    def __init__(self, port: Path) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)
        self.heard = b""
        self.history = b""
        """All that ever came."""
        self.gone = asyncio.Event()
        """The port died under us."""
        self._more = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._fd)
            self.gone.set()
        self.heard += data
        self.history += data
        self._more.set()

    def write(self, data: bytes) -> None:
        assert os.write(self._fd, data) == len(data)

    async def until(self, pattern: bytes | re.Pattern[bytes], seconds: float = 10) -> bytes:
        """Take what came up to the end of the pattern's first match."""
        wanted = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        try:
            async with asyncio.timeout(seconds):
                while (match := wanted.search(self.heard)) is None:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{wanted.pattern!r} never came, only {self.heard!r}") from None
        taken, self.heard = self.heard[: match.end()], self.heard[match.end() :]
        return taken

    async def reports(self, count: int) -> list[tuple[int, str]]:
        """Reference and recipient of the first ``count`` status reports handed over (+CDS), once they are there."""
        pattern = re.compile(rb"\+CDS: \d+\r\n([0-9A-F]+)\r\n")
        try:
            async with asyncio.timeout(10):
                while len(pdus := pattern.findall(self.history)) < count:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{count} reports never came, only {self.history!r}") from None
        told = [decode_report(pdu.decode()) for pdu in pdus[:count]]
        return [(report.reference, report.recipient) for report in told]

    async def ask(self, line: str) -> str:
        """Give a command line and take its reply, final result included, line ends as they came."""
        self.write(line.encode() + b"\r")
        return (await self.until(FINAL)).decode("latin-1")

    async def submit(self, pdu: str) -> str:
        """The whole dialogue of one PDU (hex, SMSC octets first): the final reply."""
        self.write(f"AT+CMGS={len(pdu) // 2 - 1 - int(pdu[:2], 16)}\r".encode())
        await self.until(b"> ")
        self.write(pdu.encode() + b"\x1a")
        return (await self.until(FINAL)).decode("latin-1")

    async def quiet(self) -> None:
        """ATE0, and indications of texts (+CMTI) and reports (+CDS)."""
        assert "OK" in await self.ask("ATE0")
        assert await self.ask("AT+CNMI=2,1,0,1,0") == "\r\nOK\r\n"


def submits(number: str, text: str, *, report: bool = True, reference: int = 7, wide: bool = False, cut: bool = False) -> list[str]:
    """The SMS-SUBMIT PDUs of a text, made by turning SMS-DELIVERs round: first octet and TP-MR new, time stamp out (TS 23.040 9.2.2)."""
    pdus = []
    for pdu in encode_deliver(number, text, datetime(2026, 3, 1, tzinfo=UTC), reference=reference, wide=wide, cut=cut):
        octets = bytes.fromhex(pdu)
        address = 2 + (octets[2] + 1) // 2 + 2
        first = 0x01 | (octets[1] & 0x40) | (0x20 if report else 0)
        body = bytes([0, first, 0]) + octets[2:address] + octets[address : address + 2] + octets[address + 9 :]
        pdus.append(body.hex().upper())
    return pdus
