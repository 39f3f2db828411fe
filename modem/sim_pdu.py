"""The simulator's own PDU codec: what a network needs. Reads SMS-SUBMIT, writes and reads SMS-DELIVER and SMS-STATUS-REPORT.

Independent of ``modem/pdu.py``, of ``modem/alphabet.py`` and of gsmmodem on purpose: it is the other side that proves them right.
Sources: 3GPP TS 23.040 (PDUs, user data header), 3GPP TS 23.038 (alphabets and data coding schemes).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modem.sim_alphabet import LOCKING, SINGLE, decoded, lacks, packed, septets, unpacked
from modem.sim_fields import Octets, PduError, address, read_address, read_time, service_centre, stamp

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

_SINGLE_SHIFT = 0x24
_LOCKING_SHIFT = 0x25


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
    def shifts(self) -> tuple[int, int]:
        """Languages of the locking and the single shift table (TS 23.040 9.2.3.24.15 and .16), 0 for the default one."""
        told = {identifier: data[0] for identifier, data in self.elements if len(data) == 1}
        return told.get(_LOCKING_SHIFT, 0), told.get(_SINGLE_SHIFT, 0)

    @property
    def text(self) -> str:
        return decoded(self.alphabet, self.units, *self.shifts)

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
    coding: int = 0
    """TP-DCS."""

    @property
    def message_class(self) -> int | None:
        """Where it is meant to be kept (TS 23.038 clause 4): 0 shown at once, 1 modem, 2 SIM, 3 terminal; None: no class."""
        group = self.coding >> 4
        named = group == 0xF or (group < 8 and bool(group & 1))
        return self.coding & 0x03 if named else None


@dataclass(frozen=True, slots=True)
class Report:
    """An SMS-STATUS-REPORT (9.2.2.3)."""

    reference: int
    recipient: str
    sent: datetime
    discharged: datetime
    status: int


def joined(parts: list[UserData]) -> str:
    """Text of a whole set, in the order of the list. Units are joined before decoding, so that no character is lost at a seam."""
    if len({(part.alphabet, part.shifts) for part in parts}) == 1:
        return decoded(parts[0].alphabet, b"".join(part.units for part in parts), *parts[0].shifts)
    return "".join(part.text for part in parts)


def _alphabet(coding: int) -> tuple[str, bool]:
    """Alphabet and "class 0" of a data coding scheme (TS 23.038 clause 4)."""
    group = coding >> 4
    if group in range(8) and not coding & 0x20:
        flash = bool(coding & 0x10) and not coding & 0x03
        return ("gsm7", "8bit", "ucs2", "gsm7")[(coding >> 2) & 0x03], flash
    if group == 0xF:
        return ("8bit" if coding & 0x04 else "gsm7"), not coding & 0x03
    return ("ucs2" if group == 0xE else "gsm7"), False


def _read_user_data(octets: Octets, coding: int, *, header: bool) -> UserData:
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
        units = unpacked(data[skip:], max(length - head, 0), fill)
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
    octets = Octets(pdu)
    octets.take(octets.one("SMSC length"), "SMSC")
    if octets.left != length:
        raise PduError(f"AT+CMGS announced {length} octets, {octets.left} came")
    first = octets.one("first octet")
    if first & 0x03 != 0x01:
        raise PduError("no SMS-SUBMIT")
    reference = octets.one("TP-MR")
    number = read_address(octets, "TP-DA")
    octets.one("TP-PID")
    coding = octets.one("TP-DCS")
    octets.take({0: 0, 2: 1, 1: 7, 3: 7}[(first >> 3) & 0x03], "TP-VP")
    data = _read_user_data(octets, coding, header=bool(first & 0x40))
    if octets.left:
        raise PduError(f"{octets.left} octets too many")
    return Submitted(number, reference, bool(first & 0x20), data)


def _units(text: str, alphabet: str, locking: int, single: int) -> list[bytes]:
    """One entry a character that must not be cut: septets, UTF-16 octets, or the octet it stands for."""
    if alphabet == "gsm7":
        return [septets(char, locking, single) or b"" for char in text]
    if alphabet == "8bit":
        return [bytes([octet]) for octet in text.encode("latin-1")]
    return [char.encode("utf-16-be", "surrogatepass") for char in text]


def _pieces(units: list[bytes], alphabet: str, around: int, wide: bool) -> list[bytes]:
    """What goes into each part. ``around``: octets of the information elements that every part bears."""

    def room(header: int) -> int:
        octets = 140 - header
        return octets * 8 // 7 if alphabet == "gsm7" else octets - (octets % 2 if alphabet == "ucs2" else 0)

    if sum(map(len, units)) <= room(around and around + 1):
        return [b"".join(units)]
    most = room(around + 1 + (6 if wide else 5))
    pieces = [b""]
    for unit in units:
        if len(pieces[-1]) + len(unit) > most:
            pieces.append(b"")
        pieces[-1] += unit
    if len(pieces) > 255:
        raise ValueError(f"the text needs {len(pieces)} parts, at most 255 can be numbered")
    return pieces


def _chosen(text: str, alphabet: str | None, coding: int | None, locking: int, single: int) -> str:
    """The alphabet to encode in. Raises ValueError naming what does not fit."""
    if locking not in {0, *LOCKING} or single not in {0, *SINGLE}:
        raise ValueError("locking is 1 (Turkish) or 3 (Portuguese), single 1, 2 (Spanish) or 3; 0 is the default table")
    if coding is not None and not 0 <= coding <= 255:
        raise ValueError("coding is TP-DCS, 0 to 255")
    fits = not lacks(text, locking, single)
    chosen = alphabet or (_alphabet(coding)[0] if coding is not None else "gsm7" if fits else "ucs2")
    if chosen not in {"gsm7", "ucs2", "8bit"}:
        raise ValueError(f"alphabet is gsm7, ucs2 or 8bit, not {chosen!r}")
    if chosen == "gsm7" and not fits:
        raise ValueError("the text has characters GSM-7 lacks; leave the alphabet open or say ucs2")
    if chosen == "8bit" and any(ord(char) > 255 for char in text):
        raise ValueError("8bit takes characters up to U+00FF, each an octet")
    if chosen != "gsm7" and (locking or single):
        raise ValueError("shift tables are of GSM-7: say alphabet gsm7, or leave characters out that the tables lack")
    return chosen


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
    silent: bool = False,
    coding: int | None = None,
    locking: int = 0,
    single: int = 0,
    ports: tuple[int, int] | None = None,
) -> list[str]:
    """The SMS-DELIVER PDUs of a text, hex with SMSC octets, in order.

    ``alphabet`` is chosen when None ("8bit": each character is an octet); ``wide`` takes 16-bit concatenation references; ``cut`` lets a
    part end within an emoji, as some phones do; ``flash`` is class 0, ``silent`` short message type 0 (TP-PID 0x40); ``coding`` is written
    as TP-DCS whatever the text is; ``locking`` and ``single`` are languages of national shift tables; ``ports`` (destination, source) as
    WAP push has them. Raises ValueError when the alphabet lacks a character or more than 255 parts are needed.
    """
    chosen = _chosen(text, alphabet, coding, locking, single)
    if coding is None:
        coding = {"gsm7": 0x00, "8bit": 0x04, "ucs2": 0x08}[chosen] | (0x10 if flash else 0x00)
    port = b"" if ports is None else bytes([0x05, 4, *divmod(ports[0], 256), *divmod(ports[1], 256)])
    elements = b""
    for identifier, language in ((_SINGLE_SHIFT, single), (_LOCKING_SHIFT, locking)):
        if language:
            elements += bytes([identifier, 1, language])
    units = _units(text, chosen, locking, single)
    if cut and chosen == "ucs2":
        whole = b"".join(units)
        units = [whole[at : at + 2] for at in range(0, len(whole), 2)]
    pieces = _pieces(units, chosen, len(port + elements), wide)
    pdus = []
    for number, piece in enumerate(pieces, 1):
        mark = b""
        if len(pieces) > 1:
            mark = bytes([8, 4, *divmod(reference % 65536, 256)]) if wide else bytes([0, 3, reference % 256])
            mark += bytes([len(pieces), number])
        header = port + mark + elements  # ports first, as push gateways put them
        header = bytes([len(header)]) + header if header else b""
        if chosen == "gsm7":
            fill = -8 * len(header) % 7
            length = (8 * len(header) + fill) // 7 + len(piece)
            body = header + packed(piece, fill)
        else:
            length = len(header) + len(piece)
            body = header + piece
        first = 0x04 | (0x40 if header else 0)
        kind = bytes([0x40 if silent else 0, coding])
        pdu = service_centre(smsc) + bytes([first]) + address(sender) + kind + stamp(sent) + bytes([length]) + body
        pdus.append(pdu.hex().upper())
    return pdus


def encode_report(reference: int, recipient: str, sent: datetime, discharged: datetime, status: int, *, smsc: str = "") -> str:
    """An SMS-STATUS-REPORT, hex with SMSC octets. ``status`` is TP-ST (9.2.3.15): 0x00 delivered, 0x30 trying, 0x40 and up failed."""
    body = bytes([0x06, reference]) + address(recipient) + stamp(sent) + stamp(discharged) + bytes([status])
    return (service_centre(smsc) + body).hex().upper()


def _opened(pdu: str, kind: int, what: str) -> tuple[Octets, int]:
    octets = Octets(pdu)
    octets.take(octets.one("SMSC length"), "SMSC")
    first = octets.one("first octet")
    if first & 0x03 != kind:
        raise PduError(f"no {what}")
    return octets, first


def decode_deliver(pdu: str) -> Deliver:
    """Read an SMS-DELIVER with SMSC octets. Raises PduError."""
    octets, first = _opened(pdu, 0, "SMS-DELIVER")
    sender = read_address(octets, "TP-OA")
    octets.one("TP-PID")
    coding = octets.one("TP-DCS")
    sent = read_time(octets, "TP-SCTS")
    return Deliver(sender, sent, _read_user_data(octets, coding, header=bool(first & 0x40)), coding)


def decode_report(pdu: str) -> Report:
    """Read an SMS-STATUS-REPORT with SMSC octets. Raises PduError."""
    octets, _ = _opened(pdu, 2, "SMS-STATUS-REPORT")
    reference = octets.one("TP-MR")
    recipient = read_address(octets, "TP-RA")
    return Report(reference, recipient, read_time(octets, "TP-SCTS"), read_time(octets, "TP-DT"), octets.one("TP-ST"))


def tpdu_length(pdu: str) -> int:
    """Octets without the SMSC: the ``<length>`` of ``+CMGL``, ``+CMGR``, ``+CMT`` and ``+CDS`` (3GPP TS 27.005)."""
    return len(pdu) // 2 - 1 - int(pdu[:2] or "0", 16)
