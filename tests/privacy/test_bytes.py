"""What was erased or purged stands nowhere in the files any more, while the service and others go on reading them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ari_app.control import NotRunningError, service_status
from ari_app.errors import TextbackError
from tests.contract.clinic import run, write_settings
from tests.contract.conftest import _logs_as_before
from tests.privacy.world import GONE, OLD, fill, holding, needles

__all__ = ["_logs_as_before"]

SETTINGS = """
[reply]
mode = "watch"
[portal]
listen = "127.0.0.1:{portal}"
[agi]
listen = "127.0.0.1:{agi}"
sounds = "{folder}/sounds"
[store.backup]
folder = "{folder}/backups"
[store.retention]
texts = "7d"
calls = "7d"
recordings = "7d"
audit = "7d"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings file of a filled clinic whose service runs (its PBX is away), with another reader of the store beside it."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "backups").mkdir()
    config = write_settings(folder, SETTINGS.format(portal=free_port(), agi=free_port(), folder=folder))
    asyncio.run(fill(config))
    command = [sys.executable, "-m", "ari_app", "--config", str(config), "run"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    store = folder / "textback.db"
    try:
        until_it_answers(store, folder / "log")
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as beside:
            beside.execute("SELECT count(*) FROM message_fts WHERE message_fts MATCH 'mal'").fetchone()
            yield config
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def until_it_answers(store: Path, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(NotRunningError, TextbackError):
            asyncio.run(service_status(store))
            return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def told(config: Path, *args: str) -> Any:
    result = run(config, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def look(config: Path, sql: str) -> Any:
    with closing(sqlite3.connect(f"{(config.parent / 'textback.db').as_uri()}?mode=ro", uri=True)) as reading:
        return reading.execute(sql).fetchall()


def test_a_number_that_was_erased_is_nowhere(clinic: Path) -> None:
    store = clinic.parent / "textback.db"
    wanted = needles(store, GONE)
    assert holding(store, wanted) == set(wanted), "each must be seen before, or its absence says nothing"
    others = look(clinic, "SELECT count(*) FROM message")[0][0]

    done = told(clinic, "erase", GONE, "--yes")

    assert (done["erased"], done["clean"]) == (True, True)
    assert holding(store, wanted) == set()
    assert (
        done["counts"].items()
        >= {"threads": 2, "notes": 1, "recordings": 1, "voicemails": 1, "calls": 2, "people": 2, "calls_up": 1}.items()
    )
    assert look(clinic, "SELECT count(*) FROM message")[0][0] == others - done["counts"]["texts"]
    assert {each["code"] for each in done["elsewhere"]} == {"import", "people", "voicemail", "cdr", "network"}
    log = (clinic.parent / "log").read_text()
    assert not [words for words in ("Traceback", "Zqw", GONE[-7:]) if words in log]
    # the fact is kept, and their no to texts
    assert len(look(clinic, "SELECT 1 FROM erasure")) == len(look(clinic, "SELECT 1 FROM opted_out")) == 1
    assert look(clinic, "SELECT count(*) FROM audit WHERE act = 'erased'") == [(1,)]
    lines = [(clinic.parent / name).read_text() for name in ("textback.db.erasures", "backups/erasures.jsonl")]
    assert lines[0] == lines[1] != ""
    assert look(clinic, "SELECT digest FROM erasure")[0][0] in lines[0]


def test_what_was_purged_is_nowhere(clinic: Path) -> None:
    store = clinic.parent / "textback.db"
    # the entry of the contact list stays: its words and digits too
    listed = {"word", "word folded", "end of the word", "digits", "national digits"}
    wanted = {name: value for name, value in needles(store, OLD).items() if name not in listed}
    assert holding(store, wanted) == set(wanted)
    would = told(clinic, "purge", "--dry-run")["counts"]

    done = told(clinic, "purge")["counts"]

    assert would
    assert not [name for name, count in would.items() if done[name] < count]
    assert done.items() >= {"notes": 1, "recordings": 1, "transcripts": 1, "calls": 2}.items()
    assert holding(store, wanted) == set()
    assert OLD not in {number for (number,) in look(clinic, "SELECT number FROM thread")}
    told(clinic, "erase", OLD, "--yes")
    assert holding(store, needles(store, OLD)) == set()


def test_what_others_wrote_is_still_found(clinic: Path) -> None:
    """After all of it the indexes are whole, and hold what is there."""
    with closing(sqlite3.connect(clinic.parent / "textback.db", timeout=20)) as writing:
        for table in ("message_fts", "note_fts", "contact_fts", "contact_digits", "person_fts", "voicemail_fts"):
            writing.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")  # noqa: S608
        writing.rollback()
        assert writing.execute("PRAGMA foreign_key_check").fetchall() == []
    assert look(clinic, "SELECT count(*) FROM message_fts WHERE message_fts MATCH 'vendredi'")[0][0] > 0
