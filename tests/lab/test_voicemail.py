"""Voicemail on the real Asterisk, 22 and 16: found, kept, played, heard on either side, written down."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import subprocess
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from ari_app.board import Actor, CallEntry, Face, Role, Row, VoicemailEntry
from ari_app.service import Service
from ari_app.settings import parse
from tests.lab.deskset import mailbox_of
from tests.lab.lab import Lab
from tests.lab.scripts import Caller
from tests.lab.stage import until

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

_MANAGER = Path(__file__).parents[2] / "config/asterisk/manager_textback.conf"
_SENTENCE = "tomorrow morning"
_MAILBOXES = "".join(f"{number} => 1234,Mailbox {number}\n" for number in (191, 192, 193, 194, 195, 196))
_PLAN = """
[from-did](+)
exten => 5145550190,1,VoiceMail(101@default,s)
exten => 5145550191,1,VoiceMail(191@default,s)
exten => 5145550192,1,VoiceMail(192@default,s)
exten => 5145550193,1,Dial(Local/193@vm-hop/n,20)
exten => 5145550194,1,VoiceMail(194@default&195@default,s)
[vm-hop]
exten => _19X,1,VoiceMail(${EXTEN}@default,s)
[from-internal](+)
exten => *191,1,VoiceMail(191@default,s)
exten => *101,1,VoiceMailMain(101@default,s)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def installed(lab: Lab) -> None:
    etc = lab.record.folder / "asterisk/etc"
    with (etc / "extensions.conf").open("a", encoding="utf-8") as plan:
        plan.write(_PLAN)
    with (etc / "voicemail.conf").open("a", encoding="utf-8") as mailboxes:
        mailboxes.write(_MAILBOXES)
    shipped = _MANAGER.read_text(encoding="utf-8").replace("CHANGE-ME", "as-shipped")
    (etc / _MANAGER.name).write_text(shipped, encoding="utf-8")
    with (etc / "manager.conf").open("a", encoding="utf-8") as users:
        users.write(f"\n#include {_MANAGER.name}\n")
    await lab.ami.command("manager reload")
    await lab.ami.command("dialplan reload")
    await _formats(lab, "wav49|gsm|wav")


async def _formats(lab: Lab, wanted: str) -> None:
    conf = lab.record.folder / "asterisk/etc/voicemail.conf"
    lines = [f"format = {wanted}" if line.startswith("format =") else line for line in conf.read_text(encoding="utf-8").splitlines()]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    await lab.ami.action("Reload", Module="app_voicemail")


class House:
    """A service in this process, and a member of staff."""

    def __init__(self, lab: Lab, service: Service, by: Actor) -> None:
        self.lab = lab
        self.service = service
        self.by = by

    async def leave(self, number: str, did: str, *, talk: float = 1.7, audio: str = "talking.ulaw", anonymous: bool = False) -> None:
        """A caller leaves a message: hangs up ``talk`` after the answer."""
        caller = Caller(number, did, talk=talk, audio=str(self.lab.record.folder / audio), anonymous=anonymous)
        async with self.lab.trunk_call(caller) as call:
            await call.over()

    async def row(self, number: str) -> Row | None:
        rows = await self.service.store.board.search(number, limit=1)
        return rows[0].row if rows else None

    async def messages(self, number: str) -> list[VoicemailEntry]:
        """Of the thread of a number, newest first."""
        row = await self.row(number)
        view = None if row is None else await self.service.store.board.thread(row.thread)
        return [] if view is None else [each for each in view.entries if isinstance(each, VoicemailEntry)]

    async def found(self, number: str, many: int = 1, patience: float = 2.0) -> list[VoicemailEntry]:
        """Its messages, once they are there: within 2 s of the caller's hanging up."""

        async def there() -> list[VoicemailEntry] | None:
            messages = await self.messages(number)
            return messages if len(messages) >= many else None

        found: list[VoicemailEntry] = await until(f"{many} messages of {number}", there, patience, 0.02)
        assert len(found) == many
        return found

    async def heard(self, number: str, on: bool) -> VoicemailEntry:
        """Its newest message, once it is marked so."""

        async def marked() -> VoicemailEntry | None:
            return next((each for each in (await self.messages(number))[:1] if (each.heard is not None) == on), None)

        entry = await until(f"the message of {number} {'heard' if on else 'unheard'}", marked, 5, 0.02)
        assert isinstance(entry, VoicemailEntry)
        return entry

    def lies(self, mailbox: str, folder: str) -> list[str]:
        there = self.lab.record.folder / "asterisk/spool/voicemail/default" / mailbox / folder
        return sorted(each.name for each in there.glob("msg*.txt"))

    def recorded(self, mailbox: str, ending: str) -> list[Path]:
        """Sounds of this format in a mailbox, that which is being recorded among them."""
        return list((self.lab.record.folder / "asterisk/spool/voicemail/default" / mailbox).glob(f"*/*.{ending}"))

    async def listen(self, *keys: tuple[float, str], talk: float) -> None:
        """Somebody at phone 101 listens to its mailbox."""
        async with self.lab.desk_call(Caller("101", "*101", digits=keys, talk=talk)) as call:
            await call.over()


@asynccontextmanager
async def house(lab: Lab, folder: Path, *, ami: bool = True, **transcription: Any) -> AsyncIterator[House]:
    document = tomllib.loads(lab.settings())
    document["store"] = {"path": str(folder / "textback.db")}
    document["reply"] = {"delay": "1s"}
    # with the rights that ship, and no more
    document["pbx"]["ami"] |= {"username": "textback", "secret": "as-shipped"}
    if not ami:
        del document["pbx"]["ami"]
    document["voicemail"] = {"spool": str(lab.record.folder / "asterisk/spool/voicemail")}
    if transcription:
        document["voicemail"]["transcription"] = transcription
    service = Service(parse(document))
    running = asyncio.create_task(service.run())

    def ready() -> bool:
        assert not running.done(), running
        told = service.signals.ami
        return service.watch.connected and (told is None or told.status.mailboxes)

    try:
        await until("the service on Asterisk", ready, pause=0.02)
        by = Actor(member=None, name="Lou", role=Role.STAFF, face=Face.WEB, address="127.0.0.1")
        yield House(lab, service, by)
    finally:
        service.stop()
        await asyncio.wait_for(running, 30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(lab: Lab, installed: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    del installed
    async with house(lab, tmp_path_factory.mktemp("voicemail")) as one:
        yield one


async def _plays(there: House, entry: VoicemailEntry) -> None:
    """Its sound is what was said: tones of 300 and 500 Hz, as long as the entry says."""
    kind, sound = await there.service.desk.listen(entry.id, there.by)
    assert (kind, sound[:4], entry.playable) == ("audio/flac", b"fLaC", True)
    samples, rate = soundfile.read(io.BytesIO(sound))
    assert len(samples) / rate == pytest.approx(entry.seconds, abs=0.01)
    assert 0.4 < entry.seconds < 4
    loudest = int(np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples))
    assert min(abs(loudest - 300), abs(loudest - 500)) < 5, loudest


async def test_what_was_left_while_nobody_watched_is_found_and_written_down(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.voicemail.keeper._ATTACHED", timedelta(seconds=0.5))
    _speak(lab.record.folder / "sentence.ulaw")
    async with house(lab, tmp_path, ami=False) as before:
        await before.leave("4385550740", "5145550191")
        await before.found("4385550740")
    nobody = House(lab, before.service, before.by)
    await nobody.leave("4385550741", "5145550191", talk=2.6, audio="sentence.ulaw")
    spool = lab.record.folder / "asterisk/spool/voicemail/default/191/INBOX"
    for text in spool.glob("*.txt"):
        # it was a minute ago: younger ones may still belong to a call that is about to be filed
        said = text.read_text(encoding="utf-8")
        at = int(said.partition("origtime=")[2].split("\n")[0])
        if "4385550741" in said:
            text.write_text(said.replace(f"origtime={at}", f"origtime={at - 90}"), encoding="utf-8")
    async with _older_store(tmp_path), house(lab, tmp_path, engine="pocketsphinx", language="en") as after:
        (entry,) = await after.found("4385550741", patience=15)
        row = await after.row("4385550741")
        assert row is not None
        assert (row.state, row.unheard) == ("to_answer", 1)
        view = await after.service.store.board.thread(row.thread)
        (call,) = [each for each in view.entries if isinstance(each, CallEntry)]
        assert (call.id, call.outcome, call.reason, call.voicemail_left) == (entry.call, "unseen", "unseen", True)

        async def done() -> VoicemailEntry | None:
            return next((each for each in await after.messages("4385550741") if each.transcription == "done"), None)

        written = await until("the transcript", done, 30)
        assert _SENTENCE in (written.transcript or "")
        (known,) = await after.messages("4385550740")
        assert known.transcription == "off"


async def test_messages_left_are_in_their_threads_whoever_took_them_in_whatever_format(there: House) -> None:
    """At once: on the caller's own channel, behind a Local one by three callers of one mailbox, in two mailboxes, and by a colleague.

    And in each format alone: it is recorded in the one that was set as it began.
    """
    before = len(there.lies("191", "INBOX"))
    async with asyncio.TaskGroup() as callers:
        for number, name, ending in (("4385550710", "gsm", "gsm"), ("4385550711", "wav49", "WAV")):
            await _formats(there.lab, name)
            callers.create_task(there.leave(number, "5145550192"))
            await until(f"a message recorded as {name}", partial(there.recorded, "192", ending), 5, 0.02)
        await _formats(there.lab, "wav49|gsm|wav")
        await _left_at_once(there)
    for number in ("4385550710", "4385550711"):
        (entry,) = await there.found(number)
        await _plays(there, entry)
    # the same message in two mailboxes is one here; the colleague's lies in the spool, and is nobody's
    assert [len(there.lies(mailbox, "INBOX")) for mailbox in ("194", "195", "191", "192")] == [1, 1, before + 2, 2]
    facts = await there.service.store.voicemail.facts()
    assert len(facts.known) == 7


async def _left_at_once(there: House) -> None:
    inside = there.lab.desk_call(Caller("102", "*191", talk=2, audio=str(there.lab.record.folder / "talking.ulaw")))
    async with inside as colleague:
        await asyncio.gather(
            there.leave("4385550701", "5145550191"),
            there.leave("4385550702", "5145550193"),
            there.leave("4385550703", "5145550193"),
            there.leave("4385550704", "5145550193", anonymous=True),
            there.leave("4385550705", "5145550194"),
            colleague.over(),
        )
    for number in ("4385550701", "4385550702", "4385550703", "4385550705"):
        (entry,) = await there.found(number)
        assert (entry.heard, entry.transcription) == (None, "off")
        await _plays(there, entry)
        row = await there.row(number)
        assert row is not None
        assert (row.unheard, row.state) == (1, "to_answer")
        view = await there.service.store.board.thread(row.thread)
        (call,) = [each for each in view.entries if isinstance(each, CallEntry)]
        assert (call.id, call.voicemail_left) == (entry.call, True)

    async def hidden() -> list[VoicemailEntry]:
        rows = await there.service.store.board.rows_of(range(1, 20))
        views = [await there.service.store.board.thread(each.thread) for each in rows if each.number is None]
        return [each for view in views for each in view.entries if isinstance(each, VoicemailEntry)]

    assert len(await until("the message of who showed no number", hidden, 2, 0.02)) == 1


async def test_what_is_heard_here_or_on_the_phone_is_heard_on_both(there: House) -> None:
    desk = there.service.desk
    numbers = ("4385550730", "4385550731", "4385550732")
    async with mailbox_of(there.lab, "101") as lamp:
        # they end one after the other: msg0000, msg0001, msg0002
        await asyncio.gather(*(there.leave(number, "5145550190", talk=1.7 + 0.3 * later) for later, number in enumerate(numbers)))
        (first,), (second,), (third,) = [await there.found(number) for number in numbers]
        await until("the lamp lit", lambda: lamp.messages == (3, 0), 5, 0.02)
        assert await desk.heard(first.id, True, there.by)
        await until("the lamp follows", lambda: lamp.messages == (2, 1), 5, 0.02)
        assert (there.lies("101", "INBOX"), there.lies("101", "Old")) == (["msg0000.txt", "msg0001.txt"], ["msg0000.txt"])
        assert (await there.heard(numbers[0], True)).heard_by == "Lou"
        assert not await desk.heard(first.id, True, there.by)

        # new again, and the last of them
        assert await desk.heard(first.id, False, there.by)
        await until("the lamp follows back", lambda: lamp.messages == (3, 0), 5, 0.02)

        await there.listen((0.5, "1"), talk=1.9)
        assert (await there.heard(numbers[1], True)).heard_by is None
        await until("the lamp follows the phone", lambda: lamp.messages == (2, 1), 5, 0.02)

        # deleted on the phone; what came after it is renumbered
        await there.listen((0.5, "1"), (1.9, "7"), talk=0.2)
        assert (await there.heard(numbers[2], True)).id == third.id
        await until("the lamp follows the phone again", lambda: lamp.messages == (1, 1), 5, 0.02)
        assert there.lies("101", "INBOX") == ["msg0000.txt"]
        assert (await there.heard(numbers[0], False)).id == first.id
        for entry in (first, second, third):
            await _plays(there, entry)
        assert await desk.heard(first.id, True, there.by)
        await until("the lamp out", lambda: lamp.messages == (0, 2), 5, 0.02)


@asynccontextmanager
async def _older_store(folder: Path) -> AsyncIterator[None]:
    """As if the first call had come an hour ago: what is older than all calls was left before textback was there."""
    with sqlite3.connect(folder / "textback.db") as store:
        store.execute("UPDATE call SET started = replace(started, strftime('%Y'), '2025')")
    store.close()
    yield


def _speak(path: Path) -> None:
    """The sentence as a caller would say it, with silence before and after: µ-law of 8 kHz."""
    wav = path.with_suffix(".wav")
    subprocess.run(["espeak-ng", "-v", "en-us+m3", "-s", "130", "-w", wav, _SENTENCE], check=True)
    samples, rate = soundfile.read(wav)
    length = int(len(samples) * 8000 / rate)
    narrow = np.interp(np.arange(length) * rate / 8000, np.arange(len(samples)), samples)
    soundfile.write(path, np.concatenate([np.zeros(6000), narrow, np.zeros(4000)]), 8000, format="RAW", subtype="ULAW")
