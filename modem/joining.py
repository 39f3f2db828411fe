"""Joining the parts of a long text (3GPP TS 23.040 9.2.3.24.1): pure, whatever order they came in and however often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from modem import shifts
from modem.alphabet import escape_open
from modem.pdu import Deliver

__all__ = ["WINDOW", "Fit", "Joined", "fit", "join"]

WINDOW = timedelta(hours=24)
"""Parts whose time stamps lie further apart belong to different texts: references return after 256 texts."""


class Fit(Enum):
    """How a part just received stands to the parts kept under its key."""

    JOINS = "joins"
    DUPLICATE = "duplicate"
    """The network delivered it again: already kept."""
    OTHER = "other"
    """Part of another text that came to bear the same reference: begin a new set."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A text as far as it is there. ``missing``: numbers of the parts that did not come; () when whole."""

    text: str
    missing: tuple[int, ...]
    parts: int
    sent_at: datetime | None
    """Earliest time stamp of its parts."""
    data: bytes
    """What came as octets and not as text, in order, as far as no part is missing."""
    what: str
    """One line that says what came where it is no ordinary text; else ""."""

    @property
    def complete(self) -> bool:
        return not self.missing


def fit(kept: Iterable[Deliver], new: Deliver) -> Fit:
    """Where ``new`` belongs, given the parts ``kept`` of one set: same sender, reference, number of parts and width."""
    joins = False
    for old in kept:
        if _set(old) != _set(new) or not _near(old, new):
            return Fit.OTHER
        if old.part == new.part:
            return Fit.DUPLICATE if old.units == new.units and old.sent_at == new.sent_at else Fit.OTHER
        joins = True
    return Fit.JOINS if joins else Fit.OTHER


def join(parts: Iterable[Deliver]) -> Joined:
    """The text of one set's parts, in any order, duplicates allowed. A single text is a set of one.

    Code units are joined before they are decoded, so an emoji cut between two parts survives; a gap shows as " … ".
    Raises ValueError for no parts at all.
    """
    by_number: dict[int, Deliver] = {}
    total = 0
    for part in parts:
        by_number.setdefault(part.part.number if part.part else 1, part)
        total = max(total, part.part.parts if part.part else 1)
    if not by_number:
        raise ValueError("there is nothing to join")
    missing = tuple(number for number in range(1, total + 1) if number not in by_number)
    runs: list[bytes] = []
    units = data = b""
    escaped = False
    for number in range(1, total + 1):
        part_here = by_number.get(number)
        if part_here is None:
            if number == 1 or number - 1 in by_number:
                runs.append(units)
                units = b""
            escaped = False
        elif part_here.alphabet == "gsm7":
            text = shifts.read(part_here.septets, part_here.locking, part_here.single, escaped=escaped)
            units += text.encode("utf-16-be")
            escaped = escape_open(part_here.septets, escaped=escaped)
        elif part_here.alphabet == "ucs2":
            units += part_here.units
            escaped = False
        elif not missing or number < missing[0]:
            data += part_here.units
    runs.append(units)
    text = " … ".join(run.decode("utf-16-be", "replace") for run in runs).strip(" " if missing else "")
    stamps = [part.sent_at for part in by_number.values() if part.sent_at is not None]
    what = next((by_number[number].what for number in sorted(by_number) if by_number[number].what), "")
    return Joined(text, missing, total, min(stamps, default=None), data, what)


def _set(part: Deliver) -> tuple[str, int, int, bool] | None:
    key = part.part
    return None if key is None else (part.sender, key.reference, key.parts, key.wide)


def _near(old: Deliver, new: Deliver) -> bool:
    return old.sent_at is None or new.sent_at is None or abs(old.sent_at - new.sent_at) <= WINDOW
