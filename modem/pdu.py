"""SMS PDUs (3GPP TS 23.040): a text into SMS-SUBMITs, and what the network sent into a value.

Out, python-gsmmodem-new packs septets and semi-octets (``modem/fields.py``); the frame round them is ours, since its
``encodeSmsSubmitPdu`` chooses the alphabet by a table that has "`" for "§", raises on "ÿ" and emoji, cuts surrogate pairs and marks
national numbers wrongly. In, nothing of it is used: it drops the first character after a 16-bit reference and raises on damaged PDUs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from modem import shifts
from modem.alphabet import Alphabet
from modem.fields import MAILBOXES, Mailbox, Reader, TruncatedError, address, coding, read_address, read_time, unpacked, user_data
from modem.types import Submit

__all__ = ["Decoded", "Deliver", "PartKey", "StatusReport", "Submitted", "Undecodable", "decode", "parse_submit", "submit"]

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
    """"" for data. A part alone may end in half a character: see ``joining.join``."""
    sent_at: datetime | None
    """SMS centre's time stamp, UTC; None when it holds no date."""
    part: PartKey | None
    units: bytes
    """The text as UTF-16 big-endian code units, or the octets of data."""
    alphabet: Alphabet | Literal["data"] = "gsm7"
    septets: bytes = b""
    """GSM-7 as it came, a septet an octet: an escape at its end reaches into the next part."""
    locking: int = 0
    single: int = 0
    """National languages of its GSM-7 tables (9.2.3.24.15, 9.2.3.24.16), 0 the default."""
    flash: bool = False
    """Class 0: meant to be shown at once and not stored (23.038 4)."""
    silent: bool = False
    """Short message type 0: to be acknowledged and never shown (9.2.3.9)."""
    reserved: bool = False
    """Its alphabet is one nobody has defined yet; it was read as GSM-7."""
    mailbox: Mailbox | None = None
    """A message waiting indication (23.038 4, 9.2.3.24.2)."""
    port: int | None = None
    """Application port it was sent to, such as 2948 for WAP push (9.2.3.24.3, 9.2.3.24.4)."""
    protocol: int = 0
    """TP-PID (9.2.3.9)."""

    @property
    def what(self) -> str:
        """One line that says what came where it is no ordinary text; else ""."""
        if self.mailbox is not None:
            kind, waiting = self.mailbox
            return f"{'no' if waiting == 0 else waiting or 'new'} {kind}{'s' if (waiting or 0) > 1 else ''} waiting"
        if self.port is not None:
            return _PORTS.get(self.port) or f"{'data' if self.alphabet == 'data' else 'text'} for port {self.port}"
        if self.protocol in _PROTOCOLS:
            return _PROTOCOLS[self.protocol]
        if self.alphabet == "data":
            return "data, no text"
        if self.reserved:
            return "unknown alphabet, read as GSM-7"
        return "flash message" if self.flash else ""


_PROTOCOLS = {
    0x32: "e-mail",
    0x40: "silent message (type 0)",
    0x5F: "request to call back",
    0x7D: "data for the modem",
    0x7E: "data for the modem",
    0x7F: "data for the SIM",
}
_PORTS = {
    226: "business card (vCard)",
    228: "calendar entry (vCalendar)",
    2948: "WAP push",
    2949: "WAP push",
    5505: "ringtone",
    5506: "operator logo",
    5507: "group logo",
    5514: "picture message",
    9204: "business card (vCard)",
    9205: "calendar entry (vCalendar)",
    9206: "business card (vCard)",
    9207: "calendar entry (vCalendar)",
    49996: "settings for the phone",
    49999: "settings for the phone",
}
"""Well-known ports of things a phone may be sent (IANA, Nokia Smart Messaging)."""


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
    text: str = ""
    """What of it could be read."""


Decoded = Deliver | StatusReport | Undecodable


@dataclass(frozen=True, slots=True)
class Submitted:
    """What an SMS-SUBMIT of ours says."""

    number: str
    alphabet: Alphabet
    header: bytes
    """User data header with its length octet, b"" for a text of one part."""
    text: str
    """Of this part."""
    report: bool
    """A status report is asked for."""
    validity: timedelta


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


_VALIDITIES = ((720, 0, 5, -1), (1440, 720, 30, 143), (30 * 1440, 0, 1440, 166), (63 * 10080, 0, 10080, 192))
"""TP-VP (9.2.3.12.1): up to so many minutes, the octet is (minutes - start) / step + base."""


def _validity(validity: timedelta) -> int:
    minutes = validity // timedelta(minutes=1) + bool(validity % timedelta(minutes=1))
    for most, start, step, base in _VALIDITIES:
        if 5 <= minutes <= most:
            return base - (start - minutes) // step
    raise ValueError("validity must lie between 5 minutes and 63 weeks")


def _valid_for(octet: int) -> timedelta:
    start, step, base = next(row[1:] for row in _VALIDITIES if octet <= (row[0] - row[1]) // row[2] + row[3])
    return timedelta(minutes=start + (octet - base) * step)


def parse_submit(pdu: str) -> Submitted:
    """One PDU of ``submit`` taken apart, for a bearer that carries no PDUs. Raises ValueError for what ``submit`` did not make."""
    reader = Reader(bytes.fromhex(pdu))
    try:
        centre, first, _ = reader.octet(), reader.octet(), reader.octet()
        number, named = read_address(reader)
        protocol, scheme, validity, length = (reader.octet() for _ in range(4))
        wide = scheme == 0x08
        data = reader.take(length if wide else -(-length * 7 // 8))
    except TruncatedError:
        raise ValueError("the SMS-SUBMIT is cut short") from None
    if centre or first & ~0x60 != 0x11 or named or protocol or scheme not in {0x00, 0x08} or reader.left:
        raise ValueError("this is no SMS-SUBMIT made here")
    size = data[0] + 1 if first & 0x40 and data else 0
    text = data[size:].decode("utf-16-be") if wide else shifts.read(bytes(unpacked(data, length)[-(-size * 8 // 7) :]), 0, 0)
    return Submitted(number, "ucs2" if wide else "gsm7", data[:size], text, bool(first & 0x20), _valid_for(validity))


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
    except TruncatedError:
        return Undecodable(f"cut short after {len(octets)} octets")


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
    if scheme.compressed:
        return Undecodable("compressed (3GPP TS 23.042)", sender, sent_at)
    if not reader.left:
        return Undecodable("cut short before its text", sender, sent_at)
    length = reader.octet()
    size = -(-length * 7 // 8) if scheme.alphabet == "gsm7" else length
    lacking = size - reader.left
    data = reader.take(min(size, reader.left))
    head = _header(data) if header else _Header()
    codes = b""
    if scheme.alphabet == "gsm7":
        codes = bytes(unpacked(data, length)[-(-head.size * 8 // 7) :])
        text = shifts.read(codes, head.locking, head.single)
        units = text.encode("utf-16-be")
    elif scheme.alphabet == "ucs2":
        units = data[head.size :]
        units = units[: len(units) // 2 * 2]
        text = units.decode("utf-16-be", "replace")
    else:
        text, units = "", data[head.size :]
    if lacking > 0:
        return Undecodable(f"cut short, {lacking} octets are missing", sender, sent_at, text)
    return Deliver(
        sender,
        alphanumeric,
        text,
        sent_at,
        head.part,
        units,
        scheme.alphabet,
        septets=codes,
        locking=head.locking,
        single=head.single,
        flash=scheme.flash,
        silent=protocol == 0x40,
        reserved=scheme.reserved,
        mailbox=head.mailbox or scheme.mailbox,
        port=head.port,
        protocol=protocol,
    )


class _Header(NamedTuple):
    size: int = 0
    """Octets, its length included."""
    part: PartKey | None = None
    port: int | None = None
    mailbox: Mailbox | None = None
    locking: int = 0
    single: int = 0


def _header(data: bytes) -> _Header:
    """The user data header (9.2.3.24). One that claims to be longer than all user data is none: what follows is then shown."""
    if not data or data[0] >= len(data):
        return _Header()
    size = data[0] + 1
    head = _Header(size)
    at = 1
    while at + 2 <= size and at + 2 + data[at + 1] <= size:
        kind, value = data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + len(value)
        match kind, len(value):
            case (0x00, 3) | (0x08, 4):
                part = PartKey(int.from_bytes(value[:-2], "big"), value[-2], value[-1], wide=kind == 0x08)
                # one that is no part of its whole shall be ignored
                head = head._replace(part=part if 1 <= part.number <= part.parts else None)
            case (0x01, 2):
                head = head._replace(mailbox=Mailbox(MAILBOXES[value[0] & 0x03], value[1]))
            case (0x04, 2) | (0x05, 4):
                head = head._replace(port=int.from_bytes(value[: len(value) // 2], "big"))
            case (0x23, _):  # enhanced voice mail
                head = head._replace(mailbox=head.mailbox or Mailbox(MAILBOXES[0], None))
            case (0x24, 1):
                head = head._replace(single=value[0])
            case (0x25, 1):
                head = head._replace(locking=value[0])
    return head
