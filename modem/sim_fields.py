"""The fields that every PDU of the simulator is made of: octets, addresses, time stamps (3GPP TS 23.040 9.1.2.5 and 9.2.3.11)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from modem.sim_alphabet import decoded, packed, septets, unpacked

__all__ = ["Octets", "PduError", "address", "read_address", "read_time", "service_centre", "stamp"]


class PduError(ValueError):
    """The octets are no PDU of the kind asked for. A modem answers ``+CMS ERROR: 304``."""


class Octets:
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


def _swapped(digits: str) -> bytes:
    digits += "F" * (len(digits) % 2)
    return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, len(digits), 2)))


_DIGITS = "0123456789*#abc"


def address(number: str) -> bytes:
    """TP address (9.1.2.5): "+…" international, digits national, anything else alphanumeric."""
    digits = number.removeprefix("+")
    if len(digits) > 20 and digits.isdecimal():
        raise ValueError(f"a number has at most 20 digits, {number} has {len(digits)}")
    if digits and all(char in "0123456789*#" for char in digits):
        kind = 0x91 if number.startswith("+") else 0x81
        return bytes([len(digits), kind]) + _swapped("".join(f"{_DIGITS.index(char):X}" for char in digits))
    units = b"".join(septets(char) or b"?" for char in number)[:11]
    return bytes([(7 * len(units) + 3) // 4, 0xD0]) + packed(units)


def read_address(octets: Octets, what: str) -> str:
    length = octets.one(f"{what} length")
    kind = octets.one(f"{what} type")
    data = octets.take((length + 1) // 2, what)
    if kind & 0x70 == 0x50:
        return decoded("gsm7", unpacked(data, length * 4 // 7))
    digits = "".join(f"{octet & 0x0F:X}{octet >> 4:X}" for octet in data)[:length]
    if any(int(char, 16) >= len(_DIGITS) for char in digits):
        raise PduError(f"{what}: {digits!r} is no number")
    return ("+" if kind & 0x70 == 0x10 else "") + "".join(_DIGITS[int(char, 16)] for char in digits)


def service_centre(number: str) -> bytes:
    octets = address(number)
    return bytes([len(octets) - 1]) + octets[1:] if number else b"\x00"


def stamp(moment: datetime) -> bytes:
    """TP-SCTS (9.2.3.11): local time and its offset in quarters of an hour, semi-octets swapped."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a time stamp needs its zone")
    quarters = round(offset.total_seconds() / 900)
    octets = bytearray(_swapped(moment.strftime("%y%m%d%H%M%S") + f"{abs(quarters):02d}"))
    octets[6] |= 0x08 if quarters < 0 else 0
    return bytes(octets)


def read_time(octets: Octets, what: str) -> datetime:
    data = octets.take(7, what)
    year, month, day, hour, minute, second = (10 * (octet & 0x0F) + (octet >> 4) for octet in data[:6])
    quarters = 10 * (data[6] & 0x07) + (data[6] >> 4)
    zone = timezone(timedelta(minutes=15 * (-quarters if data[6] & 0x08 else quarters)))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError as error:
        raise PduError(f"{what}: {error}") from None
