"""The running service on the real Asterisk, 22 and 16: what staff see of it on their phones, and what calling back comes to."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from ari_app.board import Actor, CallEntry, Face, OutgoingEntry, Role, Row, TextEntry, ThreadView
from ari_app.desk import SHELL
from ari_app.errors import RefusedError
from ari_app.service import Service
from ari_app.settings import parse
from tests.lab.deskset import pushed, watching
from tests.lab.install import install_dialplan
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.stage import until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RINGS, TAKEN = "5145550105", "5145550106"
NAME = "Élodie Côté"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def installed(lab: Lab) -> None:
    await install_dialplan(lab)


class House:
    """A service in this process, and a member of staff at extension 101."""

    def __init__(self, lab: Lab, service: Service, by: Actor) -> None:
        self.lab = lab
        self.service = service
        self.by = by

    async def missed(self, number: str, did: str = RINGS) -> Row:
        """A call for a phone that is not there; its thread."""
        async with self.lab.trunk_call(Caller(number, did)) as call:
            await call.over()
        row = await until("the thread of the missed call", lambda: self.row(number))
        assert isinstance(row, Row)
        return row

    async def row(self, number: str) -> Row | None:
        rows = await self.service.store.board.search(number, limit=1)
        return rows[0].row if rows and rows[0].row.state == "to_answer" else None

    async def view(self, thread: int) -> ThreadView:
        return await self.service.store.board.thread(thread)

    async def outgoing(self, thread: int) -> list[OutgoingEntry]:
        return [each for each in (await self.view(thread)).entries if isinstance(each, OutgoingEntry)]

    async def texts(self, thread: int) -> list[str]:
        return [each.state for each in (await self.view(thread)).entries if isinstance(each, TextEntry)]

    async def decision(self, thread: int) -> tuple[str, str]:
        (call,) = [each for each in (await self.view(thread)).entries if isinstance(each, CallEntry)]
        return call.decision, call.reason


@asynccontextmanager
async def house(lab: Lab, folder: Path, changes: Mapping[str, Any] | None = None) -> AsyncIterator[House]:
    document = tomllib.loads(lab.settings())
    document["store"] = {"path": str(folder / "textback.db")}
    for table, keys in {"reply": {"delay": "1s", "min_ring": "500ms"}, **(changes or {})}.items():
        document[table] = {**document.get(table, {}), **keys}
    service = Service(parse(document))
    running = asyncio.create_task(service.run())
    try:
        await until("the service on Asterisk", lambda: running.done() or service.watch.connected)
        assert not running.done(), running
        member = await service.store.members.add(login="lou", name="Lou", role=Role.STAFF, language="fr", extension="101", by=SHELL)
        yield House(lab, service, Actor(member=member.id, name=member.name, role=member.role, face=Face.WEB, address="127.0.0.1"))
    finally:
        service.stop()
        await asyncio.wait_for(running, 30)


async def test_a_missed_call_lights_the_lamp_and_an_answered_one_of_that_number_puts_it_out(lab: Lab, tmp_path: Path) -> None:
    number = "4385550301"
    async with watching(lab, "104") as phone:
        assert phone.lamp == "terminated"
        async with house(lab, tmp_path) as there:
            row = await there.missed(number)
            await phone.shows("confirmed")
            async with lab.phones({"102": Phone("answer", after=0.2)}), lab.trunk_call(Caller(number, TAKEN, talk=1)) as call:
                await call.over()
            await phone.shows("terminated")
            assert (await there.view(row.thread)).row.state == "answered"
            await there.missed("4385550302")
            await phone.shows("confirmed")
        await phone.shows("terminated")


async def test_who_waits_too_long_makes_it_blink(lab: Lab, tmp_path: Path) -> None:
    async with watching(lab, "104") as phone, house(lab, tmp_path, {"portal": {"overdue": "1s"}}) as there:
        row = await there.missed("4385550303")
        await phone.shows("confirmed")
        await phone.shows("early")
        await there.service.desk.done(row.thread, by=there.by)
        await phone.shows("terminated")


async def test_lamps_are_told_anew_to_an_asterisk_that_comes_back(lab: Lab, tmp_path: Path) -> None:
    async with house(lab, tmp_path) as there:
        await there.missed("4385550304")
        await lab.restart_asterisk()
        await there.service.ari.set_device_state("Stasis:textback", "NOT_INUSE")
        await until("the service on the new Asterisk", lambda: there.service.watch.connected)
        async with watching(lab, "104") as phone:
            await phone.shows("confirmed")


async def test_calling_back_holds_the_text_while_it_lasts_is_noted_and_settles_only_when_staff_say_so(lab: Lab, tmp_path: Path) -> None:
    number = "4385550305"
    async with house(lab, tmp_path, {"reply": {"delay": "2s", "min_ring": "500ms"}}) as there, watching(lab, "104") as phone:
        thread = (await there.missed(number)).thread
        async with lab.phones({"101": Phone("answer", after=0.8, talk=3.5)}):
            asked = await there.service.desk.call_back(thread, by=there.by)
            assert asked.number == "+1" + number
            assert set(there.service._live()) == {asked.number}, "held from the first ring"

            async def joined() -> bool:
                found = await there.outgoing(thread)
                return bool(found and found[0].joined)

            await until("the caller on the line", joined)
            (entry,) = await there.outgoing(thread)
            assert (entry.by, entry.ended, entry.talked, entry.failed) == ("Lou", None, None, None)
            # the text became due meanwhile
            assert await there.texts(thread) == ["queued"]

            async def over() -> bool:
                return (await there.outgoing(thread))[0].ended is not None

            await until("the end of the call", over)
        (entry,) = await there.outgoing(thread)
        assert entry.talked is not None
        assert 1 < entry.talked < 6
        await until("the decision", lambda: _decided(there, thread, ("silence", "called_back")))
        assert await there.texts(thread) == ["cancelled"]
        assert ((await there.view(thread)).row.state, entry.reached) == ("to_answer", False)
        await phone.shows("confirmed")
        await there.service.desk.reached(entry.id, by=there.by)
        assert ((await there.view(thread)).row.state, (await there.outgoing(thread))[0].reached) == ("answered", True)
        await phone.shows("terminated")


async def _decided(there: House, thread: int, wanted: tuple[str, str]) -> bool:
    return await there.decision(thread) == wanted


async def test_a_caller_who_does_not_take_it_is_not_reached_and_gets_the_text_after_it(lab: Lab, tmp_path: Path) -> None:
    number = "4385550312"  # the trunk's far end lets a number that ends in 2 ring
    async with house(lab, tmp_path, {"reply": {"delay": "2s", "min_ring": "500ms"}}) as there:
        thread = (await there.missed(number)).thread
        async with lab.phones({"101": Phone("answer", after=0.2, talk=4)}):
            await there.service.desk.call_back(thread, by=there.by)

            async def dialled() -> bool:
                return bool(await there.outgoing(thread)) and "+1" + number in there.service.watch.live_numbers

            await until("the caller's phone ringing", dialled)
            # due while it rings
            await until("the text held", lambda: _held(there, thread))
            await until("the end of the call", lambda: not there.service._live())
        (entry,) = await there.outgoing(thread)
        assert (entry.by, entry.joined, entry.talked, entry.failed) == ("Lou", None, None, None)
        assert entry.ended is not None
        with pytest.raises(RefusedError, match="nobody took"):
            await there.service.desk.reached(entry.id, by=there.by)

        async def sent() -> bool:
            return (await there.texts(thread))[0] in {"sent", "delivered"}

        await until("the text sent", sent)
        assert (await there.view(thread)).row.state == "to_answer"


async def _held(there: House, thread: int) -> bool:
    """The text is due, and does not go."""
    (call,) = [each for each in (await there.view(thread)).entries if isinstance(each, CallEntry)]
    overdue = (there.service.clock.now() - call.ended).total_seconds() > 3
    assert await there.texts(thread) == ["queued"]
    return overdue


async def test_a_phone_that_nobody_picks_up_is_a_call_back_that_failed(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.pbx.dial._RINGS", 2)
    async with house(lab, tmp_path) as there:
        thread = (await there.missed("4385550306")).thread
        with pytest.raises(RefusedError, match="not registered"):
            await there.service.desk.call_back(thread, by=there.by)
        async with lab.phones({"101": Phone("ring")}):
            await there.service.desk.call_back(thread, by=there.by)

            async def failed() -> bool:
                return (await there.outgoing(thread))[0].failed is not None and not there.service._live()

            await until("the failure in the thread", failed)
        late, early = await there.outgoing(thread)
        assert (late.failed, late.by) == ("not_picked_up", "Lou")
        assert early.failed == "phone_offline"
        assert (await there.view(thread)).row.state == "to_answer"


async def test_phones_are_told_how_many_wait_and_nothing_of_anybody(lab: Lab, tmp_path: Path) -> None:
    number = "4385550307"
    async with pushed(lab, "101") as phone:
        async with house(lab, tmp_path, {"portal": {"phones": {"push": True}}}) as there:
            await there.service.desk.make_key(there.by.member or 0, "phone", "yealink", "desk", by=SHELL)
            row = await there.missed(number, TAKEN)  # 101 is there, and would ring
            await there.service.desk.rename(row.thread, NAME, by=there.by)
            await until("the phone told", lambda: _lines(phone.notifies)[-1:] == ["1 à répondre"])
        await until("the line taken away", lambda: _lines(phone.notifies)[-1:] == [""])
        for notify in phone.notifies:
            said = notify.body + str(notify.headers)
            assert [each for each in (number, NAME, "Élodie") if each in said] == []


def _lines(notifies: list[Any]) -> list[str]:
    return [ET.fromstring(each.body).findtext("Message") or "" for each in notifies]  # noqa: S314  (our own)
