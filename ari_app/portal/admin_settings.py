"""The settings in force as lines to read: key, value as textback.toml has it, and where it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

__all__ = ["Line", "flat"]


@dataclass(frozen=True, slots=True)
class Line:
    """One setting. ``value`` None: it is set and not shown, as passwords, PINs and addresses that may hold one."""

    key: str
    value: str | None
    source: str
    """"textback.toml" or "default"."""


def flat(part: BaseModel, before: str = "", *, given: bool = True) -> Iterator[Line]:
    """Every setting of a part; a list of tables by its places, from nought as in messages about the file."""
    for name, field in type(part).model_fields.items():
        value, key = getattr(part, name), f"{before}{name}"
        here = given and name in part.model_fields_set
        if isinstance(value, BaseModel):
            yield from flat(value, f"{key}.", given=here)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for place, each in enumerate(value):
                yield from flat(each, f"{key}.{place}.", given=here)
        elif value is not None and value not in ((), {}):
            yield Line(key, _toml(value) if field.repr else None, "textback.toml" if here else "default")


def _toml(value: Any) -> str:
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(each)}' for name, each in value.items())} }}"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _duration(value: timedelta) -> str:
    milliseconds = round(value.total_seconds() * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f'"{milliseconds // size}{unit}"'
    return f'"{milliseconds}ms"'
