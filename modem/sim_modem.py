"""The simulated modem's command line: bytes in, replies out, the prompt of AT+CMGS and what follows it."""

from __future__ import annotations

from collections.abc import Callable

from modem.sim_codes import CMS_ERRORS, AtError, cme, cms
from modem.sim_journal import Journal
from modem.sim_network import magic_code
from modem.sim_pdu import PduError, Submitted, decode_submit
from modem.sim_state import Profile, Sim, Stores
from modem.sim_unit import Unit, block

__all__ = ["Modem"]

_LINE_LIMIT = 4096  # bytes of a command line or PDU; more is dropped, as a modem's own buffer would
_MAGIC_BACK_MS = 2000
_MAGIC_LATE_MS = 10_000


class Modem(Unit):
    """A unit that is talked to.

    ``run_line`` is the command interpreter: it gets a command line and returns the blocks of lines to answer before OK, None when the
    line answers itself (a prompt, a restart), or raises AtError.
    """

    def __init__(self, profile: Profile, sim: Sim, stores: Stores, journal: Journal, *, number: str, smsc: str) -> None:
        super().__init__(profile, sim, stores, journal, number=number, smsc=smsc)
        self.next_reference = 1
        """TP-MR of the next part the network takes."""
        self.run_line: Callable[[str], list[list[str]] | None] = lambda _line: []
        self._input = bytearray()
        self._input_at = 0.0
        self._line = bytearray()
        self._busy = False
        self._announced: int | None = None
        self._store_only = False
        self._last_command = ""

    def deaf(self) -> None:
        super().deaf()
        self._input.clear()
        self._line.clear()
        self._busy = False
        self._announced = None

    def answer(self, blocks: list[list[str]], final: str) -> None:
        """Write a command's reply, through whatever faults wait for it."""
        if not self.listening:
            return
        command = self._last_command
        out = b"".join(block(lines) for lines in blocks)
        if (fault := self.play("garbage", command=command)) is not None:
            self.write(bytes.fromhex(fault.hex or ""))
        if (fault := self.play("inside", command=command)) is not None:
            out += block([fault.line or ""])
        if self.play("no_final", command=command) is None:
            out += block([final])
        if (fault := self.play("half", command=command)) is not None:
            self.write(out[: len(out) // 2])
            self.pause((fault.ms or 0) / 1000)
            out = out[len(out) // 2 :]
        self.write(out)
        self.journal.add("answer", line=final, info=blocks[0][0] if blocks else None, heard=self.present())

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
            if self._announced is not None:
                length, self._announced = self._announced, None
                if ended == b"\x1b":
                    self.journal.add("escape")
                    self.answer([], "OK")
                elif self._store_only:
                    self._keep(line, length)
                else:
                    self.submit(line, length)
            elif ended == b"\r":
                self._command(line)

    def _command(self, line: str) -> None:
        start = line.upper().find("AT")
        if start < 0:
            return
        line = line[start:]  # V.250 5.2.1: what stands before the prefix is ignored
        self.journal.add("line", at=self._input_at, line=line)
        self._last_command = line
        if (fault := self.faults.strike("command", command=line)) is not None:
            self.strike(fault)
            return
        try:
            if (fault := self.play("error", command=line)) is not None:
                if fault.line is not None:
                    self.answer([], fault.line)
                    return
                raise AtError if fault.code is None else cme(fault.code)
            blocks = self.run_line(line)
        except AtError as error:
            self.answer([], error.line(self.settings.cmee))
            return
        if blocks is not None:
            self.answer(blocks, "OK")

    # sending

    def open_prompt(self, length: int, *, store_only: bool = False) -> None:
        """``AT+CMGS=length``, or ``AT+CMGW=length`` (``store_only``), was understood: ask for the PDU."""
        if (fault := self.play("refuse_prompt")) is not None:
            raise cms(fault.code or 302)
        self._announced = length
        self._store_only = store_only
        if self.play("no_prompt") is not None:
            return
        late = self.play("late_prompt")
        self.after((late.ms or 0) if late is not None else 0, self._prompt)

    def _prompt(self) -> None:
        if self._announced is None:
            return
        self.write(b"\r\n>" if self.play("bare_prompt") is not None else self.profile.prompt)
        self.journal.add("prompt", length=self._announced)
        if (fault := self.faults.strike("prompt")) is not None:
            self.strike(fault)

    def _keep(self, pdu: str, length: int) -> None:
        """Store a PDU to be sent later (``AT+CMGW``)."""
        store = self.settings.memories[1]
        try:
            decode_submit(pdu, length)
            index = self.stores.put(store, pdu, 2)
            if index is None:
                raise cms(322)
        except PduError:
            self.answer([], cms(304).line(self.settings.cmee))
        except AtError as error:
            self.answer([], error.line(self.settings.cmee))
        else:
            self.journal.add("stored", store=store, index=index)
            self.answer([[f"+CMGW: {index}"]], "OK")

    def submit(self, pdu: str, length: int, *, name: str = "+CMGS") -> None:
        """Give a PDU to the network and answer; ``name`` is the command that asked."""
        try:
            submitted = decode_submit(pdu, length)
        except PduError as error:
            self.journal.add("ctrl_z", at=self._input_at, bad=str(error), pdu=pdu)
            self.answer([], cms(304).line(self.settings.cmee))
            return
        number, data = submitted.number, submitted.data
        self.journal.add(
            "ctrl_z",
            at=self._input_at,
            number=number,
            **_place(submitted),
            concat=data.part.reference if data.part else None,
            text=data.text,
            pdu=pdu,
        )
        if (fault := self.faults.strike("ctrl_z", number=number)) is not None:
            self.strike(fault)
        elif magic_code(number) == 407:
            self.unplug(_MAGIC_BACK_MS)
        else:
            self._busy = True
            self.after(round(self.network.latency * 1000), lambda: self._decided(submitted, name))

    def _refusal(self, number: str) -> str | None:
        """The result line that says no, if modem or network say no."""
        cmee = self.settings.cmee
        if (fault := self.play("refuse", number=number)) is not None:
            return fault.line or cms(fault.code or 500).line(cmee)
        if not self.registered:
            return cms(331).line(cmee)
        code = {401: 41, 402: 1}.get(magic_code(number) or 0, magic_code(number))
        return cms(code).line(cmee) if code in CMS_ERRORS else None

    def _decided(self, submitted: Submitted, name: str) -> None:
        number, magic = submitted.number, magic_code(submitted.number)
        refusal = self._refusal(number)
        if refusal is not None:
            self.journal.add("refused", number=number, code=refusal)
            self._done([], refusal)
            return
        reference = self.next_reference
        self.next_reference = (reference + 1) % 256
        self.journal.add("accepted", number=number, reference=reference, **_place(submitted))
        self._carry(submitted, reference)
        if (fault := self.faults.strike("accepted", number=number)) is not None:
            self.strike(fault)
        elif magic == 408:
            self.unplug(_MAGIC_BACK_MS)
        elif magic == 403 or self.play("no_answer", number=number) is not None:
            self._free()
        else:
            late = self.play("late_answer", number=number)
            wait = _MAGIC_LATE_MS if magic == 409 else (late.ms or 0 if late is not None else 0)
            self.after(wait, lambda: self._done([[f"{name}: {reference}"]], "OK", number=number))

    def _carry(self, submitted: Submitted, reference: int) -> None:
        number = submitted.number
        if self.play("lost", number=number) is not None:
            self.journal.add("lost", what="part", number=number)
            return
        self.network.carry(submitted)
        if not submitted.report or self.play("no_report", number=number) is not None:
            return
        late = self.play("late_report", number=number)
        twice = self.play("twice_report", number=number) is not None
        self.network.report(submitted, reference, delay=(late.ms or 0) / 1000 if late is not None else 0.0, times=2 if twice else 1)

    def _done(self, blocks: list[list[str]], final: str, *, number: str | None = None) -> None:
        self.answer(blocks, final)
        self._free()
        if number is not None and (fault := self.faults.strike("answered", number=number)) is not None:
            self.strike(fault)

    def _free(self) -> None:
        """Ready for what the client wrote meanwhile."""
        self._busy = False
        self.network.later(0, self._process)


def _place(submitted: Submitted) -> dict[str, int]:
    part = submitted.data.part
    return {"part": part.number if part else 1, "parts": part.parts if part else 1}
