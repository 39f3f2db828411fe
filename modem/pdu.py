"""SMS PDUs (3GPP TS 23.040): a text into SMS-SUBMITs, and what the network sent into a value.

Out, python-gsmmodem-new packs septets and semi-octets; the frame round them is ours, since its ``encodeSmsSubmitPdu`` chooses the
alphabet by a table that has "`" for "§", raises on "ÿ" and emoji, cuts surrogate pairs and marks national numbers wrongly.
In, nothing of it is used: it drops the first character after a 16-bit reference and raises on damaged PDUs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal, NamedTuple

from gsmmodem.pdu import encodeSemiOctets, packSeptets

from modem.alphabet import ESCAPE, Alphabet, pieces, segments, septets, text_of
from modem.types import Submit

__all__ = ["Decoded", "Deliver", "PartKey", "StatusReport", "Undecodable", "decode", "submit"]

VALIDITY = timedelta(hours=24)
"""How long the SMS centre tries when nothing else is said: a later text would be a wrong one."""

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_MAX_PARTS = 255


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
    if not 0 <= reference <= 0xFF:
        raise ValueError(f"reference {reference} is not within 0 … 255")
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("the text holds half a surrogate pair, which is no character; it was not valid UTF-8")
    parts = pieces(text)
    if len(parts) > _MAX_PARTS:
        raise ValueError(f"the text needs {len(parts)} SMS, and {_MAX_PARTS} is the most one text can have")
    wide = segments(text).alphabet == "ucs2"
    several = len(parts) > 1
    # SMS-SUBMIT, relative validity, status report request, header indicator
    head = bytes((0x11 | (0x20 if report else 0) | (0x40 if several else 0), 0)) + _destination(number)
    head += bytes((0x00, 0x08 if wide else 0x00, _validity(validity)))
    result = []
    for index, piece in enumerate(parts, start=1):
        header = bytes((5, 0, 3, reference, len(parts), index)) if several else b""
        tpdu = head + (_ucs2(piece, header) if wide else _gsm7(piece, header))
        result.append(Submit(number, index, len(parts), "00" + tpdu.hex().upper(), len(tpdu)))
    return tuple(result)


def _destination(number: str) -> bytes:
    digits = number.removeprefix("+")
    kind = 0x91 if number.startswith("+") else 0x81  # international, unknown; ISDN numbering plan (9.1.2.5)
    return bytes((len(digits), kind)) + bytes(encodeSemiOctets(digits))


def _gsm7(text: str, header: bytes) -> bytes:
    codes = septets(text)
    taken = -(-len(header) * 8 // 7)
    fill = len(header) * 8 % 7  # gsmmodem counts the bits already used of the septet, not the fill bits left
    packed = bytes(packSeptets(bytearray(codes), padBits=fill))
    return bytes((taken + len(codes),)) + header + packed


def _ucs2(text: str, header: bytes) -> bytes:
    body = header + text.encode("utf-16-be")
    return bytes((len(body),)) + body


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
    reader = _Reader(octets)
    try:
        reader.take(reader.octet())  # SMSC
        first = reader.octet()
        if first & 0x03 == 0x02:
            return _status_report(reader)
        if first & 0x03 == 0x01:
            return Undecodable("a SUBMIT, not a text received")
        return _deliver(reader, header=bool(first & 0x40))
    except _TruncatedError as error:
        return Undecodable(f"cut short after {len(octets)} octets", error.sender, error.sent_at)


class _TruncatedError(Exception):
    sender = ""
    sent_at: datetime | None = None


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise _TruncatedError
        self._at += count
        return taken


def _address(reader: _Reader) -> tuple[str, bool]:
    length, kind = reader.octet(), reader.octet()
    value = reader.take((length + 1) // 2)
    number_type = kind >> 4 & 0x07
    if number_type == 0x05:
        return text_of(_unpack(value, length * 4 // 7)).rstrip("\r\0"), True
    digits = "".join("0123456789*#abc"[nibble] if nibble < 15 else "" for octet in value for nibble in (octet & 15, octet >> 4))
    return ("+" if number_type == 0x01 and digits else "") + digits[:length], False


def _time(octets: bytes) -> datetime | None:
    """TP-SCTS (9.2.3.11): seven swapped BCD octets, the last a signed zone in quarters of an hour."""
    year, month, day, hour, minute, second = ((octet & 15) * 10 + (octet >> 4) for octet in octets[:6])
    quarters = (octets[6] & 0x07) * 10 + (octets[6] >> 4)
    offset = timedelta(minutes=15 * (-quarters if octets[6] & 0x08 else quarters))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _status_report(reader: _Reader) -> StatusReport:
    reference = reader.octet()
    recipient, _ = _address(reader)
    sent_at, discharged_at = _time(reader.take(7)), _time(reader.take(7))
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


def _deliver(reader: _Reader, *, header: bool) -> Deliver | Undecodable:
    sender, alphanumeric = _address(reader)
    protocol, coding = reader.octet(), _coding(reader.octet())
    sent_at = _time(reader.take(7))
    try:
        length = reader.octet()
        data = reader.take(-(-length * 7 // 8) if coding.alphabet == "gsm7" and not coding.compressed else length)
    except _TruncatedError as error:
        error.sender, error.sent_at = sender, sent_at
        raise
    if coding.compressed:
        return Undecodable("compressed (3GPP TS 23.042)", sender, sent_at)
    size, part, port, indication = _header(data) if header else (0, None, None, False)
    escape_open = False
    if coding.alphabet == "gsm7":
        codes = _unpack(data, length)[-(-size * 8 // 7) :]
        escape_open = _escape_open(codes)
        text = text_of(codes)
        units = text.encode("utf-16-be")
    elif coding.alphabet == "ucs2":
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
        coding.alphabet,
        flash=coding.flash,
        silent=protocol == 0x40,
        waiting=coding.waiting or indication,
        port=port,
        escape_open=escape_open,
    )


def _unpack(data: bytes, count: int) -> list[int]:
    bits = int.from_bytes(data, "little")
    return [bits >> 7 * index & 0x7F for index in range(min(count, len(data) * 8 // 7))]


def _escape_open(codes: list[int]) -> bool:
    run = 0
    while run < len(codes) and codes[-1 - run] == ESCAPE:
        run += 1
    return bool(run % 2)


class _Coding(NamedTuple):
    alphabet: Alphabet | Literal["data"]
    flash: bool = False
    compressed: bool = False
    waiting: bool = False


def _coding(octet: int) -> _Coding:
    """TP-DCS (23.038 4). Reserved groups and alphabets count as GSM-7, as the specification asks."""
    group = octet >> 4
    if group < 0x8:
        alphabets: tuple[Alphabet | Literal["data"], ...] = ("gsm7", "data", "ucs2", "gsm7")
        return _Coding(alphabets[octet >> 2 & 3], flash=octet & 0x13 == 0x10, compressed=bool(octet & 0x20))
    if group == 0xF:
        return _Coding("data" if octet & 0x04 else "gsm7", flash=octet & 0x03 == 0)
    if group >= 0xC:
        return _Coding("ucs2" if group == 0xE else "gsm7", waiting=True)
    return _Coding("gsm7")


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
