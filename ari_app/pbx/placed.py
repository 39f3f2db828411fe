"""Calls to callers that were asked for here: which channels belong to them, and what came of each.

A call back rings the member's own phone on a channel whose id we chose (``POST /channels``, ``channelId``), so that everything the
PBX dials on its behalf is known by who dialled it. The id says by itself that it is one of ours: a service that was restarted still
knows it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ari_app.model import NotDialled
from ari_app.pbx.event_types import Channel
from ari_app.pbx.outputs import CallBackEnded

__all__ = ["PlacedCalls", "is_placed", "new_id"]

_PREFIX = "textback-callback-"

_CAUSES = {17: NotDialled.BUSY, 21: NotDialled.DECLINED}
"""ITU-T Q.850: user busy, call rejected."""


def new_id() -> str:
    """An id for a call back, never given before."""
    return _PREFIX + uuid.uuid4().hex


def is_placed(channel_id: str) -> bool:
    """Is this the channel that rings a member's phone for a call back."""
    return channel_id.startswith(_PREFIX)


@dataclass(slots=True, eq=False)
class _Placed:
    up: bool = False
    """The member picked up."""
    dialled: bool = False
    """A leg to the outside was made for it."""
    gap: bool = False
    """We were deaf for a part of it."""


class PlacedCalls:
    """The call backs that are up. Told nonsense, it says nothing and never raises."""

    def __init__(self) -> None:
        self._placed: dict[str, _Placed] = {}
        self._made: dict[str, str] = {}
        """Channel → the call back on whose behalf it was made."""

    @property
    def live(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(self._placed)

    def see(self, channel: Channel) -> None:
        """Take over what an event says of a channel."""
        if is_placed(channel.id):
            placed = self._placed.setdefault(channel.id, _Placed())
            placed.up = placed.up or channel.state == "Up"

    def of(self, channel_ids: Iterable[str]) -> str | None:
        """The call back that one of these channels is, or was made for."""
        for identity in channel_ids if self._placed else ():
            found = identity if identity in self._placed else self._made.get(identity)
            if found is not None:
                return found
        return None

    def made(self, channel_ids: Iterable[str], call_back: str) -> None:
        """These channels were made for it."""
        self._made.update(dict.fromkeys(channel_ids, call_back))

    def dialled(self, call_back: str) -> None:
        """It has a leg to the outside."""
        if call_back in self._placed:
            self._placed[call_back].dialled = True

    def deaf(self) -> None:
        """Nothing is heard from now on."""
        for placed in self._placed.values():
            placed.gap = True

    def gone(self, channel_id: str, cause: int | None, at: datetime) -> CallBackEnded | None:
        """A channel ended, with its Q.850 cause; what that says of a call back, if it was the member's phone."""
        self._made.pop(channel_id, None)
        placed = self._placed.pop(channel_id, None)
        if placed is None:
            return None
        if placed.dialled:
            why = None
        elif placed.gap:
            why = NotDialled.NOT_SEEN
        else:
            why = NotDialled.NOBODY if placed.up else _CAUSES.get(cause or 0, NotDialled.NOT_PICKED_UP)
        return CallBackEnded(channel_id, at, why)
