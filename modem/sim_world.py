"""The whole simulated world in one object: modem, cable, network, handsets, journal, control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from modem import sim_maker, sim_services, sim_telephone, sim_texts
from modem.sim_commands import run_line
from modem.sim_control import ControlServer
from modem.sim_controls import NetworkControls, not_negative
from modem.sim_faults import Fault
from modem.sim_journal import Journal
from modem.sim_line import Line
from modem.sim_modem import Modem
from modem.sim_network import Carrier
from modem.sim_pdu import PduError, decode_deliver, decode_report
from modem.sim_profiles import PROFILES
from modem.sim_state import Sim, Stores

__all__ = ["Carrier", "Simulator"]

_LOADED = (sim_telephone, sim_services, sim_texts, sim_maker)  # importing them registers their commands


class Simulator(NetworkControls):
    """One simulated modem. ``async with Simulator(link) as modem:`` or ``start``/``stop``; the methods between are the control commands.

    ``link`` becomes a symbolic link to the pty. A stick has more ports: each of ``quiet`` answers AT too but never announces anything, each
    of ``mute`` never answers. ``number`` is the SIM's; ``pin`` None asks for none. Several modems given the same ``carrier`` are on one
    network: they share its handsets and can text each other. Times are milliseconds:
    ``latency_ms`` from Ctrl-Z to the network's answer (0: at once), ``report_ms`` from then to the status report, ``registration_ms``
    spent searching after each start, ``attach_ms`` from then until the network brings what waited, ``boot_ms`` before it answers at all,
    ``sim_ms`` of "SIM busy" after a start and after the PIN, ``away_ms`` the port is gone after AT+CFUN=1,1 (None: as the make does; 0: it
    stays). ``stores`` changes sizes, as in ``{"SM": 5}``.
    Raises ValueError for a profile or store that does not exist.
    """

    def __init__(
        self,
        link: Path | str,
        *,
        control: Path | str | None = None,
        journal: Path | str | None = None,
        mute: Sequence[Path | str] = (),
        quiet: Sequence[Path | str] = (),
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
        sim_ms: int = 0,
        away_ms: int | None = None,
        imei: str | None = None,
        carrier: Carrier | None = None,
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
        self._start = (latency_ms, report_ms, registration_ms, boot_ms, attach_ms, sim_ms, away_ms, imei)
        self._carrier = carrier
        self._line: Line | None = None
        self._quiet, self._mute = [Path(path) for path in quiet], [Path(path) for path in mute]
        self._more_lines: list[Line] = []
        self._back: asyncio.TimerHandle | None = None
        self._journal: Journal
        self._modem: Modem

    async def start(self) -> None:
        """Plug the modem in. Raises OSError where the link, journal or control socket cannot be made."""
        self._journal = Journal(self._journal_path)
        modem = self._modem = Modem(
            self._profile, self._sim, self._stores, self._journal,
            number=self._number, smsc=self._smsc, carrier=self._carrier, ports=1 + len(self._quiet),
        )  # fmt: skip
        latency_ms, report_ms, modem.registration_ms, modem.boot_ms, modem.attach_ms, modem.sim_ms, away_ms, imei = self._start
        modem.network.latency, modem.network.report_delay = latency_ms / 1000, report_ms / 1000
        modem.away_ms = modem.away_ms if away_ms is None else away_ms
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
            line = self._line = Line(self._link, modem.ports[0].feed, lambda present: self._journal.add("opened" if present else "closed"))
            quiet = [Line(path, port.feed, lambda _present: None) for path, port in zip(self._quiet, modem.ports[1:], strict=True)]
            mute = [Line(path, lambda _data, _at: None, lambda _present: None) for path in self._mute]
            self._more_lines = [*quiet, *mute]
            for port, cable in zip(modem.ports, [line, *quiet], strict=True):
                port.write, port.pause, port.present = cable.write, cable.pause, partial(getattr, cable, "present")
            self._journal.add("plugged", link=str(self._link), device=line.device)
            modem.power_on()
        return {"link": str(self._link), "device": self._line.device}

    def _pull(self, back_ms: int | None) -> None:
        if self._line is not None:
            self._modem.power_off()
            for line in (self._line, *self._more_lines):
                line.close()
            self._line, self._more_lines = None, []
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
        form: str | None = None,
        family: str | None = None,
        reference: int | None = None,
    ) -> None:
        """Play a fault, now or ``count`` times after letting ``skip`` pass: see ``modem.sim_faults``. Raises ValueError naming the fix."""
        fault = Fault(kind, at, count, skip, number, command, code, line, hex, ms, form, family, reference)
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

    def chatter(self, lines: int | None = None, every_ms: int | None = None, say: list[str] | None = None) -> None:
        """What the modem says unasked: ``say`` in turn, every so often and before every ``lines``-th line of its replies (0: never)."""
        modem = self._modem
        modem.say = modem.say if say is None else tuple(say)
        modem.say_lines = modem.say_lines if lines is None else int(not_negative("lines", lines))
        if every_ms is not None:
            modem.say_every(int(not_negative("every_ms", every_ms)))

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
