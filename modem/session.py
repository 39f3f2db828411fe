"""One connection to a modem: bringing it into the state we need, and watching that it stays there."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from modem.at import Dialogue, Reply
from modem.codes import SIM_BUSY, error_code
from modem.errors import ModemError, NoAnswerError
from modem.inbox import Inbox
from modem.pin import Pin, insist
from modem.timing import Timing

__all__ = ["Radio", "Session", "identify", "read_imei", "read_operator", "read_own_number", "read_registration", "read_signal"]

_CNMI = ("2,1,0,1,0", "2,1,0,2,0", "2,1,0,1", "2,1,0,2", "1,1,0,1,0", "1,1,0,2,0", "2,1,0,0,0", "1,1,0,0,0", "2,1", "1,1")
"""Texts into a store and announced; reports directly, else into a store, else not at all. Some refuse ds=1, ds=2 or five values."""

_DEAF = ("2,1,0,0,0", "1,1,0,0,0", "2,1", "1,1")
"""Reports are not announced."""

_HOME, _DENIED, _ROAMING = {1, 6}, 3, {5, 7}  # 3GPP TS 27.007 7.2; 6 and 7: for SMS only


@dataclass(slots=True)
class Radio:
    """What is known of the modem at hand."""

    model: str = ""
    imei: str = ""
    registration: int | None = None
    """``<stat>`` of +CREG or +CEREG."""
    signal: int | None = None
    smsc: bool = False
    operator: str = ""
    own_number: str = ""
    imsi: str = ""
    """Who the SIM is: in memory only, to see that another one is in."""

    @property
    def registered(self) -> bool:
        return self.registration in _HOME | _ROAMING

    @property
    def denied(self) -> bool:
        return self.registration == _DENIED

    @property
    def roaming(self) -> bool:
        return self.registration in _ROAMING


async def identify(dialogue: Dialogue, timing: Timing) -> Radio:
    """Who answers: model and IMEI (27.007 5.1 … 5.4), as far as it tells."""
    radio = Radio()
    words = []
    for command in ("AT+CGMI", "AT+CGMM"):
        reply = await dialogue.command(command, f"{command[2:]}:", timeout=timing.command, body=True)
        if reply.ok and reply.lines:
            words.append(re.sub(r"^\+CGM[IM]:\s*", "", reply.lines[0]).strip('"'))
    radio.model = " ".join(words)
    radio.imei = await read_imei(dialogue, timing)
    return radio


async def read_imei(dialogue: Dialogue, timing: Timing) -> str:
    """The modem's IMEI, "" when it tells none."""
    reply = await dialogue.command("AT+CGSN", "+CGSN:", timeout=timing.command, body=True)
    match = re.search(r"\b\d{14,16}\b", " ".join(reply.lines))
    return match[0] if reply.ok and match else ""


async def read_registration(dialogue: Dialogue, timing: Timing) -> int | None:
    """``<stat>`` of +CREG (27.007 7.2), or of +CEREG where only that says that it is registered."""
    first: int | None = None
    for name in ("+CREG", "+CEREG"):
        reply = await dialogue.command(f"AT{name}?", f"{name}:", timeout=timing.command)
        # "+CREG: n,stat"; a line with stat alone, or stat and a quoted cell, is an announcement that came between
        said = next((int(match[1]) for line in reply.lines if (match := re.match(r"\+CE?REG:\s*\d,\s*(\d+)", line))), None)
        if said in _HOME | _ROAMING:
            return said
        first = said if name == "+CREG" else first
    return first


async def read_signal(dialogue: Dialogue, timing: Timing) -> int | None:
    """0 … 31 as in +CSQ (27.007 8.5), None when not known."""
    reply = await dialogue.command("AT+CSQ", "+CSQ:", timeout=timing.command)
    match = re.match(r"(\d+)", reply.value("+CSQ:") or "")
    return int(match[1]) if match and int(match[1]) <= 31 else None


async def read_operator(dialogue: Dialogue, timing: Timing) -> str:
    """The network's name, or its code, as +COPS tells it (27.007 7.3); "" when it does not."""
    reply = await dialogue.command("AT+COPS?", "+COPS:", timeout=timing.command)
    match = re.match(r'\d+,\s*\d+,\s*"([^"]*)"', reply.value("+COPS:") or "")
    return match[1].strip() if match else ""


async def read_own_number(dialogue: Dialogue, timing: Timing) -> str:
    """The SIM's number as +CNUM tells it (27.007 7.1), which few SIMs do; "" else."""
    reply = await dialogue.command("AT+CNUM", "+CNUM:", timeout=timing.command)
    match = next((found for line in reply.lines if (found := re.search(r',\s*"?(\+?\d{3,20})"?\s*,\s*(\d+)', line))), None)
    if match is None:
        return ""
    return f"+{match[1]}" if match[2] == "145" and not match[1].startswith("+") else match[1]


class Session:
    """``initialise``, then ``look`` from time to time. Everything raises LinkLostError or NoAnswerError when the modem fails."""

    def __init__(self, dialogue: Dialogue, inbox: Inbox, pin: Pin, timing: Timing, *, name: str, meet: Callable[[str], None]) -> None:
        """``meet`` is told the IMEI before anything is done to modem or SIM, and raises ModemError where it is not the one meant."""
        self.radio = Radio()
        self.dialogue = dialogue
        self._inbox = inbox
        self._pin = pin
        self._timing = timing
        self._meet = meet
        self._cnmi = ""
        self._log = structlog.get_logger("modem").bind(modem=name)

    async def initialise(self) -> None:
        """From a port just opened to a modem that reports what it receives. Raises ModemError naming what a person must do."""
        await self._ask("AT")
        await self._ask("ATE0")
        echoes = self.dialogue.echoes
        await self._ask("AT+CMEE=1")
        self.dialogue.echo_off = self.dialogue.echoes == echoes
        self.radio = await identify(self.dialogue, self._timing)
        self._meet(self.radio.imei)
        if "huawei" in self.radio.model.lower():
            await self._optional("AT^CURC=0")  # no signal reports between the lines
        function = (await self._ask("AT+CFUN?", "+CFUN:")).value("+CFUN:")
        if function is not None and not function.startswith("1"):
            await self._ask("AT+CFUN=1", slow=True)
        await self._pin.unlock(self.dialogue, self.radio.imei)
        if not (await insist(self.dialogue, self._timing, "AT+CMGF=0")).ok:
            raise ModemError("no_pdu_mode", "the modem refuses PDU mode (AT+CMGF=0)", "use a modem that sends SMS in PDU mode")
        await self._optional("AT+CSMS=0")
        await self._optional("AT+CREG=0")
        await self._optional("AT+CLIP=1")  # who calls
        await self._announcements()  # before the stores are chosen, which makes some modems fetch what waits
        await self._stores()
        await self.look(first=True)

    async def look(self, *, first: bool = False, restarted: bool = False) -> None:
        """The watchdog's look: registration, signal, SMS centre, and whether the modem still knows its settings."""
        if not first:
            if restarted or not self.radio.registered:
                await self._pin.unlock(self.dialogue, self.radio.imei)
            told = (await self._ask("AT+CNMI?", "+CNMI:")).value("+CNMI:")
            if told is not None and told != self._cnmi:
                raise ModemError("forgot", "the modem has forgotten its settings (reset?)", "nothing to do: it is set up again")
            await self._ask("AT+CMGF=0")
        self.radio.registration = await read_registration(self.dialogue, self._timing)
        self.radio.signal = await read_signal(self.dialogue, self._timing)
        if first or not self.radio.smsc:
            centre = (await self._ask("AT+CSCA?", "+CSCA:", slow=True)).value("+CSCA:")
            self.radio.smsc = re.match(r'"?\+?\d', centre or "") is not None

    async def describe(self) -> None:
        """What can wait until texts go: USSD announced, the operator's name, the SIM's number and identity. Raises LinkLostError."""
        for command in ("AT+CUSD=1", "AT+COPS=3,0"):
            await self._optional(command)
        with suppress(NoAnswerError):
            self.radio.operator = await read_operator(self.dialogue, self._timing)
        with suppress(NoAnswerError):
            self.radio.own_number = await read_own_number(self.dialogue, self._timing)
        with suppress(NoAnswerError):
            reply = await self.dialogue.command("AT+CIMI", "+CIMI:", timeout=self._timing.command, body=True)
            self.radio.imsi = re.sub(r"\D", "", reply.lines[0]) if reply.ok and reply.lines else ""

    async def _stores(self) -> None:
        reply = await insist(self.dialogue, self._timing, "AT+CPMS=?", "+CPMS:")
        groups = [re.findall(r'"(\w+)"', group.upper()) for group in re.findall(r"\(([^)]*)\)", reply.value("+CPMS:") or "")]
        first = groups[0] if groups else ["SM"]
        receiving = groups[2] if len(groups) > 2 else first
        for store in (*(name for name in ("ME", "SM", "MT") if name in receiving), "SM"):
            if (await insist(self.dialogue, self._timing, f'AT+CPMS="{store}","{store}","{store}"', "+CPMS:")).ok:
                break
        readable = tuple(name for name in ("SM", "ME", "SR") if name in first)
        self._inbox.stores.readable = readable if {"SM", "ME"} & set(readable) else (*readable, "MT")
        self._log.info("modem.stores", readable=self._inbox.stores.readable)

    async def _announcements(self) -> None:
        service = (await self._ask("AT+CSMS?", "+CSMS:")).value("+CSMS:") or "0"
        # where direct reports want an acknowledgement (+CNMA), and stop without it, have them stored
        settings = sorted(_CNMI, key=lambda setting: service.startswith("1") and setting.endswith((",1", ",1,0")))
        self._inbox.deaf = True
        for setting in settings:
            reply = await insist(self.dialogue, self._timing, f"AT+CNMI={setting}")
            if reply.ok:
                self._inbox.deaf = setting in _DEAF
                break
            if error_code(reply.final)[:2] in SIM_BUSY:
                raise ModemError("sim_failure", "the SIM stays busy", "take the SIM out and in again; try it in a phone")
        self._cnmi = await self._cnmi_told()
        if not self._inbox.deaf and not self._cnmi.replace(" ", "").startswith(setting[:3]):
            # restarted in between, or a modem that tells another value than it was given: the second time it is believed
            await self._ask(f"AT+CNMI={setting}")
            self._cnmi = await self._cnmi_told()

    async def _cnmi_told(self) -> str:
        return (await self._ask("AT+CNMI?", "+CNMI:")).value("+CNMI:") or ""

    async def _ask(self, text: str, *expect: str, slow: bool = False) -> Reply:
        return await self.dialogue.command(text, *expect, timeout=self._timing.slow if slow else self._timing.command)

    async def _optional(self, text: str) -> None:
        """A command that not every modem knows, some by not answering at all."""
        try:
            await self._ask(text)
        except NoAnswerError:
            self._log.info("modem.command_unknown", command=text)
