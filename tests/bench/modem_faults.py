"""What faults do: the table of every fault at every point, and a cable pulled for long. Ours and the daemons', counted the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from modem.sim_profiles import PROFILES
from modem.simulator import Simulator
from modem.timing import Timing
from tests.bench.fault_cells import POINTS, Cell, Pace, cells
from tests.bench.fault_table import Found, Pair, pair
from tests.bench.ours import ours
from tests.bench.peers import DAEMONS, Gammu, Peer, Smstools
from tests.bench.radio import number, radio, stamps, tally, until
from tests.bench.report import Row, percentile
from tests.lab.root import LabError

__all__ = ["faults", "unplug"]

RESULT = 3.0
"""Seconds for +CMGS in the table, in place of the driver's 60: that wait alone is what a lost answer costs."""
PATIENCE = 120.0
"""Seconds a daemon gets to send again; what takes longer is printed as this."""
FEW = ("no prompt", "refused in small letters", "no +CMGS", "unplug at accepted")
"""What the daemons are subjected to in a trial."""
UNPLUGGED = 10.0
"""Seconds from the replug to the next text."""

Say = Callable[[str], None]


async def faults(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """The fault table."""
    table = cells(Pace())
    runs, pairs = (1, 12) if quick else (20, 40)
    # the daemons read what comes in at a pace and by commands of their own: what strikes there is not theirs
    of_daemons = [cell for cell in table if cell.name in FEW] if quick else [cell for cell in table if not cell.answered]
    say(f"{len(table)} cells, {runs} runs each, {pairs} modems of every make side by side; default waits, but {RESULT:g} s for +CMGS")
    say(f"the daemons meanwhile: {len(of_daemons)} cells, once each")
    found, theirs = await asyncio.gather(_ours(folder / "ours", say, table, runs, pairs), _theirs(folder / "peers", say, of_daemons))
    return [*_counts(list(found.values()), theirs, runs), *_points(table, found, theirs), *_cells(table, found, theirs)]


async def _ours(folder: Path, say: Say, table: list[Cell], runs: int, pairs: int) -> dict[str, Found]:
    """Cell → what its runs came to. A pair that got stuck is counted, told, and replaced by a new one."""
    todo = [cell for _ in range(runs) for cell in table][::-1]
    found = {_name(cell): Found() for cell in table}
    timing, makes = replace(Timing(), result=RESULT), list(PROFILES)

    async def work(serial: int) -> None:
        life = 0
        while todo:
            life += 1
            place = folder / f"{serial}-{life}"
            place.mkdir(parents=True)
            async with pair(place, serial, timing, profile=makes[serial % len(makes)]) as one:
                await _until_stuck(one, todo, found, say)

    await asyncio.gather(*(work(serial) for serial in range(pairs)))
    return found


async def _until_stuck(one: Pair, todo: list[Cell], found: dict[str, Found], say: Say) -> None:
    while todo:
        cell = todo.pop()
        try:
            came = await one.run(cell)
        except LabError as error:
            say(f"  stuck: {error.what}")
            found[_name(cell)].wrong.append(f"stuck: {error.what}")
            return
        for wrong in came.wrong:
            say(f"  ended otherwise: {wrong}")
        found[_name(cell)].add(came)


def _name(cell: Cell) -> str:
    return f"{cell.point}: {cell.name}"


async def _theirs(folder: Path, say: Say, table: Sequence[Cell]) -> dict[str, dict[str, Found]]:
    """Daemon → cell → what it came to; without the cells whose fault it never met."""
    found: dict[str, dict[str, Found]] = {peer.name: {} for peer in DAEMONS}
    gate = asyncio.Semaphore(40)

    async def one(serial: int, peer: type[Peer], cell: Cell) -> None:
        async with gate:
            try:
                found[peer.name][_name(cell)] = await _subject(folder / f"{peer.name}{serial}", 100 + serial, peer, cell)
            except LabError as error:
                say(f"  {peer.name}, {_name(cell)}: {error.what}")

    jobs = [(peer, cell) for cell in table for peer in DAEMONS]
    await asyncio.gather(*(one(serial, peer, cell) for serial, (peer, cell) in enumerate(jobs)))
    return found


async def _subject(folder: Path, serial: int, peer: type[Peer], cell: Cell) -> Found:
    """One daemon, one fault: a text meets it, another follows."""
    first, second = number(1), number(2)
    async with radio(folder / "modem", serial, report_ms=50) as simulator, peer(folder, folder / "modem") as running:
        await running.queue([(number(0), "warm")])
        await _accepted(simulator, 1, PATIENCE)
        await until("the first text is filed", lambda: running.states().get(number(0)) == "sent", PATIENCE)
        since = simulator.journal()["count"]
        simulator.fault(**cell.fault)
        await running.queue([(first, cell.name)])
        try:
            struck = (await simulator.wait_event("fault", since=since, timeout=PATIENCE))[0]["t"]
        except TimeoutError:
            raise LabError("never met") from None
        await running.queue([(second, "next")])

        def over() -> bool:
            return {running.states().get(one) for one in (first, second)} <= {"sent", "failed"}

        loop = asyncio.get_running_loop()
        until_at = loop.time() + PATIENCE
        while loop.time() < until_at and not over():  # noqa: ASYNC110  (its spool tells)
            await asyncio.sleep(0.2)
        entries = simulator.journal(since=since)["entries"]
        found = Found(tally(entries, running.states(), [first, second]))
    again = [entry["t"] for entry in entries if entry["event"] == "accepted" and entry["t"] > struck]
    found.recovery.append(min(again[0] - struck, PATIENCE) if again else PATIENCE)
    # a daemon may send again what the network has not seen: for it only what arrived twice is doubled
    accepted = [entry["number"] for entry in entries if entry["event"] == "accepted"]
    found.tally.doubled = [one for one in (first, second) if accepted.count(one) > 1]
    return found


async def _accepted(simulator: Simulator, count: int, seconds: float) -> None:
    await until(f"{count} texts accepted", lambda: len(stamps(simulator, "accepted")) >= count, seconds)


def _counts(found: Sequence[Found], theirs: dict[str, dict[str, Found]], runs: int) -> list[Row]:
    total = Found()
    for one in found:
        total.add(one)
    daemons: dict[str, Found] = {}
    for name, table in theirs.items():
        daemons[name] = Found()
        for one in table.values():
            daemons[name].add(one)
    of_peers = sum(len(one.recovery) for one in daemons.values()) // max(len(daemons), 1)
    unit = f"texts, {total.tally.texts // 2} runs ({runs} a cell); a peer's {of_peers}"
    count = total.tally
    return [
        Row(
            figure="faults_doubled", unit=unit, ours=len(count.doubled), limit=0,
            peers={name: len(one.tally.doubled) for name, one in daemons.items()},
        ),
        Row(
            figure="faults_lost", unit="texts without a row, or called sent", ours=len(count.lost), limit=0,
            peers={name: len(one.tally.lost) for name, one in daemons.items()},
        ),
        Row(figure="faults_unshown", unit="texts that went, called not gone", ours=len(count.unshown), limit=0),
        Row(figure="faults_unknown_spurious", unit="texts, no Ctrl-Z left", ours=len(count.spurious), limit=0),
        Row(figure="faults_unknown_unheard", unit="texts, the modem deaf at its prompt", ours=count.unheard),
        Row(figure="faults_unknown", unit="texts left unknown by all", ours=count.unknown),
        Row(figure="faults_ended_otherwise", unit="texts", ours=sum(len(one.wrong) for one in found), limit=0),
        Row(figure="faults_inbound_lost", unit="texts that came in", ours=total.inbound_lost, limit=0),
        Row(figure="faults_inbound_doubled", unit="texts that came in", ours=total.inbound_doubled, limit=0),
    ]  # fmt: skip


def _points(table: Sequence[Cell], found: dict[str, Found], theirs: dict[str, dict[str, Found]]) -> list[Row]:
    rows = []
    for point in POINTS:
        names = [_name(cell) for cell in table if cell.point == point]
        for share in (0.5, 0.95):
            value = _recovery(found, names, share, 2)
            peers = {daemon: one for daemon, other in theirs.items() if (one := _recovery(other, names, share, 1)) is not None}
            if value is not None:
                figure = f"recovery_s_p{share * 100:g}, {point}"
                rows += [Row(figure=figure, unit="s from the fault to the next text", ours=value, peers=peers)]
    return rows


def _recovery(found: dict[str, Found], names: Sequence[str], share: float, digits: int) -> float | None:
    times = [time for name in names if name in found for time in found[name].recovery]
    return round(percentile(times, share), digits) if times else None


def _cells(table: Sequence[Cell], found: dict[str, Found], theirs: dict[str, dict[str, Found]]) -> list[Row]:
    """One row a cell: recovery, and the daemons' where they were subjected to it."""
    rows = []
    for name in map(_name, table):
        value = _recovery(found, [name], 0.95, 2)
        if value is not None:
            peers = {daemon: one for daemon, other in theirs.items() if (one := _recovery(other, [name], 0.5, 1)) is not None}
            rows.append(Row(figure=name, unit="s to the next text, p95", ours=value, peers=peers))
    return rows


async def unplug(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """The cable pulled for 15 s, for 10 minutes, and put back at another port; a text waits meanwhile."""
    short, long = (5.0, 12.0) if quick else (15.0, 600.0)
    say(f"unplugged {short:g} s, {long:g} s, and {short:g} s to come back as another port; daemons {short:g} s")
    async with asyncio.TaskGroup() as group:
        back = {
            f"replug_s, {short:g} s": group.create_task(_our_replug(folder / "short", 1, short)),
            f"replug_s, {long:g} s": group.create_task(_our_replug(folder / "long", 2, long)),
            "replug_s, another port": group.create_task(_our_replug(folder / "renumbered", 3, short, renumbered=True)),
        }
        kinds: tuple[type[Peer], ...] = (Gammu, Smstools, *DAEMONS)
        daemons = {
            kind.name: group.create_task(_their_replug(folder / kind.name, serial, kind, short)) for serial, kind in enumerate(kinds, 10)
        }
    rows = []
    for index, (figure, task) in enumerate(back.items()):
        peers = {name: round(one.result(), 1) for name, one in daemons.items()} if index == 0 else {}
        value = round(task.result(), 2)
        rows.append(
            Row(figure=figure, unit="s to the next text", ours=value, limit=UNPLUGGED, ratio=round(value / UNPLUGGED, 3), peers=peers)
        )
    return rows


async def _our_replug(folder: Path, serial: int, seconds: float, *, renumbered: bool = False) -> float:
    """``renumbered``: the port is given as a pattern, as a stick's port is that comes back under the next number."""
    port = f"{folder}/modem*" if renumbered else f"{folder}/modem0"
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(radio(folder / "modem0", serial, latency_ms=100))
        child = await stack.enter_async_context(ours(folder, [port]))
        await child.queue([(number(0), "warm", "warm")])
        try:
            await _accepted(simulator, 1, 60)
        except LabError as error:
            raise LabError(f"the port {port} was never opened ({error.what})") from error
        simulator.unplug()
        await child.queue([(number(1), "it waits", "waits")])
        await asyncio.sleep(seconds)
        simulator.replug(str(folder / "modem1") if renumbered else None)
        return await _since_replug(simulator)


async def _their_replug(folder: Path, serial: int, kind: type[Peer], seconds: float) -> float:
    async with radio(folder / "modem", serial, latency_ms=100) as simulator, kind(folder, folder / "modem") as running:
        await running.queue([(number(0), "warm")])
        await _accepted(simulator, 1, PATIENCE)
        simulator.unplug()
        await running.queue([(number(1), "it waits")])
        await asyncio.sleep(seconds)
        simulator.replug()
        return await _since_replug(simulator)


async def _since_replug(simulator: Simulator) -> float:
    """Seconds from the last plugging in to the next accepted text; ``PATIENCE`` when none came within it."""
    plugged = stamps(simulator, "plugged")[-1]
    try:
        await until("a text after the replug", lambda: stamps(simulator, "accepted")[-1] > plugged, PATIENCE)
    except LabError:
        return PATIENCE
    return stamps(simulator, "accepted")[-1] - plugged
