"""The AT commands of the simulated modem: how a line is taken apart, which commands a make has, and those of ITU-T V.250."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from modem.sim_codes import AtError, cme, cms
from modem.sim_modem import Modem

__all__ = ["Call", "Command", "command", "commands_of", "optional", "run_line"]

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
_OPTIONAL: set[str] = set()
"""Commands that only makes have whose profile says so."""


def command(*names: str) -> Callable[[Command], Command]:
    """Register a command under its names."""

    def register(function: Command) -> Command:
        _COMMANDS.update(dict.fromkeys(names, function))
        return function

    return register


def optional(*names: str) -> Callable[[Command], Command]:
    """Register a command that a profile must name in ``knows``."""
    _OPTIONAL.update(names)
    return command(*names)


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
    "+CPIN", "+CPINR", "^CPIN", "+QPINC", "+SPIC", "+ZPINPUK", "+CMEE", "+CFUN", "+CGSN", "+CGMI", "+CGMM", "+CGMR", "+CREG", "+CEREG",
    "+CSQ", "+CCID", "^ICCID", "+QCCID", "+CICCID", "^CURC", "+CSCS", "+CLAC", "+COPS",
}  # fmt: skip
_OF_TEXTS = {"+CMGF", "+CMGS", "+CMGL", "+CMGR", "+CMGD", "+CMGW", "+CMSS", "+CPMS", "+CNMI", "+CSCA", "+CSMS", "+CNMA"}


def has(modem: Modem, name: str) -> bool:
    """Does this make have the command?"""
    profile = modem.profile
    return name in _COMMANDS and name not in profile.lacks and (name not in _OPTIONAL or name in profile.knows)


def run_line(modem: Modem, line: str) -> list[list[str]] | None:
    """Run the commands of a line, AT included. Blocks of lines for the reply before OK; None when a command answers by itself."""
    if line.upper() == modem.profile.silencer:
        modem.settings.accepted["chatter"] = "off"
    blocks = []
    for call in commands_of(line[2:]):
        if not has(modem, call.name):
            raise AtError(told=modem.profile.unknown)
        if call.name[0] in "+^" and call.name not in _WITHOUT_PIN:
            _need_sim(modem, texts=call.name in _OF_TEXTS)
        lines = _COMMANDS[call.name](modem, call)
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
    if modem.sim_busy:
        raise cms(314) if texts else cme(14)


# V.250


@command("E")
def _echo(modem: Modem, call: Call) -> list[str]:
    modem.settings.echo = call.args[0] != "0"
    return []


@command("Z", "&F")
def _reset(modem: Modem, call: Call) -> list[str]:
    del call
    memories, modem.settings = modem.settings.memories, modem.defaults()
    modem.settings.memories = memories
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
        modem.voice.hang_up()
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


@command("+CLAC")
def _list_commands(modem: Modem, call: Call) -> list[str]:
    del call
    return ["+CLAC: " + ",".join(sorted(name for name in _COMMANDS if has(modem, name)))]
