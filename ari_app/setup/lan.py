"""The machine's addresses on the networks it stands in, by which desks and desk phones reach it (netdevice(7))."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass

__all__ = ["Lan", "addresses"]

_GET_ADDRESS, _GET_NETMASK = 0x8915, 0x891B  # SIOCGIFADDR, SIOCGIFNETMASK
_INNER = ("lo", "docker", "veth", "virbr", "br-", "tap", "lxc", "cni")
"""Interfaces that lead to no desk."""


@dataclass(frozen=True, slots=True)
class Lan:
    """An interface's IPv4 address with its network."""

    name: str
    address: ipaddress.IPv4Interface

    @property
    def ip(self) -> str:
        return str(self.address.ip)

    @property
    def network(self) -> str:
        return str(self.address.network)


def addresses() -> tuple[Lan, ...]:
    """IPv4 addresses of this machine that others may reach, private ones first. Loopback and what containers made is left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            if name.startswith(_INNER):
                continue
            try:
                address, mask = (_ask(asking, name, what) for what in (_GET_ADDRESS, _GET_NETMASK))
            except OSError:
                continue  # down, or without IPv4
            found.append(Lan(name, ipaddress.IPv4Interface(f"{address}/{mask}")))
    usable = [each for each in found if not each.address.is_loopback and not each.address.is_link_local]
    return tuple(sorted(usable, key=lambda each: not each.address.is_private))


def _ask(asking: socket.socket, name: str, what: int) -> str:
    answer = fcntl.ioctl(asking.fileno(), what, struct.pack("256s", name.encode()[:15]))
    return socket.inet_ntoa(answer[20:24])
