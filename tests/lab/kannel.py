"""A private Kannel (Debian's ``kannel`` 1.4.5): a real bearerbox and smsbox in a folder of their own, on free ports of 127.0.0.1.

Behind it either a simulated modem (Kannel's AT2 driver), so that texts reach a handset, or ``Carrier``: the HTTP service of an operator,
fast and told what to report, for what a radio cannot be made to do. A Kannel the system runs itself is not touched.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

from tests.lab.root import LabError, need

__all__ = ["Carrier", "Kannel", "Mobile", "free_port"]

_CORE = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
admin-allow-ip = 127.0.0.1
admin-deny-ip = "*.*.*.*"
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
box-deny-ip = "*.*.*.*"
log-file = "{folder}/bearerbox.log"
log-level = 0
store-type = file
store-location = "{folder}/kannel.store"
dlr-storage = internal
sms-resend-freq = 1
sms-resend-retry = 0
{core}
group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = "{folder}/smsbox.log"
log-level = 0
http-request-retry = 1000
http-queue-delay = 1

group = sendsms-user
username = clinic
password = {password}

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "{mo}"
"""

_MODEM = """
group = modems
id = simulated
name = "Simulated"
init-string = "AT+CNMI=1,2,0,1,0"
speed = 115200

group = smsc
smsc = at
smsc-id = radio
modemtype = simulated
speed = 115200
device = "{device}"
"""

_CARRIER = """
group = smsc
smsc = http
smsc-id = carrier
system-type = kannel
our-host = 127.0.0.1
port = {port}
connect-allow-ip = 127.0.0.1
smsc-username = carrier
smsc-password = {password}
send-url = "{url}"
dlr-url = "{url}"
"""

_PASSWORD = "kannel-lab-password"


_given: set[int] = set()


def free_port() -> int:
    """A TCP port nobody listens on at 127.0.0.1, below those the system gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in _given:
                    _given.add(port)
                    return port


class Kannel:
    """``async with Kannel(folder, mo=URL, device=PATH)`` or ``carrier=Carrier``. ``mo``: where received texts are posted.

    ``core``: more lines of the core group. A box reads ``config`` when it starts: a test may write its own. ``centre`` is the group of what
    stands behind it. Raises LabError where a box does not come up.
    """

    def __init__(self, folder: Path, *, mo: str, device: Path | None = None, carrier: Carrier | None = None, core: str = "") -> None:
        self.password = _PASSWORD
        self.folder = folder
        self.admin, self.boxes, self.sendsms = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms"
        self.centre = _MODEM.format(device=device) if device is not None else ""
        if carrier is not None:
            carrier.bearerbox = free_port()
            self.centre += _CARRIER.format(port=carrier.bearerbox, password=_PASSWORD, url=carrier.url)
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "kannel.conf"
        common = {"admin": self.admin, "boxes": self.boxes, "sendsms": self.sendsms, "password": _PASSWORD}
        self.config.write_text(_CORE.format(folder=folder, core=core, mo=mo, **common) + self.centre, encoding="utf-8")
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def __aenter__(self) -> Self:
        try:
            await self.start("bearerbox")
            await self.start("smsbox")
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for box in ("smsbox", "bearerbox"):
            await self.kill(box)

    async def start(self, box: str) -> None:
        """Start "bearerbox" or "smsbox" and wait until it listens."""
        command = [need(box, "kannel"), str(self.config)]
        with (self.folder / f"{box}.out").open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._processes[box] = process
        port = self.boxes if box == "bearerbox" else self.sendsms
        try:
            async with asyncio.timeout(20):
                while not await _listens(port):
                    if process.returncode is not None:
                        raise LabError(f"{box} ended with {process.returncode}\n{self._said(box)}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise LabError(f"{box} does not listen\n{self._said(box)}") from None

    async def kill(self, box: str) -> None:
        """End a box at once (SIGKILL), frozen or not."""
        process = self._processes.pop(box, None)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # smsbox replaces itself by a child when it loses bearerbox
            await process.wait()

    def freeze(self, box: str) -> None:
        """Stop a box where it stands (SIGSTOP): its sockets stay open and say nothing."""
        os.killpg(self._processes[box].pid, signal.SIGSTOP)

    def thaw(self, box: str) -> None:
        """Let a frozen box go on."""
        os.killpg(self._processes[box].pid, signal.SIGCONT)

    async def until_logged(self, words: str, count: int = 1, *, box: str = "bearerbox", seconds: float = 30) -> None:
        """Wait until the box's log holds ``words`` so often. Raises LabError with its end."""
        try:
            async with asyncio.timeout(seconds):
                while self.log(box).count(words) < count:  # noqa: ASYNC110 - a log file has no event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise LabError(f"{box} never said {words!r}\n{self._said(box)}") from None

    def log(self, box: str) -> str:
        """What a box logged so far, debug lines included."""
        path = self.folder / f"{box}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _said(self, box: str) -> str:
        out = self.folder / f"{box}.out"
        return (out.read_text(encoding="utf-8", errors="replace") if out.exists() else "")[-1500:] + self.log(box)[-1500:]


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@dataclass(frozen=True, slots=True)
class Mobile:
    """A text as it left Kannel for the operator."""

    sender: str
    recipient: str
    octets: bytes
    coding: int
    header: bytes
    smsc: str
    validity: int
    """Minutes left."""
    ident: str
    """Kannel's message id, which a report names."""

    @property
    def text(self) -> str:
        return self.octets.decode("utf-16-be" if self.coding == 2 else "utf-8")


class Carrier:
    """An operator that speaks HTTP to Kannel's ``smsc = http``. ``answer``: what it says to a text, "Sent." takes it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.bearerbox = 0
        """The port bearerbox takes texts and reports of this operator at."""
        self.answer = "Sent."
        self.taken: list[Mobile] = []
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        said = dict(parse_qsl(request.url.raw_query_string, keep_blank_values=True, encoding="latin-1"))
        octets = {name: said.get(name, "").encode("latin-1") for name in ("text", "udh")}
        *_, ident = said.get("dlr-url", "").rpartition("dlr-mid=")
        self.taken.append(
            Mobile(
                said["from"], said["to"], octets["text"], int(said.get("coding", "0")), octets["udh"],
                said.get("smsc", ""), int(said.get("validity", "-1")), ident,
            )
        )  # fmt: skip
        return web.Response(text=self.answer)

    async def text(self, sender: str, octets: bytes, coding: int = 0, header: bytes = b"", recipient: str = "+15145550100") -> None:
        """A handset texts the clinic: octets are UTF-8 for coding 0, data for 1, UTF-16 big-endian for 2."""
        what: dict[str, str | bytes] = {"from": sender, "to": recipient, "text": octets, "coding": str(coding)}
        charset = {0: "UTF-8", 2: "UTF-16BE"}.get(coding)
        if charset:
            what["charset"] = charset
        if header:
            what["udh"] = header
        await self._tell(what)

    async def report(self, mobile: Mobile, mask: int, said: str = "") -> None:
        """Report on a text: 1 delivered, 2 failed, 4 buffered; ``said``: the operator's own words."""
        what = {"dlr-mid": mobile.ident, "dlr-mask": str(mask), "to": mobile.recipient, "from": mobile.sender, "text": said}
        for _ in range(100):
            answer = await self._ask(what)
            if "Unknown DLR" not in answer:
                break
            await asyncio.sleep(0.05)  # bearerbox has not read our answer to the text yet
        _taken(answer)

    async def _tell(self, what: Mapping[str, str | bytes]) -> None:
        _taken(await self._ask(what))

    async def _ask(self, what: Mapping[str, str | bytes]) -> str:
        query = urlencode({"username": "carrier", "password": _PASSWORD, **what})
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.bearerbox}/?{query}") as response:
            return await response.text()


def _taken(answer: str) -> None:
    """Raises LabError where bearerbox refuses what an operator brings."""
    if answer != "Sent.":
        raise LabError(f"bearerbox did not take it: {answer}")
