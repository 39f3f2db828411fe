"""config/asterisk/ari_textback.conf on the real Asterisk: put where it says, reloaded as it says, it does what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import SystemClock
from ari_app.errors import PbxAuthError
from ari_app.pbx.ari import AriClient
from ari_app.settings import PbxSettings
from tests.lab.lab import Lab
from tests.lab.scripts import Caller

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SNIPPET = Path(__file__).parents[2] / "config/asterisk/ari_textback.conf"
PLAIN = "[general]\nenabled = no\npretty = no\n\n#include ari_textback.conf\n"
"""ari.conf of a plain Asterisk, which leaves ARI off, with the line the snippet asks for."""


@asynccontextmanager
async def client(lab: Lab, password: str) -> AsyncIterator[AriClient]:
    made = AriClient(PbxSettings(ari=lab.ari_url, username="textback", password=password), SystemClock())
    yield made
    await made.close()


async def test_the_shipped_user_may_do_what_textback_needs_and_events_carry_what_it_reads(lab: Lab) -> None:
    etc = lab.record.folder / "asterisk/etc"
    snippet = SNIPPET.read_text(encoding="utf-8")
    assert snippet.count("CHANGE-ME") == 1
    (etc / SNIPPET.name).write_text(snippet.replace("CHANGE-ME", "as-shipped"), encoding="utf-8")
    (etc / "ari.conf").write_text(PLAIN, encoding="utf-8")
    for command in ("module reload http", "module reload res_ari.so"):
        assert command in snippet
        await lab.ami.command(command)

    async with client(lab, lab.record.ari_password) as stranger:
        with pytest.raises(PbxAuthError):
            await stranger.info()
    async with client(lab, "as-shipped") as ours:
        assert "build" in await ours.info()
        await ours.set_global("TEXTBACK_OPEN", "1")
    assert "TEXTBACK_OPEN=1" in await lab.ami.command("dialplan show globals")

    seen: list[dict[str, Any]] = []

    def ended(event: dict[str, Any]) -> str | None:
        if event["type"] == "ChannelDestroyed" and event["channel"]["name"].startswith("PJSIP/trunk-"):
            seen.append(event["channel"].get("channelvars", {}))
            return "ended"
        return None

    start = len(lab.listener.heard)
    async with lab.trunk_call(Caller("4385550195", "5145550195")) as agent:
        await agent.over()
        await lab.listener.wait(ended, "the call's end", after=start)
    assert set(seen[0]) == {"CALLERID(num-pres)", "VMSTATUS", "TEXTBACK_OPTION"}
    assert seen[0]["CALLERID(num-pres)"].startswith("allowed")
