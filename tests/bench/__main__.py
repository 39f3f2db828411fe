"""scripts/bench TOPIC."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from tests.bench import calls, kills
from tests.bench.report import Row, show, write
from tests.lab.root import LabError

TOPICS: dict[str, Callable[[Callable[[str], None]], Coroutine[Any, Any, list[Row]]]] = {"calls": calls.measure, "faults": kills.measure}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("topic", type=click.Choice(sorted(TOPICS)))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there as JSON too.")
def main(topic: str, file: Path | None) -> None:
    """Measure TOPIC on a private lab and print the figures."""
    try:
        rows = asyncio.run(TOPICS[topic](lambda text: click.echo(text, err=True)))
    except LabError as error:
        click.echo(f"error: {error.what}\n  fix: {error.fix}" if error.fix else f"error: {error.what}", err=True)
        sys.exit(1)
    show(topic, rows)
    if file is not None:
        write(topic, rows, file)


if __name__ == "__main__":
    main()
