"""``kill -9`` at random moments and on ``+CMGS``, and 1,440 faults back to back: is anything lost or doubled, does memory grow."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from modem.simulator import Simulator
from tests.bench.fault_cells import Pace, cells
from tests.bench.ours import Ours, ours
from tests.bench.peers import DAEMONS, Peer
from tests.bench.radio import PYTHON, Tally, number, radio, tally, until
from tests.bench.report import Row
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT
from tests.modem.conftest import QUICK

__all__ = ["kills", "soak"]

NETWORK_MS = 100
"""So long that a kill often falls between a PDU and its result."""
FAULTS = 1440
"""One a minute for a day."""
FLAT_MB = 5.0
"""Growth of resident memory that SQLite's page caches alone may make while they fill."""

Say = Callable[[str], None]


async def kills(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """Random kills of ours, kills on +CMGS of everybody, and the order of commits as strace sees it."""
    each, on_cmgs = (5, 1) if quick else (100, 3)
    seed = random.randrange(1 << 30)  # noqa: S311 (moments, not secrets)
    say(f"{2 * each} kills at random moments of two processes, seed {seed}; {on_cmgs} of each peer on +CMGS")
    async with asyncio.TaskGroup() as group:
        ran = [group.create_task(_punish(folder / f"ours{serial}", serial, each, random.Random(seed + serial))) for serial in range(2)]  # noqa: S311
        peers = {
            kind.name: [
                group.create_task(_peer_killed(folder / f"{kind.name}{index}", 10 + 10 * place + index, kind)) for index in range(on_cmgs)
            ]
            for place, kind in enumerate(DAEMONS)
        }
        mine = group.create_task(_killed_on_cmgs(folder / "cmgs", 3, 5 if quick else 20))
    total, inbound_lost, inbound_doubled = Tally(), 0, 0
    for task in ran:
        count, lost, doubled = task.result()
        total.add(count)
        inbound_lost, inbound_doubled = inbound_lost + lost, inbound_doubled + doubled
    say("strace: is the commit on disk before the PDU and before AT+CMGD")
    twice = {name: sum(task.result() for task in tasks) for name, tasks in peers.items()}
    killed = f"texts, {5 if quick else 20} kills on +CMGS; a peer's {on_cmgs}"
    return [
        Row(figure="kills", unit="kill -9 at random moments", ours=2 * each),
        Row(figure="kills_doubled", unit=f"of {total.texts} texts", ours=len(total.doubled), limit=0),
        Row(figure="kills_lost", unit="texts", ours=len(total.lost) + len(total.waiting), limit=0),
        Row(figure="kills_unshown", unit="texts that went, called not gone", ours=len(total.unshown), limit=0),
        Row(figure="kills_unknown", unit="texts", ours=total.unknown),
        Row(figure="kills_unknown_spurious", unit="texts: killed between commit and PDU", ours=len(total.spurious)),
        Row(figure="kills_inbound_lost", unit="texts that came in", ours=inbound_lost, limit=0),
        Row(figure="kills_inbound_doubled", unit="texts that came in", ours=inbound_doubled, limit=0),
        Row(figure="killed_on_cmgs_doubled", unit=killed, ours=mine.result(), limit=0, peers=twice),
        Row(figure="commit_before_pdu_and_cmgd", unit="1: strace saw it", ours=await _order(), limit=1, least=True),
    ]


async def _punish(folder: Path, serial: int, count: int, moments: random.Random) -> tuple[Tally, int, int]:
    """Feed it texts and kill it, again and again; then let it finish. Tally, and inbound texts lost and doubled."""
    numbers = itertools.count()
    texts: list[tuple[str, str, str]] = []
    came: list[str] = []
    async with radio(folder / "modem", serial, latency_ms=NETWORK_MS, report_ms=200) as simulator:
        process = Ours(folder, [str(folder / "modem")])
        try:
            for turn in range(count):
                await process.start()
                for _ in range(4):
                    index = next(numbers)
                    texts.append((number(index), f"Bonjour {index}", f"kill{index}"))
                # what was not confirmed before the kill is handed over again, as every client of ours does: the same act is one text
                await process.queue([text for text in texts if text[2] not in process.queued], wait=False)
                came.append(f"reponse {turn}")
                simulator.text("+15145559999", came[-1])
                await asyncio.sleep(moments.uniform(0, 1.2))
                await process.kill()
            await process.start()
            await process.queue([text for text in texts if text[2] not in process.queued])
            await until("an empty queue", process.idle, 120, 0.2)
            await until("every inbound text", lambda: set(came) <= set(process.received()), 60, 0.2)
        finally:
            await process.stop()
        count_ = tally(simulator.journal()["entries"], process.states(), [text[0] for text in texts])
    received = process.received()
    return count_, len(set(came) - set(received)), len(received) - len(set(received))


async def _on_cmgs(simulator: Simulator, since: int) -> None:
    """Wait for the moment in which +CMGS is written."""
    async with asyncio.timeout(120):
        while True:
            for entry in simulator.journal(since=since, events=["answer"])["entries"]:
                if str(entry.get("info", "")).startswith("+CMGS"):
                    return
            await simulator.wait_event("answer", since=simulator.journal()["count"], timeout=120)


async def _killed_on_cmgs(folder: Path, serial: int, count: int) -> int:
    """How many texts ours sends twice when killed as +CMGS comes."""
    async with radio(folder / "modem", serial, latency_ms=NETWORK_MS) as simulator:
        process = Ours(folder, [str(folder / "modem")])
        try:
            for index in range(count):
                await process.start()
                since = simulator.journal()["count"]
                await process.queue([(number(index), "Bonjour", f"cmgs{index}")], wait=False)
                await _on_cmgs(simulator, since)
                await process.kill()
            await process.start()
            await process.queue([(number(count), "Bonjour", "last")])
            await until("an empty queue", process.idle, 60, 0.2)
        finally:
            await process.stop()
        return len(tally(simulator.journal()["entries"], process.states(), [number(index) for index in range(count)]).doubled)


async def _peer_killed(folder: Path, serial: int, kind: type[Peer]) -> int:
    """1 when the daemon, killed as +CMGS comes and started again, sends the text a second time."""
    async with radio(folder / "modem", serial, latency_ms=NETWORK_MS) as simulator, kind(folder, folder / "modem") as running:
        await running.queue([(number(0), "Bonjour")])
        await _on_cmgs(simulator, 0)
        await running.kill()
        await running.start()
        try:
            await until("a second copy", lambda: len(simulator.inbox(number(0))) > 1, 60)
        except LabError:
            return 0
        return 1


async def _order() -> int:
    """The proof in tests/test_durability.py, run as it stands."""
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/test_durability.py",
        cwd=CHECKOUT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return int(await process.wait() == 0)


async def soak(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """Faults back to back at one process, each met by a text; then everything is let through and counted."""
    count, settled = (150, 50) if quick else (FAULTS, 100)
    say(f"{count} faults back to back; the driver's waits short, as in the tests")
    table = cells(Pace(unplug=60, silence=400, late=150, too_late=600, result_late=900))
    numbers: list[str] = []
    came: list[str] = []
    async with (
        radio(folder / "modem", latency_ms=5, report_ms=20) as simulator,
        ours(folder, [str(folder / "modem")], asdict(QUICK)) as child,
    ):
        first = 0.0
        for index in range(count):
            cell = table[index % len(table)]
            since = simulator.journal()["count"]
            simulator.fault(**cell.fault)
            numbers.append(number(index))
            await child.queue([(numbers[-1], f"Bonjour {index}", f"soak{index}")])
            if cell.answered or index % 10 == 0:
                came.append(f"reponse {index}")
                simulator.text("+15145559999", came[-1])
            await simulator.wait_event("fault", since=since, timeout=60)
            if index + 1 == settled:
                first = _memory_mb(child.pid)
            if (index + 1) % 240 == 0:
                say(f"  {index + 1} faults, {_memory_mb(child.pid):.1f} MB")
        simulator.clear()
        await until("an empty queue", child.idle, 420, 0.5)
        await until("every inbound text", lambda: set(came) <= set(child.received()), 60, 0.2)
        last = _memory_mb(child.pid)
        entries = simulator.journal()["entries"]
        found = tally(entries, child.states(), numbers)
        received = child.received()
    return [
        Row(figure="soak_faults", unit="faults back to back", ours=count),
        Row(figure="soak_doubled", unit=f"of {len(numbers)} texts", ours=len(found.doubled), limit=0),
        Row(figure="soak_lost", unit="texts", ours=len(found.lost) + len(found.waiting), limit=0),
        Row(figure="soak_unshown", unit="texts that went, called not gone", ours=len(found.unshown), limit=0),
        Row(figure="soak_unknown_spurious", unit="texts, no Ctrl-Z left", ours=len(found.spurious), limit=0),
        Row(figure="soak_unknown_unheard", unit="texts, the modem deaf at its prompt", ours=found.unheard),
        Row(figure="soak_unknown", unit="texts left unknown by all", ours=found.unknown),
        Row(figure="soak_inbound_lost", unit=f"of {len(came)} that came in", ours=len(set(came) - set(received)), limit=0),
        Row(figure="soak_inbound_doubled", unit=f"of {len(came)} that came in", ours=len(received) - len(set(received)), limit=0),
        Row(
            figure="soak_growth_mb", unit=f"MB, from {first:.1f} after {settled} faults", ours=round(last - first, 2), limit=FLAT_MB,
            ratio=round((last - first) / first, 3) if first else None,
        ),
    ]  # fmt: skip


def _memory_mb(pid: int) -> float:
    """Resident memory of a process (proc(5), VmRSS)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
