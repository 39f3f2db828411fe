"""Who is joined to whom: the channels and bridges of the PBX as the events told them. No rules about calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ari_app.pbx.events import Bridge, Channel
from ari_app.pbx.places import Kind, kind_of, other_half

__all__ = ["Graph", "Room", "Station"]


@dataclass(slots=True, eq=False)
class Room:
    """A bridge. ``mixing``: its members hear each other."""

    id: str
    mixing: bool
    members: dict[str, Station] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Station:
    """A channel that is there now."""

    id: str
    name: str = ""
    kind: Kind = Kind.OTHER
    up: bool = False
    app: str = ""
    """The last application that was not empty: Asterisk 16 empties it at the end."""
    room: Room | None = None
    held_since: datetime | None = None
    """Since when its far end has everybody else on hold."""
    gone: bool = False
    """It handed its call on: still there for a moment, but no longer a party."""


class Graph:
    """Channels by id and by name, and their bridges. Told twice or out of order, it ends in the same state and never raises."""

    def __init__(self) -> None:
        self.stations: dict[str, Station] = {}
        self._names: dict[str, Station] = {}
        self._rooms: dict[str, Room] = {}

    def see(self, channel: Channel) -> tuple[Station, bool]:
        """Take over what an event says of a channel; True when its name or its being Up changed.

        A masquerade (pick-up, some transfers) changes a channel's name, never its id.
        """
        station = self.stations.get(channel.id)
        if station is None:
            station = self.stations[channel.id] = Station(channel.id)
        changed = False
        if channel.name and channel.name != station.name:
            if self._names.get(station.name) is station:
                del self._names[station.name]
            station.name, station.kind = channel.name, kind_of(channel.name)
            self._names[channel.name] = station
            changed = True
        if channel.state == "Up" and not station.up:
            station.up = changed = True
        if channel.app:
            station.app = channel.app
        return station, changed

    def enter(self, station: Station, bridge: Bridge) -> None:
        """The channel is now in this bridge, and in no other."""
        room = self._rooms.get(bridge.id)
        if room is None:
            room = self._rooms[bridge.id] = Room(bridge.id, bridge.kind != "holding")
        if station.room is not room:
            self._out(station)
            station.room = room
            room.members[station.id] = station

    def leave(self, station: Station, bridge: Bridge) -> None:
        """The channel left this bridge; nothing when it is in another one already."""
        if station.room is not None and station.room.id == bridge.id:
            self._out(station)

    def merge(self, target: Bridge, source: Bridge) -> list[Station]:
        """Everybody in ``source`` is now in ``target``; returns those who moved."""
        room = self._rooms.get(source.id)
        moved = list(room.members.values()) if room else []
        for station in moved:
            self.enter(station, target)
        return moved

    def close(self, bridge: Bridge) -> list[Station]:
        """The bridge is gone; returns whoever was still thought to be in it."""
        room = self._rooms.pop(bridge.id, None)
        left = list(room.members.values()) if room else []
        for station in left:
            station.room = None
        return left

    def remove(self, channel_id: str) -> Station | None:
        """The channel is gone."""
        station = self.stations.pop(channel_id, None)
        if station is None:
            return None
        self._out(station)
        if self._names.get(station.name) is station:
            del self._names[station.name]
        return station

    def joined(self, start: Station) -> list[Station]:
        """``start`` and every channel a path leads to, through mixing bridges and the two halves of Local channels."""
        found = {start.id: start}
        todo = [start]
        while todo:
            station = todo.pop()
            beside: list[Station] = []
            if station.room is not None and station.room.mixing:
                beside.extend(station.room.members.values())
            half = self.half(station)
            if half is not None:
                beside.append(half)
            for other in beside:
                if other.id not in found:
                    found[other.id] = other
                    todo.append(other)
        return list(found.values())

    def joined_to(self, channel_ids: Iterable[str]) -> list[Station]:
        """Everybody joined to any of these channels."""
        found: dict[str, Station] = {}
        for channel_id in channel_ids:
            station = self.stations.get(channel_id)
            if station is not None and channel_id not in found:
                found.update((one.id, one) for one in self.joined(station))
        return list(found.values())

    def half(self, station: Station) -> Station | None:
        """The other half of a Local channel."""
        if station.kind is not Kind.LOCAL:
            return None
        name = other_half(station.name)
        return self._names.get(name) if name else None

    def reset(self, channels: Iterable[Channel], bridges: Iterable[Bridge]) -> list[Station]:
        """Only these are there now. Returns the channels that are gone; what is known of the others is kept."""
        for station in self.stations.values():
            station.room = None
        self._rooms.clear()
        listed = {channel.id: channel for channel in channels}
        gone = [station for key, station in self.stations.items() if key not in listed]
        for station in gone:
            self.remove(station.id)
        for channel in listed.values():
            self.see(channel)
        for bridge in bridges:
            for member in bridge.channels:
                station_in = self.stations.get(member)
                if station_in is not None:
                    self.enter(station_in, bridge)
        return gone

    def _out(self, station: Station) -> None:
        room = station.room
        station.room = None
        if room is not None:
            room.members.pop(station.id, None)
            if not room.members and self._rooms.get(room.id) is room:
                del self._rooms[room.id]
