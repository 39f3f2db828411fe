"""What a modem has received: read from every store, handed to ``Door.keep``, deleted only when that returned.

An announcement (+CMTI, +CDSI) only says that there is something to read; the stores themselves are the truth, read at start, on every
announcement and on a timer. PDUs that come directly (+CMT, +CDS) are held here until they are kept.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from modem.at import Dialogue, Reply, tpdu_fits
from modem.timing import Timing
from modem.types import Door, RawPdu
from modem.urcs import Urc, UrcKind

__all__ = ["Inbox", "Stores"]

_LISTED = re.compile(r'\+CMGL:\s*(\d+)\s*,\s*(\d?)\s*,(?:(?:\s*"[^"]*"\s*|[^,"]*),)?\s*(\d+)\s*$', re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PATIENCE = 3
_TEXTS = frozenset({"SM", "ME", "MT"})
_DELETE = "modem.delete_failed"
_HELD = 1000
"""Most PDUs remembered: direct ones that cannot be kept yet, and stored ones kept that cannot be deleted yet."""


@dataclass(slots=True)
class Stores:
    """Message stores of the modem at hand (27.005 3.2.3)."""

    readable: tuple[str, ...] = ()
    """Those that are read: SM (SIM), ME (modem), SR (status reports)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    status: int | None
    length: int
    pdu: str


class Inbox:
    """Lives as long as the driver; ``run`` once per connection."""

    def __init__(self, name: str, door: Door, timing: Timing) -> None:
        self.stores = Stores()
        self.deaf = False
        """The modem announces nothing: look often."""
        self.full: tuple[str, ...] = ()
        """Stores that stayed full after they were read."""
        self.failing = ""
        """Why the last PDU could not be kept, "" when it could."""
        self._name = name
        self._door = door
        self._timing = timing
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._direct: deque[RawPdu] = deque()
        self._wanted: set[str] = set()
        self._called = asyncio.Event()
        self._kept: dict[tuple[str, int, str], None] = {}
        """Kept, but not yet seen deleted: not kept again. A listing without them proves nothing, it may have been cut short."""
        self._doubtful: set[tuple[str, int, str]] = set()
        """Read once with a length that does not fit: perhaps noise on the line, read again before it is believed."""
        self._soon = False
        """Something did not work: look again soon."""
        self._failures: dict[tuple[str, str], int] = {}
        """How often in a row something failed with a store. What never works is left to the timer, and logged once."""
        self._terse = False
        """The modem answers AT+CPMS= with OK alone."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Stores of texts that could not be chosen or listed so often that it is no passing fault."""
        found = {store for (event, store), count in self._failures.items() if event != _DELETE and count >= _PATIENCE}
        return tuple(store for store in self.stores.readable if store in found & _TEXTS)

    def announced(self, urc: Urc) -> None:
        """An unsolicited line that concerns us."""
        if urc.kind in {UrcKind.MESSAGE, UrcKind.REPORT}:
            self._hold(self._raw(urc.pdu, urc.length))
        elif urc.kind is UrcKind.STORED and urc.store in self.stores.readable:
            self._wanted.add(urc.store)
        elif urc.kind in {UrcKind.STORED, UrcKind.REPORT_STORED, UrcKind.FULL}:
            self._wanted.update(self.stores.readable)
        else:
            return
        self._called.set()

    def direct(self, made: str) -> None:
        """Keep a PDU made here (hex with SMSC octets) of what came by another way."""
        self._hold(self._raw(made, 0))
        self._called.set()

    def _hold(self, raw: RawPdu) -> None:
        if len(self._direct) >= _HELD:
            self._direct.popleft()
            self._log.error("modem.report_dropped", held=_HELD)
        self._direct.append(raw)

    async def run(self, dialogue: Dialogue) -> None:
        """Read everything, then whatever is announced, and everything again from time to time, until cancelled or the port is gone."""
        self._wanted.update(self.stores.readable)
        while True:
            self._called.clear()
            if self._soon:
                self._wanted.update(self.stores.readable)  # woken by something else before it was time
            self._soon = False
            await self._keep_direct()
            while self._wanted:
                await self._drain(dialogue, self._wanted.pop())
                await self._keep_direct()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._called.wait()
            except TimeoutError:
                self._wanted.update(self.stores.readable)

    def _pause(self) -> float:
        if self._soon or self._direct:
            return self._timing.keep_again
        return self._timing.poll_deaf if self.deaf else self._timing.poll

    def _raw(self, pdu: str, length: int) -> RawPdu:
        if len(pdu) // 2 == length:
            pdu = "00" + pdu  # a modem that leaves the SMSC out
        return RawPdu(self._name, pdu.upper(), datetime.now(UTC))

    async def _keep(self, raw: RawPdu) -> bool:
        try:
            await self._door.keep(raw)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the PDU is not on disk and stays where it is
            if not self.failing:
                self._log.error("modem.not_kept", error=type(error).__name__, octets=len(raw.pdu) // 2)
            self._soon = True
            self.failing = type(error).__name__
            return False
        self.failing = ""
        return True

    async def _keep_direct(self) -> None:
        while self._direct:
            raw = self._direct[0]
            if not await self._keep(raw):
                return
            if self._direct and self._direct[0] is raw:
                self._direct.popleft()

    async def _drain(self, dialogue: Dialogue, store: str) -> None:
        async with dialogue.turn():
            size = await self._select(dialogue, store)
            if size is None:
                return
            reply = await dialogue.ask("AT+CMGL=4", "+CMGL:", timeout=self._timing.slow, whole=self._timing.listing, body=True)
            listed_at = dialogue.resyncs
        if not self._worked("modem.list_failed", store, reply):
            return
        entries = _entries(reply.lines)
        listed = {(store, entry.index, entry.pdu) for entry in entries}
        self._doubtful = {key for key in self._doubtful if key[0] != store or key in listed}
        freed = 0
        for entry in entries:
            freed += await self._settle(dialogue, store, entry, listed_at)
            await self._keep_direct()
        self.full = tuple(name for name in self.full if name != store) + ((store,) if 0 < size <= len(entries) - freed else ())

    async def _select(self, dialogue: Dialogue, store: str) -> int | None:
        """Point mem1 at ``store``, in the turn of what follows: a modem that restarted points elsewhere. Its size, 0 when not told."""
        for last in (False, True):
            reply = await dialogue.ask(f'AT+CPMS="{store}"', "+CPMS:", timeout=self._timing.store)
            if not self._worked("modem.store_unreadable", store, reply):
                return None
            told = reply.value("+CPMS:")
            if told is not None:
                return _size(told)
            if last or self._terse:
                break
            await dialogue.resync()  # perhaps the OK of something else: hear it say so twice
        self._terse = True
        dialogue.in_step(yes=True)
        return 0

    def _worked(self, event: str, store: str, reply: Reply) -> bool:
        """Count and log what failed; look again soon, unless it fails every time."""
        if reply.ok:
            self._failures.pop((event, store), None)
            return True
        count = self._failures[event, store] = self._failures.get((event, store), 0) + 1
        self._soon = self._soon or count <= _PATIENCE
        if count == 1:
            self._log.warning(event, store=store, result=reply.final)
        return False

    async def _settle(self, dialogue: Dialogue, store: str, entry: _Entry, listed_at: int) -> bool:
        """Keep and delete one message; True when its slot is free."""
        if entry.status in {2, 3}:
            return False  # written by somebody to be sent: not ours
        key = (store, entry.index, entry.pdu)
        if key not in self._kept:
            if not self._believable(key, entry):
                return False
            if not await self._keep(self._raw(entry.pdu, entry.length)):
                return False
            self._kept[key] = None
            if len(self._kept) > _HELD:
                del self._kept[next(iter(self._kept))]
        async with dialogue.turn():
            if dialogue.resyncs != listed_at:
                self._soon = True  # the place may hold another message by now: list anew
                return False
            if await self._select(dialogue, store) is None:
                return False
            reply = await dialogue.ask(f"AT+CMGD={entry.index}", timeout=self._timing.store)
        if not self._worked(_DELETE, store, reply):
            return False
        self._kept.pop(key, None)
        self._doubtful.discard(key)
        return True

    def _believable(self, key: tuple[str, int, str], entry: _Entry) -> bool:
        """Whole, or read twice the same. What is not hexadecimal at all was listed in text mode: the watch mends that."""
        if _HEX.fullmatch(entry.pdu) is None:
            self._log.warning("modem.not_pdu_mode", store=key[0])
            return False
        if tpdu_fits(entry.pdu, entry.length) or len(entry.pdu) // 2 == entry.length or key in self._doubtful:
            return True
        self._doubtful.add(key)
        self._soon = True
        return False


def _size(counts: str) -> int:
    """How many messages the store just selected can hold, from "used,total,…"; 0 when not said."""
    match = re.match(r"\(?\d+,\s*(\d+)", counts)
    return int(match[1]) if match else 0


def _entries(lines: tuple[str, ...]) -> list[_Entry]:
    entries = []
    header: re.Match[str] | None = None
    for line in lines:
        if line.upper().startswith("+CMGL:"):
            header = _LISTED.match(line)
        elif header is not None:
            entries.append(_Entry(int(header[1]), int(header[2]) if header[2] else None, int(header[3]), line))
            header = None
    return entries
