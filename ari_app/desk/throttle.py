"""Guessing made slow: each wrong try at a door makes the next one wait longer, for whoever guesses, and for nobody else.

Two counts: of an account from one place, and of everything from that place (or, where there is little to guess, of the account from
everywhere). Who once came in from there waits for wrong tries at their own account from there only: others lock no member out. A place is
an address, an extension, or a browser that is known again, which is one member's alone. In memory, and bounded: a restart forgets, and a
flood of names or places pushes out the oldest.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from ari_app.clock import Clock
from ari_app.errors import RefusedError

__all__ = ["Gate", "place"]

_FREE, _FREE_ALL = 5, 30
"""Wrong tries that cost nothing: of one account from one place, and of all (a whole clinic may be behind one address)."""
_FIRST, _LONGEST = 1.0, 900.0
"""Seconds to wait after one more, doubled each time."""
_FORGET = 3600.0
"""Seconds after the last wait is over that a place is forgiven."""
_MOST = 10_000
"""Entries kept of each kind."""
_IPV6_SITE = 64
"""Bits of an IPv6 address that one subscriber shares (RFC 6177): the rest is theirs to vary."""


def place(address: str) -> str:
    """From where somebody comes, for counting: an IPv4 address, the /64 of an IPv6 one, anything else (an extension) as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(found), _IPV6_SITE), strict=False))
        return str(found.ipv4_mapped)
    return str(found)


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0
    """Monotonic seconds."""


class _Counted:
    """Wrong tries by whom they are counted for."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next try may be made."""
        tries = self._tries.get(key)
        if tries is None:
            return 0.0
        over = tries.count - self._free
        wait = tries.last - now + (0.0 if over < 0 else min(_FIRST * 2.0 ** min(over, 30), _LONGEST))
        if wait < -_FORGET:
            del self._tries[key]
        return max(wait, 0.0)

    def tried(self, key: str, now: float) -> None:
        tries = self._tries.setdefault(key, _Tries())
        self._tries.move_to_end(key)
        tries.count += 1
        tries.last = now
        while len(self._tries) > _MOST:
            self._tries.popitem(last=False)

    def was_right(self, key: str) -> None:
        """The last try counts for nothing."""
        tries = self._tries.get(key)
        if tries is not None:
            tries.count -= 1

    def forgive(self, key: str) -> None:
        self._tries.pop(key, None)


class Gate:
    """Counts tries at one kind of door. ``by_account``: the second count is of the account from everywhere, not of the place."""

    def __init__(self, clock: Clock, *, by_account: bool = False) -> None:
        self._clock = clock
        self._by_account = by_account
        self._pairs = _Counted(_FREE)
        self._all = _Counted(_FREE_ALL)
        self._known: OrderedDict[str, None] = OrderedDict()

    def knows(self, account: str, address: str) -> bool:
        """Did this account come in from there since the service started."""
        return self._pair(account, address) in self._known

    def enter(self, account: str, address: str) -> None:
        """Before a try is looked at: it counts as wrong until ``right`` says otherwise, so that many at once are no way round.

        Raises RefusedError, code ``throttled``, with the seconds to wait; such a try is not looked at and does not count.
        """
        now, pair, wide = self._clock.monotonic(), self._pair(account, address), self._wide(account, address)
        known = pair in self._known
        wait = max(self._pairs.wait(pair, now), 0.0 if known else self._all.wait(wide, now))
        if wait > 0:
            seconds = math.ceil(wait)
            raise RefusedError(
                "too many wrong tries",
                f"wait {seconds} second{'' if seconds == 1 else 's'} and try again",
                code="throttled",
                facts={"seconds": seconds},
            )
        self._pairs.tried(pair, now)
        if not known:
            self._all.tried(wide, now)

    def right(self, account: str, address: str) -> None:
        """The try was right."""
        pair = self._pair(account, address)
        if pair not in self._known:
            self._all.was_right(self._wide(account, address))
        self._pairs.forgive(pair)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _wide(self, account: str, address: str) -> str:
        return account.casefold() if self._by_account else place(address)

    @staticmethod
    def _pair(account: str, address: str) -> str:
        return f"{account.casefold()}\n{place(address)}"
