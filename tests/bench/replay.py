"""The calls recorded from a real Asterisk, told again as others: with ids, numbers and times of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from pathlib import Path

from ari_app.model import Outcome
from ari_app.pbx.calls import Tracker, WatchConfig
from ari_app.pbx.events import read_event
from ari_app.pbx.outputs import CallEnded

__all__ = ["CONTEXTS", "Recording", "Telling", "recordings"]

CONTEXTS = ("from-trunk*",)
_RECORDED = Path(__file__).parent.parent / "pbx" / "recorded"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000"
_OWN = re.compile(
    rf"(?P<time>{_TIME})|(?P<room>[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})"
    r'|(?P<channel>\b\d{10}\.\d+\b)|(?P<name>-[0-9a-f]{8}(?=[";]))'
)
"""What is of one call alone."""

Told = tuple[datetime, str]
"""When an event happened, and its JSON."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded call. ``rows``: when after its start, and the event's JSON with a mark (%) for each thing that is its own."""

    name: str
    outcome: Outcome
    rows: tuple[tuple[timedelta, str], ...]
    times: tuple[tuple[str, timedelta], ...]
    channels: tuple[str, ...]
    names: tuple[str, ...]
    rooms: tuple[str, ...]


class Telling:
    """Tells recordings. Everything it tells is new: ids and names are never used twice."""

    def __init__(self) -> None:
        self._channels = self._names = self._rooms = 0

    def call(self, recording: Recording, number: str, at: datetime) -> list[Told]:
        """One call from ``number`` (as a trunk presents it) that begins ``at``."""
        own = {"caller": number}
        for mark, after in recording.times:
            own[mark] = (at + after).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
        for mark in recording.channels:
            self._channels += 1
            own[mark] = f"{int(at.timestamp())}.{self._channels}"
        for mark in recording.names:
            self._names += 1
            own[mark] = f"-{self._names:08x}"
        for mark in recording.rooms:
            self._rooms += 1
            own[mark] = f"00000000-0000-4000-8000-{self._rooms:012x}"
        return [(at + after, row % own) for after, row in recording.rows]

    @staticmethod
    def together(calls: list[list[Told]]) -> Iterator[Told]:
        """Several calls as one stream, in the order of time."""
        return merge(*calls, key=lambda told: told[0])


def recordings(line: str = "22") -> list[Recording]:
    """Every recorded stream with exactly one inbound call that was answered or missed, and a number shown."""
    found = [_read(path) for path in sorted((_RECORDED / line).glob("*.jsonl"))]
    return [each for each in found if each is not None]


def _read(path: Path) -> Recording | None:
    rows = path.read_text(encoding="utf-8").splitlines()
    tracker = Tracker(WatchConfig(country="CA", inbound_contexts=CONTEXTS, machines=("PJSIP/fax*",)))
    events = [event for row in rows if (event := read_event(json.loads(row), datetime.now(UTC))) is not None]
    ended = [said.call for event in events for said in tracker.feed(event) if isinstance(said, CallEnded)]
    if len(ended) != 1 or not ended[0].presented.isdecimal() or ended[0].outcome is Outcome.UNSEEN:
        return None
    kinds: dict[str, dict[str, str]] = {kind: {} for kind in ("time", "channel", "name", "room")}

    def mark(match: re.Match[str]) -> str:
        kind = str(match.lastgroup)
        marks = kinds[kind]
        return f"%({marks.setdefault(match[0], f'{kind}{len(marks)}')})s"

    begun = min(call.started for call in ended)
    marked = [_OWN.sub(mark, row.replace("%", "%%")).replace(ended[0].presented, "%(caller)s") for row in rows]
    return Recording(
        name=path.stem,
        outcome=ended[0].outcome,
        rows=tuple((datetime.fromisoformat(json.loads(row)["timestamp"]) - begun, text) for row, text in zip(rows, marked, strict=True)),
        times=tuple((mark_, datetime.fromisoformat(time) - begun) for time, mark_ in kinds["time"].items()),
        channels=tuple(kinds["channel"].values()),
        names=tuple(kinds["name"].values()),
        rooms=tuple(kinds["room"].values()),
    )
