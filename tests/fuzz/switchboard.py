"""What the PBX says: ARI's events, AMI's lines, call records."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ari_app.errors import SourceError
from ari_app.model import Outcome
from ari_app.pbx.ami import Ami, Waiting
from ari_app.pbx.calls import Tracker
from ari_app.pbx.cdr import History, calls_of
from ari_app.pbx.cdr_csv import read_csv
from ari_app.pbx.events import Connected, Snapshot, read_event
from ari_app.pbx.history import PbxRecords
from ari_app.pbx.outputs import CallEnded
from ari_app.settings import parse
from tests.fuzz.targets import Check, Target, check_only
from tests.pbx.fake_ami import FakeAmi, Impatient, server
from tests.pbx.story import CONFIG

__all__ = ["TARGETS"]

RECORDED = Path(__file__).parents[1] / "pbx" / "recorded"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVER = datetime(2000, 1, 1)  # noqa: DTZ001 - as written


def _streams() -> list[bytes]:
    """The shorter ones, of both versions."""
    return [path.read_bytes() for path in sorted(RECORDED.glob("*/*.jsonl")) if path.stat().st_size < 20_000]


def _ari(data: bytes, _folder: Path) -> None:
    """Nothing is raised, no call ends twice, and what is over is forgotten."""
    tracker = Tracker(CONFIG)
    over: list[str] = []
    for line in data.splitlines():
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            continue
        event = read_event(document, NOW)
        for output in tracker.feed(event) if event is not None else ():
            if isinstance(output, CallEnded):
                over.append(output.call.id)
                _sane(output.call.started, output.call.ended, output.call.rang, output.call.presented, output.call.did)
    over += [output.call.id for output in tracker.feed(Connected(NOW, Snapshot((), ()))) if isinstance(output, CallEnded)]
    assert len(over) == len(set(over)), "a call ended twice"
    assert tracker.live_calls == 0, "a call that Asterisk has no more"
    assert not tracker.live_numbers()


def _sane(started: datetime, ended: datetime, rang: float, *told: str) -> None:
    assert started <= ended
    assert rang >= 0
    for text in told:
        assert isinstance(text, str)


def _records(version: str) -> list[bytes]:
    """Rows of Master.csv, some at a time."""
    lines = (RECORDED / version / "Master.csv").read_bytes().splitlines(keepends=True)
    return [b"".join(lines[at : at + 6]) for at in range(0, len(lines), 6)]


def _cdr(data: bytes, folder: Path) -> None:
    """Read whole, or refused by SourceError; and no call is told twice."""
    path = folder / "Master.csv"
    path.write_bytes(data)
    try:
        read = read_csv(path, EVER, most=1000)
    except SourceError:
        return
    told(calls_of(read.rows, CONFIG, UTC))


def told(found: History) -> None:
    """What holds of calls from records."""
    for call in found.calls:
        assert call.id
        _sane(call.started, call.ended, call.rang, call.presented, call.did)
    for out in found.outgoing:
        assert out.ended is None or out.started <= out.ended


def _logs() -> list[bytes]:
    """Whole stories of cel.csv, a few at a time."""
    found = []
    for version in ("22", "16"):
        stories: dict[bytes, list[bytes]] = {}
        for line in (RECORDED / version / "cel.csv").read_bytes().splitlines(keepends=True):
            stories.setdefault(line.split(b'","')[15], []).append(line)
        whole = list(stories.values())
        found += [b"".join(b"".join(story) for story in whole[at : at + 2]) for at in range(0, len(whole), 2)]
    return [each for each in found if len(each) < 30_000]


def _cel(data: bytes, folder: Path) -> None:
    """Read as it grows, with the call records of the same run beside it: never an exception but SourceError, no call told two ways."""
    log = folder / "cel.csv"
    settings = parse({**_CLINIC, "pbx": {**_CLINIC["pbx"], "cel": {"csv": str(log)}}})
    records = PbxRecords(settings, CONFIG)
    final: dict[str, Outcome] = {}
    half = data.find(b"\n", len(data) // 2) + 1
    for part in (data[:half], data):
        log.write_bytes(part)
        try:
            found = records.read(SINCE, UNTIL)
        except SourceError:
            continue
        told(History(calls=found.calls, outgoing=found.outgoing))
        for call in found.calls:
            before = final.setdefault(call.id, call.outcome)
            assert before in {call.outcome, Outcome.UNSEEN}, "an outcome was told, and another later"
            final[call.id] = call.outcome


_CLINIC: dict[str, Any] = {
    "clinic": {"name": "Clinique", "number": "+15145550100"},
    "pbx": {"username": "textback", "password": "secret"},
}
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)

_AMI = (
    b"Event: MessageWaiting\r\nMailbox: 101@default\r\nWaiting: 1\r\nNew: 1\r\nOld: 0\r\n\r\n",
    b"Response: Success\r\nActionID: 1\r\nMessage: Event Filter Added\r\n\r\n",
    b"Response: Error\r\nMessage: Missing action in request\r\n\r\n",
    b"Event: VoicemailUserEntry\r\nActionID: 7\r\nVMContext: default\r\nVoiceMailbox: 101\r\nDeleteMessage: Yes\r\n\r\n",
    b"Event: VoicemailUserEntryComplete\r\nActionID: 7\r\nEventList: Complete\r\nListItems: 1\r\n\r\n",
    b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n",
)


@asynccontextmanager
async def _ami(_folder: Path) -> AsyncIterator[Check]:
    """Whatever it says, the connection holds or is made again, and the next mailbox is heard of."""
    async with server() as (fake, settings):
        ami = Ami(settings, Impatient())
        heard: asyncio.Queue[Waiting] = asyncio.Queue()
        ami.on_waiting = heard.put_nowait
        task = asyncio.create_task(ami.run())
        try:
            count = 0

            async def check(data: bytes) -> None:
                nonlocal count
                count += 1
                await _until_listening(ami, task)
                _say(fake, data + b"\r\n\r\n")
                mailbox = f"mark{count}"
                async with asyncio.timeout(20):
                    while True:
                        await _until_listening(ami, task)
                        fake.tell("MessageWaiting", Mailbox=f"{mailbox}@default", Waiting="1", New="1", Old="0")
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(0.5):
                                while mailbox not in (await heard.get()).mailbox:
                                    pass
                            return

            yield check
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _until_listening(ami: Ami, task: asyncio.Task[None]) -> None:
    while not ami.status.mailboxes:
        if task.done():
            task.result()
        await asyncio.sleep(0.001)


def _say(fake: FakeAmi, data: bytes) -> None:
    for writer in fake._writers:
        writer.write(data)


TARGETS = (
    Target("ari", "events of ARI into the tracker", _streams, check_only(_ari), lines=True, values=True),
    Target("ami", "lines of AMI", lambda: list(_AMI), _ami, (b"Event: ", b"Response: ", b"\r\n\r\n", b"ActionID: ", b": "), lines=True),
    Target("cel", "the channel event log", _logs, check_only(_cel), (b'","', b'""', b"\r\n"), lines=True),
    Target("cdr", "call detail records", lambda: _records("22") + _records("16"), check_only(_cdr), (b'","', b'""', b"\r\n"), lines=True),
)
