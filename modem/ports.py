"""Finding the modem's port by identity: which of the machine's serial ports may be a modem, and which of them answers as the one meant."""

from __future__ import annotations

import asyncio
import glob
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from modem.at import Dialogue
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.link import Link
from modem.session import read_imei
from modem.timing import Timing

__all__ = ["Place", "candidates", "find", "imei_at", "is_modem", "is_pattern", "places"]

_MODEM_MAKERS = {  # USB vendor ids, and the interface that takes AT commands and announces texts where the maker fixes it
    0x12D1: None,  # Huawei
    0x2C7C: 2,  # Quectel
    0x1E0E: 2,  # SIMCom
    0x19D2: None,  # ZTE
    0x1199: None,  # Sierra Wireless
    0x1BC7: None,  # Telit
    0x1546: None,  # u-blox
    0x0AF0: None,  # Option
    0x2CB7: None,  # Fibocom
    0x0BDB: None,  # Ericsson
    0x05C6: None,  # Qualcomm
    0x1E2D: None,  # Cinterion
}
_BRIDGES = {0x10C4, 0x1A86, 0x0403, 0x067B}  # Silicon Labs, WCH, FTDI, Prolific: a modem's board may stand behind them


@dataclass(frozen=True, slots=True)
class Place:
    """A port worth asking. ``stick``: the USB socket ("1-1.2") of the modem it belongs to; the path where that is not known.

    A bridge with several ports has a modem at each.
    """

    path: str
    stick: str


def is_pattern(port: str) -> bool:
    """Does this stand for several ports: "auto", or a pattern of paths?"""
    return port == "auto" or ("://" not in port and glob.has_magic(port))


def candidates(ports: Sequence[ListPortInfo] | None = None) -> tuple[Place, ...]:
    """Ports worth asking on this machine, best first: modems by maker, then USB bridges. Ports of other devices are left alone."""
    found = list_ports.comports() if ports is None else ports
    modems = sorted((port for port in found if port.vid in _MODEM_MAKERS), key=_order)
    bridges = sorted((port for port in found if port.vid in _BRIDGES), key=lambda port: _natural(port.device))
    return (*(Place(port.device, _stick(port)) for port in modems), *(Place(port.device, port.device) for port in bridges))


def is_modem(vendor: str) -> bool:
    """Is this the USB vendor id (hexadecimal) of a maker of modems? Then the whole USB device is one."""
    return re.fullmatch(r"[0-9A-Fa-f]{4}", vendor) is not None and int(vendor, 16) in _MODEM_MAKERS


def places(port: str) -> tuple[Place, ...]:
    """The ports that "auto" or a pattern stands for, best first; each device once, under whichever of its names comes first."""
    usb = candidates()
    if port == "auto":
        return usb
    ranks = {place.path: rank for rank, place in enumerate(usb)}
    sticks = {place.path: place.stick for place in usb}
    found: dict[str, str] = {}
    for path in sorted(glob.glob(port), key=_natural):  # noqa: PTH207 - the pattern is absolute
        found.setdefault(str(Path(path).resolve()), path)
    ordered = sorted(found, key=lambda device: ranks.get(device, len(ranks)))
    return tuple(Place(found[device], sticks.get(device, found[device])) for device in ordered)


def _natural(path: str) -> list[tuple[int, str]]:
    """ttyUSB2 before ttyUSB10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", path)]


def _stick(port: ListPortInfo) -> str:
    return (port.location or "").partition(":")[0] or port.device


def _order(port: ListPortInfo) -> tuple[list[tuple[int, str]], int]:
    interface = (port.location or "").partition(":")[2].rpartition(".")[2]
    number = int(interface) if interface.isdecimal() else 0
    # makers that fix nothing announce on the last of a stick's ports
    return _natural(_stick(port)), -1000 if _MODEM_MAKERS[port.vid] == number else -number


@dataclass(frozen=True, slots=True)
class _Stick:
    """What one stick answered: the port that did and its IMEI, or why none did."""

    paths: Sequence[str]
    path: str = ""
    imei: str | None = None
    busy: bool = False
    forbidden: bool = False


async def find(
    imei: str | None,
    timing: Timing,
    *,
    port: str = "auto",
    others: bool = False,
    accept: Callable[[str], bool] = lambda imei: True,  # noqa: ARG005 - any
    held: Callable[[str], bool] = lambda stick: False,  # noqa: ARG005 - none
    reserved: Callable[[str], bool] = lambda path: False,  # noqa: ARG005 - none
) -> str:
    """The port of the modem with this IMEI, or (with None, or ``others`` where it is nowhere) the first that answers AT.

    ``port``: "auto" or a pattern. ``accept`` is asked about the one found, by IMEI ("" where it tells none), and makes it the caller's by
    True; ``held`` says which stick need not be asked, ``reserved`` at which path a modem is only taken by its IMEI. Sticks are asked
    side by side, a stick's ports in order; each costs ``timing.port`` seconds at most. Raises ModemError when there is none.
    """
    sticks: dict[str, list[str]] = {}
    for place in await asyncio.to_thread(places, port):  # reads the whole of /sys/class/tty
        sticks.setdefault(place.stick, []).append(place.path)
    left = [paths for stick, paths in sticks.items() if not held(stick) and not (imei is None and any(map(reserved, paths)))]
    asking = [asyncio.create_task(_ask_stick(paths, timing)) for paths in left]
    try:
        if imei is not None:
            for answer in asyncio.as_completed(asking):
                found = await answer
                if found.imei is not None and found.imei[:14] == imei[:14] and accept(found.imei):
                    return found.path
        if imei is None or others:
            for answered in asking:
                found = await answered
                if found.imei is not None and not any(map(reserved, found.paths)) and accept(found.imei):
                    return found.path
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    raise _none(imei, len(sticks) - len(asking), [task.result() for task in asking])


def _none(imei: str | None, held: int, sticks: Iterable[_Stick]) -> ModemError:
    seen = held + sum(stick.imei is not None for stick in sticks)
    if seen:
        what = "none with this IMEI" if imei is not None else "all in use by other [[modem]] entries"
        return ModemError("no_port", f"{seen} modem(s) are here, {what}", "plug the modem in, or correct imei")
    if any(stick.busy for stick in sticks):
        return ModemError(
            "port_busy", "another program uses every port that may be a modem", "stop it (gammu-smsd, smstools, ModemManager, chan_dongle)"
        )
    if any(stick.forbidden for stick in sticks):
        return ModemError(
            "permission",
            "no permission to open the ports that may be a modem",
            "add the service's user to the group dialout, or install the udev rule",
        )
    return ModemError(
        "no_port", "no modem answers on any of these ports", "plug the modem in, and see that it is not in storage or HiLink mode"
    )


async def _ask_stick(paths: Sequence[str], timing: Timing) -> _Stick:
    """Ask a stick's ports in order; the first that answers tells who it is."""
    busy = forbidden = False
    for path in paths:
        try:
            imei = await imei_at(path, timing)
        except ModemError as error:
            busy = busy or error.code == "port_busy"
            forbidden = forbidden or error.code == "permission"
            continue
        if imei is not None:
            return _Stick(paths, path, imei)
    return _Stick(paths, busy=busy, forbidden=forbidden)


_asking: dict[tuple[int, str], tuple[asyncio.Task[str | None], set[object]]] = {}
"""Ports that are being asked right now, by event loop and path, and who waits for the answer: drivers that look at once share it."""


async def imei_at(path: str, timing: Timing) -> str | None:
    """The IMEI of whatever answers AT at this port, "" when it tells none, None when nothing does in ``timing.port`` seconds.

    Raises ModemError when the port cannot be opened.
    """
    key = (id(asyncio.get_running_loop()), path)
    if key not in _asking:
        _asking[key] = asyncio.create_task(_imei_at(path, timing)), set()
    task, waiting = _asking[key]
    me = object()
    waiting.add(me)
    try:
        return await asyncio.shield(task)
    finally:
        waiting.discard(me)
        if task.done() or not waiting:
            if _asking.get(key, (None,))[0] is task:
                del _asking[key]
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def _imei_at(path: str, timing: Timing) -> str | None:
    link = await Link.open(path)
    dialogue = Dialogue(link, lambda urc: None, probe=timing.find, tries=timing.probes, settle=timing.settle)  # noqa: ARG005 - nobody listens yet
    link.attach(dialogue.feed, dialogue.lost)
    try:
        async with asyncio.timeout(timing.port):
            return await read_imei(dialogue, timing)
    except (LinkLostError, NoAnswerError, TimeoutError):
        return None
    finally:
        link.close()
