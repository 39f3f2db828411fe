"""Which of the parts received make one text. It depends on what came alone, not on the order it came in.

References return (3GPP TS 23.040 9.2.3.24.1), and some senders always use the same one. Their texts are told apart by the SMS centre's
time stamps: parts nearest in time belong together, as far as their numbers allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations, pairwise

from ari_app.threads.database import Transaction
from ari_app.threads.rows import required, stamp
from modem.joining import WINDOW
from modem.pdu import Deliver, decode

__all__ = ["CLOSE", "Kept", "is_close", "pool_of", "sent_again", "sets"]

CLOSE = timedelta(minutes=5)
"""Two parts of one text are sent within this time, unless a phone lost its signal between them. A text of parts further apart may be a
mixture of two with one reference: it waits whether parts come that fit better."""
_BACKWARDS = timedelta(seconds=30)
"""How much nearer in time parts must be that are stamped against the order of their numbers: a phone sends them in order."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A received part as it lies in ``inbound``."""

    row: int
    part: Deliver
    received: datetime
    message: int | None
    """The message it is shown in."""

    @property
    def at(self) -> datetime:
        """When the SMS centre took it; when it came here where the centre does not say."""
        return self.part.sent_at or self.received

    @property
    def number(self) -> int:
        return self.part.part.number if self.part.part else 1

    @property
    def parts(self) -> int:
        """Of the whole text."""
        return self.part.part.parts if self.part.part else 1


def pool_of(tx: Transaction, like: int, since: datetime, *, whole: bool = False) -> list[Kept]:
    """Parts with the sender, reference and number of parts of row ``like``, received ``since``, that no whole text has yet.

    ``whole``: those that one has, instead.
    """
    rows = tx.all(
        f"""SELECT i.id, i.sender, i.pdu, i.received, i.message FROM inbound one JOIN inbound i ON i.sender = one.sender
                AND i.reference = one.reference AND i.parts = one.parts AND i.wide = one.wide AND i.received >= ?
            LEFT JOIN message m ON m.id = i.message
            WHERE one.id = ? AND {"m.state = 'received'" if whole else "(m.id IS NULL OR m.state = 'partial')"} ORDER BY i.id""",  # noqa: S608  (our own)
        (stamp(since), like),
    )
    kept = []
    for row in rows:
        part = decode(row["pdu"])
        if isinstance(part, Deliver):  # it was when it came
            kept.append(Kept(row["id"], replace(part, sender=row["sender"]), required(row["received"]), row["message"]))
    return kept


def sets(pool: Sequence[Kept]) -> list[list[Kept]]:
    """The parts of a pool, those of each text together, whole or not."""
    of = {one.row: [one] for one in pool}
    for one, other in sorted(combinations(pool, 2), key=_distance):
        mine, theirs = of[one.row], of[other.row]
        if mine is not theirs and _fit(mine, theirs):
            mine.extend(theirs)
            of.update((each.row, mine) for each in theirs)
    return list({id(each): each for each in of.values()}.values())


def _distance(pair: tuple[Kept, Kept]) -> tuple[timedelta, int, int]:
    early, late = sorted(pair, key=lambda one: one.at)
    apart = late.at - early.at
    if apart and late.number < early.number:
        apart += _BACKWARDS
    # stamped in the same second: what came here next to each other
    return apart, abs(early.row - late.row), min(early.row, late.row)


def _fit(mine: Sequence[Kept], theirs: Sequence[Kept]) -> bool:
    both = [*mine, *theirs]
    times = [one.at for one in both]
    return len({one.number for one in both}) == len(both) and max(times) - min(times) <= WINDOW


def is_close(text: Iterable[Kept]) -> bool:
    """Does no part lie further from the next in time than ``CLOSE``."""
    return all(late - early <= CLOSE for early, late in pairwise(sorted(one.at for one in text)))


def sent_again(text: Sequence[Kept], before: Sequence[Kept]) -> int | None:
    """The message ``text`` repeats: each part is, but for the stamp, one of ``before`` of about the same time. The sender's phone had
    not heard that the centre took it, and sent it again."""
    twins = [[old for old in before if _same(old, one)] for one in text]
    return twins[0][0].message if all(twins) else None


def _same(old: Kept, new: Kept) -> bool:
    return old.number == new.number and old.part.units == new.part.units and abs(old.at - new.at) <= CLOSE
