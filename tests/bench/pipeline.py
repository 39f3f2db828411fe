"""Topic ``pipeline``: how soon after the hang-up a caller's text leaves, ours beside the usual home-made text-back, at the same calls.

Both listen to one Asterisk and each has a simulated modem of its own. The home-made one is an AMI listener that calls
``gammu-smsd-inject``, with gammu-smsd at its fastest: FILES (its SQL service on SQLite took a second more), CommTimeout and LoopSleep 0,
no receiving, no checks of PIN, battery, signal and network, no status. What is left is 0.6 s of pauses compiled into it
(libgammu/phone/at/at-sms.c); calls come slowly enough that none waits for another's.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

from tests.bench.calls import DID, OPEN
from tests.bench.peers import Gammu
from tests.bench.radio import PYTHON, end, until
from tests.bench.report import Row, percentile
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Phone
from tests.lab.stage import CHECKOUT, stage
from tests.lab.traffic import HangUps, flood

__all__ = ["measure"]

SOONER = 20
"""Times, at the median."""
PATIENCE = 30.0
"""Seconds after the last call for its texts."""

Stamps = Mapping[str, list[float]]


class Pipeline(Gammu):
    """gammu-smsd and the listener that feeds it."""

    name = "pipeline"
    SETTINGS: ClassVar[dict[str, str]] = {
        "commtimeout": "0", "loopsleep": "0", "receive": "0", "receivefrequency": "3600", "statusfrequency": "0",
        "checksecurity": "0", "checkbattery": "0", "checksignal": "0", "checknetwork": "0",
    }  # fmt: skip

    def __init__(self, folder: Path, link: Path, lab: Lab) -> None:
        super().__init__(folder, link)
        self._ami = {"port": lab.record.ports.ami, "username": "lab", "secret": lab.record.ami_secret}

    async def start(self) -> None:
        await super().start()
        await self._run(PYTHON, "-m", "tests.bench.pipeline_child", json.dumps({**self._ami, "smsdrc": f"{self.folder}/smsdrc"}))
        await until("the AMI listener is logged in", lambda: "ready" in (self.folder / "output").read_text(encoding="utf-8"), 20)


async def measure(say: Callable[[str], None], *, calls: int = 60, rate: float = 0.6, line: str = "22", quick: bool = False) -> list[Row]:
    """``calls`` unanswered calls, ``rate`` a second, to both: milliseconds from each CANCEL on the wire to the Ctrl-Z of its text.

    Takes two minutes; ``quick``: eight calls. Raises LabError when a caller got no text of ours, or two.
    """
    numbers = [f"43856{index:05d}" for index in range(8 if quick else calls)]
    lab = await Lab.up(line, f"pipeline{line}", progress=say)
    try:
        with tempfile.TemporaryDirectory(prefix="textback-pipeline-") as name:
            folder = Path(name)
            async with (
                stage(lab, folder / "ours", OPEN),
                _modem(folder) as journal,
                Pipeline(folder / "theirs", folder / "modem", lab) as pipeline,
                lab.phones({"101": Phone("ring")}),
            ):
                await pipeline.queue([("+15142340000", "warm")])
                await until("gammu-smsd's first text", lambda: bool(_sent(journal)), 60)
                with HangUps(lab.record.ports.sip) as hung_up:
                    say(f"{len(numbers)} calls, {rate:g} a second, on Asterisk {line}: ours and a home-made pipeline listen")
                    await flood(lab, DID, numbers, rate=rate, give_up=2.0, patience=len(numbers) / rate + 60)
                    callers = {f"+1{number}" for number in numbers}
                    await until("the texts of all", lambda: callers <= _sent(lab.modem_journal).keys(), PATIENCE)
                    missing = await _late(callers, journal)
                mine, theirs = _sent(lab.modem_journal), _sent(journal)
    finally:
        await lab.down()
    if silent := [number for number in numbers if number not in hung_up.at]:
        raise LabError(f"{len(silent)} callers did not hang up by themselves")
    if doubled := [number for number, times in mine.items() if len(times) > 1]:
        raise LabError(f"{len(doubled)} callers got two texts of ours")
    return _rows(_taken(mine, hung_up.at), _taken(theirs, hung_up.at), missing)


async def _late(callers: set[str], journal: Path) -> int:
    """Wait for the pipeline's texts; how many callers have none after ``PATIENCE``."""
    try:
        await until("the pipeline's texts", lambda: callers <= _sent(journal).keys(), PATIENCE)
    except LabError:
        return len(callers - _sent(journal).keys())
    return 0


@asynccontextmanager
async def _modem(folder: Path) -> AsyncIterator[Path]:
    """A simulated modem at ``folder``/modem in a process of its own, as the lab's is; gives its journal."""
    link, control, journal = folder / "modem", folder / "modem.sock", folder / "modem.jsonl"
    with (folder / "modem.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "modem.simulator", "--link", str(link), "--control", str(control), "--journal", str(journal),
            cwd=CHECKOUT, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await until("the second simulated modem", lambda: link.exists() and control.exists(), 10)
        yield journal
    finally:
        await end(process)


def _sent(journal: Path) -> dict[str, list[float]]:
    """Number → monotonic times of its Ctrl-Z."""
    found: dict[str, list[float]] = {}
    for text in journal.read_text(encoding="utf-8").splitlines():
        if '"event": "ctrl_z"' in text and text.endswith("}"):
            entry = json.loads(text)
            found.setdefault(entry["number"], []).append(entry["t"])
    return found


def _taken(sent: Stamps, hung_up: Mapping[str, float]) -> list[float]:
    """Milliseconds of each caller who got a text."""
    return [(sent[f"+1{number}"][0] - at) * 1000 for number, at in hung_up.items() if f"+1{number}" in sent]


def _rows(mine: list[float], theirs: list[float], missing: int) -> list[Row]:
    name = Pipeline.name
    rows = []
    for share in (0.5, 0.95, 0.99):
        one, other = percentile(mine, share), percentile(theirs, share)
        figure = f"hangup_to_pdu_ms_p{share * 100:g}"
        rows.append(Row(figure=figure, unit="ms", ours=round(one, 2), peers={name: round(other, 1)}, ratio=round(one / other, 4)))
    sooner = percentile(theirs, 0.5) / percentile(mine, 0.5)
    return [
        *rows,
        Row(figure="sooner_p50", unit="times as soon", ours=round(sooner, 1), limit=SOONER, least=True, ratio=round(sooner / SOONER, 2)),
        Row(figure="calls", unit="calls", ours=len(mine)),
        Row(figure="lost", unit="texts", ours=0, limit=0, peers={name: missing}),
    ]
