"""The simulated modem as its commands see it: the unit, its ports, and the port whose command is under way."""

from __future__ import annotations

from collections.abc import Callable

from modem.sim_journal import Journal
from modem.sim_network import Carrier
from modem.sim_port import Port
from modem.sim_profiles import Profile
from modem.sim_state import Sim, Stores
from modem.sim_unit import Unit

__all__ = ["Modem"]


class Modem(Unit):
    """A unit that is talked to. Only the first of its ports says things unasked, as on most sticks; the others answer and are silent.

    ``run_line`` gets a command line and returns the blocks of lines to answer before OK, None when the line answers itself, or raises
    AtError.
    """

    def __init__(
        self,
        profile: Profile,
        sim: Sim,
        stores: Stores,
        journal: Journal,
        *,
        number: str,
        smsc: str,
        carrier: Carrier | None = None,
        ports: int = 1,
    ) -> None:
        super().__init__(profile, sim, stores, journal, number=number, smsc=smsc, carrier=carrier)
        self.run_line: Callable[[str], list[list[str]] | None] = lambda _line: []
        self.ports = [Port(self, self._run, place) for place in range(ports)]
        self._asking = self.ports[0]

    def write(self, data: bytes) -> None:
        self.ports[0].write(data)

    def pause(self, seconds: float) -> None:
        self.ports[0].pause(seconds)

    def present(self) -> bool:
        return self.ports[0].present()

    def _run(self, port: Port, line: str) -> list[list[str]] | None:
        self._asking = port
        return self.run_line(line)

    def deaf(self) -> None:
        super().deaf()
        for port in self.ports:
            port.forget()

    def answer(self, blocks: list[list[str]], final: str) -> None:
        """Answer the command under way, before it does something that ends the dialogue."""
        self._asking.answer(blocks, final)

    def answer_later(self, ms: int, blocks: list[list[str]]) -> None:
        """Answer the command under way once the network has; at 0 at once."""
        self._asking.later(ms, blocks)

    def open_prompt(self, length: int, *, store_only: bool = False) -> None:
        self._asking.open_prompt(length, store_only=store_only)

    def submit(self, pdu: str, length: int, *, name: str) -> None:
        self._asking.submit(pdu, length, name=name)
