"""What the error codes of ``AT+CMGS`` mean for a text (3GPP TS 27.005 3.2.5, TS 24.011 8.2.5.4 and Annex E, TS 23.040 9.2.3.22).

Only codes that say so are permanent, and only those that speak of the recipient put its number at fault; everything else, the codes of
makers included, may be tried again: a refusal means that nothing went.
"""

from __future__ import annotations

import re
from enum import Enum

from modem.types import Refused, Unknown

__all__ = ["NO_CENTRE", "OF_THE_MODEM", "SIM_BUSY", "UNKNOWN_ERROR", "WRONG_PIN", "error_code", "outcome"]


class _Means(Enum):
    LATER = "the same text may go later"
    NEVER = "the same text would be refused again"
    NUMBER = "the recipient's number takes no texts"
    UNSURE = "the network did not answer, or has the text already: it may have gone"


_CMS: dict[int, tuple[str, _Means]] = {
    1: ("unassigned (unallocated) number", _Means.NUMBER),
    8: ("operator determined barring", _Means.NEVER),
    10: ("call barred", _Means.NEVER),
    21: ("short message transfer rejected", _Means.LATER),
    27: ("destination out of service", _Means.LATER),
    28: ("unidentified subscriber", _Means.NUMBER),
    29: ("facility rejected", _Means.NEVER),
    30: ("unknown subscriber", _Means.NUMBER),
    38: ("network out of order", _Means.LATER),
    41: ("temporary failure", _Means.LATER),
    42: ("congestion", _Means.LATER),
    47: ("resources unavailable, unspecified", _Means.LATER),
    50: ("requested facility not subscribed", _Means.NEVER),
    69: ("requested facility not implemented", _Means.NEVER),
    81: ("invalid short message transfer reference value", _Means.LATER),
    95: ("semantically incorrect message", _Means.NEVER),
    96: ("invalid mandatory information", _Means.NEVER),
    97: ("message type non-existent or not implemented", _Means.NEVER),
    98: ("message not compatible with short message protocol state", _Means.LATER),
    99: ("information element non-existent or not implemented", _Means.NEVER),
    111: ("protocol error, unspecified", _Means.LATER),
    127: ("interworking, unspecified", _Means.LATER),
    128: ("telematic interworking not supported", _Means.NEVER),
    129: ("short message type 0 not supported", _Means.NEVER),
    143: ("unspecified TP-PID error", _Means.NEVER),
    144: ("data coding scheme (alphabet) not supported", _Means.NEVER),
    145: ("message class not supported", _Means.NEVER),
    159: ("unspecified TP-DCS error", _Means.NEVER),
    176: ("TPDU not supported", _Means.NEVER),
    192: ("SC busy", _Means.LATER),
    193: ("no SC subscription", _Means.NEVER),
    194: ("SC system failure", _Means.LATER),
    195: ("invalid SME address", _Means.NUMBER),
    196: ("destination SME barred", _Means.NUMBER),
    197: ("SM rejected - duplicate SM", _Means.UNSURE),  # the message centre holds it: a modem that tried twice by itself hears that
    198: ("TP-VPF not supported", _Means.NEVER),
    199: ("TP-VP not supported", _Means.NEVER),
    208: ("SIM SMS storage full", _Means.LATER),
    210: ("error in MS", _Means.LATER),
    211: ("memory capacity exceeded", _Means.LATER),
    212: ("SIM application toolkit busy", _Means.LATER),
    255: ("unspecified error cause", _Means.LATER),
    300: ("ME failure", _Means.LATER),
    301: ("SMS service of ME reserved", _Means.LATER),
    302: ("operation not allowed", _Means.LATER),
    303: ("operation not supported", _Means.LATER),
    304: ("invalid PDU mode parameter", _Means.LATER),
    305: ("invalid text mode parameter", _Means.LATER),
    310: ("SIM not inserted", _Means.LATER),
    311: ("SIM PIN required", _Means.LATER),
    312: ("PH-SIM PIN required", _Means.LATER),
    313: ("SIM failure", _Means.LATER),
    314: ("SIM busy", _Means.LATER),
    315: ("SIM wrong", _Means.LATER),
    316: ("SIM PUK required", _Means.LATER),
    320: ("memory failure", _Means.LATER),
    321: ("invalid memory index", _Means.LATER),
    322: ("memory full", _Means.LATER),
    330: ("SMSC address unknown", _Means.LATER),
    331: ("no network service", _Means.LATER),
    332: ("network timeout", _Means.UNSURE),
    500: ("unknown error", _Means.LATER),
}

_CME: dict[int, tuple[str, _Means]] = {  # 3GPP TS 27.007 9.2.1
    3: ("operation not allowed", _Means.LATER),
    4: ("operation not supported", _Means.LATER),
    10: ("SIM not inserted", _Means.LATER),
    11: ("SIM PIN required", _Means.LATER),
    12: ("SIM PUK required", _Means.LATER),
    13: ("SIM failure", _Means.LATER),
    14: ("SIM busy", _Means.LATER),
    15: ("SIM wrong", _Means.LATER),
    16: ("incorrect password", _Means.LATER),
    20: ("memory full", _Means.LATER),
    30: ("no network service", _Means.LATER),
    31: ("network timeout", _Means.UNSURE),
    32: ("network not allowed - emergency calls only", _Means.LATER),
    100: ("unknown", _Means.LATER),
    515: ("please wait, initialising (Huawei)", _Means.LATER),
}

SIM_BUSY = frozenset({("CME", 14), ("CME", 515), ("CMS", 314)})
"""The SIM is still starting: ask again."""

WRONG_PIN = frozenset({("CME", 16), ("CME", 12)})
"""The answer to ``AT+CPIN=`` that says the PIN is wrong: incorrect password, or PUK required now."""

UNKNOWN_ERROR = "CMS 500"

OF_THE_MODEM = frozenset(
    {"CMS 300", "CMS 301", "CMS 313", "CMS 314", "CMS 320", "CMS 515", UNKNOWN_ERROR, "CME 13", "CME 14", "CME 100", "CME 515", "ERROR"}
)
"""Codes of ``Refused`` by which the modem or its SIM refuses, not the network: one after the other, they mean that it is stuck.

515 is "please wait" of Huawei and of Sierra Wireless, whose modems have been seen to say nothing else until they are restarted.
"""

NO_CENTRE = "CMS 330"

_FINAL = re.compile(r"\+(CM[ES]) ERROR:\s*(.*)", re.IGNORECASE)


def error_code(final: str) -> tuple[str, int | None, str]:
    """Family ("CMS", "CME" or ""), number and words of a final error, numeric or verbose, with or without a blank."""
    match = _FINAL.fullmatch(final)
    if match is None:
        return "", None, final.lower()
    family, said = match[1].upper(), match[2].strip()
    table = _CMS if family == "CMS" else _CME
    if said.isdecimal():
        number = int(said)
        return family, number, table[number][0] if number in table else "code of the modem's maker"
    known = next((number for number, (words, _) in table.items() if words.lower() == said.lower()), None)
    return family, known, said.lower()


def outcome(final: str) -> Refused | Unknown:
    """What a final error of ``AT+CMGS`` means for the part: Refused, or Unknown where the network may have it."""
    family, number, words = error_code(final)
    means = ((_CMS if family == "CMS" else _CME).get(number, ("", _Means.LATER))[1]) if number is not None else _Means.LATER
    code = f"{family} {number}" if number is not None else (family or "ERROR")
    if means is _Means.UNSURE:
        return Unknown(f"{words} ({code}); the text may have gone")
    return Refused(code, words, permanent=means in {_Means.NEVER, _Means.NUMBER}, number_at_fault=means is _Means.NUMBER)
