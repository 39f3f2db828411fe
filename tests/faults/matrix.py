"""The fault matrix, whole."""

from __future__ import annotations

from tests.faults.fault import Fault
from tests.faults.matrix_modem import MODEM
from tests.faults.matrix_pbx import PBX
from tests.faults.matrix_store import STORE

__all__ = ["FAULTS", "GROUPS"]

FAULTS: tuple[Fault, ...] = (*PBX, *STORE, *MODEM)
GROUPS = tuple(dict.fromkeys(fault.group for fault in FAULTS))
"""In the order of the table."""
