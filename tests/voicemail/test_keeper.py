"""Store and spool in step: real files, a real store, the time of day; AMI where it is told to misbehave."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_app.board import VoicemailEntry
from ari_app.clock import SystemClock
from ari_app.events import Notice, VoicemailChanged
from ari_app.model import Call, Reached, Reason
from ari_app.pbx.ami import Ami
from ari_app.pbx.outputs import Attached, CallEnded
from ari_app.settings import Settings, parse
from ari_app.threads import Store
from ari_app.voicemail import keeper as room
from ari_app.voicemail import sound
from ari_app.voicemail import spool as files
from ari_app.voicemail.keeper import Keeper
from tests.pbx.fake_ami import server
from tests.threads.world import ALICE, ANNE, BOB, a_call, silence
from tests.voicemail.spooled import leave, texts


def settings(spool: Path) -> Settings:
    return parse(
        {
            "clinic": {"name": "Clinique", "number": "+15145550100"},
            "line": [{"did": ["5145550111"], "name": "other"}],
            "pbx": {"username": "textback", "password": "x"},
            "voicemail": {"spool": str(spool)},
        }
    )


class World:
    """A keeper at work."""

    def __init__(self, spool: Path, store: Store) -> None:
        self.spool = spool
        self.store = store
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.keeper: Keeper

    def call(self, number: str | None = ALICE, *, ago: float = 20, **changes: Any) -> Call:
        """One that ended in voicemail, ``ago`` seconds ago."""
        return a_call(number, ended=self.now - timedelta(seconds=ago), reached=Reached.VOICEMAIL, **changes)

    async def file(self, call: Call) -> None:
        await self.store.record_call(call, silence(Reason.LIMIT), line="main")

    def leave(self, message: str, *, ago: float = 25, **how: Any) -> Path:
        return leave(self.spool, self.now - timedelta(seconds=ago), "wav", message=message, **how)

    async def messages(self, number: str = ALICE) -> list[VoicemailEntry]:
        found = await self.store.board.search(number, limit=1)
        view = await self.store.board.thread(found[0].row.thread) if found else None
        return [each for each in view.entries if isinstance(each, VoicemailEntry)] if view else []

    async def until(self, check: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(10):
            while not (found := await check()):  # noqa: ASYNC110  (a file's state, and a store's)
                await asyncio.sleep(0.01)
        return found

    async def found(self, number: str = ALICE, many: int = 1) -> list[VoicemailEntry]:
        async def there() -> list[VoicemailEntry] | None:
            entries = await self.messages(number)
            return entries if len(entries) >= many else None

        entries: list[VoicemailEntry] = await self.until(there)
        assert len(entries) == many
        return entries

    def looked(self) -> None:
        """A call ended in voicemail: where AMI tells nothing, one looks."""
        self.keeper.heard(CallEnded(self.call(BOB)))


@asynccontextmanager
async def world(folder: Path, spool: Path, *, ami: Ami | None = None) -> AsyncIterator[World]:
    kept: list[Keeper] = []

    def noticed(notices: tuple[Notice, ...]) -> None:
        for each in kept:
            each.noticed(notices)

    store = Store(folder / "textback.db", SystemClock(), on_notices=noticed)
    await store.open()
    made = World(spool, store)
    made.keeper = Keeper(settings(spool), store, SystemClock(), ami=ami, file=made.file, priority=lambda *_: None)
    kept.append(made.keeper)
    running = [asyncio.create_task(job()) for job in (*made.keeper.jobs, *([] if ami is None else [ami.run]))]
    try:
        yield made
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await store.close()


async def test_found_before_or_after_its_call_is_filed(tmp_path: Path, spool: Path) -> None:
    async with world(tmp_path, spool) as there:
        there.leave("m1")
        there.looked()
        await asyncio.sleep(0.2)
        assert await there.messages() == []
        await there.file(there.call())
        (entry,) = await there.found()
        assert (entry.seconds, entry.playable, entry.heard) == (2, True, None)
        await there.file(there.call(BOB, channel="PJSIP/trunk-2"))
        there.leave("m2", channel="PJSIP/trunk-2")
        there.looked()
        await there.found(BOB)


async def test_what_came_while_it_was_down_is_found_with_its_call_or_makes_one(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_ATTACHED", timedelta(seconds=0.1))
    async with world(tmp_path, spool) as before:
        await before.file(before.call(ago=3600, channel="PJSIP/trunk-3"))
    with capture_logs() as logs:
        async with world(tmp_path, spool) as there:
            there.leave("known", ago=3605, channel="PJSIP/trunk-3")
            there.leave("unseen", ago=1800, caller="5145550102", channel="PJSIP/trunk-4")
            there.leave("inside", ago=1700, caller="104", channel="PJSIP/104-1")
            there.leave("hidden", ago=1600, caller="Unknown", channel="PJSIP/trunk-5")
            there.leave("ours", ago=1500, caller="5145550100", channel="PJSIP/trunk-6")
            there.leave("our did", ago=1500, caller="5145550111", channel="PJSIP/trunk-6")
            there.leave("before us", ago=86400, caller="5145550109", channel="PJSIP/trunk-7")
            there.keeper.heard(Attached(frozenset()))
            await there.found(ALICE)
            (entry,) = await there.found(BOB)
            assert entry.call == "voicemail-unseen"
            (row,) = [each.row for each in await there.store.board.search(BOB)]
            assert (row.state, row.unheard) == ("to_answer", 1)
            assert len(await there.store.calls()) == 2
            facts = await there.store.voicemail.facts()
            assert facts.known == {"known", "unseen"}
    told = str([each for each in logs if "voicemail" in str(each)])
    assert [number for number in (ALICE, BOB, "5145550101", "5145550102") if number in told] == []


async def test_heard_here_it_is_moved_there(tmp_path: Path, spool: Path) -> None:
    async with world(tmp_path, spool) as there:
        for number, ago in enumerate((60, 40)):
            await there.file(there.call(ago=ago, channel=f"PJSIP/trunk-{number}"))
            there.leave(f"m{number}", ago=ago + 5, channel=f"PJSIP/trunk-{number}")
        there.looked()
        newer, older = await there.found(many=2)
        assert await there.store.voicemail.heard(older.id, True, ANNE)

        async def moved() -> bool:
            return texts(spool, "Old") == {"msg0000.txt": "m0"} and await there.store.voicemail.misplaced() == ()

        await there.until(moved)
        assert texts(spool, "INBOX") == {"msg0000.txt": "m1"}
        assert await there.store.voicemail.heard(older.id, False, ANNE)
        assert await there.store.voicemail.heard(newer.id, True, ANNE)

        async def changed() -> bool:
            return texts(spool, "Old") == {"msg0000.txt": "m1"} and await there.store.voicemail.misplaced() == ()

        await there.until(changed)
        assert list(texts(spool, "INBOX").values()) == ["m0"]


async def test_what_cannot_be_moved_is_said_once_and_moved_when_it_can(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        async with world(tmp_path, spool) as there:
            await there.file(there.call())
            there.leave("m0")
            there.looked()
            (entry,) = await there.found()
            owner = (spool / "default/101/INBOX").stat().st_uid
            monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

            async def said() -> list[Any]:
                return [each for each in logs if each["event"] == "voicemail_not_moved"]

            await there.store.voicemail.heard(entry.id, True, ANNE)
            await there.until(said)
            for _ in range(3):
                there.keeper.noticed((VoicemailChanged(entry.id, 1),))
                await asyncio.sleep(0.05)
            assert len(await said()) == 1
            assert texts(spool, "INBOX") == {"msg0000.txt": "m0"}
            (spool / "default/101/Old").mkdir()
            there.keeper.noticed((VoicemailChanged(entry.id, 1),))

            async def moved() -> bool:
                return bool(texts(spool, "Old"))

            await there.until(moved)


async def test_what_the_phone_moves_or_deletes_is_noted_and_its_sound_kept(tmp_path: Path, spool: Path) -> None:
    async with world(tmp_path, spool) as there:
        await there.file(there.call())
        text = there.leave("m0")
        there.looked()
        (entry,) = await there.found()
        (spool / "default/101/Old").mkdir()
        for each in text.parent.glob("msg0000.*"):
            each.rename(spool / "default/101/Old" / each.name)
        there.looked()

        async def heard() -> bool:
            return (await there.messages())[0].heard is not None

        await there.until(heard)
        shutil.rmtree(spool / "default/101")
        there.looked()

        async def gone() -> bool:
            return await there.store.voicemail.in_mailbox("101", "default") == {}

        await there.until(gone)
        assert (await there.store.voicemail.listen(entry.id, ANNE))[1][:4] == b"fLaC"


async def test_a_spool_that_is_not_there_is_said_once_and_looked_for_again(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_SWEEP", 0.05)
    spool.rmdir()  # noqa: ASYNC240  (before anything runs)
    with capture_logs() as logs:
        async with world(tmp_path, spool) as there:
            await asyncio.sleep(0.3)
            said = [each for each in logs if each["event"] == "voicemail_spool"]
            assert len(said) == 1
            assert str(spool) in said[0]["what"]
            await there.file(there.call())
            there.leave("m0")
            await there.found()


async def test_a_mailbox_that_cannot_be_read_keeps_no_other_from_it(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_SWEEP", 0.05)
    (spool / "default/100").mkdir(parents=True)
    (spool / "default/100/INBOX").write_text("no folder")
    with capture_logs() as logs:
        async with world(tmp_path, spool) as there:
            await there.file(there.call())
            there.leave("m0")
            await there.found()
            await asyncio.sleep(0.2)
    assert [each["what"] for each in logs if each["event"] == "voicemail_spool"] == [f"{spool}/default/100/INBOX: Not a directory"]


async def test_a_sound_that_cannot_be_read_keeps_no_other_from_its_thread(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_SWEEP", 0.05)
    faults: list[Exception] = [MemoryError(), *[PermissionError(13, "Permission denied", "msg0000.wav")] * 3]

    def kept(mail: files.Mail) -> Any:
        if mail.message == "m0" and faults:
            raise faults.pop()
        return sound.kept(mail)

    monkeypatch.setattr(room, "kept", kept)
    async with world(tmp_path, spool) as there:
        await there.file(there.call())
        await there.file(there.call(BOB, channel="PJSIP/trunk-2"))
        there.leave("m0")
        there.leave("m1", channel="PJSIP/trunk-2")
        await there.found(BOB)
        # nor is it given up, whatever went wrong with it
        await there.found()
    assert faults == []


async def test_of_a_thousand_mailboxes_those_that_changed_are_looked_into(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, str]] = []

    def counting(where: Path, mailbox: tuple[str, str], _mails: Any = files.mails) -> Any:
        read.append(mailbox)
        return _mails(where, mailbox)

    monkeypatch.setattr(files, "mails", counting)
    monkeypatch.setattr(room, "_SETTLED", 0.0)
    for mailbox in range(1000):
        (spool / "default" / str(mailbox) / "INBOX").mkdir(parents=True)
    async with world(tmp_path, spool) as there:

        async def all_read() -> bool:
            return len(read) == 1000

        await there.until(all_read)
        await asyncio.sleep(0.05)
        read.clear()
        await there.file(there.call())
        there.leave("m0", mailbox="512")
        there.looked()
        await there.found()
        assert set(read) == {("512", "default")}


async def test_with_ami_the_mailbox_it_names_is_looked_into_and_asterisk_moves(tmp_path: Path, spool: Path) -> None:
    async with server() as (fake, account):
        ami = Ami(account, SystemClock())
        async with world(tmp_path, spool, ami=ami) as there:
            await there.until(lambda: _told(ami))
            assert [each["Filter"] for each in fake.actions("Filter")] == [["Event: MessageWaiting"]]
            await there.file(there.call())
            there.leave("m0")
            there.looked()  # a call that ended in voicemail: AMI says where
            await asyncio.sleep(0.1)
            assert await there.messages() == []
            fake.tell("MessageWaiting", Mailbox="101@default", Waiting="1", New="1", Old="0", Channel="PJSIP/trunk-00000001")
            (entry,) = await there.found()
            await there.store.voicemail.heard(entry.id, True, ANNE)

            async def asked() -> list[Any]:
                return fake.actions("VoicemailMove")

            (action,) = await there.until(asked)
            assert (action["Mailbox"], action["Context"], action["ID"], action["Folder"], action["ToFolder"]) == (
                ["101"], ["default"], ["m0"], ["INBOX"], ["Old"],
            )  # fmt: skip
            await there.until(lambda: _nothing_misplaced(there))


async def _told(ami: Ami) -> bool:
    return ami.status.mailboxes


async def _nothing_misplaced(there: World) -> bool:
    return await there.store.voicemail.misplaced() == ()


@pytest.mark.parametrize("refusal", ["Error", "Success"])
async def test_where_asterisk_cannot_move_it_the_files_are_moved_and_it_is_told(tmp_path: Path, spool: Path, refusal: str) -> None:
    async with server() as (fake, account):
        fake.answers["VoicemailMove"] = refusal
        fake.messages["VoicemailMove"] = "Message move failed\n"
        ami = Ami(account, SystemClock())
        async with world(tmp_path, spool, ami=ami) as there:
            await there.until(lambda: _told(ami))
            await there.file(there.call())
            there.leave("m0")
            fake.tell("MessageWaiting", Mailbox="101@default", Waiting="1", New="1", Old="0")
            (entry,) = await there.found()
            await there.store.voicemail.heard(entry.id, True, ANNE)

            async def refreshed() -> list[Any]:
                return fake.actions("VoicemailRefresh")

            (action,) = await there.until(refreshed)
            assert (action["Mailbox"], action["Context"]) == (["101"], ["default"])
            assert texts(spool, "Old") == {"msg0000.txt": "m0"}


@pytest.mark.parametrize(("channel", "heard"), [("PJSIP/101-00000009", True), ("PJSIP/trunk-2", False), ("", False)])
async def test_deleted_while_somebody_listened_on_a_phone_it_was_heard(tmp_path: Path, spool: Path, channel: str, heard: bool) -> None:
    """Not where a program deleted it, nor while another caller left theirs."""
    async with server() as (fake, account):
        ami = Ami(account, SystemClock())
        async with world(tmp_path, spool, ami=ami) as there:
            await there.until(lambda: _told(ami))
            await there.file(there.call())
            text = there.leave("m0")
            fake.tell("MessageWaiting", Mailbox="101@default", Waiting="1", New="1", Old="0", Channel="PJSIP/trunk-00000001")
            await there.found()
            for each in text.parent.glob("msg0000.*"):
                each.unlink()
            there.leave("m1", channel="PJSIP/trunk-2", caller="5145550102")
            fake.tell("MessageWaiting", Mailbox="101@default", Waiting="0", New="0", Old="0", **({"Channel": channel} if channel else {}))

            async def gone() -> bool:
                return await there.store.voicemail.in_mailbox("101", "default") == {}

            await there.until(gone)
            assert ((await there.messages())[0].heard is not None) == heard
