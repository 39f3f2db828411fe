"""The reset ladder: what is done, in which order, to a modem that reopening its port does not mend.

Reopen and set up anew; AT+CFUN=1,1 where the model is known to come back from it; switch the stick's USB port off and on, where that is
permitted; then tell a person. Each reset is made once an hour at most, and only while no text can be under way.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from enum import Enum
from pathlib import Path

from modem.timing import Timing

__all__ = ["Ladder", "Rung", "Why", "comes_back", "may_switch", "switch", "usb_device", "vendor"]

_COMES_BACK = re.compile(
    r"SIM[89]00"  # SIMCom on a UART: the port stays (SIM800 Series AT Command Manual V1.09, AT+CFUN, <rst>)
    r"|SIM7[56]00"  # SIM7500_SIM7600 Series AT Command Manual V2.00, AT+CFUN, <reset>: the module restarts
    r"|\bEC2[015]\b",  # Quectel EC25&EC21 AT Commands Manual, AT+CFUN, <rst>: reset, then on the bus again with the same ports
    re.IGNORECASE,
)
"""Models, as AT+CGMI and AT+CGMM name them, that come back by themselves with the ports they had.

Not in it, for instance: Huawei sticks, which come back as mass storage (gammu issue 687: E173), Qualcomm sticks that fall off the bus
(gammu issue 552), Quectel EG25, seen to come back with one diagnostic port (Quectel forum 35001).
"""


class Why(Enum):
    """What is wrong; ``value`` for people."""

    SILENT = "the modem does not answer"
    UNREGISTERED = "the modem was registered and finds its network no more"
    REFUSING = "the modem itself takes no text"


class Rung(Enum):
    """What can be done; ``value`` says that it was."""

    REOPEN = "reopened"
    RESTART = "restarted with AT+CFUN=1,1"
    USB = "switched off and on at its USB port"


class Ladder:
    """Decides. Times are seconds of one monotonic clock."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._seen: dict[Why, int] = {}
        """What is wrong now, and how often it was seen since the last reset for it."""
        self._alarms: dict[Why, None] = {}
        self._last: dict[Rung, float] = {}
        self._tried: Counter[Rung] = Counter()
        self.made = 0
        """Resets since the start, of those that are more than reopening."""

    @property
    def alarm(self) -> Why | None:
        """Nothing is left to do about this for now: a person must look."""
        return next(iter(self._alarms), None)

    def step(self, why: Why, now: float, *, restart: bool, usb: bool) -> Rung | None:
        """What to do now about ``why``; None when nothing is left. ``restart``, ``usb``: whether that may be done to this modem."""
        self._seen[why] = self._seen.get(why, 0) + 1
        if self._seen[why] < (self._timing.silent if why is Why.SILENT else 2):
            self._tried[Rung.REOPEN] += 1
            return Rung.REOPEN
        self._seen[why] = 0
        for rung, may in ((Rung.RESTART, restart), (Rung.USB, usb)):
            if may and now >= self._last.get(rung, now - self._timing.reset_apart) + self._timing.reset_apart:
                self._last[rung] = now
                self._tried[rung] += 1
                self.made += 1
                return rung
        self._alarms[why] = None
        return None

    def mended(self, why: Why) -> None:
        """This is no longer wrong."""
        self._seen.pop(why, None)
        self._alarms.pop(why, None)
        if not self._seen:
            self._tried.clear()

    @property
    def tried(self) -> str:
        """What was done since the modem was well, for people."""
        said = [f"{rung.value}{f' {count} times' if count > 1 else ''}" for rung in Rung if (count := self._tried[rung])]
        return ", ".join(said)


def comes_back(model: str) -> bool:
    """Is this model known to survive AT+CFUN=1,1?"""
    return _COMES_BACK.search(model) is not None


def usb_device(port: str, sys: Path) -> Path | None:
    """The folder of the USB device (not the interface) that has this tty, below ``sys`` (/sys); None where no such device has it."""
    device = (sys / "class" / "tty" / Path(port).resolve().name / "device").resolve()
    for folder in (device, *device.parents):
        if (folder / "idVendor").is_file():
            return folder
    return None


def vendor(device: Path | None) -> str:
    """The USB vendor id of whatever is in this place now, "" when nothing is."""
    if device is None:
        return ""
    try:
        return (device / "idVendor").read_text().strip()
    except OSError:
        return ""


def may_switch(device: Path) -> bool:
    """May this process switch the device off and on (its ``authorized``, Linux Documentation/ABI/testing/sysfs-bus-usb)?"""
    return os.access(device / "authorized", os.W_OK)


async def switch(device: Path, off: float) -> None:
    """Switch the device off for ``off`` seconds and on again, whatever becomes of the caller meanwhile. Raises OSError."""
    await asyncio.to_thread(_switch, device / "authorized", off)


def _switch(authorized: Path, off: float) -> None:
    authorized.write_text("0")
    time.sleep(off)
    authorized.write_text("1")
