"""One simulated modem under measurement: what its journal says of the program that drives it, ours or another's."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modem.simulator import Simulator
from tests.lab.root import LabError

__all__ = ["PYTHON", "Tally", "end", "number", "radio", "rows", "send_rate", "stamps", "tally", "until"]

PYTHON = sys.executable


def number(index: int) -> str:
    """A handset of its own for each text."""
    return f"+1514234{index:04d}"


@asynccontextmanager
async def radio(link: Path, serial: int = 0, **options: Any) -> AsyncIterator[Simulator]:
    """A simulated modem at ``link``; ``serial`` tells several apart (their IMEI)."""
    async with Simulator(link, **{"imei": f"3569380356{serial:04d}0", **options}) as simulator:
        yield simulator


async def until(what: str, true: Callable[[], bool], seconds: float, pause: float = 0.05) -> None:
    """Wait for a condition that has no event of its own. Raises LabError naming it."""
    try:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(pause)
    except TimeoutError:
        raise LabError(f"{what}: not within {seconds:g} s") from None


def stamps(simulator: Simulator, event: str = "line", begins: str = "AT+CMGS=") -> list[float]:
    """Monotonic times of a journal event; of ``line`` only those that begin so."""
    entries = simulator.journal(events=[event])["entries"]
    return [entry["t"] for entry in entries if event != "line" or entry["line"].upper().startswith(begins)]


def send_rate(simulators: list[Simulator]) -> float:
    """Texts a second between the first and the last AT+CMGS: of several modems together, each one's first text only starts its clock.

    Raises LabError where there are too few texts.
    """
    times = sorted(time for simulator in simulators for time in stamps(simulator))
    if len(times) <= len(simulators):
        raise LabError(f"{len(times)} texts were sent by {len(simulators)} modems: no rate can be drawn from them")
    return (len(times) - len(simulators)) / (times[-1] - times[0])


@dataclass
class Tally:
    """What the journal says against what the program claims."""

    texts: int = 0
    doubled: list[str] = field(default_factory=list)
    """Numbers whose text the network took twice, or that was sent again though a first PDU may have gone."""
    lost: list[str] = field(default_factory=list)
    """Texts called sent that the network never took, and texts that nobody knows of."""
    unshown: list[str] = field(default_factory=list)
    """Texts the network took, of which the row says that they did not go."""
    unknown: int = 0
    spurious: list[str] = field(default_factory=list)
    """Unknown though no Ctrl-Z arrived."""
    unheard: int = 0
    """The same where the modem had stopped listening with its prompt open: the Ctrl-Z left and nobody heard it."""
    waiting: list[str] = field(default_factory=list)
    """Still queued or sending when looked at: not lost, not gone."""

    def add(self, other: Tally) -> None:
        """Count another's as ours."""
        self.texts += other.texts
        self.unknown += other.unknown
        self.unheard += other.unheard
        for name in ("doubled", "lost", "unshown", "spurious", "waiting"):
            getattr(self, name).extend(getattr(other, name))


def tally(entries: list[dict[str, Any]], states: dict[str, str], texts: list[str]) -> Tally:
    """Count ``texts`` (their numbers, one text each) by the journal and by ``states`` (what the program says of each number's text)."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("ctrl_z", "accepted", "refused")}
    failed_reports = {entry["number"] for entry in entries if entry["event"] == "report" and entry["status"] >= 0x40}
    for entry in entries:
        if entry["event"] in counts and "number" in entry:
            counts[entry["event"]][entry["number"]] += 1
    found, deaf = Tally(texts=len(texts)), _deaf_prompts(entries)
    for one in texts:
        handed, accepted = counts["ctrl_z"][one], counts["accepted"][one]
        state = states.get(one, "")
        if accepted > 1 or handed - counts["refused"][one] > 1:
            found.doubled.append(one)
        if state == "" or (state in {"sent", "delivered"} and not accepted):
            found.lost.append(one)
        if accepted and (state in {"queued", "cancelled", "expired"} or (state == "failed" and one not in failed_reports)):
            found.unshown.append(one)
        if state == "unknown":
            found.unknown += 1
            if not handed and found.unheard < deaf:
                found.unheard += 1
            elif not handed:
                found.spurious.append(one)
        if state in {"queued", "sending"}:
            found.waiting.append(one)
    return found


def _deaf_prompts(entries: list[dict[str, Any]]) -> int:
    """How often the modem stopped listening while its prompt was open: the PDU written then reaches nobody, and its sender cannot know."""
    count, prompted = 0, False
    for entry in entries:
        if entry["event"] == "fault" and prompted and entry["kind"] in {"silence", "reboot"}:
            count += 1
        if entry["event"] in {"prompt", "ctrl_z", "escape", "fault", "booted"}:
            prompted = entry["event"] == "prompt"
    return count


def rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """Ask the store's file, beside the process that writes it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


async def end(process: asyncio.subprocess.Process, *, patience: float = 10) -> None:
    """Ask a process to end, then make it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
