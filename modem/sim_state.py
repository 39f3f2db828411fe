"""What the simulated modem remembers: the SIM, the stores, and the settings it loses at a restart."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Settings", "Sim", "Stored", "Stores"]


@dataclass
class Sim:
    """The SIM: what no restart changes."""

    pin: str | None = None
    """None: no PIN is asked for."""
    puk: str = "12345678"
    tries: int = 3
    puk_tries: int = 10
    open: bool = False
    """The PIN was given since the modem started."""
    present: bool = True

    @property
    def state(self) -> str:
        """As ``AT+CPIN?`` says it; "" when there is no SIM or it is blocked for good."""
        if not self.present or not self.puk_tries:
            return ""
        if not self.tries:
            return "SIM PUK"
        return "READY" if self.pin is None or self.open else "SIM PIN"


@dataclass
class Stored:
    """A message in a store. ``status``: 0 unread, 1 read, 2 unsent, 3 sent (``<stat>`` of 3GPP TS 27.005 3.1)."""

    pdu: str
    status: int


class Stores:
    """SM (SIM), ME (modem) and SR (status reports), each with its size. Kept over restarts."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.held: dict[str, dict[int, Stored]] = {name: {} for name in sizes}

    def put(self, store: str, pdu: str, status: int) -> int | None:
        """Index of the message, counted from 1; None when the store is full."""
        held = self.held[store]
        for index in range(1, self.sizes[store] + 1):
            if index not in held:
                held[index] = Stored(pdu, status)
                return index
        return None

    def use(self, store: str) -> str:
        """``<used>,<total>``."""
        return f"{len(self.held[store])},{self.sizes[store]}"


@dataclass
class Settings:
    """What a restart or ``ATZ`` puts back."""

    echo: bool = True
    cmee: int = 0
    memories: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    """<mem1> read and delete, <mem2> write and send, <mem3> receive."""
    cnmi: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    creg: dict[str, int] = field(default_factory=dict)
    """Of +CREG, +CGREG and +CEREG."""
    cops_format: int = 0
    held_back: list[tuple[str, ...]] = field(default_factory=list)
    """Unsolicited lines kept while the first digit of CNMI is 0."""
    acknowledges: bool = False
    """AT+CSMS=1: a text or report handed over wants AT+CNMA before the next (3GPP TS 27.005 3.4.4)."""
    unacknowledged: bool = False
    accepted: dict[str, str] = field(default_factory=dict)
    """Values of settings that are only remembered."""
