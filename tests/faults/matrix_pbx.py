"""Faults of the PBX, of the network to it, of AGI, and of the service itself."""

from __future__ import annotations

from tests.faults.fault import Fault

__all__ = ["PBX"]

PBX: tuple[Fault, ...] = (
    Fault(
        group="service",
        name="killed under traffic",
        how="kill -9 at 30 random moments, fifty callers at once all the while",
        test="tests/lab/test_bars.py::test_thirty_kills",
        where="ci",
        sees="log `started` again; systemd counts the restarts",
    ),
)
