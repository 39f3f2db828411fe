"""Joining the parts of a long text (3GPP TS 23.040 9.2.3.24.1): pure, whatever order they came in and however often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from modem import shifts
from modem.alphabet import escape_open
from modem.pdu import Deliver

__all__ = ["WINDOW", "Joined", "join"]

WINDOW = timedelta(hours=24)
"""Parts whose time stamps lie further apart belong to different texts: references return after 256 texts."""


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
