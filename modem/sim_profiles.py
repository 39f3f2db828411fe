"""The makes of modem the simulator plays, as far as their dialogue differs. Each difference names where it was seen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "Profile"]

_CNMI = ((0, 1, 2, 3), (0, 1, 2, 3), (0,), (0, 1, 2), (0, 1))
_SIMCOM_CLIP = '+CLIP: "{number}",{kind},"",0,"",{validity}'


@dataclass(frozen=True)
class Profile:
    """A make of modem."""

    name: str
    manufacturer: str
    model: str
    revision: str
    sizes: tuple[tuple[str, int], ...] = (("SM", 20), ("ME", 255), ("SR", 20))
    """The stores of AT+CPMS, in its order; the first is selected at the start. Without SR, reports are kept where texts are."""
    cnmi: tuple[tuple[int, ...], ...] = _CNMI
    """What AT+CNMI takes for <mode>, <mt>, <bm>, <ds> and <bfr>."""
    knows: frozenset[str] = frozenset()
    """Commands of its maker, and optional ones of 3GPP, that it has."""
    lacks: frozenset[str] = frozenset()
    """Usual commands it has not."""
    unknown: str = "ERROR"
    """The answer to a command it has not."""
    boot_lines: tuple[str, ...] = ()
    """Written, unasked, when it starts; "{pin}" is the state of the SIM as AT+CPIN? says it."""
    network_lines: tuple[str, ...] = ()
    """Written, unasked, when it found the network."""
    chatter: tuple[str, ...] = ()
    """Written, unasked, one every ``chatter_ms`` and one before every ``chatter_lines``-th line of its replies, in turn."""
    chatter_ms: int = 5000
    chatter_lines: int = 0
    silencer: str = ""
    """The command line that ends the chatter until the next restart."""
    prompt: bytes = b"\r\n> "
    full_line: str = ""
    """Written when a text found no room; "{store}" is the store's name."""
    report_line: str = '+CDSI: "{store}",{index}'
    """A report was stored (<ds> 2)."""
    tells_status: bool = True
    """Does AT+CMGR say whether the text was read?"""
    voice: bool = True
    """Does it take calls? None rings on one that does not."""
    clip: str = '+CLIP: "{number}",{kind},,,,{validity}'
    away_ms: int = 0
    """How long its port is gone after AT+CFUN=1,1; 0: the port stays."""


_E173 = Profile(
    # ^RSSI, ^BOOT, ^DSFLOWRPT, ^MODE: logs of E1xx sticks, python-gsmmodem 35, 47; "COMMAND NOT SUPPORT": its issue 96;
    # gone from USB after AT+CFUN=1,1: gammu 552, 687; ^CPIN, ^SMMEMFULL: Huawei MU509 AT manual 7.4, 9; no ME: bg111 chan_dongle 31
    "huawei",
    "huawei",
    "E173",
    "11.126.85.00.209",
    sizes=(("SM", 20),),
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    knows=frozenset({"^CPIN", "^ICCID", "^CURC", "^CVOICE", "^USSDMODE", "^SYSCFG", "^PORTSEL"}),
    lacks=frozenset({"+CCID", "+CEREG"}),
    unknown="COMMAND NOT SUPPORT",
    boot_lines=("^BOOT:20952548,0,0,0,72",),
    network_lines=("^SRVST:2", "^MODE:5,4"),
    chatter=(
        "^RSSI:17",
        "^BOOT:20952548,0,0,0,72",  # also said every few seconds by sticks that never restart
        "^DSFLOWRPT:0000003C,00000000,00000000,0000000000000000,0000000000000000,00000000,00000000",
    ),
    chatter_lines=7,
    silencer="AT^CURC=0",
    full_line='^SMMEMFULL: "{store}"',
    away_ms=8000,
)
_E3372 = Profile(
    # no voice: wdoekes/asterisk-chan-dongle 46; ^HCSQ: logs of ME906 and E3372; AT^CURC=0: smstools' settings for the E3372
    "e3372",
    "huawei",
    "E3372",
    "21.180.01.00.00",
    sizes=(("SM", 20), ("ME", 50)),
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    knows=frozenset({"^CPIN", "^ICCID", "^CURC", "^USSDMODE", "^SYSCFGEX", "^PORTSEL"}),
    lacks=frozenset({"+CCID", "+CLIP", "+CRC", "A", "+CHUP", "+CLCC", "+CVHU"}),
    unknown="COMMAND NOT SUPPORT",
    boot_lines=("^SYSSTART",),
    chatter=('^HCSQ:"LTE",59,55,105,20', "^RSSI:19", "^CERSSI:0,0,0,0,0,-98,-9,4"),
    chatter_lines=9,
    silencer="AT^CURC=0",
    full_line='^SMMEMFULL: "{store}"',
    voice=False,
)
_SIM800 = Profile(
    # no <ds> 2: python-gsmmodem pull request 76; a UART, so the port stays; no AT+CLAC: transcript of its connect; +SPIC and the form of
    # +CLIP: SIM800 Series AT Command Manual; RDY to SMS Ready: logs of starts, Stack Overflow 61327888
    "sim800",
    "SIMCOM_Ltd",
    "SIMCOM_SIM800L",
    "Revision:1418B05SIM800L24",
    sizes=(("SM", 25), ("ME", 50)),
    cnmi=((0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    knows=frozenset({"+SPIC"}),
    lacks=frozenset({"+CLAC", "+CEREG", "+CPINR"}),
    boot_lines=("RDY", "+CFUN: 1", "+CPIN: {pin}", "Call Ready", "SMS Ready"),
    clip=_SIMCOM_CLIP,
)
_SIM7600 = Profile(
    # SIM7500_SIM7600 Series AT Command Manual: +SPIC, +CICCID, +AUTOCSQ, +CPMS with ME first, "SMS DONE" and "PB DONE" after a start
    "sim7600",
    "SIMCOM INCORPORATED",
    "SIMCOM_SIM7600E-H",
    "LE20B04SIM7600M22",
    sizes=(("ME", 23), ("SM", 20), ("SR", 10)),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    knows=frozenset({"+SPIC", "+CICCID", "+AUTOCSQ"}),
    lacks=frozenset({"+CCID"}),
    boot_lines=("RDY", "+CPIN: {pin}", "SMS DONE", "PB DONE"),
    clip=_SIMCOM_CLIP,
    away_ms=12_000,
)
_SIM7670 = Profile(
    # a prompt without a blank, with a line end: gammu 1176, 1177
    "sim7670",
    "INCORPORATED",
    "A7670G-LABE",
    "A7670M7_V1.11.1",
    knows=frozenset({"+SPIC", "+CICCID"}),
    prompt=b"\r\n>\r\n",
    boot_lines=("*ATREADY: 1", "+CPIN: {pin}", "SMS DONE"),
    clip=_SIMCOM_CLIP,
)
_EC25 = Profile(
    # reports announced in "SM" at 0 while they lie in SR: IchthysMaranatha/asterisk-chan-quectel pull request 75; +QPINC, +QCCID,
    # +QURCCFG, "smsfull": EC25 AT Commands Manual 1.2
    "ec25",
    "Quectel",
    "EC25",
    "EC25EFAR06A06M4G",
    sizes=(("ME", 255), ("SM", 20), ("SR", 20)),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    knows=frozenset({"+QPINC", "+QCCID", "+QURCCFG"}),
    boot_lines=("RDY", "+CPIN: {pin}", "+QIND: SMS DONE", "+QIND: PB DONE"),
    full_line='+QIND: "smsfull","{store}"',
    report_line='+CDSI: "SM",0',
    away_ms=10_000,
)
_ZTE = Profile(
    # +ZUSIMR floods until AT+CPMS? is asked: ModemManager's plugin for ZTE; +ZDONR, +ZPASR: the same; no status in +CMGR: comment in
    # python-gsmmodem; +ZPINPUK: oFono sim.c; +ZSMMEMFULL: ZTE MC2261 AT manual 1.2.1
    "zte",
    "ZTE INCORPORATED",
    "MF190",
    "BD_MF190V1.0.0B02",
    sizes=(("ME", 100), ("SM", 20), ("SR", 20)),
    cnmi=((0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    knows=frozenset({"+ZPINPUK", "+ZPAS", "+ZCDRUN", "+ZOPRT"}),
    lacks=frozenset({"+CCID"}),
    boot_lines=("+ZUSIMR:2",),
    network_lines=('+ZDONR: "Simulated Network",302,990,"CS_PS","ROAM_OFF"', '+ZPASR: "UMTS"'),
    chatter=("+ZUSIMR:2",),
    chatter_ms=2000,
    chatter_lines=11,
    silencer="AT+CPMS?",
    full_line='+ZSMMEMFULL: "{store}"',
    tells_status=False,
)
_GENERIC = Profile("generic", "Textback", "Simulated modem", "1.0", knows=frozenset({"+CPINR"}))

PROFILES = {profile.name: profile for profile in (_GENERIC, _E173, _E3372, _SIM800, _SIM7600, _SIM7670, _EC25, _ZTE)}
"""By the name that is given to the simulator; "huawei" is the E173. Sizes of stores are examples: they differ with SIM and firmware."""
