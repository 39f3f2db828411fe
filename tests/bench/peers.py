"""What others use to send texts through a modem, each run by the bench on a modem of its own: in the foreground, with its own settings,
spool and log in a temporary folder. Debian's packages gammu-smsd, smstools and kannel, and python-gsmmodem-new's own class.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import urlencode

import aiohttp

from tests.bench.radio import PYTHON, until
from tests.lab.root import LabError, need
from tests.lab.stage import CHECKOUT

__all__ = ["DAEMONS", "PEERS", "Gammu", "GammuTuned", "GsmModemLoop", "Kannel", "Peer", "Smstools", "SmstoolsTuned"]


class Peer(ABC):
    """One program at the modem ``link``. ``async with`` starts and ends it; ``kill`` and ``start`` between are allowed."""

    name: ClassVar[str]
    receives: ClassVar[bool] = True
    """Reads what lies on the SIM and deletes it."""
    queues: ClassVar[bool] = True
    """Takes texts into a queue that outlives it. Ratios are to these alone: what keeps nothing has less to do."""

    INBOX: ClassVar[str] = ""

    def __init__(self, folder: Path, link: Path) -> None:
        self.folder = folder
        self.link = link
        self._processes: list[asyncio.subprocess.Process] = []
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.kill()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @abstractmethod
    async def start(self) -> None:
        """Start it. Raises LabError when it does not run."""

    @abstractmethod
    async def queue(self, texts: Sequence[tuple[str, str]]) -> None:
        """Give it (number, text) each, the way its users do."""

    def states(self) -> dict[str, str]:
        """Number → queued, sent or failed, as the program's own spool says."""
        return {}

    def received(self, text: str) -> bool:
        """Does a text that came in lie in the program's spool, word for word."""
        folder = self.folder / self.INBOX
        files = [path.read_bytes() for path in folder.glob("*") if path.is_file()] if self.INBOX else []
        return any(text.encode(code) in data for data in files for code in ("utf-8", "utf-16-be", "utf-16-le"))

    async def kill(self) -> None:
        """SIGKILL to all of it, at once."""
        await self._signal(signal.SIGKILL, 10)

    async def stop(self) -> None:
        """End it in order, or at least end it."""
        await self._signal(signal.SIGTERM, 3)
        await self.kill()

    async def _signal(self, number: signal.Signals, patience: float) -> None:
        for process in reversed(self._processes):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)  # each leads a group of its own: smsd forks one process a modem
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await process.wait()
        if number is signal.SIGKILL:
            self._processes.clear()

    async def _run(self, *command: str, stdin: bool = False) -> asyncio.subprocess.Process:
        with (self.folder / "output").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=CHECKOUT, stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        await asyncio.sleep(0.2)
        if process.returncode is not None:
            said = (self.folder / "output").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-2:]
            raise LabError(f"{Path(command[0]).name} ended at once ({process.returncode}): {' / '.join(said)}")
        return process

    def _folders(self, *names: str) -> dict[str, Path]:
        found = {name: self.folder / name for name in names}
        for path in found.values():
            path.mkdir(exist_ok=True)
        return found

    def _spool(self, texts: Sequence[tuple[str, str]], into: Path, name: str, body: str) -> None:
        """One file a text, written beside the spool and moved in whole."""
        for number, text in texts:
            self._count += 1
            fresh = self.folder / "fresh"
            fresh.write_text(body.format(number=number, text=text), encoding="utf-8")
            fresh.rename(into / name.format(count=self._count, number=number))

    def _spooled(self, states: dict[str, Sequence[str]]) -> dict[str, str]:
        """Number → the first state in whose folders a file of it lies; its name holds the number between underscores."""
        found: dict[str, str] = {}
        for state, folders in states.items():
            for folder in folders:
                for path in sorted((self.folder / folder).glob("*")):
                    parts = path.name.split("_")
                    number = next((part for part in parts if part.startswith("+")), None)
                    if number is not None:
                        found.setdefault(number, state)
        return found


class Gammu(Peer):
    """gammu-smsd with its FILES service, as its manual sets it up."""

    name = "gammu"
    INBOX = "inbox"
    SETTINGS: ClassVar[dict[str, str]] = {}

    async def start(self) -> None:
        folders = self._folders("inbox", "outbox", "sent", "error")
        lines = [
            "[gammu]",
            f"device = {self.link}",
            "connection = at115200",
            "",
            "[smsd]",
            "service = files",
            f"logfile = {self.folder}/log",
        ]
        lines += ["debuglevel = 1", "deliveryreport = log"]
        lines += [f"{key} = {folders[name]}/" for key, name in _GAMMU_FOLDERS.items()]
        lines += [f"{key} = {value}" for key, value in self.SETTINGS.items()]
        config = self.folder / "smsdrc"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        await self._run(need("gammu-smsd", "gammu-smsd"), "-c", str(config))

    async def queue(self, texts: Sequence[tuple[str, str]]) -> None:
        self._spool(texts, self.folder / "outbox", "OUTC20260302_150000_{count:04d}_{number}_x.txtd", "{text}")

    def states(self) -> dict[str, str]:
        return self._spooled({"sent": ["sent"], "failed": ["error"], "queued": ["outbox"]})


_GAMMU_FOLDERS = {"inboxpath": "inbox", "outboxpath": "outbox", "sentsmspath": "sent", "errorsmspath": "error"}


class GammuTuned(Gammu):
    """Looks into its spool every second."""

    name = "gammu-tuned"
    SETTINGS: ClassVar[dict[str, str]] = {"commtimeout": "1", "loopsleep": "1", "receivefrequency": "5", "statusfrequency": "0"}


class Smstools(Peer):
    """smsd of smstools. ``rtscts = no``: a pty has no such lines."""

    name = "smstools"
    INBOX = "incoming"
    SETTINGS: ClassVar[dict[str, str]] = {}
    MODEM_SETTINGS: ClassVar[dict[str, str]] = {}

    async def start(self) -> None:
        folders = self._folders("outgoing", "checked", "incoming", "failed", "sent", "report", "stats", "saved")
        settings = {"devices": "GSM1", "logfile": f"{self.folder}/log", "loglevel": "4", "infofile": f"{self.folder}/working"}
        settings |= {"pidfile": f"{self.folder}/pid", "user": "root" if os.geteuid() == 0 else ""} | self.SETTINGS
        settings |= {name: str(path) for name, path in folders.items()}
        modem = {"device": str(self.link), "baudrate": "115200", "rtscts": "no", "incoming": "yes", "report": "yes"} | self.MODEM_SETTINGS
        config = self.folder / "smsd.conf"
        text = "".join(f"{key} = {value}\n" for key, value in settings.items() if value) + "\n[GSM1]\n"
        config.write_text(text + "".join(f"{key} = {value}\n" for key, value in modem.items()), encoding="utf-8")
        (self.folder / "pid").unlink(missing_ok=True)
        await self._run(need("smsd", "smstools"), "-t", f"-c{config}")

    async def queue(self, texts: Sequence[tuple[str, str]]) -> None:
        self._spool(texts, self.folder / "outgoing", "{count:04d}_{number}", "To: {number}\nReport: yes\n\n{text}")

    def states(self) -> dict[str, str]:
        return self._spooled({"sent": ["sent"], "failed": ["failed"], "queued": ["outgoing", "checked"]})


class SmstoolsTuned(Smstools):
    """Looks into its spool every second."""

    name = "smstools-tuned"
    SETTINGS: ClassVar[dict[str, str]] = {"delaytime": "1", "delaytime_mainprocess": "1", "errorsleeptime": "1", "blocktime": "5"}
    MODEM_SETTINGS: ClassVar[dict[str, str]] = {"pre_init": "no", "check_network": "no", "keep_open": "no"}


class Kannel(Peer):
    """Kannel's bearerbox on an AT modem, with its smsbox to ask it by HTTP."""

    name = "kannel"
    receives = False  # it asks for direct delivery (+CMT): nothing lies on the SIM

    async def start(self) -> None:
        admin, boxes, self._http = _free_ports(3)
        config = self.folder / "kannel.conf"
        config.write_text(
            f"""group = core
admin-port = {admin}
admin-password = bench
admin-interface = 127.0.0.1
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
log-file = "{self.folder}/bearerbox.log"
log-level = 1
store-type = file
store-location = "{self.folder}/store"
dlr-storage = internal

group = smsc
smsc = at
smsc-id = gsm1
modemtype = generic
device = "{self.link}"
speed = 115200
my-number = "+15145550100"

group = modems
id = generic
name = generic

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {self._http}
sendsms-interface = 127.0.0.1
log-file = "{self.folder}/smsbox.log"
log-level = 1

group = sendsms-user
username = bench
password = bench

group = sms-service
keyword = default
max-messages = 0
get-url = "http://127.0.0.1:9/"
""",
            encoding="utf-8",
        )
        await self._run(need("bearerbox", "kannel"), str(config))
        await until("bearerbox listens", lambda: _listens(boxes), 20)
        await self._run(need("smsbox", "kannel"), str(config))
        await until("smsbox listens", lambda: _listens(self._http), 20)

    async def queue(self, texts: Sequence[tuple[str, str]]) -> None:
        async with aiohttp.ClientSession() as session:
            for number, text in texts:
                asked = urlencode(
                    {
                        "username": "bench",
                        "password": "bench",
                        "from": "+15145550100",
                        "to": number,
                        "text": text,
                        "dlr-mask": 31,
                        "dlr-url": "http://127.0.0.1:9/",
                    }
                )
                async with session.get(f"http://127.0.0.1:{self._http}/cgi-bin/sendsms?{asked}") as answer:
                    if answer.status != 202:
                        raise LabError(f"Kannel refused a text: {answer.status} {await answer.text()}")


class GsmModemLoop(Peer):
    """python-gsmmodem-new's GsmModem in a process that does nothing but ``sendSms`` what it is given."""

    name = "gsmmodem"
    queues = False

    async def start(self) -> None:
        await self._run(PYTHON, "-W", "ignore", "-m", "tests.bench.gsmmodem_child", str(self.link), stdin=True)

    async def queue(self, texts: Sequence[tuple[str, str]]) -> None:
        stdin = self._processes[0].stdin
        assert stdin is not None
        stdin.write("".join(json.dumps(text) + "\n" for text in texts).encode())
        await stdin.drain()


PEERS: tuple[type[Peer], ...] = (Gammu, GammuTuned, Smstools, SmstoolsTuned, Kannel, GsmModemLoop)
DAEMONS: tuple[type[Peer], ...] = (GammuTuned, SmstoolsTuned)
"""Those with a spool of their own, so that what they claim can be held against the network."""


def _free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody has right now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
