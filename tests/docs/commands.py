"""Every command with its arguments and options, as click knows them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from ari_app.cli import main

__all__ = ["page", "walk"]


def walk(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all in it, with the words that name each."""
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk(f"{words} {name}", command.commands[name])


def page() -> str:
    return "\n".join(_section(words, command) for words, command in walk("textback", main))


def _section(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=words)
    usage = " ".join([words, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * min(len(words.split()) + 1, 4)} {words}\n", f"    {usage}\n", f"{inspect.cleandoc(command.help or '')}\n"]
    rows = [row for parameter in command.params if (row := _row(parameter, context)) is not None]
    if rows:
        parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _row(parameter: click.Parameter, context: click.Context) -> str | None:
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return None
    record = parameter.get_help_record(context)
    if record is None:
        return None
    told, meaning = record
    return f"| `{told}` | {meaning} |".replace("|", "\\|").replace("\\| ", "| ", 1).replace(" \\| ", " | ", 1)[:-2] + "|"
