"""Whose a modem is: the drivers of one process agree here, so that no two of them end on one stick."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CLAIMS", "Claims", "modem", "port", "stick"]


class Claims:
    """Names of modems (by IMEI), sticks (by USB socket) and ports, each with the driver that has it or had it last."""

    def __init__(self) -> None:
        self._owners: dict[str, object] = {}

    def take(self, owner: object, *names: str) -> bool:
        """Make all of these the owner's, or none of them when one is another's."""
        if any(self.taken(owner, name) for name in names):
            return False
        self._owners.update(dict.fromkeys(names, owner))
        return True

    def taken(self, owner: object, name: str) -> bool:
        """Is this another's?"""
        return self._owners.get(name, owner) is not owner

    def leave(self, owner: object, *names: str) -> None:
        """Let go of these; of everything without names."""
        mine = {name for name, who in self._owners.items() if who is owner}
        for name in mine & set(names) if names else mine:
            del self._owners[name]


CLAIMS = Claims()
"""Those of this process."""


def modem(imei: str) -> str:
    """The name of a modem: its IMEI without the last digits, which are check digit or version."""
    return f"imei {imei[:14]}"


def stick(socket: str) -> str:
    """The name of whatever stands in a USB socket ("1-1.2")."""
    return f"usb {socket}"


def port(path: str) -> str:
    """The name of a port, whichever of its paths is given."""
    return f"port {Path(path).resolve()}"
