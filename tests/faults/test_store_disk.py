"""The store's disk full, or the store held by another program: calls wait in memory, texts in store and modem, and all goes after."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.errors import StoreError
from ari_app.threads import Store
from tests.faults.clinic import Clinic, a_clinic, until
from tests.faults.fault import Recorder, record
from tests.threads.world import ALICE, BOB, Clerk, a_call

CAROL, DAVE, ERIN = "+15145550103", "+15145550104", "+15145550105"
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""
Fault = Callable[[Clinic], AbstractAsyncContextManager[None]]
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@asynccontextmanager
async def full(clinic: Clinic) -> AsyncIterator[None]:
    """Not a byte of room."""
    filler = clinic.settings.store.path.with_name("filler")
    _fill(filler)
    try:
        await _refuses(clinic)
        yield
    finally:
        filler.unlink()


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@asynccontextmanager
async def held(clinic: Clinic) -> AsyncIterator[None]:
    """An sqlite3 shell that began to write and went to lunch."""
    command = (sys.executable, "-c", HOLDER, str(clinic.settings.store.path))
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    try:
        await _refuses(clinic)
        yield
    finally:
        process.terminate()
        await process.wait()


async def _refuses(clinic: Clinic) -> None:
    """There is room in the log at first."""
    for _ in range(200):
        try:
            await clinic.service.store.alarms.beat()
        except StoreError:
            return
    raise AssertionError("the store takes all")


@root
async def test_a_full_disk(tmp_path: Path, record_property: Recorder) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with a_clinic(tmp_path, disk / "textback.db") as clinic:
            said = await _through(clinic, full, record_property)
    assert "free space now" in said["disk_full"]
    assert "free space" in said["store_unwritable"]


@root
async def test_a_start_on_a_full_disk(tmp_path: Path, record_property: Recorder) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path, filler = disk / "textback.db", disk / "filler"
        store = Store(path, SystemClock())
        await store.open()
        call, clerk = a_call(ALICE, ended=SystemClock().now()), Clerk()
        await store.record_call(call, clerk.first(call.ended), line="main")
        await store.close()
        _fill(filler)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"cannot (use|open) the store") as refused:
                await Store(path, SystemClock()).open()
            assert "free space" in refused.value.fix
        filler.unlink()
        began = time.monotonic()
        again = Store(path, SystemClock())
        await again.open()
        took = time.monotonic() - began
        counts, calls = await again.counts(), await again.calls()
        await again.close()
    record(record_property, texts_lost=1 - counts["queued"], calls_lost=1 - len(calls), recovery_s=took)
    assert (counts["queued"], len(calls)) == (1, 1)


async def test_held_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Recorder) -> None:
    monkeypatch.setattr("ari_app.threads.database._BUSY_MS", 100)
    async with a_clinic(tmp_path, tmp_path / "textback.db") as clinic:
        said = await _through(clinic, held, record_property)
    assert "end the program" in said["store_unwritable"]


async def _through(clinic: Clinic, fault: Fault, record_property: Recorder) -> dict[str, str]:
    """Before, in the middle of it, and after. What doctor says in the middle of it."""
    service, sim = clinic.service, clinic.sim
    await clinic.misses(ALICE)
    await until("the first call is texted", lambda: clinic.texted(ALICE))
    sim.registration("searching")
    await clinic.writes(BOB, "queued before", "form-1")
    async with fault(clinic):
        sim.registration("home")
        missed = [await clinic.misses(number) for number in (CAROL, DAVE)]
        sim.text(ERIN, "Bonjour, j'ai mal")
        with pytest.raises(StoreError):
            await clinic.writes(ERIN, "told at once that it was not taken", "form-2")
        await until("the modem cannot hand its text over", lambda: _not_keeping(clinic))
        said: dict[str, str] = {}

        async def told() -> bool:
            said.update(await clinic.doctor())
            return "store_unwritable" in said  # a small write may find a little room still

        await until("doctor says it", told)
        assert not any([await clinic.texted(number) for number in (CAROL, DAVE)])
        assert not any([await clinic.listed(call) for call in missed])
    began = time.monotonic()

    async def over() -> bool:
        listed = [await clinic.listed(call) for call in missed]
        texted = [await clinic.texted(number) for number in (BOB, CAROL, DAVE)]
        return all(listed) and all(texted) and bool(await clinic.came(ERIN))

    await until("all that waited is done", over)
    took = time.monotonic() - began
    texts = [len(sim.inbox(number)) for number in (ALICE, BOB, CAROL, DAVE)]
    lost = texts.count(0) + int(await clinic.came(ERIN) != ["Bonjour, j'ai mal"])
    record(
        record_property,
        texts_lost=lost,
        texts_doubled=sum(max(count - 1, 0) for count in texts),
        calls_lost=3 - len(await service.store.calls()),
        recovery_s=took,
    )
    assert texts == [1, 1, 1, 1]
    return said


async def _not_keeping(clinic: Clinic) -> bool:
    return any(modem.health().code == "not_keeping" for modem in clinic.service.modems)
