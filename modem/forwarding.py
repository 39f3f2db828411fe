"""Forwarding the SIM's voice calls in the network (``AT+CCFC``, 3GPP TS 27.007 7.11, TS 22.082): unconditional, voice only.

It is a setting of the subscription and outlives modem, SIM and this program. What somebody set and nobody asks for here is therefore
shown and left alone: who set it is not known.
"""

from __future__ import annotations

import asyncio
import math
import re

import structlog

from modem.at import Dialogue
from modem.codes import error_code
from modem.errors import NoAnswerError
from modem.timing import Timing

__all__ = ["Forwarding"]

_LINE = re.compile(r'\+CCFC:\s*(\d),\s*(\d+)(?:,\s*"([^"]*)"(?:,\s*(\d+))?)?', re.IGNORECASE)
_VOICE = 1
_ASK = "AT+CCFC=0,2"
_ENOUGH = 7
"""Digits in which two ways of writing a number must agree."""


class Forwarding:
    """Lives as long as the driver. ``number``: E.164 where calls shall go, None to leave the network as it is."""

    def __init__(self, number: str | None, name: str, timing: Timing) -> None:
        self._number = number
        self._timing = timing
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._sim = ""
        self._due = 0.0
        self.to = ""
        """Where the network sends voice calls, "" nowhere or not known."""
        self.failed = ""
        """Why calls are not forwarded though they should be, "" when they are."""

    def due(self, sim: str) -> float:
        """When to look (again), on the loop's clock; at once for another SIM, told by any words that are its own."""
        if sim != self._sim:
            self._sim, self._due, self.to, self.failed = sim, 0.0, "", ""
        return self._due

    async def settle(self, dialogue: Dialogue) -> None:
        """Look where calls go, and have them go where they shall. Raises LinkLostError."""
        was = self.failed
        refused = await self._ask(dialogue)
        if self._number is None or _same(self.to, self._number):
            self.failed = ""
        else:
            refused = await self._give(dialogue, f'AT+CCFC=0,3,"{self._number}",145,{_VOICE}')
            if not refused and await self._ask(dialogue):
                self.to = self._number  # it was taken, and cannot be looked at
            self.failed = refused or ("" if _same(self.to, self._number) else "it was taken, and calls still go elsewhere")
        wait = self._timing.forwarding_again if self.failed else self._timing.forwarding
        if self._number is None and refused:
            wait = math.inf  # nobody needs to know, and an answer that never comes holds up texts
        self._due = asyncio.get_running_loop().time() + wait
        if self.failed and not was:
            self._log.warning("modem.not_forwarded", what=self.failed)
        elif self._number is not None and not self.failed:
            self._log.info("modem.forwarded")

    async def _ask(self, dialogue: Dialogue) -> str:
        """Look; "" or why that failed."""
        self.to = ""
        try:
            reply = await dialogue.command(_ASK, "+CCFC:", timeout=self._timing.slow)
        except NoAnswerError:
            return "no answer"
        for line in reply.lines:
            match = _LINE.match(line)
            if match is not None and match[1] == "1" and int(match[2]) & _VOICE:
                number = match[3] or ""
                self.to = f"+{number}" if match[4] == "145" and not number.startswith("+") else number
        return "" if reply.ok else error_code(reply.final)[2]

    async def _give(self, dialogue: Dialogue, command: str) -> str:
        try:
            reply = await dialogue.command(command, timeout=self._timing.slow)
        except NoAnswerError:
            return "no answer"
        return "" if reply.ok else error_code(reply.final)[2]


def _same(one: str, other: str) -> bool:
    """The same number, perhaps one of them without its country code."""
    one, other = one.removeprefix("+"), other.removeprefix("+")
    return min(len(one), len(other)) >= _ENOUGH and (one.endswith(other) or other.endswith(one))
