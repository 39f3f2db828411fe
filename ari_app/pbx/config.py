"""What the tracker must know of the house."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Self

from ari_app.settings import Settings

__all__ = ["WatchConfig", "matcher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """What the tracker must know of the house."""

    country: str
    inbound_contexts: tuple[str, ...]
    internal_length: tuple[int, int] = (2, 6)
    machines: tuple[str, ...] = ()
    trust_outside: bool = False
    """A leg answered outside the PBX counts as a person reached."""
    hold: timedelta = timedelta(seconds=30)
    """Hung up after this long on hold is lost, not served."""
    switches: tuple[str, ...] = ()
    """Device states to follow: night switches."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """From textback.toml."""
        pbx = settings.pbx
        return cls(
            country=settings.clinic.country,
            inbound_contexts=pbx.inbound_contexts,
            internal_length=pbx.internal_length,
            machines=pbx.machines,
            trust_outside=pbx.outside == "trust",
            switches=(settings.hours.follow,) if settings.hours.follow else (),
        )


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Does a name match one of these shell patterns; the answers are remembered, names recur."""
    regexes = [re.compile(fnmatch.translate(pattern)) for pattern in patterns]

    @lru_cache(maxsize=4096)
    def match(name: str) -> bool:
        return any(regex.match(name) for regex in regexes)

    return match
