"""Lamp, push and call back on the real Asterisk, 22 and 16: the parts by themselves, phones played by SIPp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ari_app.board import Counts
from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError, PbxRequestError, RefusedError
from ari_app.lamps import Lamps
from ari_app.model import NotDialled
from ari_app.pbx.ami import Ami, check
from ari_app.pbx.ari import AriClient
from ari_app.pbx.dial import Dialler
from ari_app.pbx.outputs import CallBackEnded, OutgoingDialled, OutgoingEnded, OutgoingJoined, Output
from ari_app.pbx.watch import Watch
from ari_app.phone_push import notification
from ari_app.settings import AmiSettings, Settings, load
from tests.lab.deskset import pushed, watching
from tests.lab.install import install_dialplan
from tests.lab.lab import Lab
from tests.lab.scripts import Phone
from tests.lab.stage import until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

CONFIG = Path(__file__).parents[2] / "config/asterisk"
NOBODY = Counts(to_answer=0, unopened=0, trouble=0, snoozed=0, oldest=None)
SOMEBODY = replace(NOBODY, to_answer=1, unopened=1)
ANSWERS, RINGS_ON = "+15145550123", "+14385550122"
"""Numbers of the outside, as the trunk's far end has them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def installed(lab: Lab) -> None:
    """The shipped dialplan, and the shipped AMI user."""
    await install_dialplan(lab)
    etc = lab.record.folder / "asterisk/etc"
    plan = (etc / "extensions.conf").read_text(encoding="utf-8")
    (etc / "extensions.conf").write_text(
        plan + "\n[lamps]\nexten => *7671,hint,Stasis:textback-lab\nexten => *7670,hint,Stasis:textback-urgent\n", encoding="utf-8"
    )
    (etc / "extensions.conf").write_text(
        (etc / "extensions.conf").read_text(encoding="utf-8") + "\n[from-internal](+)\ninclude => lamps\n", encoding="utf-8"
    )
    await lab.ami.command("dialplan reload")
    snippet = (CONFIG / "manager_textback.conf").read_text(encoding="utf-8")
    assert snippet.count("CHANGE-ME") == 1
    (etc / "manager_textback.conf").write_text(snippet.replace("CHANGE-ME", "as-shipped"), encoding="utf-8")
    manager = (etc / "manager.conf").read_text(encoding="utf-8")
    (etc / "manager.conf").write_text(manager + "\n#include manager_textback.conf\n", encoding="utf-8")
    assert "manager reload" in snippet
    await lab.ami.command("manager reload")


def settings_of(lab: Lab) -> Settings:
    return load(lab.record.folder / "textback.toml")


@asynccontextmanager
async def client(lab: Lab) -> AsyncIterator[AriClient]:
    ari = AriClient(settings_of(lab).pbx, SystemClock())
    try:
        yield ari
    finally:
        await ari.close()


# -- the lamp


class Board:
    """What waits, and who waits too long."""

    def __init__(self) -> None:
        self.counts = {"main": NOBODY, "lab": NOBODY}
        self.overdue: frozenset[str] = frozenset()
        self.urgent: frozenset[int] = frozenset()
        self.late: frozenset[int] = frozenset()

    async def by_line(self) -> dict[str, Counts]:
        return self.counts

    async def urgents(self) -> frozenset[int]:
        return self.urgent


@asynccontextmanager
async def lamps(ari: AriClient, board: Board, *, blink: bool = True) -> AsyncIterator[Lamps]:
    made = Lamps(
        ari,
        SystemClock(),
        app="textback",
        lines=("main", "lab"),
        counts=board.by_line,
        urgent=board.urgents,
        overdue=lambda: board.overdue,
        late=lambda: board.late,
        blink=blink,
    )
    task = asyncio.create_task(made.run())
    made.connected()
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_lamps_of_everything_and_of_a_line_follow_and_go_out_with_the_service(lab: Lab) -> None:
    board = Board()
    async with client(lab) as ari, watching(lab, "101") as all_of_it, watching(lab, "102", "*7671") as line:
        async with lamps(ari, board) as ours:
            board.counts["main"] = SOMEBODY
            ours.changed()
            await all_of_it.shows("confirmed")
            assert line.lamp == "terminated"
            board.counts["lab"] = SOMEBODY
            ours.changed()
            await line.shows("confirmed")
            board.overdue = frozenset({"lab"})
            ours.changed()
            await line.shows("early")
            await all_of_it.shows("early")
            board.counts = {"main": SOMEBODY, "lab": NOBODY}
            board.overdue = frozenset()
            ours.changed()
            await line.shows("terminated")
            await all_of_it.shows("confirmed")
        await all_of_it.shows("terminated")


async def test_a_lamp_of_its_own_says_that_something_urgent_waits(lab: Lab) -> None:
    board = Board()
    async with client(lab) as ari, watching(lab, "102", "*7670") as phone:
        async with lamps(ari, board) as ours:
            board.counts["main"] = SOMEBODY
            board.urgent, board.late = frozenset({7}), frozenset({8})
            ours.changed()
            await phone.shows("confirmed")
            board.late = frozenset({7, 8})
            ours.changed()
            await phone.shows("early")
            board.urgent = frozenset()
            ours.changed()
            await phone.shows("terminated")
            board.urgent = frozenset({7})
            ours.changed()
            await phone.shows("early")
        await phone.shows("terminated")
        assert "Stasis:textback-urgent" in await ari.device_states()


async def test_a_lamp_may_stay_steady_and_a_state_of_a_line_that_is_gone_is_forgotten(lab: Lab) -> None:
    board = Board()
    board.counts, board.overdue = {"main": SOMEBODY}, frozenset({"main"})
    async with client(lab) as ari, watching(lab, "101") as phone:
        await ari.set_device_state("Stasis:textback-gone", "INUSE")
        await ari.set_device_state("Stasis:another", "INUSE")
        async with lamps(ari, board, blink=False):
            await phone.shows("confirmed")
        states = await ari.device_states()
        assert "Stasis:textback-gone" not in states
        assert states["Stasis:another"] == "INUSE"
        await ari.remove_device_state("Stasis:another")
        await ari.remove_device_state("Stasis:another")


async def test_a_user_that_may_only_read_is_told_with_the_fix(lab: Lab) -> None:
    path = lab.record.folder / "asterisk/etc/ari.conf"
    before = path.read_text(encoding="utf-8")
    board = Board()
    try:
        path.write_text(before.replace("read_only = no", "read_only = yes"), encoding="utf-8")
        await lab.ami.command("module reload res_ari.so")
        async with client(lab) as ari:
            with capture_logs() as logs:
                async with lamps(ari, board):
                    await until("the refusal in the log", lambda: any(each["event"] == "lamps_not_set" for each in logs))
            assert any("read_only = no" in each.get("fix", "") for each in logs)
            with pytest.raises(PbxAuthError, match="403"):
                await Dialler(ari, settings_of(lab)).place(Dialler.new_id(), "101", ANSWERS)
    finally:
        path.write_text(before, encoding="utf-8")
        await lab.ami.command("module reload res_ari.so")


# -- push


def ami_settings(lab: Lab) -> AmiSettings:
    return AmiSettings(host="127.0.0.1", port=lab.record.ports.ami, username="textback", secret="as-shipped")


@asynccontextmanager
async def ami(lab: Lab) -> AsyncIterator[Ami]:
    made, up = Ami(ami_settings(lab), SystemClock()), asyncio.Event()
    made.on_connected.append(up.set)
    task = asyncio.create_task(made.run())
    try:
        await asyncio.wait_for(up.wait(), 20)
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_shipped_user_may_do_what_is_asked_of_it_and_start_and_change_nothing(lab: Lab) -> None:
    allowed = await check(ami_settings(lab))
    assert {"PJSIPNotify", "Redirect", "Getvar", "DBGet", "VoicemailRefresh"} <= set(allowed)
    assert {"Originate", "Command", "UpdateConfig", "QueueAdd"} & set(allowed) == set()
    with pytest.raises(PbxAuthError, match="refused the AMI user"):
        await check(ami_settings(lab).model_copy(update={"secret": "another"}))
    async with ami(lab) as ours:
        with pytest.raises(PbxRequestError, match="Permission denied"):
            await ours.action("Command", {"Command": "core show uptime"})
        with pytest.raises(PbxRequestError, match="999"):
            await ours.notify("999", "Yealink-xml", "application/xml", "<A/>")


@pytest.mark.parametrize(("brand", "event"), [("yealink", "Yealink-xml"), ("aastra", "aastra-xml")])
async def test_a_phone_receives_the_line_of_its_brand_as_xml(lab: Lab, brand: str, event: str) -> None:
    async with ami(lab) as ours, pushed(lab, "102") as phone:
        for count in (3, 0):
            before = len(phone.notifies)
            said = notification(brand, count, "fr", beep=count > 0, address="http://127.0.0.1:8790")
            assert said is not None
            await ours.notify("102", said.event, said.content_type, said.body)
            # one after the other: Asterisk sends what was asked for at once in any order
            while len(phone.notifies) == before:  # noqa: ASYNC110 - read from SIPp's trace, which has no event
                await asyncio.sleep(0.05)
        first, second = phone.notifies
        assert (first.headers["event"], first.headers["content-type"]) == (event, "application/xml")
        assert int(first.headers["content-length"]) == len(first.body.encode())
        assert [ET.fromstring(each.body).findtext("Message") for each in (first, second)] == ["3 à répondre", ""]  # noqa: S314
        assert [ET.fromstring(each.body).get("Beep") for each in (first, second)] == ["yes", "no"]  # noqa: S314


async def test_an_address_arrives_bare(lab: Lab) -> None:
    said = notification("cisco-mpp", 3, "fr", beep=True, address="http://127.0.0.1:8790")
    assert said is not None
    async with ami(lab) as ours, pushed(lab, "102") as phone:
        await ours.notify("102", said.event, said.content_type, said.body)
        await until("the NOTIFY", lambda: phone.notifies)
        (only,) = phone.notifies
        assert (only.headers["event"], only.headers["content-type"]) == ("XML-Service", "text/html")
        assert (only.body, only.headers["content-length"]) == (said.body, str(len(said.body)))


async def test_quotes_commas_brackets_and_backslashes_arrive_and_a_long_body_too(lab: Lab) -> None:
    odd = "a, \"b\" (c) [d] \\e\\, f; 'g' " + "," * 70
    rows = "".join(f"<Item>{'é' * 60}</Item>" for _ in range(20))
    root = ET.Element("Test", {"odd": odd})
    head, tail = ET.tostring(root, encoding="unicode").removesuffix(" />"), "</Test>"
    async with ami(lab) as ours, pushed(lab, "102") as phone:
        await ours.notify("102", "Yealink-xml", "application/xml", f"{head}>{rows}{tail}")
        await until("the NOTIFY", lambda: phone.notifies)
        found = ET.fromstring(phone.notifies[0].body)  # noqa: S314
        assert found.get("odd") == odd
        assert [each.text for each in found] == ["é" * 60] * 20


# -- calling back


class Heard:
    """The watcher, and what it said of calls that we asked for."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.attached = asyncio.Event()

    async def take(self, output: Output) -> None:
        self.outputs.append(output)
        if type(output).__name__ == "Attached":
            self.attached.set()

    def of(self, kind: type[Output], call_back: str) -> list[Output]:
        return [
            each
            for each in self.outputs
            if isinstance(each, kind) and (each.id if isinstance(each, CallBackEnded) else each.call.call_back) == call_back  # type: ignore[union-attr]
        ]

    async def end(self, call_back: str) -> CallBackEnded:
        await until("the end of the call back", lambda: self.of(CallBackEnded, call_back))
        (only,) = self.of(CallBackEnded, call_back)
        assert isinstance(only, CallBackEnded)
        return only


@asynccontextmanager
async def desk(lab: Lab, **changes: str) -> AsyncIterator[tuple[Dialler, Heard, Watch]]:
    settings, heard = settings_of(lab), Heard()
    settings = settings.model_copy(update={"pbx": settings.pbx.model_copy(update=changes)})
    async with client(lab) as ari:
        watch = Watch(settings, ari, SystemClock(), on_output=heard.take)
        task = asyncio.create_task(watch.run())
        try:
            await asyncio.wait_for(heard.attached.wait(), 20)
            yield Dialler(ari, settings), heard, watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_both_phones_ring_and_the_leg_is_known_with_its_length(lab: Lab) -> None:
    mark = len(lab.listener.heard)
    async with desk(lab) as (dialler, heard, watch), lab.phones({"101": Phone("answer", after=0.3, talk=4)}):
        call_back = dialler.new_id()
        await dialler.place(call_back, "101", ANSWERS, 'Élodie "Lou", Côté')
        assert dialler.calling() == {ANSWERS}
        await until("the caller's phone ringing", lambda: ANSWERS in watch.live_numbers)
        await until("both joined", lambda: heard.of(OutgoingJoined, call_back))
        assert (await heard.end(call_back)).why is None
        await until("the leg's end", lambda: heard.of(OutgoingEnded, call_back))
        (dialled,), (ended,) = heard.of(OutgoingDialled, call_back), heard.of(OutgoingEnded, call_back)
        assert isinstance(dialled, OutgoingDialled)
        assert isinstance(ended, OutgoingEnded)
        assert dialled.call.id == ended.call.id
        assert ended.call.number == ANSWERS
        assert ended.call.joined is not None
        assert ended.call.ended is not None
        assert 1 < (ended.call.ended - ended.call.joined).total_seconds() < 10
        assert dialler.ended(call_back)
        assert dialler.calling() == frozenset()
    ringing = [
        event["channel"]
        for event in lab.listener.heard[mark:]
        if event["type"] == "ChannelStateChange" and event["channel"]["id"] == call_back and event["channel"]["state"] == "Ringing"
    ]
    assert ringing[0]["connected"] == {"name": 'Élodie "Lou", Côté', "number": "5145550123"}, "what the member's phone shows"
    assert ringing[0]["caller"]["number"] == "101", "whom the dialplan takes it for"


async def test_a_caller_who_does_not_answer_is_dialled_and_never_joined(lab: Lab) -> None:
    async with desk(lab) as (dialler, heard, _), lab.phones({"101": Phone("answer", after=0.1, talk=3)}):
        call_back = dialler.new_id()
        await dialler.place(call_back, "101", RINGS_ON)
        assert (await heard.end(call_back)).why is None
        await until("the leg's end", lambda: heard.of(OutgoingEnded, call_back))
        assert heard.of(OutgoingDialled, call_back)
        assert heard.of(OutgoingJoined, call_back) == []


@pytest.mark.parametrize(("kind", "why"), [("busy", NotDialled.BUSY), ("decline", NotDialled.DECLINED), ("ring", NotDialled.NOT_PICKED_UP)])
async def test_a_phone_that_does_not_take_it_ends_it_with_the_reason(
    lab: Lab, kind: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.pbx.dial._RINGS", 2)
    async with desk(lab) as (dialler, heard, watch), lab.phones({"101": Phone(kind)}):
        call_back = dialler.new_id()
        await dialler.place(call_back, "101", ANSWERS)
        assert (await heard.end(call_back)).why == why
        assert dialler.ended(call_back)
        assert heard.of(OutgoingDialled, call_back) == []
        assert watch.live_numbers == frozenset()


async def test_what_cannot_ring_is_refused_with_the_fix(lab: Lab) -> None:
    async with desk(lab) as (dialler, _, _):
        for extension, code in (("103", "phone_offline"), ("999", "no_phone"), ("10&1", "no_extension"), ("", "no_extension")):
            with pytest.raises(RefusedError) as refused:
                await dialler.place(dialler.new_id(), extension, ANSWERS)
            assert (refused.value.code, bool(refused.value.fix)) == (code, True)
        assert dialler.calling() == frozenset()


async def test_a_number_the_dialplan_does_not_take_is_refused_before_anybody_picks_up(lab: Lab) -> None:
    async with desk(lab, dial_context="from-nowhere") as (dialler, heard, _), lab.phones({"101": Phone("ring")}):
        call_back = dialler.new_id()
        with pytest.raises(RefusedError, match="from-nowhere") as refused:
            await dialler.place(call_back, "101", ANSWERS)
        assert refused.value.code == "no_route"
        await heard.end(call_back)
        assert not dialler.ended(call_back), "place() said why"
        assert dialler.calling() == frozenset()


async def test_a_dialplan_that_dials_nobody_is_told(lab: Lab) -> None:
    """The way out exists, and leads nowhere."""
    async with (
        desk(lab, dial="*{national}", dial_context="dead-end") as (dialler, heard, _),
        lab.phones({"101": Phone("answer", after=0.1)}),
    ):
        path = lab.record.folder / "asterisk/etc/extensions.conf"
        path.write_text(path.read_text(encoding="utf-8") + "\n[dead-end]\nexten => _*X.,1,Hangup()\n", encoding="utf-8")
        await lab.ami.command("dialplan reload")
        call_back = dialler.new_id()
        await dialler.place(call_back, "101", ANSWERS)
        assert (await heard.end(call_back)).why == NotDialled.NOBODY
