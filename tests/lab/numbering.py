"""Numbers of the lab: every scenario's own, none of them anybody's (NANP 555 exchanges)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Numbers"]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of the scenario at ``index`` (0 … 99) of the table."""

    index: int

    @property
    def did(self) -> str:
        return f"51455520{self.index:02d}"

    @property
    def caller(self) -> str:
        return f"43855510{self.index:02d}"

    @property
    def caller_e164(self) -> str:
        return f"+1{self.caller}"

    @property
    def mobile(self) -> str:
        """Outside; the carrier answers it."""
        return f"4505553{self.index:02d}1"

    @property
    def deaf_mobile(self) -> str:
        """Outside; it rings and nobody answers."""
        return f"4505553{self.index:02d}2"

    def phone(self, letter: str) -> str:
        """Extension of phone "a" … "i"."""
        return f"1{self.index:02d}{ord(letter) - ord('a') + 1}"

    @property
    def fields(self) -> dict[str, str]:
        """What a scenario's dialplan may name."""
        two = f"{self.index:02d}"
        return {
            "did": self.did, "caller": self.caller, "mobile": self.mobile, "deaf_mobile": self.deaf_mobile,
            "a": self.phone("a"), "b": self.phone("b"), "c": self.phone("c"), "group": f"8{two}0", "queue": f"7{two}0",
            "lot": f"lot{two}", "slot": f"9{two}1", "park": f"9{two}0", "fax": f"fax{two}", "room": f"6{two}0",
        }  # fmt: skip
