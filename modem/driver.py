"""A GSM modem on a serial port, as a bearer of texts.

One recovery path: whatever goes wrong (unplugged, silent, reset, refused), the port is closed, and after a jittered pause opened again,
the modem set up anew, its stores read, and sending goes on.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from modem import pdu, ports
from modem.at import Dialogue, Urc, UrcKind
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.inbox import Inbox
from modem.link import Link
from modem.pin import Pin
from modem.sending import submit
from modem.session import Radio, Session
from modem.timing import Timing
from modem.types import Commit, Door, Health, NotSent, Refused, SendResult, Sent, Submit, Unknown

__all__ = ["SerialModem", "Timing"]

_FOR_A_PERSON = frozenset({"pin_needed", "pin_refused", "pin_few_tries", "pin_unsure", "puk"})

_in_use: set[str] = set()
"""IMEIs of the modems this process serves: two drivers must not share a stick by two of its ports."""


class SerialModem:
    """Implements ``modem.types.Bearer``. ``port``: a device path, "auto" (found by USB identity), or a pyserial URL with a descriptor.

    ``on_ready`` is called each time the modem becomes able to send. ``imei``: the modem meant, 14 to 16 digits; with it, a modem that comes
    back under another path is found again.
    """

    def __init__(
        self,
        name: str,
        port: str,
        *,
        door: Door,
        imei: str | None = None,
        pin: str | None = None,
        on_ready: Callable[[], None],
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        self.name = name
        self._port = port
        self._imei = imei
        self._on_ready = on_ready
        self._timing = timing
        self._inbox = Inbox(name, door, timing)
        self._pin = Pin(pin, door, timing)
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._open_port = ""
        self._dialogue: Dialogue | None = None
        self._radio: Radio | None = None
        """Known once the modem is set up; None while it is not."""
        self._was_ready = False
        self._restarted = False
        self._boots = 0
        """^BOOT lines since the modem was set up: some Huawei say one when they start, some every few seconds."""
        self._look_now = asyncio.Event()
        self._trouble: ModemError = ModemError("starting", "the modem is being set up", "wait a moment")

    @property
    def ready(self) -> bool:
        """Registered and able to send now."""
        return (
            self._dialogue is not None and self._dialogue.alive and self._radio is not None and self._radio.registered and self._radio.smsc
        )

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        """The parts of a text; see ``modem.types.Bearer.split``."""
        return pdu.submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        """Send one part; see ``modem.types.Bearer.send``. Waits for its turn behind one command at most, and parts sent before it."""
        dialogue = self._dialogue
        if dialogue is None or not self.ready:
            return NotSent(self.health().what)
        timing = self._timing
        result = await submit(dialogue, part, commit, prompt=timing.prompt, result=timing.result, in_doubt=timing.result_in_doubt)
        match result:
            case Sent(reference):
                self._log.info("modem.sent", reference=reference, part=part.part, parts=part.parts, octets=part.length)
            case Refused(code, what, permanent):
                self._log.warning("modem.refused", code=code, what=what, permanent=permanent, octets=part.length)
                self._look_now.set()
            case NotSent(what, called_off):
                self._log.info("modem.not_sent", what=what, called_off=called_off)
                self._look_now.set()
            case Unknown(what):
                self._log.error("modem.unknown", what=what, octets=part.length)
                self._look_now.set()
        return result

    def health(self) -> Health:
        """How the modem is right now, for doctor."""
        radio = self._radio
        if radio is None:
            trouble = self._trouble
            return Health(
                "warn" if trouble.code == "starting" else "bad", trouble.code, trouble.what, trouble.fix, port=self._open_port or self._port
            )
        state, code, what, fix = self._state(radio)
        return Health(
            state,
            code,
            what,
            fix,
            registered=radio.registered,
            signal=radio.signal,
            model=radio.model,
            imei=radio.imei,
            port=self._open_port,
        )

    def _state(self, radio: Radio) -> tuple[str, str, str, str]:
        if radio.denied:
            return "bad", "denied", "the network denies this SIM", "ask the carrier whether the SIM is active; try it in a phone"
        if not radio.registered:
            return "bad", "not_registered", "the modem is not registered with a network", "check antenna, coverage and the SIM's plan"
        if not radio.smsc:
            return "bad", "no_smsc", "the SIM names no SMS centre", 'set the carrier\'s with AT+CSCA="+…" or in a phone'
        if self._inbox.failing:
            return (
                "bad",
                "not_keeping",
                f"received texts cannot be stored ({self._inbox.failing})",
                "they wait in the modem; check disk and store",
            )
        if self._inbox.full:
            stores = ", ".join(self._inbox.full)
            return "warn", "store_full", f"the modem's store {stores} is full of messages that are not ours", "delete them in a phone"
        if radio.roaming:
            return "warn", "roaming", "the SIM is roaming", "texts may cost more or be refused; check coverage of the home network"
        return "ok", "ok", "registered", ""

    async def run(self) -> None:
        """Own the port until cancelled. No fault of modem, port or store ends it."""
        pause = self._timing.retry_first
        while True:
            self._was_ready = False
            try:
                await self._serve(await self._find())
            except ModemError as error:
                self._failed(error)
            except (LinkLostError, NoAnswerError) as error:
                self._failed(_trouble(error))
            except Exception as error:  # noqa: BLE001 - nothing may end the reader; where it happened is logged, its data is not
                self._unexpected("modem.unexpected", error)
                self._failed(ModemError("failed", f"the driver failed ({type(error).__name__})", "report this with the log"))
            pause = self._timing.retry_first if self._was_ready else min(pause * 2, self._timing.retry_most)
            if self._trouble.code in _FOR_A_PERSON:
                pause = self._timing.retry_person
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    def _failed(self, error: ModemError) -> None:
        if self._trouble.code != error.code or self._was_ready:
            self._log.warning("modem.down", code=error.code, what=error.what)
        self._trouble = error

    def _unexpected(self, event: str, error: Exception) -> None:
        """Log where a bug struck, without the values that a traceback may show."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._log.error(event, error=type(error).__name__, file=place.filename.rpartition("/")[2], line=place.lineno)

    async def _find(self) -> str:
        """The port to open: the one configured, or wherever the modem is now."""
        if self._port == "auto":
            return await ports.find(self._imei, self._timing, avoid=_in_use)
        return self._port

    async def _serve(self, port: str) -> None:
        """Open, set up and serve until the connection fails; always raises."""
        try:
            link = await Link.open(port)
        except ModemError as error:
            if error.code != "no_port" or self._imei is None or "://" in port:
                raise
            port = await ports.find(self._imei, self._timing)
            link = await Link.open(port)
        timing = self._timing
        dialogue = Dialogue(link, self._urc, probe=timing.probe, tries=timing.probes, settle=timing.settle)
        link.attach(dialogue.feed, dialogue.lost)
        self._open_port = port
        self._restarted = False
        mine: set[str] = set()
        session = Session(dialogue, self._inbox, self._pin, timing, name=self.name, imei=self._imei)
        try:
            await session.initialise()
            if session.radio.imei in _in_use:
                raise ModemError("wrong_modem", "another [[modem]] entry already has this modem", "name the imei of each in its [[modem]]")
            mine = {session.radio.imei} - {""}
            _in_use.update(mine)
            self._dialogue, self._radio = dialogue, session.radio
            self._boots = 0
            self._log.info("modem.set_up", model=session.radio.model, port=port)
            self._tell()
            await _first_failure(
                _ending(dialogue, self._inbox.run(dialogue)), _ending(dialogue, self._watch(session)), _until_lost(dialogue)
            )
        finally:
            _in_use.difference_update(mine)
            self._dialogue = self._radio = None
            self._open_port = ""
            link.close()
            dialogue.lost(LinkLostError("the port was closed"))

    async def _watch(self, session: Session) -> None:
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

    def _tell(self) -> None:
        """Say so when the modem has become able to send, or is no longer."""
        ready = self.ready
        if ready and not self._was_ready:
            self._log.info("modem.ready", signal=self._radio.signal if self._radio else None)
            self._was_ready = True
            try:
                self._on_ready()
            except Exception as error:  # noqa: BLE001 - the caller's fault is not the modem's
                self._unexpected("modem.on_ready_failed", error)
        elif self._was_ready and not ready:
            self._log.warning("modem.not_ready", code=self.health().code)
            self._was_ready = False

    def _urc(self, urc: Urc) -> None:
        if urc.kind is UrcKind.RESTARTED and self._dialogue is not None:
            self._dialogue.restarted()
        elif urc.kind in {UrcKind.RESTARTED, UrcKind.STARTING} and not self._chatter(urc):
            self._restarted = True
            self._look_now.set()
            if self._dialogue is not None:
                self._dialogue.doubt()
        self._inbox.announced(urc)

    def _chatter(self, urc: Urc) -> bool:
        if not urc.line.upper().startswith("^BOOT:"):
            return False
        self._boots += 1
        return self._boots > 1


def _trouble(error: LinkLostError | NoAnswerError) -> ModemError:
    if isinstance(error, LinkLostError) and error.restarted:
        return ModemError("forgot", error.what, "nothing to do: it is set up again")
    return ModemError("silent", str(error), "replug the modem; if it stays silent, choose another of its ports or remove ModemManager")


async def _ending(dialogue: Dialogue, job: Coroutine[Any, Any, None]) -> None:
    """Run a job whose failure ends the connection: before anybody who waits for a turn begins a text that would be cut off."""
    try:
        await job
    except Exception:
        dialogue.lost(LinkLostError("the modem is set up anew"))
        raise


async def _until_lost(dialogue: Dialogue) -> None:
    raise await dialogue.ended()


async def _first_failure(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all until one fails, end the others, and raise what it raised."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for task, result in zip(tasks, results, strict=True) if task in done and isinstance(result, BaseException)]
    raise failures[0]
