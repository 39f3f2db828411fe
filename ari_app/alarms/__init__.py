"""Tells the administrator what keeps textback from working, until it is over; never a word or a number of a patient."""

from __future__ import annotations

from ari_app.alarms.keeper import Alarms

__all__ = ["Alarms"]
