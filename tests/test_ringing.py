"""Calls sent away over AMI: what becomes of one where that fails. The PBX's events are written by hand; its AMI fails on demand."""

from __future__ import annotations

import asyncio

import pytest

from ari_app.errors import PbxRequestError, PbxUnavailableError
from ari_app.model import Call, Outcome
from ari_app.pbx.ami import Ami
from ari_app.ringing import LiveCalls
from tests.pbx.fake_ami import Impatient, server
from tests.pbx.story import Story


class Watched:
    """The watcher's tracker at the time of a story."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def call_of(self, channel_id: str) -> Call | None:
        return self._story.tracker.call_of(channel_id, self._story.now)

    def bridged(self, channel_id: str) -> bool:
        return self._story.tracker.bridged(channel_id)

    def phones_of(self, call_id: str) -> tuple[str, ...]:
        return self._story.tracker.phones_of(call_id)

    def declined(self, call_id: str, *, on: bool = True) -> None:
        self._story.tracker.declined(call_id, on=on, now=self._story.now)


@pytest.mark.parametrize(
    ("answer", "error"),
    [("Error", PbxRequestError), (None, PbxUnavailableError)],
    ids=["refused", "the connection breaks"],
)
async def test_who_picks_up_a_call_that_could_not_be_sent_away_has_answered_it(answer: str | None, error: type[Exception]) -> None:
    story = Story()
    story.caller("c1")
    story.app("c1", "Dial")
    story.phone("a1", "c1")
    async with server() as (fake, settings):
        fake.messages["Getvar"] = "Result follows\r\nVariable: any\r\nValue: "
        fake.answers["Redirect"] = answer
        ami = Ami(settings, Impatient())
        up = asyncio.Event()
        ami.on_connected.append(up.set)
        running = asyncio.create_task(ami.run())
        try:
            async with asyncio.timeout(10):
                await up.wait()
            with pytest.raises(error):
                await LiveCalls(Watched(story), ami, "CA").send_away("c1")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert len(fake.actions("Redirect")) == 1
    story.answer("a1", "c1", "b1")
    assert story.hang_up("c1").outcome is Outcome.ANSWERED
