"""Workbooks of Excel and LibreOffice (.xlsx, .xlsb, .xls, .ods), read by calamine: values as a person sees them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import BinaryIO

import python_calamine

from ari_app.contacts.table import MOST_ROWS, Refused, Row, Table
from ari_app.errors import SourceError

__all__ = ["MAGIC", "read_book"]

MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""How such files begin: a ZIP archive, or a compound file of older Office ([MS-CFB] 2.2)."""

_Value = int | float | str | bool | time | date | datetime | timedelta


def read_book(file: BinaryIO, name: str) -> Table:
    """The first sheet that is shown and has more than one row. Raises SourceError for what is no workbook, or is locked."""
    file.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(file)  # by what is in it: names are often wrong
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
    return Table(what=f"workbook, sheet {sheet.name}", rows=_rows(sheet))


def _rows(sheet: python_calamine.CalamineSheet) -> Iterator[Row | Refused]:
    for number, cells in enumerate(sheet.iter_rows(), 1):
        yield Row(number, [_shown(cell) for cell in cells])


def _shown(value: _Value) -> str:
    """A telephone number is often kept as a number: 5145550123.0 is "5145550123"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
