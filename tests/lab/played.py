"""All scenarios played once with a watcher beside them: what it said of every call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ari_app.clock import SystemClock
from ari_app.model import Call, OutgoingCall
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import Attached, CallEnded, OutgoingEnded, Output
from ari_app.pbx.watch import Watch
from ari_app.settings import load
from tests.lab.lab import Lab
from tests.lab.runner import play_all
from tests.lab.scenario import Scenario
from tests.lab.scenarios import TABLE, numbers_of

__all__ = ["Played", "play_watched"]


@dataclass
class Played:
    """What the watcher said of the scenarios."""

    problems: dict[str, str | None] = field(default_factory=dict)
    """Scenario -> what went wrong with the playing, None where it was played to the end."""
    calls: dict[str, list[Call]] = field(default_factory=dict)
    """By DID."""
    outgoing: dict[str, list[OutgoingCall]] = field(default_factory=dict)
    """By number dialled."""
    log: str = ""
    """Asterisk's own warnings and errors."""

    @property
    def all_calls(self) -> list[Call]:
        return [call for calls in self.calls.values() for call in calls]

    def of(self, scenario: Scenario) -> list[Call]:
        return sorted(self.calls.get(numbers_of(scenario).did, []), key=lambda call: (call.started, call.id))


async def play_watched(lab: Lab, scenarios: Iterable[Scenario] = TABLE) -> Played:
    """Play them side by side with a watcher connected. Raises TimeoutError where it does not connect."""
    settings, scenarios = load(lab.record.folder / "textback.toml"), tuple(scenarios)
    seen, attached, ended = Played(), asyncio.Event(), asyncio.Event()

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
        seen.problems = await play_all(lab, scenarios)
        expected = {numbers_of(each).did: len(each.rows) for each in scenarios if seen.problems[each.name] is None}
        # the last events may still be on their way; a row that never comes is for its own test to tell
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                while any(len(seen.calls.get(did, [])) < count for did, count in expected.items()):
                    ended.clear()
                    await ended.wait()
        seen.log = lab.log.read_text(encoding="utf-8", errors="replace")
        return seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
