"""What people see on a terminal: tables, times in the clinic's zone, numbers as its country writes them."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ari_app import numbers
from ari_app.logs import clean

__all__ = ["HEALTH_STYLES", "Screen"]

HEALTH_STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}
"""How the state of a thing that is watched is drawn."""

_WIDE = 4000
"""Columns where nobody looks: a pipe gets whole lines."""
_NORMAL = 80


class Screen:
    """Draws into memory; ``text()`` is what is to be printed. Words are never read as markup."""

    def __init__(self, zone: tzinfo, country: str) -> None:
        self._zone = zone
        self._country = country
        tty = sys.stdout.isatty()
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isascii() and columns.isdigit() and int(columns) > 0 else None
        if width is None:
            width = shutil.get_terminal_size().columns if tty else _WIDE
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            width=width,
            force_terminal=tty,
            no_color=True if os.environ.get("NO_COLOR") else None,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def text(self) -> str:
        """Everything drawn so far, no blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self._out.getvalue().split("\n"))

    def say(self, *words: str, style: str = "") -> None:
        """One paragraph."""
        self._console.print(Text(clean(" ".join(words)), style=style), soft_wrap=False)

    def paste(self, line: str) -> None:
        """A line to be copied: never broken, however narrow the terminal."""
        self._console.print(Text(clean(line)), soft_wrap=True)

    def draw(self, thing: RenderableType) -> None:
        self._console.print(thing)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, whole: Sequence[str] = ()) -> None:
        """A table without frames. Where the terminal is narrow, cells wrap: nothing is cut off. ``whole``: not before 80 columns."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading in headings:
            table.add_column(heading, overflow="fold", no_wrap=heading in whole and self._console.width >= _NORMAL)
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row))
        self.draw(table)

    def time(self, stamp: str | datetime | None, *, seconds: bool = False) -> str:
        """ISO 8601 or an aware datetime in the clinic's zone: "2026-11-22 14:05"."""
        if stamp is None:
            return "–"
        at = (datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp).astimezone(self._zone)
        return at.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")

    def number(self, number: str | None) -> str:
        return numbers.pretty(number, self._country)
