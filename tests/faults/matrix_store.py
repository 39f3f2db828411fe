"""Faults of the store, of its disk, of power and of clocks."""

from __future__ import annotations

from tests.faults.fault import Fault

__all__ = ["STORE"]

STORE: tuple[Fault, ...] = ()
