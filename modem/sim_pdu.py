"""The simulator's own PDU codec: reads SMS-SUBMIT, writes and reads SMS-DELIVER and SMS-STATUS-REPORT.

Independent of ``modem/pdu.py``, of ``modem/alphabet.py`` and of gsmmodem on purpose: it is the other side that proves them right.
Sources: 3GPP TS 23.040 (PDUs, user data header), 3GPP TS 23.038 (alphabets and data coding schemes).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

__all__ = [
    "Deliver",
    "Part",
    "PduError",
    "Report",
    "Submitted",
    "decode_deliver",
    "decode_report",
    "decode_submit",
    "encode_deliver",
    "encode_report",
    "joined",
    "tpdu_length",
]

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
_ESCAPE = 0x1B
_SEPTETS: dict[str, tuple[int, ...]] = {char: (code,) for code, char in enumerate(_BASIC) if code != _ESCAPE} | {
    char: (_ESCAPE, code) for code, char in _EXTENSION.items()
}


class PduError(ValueError):
    """The octets are no PDU of the kind asked for. A modem answers ``+CMS ERROR: 304``."""


@dataclass(frozen=True, slots=True)
class Part:
    """Place of a part in a long text (3GPP TS 23.040 9.2.3.24.1 and .8): ``wide`` is the 16-bit reference."""

    reference: int
    parts: int
    number: int
    wide: bool = False


@dataclass(frozen=True, slots=True)
class UserData:
    """TP-UD without its header, still in its alphabet: septets (one a byte) for "gsm7", octets for "ucs2" and "8bit"."""

    alphabet: str
    units: bytes
    part: Part | None = None
    flash: bool = False
    elements: tuple[tuple[int, bytes], ...] = ()
    """Every information element of the header: (identifier, data)."""

    @property
    def text(self) -> str:
        return _decoded(self.alphabet, self.units)

    @property
    def splits_character(self) -> bool:
        """Does the part begin or end within one character (half a surrogate pair, an escape without its second half)?"""
        if self.alphabet == "gsm7":
            return self.units.endswith(b"\x1b")
        if self.alphabet != "ucs2" or len(self.units) < 2:
            return False
        return 0xDC <= self.units[0] <= 0xDF or 0xD8 <= self.units[-2] <= 0xDB


@dataclass(frozen=True, slots=True)
class Submitted:
    """An SMS-SUBMIT as the modem got it (9.2.2.2)."""

    number: str
    reference: int
    """TP-MR as written by the sender; real modems put their own."""
    report: bool
    """TP-SRR: a status report is asked for."""
    data: UserData


@dataclass(frozen=True, slots=True)
class Deliver:
    """An SMS-DELIVER (9.2.2.1)."""

    sender: str
    sent: datetime
    data: UserData


@dataclass(frozen=True, slots=True)
class Report:
    """An SMS-STATUS-REPORT (9.2.2.3)."""

    reference: int
    recipient: str
    sent: datetime
    discharged: datetime
    status: int


class _Octets:
    """A cursor that names what is missing."""

    def __init__(self, pdu: str) -> None:
        try:
            self._data = bytes.fromhex(pdu)
        except ValueError:
            raise PduError("not hexadecimal") from None
        self._at = 0

    def take(self, count: int, what: str) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise PduError(f"{what}: {count - len(taken)} octets missing")
        self._at += count
        return taken

    def one(self, what: str) -> int:
        return self.take(1, what)[0]

    @property
    def left(self) -> int:
        return len(self._data) - self._at


def _packed(septets: bytes, fill: int = 0) -> bytes:
    """Septets into octets, lowest bit first, after ``fill`` bits of padding (TS 23.038 6.1.2.1)."""
    value = 0
    for place, septet in enumerate(septets):
        value |= septet << (7 * place + fill)
    return value.to_bytes((7 * len(septets) + fill + 7) // 8, "little")


def _unpacked(octets: bytes, count: int, fill: int = 0) -> bytes:
    value = int.from_bytes(octets, "little") >> fill
    return bytes((value >> (7 * place)) & 0x7F for place in range(count))


def _decoded(alphabet: str, units: bytes) -> str:
    if alphabet == "ucs2":
        return units.decode("utf-16-be", "replace")
    if alphabet == "8bit":
        return units.decode("latin-1")
    text = []
    codes = iter(units)
    for code in codes:
        if code != _ESCAPE:
            text.append(_BASIC[code])
        elif (second := next(codes, None)) is None:
            text.append(" ")  # TS 23.038 6.2.1: a receiver shows an escape it cannot use as a space
        else:
            text.append(_EXTENSION.get(second) or (_BASIC[second] if second != _ESCAPE else " "))
    return "".join(text)


def joined(parts: list[UserData]) -> str:
    """Text of a whole set, in the order of the list. Units are joined before decoding, so that no character is lost at a seam."""
    if len({part.alphabet for part in parts}) == 1:
        return _decoded(parts[0].alphabet, b"".join(part.units for part in parts))
    return "".join(part.text for part in parts)


def _swapped(digits: str) -> bytes:
    digits += "F" * (len(digits) % 2)
    return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))


_DIGITS = "0123456789*#abc"


def _address(number: str) -> bytes:
    """TP address (9.1.2.5): "+…" international, digits national, anything else alphanumeric."""
    digits = number.removeprefix("+")
    if len(digits) > 20 and digits.isdecimal():
        raise ValueError(f"a number has at most 20 digits, {number} has {len(digits)}")
    if digits and all(char in "0123456789*#" for char in digits):
        kind = 0x91 if number.startswith("+") else 0x81
        return bytes([len(digits), kind]) + _swapped("".join(f"{_DIGITS.index(char):X}" for char in digits))
    septets = b"".join(bytes(_SEPTETS.get(char, _SEPTETS["?"])) for char in number)[:11]
    packed = _packed(septets)
    return bytes([(7 * len(septets) + 3) // 4, 0xD0]) + packed


def _read_address(octets: _Octets, what: str) -> str:
    length = octets.one(f"{what} length")
    kind = octets.one(f"{what} type")
    data = octets.take((length + 1) // 2, what)
    if kind & 0x70 == 0x50:
        return _decoded("gsm7", _unpacked(data, length * 4 // 7))
    digits = "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in data)[:length]
    if any(int(char, 16) >= len(_DIGITS) for char in digits):
        raise PduError(f"{what}: {digits!r} is no number")
    return ("+" if kind & 0x70 == 0x10 else "") + "".join(_DIGITS[int(char, 16)] for char in digits)


def _smsc(number: str) -> bytes:
    address = _address(number)
    return bytes([len(address) - 1]) + address[1:] if number else b"\x00"


def _time(moment: datetime) -> bytes:
    """TP-SCTS (9.2.3.11): local time and its offset in quarters of an hour, semi-octets swapped."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a time stamp needs its zone")
    quarters = round(offset.total_seconds() / 900)
    stamp = bytearray(_swapped(moment.strftime("%y%m%d%H%M%S") + f"{abs(quarters):02d}"))
    stamp[6] |= 0x08 if quarters < 0 else 0
    return bytes(stamp)


def _read_time(octets: _Octets, what: str) -> datetime:
    data = octets.take(7, what)
    year, month, day, hour, minute, second = (10 * (octet & 0x0F) + (octet >> 4) for octet in data[:6])
    quarters = 10 * (data[6] & 0x07) + (data[6] >> 4)
    zone = timezone(timedelta(minutes=15 * (-quarters if data[6] & 0x08 else quarters)))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise PduError(f"{what}: {error}") from None


def _alphabet(coding: int) -> tuple[str, bool]:
    """Alphabet and "class 0" of a data coding scheme (TS 23.038 clause 4)."""
    group = coding >> 4
    if group in range(8) and not coding & 0x20:
        flash = bool(coding & 0x10) and not coding & 0x03
        return ("gsm7", "8bit", "ucs2", "gsm7")[(coding >> 2) & 0x03], flash
    if group == 0xF:
        return ("8bit" if coding & 0x04 else "gsm7"), not coding & 0x03
    return ("ucs2" if group == 0xE else "gsm7"), False


def _read_user_data(octets: _Octets, coding: int, *, header: bool) -> UserData:
    alphabet, flash = _alphabet(coding)
    length = octets.one("TP-UDL")
    size = (7 * length + 7) // 8 if alphabet == "gsm7" else length
    data = octets.take(size, "TP-UD")
    elements: list[tuple[int, bytes]] = []
    skip = 0
    if header:
        skip = 1 + data[0] if data else 0
        if skip > len(data):
            raise PduError("the user data header is longer than the user data")
        at = 1
        while at + 1 < skip:
            elements.append((data[at], data[at + 2 : at + 2 + data[at + 1]]))
            at += 2 + data[at + 1]
    if alphabet == "gsm7":
        fill = -8 * skip % 7
        head = (8 * skip + fill) // 7
        units = _unpacked(data[skip:], max(length - head, 0), fill)
    else:
        units = data[skip:]
    part = None
    for identifier, element in elements:
        if identifier == 0x00 and len(element) == 3:
            part = Part(element[0], element[1], element[2])
        elif identifier == 0x08 and len(element) == 4:
            part = Part(int.from_bytes(element[:2], "big"), element[2], element[3], wide=True)
    return UserData(alphabet, units, part, flash, tuple(elements))


def decode_submit(pdu: str, length: int) -> Submitted:
    """Read what follows the prompt of ``AT+CMGS=length``. Raises PduError when it is no SMS-SUBMIT of that many octets."""
    octets = _Octets(pdu)
    octets.take(octets.one("SMSC length"), "SMSC")
    if octets.left != length:
        raise PduError(f"AT+CMGS announced {length} octets, {octets.left} came")
    first = octets.one("first octet")
    if first & 0x03 != 0x01:
        raise PduError("no SMS-SUBMIT")
    reference = octets.one("TP-MR")
    number = _read_address(octets, "TP-DA")
    octets.one("TP-PID")
    coding = octets.one("TP-DCS")
    octets.take({0: 0, 2: 1, 1: 7, 3: 7}[(first >> 3) & 0x03], "TP-VP")
    data = _read_user_data(octets, coding, header=bool(first & 0x40))
    if octets.left:
        raise PduError(f"{octets.left} octets too many")
    return Submitted(number, reference, bool(first & 0x20), data)


def _units(text: str, alphabet: str) -> list[bytes]:
    """One entry a character that must not be cut: septets or UTF-16 octets."""
    if alphabet == "gsm7":
        return [bytes(_SEPTETS[char]) for char in text]
    return [char.encode("utf-16-be", "surrogatepass") for char in text]


def _pieces(text: str, alphabet: str, *, wide: bool, cut: bool) -> list[bytes]:
    units = _units(text, alphabet)
    if cut and alphabet == "ucs2":
        whole = b"".join(units)
        units = [whole[at : at + 2] for at in range(0, len(whole), 2)]
    single, several = (160, 152 if wide else 153) if alphabet == "gsm7" else (140, 132 if wide else 134)
    if sum(map(len, units)) <= single:
        return [b"".join(units)]
    pieces = [b""]
    for unit in units:
        if len(pieces[-1]) + len(unit) > several:
            pieces.append(b"")
        pieces[-1] += unit
    if len(pieces) > 255:
        raise ValueError(f"the text needs {len(pieces)} parts, at most 255 can be numbered")
    return pieces


def encode_deliver(
    sender: str,
    text: str,
    sent: datetime,
    *,
    smsc: str = "",
    reference: int = 0,
    wide: bool = False,
    alphabet: str | None = None,
    flash: bool = False,
    cut: bool = False,
) -> list[str]:
    """The SMS-DELIVER PDUs of a text, hex with SMSC octets, in order.

    ``alphabet`` is chosen when None; ``wide`` takes 16-bit concatenation references; ``cut`` lets a part end within an emoji,
    as some phones do. Raises ValueError when the alphabet lacks a character or more than 255 parts are needed.
    """
    fits = all(char in _SEPTETS for char in text)
    if alphabet == "gsm7" and not fits:
        raise ValueError("the text has characters GSM-7 lacks; leave the alphabet open or say ucs2")
    chosen = alphabet or ("gsm7" if fits else "ucs2")
    if chosen not in {"gsm7", "ucs2"}:
        raise ValueError(f"alphabet is gsm7 or ucs2, not {chosen!r}")
    coding = (0x00 if chosen == "gsm7" else 0x08) | (0x10 if flash else 0x00)
    pieces = _pieces(text, chosen, wide=wide, cut=cut)
    pdus = []
    for number, piece in enumerate(pieces, 1):
        header = b""
        if len(pieces) > 1:
            mark = bytes([8, 4, *divmod(reference % 65536, 256)]) if wide else bytes([0, 3, reference % 256])
            header = bytes([len(mark) + 2, *mark, len(pieces), number])
        if chosen == "gsm7":
            fill = -8 * len(header) % 7
            length = (8 * len(header) + fill) // 7 + len(piece)
            body = header + _packed(piece, fill)
        else:
            length = len(header) + len(piece)
            body = header + piece
        first = 0x04 | (0x40 if header else 0)
        pdu = _smsc(smsc) + bytes([first]) + _address(sender) + bytes([0, coding]) + _time(sent) + bytes([length]) + body
        pdus.append(pdu.hex().upper())
    return pdus


def encode_report(reference: int, recipient: str, sent: datetime, discharged: datetime, status: int, *, smsc: str = "") -> str:
    """An SMS-STATUS-REPORT, hex with SMSC octets. ``status`` is TP-ST (9.2.3.15): 0x00 delivered, 0x30 trying, 0x40 and up failed."""
    body = bytes([0x06, reference]) + _address(recipient) + _time(sent) + _time(discharged) + bytes([status])
    return (_smsc(smsc) + body).hex().upper()


def _opened(pdu: str, kind: int, what: str) -> tuple[_Octets, int]:
    octets = _Octets(pdu)
    octets.take(octets.one("SMSC length"), "SMSC")
    first = octets.one("first octet")
    if first & 0x03 != kind:
        raise PduError(f"no {what}")
    return octets, first


def decode_deliver(pdu: str) -> Deliver:
    """Read an SMS-DELIVER with SMSC octets. Raises PduError."""
    octets, first = _opened(pdu, 0, "SMS-DELIVER")
    sender = _read_address(octets, "TP-OA")
    octets.one("TP-PID")
    coding = octets.one("TP-DCS")
    sent = _read_time(octets, "TP-SCTS")
    return Deliver(sender, sent, _read_user_data(octets, coding, header=bool(first & 0x40)))


def decode_report(pdu: str) -> Report:
    """Read an SMS-STATUS-REPORT with SMSC octets. Raises PduError."""
    octets, _ = _opened(pdu, 2, "SMS-STATUS-REPORT")
    reference = octets.one("TP-MR")
    recipient = _read_address(octets, "TP-RA")
    return Report(reference, recipient, _read_time(octets, "TP-SCTS"), _read_time(octets, "TP-DT"), octets.one("TP-ST"))


def tpdu_length(pdu: str) -> int:
    """Octets without the SMSC: the ``<length>`` of ``+CMGL``, ``+CMGR``, ``+CMT`` and ``+CDS`` (3GPP TS 27.005)."""
    return len(pdu) // 2 - 1 - int(pdu[:2] or "0", 16)
