"""The notice of a picture message as a carrier pushes it: M-Notification.ind in a WSP push, for WDP port 2948.

Sources: OMA-TS-MMS_ENC-V1_3 (6.2 the PDU, 7.3 headers, 7.4 field numbers), WAP-230-WSP (8.2.4 push, 8.4.2 encodings, Appendix A).
"""

from __future__ import annotations

__all__ = ["notification"]

_PUSH = 0x06
_MMS_MESSAGE = 0xBE  # application/vnd.wap.mms-message, well-known media 0x3E
_APPLICATION_ID, _MMS_AGENT = 0xAF, 0x84  # X-Wap-Application-Id: mms.ua
_UTF8 = 0xEA  # MIBenum 106 as a short integer


def notification(sender: str, subject: str | None, *, size: int, seconds: int, transaction: str, location: str) -> bytes:
    """The octets of the push. ``size`` in bytes, ``seconds`` until it expires. Raises ValueError for what the headers cannot hold."""
    if not 0 <= size < 1 << 32 or not 0 <= seconds < 1 << 32:
        raise ValueError("size and days are 0 or more, and fit four octets")
    from_ = b"\x80" + _text(f"{sender}/TYPE=PLMN" if sender.removeprefix("+").isdecimal() else sender)
    expiry = b"\x81" + _long(seconds)  # a relative time
    pdu = b"\x8c\x82"  # X-Mms-Message-Type: m-notification-ind
    pdu += b"\x98" + _text(transaction)  # X-Mms-Transaction-ID
    pdu += b"\x8d\x92"  # X-Mms-MMS-Version: 1.2
    pdu += b"\x89" + _measured(from_)  # From: address present
    if subject is not None:
        pdu += b"\x96" + _encoded(subject)
    pdu += b"\x8a\x80"  # X-Mms-Message-Class: Personal
    pdu += b"\x8e" + _long(size)  # X-Mms-Message-Size
    pdu += b"\x88" + _measured(expiry)  # X-Mms-Expiry
    pdu += b"\x83" + _text(location)  # X-Mms-Content-Location
    headers = bytes([_MMS_MESSAGE, _APPLICATION_ID, _MMS_AGENT])
    return bytes([1, _PUSH, len(headers)]) + headers + pdu


def _text(text: str) -> bytes:
    """Text-string: ended by a zero octet, quoted where its first octet would be taken for something else."""
    octets = text.encode()
    if b"\x00" in octets:
        raise ValueError("a header's text has no zero octet")
    return (b"\x7f" if octets[:1] >= b"\x80" else b"") + octets + b"\x00"


def _encoded(text: str) -> bytes:
    """Encoded-string-value: plain where it is ASCII, else with its character set."""
    return _text(text) if text.isascii() else _measured(bytes([_UTF8]) + _text(text))


def _long(number: int) -> bytes:
    """Long-integer: its length, then the octets, most significant first."""
    octets = number.to_bytes(max((number.bit_length() + 7) // 8, 1), "big")
    return bytes([len(octets)]) + octets


def _measured(octets: bytes) -> bytes:
    """Value-length, then the value: one octet up to 30, else 31 and a variable-length integer."""
    if len(octets) <= 30:
        return bytes([len(octets)]) + octets
    left, length = len(octets) >> 7, bytes([len(octets) & 0x7F])
    while left:
        length = bytes([0x80 | left & 0x7F]) + length
        left >>= 7
    return b"\x1f" + length + octets
