"""The program ``textback`` and its commands."""

from __future__ import annotations

from pathlib import Path

import click

from ari_app import __version__
from ari_app.cli import lists, running
from ari_app.cli.alarm import alarm
from ari_app.cli.backup import backup, restore, verify
from ari_app.cli.contacts import contacts
from ari_app.cli.frame import Program, command
from ari_app.cli.modem import modem
from ari_app.cli.preview import preview
from ari_app.cli.privacy import erase, export, purge
from ari_app.cli.send import send
from ari_app.cli.setup import setup
from ari_app.cli.staff import staff
from ari_app.cli.why import why

__all__ = ["main"]


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(path_type=Path), help="The settings file, instead of /etc/textback/textback.toml.")
@click.version_option(__version__, prog_name="textback", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """Text back the callers a clinic's Asterisk could not answer, and keep every call and text as threads.

    Settings: --config FILE, else $TEXTBACK_CONFIG, else /etc/textback/textback.toml. Exit 0: done, 1: failed, 2: wrong usage.
    """
    ctx.obj = config


for work in (
    running.run,
    setup,
    lists.calls,
    why,
    lists.threads,
    lists.thread,
    send,
    export,
    erase,
    purge,
    backup,
    verify,
    restore,
    preview,
    running.doctor,
):
    command(main)(work)
main.add_command(modem)
main.add_command(contacts)
main.add_command(staff)
main.add_command(alarm)
