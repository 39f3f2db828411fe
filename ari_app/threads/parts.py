"""Which of the parts received make one text. It depends on what came alone, not on the order it came in.

References return (3GPP TS 23.040 9.2.3.24.1), and some senders always use the same one. Their texts are told apart by the SMS centre's
time stamps: parts nearest in time belong together, as far as their numbers allow.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from ari_app.threads.database import Transaction
from ari_app.threads.rows import required, stamp
from modem.joining import WINDOW
from modem.pdu import Deliver, decode

__all__ = ["CLOSE", "Kept", "is_close", "is_whole", "kept", "messages_of", "overdue", "rows_like", "sent_again", "sets"]

CLOSE = timedelta(minutes=5)
"""Two parts of one text are sent within this time, unless a phone lost its signal between them. A text of parts further apart may be a
mixture of two with one reference: it is shown late, marked ``partial``, and taken apart again when parts come that fit better."""
_BACKWARDS = timedelta(seconds=30)
"""How much nearer in time parts must be that are stamped against the order of their numbers: a phone sends them in order."""

_MOST = 512
"""Parts looked at when one comes: two texts of the most parts there can be."""
_NEAR = 32
"""Parts of as many others may be stamped between two of one text."""


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


def rows_like(tx: Transaction, row: int) -> list[sqlite3.Row]:
    """Parts that may be of one text with that of ``row``, itself included, and that no whole text has yet; the nearest in time."""
    one = tx.one("SELECT sender, reference, parts, wide, coalesce(sent_at, received) AS at FROM inbound WHERE id = ?", (row,))
    assert one is not None  # noqa: S101  (its caller found it)
    return _rows(tx, one, one["at"], one["at"], most=_MOST)


def overdue(tx: Transaction, latest: datetime) -> Iterator[tuple[list[sqlite3.Row], list[sqlite3.Row]]]:
    """Of each sender and reference with a part that came by ``latest`` and is in no text yet: the parts that are in no whole text, and
    those that are."""
    waiting = tx.all(
        """SELECT sender, reference, parts, wide, min(coalesce(sent_at, received)) AS first, max(coalesce(sent_at, received)) AS last
            FROM inbound WHERE message IS NULL AND whole IS NOT NULL AND received <= ? GROUP BY sender, reference, parts, wide""",
        (stamp(latest),),
    )
    for one in waiting:
        yield _rows(tx, one, one["first"], one["last"]), _rows(tx, one, one["first"], one["last"], whole=True)


def _rows(tx: Transaction, like: sqlite3.Row, first: str, last: str, *, whole: bool = False, most: int = -1) -> list[sqlite3.Row]:
    return tx.all(
        f"""SELECT i.id, i.sender, i.number, i.pdu, i.received, i.message FROM inbound i LEFT JOIN message m ON m.id = i.message
            WHERE i.sender = ? AND i.reference = ? AND i.parts = ? AND i.wide = ? AND i.whole IS NOT NULL
            AND coalesce(i.sent_at, i.received) BETWEEN ? AND ?
            AND {"m.state = 'received'" if whole else "(m.id IS NULL OR m.state = 'partial')"}
            ORDER BY abs(julianday(coalesce(i.sent_at, i.received)) - julianday(?)), i.id LIMIT ?""",  # noqa: S608  (our own)
        (
            *(like[column] for column in ("sender", "reference", "parts", "wide")),
            stamp(required(first) - WINDOW),
            stamp(required(last) + WINDOW),
            first,
            most,
        ),
    )


def kept(rows: Iterable[sqlite3.Row]) -> list[Kept]:
    """Such rows, read."""
    read = ((row, decode(row["pdu"])) for row in rows)
    return [
        Kept(row["id"], replace(part, sender=row["sender"]), required(row["received"]), row["message"])
        for row, part in read
        if isinstance(part, Deliver)  # each was when it came
    ]


def sets(pool: Sequence[Kept]) -> list[list[Kept]]:
    """The parts of a pool, those of each text together, whole or not."""
    of = {one.row: [one] for one in pool}
    for one, other in sorted(_pairs(pool), key=_distance):
        mine, theirs = of[one.row], of[other.row]
        if mine is not theirs and _fit(mine, theirs):
            mine.extend(theirs)
            of.update((each.row, mine) for each in theirs)
    return list({id(each): each for each in of.values()}.values())


def _pairs(pool: Sequence[Kept]) -> Iterator[tuple[Kept, Kept]]:
    """Those that may be of one text and stand near in time: a flood of parts must not hold up the rest."""
    ordered = sorted(pool, key=lambda one: (one.at, one.row))
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 : at + 1 + max(_NEAR, 2 * one.parts)]:
            if other.number != one.number:
                yield one, other


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
    """Does no part that has a time stamp lie further from the next than ``CLOSE``."""
    return all(late - early <= CLOSE for early, late in pairwise(sorted(one.part.sent_at for one in text if one.part.sent_at)))


def is_whole(text: Sequence[Kept]) -> bool:
    """Is every part there, and surely of this text."""
    return len(text) == text[0].parts and is_close(text)


def messages_of(texts: Sequence[Sequence[Kept]]) -> list[int | None]:
    """The message each text is to be shown in, None for a new one: that which shows most of its parts, if it shows no more of another."""
    claims = Counter((one.message, index) for index, text in enumerate(texts) for one in text if one.message is not None)
    found: dict[int, int] = {}
    taken: set[int] = set()
    for message, index in sorted(claims, key=lambda claim: (-claims[claim], claim)):
        if index not in found and message not in taken:
            found[index] = message
            taken.add(message)
    return [found.get(index) for index in range(len(texts))]


def sent_again(text: Sequence[Kept], before: Sequence[Kept]) -> int | None:
    """The message ``text`` repeats: each part is, but for the stamp, one of ``before`` of about the same time. The sender's phone had
    not heard that the centre took it, and sent it again."""
    twins = [[old for old in before if _same(old, one)] for one in text]
    return twins[0][0].message if all(twins) else None


def _same(old: Kept, new: Kept) -> bool:
    return old.number == new.number and old.part.units == new.part.units and abs(old.at - new.at) <= CLOSE
