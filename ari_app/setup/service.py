"""The service as `textback setup` starts it: its units, its first minute, and what lies in its store."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ari_app.control import NotRunningError, ServiceStatus, service_status
from ari_app.errors import SetupError, TextbackError
from ari_app.setup.credentials import booted
from ari_app.setup.files import refused
from ari_app.setup.journal import Journal
from ari_app.setup.settings_file import default_of, held
from ari_app.setup.steps import Step

__all__ = ["START", "Restart", "Start", "Up", "erase_data", "running", "settled", "startable", "stopped", "store_files", "their_data"]

_UNIT = "textback.service"
_TIMER = "textback-backup.timer"
START = f"systemctl enable --now {_UNIT} {_TIMER}"
"""What an administrator runs where setup cannot."""
_PATIENCE = 60.0
_MODEM_PATIENCE = 75.0
"""Seconds a modem may look for its network."""
_EVERY = 0.2
_COMES_BACK = 10.0
"""Seconds after which a service that is down is not merely between two starts of systemd's."""


def startable(root: Path = Path("/")) -> bool:
    """Can setup start the service: systemd is PID 1, and the unit is installed."""
    return booted(root) and shutil.which("systemctl") is not None and _systemctl("cat", _UNIT)


def running() -> bool:
    """Does systemd run the service now."""
    return _systemctl("is-active", "--quiet", _UNIT)


def _systemctl(*args: str) -> bool:
    try:
        return not subprocess.run(["systemctl", *args], capture_output=True, timeout=30, check=False).returncode  # noqa: S603, S607 - no shell
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True, slots=True)
class Start:
    """A step: the service now and at each boot, and the backup each night."""

    title: str = f"enables and starts {_UNIT} and {_TIMER}"

    def needed(self) -> bool:
        return any(not self._up(unit) for unit in self._units())

    def do(self, journal: Journal) -> None:
        for unit in self._units():
            if not self._up(unit):
                journal.command(
                    f"{unit}, enabled and started", ["systemctl", "enable", "--now", unit], ["systemctl", "disable", "--now", unit]
                )

    @staticmethod
    def _units() -> tuple[str, ...]:
        return tuple(unit for unit in (_UNIT, _TIMER) if unit == _UNIT or _systemctl("cat", unit))

    @staticmethod
    def _up(unit: str) -> bool:
        return _systemctl("is-enabled", "--quiet", unit) and _systemctl("is-active", "--quiet", unit)


@dataclass(slots=True)
class Restart:
    """A step after those whose outcome a running service reads at its start only."""

    reads: Sequence[Step]
    title: str = f"restarts {_UNIT}"
    _due: bool | None = field(default=None, init=False)

    def needed(self) -> bool:
        """Asked before anything is done, and answered the same from then on."""
        if self._due is None:
            self._due = running() and any(step.needed() for step in self.reads)
        return self._due

    def do(self, journal: Journal) -> None:
        journal.command("", ["systemctl", "restart", _UNIT], [])


@dataclass(frozen=True, slots=True)
class BackToBefore:
    """A step before those: undone after they are, it has the service read again what stood there before this run."""

    restart: Restart
    title: str = f"notes that {_UNIT} runs"

    def needed(self) -> bool:
        return self.restart.needed()

    def do(self, journal: Journal) -> None:
        journal.command(f"{_UNIT}, restarted with the settings of before", [], ["systemctl", "try-restart", _UNIT])


@dataclass(frozen=True, slots=True)
class Up:
    """A step that changes nothing: waits until the service is connected to Asterisk."""

    store: Path
    started: Callable[[], bool]
    """Did this run start or restart it."""
    title: str = "waits until the service is connected to Asterisk"

    def needed(self) -> bool:
        return self.started()

    def do(self, journal: Journal) -> None:  # noqa: ARG002 - nothing to note
        status, what = asyncio.run(_until(self.store, lambda seen: seen.pbx.connected, _PATIENCE, down=lambda: not running()))
        if status is None:
            raise SetupError(f"the service did not come up: {what}", f"see journalctl -u {_UNIT}", code="setup_service")
        if not status.pbx.connected:
            raise SetupError(
                f"the service runs, and is not connected to Asterisk: {status.pbx.reason or 'no answer'}",
                "mend that, then run setup again",
                code="setup_service_pbx",
            )


def settled(store: Path) -> ServiceStatus | None:
    """Waits until each modem is on its network, as long as that may take; what the service said last."""
    status, _ = asyncio.run(_until(store, lambda seen: all(modem.registered for modem in seen.modems), _MODEM_PATIENCE))
    return status


async def _until(
    store: Path, good: Callable[[ServiceStatus], bool], patience: float, *, down: Callable[[], bool] = lambda: False
) -> tuple[ServiceStatus | None, str]:
    """What the service says once it is good, or at the end; at once when it stays ``down``, and begins again no more."""
    loop = asyncio.get_running_loop()
    end, gone = loop.time() + patience, loop.time() + _COMES_BACK
    while True:
        status, what = None, "it does not answer"
        try:
            status = await service_status(store)
        except TextbackError as error:
            what = error.what
        if status is not None or not down():
            gone = loop.time() + _COMES_BACK
        if (status is not None and good(status)) or loop.time() > min(end, gone):
            return status, what
        await asyncio.sleep(_EVERY)


def store_files(store: Path) -> tuple[Path, ...]:
    """The database with all that lies beside it under its name (log, lock, socket, key, erasures)."""
    return tuple(sorted(store.parent.glob(f"{store.name}*"))) if store.parent.is_dir() else ()


def their_data(settings: str | None, root: Path) -> tuple[Path, ...]:
    """What patients wrote, and copies of it: the store's files and the folder of the backups, those that are there."""
    text = settings or ""
    store = Path(held(text, "store.path") or root / str(default_of("store.path")).lstrip("/"))
    backups = Path(held(text, "store.backup.folder") or root / str(default_of("store.backup.folder")).lstrip("/"))
    return (*store_files(store), *(sorted(backups.iterdir()) if backups.is_dir() else ()))


def stopped(data: Sequence[Path]) -> None:
    """Stops the service where systemd runs it. Raises SetupError where another one has the store."""
    if running():
        _systemctl("stop", _UNIT, _TIMER)
    if any(path.name.endswith(".sock") for path in data) and not _systemctl("cat", _UNIT):
        with contextlib.suppress(NotRunningError):
            asyncio.run(service_status(next(path for path in data if path.name.endswith(".sock")).with_suffix("")))
            raise SetupError("the service runs, and not by systemd", "stop it first", code="setup_service_runs")


def erase_data(data: Sequence[Path]) -> None:
    """Erases them, for good. Raises SetupError."""
    for path in data:
        with refused(path, "erased"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
