"""One lab: Asterisk, the trunk's far end, the simulated modem, and hands to place calls and plug in phones.

``Lab.up`` makes one that dies with this process (tests) or stays (scripts/lab); ``Lab.attach`` finds one that is up; ``down`` leaves
no process and no mount. A lab whose owner died is taken down by the next ``up``, ``down`` or ``status`` of anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import aiohttp

from tests.lab import asterisk, dialplan, rootfs, sipp, sounds, state
from tests.lab.ami import Ami
from tests.lab.listener import Listener
from tests.lab.root import LabError, as_root
from tests.lab.scripts import Caller, Phone, carrier_script

__all__ = ["Lab", "sweep"]

Progress = Callable[[str], None]
_CHECKOUT = Path(__file__).resolve().parents[2]


class Lab:
    """A running lab. Every port is on loopback."""

    def __init__(self, record: state.Record) -> None:
        self.record = record
        self.ami: Ami
        self.listener: Listener
        self._stack = AsyncExitStack()
        self._children: list[subprocess.Popen[bytes]] = []

    # ---- life

    @classmethod
    async def up(
        cls, line: str = "22", name: str = "default", *, keep: bool = False, modem: bool = True, progress: Progress = print
    ) -> Self:
        """Bring a lab up and connect to it. ``keep``: it outlives this process. Raises LabError; nothing is left behind then."""
        as_root(["true"])
        sweep()
        root = await asyncio.to_thread(rootfs.prepare, line, progress)
        record = state.claim(name, root.line, owned=not keep)
        lab = cls(record)
        try:
            values = dialplan.values()
            await asyncio.to_thread(asterisk.configure, record, root, values)
            await lab._start_asterisk(root)
            await lab._start_carrier()
            if modem:
                await lab._start_modem()
            (record.folder / "talking.ulaw").write_bytes(sounds.talking())
            (record.folder / "fax.ulaw").write_bytes(sounds.fax_calling())
            (record.folder / "textback.toml").write_text(lab.settings(), encoding="utf-8")
        except BaseException:
            await lab.down()
            raise
        return lab

    @classmethod
    async def attach(cls, name: str = "default") -> Self:
        """Connect to a lab that is up. Raises LabError when it is not."""
        lab = cls(state.read(name))
        if not lab.asterisk_up:
            raise LabError(f'the lab "{name}" is not running', f"scripts/lab down --name {name}, then up")
        await lab._connect()
        return lab

    async def detach(self) -> None:
        """Close this process's connections; the lab stays up."""
        await self._stack.aclose()
        for child in self._children:
            # a kept lab's processes go on without us: nothing of ours waits for them
            child.returncode = child.returncode if child.returncode is not None else 0

    async def down(self) -> None:
        """End everything of this lab and forget it. Safe to call when half of it is up."""
        await self._stack.aclose()
        await asyncio.to_thread(take_down, self.record)
        if self.record.owner is not None:
            # ended in order by whoever made it: nobody looks for a fault in it later
            await asyncio.to_thread(shutil.rmtree, self.record.folder, ignore_errors=True)
        for child in self._children:
            child.wait()

    # ---- the parts

    @property
    def asterisk_up(self) -> bool:
        return any(each.what == "asterisk" and each.running for each in self.record.processes)

    @property
    def asterisk_pid(self) -> int:
        return next(each.pid for each in self.record.processes if each.what == "asterisk")

    @property
    def ari_url(self) -> str:
        return f"http://127.0.0.1:{self.record.ports.ari}"

    @property
    def modem_port(self) -> Path:
        return self.record.folder / "modem"

    @property
    def modem_control(self) -> Path:
        return self.record.folder / "modem.sock"

    @property
    def modem_journal(self) -> Path:
        return self.record.folder / "modem.jsonl"

    @property
    def log(self) -> Path:
        """Asterisk's notices, warnings and errors."""
        return self.record.folder / "asterisk/log/messages"

    @property
    def cdr(self) -> Path:
        return self.record.folder / "asterisk/log/cdr-csv/Master.csv"

    @property
    def cel(self) -> Path:
        return self.record.folder / "asterisk/log/cel-custom/Master.csv"

    async def _start_asterisk(self, root: rootfs.Rootfs) -> None:
        starter = asterisk.start(self.record, root)
        self._children.append(starter)
        pid = await asyncio.to_thread(asterisk.wait_for_pid, self.record, starter)
        self.record.processes = [each for each in self.record.processes if each.what != "asterisk"]
        self.record.processes.append(state.process("asterisk", pid))
        state.write(self.record)
        await self._connect(starter)

    async def _connect(self, starter: subprocess.Popen[bytes] | None = None) -> None:
        """AMI first: its FullyBooted says that everything is loaded."""
        record = self.record
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        self.ami = await Ami.connect(record.ports.ami, "lab", record.ami_secret)
                        self._stack.push_async_callback(self.ami.close)
                        break
                    except (OSError, LabError):
                        if not self.asterisk_up or (starter is not None and starter.poll() is not None):
                            raise LabError(f"Asterisk ended while it started: {asterisk.last_words(record)}") from None
                        await asyncio.sleep(0.05)
                await self.ami.booted()
                self.listener = await Listener.connect(record.ports.ari, "textback", record.ari_password)
                self._stack.push_async_callback(self.listener.close)
        except TimeoutError:
            raise LabError(f"Asterisk was not ready after 30 s: {asterisk.last_words(record)}") from None
        except aiohttp.ClientError as error:
            raise LabError(f"Asterisk's ARI does not answer: {error}") from error

    async def restart_asterisk(self, *, kill: bool = False) -> None:
        """Stop Asterisk (``kill``: SIGKILL) and start it again with the same configuration."""
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        process = next(each for each in self.record.processes if each.what == "asterisk")
        await asyncio.to_thread(state.kill_all, [process], 0.0 if kill else 4.0)
        await self._start_asterisk(await asyncio.to_thread(rootfs.prepare, self.record.line, print))

    async def reconnect(self) -> None:
        """To an Asterisk that has restarted itself. Raises LabError."""
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        await self._connect()

    async def _start_carrier(self) -> None:
        """The trunk's far end, for the calls the PBX makes."""
        folder = self.record.folder / "sipp"
        shutil.rmtree(folder, ignore_errors=True)
        port = self.record.ports.carrier
        command = sipp.prepare(folder / "carrier", carrier_script(), sipp.TRUNK, port)
        self._spawn("carrier", command, folder / "carrier")
        await sipp.bound(sipp.TRUNK, port)

    async def _start_modem(self) -> None:
        """The simulated modem on a pty, where this checkout has one."""
        if importlib.util.find_spec("modem.simulator") is None:
            return
        for path in (self.modem_port, self.modem_control, self.modem_journal):
            path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "modem.simulator", "--link", str(self.modem_port), "--control", str(self.modem_control)]
        child = self._spawn("modem", [*command, "--journal", str(self.modem_journal)], self.record.folder)
        async with asyncio.timeout(10):
            while not (self.modem_port.exists() and self.modem_control.exists()):
                if child.poll() is not None:
                    raise LabError(f"the simulated modem ended: {(self.record.folder / 'modem.log').read_text(encoding='utf-8')[-500:]}")
                await asyncio.sleep(0.02)

    def _spawn(self, what: str, command: list[str], home: Path) -> subprocess.Popen[bytes]:
        """A process of the lab that may outlive this one. Its working folder is the lab's: a stray is known by it."""
        path = os.pathsep.join(filter(None, [str(_CHECKOUT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "TERM": "dumb"}
        with (self.record.folder / f"{what}.log").open("wb") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True, env=environment
            )
        self._children.append(child)
        self.record.processes.append(state.process(what, child.pid))
        state.write(self.record)
        return child

    # ---- hands

    @asynccontextmanager
    async def phones(self, plan: Mapping[str, Phone]) -> AsyncIterator[dict[str, sipp.Agent]]:
        """Plug phones in (extension -> how it takes calls), registered until the block ends."""
        folder, ports, sip = self.record.folder / "sipp", self.record.ports.sipp, self.record.ports.sip
        async with AsyncExitStack() as stack:
            yield {each: await stack.enter_async_context(sipp.phone(folder, ports, sip, each, how)) for each, how in plan.items()}

    @asynccontextmanager
    async def trunk_call(self, call: Caller) -> AsyncIterator[sipp.TrunkCall]:
        """A call from outside; ended with the block where it is not over."""
        agent = await sipp.place(self.record.folder / "sipp", self.record.ports.sipp, self.record.ports.sip, call)
        try:
            yield agent
        finally:
            await agent.end()

    @asynccontextmanager
    async def desk_call(self, call: Caller) -> AsyncIterator[sipp.TrunkCall]:
        """A call a phone makes; ``call.number`` is its extension."""
        agent = await sipp.place(self.record.folder / "sipp", self.record.ports.sipp, self.record.ports.sip, call, address=sipp.DESK)
        try:
            yield agent
        finally:
            await agent.end()

    def settings(self) -> str:
        """A textback.toml for this lab."""
        record = self.record
        return f"""# written by scripts/lab for the lab "{record.name}"
[clinic]
name = "Clinique du Lab"
number = "+15145550100"
country = "CA"
subdivision = "QC"
timezone = "America/Toronto"
languages = ["fr", "en"]

[pbx]
ari = "{self.ari_url}"
username = "textback"
password = "{record.ari_password}"
machines = ["PJSIP/fax*"]

[pbx.ami]
host = "127.0.0.1"
port = {record.ports.ami}
username = "lab"
secret = "{record.ami_secret}"

[pbx.cdr]
csv = "{self.cdr}"

[reply]
delay = "2s"
min_ring = "1s"

[[modem]]
name = "lab"
kind = "serial"
port = "{self.modem_port}"

[store]
path = "{record.folder / "textback.db"}"

[portal]
listen = "127.0.0.1:{record.ports.portal}"

[agi]
listen = "127.0.0.1:{record.ports.agi}"
sounds = "{record.folder / "asterisk/speech"}"
"""


def take_down(record: state.Record) -> None:
    """End everything a record names and every stray below its folder; remove what Asterisk wrote; forget the record.

    What helps to find a fault stays: textback.toml, the modem's journal.
    """
    asterisk_pid = record.folder / "asterisk/pid"
    known = {each.pid for each in record.processes}
    if asterisk_pid.exists() and (text := asterisk_pid.read_text(encoding="utf-8").strip()) and int(text) not in known:
        # started, and its starter died before it could write the record
        with contextlib.suppress(LabError, OSError):
            if b"asterisk" in Path(f"/proc/{text}/cmdline").read_bytes():
                record.processes.append(state.process("asterisk", int(text)))
    state.kill_all([*record.processes, *state.strays(record)])
    asterisk.remove(record)
    shutil.rmtree(record.folder / "sipp", ignore_errors=True)
    state.forget(record)


def sweep() -> None:
    """Take down every lab whose owner is gone."""
    for record in state.records():
        if record.owner is not None and not record.owner.running:
            take_down(record)
