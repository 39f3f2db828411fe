"""AT commands that only some makes have: tries of the PIN, the SIM's ICCID, switches of chatter."""

from __future__ import annotations

from modem.sim_codes import cme
from modem.sim_commands import Call, optional
from modem.sim_modem import Modem

__all__: list[str] = []


def _tries(modem: Modem) -> tuple[int, int]:
    """Of PIN and PUK. Raises AtError without a SIM."""
    if not modem.sim.present:
        raise cme(10)
    return modem.sim.tries, modem.sim.puk_tries


@optional("+CPINR")
def _tries_3gpp(modem: Modem, call: Call) -> list[str]:
    """3GPP TS 27.007 8.65."""
    pin, puk = _tries(modem)
    lines = [f"+CPINR: SIM PIN,{pin},3", f"+CPINR: SIM PUK,{puk},10"]
    if call.form == "set" and call.args[0]:
        lines = [line for line in lines if line.startswith(f"+CPINR: {call.args[0]},")]
    return [] if call.form == "forms" else lines


@optional("^CPIN")
def _tries_huawei(modem: Modem, call: Call) -> list[str]:
    """Huawei MU509 AT manual 7.4: state, tries of what is asked for, then of PUK, PIN, PUK2, PIN2."""
    pin, puk = _tries(modem)
    if call.form == "set":
        raise cme(4)  # the PIN is given with AT+CPIN
    state = modem.sim.state
    left = {"SIM PIN": str(pin), "SIM PUK": str(puk)}.get(state, "")
    return [f"^CPIN: {state},{left},{puk},{pin},10,3"] if call.form == "ask" else []


@optional("+QPINC")
def _tries_quectel(modem: Modem, call: Call) -> list[str]:
    """Quectel EC25 AT Commands Manual."""
    pin, puk = _tries(modem)
    lines = [f'+QPINC: "SC",{pin},{puk}', '+QPINC: "P2",3,10']
    if call.form == "set":
        return [line for line in lines if f'"{call.args[0]}"' in line]
    return [] if call.form == "forms" else lines


@optional("+SPIC")
def _tries_simcom(modem: Modem, call: Call) -> list[str]:
    """SIMCom AT manuals: PIN, PUK, PIN2, PUK2."""
    pin, puk = _tries(modem)
    return [f"+SPIC: {pin},{puk},3,10"] if call.form == "do" else []


@optional("+ZPINPUK")
def _tries_zte(modem: Modem, call: Call) -> list[str]:
    """As oFono asks a ZTE: the test form tells PIN and PUK."""
    pin, puk = _tries(modem)
    return [f"+ZPINPUK: {pin},{puk}"] if call.form == "forms" else []


_ICCID = {"^ICCID": "ask", "+QCCID": "do", "+CICCID": "do"}


@optional(*_ICCID)
def _iccid(modem: Modem, call: Call) -> list[str]:
    """The SIM's number (ITU-T E.118) as Huawei, Quectel and SIMCom tell it."""
    if not modem.sim.present:
        raise cme(10)
    name = "+ICCID" if call.name == "+CICCID" else call.name
    return [f"{name}: {modem.iccid}"] if call.form == _ICCID[call.name] else []


@optional("^CURC", "^CVOICE", "^USSDMODE", "^SYSCFG", "^SYSCFGEX", "^PORTSEL", "+QURCCFG", "+ZPAS", "+ZOPRT")
def _kept(modem: Modem, call: Call) -> list[str]:
    """Makers' settings that are only remembered; ``AT^USSDMODE`` decides how USSD strings are written."""
    if call.form == "set":
        modem.settings.accepted[call.name] = ",".join(call.args)
        return []
    if call.form != "ask":
        return []
    if call.name == "+ZPAS":
        return [f'+ZPAS: "{"UMTS" if modem.registered else "No Service"}","CS_PS"']
    return [f"{call.name}: {modem.settings.accepted.get(call.name, '0')}"]


@optional("+ZCDRUN")
def _cd(modem: Modem, call: Call) -> list[str]:
    """ZTE: whether it appears as a CD of drivers at the next start (8 no, 9 yes); gammu switches that off."""
    del modem
    if call.form != "set" or call.number(0) not in {8, 9}:
        raise cme(50)
    return [f"{'Close' if call.number(0) == 8 else 'Open'} autorun state result(0:FAIL 1:SUCCESS):1"]


@optional("+AUTOCSQ")
def _autocsq(modem: Modem, call: Call) -> list[str]:
    """SIMCom: ``+CSQ`` unasked, the same line that answers AT+CSQ."""
    if call.form == "set":
        modem.say = (f"+CSQ: {modem.signal},99",) if call.number(0) else ()
        return []
    return [f"+AUTOCSQ: {int(bool(modem.say))},1"] if call.form == "ask" else ["+AUTOCSQ: (0,1),(0,1)"]
