"""The AT commands of the simulated modem: how a line is taken apart, and every command that is not about texts.

Sources: ITU-T V.250 (line syntax, basic commands), 3GPP TS 27.007 (commands of the telephone).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from modem.sim_codes import AtError, cme, cms
from modem.sim_modem import Modem
from modem.sim_state import Settings

__all__ = ["Call", "Command", "command", "commands_of", "run_line"]

_COMMAND = re.compile(r"([+^$%*#][A-Z][A-Z0-9]*)|(&?[A-Z])(\d*)|S(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """One command of a line. ``form``: "do" (AT+X), "ask" (AT+X?), "forms" (AT+X=?) or "set" (AT+X=…)."""

    name: str
    form: str = "do"
    args: tuple[str, ...] = ()

    def number(self, place: int, default: int | None = None) -> int:
        """Argument ``place`` as a number. Raises AtError where it is none and there is no default."""
        text = self.args[place] if place < len(self.args) else ""
        if not text and default is not None:
            return default
        if not text.isdecimal():
            raise cme(50)
        return int(text)


Command = Callable[[Modem, Call], list[str] | None]
"""Returns the information lines, or None when it answers by itself. Raises AtError."""

_COMMANDS: dict[str, Command] = {}


def command(*names: str) -> Callable[[Command], Command]:
    """Register a command under its names."""

    def register(function: Command) -> Command:
        _COMMANDS.update(dict.fromkeys(names, function))
        return function

    return register


def commands_of(line: str) -> list[Call]:
    """The commands of a line without its AT (V.250 5.2). Raises AtError when it cannot be read."""
    calls: list[Call] = []
    rest = line.strip()
    while rest:
        if rest[0].upper() == "D":
            return [*calls, Call("D", "set", (rest[1:],))]
        match = _COMMAND.match(rest)
        if match is None:
            raise AtError
        rest = rest[match.end() :]
        if match[1] is None:
            calls.append(Call((match[2] or "S").upper(), "do", (match[3] or match[4] or "0",)))
            if match[4] is not None:
                rest = re.sub(r"^(=\d+|\?)", "", rest)
            rest = rest.removeprefix(";")
            continue
        upto = _end_of_command(rest)
        calls.append(_extended(match[1].upper(), rest[:upto].strip()))
        rest = rest[upto + 1 :].lstrip()
    return calls


def _end_of_command(text: str) -> int:
    quoted = False
    for place, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            return place
    return len(text)


def _extended(name: str, tail: str) -> Call:
    if not tail:
        return Call(name)
    if tail == "?":
        return Call(name, "ask")
    if tail == "=?":
        return Call(name, "forms")
    if tail[0] != "=":
        raise AtError
    return Call(name, "set", tuple(arg.strip().strip('"') for arg in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', tail[1:])))


_WITHOUT_PIN = {
    "+CPIN",
    "+CPINR",
    "+CMEE",
    "+CFUN",
    "+CGSN",
    "+CGMI",
    "+CGMM",
    "+CGMR",
    "+CREG",
    "+CSQ",
    "+CCID",
    "+CSCS",
    "+CLAC",
    "+COPS",
}
_OF_TEXTS = {"+CMGF", "+CMGS", "+CMGL", "+CMGR", "+CMGD", "+CMGW", "+CMSS", "+CPMS", "+CNMI", "+CSCA", "+CSMS", "+CNMA"}


def run_line(modem: Modem, line: str) -> list[list[str]] | None:
    """Run the commands of a line, AT included. Blocks of lines for the reply before OK; None when a command answers by itself."""
    if modem.profile.silencer and line.upper() == modem.profile.silencer:
        modem.settings.accepted["chatter"] = "off"
        return []
    blocks = []
    for call in commands_of(line[2:]):
        function = _COMMANDS.get(call.name)
        if function is None:
            raise AtError
        if call.name[0] in "+^" and call.name not in _WITHOUT_PIN:
            _need_sim(modem, texts=call.name in _OF_TEXTS)
        lines = function(modem, call)
        if lines is None:
            return None
        if lines:
            blocks.append(lines)
    return blocks


def _need_sim(modem: Modem, *, texts: bool) -> None:
    state = modem.sim.state
    if state != "READY":
        code, text_code = {"SIM PIN": (11, 311), "SIM PUK": (12, 316)}.get(state, (10, 310))
        raise cms(text_code) if texts else cme(code)


# V.250


@command("E")
def _echo(modem: Modem, call: Call) -> list[str]:
    modem.settings.echo = call.args[0] != "0"
    return []


@command("Z", "&F")
def _reset(modem: Modem, call: Call) -> list[str]:
    del call
    modem.settings = Settings(memories=modem.settings.memories)
    modem.voice.clip = modem.voice.long_form = False
    return []


@command("V", "Q", "X", "S", "&C", "&D", "&S", "&K", "&W", "L", "M", "P", "T")
def _nothing_to_do(modem: Modem, call: Call) -> list[str]:
    del modem
    if (call.name, call.args[0]) in {("V", "0"), ("Q", "1")}:
        raise AtError  # answers without words, or none at all, are not simulated
    return []


@command("I")
def _identity(modem: Modem, call: Call) -> list[str]:
    del call
    profile = modem.profile
    return [profile.manufacturer, profile.model, profile.revision]


@command("H", "+CHUP")
def _hang_up(modem: Modem, call: Call) -> list[str]:
    if call.form == "do":
        modem.voice.drop()
    return []


@command("A")
def _answer_call(modem: Modem, call: Call) -> list[str]:
    del call
    if not modem.voice.answer():
        raise AtError
    return []


@command("+CLCC")
def _current_calls(modem: Modem, call: Call) -> list[str]:
    line = modem.voice.line() if call.form == "do" else None
    return [line] if line else []


# identity and SIM


@command("+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CCID", "+CNUM")
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
        "+CCID": ["+CCID: 89302720" + modem.imsi[3:]],
        "+CNUM": [f'+CNUM: ,"{modem.network.number}",145'],
    }[call.name]


@command("+CPIN")
def _pin(modem: Modem, call: Call) -> list[str]:
    sim = modem.sim
    if not sim.state:
        raise cme(10 if not sim.present else 13)
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
    modem.search()
    return []


@command("+CPINR")
def _pin_tries(modem: Modem, call: Call) -> list[str]:
    """Tries left (TS 27.007 8.65)."""
    if not modem.sim.present:
        raise cme(10)
    lines = [f"+CPINR: SIM PIN,{modem.sim.tries},3", f"+CPINR: SIM PUK,{modem.sim.puk_tries},10"]
    if call.form == "set" and call.args[0]:
        lines = [line for line in lines if line.startswith(f"+CPINR: {call.args[0]},")]
    return [] if call.form == "forms" else lines


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
        modem.restart()
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
    place = ',"1A2B","00C3D4E5"' if mode == 2 and modem.registered else ""
    return [f"{call.name}: {mode},{modem.creg}{place}"]


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


@command("+CLIP", "+CRC")
def _ringing(modem: Modem, call: Call) -> list[str]:
    field = "clip" if call.name == "+CLIP" else "long_form"
    if call.form == "forms":
        return [f"{call.name}: (0,1)"]
    if call.form == "ask":
        return [f"{call.name}: {int(getattr(modem.voice, field))}" + (",1" if field == "clip" else "")]
    if call.number(0, 0) > 1:
        raise cme(50)
    setattr(modem.voice, field, bool(call.number(0, 0)))
    return []


_REMEMBERED = {
    "+CSCS": ('"IRA"', '"GSM"', '"UCS2"'),
    "+CMMS": ("0", "1", "2"),
    "+CVHU": ("0", "1"),
    "+CUSD": ("0", "1", "2"),
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
        if call.args[0] not in {value.strip('"') for value in values} or (call.name == "+CUSD" and len(call.args) > 1):
            raise cme(4)
        modem.settings.accepted[call.name] = call.args[0]
        return []
    quote = '"' if values[0].startswith('"') else ""
    return [f"{call.name}: {quote}{modem.settings.accepted.get(call.name, values[0].strip(quote))}{quote}"]


@command("+CBC")
def _battery(modem: Modem, call: Call) -> list[str]:
    del modem
    return [] if call.form == "forms" else ["+CBC: 0,100"]


@command("+CLAC")
def _list_commands(modem: Modem, call: Call) -> list[str]:
    del modem, call
    return ["+CLAC: " + ",".join(sorted(_COMMANDS))]
