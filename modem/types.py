"""What the modem layer and its users say to each other. A bearer carries texts: a serial modem, or a Kannel.

The user of a bearer owns durability. For each part it sends, the bearer awaits ``commit`` between the modem's prompt and the PDU;
for each PDU it receives, it awaits ``Door.keep`` and deletes from the store (SIM or ME) only when that returned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = [
    "Bearer",
    "Commit",
    "Door",
    "Health",
    "NotSent",
    "RawPdu",
    "Refused",
    "SendResult",
    "Sent",
    "Submit",
    "Unknown",
    "VoiceCall",
]

Commit = Callable[[], Awaitable[bool]]
"""Awaited between prompt and PDU. True: the attempt is on disk, go on. False: called off, the bearer sends ESC and no PDU."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One SMS-SUBMIT ready for ``AT+CMGS`` (3GPP TS 23.040 9.2.2.2)."""

    number: str
    part: int
    """1 … parts."""
    parts: int
    pdu: str
    """Hex, SMSC octets included."""
    length: int
    """Octets of the TPDU, the argument of ``AT+CMGS``."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The network, or a gateway to it, took the part. ``reference``: 0 … 255, the TP-MR of ``+CMGS``; its status report names it."""

    reference: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Modem or network refused the part: it did not go. ``permanent``: trying again cannot help.

    ``number_at_fault``: the recipient's number takes no texts; else the refusal says nothing of the number.
    """

    code: str
    what: str
    permanent: bool
    number_at_fault: bool = False


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing of the PDU left (no prompt, modem gone, called off): safe to try again."""

    what: str
    called_off: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The Ctrl-Z may have left and no result came. Never sent again by itself."""

    what: str


SendResult = Sent | Refused | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class RawPdu:
    """A PDU as the modem gave it: SMS-DELIVER or SMS-STATUS-REPORT, hex with SMSC octets where the modem gives them."""

    modem: str
    pdu: str
    received: datetime


@dataclass(frozen=True, slots=True)
class VoiceCall:
    """A telephone call to the SIM's own number, over: rejected here, or given up by its caller before that."""

    modem: str
    number: str
    """The caller's number as the network gave it ("+" where it called it international); "" withheld or not told."""
    withheld: bool
    """The caller hid the number (``+CLIP``'s ``<CLI validity>`` 1, 3GPP TS 27.007 7.6)."""
    started: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """How a bearer is right now. ``state``: "ok", "warn" or "bad"; ``code`` is stable, ``what`` and ``fix`` are for people."""

    state: str
    code: str
    what: str
    fix: str = ""
    registered: bool = False
    signal: int | None = None
    """0 … 31 as in ``+CSQ`` (3GPP TS 27.007 8.5), None when not known."""
    model: str = ""
    imei: str = ""
    port: str = ""
    operator: str = ""
    """The network it is registered with (``+COPS``), "" when not known."""
    own_number: str = ""
    """The SIM's number as the SIM tells it (``+CNUM``): often nothing."""
    forwarded: str = ""
    """Where the network sends the SIM's voice calls (``+CCFC``, unconditional), "" nowhere or not known."""


class Door(Protocol):
    """The one door through which the modem layer makes things durable."""

    async def keep(self, raw: RawPdu) -> None:
        """Commit a received PDU, whatever it is. When it raises, the PDU stays in the modem's store and is read again."""

    async def called(self, call: VoiceCall) -> None:
        """Commit that somebody telephoned the SIM. When it raises, the call is handed in again."""

    async def pin_refused(self, sim: str, digest: str) -> None:
        """Commit that the SIM refused this PIN, so that it is not tried again. ``digest`` may also be a mark of a try yet to be made."""

    async def pin_known_bad(self, sim: str, digest: str) -> bool:
        """Was ``pin_refused`` committed with these, and not forgotten since?"""

    async def pin_accepted(self, sim: str) -> None:
        """The SIM is open: forget whatever ``pin_refused`` committed for it."""


class Bearer(Protocol):
    """Something that carries texts."""

    name: str

    @property
    def ready(self) -> bool:
        """Registered and able to send now."""

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        """The parts of a text. ``reference``: concatenation reference, 0 … 255, same for a text's every attempt.

        Raises ValueError when ``number`` is not ``^\\+?\\d{3,15}$`` or the text needs more than 255 parts.
        """

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        """Send one part. Never raises for what a modem can do wrong; an exception of ``commit`` calls the part off and is raised on."""

    def health(self) -> Health:
        """How it is, for doctor."""

    async def run(self) -> None:
        """Own the port, or the connection, until cancelled: open, initialise, receive, watch, recover."""
