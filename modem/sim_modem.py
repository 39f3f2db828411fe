"""The simulated modem itself: bytes in, bytes out, power, registration, the prompt of AT+CMGS and what follows it."""

from __future__ import annotations

import time
from collections.abc import Callable

from modem.sim_calls import VoiceCalls
from modem.sim_codes import CMS_ERRORS, AtError, cme, cms
from modem.sim_faults import Fault, FaultBook
from modem.sim_journal import Journal
from modem.sim_network import Incoming, Network, magic_code
from modem.sim_pdu import PduError, Submitted, decode_submit, tpdu_length
from modem.sim_state import Profile, Settings, Sim, Stores

__all__ = ["Modem"]

_LINE_LIMIT = 4096  # bytes of a command line or PDU; more is dropped, as a modem's own buffer would
_MAGIC_BACK_MS = 2000
_MAGIC_LATE_MS = 10_000


class Modem:
    """One modem. ``write``/``pause`` reach the client, ``present()`` tells whether one listens, ``unplug(back_ms)`` pulls the cable.

    ``run_line`` is the command interpreter: it gets a command line and returns the blocks of lines to answer before OK, None when the
    line answers itself (a prompt, a restart), or raises AtError.
    """

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
        self.boot_ms = 0
        self.next_reference = 1
        self.up = False
        self.listening = False
        self.write: Callable[[bytes], None] = lambda _data: None
        self.pause: Callable[[float], None] = lambda _seconds: None
        self.present: Callable[[], bool] = lambda: False
        self.unplug: Callable[[int | None], None] = lambda _back: None
        self.run_line: Callable[[str], list[list[str]] | None] = lambda _line: []
        self._searching = False
        self._input = bytearray()
        self._input_at = 0.0
        self._line = bytearray()
        self._busy = False
        self._announced: int | None = None
        self._life = 0
        self._last_command = ""

    # power

    def power_on(self) -> None:
        """Start with default settings; answers after ``boot_ms``."""
        self._life += 1
        self.settings = Settings()
        self.sim.open = False
        self.radio = 1
        self._input.clear()
        self._line.clear()
        self._busy = False
        self._announced = None
        self._searching = self.registration_ms > 0 and self.sim.state == "READY"
        self.up = True
        self._after(self.boot_ms, self._booted)

    def power_off(self) -> None:
        self._life += 1
        self.voice.drop()
        self.voice.clip = self.voice.long_form = False
        self.up = self.listening = False

    def _booted(self) -> None:
        self.listening = True
        self.journal.add("booted")
        for line in self.profile.boot_lines:
            self.urc(line)
        if self._searching:
            self._after(self.registration_ms, self._found)
        if self.profile.chatter:
            self._chatter(0)
        self.network.flush()

    def _chatter(self, turn: int) -> None:
        def say() -> None:
            if self.settings.accepted.get("chatter") != "off":
                self.urc(self.profile.chatter[turn % len(self.profile.chatter)])
            self._chatter(turn + 1)

        self._after(round(self.profile.chatter_s * 1000), say)

    def _found(self) -> None:
        self._searching = False
        self.registration_changed()

    def _after(self, ms: int, act: Callable[[], None]) -> None:
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
            self.listening = False
            if fault.ms is not None:
                self._after(fault.ms, self.listen)

    def listen(self) -> None:
        self.listening = True
        self.network.flush()

    def restart(self) -> None:
        """As after ``AT+CFUN=1,1``."""
        self.power_off()
        self.power_on()

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

    def sim_opened(self) -> None:
        """The PIN was right: search the network."""
        if self.registration_ms:
            self._searching = True
            self._after(self.registration_ms, self._found)
        else:
            self.registration_changed()

    def registration_changed(self) -> None:
        """Tell the client when it asked for that, and let the network bring what waits."""
        for name, mode in self.settings.creg.items():
            if mode:
                self.urc(f"{name}: {self.creg}")
        self.network.flush()

    # towards the client

    def urc(self, *lines: str) -> None:
        """An unsolicited line (with a PDU line, for +CMT and +CDS)."""
        if not self.listening:
            return
        self.journal.add("urc", line=lines[0], heard=self.present())
        self.write(_block(lines))

    def urcs(self, lines: list[str]) -> None:
        """Several unsolicited lines."""
        for line in lines:
            self.urc(line)

    def _indicate(self, line: str) -> None:
        if self.settings.cnmi[0] == 0:
            self.settings.held_back.append(line)
        else:
            self.urc(line)

    def answer(self, blocks: list[list[str]], final: str) -> None:
        """Write a command's reply, through whatever faults wait for it."""
        command = self._last_command
        out = b"".join(_block(block) for block in blocks)
        if (fault := self.faults.take("garbage", command=command)) is not None:
            self.write(bytes.fromhex(fault.hex or ""))
        if (fault := self.faults.take("inside", command=command)) is not None:
            out += _block([fault.line or ""])
        if self.faults.take("no_final", command=command) is None:
            out += _block([final])
        else:
            self.journal.add("fault", kind="no_final")
        if (fault := self.faults.take("half", command=command)) is not None:
            self.write(out[: len(out) // 2])
            self.pause((fault.ms or 0) / 1000)
            out = out[len(out) // 2 :]
        self.write(out)
        self.journal.add("answer", line=final, **({"info": blocks[0][0]} if blocks else {}))

    # from the client

    def feed(self, data: bytes, at: float) -> None:
        """Bytes from the client, read at ``at`` (``time.monotonic()``)."""
        if self.listening:
            self._input += data
            self._input_at = at
            self._process()

    def _process(self) -> None:
        while self._input and self.listening and not self._busy:
            ends = b"\r\x1b" if self._announced is None else b"\x1a\x1b"
            places = [place for place in (self._input.find(end) for end in ends) if place >= 0]
            upto = min(places) + 1 if places else len(self._input)
            piece = bytes(self._input[:upto])
            del self._input[:upto]
            if self.settings.echo:
                self.write(piece.rstrip(b"\x1a\x1b"))
            ended = piece[-1:] if places else b""
            self._line += piece[: len(piece) - len(ended)]
            del self._line[_LINE_LIMIT:]
            if not ended:
                return
            line = self._line.decode("latin-1").strip("\r\n\x00 ")
            self._line.clear()
            if ended == b"\r":
                self._command(line)
            elif self._announced is not None:
                length, self._announced = self._announced, None
                if ended == b"\x1b":
                    self.journal.add("escape")
                    self.answer([], "OK")
                else:
                    self._submit(line, length)

    def _command(self, line: str) -> None:
        if line[:2].upper() != "AT":
            return
        self.journal.add("line", at=self._input_at, line=line)
        self._last_command = line
        if (fault := self.faults.strike("command", command=line)) is not None:
            self.strike(fault)
            return
        try:
            if (fault := self.faults.take("error", command=line)) is not None:
                self.journal.add("fault", kind="error")
                if fault.line is not None:
                    self.answer([], fault.line)
                    return
                raise AtError() if fault.code is None else cme(fault.code)
            blocks = self.run_line(line)
        except AtError as error:
            self.answer([], error.line(self.settings.cmee))
            return
        if blocks is not None:
            self.answer(blocks, "OK")

    # sending

    def open_prompt(self, length: int) -> None:
        """``AT+CMGS=length`` was understood: ask for the PDU."""
        if (fault := self.faults.take("refuse_prompt")) is not None:
            self.journal.add("fault", kind="refuse_prompt")
            raise cms(fault.code or 302)
        self._announced = length
        if self.faults.take("no_prompt") is not None:
            self.journal.add("fault", kind="no_prompt")
            return
        late = self.faults.take("late_prompt")
        if late is not None:
            self._after(late.ms or 0, self._prompt)
        else:
            self._prompt()

    def _prompt(self) -> None:
        if self._announced is None:
            return
        bare = self.faults.take("bare_prompt") is not None
        self.write(b"\r\n>" if bare else self.profile.prompt)
        self.journal.add("prompt", length=self._announced)
        if (fault := self.faults.strike("prompt")) is not None:
            self.strike(fault)

    def _submit(self, pdu: str, length: int) -> None:
        try:
            submitted = decode_submit(pdu, length)
        except PduError as error:
            self.journal.add("ctrl_z", at=self._input_at, bad=str(error), pdu=pdu)
            self.answer([], cms(304).line(self.settings.cmee))
            return
        number, part = submitted.number, submitted.data.part
        self.journal.add(
            "ctrl_z",
            at=self._input_at,
            number=number,
            part=part.number if part else 1,
            parts=part.parts if part else 1,
            concat=part.reference if part else None,
            text=submitted.data.text,
            pdu=pdu,
        )
        if (fault := self.faults.strike("ctrl_z", number=number)) is not None:
            self.strike(fault)
            return
        if magic_code(number) == 407:
            self.unplug(_MAGIC_BACK_MS)
            return
        self._busy = True
        self._after(round(self.network.latency * 1000), lambda: self._decided(submitted))

    def _refusal(self, number: str) -> str | None:
        """The result line that says no, if modem or network say no."""
        cmee = self.settings.cmee
        if (fault := self.faults.take("refuse", number=number)) is not None:
            self.journal.add("fault", kind="refuse")
            return fault.line or cms(fault.code or 500).line(cmee)
        if not self.registered:
            return cms(331).line(cmee)
        code = {401: 41, 402: 1}.get(magic_code(number) or 0, magic_code(number))
        return cms(code).line(cmee) if code in CMS_ERRORS else None

    def _decided(self, submitted: Submitted) -> None:
        number, magic = submitted.number, magic_code(submitted.number)
        refusal = self._refusal(number)
        if refusal is not None:
            self.journal.add("refused", number=number, code=refusal)
            self._done([], refusal)
            return
        reference = self.next_reference
        self.next_reference = (reference + 1) % 256
        part = submitted.data.part
        self.journal.add("accepted", number=number, reference=reference, part=part.number if part else 1, parts=part.parts if part else 1)
        self._carry(submitted, reference)
        if (fault := self.faults.strike("accepted", number=number)) is not None:
            self.strike(fault)
            return
        if magic == 408:
            self.unplug(_MAGIC_BACK_MS)
            return
        if self.faults.take("no_answer", number=number) is not None or magic == 403:
            self.journal.add("fault", kind="no_answer")
            self._busy = False
            self._process()
            return
        late = self.faults.take("late_answer", number=number)
        wait = _MAGIC_LATE_MS if magic == 409 else (late.ms or 0 if late else 0)
        self._after(wait, lambda: self._done([[f"+CMGS: {reference}"]], "OK", number=number))

    def _carry(self, submitted: Submitted, reference: int) -> None:
        number = submitted.number
        if self.faults.take("lost", number=number) is not None:
            self.journal.add("lost", what="part", number=number)
            return
        self.network.carry(submitted)
        if not submitted.report or self.faults.take("no_report", number=number) is not None:
            return
        late = self.faults.take("late_report", number=number)
        twice = self.faults.take("twice_report", number=number) is not None
        self.network.report(submitted, reference, delay=(late.ms or 0) / 1000 if late else 0.0, times=2 if twice else 1)

    def _done(self, blocks: list[list[str]], final: str, *, number: str | None = None) -> None:
        self.answer(blocks, final)
        self._busy = False
        if number is not None and (fault := self.faults.strike("answered", number=number)) is not None:
            self.strike(fault)
        self._process()

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
            self.urc(f"+CMT: ,{tpdu_length(incoming.pdu)}", incoming.pdu)
            return True
        store = self.settings.memories[2]
        index = self._store(store, incoming.pdu)
        if index is None:
            return False
        if self.settings.cnmi[1] in {1, 2, 3}:
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
            self.urc(f"+CDS: {tpdu_length(pdu)}", pdu)
        else:
            self.journal.add("lost", what="report", why="AT+CNMI asks for none")
        return True

    def _store(self, store: str, pdu: str) -> int | None:
        index = self.stores.put(store, pdu, 0)
        if index is not None:
            self.journal.add("stored", store=store, index=index, at=time.monotonic())
        return index

    def delete(self, store: str, index: int) -> None:
        """Free a place; what waited for room comes now."""
        if self.stores.held[store].pop(index, None) is not None:
            self.journal.add("deleted", store=store, index=index)
            self.network.later(0, self.network.flush)


def _block(lines: list[str] | tuple[str, ...]) -> bytes:
    return ("\r\n" + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
