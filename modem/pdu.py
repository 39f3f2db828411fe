"""SMS PDUs (3GPP TS 23.040): a text into SMS-SUBMITs, and what the network sent into a value.

Out, python-gsmmodem-new packs septets and semi-octets (``modem/fields.py``); the frame round them is ours, since its
``encodeSmsSubmitPdu`` chooses the alphabet by a table that has "`" for "§", raises on "ÿ" and emoji, cuts surrogate pairs and marks
national numbers wrongly. In, nothing of it is used: it drops the first character after a 16-bit reference and raises on damaged PDUs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from modem.alphabet import ESCAPE, Alphabet, text_of
from modem.fields import Reader, TruncatedError, address, coding, read_address, read_time, unpacked, user_data
from modem.types import Submit

__all__ = ["Decoded", "Deliver", "PartKey", "StatusReport", "Undecodable", "decode", "submit"]

VALIDITY = timedelta(hours=24)
"""How long the SMS centre tries when nothing else is said: a later text would be a wrong one."""

_NUMBER = re.compile(r"\+?[0-9]{3,15}")


@dataclass(frozen=True, slots=True)
class PartKey:
    """Which part of which text (9.2.3.24.1, 9.2.3.24.8). ``wide``: the reference has 16 bits."""

    reference: int
    parts: int
    number: int
    """1 … parts."""
    wide: bool


@dataclass(frozen=True, slots=True)
class Deliver:
    """An SMS-DELIVER: one text, or one part of one."""

    sender: str
    """Digits, with "+" where the network called them international; or a name."""
    alphanumeric: bool
    """``sender`` is a name: nobody can answer it."""
    text: str
    """"" for data. A part alone may end in half a character: join ``units``, not this."""
    sent_at: datetime | None
    """SMS centre's time stamp, UTC; None when it holds no date."""
    part: PartKey | None
    units: bytes
    """The text as UTF-16 big-endian code units, or the octets of data."""
    alphabet: Alphabet | Literal["data"] = "gsm7"
    flash: bool = False
    """Class 0: meant to be shown at once and not stored (23.038 4)."""
    silent: bool = False
    """Short message type 0: to be acknowledged and never shown (9.2.3.9)."""
    waiting: bool = False
    """A message waiting indication of a mailbox (23.038 4)."""
    port: int | None = None
    """Application port it was sent to, such as 2948 for WAP push (9.2.3.24.3, 9.2.3.24.4)."""
    escape_open: bool = False
    """GSM-7 ended in an escape: the next part begins with an extension character."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """An SMS-STATUS-REPORT (9.2.2.3): what became of the part with this reference."""

    reference: int
    recipient: str
    sent_at: datetime | None
    """When the SMS centre took the part, UTC."""
    discharged_at: datetime | None
    status: int
    """TP-ST (9.2.3.15)."""
    outcome: Literal["delivered", "pending", "failed"]
    """``pending``: still trying, or passed on where delivery cannot be confirmed. Either way the network has the part."""
    permanent: bool
    """Failed for good: the same text would fail again."""
    number_at_fault: bool = False
    """The recipient's number takes no texts; else the failure says nothing of the number (phone off, full, expired)."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Not a PDU this product reads. ``what`` names why, without content."""

    what: str
    sender: str = ""
    sent_at: datetime | None = None


Decoded = Deliver | StatusReport | Undecodable


def submit(number: str, text: str, reference: int, *, report: bool = True, validity: timedelta = VALIDITY) -> tuple[Submit, ...]:
    """The SMS-SUBMITs of ``text``, in order (9.2.2.2). ``reference``: concatenation reference, 0 … 255, used when there are several.

    ``report`` asks for a status report of each; ``validity``: 5 minutes to 63 weeks, rounded up to what TP-VP can say (9.2.3.12.1).
    Raises ValueError naming what is wrong with number, text, reference or validity.
    """
    if _NUMBER.fullmatch(number) is None:
        raise ValueError('the number is no phone number; write 3 to 15 digits, with "+" before a country code')
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("the text holds half a surrogate pair, which is no character; it was not valid UTF-8")
    parts = user_data(text, reference)
    result = []
    for index, part in enumerate(parts, start=1):
        # SMS-SUBMIT, relative validity, status report request, header indicator; TP-MR, which the modem replaces
        head = bytes((0x11 | (0x20 if report else 0) | (0x40 if part.header else 0), 0)) + address(number)
        tpdu = head + bytes((0x00, part.coding, _validity(validity))) + part.octets
        result.append(Submit(number, index, len(parts), "00" + tpdu.hex().upper(), len(tpdu)))
    return tuple(result)


def _validity(validity: timedelta) -> int:
    minutes = validity // timedelta(minutes=1) + bool(validity % timedelta(minutes=1))
    for most, start, step, base in ((720, 0, 5, -1), (1440, 720, 30, 143), (30 * 1440, 0, 1440, 166), (63 * 10080, 0, 10080, 192)):
        if 5 <= minutes <= most:
            return base - (start - minutes) // step
    raise ValueError("validity must lie between 5 minutes and 63 weeks")


def decode(pdu: str) -> Decoded:
    """What a PDU says, SMSC octets first, as ``+CMGL``, ``+CMT`` and ``+CDS`` give it (27.005 3.1). Never raises."""
    try:
        octets = bytes.fromhex(pdu)
    except ValueError:
        return Undecodable("not hexadecimal")
    reader = Reader(octets)
    try:
        reader.take(reader.octet())  # SMSC
        first = reader.octet()
        if first & 0x03 == 0x02:
            return _status_report(reader)
        if first & 0x03 == 0x01:
            return Undecodable("a SUBMIT, not a text received")
        return _deliver(reader, header=bool(first & 0x40))
    except TruncatedError as error:
        return Undecodable(f"cut short after {len(octets)} octets", error.sender, error.sent_at)


def _status_report(reader: Reader) -> StatusReport:
    reference = reader.octet()
    recipient, _ = read_address(reader)
    sent_at, discharged_at = read_time(reader.take(7)), read_time(reader.take(7))
    status = reader.octet()
    meant = 0x63 if status >= 0x80 else status  # reserved values mean "service rejected"
    outcome: Literal["delivered", "pending", "failed"] = "failed"
    if meant in {0x00, 0x02}:
        outcome = "delivered"
    elif meant < 0x40:
        outcome = "pending"
    return StatusReport(
        reference,
        recipient,
        sent_at,
        discharged_at,
        status,
        outcome,
        permanent=0x40 <= meant < 0x60,
        # incompatible destination, not obtainable, no interworking available
        number_at_fault=meant in {0x41, 0x43, 0x45},
    )


def _deliver(reader: Reader, *, header: bool) -> Deliver | Undecodable:
    sender, alphanumeric = read_address(reader)
    protocol, scheme = reader.octet(), coding(reader.octet())
    sent_at = read_time(reader.take(7))
    try:
        length = reader.octet()
        data = reader.take(-(-length * 7 // 8) if scheme.alphabet == "gsm7" and not scheme.compressed else length)
    except TruncatedError as error:
        error.sender, error.sent_at = sender, sent_at
        raise
    if scheme.compressed:
        return Undecodable("compressed (3GPP TS 23.042)", sender, sent_at)
    size, part, port, indication = _header(data) if header else (0, None, None, False)
    escape_open = False
    if scheme.alphabet == "gsm7":
        codes = unpacked(data, length)[-(-size * 8 // 7) :]
        escape_open = _escape_open(codes)
        text = text_of(codes)
        units = text.encode("utf-16-be")
    elif scheme.alphabet == "ucs2":
        units = data[size:]
        units = units[: len(units) // 2 * 2]
        text = units.decode("utf-16-be", "replace")
    else:
        text, units = "", data[size:]
    return Deliver(
        sender,
        alphanumeric,
        text,
        sent_at,
        part,
        units,
        scheme.alphabet,
        flash=scheme.flash,
        silent=protocol == 0x40,
        waiting=scheme.waiting or indication,
        port=port,
        escape_open=escape_open,
    )


def _escape_open(codes: list[int]) -> bool:
    run = 0
    while run < len(codes) and codes[-1 - run] == ESCAPE:
        run += 1
    return bool(run % 2)


def _header(data: bytes) -> tuple[int, PartKey | None, int | None, bool]:
    """Octets of the user data header, its part key, destination port, and whether it announces a mailbox (9.2.3.24)."""
    if not data:
        return 0, None, None, False
    size = min(data[0] + 1, len(data))
    part: PartKey | None = None
    port: int | None = None
    indication = False
    at = 1
    while at + 2 <= size and at + 2 + data[at + 1] <= size:
        kind, value = data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + len(value)
        match kind, len(value):
            case (0x00, 3) | (0x08, 4):
                part = PartKey(int.from_bytes(value[:-2], "big"), value[-2], value[-1], wide=kind == 0x08)
                if not 1 <= part.number <= part.parts:
                    part = None  # such an element shall be ignored
            case (0x04, 2) | (0x05, 4):
                port = int.from_bytes(value[: len(value) // 2], "big")
            case (0x01, _):
                indication = True
    return size, part, port, indication
