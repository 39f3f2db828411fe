"""Opening hours as Asterisk's globals: the real policy and ARI client, a clock that is moved, ARI's variable request over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ari_app.opening import OpeningPush, answer
from ari_app.pbx.ari import AriClient
from ari_app.policy.hours import Opening
from ari_app.policy.policy import Policy
from ari_app.settings import Settings, parse
from tests.moved_clock import MovedClock

MONTREAL = ZoneInfo("America/Toronto")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class House:
    """The push at work, and the globals of an Asterisk that only knows how to set them."""

    def __init__(self, wall: datetime) -> None:
        self.clock = MovedClock(wall)
        self.switches: dict[str, str] = {}
        self.globals: dict[str, str] = {}
        self.said: list[str] = []
        self.refusal: int | None = None
        self.push: OpeningPush

    async def set_variable(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            return web.json_response({"message": "refused"}, status=self.refusal)
        name = request.query["variable"]
        self.globals[name] = request.query["value"]
        self.said.append(name)
        return web.Response(status=204)

    async def after(self, act: Callable[[], object]) -> None:
        """Do it, and wait until the push has done what it had to and sleeps again."""
        before = self.clock.sleeps
        act()
        async with asyncio.timeout(10):
            while self.clock.sleeps == before:  # noqa: ASYNC110 (a clock that stands still tells nobody)
                await asyncio.sleep(0.002)

    async def turn(self, state: str) -> None:
        self.switches["Custom:DAYNIGHT1"] = state
        await self.after(self.push.changed)

    async def go_to(self, when: str) -> None:
        """Let time pass, the push woken as often as it asked to be."""
        while (left := (at(when) - self.clock.wall).total_seconds()) > 0:
            due = self.clock.due_in()
            if left < due:
                self.clock.move(left)
            else:
                await self.after(lambda due=due: self.clock.move(due))  # type: ignore[misc]

    def answer(self, line: str = "") -> tuple[str, str]:
        """OPEN, and UNTIL as local time of the clinic."""
        until = datetime.fromtimestamp(int(self.globals[f"TEXTBACK_UNTIL{line}"]), MONTREAL)
        return self.globals[f"TEXTBACK_OPEN{line}"], f"{until:%a %d %H:%M}"


def settings(ari: str, changes: dict[str, Any]) -> Settings:
    document = {
        "clinic": {"name": "Clinique du Parc", "number": "+15145550100", "timezone": "America/Toronto"},
        "pbx": {"ari": ari, "username": "textback", "password": "secret"},
        "hours": {"open": "Mo-Fr 08:00-12:00,13:00-17:00"},
    }
    return parse(document | changes)


@asynccontextmanager
async def house(wall: str, **changes: Any) -> AsyncIterator[House]:
    there = House(at(wall))
    application = web.Application()
    application.router.add_post("/ari/asterisk/variable", there.set_variable)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    used = settings(f"http://127.0.0.1:{runner.addresses[0][1]}", changes)
    ari = AriClient(used.pbx, there.clock)
    there.push = OpeningPush(Policy(used), ari, there.clock, lambda: there.switches)
    running: list[asyncio.Task[None]] = []
    await there.after(lambda: running.append(asyncio.create_task(there.push.run())))
    try:
        yield there
    finally:
        running[0].cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await ari.close()
        await runner.cleanup()


async def test_nothing_is_pushed_before_asterisk_is_there() -> None:
    async with house("2026-11-23T08:30:00-05:00") as there:
        await there.go_to("2026-11-23T12:30:00-05:00")
        assert there.said == []
        await there.after(there.push.connected)
        assert there.answer() == ("0", "Mon 23 13:00")


async def test_each_change_is_pushed_when_it_comes() -> None:
    async with house("2026-12-23T11:30:00-05:00") as there:
        await there.after(there.push.connected)
        seen = [there.answer()]
        for moment in ("12:00", "13:00", "17:00"):
            await there.go_to(f"2026-12-23T{moment}:00-05:00")
            seen.append(there.answer())
    assert seen == [("1", "Wed 23 12:00"), ("0", "Wed 23 13:00"), ("1", "Wed 23 17:00"), ("0", "Thu 24 08:00")]


async def test_closing_before_a_holiday_reaches_to_the_day_after_it() -> None:
    async with house("2026-12-24T16:30:00-05:00") as there:
        await there.after(there.push.connected)
        await there.go_to("2026-12-24T17:00:00-05:00")
        assert there.answer() == ("0", "Mon 28 08:00")  # Christmas Day is a Friday


async def test_open_goes_before_until_and_only_what_changed_goes() -> None:
    async with house("2026-11-23T08:30:00-05:00", line=[{"name": "lab", "did": ["5145550142"], "hours": "Mo-Fr 09:00-17:00"}]) as there:
        await there.after(there.push.connected)
        assert there.said == ["TEXTBACK_OPEN", "TEXTBACK_UNTIL", "TEXTBACK_OPEN_lab", "TEXTBACK_UNTIL_lab"]
        assert there.answer("_lab") == ("0", "Mon 23 09:00")
        await there.go_to("2026-11-23T09:30:00-05:00")
        assert there.said[4:] == ["TEXTBACK_OPEN_lab", "TEXTBACK_UNTIL_lab"]
        assert (there.answer(), there.answer("_lab")) == (("1", "Mon 23 12:00"), ("1", "Mon 23 17:00"))


async def test_the_night_switch_is_pushed_at_once_and_believed_for_five_minutes_only() -> None:
    own = {"name": "lab", "did": ["5145550142"], "hours": "Mo-Fr 08:00-17:00"}
    async with house("2026-11-23T08:30:00-05:00", hours={"open": "Mo-Fr 08:00-17:00", "follow": "Custom:DAYNIGHT1"}, line=[own]) as there:
        await there.after(there.push.connected)
        assert there.answer() == ("1", "Mon 23 17:00")
        await there.turn("INUSE")
        assert there.answer() == ("0", "Mon 23 08:35")
        assert there.answer("_lab") == ("1", "Mon 23 17:00")
        await there.go_to("2026-11-23T08:40:30-05:00")
        is_open, _ = there.answer()
        left = int(there.globals["TEXTBACK_UNTIL"]) - there.clock.wall.timestamp()
        assert is_open == "0"
        assert 120 <= left <= 300
        await there.turn("NOT_INUSE")
        assert there.answer()[0] == "1"


async def test_around_the_clock_is_believed_for_a_day_and_renewed() -> None:
    async with house("2026-11-23T08:30:00-05:00", hours={"open": "24/7"}) as there:
        await there.after(there.push.connected)
        assert there.answer() == ("1", "Tue 24 08:30")
        await there.go_to("2026-11-23T20:29:00-05:00")
        assert there.said == ["TEXTBACK_OPEN", "TEXTBACK_UNTIL"]
        await there.go_to("2026-11-23T20:32:00-05:00")
        assert there.said == ["TEXTBACK_OPEN", "TEXTBACK_UNTIL"] * 2
        assert there.answer()[1].startswith("Tue 24 20:3")


@pytest.mark.parametrize("hours", ["Mo-Fr 08:00-12:00,13:00-17:00", "24/7"])
@pytest.mark.parametrize("jump", [timedelta(hours=4), timedelta(hours=-30)], ids=["forward", "back"])
async def test_a_wall_clock_that_is_set_is_noticed_within_a_minute(jump: timedelta, hours: str) -> None:
    async with house("2026-11-23T08:30:00-05:00", hours={"open": hours}) as there:
        await there.after(there.push.connected)
        there.clock.wall += jump
        await there.after(lambda: there.clock.move(60))
        if hours == "24/7":
            left = int(there.globals["TEXTBACK_UNTIL"]) - there.clock.wall.timestamp()
            assert 12 * 3600 <= left <= 24 * 3600
        else:
            assert there.answer() == (("0", "Mon 23 13:00") if jump > timedelta(0) else ("0", "Mon 23 08:00"))


@pytest.mark.parametrize("status", [503, 500, 401, 404])
async def test_a_push_that_asterisk_refuses_is_tried_again(status: int) -> None:
    async with house("2026-11-23T08:30:00-05:00") as there:
        there.refusal = status
        with capture_logs() as logs:
            await there.after(there.push.connected)
        assert [entry["event"] for entry in logs] == ["opening_not_pushed"]
        assert there.globals == {}
        there.refusal = None
        await there.after(lambda: there.clock.move(5))
        assert there.answer() == ("1", "Mon 23 12:00")


async def test_a_restarted_asterisk_gets_everything_again() -> None:
    async with house("2026-11-23T08:30:00-05:00") as there:
        await there.after(there.push.connected)
        there.push.disconnected()
        there.globals.clear()
        await there.go_to("2026-11-23T12:10:00-05:00")
        assert there.globals == {}
        await there.after(there.push.connected)
        assert there.answer() == ("0", "Mon 23 13:00")


@pytest.mark.parametrize(
    ("opening", "open_word", "worth"),
    [
        (Opening(True, at("2026-11-23T12:00:00-05:00"), "hours"), "1", 210 * 60),
        (Opening(False, at("2026-11-23T12:00:00-05:00"), "holiday: Noël"), "0", 210 * 60),
        (Opening(True, None, "hours"), "1", 86400),
        (Opening(False, None, "switch"), "0", 300),
    ],
)
def test_the_words_of_an_answer(opening: Opening, open_word: str, worth: int) -> None:
    now = at("2026-11-23T08:30:00.750-05:00")
    said = answer(opening, now)
    assert said.open == open_word
    assert abs(int(said.until) - now.timestamp() - worth) <= 1
