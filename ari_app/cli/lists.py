"""``calls``, ``threads``, ``thread``: what is there."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from rich.text import Text

from ari_app.cli.access import act, reading
from ari_app.cli.frame import Env
from ari_app.cli.given import filters, limit_option, limited, number_option, since_option
from ari_app.cli.render import Screen
from ari_app.desk import number_or_thread
from ari_app.logs import clean
from ari_app.settings import Settings

__all__ = ["calls", "thread", "threads"]

_STATE_STYLES = {"failed": "red"} | dict.fromkeys(("unknown", "unconfirmed", "to_answer", "partial", "missed", "unseen"), "yellow")


def _state(word: str) -> Text:
    return Text(word.replace("_", " "), style=_STATE_STYLES.get(word, ""))


@since_option
@number_option
@limit_option
def calls(env: Env, since: str | None, number: str | None, limit: int) -> None:
    """List the calls that came in, newest first, and what each came to.

    One line a call: when, who, how it ended, and whether a text went and why (not). `textback why ID` tells it in words.
    """
    chosen = filters(env.settings, since, number, limit)

    async def look() -> list[dict[str, Any]]:
        async with reading(env.settings) as store:
            return await store.calls(**chosen)

    rows = asyncio.run(look())
    env.answer(rows, lambda screen: _draw_calls(screen, rows))


def _draw_calls(screen: Screen, rows: list[dict[str, Any]]) -> None:
    if not rows:
        screen.say("No calls.")
        return
    screen.table(
        ("started", "caller", "line", "call", "text", "id"),
        [
            (
                screen.time(row["started"]),
                screen.number(row["caller"]),
                row["line"],
                _ended(row),
                f"{row['decision']}: {row['reason']}",
                row["id"],
            )
            for row in rows
        ],
        whole=("started", "caller", "id"),
    )


def _ended(row: dict[str, Any]) -> Text:
    """How a call ended, in few words."""
    if row["outcome"] == "answered":
        words = "answered outside" if row["answered_by"] == "outside" else "answered"
    else:
        words = f"{row['outcome']}, {row['reached']} {row['rang']:.0f} s"
    return Text(words, style=_STATE_STYLES.get(row["outcome"], ""))


@click.option("--state", type=click.Choice(["to_answer", "answered", "done"]), help="Only threads in this state.")
@since_option
@number_option
@limit_option
def threads(env: Env, state: str | None, since: str | None, number: str | None, limit: int) -> None:
    """List the threads, the one that changed last first.

    A thread is everything with one number on one line. States: to_answer (somebody owes an answer), answered, done.
    """
    chosen = filters(env.settings, since, number, limit)

    async def look() -> list[dict[str, Any]]:
        async with reading(env.settings) as store:
            return await store.threads(state=state, **chosen)

    rows = asyncio.run(look())
    env.answer(rows, lambda screen: _draw_threads(screen, rows))


def _draw_threads(screen: Screen, rows: list[dict[str, Any]]) -> None:
    if not rows:
        screen.say("No threads.")
        return
    screen.table(
        ("id", "changed", "number", "name", "line", "state", "calls", "texts", "last text"),
        [
            (
                str(row["id"]),
                screen.time(row["at"]),
                screen.number(row["number"]),
                row["contact"] or "",
                row["line"],
                _state(row["state"]),
                str(row["calls"]),
                str(row["messages"]),
                Text(" ".join(clean(row["last_text"] or "").split()), overflow="ellipsis", no_wrap=True),
            )
            for row in rows
        ],
        whole=("id", "changed", "number", "state"),
    )


@click.argument("number")
@click.option("--line", help="The thread on this line; else the number's latest.")
@click.option("--done", "mark", flag_value="done", help="Tick it off first.")
@click.option("--reopen", "mark", flag_value="reopen", help="Put it back to be answered first.")
@limited(50, "How many texts, calls and voicemails, each, at most; 0 for all.")
def thread(env: Env, number: str, line: str | None, mark: str | None, limit: int) -> None:
    """Show everything with one NUMBER: calls, voicemails and texts. A thread's id does as well.

    Threads of calls that hid their number have only their id.
    """
    key = number_or_thread(number, env.settings.clinic.country)
    found, older = asyncio.run(_thread(env.settings, key, line, mark, limit))
    env.answer(found, lambda screen: _draw_thread(screen, found, older))


async def _thread(settings: Settings, key: str | int, line: str | None, mark: str | None, limit: int) -> tuple[dict[str, Any], list[str]]:
    """The thread, and which of "messages", "calls" and "voicemails" have more than ``limit``: one more than wanted is asked for."""
    ask = limit and limit + 1
    if mark is not None:
        key = int((await act(settings, mark, {"named": str(key), "line": line}))["thread"])
    async with reading(settings) as store:
        found = await (store.thread_by_id(key, limit=ask) if isinstance(key, int) else store.thread(key, line, limit=ask))
    older = [kind for kind in ("messages", "calls", "voicemails") if limit and len(found[kind]) > limit]
    return {**found, **{kind: found[kind][:limit] for kind in older}}, older


def _draw_thread(screen: Screen, found: dict[str, Any], older: list[str]) -> None:
    name = f"{found['contact']}, " if found["contact"] else ""
    screen.say(
        f"{name}{screen.number(found['number'])}, line {found['line']}: {found['state'].replace('_', ' ')} (thread {found['id']})",
        style="bold",
    )
    if found.get("opted_out"):
        screen.say(f"Asked for no more texts at {screen.time(found['opted_out'])}.", style="yellow")
    if found.get("not_textable"):
        screen.say(f"Takes no texts: {found['not_textable']}.", style="yellow")
    entries = [(row["started"], _call_entry(row)) for row in found["calls"]]
    entries += [(row["at"], _text_entry(row)) for row in found["messages"]]
    entries += [(row["at"], _voicemail_entry(row, screen)) for row in found["voicemails"]]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    screen.table(("at", "what", ""), [(screen.time(at), *cells) for at, cells in entries], whole=("at",))
    for kind, words, at in (("messages", "Texts", "at"), ("calls", "Calls", "started"), ("voicemails", "Voicemails", "at")):
        if kind in older:
            screen.say(f"{words} before {screen.time(found[kind][-1][at])} are left out; --limit 0 shows all.", style="yellow")


def _call_entry(row: dict[str, Any]) -> tuple[Text, str]:
    return _state_of("call", row["outcome"]), f"{_ended(row)}; {row['decision']}: {row['reason']} ({row['id']})"


def _voicemail_entry(row: dict[str, Any], screen: Screen) -> tuple[Text, str]:
    heard = (
        "not heard yet" if row["heard"] is None else f"heard by {row['heard_by'] or 'somebody on a phone'} at {screen.time(row['heard'])}"
    )
    words = {"waiting": "; to be written down", "failed": "; could not be written down"}.get(row["transcription"], "")
    if row["transcript"]:
        words = f"; written down by a machine: {row['transcript']}"
    return _state_of("voicemail", "received" if row["heard"] else "to_answer"), f"{row['seconds']:.0f} s, {heard}{words}"


def _text_entry(row: dict[str, Any]) -> tuple[Text, str]:
    who = {"auto": "textback", "notice": "textback", "staff": row.get("author") or "staff", "caller": "caller"}[row["kind"]]
    why = f" ({row['what']})" if row.get("what") else ""
    doubt = ", not confirmed" if row["confirmed"] is False else ""
    again = f"; textback send --again {row['id']}" if doubt or row["state"] in ("failed", "unknown") else ""
    state = "" if row["direction"] == "in" and row["state"] == "received" else f" [{row['state']}{doubt}{why}{again}]"
    note = f" ({row['note']})" if row.get("note") else ""
    return _state_of(who, "unconfirmed" if doubt else row["state"]), f"{row['text']}{note}{state}"


def _state_of(word: str, state: str) -> Text:
    return Text(clean(word), style=_STATE_STYLES.get(state, ""))
