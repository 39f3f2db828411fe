"""The fields SMS PDUs are made of (3GPP TS 23.040 9.1, 9.2.3): addresses, time stamps and user data, written and read.

python-gsmmodem-new packs septets and semi-octets; what it does wrong with addresses and headers is not used.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal, NamedTuple

from gsmmodem.pdu import encodeSemiOctets, packSeptets

from modem.alphabet import Alphabet, pieces, segments, septets, text_of

__all__ = [
    "MAILBOXES",
    "Coding",
    "Mailbox",
    "Reader",
    "TruncatedError",
    "UserData",
    "address",
    "coding",
    "octet_data",
    "read_address",
    "read_time",
    "septet_data",
    "time_stamp",
    "unpacked",
    "user_data",
]

_MOST_PARTS = 255
_MOST_OCTETS = 140  # of user data, its header included
_DIGITS = "0123456789*#abc"
_DIALLED = re.compile(r"\+?[0-9*#]*")
_MOST_DIGITS = 20
_MOST_NAME = 11  # septets that fit into ten octets of an address


class TruncatedError(Exception):
    """The octets end before the field does."""


class Reader:
    """A cursor over octets. Raises TruncatedError where they end."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._octets) - self._at

    def octet(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise TruncatedError
        self._at += count
        return taken


def address(number: str) -> bytes:
    """A TP address (9.1.2.5): digits, "*" and "#", international after "+"; what is none of these is a name, alphanumeric.

    A name is cut at 11 septets; letters lose accents that GSM-7 lacks, and "?" stands for all else it lacks.
    Raises ValueError for more than 20 digits.
    """
    if _DIALLED.fullmatch(number) is None:
        codes = _name(number)
        return bytes((-(-len(codes) * 7 // 4), 0xD0)) + _packed(codes)
    digits = number.removeprefix("+")
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has at most {_MOST_DIGITS} digits, this one has {len(digits)}")
    kind = 0x91 if number.startswith("+") else 0x81  # international, unknown; ISDN numbering plan
    return bytes((len(digits), kind)) + bytes(encodeSemiOctets("".join(f"{_DIGITS.index(digit):X}" for digit in digits)))


def _name(name: str) -> bytes:
    codes = b""
    for char in name:
        known = (each for each in (char, unicodedata.normalize("NFKD", char)[0]) if segments(each).alphabet == "gsm7")
        code = septets(next(known, "?"))
        if len(codes) + len(code) > _MOST_NAME:
            break
        codes += code
    return codes


def read_address(reader: Reader) -> tuple[str, bool]:
    """Digits with "+" where international, or a name; and whether it is a name."""
    length, kind = reader.octet(), reader.octet()
    value = reader.take((length + 1) // 2)
    number_type = kind >> 4 & 0x07
    if number_type == 0x05:
        return text_of(unpacked(value, length * 4 // 7)).rstrip("\r\0"), True
    digits = "".join(_DIGITS[nibble] if nibble < 15 else "" for octet in value for nibble in (octet & 15, octet >> 4))
    return ("+" if number_type == 0x01 and digits else "") + digits[:length], False


def time_stamp(moment: datetime) -> bytes:
    """TP-SCTS, TP-DT (9.2.3.11) in UTC, to the second. Raises ValueError for years outside 2000 … 2099 and a time without zone."""
    if moment.tzinfo is None:
        raise ValueError("a time stamp needs its zone")
    utc = moment.astimezone(UTC)
    if not 2000 <= utc.year <= 2099:
        raise ValueError(f"a time stamp has a year from 2000 to 2099, not {utc.year}")
    return bytes(encodeSemiOctets(utc.strftime("%y%m%d%H%M%S") + "00"))


def read_time(octets: bytes) -> datetime | None:
    """Seven swapped BCD octets, the last a signed zone in quarters of an hour (9.2.3.11); None when they are no date."""
    year, month, day, hour, minute, second = ((octet & 15) * 10 + (octet >> 4) for octet in octets[:6])
    quarters = (octets[6] & 0x07) * 10 + (octets[6] >> 4)
    offset = timedelta(minutes=15 * (-quarters if octets[6] & 0x08 else quarters))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


MAILBOXES = ("voicemail", "fax", "e-mail", "other message")
"""What may be waiting, as 23.038 4 and 23.040 9.2.3.24.2 number it."""


class Mailbox(NamedTuple):
    """A message waiting indication."""

    kind: str
    """One of ``MAILBOXES``."""
    waiting: int | None
    """How many, 0 for none; None: some."""


class Coding(NamedTuple):
    """What a TP-DCS says."""

    alphabet: Alphabet | Literal["data"]
    flash: bool = False
    compressed: bool = False
    reserved: bool = False
    mailbox: Mailbox | None = None


def coding(octet: int) -> Coding:
    """TP-DCS (23.038 4). Reserved groups and alphabets count as GSM-7, as the specification asks."""
    group = octet >> 4
    if group < 0x8:
        alphabets: tuple[Alphabet | Literal["data"], ...] = ("gsm7", "data", "ucs2", "gsm7")
        which = octet >> 2 & 3
        return Coding(alphabets[which], flash=octet & 0x13 == 0x10, compressed=bool(octet & 0x20), reserved=which == 3)
    if group == 0xF:
        return Coding("data" if octet & 0x04 else "gsm7", flash=octet & 0x03 == 0)
    if group >= 0xC:
        return Coding("ucs2" if group == 0xE else "gsm7", mailbox=Mailbox(MAILBOXES[octet & 0x03], None if octet & 0x08 else 0))
    return Coding("gsm7", reserved=True)


class UserData(NamedTuple):
    """One part of a text as user data."""

    coding: int
    """TP-DCS."""
    header: bool
    """It begins with a user data header (TP-UDHI)."""
    octets: bytes
    """TP-UDL and TP-UD."""


def user_data(text: str, reference: int) -> tuple[UserData, ...]:
    """The parts of a text, in order. ``reference``: concatenation reference (9.2.3.24.1), 0 … 255, used when there are several.

    Raises ValueError for a reference out of range and a text of more than 255 parts.
    """
    if not 0 <= reference <= 0xFF:
        raise ValueError(f"reference {reference} is not within 0 … 255")
    parts = pieces(text)
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"the text needs {len(parts)} SMS, and {_MOST_PARTS} is the most one text can have")
    wide = segments(text).alphabet == "ucs2"
    result = []
    for number, piece in enumerate(parts, start=1):
        header = bytes((5, 0, 3, reference, len(parts), number)) if len(parts) > 1 else b""
        octets = octet_data(piece.encode("utf-16-be"), header) if wide else septet_data(septets(piece), header)
        result.append(UserData(0x08 if wide else 0x00, bool(header), octets))
    return tuple(result)


def septet_data(codes: bytes, header: bytes) -> bytes:
    """TP-UDL and TP-UD of GSM-7, ``codes`` one septet an octet, after a header padded to a septet (9.2.3.24). ValueError: too long."""
    return _measured(-(-len(header) * 8 // 7) + len(codes), header + _packed(codes, len(header) * 8 % 7))


def octet_data(octets: bytes, header: bytes) -> bytes:
    """TP-UDL and TP-UD of UCS-2 or data. ValueError: too long."""
    return _measured(len(header) + len(octets), header + octets)


def _measured(length: int, body: bytes) -> bytes:
    if len(body) > _MOST_OCTETS:
        raise ValueError(f"{len(body)} octets of user data are more than the {_MOST_OCTETS} of one SMS")
    return bytes((length,)) + body


def _packed(codes: bytes, used: int = 0) -> bytes:
    # gsmmodem counts the bits already used of the first septet, not the fill bits left
    return bytes(packSeptets(bytearray(codes), padBits=used))


def unpacked(data: bytes, count: int) -> list[int]:
    """The first ``count`` septets of packed ``data``, or as many as there are (23.038 6.1.2.1)."""
    bits = int.from_bytes(data, "little")
    return [bits >> 7 * index & 0x7F for index in range(min(count, len(data) * 8 // 7))]
