"""PDUs made here of what came by another way than radio (an HTTP call-back, a USSD answer).

Whatever comes is kept, joined and recognised when it comes again as a PDU; one path does that for all of it.
"""

from __future__ import annotations

from datetime import datetime

from modem import fields

__all__ = ["deliver", "deliver_raw", "report"]


def deliver(sender: str, text: str, sent_at: datetime, *, reference: int) -> tuple[str, ...]:
    """The SMS-DELIVERs of ``text`` (3GPP TS 23.040 9.2.2.1), hex with SMSC octets, in order; several when it is long.

    ``sender``: digits, "+" before a country code, "" where hidden; else a name, of which 11 septets are kept. ``sent_at``: to the second.
    ``reference``: concatenation reference, 0 … 255. Half a surrogate pair becomes U+FFFD.
    Raises ValueError naming what is wrong with sender, time or reference, or that the text needs more than 255 parts.
    """
    whole = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    parts = fields.user_data(whole, reference)
    return tuple(_deliver(sender, part.coding, part.header, sent_at, part.octets) for part in parts)


def deliver_raw(sender: str, octets: bytes, coding: int, header: bytes, sent_at: datetime) -> str:
    """One SMS-DELIVER of user data as it came. ``coding``: TP-DCS (3GPP TS 23.038 4); where that means GSM-7, ``octets`` hold one septet
    each. ``header``: the user data header with its length octet, b"" for none.

    Raises ValueError naming what is wrong with sender, coding, header or time, or that it does not fit into one SMS.
    """
    if not 0 <= coding <= 0xFF:
        raise ValueError(f"data coding scheme {coding} is not within 0 … 255")
    if header and header[0] != len(header) - 1:
        raise ValueError(f"the user data header says {header[0]} octets follow, {len(header) - 1} do")
    scheme = fields.coding(coding)
    gsm7 = scheme.alphabet == "gsm7" and not scheme.compressed
    if gsm7 and any(octet > 0x7F for octet in octets):
        raise ValueError(f"data coding scheme 0x{coding:02X} means GSM-7, and the data holds octets over 0x7F; give 4 for data")
    data = fields.septet_data(octets, header) if gsm7 else fields.octet_data(octets, header)
    return _deliver(sender, coding, bool(header), sent_at, data)


def report(reference: int, recipient: str, sent_at: datetime, at: datetime, status: int) -> str:
    """An SMS-STATUS-REPORT (9.2.2.3), hex with SMSC octets: what became (TP-ST ``status``, 9.2.3.15) ``at`` that time of the part with this
    ``reference`` (0 … 255). Raises ValueError naming what is wrong.
    """
    for name, value in (("reference", reference), ("status", status)):
        if not 0 <= value <= 0xFF:
            raise ValueError(f"{name} {value} is not within 0 … 255")
    body = bytes((0x06, reference)) + fields.address(recipient)
    body += fields.time_stamp(sent_at) + fields.time_stamp(at) + bytes((status,))
    return "00" + body.hex().upper()


def _deliver(sender: str, coding: int, header: bool, sent_at: datetime, data: bytes) -> str:
    # SMS-DELIVER with no more messages waiting (TP-MMS), header indicator; ordinary short message (TP-PID 0)
    first = 0x04 | (0x40 if header else 0)
    body = bytes((first,)) + fields.address(sender) + bytes((0x00, coding)) + fields.time_stamp(sent_at) + data
    return "00" + body.hex().upper()
