"""The settings an administrator may change without a shell: exceptions, wordings, pause. They hold at once (``ari_app.standing``)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ari_app.board import Actor
from ari_app.desk.base import Base
from ari_app.desk.checks import check_line_of_text, check_words, shown
from ari_app.desk.cost import Cost, cost_of
from ari_app.errors import RefusedError
from ari_app.model import Language, Trigger
from ari_app.policy import Policy, emergency
from ari_app.policy.phrases import meaning_less
from ari_app.policy.wording import BOTH, DEFAULTS, LANGUAGES, check
from ari_app.priority_settings import PrioritySettings
from ari_app.settings import HoursException
from ari_app.standing import EXCEPTIONS, MODE, Change, InForce, LeftOut, changed, source_of, wording_key
from ari_app.threads.alarms import Alarm

__all__ = ["LONGEST_WORDING", "EmergencyWords", "Rules", "Stands", "Wording", "known_language"]

LONGEST_WORDING = 1000
"""Characters."""
LONGEST_EMERGENCY = 80
"""Characters of one entry of emergency words."""
_MOST_EXCEPTIONS = 200
_MOST_EMERGENCY = 300


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one automatic text, as they stand. ``source``: "portal", "textback.toml" or "default"."""

    language: Language
    """"both": of the text in both languages."""
    trigger: Trigger
    text: str
    source: str
    change: Change | None
    """When and by whom, in the portal."""


@dataclass(frozen=True, slots=True)
class EmergencyWords:
    """What makes a text urgent in one language, as it stands. ``source`` and ``change`` as of a ``Wording``."""

    language: Language
    words: tuple[str, ...]
    source: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class Stands:
    """What an administrator may change here, as it is in force, and from where."""

    mode: str
    mode_source: str
    mode_change: Change | None
    exceptions: tuple[HoursException, ...]
    exceptions_source: str
    exceptions_change: Change | None
    wordings: tuple[Wording, ...]
    priority: tuple[PrioritySettings, ...]
    """Rules of textback.toml that say who goes first."""
    emergency: tuple[EmergencyWords, ...]
    emergency_answer: bool
    """Who writes them gets the safety text."""
    left_out: tuple[LeftOut, ...]
    """Stored here, and not allowed by the present textback.toml."""
    file: dict[str, Any]
    """All else in force, secrets left out: keys and values as in textback.toml."""


class Rules(Base):
    """Administrators only. What is changed holds when the call returns, for the next call of a patient too."""

    async def settings(self, by: Actor) -> Stands:
        """What is in force, and from where."""
        self._administrator(by)
        held = self._standing.now
        languages = held.settings.clinic.languages
        return Stands(
            mode=held.settings.reply.mode,
            mode_source=source_of(held, MODE),
            mode_change=held.changes.get(MODE),
            exceptions=held.settings.hours.exception,
            exceptions_source=source_of(held, EXCEPTIONS),
            exceptions_change=held.changes.get(EXCEPTIONS),
            wordings=tuple(_wording(held, language, trigger) for language in _worded(languages) for trigger in DEFAULTS[language]),
            priority=held.settings.priority,
            emergency=tuple(_emergency(held, language) for language in languages),
            emergency_answer=held.settings.emergency.answer,
            left_out=held.left_out,
            file=_told(held.settings),
        )

    async def alarms(self, by: Actor) -> tuple[Alarm, ...]:
        """What keeps textback from working now."""
        self._administrator(by)
        return await self._store.alarms.open()

    async def set_exceptions(self, exceptions: list[dict[str, Any]] | None, *, by: Actor) -> None:
        """The dates that differ, each {"date": "2026-12-24", "closed": true} or {"date", "open": "09:00-12:00"}: the whole list.

        None: those of textback.toml again. Raises SettingsError naming the key, RefusedError.
        """
        if exceptions is not None and len(exceptions) > _MOST_EXCEPTIONS:
            raise RefusedError(f"these are more than {_MOST_EXCEPTIONS} dates", "leave past ones out", code="too_long")
        await self._set(EXCEPTIONS, exceptions, by)

    async def set_wording(self, language: Language, trigger: Trigger, text: str | None, *, by: Actor) -> None:
        """The clinic's own words of an automatic text; None: those of textback.toml, or the built-in ones, again.

        Raises SettingsError naming the key, RefusedError.
        """
        known_wording(language, trigger)
        if text is not None:
            check_words(text, LONGEST_WORDING)
        await self._set(wording_key(language, trigger.value), text, by)

    async def preview(self, language: Language, trigger: Trigger, text: str, *, by: Actor) -> tuple[str, Cost]:
        """The text a caller of the main line would get now, and what it costs. Raises SettingsError, RefusedError."""
        self._administrator(by)
        check_words(text, LONGEST_WORDING)
        known_wording(language, trigger)
        check(text, wording_key(language, trigger.value))
        held = self._standing.now
        filled = held.policy.fill(held.policy.lines[0], text, language, self._clock.now(), self._switches(), trigger=trigger)
        return filled, cost_of(filled, fold=held.settings.reply.compact)

    async def set_emergency_words(self, language: Language, words: Sequence[str] | None, *, by: Actor) -> None:
        """The words that make a text in this language urgent, in place of those of textback.toml; None: those again.

        Raises SettingsError naming the key, RefusedError.
        """
        known_language(language)
        if words is None:
            await self._set(emergency_key(language), None, by)
            return
        chosen = tuple(dict.fromkeys(plain for word in words if (plain := " ".join(word.split()))))
        if not chosen:
            raise RefusedError("there are no words", "write one at least, or go back to those of textback.toml", code="no_words")
        if len(chosen) > _MOST_EMERGENCY:
            said = f"these are {len(chosen)} words, and {_MOST_EMERGENCY} are the most"
            raise RefusedError(said, "leave some out", code="too_many_words", facts={"most": _MOST_EMERGENCY})
        for word in chosen:
            check_line_of_text(word, LONGEST_EMERGENCY, what="word")
            if meaning_less(word):
                said = f"{shown(word)} would be found in nearly every text, or in none"
                raise RefusedError(said, "write words that mean something by themselves", code="bad_word", facts={"word": word})
        await self._set(emergency_key(language), list(chosen), by)

    async def pause(self, on: bool, *, by: Actor) -> None:
        """Stop automatic texts (calls are listed as before, with the reason ``paused``), or let them go again.

        Raises RefusedError, code ``paused_in_file``, where textback.toml has them stopped.
        """
        self._administrator(by)
        mode = self._standing.file.reply.mode
        if mode != "send":
            raise RefusedError(
                f'textback.toml says reply.mode = "{mode}"', 'write mode = "send" there, and restart textback', code="paused_in_file"
            )
        await self._set(MODE, "watch" if on else None, by)

    async def _set(self, key: str, value: Any, by: Actor) -> None:
        self._administrator(by)
        kept = None
        if value is not None:
            settings = changed(self._standing.settings, key, value)
            # asked now, so that a value it cannot use is refused in its own words; off the loop, since it reads a year of hours
            await asyncio.to_thread(Policy, settings)
            kept = json.dumps(value, ensure_ascii=False, default=str)  # dates as TOML and ISO 8601 write them
        await self._store.acts.set_setting(key, kept, by)
        await self._standing.read(self._store)


def known_language(language: Language, known: Sequence[Language] = LANGUAGES) -> None:
    """Raises RefusedError, code ``no_language``, for one that has no words."""
    if language not in known:
        raise RefusedError(f"there are no wordings in {language!r}", f"use one of: {', '.join(known)}", code="no_language")


def known_wording(language: Language, trigger: Trigger) -> None:
    """Raises RefusedError, code ``no_language``, for a language without wordings, or one that has none for this text."""
    known_language(language, (*LANGUAGES, BOTH))
    if trigger not in DEFAULTS[language]:
        raise RefusedError(f"{trigger.value} has no wording in both languages", "write it in each", code="no_language")


def emergency_key(language: Language) -> str:
    """Key of the emergency words of a language: "emergency.words.fr"."""
    return f"emergency.words.{language}"


def _worded(languages: Sequence[Language]) -> tuple[Language, ...]:
    """Languages that have wordings: those of the clinic, and both where it has both."""
    return (*languages, BOTH) if set(LANGUAGES) <= set(languages) else tuple(languages)


def _emergency(held: InForce, language: Language) -> EmergencyWords:
    key = emergency_key(language)
    words = {str(code): found for code, found in {**emergency.WORDS, **held.settings.emergency.words}.items()}
    return EmergencyWords(language, words[language], source_of(held, key), held.changes.get(key))


def _wording(held: InForce, language: Language, trigger: Trigger) -> Wording:
    key = wording_key(language, trigger.value)
    own = next((by.get(trigger.value) for code, by in _texts(held).items() if code == language), None)
    return Wording(language, trigger, own or DEFAULTS[language][trigger], source_of(held, key), held.changes.get(key))


def _texts(held: InForce) -> Mapping[str, Mapping[str, str]]:
    return {str(code): {str(name): text for name, text in by.items()} for code, by in held.settings.reply.text.items()}


def _told(part: BaseModel) -> dict[str, Any]:
    """A part of the settings as JSON values, without what its file keeps from being shown (passwords, PINs)."""
    told: dict[str, Any] = {}
    values = part.model_dump(mode="json")
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if not field.repr:
            continue
        if isinstance(value, BaseModel):
            told[name] = _told(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            told[name] = [_told(each) for each in value]
        else:
            told[name] = values[name]
    return told
