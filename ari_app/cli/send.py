"""``send``: a person's text."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import click

from ari_app.cli.access import act, reading
from ari_app.cli.frame import Env
from ari_app.cli.given import Seconds, text_from
from ari_app.cli.sentences import TEXT_STATES
from ari_app.desk import check_text
from ari_app.errors import TextbackError
from ari_app.settings import Settings

__all__ = ["send"]

_LOOK_EVERY = 0.1
_UNDER_WAY = ("queued", "sending")
_FIXES = {
    "unknown": "see `textback thread` before you send it again",
    "failed": "see `textback thread`, mend what it says, send it again",
}


@click.argument("number")
@click.argument("text")
@click.option("--id", "act_id", metavar="ID", help="An id of your own for this text: sent twice with one id, it goes once.")
@click.option("--wait", type=Seconds(), metavar="S", help="Wait up to S seconds until the network took it.")
@click.option("--line", help="The line whose thread it belongs to; else the number's latest.")
def send(env: Env, *, number: str, text: str, act_id: str | None, wait: float | None, line: str | None) -> None:
    """Send TEXT to NUMBER as a person here. TEXT "-" is read from stdin, so that it shows in no process list.

    The text is on disk when this returns. With the service down it goes when the service starts, within 24 hours.
    """
    args = {"number": number, "text": text_from(text), "act": act_id or f"cli-{uuid.uuid4().hex}", "line": line}
    done = asyncio.run(_send(env.settings, args, wait))
    env.answer(
        done,
        lambda screen: screen.say(
            f"Text {done['message']} in thread {done['thread']}: {done['state']}.", TEXT_STATES.get(done["state"], "")
        ),
    )


async def _send(settings: Settings, args: dict[str, Any], wait: float | None) -> dict[str, Any]:
    check_text(args["number"], args["text"], settings.clinic.country, act=args["act"])
    try:
        written = await act(settings, "send", args)
    except TextbackError as error:
        if error.code == "no_answer":
            error.fix = f"run it again with --id {args['act']}: it goes once, whatever happened"
        raise
    answer = {"message": written["message"], "thread": written["thread"], "state": written["state"]}
    if wait is None:
        return answer
    state, what = await _settled(settings, int(written["message"]), wait)
    if state in ("failed", "unknown", "cancelled", "expired"):
        because = f" ({what})" if what else ""
        raise TextbackError(
            f"text {answer['message']} in thread {answer['thread']} is {state}{because}",
            _FIXES.get(state, "send it again if it is still wanted"),
            code=f"text_{state}",
        )
    return {**answer, "state": state}


async def _settled(settings: Settings, message: int, wait: float) -> tuple[str, str | None]:
    """The text's state once it is no longer under way, or when the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    async with reading(settings) as store:
        while True:
            row = await store.message(message)
            if row["state"] not in _UNDER_WAY or loop.time() >= until:
                return row["state"], row["what"]
            await asyncio.sleep(min(_LOOK_EVERY, max(until - loop.time(), 0)))
