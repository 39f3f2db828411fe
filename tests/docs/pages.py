"""Which pages there are, and what is told at the head of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.docs import commands, errors, settings

__all__ = ["FOLDER", "PAGES"]

FOLDER = Path(__file__).parents[2] / "docs/reference"
_MADE = "Written from the code by `python -m tests.docs`; a test holds that it is up to date.\n"


def _commands() -> str:
    return f"# Every command\n\n{_MADE}Explained, with what `--json` prints: [Commands](../commands.md).\n\n{commands.page()}"


def _settings() -> str:
    return f"# Every setting\n\n{_MADE}Explained: [Settings](../settings.md).\n\n{settings.page()}"


def _errors() -> str:
    head = (
        "What commands, `doctor`, the log and the JSON API may say: a stable code, what is wrong, the fix. `…` stands for what differs.\n"
        "One code may be said in several ways.\n"
    )
    return f"# Every error and every finding\n\n{_MADE}{head}\n{errors.page()}"


PAGES: dict[str, Callable[[], str]] = {"commands.md": _commands, "settings.md": _settings, "errors.md": _errors}
