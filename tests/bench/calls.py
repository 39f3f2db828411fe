"""Topic ``calls``: how fast a caller who hung up has a text at the radio, on a real Asterisk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.report import Row, percentile
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Phone
from tests.lab.stage import Stage, stage, until
from tests.lab.traffic import HangUps, flood

__all__ = ["OPEN", "measure"]

DID = "5145550105"
OPEN = {"reply": {"delay": "0s", "min_ring": "1s", "burst": 100000, "daily_limit": 100000}}
"""Nothing waits and nothing limits."""


async def measure(say: Callable[[str], None], *, calls: int = 200, rate: float = 5.0, line: str = "22") -> list[Row]:
    """``calls`` unanswered calls, ``rate`` a second: milliseconds from each CANCEL on the wire to the Ctrl-Z of its text.

    Raises LabError when a caller got no text, or two.
    """
    numbers = [f"43855{index:05d}" for index in range(calls)]
    lab = await Lab.up(line, f"bench{line}", progress=say)
    try:
        with tempfile.TemporaryDirectory(prefix="textback-bench-") as folder:
            async with stage(lab, Path(folder), OPEN) as staged, lab.phones({"101": Phone("ring")}):
                events = len(lab.listener.heard)
                before = [_cpu(pid) for pid in (staged.supervisor.pid, lab.asterisk_pid)]
                with HangUps(lab.record.ports.sip) as hung_up:
                    say(f"{calls} calls at {rate:g} a second on Asterisk {line}")
                    await flood(lab, DID, numbers, rate=rate, give_up=2.0, patience=calls / rate + 60)
                    stamps = await until("every text at the radio", lambda: _all_sent(staged, calls), patience=60)
                heard = len(lab.listener.heard) - events
                ours, asterisk = (_cpu(pid) - was for pid, was in zip((staged.supervisor.pid, lab.asterisk_pid), before, strict=True))
    finally:
        await lab.down()
    missing = [number for number in numbers if "+1" + number not in stamps or number not in hung_up.at]
    doubled = [number for number, times in stamps.items() if len(times) > 1]
    if missing or doubled:
        raise LabError(f"{len(missing)} callers without a text or a hang-up, {len(doubled)} with two texts")
    taken = [(stamps["+1" + number][0] - hung_up.at[number]) * 1000 for number in numbers]
    p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
    return [
        Row(figure="hangup_to_pdu_ms_p50", unit="ms", ours=round(p50, 2), limit=20, ratio=round(p50 / 20, 3)),
        Row(figure="hangup_to_pdu_ms_p99", unit="ms", ours=round(p99, 2), limit=100, ratio=round(p99 / 100, 3)),
        Row(figure="hangup_to_pdu_ms_max", unit="ms", ours=round(max(taken), 2)),
        Row(figure="cpu_share_of_asterisk", unit="ours / Asterisk's", ours=round(ours / asterisk, 3)),
        Row(figure="calls", unit="calls", ours=len(taken)),
        Row(figure="asterisk_events", unit="events", ours=heard),
        Row(figure="doubled", unit="texts", ours=0, limit=0),
        Row(figure="lost", unit="texts", ours=0, limit=0),
    ]


def _cpu(pid: int) -> float:
    """Seconds of CPU a process has used (proc(5), fields utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _all_sent(staged: Stage, count: int) -> dict[str, list[float]] | None:
    """Number → monotonic times of its Ctrl-Z, once all are there."""
    stamps: dict[str, list[float]] = {}
    for text in staged.lab.modem_journal.read_text(encoding="utf-8").splitlines():
        if '"event": "ctrl_z"' in text:
            entry = json.loads(text)
            stamps.setdefault(entry["number"], []).append(entry["t"])
    return stamps if len(stamps) >= count else None
