"""The simulated modem apart from its command line: power, registration, what it says unasked, what it receives and stores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from modem.sim_calls import VoiceCalls
from modem.sim_faults import Fault, FaultBook
from modem.sim_journal import Journal
from modem.sim_network import Carrier, Incoming, Network
from modem.sim_pdu import PduError, decode_deliver, tpdu_length
from modem.sim_profiles import Profile
from modem.sim_state import Settings, Sim, Stores
from modem.sim_ussd import Ussd

__all__ = ["Unit", "block"]

_LEAVE_MS = 100  # from the OK of AT+CFUN=1,1 until the port is gone


class Unit(ABC):
    """One modem. ``unplug(back_ms)`` pulls the cable."""

    def __init__(
        self, profile: Profile, sim: Sim, stores: Stores, journal: Journal, *, number: str, smsc: str, carrier: Carrier | None = None
    ) -> None:
        self.profile = profile
        self.sim = sim
        self.stores = stores
        self.journal = journal
        self.faults = FaultBook()
        self.network = Network(journal, number, smsc, self._receive, carrier or Carrier())
        self.settings = self.defaults()
        self.voice = VoiceCalls(self.urc, self.network.later, journal, self.network.forwarding, profile.clip)
        self.ussd = Ussd(self.urc, self.after, journal)
        self.smsc = smsc
        self.imei = "356938035643809"
        self.imsi = "302720123456789"
        self.iccid = "89302720" + self.imsi[3:]
        self.tells_number = True
        """Did the carrier write the SIM's own number on it?"""
        self.signal = 21
        self.next_reference = 1
        """TP-MR of the next part the network takes."""
        self.radio = 1
        """``AT+CFUN``: 1 full, 0 and 4 no radio."""
        self.registration = "home"
        self.registration_ms = 0
        """How long it searches after a start."""
        self.attach_ms = 300
        """From registration until the network brings what waited: time to ask for indications again after a restart."""
        self.boot_ms = 0
        self.sim_ms = 0
        """How long the SIM is busy after a start and after its PIN."""
        self.away_ms = profile.away_ms
        """How long the port is gone after ``AT+CFUN=1,1``."""
        self.say, self.say_ms, self.say_lines = profile.chatter, profile.chatter_ms, profile.chatter_lines
        """Chatter, as in ``Profile``."""
        self.up = False
        self.listening = False
        """Powered, booted and not silenced by a fault."""
        self.unplug: Callable[[int | None], None] = lambda _back: None
        self._searching = False
        self._sim_busy = False
        self._full_told = False
        self._life = 0
        self._turn = 0
        self._chatting = 0
        self._lines_said = 0

    def defaults(self) -> Settings:
        """The settings a start or ``ATZ`` finds."""
        return Settings(memories=[self.profile.sizes[0][0]] * 3)

    # the port it says things on

    @abstractmethod
    def write(self, data: bytes) -> None:
        """To the client."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Before what is written next."""

    @abstractmethod
    def present(self) -> bool:
        """Does a client have the port open?"""

    # power

    def power_on(self) -> None:
        """Start with default settings; answers after ``boot_ms``."""
        self._life += 1
        self.settings = self.defaults()
        self.sim.open = False
        self.radio = 1
        self._searching = self.registration_ms > 0 and self.sim.state == "READY"
        self.up = True
        self.deaf()
        self.occupy_sim()
        self.after(self.boot_ms, self._booted)

    def power_off(self) -> None:
        """Lose the settings, the call and whatever was under way."""
        self._life += 1
        self.voice.power_off()
        self.ussd.end()
        self.up = self.listening = False

    def restart(self) -> None:
        """Start anew with the port in place."""
        self.power_off()
        self.power_on()

    def reset(self) -> None:
        """As after ``AT+CFUN=1,1``: a USB modem leaves the bus and comes back."""
        if self.away_ms:
            self.deaf()
            self.after(_LEAVE_MS, lambda: self.unplug(self.away_ms))
        else:
            self.restart()

    def occupy_sim(self) -> None:
        """The SIM is busy for ``sim_ms``."""
        self._sim_busy = self.sim_ms > 0
        if self._sim_busy:
            self.after(self.sim_ms, self._sim_free)

    def _sim_free(self) -> None:
        self._sim_busy = False
        self.registration_changed()

    @property
    def sim_busy(self) -> bool:
        return self._sim_busy

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
            self.urc(line.format(pin=self.sim.state or "NOT INSERTED"))
        if self._searching:
            self.after(self.registration_ms, self._found)
        self._chatter()
        self._reachable()

    def say_every(self, ms: int) -> None:
        """Chatter so often from now on; 0: not by itself."""
        self.say_ms = ms
        self._chatter()

    def _chatter(self) -> None:
        self._chatting += 1
        chatting = self._chatting

        def again() -> None:
            if chatting != self._chatting:
                return
            if (line := self._next_chatter()) is not None:
                self.urc(line)
            self._chatter()

        if self.say_ms:
            self.after(self.say_ms, again)

    def _next_chatter(self) -> str | None:
        if not self.say or self.settings.accepted.get("chatter") == "off":
            return None
        self._turn += 1
        return self.say[(self._turn - 1) % len(self.say)]

    def chatter_before_line(self) -> bytes:
        """What a chattering modem puts before the next line of a reply."""
        self._lines_said += 1
        if not self.say_lines or self._lines_said % self.say_lines or (line := self._next_chatter()) is None:
            return b""
        self.journal.add("urc", line=line, heard=self.present(), inside=True)
        return block([line])

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
        elif fault.kind == "forget":
            self.settings.cnmi = self.defaults().cnmi
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
        if not self.up or self.radio != 1 or self.sim.state != "READY" or self._sim_busy:
            return 0
        if self._searching:
            return 2
        return {"home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5}[self.registration]

    @property
    def cell(self) -> str:
        """Location area and cell, as ``AT+CREG=2`` adds them."""
        return ',"1A2B","00C3D4E5"' if self.registered else ""

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
                self.urc(f"{name}: {self.creg}{self.cell if mode == 2 else ''}")
        self._reachable()

    def _reachable(self) -> None:
        if self.registered:
            for line in self.profile.network_lines:
                self.urc(line)
            self.after(self.attach_ms, self.network.flush)

    # what it says unasked

    def urc(self, *lines: str) -> None:
        """An unsolicited line (with a PDU line, for +CMT and +CDS)."""
        if not self.listening:
            return
        self.journal.add("urc", line=lines[0], heard=self.present())
        out = block(lines)
        if (fault := self.play("half_line")) is not None:
            middle = out.index(b"\r\n", 2) + 2 if len(lines) > 1 else len(out) // 2  # between header and PDU where there are both
            self.write(out[:middle])
            self.pause((fault.ms or 0) / 1000)
            out = out[middle:]
        self.write(out)

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
        return self._receive_text(incoming.pdu)

    def _receive_text(self, pdu: str) -> bool:
        mode, kept_in = self.settings.cnmi[1], _class(pdu)
        # TS 27.005 3.4.1: <mt> 2 hands all over but class 2, which belongs on the SIM; 3 only class 3
        if self.present() and ((mode == 2 and kept_in != 2) or (mode == 3 and kept_in == 3)):
            if self.settings.unacknowledged:
                return False
            self.settings.unacknowledged = self.settings.acknowledges
            self.journal.add("handed", kind="text")
            self._indicate(f"+CMT: ,{tpdu_length(pdu)}", pdu)
            return True
        store = "SM" if kept_in == 2 and "SM" in self.stores.sizes else self.settings.memories[2]
        index = self._store(store, pdu)
        if index is None:
            if self.profile.full_line and not self._full_told:
                self._full_told = True
                self.urc(self.profile.full_line.format(store=store))
            return False
        if mode:
            self._indicate(f'+CMTI: "{store}",{index}')
        return True

    def _receive_report(self, pdu: str) -> bool:
        mode = self.settings.cnmi[3]
        if mode == 2:
            store = "SR" if "SR" in self.stores.sizes else self.settings.memories[2]
            index = self._store(store, pdu)
            if index is None:
                return False
            self._indicate(self.profile.report_line.format(store=store, index=index))
        elif mode == 1:
            if self.settings.unacknowledged:
                return False
            self.settings.unacknowledged = self.settings.acknowledges
            self.journal.add("handed", kind="report", heard=self.present())
            self._indicate(f"+CDS: {tpdu_length(pdu)}", pdu)
        else:
            self.journal.add("lost", what="report", why="AT+CNMI asks for none")
        return True

    def acknowledge(self) -> bool:
        """``AT+CNMA``: False when none was expected."""
        expected, self.settings.unacknowledged = self.settings.unacknowledged, False
        if expected:
            self.network.later(0, self.network.flush)
        return expected

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


def _class(pdu: str) -> int | None:
    """The message class of an SMS-DELIVER; None where it has none, or cannot be read."""
    try:
        return decode_deliver(pdu).message_class
    except PduError:
        return None


def block(lines: list[str] | tuple[str, ...]) -> bytes:
    """Lines as a modem frames them (V.250 verbose form)."""
    return ("\r\n" + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
