"""What faults of a modem came to, held against what they may."""

from __future__ import annotations

from tests.bench.fault_table import Found
from tests.faults.fault import Recorder, record

__all__ = ["held"]


def held(found: Found, record_property: Recorder, *, timed: bool) -> None:
    """Nothing lost, nothing doubled, nothing said that is not so. ``timed``: its seconds are those of real waits."""
    count = found.tally
    record(
        record_property,
        texts_lost=len(count.lost) + len(count.waiting) + len(count.unshown) + found.inbound_lost,
        texts_doubled=len(count.doubled) + found.inbound_doubled,
        recovery_s=max(found.recovery) if timed else None,
    )
    record_property("steps", len(found.recovery))
    assert (count.doubled, count.lost, count.unshown, count.spurious, count.waiting, found.wrong) == ([], [], [], [], [], [])
    assert (found.inbound_lost, found.inbound_doubled) == (0, 0)
