"""Error codes the simulated modem answers with, and the exception its commands raise to answer them."""

from __future__ import annotations

__all__ = ["CME_ERRORS", "CMS_ERRORS", "FORMS", "AtError", "cme", "cms"]

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
    128: "Telematic interworking not supported",
    129: "Short message Type 0 not supported",
    130: "Cannot replace short message",
    143: "Unspecified TP-PID error",
    144: "Data coding scheme (alphabet) not supported",
    145: "Message class not supported",
    159: "Unspecified TP-DCS error",
    160: "Command cannot be actioned",
    161: "Command unsupported",
    175: "Unspecified TP-Command error",
    176: "TPDU not supported",
    192: "SC busy",
    193: "No SC subscription",
    194: "SC system failure",
    195: "Invalid SME address",
    196: "Destination SME barred",
    197: "SM Rejected-Duplicate SM",
    198: "TP-VPF not supported",
    199: "TP-VP not supported",
    208: "(U)SIM SMS storage full",
    209: "No SMS storage capability in (U)SIM",
    210: "Error in MS",
    211: "Memory Capacity Exceeded",
    212: "(U)SIM Application Toolkit Busy",
    213: "(U)SIM data download error",
    255: "Unspecified error cause",
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
    317: "SIM PIN2 required",
    318: "SIM PUK2 required",
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
"""3GPP TS 27.005 3.2.5 (0 to 127 from TS 24.011 E.2, 128 to 255 from TS 23.040 9.2.3.22); 512 and up are makers' own, as Huawei and
SIMCom print them."""

CME_ERRORS = {
    0: "phone failure",
    1: "no connection to phone",
    2: "phone-adaptor link reserved",
    3: "operation not allowed",
    4: "operation not supported",
    5: "PH-SIM PIN required",
    6: "PH-FSIM PIN required",
    7: "PH-FSIM PUK required",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    15: "SIM wrong",
    16: "incorrect password",
    17: "SIM PIN2 required",
    18: "SIM PUK2 required",
    20: "memory full",
    21: "invalid index",
    22: "not found",
    23: "memory failure",
    24: "text string too long",
    25: "invalid characters in text string",
    26: "dial string too long",
    27: "invalid characters in dial string",
    30: "no network service",
    31: "network timeout",
    32: "network not allowed - emergency calls only",
    40: "network personalization PIN required",
    41: "network personalization PUK required",
    42: "network subset personalization PIN required",
    43: "network subset personalization PUK required",
    44: "service provider personalization PIN required",
    45: "service provider personalization PUK required",
    46: "corporate personalization PIN required",
    47: "corporate personalization PUK required",
    48: "hidden key required",
    49: "EAP method not supported",
    50: "incorrect parameters",
    100: "unknown",
    103: "illegal MS",
    106: "illegal ME",
    107: "GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    515: "Please wait, init or command processing in progress",
}
"""3GPP TS 27.007 9.2.1 and 9.2.2.1; 515 is Huawei's own."""

FORMS = ("numeric", "verbose", "no_blank")
"""How an error is written whatever ``AT+CMEE`` says: a number, words, a number without the blank after the colon."""


class AtError(Exception):
    """A command's final result other than OK. ``kind``: "cms", "cme" or "" for ``told``."""

    def __init__(self, kind: str = "", code: int = 0, told: str = "ERROR") -> None:
        super().__init__(kind, code, told)
        self.kind = kind
        self.code = code
        self.told = told

    def line(self, cmee: int, form: str | None = None) -> str:
        """The result line in the mode of ``AT+CMEE`` (0 plain, 1 numeric, 2 verbose); ``+CMS ERROR`` is never plain (TS 27.005 3.2.5)."""
        if not self.kind:
            return self.told
        if self.kind == "cme" and cmee == 0 and form is None:
            return "ERROR"
        names = CMS_ERRORS if self.kind == "cms" else CME_ERRORS
        verbose = form == "verbose" or (form is None and cmee == 2)
        said = names.get(self.code, "unknown error") if verbose else str(self.code)
        return f"+{self.kind.upper()} ERROR:{'' if form == 'no_blank' else ' '}{said}"


def cms(code: int) -> AtError:
    return AtError("cms", code)


def cme(code: int) -> AtError:
    return AtError("cme", code)
