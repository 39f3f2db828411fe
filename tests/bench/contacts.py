"""Topic ``contacts``: an import of 100,000 people through the running service, and a caller looked up among 1,000,000."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

from ari_app.clock import SystemClock
from ari_app.control import NotRunningError, service_status
from ari_app.threads import Store
from ari_app.threads.persons import sort_key
from tests.bench import threads_made
from tests.bench.portal import _free_port as free_port
from tests.bench.radio import PYTHON, end
from tests.bench.report import Row, percentile
from tests.lab.root import LabError
from tests.lab.stage import CHECKOUT, toml

__all__ = ["measure"]

Say = Callable[[str], None]
_FIRST = ("Marie", "Zoé", "Éric", "Hélène", "Jean", "Anne", "Omar", "Li", "Priya", "Noémie")
_LAST = ("Tremblay", "Côté", "Lefèvre", "Roy", "Gagnon", "Nguyen", "Bélanger", "Smith", "Haddad", "Gagné")
_AREAS = ("514", "438", "450", "579")
_WORDS = ("tremb", "marie t", "zoe cote", "c", "514555", "D77", "nguyen", "0142", "gagne helene", "b")
"""As typed: beginnings of names with and without accents, digits, an id."""
_HEADER = ("No dossier", "Prénom", "Nom", "Cellulaire", "Tél. maison", "Langue", "Étiquettes")


def _person(index: int) -> tuple[str, str, str, str]:
    """First and last name, and two numbers nobody else has."""
    area, local = _AREAS[index // 2 % 4], 2_000_000 + index
    return _FIRST[index % 10], f"{_LAST[index // 10 % 10]}-{_LAST[index // 100 % 10]}", f"{area}{local:07}", f"819{local:07}"


async def measure(say: Say, *, quick: bool = False) -> list[Row]:
    """Both sections. ``quick``: little of everything, to see that it runs."""
    with tempfile.TemporaryDirectory(prefix="textback-contacts-") as folder:
        imported = await importing(Path(folder), say, people=2_000 if quick else 100_000)
        return [*imported, *await looking(Path(folder), say, people=20_000 if quick else 1_000_000, asked=100 if quick else 1_000)]


async def importing(folder: Path, say: Say, *, people: int) -> list[Row]:
    """Seconds of ``textback contacts import`` from start to exit while the service runs; beside what csv and sqlite3 alone would take."""
    path = folder / "clients.csv"
    _write_csv(path, people)
    async with _service(folder) as (config, store):
        say(f"importing {people} people")
        took, done = await _import(config, path)
        if done["added"] != people or done["refused"]:
            raise LabError(f"{done['added']} of {people} were added, {done['refused']} rows refused")
        say("the same file again")
        again, done = await _import(config, path)
        if done["unchanged"] != people:
            raise LabError(f"{people - done['unchanged']} of {people} were not as they are")
        lag = (await service_status(store)).loop_lag_ms_p99
    floor = _floor(folder, path)
    return [
        Row(
            figure="import_100k_s" if people == 100_000 else "import_s", unit=f"s, {people} people", ours=round(took, 1), limit=60,
            peers={"csv and sqlite3 alone": round(floor, 1)}, ratio=round(took / floor, 1),
        ),
        Row(figure="import_rows_per_s", unit="rows/s", ours=round(people / took)),
        Row(figure="import_again_s", unit="s, the same file: nothing changes", ours=round(again, 1)),
        Row(figure="import_loop_lag_ms_p99", unit="ms the service's event loop was late meanwhile", ours=lag, limit=20),
    ]  # fmt: skip


def _write_csv(path: Path, people: int) -> None:
    with path.open("w", encoding="cp1252", newline="") as out:
        write = csv.writer(out, delimiter=";").writerow
        write(_HEADER)
        for index in range(people):
            first, last, mobile, home = _person(index)
            shown = f"({mobile[:3]}) {mobile[3:6]}-{mobile[6:]}"
            write((f"D{index}", first, last, shown, home if index % 2 else "", "F" if index % 3 else "A", "VIP" if index % 50 == 0 else ""))


def _floor(folder: Path, path: Path) -> float:
    """The same rows read by csv and inserted by sqlite3 into the same tables, in one transaction, numbers as they stand."""
    store = folder / "floor.db"
    with closing(sqlite3.connect(folder / "textback.db")) as made, closing(sqlite3.connect(store, isolation_level=None)) as db:
        tables = made.execute(
            "SELECT sql FROM sqlite_master WHERE name IN ('person', 'person_number') OR (type = 'index' AND tbl_name LIKE 'person%')"
        ).fetchall()
        for (sql,) in tables:
            if sql is not None:
                db.execute(sql)
        db.execute("PRAGMA journal_mode=WAL")
        began = time.perf_counter()
        with path.open(encoding="cp1252", newline="") as file:
            rows = csv.reader(file, delimiter=";")
            next(rows)
            db.execute("BEGIN")
            for index, (external, first, last, mobile, home, language, tags) in enumerate(rows, 1):
                name = f"{first} {last}"
                db.execute(
                    "INSERT INTO person (id, external, source, name, kind, language, tags, created, changed, sort) "
                    "VALUES (?, ?, 'import', ?, 'client', ?, ?, '', '', ?)",
                    (index, external, name, language, tags, name.lower()),
                )
                for position, number in enumerate(each for each in (mobile, home) if each):
                    db.execute("INSERT INTO person_number (person, number, position) VALUES (?, ?, ?)", (index, number, position))
            db.execute("COMMIT")
        return time.perf_counter() - began


async def looking(folder: Path, say: Say, *, people: int, asked: int) -> list[Row]:
    """Milliseconds from the question to its answer, through the store as routes and pages ask it, one at a time."""
    path = folder / "large.db"
    say(f"making a store of {people} people")
    await threads_made.make(path, threads=people // 50, messages=people // 20)
    numbers = await asyncio.to_thread(_fill, path, people)
    dice = random.Random(5)  # noqa: S311
    store = Store(path, SystemClock(), read_only=True)
    await store.open()
    try:
        say(f"{asked} questions of each, mixed")
        questions: dict[str, Callable[[], Awaitable[Any]]] = {
            "one": lambda: store._database.read(lambda reader: reader.value("SELECT 1")),
            "lookup": lambda: store.contacts.caller(dice.choice(numbers) if dice.random() < 0.8 else f"+1418{dice.randrange(10**7):07}"),
            "contact_search": lambda: store.contacts.find(dice.choice(_WORDS), limit=50),
        }
        taken: dict[str, list[float]] = {name: [] for name in questions}
        for turn in range(asked + 20):
            for name, ask in questions.items():
                began = time.perf_counter()
                await ask()
                if turn >= 20:
                    taken[name].append((time.perf_counter() - began) * 1000)
    finally:
        await store.close()
    base = percentile(taken["one"], 0.95)
    return [
        Row(figure="lookup_people", unit="people", ours=people),
        *(
            Row(
                figure=f"{name}_ms_p{share}", unit="ms", ours=round(percentile(taken[name], share / 100), 2),
                limit=limit if share == 95 else None, peers={"SELECT 1": round(base, 2)} if share == 95 else {},
                ratio=round(percentile(taken[name], 0.95) / base, 1) if share == 95 else None,
            )
            for name, limit in (("lookup", 5), ("contact_search", 50))
            for share in (50, 95)
        ),
    ]  # fmt: skip


def _fill(path: Path, people: int) -> list[str]:
    """More people, until there are so many; some of their numbers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'person_fts_insert'").fetchone()
        db.execute("DROP TRIGGER person_fts_insert")
        there = db.execute("SELECT coalesce(max(id), 0) FROM person").fetchone()[0]
        for start in range(there + 1, people + 1, 20_000):
            made = [(index, *_person(index)) for index in range(start, min(start + 20_000, people + 1))]
            db.executemany(
                "INSERT INTO person (id, external, source, name, kind, created, changed, sort) "
                "VALUES (?, ?, 'sync', ?, 'client', '', ?, ?)",
                [
                    (index, f"E{index}", f"{first} {last}", "2026-03-02T15:00:00.000000Z", sort_key(f"{first} {last}"))
                    for index, first, last, _, _ in made
                ],
            )
            db.executemany(
                "INSERT INTO person_number (person, number, position) VALUES (?, ?, 0)",
                [(index, f"+1{mobile}") for index, _, _, mobile, _ in made],
            )
        db.execute(trigger)
        db.execute("INSERT INTO person_fts (person_fts) VALUES ('rebuild')")
        db.execute("COMMIT")
        db.execute("ANALYZE")
        numbers = [row[0] for row in db.execute("SELECT number FROM person_number WHERE person % 97 = 0")]
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return numbers


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[tuple[Path, Path]]:
    """The real service, its PBX away and without a modem: its settings file and its store."""
    config, store = folder / "textback.toml", folder / "textback.db"
    settings = {
        "clinic": {"name": "Clinique du Banc", "number": "+15145550100"},
        "pbx": {"ari": f"http://127.0.0.1:{free_port()}", "username": "nobody", "password": "none"},
        "reply": {"mode": "watch"},
        "store": {"path": str(store)},
        "agi": {"listen": f"127.0.0.1:{free_port()}", "sounds": str(folder / "sounds")},
        "portal": {"listen": f"127.0.0.1:{free_port()}"},
    }
    config.write_text(toml(settings), encoding="utf-8")
    with (folder / "service.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-m", "ari_app", "--config", str(config), "run", cwd=CHECKOUT, stdout=asyncio.subprocess.DEVNULL, stderr=log
        )
    try:
        async with asyncio.timeout(60):
            while True:
                with suppress(NotRunningError):
                    await service_status(store)
                    break
                await asyncio.sleep(0.05)
        yield config, store
    except TimeoutError:
        raise LabError("the service did not start within 60 s") from None
    finally:
        await end(process)


async def _import(config: Path, path: Path) -> tuple[float, dict[str, Any]]:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-m", "ari_app", "--config", str(config), "contacts", "import", str(path), "--json",
        cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    took = time.perf_counter() - began
    if process.returncode:
        raise LabError(f"the import ended with {process.returncode}: {(out + err).decode().strip()}")
    return took, json.loads(out)
