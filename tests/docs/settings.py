"""Every key of textback.toml: what it takes, its default, and the line that the shipped example says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ari_app.operate_settings import Kept
from ari_app.setting_types import Duration
from tests.test_config import EXAMPLE, KEYS

__all__ = ["page"]

_NAMES = {str: "text", int: "whole number", bool: "`true` or `false`", Path: "full path", timedelta: "duration"}


def page() -> str:
    said = dict(_said())
    rows = [f"| `{key}` | {_takes(field)} | {_default(field)} | {said.get(key, '')} |" for key, field in KEYS.items()]
    return "\n".join(["| key | takes | default | |", "|---|---|---|---|", *rows]) + "\n"


def _said() -> Iterator[tuple[str, str]]:
    """The comment beside each key of config/textback.toml."""
    table = ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        bare = line.removeprefix("#")
        if header := re.match(r"\[\[?([a-z_.]+)\]\]?", bare):
            table = header[1]
        elif (key := re.match(r"([a-z_]+) = ", bare)) and (comment := re.search(r"\s# (.+)$", bare)):
            yield f"{table}.{key[1]}", comment[1].replace("|", "\\|")


def _takes(field: FieldInfo) -> str:
    taken = _kind(field.annotation)
    limits = [word for rule in field.metadata if (word := _limit(rule))]
    return ", ".join([taken, *limits])


def _kind(annotation: Any) -> str:
    if annotation in (Duration, Kept):
        return "duration"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(_kind(each) for each in inner if each is not NoneType)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin is dict:
        return f"table of {_kind(inner[1])} by {_kind(inner[0])}"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _limit(rule: Any) -> str:
    for name, words in (("ge", "at least"), ("le", "at most"), ("min_length", "not fewer than"), ("max_length", "not more than")):
        value = getattr(rule, name, None)
        if value is not None:
            return f"{words} {value}"
    return ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, ()):
        return ""
    return f"`{_written(value)}`"


def _written(value: object) -> str:
    if isinstance(value, timedelta):
        for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"), (timedelta(seconds=1), "s")):
            if value and not value % unit:
                return f"{value // unit}{name}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(_written(each) for each in value)}]"
    return str(value) if isinstance(value, int | Path) else f'"{value}"'
