"""Topic ``growth``: what things cost as work grows: calls at once, threads in the store. Draws each curve.

The calls go through the whole service (``whole``) in a process of its own, its store syncing each commit, without an Asterisk: what is
measured is what textback does with what it hears. Stores are made from a seed (``threads_made``).
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from ari_app.clock import SystemClock
from ari_app.policy import Policy
from ari_app.settings import parse
from ari_app.threads import Store
from tests.bench import threads_made
from tests.bench.drawing import curves
from tests.bench.page import write_section
from tests.bench.portal import WORDS, child
from tests.bench.radio import PYTHON
from tests.bench.report import Row, percentile
from tests.bench.starting import start
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT
from tests.threads.world import a_call

__all__ = ["measure"]

Say = Callable[[str], None]
_AT_ONCE = (1, 10, 100)
_THREADS = (10_000, 100_000, 1_000_000)
_TEXTS_EACH = 1.5
_PAGES = ("inbox", "thread", "search")
Figures = dict[str, dict[int, float]]
"""Of each figure, its value by how much there is."""


async def measure(say: Say, *, quick: bool = False, page: bool = False) -> list[Row]:
    """Some five minutes. ``quick``: a hundredth of the threads. ``page``: write pictures and table into docs/,
    never those of a trial. Raises LabError."""
    with tempfile.TemporaryDirectory(prefix="textback-growth-") as folder:
        calls = await _calls(Path(folder), say, quick=quick)
        stores = await _stores(Path(folder), say, quick=quick)
    if page and not quick:
        _draw(calls, stores)
        write_section("growth", _body(calls, stores))
    return [*_rows(calls, "calls at once"), *_rows(stores, "threads")]


# ---- calls at once


async def _calls(folder: Path, say: Say, *, quick: bool) -> Figures:
    found: Figures = {}
    for many in _AT_ONCE:
        seconds = 3 if quick else {1: 30, 10: 20}.get(many, 15)
        say(f"{many} calls at once for {seconds} s")
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "tests.bench.growth_child", str(folder / f"calls{many}.db"), str(many), str(seconds),
            cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1 << 24,
        )  # fmt: skip
        said, errors = await process.communicate()
        if process.returncode or not said:
            raise LabError(f"{many} calls at once: {' / '.join(errors.decode(errors='replace').splitlines()[-3:])}")
        told = json.loads(said)
        if told["calls"] != many * seconds:
            raise LabError(f"of {many * seconds} calls {told['calls']} were decided about")
        found.setdefault("own_ms_per_call", {})[many] = told["cpu_ms"]
        found.setdefault("hangup_to_decision_ms_p50", {})[many] = percentile(told["took_ms"], 0.5)
        found.setdefault("hangup_to_decision_ms_p99", {})[many] = percentile(told["took_ms"], 0.99)
    return found


# ---- threads in the store


async def _stores(folder: Path, say: Say, *, quick: bool) -> Figures:
    found: Figures = {}
    for threads in _THREADS:
        many = threads // 100 if quick else threads
        store = folder / f"threads{threads}.db"
        say(f"making a store of {many:,} threads")
        await threads_made.make(store, threads=many, messages=int(many * _TEXTS_EACH))
        found.setdefault("store_mb", {})[threads] = store.stat().st_size / 1e6
        say("starting the service, asking for pages, filing calls")
        for _ in range(2):
            started = await start(store, folder / "start")
        found.setdefault("start_s", {})[threads] = started.ready
        for name, took in (await _pages(store, 20 if quick else 120)).items():
            found.setdefault(f"{name}_ms_p50", {})[threads] = percentile(took, 0.5)
            found.setdefault(f"{name}_ms_p95", {})[threads] = percentile(took, 0.95)
        took = await _filing(store, 40 if quick else 300)
        found.setdefault("file_call_ms_p50", {})[threads] = percentile(took, 0.5)
        found.setdefault("file_call_ms_p95", {})[threads] = percentile(took, 0.95)
        store.unlink()
    return found


async def _pages(store: Path, count: int) -> dict[str, list[float]]:
    """Milliseconds of each page, one request at a time, mixed."""
    with closing(sqlite3.connect(store)) as db:
        last = db.execute("SELECT max(id) FROM thread").fetchone()[0]
    dice = random.Random(4)  # noqa: S311  (no secret)
    async with child("tests.bench.portal_child", str(store), log=store.with_suffix(".log")) as (told, _):
        address = f"http://127.0.0.1:{told['port']}"
        async with aiohttp.ClientSession(headers={"Cookie": told["cookie"], "Accept-Encoding": "gzip"}) as session:

            async def ask(method: str, path: str, data: Mapping[str, str] | None = None) -> None:
                async with session.request(method, address + path, data=data, headers={"Origin": address}) as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise LabError(f"{path} answered {answer.status}")

            asked: dict[str, Callable[[], Awaitable[None]]] = {
                "inbox": lambda: ask("GET", f"/?box={dice.choice(('to_answer', 'to_answer', 'all', 'done'))}"),
                "thread": lambda: ask("GET", f"/thread/{dice.randint(1, last)}"),
                "search": lambda: ask("POST", "/search", {"q": dice.choice(WORDS)}),
            }
            taken: dict[str, list[float]] = {name: [] for name in asked}
            for turn in range(-10, count):
                for name, one in asked.items():
                    began = time.perf_counter()
                    await one()
                    if turn >= 0:
                        taken[name].append((time.perf_counter() - began) * 1000)
    return taken


async def _filing(path: Path, count: int) -> list[float]:
    """Milliseconds from a finished call to the commit of what it comes to, every other one of a caller who is known."""
    with closing(sqlite3.connect(path)) as db:
        known = [row[0] for row in db.execute("SELECT number FROM contact WHERE id % (SELECT max(max(id) / 200, 1) FROM contact) = 0")]
    settings = parse(
        {
            "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
            "pbx": {"username": "nobody", "password": "none"},
            "store": {"path": str(path)},
        }
    )
    policy, clock, taken = Policy(settings), SystemClock(), []
    store = Store(path, clock)
    await store.open()
    try:
        begun = datetime.now(UTC)
        for index in range(count):
            number = known[index % len(known)] if index % 2 else f"+1514{2_000_000 + index:07}"
            call = a_call(number, ended=begun - timedelta(seconds=count - index), id=f"growth.{index}")
            began = time.perf_counter()
            await store.record_call(call, lambda filed, all_known: policy.decide(filed, all_known, clock.now()), line="main")
            taken.append((time.perf_counter() - began) * 1000)
    finally:
        await store.close()
    return taken


# ---- what is shown of it


def _rows(figures: Figures, what: str) -> list[Row]:
    return [
        Row(figure=f"{name}_at_{many}", unit=f"{_unit(name)} at {many:,} {what}", ours=round(value, 2))
        for name, values in figures.items()
        for many, value in values.items()
    ]


def _unit(figure: str) -> str:
    return "MB" if figure.endswith("_mb") else "s" if figure.endswith("_s") else "ms"


def _body(calls: Figures, stores: Figures) -> str:
    pictures = {
        "growth-calls": "Milliseconds of CPU for each call, with 1, 10 and 100 calls at once",
        "growth-decision": "Milliseconds from a caller's end to the decision on disk, with 1, 10 and 100 calls at once",
        "growth-pages": "Milliseconds of a page, over 10,000, 100,000 and 1,000,000 threads",
        "growth-filing": "Milliseconds in which a call is filed, over 10,000, 100,000 and 1,000,000 threads",
        "growth-start": "Seconds in which the service starts, over 10,000, 100,000 and 1,000,000 threads",
    }
    parts = [
        _matrix("calls at once", calls),
        _matrix("threads", stores),
        *(f"![{about}](pictures/{name}.svg)" for name, about in pictures.items()),
    ]
    return "\n\n".join(parts)


def _matrix(what: str, figures: Figures) -> str:
    columns = list(next(iter(figures.values())))
    lines = [f"| {what} | {' | '.join(f'{each:,}' for each in columns)} | |", f"|---|{'---:|' * len(columns)}---|"]
    for name, values in figures.items():
        lines.append(f"| `{name}` | {' | '.join(f'{values[each]:,.2f}' for each in columns)} | {_unit(name)} |")
    return "\n".join(lines)


def _draw(calls: Figures, stores: Figures) -> None:
    def line(figures: Figures, name: str, points: Sequence[int]) -> list[float]:
        return [figures[name][each] for each in points]

    at_once, threads = [f"{each:,}" for each in _AT_ONCE], [f"{each:,}" for each in _THREADS]
    curves(
        "growth-calls", "What a call costs", along="calls at once", points=at_once, up="ms of CPU for each",
        values={"CPU": line(calls, "own_ms_per_call", _AT_ONCE)},
    )  # fmt: skip
    curves(
        "growth-decision", "From a caller's end to the decision on disk", along="calls at once", points=at_once, up="ms",
        values={label: line(calls, f"hangup_to_decision_ms_{label}", _AT_ONCE) for label in ("p50", "p99")},
    )  # fmt: skip
    curves(
        "growth-pages", "A page, 95th percentile", along="threads in the store", points=threads, up="ms",
        values={name: line(stores, f"{name}_ms_p95", _THREADS) for name in _PAGES},
    )  # fmt: skip
    curves(
        "growth-filing", "Filing a call", along="threads in the store", points=threads, up="ms",
        values={label: line(stores, f"file_call_ms_{label}", _THREADS) for label in ("p50", "p95")},
    )  # fmt: skip
    curves(
        "growth-start", "Starting the service", along="threads in the store", points=threads, up="s to READY=1",
        values={"start": line(stores, "start_s", _THREADS)},
    )  # fmt: skip
