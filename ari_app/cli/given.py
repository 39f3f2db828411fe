"""What people write on the command line, checked: numbers, and since when."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import click
from pydantic import TypeAdapter, ValidationError

from ari_app.desk import shown
from ari_app.errors import TextbackError
from ari_app.numbers import e164
from ari_app.setting_types import Duration
from ari_app.settings import Settings

__all__ = ["Seconds", "filters", "limit_option", "limited", "number_option", "since_option", "text_from", "wait_option"]

_F = TypeVar("_F", bound=Callable[..., Any])

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)

since_option = click.option("--since", metavar="WHEN", help="Only from then on: 2h, 7d, 2026-03-02 or 2026-03-02T08:00 (clinic's time).")
number_option = click.option("--number", metavar="NUMBER", help="Only this caller.")


def limited(default: int, help_text: str) -> Callable[[_F], _F]:
    """``--limit``: how many at most, 0 for all. No more than SQLite could count, nor than any list will ever have."""
    return click.option("--limit", type=click.IntRange(0, 2**31 - 1), default=default, show_default=True, help=help_text)


limit_option = limited(50, "How many at most; 0 for all.")


class Seconds(click.FloatRange):
    """A number of seconds, 0 or more; "nan" and "inf" are floats to Python, and no time to wait."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds; write one such as 30", param, ctx)
        return seconds


wait_option = click.option("--wait", type=Seconds(), metavar="S", help="Wait up to S seconds until the network took it.")


def filters(settings: Settings, since: str | None, number: str | None, limit: int) -> dict[str, Any]:
    """``--since``, ``--number`` and ``--limit`` as the store takes them. Raises click.BadParameter."""
    return {"since": _since(since, settings), "number": _number(number, settings), "limit": limit}


def _number(given: str | None, settings: Settings) -> str | None:
    if given is None:
        return None
    number = e164(given, settings.clinic.country)
    if number is None:
        raise click.BadParameter(f"{shown(given)} is no phone number; write it as +15145550123", param_hint="--number")
    return number


def _since(given: str | None, settings: Settings) -> datetime | None:
    """A duration back from now, or an ISO 8601 date or time; one without a zone is the clinic's."""
    if given is None:
        return None
    text = given.strip()
    try:
        if re.fullmatch(r"\d+[a-z]+", text):
            return datetime.now(UTC) - _DURATION.validate_python(text)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(datetime.fromisoformat(text), time(), settings.clinic.zone)
        at = datetime.fromisoformat(text)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
    except (ValidationError, ValueError):
        raise click.BadParameter(
            f"{given!r} is no time; write 2h or 7d, or a date such as 2026-03-02, or 2026-03-02T08:00", param_hint="--since"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=settings.clinic.zone)


def text_from(given: str) -> str:
    """A text to send: as given, or from stdin when it is "-", so that it stands in no process list."""
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.read().decode("utf-8").rstrip("\n")
    except UnicodeDecodeError as error:
        raise TextbackError("the text on stdin is not UTF-8", "send it as UTF-8", code="not_utf8") from error
