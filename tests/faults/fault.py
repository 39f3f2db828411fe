"""One line of the fault matrix, and how a test gives its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["FIGURES", "LOSSES", "Fault", "Recorder", "record"]

Recorder = Callable[[str, object], None]
"""pytest's ``record_property``."""

LOSSES = ("texts_lost", "texts_doubled", "calls_lost")
"""Counts; every fault's are 0."""
FIGURES = (*LOSSES, "recovery_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    ``test``: node id of pytest, or its beginning: all that begin so are run, and their figures are one line: losses added, the slowest
    recovery. ``where``: "ci" runs in scripts/test too, "bench" in ``scripts/bench faults`` alone. ``sees``: what the administrator sees
    of it (a log line, doctor's code, a page).
    """

    group: str
    name: str
    how: str
    test: str
    where: Literal["ci", "bench"]
    sees: str


def record(
    record_property: Recorder,
    *,
    texts_lost: int | None = None,
    texts_doubled: int | None = None,
    calls_lost: int | None = None,
    recovery_s: float | None = None,
) -> None:
    """Put a test's figures where ``scripts/bench faults`` reads them: pytest's ``record_property``. None: not a figure of this fault.

    ``recovery_s``: seconds from the end of the fault to normal work.
    """
    for name, value in zip(FIGURES, (texts_lost, texts_doubled, calls_lost, recovery_s), strict=True):
        if value is not None:
            record_property(name, round(value, 2))
