"""Faults of the modem, of its SIM and of the mobile network."""

from __future__ import annotations

from tests.faults.fault import Fault

__all__ = ["MODEM"]

MODEM: tuple[Fault, ...] = ()
