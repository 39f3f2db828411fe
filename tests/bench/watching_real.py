"""The watcher on a real Asterisk at the highest rate of calls that it and SIPp can do here: nothing lost, and what it costs."""

from __future__ import annotations

import asyncio
import csv
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.radio import rows
from tests.bench.report import Row
from tests.lab.lab import Lab
from tests.lab.root import LabError
from tests.lab.scripts import Phone
from tests.lab.stage import Stage, stage
from tests.lab.traffic import flood

__all__ = ["measure"]

MISSED, ANSWERED = "5145550105", "5145550106"
"""Their phones: one rings until the caller gives up, one answers."""
_RINGS, _PICKS_UP, _TALKS, _SPEAKS = 2.0, 1.0, 3.0, 20.0
"""Seconds."""
_SPEAKING = 10.0
"""Calls a second with speech: more streams than these SIPp does not play."""
_FIRST, _STEP, _MOST = 10.0, 1.4, 400.0
"""Calls a second: the first rate tried, what the next one is multiplied by, the last."""
_TRIED = 6.0
"""Seconds that a rate is tried for."""
_LATE = 1.5
"""Seconds after their time that the calls of a rate the PBX keeps up with are over."""
_PHONES = {"101": Phone("ring"), "102": Phone("answer", after=_PICKS_UP)}
_IDLE = 10.0


@dataclass(frozen=True, slots=True)
class _Cpu:
    """Seconds of CPU used so far."""

    ours: float
    asterisk: float

    @classmethod
    def now(cls, staged: Stage) -> _Cpu:
        return cls(_cpu(staged.supervisor.pid), _cpu(staged.lab.asterisk_pid))

    def since(self, before: _Cpu) -> _Cpu:
        return _Cpu(self.ours - before.ours, self.asterisk - before.asterisk)


async def measure(say: Callable[[str], None], *, quick: bool = False, line: str = "22", rate: float | None = None) -> list[Row]:
    """Half of the calls are answered. Raises LabError when not even the first rate is kept up with."""
    seconds = 10.0 if quick else 60.0
    lab = await Lab.up(line, f"watch{line}", progress=say)
    try:
        # whoever else listens costs Asterisk as much again
        await lab.listener.close()
        await lab.ami.action("Events", EventMask="off")
        await _many_rtp_ports(lab)
        with tempfile.TemporaryDirectory(prefix="textback-bench-") as folder:
            # every call is decided and filed; no text leaves, so that no modem sets the pace
            async with stage(lab, Path(folder), {"reply": {"mode": "watch"}}) as staged, lab.phones(_PHONES):
                rate = rate or await _highest(staged, say)
                return [*await _at(staged, rate, seconds, say), await _with_speech(staged, seconds / 2, say)]
    finally:
        await lab.down()


async def _many_rtp_ports(lab: Lab) -> None:
    """The lab's few hundred ports of its own would be the limit: Asterisk's usual ten thousand."""
    (lab.record.folder / "asterisk/etc/rtp.conf").write_text("[general]\nrtpstart = 10000\nrtpend = 20000\n", encoding="ascii")
    await lab.ami.command("module reload res_rtp_asterisk.so")


async def _highest(staged: Stage, say: Callable[[str], None]) -> float:
    kept, rate = 0.0, _FIRST
    while rate <= _MOST:
        had = _compared(staged)[0]
        late = await _calls(staged.lab, rate, _TRIED)
        refused = _count(rate, _TRIED) * 2 - ((await _settled(staged))[0] - had)
        say(f"{rate:.0f} calls a second for {_TRIED:g} s: over {late:.1f} s late, {refused} not taken")
        if late > _LATE or refused:
            break
        kept, rate = rate, rate * _STEP
    if not kept:
        raise LabError(f"Asterisk and SIPp do not do {_FIRST:g} calls a second here", "end what else runs on this machine")
    return kept


def _count(rate: float, seconds: float) -> int:
    """Calls of each kind."""
    return max(1, math.ceil(rate * seconds / 2))


async def _calls(lab: Lab, rate: float, seconds: float, *, speech: bool = False) -> float:
    """Half that ring until their caller gives up, half that are answered, ``rate`` together; how late the last one was over, in s.

    ``speech``: who is answered speaks, for as long as a short talk lasts; else nobody says a word.
    """
    count, talk = _count(rate, seconds), _SPEAKS if speech else _TALKS
    audio = str(lab.record.folder / "talking.ulaw") if speech else None
    began = time.monotonic()
    await asyncio.gather(
        flood(lab, MISSED, [f"43855{index:05d}" for index in range(count)], rate=rate / 2, give_up=_RINGS, patience=seconds + 60),
        flood(lab, ANSWERED, [f"43856{index:05d}" for index in range(count)], rate=rate / 2, talk=talk, audio=audio, patience=seconds + 60),
    )
    return time.monotonic() - began - seconds - _PICKS_UP - talk


async def _at(staged: Stage, rate: float, seconds: float, say: Callable[[str], None]) -> list[Row]:
    before = _Cpu.now(staged)
    await asyncio.sleep(_IDLE)
    idle = _Cpu.now(staged).since(before)
    had = len(rows(staged.store, "SELECT id FROM call"))
    say(f"{rate:.0f} calls a second for {seconds:g} s")
    before, began = _Cpu.now(staged), time.monotonic()
    late = await _calls(staged.lab, rate, seconds)
    busy, took = _Cpu.now(staged).since(before), time.monotonic() - began
    filed_by = time.monotonic()
    told, lost, wrong = await _settled(staged)
    behind = time.monotonic() - filed_by
    after = _Cpu.now(staged).since(before)
    calls = told - had
    log = staged.log.read_text(encoding="utf-8", errors="replace")
    say(f"idle {idle.ours / _IDLE * 100:.2f} % ours, {idle.asterisk / _IDLE * 100:.2f} % Asterisk's; busy {busy} of {took:.1f} s")
    return [
        Row(figure="calls_not_taken", unit="calls", ours=_count(rate, seconds) * 2 - calls),
        Row(figure="calls_per_s", unit="calls/s", ours=round(calls / seconds, 1)),
        Row(figure="late", unit="s", ours=round(late, 2)),
        Row(figure="calls", unit="calls", ours=calls),
        Row(figure="calls_lost", unit="calls", ours=lost, limit=0),
        Row(figure="calls_told_otherwise", unit="calls", ours=wrong, limit=0),
        Row(figure="disconnects", unit="times", ours=log.count("pbx_disconnected"), limit=0),
        Row(figure="filed_after", unit="s after the last call", ours=round(behind, 2)),
        Row(figure="cpu_share_of_asterisk", unit="ours / Asterisk's", ours=round(after.ours / after.asterisk, 3), limit=0.15),
        Row(figure="own_cpu_ms_per_call", unit="ms", ours=round(after.ours / calls * 1000, 2)),
        Row(figure="asterisk_cpu_ms_per_call", unit="ms", ours=round(after.asterisk / calls * 1000, 2)),
        Row(figure="own_cpu_idle", unit="ms/s", ours=round(idle.ours / _IDLE * 1000, 2)),
    ]


async def _with_speech(staged: Stage, seconds: float, say: Callable[[str], None]) -> Row:
    """The same share where callers speak, as they do: what a PBX works most on."""
    say(f"{_SPEAKING:g} calls a second with {_SPEAKS:g} s of speech for {seconds:g} s")
    before = _Cpu.now(staged)
    await _calls(staged.lab, _SPEAKING, seconds, speech=True)
    await _settled(staged)
    spent = _Cpu.now(staged).since(before)
    return Row(figure="cpu_share_with_speech", unit="ours / Asterisk's", ours=round(spent.ours / spent.asterisk, 3))


async def _settled(staged: Stage) -> tuple[int, int, int]:
    """Once nothing changes any more: inbound calls in the PBX's own records, those of them without a row, those told otherwise."""
    found = (-1, -1, -1)
    try:
        async with asyncio.timeout(30):
            while True:
                before, found = found, _compared(staged)
                if found == before and not found[1]:
                    return found
                await asyncio.sleep(0.5)
    except TimeoutError:
        return found


def _compared(staged: Stage) -> tuple[int, int, int]:
    answered: dict[str, bool] = {}
    if not staged.lab.cdr.exists():
        return 0, 0, 0
    with staged.lab.cdr.open(encoding="utf-8", newline="") as file:
        for record in csv.reader(file):
            if record[5].startswith("PJSIP/trunk-"):
                answered[record[16]] = answered.get(record[16], False) or (record[14] == "ANSWERED" and record[6] != "")
    ours = {row["id"]: row["outcome"] for row in rows(staged.store, "SELECT id, outcome FROM call")}
    lost = [each for each in answered if each not in ours]
    wrong = [each for each, was in answered.items() if each in ours and ours[each] != ("answered" if was else "missed")]
    return len(answered), len(lost), len(wrong)


def _cpu(pid: int) -> float:
    """Seconds of CPU a process has used (proc(5), fields utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
