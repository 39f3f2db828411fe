"""The AT commands of the simulated modem that are about the telephone: identity, PIN, power, network (3GPP TS 27.007)."""

from __future__ import annotations

from modem.sim_codes import cme
from modem.sim_commands import Call, command
from modem.sim_modem import Modem

__all__: list[str] = []


# identity and SIM


@command("+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CCID")
def _who(modem: Modem, call: Call) -> list[str]:
    if call.form == "forms":
        return []
    if call.form != "do":
        raise cme(4)
    profile = modem.profile
    return {
        "+CGMI": [profile.manufacturer],
        "+CGMM": [profile.model],
        "+CGMR": [profile.revision],
        "+CGSN": [modem.imei],
        "+CIMI": [modem.imsi],
        "+CCID": [f"+CCID: {modem.iccid}"],
    }[call.name]


@command("+CPIN")
def _pin(modem: Modem, call: Call) -> list[str]:
    sim = modem.sim
    if not sim.state:
        raise cme(10 if not sim.present else 13)
    if modem.sim_busy:
        raise cme(14)
    if call.form == "ask":
        return [f"+CPIN: {sim.state}"]
    if call.form != "set":
        return []
    given = call.args[0]
    if sim.state == "SIM PUK":
        if len(call.args) < 2:
            raise cme(12)
        if given != sim.puk:
            sim.puk_tries -= 1
            raise cme(16 if sim.puk_tries else 13)
        sim.pin, sim.tries, sim.puk_tries = call.args[1], 3, 10
    elif sim.state == "SIM PIN":
        if given != sim.pin:
            sim.tries -= 1
            raise cme(16 if sim.tries else 12)
        sim.tries = 3
    else:
        raise cme(3)
    sim.open = True
    modem.occupy_sim()
    modem.search()
    return []


# telephone and network


@command("+CFUN")
def _power(modem: Modem, call: Call) -> list[str] | None:
    if call.form == "ask":
        return [f"+CFUN: {modem.radio}"]
    if call.form == "forms":
        return ["+CFUN: (0,1,4),(0,1)"]
    level, restart = call.number(0), call.number(1, 0)
    if level not in {0, 1, 4} or restart not in {0, 1} or call.form != "set":
        raise cme(50)
    if restart:
        modem.answer([], "OK")
        modem.reset()
        return None
    if level != modem.radio:
        modem.radio = level
        if level == 1:
            modem.search()
        else:
            modem.network.later(0, modem.registration_changed)
    return []


@command("+CREG", "+CGREG", "+CEREG")
def _registration(modem: Modem, call: Call) -> list[str]:
    if call.form == "forms":
        return [f"{call.name}: (0-2)"]
    if call.form == "set":
        if call.number(0) > 2:
            raise cme(50)
        modem.settings.creg[call.name] = call.number(0)
        return []
    mode = modem.settings.creg.get(call.name, 0)
    return [f"{call.name}: {mode},{modem.creg}{modem.cell if mode == 2 else ''}"]


@command("+COPS")
def _operator(modem: Modem, call: Call) -> list[str]:
    settings = modem.settings
    if call.form == "forms":
        return ['+COPS: (2,"Simulated Network","Sim Net","302990",2),,(0,1,2,3,4),(0,1,2)']
    if call.form == "set":
        if call.number(0) == 3:
            settings.cops_format = call.number(1)
        return []
    if not modem.registered:
        return ["+COPS: 0"]
    name = {0: "Simulated Network", 1: "Sim Net"}.get(settings.cops_format, "302990")
    return [f'+COPS: 0,{settings.cops_format},"{name}"']


@command("+CSQ")
def _signal(modem: Modem, call: Call) -> list[str]:
    if call.form == "forms":
        return ["+CSQ: (0-31,99),(0-7,99)"]
    return [f"+CSQ: {modem.signal if modem.radio == 1 else 99},99"]


@command("+CMEE")
def _error_form(modem: Modem, call: Call) -> list[str]:
    if call.form == "ask":
        return [f"+CMEE: {modem.settings.cmee}"]
    if call.form == "forms":
        return ["+CMEE: (0,1,2)"]
    if call.number(0, 0) > 2:
        raise cme(50)
    modem.settings.cmee = call.number(0, 0)
    return []


_REMEMBERED = {
    "+CSCS": ('"IRA"', '"GSM"', '"UCS2"'),
    "+CMMS": ("0", "1", "2"),
    "+CVHU": ("0", "1"),
    "+CGATT": ("1", "0"),
    "+IFC": ("2", "0", "1"),
    "+IPR": ("115200", "0", "9600"),
    "+CTZU": ("0", "1"),
    "+CCWA": ("0", "1"),
}


@command(*_REMEMBERED)
def _remembered(modem: Modem, call: Call) -> list[str]:
    """Settings the simulator only keeps; the first value is the default."""
    values = _REMEMBERED[call.name]
    if call.form == "forms":
        return [f"{call.name}: ({','.join(values)})"]
    if call.form == "set":
        if call.args[0] not in {value.strip('"') for value in values}:
            raise cme(4)
        modem.settings.accepted[call.name] = call.args[0]
        return []
    quote = '"' if values[0].startswith('"') else ""
    return [f"{call.name}: {quote}{modem.settings.accepted.get(call.name, values[0].strip(quote))}{quote}"]


@command("+CBC")
def _battery(modem: Modem, call: Call) -> list[str]:
    del modem
    return [] if call.form == "forms" else ["+CBC: 0,100"]
