"""Which Asterisk lines a test of the lab is run on."""

from __future__ import annotations

import pytest

__all__ = ["LINES", "on_22"]

LINES = ("22", "16")
on_22 = pytest.mark.parametrize("line", LINES[:1], indirect=True, scope="module")
"""On Asterisk 22 alone: what is tested is textback's own, and that 16 does its part is shown by another test of the same file."""
