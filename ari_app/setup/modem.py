"""Finding the modem for `textback setup`: who is at which port, and what a person must know of it before it is written down."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ari_app.errors import SetupError
from modem.probe import Probed, probe

__all__ = ["Found", "found_at", "is_path"]

_TRIES = 3
"""A PIN is never tried with fewer left (modem/pin.py)."""


@dataclass(frozen=True, slots=True)
class Found:
    """One modem: the port that answers best, and what it says."""

    said: Probed

    @property
    def needs_pin(self) -> bool:
        return self.said.sim == "SIM PIN"

    @property
    def line(self) -> str:
        """All of it in one line."""
        said = self.said
        parts = [
            said.model or "a modem that does not tell its model",
            f"at {said.port}",
            f"IMEI {said.imei}" if said.imei else "",
            self._sim(),
            f"network {said.operator or '?'} ({said.registration})" if said.registration not in ("", "none") else "",
            f"signal {said.signal}/31" if said.signal is not None else "",
            f"SIM number {said.own_number}" if said.own_number else "",
        ]
        return ", ".join(part for part in parts if part)

    def _sim(self) -> str:
        match self.said.sim:
            case "READY":
                return "SIM ready"
            case "SIM PIN":
                left = self.said.pin_tries
                return "SIM asks for its PIN" + ("" if left is None else f" ({left} tries left)")
            case "":
                return ""
        return f"SIM: {self.said.sim}"

    def check(self) -> None:
        """Raises SetupError for a SIM that a person must see to first: blocked, missing, or with too few tries."""
        said = self.said
        if "PUK" in said.sim:
            raise SetupError(
                f"the SIM at {said.port} is blocked and asks for its PUK", "put it in a phone, enter the PUK there", code="setup_puk"
            )
        if self.needs_pin and said.pin_tries is not None and said.pin_tries < _TRIES:
            raise SetupError(
                f"the SIM at {said.port} has {said.pin_tries} of {_TRIES} PIN tries left; none is risked",
                "put it in a phone, enter its PIN there once, and put it back",
                code="setup_pin_tries",
            )


def is_path(port: str) -> bool:
    """Is it one port, and not "auto" or a pattern."""
    return port != "auto" and not any(char in port for char in "*?[")


def found_at(port: str) -> tuple[tuple[Found, ...], tuple[Probed, ...]]:
    """Every modem that answers at ``port`` ("auto": each likely one), and the ports that say why not. Changes nothing in them."""
    answers = asyncio.run(probe(port))
    modems: dict[str, Found] = {}
    for each in answers:
        if each.code == "answers":
            modems.setdefault(each.imei or each.stick, Found(each))
    quiet = tuple(each for each in answers if each.code not in ("answers", "silent"))
    return tuple(modems.values()), quiet
