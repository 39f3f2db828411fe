"""The service under a million calls: what ``scripts/bench soak`` starts, in a process of its own, so that its memory is the service's.

The whole service (``whole``), with the clock of the calls: a million of them are a year. ``synchronous`` is off, for they are some four
million commits; nothing is logged.

Prints one JSON line per sample, and one with what was seen of the statements' plans when it ends.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import structlog

from ari_app.board import Role
from ari_app.cli.running import settle_memory
from ari_app.desk import SHELL
from ari_app.model import Outcome
from ari_app.pbx.events import Event
from ari_app.portal.security import cookie_name
from ari_app.threads.rows import stamp
from tests.bench.replay import Recording, Telling, recordings
from tests.bench.whole import whole
from tests.plans import Plans

__all__ = ["MISSED"]

MISSED = 10
"""One call in so many is missed."""
_AT_ONCE = 4
"""Calls up at the same time."""
_TOGETHER = 100
"""Calls told before what is filed of them is waited for: an hour of the clinic's, which is before any text is too late."""
_STEP = timedelta(seconds=31.5)
"""From one call to the next: a million of them are a year."""
_CALLS_EACH = 5
"""Calls of one caller, on average."""
_PLAIN = ("answered", "answered_and_phone_hangs_up", "queue_answered", "menu_then_answered")
_PLAIN_MISSED = ("caller_gives_up_while_ringing", "one_phone_rings_out", "queue_abandoned", "voicemail_left")
_PASSWORD = "a long one for the bench"


class ReplayClock:
    """The wall clock is that of the calls; waits are real."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _pools(recorded: list[Recording], plain: tuple[str, ...]) -> tuple[list[Recording], list[Recording]]:
    return [each for each in recorded if each.name in plain], [each for each in recorded if each.name not in plain]


class Soak:
    """So many calls, and a sample every so many."""

    def __init__(self, path: Path, calls: int, every: int) -> None:
        self.clock = ReplayClock(datetime.now(UTC).replace(microsecond=0) - _STEP * calls)
        self._path = path
        self._calls, self._every = calls, every
        self.service, self.carrier = whole(path, self.clock, self._told)

    async def _told(self, read: Callable[[str], Event | None]) -> AsyncIterator[Event]:
        dice = random.Random(7)  # noqa: S311  (no secret)
        telling = Telling()
        known = recordings()
        pools = {
            missed: _pools([each for each in known if (each.outcome is Outcome.MISSED) is missed], plain)
            for missed, plain in ((True, _PLAIN_MISSED), (False, _PLAIN))
        }
        people, begun = max(self._calls // _CALLS_EACH, 1), self.clock.now()
        for first in range(0, self._calls, _AT_ONCE):
            told = []
            for index in range(first, min(first + _AT_ONCE, self._calls)):
                plain, other = pools[index % MISSED == 0]
                number = f"514{2_000_000 + int(people * dice.random() ** 2):07}"  # some call often
                at = begun + _STEP * first + (index - first) * timedelta(seconds=2)
                told.append(telling.call(dice.choice(plain if dice.random() < 0.8 else other), number, at))
            for at, text in telling.together(told):
                self.clock.at = max(self.clock.at, at)
                event = read(text)
                if event is not None:
                    yield event
            await self.settle(first + len(told))

    async def run(self) -> None:
        settle_memory()
        await self.service.run()

    async def settle(self, calls: int) -> None:
        """Called when so many calls were told: now and then the next ones come when these are filed, and texts are where they go to."""
        if calls == _AT_ONCE:
            await self.service.store._database._ask(lambda tx: tx.connection.execute("PRAGMA synchronous=OFF"), bare=True)
        if calls % _TOGETHER and calls != self._calls:
            return
        await self.service._outputs.join()
        await self._sent()
        await self._staff()
        if calls % self._every < _TOGETHER or calls == self._calls:
            await self._look()
            say(self._sample(calls))
        if calls >= self._calls:
            self.service.stop()

    async def _sent(self) -> None:
        """Wait until every text is where it goes to."""
        while True:
            self.service.outbox.wake()
            await self.carrier.coming.join()
            waits = await self.service.store._database.read(
                lambda reader: reader.value("SELECT EXISTS (SELECT 1 FROM message WHERE state IN ('queued', 'sending'))")
            )
            if not waits:
                return
            await asyncio.sleep(0.001)

    async def _staff(self) -> None:
        """Tick off what waits since yesterday: where nobody ever does, what waits is all there is, and counting it is the work."""
        yesterday = stamp(self.clock.now() - timedelta(days=1))
        waiting = await self.service.store._database.read(
            lambda reader: reader.all("SELECT id FROM thread WHERE state = 'to_answer' AND changed < ?", (yesterday,))
        )
        for row in waiting:
            await self.service.desk.done(int(row["id"]), by=SHELL)

    async def _look(self) -> None:
        """What staff and a monitor ask for now and then, over HTTP."""
        if not await self.service.desk.members(by=SHELL):
            await self.service.desk.add_member("bench", "Bench", Role.ADMINISTRATOR, password=_PASSWORD, by=SHELL)
        token = await self.service.doors.sign_in("bench", _PASSWORD, "127.0.0.1")
        address = f"http://{self.service.settings.portal.listen}"
        headers = {"Cookie": f"{cookie_name(https=False)}={token}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for path in ("/", "/?box=all", "/thread/1", "/statistics", "/contacts", "/admin/audit", "/healthz", "/metrics"):
                async with session.get(address + path) as answer:
                    await answer.read()
                    answer.raise_for_status()
            async with session.post(f"{address}/search", data={"q": "rendez"}, headers={"Origin": address}) as answer:
                await answer.read()
                answer.raise_for_status()

    def _sample(self, calls: int) -> dict[str, float]:
        memory = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
        found = {name: int(size) / 1024 for name, size in re.findall(r"(\w+):\s+(\d+) kB", memory)}
        size = sum(Path(f"{self._path}{end}").stat().st_size for end in ("", "-wal") if Path(f"{self._path}{end}").exists())
        return {
            "calls": calls,
            "rss_mb": found["Rss"],
            "own_mb": found["Anonymous"],
            "cpu_s": time.process_time(),
            "bytes": size,
            "texts": self.carrier.carried,
        }


def say(document: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(document, default=str) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run it: PATH CALLS EVERY."""
    path, calls, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    plans = Plans()
    plans.listen()
    asyncio.run(Soak(path, calls, every).run())
    say({"statements": len(plans.statements), "findings": [f"{file}: {step}: {sql}" for (step, sql), file in plans.findings.items()]})


if __name__ == "__main__":
    main()
