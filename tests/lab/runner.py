"""Plays scenarios side by side and, where asked, writes down what Asterisk said in each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ari_app.pbx.events import READ_TYPES
from tests.lab.lab import Lab
from tests.lab.listener import Event, channels
from tests.lab.root import LabError
from tests.lab.scenario import Scenario, play
from tests.lab.scenarios import numbers_of

__all__ = ["play_all", "record"]

AT_ONCE = 12


async def play_all(
    lab: Lab, scenarios: Iterable[Scenario], *, at_once: int = AT_ONCE, told: Callable[[str, str | None, float], None] | None = None
) -> dict[str, str | None]:
    """Play all, ``at_once`` side by side. Name -> what went wrong with the playing, None where it was played to the end."""
    room = asyncio.Semaphore(at_once)
    results: dict[str, str | None] = {}

    async def one(scenario: Scenario) -> None:
        async with room:
            start = time.monotonic()
            try:
                await play(lab, scenario, numbers_of(scenario))
                results[scenario.name] = None
            except (LabError, TimeoutError) as error:
                results[scenario.name] = str(error) or f"not over after {scenario.seconds + 60:.0f} s"
            if told is not None:
                told(scenario.name, results[scenario.name], time.monotonic() - start)

    async with asyncio.TaskGroup() as group:
        for scenario in scenarios:
            group.create_task(one(scenario))
    return results


def record(lab: Lab, scenario: Scenario, path: Path) -> int:
    """Write the events of one scenario that was played, of the types the watcher reads, as JSON lines. Returns how many."""
    chosen = _of(scenario, lab.listener.heard)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(_lean(event), separators=(",", ":"), sort_keys=True) + "\n" for event in chosen)
    path.write_text("".join(lines), encoding="utf-8")
    return len(chosen)


_LEFT_OUT = frozenset({
    "asterisk_id", "application", "accountcode", "app_data", "bridge_class", "connected", "creator", "language", "protocol_id",
    "technology", "tenantid", "video_mode",
})  # fmt: skip
"""What says nothing of a call: the machine, empty columns, media."""


def _lean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lean(item) for key, item in value.items() if key not in _LEFT_OUT}
    return [_lean(item) for item in value] if isinstance(value, list) else value


def _of(scenario: Scenario, heard: list[Event]) -> list[Event]:
    """The events of a scenario: those of its channels, and of the bridges they were in."""
    fields = numbers_of(scenario).fields
    dialled = {fields[key] for key in ("did", "mobile", "deaf_mobile", "slot", "park", "room", "group", "queue")}
    own = tuple(f"PJSIP/{fields[key]}-" for key in ("a", "b", "c", "fax"))
    local = tuple(f"Local/{fields[key]}@" for key in ("a", "b", "c"))
    ids: set[str] = set()
    rooms: set[str] = set()
    # twice: what belongs to it may be said only by a later event
    for _ in range(2):
        for event in heard:
            shown = channels(event)
            for channel in shown:
                if channel["name"].startswith((*own, *local)) or channel["dialplan"]["exten"] in dialled:
                    ids.add(channel["id"])
            if event["type"] == "Dial" and any(channel["id"] in ids for channel in shown):
                ids.update(channel["id"] for channel in shown)
            bridge: dict[str, Any] | None = event.get("bridge")
            if bridge is not None and event["type"] == "ChannelEnteredBridge" and event["channel"]["id"] in ids:
                rooms.add(bridge["id"])
            if bridge is not None and bridge["id"] in rooms:
                ids.update(channel["id"] for channel in shown)

    def belongs(event: Event) -> bool:
        if event["type"] not in READ_TYPES or event["type"] == "DeviceStateChanged":
            return False
        bridges = [value for value in event.values() if isinstance(value, dict) and "bridge_type" in value]
        return any(channel["id"] in ids for channel in channels(event)) or any(bridge["id"] in rooms for bridge in bridges)

    return [event for event in heard if belongs(event)]
