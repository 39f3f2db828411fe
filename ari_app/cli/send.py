"""``send``: a person's text."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import click

from ari_app.cli.access import act, reading
from ari_app.cli.frame import Env
from ari_app.cli.given import text_from, wait_option
from ari_app.cli.render import Screen
from ari_app.cli.sentences import TEXT_STATES
from ari_app.desk import check_text
from ari_app.errors import TextbackError
from ari_app.settings import Settings

__all__ = ["UNDER_WAY", "send", "send_text", "tell"]

_LOOK_EVERY = 0.1
UNDER_WAY = ("queued", "sending")
_FIXES = {
    "unknown": "see `textback thread` before you send it --again",
    "failed": "see `textback thread`, mend what it says, send it --again",
}


@click.argument("number", required=False)
@click.argument("text", required=False)
@click.option(
    "--again", type=click.IntRange(1), metavar="TEXT_ID", help="Send a text anew that failed or is unknown, instead of NUMBER TEXT."
)
@click.option("--id", "act_id", metavar="ID", help="An id of your own for this text: sent twice with one id, it goes once.")
@wait_option
@click.option("--line", help="The line whose thread it belongs to; else the number's latest.")
def send(
    env: Env, *, number: str | None, text: str | None, again: int | None, act_id: str | None, wait: float | None, line: str | None
) -> None:
    """Send TEXT to NUMBER as a person here. TEXT "-" is read from stdin, so that it shows in no process list.

    The text is on disk when this returns. With the service down it goes when the service starts, within 24 hours.

    --again sends the words of a text anew that failed, is unknown or not confirmed; `textback thread NUMBER` shows its id. The caller may
    get them twice, so nothing does that by itself. Once per text.
    """
    if again is not None:
        if number or act_id or line:
            raise click.UsageError("--again takes neither NUMBER, TEXT, --id nor --line: it sends the same words to the same number")
        done = asyncio.run(_act(env.settings, "again", {"message": again}, wait))
    else:
        if number is None or text is None:
            raise click.UsageError(f"Missing argument '{'NUMBER' if number is None else 'TEXT'}'.")
        written = {"number": number, "text": text_from(text), "act": act_id or f"cli-{uuid.uuid4().hex}", "line": line}
        done = asyncio.run(send_text(env.settings, written, wait))
    env.answer(done, lambda screen: tell(screen, done))


def tell(screen: Screen, done: dict[str, Any]) -> None:
    """What became of a text."""
    screen.say(f"Text {done['message']} in thread {done['thread']}: {done['state']}.", TEXT_STATES.get(done["state"], ""))


async def send_text(settings: Settings, written: dict[str, Any], wait: float | None) -> dict[str, Any]:
    """Queue a text as ``Desk.send`` takes it and wait for it; ``{message, thread, state}``. Raises TextbackError."""
    check_text(written["number"], written["text"], settings.clinic.country, act=written["act"])
    return await _act(settings, "send", written, wait)


async def _act(settings: Settings, op: str, args: dict[str, Any], wait: float | None) -> dict[str, Any]:
    try:
        written = await act(settings, op, args)
    except TextbackError as error:
        if error.code == "no_answer":
            if "modem" in args:
                error.fix = "see `textback thread` whether it went"
            else:
                same = f"run it again with --id {args['act']}" if "act" in args else "run it again"
                error.fix = f"{same}: it goes once, whatever happened"
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
            if row["state"] not in UNDER_WAY or loop.time() >= until:
                return row["state"], row["what"]
            await asyncio.sleep(min(_LOOK_EVERY, max(until - loop.time(), 0)))
