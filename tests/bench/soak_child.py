"""The service under a million calls: what ``scripts/bench soak`` starts, in a process of its own, so that its memory is the service's.

Everything is the product's, from the JSON of an event to the row on the disk, but for what stands at the ends: the event socket
(``Replay`` tells recorded calls anew), the radio (``Carrier`` takes every text, reports it delivered, and some callers write back), and
the clock, which is that of the calls. ``synchronous`` is off, for a million calls are some four million commits; nothing is logged.

Prints one JSON line per sample, and one with the statements the store was asked when it ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import sys
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from ari_app import service as house
from ari_app.board import Role
from ari_app.desk import SHELL
from ari_app.model import Outcome
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import Connected, Event, Snapshot
from ari_app.portal.security import cookie_name
from ari_app.settings import ModemSettings, parse
from ari_app.threads.rows import stamp
from modem.made import deliver, report
from modem.pdu import submit
from modem.types import Commit, Door, Health, NotSent, RawPdu, SendResult, Sent, Submit
from tests.bench.replay import CONTEXTS, Recording, Telling, recordings
from tests.bench.starting import free_port
from tests.plans import Statements

__all__ = ["MISSED"]

MISSED = 10
"""One call in so many is missed."""
_AT_ONCE = 4
"""Calls up at the same time."""
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


class Carrier:
    """A bearer without a radio: real PDUs and commits; every text is delivered, and one caller in four writes back."""

    def __init__(self, name: str, door: Door, clock: ReplayClock) -> None:
        self.name = name
        self.ready = True
        self.carried = 0
        self.coming: asyncio.Queue[str] = asyncio.Queue()
        self._door = door
        self._clock = clock

    def split(self, number: str, text: str, reference: int) -> tuple[Submit, ...]:
        return submit(number, text, reference)

    async def send(self, part: Submit, commit: Commit) -> SendResult:
        if not await commit():
            return NotSent("called off", called_off=True)
        self.carried += 1
        reference, now = self.carried % 256, self._clock.now()
        self.coming.put_nowait(report(reference, part.number, now, now, 0))
        if self.carried % 4 == 0:
            (pdu,) = deliver(part.number, f"Bonjour, je voudrais un rendez-vous, {self.carried}", now, reference=reference)
            self.coming.put_nowait(pdu)
        return Sent(reference)

    def health(self) -> Health:
        return Health("ok", "ready", "ready", registered=True)

    async def run(self) -> None:
        while True:
            pdu = await self.coming.get()
            await asyncio.sleep(0)  # as with a modem the result of a sending is there before its report
            await self._door.keep(RawPdu(self.name, pdu, self._clock.now()))
            self.coming.task_done()


class Replay(AriClient):
    """An Asterisk that has calls to tell, and nothing to say to a request."""

    calls = 0
    every = 0
    clock: ReplayClock
    settled: Callable[[int], Any]

    async def _connection(self) -> AsyncGenerator[Event, None]:
        yield Connected(self.clock.now(), Snapshot((), (), {}, {}))
        dice = random.Random(7)  # noqa: S311  (no secret)
        telling = Telling()
        known = recordings()
        pools = {
            missed: _pools([each for each in known if (each.outcome is Outcome.MISSED) is missed], plain)
            for missed, plain in ((True, _PLAIN_MISSED), (False, _PLAIN))
        }
        people, begun = max(self.calls // _CALLS_EACH, 1), self.clock.now()
        for first in range(0, self.calls, _AT_ONCE):
            told = []
            for index in range(first, min(first + _AT_ONCE, self.calls)):
                plain, other = pools[index % MISSED == 0]
                number = f"514{2_000_000 + int(people * dice.random() ** 2):07}"  # some call often
                told.append(
                    telling.call(
                        dice.choice(plain if dice.random() < 0.8 else other),
                        number,
                        begun + _STEP * first + (index - first) * timedelta(seconds=2),
                    )
                )
            for at, event in telling.together(told):
                self.clock.at = max(self.clock.at, at)
                read = self._event(event)
                if read is not None:
                    yield read
            await self.settled(first + len(told))
        await asyncio.Event().wait()

    async def _request(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> Any:  # noqa: ARG002
        return None


def _pools(recorded: list[Recording], plain: tuple[str, ...]) -> tuple[list[Recording], list[Recording]]:
    return [each for each in recorded if each.name in plain], [each for each in recorded if each.name not in plain]


class Soak:
    """The service with both ends replaced."""

    def __init__(self, path: Path, calls: int, every: int) -> None:
        self.clock = ReplayClock(datetime.now(UTC).replace(microsecond=0) - _STEP * calls)
        self.settings = parse(
            {
                "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
                "pbx": {"username": "nobody", "password": "none", "inbound_contexts": list(CONTEXTS)},
                "reply": {"delay": "0s", "min_ring": "0s", "daily_limit": 100_000},
                "modem": [{"name": "gsm1", "port": str(path.with_name("no-modem"))}],
                "store": {"path": str(path)},
                "portal": {"listen": f"127.0.0.1:{free_port()}"},
                "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(path.with_name("sounds"))},
            }
        )
        self.carriers: list[Carrier] = []
        self._path = path
        self._calls, self._every = calls, every
        Replay.calls, Replay.clock, Replay.settled = calls, self.clock, self.settle
        setattr(house, "AriClient", Replay)  # noqa: B010  (mypy knows that it is not the service's to give)
        setattr(house, "bearer_of", self._carrier)  # noqa: B010
        self.service = house.Service(self.settings, self.clock)

    def _carrier(self, settings: ModemSettings, door: Door, _on_ready: Callable[[], None]) -> Carrier:
        self.carriers.append(Carrier(settings.name, door, self.clock))
        return self.carriers[-1]

    async def run(self) -> None:
        gc.collect()
        gc.freeze()  # as ``textback run`` does
        await self.service.run()

    async def settle(self, calls: int) -> None:
        """Called when so many calls were told: the next ones come when these are filed."""
        if calls == _AT_ONCE:
            await self.service.store._database._ask(lambda tx: tx.connection.execute("PRAGMA synchronous=OFF"), bare=True)
        await self.service._outputs.join()
        if calls % 200 < _AT_ONCE or calls == self._calls:
            await self._sent()
            await self._staff()
        if calls % self._every < _AT_ONCE or calls == self._calls:
            await self._look()
            say(self._sample(calls))
        if calls >= self._calls:
            self.service.stop()

    async def _sent(self) -> None:
        """Wait until every text is where it goes to."""
        while True:
            self.service.outbox.wake()
            await self.carriers[0].coming.join()
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
        address = f"http://{self.settings.portal.listen}"
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
            "texts": self.carriers[0].carried,
        }


def say(document: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(document, default=str) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run it: PATH CALLS EVERY."""
    path, calls, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    statements = Statements()
    statements.listen()
    asyncio.run(Soak(path, calls, every).run())
    say({"statements": list(statements.heard.values())})


if __name__ == "__main__":
    main()
