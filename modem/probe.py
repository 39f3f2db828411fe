"""Asking every port that may be a modem who it is, for people who set one up. Changes nothing in modem or SIM that lasts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modem.at import Dialogue
from modem.codes import SIM_BUSY, error_code
from modem.condition import DENIED, NOT_REGISTERED
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.link import Link
from modem.pin import TRIES, few_tries, locked, needed, no_sim, tries_left
from modem.ports import Place, is_pattern, places
from modem.session import identify, read_operator, read_own_number, read_registration, read_signal
from modem.timing import Timing

__all__ = ["Probed", "probe"]

_REGISTRATIONS = {0: "none", 1: "home", 2: "searching", 3: "denied", 5: "roaming", 6: "home", 7: "roaming"}
"""27.007 7.2."""


_OFF = {"denied": DENIED, "none": NOT_REGISTERED, "searching": NOT_REGISTERED}
_BUSY = {error_code(f"+{family} ERROR: {number}")[2] for family, number in SIM_BUSY}


@dataclass(frozen=True, slots=True)
class Probed:
    """What one port said. ``code``: "answers", "silent", or a code of ``ModemError`` such as "port_busy" and "permission"."""

    port: str
    stick: str
    """The USB socket ("1-1.2") of the device it belongs to: ports of one device have it in common."""
    code: str
    what: str
    fix: str = ""
    model: str = ""
    imei: str = ""
    sim: str = ""
    """As ``AT+CPIN?`` says it ("READY", "SIM PIN"), or why it does not; "" when not known."""
    pin_tries: int | None = None
    """Where the SIM asks for its PIN: the tries left, if the modem counts them."""
    registration: str = ""
    """"home", "roaming", "searching", "denied", "none"; "" when not known."""
    operator: str = ""
    signal: int | None = None
    """0 … 31, as in ``Health``."""
    own_number: str = ""
    """The SIM's number as the SIM tells it: often nothing."""

    def trouble(self, *, pin: bool) -> ModemError | None:
        """What keeps texts from going, in the driver's words; None: nothing that can be seen from here. ``pin``: one is given."""
        if self.code != "answers":
            return ModemError(self.code, self.what, self.fix)
        if self.sim == "SIM PIN":
            if not pin:
                return needed()
            return few_tries(self.pin_tries) if self.pin_tries is not None and self.pin_tries < TRIES else None
        if self.sim and self.sim != "READY" and self.sim not in _BUSY:
            return locked(self.sim) if self.sim.isupper() else no_sim(self.sim)
        off = _OFF.get(self.registration)
        return None if off is None else ModemError(*off[1:])


async def probe(port: str = "auto", timing: Timing = Timing()) -> tuple[Probed, ...]:  # noqa: B008 - frozen
    """Ask the ports that "auto", a pattern or a path stands for: sticks side by side, a stick's ports in order. Never raises.

    A port that a driver or another program has open is told as "port_busy".
    """
    found = await asyncio.to_thread(places, port) if is_pattern(port) else (Place(port, port),)
    sticks: dict[str, list[Place]] = {}
    for place in found:
        sticks.setdefault(place.stick, []).append(place)
    answers = await asyncio.gather(*(_ask_stick(each, timing) for each in sticks.values()))
    return tuple(answer for stick in answers for answer in stick)


async def _ask_stick(stick: list[Place], timing: Timing) -> list[Probed]:
    return [await _ask(place, timing) for place in stick]


async def _ask(place: Place, timing: Timing) -> Probed:
    try:
        link = await Link.open(place.path)
    except ModemError as error:
        return Probed(place.path, place.stick, error.code, error.what, error.fix)
    dialogue = Dialogue(link, lambda urc: None, probe=timing.find, tries=timing.probes, settle=timing.settle)  # noqa: ARG005 - nobody listens
    link.attach(dialogue.feed, dialogue.lost)
    told: dict[str, str | int | None] = {}
    try:
        async with asyncio.timeout(timing.look_of_port):
            await _tell(dialogue, timing, told)
    except (LinkLostError, NoAnswerError, TimeoutError):
        if not told:
            return Probed(place.path, place.stick, "silent", "nothing answers AT here", "a stick has several ports: use one that answers")
    finally:
        link.close()
    return Probed(place.path, place.stick, "answers", "a modem answers", **told)  # type: ignore[arg-type] # names and types of the fields


async def _tell(dialogue: Dialogue, timing: Timing, told: dict[str, str | int | None]) -> None:
    """Ask one thing after the other; what was heard stays told when the modem falls silent."""
    radio = await identify(dialogue, timing)
    told.update(model=radio.model, imei=radio.imei)
    await dialogue.command("AT+CMEE=1", timeout=timing.command)  # else all that is wrong with a SIM is ERROR
    reply = await dialogue.command("AT+CPIN?", "+CPIN:", timeout=timing.command)
    told["sim"] = (reply.value("+CPIN:") or "").strip('"').upper() if reply.ok else error_code(reply.final)[2]
    if told["sim"] == "SIM PIN":
        told["pin_tries"] = await tries_left(dialogue, timing)
    registration = await read_registration(dialogue, timing)
    told["registration"] = _REGISTRATIONS.get(registration, "") if registration is not None else ""
    told["signal"] = await read_signal(dialogue, timing)
    told["operator"] = await read_operator(dialogue, timing)
    told["own_number"] = await read_own_number(dialogue, timing)
