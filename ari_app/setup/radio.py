"""Questions about the modem: which one, its SIM's PIN, its number, where its voice calls go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ari_app.errors import SetupError
from ari_app.numbers import e164
from ari_app.setup.asking import Answers, Asking, Terminal, check_key
from ari_app.setup.modem import Found, found_at, is_path
from ari_app.setup.portal import read_secret

__all__ = ["Radios", "ask_modems"]

_NONE = "none"
_NAME = "gsm{}"


@dataclass(frozen=True, slots=True)
class Radios:
    """[[modem]] as it is to be (None: as the file has it), the PINs by name, and what was found, in words."""

    modems: tuple[dict[str, Any], ...] | None = None
    pins: dict[str, str] = field(default_factory=dict, repr=False)
    found: tuple[str, ...] = ()


def ask_modems(asking: Asking, answers: Answers, say: Callable[[str], None]) -> Radios:
    """Looks at the ports and asks. Raises SetupError for a SIM that a person must see to first, click.BadParameter for a wrong flag."""
    given = asking.given("--modem")
    if given == _NONE:
        return Radios(() if asking.afresh else None)
    if not asking.afresh:
        held = _held(asking, given)
        if given is None or held is not None:
            return _changed(asking, answers, held)  # the service may have it: it is not asked
    found, trouble = _look(given or "auto", asking.interview)
    for each in found:
        say(f"Modem: {each.line}.")
    for said in trouble:
        say(said)
    chosen = _choose(asking, found, given, trouble)
    for each in chosen:
        each.check()
    modems, pins = [], {}
    for position, each in enumerate(chosen, 1):
        name = _NAME.format(position)
        modem: dict[str, Any] = {"name": name, "port": given, "imei": None}
        if len(found) > 1 or given is None:
            modem["imei"] = each.said.imei or None
        pin = _pin(asking, name, each)
        if pin is not None:
            pins[name] = pin
        modem["number"], modem["forward"] = _number(asking, answers, each), _forward(asking, answers, name)
        modems.append(modem)
    return Radios(tuple(modems), pins, tuple(each.line for each in chosen))


def _held(asking: Asking, port: str | None) -> dict[str, Any] | None:
    """The [[modem]] of the file at that port; the first where none is named."""
    modems: list[dict[str, Any]] = [each for each in asking.there("modem") or () if each.get("kind", "serial") == "serial"]
    return next((each for each in modems if port in (None, each.get("port", "auto"))), None)


def _changed(asking: Asking, answers: Answers, held: dict[str, Any] | None) -> Radios:
    """What options change of a modem that stands in the file."""
    flags = {"number": "--sim-number", "forward": "--forward"}
    given = {key: flag for key, flag in flags.items() if asking.given(flag) is not None}
    pin_file = asking.given("--pin-file")
    if held is None or not (given or pin_file):
        return Radios()
    modem = {"name": held["name"]}
    for key, flag in given.items():
        modem[key] = asking.value(flag, "", lambda written: _phone(written, _country(answers)))
    pins = {} if pin_file is None else {held["name"]: _checked_pin(read_secret(Path(pin_file), "--pin-file"))}
    return Radios((modem,), pins)


def _look(port: str, terminal: Terminal | None) -> tuple[tuple[Found, ...], list[str]]:
    while True:
        found, quiet = found_at(port)
        trouble = [f"{each.port}: {each.what}{'; ' if each.fix else ''}{each.fix}." for each in quiet]
        if found or terminal is None:
            return found, trouble
        for said in trouble:
            terminal.say(said)
        terminal.say("No modem answers. Plug it in, with its SIM.")
        if not terminal.yes("Look again", default=True):
            return (), []


def _choose(asking: Asking, found: tuple[Found, ...], given: str | None, trouble: list[str]) -> tuple[Found, ...]:
    if len(found) <= 1 or (given is not None and is_path(given)):
        if not found and asking.interview is None:
            if given is not None:
                why = "; ".join(trouble).removesuffix(".") or "see textback modem probe"
                raise click.BadParameter(f"no modem answers ({given}): {why}", param_hint="--modem")
            asking.missing.append("--modem")
        return found
    if asking.interview is None:
        asking.missing.append("--modem")
        return ()
    ports = [each.said.port for each in found]

    def check(written: str) -> tuple[Found, ...]:
        if written == "all":
            return found
        if written not in ports:
            raise SetupError(f"none answers at {written}", f"write all, or one of {', '.join(ports)}", code="setup_answer")
        return tuple(each for each in found if each.said.port == written)

    return asking.value("--modem-choice", "Which of them (all, or a port)", check, default="all") or ()


def _pin(asking: Asking, name: str, found: Found) -> str | None:
    if not found.needs_pin:
        return None
    file = asking.given("--pin-file")
    if file is not None:
        return _checked_pin(read_secret(Path(file), "--pin-file"))
    if asking.terminal is None:
        asking.missing.append("--pin-file")
        return None
    while True:
        written = asking.terminal.secret(f"PIN of the SIM in {name}", twice=True)
        try:
            return _checked_pin(written)
        except SetupError as error:
            asking.terminal.say(f"{error.what}; {error.fix}")


def _checked_pin(written: str) -> str:
    if not (written.isascii() and written.isdecimal() and 4 <= len(written) <= 8):
        raise SetupError("that is no PIN", "write 4 to 8 digits", code="setup_pin")
    return written


def _country(answers: Answers) -> str:
    return answers.get("clinic.country") or "CA"


def _phone(written: str, country: str) -> str:
    found = e164(written, country)
    if found is None:
        raise SetupError(f'"{written}" is no phone number', 'write it as "+15145550123"', code="setup_number")
    return found


def _number(asking: Asking, answers: Answers, found: Found) -> str | None:
    own = e164(found.said.own_number, _country(answers))
    if own is not None and asking.given("--sim-number") is None:
        return own
    return asking.value(
        "--sim-number", "Number of the SIM (empty: not known)", lambda given: _phone(given, _country(answers)), needed=False
    )


def _forward(asking: Asking, answers: Answers, name: str) -> str | None:
    """Where the network sends calls to the SIM. Callers who phone the number a text came from reach the clinic so."""
    clinic = answers["clinic.number"]
    given = asking.given("--forward")
    if given is not None:
        return str(asking.value("--forward", "", lambda written: _phone(written, _country(answers))))
    terminal = asking.interview
    if terminal is None or clinic is None:
        return None
    words = f"Have the network forward calls to the SIM of {name} to the clinic ({clinic})? Otherwise they are rejected and listed"
    return str(check_key("clinic.number", clinic)) if terminal.yes(words, default=True) else None
