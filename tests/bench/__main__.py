"""scripts/bench TOPIC."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from tests.bench import calls, contacts, faults, growth, history, install, modem, pipeline, portal, soak, watching
from tests.bench.page import SECTIONS, table, write_section
from tests.bench.report import Row, show, write
from tests.faults.matrix import GROUPS
from tests.lab.root import LabError

TOPICS: dict[str, Callable[..., Coroutine[Any, Any, list[Row]]]] = {
    "calls": calls.measure,
    "contacts": contacts.measure,
    "faults": faults.measure,
    "growth": growth.measure,
    "history": history.measure,
    "install": install.measure,
    "modem": modem.measure,
    "pipeline": pipeline.measure,
    "portal": portal.measure,
    "soak": soak.measure,
    "watch": watching.measure,
}
PARTS = {"faults": GROUPS, "modem": tuple(modem.SECTIONS)}
_OF_PARTS = "; ".join(f"Of {topic}: {', '.join(parts)}" for topic, parts in PARTS.items())
QUICK = ("contacts", "faults", "growth", "modem", "pipeline", "portal", "soak", "watch")
DRAW = ("faults", "growth")
"""Topics that write more than their table, and do it themselves."""
PAGED = (*DRAW, *SECTIONS)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("topic", type=click.Choice(sorted(TOPICS)))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there as JSON too.")
@click.option("--only", help=f"Only these, with commas between. {_OF_PARTS}.")
@click.option("--quick", is_flag=True, help=f"Of the topics {', '.join(QUICK)}, few of everything: a trial, no measurement.")
@click.option(
    "--write", "page", is_flag=True, help=f"Write the figures into the documentation. Of the topics {', '.join(sorted(set(PAGED)))}."
)
@click.option(
    "--inside",
    type=click.Choice(["qemu", "container"]),
    help="Of the topic install, the kind of machine; the realest that is quick without.",
)
@click.option("--calls", "count", type=click.IntRange(min=1000), help="Of the topic soak, how many calls; a million without.")
def main(topic: str, *, file: Path | None, only: str | None, quick: bool, page: bool, inside: str | None, count: int | None) -> None:
    """Measure TOPIC and print the figures. Exit status 1 when a bar is missed."""
    options: dict[str, Any] = {}
    if topic in PARTS:
        options["only"] = _parts(topic, only)
    elif only:
        raise click.UsageError(f"--only belongs to the topics {', '.join(PARTS)}")
    if topic in QUICK:
        options["quick"] = quick
    elif quick:
        raise click.UsageError(f"--quick belongs to the topics {', '.join(QUICK)}")
    if page and (topic not in PAGED or (quick and topic not in DRAW)):
        raise click.UsageError(f"--write belongs to whole runs of the topics {', '.join(sorted(set(PAGED)))}")
    if topic in DRAW:
        options["page"] = page
    if topic == "soak" and count is not None:
        options["calls"] = count
    elif count is not None:
        raise click.UsageError("--calls belongs to the topic soak")
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
    if page and topic not in DRAW:
        write_section(topic, table(rows))
    if file is not None:
        write(topic, rows, file)
    missed = [row for row in rows if row.missed]
    for row in missed:
        click.echo(
            f"missed: {row.figure} is {row.ours:g} {row.unit}, the bar is at {'least' if row.least else 'most'} {row.limit:g}", err=True
        )
    sys.exit(1 if missed else 0)


def _parts(topic: str, only: str | None) -> list[str]:
    names = [name.strip() for name in (only or "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in PARTS[topic]]:
        raise click.UsageError(f"--only knows no {unknown[0]!r}: use some of {', '.join(PARTS[topic])}")
    return names


if __name__ == "__main__":
    main()
