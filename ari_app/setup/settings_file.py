"""textback.toml as `textback setup` writes it: the example with what differs from the defaults taken out of its comments.

A file that is there keeps its comments, its order and every key that setup did not ask about.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import tomlkit
from pydantic import BaseModel
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from ari_app.errors import SetupError
from ari_app.settings import Settings

__all__ = ["Wanted", "changed", "default_of", "held", "rendered"]

Values = Mapping[str, Any]
"""Dotted key → what TOML holds; None takes the key out."""

_HEADER = re.compile(r"#?\[{1,2}([a-z_.]+)\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"#?([a-z_]+) = ")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the file is to say."""

    values: Values
    modems: Sequence[Values] | None = None
    """Each [[modem]] in order, its keys undotted; None leaves those of the file. A new file has these and no other."""


def rendered(example: str, wanted: Wanted) -> str:
    """A new file from the shipped example. Raises SetupError when the outcome is not TOML (a damaged example)."""
    text = _with_modems(example, wanted.modems)
    return changed(text, replace(wanted, modems=None))


def changed(text: str, wanted: Wanted) -> str:
    """A file with what is wanted in it; one that says so already comes back as it is.

    Raises SetupError: it is not TOML ("setup_settings"), or so written that something else would change with it ("setup_settings_form").
    """
    before = _table(text)
    values = {key: value for key, value in wanted.values.items() if _differs(text, key, value)}
    try:
        out = text if wanted.modems is None else _other_modems(text, wanted.modems)
        for key, value in values.items():
            out = _without(out, key) if value is None else _with(out, key, value)
        good = tomllib.loads(out) == _meant(before, values, wanted.modems or ())
    except (AttributeError, KeyError, TypeError, ValueError, SetupError):  # what tomlkit makes of tables in one line, and of dotted keys
        good = False
    if not good:
        keys = ", ".join([*values, *(["modem"] if wanted.modems else [])])
        raise SetupError(
            f"textback.toml is so written that setup cannot change it alone: {keys}",
            "write its tables with a header each ([pbx], [[modem]]), as the example has them, or change these keys by hand",
            code="setup_settings_form",
        )
    return out


def _differs(text: str, key: str, value: Any) -> bool:
    there = held(text, key)
    return there != value and not (there is None and value == default_of(key))


def _meant(document: dict[str, Any], values: Values, modems: Sequence[Values]) -> dict[str, Any]:
    """What a file that said ``document`` has to say once it is changed, and nothing else."""
    for key, value in values.items():
        *tables, name = key.split(".")
        where = document
        for table in tables:
            where = where.setdefault(table, {})
        if value is None:
            del where[name]
        else:
            where[name] = value
    for modem in map(_given, modems):
        had: list[dict[str, Any]] = document.setdefault("modem", [])
        found: dict[str, Any] | None = next((each for each in had if each["name"] == modem["name"]), None)
        if found is None:
            had.append(found := {})
        if "pin_file" in modem:
            found.pop("pin", None)
        found.update(modem)
    return document


def held(text: str, key: str) -> Any:
    """What a file says for a dotted key, None where it says nothing."""
    found: Any = _table(text)
    for step in key.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found


def default_of(key: str) -> Any:
    """The default of a dotted key as TOML would hold it; None where there is none."""
    model: type[BaseModel] = Settings
    *tables, name = key.split(".")
    for table in tables:
        annotation = model.model_fields[table].annotation
        model = next(each for each in (annotation, *get_args(annotation)) if isinstance(each, type) and issubclass(each, BaseModel))
    field = model.model_fields[name]
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if isinstance(default, tuple):
        return list(default)
    return default if isinstance(default, bool | int | str | None) else str(default)


def _table(text: str, key: str | None = None, without: Any = None) -> Any:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"textback.toml is not TOML: {error}", "mend that line, then run setup again", code="setup_settings") from error
    return document if key is None else document.get(key, without)


def _given(modem: Values) -> dict[str, Any]:
    return {key: value for key, value in modem.items() if value is not None}


# one key


def _with(text: str, key: str, value: Any) -> str:
    table, _, name = key.rpartition(".")
    if held(text, key) is None:
        shown = _uncommented(text, table, name, value)
        if shown is not None:
            return shown
    document = _parsed(text)
    where: Any = document
    for step in table.split("."):
        if step not in where:
            where[step] = tomlkit.table()
        where = where[step]
    where[name] = value
    return tomlkit.dumps(document)


def _without(text: str, key: str) -> str:
    document = _parsed(text)
    where: Any = document
    *tables, name = key.split(".")
    for step in tables:
        where = where[step]
    where.remove(name)
    return tomlkit.dumps(document)


def _parsed(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise SetupError(f"textback.toml is not TOML: {error}", "mend that line, then run setup again", code="setup_settings") from error


def _uncommented(text: str, table: str, name: str, value: Any) -> str | None:
    """The line of the example that shows this key, as a setting with this value; None where no line does."""
    lines = text.split("\n")
    at = next((number for number, line in enumerate(lines) if (found := _HEADER.fullmatch(line)) and found[1] == table), None)
    if at is None:
        return None
    end = next((number for number in range(at + 1, len(lines)) if _HEADER.fullmatch(lines[number])), len(lines))
    row = next((number for number in range(at + 1, end) if (found := _KEY.match(lines[number])) and found[1] == name), None)
    if row is None or not lines[row].startswith("#"):
        return None
    lines[at] = lines[at].removeprefix("#")
    lines[row] = _line(name, value, lines[row])
    out = "\n".join(lines)
    try:
        return out if held(out, f"{table}.{name}") == value else None
    except SetupError:  # the table stands further down once more
        return None


def _line(name: str, value: Any, shown: str) -> str:
    """``shown``: the example's own line, whose comment stays, at its column where there is room."""
    setting = f"{name} = {_toml(value)}"
    body, comment = _apart(shown.removeprefix("#"))
    comment = re.sub(r"\s*\((?:an )?examples?,? ?[^)]*\)", "", comment).rstrip()
    return setting if comment in ("", "#") else f"{setting.ljust(len(body) - (not shown.startswith('#')))} {comment}"


def _apart(line: str) -> tuple[str, str]:
    """A line's setting with the blanks after it, and its comment."""
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == "#" and not quoted:
            return line[:at], line[at:]
    return line, ""


def _toml(value: Any) -> str:
    item: Item = tomlkit.item(value)
    return item.as_string()


# modems


def _with_modems(example: str, modems: Sequence[Values] | None) -> str:
    """The example's one [[modem]], filled; more of them after it; or in comments where there is none."""
    if modems is None:
        return example
    lines = example.split("\n")
    at = lines.index("[[modem]]")
    end = next(number for number in range(at + 1, len(lines)) if not lines[number].strip())
    if not modems:
        lines[at:end] = [line if line.startswith("#") else f"#{line}" for line in lines[at:end]]
        return "\n".join(lines)
    blocks = []
    for position, modem in enumerate(map(_given, modems)):
        rest = dict(modem)
        block = []
        for line in lines[at:end]:
            found = _KEY.match(line)
            if found and found[1] in rest:
                block.append(_line(found[1], rest.pop(found[1]), line))
            elif position == 0 or not line.startswith("#"):
                block.append(line)
        blocks += [*block, *(f"{key} = {_toml(value)}" for key, value in rest.items()), ""]
    lines[at:end] = blocks[:-1]
    return "\n".join(lines)


def _other_modems(text: str, modems: Sequence[Values]) -> str:
    """A file that is there: modems of the same name keep their other keys and comments, those of other names stay as they are."""
    document = _parsed(text)
    if modems and "modem" not in document:
        document.append("modem", tomlkit.aot())
    tables: Any = document.get("modem", [])
    had = {str(each["name"]): each for each in tables}
    for modem in map(_given, modems):
        table: Any = had.get(str(modem["name"]), tomlkit.table())
        if "pin_file" in modem:
            table.pop("pin", None)  # one of them
        for key, value in modem.items():
            if key not in table or table[key] != value:
                table[key] = value
        if str(modem["name"]) not in had:
            tables.append(table)
    return tomlkit.dumps(document)
