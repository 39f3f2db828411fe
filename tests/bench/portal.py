"""Topic ``portal``: how fast a page is over a large store, and 200 open pages while 50 texts a second come in."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp

from modem.simulator import Simulator
from tests.bench import threads_made
from tests.bench.portal_child import PASSWORD
from tests.bench.radio import PYTHON, end, radio
from tests.bench.report import Row, percentile
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT, toml

__all__ = ["WORDS", "child", "measure"]

Say = Callable[[str], None]
WORDS = (
    "rendez-vous",
    "merci",
    "tremb",
    "ordonnance",
    "ma",
    "marie tremblay",
    "514555",
    "fiev",
    "5550",
    "r",
    "antibio",
    "appointment mon",
)
"""As typed, whole and half-typed: words, names, numbers."""


async def measure(say: Say, *, quick: bool = False) -> list[Row]:
    """Both sections. ``quick``: little of everything, to see that it runs."""
    with tempfile.TemporaryDirectory(prefix="textback-portal-") as folder:
        return [*await speed(Path(folder) / "speed", say, quick=quick), *await live(Path(folder) / "live", say, quick=quick)]


async def speed(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """Milliseconds from request to the last byte of the answer, over loopback, one at a time, beside SELECT 1 through the same server."""
    folder.mkdir(parents=True)  # noqa: ASYNC240  (before anything runs)
    store = folder / "textback.db"
    threads, messages = (2_000, 20_000) if quick else (100_000, 1_000_000)
    say(f"making a store of {threads} threads and {messages} texts")
    made = await threads_made.make(store, threads=threads, messages=messages)
    size = store.stat().st_size
    with closing(sqlite3.connect(store)) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM thread ORDER BY random() LIMIT 400")]
        longest = [row[0] for row in db.execute("SELECT thread FROM message GROUP BY thread ORDER BY count(*) DESC LIMIT 20")]
    count = 40 if quick else 300
    async with child("tests.bench.portal_child", str(store), log=folder / "child.log") as (told, _):
        address = f"http://127.0.0.1:{told['port']}"
        headers = {"Cookie": told["cookie"], "Accept-Encoding": "gzip"}
        async with aiohttp.ClientSession(headers=headers) as session:
            dice = random.Random(4)  # noqa: S311
            boxes = ("to_answer", "to_answer", "to_answer", "trouble", "all", "done")

            async def get(path: str) -> None:
                async with session.get(address + path) as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise LabError(f"{path} answered {answer.status}")

            async def search(words: str) -> None:
                async with session.post(f"{address}/search", data={"q": words}, headers={"Origin": address}) as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise LabError(f"/search answered {answer.status}")

            asked: dict[str, Callable[[], Any]] = {
                "one": lambda: get("/bench/one"),
                "inbox": lambda: get(f"/?box={dice.choice(boxes)}"),
                "thread": lambda: get(f"/thread/{dice.choice(ids if dice.random() < 0.8 else longest)}"),
                "search": lambda: search(dice.choice(WORDS)),
            }
            taken: dict[str, list[float]] = {name: [] for name in asked}
            for ask in asked.values():
                for _ in range(10):
                    await ask()
            say(f"{count} requests of each, mixed")
            for _ in range(count):
                for name, ask in asked.items():
                    began = time.perf_counter()
                    await ask()
                    taken[name].append((time.perf_counter() - began) * 1000)
    base = percentile(taken["one"], 0.95)
    bars = {"inbox": 20, "thread": 20, "search": 50}
    return [
        Row(figure="store_threads", unit="threads", ours=made.threads),
        Row(figure="store_messages", unit="texts", ours=made.messages),
        Row(figure="store_mb", unit="MB", ours=round(size / 1e6)),
        Row(figure="select_1_ms_p95", unit="ms, SELECT 1 through the same server", ours=round(base, 2)),
        *(
            Row(
                figure=f"{name}_ms_p95", unit="ms", ours=round(percentile(taken[name], 0.95), 2), limit=limit,
                peers={"SELECT 1": round(base, 2)}, ratio=round(percentile(taken[name], 0.95) / base, 2),
            )
            for name, limit in bars.items()
        ),
        *(Row(figure=f"{name}_ms_p50", unit="ms", ours=round(percentile(taken[name], 0.5), 2)) for name in bars),
    ]  # fmt: skip


async def live(folder: Path, say: Say, *, quick: bool) -> list[Row]:
    """The real service, its PBX away, a simulated modem: texts come in, every open page must show each. Raises LabError."""
    folder.mkdir(parents=True)  # noqa: ASYNC240  (before anything runs)
    pages, rate, seconds = (10, 10, 3) if quick else (200, 50, 60)
    marks = rate * seconds
    port = _free_port()
    settings = folder / "textback.toml"
    settings.write_text(
        toml(
            {
                "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
                "pbx": {"ari": f"http://127.0.0.1:{_free_port()}", "username": "nobody", "password": "none"},
                "reply": {"daily_limit": 0},
                "store": {"path": str(folder / "textback.db")},
                "agi": {"listen": f"127.0.0.1:{_free_port()}", "sounds": str(folder / "sounds")},
                "portal": {"listen": f"127.0.0.1:{port}"},
                "modem": [{"name": "gsm1", "port": str(folder / "modem")}],
            }
        ),
        encoding="utf-8",
    )
    await _textback(settings, "staff", "add", "bench", "--name", "Bench", "--role", "administrator", "--password-stdin", said=PASSWORD)
    async with radio(folder / "modem", latency_ms=0) as simulator:
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "ari_app", "--config", str(settings), "run",
            cwd=CHECKOUT, stdout=asyncio.subprocess.DEVNULL, stderr=(folder / "service.log").open("wb"),
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            simulator.text("+15145559999", "warm up")
            await _kept(folder / "textback.db", 1, 60)
            cookie, since = await _signed_in(address)
            say(f"{pages} open pages, {rate} texts a second for {seconds} s")
            told = {"url": address, "cookie": cookie, "since": since, "pages": pages, "marks": marks, "patience": seconds + 60}
            async with child("tests.bench.portal_pages", json.dumps(told), log=folder / "pages.log") as (ready, lines):
                if ready != "ready":
                    raise LabError(f"the pages did not open: {ready}")
                sent, sizes = await _texts(simulator, rate, marks, process.pid)
                said = json.loads(await asyncio.wait_for(lines.readline(), seconds + 120))
            kept = await _kept(folder / "textback.db", marks + 1, 30)
            sizes.append(_rss(process.pid))
        finally:
            await end(process)
    saw_all = sum(seen == marks for seen in said["seen"])
    waits = [(at - sent[int(mark)]) * 1000 for mark, at in said["last"].items()]
    sixth = sizes[len(sizes) // 6]
    return [
        Row(figure="live_pages", unit="pages", ours=pages),
        Row(figure="live_texts", unit="texts kept", ours=kept - 1, limit=marks, least=True),
        Row(figure="live_pages_that_saw_all", unit=f"pages of {pages}, {marks} texts each", ours=saw_all, limit=pages, least=True),
        Row(figure="live_pages_told_to_load_anew", unit="times", ours=said["stale"], limit=0),
        Row(figure="live_ms_p50", unit="ms from the SIM to the last of all pages", ours=round(percentile(waits, 0.5))),
        Row(figure="live_ms_p99", unit="ms from the SIM to the last of all pages", ours=round(percentile(waits, 0.99))),
        Row(figure="live_rss_mb", unit="MB at the end", ours=round(sizes[-1], 1)),
        Row(figure="growth_mb", unit="MB from a sixth of the time to the end", ours=round(sizes[-1] - sixth, 1), limit=20),
    ]


async def _texts(simulator: Simulator, rate: int, marks: int, pid: int) -> tuple[list[float], list[float]]:
    """Monotonic time of each text, and the service's memory about once a second, MB."""
    sent, sizes = [], []
    begun = time.monotonic()
    for mark in range(marks):
        await asyncio.sleep(max(0.0, begun + mark / rate - time.monotonic()))
        sent.append(time.monotonic())
        simulator.text(f"+1438{2000000 + mark}", f"Bonjour, mark{mark}end, une place?")
        if mark % rate == 0:
            sizes.append(_rss(pid))
    return sent, sizes


def _rss(pid: int) -> float:
    """Resident memory of a process, MB (proc(5), VmRSS)."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


async def _kept(store: Path, count: int, patience: float) -> int:
    """Texts received, once they are ``count`` or time is up."""
    found = 0
    for _ in range(int(patience * 10)):
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT count(*) FROM message WHERE direction = 'in'").fetchone()[0]
        if found >= count:
            break
        await asyncio.sleep(0.1)
    return int(found)


async def _signed_in(address: str) -> tuple[str, str]:
    """Cookie of a new session, and the version the inbox was drawn at. Raises LabError while nobody answers."""
    async with aiohttp.ClientSession() as session:
        for _ in range(300):
            try:
                async with session.post(
                    f"{address}/sign-in", data={"login": "bench", "password": PASSWORD}, headers={"Origin": address}, allow_redirects=False
                ) as answer:
                    if answer.status != 303:
                        raise LabError(f"signing in answered {answer.status}")
                    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in answer.cookies.items() if morsel.value)
                async with session.get(f"{address}/", headers={"Cookie": cookie}) as answer:
                    version = re.search(r'data-version="([^"]+)"', await answer.text())
                if version is None:
                    raise LabError("the inbox does not say at which version it was drawn")
                return cookie, version[1]
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    raise LabError("the service's portal did not answer within 30 s")


async def _textback(settings: Path, *arguments: str, said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-m", "ari_app", "--config", str(settings), *arguments,
        cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await process.communicate(said.encode() + b"\n")
    if process.returncode:
        raise LabError(f"textback {' '.join(arguments)} ended with {process.returncode}: {err.decode().strip()}")


@asynccontextmanager
async def child(module: str, argument: str, *, log: Path) -> AsyncIterator[tuple[Any, asyncio.StreamReader]]:
    """A process of ours that says one JSON line when it is ready; that, and what it says after. Ended with the block."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", module, argument,
            cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 24,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 120)
        if not line:
            last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]  # noqa: ASYNC240
            raise LabError(f"{module} did not start: {' / '.join(last)}")
        yield json.loads(line), process.stdout
    finally:
        await end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
