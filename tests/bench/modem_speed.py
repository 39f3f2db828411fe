"""How fast: texts a second at the network's own pace, our own cost a text, several modems at once, and how soon a text is picked up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from modem.sim_pdu import decode_deliver
from modem.simulator import Simulator
from tests.bench.ours import Ours, ours
from tests.bench.peers import PEERS, Peer
from tests.bench.radio import number, radio, send_rate, stamps, until
from tests.bench.report import Row, percentile
from tests.lab.root import LabError

__all__ = ["pickup", "throughput"]

NETWORK_MS = 2000
"""What a text takes a GSM network; the bar is 99 % of the texts a second that this leaves room for."""
TEXT = "Bonjour, vous avez manque notre appel. Que pouvons-nous faire pour vous?"


async def throughput(folder: Path, say: Callable[[str], None], *, quick: bool) -> list[Row]:
    """50 texts at 2 s and at 0 s, eight modems at 2 s, and the peers beside it."""
    count, of_peer = (6, 4) if quick else (50, 20)
    pool = 3 if quick else 8
    say(f"{count} texts at {NETWORK_MS} ms network time, then at 0 ms, ours alone")
    slow = await _our_rate(folder / "slow", count, 1, NETWORK_MS)
    fast = median([await _our_rate(folder / f"fast{turn}", 50, 1, 0) for turn in range(5)])
    say(f"{pool} modems in one process, {count // 2} texts each, at {NETWORK_MS} ms")
    many = await _our_rate(folder / "pool", pool * (count // 2), pool, NETWORK_MS)
    say(f"peers: {of_peer} texts each at {NETWORK_MS} ms and at 0 ms")
    at_2s = await _their_rates(folder / "peers2", say, of_peer, NETWORK_MS)
    at_0 = await _their_rates(folder / "peers0", say, of_peer, 0)
    own = 1000 / fast
    return [
        Row(
            figure="texts_per_s_at_2s", unit=f"texts/s, {count} texts; a peer's {of_peer}", ours=round(slow, 4), peers=at_2s,
            limit=0.495, least=True, ratio=_ratio(slow, at_2s, max),
        ),
        Row(
            figure="texts_per_s_at_0", unit=f"texts/s, 50 texts, median of 5; a peer's {of_peer}", ours=round(fast, 1), peers=at_0,
            ratio=_ratio(fast, at_0, max),
        ),
        Row(figure="own_ms_per_text", unit="ms, of the same", ours=round(own, 2), peers=_own_ms(at_0), limit=5, ratio=round(own / 5, 3)),
        Row(
            figure="pool8_scaling", unit=f"{pool} modems / one", ours=round(many / slow, 3), limit=7.8 / 8 * pool, least=True,
            ratio=round(many / slow / pool, 4),
        ),
    ]  # fmt: skip


def _ratio(ours_is: float, figures: dict[str, float], best: Callable[[list[float]], float]) -> float | None:
    """To the best of the peers that keep a queue; None where none of them could be measured."""
    kept = [figures[peer.name] for peer in PEERS if peer.queues and peer.name in figures]
    return round(ours_is / best(kept), 4) if kept else None


def _own_ms(rates: dict[str, float]) -> dict[str, float]:
    return {name: round(1000 / rate, 1) for name, rate in rates.items()}


async def _our_rate(folder: Path, count: int, modems: int, network_ms: float) -> float:
    """All texts are in the queue when the modems register: what is measured is the modems' own pace."""
    async with AsyncExitStack() as stack:
        links = [folder / f"modem{index}" for index in range(modems)]
        simulators = [
            await stack.enter_async_context(radio(link, index, latency_ms=network_ms, report_ms=20)) for index, link in enumerate(links)
        ]
        for simulator in simulators:
            simulator.registration("searching")
        child = await stack.enter_async_context(ours(folder, [str(link) for link in links]))
        await child.queue([(number(index), TEXT, f"rate{index}") for index in range(count)])
        for simulator in simulators:
            simulator.registration("home")
        await _sent("our texts", simulators, count, 60 + count / modems * (network_ms / 1000 + 0.2))
        return send_rate(simulators)


async def _their_rates(folder: Path, say: Callable[[str], None], count: int, network_ms: float) -> dict[str, float]:
    """Every peer at once, each at its own modem; they wait far more than they work."""

    async def one(serial: int, peer: type[Peer]) -> tuple[str, float | None]:
        link = folder / peer.name / "modem"
        async with radio(link, serial, latency_ms=network_ms, report_ms=20) as simulator, peer(folder / peer.name, link) as running:
            await running.queue([(number(index), TEXT) for index in range(count)])
            try:
                await _sent(peer.name, [simulator], count, 120 + count * (network_ms / 1000 + 4))
            except LabError as error:
                say(f"  {error.what}")
                return peer.name, None
            return peer.name, round(send_rate([simulator]), 4)

    found = await asyncio.gather(*(one(serial, peer) for serial, peer in enumerate(PEERS)))
    return {name: rate for name, rate in found if rate is not None}


async def _sent(what: str, simulators: list[Simulator], count: int, seconds: float) -> None:
    await until(
        f"{what}: {count} accepted", lambda: sum(len(stamps(simulator, "accepted")) for simulator in simulators) >= count, seconds, 0.1
    )


async def pickup(folder: Path, say: Callable[[str], None], *, quick: bool) -> list[Row]:
    """From queued to AT+CMGS, idle and while texts come in; from the SIM to the store."""
    count = 30 if quick else 200
    inbound = 20 if quick else 100
    say(f"pickup of {count} texts on an idle modem, then with {inbound} inbound texts meanwhile, then {inbound} inbound alone")
    async with radio(folder / "modem", latency_ms=0, report_ms=20) as simulator, ours(folder, [str(folder / "modem")]) as child:
        await _queue_one(child, "warm", 0)
        await _sent("the first text", [simulator], 1, 30)
        idle = await _pick(simulator, child, count, "idle", first=1000, inbound=0)
        busy = await _pick(simulator, child, count, "busy", first=3000, inbound=inbound)
        both = await _committed(simulator, child, "busy", inbound)
        since = simulator.journal()["count"]
        for index in range(inbound):
            simulator.text(number(5000 + index), f"alone {index}")
            await asyncio.sleep(random.uniform(0.02, 0.15))  # noqa: S311
        alone = await _committed(simulator, child, "alone", inbound)
        received = len([text for text in child.received() if text.startswith(("busy ", "alone "))])
        deleted = _deletions(simulator.journal(since=since)["entries"])
    say("peers: pickup and reading, a few samples each")
    samples = 2 if quick else 6
    theirs = await _their_pickup(folder / "peers", say, samples)
    sent = {name: one.sent for name, one in theirs.items()}
    read = {name: one.read for name, one in theirs.items() if one.read is not None}
    whole = {name: float(one.received) for name, one in theirs.items() if one.received is not None}
    p50, gone = _ms(idle, 0.5), _ms(deleted, 0.5)
    meanwhile = f"ms, {inbound} texts coming in meanwhile"
    return [
        Row(
            figure="pickup_ms_p50", unit=f"ms, {count} texts; peers' median of {samples}", ours=p50, peers=sent, limit=20,
            ratio=_ratio(p50, sent, min),
        ),
        _bar("pickup_ms_p99", f"ms, {count} texts", idle, 0.99, 100),
        _bar("pickup_busy_ms_p50", meanwhile, busy, 0.5, 20),
        _bar("pickup_busy_ms_p99", meanwhile, busy, 0.99, 100),
        _bar("inbound_commit_ms_p99", "ms from SIM to commit", alone, 0.99, 100),
        _bar("inbound_commit_busy_ms_p99", "ms, texts going out meanwhile", both, 0.99, 100),
        Row(
            figure="inbound_deleted_ms_p50", unit="ms from SIM to its deletion there", ours=gone, peers=read,
            ratio=_ratio(gone, read, min),
        ),
        Row(
            figure="inbound_received", unit=f"texts of {2 * inbound}, of {samples} by the daemons", ours=received, limit=2 * inbound,
            least=True, peers=whole,
        ),
    ]  # fmt: skip


def _bar(figure: str, unit: str, seconds: list[float], share: float, limit: float) -> Row:
    """A percentile in milliseconds against its bar."""
    value = _ms(seconds, share)
    return Row(figure=figure, unit=unit, ours=value, limit=limit, ratio=round(value / limit, 3))


def _ms(seconds: list[float], share: float) -> float:
    return round(percentile(seconds, share) * 1000, 2)


async def _queue_one(child: Ours, act: str, index: int) -> None:
    await child.queue([(number(index), TEXT, act)])


async def _pick(simulator: Simulator, child: Ours, count: int, name: str, *, first: int, inbound: int) -> list[float]:
    """Seconds from each text's way into the store to its AT+CMGS, one text after the other at random distances."""
    dice = random.Random(count)  # noqa: S311
    arrivals = sorted(dice.sample(range(count), min(inbound, count)))
    before = len(stamps(simulator))
    for index in range(count):
        await child.queue([(number(first + index), TEXT, f"{name}{index}")], wait=False)
        if index in arrivals:
            await asyncio.sleep(dice.uniform(0, 0.01))
            simulator.text(number(8000 + index), f"{name} {arrivals.index(index)}")
        await asyncio.sleep(dice.uniform(0.03, 0.12))
    await _sent(f"{name} pickup", [simulator], before + count, 60)
    began = [child.queued[f"{name}{index}"]["t"] for index in range(count)]
    return [sent - queued for sent, queued in zip(stamps(simulator)[before:], began, strict=True)]


async def _committed(simulator: Simulator, child: Ours, begins: str, count: int) -> list[float]:
    """Seconds from each inbound text's arrival in the modem's store to its commit in ours. Raises LabError when one was kept twice."""

    def kept() -> dict[str, list[float]]:
        return {text: times for pdu, times in child.kept.items() if (text := _text(pdu)).startswith(f"{begins} ")}

    await until(f"{count} inbound texts committed", lambda: len(kept()) >= count, 60)
    came = {entry["text"]: entry["t"] for entry in simulator.journal(events=["sent"])["entries"]}
    if twice := [text for text, times in kept().items() if len(times) > 1]:
        raise LabError(f"{len(twice)} inbound texts were kept twice")
    return [times[0] - came[text] for text, times in kept().items()]


def _text(pdu: str) -> str:
    try:
        return decode_deliver(pdu).data.text
    except ValueError:
        return ""  # a status report


def _deletions(entries: list[dict[str, object]]) -> list[float]:
    """Seconds from each arrival in a store to its deletion there, by place."""
    lying: dict[tuple[object, object], float] = {}
    took = []
    for entry in entries:
        place = (entry.get("store"), entry.get("index"))
        if entry["event"] == "stored":
            lying[place] = float(str(entry["t"]))
        elif entry["event"] == "deleted" and place in lying:
            took.append(float(str(entry["t"])) - lying.pop(place))
    return took


@dataclass(frozen=True)
class _Picked:
    """Milliseconds, medians: to AT+CMGS, and from the SIM to the deletion there; texts that then lay in the spool, None without one."""

    sent: float
    read: float | None
    received: int | None


async def _their_pickup(folder: Path, say: Callable[[str], None], count: int) -> dict[str, _Picked]:
    """Each peer on an idle modem of its own, at 100 ms network time."""
    found = await asyncio.gather(*(_pick_by(folder / peer.name, say, serial, peer, count) for serial, peer in enumerate(PEERS)))
    return {peer.name: one for peer, one in zip(PEERS, found, strict=True) if one is not None}


async def _pick_by(folder: Path, say: Callable[[str], None], serial: int, peer: type[Peer], count: int) -> _Picked | None:
    dice = random.Random(serial)  # noqa: S311
    async with radio(folder / "modem", serial, latency_ms=100, report_ms=60_000) as simulator, peer(folder, folder / "modem") as running:
        try:
            await running.queue([(number(0), TEXT)])
            await _sent(peer.name, [simulator], 1, 90)
            waits = []
            for index in range(1, count + 1):
                await asyncio.sleep(dice.uniform(1, 4))
                began = time.monotonic()
                await running.queue([(number(index), TEXT)])
                await _sent(peer.name, [simulator], index + 1, 90)
                waits.append(stamps(simulator)[-1] - began)
            reads, received = await _read_by(simulator, running, dice, count) if running.receives else ([], None)
        except LabError as error:
            say(f"  {error.what}")
            return None
        return _Picked(_ms(waits, 0.5), _ms(reads, 0.5) if reads else None, received)


async def _read_by(simulator: Simulator, running: Peer, dice: random.Random, count: int) -> tuple[list[float], int | None]:
    """Texts come in: seconds until each is deleted from the SIM, and how many of them lie in the peer's spool."""
    since = simulator.journal()["count"]
    texts = [f"inbound {index}" for index in range(count)]
    for index, text in enumerate(texts):
        simulator.text(number(900 + index), text)
        await asyncio.sleep(dice.uniform(1, 3))
    await until(f"{running.name} reads what came", lambda: len(_deletions(simulator.journal(since=since)["entries"])) >= count, 120)
    received = sum(map(running.received, texts)) if running.INBOX else None
    return _deletions(simulator.journal(since=since)["entries"]), received
