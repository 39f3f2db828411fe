"""Error codes the simulated modem answers with, and the exception its commands raise to answer them."""

from __future__ import annotations

__all__ = ["CME_ERRORS", "CMS_ERRORS", "AtError", "cme", "cms"]

CMS_ERRORS = {
    1: "Unassigned (unallocated) number",
    8: "Operator determined barring",
    10: "Call barred",
    21: "Short message transfer rejected",
    27: "Destination out of service",
    28: "Unidentified subscriber",
    29: "Facility rejected",
    30: "Unknown subscriber",
    38: "Network out of order",
    41: "Temporary failure",
    42: "Congestion",
    47: "Resources unavailable, unspecified",
    50: "Requested facility not subscribed",
    69: "Requested facility not implemented",
    81: "Invalid short message transfer reference value",
    95: "Invalid message, unspecified",
    96: "Invalid mandatory information",
    97: "Message type non-existent or not implemented",
    98: "Message not compatible with short message protocol state",
    99: "Information element non-existent or not implemented",
    111: "Protocol error, unspecified",
    127: "Interworking, unspecified",
    300: "ME failure",
    301: "SMS service of ME reserved",
    302: "Operation not allowed",
    303: "Operation not supported",
    304: "Invalid PDU mode parameter",
    305: "Invalid text mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    312: "PH-SIM PIN required",
    313: "SIM failure",
    314: "SIM busy",
    315: "SIM wrong",
    316: "SIM PUK required",
    320: "Memory failure",
    321: "Invalid memory index",
    322: "Memory full",
    330: "SMSC address unknown",
    331: "No network service",
    332: "Network timeout",
    340: "No +CNMA acknowledgement expected",
    500: "Unknown error",
    512: "User abort",
    513: "Unable to store",
    514: "Invalid status",
    515: "Device busy or invalid character in string",
}
"""3GPP TS 27.005 3.2.5 (0-127 from 3GPP TS 24.011 E.2); 512 and up are makers' own, as Huawei and SIMCom print them."""

CME_ERRORS = {
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    50: "incorrect parameters",
    100: "unknown",
}
"""3GPP TS 27.007 9.2."""


class AtError(Exception):
    """A command's final result other than OK. ``kind``: "cms", "cme" or "" for a plain ERROR."""

    def __init__(self, kind: str = "", code: int = 0) -> None:
        super().__init__(kind, code)
        self.kind = kind
        self.code = code

    def line(self, cmee: int) -> str:
        """The result line in the mode of ``AT+CMEE`` (0 plain, 1 numeric, 2 verbose); ``+CMS ERROR`` is never plain (TS 27.005 3.2.5)."""
        if not self.kind or (self.kind == "cme" and cmee == 0):
            return "ERROR"
        names = CMS_ERRORS if self.kind == "cms" else CME_ERRORS
        told = names.get(self.code, "unknown error") if cmee == 2 else str(self.code)
        return f"+{self.kind.upper()} ERROR: {told}"


def cms(code: int) -> AtError:
    return AtError("cms", code)


def cme(code: int) -> AtError:
    return AtError("cme", code)
