"""What is wrong with hours, wordings and rules, found before the first call: each with the key and the fix."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from ari_app.errors import SettingsError
from ari_app.model import Trigger
from ari_app.policy.expression import cut_nights, idle_rules, parsed, readable
from ari_app.policy.lines import Line, hours_of, lines_of
from ari_app.policy.phrases import meaning_less
from ari_app.policy.priority import hours_of_rule
from ari_app.policy.textable import refusal
from ari_app.policy.wording import BOTH, DEFAULTS, LANGUAGES, check
from ari_app.settings import Settings
from modem.alphabet import segments

__all__ = ["Problem", "check_settings"]

_SAMPLE = datetime(2026, 9, 7, 12, tzinfo=UTC)
"""A Monday: the week after it has every name of a weekday in it."""

_MARKS = {"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "œ": "oe", "Œ": "OE"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in textback.toml. A ``bad`` one keeps the service from starting."""

    key: str
    what: str
    fix: str
    state: Literal["bad", "warn"] = "warn"


def check_settings(settings: Settings) -> tuple[Problem, ...]:
    """Every problem of hours, wordings and rules, bad ones first."""
    bad = [*_bad_hours(settings), *_bad_texts(settings), *_bad_rules(settings), *_bad_words(settings)]
    warnings = []
    if not bad:
        warnings += [*_doubtful_hours(settings), *_doubtful_texts(settings), *_doubtful_both(settings), *_doubtful_rules(settings)]
        warnings += _doubtful_priorities(settings)
    return (*bad, *warnings)


def _from(error: SettingsError) -> Problem:
    key, _, what = error.what.partition(": ")
    return Problem(key, what, error.fix, "bad")


def _bad_hours(settings: Settings) -> Iterator[Problem]:
    seen: set[str] = set()
    for position in (None, *(index for index, line in enumerate(settings.line) if line.hours is not None)):
        try:
            hours_of(settings, position)
        except SettingsError as error:
            if error.what not in seen:
                seen.add(error.what)
                yield _from(error)
    for position in range(len(settings.priority)):
        try:
            hours_of_rule(settings, position)
        except SettingsError as error:
            yield _from(error)


def _bad_texts(settings: Settings) -> Iterator[Problem]:
    for texts, path in _own_texts(settings):
        for language, by_trigger in texts.items():
            for trigger, template in by_trigger.items():
                try:
                    check(template, f"{path}.{language}.{trigger}")
                except SettingsError as error:
                    yield _from(error)


def _own_texts(settings: Settings) -> Iterator[tuple[Mapping[str, Mapping[str, str]], str]]:
    """(templates by language and trigger, path they are set under), the clinic's and each line's."""
    for texts, path in [
        (settings.reply.text, "reply.text"),
        *((line.text, f"line.{index}.text") for index, line in enumerate(settings.line)),
    ]:
        yield {str(code): {str(name): text for name, text in by_trigger.items()} for code, by_trigger in texts.items()}, path


def _bad_rules(settings: Settings) -> Iterator[Problem]:
    reply = settings.reply
    if reply.delay >= reply.max_age:
        yield Problem("reply.max_age", "is not longer than reply.delay: every text would be too old to go", "make it longer", "bad")
    ours = {settings.clinic.number, *(line.number for line in settings.line), *(modem.number for modem in settings.modem)}
    for position, rule in enumerate(settings.priority):
        if rule.notify is not None and rule.notify in ours:
            yield Problem(f"priority.{position}.notify", "is the clinic's own number", "write that of who is on call", "bad")


def _bad_words(settings: Settings) -> Iterator[Problem]:
    """Words that are in nearly every text would have each answered as an emergency; those without a letter are in none."""
    for language, phrases in settings.emergency.words.items():
        for phrase in filter(meaning_less, phrases):
            key, what = f"emergency.words.{language}", f'"{phrase}" is too short to mean anything'
            yield Problem(key, what, "write a whole word, or leave it out", "bad")
    for position, rule in enumerate(settings.priority):
        for phrase in rule.words:
            if not any(char.isalnum() for char in phrase):
                yield Problem(f"priority.{position}.words", f'"{phrase}" has no letter', "write a word, or leave it out", "bad")


def _doubtful_hours(settings: Settings) -> Iterator[Problem]:
    expressions = [("hours.open", settings.hours.open)]
    expressions += [(f"line.{index}.hours", line.hours) for index, line in enumerate(settings.line) if line.hours is not None]
    expressions += [(f"priority.{index}.hours", rule.hours) for index, rule in enumerate(settings.priority) if rule.hours is not None]
    for key, expression in expressions:
        text = readable(expression, key)
        for warning in parsed(text, key).warnings:
            yield Problem(key, warning, "write it as the language has it, such as Mo-Fr 08:00-17:00")
        now = _SAMPLE.replace(tzinfo=None)
        for rule in idle_rules(text, now):
            yield Problem(key, f'"{rule}" changes nothing', "a later rule for the same days replaces it: join their times with a comma")
        for rule in cut_nights(text, now):
            yield Problem(key, f'"{rule}" ends at midnight before some days', "a later rule replaces those days: join the two with a comma")


def _doubtful_texts(settings: Settings) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for line in lines_of(settings).values():
        languages = {*settings.clinic.languages, *([line.own.language] if line.own and line.own.language else [])}
        for language in sorted(languages):
            for trigger in Trigger:
                problem = _costly(line, trigger, language)
                if problem is not None and (problem.key, problem.what) not in seen:
                    seen.add((problem.key, problem.what))
                    yield problem


def _costly(line: Line, trigger: Trigger, language: str) -> Problem | None:
    template, key = line.template(trigger, language)
    days = [_SAMPLE + timedelta(days=day, hours=8, minutes=30) for day in range(7)]
    texts = [line.folded(line.text(trigger, language, opens, _SAMPLE)) for opens in days]
    text = max(texts, key=lambda each: segments(each).units)
    cost = segments(text)
    shown = key or f"reply.text.{language}.{trigger}"
    if cost.forced_by is not None:
        char, name = cost.forced_by, line.settings.clinic.name
        where = "clinic.name" if char in name and char not in template else shown
        what = f'"{char}" (U+{ord(char):04X}) is not in the GSM alphabet, so an SMS holds 70 characters instead of 160'
        plainer = _plainer(char)
        fix = f'write "{plainer}" if you can' if plainer else "leave it out if you can"
        return Problem(where, f"{what}; this text takes {cost.parts}" if where == shown else what, fix)
    if cost.parts > 1:
        return Problem(shown, f"takes {cost.parts} SMS ({cost.units} characters; one holds 160)", "shorten it, or accept the cost")
    return None


def _plainer(char: str) -> str:
    """What to write for a character that GSM-7 lacks: its letter without accent, its plain mark, or nothing."""
    bare = "".join(part for part in unicodedata.normalize("NFKD", _MARKS.get(char, char)) if not unicodedata.combining(part))
    return bare if segments(bare).forced_by is None else ""


def _doubtful_rules(settings: Settings) -> Iterator[Problem]:
    for texts, path in _own_texts(settings):
        for language, by_trigger in texts.items():
            if "{opens}" in by_trigger.get("missed", ""):
                what = "{opens} is only known while the line is closed, and this text goes to who called while it was open"
                yield Problem(f"{path}.{language}.missed", what, "leave {opens} out, or say it in the closed text")
    if settings.reply.daily_limit == 0:
        yield Problem("reply.daily_limit", "is 0: no automatic text ever goes", 'raise it, or write mode = "off" if that is meant')


def _doubtful_both(settings: Settings) -> Iterator[Problem]:
    """Texts in both languages that never go, or go to nobody."""
    for line in lines_of(settings).values():
        texts, path = (settings.reply.text, "reply.text") if line.own is None else (line.own.text, f"{line.path}.text")
        for name, template in next((by for code, by in texts.items() if code == BOTH), {}).items():
            trigger, key = Trigger(name), f"{path}.{BOTH}.{name}"
            if trigger not in DEFAULTS[BOTH]:
                yield Problem(key, "is never used: who writes is answered in one language", "write it under fr and en")
            elif not set(LANGUAGES) <= set(settings.clinic.languages):
                yield Problem(key, "is never used: clinic.languages names one language", "leave it out, or name both")
            elif line.own is not None and line.own.language is not None:
                yield Problem(key, f"is never used: {line.path}.language says in which language", "leave one of the two out")
            else:
                asked = [line.facts(_SAMPLE + timedelta(hours=8), _SAMPLE, named=named) for named in (False, True)]
                costs = [segments(line.folded(line.filled(template, trigger, BOTH, facts))) for facts in asked]
                least = min(costs, key=lambda cost: cost.units)
                if least.parts > 1:
                    what = f"is never used: it takes {least.parts} SMS, and a text in both languages goes where it fits one"
                    yield Problem(key, what, "shorten it")


def _doubtful_priorities(settings: Settings) -> Iterator[Problem]:
    for position, rule in enumerate(settings.priority):
        path = f"priority.{position}"
        of_text = [name for name in ("words", "emergency") if name in rule.model_fields_set]
        of_call = [name for name in ("option", "voicemail") if name in rule.model_fields_set]
        if of_text and of_call:
            what = f'never holds: "{of_text[0]}" is of a text, and "{of_call[0]}" of a call'
            yield Problem(path, what, "make two rules of it")
        for phrase in filter(meaning_less, rule.words):
            yield Problem(f"{path}.words", f'"{phrase}" is too short to mean anything', "write a whole word, or leave it out")
        if rule.notify is None:
            continue
        if settings.reply.mode != "send":
            yield Problem(f"{path}.notify", f'is told nothing: reply.mode = "{settings.reply.mode}"', 'write mode = "send"')
        elif refused := refusal(rule.notify, settings.reply.countries):
            why = "a landline" if refused["rule"] == "landline" else "no number that texts may go to"
            yield Problem(
                f"{path}.notify", f"is told nothing: {rule.notify} is {why}", "write a mobile's number, and its country in reply.countries"
            )
