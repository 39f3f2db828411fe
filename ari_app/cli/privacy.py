"""``export``, ``erase``, ``purge``: what is kept of a person, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from ari_app.cli.access import as_owner, reading, staff
from ari_app.cli.frame import Env
from ari_app.cli.render import Screen
from ari_app.clock import SystemClock
from ari_app.errors import TextbackError
from ari_app.privacy.document import document, language_of, page
from ari_app.settings import Settings
from ari_app.threads import place

__all__ = ["erase", "export", "purge"]


@click.argument("number")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where to; else a new folder here, named by the number.",
)
@click.option("--language", type=click.Choice(["fr", "en"]), help="Of the page; else that of the person.")
def export(env: Env, number: str, output: Path | None, language: str | None) -> None:
    """Write down all that is kept of NUMBER: a page to read and print, the same as JSON, and voicemails as sound.

    For a person who asks for their own record (Québec: within 30 days). That it was taken out is audited. With --json the record goes to
    stdout, and files are written only where --output says.
    """
    asked = _export(env.settings, number)
    found, sounds = asyncio.run(asked)
    written: list[Path] = []
    if output is not None or not env.as_json:
        folder = output or Path(f"textback-{found['number'].lstrip('+')}-{found['made'][:10]}")
        written = _write(folder, found, sounds, env.settings, language)
    env.answer(found, lambda screen: _told(screen, found, written))


async def _shell(settings: Settings, verb: str, args: dict[str, Any]) -> Any:
    """``staff``, of a store that is there: "nothing is kept" must not be said of a file that was only just made."""
    with as_owner(settings.store.path):
        place.readable(settings.store.path)
    return await staff(settings, verb, args)


async def _export(settings: Settings, number: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    kept: str = await _shell(settings, "record_exported", {"number": number})
    async with reading(settings) as store:
        found = document(await store.privacy.record(kept), settings, kept, SystemClock().now())
        sounds = {}
        for each in found["voicemails"]:
            sound = await store.privacy.sound(each["id"]) if each["file"] else None
            if sound is not None:
                sounds[each["file"]] = sound[1]
    return found, sounds


def _write(folder: Path, found: dict[str, Any], sounds: dict[str, bytes], settings: Settings, language: str | None) -> list[Path]:
    from ari_app.portal.speech import Speech  # noqa: PLC0415 - only here is anything of the portal needed
    from ari_app.portal.words import WORDS  # noqa: PLC0415

    chosen = language_of(found, settings) if language is None else language
    speech = Speech(chosen, settings.clinic.zone, settings.clinic.country, SystemClock().now())
    html = page(found, settings, "fr" if chosen == "fr" else "en", lambda key: speech(key) if key in WORDS else "")
    files = {"record.html": html.encode("utf-8"), "record.json": _json(found), **sounds}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise TextbackError(f"{folder} is not empty", "name another folder: --output FOLDER", code="output_exists")
        for name, content in files.items():
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(content)
    except OSError as error:
        raise TextbackError(
            f"cannot write {folder} ({error.strerror})", "name another folder: --output FOLDER", code="export_folder"
        ) from error
    return [folder / name for name in files]


def _json(found: dict[str, Any]) -> bytes:
    return (json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _told(screen: Screen, found: dict[str, Any], written: list[Path]) -> None:
    for path in written:
        screen.say(str(path))
    counts = ", ".join(f"{len(found[name])} {name.replace('_', ' ')}" for name in ("calls", "messages", "notes", "voicemails"))
    screen.say(f"{counts}. Give it to nobody but the person; delete it here afterwards.")


@click.argument("number")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@click.option("--keep-person", is_flag=True, help="Leave the contact list as it is: calls and texts go, the name stays.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def erase(env: Env, number: str, yes: bool, keep_person: bool, dry_run: bool) -> None:
    """Erase all that is kept of NUMBER: texts, notes, calls, voicemails, names, and the words of them in every index and log of the store.

    Shows what will go, and asks. Texts that wait are called off. Who wants no texts gets none afterwards either: that is remembered as
    a digest nobody can read. Backups keep it until they are rotated away, and a restore erases it again. What this does not reach is
    named, with what to do.
    """
    args = {"number": number, "keep_person": keep_person}
    found = asyncio.run(_shell(env.settings, "erase", {**args, "only_look": True}))
    if not dry_run:
        if not yes:
            if env.as_json or not sys.stdin.isatty():
                raise TextbackError(
                    "nothing was erased: nobody was there to be asked", "add --yes, or --dry-run to look", code="not_confirmed"
                )
            screen = env.screen()
            _draw(screen, found)
            click.echo(screen.text(), nl=False)
            click.confirm("Erase it for good?", abort=True)
        found = asyncio.run(_shell(env.settings, "erase", args))
    env.answer(found, lambda screen: _draw(screen, found))


def _draw(screen: Screen, found: dict[str, Any]) -> None:
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in found["counts"].items())
    screen.say(f"{screen.number(found['number'])}: {'erased' if found['erased'] else 'to be erased'}: {counts or 'nothing'}.", style="bold")
    for copy in found["backups"]:
        until = f"until {screen.time(copy['kept_until'])}" if copy["kept_until"] else "until you delete it"
        screen.say(f"Still in the backup {copy['file']}, {until}; a restore erases it again.")
    for each in found["elsewhere"]:
        screen.say(f"{each['what'][:1].upper()}{each['what'][1:]}. {each['fix'][:1].upper()}{each['fix'][1:]}.")


@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def purge(env: Env, dry_run: bool) -> None:
    """Take away what is older than [store.retention] keeps it. The service does so by itself once an hour.

    Threads that wait for an answer, and texts that are still to go, stay.
    """
    total: dict[str, int] = {}
    while True:
        done = asyncio.run(_shell(env.settings, "purge", {"only_look": dry_run}))
        for name, count in done["counts"].items():
            total[name] = total.get(name, 0) + count
        if not done["more"]:
            break
    retention = env.settings.store.retention
    answer = {
        "purged": not dry_run,
        "kept_days": {
            name: None if (span := getattr(retention, name)) is None else span.days for name in ("texts", "calls", "recordings", "audit")
        },
        "counts": total,
    }
    env.answer(answer, lambda screen: _draw_purge(screen, total, dry_run))


def _draw_purge(screen: Screen, counts: dict[str, int], dry_run: bool) -> None:
    listed = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
    screen.say(f"{'To be taken away' if dry_run else 'Taken away'}: {listed or 'nothing, all of it is younger'}.")
