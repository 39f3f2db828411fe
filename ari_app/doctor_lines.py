"""What doctor says of [[line]]: each line as it stands now, and what of its settings can hardly be meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from ari_app.errors import SettingsError
from ari_app.numbers import pretty
from ari_app.policy.lines import Line, lines_of
from ari_app.probes import Finding
from ari_app.settings import MAIN_LINE, Settings

__all__ = ["WEEKS", "judge_lines"]

WEEKS = 8
"""A pattern no call came in on for so long is asked about."""


def judge_lines(
    settings: Settings, dids: Collection[str], oldest: datetime | None, sims: Mapping[str, str], now: datetime
) -> Iterator[Finding]:
    """None without [[line]]. ``dids``: of the calls of the last WEEKS, as the trunk gave them; ``oldest``: start of the first call known.

    ``sims``: numbers of the SIMs by the modem's name, as far as they are known. Only what is wrong is warned of: the rest is shown.
    """
    if not settings.line:
        return
    try:
        lines = lines_of(settings)
    except SettingsError:
        return  # said under settings
    for line in lines.values():
        yield Finding("ok", "line", _shown(settings, line, now))
    yield from _doubled(settings)
    yield from _numbers(settings, sims)
    yield from _silent(settings, dids, oldest, now)
    unclaimed = sorted({did for did in dids if did and settings.line_of(did) is None})
    if unclaimed:
        listed = ", ".join(unclaimed[:10]) + (" …" if len(unclaimed) > 10 else "")
        yield Finding("ok", "line_unclaimed", f"calls on {listed} count for the main line, as no [[line]] claims them")


def _shown(settings: Settings, line: Line, now: datetime) -> str:
    """One line in words, as it stands now."""
    country, zone = settings.clinic.country, settings.clinic.zone
    opening = line.hours.opening(now)
    until = "" if opening.until is None else f" until {opening.until.astimezone(zone):%a %H:%M}"
    state = f"{'open' if opening.open else 'closed'} now{until} ({opening.why})"
    own = line.own
    if own is None:
        return f"{MAIN_LINE}: {settings.clinic.name}, {pretty(settings.clinic.number, country)}, {state}"
    facts = [
        own.clinic or settings.clinic.name,
        pretty(own.number or settings.clinic.number, country),
        f"DID {', '.join(own.did)}",
        state,
        f"in {own.language}" if own.language else "",
        f"by modem {own.modem}" if own.modem else "",
        "" if own.reply else "sends no texts",
    ]
    return f"{line.name}: {', '.join(fact for fact in facts if fact)}"


def _doubled(settings: Settings) -> Iterator[Finding]:
    """A pattern that a line before claims as well: that one has the calls."""
    for position, line in enumerate(settings.line):
        for pattern in line.did:
            first = next((each for each in settings.line[:position] if pattern in each.did or each.claims(pattern)), None)
            if first is not None:
                yield Finding(
                    "warn",
                    "line_doubled",
                    f"line.{position}.did: {pattern} is claimed by the line {settings.line_name(first)} before it, which has its calls",
                    "take it out of one of them, or put the narrower line first",
                )


def _numbers(settings: Settings, sims: Mapping[str, str]) -> Iterator[Finding]:
    known = {modem.number: modem.name for modem in settings.modem if modem.number} | {
        number: name for name, number in sims.items() if number
    }
    for position, line in enumerate(settings.line):
        if line.number is not None and line.number in known:
            yield Finding(
                "warn",
                "line_sim_number",
                f"line.{position}.number is the number of the SIM in modem {known[line.number]}: texts would ask callers to ring the modem",
                "write the number that callers dial",
            )


def _silent(settings: Settings, dids: Collection[str], oldest: datetime | None, now: datetime) -> Iterator[Finding]:
    if oldest is None or now - oldest < timedelta(weeks=WEEKS):
        return  # too early to tell
    used = [settings.line_of(did) for did in dids]
    for position, line in enumerate(settings.line):
        if not any(each is line for each in used):
            yield Finding(
                "warn",
                "line_silent",
                f"line.{position}: no call came in on {', '.join(line.did)} in {WEEKS} weeks",
                "see how the trunk writes that DID (textback calls --json), or take the line out",
            )
