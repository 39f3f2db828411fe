"""The simulated network and the handsets on it: carries parts to handsets, texts and status reports to the modem.

Numbers whose last seven digits are ``5559xxx`` misbehave (``MAGIC``), so that a person can see every failure without a command.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from modem.sim_calls import Forward
from modem.sim_codes import CMS_ERRORS
from modem.sim_journal import Journal
from modem.sim_pdu import Part, Submitted, UserData, encode_deliver, encode_report, joined

__all__ = ["MAGIC", "Carrier", "Handset", "Incoming", "Network", "magic_code"]

MAGIC = {
    401: "refused for now: +CMS ERROR: 41 (temporary failure)",
    402: "refused for good: +CMS ERROR: 1 (unassigned number)",
    403: "goes, and the modem never answers the PDU",
    404: "goes, and no status report ever comes",
    405: "goes, and the status report says failed for good (0x41)",
    406: "goes; a report says still trying (0x30), the next one delivered",
    407: "never goes: the modem is unplugged on Ctrl-Z, back after 2 s",
    408: "goes, then the modem is unplugged before +CMGS and back after 2 s",
    409: "goes, and +CMGS comes 10 s late",
}
"""What …5559401 to …5559409 do. Every other …5559xxx whose xxx is a key of ``CMS_ERRORS`` is refused with that code."""


def magic_code(number: str) -> int | None:
    """The xxx of a number that ends in 5559xxx when it means something, else None."""
    digits = number.lstrip("+")
    if len(digits) < 7 or digits[-7:-3] != "5559" or not digits[-3:].isdigit():
        return None
    code = int(digits[-3:])
    return code if code in MAGIC or code in CMS_ERRORS else None


@dataclass
class Received:
    """A text at a handset."""

    sender: str
    text: str
    parts: int
    at: float
    """``time.monotonic()`` of the part that made it whole."""
    time: str
    cut: bool
    """A part of it ended within a character: many phones would show a mark there."""


@dataclass
class Handset:
    """A phone on the network: ``inbox`` has whole texts in the order they became whole."""

    number: str
    inbox: list[Received] = field(default_factory=list)
    partial: dict[tuple[str, Part], dict[int, UserData]] = field(default_factory=dict)

    def receive(self, sender: str, data: UserData, at: float) -> Received | None:
        """Take one part; the text when it is now whole."""
        parts = [data]
        if data.part is not None and data.part.parts > 1:
            key = (sender, Part(data.part.reference, data.part.parts, 0, data.part.wide))
            kept = self.partial.setdefault(key, {})
            kept[data.part.number] = data
            if len(kept) < data.part.parts:
                return None
            del self.partial[key]
            parts = [kept[number] for number in sorted(kept)]
        text = Received(
            sender,
            joined(parts),
            len(parts),
            at,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            any(part.splits_character for part in parts),
        )
        self.inbox.append(text)
        return text


@dataclass(frozen=True)
class Incoming:
    """A PDU on its way to the modem."""

    kind: str
    """"text" or "report"."""
    pdu: str


class Carrier:
    """What the modems of one network have in common: its handsets, and which SIM has which number."""

    def __init__(self) -> None:
        self.handsets: dict[str, Handset] = {}
        self.sims: dict[str, Network] = {}


class Network:
    """The network as one SIM sees it. ``to_modem(incoming)`` gives a PDU to the modem; False: it cannot take it now."""

    def __init__(self, journal: Journal, number: str, smsc: str, to_modem: Callable[[Incoming], bool], carrier: Carrier) -> None:
        self.number = number
        self.smsc = smsc
        self.latency = 0.0
        """Seconds from Ctrl-Z to the network's answer; 0 answers within the same turn of the loop."""
        self.report_delay = 0.05
        self.report_status: int | None = 0x00
        """TP-ST of the reports for numbers that are not magic; None: the network sends none."""
        self.forwarding: dict[int, Forward] = {}
        """By reason (see ``sim_calls``)."""
        self.carrier = carrier
        self.waiting: deque[Incoming] = deque()
        self._journal = journal
        self._to_modem = to_modem
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()
        self._references = itertools.count(1)
        self._flushing = self._again = False
        self._held: list[Callable[[], None]] = []
        carrier.sims[number] = self

    @property
    def handsets(self) -> dict[str, Handset]:
        return self.carrier.handsets

    def handset(self, number: str) -> Handset:
        return self.handsets.setdefault(number, Handset(number))

    def later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something after a while, unless the network is closed before; at once when ``seconds`` is 0."""

        def run() -> None:
            self._timers.discard(handle)
            act()

        handle = self._loop.call_later(seconds, run)
        self._timers.add(handle)
        return handle

    def close(self) -> None:
        for handle in self._timers:
            handle.cancel()
        self._timers.clear()
        if self.carrier.sims.get(self.number) is self:
            del self.carrier.sims[self.number]

    # modem to handset

    def carry(self, submitted: Submitted) -> None:
        """Bring an accepted part to its handset."""
        if magic_code(submitted.number) == 405:
            return
        now = time.monotonic()
        whole = self.handset(submitted.number).receive(self.number, submitted.data, now)
        if whole is not None:
            self._journal.add("arrived", at=now, number=submitted.number, text=whole.text, parts=whole.parts, cut=whole.cut)
            if (sim := self.carrier.sims.get(submitted.number)) is not None:  # a text to a SIM of this network, its own number included
                sim.later(0, partial(self._to_sim, sim, whole.text))

    def _to_sim(self, sim: Network, text: str) -> None:
        sim.text(self.number, text, sim.encode(self.number, text))

    def report(
        self, submitted: Submitted, reference: int, *, delay: float = 0.0, times: int = 1, hold: bool = False, release: bool = False
    ) -> None:
        """Send the status report of an accepted part, as its number, or the network's setting, says.

        ``hold`` keeps it until one comes with ``release``; then all that were kept leave, the last first.
        """
        statuses = {404: [], 405: [0x41], 406: [0x30, 0x00]}.get(magic_code(submitted.number) or 0)
        if statuses is None:
            statuses = [] if self.report_status is None else [self.report_status] * times
        sent = datetime.now().astimezone()
        for place, status in enumerate(statuses, 1):
            leave = partial(self.say, reference, submitted.number, status, sent)
            if hold:
                self._held.append(leave)
            else:
                self.later(self.report_delay * place + delay, leave)
        if release:
            held, self._held = self._held, []

            def leave_all() -> None:
                for leave in reversed(held):
                    leave()

            self.later(self.report_delay + delay, leave_all)

    def say(self, reference: int, number: str, status: int, sent: datetime) -> None:
        """A status report leaves for the modem now."""
        pdu = encode_report(reference, number, sent, datetime.now().astimezone(), status, smsc=self.smsc)
        self._journal.add("report", number=number, reference=reference, status=status)
        self.deliver(Incoming("report", pdu))

    # handset to modem

    def encode(self, sender: str, text: str, *, sent: datetime | None = None, reference: int | None = None, **how: Any) -> list[str]:
        """The parts of a text; ``how`` as in ``encode_deliver``. Raises ValueError for what no handset can send."""
        number = next(self._references) if reference is None else reference
        return encode_deliver(sender, text, sent or datetime.now().astimezone(), smsc=self.smsc, reference=number, **how)

    def text(self, sender: str, text: str, pdus: list[str], order: list[int] | None = None) -> list[str]:
        """A handset texts the modem. ``order`` names the parts to send, counted from 1 (default all, in order). Returns the PDUs sent.

        Raises ValueError for a part that does not exist.
        """
        chosen = order or list(range(1, len(pdus) + 1))
        if bad := [number for number in chosen if not 1 <= number <= len(pdus)]:
            raise ValueError(f"order names part {bad[0]}, the text has {len(pdus)}")
        self._journal.add("sent", number=sender, text=text, parts=len(pdus))
        out = [pdus[number - 1] for number in chosen]
        for pdu in out:
            self.deliver(Incoming("text", pdu))
        return out

    def deliver(self, incoming: Incoming) -> None:
        """Bring a PDU to the modem, or keep it, behind others of its kind, until ``flush``."""
        if any(waiting.kind == incoming.kind for waiting in self.waiting) or not self._to_modem(incoming):
            self.waiting.append(incoming)
            self._journal.add("waiting", kind=incoming.kind)

    def flush(self) -> None:
        """The modem can take something again: registered, or a store has room. Called during a flush, it makes another round."""
        self._again = True
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._again:
                self._again = False
                round_, self.waiting = self.waiting, deque()
                self.waiting.extend([incoming for incoming in round_ if not self._to_modem(incoming)])
        finally:
            self._flushing = False

    def state(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "latency_ms": round(self.latency * 1000),
            "report_ms": round(self.report_delay * 1000),
            "report_status": self.report_status,
            "waiting": len(self.waiting),
            "forwarding": {reason: vars(forward) for reason, forward in sorted(self.forwarding.items())},
            "handsets": {number: len(handset.inbox) for number, handset in self.handsets.items()},
        }
