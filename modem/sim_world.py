"""The whole simulated world in one object: modem, cable, network, handsets, journal, control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from modem import sim_texts
from modem.sim_commands import run_line
from modem.sim_control import ControlServer
from modem.sim_faults import Fault
from modem.sim_journal import Journal
from modem.sim_line import Line
from modem.sim_modem import Modem
from modem.sim_network import Incoming
from modem.sim_pdu import PduError, decode_deliver, decode_report
from modem.sim_state import PROFILES, Sim, Stores

__all__ = ["Simulator"]

_LOADED = sim_texts  # importing it registers its commands


class Simulator:
    """One simulated modem. ``async with Simulator(link) as modem:`` or ``start``/``stop``; the methods between are the control commands.

    ``link`` becomes a symbolic link to the pty, each of ``mute`` to one that never answers, as the other ports of a stick; ``number`` is
    the SIM's; ``pin`` None asks for none. Times are milliseconds:
    ``latency_ms`` from Ctrl-Z to the network's answer (0: at once), ``report_ms`` from then to the status report, ``registration_ms``
    spent searching after each start, ``attach_ms`` from then until the network brings what waited, ``boot_ms`` before it answers at all.
    ``stores`` changes sizes, as in ``{"SM": 5}``.
    Raises ValueError for a profile or store that does not exist.
    """

    def __init__(
        self,
        link: Path | str,
        *,
        control: Path | str | None = None,
        journal: Path | str | None = None,
        mute: Sequence[Path | str] = (),
        number: str = "+15145550100",
        pin: str | None = None,
        profile: str = "generic",
        stores: dict[str, int] | None = None,
        smsc: str = "+15145550000",
        latency_ms: float = 0,
        report_ms: float = 50,
        registration_ms: int = 0,
        boot_ms: int = 0,
        attach_ms: int = 300,
        imei: str | None = None,
    ) -> None:
        if profile not in PROFILES:
            raise ValueError(f"no profile is called {profile!r}: use one of {', '.join(PROFILES)}")
        sizes = dict(PROFILES[profile].sizes)
        if unknown := set(stores or ()) - set(sizes):
            raise ValueError(f"the modem has no store {unknown.pop()!r}: it has {', '.join(sizes)}")
        self._link = Path(link)
        self._control = ControlServer(Path(control), self) if control is not None else None
        self._journal_path = Path(journal) if journal is not None else None
        self._profile, self._sim, self._stores = PROFILES[profile], Sim(pin), Stores(sizes | (stores or {}))
        self._number, self._smsc = number, smsc
        self._start = (latency_ms, report_ms, registration_ms, boot_ms, attach_ms, imei)
        self._line: Line | None = None
        self._mute = [Path(path) for path in mute]
        self._mute_lines: list[Line] = []
        self._back: asyncio.TimerHandle | None = None
        self._journal: Journal
        self._modem: Modem

    async def start(self) -> None:
        """Plug the modem in. Raises OSError where the link, journal or control socket cannot be made."""
        self._journal = Journal(self._journal_path)
        modem = self._modem = Modem(self._profile, self._sim, self._stores, self._journal, number=self._number, smsc=self._smsc)
        latency_ms, report_ms, modem.registration_ms, modem.boot_ms, modem.attach_ms, imei = self._start
        modem.network.latency, modem.network.report_delay = latency_ms / 1000, report_ms / 1000
        modem.imei = imei or modem.imei
        modem.run_line = lambda line: run_line(modem, line)
        modem.unplug = self._pull
        try:
            if self._control is not None:
                await self._control.start()
            self.replug()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Unplug, and leave nothing behind but the journal."""
        self.unplug()
        self._modem.network.close()
        if self._control is not None:
            await self._control.stop()
        self._journal.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # cable

    def unplug(self, back_ms: int | None = None) -> None:
        """Pull the modem out; with ``back_ms`` it comes back by itself."""
        self._pull(back_ms)

    def replug(self, link: str | None = None) -> dict[str, Any]:
        """Plug it in (again), under another path if ``link`` is given."""
        if self._back is not None:
            self._back.cancel()
            self._back = None
        if link is not None:
            self.unplug()
            self._link = Path(link)
        if self._line is None:
            modem = self._modem
            line = self._line = Line(self._link, modem.feed, lambda present: self._journal.add("opened" if present else "closed"))
            modem.write, modem.pause, modem.present = line.write, line.pause, lambda: line.present
            self._mute_lines = [Line(path, lambda _data, _at: None, lambda _present: None) for path in self._mute]
            self._journal.add("plugged", link=str(self._link), device=line.device)
            modem.power_on()
        return {"link": str(self._link), "device": self._line.device}

    def _pull(self, back_ms: int | None) -> None:
        if self._line is not None:
            self._modem.power_off()
            for line in (self._line, *self._mute_lines):
                line.close()
            self._line, self._mute_lines = None, []
            self._journal.add("unplugged", link=str(self._link))
        if back_ms is not None:
            if self._back is not None:
                self._back.cancel()
            self._back = asyncio.get_running_loop().call_later(back_ms / 1000, self.replug)
        elif self._back is not None:
            self._back.cancel()
            self._back = None

    def reboot(self) -> None:
        """Restart the modem without unplugging it: settings are lost."""
        self._modem.restart()

    # handsets and network

    def text(
        self,
        sender: str,
        text: str,
        *,
        sent: datetime | None = None,
        reference: int | None = None,
        wide: bool = False,
        alphabet: Literal["gsm7", "ucs2"] | None = None,
        flash: bool = False,
        cut: bool = False,
        order: list[int] | None = None,
    ) -> dict[str, Any]:
        """A handset ("from", a number or a name) texts the modem.

        ``order`` sends only these parts, so ([2, 1]) reversed, ([1, 1, 2]) doubled or ([1]) never whole; ``reference`` and ``wide`` set the
        concatenation reference; ``cut`` lets a part end within an emoji; ``flash`` is class 0; ``sent`` the SMSC time stamp.
        """
        pdus = self._modem.network.text(
            sender, text, sent=sent, reference=reference, wide=wide, alphabet=alphabet, flash=flash, cut=cut, order=order
        )
        return {"parts": len(pdus), "pdus": pdus}

    def deliver(self, pdu: str, kind: Literal["text", "report"] = "text") -> None:
        """Bring a PDU to the modem as it stands (hex with SMSC octets), right or not."""
        if len(pdu) < 4 or len(pdu) % 2 or any(char not in "0123456789abcdefABCDEF" for char in pdu):
            raise ValueError("pdu is hexadecimal digits, two an octet, SMSC octets first")
        self._modem.network.deliver(Incoming(kind, pdu))

    def inbox(self, number: str) -> list[dict[str, Any]]:
        """The whole texts a handset received, oldest first: sender, text, parts, at (monotonic s), time (UTC), cut."""
        handset = self._modem.network.handsets.get(number)
        return [asdict(text) for text in handset.inbox] if handset else []

    async def wait(self, number: str, count: int = 1, timeout: float = 10) -> list[dict[str, Any]]:  # noqa: ASYNC109 - part of the protocol
        """The inbox of a handset once it has ``count`` texts. Raises TimeoutError."""
        await self._until(lambda: len(self.inbox(number)) >= count, timeout, f"{number} has not {count} texts")
        return self.inbox(number)

    def latency(self, ms: float) -> None:
        """Time from Ctrl-Z to the network's answer; 0 is at once."""
        self._modem.network.latency = _not_negative("ms", ms) / 1000

    def reports(self, ms: float | None = None, status: int | None = None, send: bool = True) -> None:
        """Status reports: how late, with which TP-ST (0 delivered, 48 still trying, 64 and up failed), or none at all."""
        network = self._modem.network
        if ms is not None:
            network.report_delay = _not_negative("ms", ms) / 1000
        if status is not None and not 0 <= status <= 255:
            raise ValueError("status is TP-ST, 0 to 255")
        network.report_status = (status or 0) if send else None

    def registration(self, state: Literal["home", "searching", "denied", "unknown", "roaming"], ms: int | None = None) -> None:
        """What the network says of the SIM, now; ``ms`` sets how long the modem searches after each later start."""
        modem = self._modem
        modem.registration = state
        if ms is not None:
            modem.registration_ms = int(_not_negative("ms", ms))
        modem.registration_changed()

    def signal(self, level: int) -> None:
        """``AT+CSQ``: 0 to 31, 99 for none."""
        if level not in {*range(32), 99}:
            raise ValueError("level is 0 to 31, or 99")
        self._modem.signal = level

    def resize(self, store: str, size: int) -> None:
        """How many messages a store holds; those above it stay until deleted."""
        sizes = self._modem.stores.sizes
        if store not in sizes:
            raise ValueError(f"the modem has no store {store!r}: it has {', '.join(sizes)}")
        sizes[store] = int(_not_negative("size", size))
        self._modem.network.flush()

    def reference(self, next: int) -> None:  # noqa: A002 - the word of the protocol
        """The TP-MR the modem gives to the next part."""
        if not 0 <= next <= 255:
            raise ValueError("next is a TP-MR, 0 to 255")
        self._modem.next_reference = next

    def call(self, sender: str, rings: int = 3, every_ms: int = 5000) -> None:
        """A handset ("from", "" withheld) calls the SIM and gives up after some rings."""
        if not self._modem.registered:
            raise ValueError("the SIM is not on the network: it cannot be called")
        self._modem.voice.ring(sender, rings, every_ms)

    # faults

    def fault(
        self,
        kind: str,
        *,
        at: str = "",
        count: int = 1,
        skip: int = 0,
        number: str | None = None,
        command: str | None = None,
        code: int | None = None,
        line: str | None = None,
        hex: str | None = None,  # noqa: A002 - the word of the protocol
        ms: int | None = None,
    ) -> None:
        """Play a fault, now or ``count`` times after letting ``skip`` pass: see ``modem.sim_faults``. Raises ValueError naming the fix."""
        fault = Fault(kind, at, count, skip, number, command, code, line, hex, ms)
        if fault.at != "now":
            self._modem.faults.add(fault)
        elif kind == "garbage":
            self._journal.add("fault", kind=kind)
            self._modem.write(bytes.fromhex(fault.hex or ""))
        else:
            self._modem.strike(fault)

    def clear(self) -> None:
        """Forget the faults that wait, and end a silence."""
        self._modem.faults.clear()
        self._modem.listen()

    # looking

    def journal(self, since: int = 0, events: list[str] | None = None) -> dict[str, Any]:
        """Entries after the first ``since``, only of ``events`` if given; ``count`` is the next call's ``since``."""
        return {"entries": self._journal.since(since, tuple(events or ())), "count": self._journal.count}

    async def wait_event(
        self,
        event: str,
        count: int = 1,
        since: int = 0,
        timeout: float = 10,  # noqa: ASYNC109 - part of the protocol
        match: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The journal's entries of one event (whose fields are as in ``match``), once there are ``count``. Raises TimeoutError."""

        found: list[dict[str, Any]] = []
        seen = since

        def enough() -> bool:
            nonlocal seen
            fresh, seen = self._journal.since(seen, (event,)), self._journal.count
            found.extend(entry for entry in fresh if all(entry.get(name) == value for name, value in (match or {}).items()))
            return len(found) >= count

        await self._until(enough, timeout, f"no {count} entries {event!r}")
        return found

    def state(self) -> dict[str, Any]:
        """How the modem is: power, SIM, settings, stores with what lies in them, network, waiting faults."""
        modem = self._modem
        settings = modem.settings
        return {
            "link": str(self._link),
            "device": self._line.device if self._line else None,
            "open": bool(self._line and self._line.present),
            "listening": modem.listening,
            "profile": modem.profile.name,
            "sim": modem.sim.state,
            "pin_tries": modem.sim.tries,
            "creg": modem.creg,
            "cnmi": list(settings.cnmi),
            "memories": list(settings.memories),
            "stores": {
                name: {index: _shown(stored.pdu) for index, stored in sorted(held.items())} for name, held in modem.stores.held.items()
            },
            "network": modem.network.state(),
            "faults": modem.faults.state(),
        }

    async def _until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            async with asyncio.timeout(seconds):  # not wait_for: on Python 3.11 that swallows a cancellation that meets a result
                while not true():
                    await self._journal.grown.wait()
        except TimeoutError:
            raise TimeoutError(f"{what} after {seconds:g} s") from None


def _not_negative(name: str, value: float) -> float:
    if value < 0:
        raise ValueError(f"{name} is 0 or more")
    return value


def _shown(pdu: str) -> dict[str, Any]:
    """A stored PDU for people."""
    try:
        deliver = decode_deliver(pdu)
    except PduError:
        try:
            report = decode_report(pdu)
        except PduError:
            return {"pdu": pdu}
        return {"report_of": report.recipient, "reference": report.reference, "status": report.status}
    part = deliver.data.part
    return {"from": deliver.sender, "text": deliver.data.text, "part": [part.number, part.parts] if part else [1, 1]}
