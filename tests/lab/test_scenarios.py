"""Every scenario of issue 2, section 3, on the real Asterisk 22 and 16: the exact row each call must come to.

All are played side by side on one Asterisk with one watcher, once a version; each test then looks at its own scenario. The dialplan knows
nothing of textback.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from ari_app.clock import SystemClock
from ari_app.model import Call, OutgoingCall
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import Attached, CallEnded, OutgoingEnded, Output
from ari_app.pbx.watch import Watch
from ari_app.settings import load
from tests.lab.judging import assert_rows
from tests.lab.lab import Lab
from tests.lab.runner import play_all
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@dataclass
class Played:
    """What the watcher said of all scenarios."""

    problems: dict[str, str | None]
    calls: dict[str, list[Call]] = field(default_factory=dict)
    """By DID."""
    outgoing: dict[str, list[OutgoingCall]] = field(default_factory=dict)
    """By number dialled."""
    log: str = ""
    """Asterisk's own warnings and errors."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(lab: Lab) -> AsyncIterator[Played]:
    """All scenarios, played with a watcher connected."""
    settings = load(lab.record.folder / "textback.toml")
    seen = Played({})
    attached, ended = asyncio.Event(), asyncio.Event()

    async def on_output(output: Output) -> None:
        if isinstance(output, Attached):
            attached.set()
        elif isinstance(output, CallEnded):
            seen.calls.setdefault(output.call.did, []).append(output.call)
            ended.set()
        elif isinstance(output, OutgoingEnded) and output.call.number is not None:
            seen.outgoing.setdefault(output.call.number, []).append(output.call)

    client = AriClient(settings.pbx, SystemClock())
    watch = Watch(settings, client, SystemClock(), on_output=on_output)
    task = asyncio.create_task(watch.run())
    try:
        await asyncio.wait_for(attached.wait(), 20)
        seen.problems = await play_all(lab, TABLE)
        expected = {numbers_of(each).did: len(each.rows) for each in TABLE if seen.problems[each.name] is None}
        # the last events may still be on their way; a row that never comes is for its own test to tell
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while any(len(seen.calls.get(did, [])) < count for did, count in expected.items()):
                    ended.clear()
                    await ended.wait()
        seen.log = lab.log.read_text(encoding="utf-8", errors="replace")
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


@pytest.mark.parametrize("scenario", TABLE, ids=lambda scenario: scenario.name)
async def test_scenario(played: Played, scenario: Scenario) -> None:
    """The scenario was played as written and came to exactly its rows."""
    assert played.problems[scenario.name] is None
    numbers = numbers_of(scenario)
    assert_rows(scenario, played.calls.get(numbers.did, []), played.outgoing.get(f"+1{numbers.mobile}", []))


async def test_asterisk_had_nothing_to_complain_of(played: Played) -> None:
    """No error in Asterisk's log but those the scenarios are about, and one chan_pjsip logs when both sides hang up at once."""
    meant = ("Is endpoint registered and reachable", "Failed to create outgoing session", "Session already DISCONNECTED")
    errors = [line for line in played.log.splitlines() if "] ERROR[" in line and not any(each in line for each in meant)]
    assert errors == []
