"""``why``: one call, or a number's latest calls, in plain words with the times behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import click

from ari_app.cli.access import reading
from ari_app.cli.frame import Env
from ari_app.cli.given import limited
from ari_app.cli.render import Screen
from ari_app.cli.sentences import Facts, explain, setting_behind
from ari_app.errors import NotFoundError
from ari_app.numbers import e164
from ari_app.settings import Settings
from ari_app.standing import InForce, in_force

__all__ = ["story", "why"]

_SOURCES = {
    "wrote": "in which the caller last wrote",
    "contact": "the contact's language",
    "line": "the line's language",
    "clinic": "the first of the clinic's languages",
    "both": "as nothing is known of the caller's",
}
_PLACES = {
    "none": "before it reached anything",
    "ring": "while it rang",
    "hold": "on hold",
    "transfer": "after a transfer",
    "fax": "at the fax",
    "remote": "in remote access",
}
_RESULTS = {"sent": "the network took it", "refused": "refused", "not_sent": "it did not leave", "unknown": "no result: it may have gone"}


@click.argument("call_or_number")
@limited(5, "How many of a number's calls; 0 for all.")
def why(env: Env, call_or_number: str, limit: int) -> None:
    """Explain why a call got a text, or none. CALL_OR_NUMBER is a call's id, or a number: its latest calls."""
    settings = env.settings
    given = call_or_number.strip()
    number = e164(given, settings.clinic.country)

    async def look() -> tuple[list[dict[str, Any]], InForce]:
        async with reading(settings) as store:
            held = in_force(settings, await store.board.settings())
            try:
                return await store.why(given, limit=limit), held
            except NotFoundError:
                # an id first: one such as "1795320638.0" could be read as a number too
                if number in (None, given):
                    raise
                return await store.why(str(number), limit=limit), held

    rows, held = asyncio.run(look())
    screen = Screen(settings.clinic.zone, settings.clinic.country)
    told = [story(row, held.settings, screen.time, held.changes) for row in rows]
    env.answer(told, lambda drawn: _draw(drawn, told))


def story(
    row: dict[str, Any], settings: Settings, say_time: Callable[[str | datetime | None], str], portal: Collection[str] = ()
) -> dict[str, Any]:
    """A call as in ``calls``, with ``explanation``, the ``setting`` behind it, the ``timeline`` and the facts.

    ``settings``: in force now; ``portal``: the keys of them that the portal rules.
    """
    facts = Facts(row, say_time)
    return {**row, "explanation": explain(facts), "setting": setting_behind(facts, settings, portal), "timeline": _timeline(row)}


def _timeline(row: dict[str, Any]) -> list[dict[str, str]]:
    """What happened, in the order it happened: {"at", "what"}."""
    joined = datetime.fromisoformat(row["started"]) + timedelta(seconds=row["rang"])
    entries = [
        (row["started"], f"the call came in for {row['did'] or 'no number'}, line {row['line']} ({'open' if row['open'] else 'closed'})")
    ]
    if row["outcome"] == "answered":
        whom = "a telephone outside the PBX" if row["answered_by"] == "outside" else "an extension"
        entries.append((_stamp(joined), f"answered by {whom} after {row['rang']:.0f} s"))
    elif row["voicemail_left"]:
        entries.append((row["ended"], "a voicemail was left"))
    entries.append((row["ended"], _end(row)))
    entries.append((row["decided"], f"decided: {row['decision']}, {row['reason']}"))
    text = row["text"]
    if text is not None:
        for attempt in row["attempts"]:
            entries += _attempt(attempt, text["parts"])
        if text["state"] == "queued" and text["what"]:
            entries.append((row["decided"], f"to be tried again: {text['what']}"))
    return [{"at": at, "what": what} for at, what in sorted(entries, key=lambda entry: entry[0])]


def _end(row: dict[str, Any]) -> str:
    by = "the caller hung up" if row["caller_hung_up"] else "the call was ended for the caller"
    if row["outcome"] == "answered":
        return f"{by}" + (", handed on to nobody" if row["handed_on"] else "")
    where = _PLACES.get(row["reached"], f"in the {row['reached']}")
    return f"{by} {where} after {row['rang']:.0f} s"


def _attempt(attempt: dict[str, Any], parts: int | None) -> list[tuple[str, str]]:
    which = f"part {attempt['part']} of {parts}" if parts and parts > 1 else "the text"
    entries = [(attempt["started"], f"{which} left by {attempt['modem']}")]
    if attempt["ended"] is not None:
        why_not = f" ({attempt['what']})" if attempt["what"] else ""
        entries.append((attempt["ended"], f"{which}: {_RESULTS.get(attempt['outcome'], attempt['outcome'])}{why_not}"))
    if attempt["report_at"] is not None:
        entries.append((attempt["report_at"], f"{which}: the network reports {_reported(attempt['report_status'])}"))
    return entries


def _reported(status: int | None) -> str:
    """TP-Status, 3GPP TS 23.040 9.2.3.15."""
    if status is None:
        return "nothing readable"
    if status < 0x20:
        return "that it arrived"
    return "that it is still trying" if status < 0x40 else f"that it failed for good (status {status})"


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _draw(screen: Screen, told: list[dict[str, Any]]) -> None:
    for position, each in enumerate(told):
        if position:
            screen.say("")
        screen.say(f"{screen.number(each['caller'])} at {screen.time(each['started'])} (call {each['id']})", style="bold")
        screen.say(each["explanation"])
        setting = each["setting"]
        if setting is not None:
            screen.say(f"Setting: {setting['key']} = {setting['value']} ({setting['source']}).")
        if each["language"] and each["text"]:
            both = each["language_from"] == "both"
            screen.say(
                f"Language: {'fr and en' if both else each['language']}, {_SOURCES.get(each['language_from'] or '', 'chosen then')}."
            )
        if each["text"] and each["text"]["parts"]:
            parts = each["text"]["parts"]
            screen.say(f"Text: {each['text']['state']}, {parts} SMS" + (f" ({each['text']['what']})." if each["text"]["what"] else "."))
        screen.table(("at", "what"), [(screen.time(item["at"], seconds=True), item["what"]) for item in each["timeline"]], whole=("at",))
