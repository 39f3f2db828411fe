"""``contacts import``: a file read whole and shown as it was understood; then what is new or changed goes to the store, batch by batch."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ari_app.cli import access
from ari_app.cli.frame import Env
from ari_app.cli.render import Screen
from ari_app.clock import SystemClock
from ari_app.contacts.columns import FIELDS, Wanted
from ari_app.contacts.files import open_file
from ari_app.contacts.importing import batches
from ari_app.contacts.people import Rules
from ari_app.contacts.reading import Found, read
from ari_app.contacts.table import Refused
from ari_app.errors import SourceError, TextbackError
from ari_app.model import Kind
from ari_app.person import Applied, Record, Synced
from ari_app.portal.export import harmless
from ari_app.settings import Settings

__all__ = ["Errors", "import_file"]

_SHOWN = 5
_SHOWN_REFUSED = 5
_FIELDS = {"id": "external", "external": "external", "numbers": "number", "tag": "tags"} | {field: field for field in FIELDS}


class Errors:
    """Counts what could not be used, keeps the first of it to be shown, and writes all of it to a file where one was asked for."""

    def __init__(self, path: Path | None) -> None:
        """Raises SourceError when the file cannot be written: before anything else was done."""
        self.path = path
        self.count = 0
        self.first: list[Refused] = []
        self._file = None
        if path is None:
            return
        try:
            # a pipe is not waited for
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            is_file = stat.S_ISREG(os.fstat(handle).st_mode)
            if is_file:  # a device keeps its mode
                os.fchmod(handle, 0o600)
                os.ftruncate(handle, 0)
        except OSError as error:
            raise SourceError(f"cannot write {path} ({error.strerror})", "name another file with --errors", code="errors_file") from error
        if not is_file:
            os.close(handle)
            raise SourceError(f"{path} is no file", "name a file with --errors", code="errors_file")
        self._file = open(handle, "w", encoding="utf-8-sig", newline="")  # noqa: PTH123, SIM115 - of a descriptor; closed with this
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._write(("row", "column", "value", "why"))

    def __call__(self, refused: Refused) -> None:
        self.count += 1
        if len(self.first) < _SHOWN_REFUSED:
            self.first.append(refused)
        if self._file is not None:
            why = refused.why if refused.whole else f"{refused.why}; the rest of the row is used"
            self._write((refused.row, harmless(refused.column), harmless(refused.value), why))

    def _write(self, cells: Sequence[object]) -> None:
        try:
            self._writer.writerow(cells)
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> SourceError:
        fix = "free space there, or name another file with --errors"
        return SourceError(f"cannot write {self.path} ({error.strerror})", fix, code="errors_file")

    def close(self) -> None:
        """All of it is in the file. Raises SourceError where it is not; nothing was brought in yet."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                raise self._full(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(SourceError):
            self.close()


@dataclass(frozen=True, slots=True)
class _Asked:
    path: Path
    wanted: Wanted
    encoding: str | None
    delimiter: str | None
    kind: Kind


def import_file(
    env: Env,
    path: Path,
    *,
    mapping: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    kind: Kind,
    dry_run: bool,
    yes: bool,
    errors: Path | None,
) -> None:
    """The command. Raises SourceError, StoreError, click.Abort when the person says no."""
    asked = _Asked(path, _mapped(mapping), encoding, delimiter, kind)
    settings = env.settings
    if errors is not None and errors.exists() and path.exists() and errors.samefile(path):
        raise click.BadParameter("is the file to be imported itself", param_hint="--errors")
    with Errors(errors) as refused:
        digests = asyncio.run(_digests(settings))
        records: list[Record] = []
        found = _read(asked, settings, digests, refused, records.append, quiet=env.as_json)
        refused.close()
        ask = not (dry_run or yes or env.as_json) and sys.stdin.isatty() and sys.stderr.isatty()
        if ask:
            screen = env.screen()
            _preview(screen, found, refused)
            click.echo(screen.text(), err=True, nl=False)
            if records:
                click.confirm("Bring them in?", abort=True, err=True)
        applied = _expected(found) if dry_run else asyncio.run(_bring(settings, path, found, records, quiet=env.as_json))
        document = _document(path, found, refused, applied, dry_run=dry_run)

    def draw(screen: Screen) -> None:
        if not ask:
            _preview(screen, found, refused)
        _result(screen, found, refused, applied, dry_run=dry_run)

    env.answer(document, draw)


def _mapped(mapping: tuple[str, ...]) -> Wanted:
    """``--map FIELD=COLUMN``. Raises click.BadParameter."""
    columns: dict[str, tuple[str, ...]] = {}
    for each in mapping:
        given, equals, column = each.partition("=")
        field = _FIELDS.get(given.strip().lower())
        if field is None or not equals or not column.strip():
            known = ", ".join(FIELDS)
            raise click.BadParameter(f"{each!r} is not FIELD=COLUMN, where FIELD is one of {known}", param_hint="--map")
        if field in columns and field != "number":
            raise click.BadParameter(f"{field} is given twice; only number may be in several columns", param_hint="--map")
        columns[field] = (*columns.get(field, ()), column.strip())
    return Wanted(columns)


async def _digests(settings: Settings) -> dict[str, str]:
    """None yet where there is no store."""
    if not settings.store.path.exists():
        return {}
    async with access.reading(settings) as store:
        return await store.contacts.digests(None)


def _read(
    asked: _Asked, settings: Settings, digests: dict[str, str], refused: Errors, keep: Callable[[Record], None], *, quiet: bool
) -> Found:
    before = _stamp(asked.path)
    rules = Rules(country=settings.clinic.country, kind=asked.kind)
    with open_file(asked.path, encoding=asked.encoding, delimiter=asked.delimiter) as table, _progress("Reading", None, quiet=quiet) as bar:
        found = read(table, asked.path.name, asked.wanted, rules, digests, keep=keep, on_refused=refused, on_row=bar)
    if _stamp(asked.path) != before:
        raise SourceError(f"{asked.path} was written while it was read", "import it again once it is whole", code="contacts_unsettled")
    return found


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # said when it is opened
    return found.st_ino, found.st_size, found.st_mtime_ns


class _Bar:
    """``bar(n)``: so many are done."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def __call__(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


@contextlib.contextmanager
def _progress(what: str, total: int | None, *, quiet: bool) -> Iterator[_Bar]:
    """A bar on a terminal; nothing where nobody looks."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    shown = not quiet and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        yield _Bar(progress, what, total)


async def _bring(settings: Settings, path: Path, found: Found, records: list[Record], *, quiet: bool) -> Applied:
    """What is new or changed, to the store; then how it ended. The same again after a break changes nothing twice."""
    applied = Applied(unchanged=found.unchanged)
    async with access.contacts(settings) as door:
        with _progress("Bringing in", len(records), quiet=quiet) as bar:
            done = 0
            for batch in batches(records):
                try:
                    applied += Applied(**await door({"verb": "apply", "records": batch}))
                except TextbackError as error:
                    if error.code not in {"no_answer", "not_running"}:
                        raise
                    what = f"the service ended in the middle: at least {done} of {len(records)} were brought in"
                    raise TextbackError(what, "import the file again once it runs: nobody comes twice", code=error.code) from error
                done += len(batch)
                bar(done)
        ended = Synced(
            source="import",
            at=SystemClock().now(),
            state="ok",
            what=f"{path.name}: {found.what}",
            fix="",
            total=len(found.externals),
            added=applied.added,
            changed=applied.changed,
            removed=0,
            refused=found.tally.refused,
            good=None,
        )
        await door({"verb": "imported", "synced": to_jsonable_python(ended)})
    return applied


def _expected(found: Found) -> Applied:
    return Applied(added=found.added, changed=found.changed, unchanged=found.unchanged)


def _document(path: Path, found: Found, refused: Errors, applied: Applied, *, dry_run: bool) -> dict[str, Any]:
    understood = {column.position for column in found.layout.columns}
    return {
        "file": str(path),
        "form": found.what,
        "columns": [{"name": each.name, "field": each.field, "label": each.label} for each in found.layout.columns],
        "ignored": [name for place, name in enumerate(found.layout.names) if name and place not in understood],
        "rows": found.tally.rows,
        "contacts": len(found.externals),
        "added": applied.added,
        "changed": applied.changed,
        "unchanged": applied.unchanged,
        "refused": found.tally.refused,
        "problems": refused.count,
        "errors": None if refused.path is None else str(refused.path),
        "dry_run": dry_run,
        "first": [to_jsonable_python(asdict(each)) for each in found.first[:_SHOWN]] if dry_run else [],
    }


def _preview(screen: Screen, found: Found, refused: Errors) -> None:
    screen.say(found.what[:1].upper() + found.what[1:], style="bold")
    screen.table(("column", "is"), [(each.name, _is(each.field, each.label)) for each in found.layout.columns], whole=("is",))
    screen.say("")
    screen.table(("id", "name", "kind", "language", "numbers", "tags"), [_row(screen, each) for each in found.first[:_SHOWN]])
    screen.say("")
    for each in refused.first:
        where = f"row {each.row}" + (f", {each.column}" if each.column else "")
        screen.say(f"{where}: {each.why}{'' if each.whole else '; the rest of the row is used'}", style="yellow")
    if refused.count > len(refused.first):
        screen.say(f"… and {refused.count - len(refused.first)} more; --errors FILE writes all of them", style="yellow")
    odd = found.tally.odd_kinds
    if odd:
        words = ", ".join(f'"{word}" ({count})' for word, count in odd.most_common(5))
        screen.say(f"Kinds nobody knows, taken as they come: {words}", style="yellow")
    expected = _expected(found)
    screen.say(
        f"{len(found.externals)} contacts in {found.tally.rows} rows: {expected.added} new, {expected.changed} changed, "
        f"{expected.unchanged} as they are; {found.tally.refused} rows refused."
    )


def _is(field: str, label: str | None) -> str:
    said = {"external": "id", "first": "first name", "last": "last name", "company": "name of who has none"}.get(field, field)
    return f"{said} ({label})" if label else said


def _row(screen: Screen, each: Record) -> tuple[str, ...]:
    numbers = "\n".join(screen.number(one.number) + (f" ({one.label})" if one.label else "") for one in each.numbers)
    identity = "–" if each.external.startswith("~") else each.external
    return identity, each.name, each.kind.value, each.language or "", numbers, " ".join(each.tags)


def _result(screen: Screen, found: Found, refused: Errors, applied: Applied, *, dry_run: bool) -> None:
    if dry_run:
        screen.say("Nothing was written.", style="bold")
    else:
        screen.say(
            f"{applied.added} added, {applied.changed} changed, {applied.unchanged} unchanged, {found.tally.refused} rows refused.",
            style="bold",
        )
    if refused.path is not None:
        screen.say(f"What could not be used is in {refused.path}: {refused.count} lines. It holds patients' data: delete it after use.")
