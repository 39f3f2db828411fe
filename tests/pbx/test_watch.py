"""The watcher: what it reads over REST, what it hands on, what it tells doctor. Against the fake server of fake_ari.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from ari_app.clock import SystemClock
from ari_app.errors import PbxReplacedError
from ari_app.model import Outcome, Presentation
from ari_app.pbx.ari import AriClient
from ari_app.pbx.outputs import AskPresentation, Attached, CallEnded, CallStarted, Detached, Output, StrangeContext, SwitchTurned
from ari_app.pbx.watch import Watch, switches_of
from ari_app.settings import Settings, parse
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri
from tests.pbx.story import Document, Story


def settings_for(fake: FakeAri, **pbx: Any) -> Settings:
    return parse(
        {
            "clinic": {"name": "Clinique", "number": "+15145550100"},
            "pbx": {"ari": fake.url, "username": USER, "password": PASSWORD, **pbx},
            "hours": {"follow": "Custom:DAYNIGHT1"},
        }
    )


class Run:
    """A watcher against a fake PBX, and what it said."""

    def __init__(self, fake: FakeAri, settings: Settings, ari: AriClient) -> None:
        self.fake = fake
        self.outputs: list[Output] = []
        self.watch = Watch(settings, ari, SystemClock(), on_output=self.take)
        self.task = asyncio.create_task(self.watch.run())

    async def take(self, output: Output) -> None:
        self.outputs.append(output)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not true():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.005)

    def of(self, kind: type[Any]) -> list[Any]:
        return [output for output in self.outputs if isinstance(output, kind)]


@asynccontextmanager
async def running(fake: FakeAri, **pbx: Any) -> AsyncIterator[Run]:
    settings = settings_for(fake, **pbx)
    ari = AriClient(settings.pbx, SystemClock(), device_states=switches_of(settings))
    run = Run(fake, settings, ari)
    try:
        await run.until(lambda: run.of(Attached) or run.of(Detached))
        yield run
    finally:
        run.task.cancel()
        await asyncio.gather(run.task, return_exceptions=True)
        await ari.close()


def now_story() -> Story:
    story = Story()
    story.now = datetime.now(UTC)
    return story


async def test_a_call_from_its_start_to_its_end() -> None:
    async with FakeAri.up() as fake:
        fake.devices = {"Custom:DAYNIGHT1": "INUSE"}
        async with running(fake) as run:
            assert run.of(SwitchTurned) == [SwitchTurned("Custom:DAYNIGHT1", "INUSE")]
            assert run.watch.switches == {"Custom:DAYNIGHT1": "INUSE"}
            story = now_story()
            story.caller()
            story.app("c1", "Dial")
            await fake.say(*story.documents)
            await run.until(lambda: run.watch.live_numbers == {"+15145551234"})
            ended: list[Document] = []
            story.documents = ended
            story.hang_up("c1")
            await fake.say(*ended)
            await run.until(lambda: run.of(CallEnded))
            (output,) = run.of(CallEnded)
            assert (output.call.outcome, output.call.presentation) == (Outcome.MISSED, Presentation.ALLOWED)
            assert output.call.switches == {"Custom:DAYNIGHT1": "INUSE"}
            assert run.watch.live_numbers == frozenset()
            assert run.of(AskPresentation) == []
            status = run.watch.status()
            assert (status.connected, status.reason, status.channelvars, status.live_calls) == (True, "", True, 0)
            assert status.events == len(story.documents) + 2
            assert status.lag is not None
            assert status.lag < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("value", "presentation"),
    [("prohib_not_screened", Presentation.PROHIBITED), ("allowed", Presentation.ALLOWED), (None, Presentation.UNKNOWN)],
)
async def test_presentation_is_asked_for_where_the_events_do_not_bring_it(value: str | None, presentation: Presentation) -> None:
    async with FakeAri.up() as fake, running(fake) as run:
        if value is not None:
            fake.variables = {("c1", "CALLERID(num-pres)"): value}
        story = now_story()
        story.caller(pres=None)
        story.app("c1", "Dial")
        await fake.say(*story.documents)
        asked = "GET /ari/channels/c1/variable?variable=CALLERID(num-pres)"
        await run.until(lambda: asked in fake.requests)
        await run.until(lambda: not run.watch._asking)
        story.documents = []
        story.hang_up("c1")
        await fake.say(*story.documents)
        await run.until(lambda: run.of(CallEnded))
        (output,) = run.of(CallEnded)
        assert output.call.presentation is presentation
        assert fake.requests.count(asked) == 1
        assert run.watch.status().channelvars is False


async def test_calls_that_were_up_before_are_found_by_their_endpoints_context() -> None:
    there = now_story()
    there.caller("c1", name="PJSIP/voipms-0000001a")
    there.app("c1", "Queue", "ext-queues")
    there.caller("c2", number="101", name="PJSIP/101-0000001b", context="from-internal")
    there.app("c2", "Dial")
    there.caller("c3", name="SIP/other-0000001c", number="4385550001", context="from-trunk-sip-other")
    there.create("o1", "PJSIP/voipms-0000001d", context="from-trunk", number="4505550000")
    there.app("o1", "AppDial")
    async with FakeAri.up() as fake:
        fake.channels = list(there.channels.values())
        fake.endpoints = {"voipms": "from-trunk", "101": "from-internal"}
        fake.variables = {("c1", "CALLERID(dnid)"): "5145550177", ("c3", "CALLERID(dnid)"): "5145550178"}
        async with running(fake) as run:
            assert [(said.id, said.did, said.number) for said in run.of(CallStarted)] == [
                ("c1", "5145550177", "+15145551234"),
                ("c3", "5145550178", "+14385550001"),
            ]
            (attached,) = run.of(Attached)
            assert attached.live == {"c1", "c3"}
            assert not [request for request in fake.requests if "/channels/c2/" in request or "/channels/o1/" in request]
            # at the next connection nothing is asked again of channels that are known
            asked = len([request for request in fake.requests if "variable" in request])
            await fake.close()
            await run.until(lambda: len(run.of(Attached)) == 2)
            assert len([request for request in fake.requests if "variable" in request]) == asked
            assert len(run.of(CallStarted)) == 2
            fake.channels = []
            await fake.close()
            await run.until(lambda: len(run.of(CallEnded)) == 2)
            assert {said.call.outcome for said in run.of(CallEnded)} == {Outcome.UNSEEN}


async def test_it_counts_as_connected_once_it_knows_who_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Automatic texts go from then on: before, a caller might be on the telephone of whom nothing is known."""
    there = now_story()
    there.caller("c1", name="PJSIP/voipms-0000001a")
    there.app("c1", "Queue", "ext-queues")
    async with FakeAri.up() as fake:
        fake.channels = list(there.channels.values())
        fake.endpoints = {"voipms": "from-trunk"}
        settings = settings_for(fake)
        ari = AriClient(settings.pbx, SystemClock())
        run = Run(fake, settings, ari)
        context, seen = ari.endpoint_context, list[tuple[bool, frozenset[str]]]()

        async def looked(endpoint: str) -> str | None:
            seen.append((run.watch.connected, run.watch.live_numbers))
            return await context(endpoint)

        monkeypatch.setattr(ari, "endpoint_context", looked)
        try:
            await run.until(lambda: run.of(Attached))
            assert seen == [(False, frozenset())]
            assert (run.watch.connected, run.watch.live_numbers) == (True, frozenset({"+15145551234"}))
        finally:
            run.task.cancel()
            await asyncio.gather(run.task, return_exceptions=True)
            await ari.close()


async def test_a_channel_listed_for_ever_holds_nobody_up() -> None:
    there = now_story()
    there.now -= timedelta(hours=7)
    there.caller("c1")
    async with FakeAri.up() as fake:
        fake.channels = list(there.channels.values())
        async with running(fake) as run:
            assert len(run.of(CallStarted)) == 1
            assert run.watch.live_numbers == frozenset()


async def test_a_gap_is_said_with_its_reason() -> None:
    async with FakeAri.up() as fake, running(fake) as run:
        fake.statuses = [503]
        await fake.close()
        await run.until(lambda: len(run.of(Attached)) == 2)
        reasons = [said.reason for said in run.of(Detached)]
        assert reasons == ["Asterisk closed the event socket (1001)", "Asterisk is still loading (503)"]
        await fake.stop()
        await run.until(lambda: "Connection refused" in run.watch.status().reason)
        assert not run.watch.connected


async def test_strange_contexts_are_said_once_and_kept_for_doctor() -> None:
    async with FakeAri.up() as fake, running(fake) as run:
        story = now_story()
        story.caller("a", context="from-mytrunk")
        story.caller("b", context="from-mytrunk")
        await fake.say(*story.documents)
        await run.until(lambda: run.watch.status().events == 2)
        assert run.of(StrangeContext) == [StrangeContext("from-mytrunk")]
        assert run.watch.strange_contexts == {"from-mytrunk"}


async def test_a_takeover_ends_the_watching() -> None:
    async with FakeAri.up() as fake, running(fake) as run:
        await fake.say({"type": "ApplicationReplaced"})
        with pytest.raises(PbxReplacedError):
            await asyncio.wait_for(run.task, 10)
        assert not run.watch.connected
        assert run.watch.status().reason == "stopped"
        # so that our lamps let those of the other one be
        assert isinstance(run.outputs[-1], Detached)
        assert len(run.of(Attached)) == 1


async def test_an_output_that_cannot_be_handled_is_no_silence() -> None:
    """What on_output raises ends the watching: a call that could not be kept must not pass as kept."""
    async with FakeAri.up() as fake, running(fake) as run:

        async def fail(_output: Output) -> None:
            raise OSError("disk full")

        run.watch._on_output = fail
        story = now_story()
        story.caller()
        await fake.say(*story.documents)
        with pytest.raises(OSError, match="disk full"):
            await asyncio.wait_for(run.task, 10)


async def test_numbers_are_shortened_in_logs() -> None:
    with structlog.testing.capture_logs() as logs:
        async with FakeAri.up() as fake, running(fake) as run:
            story = now_story()
            story.caller()
            story.hang_up("c1")
            await fake.say(*story.documents)
            await run.until(lambda: run.of(CallEnded))
    assert [entry["event"] for entry in logs if entry["event"].startswith("call_")] == ["call_started", "call_ended"]
    assert "5551234" not in str(logs)
