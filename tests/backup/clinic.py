"""A store of a clinic with its folder of backups, and a process that is killed at a chosen step."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ari_app.backup import Copy, make, prepare
from ari_app.backup.restoring import Restored, opened, restore
from ari_app.desk import SHELL
from ari_app.settings import Settings, load
from tests.contract.clinic import write_settings

NOW = datetime(2026, 3, 5, 3, 15, tzinfo=UTC)


def clinic(folder: Path, filled: Path) -> Settings:
    """A copy of the filled store, closed, with a folder for its backups."""
    for name in ("textback.db", "textback.db-wal", "textback.db.key"):
        if (filled.parent / name).exists():
            shutil.copy(filled.parent / name, folder / name)
    settings = load(write_settings(folder, f'[store.backup]\nfolder = "{folder / "backups"}"'))
    prepare(settings.store.backup.folder, settings.store.path)
    return settings


def backed_up(settings: Settings, now: datetime = NOW) -> Copy:
    return make(settings, now)


def put_back(settings: Settings, file: Path, now: datetime = NOW) -> Restored:
    with opened(file) as source:
        return restore(settings, source, now, SHELL)


@contextlib.contextmanager
def sql(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, written to by its own statements."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.row_factory = sqlite3.Row
        yield connection


def value(path: Path, question: str) -> Any:
    with sql(path) as connection:
        return connection.execute(question).fetchone()[0]


def killed_at(step: int, events: frozenset[str], work: Callable[[], object]) -> bool:
    """Do ``work`` in a process that SIGKILL ends before its ``step``-th audit event (PEP 578) of ``events``. False: it had fewer."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            seen = 0

            def hook(event: str, _: tuple[Any, ...]) -> None:
                nonlocal seen
                if event in events:
                    seen += 1
                    if seen == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            work()
            code = 0
        except BaseException:  # noqa: BLE001  (nothing of pytest's may run in this process)
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
