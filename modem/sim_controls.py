"""The control commands of the simulator that are about its network: handsets, texts, calls, USSD, registration, the carrier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from modem.sim_calls import BUSY, NO_REPLY, NOT_REACHABLE, UNCONDITIONAL, Forward
from modem.sim_journal import Journal
from modem.sim_mms import notification
from modem.sim_modem import Modem
from modem.sim_network import Incoming
from modem.sim_services import ussd_charset
from modem.sim_ussd import Answer

__all__ = ["NetworkControls", "not_negative"]

_VALIDITY = {"given": 0, "withheld": 1, "unavailable": 2, "payphone": 3}
_REASONS = {"unconditional": UNCONDITIONAL, "busy": BUSY, "no_reply": NO_REPLY, "not_reachable": NOT_REACHABLE}


class NetworkControls:
    """What may be asked of the network behind the modem. Each public method is a control command."""

    _modem: Modem
    _journal: Journal

    # handsets and network

    def text(
        self,
        sender: str,
        text: str,
        *,
        sent: datetime | None = None,
        reference: int | None = None,
        wide: bool = False,
        alphabet: Literal["gsm7", "ucs2", "8bit"] | None = None,
        flash: bool = False,
        cut: bool = False,
        silent: bool = False,
        coding: int | None = None,
        locking: int = 0,
        single: int = 0,
        order: list[int] | None = None,
    ) -> dict[str, Any]:
        """A handset ("from", a number or a name) texts the modem.

        ``order`` sends only these parts, so ([2, 1]) reversed, ([1, 1, 2]) doubled or ([1]) never whole; ``reference`` and ``wide`` set the
        concatenation reference; ``cut`` lets a part end within an emoji; ``flash`` is class 0, ``silent`` type 0; ``coding`` is written as
        TP-DCS whatever the text is; ``locking`` and ``single`` are national shift tables (1 Turkish, 2 Spanish, 3 Portuguese); ``sent`` the
        SMSC time stamp.
        """
        network = self._modem.network
        pdus = network.encode(
            sender, text, sent=sent, reference=reference, wide=wide, alphabet=alphabet, flash=flash, cut=cut, silent=silent,
            coding=coding, locking=locking, single=single,
        )  # fmt: skip
        out = network.text(sender, text, pdus, order)
        return {"parts": len(out), "pdus": out}

    def mms(
        self,
        sender: str,
        subject: str | None = None,
        *,
        mmsc: str = "+15145550001",
        size: int = 48_213,
        days: int = 7,
        transaction: str = "T0A1b2C3",
        location: str = "http://mms.example.net/servlets/mms?message-id=T0A1b2C3-4711-0815@mmsc1.example.net",
        order: list[int] | None = None,
    ) -> dict[str, Any]:
        """A handset ("from") sends a picture: its notice comes as a WAP push from ``mmsc``, the picture itself stays with the carrier.

        ``size`` in bytes, ``days`` until it expires; ``order`` as in text.
        """
        push = notification(sender, subject, size=size, seconds=days * 86_400, transaction=transaction, location=location)
        network = self._modem.network
        pdus = network.encode(mmsc, push.decode("latin-1"), alphabet="8bit", ports=(2948, 9200))
        out = network.text(mmsc, f"MMS notice of {sender}", pdus, order)
        return {"parts": len(out), "pdus": out}

    def deliver(self, pdu: str, kind: Literal["text", "report"] = "text") -> None:
        """Bring a PDU to the modem as it stands (hex with SMSC octets), right or not."""
        if len(pdu) < 4 or len(pdu) % 2 or any(char not in "0123456789abcdefABCDEF" for char in pdu):
            raise ValueError("pdu is hexadecimal digits, two an octet, SMSC octets first")
        self._modem.network.deliver(Incoming(kind, pdu))

    def inbox(self, number: str) -> list[dict[str, Any]]:
        """The whole texts a handset received, oldest first: sender, text, parts, at (monotonic s), time (UTC), cut."""
        handset = self._modem.network.handsets.get(number)
        return [asdict(text) for text in handset.inbox] if handset else []

    async def wait(self, number: str, count: int = 1, timeout: float = 10) -> list[dict[str, Any]]:  # noqa: ASYNC109 - part of the protocol
        """The inbox of a handset once it has ``count`` texts. Raises TimeoutError."""
        await self._until(lambda: len(self.inbox(number)) >= count, timeout, f"{number} has not {count} texts")
        return self.inbox(number)

    def latency(self, ms: float) -> None:
        """Time from Ctrl-Z to the network's answer; 0 is at once."""
        self._modem.network.latency = not_negative("ms", ms) / 1000

    def reports(self, ms: float | None = None, status: int | None = None, send: bool = True) -> None:
        """Status reports: how late, with which TP-ST (0 delivered, 48 still trying, 64 and up failed), or none at all."""
        network = self._modem.network
        if ms is not None:
            network.report_delay = not_negative("ms", ms) / 1000
        if status is not None and not 0 <= status <= 255:
            raise ValueError("status is TP-ST, 0 to 255")
        network.report_status = (status or 0) if send else None

    def report(self, number: str, reference: int, status: int = 0, *, sent: datetime | None = None) -> None:
        """A status report comes now, whether or not such a part was ever sent. ``sent`` is when its text was (default now)."""
        if not (0 <= reference <= 255 and 0 <= status <= 255):
            raise ValueError("reference is a TP-MR and status a TP-ST, 0 to 255 each")
        self._modem.network.say(reference, number, status, sent or datetime.now().astimezone())

    def registration(self, state: Literal["home", "searching", "denied", "unknown", "roaming"], ms: int | None = None) -> None:
        """What the network says of the SIM, now; ``ms`` sets how long the modem searches after each later start."""
        modem = self._modem
        modem.registration = state
        if ms is not None:
            modem.registration_ms = int(not_negative("ms", ms))
        modem.registration_changed()

    def sim(self, *, present: bool | None = None, pin: str | None = None, tries: int | None = None) -> None:
        """Take the SIM out or put it in, switch its PIN on ("1234") or off (""), set the PIN's tries left; asked for at the next start."""
        sim = self._modem.sim
        if pin is not None and pin and not (pin.isdecimal() and 4 <= len(pin) <= 8):
            raise ValueError("pin is 4 to 8 digits, or empty for none")
        if tries is not None and not 0 <= tries <= 3:
            raise ValueError("tries is 0 to 3")
        sim.present = sim.present if present is None else present
        sim.pin = sim.pin if pin is None else pin or None
        sim.tries = sim.tries if tries is None else tries

    def signal(self, level: int) -> None:
        """``AT+CSQ``: 0 to 31, 99 for none."""
        if level not in {*range(32), 99}:
            raise ValueError("level is 0 to 31, or 99")
        self._modem.signal = level

    def resize(self, store: str, size: int) -> None:
        """How many messages a store holds; those above it stay until deleted."""
        sizes = self._modem.stores.sizes
        if store not in sizes:
            raise ValueError(f"the modem has no store {store!r}: it has {', '.join(sizes)}")
        sizes[store] = int(not_negative("size", size))
        self._modem.network.flush()

    def reference(self, next: int) -> None:  # noqa: A002 - the word of the protocol
        """The TP-MR the modem gives to the next part."""
        if not 0 <= next <= 255:
            raise ValueError("next is a TP-MR, 0 to 255")
        self._modem.next_reference = next

    def call(
        self,
        sender: str,
        rings: int = 3,
        every_ms: int = 5000,
        caller_id: Literal["given", "withheld", "unavailable", "payphone"] | None = None,
        clip: str = "",
    ) -> dict[str, Any]:
        """A handset ("from", "" withheld) calls the SIM and gives up after some rings: what came of it is in ``call``.

        ``caller_id`` is what +CLIP says of a number that is not given; ``clip`` is written in its place as it stands.
        """
        modem = self._modem
        validity = _VALIDITY[caller_id] if caller_id is not None else int(not sender)
        came = modem.voice.call(
            sender, rings, every_ms, validity=validity, reachable=modem.registered, voice=modem.profile.voice, line=clip
        )
        return {"call": came}

    def hang_up(self) -> None:
        """The caller hangs up."""
        self._modem.voice.caller_gone()

    def forwarding(
        self, reason: Literal["unconditional", "busy", "no_reply", "not_reachable"], number: str | None, *, seconds: int = 20
    ) -> None:
        """Someone registers (``number`` null: erases) a forwarding with the carrier, as AT+CCFC does."""
        forwarding = self._modem.network.forwarding
        if number is None:
            forwarding.pop(_REASONS[reason], None)
        else:
            forwarding[_REASONS[reason]] = Forward(number, seconds=seconds)

    def own_number(self, written: bool) -> None:
        """Whether the carrier wrote the SIM's own number on it: AT+CNUM answers OK alone where it did not."""
        self._modem.tells_number = written

    def ussd(self, text: str, code: str | None = None, *, more: bool = False, before: bool = False, times: int = 1, ms: int = 0) -> None:
        """The network's answer to ``code`` ("*100#", or a menu's choice), or, without a code, what it says by itself now.

        ``more`` makes it a menu; ``before`` puts the answer before OK, ``ms`` so long after it; ``times`` 2 doubles it; lines end in \\n.
        """
        answer = Answer(text, more, int(not_negative("ms", ms)), before, max(times, 1))
        modem = self._modem
        if code is not None:
            modem.ussd.answers[code] = answer
        elif modem.settings.accepted.get("+CUSD") == "1":
            modem.ussd.push(answer, ussd_charset(modem))
        else:
            self._journal.add("lost", what="ussd", why="AT+CUSD asks for none")

    async def _until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            async with asyncio.timeout(seconds):  # not wait_for: on Python 3.11 that swallows a cancellation that meets a result
                while not true():
                    await self._journal.grown.wait()
        except TimeoutError:
            raise TimeoutError(f"{what} after {seconds:g} s") from None


def not_negative(name: str, value: float) -> float:
    """The value. Raises ValueError naming it when it is below 0."""
    if value < 0:
        raise ValueError(f"{name} is 0 or more")
    return value
