"""Whose application name it is, and what a password that changes comes to: against a server that does as it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError, PbxReplacedError
from ari_app.pbx import ari as ari_module
from ari_app.pbx.ari import AriClient
from ari_app.pbx.events import Connected, Disconnected
from ari_app.settings import PbxSettings
from tests.pbx.fake_ari import PASSWORD, USER, FakeAri
from tests.pbx.test_ari import client, connected

HERE, THERE = "here, /var/lib/textback/textback.db", "there, /var/lib/textback/textback.db"


async def refused(fake: FakeAri, owner: str) -> str:
    ari = client(fake, owner=owner)
    events = ari.events()
    try:
        with pytest.raises(PbxReplacedError) as error:
            await anext(events)
    finally:
        await events.aclose()
        await ari.close()
    return error.value.what


async def test_a_second_service_leaves_the_name_to_the_first() -> None:
    async with FakeAri.up() as fake:
        fake.app_known = False
        async with connected(fake, owner=HERE) as (_, events):
            fake.app_known = True
            listening = asyncio.ensure_future(anext(events))  # a question is answered where events are taken
            assert await refused(fake, THERE) == f'another textback ({HERE}) is subscribed to Asterisk as "textback"'
            assert fake.opened == 1
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def test_a_name_that_nobody_answers_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Asterisk 16 keeps it after its service has gone."""
    monkeypatch.setattr("ari_app.pbx.claim._PATIENCE", 0.2)
    async with FakeAri.up() as fake:
        fake.globals["TEXTBACK_SERVICE_textback"] = HERE
        async with connected(fake, owner=THERE):
            assert fake.globals["TEXTBACK_SERVICE_textback"] == THERE
            assert any("/events/user/" in each for each in fake.requests)


async def test_a_service_that_comes_back_does_not_ask() -> None:
    async with FakeAri.up() as fake:
        fake.globals["TEXTBACK_SERVICE_textback"] = HERE
        async with connected(fake, owner=HERE):
            assert not any("/events/user/" in each for each in fake.requests)


async def test_a_dialplans_user_events_are_not_answered() -> None:
    async with FakeAri.up() as fake:
        fake.app_known = False
        async with connected(fake, owner=HERE) as (_, events):
            for name, asked in (("Other", "ab"), ("TextbackAsks", "no nonce"), ("TextbackAsks", "")):
                await fake.say({"type": "ChannelUserevent", "eventname": name, "userevent": {"asked": asked}})
            await fake.say({"type": "ApplicationReplaced"})
            with pytest.raises(PbxReplacedError):
                await anext(events)
            assert "TEXTBACK_ANSWER_textback" not in fake.globals


async def test_a_password_that_changes_under_a_running_service_is_waited_for_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ari_module, "_BACKOFF", (0.01, 0.05))
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    async with FakeAri.up() as fake:
        ari = AriClient(PbxSettings(ari=fake.url, username=USER, password_file=secret), SystemClock())
        events = ari.events()
        async with asyncio.timeout(20):
            assert isinstance(await anext(events), Connected)
            secret.write_text("of the next year", encoding="utf-8")
            await ari.close()  # as a cut does: the next connection is a new one
            await fake.close()
            reasons: set[str] = set()
            while len(reasons) < 2:
                lost = await anext(events)
                assert isinstance(lost, Disconnected)
                reasons.add(lost.reason)
            assert any("401" in each for each in reasons)
            secret.write_text(PASSWORD, encoding="utf-8")
            while not isinstance(await anext(events), Connected):
                pass
        await events.aclose()
        await ari.close()


async def test_a_password_that_was_never_right_ends_it() -> None:
    async with FakeAri.up() as fake:
        ari = client(fake, password="no")
        with pytest.raises(PbxAuthError, match="401"):
            await anext(ari.events())
        await ari.close()
