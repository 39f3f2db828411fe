"""Who hears whom, by the bridge events alone: the choreography's own reckoning, independent of the product's."""

from __future__ import annotations

from tests.lab.listener import Event

__all__ = ["Paths"]


class Paths:
    """Channels by name and the mixing bridge each is in."""

    def __init__(self) -> None:
        self._rooms: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Take in one event."""
        kind = event["type"]
        if kind == "ChannelEnteredBridge" and event["bridge"]["bridge_type"] != "holding":
            self._rooms[event["channel"]["name"]] = event["bridge"]["id"]
        elif kind in {"ChannelEnteredBridge", "ChannelLeftBridge", "ChannelDestroyed"}:
            self._rooms.pop(event["channel"]["name"], None)

    def from_(self, name: str) -> set[str]:
        """Everybody a path leads to, through bridges and the two halves of Local channels."""
        found, todo = {name}, [name]
        while todo:
            at = todo.pop()
            room = self._rooms.get(at)
            beside = {other for other, where in self._rooms.items() if where == room} if room else set()
            if at.endswith((";1", ";2")):
                beside.add(at[:-1] + ("2" if at.endswith("1") else "1"))
            todo.extend(beside - found)
            found |= beside
        return found
