"""The PBX's own blacklist: under which keys a number may stand there, and what a PBX that does not answer comes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from ari_app.pbx import blacklist
from ari_app.pbx.ami import Ami
from tests.pbx.fake_ami import FakeAmi, Impatient, server


@pytest.mark.parametrize(
    ("presented", "keys"),
    [
        ("5145551234", ("5145551234", "15145551234", "+15145551234")),
        ("+15145551234", ("+15145551234", "5145551234", "15145551234")),
        ("(514) 555-1234", ("5145551234", "15145551234", "+15145551234")),
        ("+33145678901", ("+33145678901", "01133145678901", "33145678901")),
        ("", ()),
        ("anonymous", ()),
        ("911", ()),
    ],
)
def test_a_number_stands_there_as_the_trunk_shows_it_or_as_people_write_it(presented: str, keys: tuple[str, ...]) -> None:
    assert blacklist.keys(presented, "CA") == keys


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[FakeAmi, Ami]]:
    async with server() as (fake, settings):
        ami = Ami(settings, Impatient())
        up = asyncio.Event()
        ami.on_connected.append(up.set)
        running = asyncio.create_task(ami.run())
        try:
            async with asyncio.timeout(10):
                await up.wait()
            yield fake, ami
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_without_ami_and_without_a_number_nobody_is_listed() -> None:
    assert not await blacklist.listed(None, "5145551234", "CA")
    async with connected() as (fake, ami):
        assert not await blacklist.listed(ami, "anonymous", "CA")
        assert fake.actions("DBGet") == []


@pytest.mark.parametrize("answer", ["Error", "", None], ids=["refused", "silent", "hangs up"])
async def test_a_pbx_that_does_not_say_lists_nobody(answer: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blacklist, "_PATIENCE", 0.1)
    async with connected() as (fake, ami):
        fake.answers["DBGet"] = answer
        with capture_logs() as logs:
            assert not await blacklist.listed(ami, "5145551234", "CA")
        assert [each["event"] for each in logs if each["event"] == "blacklist_unread"] == ["blacklist_unread"]
        assert "5145551234" not in str(logs)
