"""Where an answer comes from: its flag, else the settings file that is there, else a question with a default, else the default alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import click

from ari_app.errors import SettingsError, SetupError, TextbackError
from ari_app.settings import parse
from ari_app.setup.settings_file import held

__all__ = ["LEAST", "Answers", "Asking", "Terminal", "check_key", "listed", "nested"]

_T = TypeVar("_T")
LEAST: dict[str, Any] = {"clinic.name": "-", "clinic.number": "+15145550100", "pbx.username": "-", "pbx.password": "-"}
"""What a settings file cannot be without, for looking at one key alone."""


class Answers(dict[str, Any]):
    """Dotted keys of textback.toml, and what each is to be."""


class Terminal(Protocol):
    """Somebody to ask."""

    def text(self, words: str, default: str | None) -> str:
        """One line; empty where there is no default and nothing was written."""

    def secret(self, words: str, *, twice: bool) -> str:
        """One line, not shown; empty when nothing was written."""

    def yes(self, words: str, *, default: bool) -> bool:
        """Yes or no."""

    def say(self, words: str) -> None:
        """One line to read."""


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys as the tables that TOML has; None is left out."""
    document: dict[str, Any] = {}
    for key, value in values.items():
        if value is None:
            continue
        *tables, name = key.split(".")
        where = document
        for table in tables:
            where = where.setdefault(table, {})
        where[name] = value
    return document


def check_key(key: str, value: Any, beside: dict[str, Any] | None = None) -> Any:
    """The value, when the settings take it. Raises SetupError that says what is wrong with it."""
    needed = {name: each for name, each in LEAST.items() if beside is None or name not in beside}
    try:
        parse(nested(needed | (beside or {}) | {key: value}), "")
    except SettingsError as error:
        what = error.what.removeprefix(": ").partition(": ")[2] or error.what
        raise SetupError(what, "", code="setup_answer") from error
    return value


def listed(written: str) -> list[str]:
    """Words apart by commas or blanks."""
    return [word for word in written.replace(",", " ").split() if word]


class Asking:
    """One interview, or one run without anybody to ask: then ``missing`` has the flag of each answer there is none for."""

    def __init__(self, flags: dict[str, Any], settings: str | None, terminal: Terminal | None) -> None:
        """``flags``: by name ("--clinic"), those given only; ``settings``: the text of textback.toml where there is one."""
        self._flags = flags
        self._settings = settings
        self.terminal = terminal
        self.missing: list[str] = []
        self._forms: dict[str, str] = {}

    def forms(self, forms: Iterable[str]) -> None:
        """What follows each flag, for naming it: "--clinic NAME"."""
        self._forms = {form.partition(" ")[0]: form for form in forms}

    @property
    def afresh(self) -> bool:
        """There is no settings file yet: what is optional is asked too."""
        return self._settings is None

    @property
    def interview(self) -> Terminal | None:
        """Who is asked what is optional: nobody where a settings file answers already."""
        return self.terminal if self.afresh else None

    def given(self, flag: str) -> Any:
        """A flag as it was given, None without."""
        return self._flags.get(flag)

    def there(self, key: str) -> Any:
        """What the settings file says, None without."""
        return None if self._settings is None else held(self._settings, key)

    def value(
        self,
        flag: str,
        words: str,
        check: Callable[[str], _T],
        *,
        key: str | None = None,
        default: str | None = None,
        guess: str | None = None,
        needed: bool = True,
    ) -> _T | None:
        """One answer, checked. ``guess`` is offered to a person and never taken without one; None when it is not needed and not given.

        Raises click.BadParameter for a flag that is wrong.
        """
        flagged = self.given(flag)
        if flagged is not None:
            return self._flag(flag, flagged, check)
        if key is not None and (there := self.there(key)) is not None:
            kept: _T = there
            return kept
        if not needed and not self.afresh:
            return None
        if self.terminal is not None:
            return self._asked(self.terminal, words, check, default if default is not None else guess, needed)
        if default is not None:
            return check(default)
        if needed:
            self.missing.append(flag)
        return None

    def _flag(self, flag: str, given: Any, check: Callable[[str], _T]) -> _T:
        written = ",".join(given) if isinstance(given, tuple) else str(given)
        try:
            return check(written)
        except TextbackError as error:
            raise click.BadParameter(_reason(error), param_hint=flag) from error

    @staticmethod
    def _asked(terminal: Terminal, words: str, check: Callable[[str], _T], default: str | None, needed: bool) -> _T | None:
        while True:
            written = terminal.text(words, default).strip()
            if not written and not needed:
                return None
            try:
                return check(written)
            except TextbackError as error:
                terminal.say(_reason(error))

    def complete(self) -> None:
        """Raises click.UsageError that names every answer there is none for."""
        if self.missing:
            listing = ", ".join(dict.fromkeys(self._forms.get(flag, flag) for flag in self.missing))
            raise click.UsageError(f"without questions these answers are needed too: {listing}")


def _reason(error: TextbackError) -> str:
    return f"{error.what}; {error.fix}" if error.fix else error.what
