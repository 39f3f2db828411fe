"""Unlocking a SIM: never a PIN refused before, never with fewer than three tries left, never a PUK.

A wrong PIN three times blocks the SIM, and the service restarts by itself; so each try is committed before it is made, and what is
committed is forgotten when the SIM says READY. Until then:

- a PIN that was refused is not tried again;
- a PIN whose answer never came (power cut, crash, silence) is tried once more, and only when the modem itself counts three tries left;
- a SIM whose modem counts nothing gets two PINs at most;
- a person may ask for one more try: what is committed is then forgotten where the modem counts three tries left, and where it counts
  nothing the try is one of the two.

So no more than two tries are made on an answer that is missing or a counter that is wrong, and the third stays a person's.
"""

from __future__ import annotations

import asyncio
import hashlib
import re

import structlog

from modem.at import Dialogue, Reply
from modem.codes import SIM_BUSY, WRONG_PIN, error_code
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.timing import Timing
from modem.types import Door

__all__ = ["TRIES", "Pin", "few_tries", "insist", "locked", "needed", "no_sim", "tries_left"]

TRIES = 3
_MOST = 2
"""Tries made without a person; the third is the one that blocks the SIM."""
_SWITCH_OFF = "put the SIM in a phone and switch its PIN off there"
_COUNTERS = (  # command, answer, which of its numbers are the PIN's tries left
    ('AT+CPINR="SIM PIN"', "+CPINR:", re.compile(r"SIM PIN\"?,\s*(\d+)")),  # 3GPP TS 27.007 8.65
    ("AT^CPIN?", "^CPIN:", re.compile(r"SIM PIN,\s*(\d+)")),  # Huawei
    ("AT+QPINC?", "+QPINC:", re.compile(r"\"SC\",\s*(\d+)")),  # Quectel
    ("AT+SPIC", "+SPIC:", re.compile(r"\+SPIC:\s*(\d+)")),  # SIMCom
    ("AT+ZPINPUK=?", "+ZPINPUK:", re.compile(r"\+ZPINPUK:\s*\(?(\d+)")),  # ZTE
)
_ICCID = (("AT+CCID", "+CCID:"), ("AT^ICCID?", "^ICCID:"), ("AT+QCCID", "+QCCID:"), ("AT+ICCID", "+ICCID:"), ("AT+CICCID", "+ICCID:"))


class Pin:
    """The configured PIN of one modem's SIM, or that there is none. Lives as long as the driver."""

    def __init__(self, pin: str | None, door: Door, timing: Timing) -> None:
        self._pin = pin
        self._door = door
        self._timing = timing
        self._log = structlog.get_logger("modem")
        self._clear_on: Dialogue | None = None
        """The connection on which the SIM was READY and its tries are forgotten."""
        self._forgiving = False
        """A person asked for one more try."""

    def forgive(self) -> None:
        """Let the next ``unlock`` try a PIN that was refused before, once, as a person asks: under the same rule of three tries."""
        self._forgiving = True

    async def unlock(self, dialogue: Dialogue, imei: str) -> None:
        """Wait for the SIM and enter the PIN where it asks. Raises ModemError naming what a person must do."""
        state = await self._state(dialogue)
        if state == "READY":
            await self._ready(dialogue, imei)
            return
        if state != "SIM PIN":
            raise locked(state)
        if self._pin is None:
            raise needed()
        sim = await _sim(dialogue, imei, self._timing)
        digest = await asyncio.to_thread(_digest, self._pin, sim)
        forgiven, self._forgiving = self._forgiving, False
        if not forgiven and await self._known_bad(sim, imei, digest):
            raise _refused()
        left = await tries_left(dialogue, self._timing)
        if left is not None and left < TRIES:
            raise few_tries(left)
        if forgiven and left is not None:
            for each in {sim, _by_imei(imei)}:
                await self._door.pin_accepted(each)  # the SIM itself says that all of its tries are there
        made = sum([await self._made(each) for each in {sim, _by_imei(imei)}])
        if not forgiven and await self._door.pin_known_bad(sim, _tried(digest)) and (left is None or made >= _MOST):
            raise ModemError(
                "pin_unsure",
                "the PIN was tried and no answer came; it is not risked again",
                f"if pin of this modem is wrong, correct it; if it is right, {_SWITCH_OFF}",
            )
        if left is None and made >= _MOST:
            raise ModemError(
                "pin_few_tries", f"{made} PINs of this SIM were tried and the modem does not count; none is risked", _SWITCH_OFF
            )
        await self._enter(dialogue, sim, digest, made)
        await self._ready(dialogue, imei)

    async def _known_bad(self, sim: str, imei: str, digest: str) -> bool:
        """Was this PIN refused: by the SIM under its own number, or under the modem's IMEI when that could not be read?"""
        if await self._door.pin_known_bad(sim, digest):
            return True
        other = _by_imei(imei)
        return sim != other and await self._door.pin_known_bad(other, await asyncio.to_thread(_digest, self._pin or "", other))

    async def _made(self, sim: str) -> int:
        """How many tries were made since the SIM was READY, ``_MOST`` for more."""
        for number in range(_MOST, 0, -1):
            if await self._door.pin_known_bad(sim, _nth(number)):
                return number
        return 0

    async def _enter(self, dialogue: Dialogue, sim: str, digest: str, made: int) -> None:
        self._clear_on = None
        try:
            await self._door.pin_refused(sim, _nth(min(made + 1, _MOST)))
            await self._door.pin_refused(sim, _tried(digest))
        except Exception as error:
            raise ModemError(
                "pin_not_noted",
                f"the PIN is not tried while that cannot be stored ({type(error).__name__})",
                "check disk and store; it is tried again by itself",
            ) from error
        reply = await dialogue.command(f'AT+CPIN="{self._pin}"', timeout=self._timing.slow)
        if not reply.ok and error_code(reply.final)[:2] not in SIM_BUSY:
            family, number, _ = error_code(reply.final)
            if (family, number) in WRONG_PIN or await self._state(dialogue) != "READY":
                await self._door.pin_refused(sim, digest)
                raise _refused()
        state = await self._state(dialogue, entered=True)
        if state != "READY":
            raise locked(state)

    async def _ready(self, dialogue: Dialogue, imei: str) -> None:
        """The SIM is open: all of its tries are there again. Once per connection; a store that fails does not stop the modem."""
        if self._pin is None or self._clear_on is dialogue:
            return
        try:
            # tried under the IMEI where the ICCID could not be read before the PIN
            for sim in {await _sim(dialogue, imei, self._timing), _by_imei(imei)}:
                await self._door.pin_accepted(sim)
        except (LinkLostError, NoAnswerError):
            raise
        except Exception as error:  # noqa: BLE001 - the tries stay noted: the next connection forgets them
            self._log.warning("modem.pin_tries_not_forgotten", error=type(error).__name__)
        self._clear_on = dialogue

    async def _state(self, dialogue: Dialogue, *, entered: bool = False) -> str:
        """What ``AT+CPIN?`` says, once the SIM is no longer busy. ``entered``: a SIM still asking may need a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timing.sim
        while True:
            reply = await dialogue.command("AT+CPIN?", "+CPIN:", timeout=self._timing.slow)
            state = (reply.value("+CPIN:") or "").strip('"').upper()
            if reply.ok and state and not (entered and state == "SIM PIN"):
                return state
            if not reply.ok and error_code(reply.final)[:2] not in SIM_BUSY:
                raise no_sim(error_code(reply.final)[2])
            if loop.time() >= until:
                return state or "BUSY"
            await asyncio.sleep(self._timing.again)


async def insist(dialogue: Dialogue, timing: Timing, text: str, *expect: str, body: bool = False) -> Reply:
    """Ask again while the SIM is still starting. Raises LinkLostError and NoAnswerError."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timing.sim
    while True:
        reply = await dialogue.command(text, *expect, timeout=timing.slow, body=body)
        if reply.ok or error_code(reply.final)[:2] not in SIM_BUSY or loop.time() >= until:
            return reply
        await asyncio.sleep(timing.again)


def no_sim(words: str) -> ModemError:
    """``words``: of the error that AT+CPIN? was answered with, as ``error_code`` has them."""
    if words.lower() == error_code("+CME ERROR: 10")[2].lower():
        return ModemError("no_sim", "there is no SIM in the modem", "insert the SIM, then replug the modem")
    return ModemError("sim_failure", f"the SIM cannot be read ({words})", "take the SIM out and in again; try it in a phone")


def needed() -> ModemError:
    """The SIM asks for a PIN and none is given."""
    return ModemError("pin_needed", "the SIM asks for its PIN", "set pin or pin_file of this modem, or switch the SIM's PIN off in a phone")


def few_tries(left: int) -> ModemError:
    """Fewer tries are left than may be risked."""
    return ModemError(
        "pin_few_tries",
        f"the SIM has {left} of {TRIES} PIN tries left; none is risked",
        "check pin of this modem, then put the SIM in a phone and enter its PIN there once",
    )


def _refused() -> ModemError:
    return ModemError("pin_refused", "the SIM refused the PIN; it is not tried again", "correct pin of this modem")


def locked(state: str) -> ModemError:
    """``state``: as ``AT+CPIN?`` says it, other than READY."""
    if "PUK" in state:
        return ModemError(
            "puk", f"the SIM is blocked and asks for its {state.removeprefix('SIM ')}", "put the SIM in a phone and enter the PUK there"
        )
    if state == "SIM PIN":
        return ModemError("pin_needed", "the SIM still asks for its PIN", "try the SIM in a phone")
    if state.startswith("PH-"):
        return ModemError(
            "sim_failure", f"the modem is locked to another SIM or carrier ({state})", "use a SIM of that carrier, or a modem without lock"
        )
    return ModemError("sim_failure", f"the SIM is not ready ({state.lower()})", "try the SIM in a phone")


async def tries_left(dialogue: Dialogue, timing: Timing) -> int | None:
    """Tries the PIN has left, as the modem counts them; None where it does not. Raises LinkLostError."""
    for command, answer, pattern in _COUNTERS:
        try:
            reply = await dialogue.command(command, answer, timeout=timing.command)
        except NoAnswerError:
            continue
        match = next((found for line in reply.lines if (found := pattern.search(line))), None)
        if match is not None:
            return int(match[1])
    return None


async def _sim(dialogue: Dialogue, imei: str, timing: Timing) -> str:
    """The SIM's ICCID (ITU-T E.118), which is read without PIN; the modem's IMEI where it does not tell."""
    for command, answer in _ICCID:
        try:
            reply = await insist(dialogue, timing, command, answer, body=True)
        except NoAnswerError:
            continue
        match = re.search(r"\d{18,20}", " ".join(reply.lines))
        if reply.ok and match is not None:
            return match[0]
    return _by_imei(imei)


def _by_imei(imei: str) -> str:
    return f"imei:{imei}"


def _nth(number: int) -> str:
    """The mark of a SIM's first or second try, kept beside the digests."""
    return f"try {number}"


def _tried(digest: str) -> str:
    """The mark of a PIN that was tried, whatever came of it."""
    return f"tried {digest}"


def _digest(pin: str, sim: str) -> str:
    return hashlib.scrypt(pin.encode(), salt=sim.encode(), n=2**14, r=8, p=1).hex()
