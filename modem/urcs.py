"""Lines that a modem says unasked: which are known, and what they mean (3GPP TS 27.005 3.4, TS 27.007; makers' manuals)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["USSD_LINES", "Urc", "UrcKind", "announces_pdu", "is_known", "kind_of", "unasked"]


class UrcKind(Enum):
    """What an unsolicited line says."""

    STORED = "stored"
    """+CMTI: a text lies in a store."""
    REPORT_STORED = "report_stored"
    """+CDSI: a status report lies in a store; which one, some modems say wrongly."""
    MESSAGE = "message"
    """+CMT: a text, directly."""
    REPORT = "report"
    """+CDS: a status report, directly."""
    FULL = "full"
    """A store is full: nothing is announced until something is deleted."""
    RESTARTED = "restarted"
    """The modem starts anew and forgot its settings."""
    STARTING = "starting"
    """It may have: a line that some say when they start, some long after, and some again and again."""
    CALL = "call"
    """Of a telephone call to the SIM: it rings, who calls, it is over."""
    USSD = "ussd"
    """+CUSD, with all lines of its text."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Urc:
    """One unsolicited line. ``store`` as the modem names it; ``pdu`` in hex, ``length`` its TPDU's octets as announced."""

    kind: UrcKind
    line: str
    store: str = ""
    pdu: str = ""
    length: int = 0


_PREFIXES = {
    "+CMTI:": UrcKind.STORED,
    "+CDSI:": UrcKind.REPORT_STORED,
    "+CMT:": UrcKind.MESSAGE,
    "+CDS:": UrcKind.REPORT,
    "+CBM:": UrcKind.OTHER,
    "^SMMEMFULL": UrcKind.FULL,
    "+ZSMMEMFULL": UrcKind.FULL,
    '+CIEV: "SMSFULL"': UrcKind.FULL,
    '+QIND: "SMSFULL"': UrcKind.FULL,
    "SMS FULL": UrcKind.FULL,
    "*ATREADY": UrcKind.RESTARTED,
    "^BOOT:": UrcKind.STARTING,
    "RING": UrcKind.CALL,
    "+CRING:": UrcKind.CALL,
    "+CLIP:": UrcKind.CALL,
    "NO CARRIER": UrcKind.CALL,
    "NO ANSWER": UrcKind.CALL,
    "BUSY": UrcKind.CALL,
    "VOICE CALL": UrcKind.CALL,
    "^CEND:": UrcKind.CALL,
    "MISSED_CALL": UrcKind.CALL,
    "+CUSD:": UrcKind.USSD,
}
_TWO_LINES = ("+CMT:", "+CDS:", "+CBM:")
USSD_LINES = 40
"""Most lines of one +CUSD: its text has 182 characters at most (3GPP TS 23.038 5)."""
_RESTARTED = {"RDY", "START", "NORMAL POWER DOWN"}
_STARTING = {"SMS READY", "CALL READY", "SMS DONE", "PB DONE"}
_UNASKED = ("+", "^", "RING", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "VOICE CALL", "MISSED_CALL")


def kind_of(line: str) -> UrcKind | None:
    """What a line says; None for one that is no unsolicited line."""
    upper = line.upper()
    for prefix, kind in _PREFIXES.items():
        if upper.startswith(prefix):
            return kind
    if upper in _RESTARTED:
        return UrcKind.RESTARTED
    if upper in _STARTING:
        return UrcKind.STARTING
    return UrcKind.OTHER if unasked(line) else None


def announces_pdu(line: str) -> bool:
    """Is the next line a PDU that belongs to this one?"""
    return line.upper().startswith(_TWO_LINES)


def is_known(line: str) -> bool:
    """Does it begin as one of the lines that are told apart?"""
    return line.upper().startswith(tuple(_PREFIXES))


def unasked(line: str) -> bool:
    """Does it look like one, known or not?"""
    return line.upper().startswith(_UNASKED)
