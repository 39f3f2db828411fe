"""The AT commands of the simulated modem that are services of the network: caller ID, forwarding, USSD (3GPP TS 27.007 clause 7)."""

from __future__ import annotations

from modem.sim_alphabet import decoded, unpacked
from modem.sim_calls import BUSY, NO_REPLY, NOT_REACHABLE, UNCONDITIONAL, Forward, kind_of
from modem.sim_codes import cme
from modem.sim_commands import Call, command
from modem.sim_modem import Modem

__all__: list[str] = []


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


@command("+CNUM")
def _own_number(modem: Modem, call: Call) -> list[str]:
    """The SIM's own number (7.1); a SIM whose carrier wrote none answers OK alone."""
    if call.form == "forms" or not modem.tells_number:
        return []
    number = modem.network.number
    return [f'+CNUM: ,"{number}",{kind_of(number)}']


_QUERY = 2
_REASONS = {
    4: (UNCONDITIONAL, BUSY, NO_REPLY, NOT_REACHABLE),  # all
    5: (BUSY, NO_REPLY, NOT_REACHABLE),  # all conditional
} | {reason: (reason,) for reason in (UNCONDITIONAL, BUSY, NO_REPLY, NOT_REACHABLE)}


@command("+CCFC")
def _forwarding(modem: Modem, call: Call) -> list[str] | None:
    """Call forwarding (7.11). The network keeps what was registered, so no restart changes it; its answer takes a network time."""
    if call.form == "forms":
        return ["+CCFC: (0-5)"]
    if call.form != "set":
        raise cme(50)
    reason, mode, classes = call.number(0), call.number(1), call.number(4, 7)
    if reason not in _REASONS or not 0 <= mode <= 4:
        raise cme(50)
    if not modem.registered:
        raise cme(30)
    if mode == _QUERY:
        if len(_REASONS[reason]) > 1:
            raise cme(50)
        lines = _forwarding_lines(modem.network.forwarding.get(reason), reason, classes)
    else:
        if not classes & 1:
            raise cme(3)  # only voice is provisioned
        lines = []
        for each in _REASONS[reason]:
            _set_forwarding(modem.network.forwarding, each, mode, call)
    modem.journal.add("forwarding", reason=reason, mode=mode, number=call.args[2] if mode in {1, 3} and len(call.args) > 2 else None)
    modem.answer_later(round(modem.network.latency * 1000), [lines] if lines else [])
    return None


def _forwarding_lines(forward: Forward | None, reason: int, classes: int) -> list[str]:
    if forward is None or not classes & 1:
        return [f"+CCFC: 0,{classes}"]
    time = f",,,{forward.seconds}" if reason == NO_REPLY else ""
    voice = f'+CCFC: {int(forward.active)},1,"{forward.number}",{kind_of(forward.number)}{time}'
    return [voice, *(f"+CCFC: 0,{each}" for each in (2, 4) if classes & each)]


def _set_forwarding(forwarding: dict[int, Forward], reason: int, mode: int, call: Call) -> None:
    """Modes 0 disable, 1 enable, 3 registration (which also enables, TS 22.082 1.3.1), 4 erasure."""
    known = forwarding.get(reason)
    if mode == 4:
        forwarding.pop(reason, None)
    elif mode == 3 or (mode == 1 and len(call.args) > 2):
        number = call.args[2] if len(call.args) > 2 else ""
        seconds = call.number(7, 20)
        if not number.removeprefix("+").isdecimal() or seconds not in range(5, 31, 5):
            raise cme(50)
        kind = call.number(3, kind_of(number))
        forwarding[reason] = Forward("+" + number if kind == 145 and not number.startswith("+") else number, seconds=seconds)
    elif known is not None:
        known.active = mode == 1
    elif mode == 1:
        raise cme(3)  # nothing registered that could be enabled


@command("+CUSD")
def _ussd(modem: Modem, call: Call) -> list[str] | None:
    """USSD (7.15)."""
    settings = modem.settings
    shown = settings.accepted.get("+CUSD", "0")
    if call.form == "forms":
        return ["+CUSD: (0-2)"]
    if call.form != "set":
        return [f"+CUSD: {shown}"]
    mode = call.number(0, 1)
    if mode > 2:
        raise cme(50)
    if mode == 2:
        modem.ussd.end()
        return []
    settings.accepted["+CUSD"] = str(mode)
    if len(call.args) < 2:
        return []
    if not modem.registered:
        raise cme(30)
    charset = ussd_charset(modem)
    lines, afterwards = modem.ussd.ask(_code(call.args[1], charset), charset, shown=mode == 1)
    modem.answer([lines] if lines else [], "OK")
    afterwards()
    return None


def ussd_charset(modem: Modem) -> str:
    """How strings of USSD are written: as AT+CSCS says, or packed septets while a Huawei's AT^USSDMODE is 1."""
    if modem.settings.accepted.get("^USSDMODE") == "1":
        return "RAW"
    return modem.settings.accepted.get("+CSCS", "IRA")


def _code(told: str, charset: str) -> str:
    """The code a client asks for. Raises AtError when it is not in the alphabet that is set."""
    if charset not in {"RAW", "UCS2"}:
        return told
    try:
        octets = bytes.fromhex(told)
    except ValueError:
        raise cme(25) from None
    if charset == "UCS2":
        return decoded("ucs2", octets)
    return decoded("gsm7", unpacked(octets, len(octets) * 8 // 7)).rstrip("@\r")
