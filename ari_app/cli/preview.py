"""``preview``: what the last days would have sent, by the PBX's call records, before a single text goes."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ari_app.cli.frame import Env
from ari_app.cli.render import Screen
from ari_app.preview import Preview, look_back

__all__ = ["draw", "preview"]

_REASONS = {
    "internal": "from inside the house",
    "machine": "a fax or a remote log-in",
    "line_off": "on a line that sends nothing",
    "anonymous": "no number shown",
    "not_textable": "a number that takes no texts",
    "excluded": "excluded: the clinic's own, or by reply.exclude",
    "answered": "answered",
    "unseen": "undecided: the records do not tell",
    "handed_on": "handed on and lost",
    "short_ring": "hung up at once",
    "stale": "too old",
    "cooldown": "had a text shortly before",
    "called_back": "staff had called back",
    "reached_later": "called again and was answered",
    "limit": "beyond the day's limit",
    "burst": "too many unknown numbers at once",
    "closed": "TEXT: the clinic was closed",
    "missed": "TEXT: missed",
}
_BAR = 30


@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How many days back.")
def preview(env: Env, days: int) -> None:
    """Tell what the last days would have sent, by the PBX's call records ([pbx.cdr]). Sends nothing, changes nothing.

    Needs neither the service nor the store.
    """
    found = look_back(env.settings, datetime.now(UTC), days)
    env.answer(found.document(), lambda screen: draw(screen, found))


def draw(screen: Screen, found: Preview) -> None:
    """For people."""
    for sentence in found.sentences():
        screen.say(sentence)
    if found.reasons:
        screen.say("")
        screen.table(
            ("calls", "what they came to", "reason"),
            [
                (str(count), _REASONS.get(reason.value, ""), reason.value)
                for reason, count in sorted(found.reasons.items(), key=lambda one: -one[1])
            ],
        )
    if found.texts:
        screen.say("")
        most = max(found.by_hour)
        hours = [(hour, count) for hour, count in enumerate(found.by_hour) if count]
        screen.table(("hour", "texts", ""), [(f"{hour:02d}:00", str(count), "#" * max(1, count * _BAR // most)) for hour, count in hours])
    if len(found.by_line) > 1:
        screen.say("")
        screen.table(("line", "texts"), [(line, str(count)) for line, count in found.by_line.items()])
    if found.examples:
        screen.say("")
        for each in found.examples:
            screen.say(f"{screen.time(each.at)}  {each.caller}  {each.text}")
    screen.say("")
    for note in found.notes:
        screen.say(f"Note: {note}.")
