"""``*767`` on the real Asterisk: a phone hears who waits, presses keys, and the text is on the caller's handset.

What was spoken is written down by the speech command itself (espeak-ng behind a script that keeps a copy of its stdin); that Asterisk
plays it is seen by the file it holds open, and heard in a recording of the call.
"""

from __future__ import annotations

import contextlib
import sqlite3
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.lab.install import install_dialplan
from tests.lab.lab import Lab
from tests.lab.scripts import Caller, Phone
from tests.lab.sipp import TrunkCall
from tests.lab.stage import Stage, stage, until
from tests.left import leave

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

RINGS = "5145550105"
DESK, OTHER = "104", "105"
"""104 is Marie's, 105 nobody's."""


class Voice:
    """The service, one member with a phone, and ears."""

    def __init__(self, staged: Stage, said: Path) -> None:
        self.staged = staged
        self.lab = staged.lab
        self._said = said

    @property
    def speech(self) -> Path:
        return self.lab.record.folder / "asterisk/speech"

    def said(self) -> list[str]:
        return self._said.read_text(encoding="utf-8").splitlines() if self._said.exists() else []

    async def missed(self, number: str) -> int:
        """A missed call's thread, once it waits."""
        async with self.lab.trunk_call(Caller(number, RINGS)) as call:
            await call.over()

        query = "SELECT id FROM thread WHERE number = ? AND state = 'to_answer'"
        return int(await until("the missed caller waiting", lambda: self._one(query, f"+1{number}")))

    def _one(self, query: str, value: object) -> Any:
        """The first value a query gives, None without: the command line takes its time to start."""
        with contextlib.closing(sqlite3.connect(f"file:{self.staged.store}?mode=ro", uri=True)) as store:
            row = store.execute(query, (value,)).fetchone()
        return row[0] if row else None

    def state(self, thread: int) -> str:
        return str(self._one("SELECT state FROM thread WHERE id = ?", thread))

    async def wrote(self, number: str, text: str) -> None:
        await self.staged.modem("text", **{"from": f"+1{number}", "text": text})

        await until("the caller's text", lambda: self._one("SELECT id FROM message WHERE text = ?", text))

    async def pin(self, pin: str | None) -> None:
        """As ``textback staff pin marie --pin-stdin``."""
        arguments = ("--pin-stdin",) if pin else ("--remove",)
        status, out, err = await self.staged.run("staff", "pin", "marie", *arguments, stdin=pin or "")
        assert status == 0, out + err

    @asynccontextmanager
    async def call(self, extension: str = DESK) -> AsyncIterator[Listening]:
        """A phone dials *767."""
        start = len(self.lab.listener.heard)
        # a phone sends sound all the time: Asterisk looks at keys that came too fast again with its next packet
        talking = str(self.lab.record.folder / "talking.ulaw")
        async with self.lab.desk_call(Caller(extension, "*767", keypad=True, audio=talking)) as agent:
            channel = await self.lab.listener.wait(
                lambda event: (
                    event["channel"]["name"]
                    if event["type"] == "ChannelCreated" and event["channel"]["name"].startswith(f"PJSIP/{extension}-")
                    else None
                ),
                "the phone's channel",
                after=start,
            )
            yield Listening(self, agent, channel, start)
        # what queues announce stays, in folders of its own
        assert await until("no sound of the call left", lambda: not [each for each in self.speech.iterdir() if each.is_file()])


class Listening:
    """A phone in a call of *767."""

    def __init__(self, voice: Voice, agent: TrunkCall, channel: str, start: int) -> None:
        self.voice = voice
        self.agent = agent
        self.channel = channel
        self._lab = voice.lab
        self._position = start
        self._from = len(voice.said())

    async def hears(self, words: str) -> None:
        """These words were spoken since the last ones waited for, and Asterisk plays a file of this call."""

        def spoken() -> bool:
            said = self.voice.said()
            found = next((place for place in range(self._from, len(said)) if words in said[place]), None)
            if found is None:
                return False
            self._from = found
            return True

        await until(f"the phone hearing {words!r} after {self.voice.said()}", spoken)
        await until("Asterisk playing it", self.playing)

    def playing(self) -> list[str]:
        """Sound files of ours that Asterisk holds open."""
        return [name for name, _ in self._open()]

    def lengths(self) -> list[int]:
        """Bytes of these: by them the same words are known again, in whatever file."""
        return [size for _, size in self._open()]

    def _open(self) -> list[tuple[str, int]]:
        found = []
        for each in Path(f"/proc/{self._lab.asterisk_pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append((str(each.readlink()), each.stat().st_size))
        return [(name, size) for name, size in found if f"{self.voice.lab.record.name}/asterisk/speech/" in name]

    async def press(self, keys: str) -> None:
        """Press these, one after the other, each once Asterisk had the last one."""
        for key in keys:
            self._position = len(self._lab.listener.heard)
            self._from = len(self.voice.said())
            await self.agent.press(key)
            await self._lab.listener.wait(
                lambda event, key=key: True if event["type"] == "ChannelDtmfReceived" and event["digit"] == key else None,  # type: ignore[misc]
                f"the key {key}",
                after=self._position,
            )

    async def over(self) -> None:
        await self.agent.over(30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Voice]:
    """The service with espeak-ng, which speaks fast, and Marie."""
    folder = tmp_path_factory.mktemp("voice")
    said, script = folder / "said", folder / "speak"
    script.write_text(
        f'#!/bin/sh\ntext=$(cat)\nprintf "%s:%s\\n" "$1" "$text" >>"{said}"\nprintf %s "$text" | espeak-ng -v "$1" -s 320 -w "$2"\n',
        encoding="utf-8",
    )
    agi = {"speech": ["/bin/sh", str(script), "{language}", "{file}"]}
    async with stage(lab, folder, {"reply": {"mode": "watch", "min_ring": "500ms"}, "agi": agi}) as staged:
        added = await staged.run("staff", "add", "marie", "--name", "Marie", "--extension", DESK, "--language", "en", "--no-password")
        assert added[0] == 0, added
        yield Voice(staged, said)


@pytest_asyncio.fixture(loop_scope="module")
async def voice(service: Voice) -> Voice:
    """Nobody waits."""
    for row in await service.staged.ask("threads", "--state", "to_answer", "--limit", "0"):
        status, out, err = await service.staged.run("thread", str(row["id"]), "--done")
        assert status == 0, out + err
    return service


async def test_with_the_service_down_the_call_ends_by_itself(lab: Lab) -> None:
    await install_dialplan(lab)
    async with lab.desk_call(Caller(DESK, "*767")) as agent:
        await agent.over(30)


async def test_a_phone_hears_who_waits_and_answers_with_a_ready_reply(lab: Lab, voice: Voice) -> None:
    number = "4385550231"
    thread = await voice.missed(number)
    await voice.wrote(number, "Bonjour, je voudrais un rendez-vous demain matin")
    recording = voice.lab.record.folder / "asterisk/spool/monitor" / f"{number}.wav"
    async with voice.call() as phone:
        await lab.ami.action("MixMonitor", Channel=phone.channel, File=f"/var/spool/asterisk/monitor/{number}.wav")
        await phone.hears("One caller waits")
        [file] = phone.playing()
        assert file.endswith(".sln44")
        await phone.hears("4 3 8, 5 5 5, 0 2 3 1. Missed call")
        await phone.hears("fr:Bonjour, je voudrais un rendez-vous demain matin")
        await phone.press("3")
        await phone.hears("3, C'est noté")
        await phone.press("3")
        await phone.hears("fr:C'est noté, merci et bonne journée!")
        await phone.press("1")
        [text] = await voice.staged.handset(f"+1{number}")
        assert text["text"] == "C'est noté, merci et bonne journée!"
        await phone.over()
    assert voice.said()[-2:] == ["en:Nobody else is waiting.", "en:Goodbye."]
    found = await voice.staged.ask("thread", f"+1{number}")
    assert [each["text"] for each in found["messages"] if each["kind"] == "staff"] == [text["text"]]
    assert voice.state(thread) == "answered"
    with wave.open(str(recording), "rb") as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    spoken = [samples[place : place + 800] for place in range(0, len(samples) - 800, 800)]
    loud = [part for part in spoken if sum(sample * sample for sample in part) / 800 > 200**2]
    assert len(loud) > 10, "a second of it, at least, is no silence"
    log = voice.staged.log.read_text(encoding="utf-8")
    assert number not in log
    assert "rendez-vous" not in log
    assert "agi_failed" not in log


async def test_next_and_done_and_nobody_left(voice: Voice) -> None:
    numbers = ("4385550232", "4385550233")
    first, second = [await voice.missed(number) for number in numbers]
    async with voice.call() as phone:
        await phone.hears("2 callers wait")
        await phone.hears("0 2 3 3. New caller. Missed call")
        await phone.press("1")
        await until("the same once more", lambda: sum("0 2 3 3. New caller. Missed call" in each for each in voice.said()) == 2)
        await phone.press("2")
        await phone.hears("0 2 3 2. New caller. Missed call")
        await phone.press("7")
        await phone.over()
    assert (voice.state(first), voice.state(second)) == ("done", "to_answer")
    async with voice.call() as phone:
        await phone.hears("0 2 3 3. New caller. Missed call")
        await phone.press("7")
        await phone.over()
    async with voice.call() as phone:
        await phone.over()
    assert "en:Nobody is waiting." in voice.said()


async def test_a_message_left_is_played_and_heard_by_it(voice: Voice) -> None:
    thread = await voice.missed("5145550149")
    left = leave(voice.staged.store, thread, datetime.now(UTC), seconds=4.0)
    async with voice.call() as phone:
        await phone.hears("Voicemail of 4 seconds.")
        await phone.press("5")
        await phone.hears("End of the message.")
        assert voice._one("SELECT heard_by FROM voicemail WHERE id = ?", left) == "Marie"
        await phone.press("7")
        await phone.over()
    assert voice.state(thread) == "done"


async def test_a_phone_that_hangs_up_leaves_nothing_and_one_of_nobody_hears_nothing(voice: Voice) -> None:
    number = "4385550234"
    thread = await voice.missed(number)
    async with voice.call() as phone:
        await phone.hears("0 2 3 4. New caller. Missed call")
        await phone.agent.hang_up()
        await phone.over()
    async with voice.call(OTHER) as phone:
        await phone.over()
    assert voice.said()[-1] == "fr:Ce poste n'a pas accès aux messages. Voyez votre administrateur."
    assert voice.state(thread) == "to_answer"


async def test_the_pin_is_asked_and_its_keys_are_heard(voice: Voice) -> None:
    number = "4385550235"
    await voice.missed(number)
    await voice.pin("2580")
    try:
        async with voice.call() as phone:
            await phone.hears("Your code")
            question = phone.lengths()
            await phone.press("1111#")
            await phone.hears("That is not the code")
            await until("the code asked for again", lambda: phone.lengths() == question)
            await phone.press("2580#")
            await phone.hears("0 2 3 5. New caller. Missed call")
            await phone.press("7")
            await phone.over()
    finally:
        await voice.pin(None)


async def test_call_back_rings_the_phone_that_hung_up_and_then_the_caller(lab: Lab, voice: Voice) -> None:
    number = "4385550237"
    async with lab.phones({DESK: Phone("answer", after=0.2, talk=2.0)}):
        await voice.missed(number)
        start = len(lab.listener.heard)
        async with voice.call() as phone:
            await phone.hears("0 2 3 7. New caller. Missed call")
            await phone.press("4")
            await phone.hears("Hang up. Your phone will ring.")
            await phone.agent.hang_up()
            await phone.over()
        await lab.listener.wait(
            lambda event: True if event["type"] == "Dial" and event.get("dialstring", "").startswith(number) else None,
            "the caller being dialled",
            after=start,
        )
