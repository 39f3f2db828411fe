"""``run`` and ``doctor``: the service, and how it is."""

from __future__ import annotations

import asyncio
import logging

import click

from ari_app import logs
from ari_app.cli.frame import Env

__all__ = ["run"]


@click.option("--verbose", is_flag=True, help="Log what is of use to developers too.")
def run(env: Env, verbose: bool) -> None:
    """Run the service in the foreground until it is told to stop (SIGTERM, Ctrl-C).

    Logs go to stderr: for people on a terminal, JSON lines otherwise. systemd starts it with config/textback.service.
    """
    from ari_app.service import serve  # noqa: PLC0415 - loads the whole house, which no other command needs

    settings = env.settings
    logs.set_up(level=logging.DEBUG if verbose else logging.INFO, secrets=logs.secrets_of(settings))
    asyncio.run(serve(settings))
    env.answer({"stopped": True}, lambda _: None)
