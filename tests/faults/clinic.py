"""A whole service before a PBX of the tests and a simulated modem: calls come over the websocket, texts go and come on the port."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ari_app.clock import Clock, SystemClock
from ari_app.desk import SHELL
from ari_app.doctor import examine
from ari_app.service import Service
from ari_app.settings import Settings, parse
from ari_app.threads import Store
from modem.simulator import Simulator
from tests.contacts.test_service import free_port
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri
from tests.pbx.story import Story

__all__ = ["Clinic", "a_clinic", "document", "until"]

_serial = itertools.count(1)


async def until(what: str, true: Callable[[], Awaitable[object]], seconds: float = 60) -> None:
    """Wait for what has no event of its own; the failure names it."""
    try:
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110  (files and sockets tell)
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


def document(folder: Path, ari: FakeAri, store: Path) -> dict[str, Any]:
    """Settings of a clinic that texts at once."""
    (folder / "backups").mkdir(exist_ok=True)
    return {
        "clinic": {"name": "Clinique", "number": "+15145550199"},
        "pbx": {"ari": ari.url, "username": USER, "password": PASSWORD},
        "modem": [{"name": "gsm1", "port": str(folder / "modem")}],
        "reply": {"delay": "0s"},
        "store": {"path": str(store), "backup": {"folder": str(folder / "backups")}},
        "portal": {"listen": f"127.0.0.1:{free_port()}"},
        "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(folder / "sounds")},
    }


@dataclass
class Clinic:
    settings: Settings
    service: Service
    sim: Simulator
    ari: FakeAri
    running: asyncio.Task[None]

    async def misses(self, number: str) -> str:
        """A call that rings at the PBX until its caller hangs up; its id."""
        story, identity = Story(), f"1796000000.{next(_serial)}"
        story.now = SystemClock().now() - timedelta(seconds=12)
        story.caller(identity, number.removeprefix("+1"))
        story.phone(f"{identity}0", identity)
        story.wait(10)
        story.hangup_request(identity)
        story.destroy(f"{identity}0")
        story.destroy(identity)
        await self.ari.say(*story.documents)
        return identity

    async def listed(self, call: str) -> bool:
        return any(each["id"] == call for each in await self.service.store.calls())

    async def texted(self, number: str) -> bool:
        return bool(self.sim.inbox(number))

    async def writes(self, number: str, text: str, act: str) -> int:
        """Staff send a text; its id."""
        return (await self.service.desk.send(number, text, by=SHELL, act=act)).message

    async def state(self, message: int) -> str:
        return str((await self.service.store.message(message))["state"])

    async def came(self, number: str) -> list[str]:
        """What a caller wrote, as the thread shows it."""
        threads = await self.service.store.threads()
        if not any(each["number"] == number for each in threads):
            return []
        found = (await self.service.store.thread(number))["messages"]
        return [each["text"] for each in found if each["direction"] == "in"]

    async def doctor(self) -> dict[str, str]:
        """What ``textback doctor`` says that is not well: its code and the fix."""
        store = Store(self.settings.store.path, SystemClock(), read_only=True)
        found = await examine(self.settings, store)
        return {item.code: item.fix for item in found.items if item.state != "ok"}


@asynccontextmanager
async def a_clinic(folder: Path, store: Path, *, clock: Clock | None = None, **changes: Any) -> AsyncIterator[Clinic]:
    """Up, connected and registered. ``changes``: tables of the settings."""
    async with FakeAri.up() as ari, Simulator(folder / "modem", report_ms=5) as sim:
        settings = parse({**document(folder, ari, store), **changes})
        service = Service(settings, clock)
        running = asyncio.create_task(service.run())
        clinic = Clinic(settings, service, sim, ari, running)

        async def up() -> bool:
            assert not running.done(), running
            return service.watch.connected and all(modem.ready for modem in service.modems)

        try:
            await until("it is up", up)
            yield clinic
        finally:
            service.stop()
            await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), 40)
