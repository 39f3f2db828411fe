"""``alarm``: what the administrator was told of, a test of each way of telling, and word of a service that ended."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import click
from rich.text import Text

from ari_app.alarms.failed import tell_failed
from ari_app.alarms.ways import AlarmError, ways
from ari_app.alarms.words import fix, what
from ari_app.cli.access import as_owner, reading
from ari_app.cli.frame import Env, command
from ari_app.cli.given import limit_option
from ari_app.cli.render import HEALTH_STYLES, Screen
from ari_app.clock import SystemClock
from ari_app.control import NotRunningError, service_status
from ari_app.errors import TextbackError
from ari_app.settings import Settings
from ari_app.threads.alarms import Due

__all__ = ["alarm"]


@click.group()
def alarm() -> None:
    """What keeps textback from working, as e-mail and webhook tell it: what was told, and a test message."""


@command(alarm, "list")
@limit_option
def list_all(env: Env, limit: int) -> None:
    """List alarms, newest first: open or over, and what could not be told yet."""
    rows = asyncio.run(_listed(env.settings, limit))

    def draw(screen: Screen) -> None:
        if not rows:
            screen.say("There was no alarm yet.")
            return
        screen.table(
            ("since", "over", "", "what"),
            [
                (
                    screen.time(row["since"]),
                    screen.time(row["over"]),
                    Text("over", style=HEALTH_STYLES["ok"]) if row["over"] else Text("open", style=HEALTH_STYLES["bad"]),
                    _said(row),
                )
                for row in rows
            ],
        )

    env.answer(rows, draw)


def _said(row: dict[str, Any]) -> str:
    lines = [row["what"]]
    if row["over"] is None:
        lines.append(f"→ {row['fix']}")
    lines += [f"{each['way']} does not know yet: {each['error']}" for each in row["waits"] if each["error"]]
    return "\n".join(lines)


async def _listed(settings: Settings, limit: int) -> list[dict[str, Any]]:
    async with reading(settings) as store:
        found, owed = await store.alarms.listed(limit), await store.alarms.due()
    return [
        {
            "id": each.id,
            "code": each.code,
            "subject": each.subject,
            "what": what(each.code, each.subject, each.facts),
            "fix": fix(each.code, each.subject),
            "since": each.since.isoformat(),
            "over": None if each.over is None else each.over.isoformat(),
            "waits": [_wait(due) for due in owed if due.alarm.id == each.id],
        }
        for each in found
    ]


def _wait(due: Due) -> dict[str, Any]:
    return {"way": due.way, "telling": due.telling, "due": due.due.isoformat(), "tries": due.tries, "error": due.error}


@command(alarm)
def test(env: Env) -> None:
    """Send a test message by each way of [alarm] at once, and say what the other side answered.

    Exit 1 when one did not take it.
    """
    rows = asyncio.run(_tested(env.settings))

    def draw(screen: Screen) -> None:
        for row in rows:
            state = "ok" if row["ok"] else "bad"
            screen.say(f"{row['way']}: {row['what']}", style=HEALTH_STYLES[state])
            if row["fix"]:
                screen.say(f"→ {row['fix']}")

    env.answer(rows, draw)
    if not all(row["ok"] for row in rows):
        sys.exit(1)


async def _tested(settings: Settings) -> list[dict[str, Any]]:
    found = ways(settings, SystemClock())
    if not found:
        raise AlarmError("nobody is told of alarms", "set [alarm.email] or [alarm.webhook] in textback.toml", code="alarm_no_way")

    async def one(name: str, telling: Any) -> dict[str, Any]:
        try:
            said = await telling
        except TextbackError as error:
            return {"way": name, "ok": False, "code": error.code, "what": error.what, "fix": error.fix}
        return {"way": name, "ok": True, "code": "taken", "what": said, "fix": ""}

    return list(await asyncio.gather(*(one(way.name, way.tell("test", None)) for way in found)))


@command(alarm)
def failed(env: Env) -> None:
    """Tell that the service ended and does not come back. Run by textback-failed.service, not by people.

    Does nothing while the service runs. Exit 1 when a way did not take it: it is run again.
    """
    told = asyncio.run(_failed(env.settings))
    env.answer(told, lambda screen: screen.say(*(told["told"] or ["Nobody had to be told."])))
    if told["left"]:
        sys.exit(1)


async def _failed(settings: Settings) -> dict[str, Any]:
    try:
        await service_status(settings.store.path)
    except NotRunningError:
        # systemd says in MONITOR_… how the unit that failed ended (systemd.exec(5))
        result = os.environ.get("MONITOR_SERVICE_RESULT") or "failed"
        with as_owner(settings.store.path):
            told, left = await tell_failed(settings, SystemClock(), result)
        return {"running": False, "told": list(told), "left": list(left)}
    return {"running": True, "told": [], "left": []}
