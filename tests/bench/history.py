"""Topic ``history``: every call scenario played on a real Asterisk while textback was away, and what the PBX's records make of it after.

Beside each other: a watcher that was there, the channel event log, and call detail records alone (tests/lab/history.py).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from ari_app.model import Outcome
from tests.bench.report import Row
from tests.lab.history import agreement, begin_store, cdr_alone, table, told_after, with_cel
from tests.lab.lab import Lab
from tests.lab.played import play_watched
from tests.lab.root import LabError

__all__ = ["measure"]

Say = Callable[[str], None]


async def measure(say: Say) -> list[Row]:
    """On Asterisk 22; about two minutes. Raises LabError where a scenario cannot be played."""
    lab = await Lab.up("22", f"history-{os.getpid()}", progress=say)
    try:
        with tempfile.TemporaryDirectory(prefix="textback-history-") as folder:
            return await _measured(lab, Path(folder), say)
    finally:
        await lab.down()


async def _measured(lab: Lab, folder: Path, say: Say) -> list[Row]:
    kept = {"cel": with_cel(lab), "cdr": cdr_alone(lab)}
    for name in kept:
        await begin_store(folder / name)
    played = await play_watched(lab)
    if wrong := [f"{name}: {said}" for name, said in played.problems.items() if said is not None]:
        raise LabError(f"not played as written: {'; '.join(wrong)}", "try again on a machine that does less")
    calls = played.all_calls
    after = {name: await told_after(lab, folder / name, pbx, calls) for name, pbx in kept.items()}
    for line in table(played, after):
        say(line)
    answered = {call.id for call in calls if call.outcome is Outcome.ANSWERED}
    rows = []
    for name, told in after.items():
        agreed = agreement(calls, told)
        rows += [
            Row(figure=f"agree_{name}", unit="% of outcomes as live", ours=round(100 * agreed.outcome / agreed.calls, 1)),
            Row(figure=f"same_row_{name}", unit="% of rows as live, in every field", ours=round(100 * agreed.rows / agreed.calls, 1)),
            Row(figure=f"unseen_{name}", unit="calls the records do not decide", ours=agreed.unseen),
            Row(figure=f"answered_texted_{name}", unit="answered calls texted", ours=len(answered & told.replied), limit=0),
            Row(figure=f"doubled_{name}", unit="callers texted twice", ours=sum(n > 1 for n in told.texts.values()), limit=0),
            Row(figure=f"missing_rows_{name}", unit="calls without a row", ours=agreed.missing, limit=0),
            Row(figure=f"differences_{name}", unit="exit status of verify --calls", ours=told.verified, limit=0),
        ]
    return rows
