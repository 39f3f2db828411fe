"""Workbooks of Excel and LibreOffice (.xlsx, .xlsb, .xls, .ods), read by calamine: values as a person sees them.

In a process of its own, ``python -m ari_app.contacts.books NAME <FILE``: a workbook of a kilobyte can ask for more memory than there is,
and calamine ends its process then. It says one JSON document a line: the sheet's name, or what is wrong; then rows by the hundred.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any, BinaryIO

from ari_app.contacts.table import LONGEST_CELL, MOST_ROWS, Refused, Row, Table
from ari_app.errors import SourceError

__all__ = ["MAGIC", "read_book"]

MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How such files begin: a ZIP archive, or a compound file of older Office ([MS-CFB] 2.2)."""

_MEMORY = 2 << 30
"""Bytes of address space the process may have: 100,000 rows of 20 columns take a tenth,"""
_SECONDS = 300
"""and seconds of a processor."""
_AT_ONCE = 100


@contextlib.contextmanager
def read_book(file: BinaryIO, name: str) -> Iterator[Table]:
    """The first sheet that is shown and has more than one row. Raises SourceError for what is no workbook, is locked, or is too large."""
    file.seek(0)
    with subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "ari_app.contacts.books", name], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            sheet = _said(process.stdout, process, name)
            yield Table(what=f"workbook, sheet {sheet}", rows=_rows(process.stdout, process, name))
        finally:
            process.kill()


def _rows(answers: IO[bytes], process: subprocess.Popen[bytes], name: str) -> Iterator[Row | Refused]:
    number = 0
    while (rows := _said(answers, process, name)) is not None:
        for cells in rows:
            number += 1
            yield Row(number, cells)


def _said(answers: IO[bytes], process: subprocess.Popen[bytes], name: str) -> Any:
    """The next thing the process says; None at the end."""
    line = answers.readline()
    if not line.endswith(b"\n"):
        process.wait()
        raise SourceError(
            f"{name} cannot be read: it is damaged, or unpacks to more than a list of contacts takes",
            "save it anew as .xlsx, or as CSV",
            code="file",
        )
    said = json.loads(line)
    if isinstance(said, dict):
        raise SourceError(said["what"], said["fix"], code=said["code"])
    return said


# -- the process


def _sheet(name: str) -> tuple[str, Iterator[Sequence[Any]]]:
    import python_calamine  # noqa: PLC0415 - here alone

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(sys.stdin.buffer)  # by what is in it: names are often wrong
        shown = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == python_calamine.SheetVisibleEnum.Visible and sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        sheet = next((each for each in map(book.get_sheet_by_name, shown) if each.height > 1), None)
    except python_calamine.PasswordError as error:
        raise SourceError(f"{name} is locked with a password", "save it without one, or as CSV", code="file") from error
    except (python_calamine.CalamineError, OSError) as error:
        raise SourceError(f"{name} is no workbook that can be read", "save it anew as .xlsx, or as CSV", code="file") from error
    if sheet is None:
        raise SourceError(f"{name} has no sheet with rows", "see that it is the right file", code="file")
    if sheet.total_height > MOST_ROWS:
        raise SourceError(f"{name} has more than {MOST_ROWS} rows", "take out what is no contact", code="too_many")
    return sheet.name, sheet.iter_rows()


def _shown(value: object) -> str:
    """A telephone number is often kept as a number: 5145550123.0 is "5145550123"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)[:LONGEST_CELL]


def _say(said: object) -> None:
    sys.stdout.write(f"{json.dumps(said)}\n")


def _main(name: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        sheet, rows = _sheet(name)
    except SourceError as error:
        _say({"what": error.what, "fix": error.fix, "code": error.code})
        return
    _say(sheet)
    while batch := [[_shown(cell) for cell in cells] for cells in itertools.islice(rows, _AT_ONCE)]:
        _say(batch)
    _say(None)


if __name__ == "__main__":
    _main(sys.argv[1])
