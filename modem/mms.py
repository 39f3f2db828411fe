"""What an MMS notification says: the text by which the network tells a phone that a picture waits for it.

It comes as data for port 2948: a WSP push (WAP-230-WSP 8.2.4.1) that carries an m-notification-ind (OMA-TS-MMS_ENC 6.2). The picture
itself would have to be fetched over the operator's data service, which a modem for texts does not do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modem.fields import Reader, TruncatedError

__all__ = ["Notice", "notification"]

_PUSH = {0x06, 0x07}  # push, confirmed push
_CONTENT_TYPE = (b"\xbe", b"application/vnd.wap.mms-message")
_LOCATION, _FROM, _MESSAGE_TYPE, _MESSAGE_SIZE, _SUBJECT = 0x83, 0x89, 0x8C, 0x8E, 0x96
_NOTIFICATION = b"\x82"
_ADDRESS_PRESENT = 0x80

_CHARSETS = {
    3: "us-ascii", 4: "iso-8859-1", 17: "shift_jis", 106: "utf-8", 113: "gbk", 1000: "utf-16-be", 1013: "utf-16-be", 1014: "utf-16-le",
    1015: "utf-16", 2025: "gb2312", 2026: "big5", 2252: "windows-1252",
}  # fmt: skip
"""IANA character sets by MIBenum."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A picture message somebody sent."""

    sender: str
    """Digits, with "+" where it came so; an e-mail address as it stands; "" where hidden or not told."""
    subject: str
    """"" for none."""
    size: int | None
    """Of the whole message in octets."""
    location: str = ""
    """Where it waits (X-Mms-Content-Location): the same whenever the network announces it again; "" when not told."""


def notification(data: bytes) -> Notice | None:
    """The notice that these octets, of all parts joined, are; None when they are something else. Never raises.

    One cut short says what it still says.
    """
    reader = Reader(data)
    try:
        reader.octet()  # transaction
        if reader.octet() not in _PUSH:
            return None
        headers = Reader(reader.take(_uintvar(reader)))
        kind, value = _value(headers)
        # a content type with parameters is the media type and what follows it, as one value
        media = _value(Reader(value))[1] if kind == "octets" else value
    except TruncatedError:
        return None
    if media.lower() not in _CONTENT_TYPE:
        return None
    found = dict(_fields(Reader(reader.take(reader.left))))
    if found.get(_MESSAGE_TYPE) != ("token", _NOTIFICATION):
        return None
    return Notice(
        _sender(*found.get(_FROM, ("", b""))),
        _encoded(*found.get(_SUBJECT, ("", b""))),
        _size(*found.get(_MESSAGE_SIZE, ("", b""))),
        _encoded(*found.get(_LOCATION, ("", b""))),
    )


def _uintvar(reader: Reader) -> int:
    """WAP-230-WSP 8.1.2."""
    value = 0
    for _ in range(5):
        octet = reader.octet()
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            return value
    raise TruncatedError


def _value(reader: Reader) -> tuple[str, bytes]:
    """The next field value (8.4.1.2): "octets" after their length, "text" up to its NUL, or a "token" of one octet."""
    first = reader.octet()
    if first <= 31:
        return "octets", reader.take(_uintvar(reader) if first == 31 else first)
    if first >= 0x80:
        return "token", bytes((first,))
    text = bytearray() if first == 0x7F else bytearray((first,))  # 127 quotes a first character over 127
    while octet := reader.octet():
        text.append(octet)
    return "text", bytes(text)


def _fields(reader: Reader) -> Iterator[tuple[int, tuple[str, bytes]]]:
    """Field name and value of each MMS header, as far as they are whole; those of an application, named in text, left out."""
    try:
        while reader.left:
            name = reader.octet()
            if 0x20 <= name < 0x80:
                while reader.octet():
                    pass
                _value(reader)
            else:
                yield name, _value(reader)
    except TruncatedError:
        return


def _encoded(kind: str, value: bytes) -> str:
    """An encoded-string-value (OMA-TS-MMS_ENC 7.3.9): text, or a character set and text in it."""
    charset = "utf-8"
    if kind == "octets":
        reader = Reader(value)
        try:
            which, number = _value(reader)
            if which != "text":
                charset = _CHARSETS.get(int.from_bytes(number, "big") & (0x7F if which == "token" else -1), charset)
        except TruncatedError:
            return ""
        value = reader.take(reader.left)
        value = value[1:] if value[:1] == b"\x7f" else value
    elif kind != "text":
        return ""
    text = value.decode(charset, "replace").partition("\0")[0]
    return " ".join(text.split())


def _sender(kind: str, value: bytes) -> str:
    """A from-value (7.3.19): the address-present token and an encoded string, or the token of an address the network would insert."""
    if kind != "octets" or value[:1] != bytes((_ADDRESS_PRESENT,)):
        return ""
    try:
        address = _encoded(*_value(Reader(value[1:])))
    except TruncatedError:
        address = _encoded("text", value[1:])
    address = re.sub(r"/TYPE=.*", "", address, flags=re.IGNORECASE)
    digits = re.sub(r"[\s().-]", "", address)
    return digits if re.fullmatch(r"\+?\d+", digits) else address


def _size(kind: str, value: bytes) -> int | None:
    if kind == "octets" and value:
        return int.from_bytes(value, "big")
    return value[0] & 0x7F if kind == "token" else None
