"""Tables as CSV files: RFC 4180, UTF-8 with a byte order mark, by which Excel knows it, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from ari_app.board import Listed, Statistics
from ari_app.model import Reason

__all__ = ["BOM", "CALL_COLUMNS", "call_row", "harmless", "lines", "statistics_rows"]

BOM = "\ufeff"
"""Once, at the very beginning."""

_FORMULA = re.compile('^(?=[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n])|(?<=[;\t\r\n])([\\s"]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')
"""Where a spreadsheet would see a formula begin, full width signs too (OWASP, CSV Injection): at the start of a cell, and after what ends
one for a spreadsheet that splits at other signs than the comma (Excel in French does, at the semicolon)."""

CALL_COLUMNS = (
    "id", "started", "ended", "number", "name", "did", "line", "outcome", "answered_by", "reached", "rang_s", "open", "decision", "reason",
    "text", "thread",
)  # fmt: skip
"""The names of the JSON contract. In every language: who reads a file by a program finds its columns."""


def harmless(value: object, language: str = "en") -> str:
    """A cell. What would be taken for a formula gets an apostrophe before it, which spreadsheets read as "this is text".

    So do numbers (+15145550123): a spreadsheet would make 15145550123 of them.
    """
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float) and language == "fr":
        return text.replace(".", ",")
    return text if isinstance(value, int | float) else _FORMULA.sub(lambda found: f"{found[0]}'", text)


def lines(rows: Iterable[Sequence[object]], language: str = "en") -> str:
    """Rows as CSV, each ended by CR LF.

    In French with semicolons and decimal commas: Excel reads a file as the computer's region writes lists and numbers, and where the
    decimal sign is a comma, a file with commas between cells is one column.
    """
    out = io.StringIO()
    delimiter = ";" if language == "fr" else ","
    csv.writer(out, lineterminator="\r\n", delimiter=delimiter).writerows([harmless(cell, language) for cell in row] for row in rows)
    return out.getvalue()


def call_row(call: Listed, zone: tzinfo) -> tuple[object, ...]:
    """One call; times in the clinic's zone, as a spreadsheet reads them."""
    return (
        call.id, _local(call.started, zone), _local(call.ended, zone), call.number, call.name, call.did, call.line, call.outcome,
        call.answered_by, call.reached, call.rang, call.open, call.decision, call.reason, call.message, call.thread,
    )  # fmt: skip


def statistics_rows(found: Statistics) -> list[tuple[object, ...]]:
    """All figures as rows of three: which, of what, how many."""
    rows: list[tuple[object, ...]] = [
        ("figure", "of", "value"),
        ("since", "", found.since.isoformat()),
        ("until", "", found.until.isoformat()),
        ("calls", "", found.calls),
        ("missed", "", found.missed),
        ("callers", "", found.callers),
        ("texted", "", found.texted),
        ("wrote_back", "", found.wrote_back),
        ("recovered", "", found.recovered),
        ("first_reply_s", "median", None if found.first_reply is None else round(found.first_reply)),
    ]
    rows += [("missed_by_hour", hour, count) for hour, count in enumerate(found.by_hour)]
    # ISO 8601: Monday is 1
    rows += [("missed_by_weekday", day, count) for day, count in enumerate(found.by_weekday, 1)]
    rows += [("missed_by_day", day.isoformat(), count) for day, count in sorted(found.by_day.items())]
    rows += [("missed_by_reason", reason, found.reasons[reason]) for reason in Reason if reason in found.reasons]
    return rows


def _local(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
