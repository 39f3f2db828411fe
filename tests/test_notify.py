"""sd_notify over real datagram sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ari_app.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@textback-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        receiver.settimeout(5)
        yield receiver, name


def test_each_message_is_one_datagram(listener: tuple[socket.socket, str]) -> None:
    receiver, name = listener
    with Notifier({"NOTIFY_SOCKET": name}) as notify:
        notify.ready("2 modems\nREADY=0")
        notify.alive()
        notify.status("waiting for the PBX")
        notify.stopping()
    assert [receiver.recv(4096) for _ in range(4)] == [
        b"READY=1\nSTATUS=2 modems READY=0",
        b"WATCHDOG=1",
        b"STATUS=waiting for the PBX",
        b"STOPPING=1",
    ]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "8000000"}, 8.0),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}, 8.0),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_time(environ: dict[str, str], seconds: float | None) -> None:
    with Notifier({"NOTIFY_SOCKET": "/nowhere"} | environ) as notify:
        assert notify.watchdog == seconds


@pytest.mark.parametrize("name", ["", "@", "vsock:2:1234", "relative/path"])
def test_without_a_socket_nothing_happens(name: str) -> None:
    with Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "8000000"}) as notify:
        notify.ready()
        notify.alive()
        assert notify.watchdog is None


def test_a_supervisor_that_is_gone_or_slow_raises_nothing_and_holds_nobody(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(name)
    with Notifier({"NOTIFY_SOCKET": name}) as notify:
        for _ in range(2000):  # far more than a datagram queue takes (net.unix.max_dgram_qlen, 10 or 512)
            notify.alive()
        receiver.close()
        notify.alive()
        Path(name).unlink()
        notify.alive()
    notify.alive()


def test_the_process_environment_is_read_by_default(monkeypatch: pytest.MonkeyPatch, listener: tuple[socket.socket, str]) -> None:
    receiver, name = listener
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    monkeypatch.setenv("WATCHDOG_USEC", "500000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with Notifier() as notify:
        assert notify.watchdog == 0.5
        notify.alive()
    assert receiver.recv(64) == b"WATCHDOG=1"
