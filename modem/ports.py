"""Finding the modem's port by USB identity: which of the machine's serial ports may be a modem, and which of them answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from modem.at import Dialogue
from modem.errors import LinkLostError, ModemError, NoAnswerError
from modem.link import Link
from modem.session import identify
from modem.timing import Timing

__all__ = ["candidates", "find"]

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


def candidates(ports: Sequence[ListPortInfo] | None = None) -> tuple[str, ...]:
    """Device paths worth asking, best first: modems by maker, then USB bridges. Ports of other devices are left alone."""
    found = list_ports.comports() if ports is None else ports
    modems = sorted((port for port in found if port.vid in _MODEM_MAKERS), key=_order)
    bridges = sorted((port for port in found if port.vid in _BRIDGES), key=lambda port: port.device)
    return tuple(port.device for port in (*modems, *bridges))


def _order(port: ListPortInfo) -> tuple[str, int]:
    stick, _, interface = (port.location or "").partition(":")
    number = int(interface.rpartition(".")[2]) if interface.rpartition(".")[2].isdecimal() else 0
    # makers that fix nothing announce on the last of a stick's ports
    return stick, -1000 if _MODEM_MAKERS[port.vid] == number else -number


async def find(
    imei: str | None, timing: Timing, *, among: Callable[[], Sequence[str]] = candidates, avoid: Collection[str] = frozenset()
) -> str:
    """The port of the modem with this IMEI, or of the first that answers AT. Raises ModemError when there is none.

    ``avoid``: IMEIs of modems in use; a stick has several ports, and more than one of them may answer.
    """
    seen = []
    busy = 0
    for name in await asyncio.to_thread(among):  # reads the whole of /sys/class/tty
        try:
            found = await _imei_at(name, timing)
        except ModemError as error:
            busy += error.code == "port_busy"
            continue
        if found is None:
            continue
        if found[:14] == imei[:14] if imei is not None else found not in avoid:
            return name
        seen.append(found)
    if seen:
        what = "none with this IMEI" if imei is not None else "all in use by other [[modem]] entries"
        raise ModemError("no_port", f"{len(seen)} modem(s) are here, {what}", "correct imei, or plug the modem in")
    if busy:
        raise ModemError(
            "port_busy", "another program uses every port that may be a modem", "stop it (gammu-smsd, smstools, ModemManager, chan_dongle)"
        )
    raise ModemError("no_port", "no modem answers on any USB port", "plug the modem in, and see that it is not in storage or HiLink mode")


async def _imei_at(name: str, timing: Timing) -> str | None:
    """The IMEI of whatever answers AT at this port, "" when it tells none, None when nothing answers."""
    link = await Link.open(name)
    dialogue = Dialogue(link, lambda urc: None, probe=timing.find, tries=timing.probes, settle=timing.settle)  # noqa: ARG005 - nobody listens yet
    link.attach(dialogue.feed, dialogue.lost)
    try:
        radio = await identify(dialogue, replace(timing, command=max(timing.find, timing.probe)))
    except (LinkLostError, NoAnswerError):
        return None
    finally:
        link.close()
    return radio.imei
