"""When a modem is reset, and the resets themselves: what ``modem.reset`` decides, done to one driver's modem."""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from modem import claims, condition, reset
from modem.claims import CLAIMS
from modem.codes import OF_THE_MODEM, UNKNOWN_ERROR
from modem.reset import Ladder, Rung, Why
from modem.sending import NO_PROMPT, NO_RESULT
from modem.timing import Timing
from modem.types import NotSent, Refused, SendResult, Sent, Unknown
from modem.whereabouts import Whereabouts

__all__ = ["Recovery"]


class Recovery:
    """Lives as long as the driver."""

    def __init__(self, name: str, where: Whereabouts, timing: Timing) -> None:
        self._where = where
        self._timing = timing
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._model = self._imei = ""
        self._registered: float | None = None
        """When it was registered last, or reset for not being so."""
        self._refused: list[tuple[str, str]] = []
        """Code and number of what the modem itself refused, or left unanswered, since a text went."""
        self.unsent = 0
        """Parts in a row that did not go though the modem was there: refused by it or the network, or left unanswered."""
        self.said = ""
        """What came of the last of them."""
        self._due: Rung | None = None
        self.ladder = Ladder(timing)

    def take_due(self) -> Rung | None:
        """What is to be done at the next opening, once."""
        due, self._due = self._due, None
        return due

    def set_up(self, model: str, imei: str) -> None:
        """The modem answered all that was asked."""
        if imei != self._imei:
            self._registered = None
            self._refused.clear()
            self.unsent = 0
        self._model, self._imei = model, imei
        self.ladder.mended(Why.SILENT)

    def looked(self, *, registered: bool) -> None:
        """The watch saw this."""
        if registered:
            self._registered = time.monotonic()
            self.ladder.mended(Why.UNREGISTERED)

    def sent(self, result: SendResult, number: str) -> None:
        """What became of a part."""
        match result:
            case Sent() | Refused(number_at_fault=True):
                self.unsent = 0
            case Refused(code, what):
                self.unsent, self.said = self.unsent + 1, f"{code}: {what}"
            case NotSent(what) | Unknown(what) if what.startswith((NO_PROMPT, NO_RESULT)):
                self.unsent, self.said = self.unsent + 1, what
        match result:
            case Sent():
                self._refused.clear()
                self.ladder.mended(Why.REFUSING)
            case Refused(code) if code in OF_THE_MODEM:
                self._refused.append((code, number))
            case NotSent(what) | Unknown(what) if what.startswith((NO_PROMPT, NO_RESULT)):
                self._refused.append((what, number))
            case Refused():
                self._refused.clear()  # the network spoke: the modem works

    def stays_silent(self, *, answers_at: bool) -> None:
        """One more opening without an answer, or with none but to AT itself."""
        if self._where.seen or self._where.usb is not None:
            self._step(Why.SILENT, takes_commands=answers_at)

    def wanted(self) -> Why | None:
        """Why the modem, set up as it is, needs a reset now; it is then ``due``."""
        if self._refusing():
            self._refused.clear()
            return Why.REFUSING if self._step(Why.REFUSING) else None
        if self._registered is not None and time.monotonic() >= self._registered + self._timing.unregistered:
            self._registered = time.monotonic()
            return Why.UNREGISTERED if self._step(Why.UNREGISTERED) else None
        return None

    async def switch_usb(self) -> None:
        """Switch the stick off and on."""
        device = self._where.usb
        if device is None or not self._may_switch(device):
            return
        try:
            await reset.switch(device, self._timing.usb_off)
        except OSError as error:
            self._log.warning("modem.reset_failed", how=Rung.USB.value, error=error.strerror)

    @property
    def alarm(self) -> condition.Words | None:
        """The alarm when nothing helps, for health."""
        return condition.stuck(self.ladder, usb_forbidden=self.usb_forbidden)

    @property
    def usb_forbidden(self) -> bool:
        """Could the stick be switched off and on, were it permitted?"""
        device = self._where.usb
        return device is not None and (device / "authorized").exists() and not reset.may_switch(device)

    def _refusing(self) -> bool:
        codes, numbers = {code for code, _ in self._refused}, {number for _, number in self._refused}
        # an unknown error may be the network's word on one number
        return len(self._refused) >= self._timing.refusals and (codes != {UNKNOWN_ERROR} or len(numbers) > 1)

    def _step(self, why: Why, *, takes_commands: bool = True) -> bool:
        device = self._where.usb
        rung = self.ladder.step(
            why,
            time.monotonic(),
            restart=takes_commands and reset.comes_back(self._model),
            usb=device is not None and self._may_switch(device),
        )
        self._due = rung
        if rung is None:
            self._log.error("modem.reset_failed", why=why.value, tried=self.ladder.tried)
        elif rung is not Rung.REOPEN:
            self._log.warning("modem.reset", why=why.value, how=rung.value, resets=self.ladder.made)
        return rung is not None

    def _may_switch(self, device: Path) -> bool:
        return not CLAIMS.taken(self._where, claims.stick(device.name)) and reset.may_switch(device)
