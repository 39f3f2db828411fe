"""The simulated modem apart from its command line: power, registration, what it says unasked, what it receives and stores."""

from __future__ import annotations

from collections.abc import Callable

from modem.sim_calls import VoiceCalls
from modem.sim_faults import Fault, FaultBook
from modem.sim_journal import Journal
from modem.sim_network import Incoming, Network
from modem.sim_pdu import tpdu_length
from modem.sim_state import Profile, Settings, Sim, Stores

__all__ = ["Unit", "block"]


class Unit:
    """One modem. ``write``/``pause`` reach the client, ``present()`` tells whether one listens, ``unplug(back_ms)`` pulls the cable."""

    def __init__(self, profile: Profile, sim: Sim, stores: Stores, journal: Journal, *, number: str, smsc: str) -> None:
        self.profile = profile
        self.sim = sim
        self.stores = stores
        self.journal = journal
        self.faults = FaultBook()
        self.network = Network(journal, number, smsc, self._receive)
        self.settings = Settings()
        self.voice = VoiceCalls(self.urc, self.network.later)
        self.smsc = smsc
        self.imei = "356938035643809"
        self.imsi = "302720123456789"
        self.signal = 21
        self.radio = 1
        """``AT+CFUN``: 1 full, 0 and 4 no radio."""
        self.registration = "home"
        self.registration_ms = 0
        """How long it searches after a start."""
        self.attach_ms = 300
        """From registration until the network brings what waited: time to ask for indications again after a restart."""
        self.boot_ms = 0
        self.up = False
        self.listening = False
        """Powered, booted and not silenced by a fault."""
        self.write: Callable[[bytes], None] = lambda _data: None
        self.pause: Callable[[float], None] = lambda _seconds: None
        self.present: Callable[[], bool] = lambda: False
        self.unplug: Callable[[int | None], None] = lambda _back: None
        self._searching = False
        self._full_told = False
        self._life = 0

    # power

    def power_on(self) -> None:
        """Start with default settings; answers after ``boot_ms``."""
        self._life += 1
        self.settings = Settings()
        self.sim.open = False
        self.radio = 1
        self._searching = self.registration_ms > 0 and self.sim.state == "READY"
        self.up = True
        self.deaf()
        self.after(self.boot_ms, self._booted)

    def power_off(self) -> None:
        """Lose the settings, the call and whatever was under way."""
        self._life += 1
        self.voice.drop()
        self.voice.clip = self.voice.long_form = False
        self.up = self.listening = False

    def restart(self) -> None:
        """As after ``AT+CFUN=1,1``."""
        self.power_off()
        self.power_on()

    def deaf(self) -> None:
        """Stop listening and forget what was half said."""
        self.listening = False

    def listen(self) -> None:
        """Listen (again), and take what the network kept."""
        self.listening = self.up
        self.network.flush()

    def _booted(self) -> None:
        self.journal.add("booted")
        self.listening = True
        for line in self.profile.boot_lines:
            self.urc(line)
        if self._searching:
            self.after(self.registration_ms, self._found)
        if self.profile.chatter:
            self._chatter(0)
        self._reachable()

    def _chatter(self, turn: int) -> None:
        def say() -> None:
            if self.settings.accepted.get("chatter") != "off":
                self.urc(self.profile.chatter[turn % len(self.profile.chatter)])
            self._chatter(turn + 1)

        self.after(round(self.profile.chatter_s * 1000), say)

    def after(self, ms: int, act: Callable[[], None]) -> None:
        """Do something later, unless the modem lost power or restarted meanwhile; at once when ``ms`` is 0."""
        life = self._life
        if ms:
            self.network.later(ms / 1000, lambda: act() if self._life == life else None)
        else:
            act()

    def strike(self, fault: Fault) -> None:
        """Play a silence, reboot or unplug."""
        self.journal.add("fault", kind=fault.kind, point=fault.at)
        if fault.kind == "unplug":
            self.unplug(fault.ms)
        elif fault.kind == "reboot":
            self.restart()
        else:
            self.deaf()
            if fault.ms is not None:
                self.after(fault.ms, self.listen)

    def play(self, kind: str, *, number: str | None = None, command: str | None = None) -> Fault | None:
        """The fault that waits for this moment, noted as played."""
        fault = self.faults.take(kind, number=number, command=command)
        if fault is not None:
            self.journal.add("fault", kind=fault.kind)
        return fault

    # registration

    @property
    def registered(self) -> bool:
        return self.creg in {1, 5}

    @property
    def creg(self) -> int:
        """``<stat>`` of ``+CREG`` (3GPP TS 27.007 7.2)."""
        if not self.up or self.radio != 1 or self.sim.state != "READY":
            return 0
        if self._searching:
            return 2
        return {"home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5}[self.registration]

    def search(self) -> None:
        """The PIN was right, or the radio is on again: look for the network."""
        self._searching = self.registration_ms > 0
        if self._searching:
            self.after(self.registration_ms, self._found)
        else:
            self.network.later(0, self.registration_changed)  # after the answer of the command that led here

    def _found(self) -> None:
        self._searching = False
        self.registration_changed()

    def registration_changed(self) -> None:
        """Tell the client when it asked for that, and let the network bring what waits."""
        for name, mode in self.settings.creg.items():
            if mode:
                self.urc(f"{name}: {self.creg}")
        self._reachable()

    def _reachable(self) -> None:
        if self.registered:
            self.after(self.attach_ms, self.network.flush)

    # what it says unasked

    def urc(self, *lines: str) -> None:
        """An unsolicited line (with a PDU line, for +CMT and +CDS)."""
        if not self.listening:
            return
        self.journal.add("urc", line=lines[0], heard=self.present())
        self.write(block(lines))

    def urcs(self, held_back: list[tuple[str, ...]]) -> None:
        """Indications kept while the client wanted none."""
        for lines in held_back:
            self.urc(*lines)

    def _indicate(self, *lines: str) -> None:
        if self.settings.cnmi[0] == 0:
            self.settings.held_back.append(lines)
        else:
            self.urc(*lines)

    # receiving

    def _receive(self, incoming: Incoming) -> bool:
        """From the network: True when taken."""
        if not self.listening or not self.registered:
            return False
        if incoming.kind == "report":
            if (fault := self.faults.strike("report")) is not None:
                self.strike(fault)
                return False
            return self._receive_report(incoming.pdu)
        if self.settings.cnmi[1] == 2 and self.present():
            self.journal.add("handed", kind="text")
            self._indicate(f"+CMT: ,{tpdu_length(incoming.pdu)}", incoming.pdu)
            return True
        store = self.settings.memories[2]
        index = self._store(store, incoming.pdu)
        if index is None:
            if self.profile.full_line and not self._full_told:
                self._full_told = True
                self.urc(self.profile.full_line.format(store=store))
            return False
        if self.settings.cnmi[1]:
            self._indicate(f'+CMTI: "{store}",{index}')
        return True

    def _receive_report(self, pdu: str) -> bool:
        mode = self.settings.cnmi[3]
        if mode == 2:
            index = self._store("SR", pdu)
            if index is None:
                return False
            self._indicate(f'+CDSI: "SR",{index}')
        elif mode == 1:
            self.journal.add("handed", kind="report", heard=self.present())
            self._indicate(f"+CDS: {tpdu_length(pdu)}", pdu)
        else:
            self.journal.add("lost", what="report", why="AT+CNMI asks for none")
        return True

    def _store(self, store: str, pdu: str) -> int | None:
        index = self.stores.put(store, pdu, 0)
        if index is not None:
            self.journal.add("stored", store=store, index=index)
        return index

    def delete(self, store: str, index: int) -> None:
        """Free a place; what waited for room comes after the answer."""
        if self.stores.held[store].pop(index, None) is not None:
            self.journal.add("deleted", store=store, index=index)
            self._full_told = False
            self.network.later(0, self.network.flush)


def block(lines: list[str] | tuple[str, ...]) -> bytes:
    """Lines as a modem frames them (V.250 verbose form)."""
    return ("\r\n" + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
