"""``python -m tests.fuzz TARGET|all``: look for long."""

from __future__ import annotations

import sys
import traceback

import click

from tests.fuzz.running import TARGETS, keep, play


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", type=click.Choice(["all", *TARGETS]))
@click.option("--minutes", default=10.0, show_default=True, help="Of each target.")
def main(target: str, minutes: float) -> None:
    """Try spoilt input of TARGET. What fails is made small, kept under tests/fuzz/kept, and the exit status is 1."""
    found = 0
    for name in TARGETS if target == "all" else [target]:
        outcome = play(TARGETS[name], seconds=minutes * 60, told=lambda text: click.echo(text, err=True))
        click.echo(f"{name:<10} {outcome.examples:>9} examples  {outcome.seconds:6.0f} s  {'FAILED' if outcome.error else 'nothing found'}")
        if outcome.error is not None:
            found += 1
            traceback.print_exception(outcome.error)
            if outcome.failing is not None:
                click.echo(f"  kept as {keep(name, outcome.failing)}: {outcome.failing[:300]!r}")
    sys.exit(min(found, 1))


if __name__ == "__main__":
    main()
