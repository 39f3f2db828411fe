"""Files as other programs write them: a workbook as Excel needs it at the least (ECMA-376); and how a file is read."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ari_app.contacts.columns import Wanted
from ari_app.contacts.files import open_file
from ari_app.contacts.people import Rules
from ari_app.contacts.reading import Found, read
from ari_app.contacts.table import Refused, Table
from ari_app.person import Record

__all__ = ["Understood", "said", "taken", "understood", "workbook"]

_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
{sheets}</Types>"""
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_TYPE = f'<Override PartName="/xl/worksheets/sheet{{n}}.xml" ContentType="{_SHEET_TYPE}"/>'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{each}</Relationships>"""


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[str | int | float | None]]], *, hidden: Sequence[str] = ()) -> Path:
    """Sheets by name; None leaves a cell out, as Excel does with empty ones."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        numbers = range(1, len(sheets) + 1)
        archive.writestr("[Content_Types].xml", _TYPES.format(sheets="".join(_TYPE.format(n=n) for n in numbers)))
        archive.writestr(
            "_rels/.rels", _RELS.format(each=f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>')
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            _RELS.format(
                each="".join(f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers)
            ),
        )
        listed = "".join(
            f'<sheet name="{escape(name)}" sheetId="{n}" state="{"hidden" if name in hidden else "visible"}" r:id="rId{n}"/>'
            for n, name in enumerate(sheets, 1)
        )
        archive.writestr("xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>')
        for n, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{n}.xml", _sheet(rows))
    return path


def _sheet(rows: Sequence[Sequence[str | int | float | None]]) -> str:
    lines = []
    for y, row in enumerate(rows, 1):
        cells = []
        for x, value in enumerate(row):
            where = f"{chr(65 + x)}{y}"
            if isinstance(value, str):
                cells.append(f'<c r="{where}" t="inlineStr"><is><t>{escape(value)}</t></is></c>')
            elif value is not None:
                cells.append(f'<c r="{where}"><v>{value}</v></c>')
        if cells:
            lines.append(f'<row r="{y}">{"".join(cells)}</row>')
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


@dataclass
class Understood:
    """A table as it was read."""

    found: Found
    added: list[Record]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.found, name)


def taken(table: Table, name: str, wanted: Wanted, rules: Rules, refused: list[Refused] | None = None) -> Understood:
    """All of a table."""
    added: list[Record] = []
    found = read(table, name, wanted, rules, {}, keep=added.append, on_refused=None if refused is None else refused.append)
    return Understood(found, added)


def understood(
    path: Path, wanted: dict[str, tuple[str, ...]] | None = None, *, rules: Rules | None = None, **given: str | None
) -> tuple[Understood, list[Refused]]:
    """A file as it is read."""
    refused: list[Refused] = []
    with open_file(path, **given) as table:
        return taken(table, path.name, Wanted(wanted or {}), rules or Rules(country="CA"), refused), refused


def said(found: Understood) -> list[tuple[str, tuple[str, ...]]]:
    """Names, and their numbers."""
    return [(one.name, tuple(each.number for each in one.numbers)) for one in found.added]
