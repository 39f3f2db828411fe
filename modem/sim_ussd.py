"""USSD of the simulated network (3GPP TS 27.007 7.15): what codes are answered with, menus, and what the network says by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modem.sim_alphabet import lacks, packed, septets
from modem.sim_journal import Journal

__all__ = ["Answer", "Ussd"]


@dataclass(frozen=True)
class Answer:
    """What the network says to a code. ``times`` 2 is the doubled +CUSD of some networks; ``before`` puts it before the command's OK."""

    text: str
    more: bool = False
    """Further user action wanted (<m> 1): the next ``AT+CUSD=1,"…"`` answers it."""
    ms: int = 0
    before: bool = False
    times: int = 1


class Ussd:
    """``urc`` writes an unsolicited line, ``after(ms, act)`` does something later unless the modem restarts meanwhile."""

    def __init__(self, urc: Callable[[str], None], after: Callable[[int, Callable[[], None]], None], journal: Journal) -> None:
        self._urc = urc
        self._after = after
        self._journal = journal
        self.answers: dict[str, Answer] = {}
        """By code. Kept over restarts."""
        self.open = False
        """A menu waits for an answer."""

    def end(self) -> None:
        """The session is over (``AT+CUSD=2``, or power lost)."""
        self.open = False

    def ask(self, code: str, charset: str, *, shown: bool) -> tuple[list[str], Callable[[], None]]:
        """A request: the lines before OK, and what to do once OK was written. A code nobody set is not supported (<m> 4)."""
        answer = self.answers.get(code)
        self._journal.add("ussd", code=code, text=answer.text if answer else None)
        self.open = answer is not None and answer.more
        if not shown:
            return [], lambda: None
        if answer is None:
            return [], lambda: self._urc("+CUSD: 4")
        line = _line(answer, charset)
        if answer.before:
            return [line] * answer.times, lambda: None

        def tell() -> None:
            for _ in range(answer.times):
                self._urc(line)

        return [], lambda: self._after(answer.ms, tell)

    def push(self, answer: Answer, charset: str) -> None:
        """The network speaks first."""
        self._journal.add("ussd", text=answer.text)
        self.open = answer.more
        for _ in range(answer.times):
            self._urc(_line(answer, charset))


def _line(answer: Answer, charset: str) -> str:
    """``+CUSD: <m>,<str>,<dcs>``: 15 is GSM-7, 72 UCS-2 (always in hexadecimal); "RAW" is the packed septets of Huawei's USSDMODE 1."""
    if lacks(answer.text):
        told, coding = answer.text.encode("utf-16-be").hex().upper(), 72
    elif charset == "UCS2":
        told, coding = answer.text.encode("utf-16-be").hex().upper(), 15
    elif charset == "RAW":
        told, coding = packed(b"".join(septets(char) or b"" for char in answer.text)).hex().upper(), 15
    else:
        told, coding = answer.text, 15
    return f'+CUSD: {int(answer.more)},"{told}",{coding}'
