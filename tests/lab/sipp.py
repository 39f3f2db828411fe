"""SIPp processes: one per trunk call and per phone, started, told and ended from asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Self

from tests.lab.root import LabError, need
from tests.lab.scripts import Caller, Phone, caller_script, phone_script

__all__ = ["DESK", "TRUNK", "Agent", "TrunkCall", "bound", "free_port", "phone", "place", "prepare", "register"]

TRUNK = "127.0.0.2"
DESK = "127.0.0.1"
_numbers = count(1)
_reserved: set[int] = set()
"""Ports of this process's agents: one that is about to be bound looks free to a probe."""


def prepare(home: Path, script: str, address: str, port: int) -> list[str]:
    """Make a SIPp's folder with its scenario; the command line to start it there."""
    home.mkdir(parents=True)
    (home / "scenario.xml").write_text(script, encoding="utf-8")
    return [
        need("sipp", "sip-tester"), "-sf", "scenario.xml", "-i", address, "-p", str(port), "-mi", address, "-nostdin",
        "-trace_err", "-error_file", "errors.log", "-skip_rlimit",
        # SIPp opens a control port on every address by default: keep it on loopback, beside the SIP port
        "-ci", DESK, "-cp", str(port + 1),
    ]  # fmt: skip


async def bound(address: str, port: int, agent: Agent | None = None) -> None:
    """Wait until a SIPp has bound its port, or is over already. Raises LabError when it cannot start."""
    wanted = f"{int.from_bytes(socket.inet_aton(address), 'little'):08X}:{port:04X}"
    deadline = time.monotonic() + 10
    while wanted not in await asyncio.to_thread(_udp_sockets):
        ended = agent.process.returncode if agent is not None else None
        if ended in {0, 1, 99}:
            return  # a short call may be over before anybody looked
        if ended is not None or time.monotonic() > deadline:
            raise LabError(f"SIPp did not start: {agent.said() if agent else 'nobody has its port'}")
        await asyncio.sleep(0.01)


def _udp_sockets() -> str:
    return Path("/proc/net/udp").read_text(encoding="ascii")


class Agent:
    """A running SIPp."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, address: str, port: int, call_id: str) -> None:
        self.process = process
        self.folder = folder
        self.address = address
        self.port = port
        self.call_id = call_id

    @classmethod
    async def start(cls, folder: Path, script: str, address: str, port: int, *more: str) -> Self:
        """Start SIPp with a scenario. Its files lie in a new folder below ``folder``. Raises LabError when it ends at once."""
        name = f"{os.getpid()}-{next(_numbers)}-{secrets.token_hex(2)}"
        home = folder / name
        command = [*prepare(home, script, address, port), "-cid_str", f"{name}-%u@lab", *more]
        with (home / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=home, stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=screen, env={**os.environ, "TERM": "dumb"}
            )
        agent = cls(process, home, address, port, f"{name}-1@lab")
        await bound(address, port, agent)
        return agent

    def said(self) -> str:
        """What SIPp complained of, for an error."""
        text = ""
        for name in ("errors.log", "screen.log"):
            with contextlib.suppress(FileNotFoundError):
                text = text or (self.folder / name).read_text(encoding="utf-8", errors="replace").strip()
        return text[-1500:] or "it said nothing"

    async def end(self) -> None:
        """End it now, whatever it does, and drop its files. Safe to call twice."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        _reserved.discard(self.port)
        shutil.rmtree(self.folder, ignore_errors=True)


class TrunkCall(Agent):
    """One call into the PBX."""

    async def hang_up(self) -> None:
        """Tell the caller to hang up: CANCEL while it rings, BYE after that."""
        self._tell("X-End: now\r\n")

    async def press(self, key: str) -> None:
        """Press a key of a phone with ``Caller.keypad``, as SIP INFO."""
        self._tell(f"X-Key: {key}\r\n")

    def _tell(self, header: str) -> None:
        number = next(_numbers)
        text = (
            f"MESSAGE sip:lab@{self.address}:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{number}\r\n"
            f"From: <sip:lab@127.0.0.1>;tag=lab\r\nTo: <sip:lab@{self.address}>\r\nCall-ID: {self.call_id}\r\n"
            f"CSeq: {number} MESSAGE\r\n{header}Content-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind((DESK, 0))
            out.sendto(text.encode(), (self.address, self.port))

    async def over(self, patience: float = 90) -> None:
        """Wait until the call is over, whoever ended it. Raises LabError when it is not after ``patience`` seconds."""
        try:
            await asyncio.wait_for(self.process.wait(), patience)
        except TimeoutError:
            said = self.said()
            await self.end()
            raise LabError(f"a trunk call was not over after {patience:.0f} s: {said}") from None
        if self.process.returncode not in {0, 1}:
            raise LabError(f"SIPp ended with {self.process.returncode}: {self.said()}")


def free_port(ports: range, address: str) -> int:
    """An even UDP port of the range, free on this address; the odd one after it, free on 127.0.0.1, is for SIPp's control."""
    for _ in range(10 * len(ports)):
        port = random.choice(ports) & ~1  # noqa: S311  not a secret
        if port in ports and port not in _reserved and _is_free(address, port) and _is_free(DESK, port + 1):
            _reserved.add(port)
            return port
    raise LabError(f"no UDP port is free on {address} in {ports.start}-{ports.stop}")


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


async def register(extension: str, port: int, sip_port: int, *, seconds: int = 3600) -> None:
    """Bind an extension to a phone's port at the PBX (RFC 3261 10); 0 seconds unbinds it. Raises LabError when it is refused."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((DESK, 0))
        mine, token = sock.getsockname()[1], secrets.token_hex(8)
        text = (
            f"REGISTER sip:{DESK}:{sip_port} SIP/2.0\r\nVia: SIP/2.0/UDP {DESK}:{mine};branch=z9hG4bK-{token}\r\n"
            f"From: <sip:{extension}@{DESK}>;tag={token}\r\nTo: <sip:{extension}@{DESK}>\r\nCall-ID: {token}@lab\r\n"
            f"CSeq: 1 REGISTER\r\nContact: <sip:{extension}@{DESK}:{port}>;expires={seconds}\r\nExpires: {seconds}\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        for _ in range(5):
            await loop.sock_sendto(sock, text.encode(), (DESK, sip_port))
            with contextlib.suppress(TimeoutError):
                answer = (await asyncio.wait_for(loop.sock_recv(sock, 4096), 2)).decode(errors="replace")
                if answer.startswith("SIP/2.0 200"):
                    return
                raise LabError(f"the PBX refused to register {extension}: {answer.splitlines()[0]}")
    raise LabError(f"the PBX did not answer the REGISTER of {extension}")


@asynccontextmanager
async def phone(folder: Path, ports: range, sip_port: int, extension: str, how: Phone) -> AsyncIterator[Agent]:
    """A phone, registered and taking calls until the block ends."""
    port = free_port(ports, DESK)
    agent = await Agent.start(folder, phone_script(how), DESK, port)
    try:
        await register(extension, port, sip_port)
        yield agent
        await register(extension, port, sip_port, seconds=0)
    finally:
        await agent.end()


async def place(folder: Path, ports: range, sip_port: int, call: Caller, *, address: str = TRUNK) -> TrunkCall:
    """Place one call: from the trunk, or from a phone's address. The caller ends the agent."""
    port = free_port(ports, address)
    return await TrunkCall.start(folder, caller_script(call), address, port, f"{DESK}:{sip_port}", "-m", "1")
