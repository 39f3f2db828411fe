"""Voice calls to the simulated modem's SIM: RING, caller ID, and the end of the call (3GPP TS 27.007 clauses 6 and 7.6)."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["VoiceCalls"]


class VoiceCalls:
    """At most one call at a time, as on a SIM without call waiting.

    ``urc`` writes an unsolicited line, ``later(seconds, act)`` does something after a while.
    """

    def __init__(self, urc: Callable[[str], None], later: Callable[[float, Callable[[], None]], object]) -> None:
        self._urc = urc
        self._later = later
        self._turn = 0
        self.long_form = False
        """``AT+CRC=1``: "+CRING: VOICE" in place of "RING"."""
        self.clip = False
        """``AT+CLIP=1``: caller ID after each ring."""
        self.number: str | None = None
        """Who calls; None: no call. "" withholds the number."""
        self.answered = False

    def ring(self, number: str, rings: int, every_ms: int) -> None:
        """A handset calls and gives up after ``rings`` rings. Raises ValueError when the SIM is in a call already."""
        if self.number is not None:
            raise ValueError("the SIM is in a call already")
        self.number = number
        self.answered = False
        self._turn += 1
        self._ring(self._turn, rings, every_ms)

    def _ring(self, turn: int, left: int, every_ms: int) -> None:
        if turn != self._turn or self.number is None or self.answered:
            return
        if not left:
            self.end()
            return
        self._urc("+CRING: VOICE" if self.long_form else "RING")
        if self.clip:
            self._urc(f'+CLIP: "{self.number}",{_kind(self.number)},,,,{0 if self.number else 1}')
        self._later(every_ms / 1000, lambda: self._ring(turn, left - 1, every_ms))

    def answer(self) -> bool:
        """``ATA``: False when nothing rings."""
        if self.number is None or self.answered:
            return False
        self.answered = True
        return True

    def end(self) -> None:
        """The caller hung up."""
        if self.number is not None:
            self.number = None
            self._urc("NO CARRIER")

    def drop(self) -> None:
        """The modem ends it (``ATH``, ``AT+CHUP``), or lost its power."""
        self.number = None

    def line(self) -> str | None:
        """The call as ``AT+CLCC`` lists it."""
        if self.number is None:
            return None
        return f'+CLCC: 1,1,{0 if self.answered else 4},0,0,"{self.number}",{_kind(self.number)}'


def _kind(number: str) -> int:
    """Type of number: 145 international, 129 national, 128 withheld."""
    return 145 if number.startswith("+") else 129 if number else 128
