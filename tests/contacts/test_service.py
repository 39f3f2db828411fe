"""The real service in step with a file, its PBX away; and a stop while a source hangs."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.contract.clinic import run, write_settings
from tests.contract.conftest import _logs_as_before

__all__ = ["_logs_as_before"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def textback(folder: Path, source: str) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    listens = f'[portal]\nlisten = "127.0.0.1:{free_port()}"\n[agi]\nlisten = "127.0.0.1:{free_port()}"\nsounds = "{folder}/sounds"\n'
    config = write_settings(folder, f'[reply]\nmode = "watch"\n{listens}[contacts.source]\n{source}')
    command = [sys.executable, "-m", "ari_app", "--config", str(config), "run"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
    try:
        yield config, process
    finally:
        process.kill()
        process.wait()


def until(what: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def names(store: Path) -> list[str]:
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as reading:
        return [name for (name,) in reading.execute("SELECT name FROM person ORDER BY name")]
    return []


def test_the_service_follows_the_file(tmp_path: Path) -> None:
    file, store, log = tmp_path / "clients.csv", tmp_path / "textback.db", tmp_path / "log"
    file.write_text("id;nom;tel\n1;Roy;514 555-0101\n")
    with textback(tmp_path, f'kind = "csv"\npath = "{file}"\n') as (config, process):
        until(lambda: names(store) == ["Roy"], log)
        (tmp_path / "next").write_text("id;nom;tel\n1;Roy;514 555-0101\n2;Côté;514 555-0102\n")
        (tmp_path / "next").replace(file)
        until(lambda: names(store) == ["Côté", "Roy"], log)
        file.write_text("id;nom;tel\n")
        refused = run(config, "contacts", "sync")
        assert (refused.exit_code, "nothing was changed" in refused.stderr) == (1, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "Roy" not in log.read_text()
    assert "0101" not in log.read_text()


def test_a_source_that_hangs_holds_up_no_stop(tmp_path: Path) -> None:
    """A server that accepts, and never answers."""
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        held: list[socket.socket] = []

        def is_asked() -> bool:
            with contextlib.suppress(BlockingIOError):
                held.append(silent.accept()[0])
            return bool(held)

        server = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        with textback(tmp_path, f'kind = "ldap"\nserver = "{server}"\nbase = "dc=clinic"\n') as (_, process):
            until(is_asked, log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        held[0].close()
