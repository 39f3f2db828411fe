"""The settings in force: textback.toml, and what an administrator changed in the portal, which wins (design rule 11).

Changed there can be ``hours.exception`` (the whole list), ``reply.mode``, ``reply.text.<language>.<trigger>`` and
``emergency.words.<language>``; each is kept in the store as JSON under the key it has in the file. It holds at once, without a restart:
who decides asks here at the moment. A stored value the file does not allow (any more) is left out and told, never fatal: the clinic's
calls go on being answered by the file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from ari_app.errors import SettingsError
from ari_app.model import Call, Decision, Known
from ari_app.policy import Policy
from ari_app.policy.hours import Opening
from ari_app.setting_types import say
from ari_app.settings import Settings
from ari_app.threads import Store

__all__ = [
    "EXCEPTIONS",
    "MODE",
    "OWN_REPLIES",
    "Change",
    "InForce",
    "LeftOut",
    "Standing",
    "changed",
    "in_force",
    "source_of",
    "wording_key",
]

log = structlog.get_logger(__name__)

EXCEPTIONS = "hours.exception"
MODE = "reply.mode"
OWN_REPLIES = "canned"
"""No setting of the file: says that the ready replies are the clinic's own, even when it kept none."""

_P = TypeVar("_P", bound=BaseModel)
Stored = Mapping[str, tuple[str, datetime, str]]
"""Key → (JSON, when, who), as the store has them."""


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that the portal rules."""

    at: datetime
    who: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stored value that cannot be used with this textback.toml."""

    key: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds at one moment."""

    settings: Settings
    policy: Policy
    changes: Mapping[str, Change] = field(default_factory=lambda: MappingProxyType({}))
    """What of it the portal rules, by key."""
    left_out: tuple[LeftOut, ...] = ()


def wording_key(language: str, trigger: str) -> str:
    """Key of the clinic's own words: "reply.text.fr.missed"."""
    return f"reply.text.{language}.{trigger}"


def changed(settings: Settings, key: str, value: Any) -> Settings:
    """``settings`` with one key changed. Raises SettingsError naming the key, what is wrong and the fix; the policy is not asked."""
    match key.split("."):
        case ["hours", "exception"]:
            return settings.model_copy(update={"hours": _part(settings.hours, {"exception": value}, "hours")})
        case ["reply", "mode"]:
            return settings.model_copy(update={"reply": _part(settings.reply, {"mode": value}, "reply")})
        case ["reply", "text", language, trigger]:
            texts: dict[str, dict[str, Any]] = {
                str(code): {str(name): text for name, text in by.items()} for code, by in settings.reply.text.items()
            }
            texts.setdefault(language, {})[trigger] = value
            return settings.model_copy(update={"reply": _part(settings.reply, {"text": texts}, "reply")})
        case ["emergency", "words", language]:
            words = {str(code): found for code, found in settings.emergency.words.items()} | {language: value}
            return settings.model_copy(update={"emergency": _part(settings.emergency, {"words": words}, "emergency")})
    raise SettingsError(f"{key}: cannot be changed in the portal", "change it in textback.toml")


def source_of(held: InForce, key: str) -> str:
    """What says how a setting stands: "portal", "textback.toml" or "default". For a key that is not there: "default"."""
    if key in held.changes:
        return "portal"
    at: Any = held.settings
    for step in key.split("."):
        if isinstance(at, BaseModel):
            if step not in at.model_fields_set:
                return "default"
            at = getattr(at, step)
        elif isinstance(at, Mapping):
            if step not in at:
                return "default"
            at = at[step]
        else:
            at = at[int(step)]
    return "textback.toml"


def _part(before: _P, change: dict[str, Any], path: str) -> _P:
    try:
        return type(before).model_validate({**before.model_dump(exclude_unset=True), **change})
    except ValidationError as error:
        told = "; ".join(say({**item, "loc": (path, *item["loc"])}) for item in error.errors())
        raise SettingsError(told, "write it anew") from error


def in_force(settings: Settings, stored: Stored) -> InForce:
    """The file's settings with what the portal changed. Raises SettingsError only for the file itself."""
    left_out: list[LeftOut] = []
    values: dict[str, Any] = {}
    for key in sorted(stored):
        if key == OWN_REPLIES:
            continue
        try:
            values[key] = json.loads(stored[key][0])
            changed(settings, key, values[key])
        except (ValueError, RecursionError):
            left_out.append(LeftOut(key, "is not readable", "set it anew in the portal"))
            values.pop(key, None)
        except SettingsError as error:
            left_out.append(_left_out(key, error))
            del values[key]
    try:
        held = InForce(*_with(settings, values))
    except SettingsError:
        held, refused = _one_by_one(settings, values)
        left_out += refused
    changes = {key: Change(stored[key][1], stored[key][2]) for key in values if key not in {each.key for each in left_out}}
    return InForce(held.settings, held.policy, MappingProxyType(changes), tuple(left_out))


def _with(settings: Settings, values: Mapping[str, Any]) -> tuple[Settings, Policy]:
    for key, value in values.items():
        settings = changed(settings, key, value)
    return settings, Policy(settings)


def _one_by_one(settings: Settings, values: Mapping[str, Any]) -> tuple[InForce, list[LeftOut]]:
    """Which of the values the policy cannot use: slower, and only needed when there is one."""
    held, refused = InForce(settings, Policy(settings)), []
    for key, value in values.items():
        try:
            held = InForce(*_with(held.settings, {key: value}))
        except SettingsError as error:
            refused.append(_left_out(key, error))
    return held, refused


def _left_out(key: str, error: SettingsError) -> LeftOut:
    return LeftOut(key, error.what.removeprefix(f"{key}: "), error.fix)


class Standing:
    """The settings in force now. Until ``read`` they are the file's. Raises SettingsError for a file that cannot be used."""

    def __init__(self, settings: Settings) -> None:
        self.file = settings
        self._now = InForce(settings, Policy(settings))
        self._one = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []

    @property
    def now(self) -> InForce:
        """All of it, of one moment."""
        return self._now

    @property
    def settings(self) -> Settings:
        """In force now."""
        return self._now.settings

    @property
    def policy(self) -> Policy:
        """Made of the settings in force now."""
        return self._now.policy

    def on_change(self, listener: Callable[[], None]) -> None:
        """Called on the event loop each time the settings in force were replaced."""
        self._listeners.append(listener)

    async def read(self, store: Store) -> None:
        """Take over what the store has. To be called at the start, and after each change. Raises StoreError."""
        async with self._one:
            stored = await store.board.settings()
            # reading a year of hours takes longer than the event loop may be held
            found = await asyncio.to_thread(in_force, self.file, stored)
            same = found.settings == self._now.settings
            self._now = found
        for each in found.left_out:
            log.warning("setting_left_out", key=each.key, what=each.what, fix=each.fix)
        if not same:
            log.info("settings_changed", portal=sorted(found.changes))
            for listener in self._listeners:
                listener()

    # -- what rooms ask of the policy, at the moment

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of all lines, the main line first."""
        return self.policy.lines

    def opening(self, line: str, at: datetime, switches: Mapping[str, str]) -> Opening:
        """Is this line open at this instant."""
        return self.policy.opening(line, at, switches)

    def line_name(self, did: str) -> str:
        """The line of a DID."""
        return self.policy.line_name(did)

    def decide(self, call: Call, known: Known, now: datetime) -> Decision:
        """What a finished call comes to, by the policy in force."""
        return self.policy.decide(call, known, now)
