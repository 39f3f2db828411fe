"""A GSM modem on a serial port, as a bearer of texts.

One recovery path: whatever goes wrong (unplugged, silent, reset, refused), the port is closed, and after a jittered pause the modem is
found again by its identity, opened, set up anew, its stores read, and sending goes on. What that does not mend climbs ``modem.reset``'s
ladder.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from modem import made, pdu, ussd
from modem.at import Dialogue
from modem.calls import Calls
from modem.codes import NO_CENTRE
from modem.condition import condition
from modem.errors import LinkLostError, ModemError, NoAnswerError, bug
from modem.forwarding import Forwarding
from modem.inbox import Inbox
from modem.jobs import share
from modem.pin import Pin
from modem.recovery import Recovery
from modem.reset import Rung
from modem.sending import submit
from modem.session import Radio, Session
from modem.timing import Timing
from modem.types import Commit, Door, Health, NotSent, Refused, SendResult, Sent, Submit, Unknown
from modem.urcs import Urc, UrcKind
from modem.whereabouts import Whereabouts

__all__ = ["SerialModem", "Timing"]

_FOR_A_PERSON = frozenset({"pin_needed", "pin_refused", "pin_few_tries", "pin_unsure", "puk"})
_FOR_A_MOMENT = frozenset({"starting", "resetting"})


class SerialModem:
    """Implements ``modem.types.Bearer``.

    ``port``: a device path, "auto" (found by USB identity), a pattern of paths such as "/dev/ttyUSB*", or a pyserial URL with a
    descriptor. ``imei``: the modem meant, 14 to 16 digits; without it, the one served first. One that comes back under another path is
    found again. ``forward``: where the network shall send the SIM's voice calls, E.164; calls that reach the SIM are rejected and told to
    ``door.called``. ``on_ready`` is called each time the modem becomes able to send. ``sys``: where sysfs is mounted.
    """

    def __init__(
        self,
        name: str,
        port: str,
        *,
        door: Door,
        imei: str | None = None,
        pin: str | None = None,
        forward: str | None = None,
        on_ready: Callable[[], None],
        timing: Timing = Timing(),  # noqa: B008 - frozen
        sys: Path = Path("/sys"),
    ) -> None:
        self.name = name
        self._port = port
        self._on_ready = on_ready
        self._timing = timing
        self._inbox = Inbox(name, door, timing)
        self._calls = Calls(name, door, timing)
        self._pin = Pin(pin, door, timing)
        self._forwarding = Forwarding(forward, name, timing)
        self._where = Whereabouts(name, port, imei, timing, sys)
        self._recovery = Recovery(name, self._where, timing)
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._dialogue: Dialogue | None = None
        self._radio: Radio | None = None
        """Known once the modem is set up; None while it is not."""
        self._was_ready = False
        self._answered = False
        """The modem answered AT when it was opened last."""
        self._restarted = False
        self._boots = 0
        """^BOOT lines since the modem was set up: some Huawei say one when they start, some every few seconds."""
        self._echoed_at = -math.inf
        """When an echo last told that the modem started anew. One that soon echoes again just echoes."""
        self._look_now = asyncio.Event()
        self._trouble: ModemError = ModemError("starting", "the modem is being set up", "wait a moment")
        self._sending = 0
        self._busy_at = 0.0
        """When a text was last sent, or the modem became able to."""
        self._ussd_count = 0
        self._running = False
        self._resting = False
        self._retry_now = asyncio.Event()
        self._failures = 0
        self._outcome = asyncio.Event()
        """Set, and replaced, at the end of each attempt to set the modem up."""

    @property
    def ready(self) -> bool:
        """Registered and able to send now."""
        return (
            self._dialogue is not None and self._dialogue.alive and self._radio is not None and self._radio.registered and self._radio.smsc
        )

    def _is_set_up(self) -> bool:
        return self._radio is not None

    def _gets_set_up(self) -> bool:
        return self._running and self._radio is None

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        """The parts of a text; see ``modem.types.Bearer.split``."""
        return pdu.submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        """Send one part; see ``modem.types.Bearer.send``. Waits for its turn behind one command at most, and parts sent before it."""
        dialogue = self._dialogue
        if dialogue is None or not self.ready:
            return NotSent(self.health().what)
        timing = self._timing
        self._sending += 1
        try:
            result = await submit(dialogue, part, commit, prompt=timing.prompt, result=timing.result, in_doubt=timing.result_in_doubt)
        finally:
            self._sending -= 1
            self._busy_at = asyncio.get_running_loop().time()
        self._recovery.sent(result, part.number)
        match result:
            case Sent(reference):
                self._log.info("modem.sent", reference=reference, part=part.part, parts=part.parts, octets=part.length)
            case Refused(code, what, permanent):
                self._log.warning("modem.refused", code=code, what=what, permanent=permanent, octets=part.length)
                if code == NO_CENTRE and self._radio is not None:
                    self._radio.smsc = False  # the look that follows asks for it again
                self._look_now.set()
            case NotSent(what, called_off):
                self._log.info("modem.not_sent", what=what, called_off=called_off)
                self._look_now.set()
            case Unknown(what):
                self._log.error("modem.unknown", what=what, octets=part.length)
                self._look_now.set()
        return result

    async def unlock(self) -> Health:
        """A person asks to try the SIM's PIN again though it was refused, and at once: what came of it.

        The rule of three tries stays (``modem.pin``). May take as long as a SIM takes to get ready (``Timing.sim``).
        """
        if self._gets_set_up():
            self._pin.forgive()
            enough = self._failures + (1 if self._resting else 2)  # the attempt under way may have been past the PIN
            self._retry_now.set()
            while self._gets_set_up() and self._failures < enough:
                await self._outcome.wait()
        return self.health()

    def health(self) -> Health:
        """How the modem is right now, for doctor."""
        radio, trouble = self._radio, self._trouble
        port = self._where.path or self._port
        if radio is None:
            alarm = self._recovery.alarm if trouble.code == "silent" else None
            state = "warn" if trouble.code in _FOR_A_MOMENT else "bad"
            return Health(*(alarm or (state, trouble.code, trouble.what, trouble.fix)), port=port)
        return Health(
            *condition(
                radio,
                self._inbox,
                self._forwarding,
                self._recovery.ladder,
                usb_forbidden=self._recovery.usb_forbidden,
                unsent=self._recovery.unsent,
                said=self._recovery.said,
            ),
            registered=radio.registered,
            signal=radio.signal,
            model=radio.model,
            imei=radio.imei,
            port=port,
            operator=radio.operator if radio.registered else "",
            own_number=radio.own_number,
            forwarded=self._forwarding.to,
        )

    async def run(self) -> None:
        """Own the port until cancelled. No fault of modem, port or store ends it."""
        handing_in = asyncio.create_task(self._calls.hand_in())
        self._where.begin()
        self._running = True
        try:
            await self._keep_going()
        finally:
            self._running = False
            self._tell_outcome()
            self._where.end()
            handing_in.cancel()
            await asyncio.gather(handing_in, return_exceptions=True)

    async def _keep_going(self) -> None:
        pause = self._timing.retry_first
        while True:
            self._was_ready = False
            try:
                await self._attempt()
            except ModemError as error:
                self._failed(error)
            except (LinkLostError, NoAnswerError) as error:
                self._failed(_trouble(error))
            except Exception as error:  # noqa: BLE001 - nothing may end the reader; where it happened is logged, its data is not
                self._log.error("modem.unexpected", **bug(error))
                self._failed(ModemError("failed", f"the driver failed ({type(error).__name__})", "report this with the log"))
            pause = self._timing.retry_first if self._was_ready else min(pause * 2, self._timing.retry_most)
            person = self._trouble.code in _FOR_A_PERSON
            if await self._rest((self._timing.retry_person if person else pause) * random.uniform(0.75, 1.25)):  # noqa: S311 - jitter
                pause = self._timing.retry_first

    async def _rest(self, seconds: float) -> bool:
        """Pause; True when that was cut short: a port came or went, or a person asks."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._resting = True
        try:
            there = await self._where.now()
            while (left := until - loop.time()) > 0:
                try:
                    async with asyncio.timeout(min(left, self._timing.ports)):
                        await self._retry_now.wait()
                except TimeoutError:
                    if await self._where.now() == there:
                        continue
                return True
            return False
        finally:
            self._resting = False
            self._retry_now.clear()

    def _failed(self, error: ModemError) -> None:
        if self._trouble.code != error.code or self._was_ready:
            self._log.warning("modem.down", code=error.code, what=error.what)
        self._trouble = error
        self._failures += 1
        if error.code == "silent":
            self._recovery.stays_silent(answers_at=self._answered)
        self._tell_outcome()

    def _tell_outcome(self) -> None:
        self._outcome.set()
        self._outcome = asyncio.Event()

    async def _attempt(self) -> None:
        """Reset what is due to be, open, set up and serve until the connection fails; always raises."""
        self._answered = False
        due = self._recovery.take_due()
        if due is Rung.USB:
            await self._recovery.switch_usb()
        link = await self._where.open()
        timing = self._timing
        dialogue = Dialogue(link, self._urc, probe=timing.probe, tries=timing.probes, settle=timing.settle, rest=timing.rest)
        link.attach(dialogue.feed, dialogue.lost)
        self._restarted = False
        try:
            if due is Rung.RESTART:
                await dialogue.command("AT+CFUN=1,1", timeout=timing.slow)
                raise ModemError("resetting", "the modem was restarted with AT+CFUN=1,1", "wait a moment")
            await self._serve(dialogue)
        finally:
            self._answered = dialogue.resyncs > 0
            self._where.lost(served=self._is_set_up())
            self._dialogue = self._radio = None
            self._calls.cut()
            link.close()
            dialogue.lost(LinkLostError("the port was closed"))

    async def _serve(self, dialogue: Dialogue) -> None:
        session = Session(dialogue, self._inbox, self._pin, self._timing, name=self.name, meet=self._where.meet)
        await session.initialise()
        if asyncio.get_running_loop().time() < self._echoed_at + self._timing.watch:
            dialogue.echo_off = False
        self._dialogue, self._radio = dialogue, session.radio
        self._boots = 0
        self._recovery.set_up(session.radio.model, session.radio.imei)
        self._log.info("modem.set_up", model=session.radio.model, port=self._where.path)
        self._tell_outcome()
        self._tell()
        await share(dialogue, self._inbox.run(dialogue), self._watch(session, dialogue), self._calls.run(dialogue), self._later(session))

    async def _watch(self, session: Session, dialogue: Dialogue) -> None:
        """Look at the modem from time to time, soon again where something is amiss. A look that fails is a disconnect."""
        while True:
            well = session.radio.registered and session.radio.smsc
            try:
                async with asyncio.timeout(self._timing.watch if well else self._timing.again):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            restarted, self._restarted = self._restarted, False
            await session.look(restarted=restarted)
            self._tell()
            why = self._recovery.wanted()
            if why is not None:
                async with dialogue.turn():  # no text is under way
                    dialogue.lost(LinkLostError("the modem is reset"))
                    raise ModemError("resetting", f"{why.value}; it is reset", "wait a moment")

    async def _later(self, session: Session) -> None:
        """What can wait until no text does: who the operator is, where the network forwards calls."""
        loop = asyncio.get_running_loop()
        await self._quiet()
        await session.describe()
        while True:
            due = self._forwarding.due(session.radio.imsi or session.radio.imei)
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._quiet()
            await self._forwarding.settle(session.dialogue)

    async def _quiet(self) -> None:
        """Wait until there was nothing to send for a while."""
        while (seconds := self._unquiet()) > 0:  # noqa: ASYNC110 - a silence has no event
            await asyncio.sleep(seconds)

    def _unquiet(self) -> float:
        """How long it will not be quiet yet, at the least."""
        if not self.ready or self._sending:
            return self._timing.again
        return self._busy_at + self._timing.quiet - asyncio.get_running_loop().time()

    def _tell(self) -> None:
        """Say so when the modem has become able to send, or is no longer."""
        ready = self.ready
        if self._radio is not None:
            self._recovery.looked(registered=self._radio.registered)
        if ready and not self._was_ready:
            self._log.info("modem.ready", signal=self._radio.signal if self._radio else None)
            self._was_ready = True
            self._busy_at = asyncio.get_running_loop().time()
            try:
                self._on_ready()
            except Exception as error:  # noqa: BLE001 - the caller's fault is not the modem's
                self._log.error("modem.on_ready_failed", **bug(error))
        elif self._was_ready and not ready:
            self._log.warning("modem.not_ready", code=self.health().code)
            self._was_ready = False

    def _urc(self, urc: Urc) -> None:
        try:
            self._take(urc)
        except Exception as error:  # noqa: BLE001 - no line may end the reader
            self._log.error("modem.line_failed", **bug(error))

    def _take(self, urc: Urc) -> None:
        if urc.kind is UrcKind.CALL:
            self._calls.heard(urc.line)
        elif urc.kind is UrcKind.USSD:
            self._ussd(ussd.message(urc.line))
        elif urc.kind is UrcKind.RESTARTED and self._dialogue is not None:
            if urc.line.upper().startswith("AT"):
                self._echoed_at = asyncio.get_running_loop().time()
            self._dialogue.restarted()
        elif urc.kind in {UrcKind.RESTARTED, UrcKind.STARTING} and not self._chatter(urc):
            self._restarted = True
            self._look_now.set()
            if self._dialogue is not None:
                self._dialogue.doubt()
        self._inbox.announced(urc)

    def _ussd(self, text: str) -> None:
        """What the network says takes the way of a text."""
        if text:
            self._ussd_count += 1
            now = datetime.now(UTC).replace(microsecond=0)
            for one in made.deliver("USSD", text, now, reference=self._ussd_count % 256):
                self._inbox.direct(one)

    def _chatter(self, urc: Urc) -> bool:
        if not urc.line.upper().startswith("^BOOT:"):
            return False
        self._boots += 1
        return self._boots > 1


def _trouble(error: LinkLostError | NoAnswerError) -> ModemError:
    if isinstance(error, LinkLostError) and error.restarted:
        return ModemError("forgot", error.what, "nothing to do: it is set up again")
    return ModemError("silent", str(error), "replug the modem; if it stays silent, choose another of its ports or remove ModemManager")
