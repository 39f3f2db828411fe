"""Power: what is on disk when it goes. A frozen process is copied at random moments; and from the system calls, what was synced alone."""

from __future__ import annotations

import ast
import asyncio
import os
import random
import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.threads import Store
from modem.simulator import Simulator
from tests.faults.fault import Recorder, record
from tests.lab.stage import CHECKOUT
from tests.outbox_child import number

WENT = {"sending", "sent", "delivered", "unknown"}
CALLERS = 60


@asynccontextmanager
async def a_child(path: Path, port: Path, *before: str, callers: int = CALLERS) -> AsyncIterator[asyncio.subprocess.Process]:
    """Calls are filed and texted, as fast as it goes; ended whatever happens."""
    command = (*before, sys.executable, "-m", "tests.outbox_child", str(path), str(port), str(callers))
    child = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        yield child
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def states(path: Path) -> dict[str, str]:
    """Number → state of its text, of a file that nobody uses. Raises AssertionError where it is not whole."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found = connection.execute("SELECT t.number, m.state FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out'")
        return dict(found.fetchall())


def received(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM message WHERE direction = 'in'")]


# -- frozen


@pytest.mark.parametrize("moments", [pytest.param(20, id="some"), pytest.param(200, id="all", marks=pytest.mark.bench)])
async def test_files_of_a_frozen_process(moments: int, tmp_path: Path, record_property: Recorder) -> None:
    """Every text whose Ctrl-Z the modem saw is in the copy, and not as one that waits; so is every text that left the modem's store."""
    seed = random.randrange(1 << 30)  # noqa: S311  (moments, not secrets)
    record_property("seed", seed)
    chance = random.Random(seed)  # noqa: S311
    path, port = tmp_path / "textback.db", tmp_path / "modem"
    lost = doubled = 0
    slowest = 0.0
    sent = 0
    async with Simulator(port, latency_ms=10, report_ms=20) as sim, a_child(path, port, callers=10 * moments) as child:
        for moment in range(moments):
            sim.text(f"+1438556{moment:04d}", f"reponse {moment}")
            await asyncio.sleep(chance.uniform(0, 0.1))
            child.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(_stopped, child.pid)
            entries = sim.journal()["entries"]
            copy = tmp_path / f"copy{moment}" / path.name
            copy.parent.mkdir()
            for end in ("", "-wal"):
                copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
            child.send_signal(signal.SIGCONT)
            began = time.monotonic()
            held, there = await asyncio.to_thread(states, copy), await asyncio.to_thread(received, copy)
            slowest = max(slowest, time.monotonic() - began)
            went = {entry["number"] for entry in entries if entry["event"] == "ctrl_z"}
            sent = len(went)
            doubled += sum(held.get(each) not in WENT for each in went)
            deleted = sum(entry["event"] == "deleted" for entry in entries)
            lost += max(deleted - len(there), 0)
    record(record_property, texts_lost=lost, texts_doubled=doubled, recovery_s=slowest)
    assert sent > moments, "too little went to prove anything"
    assert (lost, doubled) == (0, 0), seed


def _stopped(pid: int) -> None:
    """Until every thread of it stands still (proc(5): state T)."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        while (task / "stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.0005)


# -- power cut: only what was synced is there for certain


@dataclass
class Disk:
    """Files as a disk holds them that may write what was not synced, or not, in any order, and half of it."""

    synced: dict[str, bytearray] = field(default_factory=dict)
    loose: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """Written since the last sync, by file: place and octets; a cut to a length is a place and nothing."""

    def write(self, name: str, place: int, data: bytes) -> None:
        self.loose.setdefault(name, []).append((place, data))

    def sync(self, name: str) -> None:
        for place, data in self.loose.pop(name, []):
            _put(self.synced.setdefault(name, bytearray()), place, data)
        self.synced.setdefault(name, bytearray())

    def after_a_cut(self, folder: Path, chance: random.Random) -> None:
        """Some of what is loose came to the disk, in sectors of 512 octets."""
        for name in {*self.synced, *self.loose}:
            content = bytearray(self.synced.get(name, b""))
            for place, data in self.loose.get(name, []):
                if not data:
                    if chance.random() < 0.5:
                        _put(content, place, data)
                    continue
                for start in range(0, len(data), 512):
                    if chance.random() < 0.5:
                        _put(content, place + start, data[start : start + 512])
            (folder / name).write_bytes(content)


def _put(content: bytearray, place: int, data: bytes) -> None:
    if not data:
        del content[place:]
        return
    content.extend(b"\0" * (place - len(content)))
    content[place : place + len(data)] = data


@dataclass(frozen=True)
class Event:
    """One system call as it ended: "write", "cut" (ftruncate), "sync" of a file of the store; "PDU", "AT+CMGD" to the modem."""

    what: str
    file: str = ""
    place: int = 0
    data: bytes = b""


def events(trace: Path, folder: Path) -> Iterator[Event]:
    """What strace saw, in the order in which the calls ended; a sync that failed or had not ended is none."""
    begun: dict[str, str] = {}
    store = re.compile(rf"(\w+)\(\d+<{re.escape(str(folder))}/(textback\.db(?:-wal)?)>(.*)\) += (-?\d+)")
    with trace.open(encoding="ascii", errors="replace") as lines:
        for raw in lines:
            thread, _, line = raw.rstrip("\n").partition(" ")
            line = line.strip()
            if line.endswith("<unfinished ...>"):
                begun[thread] = line.removesuffix("<unfinished ...>").rstrip()
                continue
            if (resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", line)) is not None:
                line = begun.pop(thread, "") + resumed[1]
            if (found := store.match(line)) is not None and int(found[4]) >= 0:
                call, file, rest = found[1], found[2], found[3]
                if call in {"fsync", "fdatasync"}:
                    yield Event("sync", file)
                elif call == "ftruncate":
                    yield Event("cut", file, int(rest.strip(", ")))
                elif call == "pwrite64":
                    data, _, numbers = rest.removeprefix(', "').rpartition('", ')
                    size, place = map(int, numbers.split(", "))
                    octets = _octets(data)
                    assert len(octets) == size, "strace cut it short"
                    yield Event("write", file, place, octets)
            elif (told := re.match(r'write\(\d+</dev/(?:pts/\d+|ptmx)[^>]*>, "((?:[^"\\]|\\.)*)"', line)) is not None:
                octets = _octets(told[1])
                if octets.endswith(b"\x1a"):
                    yield Event("PDU", data=octets)
                elif octets.startswith(b"AT+CMGD"):
                    yield Event("AT+CMGD")


def _octets(quoted: str) -> bytes:
    """What strace writes between quotes: C's escapes, and Python's."""
    octets: bytes = ast.literal_eval(f'b"{quoted}"')
    return octets


@pytest.mark.parametrize("cuts", [pytest.param(20, id="some"), pytest.param(400, id="all", marks=pytest.mark.bench)])
async def test_power_cut(cuts: int, tmp_path: Path, record_property: Recorder) -> None:
    """The files as any cut may leave them: whole, with every text whose PDU had left, and every one that was deleted from the modem."""
    path, port, trace = tmp_path / "textback.db", tmp_path / "modem", tmp_path / "trace"
    store = Store(path, SystemClock())
    await store.open()
    await store.close()
    disk = Disk({path.name: bytearray(path.read_bytes())})
    strace = ("strace", "-f", "-y", "-x", "-s", "1000000", "-e", "trace=write,pwrite64,ftruncate,fsync,fdatasync", "-o", str(trace))
    callers = CALLERS if cuts > 100 else 20
    async with Simulator(port, report_ms=10) as sim, a_child(path, port, *strace, callers=callers):
        for index in range(callers // 4):
            sim.text(f"+1438557{index:04d}", f"reponse {index}")
        wanted = {number(index) for index in range(callers) if index % 10 != 9}
        async with asyncio.timeout(100):
            while not (all(map(sim.inbox, wanted)) and sim.journal(events=["deleted"])["entries"]):  # noqa: ASYNC110  (the modem tells)
                await asyncio.sleep(0.05)
    found = list(events(trace, tmp_path))
    seed = random.randrange(1 << 30)  # noqa: S311  (moments, not secrets)
    record_property("seed", seed)
    chance = random.Random(seed)  # noqa: S311
    figures = await asyncio.to_thread(_cut_everywhere, found, disk, cuts, tmp_path, chance)
    record(record_property, texts_lost=figures["lost"], texts_doubled=figures["doubled"], recovery_s=figures["slowest"])
    assert figures["pdus"] >= len(wanted)
    assert figures["deleted"] >= 1
    assert (figures["lost"], figures["doubled"]) == (0, 0), seed


def _cut_everywhere(found: list[Event], disk: Disk, cuts: int, folder: Path, chance: random.Random) -> Counter[str]:
    at = set(chance.sample(range(len(found)), min(cuts, len(found))))
    figures: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for index, event in enumerate(found):
        if event.what == "sync":
            disk.sync(event.file)
        elif event.what in {"write", "cut"}:
            disk.write(event.file, event.place, event.data)
        left[event.what] += 1
        if index not in at:
            continue
        place = folder / f"cut{index}"
        place.mkdir()
        disk.after_a_cut(place, chance)
        began = time.monotonic()
        held, there = states(place / "textback.db"), received(place / "textback.db")
        figures["slowest"] = max(figures["slowest"], time.monotonic() - began)  # type: ignore[assignment]
        figures["doubled"] += max(left["PDU"] - sum(state in WENT for state in held.values()), 0)
        figures["lost"] += max(left["AT+CMGD"] - len(there), 0)
    figures["pdus"], figures["deleted"] = left["PDU"], left["AT+CMGD"]
    return figures
