"""Calls that are up at the same time, through the whole service (``whole``) with its real clock and a store that syncs each commit.

``python -m tests.bench.growth_child PATH AT_ONCE SECONDS``: each call is over after a second, and another begins. Prints one JSON line:
calls, milliseconds of CPU for each, and from each caller's end as told by the event to the commit of what it came to.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from ari_app.cli.running import settle_memory
from ari_app.clock import SystemClock
from ari_app.events import CallChanged, Notice
from ari_app.pbx.events import ChannelDestroyed, Event
from tests.bench.replay import Recording, Telling, Told, recordings
from tests.bench.soak_child import MISSED
from tests.bench.whole import whole

__all__: list[str] = []

_LASTS = timedelta(seconds=1)
_ANSWERED = ("answered", "answered_and_phone_hangs_up", "queue_answered", "menu_then_answered")
_MISSED = ("caller_gives_up_while_ringing", "one_phone_rings_out", "queue_abandoned", "voicemail_left")
_IDLE = 2.0
"""Seconds in which the service does what it does without calls."""


class Calls:
    """``at_once`` callers at a time, for some seconds."""

    def __init__(self, path: Path, at_once: int, seconds: float) -> None:
        self._at_once, self._seconds = at_once, seconds
        self._ended: dict[str, float] = {}
        self._telling = Telling()
        self.took: list[float] = []
        self.idle = self.busy = self.wall = 0.0
        self.service, _ = whole(path, SystemClock(), self._told)
        noticed = self.service.store._database._on_notices
        assert noticed is not None

        def heard(notices: tuple[Notice, ...]) -> None:
            now = time.monotonic()
            for notice in notices:
                if isinstance(notice, CallChanged) and (ended := self._ended.pop(notice.id, None)) is not None:
                    self.took.append((now - ended) * 1000)
            noticed(notices)

        self.service.store._database._on_notices = heard

    async def _told(self, read: Callable[[str], Event | None]) -> AsyncIterator[Event]:
        await asyncio.sleep(_IDLE)
        warm = list(self._plan(datetime.now(UTC), at_once=1, seconds=5, first=9_000_000))
        for _, text in warm:  # what is imported and compiled once is no call's
            if (event := read(text)) is not None:
                yield event
        await self.service._outputs.join()
        await asyncio.sleep(_IDLE)
        used = time.process_time()
        await asyncio.sleep(_IDLE)
        self.idle = (time.process_time() - used) / _IDLE
        begun = datetime.now(UTC) + timedelta(milliseconds=300)
        told = list(self._plan(begun, at_once=self._at_once, seconds=int(self._seconds)))  # what it takes to tell them is not the service's
        gc.collect()
        used, began = time.process_time(), time.monotonic()
        for at, text in told:
            wait = (at - datetime.now(UTC)).total_seconds()
            if wait > 0:
                await asyncio.sleep(wait)
            event = read(text)
            if event is not None:
                if isinstance(event, ChannelDestroyed):
                    self._ended[event.channel.id] = time.monotonic()
                yield event
        await self.service._outputs.join()
        await asyncio.sleep(0.5)
        self.busy, self.wall = time.process_time() - used, time.monotonic() - began
        self.service.stop()

    def _plan(self, begun: datetime, *, at_once: int, seconds: int, first: int = 2_000_000) -> Iterator[Told]:
        """What each of ``at_once`` lines tells, all in the order of time; each recording shortened or stretched to a second."""
        dice = random.Random(5)  # noqa: S311  (no secret)
        known = {each.name: each for each in recordings()}
        calls: list[list[Told]] = []
        for line in range(at_once):
            for number in range(seconds):
                index = line * seconds + number
                recording = known[dice.choice(_MISSED if index % MISSED == 0 else _ANSWERED)]
                at = begun + _LASTS * (number + line / at_once)
                calls.append(_within(recording, self._telling.call(recording, f"514{first + index:07}", at), at))
        return self._telling.together(calls)


def _within(recording: Recording, told: list[Told], begun: datetime) -> list[Told]:
    """The same, over within ``_LASTS``; its words keep their times, which nothing here goes by."""
    longest = recording.rows[-1][0]
    return [(begun + (at - begun) * (_LASTS * 0.95 / longest), text) for at, text in told]


async def _run(calls: Calls) -> None:
    settle_memory()
    await calls.service.run()


def main() -> None:
    """Run it and say what it took."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    calls = Calls(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    asyncio.run(_run(calls))
    count = len(calls.took)
    own = (calls.busy - calls.idle * calls.wall) / count * 1000
    sys.stdout.write(json.dumps({"calls": count, "cpu_ms": own, "took_ms": calls.took}) + "\n")


if __name__ == "__main__":
    main()
