"""Settings an administrator changes without a shell, on the real Asterisk: in force for the next call, without and after a restart."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from ari_app.control import ask, socket_path
from tests.lab.lab import Lab
from tests.lab.stage import Stage, stage, until
from tests.lab.test_service_main import QUICK, decided, inbox, missed

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ZONE = "America/Toronto"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    """Asterisk 22, nobody else on it: a service watches all of it."""
    lab = await Lab.up("22", f"standing-{os.getpid()}")
    try:
        yield lab
    finally:
        await lab.down()


async def administrator(staged: Stage, verb: str, **args: Any) -> Any:
    """The running service does what an administrator asks of it."""
    return await ask(socket_path(staged.store), "staff", {"verb": verb, "args": args})


async def says_open(lab: Lab, wanted: str) -> None:
    """Wait until the dialplan's global says so."""

    async def look() -> bool:
        return f"TEXTBACK_OPEN={wanted}" in await lab.ami.command("dialplan show globals")

    await until(f"TEXTBACK_OPEN={wanted}", look)


async def test_a_pause_holds_at_once_over_a_restart_and_until_it_ends(lab: Lab, tmp_path: Path) -> None:
    async with stage(lab, tmp_path, QUICK) as staged:
        await missed(staged, "4385550231")
        assert (await decided(staged, "4385550231"))["decision"] == "reply"
        await administrator(staged, "pause", on=True)
        call = await missed(staged, "4385550232")
        assert (call["decision"], call["reason"]) == ("silence", "paused")
        (told,) = await staged.ask("why", call["id"])
        assert told["setting"] == {"key": "reply.mode", "value": "watch", "source": "portal"}
        said = await staged.ask("doctor")
        assert [item["state"] for item in said["items"] if item["code"] == "paused"] == ["warn"]
    async with stage(lab, tmp_path, QUICK) as staged:
        call = await missed(staged, "4385550233")
        assert (call["decision"], call["reason"]) == ("silence", "paused"), "after a restart too"
        await administrator(staged, "pause", on=False)
        await missed(staged, "4385550234")
        await staged.handset("+14385550234")
        assert await inbox(staged, "4385550232") == await inbox(staged, "4385550233") == []


async def test_closed_today_reaches_the_dialplan_and_the_text_without_a_restart(lab: Lab, tmp_path: Path) -> None:
    today = datetime.now(UTC).astimezone(ZoneInfo(ZONE)).date().isoformat()
    changes = {**QUICK, "clinic": {"timezone": ZONE}, "hours": {"open": "24/7", "holidays": False}}
    async with stage(lab, tmp_path, changes) as staged:
        await says_open(lab, "1")
        await administrator(staged, "set_wording", language="fr", trigger="closed", text="{clinic}: congé aujourd'hui, écrivez-nous")
        await administrator(staged, "set_exceptions", exceptions=[{"date": today, "closed": True}])
        await says_open(lab, "0")
        call = await missed(staged, "4385550235")
        assert call["open"] is False
        (text,) = await staged.handset("+14385550235")
        assert text["text"].endswith(": congé aujourd'hui, écrivez-nous")
        await administrator(staged, "set_exceptions", exceptions=None)
        await says_open(lab, "1")
