"""``backup``, ``verify``, ``restore``: copies of the store."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ari_app.backup import Copy, check, make, manifest, prepare, restoring
from ari_app.cli.access import as_owner, theirs
from ari_app.cli.frame import Env
from ari_app.cli.given import filters, since_option
from ari_app.cli.render import Screen
from ari_app.desk import SHELL
from ari_app.errors import StoreError
from ari_app.settings import Settings

__all__ = ["backup", "restore", "verify"]


@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Write there, instead of store.backup.folder.")
def backup(env: Env, folder: Path | None) -> None:
    """Copy the store, beside the running service or without it, look through the copy, and let old copies go.

    textback-backup.timer runs it each night. A copy that is not sound gets no name, and no older one goes for it.
    """
    settings = env.settings
    where = (folder or settings.store.backup.folder).absolute()
    prepare(where, settings.store.path)
    with as_owner(settings.store.path):
        made = make(settings, datetime.now(UTC), folder=where)
    env.answer({"folder": str(where), **made.document()}, lambda screen: _draw_made(screen, made))


def _draw_made(screen: Screen, made: Copy) -> None:
    until = f"kept until about {screen.time(made.kept_until.isoformat())}" if made.kept_until else "kept for years"
    screen.say(f"{made.file}, {(made.bytes or 0) / 1e6:,.1f} MB, sound: {made.calls} calls, {made.messages} texts; {until}.")


@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--calls", "of_calls", is_flag=True, help="Compare the calls filed here with the PBX's own records instead.")
@since_option
def verify(env: Env, file: Path | None, of_calls: bool, since: str | None) -> None:
    """Look through all of the store, or of the backup FILE: is it sound, and what is in it. Exit 1 when it is not.

    SQLite's checks, the full-text indexes, the schema; of a backup, whether its bytes are those that were written (manifest.json).
    With --calls: every inbound call of the PBX's own records ([pbx.cdr], [pbx.cel]) beside those filed here, of the last week or --since.
    """
    settings = env.settings
    if of_calls and file is not None:
        raise click.UsageError("--calls compares the store itself: name no FILE")
    if since is not None and not of_calls:
        raise click.UsageError("--since goes with --calls")
    if of_calls:
        _verify_calls(env, settings, since)
        return
    if file is None:
        with as_owner(settings.store.path):
            found = _verified(settings.store.path, listed=False)
    else:
        found = _verified(restoring.chosen(settings, str(file), datetime.now(UTC)), listed=True)
    env.answer(found, lambda screen: _draw_verified(screen, found))


def _verify_calls(env: Env, settings: Settings, since: str | None) -> None:
    from ari_app.cli.verify_calls import draw_compared, verify_calls  # noqa: PLC0415 - nothing else needs what reads records

    compared = verify_calls(settings, filters(settings, since, None, 0)["since"], datetime.now(UTC))
    env.answer(compared.document(), lambda screen: draw_compared(screen, compared))
    if compared.differences:
        sys.exit(1)


def _verified(file: Path, *, listed: bool) -> dict[str, Any]:
    held = check.inspect(file)
    known = None
    if listed:
        known = next((copy.sha256 for copy in manifest.read(file.absolute().parent) if copy.file.name == file.name), None)
        if known not in (None, check.digest(file)):
            raise check.altered(file)
    return {
        "file": str(file.absolute()),
        "schema": held.schema,
        "current": held.current,
        "threads": held.threads,
        "calls": held.calls,
        "messages": held.messages,
        "newest": held.newest,
        "as_written": None if known is None else True,
    }


def _draw_verified(screen: Screen, found: dict[str, Any]) -> None:
    newest = f", the newest of {screen.time(found['newest'])}" if found["newest"] else ""
    screen.say(f"{found['file']} is sound: {found['calls']} calls, {found['messages']} texts in {found['threads']} threads{newest}.")
    if found["as_written"]:
        screen.say("Its bytes are those that were written.")
    if not found["current"]:
        screen.say(f"Its schema is {found['schema']}: it is brought up to date when the service opens it.")


@click.argument("file")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(env: Env, file: str, yes: bool) -> None:
    """Put the backup FILE ("latest": the newest) in the place of the store. The service must be down.

    The store that is there is kept beside it. What was erased since is erased again, who said STOP since stays out; texts that waited when
    the backup was made do not go any more.
    """
    settings = env.settings
    chosen = restoring.chosen(settings, file, datetime.now(UTC)).absolute()
    if not yes:
        if not sys.stdin.isatty():
            raise StoreError("nothing was restored: nobody was there to be asked", "add --yes", code="not_confirmed")
        click.echo(f"{chosen} takes the place of {settings.store.path}, which is kept beside it.", err=True)
        click.confirm("Restore it?", abort=True, err=True)
    with contextlib.ExitStack() as opened:
        # as root only what is not the service's user's: a link of theirs must not lead root to what they may not read
        with as_owner(settings.store.path) if theirs(settings.store.path, chosen.parent) else contextlib.nullcontext():
            source = opened.enter_context(restoring.opened(chosen))
        opened.enter_context(as_owner(settings.store.path))
        done = restoring.restore(settings, source, datetime.now(UTC), SHELL)
    env.answer(done.document(settings.store.path), lambda screen: _draw_restored(screen, done, settings.store.path))


def _draw_restored(screen: Screen, done: restoring.Restored, store: Path) -> None:
    newest = f", the newest of {screen.time(done.held.newest)}" if done.held.newest else ""
    screen.say(f"{store} is {done.file.name} again: {done.held.calls} calls, {done.held.messages} texts{newest}.")
    if done.before is not None:
        screen.say(f"The store that was there is {done.before}: it holds patients' words too, so take it away once you need it no more.")
    settled = done.settled
    if done.erased:
        screen.say(f"Erased again, as before: {done.erased} numbers.")
    if settled.opt_outs:
        screen.say(f"Want no texts, since the backup: {settled.opt_outs} numbers.")
    if settled.texts:
        told = ", ".join(f"{count} {state}" for state, count in sorted(settled.texts.items()))
        screen.say(f"Texts that waited when it was made, by what is known of them now: {told}. None of them goes any more.")
        if {"failed", "unknown"} & settled.texts.keys():
            screen.say('Those that failed or are unknown stand under "Not sent" on the page, for staff to see who still needs one.')
    if settled.lost_calls is None:
        screen.say("What came since the backup is lost, who said STOP since too: nothing readable was there that knows.", style="yellow")
    elif settled.lost_calls or settled.lost_messages:
        screen.say(f"In the store that was there and not in this one: {settled.lost_calls} calls, {settled.lost_messages} texts.")
    if done.key_missing:
        screen.say("The key of these backups (textback.key) was not beside it: those erased who want no texts are not known.", style="red")
    screen.say("All must log in again. Start the service: systemctl start textback")
