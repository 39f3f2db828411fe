"""A machine for `textback setup`, below a folder: an ARI that answers, a modem on a pty, and systemd as far as setup asks it.

systemd is not PID 1 where tests run: ``systemctl`` is a small program that starts and stops the real service, and remembers what is
enabled. On a machine with systemd the whole of it is seen by ``scripts/bench install``.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from click.testing import CliRunner, Result

from ari_app.cli import main
from modem.simulator import Simulator
from tests.pbx.fake_ari import PASSWORD, FakeAri

__all__ = ["PIN", "Machine", "Talk", "free", "machine"]

PIN = "4711"
_PATIENCE = 60.0

_SYSTEMCTL = """#!{python} -IS
import os, pathlib, signal, sys, time
root = pathlib.Path({root!r})
kept = root / "systemctl"
kept.mkdir(exist_ok=True)
pid = kept / "pid"
with (kept / "asked").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
args = [arg for arg in sys.argv[1:] if not arg.startswith("--")]
what, units = args[0], args[1:]
now = "--now" in sys.argv

def alive():
    try:
        os.kill(int(pid.read_text()), 0)
    except (OSError, ValueError):
        return False
    return "run" in pathlib.Path("/proc", pid.read_text(), "cmdline").read_text()

def start():
    if (kept / "broken").exists():
        sys.exit("Job for textback.service failed.")
    if not alive():
        import subprocess
        with (kept / "log").open("a") as log:
            command = ["{python}", "-m", "ari_app", "run", "--config", str(root / "etc/textback/textback.toml")]
            started = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        pid.write_text(str(started.pid))

def stop():
    if alive():
        number = int(pid.read_text())
        os.kill(number, signal.SIGTERM)
        while alive():
            time.sleep(0.02)

for unit in units:
    enabled = kept / f"{{unit}}.enabled"
    service = unit == "textback.service"
    if what == "enable":
        enabled.touch()
        if now and service:
            start()
    elif what == "disable":
        enabled.unlink(missing_ok=True)
        if now and service:
            stop()
    elif what == "stop" and service:
        stop()
    elif what in ("restart", "try-restart") and service and (what == "restart" or alive()):
        stop()
        start()
    elif what == "is-active" and not (alive() if service else enabled.exists()):
        sys.exit(3)
    elif what == "is-enabled" and not enabled.exists():
        sys.exit(1)
"""

_CREDS = """#!{python} -IS
import base64, sys
if sys.argv[1] in ("--version", "setup"):
    print("systemd {version} (test)")
    sys.exit(0)
name = next(arg[7:] for arg in sys.argv if arg.startswith("--name="))
given = sys.stdin.buffer.read()
if sys.argv[1] == "encrypt":
    sys.stdout.buffer.write(b"sealed " + name.encode() + b" " + base64.b64encode(given[::-1]))
else:
    word, held, rest = given.split(b" ", 2)
    if held != name.encode():
        sys.exit("Credential name does not match.")
    sys.stdout.buffer.write(base64.b64decode(rest)[::-1])
"""


def free() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@dataclass
class Machine:
    """``run`` is `textback setup` without a terminal, ``talk`` with one."""

    root: Path
    fake: FakeAri
    modem: Simulator
    loop: asyncio.AbstractEventLoop
    port: int = field(default_factory=free)
    """Of the portal."""
    turn: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """Held while a service may run: setup gives every one the same port for AGI, and tests run beside each other."""

    @property
    def config(self) -> Path:
        return self.root / "etc/textback/textback.toml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.fake.port}"

    def secret(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(f"{text}\n", "utf-8")
        return path

    def answers(self, **changes: str | None) -> list[str]:
        """Every answer there is no default for, as options."""
        given: dict[str, str | None] = {
            "pbx": self.url,
            "ari_password_file": str(self.secret("given-password", PASSWORD)),
            "clinic": "Clinique du Lac",
            "number": "514 555-0100",
            "hours": "lun-ven 8h-17h",
            "modem": str(self.root / "port"),
            "pin_file": str(self.secret("given-pin", PIN)),
            "listen": f"127.0.0.1:{self.port}",
            "login": "anne",
            "member_name": "Anne Roy",
            "password_file": str(self.secret("given-member", "une phrase assez longue")),
            **changes,
        }
        return [word for name, value in given.items() if value is not None for word in (f"--{name.replace('_', '-')}", value)]

    def systemd(self) -> None:
        """From here on there is a systemctl, and a systemd that it speaks with. One machine at a time."""
        lock = self.turn.enter_context((Path(tempfile.gettempdir()) / f"textback-tests-setup-{os.getuid()}.lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.program("systemctl", _SYSTEMCTL.format(python=sys.executable, root=str(self.root)))
        self.credentials(247)

    def credentials(self, version: int = 252) -> None:
        """A systemd-creds of that version of systemd: before 250 there was none that could be used."""
        self.program("systemd-creds", _CREDS.format(python=sys.executable, version=version))

    def program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)

    @property
    def env(self) -> Mapping[str, str]:
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "TEXTBACK_ROOT": str(self.root), "COLUMNS": "140", "PYTHONWARNINGS": "default"}

    def run(self, *args: str) -> Result:
        """In this process."""
        return CliRunner().invoke(main, ["setup", *args], env={**self.env, "COLUMNS": None})

    def alone(self, *args: str) -> subprocess.CompletedProcess[str]:
        """In a session of its own, which has no terminal."""
        command = [sys.executable, "-m", "ari_app", "setup", *args]
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "start_new_session": True}
        return subprocess.run(command, env=self.env, text=True, timeout=_PATIENCE, check=False, **quiet)

    def talk(self, *args: str) -> Talk:
        return Talk([sys.executable, "-m", "ari_app", "setup", *args], self.env)

    def here(self, work: Any) -> Any:
        """Wait for something of the modem's world."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE)

    def wrong_pin(self) -> None:
        """Somebody tried a PIN that was wrong."""
        port = os.open(self.root / "port", os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(port, b'AT+CPIN="0000"\r')
            said = b""
            while b"ERROR" not in said:
                said += os.read(port, 4096)
        finally:
            os.close(port)

    def asked(self) -> list[str]:
        path = self.root / "systemctl/asked"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def files(self) -> set[str]:
        """Every file and folder of /etc, /var and /run."""
        return {str(each.relative_to(self.root)) for top in ("etc", "var", "run") for each in (self.root / top).rglob("*")}

    def stop(self) -> None:
        pid = self.root / "systemctl/pid"
        if pid.exists():
            with contextlib.suppress(ProcessLookupError):
                process = os.pidfd_open(int(pid.read_text("utf-8")))
                signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [], _PATIENCE)  # gone, and its ports with it
                os.close(process)
        self.turn.close()


class Talk:
    """A process on a terminal of its own, which is answered question by question."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self.said = ""
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.execve(command[0], command, dict(env))  # noqa: S606
        self._pid = pid
        self._read_to = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def answer(self, question: str, answer: str) -> None:
        """Wait for the question (a pattern), then type."""
        self.wait(question)
        os.write(self._terminal, f"{answer}\n".encode())

    def wait(self, pattern: str) -> None:
        """Until the program has said it, after what was said before."""
        end = time.monotonic() + _PATIENCE
        while (found := re.search(pattern, self.said[self._read_to :])) is None:
            assert time.monotonic() < end, f"{pattern!r} was not said:\n{self.said}"
            assert self._more(), f"it ended without {pattern!r}:\n{self.said}"
        self._read_to += found.end()

    def _more(self) -> bool:
        if not select.select([self._terminal], [], [], _PATIENCE)[0]:
            return False
        try:
            got = os.read(self._terminal, 65536)
        except OSError:  # EIO: the other end is closed
            return False
        self.said += got.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(got)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.write(self._terminal, b"\x03")

    def end(self) -> int:
        """All it says until it ends; its exit status."""
        while self._more():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@contextlib.contextmanager
def machine(root: Path, *, pin: str | None = PIN) -> Iterator[Machine]:
    """ARI and modem live on a loop of their own, beside the test."""
    for folder in ("etc", "var/lib", "etc/systemd/system"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="world")
    thread.start()

    def here(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_PATIENCE)

    fake, modem = FakeAri(), Simulator(root / "port", pin=pin, report_ms=5, attach_ms=0)
    here(fake.start())
    here(modem.start())
    made = Machine(root, fake, modem, loop)
    try:
        yield made
    finally:
        made.stop()
        here(modem.stop())
        here(fake.stop())
        here(loop.shutdown_default_executor())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
