"""Where the modem of one driver is: opened by identity (IMEI), not by path, and never one that another driver has.

The IMEI is the one configured, else that of the modem served before. Under another path, or with another modem at its path, it is looked
for; only when it is nowhere for a while, and none is configured, is the modem that stands in its place taken for its replacement.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from modem import claims, ports, reset
from modem.claims import CLAIMS
from modem.errors import ModemError
from modem.link import Link
from modem.timing import Timing

__all__ = ["Whereabouts"]


class Whereabouts:
    """Lives as long as the driver. ``port``: a path, "auto", a pattern of paths or a pyserial URL; ``sys``: where sysfs is."""

    def __init__(self, name: str, port: str, imei: str | None, timing: Timing, sys: Path) -> None:
        self._port = port
        self._imei = imei
        self._timing = timing
        self._sys = sys
        self._log = structlog.get_logger("modem").bind(modem=name)
        self._known = ""
        """The IMEI served before."""
        self._gone_since: float | None = None
        self._stick = self._reserved = ""
        self.path = ""
        """The port opened last."""
        self._usb: Path | None = None
        self._vendor = ""

    @property
    def seen(self) -> bool:
        """Was this modem served before, by this driver?"""
        return self._gone_since is not None

    def begin(self) -> None:
        """The driver runs: the modem and the port configured are its own."""
        if self._imei is not None:
            CLAIMS.take(self, claims.modem(self._imei))
        self._reserve()

    def end(self) -> None:
        """The driver ended."""
        CLAIMS.leave(self)

    async def open(self) -> Link:
        """Open the modem's port, wherever it is. Raises ModemError."""
        self.path = ""
        self._reserve()
        path = await self._find()
        link = await Link.open(path)
        self.path = path
        self._usb = reset.usb_device(path, self._sys)
        self._vendor = reset.vendor(self._usb)
        return link

    @property
    def usb(self) -> Path | None:
        """The folder in sysfs of the stick whose port was opened last, None when it is none, or another is there by now.

        A USB bridge is none: it may serve other modems, and switching it off does nothing to them.
        """
        device = self._usb
        return device if device is not None and ports.is_modem(self._vendor) and reset.vendor(device) == self._vendor else None

    def meet(self, imei: str) -> None:
        """The modem behind the port told its IMEI ("" for none). Raises ModemError when it is not the one meant, or another driver's."""
        wanted = self._imei or (imei and self._known)
        if wanted and not _same(imei, wanted):
            raise _stranger(self._imei is not None)
        usb = self.usb
        self._stick = claims.stick(usb.name) if usb is not None else ""
        if not CLAIMS.take(self, *filter(None, (imei and claims.modem(imei), self._stick))):
            self._stick = ""
            raise ModemError("wrong_modem", "another [[modem]] entry already has this modem", "name the imei of each in its [[modem]]")
        self._known = imei or self._known

    def lost(self, *, served: bool) -> None:
        """The connection ended. Whose the stick is stays, where it stands does not. ``served``: the modem had been set up."""
        if self._stick:
            CLAIMS.leave(self, self._stick)
        self._stick = ""
        if served:
            self._gone_since = asyncio.get_running_loop().time()

    async def now(self) -> frozenset[str]:
        """What is there at this moment: it changes when a port comes or goes."""
        return await asyncio.to_thread(self._now)

    def _now(self) -> frozenset[str]:
        found = {place.path for place in ports.places(self._port if ports.is_pattern(self._port) else "auto")}
        if "://" not in self._port and Path(self._port).exists():
            found.add(self._port)
        return frozenset(str(Path(path).resolve()) for path in found)

    def _reserve(self) -> None:
        """Whoever looks for any modem leaves the port configured here alone, whatever device its path leads to by now."""
        if "://" in self._port or ports.is_pattern(self._port):
            return
        name = claims.port(self._port)
        if name != self._reserved:
            CLAIMS.leave(self, self._reserved)
            CLAIMS.take(self, name)
            self._reserved = name

    async def _find(self) -> str:
        wanted = self._imei or self._known
        if ports.is_pattern(self._port):
            return await self._look(self._port, others=self._imei is None and self._patience_over)
        if not wanted or "://" in self._port:
            return self._port
        trouble: ModemError | None = None
        there: str | None = None
        try:
            there = await ports.imei_at(self._port, self._timing)
        except ModemError as error:
            trouble = error
        if there is not None and (not there or _same(there, wanted)):
            return self._port
        try:
            return await self._look("auto", others=False)
        except ModemError:  # nowhere else: what the port itself says counts
            if trouble is not None:
                raise trouble from None
        if there is not None:
            if self._imei is not None or not self._patience_over:
                raise _stranger(self._imei is not None)
            self._replace(there)
        return self._port

    async def _look(self, port: str, *, others: bool) -> str:
        return await ports.find(
            self._imei or self._known or None,
            self._timing,
            port=port,
            others=others,
            accept=self._accept,
            held=lambda stick: CLAIMS.taken(self, claims.stick(stick)),
            reserved=lambda path: CLAIMS.taken(self, claims.port(path)),
        )

    @property
    def _patience_over(self) -> bool:
        gone = self._gone_since
        return gone is None or asyncio.get_running_loop().time() >= gone + self._timing.replaced

    def _accept(self, imei: str) -> bool:
        if not imei:
            return True
        if not CLAIMS.take(self, claims.modem(imei)):
            return False
        self._replace(imei)
        return True

    def _replace(self, imei: str) -> None:
        """The modem found is the one to serve from now on."""
        if self._known and not _same(imei, self._known):
            self._log.warning("modem.replaced", was=self._known, now=imei)
            if self._imei is None:
                CLAIMS.leave(self, claims.modem(self._known))
        self._known = imei


def _same(one: str, other: str) -> bool:
    return claims.modem(one) == claims.modem(other)


def _stranger(configured: bool) -> ModemError:
    if configured:
        return ModemError("wrong_modem", "the port answers with the IMEI of another modem", 'set port = "auto", or correct imei')
    return ModemError(
        "wrong_modem",
        "another modem than before is at the port; the one before is looked for",
        "nothing to do: it is taken if none comes back",
    )
