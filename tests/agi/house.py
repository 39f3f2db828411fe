"""A clinic's service as far as its voice inbox knows it: the real store, desk and doors, a FastAGI server and a small speech command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agi.prompts import Prompts
from agi.server import AgiServer, Routes
from agi.speech import Speech
from ari_app.board import Actor, Box, Face, Member, Role
from ari_app.desk import SHELL, Desk, Doors
from ari_app.errors import PbxUnavailableError
from ari_app.model import Call, Outcome, Reaction, Reason
from ari_app.ringing import LiveCalls
from ari_app.settings import AgiSettings, parse
from ari_app.standing import Standing
from ari_app.threads import Store
from modem.sim_pdu import encode_deliver
from tests.agi.telephone import Telephone, engine
from tests.agi.test_server import opening
from tests.threads.world import HandClock, a_call, raw, silence

__all__ = ["COLLEAGUE", "House", "house"]

SETTINGS = {
    "clinic": {"name": "Clinique", "number": "+15145550100"},
    "pbx": {"username": "u", "password": "p"},
}
COLLEAGUE = "Léa Roy"


class Clock(HandClock):
    """Stands still; a pause is over at once."""

    async def sleep(self, seconds: float) -> None:
        self.move(seconds=seconds)


class Rings:
    """Notes whom it was to call: the real dialler is Asterisk's (tests/lab)."""

    def __init__(self) -> None:
        self.placed: list[tuple[str, str]] = []
        self.down = False

    def new_id(self) -> str:
        return f"call-{len(self.placed) + 1}"

    async def place(self, _id: str, extension: str, number: str, _name: str | None = None) -> None:
        if self.down:
            raise PbxUnavailableError("Asterisk is not there")
        self.placed.append((extension, number))


class Up:
    """Calls that are up, by the uniqueid of their channel: the real tracker is tested in tests/pbx and on Asterisk (tests/lab)."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    def call_of(self, channel_id: str) -> Call | None:
        return self.calls.get(channel_id)

    def bridged(self, channel_id: str) -> bool:
        return self.calls[channel_id].outcome is Outcome.ANSWERED

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        del call_id
        return ()

    def declined(self, call_id: str, *, on: bool = True) -> None:
        """There is no AMI: no call is sent away."""


class House:
    """A clinic's service as far as the voice inbox knows it."""

    def __init__(self, folder: Path, store: Store, clock: Clock, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.store = store
        self.clock = clock
        self.sounds = folder / "sounds"
        self.sounds.mkdir()
        self.settings = parse(settings)
        standing = Standing(self.settings)
        self.rings = Rings()
        self.up = Up()
        self.live = LiveCalls(self.up, None, "CA")
        self.desk = Desk(store, standing, clock, self.rings, calls=self.live)
        self.doors = Doors(store, standing, clock)
        self.speech = AgiSettings(speech=engine(folder), sounds=self.sounds)
        self.marie: Member
        self.lea: Actor

    async def staff(self, *, pin: str | None = None, language: Any = "en") -> None:
        self.marie = await self.desk.add_member("marie", "Marie", Role.STAFF, extension="201", language=language, by=SHELL)
        if pin is not None:
            await self.desk.set_pin(self.marie.id, pin, by=SHELL)
        lea = await self.desk.add_member("lea", COLLEAGUE, Role.STAFF, by=SHELL)
        self.lea = Actor(member=lea.id, name=lea.name, role=lea.role, face=Face.WEB)

    async def missed(self, number: str | None, **changes: Any) -> int:
        """A call nobody took; its thread."""
        recorded = await self.store.record_call(a_call(number, **changes), silence(Reason.LIMIT), line="main")
        assert recorded.thread is not None
        return recorded.thread

    def rings_in(self, number: str | None, **changes: Any) -> Call:
        """A call that is up."""
        call = a_call(number, ended=self.clock.now(), **changes)
        self.up.calls[call.id] = call
        return call

    async def wrote(self, number: str, text: str, reaction: Reaction | None = None) -> None:
        at = self.clock.now()
        for pdu in encode_deliver(number, text, at):
            await self.store.keep(raw(pdu, at), lambda _: reaction or Reaction())

    async def ready(self, label: str, text: str) -> list[str]:
        """Keep a ready reply; the keys that choose it, for a caller whose language is not known."""
        await self.desk.save_canned(None, None, label, text, by=SHELL)
        place = [each.label for each in await self.desk.canned(SHELL, "fr")].index(label)
        return ["0"] * (place // 9) + [str(place % 9 + 1)]

    def said(self) -> list[str]:
        """What was spoken, "en:Hello." an utterance."""
        path = self.folder / "said"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def left(self) -> list[str]:
        return [path.name for path in self.sounds.iterdir()]

    @asynccontextmanager
    async def server(self) -> AsyncIterator[AgiServer]:
        routes = Routes.of(self.settings.model_copy(update={"agi": self.speech}), self.desk, self.doors, self.clock)
        # nothing is spoken that no call asked for
        routes = replace(routes, prompts=Prompts(Speech(self.speech), ()))
        async with AgiServer("127.0.0.1:0", opening, routes=routes, clock=self.clock) as server:
            yield server

    async def calls(
        self,
        keys: Iterable[str] = (),
        channel: str = "PJSIP/201-0000001a",
        *,
        patient: bool = True,
        pins: Sequence[str] = (),
        then: Callable[[], object] = lambda: True,
        route: str = "inbox",
        **headers: str,
    ) -> Telephone:
        """One call, to its end. Leaves no file."""
        telephone = Telephone(keys, pins=pins, patient=patient, route=route)
        async with self.server() as server, asyncio.timeout(30):
            await telephone.call(server.port, channel, **headers)
            while not then():  # noqa: ASYNC110 (what the route does after the call has no one to tell)
                await asyncio.sleep(0.005)
        assert self.left() == []
        return telephone

    async def waiting(self) -> list[int]:
        return [row.thread for row in await self.desk.inbox(SHELL, Box.TO_ANSWER)]

    async def texts(self, thread: int) -> list[tuple[str, str | None]]:
        """Texts of staff in a thread, oldest first, and who wrote them."""
        view = await self.desk.thread(SHELL, thread, refresh=True)
        return [(entry.text, entry.author) for entry in reversed(view.entries) if getattr(entry, "kind", "") == "staff"]  # type: ignore[union-attr]


@asynccontextmanager
async def house(folder: Path, *, more: Mapping[str, Any] | None = None, **clinic: Any) -> AsyncIterator[House]:
    clock = Clock()
    store = Store(folder / "textback.db", clock)
    await store.open()
    made = House(folder, store, clock, {**SETTINGS, **(more or {}), "clinic": {**SETTINGS["clinic"], **clinic}})
    try:
        yield made
    finally:
        made.doors.close()
        await store.close()
