"""What the dialplan asks of the running service, on the real Asterisk 22 and 16: who calls, a text in place of waiting, a call declined.

Everything goes through the snippets that ship (config/asterisk). A call's dialplan says how far it came in a UserEvent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.board import Actor, CallEntry, Face, Role
from ari_app.desk import SHELL
from ari_app.errors import NotFoundError, RefusedError
from ari_app.model import Kind, Reason
from ari_app.person import PersonNumber, Record
from ari_app.service import Service
from ari_app.settings import parse
from tests.lab.deskset import ringing
from tests.lab.install import install_dialplan
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.sipp import TrunkCall
from tests.lab.stage import until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

NAMED, GREETED, QUEUED, OPTION = "5145550191", "5145550192", "5145550193", "5145550194"
GROUP = "5145550100"
"""The lab's ring group, of Local members."""
QUEUE, MEMBER, PHONE, FEATURE = "791", "105", "101", "104"
ROUTES = f"""
[from-did-asking]
exten => {NAMED},1,Gosub(textback-caller,s,1)
 same => n,UserEvent(Went,kind:${{TEXTBACK_KIND}},language:${{TEXTBACK_LANGUAGE}},prio:${{QUEUE_PRIO}},status:${{AGISTATUS}})
 same => n,Dial(PJSIP/{PHONE},20)
 same => n,Hangup()
exten => {GREETED},1,Answer()
 same => n,Gosub(textback-offer,s,1)
 same => n,UserEvent(Went,status:${{AGISTATUS}})
 same => n,Hangup()
exten => {QUEUED},1,Gosub(textback-caller,s,1)
 same => n,Goto(textback-to-queue,{QUEUE},1)
exten => {OPTION},1,Gosub(textback-option,emergency,1)
 same => n,Dial(PJSIP/{PHONE},20)
 same => n,Hangup()

[ext-queues](+)
exten => {QUEUE},1,Answer()
 same => n,UserEvent(Went,prio:${{QUEUE_PRIO}})
 same => n,Queue({QUEUE},t,,,60)
 same => n,Hangup()
"""
QUEUES = f"""
[{QUEUE}](lab)
member = PJSIP/{MEMBER}
timeout = 20
retry = 1
context = textback-queue
periodic-announce = @SOUNDS@/offer
periodic-announce-frequency = 2
min-announce-frequency = 2
"""
MANAGER = Path(__file__).parents[2] / "config/asterisk/manager_textback.conf"
CLIENT, URGENT = "Élodie Côté", "Priya Shah"


class Clinic:
    """A service in this process, staff at extensions 101 and 104, and contacts."""

    def __init__(self, lab: Lab, service: Service, by: Actor) -> None:
        self.lab = lab
        self.service = service
        self.by = by

    async def handset(self, number: str) -> list[str]:
        """The texts on a caller's handset, once there is one."""
        return [text["text"] for text in await self._modem("wait", number=f"+1{number}", count=1, timeout=30)]

    async def inbox(self, number: str) -> list[str]:
        return [text["text"] for text in await self._modem("inbox", number=f"+1{number}")]

    async def _modem(self, do: str, **arguments: Any) -> Any:
        reader, writer = await asyncio.open_unix_connection(self.lab.modem_control, limit=1 << 24)
        try:
            writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            await writer.drain()
            answer = json.loads(await reader.readline())
            assert "result" in answer, answer
            return answer["result"]
        finally:
            writer.close()
            await writer.wait_closed()

    async def filed(self, number: str) -> CallEntry:
        """The newest call of a number, once it is filed."""

        async def look() -> CallEntry | None:
            thread = await self.service.store.thread_of(f"+1{number}", "main")
            entries = () if thread is None else (await self.service.store.board.thread(thread)).entries
            return next((each for each in entries if isinstance(each, CallEntry)), None)

        found = await until("the call filed", look)
        assert isinstance(found, CallEntry)
        return found

    async def rings(self, number: str) -> str:
        """The id of a number's call, once it rings or waits."""

        async def look() -> str | None:
            return next((each.id for each in await self.service.desk.ringing(self.by) if each.number == f"+1{number}"), None)

        return str(await until("the call ringing", look))


def went(lab: Lab, did: str, start: int) -> list[dict[str, str]]:
    """How far calls of this DID came since ``start``."""
    events = [each for each in lab.listener.heard[start:] if each["type"] == "ChannelUserevent"]
    return [each["userevent"] for each in events if each["channel"]["dialplan"]["exten"] == did]


def plays(lab: Lab) -> list[str]:
    """Sound files of ours that Asterisk holds open."""
    found = []
    for each in Path(f"/proc/{lab.asterisk_pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return [name for name in found if f"{lab.record.name}/asterisk/speech/" in name]


async def pressed_when_heard(lab: Lab, agent: TrunkCall) -> None:
    """1, as soon as the words are played."""
    await until("the words played", lambda: plays(lab))
    await agent.press("1")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def installed(lab: Lab) -> None:
    """What an administrator does: the shipped dialplan and AMI user, routes and a queue that use it, a reload."""
    await install_dialplan(lab)
    etc, speech = lab.record.folder / "asterisk/etc", lab.record.folder / "asterisk/speech"
    plan = (etc / "extensions.conf").read_text(encoding="utf-8")
    (etc / "extensions.conf").write_text(
        plan.replace("[from-did]\n", "[from-did]\ninclude => from-did-asking\n", 1) + ROUTES, encoding="utf-8"
    )
    queues = (etc / "queues.conf").read_text(encoding="utf-8")
    (etc / "queues.conf").write_text(queues + QUEUES.replace("@SOUNDS@", str(speech)), encoding="utf-8")
    shipped = MANAGER.read_text(encoding="utf-8")
    assert shipped.count("CHANGE-ME") == 1
    (etc / MANAGER.name).write_text(shipped.replace("CHANGE-ME", "as-shipped"), encoding="utf-8")
    manager = (etc / "manager.conf").read_text(encoding="utf-8")
    (etc / "manager.conf").write_text(f"{manager}\n#include {MANAGER.name}\n", encoding="utf-8")
    for command in ("dialplan reload", "queue reload all", "manager reload"):
        await lab.ami.command(command)


@pytest.fixture(scope="module", autouse=True)
def unhurried() -> Iterator[None]:
    """Two Asterisks share this machine: that a question is let go after 50 ms is for tests/agi."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("caller", "offer"):
            patch.setattr(f"agi.{module}.ANSWER_WITHIN", 2.0)
        yield


def settings(lab: Lab, folder: Path, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    document = tomllib.loads(lab.settings())
    document["store"] = {"path": str(folder / "textback.db")}
    # with the rights that ship, and no more
    document["pbx"]["ami"] |= {"username": "textback", "secret": "as-shipped"}
    # spoken fast
    document["agi"]["speech"] = ["espeak-ng", "-v", "{language}", "-s", "400", "-w", "{file}"]
    document["priority"] = [
        {"name": "tag", "level": "urgent", "tag": ["vip"]},
        {"name": "option", "level": "high", "option": ["emergency"]},
    ]
    for table, keys in {"reply": {"delay": "5m", "min_ring": "500ms"}, **(changes or {})}.items():
        document[table] = {**document.get(table, {}), **keys}
    return document


@contextlib.asynccontextmanager
async def opened(lab: Lab, folder: Path, changes: Mapping[str, Any] | None = None) -> AsyncIterator[Clinic]:
    service = Service(parse(settings(lab, folder, changes)))
    running = asyncio.create_task(service.run())
    try:
        await until("the service on Asterisk", lambda: running.done() or (service.watch.connected and service.signals.ami.status.connected))  # type: ignore[union-attr]
        assert not running.done(), running
        members = service.store.members
        lou = await members.add(login="lou", name="Lou", role=Role.STAFF, language="fr", extension=PHONE, by=SHELL)
        await members.add(login="kim", name="Kim", role=Role.STAFF, language="en", extension=FEATURE, by=SHELL)
        yield Clinic(lab, service, Actor(member=lou.id, name=lou.name, role=lou.role, face=Face.WEB, address="127.0.0.1"))
    finally:
        service.stop()
        await asyncio.wait_for(running, 30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    async with opened(lab, tmp_path_factory.mktemp("asking")) as made:
        records = [
            Record(external="1", name=CLIENT, numbers=(PersonNumber(number="+14385550701"),), language="en"),
            Record(external="2", name=URGENT, numbers=(PersonNumber(number="+14385550702"),), tags=("vip",)),
            Record(external="3", name="Labo", kind=Kind.SUPPLIER, numbers=(PersonNumber(number="+14385550703"),)),
        ]
        await made.service.store.contacts.apply(records, "import")
        yield made


async def test_with_the_service_down_each_call_goes_on(lab: Lab) -> None:
    start = len(lab.listener.heard)
    async with ringing(lab, PHONE, Phone("ring")) as phone, lab.trunk_call(Caller("4385550701", NAMED)) as call:
        await until("the phone ringing", lambda: phone.callers)
        assert CLIENT not in phone.callers[0]
        await call.hang_up()
        await call.over()
    async with lab.trunk_call(Caller("4385550772", GREETED)) as call:
        await call.over()
    await until("the greeted one going on", lambda: went(lab, GREETED, start))
    assert [each["status"] for each in (*went(lab, NAMED, start), *went(lab, GREETED, start))] == ["FAILURE", "FAILURE"]
    async with lab.phones({MEMBER: Phone("answer", after=0.1, talk=0.2)}), lab.trunk_call(Caller("4385550773", QUEUED)) as call:
        await call.over()
    async with lab.desk_call(Caller(FEATURE, "*768")) as desk:
        await desk.over()
    # declined, and the service is gone before the caller hears so
    last = len(lab.listener.heard)
    async with lab.phones({PHONE: Phone("ring")}), lab.trunk_call(Caller("4385550774", NAMED)) as call:
        channel = await lab.listener.wait(
            lambda event: event["caller"]["name"] if event["type"] == "Dial" and event.get("dialstatus") == "RINGING" else None,
            "the phone ringing",
            after=last,
        )
        await lab.ami.action("Redirect", Channel=channel, Context="textback-declined", Exten="s", Priority="1")
        await call.over()


async def test_a_clients_name_shows_on_the_ringing_phone_and_the_dialplan_knows_them(lab: Lab, clinic: Clinic) -> None:
    start = len(lab.listener.heard)
    async with ringing(lab, PHONE, Phone("ring")) as phone:
        async with lab.trunk_call(Caller("4385550701", NAMED)) as call:
            await until("the phone ringing", lambda: phone.callers)
            await clinic.rings("4385550701")
            (seen,) = await clinic.service.desk.ringing(clinic.by)
            assert (seen.name, seen.number, seen.kind, seen.extensions, seen.line) == (
                CLIENT,
                "+14385550701",
                Kind.CLIENT,
                (PHONE,),
                "main",
            )
            await call.hang_up()
            await call.over()
        async with lab.trunk_call(Caller("4385550790", NAMED)) as call:
            await until("the phone ringing again", lambda: len(phone.callers) == 2)
            await call.hang_up()
            await call.over()
        named, unnamed = phone.callers
    assert named == f'"{CLIENT}" <sip:4385550701@127.0.0.1>'
    assert CLIENT not in unnamed
    assert went(lab, NAMED, start) == [
        {"eventname": "Went", "kind": "client", "language": "en", "prio": "", "status": "SUCCESS"},
        {"eventname": "Went", "kind": "unknown", "language": "fr", "prio": "", "status": "SUCCESS"},
    ]
    assert await until("nobody ringing", lambda: not clinic.service.calls.waiting)


async def test_who_hides_their_number_is_not_named(lab: Lab, clinic: Clinic) -> None:
    headers = ("P-Asserted-Identity: <sip:4385550701@127.0.0.2>", "Privacy: id")
    async with (
        ringing(lab, PHONE, Phone("ring")) as phone,
        lab.trunk_call(Caller("4385550701", NAMED, anonymous=True, headers=headers)) as call,
    ):
        await until("the phone ringing", lambda: phone.callers)
        assert CLIENT not in phone.callers[0]
        await until("the call seen ringing", lambda: clinic.service.calls.waiting)
        (seen,) = await clinic.service.desk.ringing(clinic.by)
        assert (seen.number, seen.name) == (None, None)
        with pytest.raises(RefusedError) as refused:
            await clinic.service.desk.decline(seen.id, by=clinic.by)
        assert (refused.value.code, refused.value.facts) == ("no_text_goes", {"reason": "anonymous"})
        await call.hang_up()
        await call.over()


async def test_a_priority_client_overtakes_two_who_wait_in_the_queue(lab: Lab, clinic: Clinic) -> None:
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for number in ("4385550791", "4385550792", "4385550702"):
            calls.append(await stack.enter_async_context(lab.trunk_call(Caller(number, QUEUED))))
            await clinic.rings(number)
        shown = re.findall(r"^ +(\d)\. .*prio: (\d+)", await lab.ami.command(f"queue show {QUEUE}"), re.MULTILINE)
        assert shown == [("1", "10"), ("2", "0"), ("3", "0")]
        phone = await stack.enter_async_context(ringing(lab, MEMBER, Phone("answer", after=0.1, talk=0.2)))
        await until("three calls answered", lambda: len(phone.callers) == 3)
        assert [re.findall(r"sip:(\d+)@", each) for each in phone.callers] == [["4385550702"], ["4385550791"], ["4385550792"]]
        for call in calls:
            await call.over()


async def test_1_in_the_greeting_brings_the_text_and_ends_the_call(lab: Lab, clinic: Clinic) -> None:
    number, start = "4385550711", len(lab.listener.heard)
    async with lab.trunk_call(Caller(number, GREETED, keypad=True, audio=str(lab.record.folder / "talking.ulaw"))) as call:
        await pressed_when_heard(lab, call)
        await call.over()
    (text,) = await clinic.handset(number)
    assert "Clinique du Lab" in text
    entry = await clinic.filed(number)
    assert (entry.decision, entry.reason) in {("reply", Reason.ASKED), ("pending", Reason.ASKED)}
    assert went(lab, GREETED, start) == [], "the dialplan ended with the call"


@pytest.mark.usefixtures("clinic")
async def test_who_presses_nothing_goes_on_and_who_cannot_be_texted_hears_nothing(lab: Lab) -> None:
    start = len(lab.listener.heard)
    async with lab.trunk_call(Caller("4385550712", GREETED)) as call:
        await until("the words played", lambda: plays(lab))
        await call.over()
    for number in ("4385550703", "8005550199"):
        async with lab.trunk_call(Caller(number, GREETED)) as call:
            await call.over()
            assert plays(lab) == []
    async with lab.trunk_call(Caller("4385550713", GREETED, anonymous=True, headers=("Privacy: id",))) as call:
        await call.over()
    # the end of a call may be heard of before its last event
    await until("all of them going on", lambda: len(went(lab, GREETED, start)) >= 4)
    assert [each["status"] for each in went(lab, GREETED, start)] == ["SUCCESS"] * 4


async def test_1_in_the_queue_leaves_it_and_brings_the_text(lab: Lab, clinic: Clinic) -> None:
    number = "4385550721"
    async with lab.trunk_call(Caller(number, QUEUED, keypad=True, audio=str(lab.record.folder / "talking.ulaw"))) as call:
        await clinic.rings(number)
        await until("the announcement", lambda: [each for each in plays(lab) if "/fr_text/offer." in each])
        await call.press("1")
        await call.over()
    assert await clinic.handset(number)
    assert (await clinic.filed(number)).reason is Reason.ASKED


@pytest.mark.parametrize(("did", "number"), [(NAMED, "4385550731"), (QUEUED, "4385550736"), (GROUP, "4385550737")])
async def test_a_call_that_rings_is_declined_the_caller_hears_so_and_is_texted_and_the_thread_is_theirs(
    lab: Lab, clinic: Clinic, did: str, number: str
) -> None:
    async with lab.phones({PHONE: Phone("ring")}), lab.trunk_call(Caller(number, did)) as call:
        ident = await clinic.rings(number)
        thread = await clinic.service.desk.decline(ident, by=clinic.by)
        await until("the words played", lambda: plays(lab))
        assert clinic.service.calls.waiting == ()
        await call.over()
    assert await clinic.handset(number)
    entry = await clinic.filed(number)
    assert (entry.id, entry.reason) == (ident, Reason.ASKED)
    (row,) = await clinic.service.store.board.rows_of((thread,))
    assert (row.holder and row.holder.name, row.state, row.number) == ("Lou", "to_answer", f"+1{number}")
    with pytest.raises(NotFoundError) as gone:
        await clinic.service.desk.decline(ident, by=clinic.by)
    assert gone.value.code == "not_ringing"


async def test_768_declines_the_only_call_that_rings_and_one_of_the_own_phone_first(lab: Lab, clinic: Clinic) -> None:
    number, other = "4385550732", "4385550733"
    async with lab.phones({PHONE: Phone("ring")}), lab.trunk_call(Caller(number, NAMED)) as call:
        await clinic.rings(number)
        async with lab.desk_call(Caller(FEATURE, "*768")) as desk:
            await desk.over()
        await call.over()
    assert await clinic.handset(number)
    row = (await clinic.service.store.board.search(number, limit=1))[0].row
    assert row.holder is not None
    assert row.holder.name == "Kim"
    async with (
        lab.trunk_call(Caller(other, QUEUED)) as waits,
        lab.phones({PHONE: Phone("ring")}),
        lab.trunk_call(Caller("4385550734", NAMED)) as call,
    ):
        await clinic.rings(other)
        await clinic.rings("4385550734")
        async with lab.desk_call(Caller(FEATURE, "*768")) as desk:
            await desk.over()
        assert len(clinic.service.calls.waiting) == 2, "of two that are not theirs neither is chosen"
        async with lab.desk_call(Caller(PHONE, "*768")) as desk:
            await desk.over()
        await call.over()
        assert [each.number for each in clinic.service.calls.waiting] == [f"+1{other}"]
        await waits.hang_up()
        await waits.over()
    assert await clinic.handset("4385550734")


async def test_without_the_snippet_a_call_is_not_sent_into_nothing(lab: Lab, clinic: Clinic) -> None:
    number = "4385550738"
    await lab.ami.command("dialplan remove context textback-declined")
    try:
        async with lab.phones({PHONE: Phone("ring")}), lab.trunk_call(Caller(number, NAMED)) as call:
            ident = await clinic.rings(number)
            with pytest.raises(RefusedError) as refused:
                await clinic.service.desk.decline(ident, by=clinic.by)
            assert refused.value.code == "no_dialplan"
            assert [each.id for each in clinic.service.calls.waiting] == [ident], "it rings on"
            await call.hang_up()
            await call.over()
        assert (await clinic.filed(number)).reason is not Reason.ASKED
    finally:
        await lab.ami.command("dialplan reload")


async def test_who_was_put_through_meanwhile_is_not_cut(lab: Lab, clinic: Clinic) -> None:
    number = "4385550741"
    async with lab.phones({PHONE: Phone("answer", after=0.3, talk=2)}), lab.trunk_call(Caller(number, NAMED)) as call:
        ident = await clinic.rings(number)
        await until("the answer", lambda: not clinic.service.calls.waiting)
        with pytest.raises((RefusedError, NotFoundError)) as refused:
            await clinic.service.desk.decline(ident, by=clinic.by)
        assert refused.value.code == "answered"
        await call.over()
    assert (await clinic.filed(number)).outcome == "answered"
    assert await clinic.inbox(number) == []


async def test_an_answer_we_were_not_told_of_yet_counts(lab: Lab, clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "4385550742"
    async with lab.phones({PHONE: Phone("answer", after=0.3, talk=2)}), lab.trunk_call(Caller(number, NAMED)) as call:
        ident = await clinic.rings(number)
        before, waiting = clinic.service.calls.of(ident), clinic.service.calls.waiting
        assert before is not None
        await until("the answer", lambda: not clinic.service.calls.waiting)
        # what we knew before the events of the answer came
        with monkeypatch.context() as patch:
            patch.setattr(clinic.service.watch, "call_of", lambda _: before)
            patch.setattr(clinic.service.watch, "bridged", lambda _: False)
            patch.setattr(clinic.service.watch, "phones_of", lambda _: ())
            patch.setattr(clinic.service.calls, "waiting", waiting)
            with pytest.raises(RefusedError) as refused:
                await clinic.service.desk.decline(ident, by=clinic.by)
        assert refused.value.code == "answered"
        await call.over()
    entry = await clinic.filed(number)
    assert (entry.outcome, entry.reason) == ("answered", Reason.ANSWERED)


async def test_the_option_of_a_menu_and_the_blacklist_of_the_pbx_are_known(lab: Lab, clinic: Clinic) -> None:
    number, listed = "4385550751", "4385550752"
    async with lab.phones({PHONE: Phone("ring")}):
        async with lab.trunk_call(Caller(number, OPTION, give_up=1.0)) as call:
            await call.over()
        entry = await clinic.filed(number)
        row = (await clinic.service.store.board.search(number, limit=1))[0].row
        assert (row.level, row.why) == (1, "option")
        await lab.ami.command(f"database put blacklist {listed} 1")
        async with lab.trunk_call(Caller(listed, NAMED)) as call:
            ident = await clinic.rings(listed)
            with pytest.raises(RefusedError) as refused:
                await clinic.service.desk.decline(ident, by=clinic.by)
            assert refused.value.facts == {"reason": "excluded"}
            await call.hang_up()
            await call.over()
    entry = await clinic.filed(listed)
    assert entry.reason is Reason.EXCLUDED


async def test_paused_nothing_is_offered_and_nothing_declined(lab: Lab, clinic: Clinic) -> None:
    start = len(lab.listener.heard)
    await clinic.service.desk.pause(True, by=SHELL)
    try:
        async with lab.phones({PHONE: Phone("ring")}):
            async with lab.trunk_call(Caller("4385550761", GREETED)) as call:
                await call.over()
            await until("it going on", lambda: went(lab, GREETED, start))
            assert [each["status"] for each in went(lab, GREETED, start)] == ["SUCCESS"]
            async with lab.trunk_call(Caller("4385550762", NAMED)) as call:
                ident = await clinic.rings("4385550762")
                with pytest.raises(RefusedError) as refused:
                    await clinic.service.desk.decline(ident, by=clinic.by)
                assert refused.value.facts == {"reason": "paused"}
                assert [each.id for each in clinic.service.calls.waiting] == [ident], "it rings on"
                await call.hang_up()
                await call.over()
    finally:
        await clinic.service.desk.pause(False, by=SHELL)
