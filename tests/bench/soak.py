"""Topic ``soak``: the service under a million calls, a tenth of them missed: is its memory flat, its store small, its start quick.

The calls go through a whole service in a process of its own (``soak_child`` says what of it is not the product's).
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bench.radio import PYTHON, end
from tests.bench.report import Row
from tests.bench.starting import start
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT

__all__ = ["measure"]

Say = Callable[[str], None]
_WHOLE = 1_000_000
_SAMPLES = 100
_TENTH = _SAMPLES // 10
"""Samples of the first tenth: caches fill."""


async def measure(say: Say, *, calls: int = _WHOLE, quick: bool = False) -> list[Row]:
    """Half an hour for a million calls. ``quick``: 10,000, and no bar for memory: caches are still filling. Raises LabError."""
    calls = 10_000 if quick else calls
    with tempfile.TemporaryDirectory(prefix="textback-soak-") as name:
        folder = Path(name)
        store = folder / "textback.db"
        samples, plans = await _replay(store, calls, say)
        rows = _figures(samples, bounded=calls >= _WHOLE // 2)
        rows += _plans(store, plans, say)
        say("starting the service over it, and over an empty store")
        first, full = [await start(store, folder / "start") for _ in range(2)]
        empty = [await start(folder / "empty.db", folder / "start") for _ in range(2)][1]
    more = full.ready - empty.ready
    return [
        *rows,
        Row(figure="start_s", unit="s to READY=1", ours=round(full.ready, 2), peers={"empty store": round(empty.ready, 2)}),
        Row(figure="start_healthz_s", unit="s to an answer", ours=round(full.healthz, 2), peers={"empty store": round(empty.healthz, 2)}),
        Row(figure="start_first_s", unit="s, the first after the calls", ours=round(first.ready, 2)),
        Row(figure="start_more_s", unit="s more than over an empty store", ours=round(more, 2), limit=3),
    ]


async def _replay(store: Path, calls: int, say: Say) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """The samples of the child, and what was seen of the plans of its statements."""
    log = store.with_name("child.log")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "tests.bench.soak_child", str(store), str(calls), str(max(calls // _SAMPLES, 1)),
            cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 24,
        )  # fmt: skip
    samples: list[dict[str, float]] = []
    try:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            told = json.loads(line)
            if "statements" in told:
                return samples, told
            samples.append(told)
            if len(samples) % 5 == 0:
                size = told["bytes"] / 1e6
                say(f"{told['calls']:,} calls: {told['rss_mb']:.1f} MB of memory, {size:,.0f} MB on disk, {told['cpu_s']:,.0f} s of CPU")
    finally:
        await end(process)
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    raise LabError(f"the service ended after {samples[-1]['calls'] if samples else 0:g} calls: {' / '.join(said)}")


def _figures(samples: list[dict[str, float]], *, bounded: bool) -> list[Row]:
    first, warm, last = samples[0], samples[_TENTH - 1], samples[-1]
    growth = max(each["rss_mb"] for each in samples[_TENTH:]) - warm["rss_mb"]
    early, late = _cpu(warm, samples[2 * _TENTH - 1]), _cpu(samples[-_TENTH - 1], last)
    return [
        Row(figure="calls", unit="calls, one in ten missed", ours=last["calls"]),
        Row(figure="texts", unit="texts carried", ours=last["texts"]),
        Row(figure="rss_mb", unit="MB at the end", ours=round(last["rss_mb"], 1), peers={"after a tenth": round(warm["rss_mb"], 1)}),
        Row(figure="growth_mb", unit="MB at most after the first tenth", ours=round(growth, 1), limit=5 if bounded else None),
        Row(figure="store_mb", unit="MB", ours=round(last["bytes"] / 1e6, 1)),
        Row(figure="store_bytes_per_call", unit="bytes", ours=round((last["bytes"] - first["bytes"]) / (last["calls"] - first["calls"]))),
        Row(
            figure="cpu_ms_per_call",
            unit="ms of CPU, of the last tenth",
            ours=round(late, 2),
            peers={"second tenth": round(early, 2)},
            ratio=round(late / early, 2),
        ),
        Row(figure="cpu_of_last_to_second_tenth", unit="times", ours=round(late / early, 2), limit=1.25 if bounded else None),
    ]


def _cpu(since: dict[str, float], until: dict[str, float]) -> float:
    return (until["cpu_s"] - since["cpu_s"]) / (until["calls"] - since["calls"]) * 1000


def _plans(store: Path, seen: dict[str, Any], say: Say) -> list[Row]:
    for finding in seen["findings"]:
        say(f"reads a growing table whole: {finding[:300]}")
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        told = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'sqlite_stat%'").fetchone()[0]
    return [
        Row(figure="statements", unit="statements whose plan was looked at", ours=seen["statements"]),
        Row(figure="scans", unit="plans that read a growing table whole", ours=len(seen["findings"]), limit=0),
        Row(figure="statistics", unit="tables of ANALYZE: plans would depend on what is in the store", ours=told, limit=0),
    ]
