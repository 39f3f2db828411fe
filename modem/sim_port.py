"""One serial port of the simulated modem: bytes in, replies out, the prompt of AT+CMGS and what follows it."""

from __future__ import annotations

from collections.abc import Callable

from modem.sim_codes import CMS_ERRORS, AtError, cms
from modem.sim_network import magic_code
from modem.sim_pdu import PduError, Submitted, decode_submit
from modem.sim_unit import Unit, block

__all__ = ["Port"]

_LINE_LIMIT = 4096  # bytes of a command line or PDU; more is dropped, as a modem's own buffer would
_MAGIC_BACK_MS = 2000
_MAGIC_LATE_MS = 10_000


class Port:
    """A port that answers AT. ``run(port, line)`` is the command interpreter: it gets a command line and returns the blocks of lines to
    answer before OK, None when the line answers itself (a prompt, a restart), or raises AtError. ``write``, ``pause`` and ``present`` are
    those of its cable.
    """

    def __init__(self, unit: Unit, run: Callable[[Port, str], list[list[str]] | None], place: int = 0) -> None:
        self._unit = unit
        self._place = place or None
        self._run = run
        self.write: Callable[[bytes], None] = lambda _data: None
        self.pause: Callable[[float], None] = lambda _seconds: None
        self.present: Callable[[], bool] = lambda: False
        self._input = bytearray()
        self._input_at = 0.0
        self._line = bytearray()
        self._busy = False
        self._announced: int | None = None
        self._store_only = False
        self._last_command = ""

    def forget(self) -> None:
        """What was half said is gone."""
        self._input.clear()
        self._line.clear()
        self._busy = False
        self._announced = None

    def answer(self, blocks: list[list[str]], final: str) -> None:
        """Write a command's reply, through whatever faults wait for it."""
        unit, command = self._unit, self._last_command
        if not unit.listening:
            return
        out = b""
        for lines in blocks:
            out += self._framed(lines)
        if (fault := unit.play("garbage", command=command)) is not None:
            self.write(bytes.fromhex(fault.hex or ""))
        if (fault := unit.play("inside", command=command)) is not None:
            out += block([fault.line or ""])
        if unit.play("no_final", command=command) is None:
            out += unit.chatter_before_line() + block([final])
        if (fault := unit.play("half", command=command)) is not None:
            self.write(out[: len(out) // 2])
            self.pause((fault.ms or 0) / 1000)
            out = out[len(out) // 2 :]
        if unit.play("cut", command=command) is not None:
            out = out[: len(out) // 2]
        self.write(out)
        unit.journal.add("answer", line=final, info=blocks[0][0] if blocks else None, heard=self.present())

    def _framed(self, lines: list[str]) -> bytes:
        """Lines of one command; chatter may come before each but a PDU, which follows its header at once."""
        out, together = b"", list[str]()
        for line in lines:
            if line.startswith(("+", "^")) or not together:
                said = self._unit.chatter_before_line()
                if said and together:
                    out += block(together)
                    together = []
                out += said
            together.append(line)
        return out + block(together)

    def later(self, ms: int, blocks: list[list[str]]) -> None:
        """Answer OK once the network has; until then the port takes no command."""
        self._busy = True
        self._unit.after(ms, lambda: self._done(blocks, "OK"))

    # from the client

    def feed(self, data: bytes, at: float) -> None:
        """Bytes from the client, read at ``at`` (``time.monotonic()``)."""
        if self._unit.listening:
            self._input += data
            self._input_at = at
            self._process()

    def _process(self) -> None:
        unit = self._unit
        while self._input and unit.listening and not self._busy:
            ends = b"\r\x1b" if self._announced is None else b"\x1a\x1b"
            places = [place for place in (self._input.find(end) for end in ends) if place >= 0]
            upto = min(places) + 1 if places else len(self._input)
            piece = bytes(self._input[:upto])
            del self._input[:upto]
            if unit.settings.echo:
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
                    unit.journal.add("escape")
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
        unit = self._unit
        line = line[start:]  # V.250 5.2.1: what stands before the prefix is ignored
        unit.journal.add("line", at=self._input_at, line=line, port=self._place)
        self._last_command = line
        if (fault := unit.faults.strike("command", command=line)) is not None:
            unit.strike(fault)
            return
        if (fault := unit.play("error", command=line)) is not None:
            self.answer([], fault.result(unit.settings.cmee, family="cme"))
            return
        try:
            blocks = self._run(self, line)
        except AtError as error:
            self.answer([], error.line(unit.settings.cmee))
            return
        if blocks is not None:
            self.answer(blocks, "OK")

    # sending

    def open_prompt(self, length: int, *, store_only: bool = False) -> None:
        """``AT+CMGS=length``, or ``AT+CMGW=length`` (``store_only``), was understood: ask for the PDU."""
        unit = self._unit
        if (fault := unit.play("refuse_prompt")) is not None:
            self.answer([], fault.result(unit.settings.cmee, family="cms", code=302))
            return
        self._announced = length
        self._store_only = store_only
        if unit.play("no_prompt") is not None:
            return
        late = unit.play("late_prompt")
        unit.after((late.ms or 0) if late is not None else 0, self._prompt)

    def _prompt(self) -> None:
        if self._announced is None:
            return
        unit = self._unit
        bare = b"\r\n>" if unit.play("bare_prompt") is not None else b">" if unit.play("naked_prompt") is not None else None
        self.write(bare or unit.profile.prompt)
        unit.journal.add("prompt", length=self._announced)
        if (fault := unit.faults.strike("prompt")) is not None:
            unit.strike(fault)

    def _keep(self, pdu: str, length: int) -> None:
        """Store a PDU to be sent later (``AT+CMGW``)."""
        unit = self._unit
        store = unit.settings.memories[1]
        try:
            decode_submit(pdu, length)
            index = unit.stores.put(store, pdu, 2)
            if index is None:
                raise cms(322)
        except PduError:
            self.answer([], cms(304).line(unit.settings.cmee))
        except AtError as error:
            self.answer([], error.line(unit.settings.cmee))
        else:
            unit.journal.add("stored", store=store, index=index)
            self.answer([[f"+CMGW: {index}"]], "OK")

    def submit(self, pdu: str, length: int, *, name: str = "+CMGS") -> None:
        """Give a PDU to the network and answer; ``name`` is the command that asked."""
        unit = self._unit
        try:
            submitted = decode_submit(pdu, length)
        except PduError as error:
            unit.journal.add("ctrl_z", at=self._input_at, bad=str(error), pdu=pdu)
            self.answer([], cms(304).line(unit.settings.cmee))
            return
        number, data = submitted.number, submitted.data
        unit.journal.add(
            "ctrl_z",
            at=self._input_at,
            number=number,
            **_place(submitted),
            concat=data.part.reference if data.part else None,
            text=data.text,
            pdu=pdu,
        )
        if (fault := unit.faults.strike("ctrl_z", number=number)) is not None:
            unit.strike(fault)
        elif magic_code(number) == 407:
            unit.unplug(_MAGIC_BACK_MS)
        else:
            self._busy = True
            unit.after(round(unit.network.latency * 1000), lambda: self._decided(submitted, name))

    def _refusal(self, number: str) -> str | None:
        """The result line that says no, if modem or network say no."""
        unit = self._unit
        cmee = unit.settings.cmee
        if (fault := unit.play("refuse", number=number)) is not None:
            return fault.result(cmee, family="cms", code=500)
        if not unit.registered:
            return cms(331).line(cmee)
        code = {401: 41, 402: 1}.get(magic_code(number) or 0, magic_code(number))
        return cms(code).line(cmee) if code in CMS_ERRORS else None

    def _decided(self, submitted: Submitted, name: str) -> None:
        unit = self._unit
        number, magic = submitted.number, magic_code(submitted.number)
        refusal = self._refusal(number)
        if refusal is not None:
            unit.journal.add("refused", number=number, code=refusal)
            self._done([], refusal)
            return
        reference = unit.next_reference
        unit.next_reference = (reference + 1) % 256
        unit.journal.add("accepted", number=number, reference=reference, **_place(submitted))
        self._carry(submitted, reference)
        if (fault := unit.faults.strike("accepted", number=number)) is not None:
            unit.strike(fault)
        elif magic == 408:
            unit.unplug(_MAGIC_BACK_MS)
        elif magic == 403 or unit.play("no_answer", number=number) is not None:
            self._free()
        else:
            late = unit.play("late_answer", number=number)
            wait = _MAGIC_LATE_MS if magic == 409 else (late.ms or 0 if late is not None else 0)
            unit.after(wait, lambda: self._done([[f"{name}: {reference}"]], "OK", number=number))

    def _carry(self, submitted: Submitted, reference: int) -> None:
        unit, number = self._unit, submitted.number
        if unit.play("lost", number=number) is not None:
            unit.journal.add("lost", what="part", number=number)
            return
        unit.network.carry(submitted)
        if not submitted.report or unit.play("no_report", number=number) is not None:
            return
        late = unit.play("late_report", number=number)
        twice = unit.play("twice_report", number=number) is not None
        shuffled = unit.play("shuffled_report", number=number)
        if (wrong := unit.play("wrong_report", number=number)) is not None:
            reference = wrong.reference or 0
        unit.network.report(
            submitted,
            reference,
            delay=(late.ms or 0) / 1000 if late is not None else 0.0,
            times=2 if twice else 1,
            hold=shuffled is not None,
            release=shuffled is not None and not shuffled.count,
        )

    def _done(self, blocks: list[list[str]], final: str, *, number: str | None = None) -> None:
        self.answer(blocks, final)
        self._free()
        if number is not None and (fault := self._unit.faults.strike("answered", number=number)) is not None:
            self._unit.strike(fault)

    def _free(self) -> None:
        """Ready for what the client wrote meanwhile."""
        self._busy = False
        self._unit.network.later(0, self._process)


def _place(submitted: Submitted) -> dict[str, int]:
    part = submitted.data.part
    return {"part": part.number if part else 1, "parts": part.parts if part else 1}
