"""Telephone calls to the SIM: who calls is noted, the call rejected, and each handed to ``Door.called`` once it is over.

RING or +CRING begins one, +CLIP says who it is (3GPP TS 27.007 6.11, 7.6); NO CARRIER, ^CEND or VOICE CALL: END ends it, and so does
silence. No call waits for the dialogue longer than one command, and none is lost with the connection.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from modem.at import Dialogue
from modem.errors import NoAnswerError
from modem.timing import Timing
from modem.types import Door, VoiceCall

__all__ = ["Calls", "caller"]

_OVER = ("NO CARRIER", "NO ANSWER", "BUSY", "^CEND", "VOICE CALL: END", "MISSED_CALL")
_REJECT = ("AT+CHUP", "ATH")
_INTERNATIONAL = 145  # type of address, 3GPP TS 24.008 10.5.4.7
_UNKNOWN = 128
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_NUMBER = re.compile(r"\+?[\d*#]{1,32}")


@dataclass(slots=True)
class _Ringing:
    """A call that is not over."""

    rang: float
    """When it rang last, on the loop's clock."""
    since: float
    number: str = ""
    withheld: bool = False
    told: bool = False
    """The modem said who calls, or that nobody knows."""
    rejected: bool = False
    """Since it rang last."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


class Calls:
    """Lives as long as the driver. ``heard`` takes the modem's lines; ``run`` once per connection; ``hand_in`` always."""

    def __init__(self, name: str, door: Door, timing: Timing) -> None:
        self._name = name
        self._door = door
        self._timing = timing
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._ringing: _Ringing | None = None
        self._changed = asyncio.Event()
        self._over: deque[VoiceCall] = deque()
        self._ended = asyncio.Event()

    def heard(self, line: str) -> None:
        """A line that concerns calls."""
        upper = line.upper()
        if upper.startswith(("RING", "+CRING:")):
            self._rings()
        elif upper.startswith("+CLIP:"):
            number, withheld = caller(line)
            call = self._ringing
            if call is not None and call.number and number and number != call.number:
                self._end()  # its end was not said: the next one rings
                self._rings()
            self._is_from(number, withheld=withheld)
        elif upper.startswith(_OVER):
            self._end()
        self._changed.set()

    def cut(self) -> None:
        """The connection is over: whoever rings may be heard again by the next one, else the call is over as well."""
        call = self._ringing
        if call is not None:
            call.rejected = False
            asyncio.get_running_loop().call_later(self._timing.ring, self._end_of, call)

    def _end_of(self, call: _Ringing) -> None:
        if call is self._ringing:
            self._end()

    async def run(self, dialogue: Dialogue) -> None:
        """Reject whoever calls, until cancelled or the port is gone."""
        loop = asyncio.get_running_loop()
        while True:
            call = self._ringing
            self._changed.clear()
            if call is None:
                await self._changed.wait()
            elif call.rejected:
                if not await self._change_by(call.rang + self._timing.ring):
                    self._end()
            elif call.told or loop.time() >= call.since + self._timing.caller:
                await self._reject(dialogue, call)
            else:
                await self._change_by(call.since + self._timing.caller)

    async def hand_in(self) -> None:
        """Hand in each call that is over, again until it is kept."""
        failing = False
        while True:
            self._ended.clear()
            while self._over:
                try:
                    await self._door.called(self._over[0])
                except Exception as error:  # noqa: BLE001 - whatever went wrong, the call is not on disk
                    if not failing:
                        self._log.error("modem.call_not_kept", error=type(error).__name__)
                    failing = True
                    await asyncio.sleep(self._timing.keep_again)
                else:
                    failing = False
                    self._over.popleft()
            await self._ended.wait()

    def _rings(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._ringing is not None and now > self._ringing.rang + self._timing.ring:
            self._end()
        if self._ringing is None:
            self._ringing = _Ringing(rang=now, since=now)
        else:
            self._ringing.rang = now
            self._ringing.rejected = False

    def _is_from(self, number: str, *, withheld: bool) -> None:
        call = self._ringing
        if call is None:
            return  # the rest of a call that is over
        call.told = True
        call.number = call.number or number
        call.withheld = withheld and not call.number

    def _end(self) -> None:
        call, self._ringing = self._ringing, None
        if call is None:
            return
        ended = datetime.now(UTC)
        self._over.append(VoiceCall(self._name, call.number, call.withheld, call.started, ended))
        self._log.info(
            "modem.called", withheld=call.withheld, told=bool(call.number), rang=round((ended - call.started).total_seconds(), 1)
        )
        self._ended.set()

    async def _change_by(self, when: float) -> bool:
        """Wait for the next line; False when none came."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._changed.wait()
        return self._changed.is_set()

    async def _reject(self, dialogue: Dialogue, call: _Ringing) -> None:
        call.rejected = True
        if not call.told:
            await self._lists_none(dialogue)
        for command in _REJECT:
            try:
                async with dialogue.turn(urgent=True):
                    if self._ringing is not call:
                        return  # the caller gave up meanwhile
                    reply = await dialogue.ask(command, timeout=self._timing.command)
            except NoAnswerError:
                continue
            if reply.ok and await self._lists_none(dialogue):
                if self._ringing is call:
                    self._end()
                return

    async def _lists_none(self, dialogue: Dialogue) -> bool:
        """Does the modem list its calls (27.007 7.18), and none that comes in? Says who calls, where it does."""
        try:
            reply = await dialogue.command("AT+CLCC", "+CLCC:", timeout=self._timing.command, urgent=True)
        except NoAnswerError:
            return False
        for line in reply.lines:
            match = re.match(r'\+CLCC:\s*\d+,\s*1,\s*\d+,\s*\d+,\s*\d+(?:,\s*("[^"]*",\s*\d+))?', line, re.IGNORECASE)
            if match is None:
                continue
            number, _ = caller(f"+CLIP: {match[1] or ''}")
            if number:
                self._is_from(number, withheld=False)
            return False
        return reply.ok


def caller(line: str) -> tuple[str, bool]:
    """Number and whether it was withheld, from ``+CLIP: <number>,<type>[,<subaddr>,<satype>[,<alpha>[,<CLI validity>]]]``.

    "+" is set only where the type of address says international; "" where the number is withheld or not told.
    """
    values = [value.strip().strip('"') for value in _COMMA.split(line.partition(":")[2])]
    number, kind, _, _, _, validity = (values + [""] * 6)[:6]
    withheld = validity == "1" or (not validity and not number and kind == str(_UNKNOWN))
    if _NUMBER.fullmatch(number) is None:
        return "", withheld
    return (f"+{number}" if kind == str(_INTERNATIONAL) and not number.startswith("+") else number), withheld
