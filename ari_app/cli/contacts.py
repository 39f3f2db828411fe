"""``contacts``: who is behind a number. Brought in from a file, kept in step, listed, shown, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_jsonable_python

from ari_app.cli import access
from ari_app.cli.frame import Env, command
from ari_app.cli.given import limited
from ari_app.cli.render import Screen
from ari_app.desk import number_or_thread
from ari_app.errors import NotFoundError, RefusedError, SourceError
from ari_app.model import Kind
from ari_app.person import Person
from ari_app.settings import Settings

__all__ = ["contacts"]

_KINDS = click.Choice([kind.value for kind in Kind])
_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST = 2**31 - 1


@click.group()
def contacts() -> None:
    """Who is behind a number: people of the clinic's files, brought in from a file or kept in step with its own database.

    They are never written back to where they come from.
    """


@command(contacts, "import")
@click.argument("file", type=_FILE)
@click.option(
    "--map", "mapping", multiple=True, metavar="FIELD=COLUMN",
    help="What a column holds, where its name does not say it: external (its id in the clinic's software), name, first, last, number "
    "(several times), language, kind, tags. COLUMN is its name, or its place (1 is the first).",
)  # fmt: skip
@click.option("--encoding", help="Of the file, such as cp1252; found out otherwise.")
@click.option("--delimiter", help='Between columns, such as ";" or "tab"; found out otherwise.')
@click.option("--kind", type=_KINDS, default=Kind.CLIENT.value, show_default=True, help="What people are of whom the file does not say it.")
@click.option("--dry-run", is_flag=True, help="Show what would be brought in, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--errors", type=_FILE, metavar="FILE",
    help="Write what could not be used there, as CSV: row, column, value, why. For your eyes alone (mode 600): it holds patients' data.",
)  # fmt: skip
def import_(
    env: Env,
    file: Path,
    *,
    mapping: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    kind: str,
    dry_run: bool,
    yes: bool,
    errors: Path | None,
) -> None:
    """Bring in people from FILE: CSV of any delimiter and encoding, a workbook of Excel, or vCards.

    On a terminal it shows how the columns were understood and the first people as they will be, then asks. People are told apart by their
    id in the clinic's software: the same file again changes nothing. Rows that cannot be used never stop the others. Nobody is removed.
    """
    from ari_app.cli.contacts_import import import_file  # noqa: PLC0415 - loads what reads files, which no other command needs

    import_file(
        env, file, mapping=mapping, encoding=encoding, delimiter=delimiter, kind=Kind(kind), dry_run=dry_run, yes=yes, errors=errors
    )


@command(contacts)
@click.option("--force", is_flag=True, help="Obey the source also where it is empty or lost half of its contacts.")
@click.option("--dry-run", is_flag=True, help="Look, and change nothing.")
@click.option(
    "--errors", type=_FILE, metavar="FILE", help="With --dry-run: write what could not be used there, as CSV (mode 600): patients' data."
)
def sync(env: Env, *, force: bool, dry_run: bool, errors: Path | None) -> None:
    """Look at the clinic's own database ([contacts.source]) now, and keep in step with it.

    The service does so by itself. A source that is empty, or has less than half of those it had before, is refused.
    """
    from ari_app.cli.contacts_import import Errors  # noqa: PLC0415

    if errors is not None and not dry_run:
        raise click.UsageError("--errors goes with --dry-run")
    settings = env.settings
    with Errors(errors) as refused:
        found = asyncio.run(_tried(settings, refused, force=force) if dry_run else _synced(settings, force=force))
        refused.close()
    ended = found["synced"]
    if ended["state"] != "ok":
        raise SourceError(ended["what"], ended["fix"], code=f"contacts_{ended['state']}")
    counts = {key: ended[key] for key in ("total", "added", "changed", "removed", "refused")}
    document = {
        "what": ended["what"], "at": ended["at"], "rows": found["rows"], **counts, "unchanged": found["unchanged"],
        "errors": None if errors is None else str(errors), "dry_run": found["dry"],
    }  # fmt: skip
    env.answer(document, lambda screen: _draw_sync(screen, document))


async def _synced(settings: Settings, *, force: bool) -> dict[str, Any]:
    async with access.contacts(settings) as door:
        found: dict[str, Any] = to_jsonable_python(await door({"verb": "sync", "force": force}))
        return found


async def _tried(settings: Settings, refused: Any, *, force: bool) -> dict[str, Any]:
    from ari_app.clock import SystemClock  # noqa: PLC0415
    from ari_app.contacts.sync import Sync  # noqa: PLC0415

    async with access.reading(settings) as store:
        look = await Sync(settings, store.contacts, SystemClock()).once(force=force, dry=True, on_refused=refused)
        found: dict[str, Any] = to_jsonable_python(look)
        return found


def _draw_sync(screen: Screen, found: dict[str, Any]) -> None:
    screen.say(f"{found['total']} contacts in {found['rows']} rows ({found['what']}).")
    said = f"{found['added']} added, {found['changed']} changed, {found['removed']} removed, {found['unchanged']} unchanged"
    screen.say(f"{said}; {found['refused']} rows could not be used.{' Nothing was written.' if found['dry_run'] else ''}", style="bold")


@command(contacts, "list")
@click.argument("words", nargs=-1, metavar="[WORDS]")
@click.option("--kind", type=_KINDS, help="Only these.")
@limited(50, "How many at most; 0 for all.")
def list_all(env: Env, words: tuple[str, ...], kind: str | None, limit: int) -> None:
    """List people: all by name, or those with WORDS as they are typed: beginnings of names, digits of a number, a tag, an id."""
    rows = asyncio.run(_found(env.settings, " ".join(words), Kind(kind) if kind else None, limit or _MOST))
    env.answer([_document(each) for each in rows], lambda screen: _draw(screen, rows))


async def _found(settings: Settings, words: str, kind: Kind | None, limit: int) -> Sequence[Person]:
    async with access.reading(settings) as store:
        return await store.contacts.find(words, kind=kind, limit=limit)


def _document(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = to_jsonable_python(asdict(person))
    return found


def _draw(screen: Screen, rows: Sequence[Person]) -> None:
    if not rows:
        screen.say("Nobody.")
        return
    screen.table(
        ("id", "name", "kind", "language", "numbers", "tags", "from"),
        [
            (
                str(each.id),
                each.name,
                each.kind.value,
                each.language or "",
                "\n".join(screen.number(one.number) + (f" ({one.label})" if one.label else "") for one in each.numbers),
                " ".join(each.tags),
                each.source,
            )
            for each in rows
        ],
        whole=("id",),
    )


@command(contacts)
@click.argument("who", metavar="PERSON")
def show(env: Env, who: str) -> None:
    """Show PERSON: the id that `contacts list` says, or a number, for everybody behind it."""
    settings = env.settings
    people = asyncio.run(_behind(settings, _named(settings, who)))
    env.answer([_document(each) for each in people], lambda screen: _draw_whole(screen, people))


def _named(settings: Settings, who: str) -> str | int:
    try:
        return number_or_thread(who, settings.clinic.country)
    except RefusedError:
        if who.isascii() and who.isdigit() and len(who) < 10:
            return int(who)
        raise NotFoundError(
            f"{who[:40]!r} is neither a contact nor a phone number", "see textback contacts list", code="no_contact"
        ) from None


async def _behind(settings: Settings, key: str | int) -> Sequence[Person]:
    """Raises NotFoundError, code ``no_contact``."""
    async with access.reading(settings) as store:
        if isinstance(key, int):
            return (await store.contacts.get(key),)
        found = [each for each in await store.contacts.find(key, limit=200) if any(one.number == key for one in each.numbers)]
    if not found:
        raise NotFoundError("nobody is behind this number", "see textback contacts list", code="no_contact")
    return found


def _draw_whole(screen: Screen, people: Sequence[Person]) -> None:
    for each in people:
        screen.say(f"{each.name} (contact {each.id}): {each.kind.value}", style="bold")
        for one in each.numbers:
            screen.say(f"  {screen.number(one.number)}{f' ({one.label})' if one.label else ''}")
        said = {
            "language": each.language,
            "tags": " ".join(each.tags),
            "id in the clinic's software": None if each.external is None or each.external.startswith("~") else each.external,
            "from": {"here": "entered here", "import": "an import", "sync": "the clinic's own database"}[each.source],
            "edited here": ", ".join(each.edited),
            "changed": screen.time(each.changed),
        }
        for what, value in said.items():
            if value:
                screen.say(f"  {what}: {value}")


@command(contacts)
@click.argument("contact", type=click.IntRange(1, _MOST), metavar="ID")
def delete(env: Env, contact: int) -> None:
    """Forget the person with this ID, who was entered here or imported. Their threads stay.

    Who is kept in step with the clinic's own database is deleted there.
    """
    settings = env.settings
    asyncio.run(access.staff(settings, "delete_contact", {"contact": contact}))
    env.answer({"deleted": contact}, lambda screen: screen.say(f"Contact {contact} is deleted."))
