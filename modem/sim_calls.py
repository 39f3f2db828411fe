"""Voice calls to the simulated modem's SIM (3GPP TS 27.007 clauses 6, 7.6 and 7.11): RING, caller ID, forwarding, the call's end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modem.sim_journal import Journal

__all__ = ["BUSY", "NOT_REACHABLE", "NO_REPLY", "UNCONDITIONAL", "Forward", "VoiceCalls", "kind_of"]

UNCONDITIONAL, BUSY, NO_REPLY, NOT_REACHABLE = range(4)
"""``<reason>`` of ``AT+CCFC``."""
_NAMES = ("unconditional", "busy", "no reply", "not reachable")


@dataclass
class Forward:
    """A registered forwarding of voice calls. The network keeps it, whatever happens to the modem."""

    number: str
    active: bool = True
    seconds: int = 20
    """Of ringing before ``NO_REPLY``."""


class VoiceCalls:
    """At most one call at a time, as on a SIM without call waiting.

    ``urc`` writes an unsolicited line, ``later(seconds, act)`` does something after a while, ``forwarding`` holds what the network has
    registered by reason, ``clip`` is how the make writes +CLIP.
    """

    def __init__(
        self,
        urc: Callable[[str], None],
        later: Callable[[float, Callable[[], None]], object],
        journal: Journal,
        forwarding: dict[int, Forward],
        clip: str,
    ) -> None:
        self._urc = urc
        self._later = later
        self._journal = journal
        self._forwarding = forwarding
        self._clip = clip
        self._turn = 0
        self._clip_line = ""
        self.long_form = False
        """``AT+CRC=1``: "+CRING: VOICE" in place of "RING"."""
        self.clip = False
        """``AT+CLIP=1``: caller ID after each ring."""
        self.number: str | None = None
        """Who calls; None: no call. "" withholds the number."""
        self.answered = False

    def call(self, number: str, rings: int, every_ms: int, *, validity: int, reachable: bool, voice: bool, line: str = "") -> str:
        """A handset calls and gives up after ``rings`` rings: "rings", "forwarded" or "unreachable" (a stick without voice).

        ``validity`` is that of +CLIP (7.6), ``line`` what is written in its place. Raises ValueError when the SIM is in a call or off the
        network, and no call is forwarded then.
        """
        self._journal.add("called", number=number)
        busy = self.number is not None
        reason = NOT_REACHABLE if not (reachable and voice) else BUSY if busy else None
        for why in (UNCONDITIONAL, reason):
            if why is not None and self._forward(number, why):
                return "forwarded"
        if reason is not None:
            self._journal.add("call_ended", number=number, by="network")
            if not reachable:
                raise ValueError("the SIM is not on the network: it cannot be called")
            if busy:
                raise ValueError("the SIM is in a call already")
            return "unreachable"
        self.number = number
        self._clip_line = line or self._clip.format(number=number, kind=kind_of(number), validity=validity)
        self.answered = False
        self._turn += 1
        self._ring(self._turn, rings, every_ms)
        turn = self._turn
        if (forward := self._forwarding.get(NO_REPLY)) is not None and forward.active:
            self._later(forward.seconds, lambda: self._unanswered(turn))
        return "rings"

    def _forward(self, number: str, reason: int) -> bool:
        forward = self._forwarding.get(reason)
        if forward is None or not forward.active:
            return False
        self._journal.add("forwarded", number=number, to=forward.number, reason=_NAMES[reason])
        return True

    def _unanswered(self, turn: int) -> None:
        if turn == self._turn and self.number is not None and not self.answered and self._forward(self.number, NO_REPLY):
            self._over("network")
            self._urc("NO CARRIER")

    def _ring(self, turn: int, left: int, every_ms: int) -> None:
        if turn != self._turn or self.number is None or self.answered:
            return
        if not left:
            self.caller_gone()
            return
        self._urc("+CRING: VOICE" if self.long_form else "RING")
        if self.clip:
            self._urc(self._clip_line)
        self._later(every_ms / 1000, lambda: self._ring(turn, left - 1, every_ms))

    def answer(self) -> bool:
        """``ATA``: False when nothing rings."""
        if self.number is None or self.answered:
            return False
        self.answered = True
        return True

    def hang_up(self) -> None:
        """The modem ends it (``ATH``, ``AT+CHUP``); a call that is refused so is "busy" to the network (TS 22.082)."""
        number, answered = self.number, self.answered
        if number is not None:
            self._over("modem")
            if not answered:
                self._forward(number, BUSY)

    def caller_gone(self) -> None:
        """The caller hung up, before or after the call was answered."""
        if self.number is not None:
            self._over("caller")
            self._urc("NO CARRIER")

    def power_off(self) -> None:
        """The modem lost its power, and its settings."""
        self.clip = self.long_form = False
        if self.number is not None:
            self._over("modem")

    def _over(self, by: str) -> None:
        self._journal.add("call_ended", number=self.number, by=by)
        self.number = None

    def line(self) -> str | None:
        """The call as ``AT+CLCC`` lists it."""
        if self.number is None:
            return None
        return f'+CLCC: 1,1,{0 if self.answered else 4},0,0,"{self.number}",{kind_of(self.number)}'


def kind_of(number: str) -> int:
    """Type of number: 145 international, 129 national, 128 withheld."""
    return 145 if number.startswith("+") else 129 if number else 128
