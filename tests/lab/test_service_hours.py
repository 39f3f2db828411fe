"""The dialplan's first question on the real Asterisk: open or closed, through the subroutines that ship (config/asterisk).

Every answer is what a call's dialplan got: it says so in a UserEvent and goes on, and that it goes on is half of what is tested.
"""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.clock import SystemClock
from ari_app.pbx.ari import AriClient
from ari_app.settings import load
from tests.lab.lab import Lab
from tests.lab.lines import on_22
from tests.lab.scripts import Caller
from tests.lab.stage import stage

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SNIPPET = Path(__file__).parents[2] / "config/asterisk/extensions_textback.conf"
MAIN, LINE, AGI, AGI_OF, NO_ROUTE = (f"51455501{number}" for number in (90, 91, 92, 93, 94))
ASKING = f"""
[from-did-hours]
exten => {MAIN},1,Gosub(textback-hours,s,1)
 same => n,UserEvent(Hours,answer:${{TEXTBACK}},until:${{GLOBAL(TEXTBACK_UNTIL)}})
 same => n,Hangup(17)
exten => {LINE},1,Gosub(textback-hours,s,1(night-line))
 same => n,UserEvent(Hours,answer:${{TEXTBACK}},until:${{GLOBAL(TEXTBACK_UNTIL_night-line)}})
 same => n,Hangup(17)
exten => {AGI},1,Gosub(textback-hours-of,s,1)
 same => n,UserEvent(Hours,answer:${{TEXTBACK}},until:${{TEXTBACK_UNTIL}},status:${{AGISTATUS}})
 same => n,Hangup(17)
exten => {AGI_OF},1,Gosub(textback-hours-of,s,1({LINE}))
 same => n,UserEvent(Hours,answer:${{TEXTBACK}},until:${{TEXTBACK_UNTIL}},status:${{AGISTATUS}})
 same => n,Hangup(17)
exten => {NO_ROUTE},1,AGI(agi://127.0.0.1:@AGI@/nothing)
 same => n,UserEvent(Hours,answer:,status:${{AGISTATUS}})
 same => n,Hangup(17)

#include extensions_textback.conf
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a dialplan got. ``waited``: seconds from the call's creation to the answer, by Asterisk's clock."""

    answer: str
    until: datetime | None
    status: str
    waited: float


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def dialplan(lab: Lab) -> None:
    """What an administrator does: the shipped file beside extensions.conf, a route that uses it, a reload."""
    etc, agi = lab.record.folder / "asterisk/etc", str(lab.record.ports.agi)
    (etc / SNIPPET.name).write_text(SNIPPET.read_text(encoding="utf-8").replace("127.0.0.1:4573", f"127.0.0.1:{agi}"), encoding="utf-8")
    plan = (etc / "extensions.conf").read_text(encoding="utf-8")
    routed = plan.replace("[from-did]\n", "[from-did]\ninclude => from-did-hours\n", 1)
    assert routed != plan
    (etc / "extensions.conf").write_text(routed + ASKING.replace("@AGI@", agi), encoding="utf-8")
    await lab.ami.command("dialplan reload")


@pytest_asyncio.fixture(loop_scope="module")
async def ari(lab: Lab) -> AsyncIterator[AriClient]:
    """An administrator's hand on the globals."""
    client = AriClient(load(lab.record.folder / "textback.toml").pbx, SystemClock())
    yield client
    await client.close()


async def ask(lab: Lab, did: str) -> Heard:
    """Call this DID and hear what its dialplan heard."""
    start = len(lab.listener.heard)
    found: list[dict[str, Any]] = []

    def answered(event: dict[str, Any]) -> str | None:
        if event["type"] == "ChannelUserevent" and event["channel"]["dialplan"]["exten"] == did:
            found.append(event)
            return "heard"
        return None

    async with lab.trunk_call(Caller("4385550190", did)) as agent:
        await lab.listener.wait(answered, f"the dialplan of {did} going on", after=start, patience=40)
        await agent.over()
    said, channel = found[0]["userevent"], found[0]["channel"]
    until = said.get("until", "")
    return Heard(
        said["answer"],
        datetime.fromtimestamp(int(until), UTC) if until else None,
        said.get("status", ""),
        (moment(found[0]["timestamp"]) - moment(channel["creationtime"])).total_seconds(),
    )


async def answers(lab: Lab, did: str, wanted: str, patience: float = 20, until: datetime | None = None) -> Heard:
    """Ask until the answer is this one: what was changed takes a moment to reach the dialplan, and what the last service said stays there.

    ``until``: and until it holds so long.
    """
    deadline = time.monotonic() + patience
    while (heard := await ask(lab, did)).answer != wanted or until not in {None, heard.until}:
        assert time.monotonic() < deadline, f"{did} still says {heard}, not {wanted!r}"
    return heard


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


class Noon:
    """A time zone in which it is about noon, and this minute there."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        east = 12 - now.hour
        self.zone = f"Etc/GMT{-east:+d}" if east else "Etc/GMT"  # POSIX sign: Etc/GMT-3 is east of Greenwich
        self.now = now.astimezone(timezone(timedelta(hours=east))).replace(second=0, microsecond=0)

    def at(self, minutes: int) -> datetime:
        return self.now + timedelta(minutes=minutes)

    def span(self, start: int, end: int) -> str:
        """Minutes from now, as opening hours of a day."""
        return f"{self.at(start):%H:%M}-{self.at(end):%H:%M}"

    def settings(self, hours: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"clinic": {"timezone": self.zone}, "hours": {"holidays": False, **hours}, **more}


def case(name: str) -> tuple[dict[str, Any], str, datetime]:
    """Settings, the answer, and until when."""
    noon = Noon()
    if name == "open":
        return noon.settings({"open": f"Mo-Su {noon.span(-90, 90)}"}), "open", noon.at(90)
    if name == "lunch":
        return noon.settings({"open": f"Mo-Su {noon.span(-180, -30)},{noon.span(30, 180)}"}), "closed", noon.at(30)
    closed = {"date": noon.now.date().isoformat(), "closed": True}
    tomorrow = (noon.now + timedelta(days=1)).replace(hour=0, minute=0) + timedelta(minutes=noon.at(-90).hour * 60 + noon.at(-90).minute)
    return noon.settings({"open": f"Mo-Su {noon.span(-90, 90)}", "exception": [closed]}), "closed", tomorrow


async def test_open(lab: Lab, tmp_path: Path) -> None:
    await told(lab, tmp_path, "open")


@on_22
@pytest.mark.parametrize("name", ["lunch", "holiday"])
async def test_lunch_and_holiday(lab: Lab, tmp_path: Path, name: str) -> None:
    await told(lab, tmp_path, name)


async def told(lab: Lab, tmp_path: Path, name: str) -> None:
    changes, answer, until = case(name)
    async with stage(lab, tmp_path, changes, ready=False) as service:
        await service.supervisor.ready()
        await answers(lab, MAIN, answer, until=until)
        asked = await ask(lab, AGI)
        assert (asked.answer, asked.until, asked.status) == (answer, until, "SUCCESS")


async def test_the_night_switch_wins_at_once_and_lines_with_hours_of_their_own_do_not_follow(lab: Lab, tmp_path: Path) -> None:
    noon = Noon()
    own = {"name": "night-line", "did": [LINE], "hours": f"Mo-Su {noon.span(-60, 60)}"}
    changes = noon.settings({"open": f"Mo-Su {noon.span(-90, 90)}", "follow": "Custom:DAYNIGHT1"}, line=[own])
    await lab.ami.command("devstate change Custom:DAYNIGHT1 NOT_INUSE")
    async with stage(lab, tmp_path, changes, ready=False) as service:
        await service.supervisor.ready()
        await answers(lab, MAIN, "open")
        await lab.ami.command("devstate change Custom:DAYNIGHT1 INUSE")
        night = await answers(lab, MAIN, "closed")
        assert night.until is not None
        assert night.until < datetime.now(UTC) + timedelta(minutes=6)
        assert (await ask(lab, AGI)).answer == "closed"
        assert ((await ask(lab, LINE)).answer, (await ask(lab, AGI_OF)).answer) == ("open", "open")
        assert (await ask(lab, LINE)).until == noon.at(60)
        await lab.ami.command("devstate change Custom:DAYNIGHT1 NOT_INUSE")
        await answers(lab, MAIN, "open")


async def test_with_the_service_down_the_call_goes_on(lab: Lab, tmp_path: Path, ari: AriClient) -> None:
    changes, answer, until = case("open")
    async with stage(lab, tmp_path, changes, ready=False) as service:
        await service.supervisor.ready()
        await answers(lab, MAIN, answer, until=until)
    heard = await ask(lab, MAIN)
    assert (heard.answer, heard.until) == (answer, until)  # pushed ahead: still known, still right
    asked = await ask(lab, AGI)
    assert (asked.answer, asked.status) == ("", "FAILURE")
    # past its end it is worth nothing, whatever it says
    await ari.set_global("TEXTBACK_UNTIL", str(int(time.time()) - 1))
    assert (await ask(lab, MAIN)).answer == ""


@on_22
async def test_with_the_service_frozen_the_call_goes_on_within_ten_seconds(lab: Lab, tmp_path: Path) -> None:
    changes, answer, until = case("open")
    async with stage(lab, tmp_path, changes, ready=False) as service:
        await service.supervisor.ready()
        await answers(lab, AGI, answer)
        await answers(lab, MAIN, answer, until=until)
        runs = service.supervisor.starts
        service.supervisor.kill(signal.SIGSTOP)
        quick = await ask(lab, MAIN)
        assert (quick.answer, quick.until) == (answer, until)
        stuck = await ask(lab, AGI)
        assert stuck.answer == ""
        assert stuck.waited < 10
        assert service.supervisor.watchdog_kills == 1
        await service.supervisor.restarted(since=runs)
        assert (await answers(lab, AGI, answer)).until == until


@on_22
async def test_an_unknown_route_is_told_to_asterisk_and_the_call_goes_on(lab: Lab, tmp_path: Path) -> None:
    async with stage(lab, tmp_path, case("open")[0], ready=False) as service:
        await service.supervisor.ready()
        assert (await ask(lab, NO_ROUTE)).status == "SUCCESS"
        assert "agi_unknown_route" in service.log.read_text(encoding="utf-8")


@on_22
async def test_an_asterisk_that_was_killed_has_the_answer_again(lab: Lab, tmp_path: Path) -> None:
    changes, answer, until = case("open")
    async with stage(lab, tmp_path, changes, ready=False) as service:
        await service.supervisor.ready()
        await answers(lab, MAIN, answer, until=until)
        await lab.restart_asterisk(kill=True)
        assert (await answers(lab, MAIN, answer, patience=40)).until == until
