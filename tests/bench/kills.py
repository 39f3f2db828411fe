"""``kill -9`` of the service at random moments while calls come in, some of them answered.

What must hold, counted from the simulated modem's journal, Asterisk's own events and the store: no caller texted twice, no answered
caller texted, every call of Asterisk's listed, those too that came and went while the service was away, everybody else texted, nothing
left queued, ``unknown`` only and always where the PDU may have left and no report settled it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.pbx_clinic import PROMPT
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Phone
from tests.lab.stage import Stage, stage, until
from tests.lab.traffic import flood

__all__ = ["Outcome", "punish"]

RINGS, ANSWERED = "5145550105", "5145550106"
NETWORK_MS = 100
"""So long that a kill often falls between a PDU and its result."""


@dataclass
class Outcome:
    """What came of it."""

    kills: int = 0
    missed: int = 0
    """Unanswered calls placed."""
    answered: int = 0
    texted: int = 0
    """Different callers with a text accepted by the network."""
    doubled: list[str] = field(default_factory=list)
    answered_texted: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    """Calls that Asterisk reported, and that are not in the store."""
    untexted: list[str] = field(default_factory=list)
    """Unanswered callers without a text, and without one that may have gone."""
    stuck: list[str] = field(default_factory=list)
    """Texts still queued or sending at the end."""
    unknown: int = 0
    """Texts shown as unknown."""
    unknown_unsent: int = 0
    """… of which no Ctrl-Z arrived: the kill fell between the commit of the attempt and the PDU."""
    sent_unshown: list[str] = field(default_factory=list)
    """Texts whose Ctrl-Z arrived and whose row says that they did not go."""
    slowest_start_s: float = 0.0
    """Seconds from a kill to the service ready again."""


async def punish(lab: Lab, folder: Path, *, kills: int, say: Callable[[str], None], seed: int | None = None) -> Outcome:
    """Kill the service ``kills`` times under a steady stream of calls, then settle and count. Raises LabError where it cannot."""
    seed = random.randrange(1 << 30) if seed is None else seed  # noqa: S311 (moments, not secrets)
    say(f"seed {seed}")
    moments = random.Random(seed)  # noqa: S311
    changes = {"reply": PROMPT, "pbx": {"cel": {"csv": str(lab.cel)}}}
    phones = {"101": Phone("ring"), "102": Phone("answer", after=0.5)}
    events = len(lab.listener.heard)
    outcome = Outcome()
    async with stage(lab, folder, changes) as staged, lab.phones(phones):
        await staged.modem("latency", ms=NETWORK_MS)
        streaming = asyncio.create_task(_stream(staged, outcome, lambda: outcome.kills >= kills))
        try:
            while outcome.kills < kills:
                await asyncio.sleep(moments.uniform(0.3, 5.0))
                starts = staged.supervisor.starts
                staged.supervisor.kill()
                outcome.kills += 1
                killed = time.monotonic()
                await staged.supervisor.restarted(starts, within=60)
                outcome.slowest_start_s = max(outcome.slowest_start_s, time.monotonic() - killed)
                if outcome.kills % 10 == 0:
                    say(f"{outcome.kills} kills, {outcome.missed + outcome.answered} calls")
                if streaming.done():
                    await streaming  # it failed
        finally:
            await streaming
        await staged.ready(60)
        with contextlib.suppress(LabError):  # what is missing is what is counted
            await until("everything filed and sent", lambda: _settled(outcome, staged, lab.listener.heard[events:]), patience=120, pause=1)
        _count(outcome, staged, lab.listener.heard[events:])
    return outcome


async def _stream(staged: Stage, outcome: Outcome, enough: Callable[[], bool]) -> None:
    """Waves of 50 callers at once, each caller once: most nobody takes, some a phone answers. The next comes when the texts are out."""
    serial = 0
    while not enough():
        lost = [f"43820{serial + index:05d}" for index in range(44)]
        served = [f"45020{serial + index:05d}" for index in range(6)]
        serial += 44
        outcome.missed += len(lost)
        outcome.answered += len(served)
        await asyncio.gather(
            flood(staged.lab, RINGS, lost, rate=100, give_up=1.5),
            flood(staged.lab, ANSWERED, served, rate=20, give_up=8, talk=1.0),
        )
        await until("every call listed and an empty queue", lambda: _idle(staged, outcome), patience=180, pause=0.3)


async def _idle(staged: Stage, outcome: Outcome) -> bool:
    waits = _rows(staged.store, "SELECT id FROM message WHERE state IN ('queued', 'sending')")
    return not waits and len(_rows(staged.store, "SELECT id FROM call WHERE decision != 'pending'")) >= outcome.missed + outcome.answered


def _rows(path: Path, sql: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


async def _settled(outcome: Outcome, staged: Stage, heard: list[dict[str, Any]]) -> bool:
    _count(outcome, staged, heard)
    return not (outcome.unlisted or outcome.untexted or outcome.stuck)


def _count(outcome: Outcome, staged: Stage, heard: list[dict[str, Any]]) -> None:
    journal = [json.loads(line) for line in staged.lab.modem_journal.read_text(encoding="utf-8").splitlines()]
    left: dict[str, int] = {}
    for entry in journal:
        if entry["event"] == "ctrl_z":
            left[entry["number"]] = left.get(entry["number"], 0) + 1
    outcome.texted = len(left)
    outcome.doubled = sorted(number for number, count in left.items() if count > 1)
    outcome.answered_texted = sorted(number for number in left if number.startswith("+1450"))
    messages = _rows(
        staged.store, "SELECT m.id, m.state, t.number FROM message m JOIN thread t ON t.id = m.thread WHERE m.direction = 'out'"
    )
    outcome.stuck = sorted(row["number"] for row in messages if row["state"] in {"queued", "sending"})
    outcome.unknown = sum(row["state"] == "unknown" for row in messages)
    outcome.unknown_unsent = sum(row["state"] == "unknown" and row["number"] not in left for row in messages)
    went = {row["number"] for row in messages if row["state"] in {"sent", "delivered", "unknown"}}
    outcome.sent_unshown = sorted(set(left) - went)

    listed = {row["id"]: row["caller"] for row in _rows(staged.store, "SELECT id, caller FROM call")}
    unsure = {row["number"] for row in messages if row["state"] == "unknown"}
    outcome.untexted = sorted(number for number in set(listed.values()) if number.startswith("+1438") and number not in {*left, *unsure})
    placed = [event["channel"] for event in heard if event["type"] == "ChannelCreated" and event["channel"]["state"] == "Ring"]
    outcome.unlisted = [each["id"] for each in placed if each["dialplan"]["context"].startswith("from-trunk") and each["id"] not in listed]
