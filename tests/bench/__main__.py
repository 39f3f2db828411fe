"""scripts/bench TOPIC."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from tests.bench import calls, contacts, install, kills, modem, portal
from tests.bench.report import Row, show, write
from tests.lab.root import LabError

TOPICS: dict[str, Callable[..., Coroutine[Any, Any, list[Row]]]] = {
    "calls": calls.measure,
    "contacts": contacts.measure,
    "faults": kills.measure,
    "install": install.measure,
    "modem": modem.measure,
    "portal": portal.measure,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("topic", type=click.Choice(sorted(TOPICS)))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there as JSON too.")
@click.option("--only", help=f"Of the topic modem, only these, with commas between: {', '.join(modem.SECTIONS)}.")
@click.option("--quick", is_flag=True, help="Of the topics contacts, modem and portal, few of everything: a trial, no measurement.")
@click.option(
    "--inside",
    type=click.Choice(["qemu", "container"]),
    help="Of the topic install, the kind of machine; the realest that is quick without.",
)
def main(topic: str, file: Path | None, only: str | None, quick: bool, inside: str | None) -> None:
    """Measure TOPIC and print the figures. Exit status 1 when a bar is missed."""
    options: dict[str, Any] = {}
    if topic == "modem":
        options = {"only": _sections(only), "quick": quick}
    elif only:
        raise click.UsageError("--only belongs to the topic modem")
    elif topic in {"contacts", "portal"}:
        options = {"quick": quick}
    elif quick:
        raise click.UsageError("--quick belongs to the topics contacts, modem and portal")
    if topic == "install":
        options["inside"] = inside
    elif inside:
        raise click.UsageError("--inside belongs to the topic install")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended
    try:
        rows = asyncio.run(TOPICS[topic](lambda text: click.echo(text, err=True), **options))
    except LabError as error:
        click.echo(f"error: {error.what}\n  fix: {error.fix}" if error.fix else f"error: {error.what}", err=True)
        sys.exit(1)
    show(topic, rows)
    if file is not None:
        write(topic, rows, file)
    missed = [row for row in rows if row.missed]
    for row in missed:
        click.echo(
            f"missed: {row.figure} is {row.ours:g} {row.unit}, the bar is at {'least' if row.least else 'most'} {row.limit:g}", err=True
        )
    sys.exit(1 if missed else 0)


def _sections(only: str | None) -> list[str]:
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in modem.SECTIONS]:
        raise click.UsageError(f"--only knows no {unknown[0]!r}: use some of {', '.join(modem.SECTIONS)}")
    return names


if __name__ == "__main__":
    main()
