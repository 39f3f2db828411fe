"""The AT dialogue (ITU-T V.250, 3GPP TS 27.007 and 27.005): one command in flight, and everything else the modem says meanwhile.

The listener stands before the command is written. Unsolicited lines are told by their type, also in the middle of a reply, and never
end one. After an answer that did not come, the dialogue is brought back in step (ESC, AT) before the next command.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from modem.errors import LinkLostError, NoAnswerError
from modem.frames import Frame, Frames, Prompt
from modem.turns import Turns
from modem.urcs import USSD_LINES, Urc, UrcKind, announces_pdu, is_known, kind_of, unasked

__all__ = ["ESC", "Dialogue", "Listener", "Reply", "tpdu_fits"]

ESC = b"\x1b"

_FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR:.*|COMMAND NOT SUPPORT", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LENGTH = re.compile(r"(\d+)\s*$")


class Transport(Protocol):
    """What carries the bytes."""

    async def write(self, data: bytes) -> None:
        """Hand over all of ``data``. Raises LinkLostError."""

    def close(self) -> None:
        """Let go of the port."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one command: its lines, and the final result as the modem gave it."""

    lines: tuple[str, ...]
    final: str

    @property
    def ok(self) -> bool:
        return self.final.upper() == "OK"

    def value(self, prefix: str) -> str | None:
        """What stands after ``prefix`` ("+CREG:") in the first line that has it."""
        return next((line[len(prefix) :].strip() for line in self.lines if line.upper().startswith(prefix)), None)


@dataclass(slots=True)
class Listener:
    """What has come so far of the answer to one command."""

    command: str
    expect: tuple[str, ...]
    body: bool
    lines: list[str]
    told: int = 0
    """How many of the lines began as expected."""
    prompted: bool = False
    final: str | None = None


def tpdu_fits(pdu: str, length: int) -> bool:
    """Has this hex PDU, SMSC octets first, a TPDU of ``length`` octets."""
    return _HEX.fullmatch(pdu) is not None and len(pdu) // 2 - 1 - int(pdu[:2], 16) == length


class Dialogue:
    """One open port. ``feed`` it and tell it when the port is ``lost``; ``on_urc`` must not block."""

    def __init__(
        self,
        transport: Transport,
        on_urc: Callable[[Urc], None],
        *,
        probe: float = 1.0,
        tries: int = 3,
        settle: float = 0.1,
        rest: float = 5.0,
    ) -> None:
        """``probe``: seconds to wait for AT, ``tries`` times; ``settle``: seconds in which late answers are dropped.

        ``rest``: the most between two lines that begin as expected, and from the last one to the final result.
        """
        self._transport = transport
        self._on_urc = on_urc
        self._probe = probe
        self._tries = tries
        self._settle = settle
        self._rest = rest
        self._frames = Frames()
        self._turns = Turns()
        self._listener: Listener | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._header: tuple[UrcKind, str, int] | None = None
        self._ussd: list[str] = []
        """Lines of a +CUSD whose text has not ended yet."""
        self._stale = True
        self.resyncs = 0
        """How often the modem was out of sight: what it said of its stores before may hold no longer."""
        self.doubts = 0
        """How often the modem said what may mean that it started anew."""
        self.echoes = 0
        """How many commands the modem sent back."""
        self.echo_off = False
        """The modem was told to send none back, and obeys: one that does has forgotten that, and all else."""
        self._lost: asyncio.Future[LinkLostError] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        """False once the port is gone."""
        return not self._lost.done()

    async def ended(self) -> LinkLostError:
        """Wait until the port is gone."""
        return await asyncio.shield(self._lost)

    def lost(self, error: LinkLostError) -> None:
        """The port is gone: whoever waits for an answer hears it now."""
        if not self._lost.done():
            self._lost.set_result(error)
            self._wake()

    def restarted(self) -> None:
        """The modem started anew: nothing that was asked is answered any more, and nothing that was set holds."""
        self.lost(LinkLostError("the modem restarted", restarted=True))

    def doubt(self) -> None:
        """The modem may have started anew; whoever waits decides how long he still does."""
        self.doubts += 1
        self._wake()

    def feed(self, data: bytes) -> None:
        """What was read from the port."""
        for frame in self._frames.feed(data):
            self._take(frame)

    @asynccontextmanager
    async def turn(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """The dialogue to oneself, in step with the modem. Raises LinkLostError.

        Waits in order of arrival; ``urgent``: for whoever has the turn only.
        """
        async with self._turns.take(urgent=urgent):
            if self._stale:
                await self.resync()
            try:
                yield
            finally:
                self._listener = None

    async def command(
        self,
        text: str,
        *expect: str,
        timeout: float,  # noqa: ASYNC109 - a time-out per command
        body: bool = False,
        urgent: bool = False,
    ) -> Reply:
        """Send one command and wait for its final result.

        ``expect``: prefixes of the lines that are its answer; ``body``: lines without a prefix are, too. Raises NoAnswerError after
        ``timeout`` seconds, LinkLostError when the port is gone. An error result is a Reply that is not ``ok``.
        """
        async with self.turn(urgent=urgent):
            return await self.ask(text, *expect, timeout=timeout, body=body)

    async def ask(
        self,
        text: str,
        *expect: str,
        timeout: float,  # noqa: ASYNC109 - a time-out per command
        whole: float | None = None,
        body: bool = False,
    ) -> Reply:
        """As ``command``, for the holder of the turn: nothing comes between two of these.

        ``whole``: the most for all of an answer that begins in ``timeout`` and keeps coming; None: the same.
        """
        listener = self.listen(text, *expect, body=body)
        self._stale = True
        await self.write(text.encode("ascii") + b"\r")
        try:
            async with asyncio.timeout(whole or timeout):
                await self._answered(listener, timeout)
        except TimeoutError:
            raise NoAnswerError(f"no answer to {text.partition('=')[0]} in {timeout:g} s") from None
        reply = Reply(tuple(listener.lines), listener.final or "")
        # an OK without the line asked for answered something else: what was asked for may still come
        self._stale = reply.ok and bool(expect) and not body and not reply.lines
        return reply

    async def _answered(self, listener: Listener, first: float) -> None:
        """Wait for the final result. ``first``: seconds for the answer to begin; then it keeps coming. Raises TimeoutError."""
        wait = first
        while listener.final is None:
            told = listener.told
            await self.until(lambda: listener.final is not None or listener.told != told, wait)  # noqa: B023 - awaited here
            wait = self._rest

    async def resync(self) -> None:
        """Bring the dialogue back in step: leave a PDU prompt (ESC), hear AT answered, drop what comes late.

        Only for the holder of the turn. A modem that stays silent counts as unplugged: raises LinkLostError.
        """
        for _ in range(self._tries):
            self._ussd_ends()
            self._listener = Listener("AT", (), body=False, lines=[])
            await self.write(ESC + b"\r" + b"AT\r")
            try:
                await self.until(lambda: self._listener is not None and self._listener.final is not None, self._probe)
            except TimeoutError:
                continue
            self._listener = None
            await asyncio.sleep(self._settle)
            if not self.alive:
                raise self._gone()
            self._stale = False
            self.resyncs += 1
            return
        self._listener = None
        error = LinkLostError("the modem does not answer AT")
        self._transport.close()
        self.lost(error)
        raise error

    def in_step(self, *, yes: bool) -> None:
        """Say whether an answer may still come, so that the next turn begins with ``resync``. Only for the holder of the turn."""
        self._stale = not yes

    def listen(self, command: str, *expect: str, body: bool = False) -> Listener:
        """Stand ready for the answer to a command about to be written. Only for the holder of the turn."""
        self._listener = Listener(command, expect, body, [])
        return self._listener

    async def write(self, data: bytes) -> None:
        """Write to the port. Raises LinkLostError."""
        if not self.alive:
            raise self._gone()
        await self._transport.write(data)

    async def until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until ``done``. Raises TimeoutError; LinkLostError when the port goes before that."""
        async with asyncio.timeout(seconds):
            while not done():
                if not self.alive:
                    raise self._gone()
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None

    def _gone(self) -> LinkLostError:
        first = self._lost.result()
        return LinkLostError(first.what, restarted=first.restarted)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self, frame: Frame) -> None:
        listener = self._listener
        if isinstance(frame, Prompt):
            if listener is not None:
                listener.prompted = True
                self._wake()
        elif not self._second_line(frame) and not self._ussd_goes_on(frame):
            self._line(frame, listener)

    def _second_line(self, line: str) -> bool:
        """Is this the PDU of the +CMT or +CDS just seen? Its length tells it from the PDU of a +CMGL reply round it."""
        if self._header is None:
            return False
        kind, header, length = self._header
        if _HEX.fullmatch(line) is None:
            if not unasked(line) and _FINAL.fullmatch(line) is None:
                self._header = None
                self._on_urc(Urc(UrcKind.FULL, header))  # its PDU is lost: look whether a store has it
            return False
        if self._listener is not None and self._listener.body and not (tpdu_fits(line, length) or len(line) // 2 == length):
            return False
        self._header = None
        self._on_urc(Urc(kind, header, pdu=line, length=length))
        return True

    def _ussd_goes_on(self, line: str) -> bool:
        """Is this another line of the +CUSD under way? Its text ends with a quotation mark, unless noise took that."""
        if not self._ussd:
            return False
        if self._listener is not None and _FINAL.fullmatch(line) is not None:
            self._ussd_ends()
            return False
        if self._listener is not None and line.upper().startswith(self._listener.expect):
            return False
        if is_known(line):
            return False
        self._ussd.append(line)
        if '"' in line or len(self._ussd) == USSD_LINES:
            self._ussd_ends()
        return True

    def _ussd_ends(self) -> None:
        lines, self._ussd = self._ussd, []
        if lines:
            self._on_urc(Urc(UrcKind.USSD, "\n".join(lines)))

    def _line(self, line: str, listener: Listener | None) -> None:
        upper = line.upper()
        if listener is not None and listener.final is None:
            if listener.expect and upper.startswith(listener.expect):
                listener.lines.append(line)
                listener.told += 1
                self._wake()
                return
            if _FINAL.fullmatch(line) is not None:
                listener.final = line
                self._wake()
                return
            if upper == listener.command.upper():
                self._echoed(line)
                return
        if self._urc(line) or listener is None or not listener.body:
            return
        listener.lines.append(line)

    def _echoed(self, line: str) -> None:
        self.echoes += 1
        if self.echo_off and line.upper().startswith("AT"):
            self.echo_off = False
            self._on_urc(Urc(UrcKind.RESTARTED, line))

    def _urc(self, line: str) -> bool:
        kind = kind_of(line)
        if kind is not None:
            self._known(kind, line)
        return kind is not None

    def _known(self, kind: UrcKind, line: str) -> None:
        if kind is UrcKind.USSD:
            self._ussd_ends()
            self._ussd = [line]
            if line.count('"') != 1:
                self._ussd_ends()
            return
        if announces_pdu(line):
            length = _LENGTH.search(line)
            self._header = (kind, line, int(length[1]) if length else 0)
            return
        store = re.search(r'"(\w+)"', line)
        self._on_urc(Urc(kind, line, store=store[1].upper() if store else ""))
