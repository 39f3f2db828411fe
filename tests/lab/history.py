"""textback that was not there while the scenarios were played: what the PBX's own records made of them, beside the live rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app.clock import SystemClock
from ari_app.model import Call, Outcome
from ari_app.threads.rows import call_of
from ari_app.threads.store import Store
from tests.lab.lab import Lab
from tests.lab.played import Played
from tests.lab.root import LabError
from tests.lab.scenarios import TABLE
from tests.lab.stage import Stage, stage, until

__all__ = [
    "FIELDS",
    "After",
    "Agreement",
    "agreement",
    "begin_store",
    "cdr_alone",
    "differences",
    "filed",
    "handed_over",
    "table",
    "told_after",
    "waiting",
    "with_cel",
]

FIELDS = (
    "outcome", "answered_by", "reached", "caller", "did", "caller_hung_up", "voicemail_left", "handed_on", "machine", "presentation",
)  # fmt: skip
"""Of a call, what must be told alike; its times may differ by what the records round away."""
ROUNDED = 2.0
"""Seconds: CDR keeps whole ones, of a start and of a length."""
_CELL = 48
_EVERYBODY = {"min_ring": "1ms", "delay": "1ms", "burst": 100_000, "daily_limit": 100_000}
"""So that whoever may be texted is, at once."""


@dataclass(slots=True)
class After:
    """What a service that was started after the calls has, once it has caught up."""

    calls: dict[str, Call] = field(default_factory=dict)
    """By id."""
    replied: set[str] = field(default_factory=set)
    """Ids of calls that a text was decided for."""
    texts: Counter[str] = field(default_factory=Counter)
    """Number -> PDUs that the simulated modem was given for it."""
    verified: int = -1
    """Exit status of ``textback verify --calls``."""
    said: str = ""
    """… and what it said."""


def cdr_alone(lab: Lab, **keys: Any) -> dict[str, Any]:
    """[pbx] of a PBX that keeps call detail records and nothing else. ``keys``: more of [pbx.cdr]."""
    return {"cdr": {"csv": str(lab.cdr), **keys}}


def with_cel(lab: Lab, **keys: Any) -> dict[str, Any]:
    """[pbx] of one that keeps the channel event log too."""
    return {**cdr_alone(lab, **keys), "cel": {"csv": str(lab.cel)}}


async def begin_store(folder: Path) -> None:
    """textback was here and has gone: from the next second on it is to have every call. Records keep whole seconds."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 (before anything runs)
    store = Store(folder / "textback.db", SystemClock())
    await store.open()
    await store.close()
    await asyncio.sleep(1.0 - time.time() % 1.0)


async def told_after(lab: Lab, folder: Path, pbx: Mapping[str, Any], expected: Sequence[Call], *, patience: float = 30.0) -> After:
    """Start the service on the store begun in ``folder``; what it has once the ``expected`` calls are filed and nothing waits to be sent.

    Calls that never come are for the caller to tell. ``pbx``: keys laid over the lab's [pbx].
    """
    before = len(handed_over(lab))
    async with stage(lab, folder, {"pbx": pbx, "reply": _EVERYBODY}) as staged:
        wanted = {call.id for call in expected}
        with contextlib.suppress(LabError):
            await until("every call filed", lambda: wanted <= filed(staged).keys(), patience)
        await until("every text sent", lambda: not waiting(staged), patience * 2)
        after = After(texts=Counter(handed_over(lab)[before:]))
        after.verified, said, wrong = await staged.run("verify", "--calls")
        after.said = said + wrong
        for ident, row in filed(staged).items():
            after.calls[ident] = call_of(row)
            if row["decision"] == "reply":
                after.replied.add(ident)
    return after


def differences(live: Call, told: Call | None) -> dict[str, str]:
    """What the records tell otherwise than the watcher did: field -> how they have it; all in "id" where they have no such call."""
    if told is None:
        return {"id": "missing"}
    found = {name: f"{name} {getattr(told, name)}" for name in FIELDS if getattr(told, name) != getattr(live, name)}
    for name in ("started", "ended"):
        apart = (getattr(told, name) - getattr(live, name)).total_seconds()
        if abs(apart) > ROUNDED:
            found[name] = f"{name} {apart:+.1f} s"
    if abs(told.rang - live.rang) > ROUNDED:
        found["rang"] = f"rang {told.rang:.1f} s"
    return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``calls`` that a watcher saw, how many records tell alike."""

    calls: int
    rows: int
    """Alike in every field."""
    outcome: int
    """Answered, and by whom, or missed, as live."""
    unseen: int
    """The records do not decide it."""
    wrong: int
    missing: int


def agreement(calls: Sequence[Call], after: After) -> Agreement:
    told = [(call, after.calls[call.id]) for call in calls if call.id in after.calls]
    outcome = sum((each.outcome, each.answered_by) == (call.outcome, call.answered_by) for call, each in told)
    unseen = sum(each.outcome is Outcome.UNSEEN for call, each in told if call.outcome is not Outcome.UNSEEN)
    return Agreement(
        calls=len(calls),
        rows=sum(not differences(call, each) for call, each in told),
        outcome=outcome,
        unseen=unseen,
        wrong=len(told) - outcome - unseen,
        missing=len(calls) - len(told),
    )


def table(played: Played, sources: Mapping[str, After]) -> list[str]:
    """Rows and agreement, a line per call: the scenario, what the live watcher said, and where each source differs."""
    width = max(len(scenario.name) for scenario in TABLE)
    lines = [f"{'scenario':{width}}  {'live':22}  " + "  ".join(f"{name:{_CELL}}" for name in sources)]
    for scenario in TABLE:
        for call in played.of(scenario):
            cells = []
            for after in sources.values():
                differs = differences(call, after.calls.get(call.id)).values()
                texted = " (texted)" if call.id in after.replied else ""
                cells.append(f"{('; '.join(differs) or 'the same') + texted:{_CELL}}")
            lines.append(f"{scenario.name:{width}}  {_short(call):22}  " + "  ".join(cells))
    for name, after in sources.items():
        agreed = agreement(played.all_calls, after)
        lines.append(
            f"{name}: of {agreed.calls} calls {agreed.outcome} with the same outcome, {agreed.rows} with the same row, "
            f"{agreed.unseen} unseen, {agreed.wrong} told otherwise, {agreed.missing} missing; {sum(after.texts.values())} texts"
        )
        lines.append(f"  textback verify --calls: {' '.join(after.said.split())}")
    return [line.rstrip() for line in lines]


def _short(call: Call) -> str:
    return f"{call.outcome} {call.answered_by or call.reached}"


def filed(staged: Stage) -> dict[str, sqlite3.Row]:
    """Rows of calls in the store, by id."""
    with contextlib.closing(sqlite3.connect(f"file:{staged.store}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return {row["id"]: row for row in connection.execute("SELECT * FROM call")}


def waiting(staged: Stage) -> bool:
    """Is a text still to go, or a decision to be made final."""
    with contextlib.closing(sqlite3.connect(f"file:{staged.store}?mode=ro", uri=True)) as connection:
        texts = "SELECT 1 FROM message WHERE direction = 'out' AND state IN ('queued', 'sending')"
        return connection.execute(f"{texts} UNION ALL SELECT 1 FROM call WHERE decision = 'pending'").fetchone() is not None  # noqa: S608


def handed_over(lab: Lab) -> list[str]:
    """Numbers of the PDUs given to the lab's modem so far, in turn."""
    if not lab.modem_journal.exists():
        return []
    entries = (json.loads(line) for line in lab.modem_journal.read_text(encoding="utf-8").splitlines())
    return [entry["number"] for entry in entries if entry["event"] == "ctrl_z"]
