"""What the clinic's settings mean to the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from modem.compact import compact

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """Where texts of unknown numbers are filed, how local numbers are read, and how texts are written."""

    line: str
    country: str
    notice_life: timedelta
    compact: bool = False
    """Fold what costs a segment and says nothing (``modem.compact``)."""

    def folded(self, text: str) -> str:
        """The text as it leaves; the thread keeps it as it was written."""
        return compact(text) if self.compact else text
