"""``run`` and ``doctor``: the service, and how it is."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import sys
from typing import TYPE_CHECKING

import click
from rich.text import Text

from ari_app import logs
from ari_app.cli.access import as_owner
from ari_app.cli.frame import Env
from ari_app.cli.render import HEALTH_STYLES, Screen
from ari_app.clock import SystemClock
from ari_app.errors import SettingsError
from ari_app.logs import clean
from ari_app.settings import chosen_path
from ari_app.threads import Store

__all__ = ["doctor", "draw", "examined", "run", "settle_memory"]

if TYPE_CHECKING:
    from ari_app.doctor import Examination


_M_ARENA_MAX = -8
_ARENAS = 2


def settle_memory() -> None:
    """What is loaded stays: to look through all of it for garbage now and then would hold the event loop for 20 ms.

    And glibc gives each thread an arena, whose free memory is of no use to the others (mallopt(3)): a dozen grow for days. Two do here.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


@click.option("--verbose", is_flag=True, help="Log what is of use to developers too.")
def run(env: Env, verbose: bool) -> None:
    """Run the service in the foreground until it is told to stop (SIGTERM, Ctrl-C).

    Logs go to stderr: for people on a terminal, JSON lines otherwise. systemd starts it with config/textback.service.
    """
    from ari_app.service import serve  # noqa: PLC0415 - loads the whole house, which no other command needs

    settings = env.settings
    logs.set_up(level=logging.DEBUG if verbose else logging.INFO, secrets=logs.secrets_of(settings))
    settle_memory()
    asyncio.run(serve(settings))
    env.answer({"stopped": True}, lambda _: None)


def doctor(env: Env) -> None:
    """Check everything textback needs, one by one: what is wrong, and the fix.

    Settings, store, service, Asterisk, contexts, modems, clock, queue. Exit 1 when an item is bad. Works with the service up or down.
    """
    found = examined(env)
    env.answer(found.document(), lambda screen: draw(screen, found))
    if found.bad:
        sys.exit(1)


def examined(env: Env) -> Examination:
    """All that doctor looks at."""
    from ari_app.doctor import examine, without_settings  # noqa: PLC0415 - loads the HTTP client, which listing calls does not need

    try:
        settings = env.settings
    except SettingsError as error:
        found = without_settings(error)
    else:
        store = Store(settings.store.path, SystemClock(), read_only=True, country=settings.clinic.country)
        with as_owner(settings.store.path):
            found = asyncio.run(examine(settings, store, origin=chosen_path(env.config)))
    return found


def draw(screen: Screen, found: Examination) -> None:
    """Doctor's table."""
    rows = []
    for item in found.items:
        fix = f"\n→ {item.fix}" if item.fix else ""
        rows.append((Text(item.state, style=HEALTH_STYLES[item.state]), item.part, clean(f"{item.what}{fix}")))
    screen.table(("", "part", "what"), rows)
    screen.say("Ready." if found.ready else "Not ready.", style="bold")
